"""The board: the newest sheet of each operation and audience, slim summaries of those before, and who may have them.

No framework, no database. A release is put up whole and replaced whole; what was asked of the sheet before is
then made of the new one, apart from whoever polls.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from api.agreements import Agreements
from api.sheet import Sheet, Variant
from api.summary import Summary
from flashpoint.layers import Layer, Stand
from flashpoint.released import Released
from flashpoint.types import Audience

RECENT = 256
"""Earlier releases of each operation and audience that changes are told from without looking them up."""

_Key = tuple[str, Audience]


class Board:
    """The newest sheets. Safe to use from any thread."""

    def __init__(self) -> None:
        """Start empty. ``workers`` make the answers that take their time, for the board and for those who ask it."""
        self.workers = ThreadPoolExecutor(2, thread_name_prefix="board")
        self.agreements = Agreements()
        #: The states of the layers that are not held here; replaced as a whole.
        self.stands: Mapping[tuple[str, Audience, Layer], Stand] = {}
        self._sheets: dict[_Key, Sheet] = {}
        self._recent: dict[_Key, OrderedDict[datetime, Summary]] = {}
        self._lock = threading.Lock()

    def put(self, released: Released) -> bool:
        """Show a release in place of the one before, unless that is as new; say whether it was shown."""
        key, sheet = (released.operation, released.audience), Sheet(released)
        with self._lock:
            earlier = self._sheets.get(key)
            if earlier and earlier.released.build != released.build:
                self._recent.pop(key, None)
            elif earlier and earlier.released.revision >= released.revision:
                return False
            self._sheets[key] = sheet
        self.workers.submit(self._remember, key, sheet)
        for variant in earlier.wanted() if earlier else ():
            self.workers.submit(self._make_ready, key, sheet, variant)
        return True

    def get(self, operation: str, audience: Audience) -> Sheet | None:
        """Give the sheet of an operation for an audience, if there is one."""
        return self._sheets.get((operation, audience))

    def operations(self, audience: Audience) -> list[str]:
        """Give the operations of which an audience has a matrix."""
        return sorted(operation for operation, whose in list(self._sheets) if whose is audience)

    def shown(self) -> Mapping[_Key, Released]:
        """Give the releases that are up."""
        return {key: sheet.released for key, sheet in list(self._sheets.items())}

    def recall(self, operation: str, audience: Audience, as_of: datetime) -> Summary | None:
        """Give the summary of a recent release by its very instant."""
        recent = self._recent.get((operation, audience))
        return None if recent is None else recent.get(as_of)

    def _remember(self, key: _Key, sheet: Sheet) -> None:
        summary = sheet.summary
        with self._lock:
            recent = self._recent.setdefault(key, OrderedDict())
            recent[summary.as_of] = summary
            while len(recent) > RECENT:
                recent.popitem(last=False)

    def _make_ready(self, key: _Key, sheet: Sheet, variant: Variant) -> None:
        # Where another sheet is up already, this one is nobody's business any more.
        if self._sheets.get(key) is sheet:
            sheet.make(variant)
