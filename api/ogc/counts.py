"""How many features there are, counted once for each state of a layer and each way to narrow it."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

_REMEMBERED = 2_000


class Counts:
    """The numbers asked for last. Safe to use from any thread."""

    def __init__(self) -> None:
        """Start with none."""
        self._counts: OrderedDict[Hashable, int] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, what: Hashable, count: Callable[[], int]) -> int:
        """Give how many there are; they are counted where that is not known."""
        with self._lock:
            known = self._counts.get(what)
        if known is None:
            known = count()
            with self._lock:
                self._counts[what] = known
                while len(self._counts) > _REMEMBERED:
                    self._counts.popitem(last=False)
        return known
