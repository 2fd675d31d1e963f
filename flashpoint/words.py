"""Why a place stands where it stands, in sentences, in English and in French, for readers without statistics.

Each sentence is made of the released row and of nothing else, so it cannot say more than its audience has. What a row
does not have (the inputs behind a dimension, for the mission) is left unsaid. Both languages are written of the same
phrases: whatever is said in one is said in the other.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flashpoint.catalogue import DIMENSION_TERMS, TIER_NAMES, input_term
from flashpoint.language import LANGUAGES
from flashpoint.phrases import Phrase, phrase, write
from flashpoint.scoring.contributions import (
    COARSE_INCIDENT,
    INCIDENT,
    NEAR_INCIDENT,
    OTHER_INCIDENTS,
    PRESENCE_UNKNOWN,
    STANDING_THREAT,
    UNPROTECTED,
    Kind,
)
from flashpoint.scoring.methodology import COMMUNITY_COMPONENTS
from flashpoint.scoring.sensitivity import TOP_K
from flashpoint.types import Tier

Line = Mapping[str, Any]

_INCIDENTS = (INCIDENT, COARSE_INCIDENT, NEAR_INCIDENT)
_COMPONENTS_TOLD = 3
_MARGINS_TOLD = 3
#: Beside the input that would move the score most, others are told that move it by this part of that.
_WORTH_TELLING = 0.2
#: Below this share of known inputs the reader is told to look at the interval first.
_THIN = 0.5
#: Points are told with two decimals, and levels of a dimension are compared as they are told.
_DECIMALS = 2


def tell(properties: Mapping[str, Any], explanation: Mapping[str, Any]) -> dict[str, list[str]]:
    """Say in sentences what a released row says in numbers: ``{"en": [...], "fr": [...]}``, sentence by sentence."""
    row = _Row(properties, explanation)
    said = [one for say in _SAYINGS for one in say(row)]
    return {code: [language.sentence(write(one, language)) for one in said] for code, language in LANGUAGES.items()}


@dataclass(frozen=True, slots=True)
class _Row:
    """A released row, and what its printed lines add up to."""

    properties: Mapping[str, Any]
    explanation: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - a member of JSON
        return self.properties[name]

    @property
    def whole(self) -> bool:
        """Whether it is written in whole numbers, and whole weeks."""
        return isinstance(self["score"], int)

    @property
    def detailed(self) -> bool:
        """Whether its lines name the inputs behind the dimensions."""
        return any(line["input"] != line["dimension"] for line in self.explanation["contributions"])

    def lines(self, kind: Kind) -> list[Line]:
        """Give the lines of a dimension."""
        return [line for line in self.explanation["contributions"] if line["dimension"] == kind]

    def total(self, points: Sequence[float]) -> float:
        """Add up printed points, to be printed."""
        total = math.fsum(points)
        return int(total) if self.whole else round(total, _DECIMALS)


def _standing(row: _Row) -> Iterator[Phrase]:
    name = " ".join(str(row["name"]).split())
    yield phrase("standing", name=name, rank=row["rank"], score=row["score"], tier=row.explanation["tier_name"])


def _interval(row: _Row) -> Iterator[Phrase]:
    ends = {"first": row["rank_low"], "last": row["rank_high"], "low": row["score_low"], "high": row["score_high"]}
    keys = {
        (True, True): "interval",
        (True, False): "interval_of_rank",
        (False, True): "interval_of_score",
        (False, False): "interval_of_nothing",
    }
    yield phrase(keys[ends["first"] != ends["last"], ends["low"] != ends["high"]], **ends)


def _shares(row: _Row) -> Iterator[Phrase]:
    totals = [(DIMENSION_TERMS[kind], row.total([line["points"] for line in row.lines(kind)])) for kind in Kind]
    (most, brings), *others = sorted(totals, key=lambda one: -one[1])
    shares = [phrase("share", what=what, points=points) for what, points in others]
    yield phrase("shares", score=row["score"], most=most, brings=brings, others=shares)


def _threat(row: _Row) -> Iterator[Phrase]:
    if not row.detailed:
        return
    lines = row.lines(Kind.THREAT)
    named = sorted(
        (line["points"] for line in lines if line["input"] in _INCIDENTS and line["points"] > 0), reverse=True
    )
    others = row.total([line["points"] for line in lines if line["input"] == OTHER_INCIDENTS])
    if any(line["input"] == STANDING_THREAT for line in lines):
        yield phrase("standing_threat")
    elif named and others > 0:
        yield phrase("incidents_and_others", count=len(named), brings=row.total(named), others=others)
    elif named:
        yield _incidents(named)
    elif others > 0:
        yield phrase("unnamed_incidents")
    elif any(line["input"] in (*_INCIDENTS, OTHER_INCIDENTS) for line in lines):
        yield phrase("faded_incidents")
    else:
        yield phrase("no_incident")


def _incidents(points: Sequence[float]) -> Phrase:
    """Say how many incidents make up the threat and how concentrated it is; ``points`` stand largest first."""
    if len(points) == 1:
        return phrase("one_incident")
    total = math.fsum(points)
    half = next(count for count in range(1, len(points) + 1) if 2 * math.fsum(points[:count]) >= total)
    return phrase("heaviest_incident" if half == 1 else "incidents", count=len(points), heaviest=points[0], half=half)


def _vulnerability(row: _Row) -> Iterator[Phrase]:
    lines = row.lines(Kind.VULNERABILITY)
    most = sorted((line for line in lines if line["points"] > 0), key=lambda line: -line["points"])[:_COMPONENTS_TOLD]
    if not row.detailed or not most:
        return
    inputs = [phrase("input", what=input_term(line["input"]), points=line["points"]) for line in most]
    confined = any(line["input"] in COMMUNITY_COMPONENTS for line in lines)
    yield phrase("vulnerable_community" if confined else "vulnerable_population", inputs=inputs)


def _protection(row: _Row) -> Iterator[Phrase]:
    lines = row.lines(Kind.CAPACITY_GAP)
    if not row.detailed:
        return
    if any(line["input"] == PRESENCE_UNKNOWN for line in lines):
        yield phrase("protection_unknown")
    elif any(line["points"] < 0 for line in lines):
        yield _present(row, lines)
    else:
        yield phrase("no_protection" if lines else "full_protection")


def _present(row: _Row, lines: Sequence[Line]) -> Phrase:
    """Say what the score would owe to a total lack of protection, and what each kind of presence takes off it."""
    taken: dict[str, list[float]] = {}
    for line in lines:
        if line["points"] < 0:
            taken.setdefault(line["input"], []).append(-line["points"])
    off = sorted(((name, row.total(points)) for name, points in taken.items()), key=lambda one: -one[1])
    return phrase(
        "protection",
        whole=row.total([line["points"] for line in lines if line["input"] == UNPROTECTED]),
        off=row.total([points for _, points in off]),
        presences=[phrase("input", what=input_term(name), points=points) for name, points in off],
    )


def _silence(row: _Row) -> Iterator[Phrase]:
    days = row["freshness_days"]
    if days is None:
        yield phrase("never_reported")
    elif row["silent"]:
        yield phrase("silent_for_weeks" if row.whole else "silent", days=days)
    elif days == 0:
        yield phrase("reported_today")
    else:
        yield phrase("reported_within_weeks" if row.whole else "reported", days=days)


def _sureness(row: _Row) -> Iterator[Phrase]:
    coverage = row["coverage"]
    key = "all_known" if coverage >= 1 else "much_known" if coverage >= _THIN else "little_known"
    yield phrase(key, coverage=coverage)


def _steadiness(row: _Row) -> Iterator[Phrase]:
    if "top_k_share" not in row.properties:
        return
    share = row["top_k_share"]
    key = {0: "never_first", 1: "always_first"}.get(share, "often_first")
    yield phrase("roughly_first" if row.whole else key, share=share, k=TOP_K)


def _change(row: _Row) -> Iterator[Phrase]:
    if "last_week" not in row.explanation:
        return
    then = row.explanation["last_week"]
    if then is None:
        yield phrase("not_ranked")
        return
    change = (row["score"] > then["score"]) - (row["score"] < then["score"])
    score = phrase(("score_stayed", "score_rose", "score_fell")[change], then=then["score"], now=row["score"])
    rank = phrase("rank_stayed" if then["rank"] == row["rank"] else "rank_moved", then=then["rank"], now=row["rank"])
    tiers = (TIER_NAMES[Tier(one["tier"])] for one in (then, row))
    tier = phrase(
        "tier_stayed" if then["tier"] == row["tier"] else "tier_moved", **dict(zip(("then", "now"), tiers, strict=True))
    )
    yield phrase("change", score=score, rank=rank, tier=tier)
    yield _levels(row, then)


def _levels(row: _Row, then: Mapping[str, Any]) -> Phrase:
    """Say which of the three dimensions moved."""
    ends = [(kind, round(then[kind], _DECIMALS), round(row[kind], _DECIMALS)) for kind in Kind]
    key = "rough_level" if row.whole else "level"
    moves = [phrase(key, what=DIMENSION_TERMS[kind], then=old, now=new) for kind, old, new in ends if old != new]
    return phrase("levels", moves=moves) if moves else phrase("levels_stayed")


def _margins(row: _Row) -> Iterator[Phrase]:
    margins = row.explanation.get("margins")
    if margins is None:
        return
    spreads = [one["score_if_most"] - one["score_if_least"] for one in margins]
    worth = [one for one, spread in zip(margins, spreads, strict=True) if spread > max(spreads) * _WORTH_TELLING]
    # The mission is not told of every input, so of what it is not told nothing can be said.
    if margins and not worth and not row.whole:
        yield phrase("nothing_to_know")
    for place, margin in enumerate(worth[:_MARGINS_TOLD]):
        yield phrase(
            "next_margin" if place else "margin",
            what=input_term(margin["input"]),
            least=margin["score_if_least"],
            most=margin["score_if_most"],
            worst=margin["rank_if_least"],
            best=margin["rank_if_most"],
        )


_SAYINGS: tuple[Callable[[_Row], Iterator[Phrase]], ...] = (
    _standing,
    _interval,
    _shares,
    _threat,
    _vulnerability,
    _protection,
    _silence,
    _sureness,
    _steadiness,
    _change,
    _margins,
)
