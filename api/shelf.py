"""The shelf: finished answers about layers, kept for as long as they are asked for and there is room.

Whatever decides the bytes is in the key, the state of the layer above all, so that nothing on it is ever wrong: what is
out of date is not asked for again, and makes room in time.
"""

import threading
from collections import OrderedDict
from collections.abc import Hashable

from api.sheet import Answer

KEPT_BYTES = 64_000_000
#: What is larger is made anew each time: one answer must not clear the shelf.
LARGEST_BYTES = 16_000_000
#: What an answer takes besides its body, about: there are millions of tiles with nothing on them.
HEAD_BYTES = 1_500


class Shelf:
    """The answers used last, as many as there is room for. Safe to use from any thread."""

    def __init__(self, limit_bytes: int = KEPT_BYTES) -> None:
        """Start empty."""
        self._limit_bytes = limit_bytes
        self._bytes = 0
        self._answers: OrderedDict[Hashable, Answer] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Answer | None:
        """Give the answer if it is there."""
        with self._lock:
            answer = self._answers.get(key)
            if answer is not None:
                self._answers.move_to_end(key)
            return answer

    def put(self, key: Hashable, answer: Answer) -> None:
        """Keep an answer, at the cost of those that were not asked for lately."""
        if len(answer.body) > LARGEST_BYTES:
            return
        with self._lock:
            before = self._answers.pop(key, None)
            self._answers[key] = answer
            self._bytes += _size(answer) - (_size(before) if before else 0)
            while self._bytes > self._limit_bytes:
                _, gone = self._answers.popitem(last=False)
                self._bytes -= _size(gone)


def _size(answer: Answer) -> int:
    return len(answer.body) + HEAD_BYTES
