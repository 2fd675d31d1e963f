"""One locality of a matrix: found by what a person would call it, its row with every reason, its score week by week."""

import math
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import orjson

from flashpoint.errors import NotFound
from flashpoint.evaluated import Evaluated
from flashpoint.explained import Scores, explained
from flashpoint.matrix import CLASSIFICATION, DECIMALS, release
from flashpoint.matrix_row import rounded_to
from flashpoint.scoring.methodology import Methodology
from flashpoint.scoring.model import Result
from flashpoint.scoring.portable import Floats
from flashpoint.standing import Standing
from flashpoint.store import moments
from flashpoint.store.engine import VaultReader
from flashpoint.store.release_reading import unplaced_rows
from flashpoint.types import Audience

_AUDIENCE = Audience.CLUSTER


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """The score of a locality at moments (W,), oldest first: ``scores`` (W, 3), NaN while it was not in the matrix."""

    moments: tuple[datetime, ...]
    scores: Floats
    ranks: tuple[int | None, ...]

    def to_list(self) -> list[dict[str, object]]:
        """Write it as plain JSON values, scores as the cluster reads them; what is not known is ``None``."""
        names = ("score_low", "score", "score_high")
        return [
            {"as_of": at, "rank": rank, **dict(zip(names, map(_printed, row), strict=True))}
            for at, rank, row in zip(self.moments, self.ranks, self.scores.tolist(), strict=True)
        ]


def _printed(score: float) -> float | None:
    return None if np.isnan(score) else rounded_to(score, DECIMALS[_AUDIENCE])


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """A row as the cluster reads it, with its whole explanation, and how it came there."""

    operation: str
    as_of: datetime
    data_through: datetime | None
    reconstructed: bool
    method: Methodology
    properties: dict[str, Any]
    explanation: dict[str, Any]
    course: Course

    @property
    def classification(self) -> str:
        """What has to stand on whatever is made of it."""
        return CLASSIFICATION[_AUDIENCE]


def find(evaluated: Evaluated, name: str) -> int:
    """Give the index of a locality by id, P-code or name in any case, without accents, or the name's start.

    Raises:
        NotFound: there is none, or several are called so.
    """
    wanted, places = _folded(name), list(enumerate(evaluated.localities))
    exact = [(index, place) for index, place in places if wanted in {str(place.id), place.pcode.casefold()}]
    whole = [(index, place) for index, place in places if _folded(place.name) == wanted]
    named = exact or whole or [(index, place) for index, place in places if _folded(place.name).startswith(wanted)]
    if not named:
        raise NotFound("no locality is called so; give its P-code or its name")
    if len(named) > 1:
        codes = ", ".join(place.pcode for _, place in named)
        raise NotFound(f"{len(named)} localities are called so; give one of {codes}")
    return named[0][0]


def _folded(name: str) -> str:
    """Leave out case and accents: nobody types Dékoa the same way twice."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def explain(evaluated: Evaluated, index: int, course: Course) -> Explained:
    """Put together what the cluster reads of a locality."""
    rows, wanted = unplaced_rows(release(evaluated, _AUDIENCE)), str(evaluated.localities[index].id)
    row = next(row for row in rows if row.locality.id == wanted)
    return Explained(
        operation=evaluated.operation,
        as_of=evaluated.as_of,
        data_through=evaluated.data_through,
        reconstructed=evaluated.reconstructed,
        method=evaluated.result.parts.methodology,
        properties=orjson.loads(row.whole_properties()),
        explanation=orjson.loads(explained(row, Scores([one.score for one in rows]))),
        course=course,
    )


def course(
    reader: VaultReader, evaluated: Evaluated, index: int, weeks: int, report: Callable[[int, int | None], None]
) -> Course:
    """Score the weeks before a matrix as they were known then, by the method of the matrix itself.

    ``report`` is told how many weeks are done, and of how many.
    """
    locality, result = evaluated.localities[index].id, evaluated.result
    standing = Standing(evaluated.operation, result.parts.methodology)
    past = moments.history(reader, evaluated.operation, evaluated.recorded)
    at = [evaluated.as_of - timedelta(weeks=back) for back in range(weeks, 0, -1)]
    rows: list[tuple[Floats, int | None]] = []
    for done, moment in enumerate(at):
        report(done, weeks)
        localities, scored = standing.scored(reader, past, moment)
        place = next((place for place, row in enumerate(localities) if row.id == locality), None)
        gone = (np.full(3, np.nan), None)
        rows.append(gone if place is None else (_interval(scored, place), int(scored.rank[place])))
    rows.append((_interval(result, index), int(result.rank[index])))
    return Course((*at, evaluated.as_of), np.stack([row for row, _ in rows]), tuple(rank for _, rank in rows))


@dataclass(frozen=True, slots=True)
class Entry:
    """What is shown of the printed contributions: ``points`` of an input, or of ``folded`` smaller lines together."""

    dimension: str
    input: str
    ref: str | None
    points: float
    folded: int = 0


def entries(contributions: Sequence[Mapping[str, Any]], most: int) -> dict[str, list[Entry]]:
    """Give at most so many entries of each dimension, those with most points; they add up to what all lines do."""
    found: dict[str, list[Entry]] = {}
    for line in contributions:
        entry = Entry(line["dimension"], line["input"], line["id"], line["points"])
        found.setdefault(line["dimension"], []).append(entry)
    return {dimension: _folded_beyond(lines, most) for dimension, lines in found.items()}


def _folded_beyond(lines: list[Entry], most: int) -> list[Entry]:
    if len(lines) <= most:
        return lines
    by_points = sorted(lines, key=lambda entry: -abs(entry.points))
    kept, rest = [line for line in lines if line in by_points[: most - 1]], by_points[most - 1 :]
    points = round(math.fsum(entry.points for entry in rest), DECIMALS[_AUDIENCE])
    return [*kept, Entry(lines[0].dimension, "", None, points, len(rest))]


def _interval(result: Result, index: int) -> Floats:
    return np.array([result.score_low[index], result.score[index], result.score_high[index]])
