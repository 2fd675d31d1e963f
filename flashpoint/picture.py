"""The released picture: what each audience may know of an incident or of an enclave community. Pure.

    detail      how much of a record an audience is given: nothing, the generalised row, or the full one
    zone_of     the smallest area that may be named: a commune, or coarser where the place is known more coarsely
    *_row       the properties of a released row

The full row has every column of the generalised one, with the same values, and more. What is generalised is so for
every endpoint alike, before anybody asks; nothing here depends on who asks, when, or what else there is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any

from flashpoint.types import (
    Audience,
    Consent,
    DatePrecision,
    Estimate,
    GeoPrecision,
    PerpetratorClass,
    ShareAbove,
    Sharing,
)

VICTIMS = ("killed", "injured", "abducted", "displaced")
ACCESS = ("food_access", "water_access", "health_access", "market_access")

#: An assessment that ran out longer ago than this is no picture of anything.
EXPIRED_FOR = timedelta(days=90)

COMMUNE_LEVEL, OPERATION_LEVEL = 3, 0

#: Lower ends of the bands.
VICTIM_BANDS = (0, 1, 5, 10, 25, 50, 100)
PEOPLE_BANDS = (0, 1, 100, 500, 1_000, 5_000, 10_000, 50_000)


class Collection(StrEnum):
    """What is released beside the matrix. A picture is one collection of an operation, for one audience."""

    INCIDENTS = "incidents"
    COMMUNITIES = "communities"
    ZONES = "zones"


class Detail(IntEnum):
    """How much of a record an audience is given, from nothing upwards."""

    NONE = 0
    GENERALISED = 1
    FULL = 2


@dataclass(frozen=True, slots=True)
class Levels:
    """What decides who may learn of a record: its sharing, its consent, and what it must never be shown as."""

    sharing: Sharing
    share_above: ShareAbove
    consent: Consent
    exercise: bool = False
    protected: bool = False


@dataclass(frozen=True, slots=True)
class Zone:
    """An area that may be named: a unit, a locality that is one, or the whole operation (level 0).

    ``key`` is the id that it has here; no answer shows it.
    """

    key: str
    pcode: str
    name: str
    level: int
    has_area: bool


@dataclass(frozen=True, slots=True)
class Town:
    """The locality that a full row names. ``level`` is ``None`` for a point with a catchment."""

    id: str
    pcode: str
    name: str
    level: int | None


@dataclass(frozen=True, slots=True)
class Occurrence:
    """What the version in force says of an incident. ``attributed``: who did it was verified, and not only what."""

    start: datetime
    end: datetime
    date_precision: DatePrecision
    geo_precision: GeoPrecision
    category: str
    perpetrator_class: PerpetratorClass
    attributed: bool
    standard: str | None
    victims: Mapping[str, Estimate | None]
    protected_site: str | None
    town: Town | None


@dataclass(frozen=True, slots=True)
class Enclave:
    """What the current version says of an enclave community."""

    name: str
    town: Town
    people: Estimate | None
    confinement: int | None
    access: Mapping[str, int | None]
    assessed_at: datetime
    expires_at: datetime


#: Whom a record of each level is shown to, and how, without a word about more.
_GIVEN: dict[Audience, dict[Sharing, Detail]] = {
    Audience.CLUSTER: {
        Sharing.PUBLIC: Detail.FULL,
        Sharing.MISSION: Detail.FULL,
        Sharing.CLUSTER: Detail.FULL,
    },
    Audience.MISSION: {
        Sharing.PUBLIC: Detail.GENERALISED,
        Sharing.MISSION: Detail.GENERALISED,
    },
}
_AGREED = frozenset({Consent.GIVEN, Consent.NOT_REQUIRED})


def detail(audience: Audience, said: Iterable[Levels]) -> Detail:
    """Give the detail that every one of the levels allows, and nothing where there are none.

    A record comes with the levels of the version in force *and* of the newest one: what somebody closes is closed at
    once, and what somebody opens is open when it is verified.
    """
    return min((_allowed(audience, levels) for levels in said), default=Detail.NONE)


def _allowed(audience: Audience, levels: Levels) -> Detail:
    if levels.protected or levels.exercise or levels.consent not in _AGREED:
        return Detail.NONE
    above = Detail.GENERALISED if levels.share_above is ShareAbove.DETAIL else Detail.NONE
    return _GIVEN[audience].get(levels.sharing, above)


# -- where ----------------------------------------------------------------------------------------------------------


def finest_level(precision: GeoPrecision) -> int:
    """Give the level of the smallest zone that a place known so well may be named by: 3 commune ... 0 operation."""
    if precision <= GeoPrecision.COMMUNE:
        return COMMUNE_LEVEL
    return {GeoPrecision.SUB_PREFECTURE: 2, GeoPrecision.PREFECTURE: 1}.get(precision, OPERATION_LEVEL)


def zone_of(around: Sequence[Zone], precision: GeoPrecision, operation: Zone) -> Zone:
    """Choose among the zones around a place, the smallest first: the first that may be named and whose area is known.

    Where no area is known the P-code alone is told, and where there is no zone, the operation.
    """
    finest = finest_level(precision)
    allowed = [zone for zone in around if OPERATION_LEVEL < zone.level <= finest]
    return next((zone for zone in allowed if zone.has_area), allowed[0] if allowed else operation)


# -- when -----------------------------------------------------------------------------------------------------------


class Span(IntEnum):
    """The spans of time that rows name, from fine to coarse."""

    DAY = 1
    WEEK = 2
    MONTH = 3
    YEAR = 4


def label(on: date, span: Span) -> str:
    """Name the span that holds a day, as ISO 8601 does: ``2026-11-20``, ``2026-W47``, ``2026-11``, ``2026``."""
    if span is Span.WEEK:
        year, week, _ = on.isocalendar()
        return f"{year:04}-W{week:02}"
    return on.isoformat()[: {Span.DAY: 10, Span.MONTH: 7, Span.YEAR: 4}[span]]


def known_span(precision: DatePrecision) -> Span:
    """Give how finely a time that is known so well can be named."""
    return Span(precision.value)


def period(start: datetime, end: datetime, precision: DatePrecision) -> str:
    """Name the finest span, a week at the finest, that holds the whole event; two years where it crosses them."""
    finest = max(known_span(precision), Span.WEEK)
    first, last = _day(start), _day(end)
    for span in (Span.WEEK, Span.MONTH, Span.YEAR):
        if span >= finest and label(first, span) == label(last, span):
            return label(first, span)
    return f"{label(first, Span.YEAR)}/{label(last, Span.YEAR)}"


def when(start: datetime, end: datetime, precision: DatePrecision) -> str:
    """Name the days of an event, or the weeks, months or years, as well as they are known."""
    span = known_span(precision)
    first, last = label(_day(start), span), label(_day(end), span)
    return first if first == last else f"{first}/{last}"


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()


# -- how many -------------------------------------------------------------------------------------------------------


def band(count: Estimate | None, lows: Sequence[int] = VICTIM_BANDS) -> str | None:
    """Name the band of the best estimate: ``0``, ``1-4``, ``100+``; ``None`` where nothing is known."""
    if count is None:
        return None
    at = max(index for index, low in enumerate(lows) if low <= count.best)
    low = lows[at]
    if at == len(lows) - 1:
        return f"{low}+"
    high = lows[at + 1] - 1
    return f"{low}" if high == low else f"{low}-{high}"


def _range(count: Estimate | None) -> dict[str, int] | None:
    return None if count is None else {"low": count.low, "best": count.best, "high": count.high}


# -- rows -----------------------------------------------------------------------------------------------------------


def incident_row(told: Occurrence, zone: Zone, given: Detail, audience: Audience) -> dict[str, Any]:
    """Write the properties of an incident's row. ``given`` is not ``NONE``.

    The cluster's rows have the same columns throughout: of those that are generalised the finer ones are null.
    """
    row: dict[str, Any] = {
        "category": told.category,
        "period": period(told.start, told.end, told.date_precision),
        **_zone_columns(zone),
        "perpetrator_class": told.perpetrator_class if told.attributed else PerpetratorClass.UNKNOWN,
        **{f"{name}_band": band(told.victims[name]) for name in VICTIMS},
        "protected_site": told.protected_site,
    }
    if audience is Audience.MISSION:
        return row
    fine = {
        "date": when(told.start, told.end, told.date_precision),
        **_town_columns(_nameable(told)),
        "attributed_to": told.perpetrator_class,
        "attribution_verified": told.attributed,
        "standard": told.standard,
        **{name: _range(told.victims[name]) for name in VICTIMS},
    }
    return {**row, **_unless_generalised(fine, given)}


def community_row(told: Enclave, zone: Zone, given: Detail, audience: Audience, clock: datetime) -> dict[str, Any]:
    """Write the properties of a community's row; ``clock`` says whether its assessment has run out."""
    row: dict[str, Any] = {
        "period": label(_day(told.assessed_at), Span.MONTH),
        **_zone_columns(zone),
        "people_band": band(told.people, PEOPLE_BANDS),
        "confinement": told.confinement,
        **{name: told.access[name] for name in ACCESS},
        "expired": told.expires_at <= clock,
    }
    if audience is Audience.MISSION:
        return row
    fine = {
        "name": told.name,
        **_town_columns(told.town),
        "people": _range(told.people),
        "assessed_on": label(_day(told.assessed_at), Span.DAY),
        "expires_on": label(_day(told.expires_at), Span.DAY),
    }
    return {**row, **_unless_generalised(fine, given)}


def is_past(told: Enclave, clock: datetime) -> bool:
    """Say whether the assessment of a community ran out so long ago that it has no row any more."""
    return told.expires_at + EXPIRED_FOR <= clock


def _zone_columns(zone: Zone) -> dict[str, Any]:
    return {"zone": zone.pcode, "zone_name": zone.name, "zone_level": zone.level}


def _town_columns(town: Town | None) -> dict[str, Any]:
    return {
        "locality": None if town is None else town.id,
        "locality_pcode": None if town is None else town.pcode,
        "locality_name": None if town is None else town.name,
    }


def _nameable(told: Occurrence) -> Town | None:
    """Give the locality, unless it is a smaller place than the report knew of."""
    if told.town is None or told.geo_precision <= GeoPrecision.NEAR:
        return told.town
    level = told.town.level
    return told.town if level is not None and level <= finest_level(told.geo_precision) else None


def _unless_generalised(fine: Mapping[str, Any], given: Detail) -> dict[str, Any]:
    generalised = given is not Detail.FULL
    return {"generalised": generalised, **(dict.fromkeys(fine) if generalised else fine)}
