"""An adversary who asks a listing where a record is that it does not show: by halving boxes and spans of time.

It knows every row that it is shown, so it knows what each question has to answer if there were nothing else. An answer
that is another one tells that something else is there. It is never told what a hidden row looks like.
"""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from math import cos, hypot, radians
from typing import Any

from direct import Answer, Ask, get

Box = tuple[float, float, float, float]
Span = tuple[datetime, datetime]
AREA: Box = (10.0, 0.0, 30.0, 15.0)
PLACE_QUESTIONS, TIME_QUESTIONS = 28, 15
_KM_A_DEGREE = 111.32


@dataclass(frozen=True)
class Secret:
    """What is to be found out: where, when and what."""

    place: tuple[float, float]
    locality: str
    at: datetime
    category: str

    def metres_from(self, box: Box) -> float:
        """Give how far the middle of a box is from the place."""
        longitude, latitude = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        across = (longitude - self.place[0]) * cos(radians(self.place[1]))
        return 1000 * _KM_A_DEGREE * hypot(across, latitude - self.place[1])


@dataclass(frozen=True)
class Seen:
    """A row that the adversary is shown."""

    id: str
    place: tuple[float, float] | None
    at: datetime
    category: str
    locality: str | None


@dataclass
class Notes:
    """All that was answered, as one hash, and how many questions that took."""

    questions: int = 0
    _hash: Any = field(default_factory=sha256)

    def take(self, answer: Answer) -> None:
        """Note an answer, whole."""
        self.questions += 1
        self._hash.update(repr((answer.status, answer.headers)).encode() + answer.body)

    def digest(self) -> str:
        """Give what tells these answers from any others."""
        return str(self._hash.hexdigest())


@dataclass(frozen=True)
class Claim:
    """Where, when and what the adversary says the record is, and the notes that it took."""

    box: Box
    span: Span
    categories: tuple[str, ...]
    notes: Notes


def all_shown(put: Callable[[Ask], Answer], operation: str) -> list[Seen]:
    """Read the whole listing."""
    return [_seen(feature) for feature in put(get("/v1/incidents", operation=operation, limit=1000)).json()["features"]]


class Adversary:
    """Plays against one listing of incidents. ``put`` sends a question as somebody who may not know of the record.

    ``shown`` is what the listing showed before the record came.
    """

    def __init__(self, put: Callable[[Ask], Answer], operation: str, shown: Sequence[Seen]) -> None:
        """Begin without notes."""
        self._put = put
        self._operation = operation
        self._shown = shown
        self._notes = Notes()

    def play(self, span: Span, candidates: Sequence[Secret]) -> Claim:
        """Ask for the candidates themselves, then halve the area and the span down to where something is."""
        categories = tuple(sorted({one.category for one in candidates}))
        told = tuple(code for code in categories if self._tells(category=code))
        for one in candidates:
            self._tells(locality=one.locality)
            self._tells(bbox=_around(one.place), since=one.at - timedelta(hours=1), until=one.at + timedelta(hours=1))
        self._forge(candidates[0].at)
        return Claim(self._halved_box(), self._halved_span(span), told, self._notes)

    def _halved_box(self) -> Box:
        box = AREA
        for turn in range(PLACE_QUESTIONS):
            half, other = halves(box, turn % 2)
            box = half if self._tells(bbox=half) else other
        return box

    def _halved_span(self, span: Span) -> Span:
        for _ in range(TIME_QUESTIONS):
            middle = span[0] + (span[1] - span[0]) / 2
            span = (span[0], middle) if self._tells(since=span[0], until=middle) else (middle, span[1])
        return span

    def _tells(self, **asked: Any) -> bool:
        """Ask with room for one row more than is known, and say whether the answer is another than it has to be."""
        expected = [one.id for one in self._shown if _matches(one, asked)]
        page = self._ask(limit=len(expected) + 1, **_written(asked)).json()
        return [feature["id"] for feature in page["features"]] != expected or page["next"] is not None

    def _forge(self, at: datetime) -> None:
        """Make up cursors, and ask with one row to a page."""
        for moment, row in ((at, "0" * 32), (datetime(2020, 1, 1, tzinfo=UTC), "f" * 32)):
            cursor = base64.urlsafe_b64encode(json.dumps([moment.isoformat(), row]).encode()).decode().rstrip("=")
            self._ask(limit=1, after=cursor)

    def _ask(self, **query: Any) -> Answer:
        answer = self._put(get("/v1/incidents", operation=self._operation, **query))
        self._notes.take(answer)
        return answer


def _seen(feature: Any) -> Seen:
    told, shape = feature["properties"], feature["geometry"]
    place = tuple(shape["coordinates"]) if shape else None
    at = datetime.fromisoformat(told["event_start"]) if not told["gone"] else datetime.min.replace(tzinfo=UTC)
    return Seen(feature["id"], place, at, told.get("category", ""), told.get("locality"))


def _matches(one: Seen, asked: dict[str, Any]) -> bool:
    return all(_CHECKS[name](one, value) for name, value in asked.items())


def contains(box: Box, place: tuple[float, float]) -> bool:
    """Say whether a place lies in a box."""
    return box[0] <= place[0] <= box[2] and box[1] <= place[1] <= box[3]


def _inside(one: Seen, box: Box) -> bool:
    return one.place is not None and contains(box, one.place)


_CHECKS: dict[str, Callable[[Seen, Any], bool]] = {
    "bbox": _inside,
    "category": lambda one, code: one.category == code,
    "locality": lambda one, locality: one.locality == locality,
    "since": lambda one, at: one.at >= at,
    "until": lambda one, at: datetime.min.replace(tzinfo=UTC) < one.at < at,
}


def _written(asked: dict[str, Any]) -> dict[str, str]:
    return {name: _text(value) for name, value in asked.items()}


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, str) else ",".join(map(repr, value))


def halves(box: Box, axis: int) -> tuple[Box, Box]:
    """Cut a box in two: 0 from west to east, 1 from south to north."""
    middle = (box[axis] + box[axis + 2]) / 2
    first, second = list(box), list(box)
    first[axis + 2] = second[axis] = middle
    return tuple(first), tuple(second)


def _around(place: tuple[float, float]) -> Box:
    return (place[0] - 0.01, place[1] - 0.01, place[0] + 0.01, place[1] + 0.01)
