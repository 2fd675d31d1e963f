"""What the picture may say of a record, for every combination of what decides it; and what the mask may depend on."""

import re
from datetime import UTC, date, datetime, timedelta
from itertools import product
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import Point, affinity, box

from flashpoint import mask, picture
from flashpoint.mask import Draw, Outline
from flashpoint.picture import (
    PEOPLE_BANDS,
    VICTIM_BANDS,
    VICTIMS,
    Detail,
    Enclave,
    Levels,
    Occurrence,
    Span,
    Town,
    Zone,
)
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

#: Who is given what, written by hand: `-` nothing, `g` the generalised row, `full` the full one.
GIVEN = """
    sharing     share_above  mission  cluster
    public      detail       g        full
    public      aggregate    g        full
    public      none         g        full
    mission     detail       g        full
    mission     aggregate    g        full
    mission     none         g        full
    cluster     detail       g        full
    cluster     aggregate    -        full
    cluster     none         -        full
    restricted  detail       g        g
    restricted  aggregate    -        -
    restricted  none         -        -
"""
AGREED = {"given", "not_required"}
#: The finest zone and the finest time that may be named of a place or a time known so well, and how times are written.
FINEST_ZONE = {1: 3, 2: 3, 3: 3, 4: 2, 5: 1, 6: 0}
WEEK, MONTH, YEAR, YEARS = r"\d{4}-W\d\d", r"\d{4}-\d\d", r"\d{4}", r"\d{4}/\d{4}"
PERIODS = {1: (WEEK, MONTH, YEAR, YEARS), 2: (WEEK, MONTH, YEAR, YEARS), 3: (MONTH, YEAR, YEARS), 4: (YEAR, YEARS)}
DATES = {1: r"\d{4}-\d\d-\d\d", 2: WEEK, 3: MONTH, 4: YEAR}
BANDS = {"0", "1-4", "5-9", "10-24", "25-49", "50-99", "100+"}
MISSION_COLUMNS = {
    *("category", "period", "zone", "zone_name", "zone_level", "perpetrator_class", "protected_site"),
    *(f"{name}_band" for name in VICTIMS),
}
FINE_COLUMNS = {
    *("date", "locality", "locality_pcode", "locality_name", "attributed_to", "attribution_verified", "standard"),
    *VICTIMS,
}

OPERATION = Zone("op", "OP", "OP", 0, has_area=True)
COMMUNE, SUB, PREFECTURE = (
    Zone(f"z{level}", f"P{level}", f"Zone {level}", level, has_area=True) for level in (3, 2, 1)
)
AROUND = [COMMUNE, SUB, PREFECTURE]
TOWN = Town("town", "P3-T1", "The town", None)


def table():
    _, *lines = (line.split() for line in GIVEN.split("\n") if line.strip())
    return {
        (Audience(audience), Sharing(sharing), ShareAbove(above)): told
        for sharing, above, *both in lines
        for audience, told in zip(("mission", "cluster"), both, strict=True)
    }


def occurrence(**changes):
    told = {
        "start": datetime(2026, 11, 20, 13, 37, tzinfo=UTC),
        "end": datetime(2026, 11, 20, 14, 1, tzinfo=UTC),
        "date_precision": DatePrecision.DAY,
        "geo_precision": GeoPrecision.EXACT,
        "category": "attack_on_civilians",
        "perpetrator_class": PerpetratorClass.STATE_FORCES,
        "attributed": False,
        "standard": "reasonable_grounds",
        "victims": {name: Estimate(6, 7, 31) for name in VICTIMS},
        "protected_site": "school",
        "town": TOWN,
    }
    return Occurrence(**{**told, **changes})


def leaks():
    """Look at every combination; give what a row tells that it may not, or withholds although it need not."""
    found = set()
    for (audience, sharing, above), told in table().items():
        for consent, exercise, protected in product(Consent, (False, True), (False, True)):
            levels = Levels(sharing, above, consent, exercise, protected)
            allowed = told if consent in AGREED and not exercise and not protected else "-"
            given_detail = picture.detail(audience, [levels])
            if (given_detail is Detail.NONE) != (allowed == "-"):
                found.add(("row", audience, sharing, above, consent, exercise, protected))
            for geo, when, attributed in product(GeoPrecision, DatePrecision, (False, True)):
                if given_detail is not Detail.NONE:
                    told_of = occurrence(geo_precision=geo, date_precision=when, attributed=attributed)
                    zone = picture.zone_of(AROUND, geo, OPERATION)
                    row = picture.incident_row(told_of, zone, given_detail, audience)
                    found.update((fault, audience, sharing, above) for fault in faults(row, allowed, told_of))
    return found


def faults(row, allowed, told):
    if row["zone_level"] > FINEST_ZONE[told.geo_precision]:
        yield "zone"
    if not any(re.fullmatch(form, row["period"]) for form in PERIODS[told.date_precision]):
        yield "period"
    if any(row[f"{name}_band"] not in BANDS for name in VICTIMS):
        yield "band"
    if row["perpetrator_class"] != (told.perpetrator_class if told.attributed else "unknown"):
        yield "perpetrator"
    fine = {name for name in FINE_COLUMNS if row.get(name) is not None}
    if fine and allowed != "full":
        yield "fine"
    if allowed == "full" and (row["generalised"] or not re.fullmatch(DATES[told.date_precision], row["date"])):
        yield "date"
    if row.get("locality") is not None and told.geo_precision > GeoPrecision.NEAR:
        yield "locality"  # a town with a catchment is smaller than a commune
    if not MISSION_COLUMNS <= row.keys() <= MISSION_COLUMNS | FINE_COLUMNS | {"generalised"}:
        yield "columns"


def test_no_row_is_finer_than_the_table_allows_for_any_combination():
    assert len(table()) == 2 * len(Sharing) * len(ShareAbove)
    assert leaks() == set()


@pytest.mark.parametrize(
    ("name", "weakened", "fault"),
    [
        ("_allowed", lambda audience, levels: picture._GIVEN[audience].get(levels.sharing, Detail.NONE), "row"),  # noqa: SLF001
        ("_AGREED", frozenset(Consent) - {Consent.REFUSED, Consent.WITHDRAWN}, "row"),
        ("_GIVEN", {one: dict.fromkeys(Sharing, Detail.FULL) for one in Audience}, "row"),
        ("finest_level", lambda _: 3, "zone"),
        ("known_span", lambda _: Span.DAY, "period"),
        ("period", lambda start, *_: start.date().isoformat(), "period"),
        ("band", lambda count, *_: None if count is None else str(count.best), "band"),
        ("_nameable", lambda told: told.town, "locality"),
        ("_unless_generalised", lambda fine, _: {"generalised": False, **fine}, "fine"),
    ],
)
def test_a_weakened_rule_would_be_noticed(monkeypatch, name, weakened, fault):
    monkeypatch.setattr(picture, name, weakened)
    assert fault in {found[0] for found in leaks()}


# -- laws -----------------------------------------------------------------------------------------------------------

ALL_LEVELS = st.builds(
    Levels,
    st.sampled_from(Sharing),
    st.sampled_from(ShareAbove),
    st.sampled_from(Consent),
    exercise=st.booleans(),
    protected=st.booleans(),
)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive
COUNTS = st.one_of(st.none(), st.integers(0, 200_000).map(lambda best: Estimate(best // 2, best, best * 2)))


def occurrences():
    return st.builds(
        occurrence,
        start=TIMES,
        end=st.just(None),
        date_precision=st.sampled_from(DatePrecision),
        geo_precision=st.sampled_from(GeoPrecision),
        attributed=st.booleans(),
        victims=st.fixed_dictionaries(dict.fromkeys(VICTIMS, COUNTS)),
    ).flatmap(lambda one: st.integers(0, 800).map(lambda hours: later(one, hours)))


def later(one, hours):
    return occurrence(**{name: getattr(one, name) for name in CHANGING}, end=one.start + timedelta(hours=hours))


CHANGING = ("start", "date_precision", "geo_precision", "attributed", "victims")


def closed(levels):
    """Give levels that close a record further, one step each way."""
    sharing, above = list(Sharing), list(ShareAbove)
    yield Levels(sharing[min(sharing.index(levels.sharing) + 1, 3)], levels.share_above, levels.consent)
    yield Levels(levels.sharing, above[min(above.index(levels.share_above) + 1, 2)], levels.consent)
    yield Levels(levels.sharing, levels.share_above, Consent.UNKNOWN)
    yield Levels(levels.sharing, levels.share_above, levels.consent, exercise=True)
    yield Levels(levels.sharing, levels.share_above, levels.consent, protected=True)


@given(st.sampled_from(Audience), ALL_LEVELS)
def test_whoever_closes_a_record_never_opens_it(audience, levels):
    for one in closed(levels):
        if not (levels.exercise or levels.protected):
            assert picture.detail(audience, [one]) <= picture.detail(audience, [levels])


@given(st.sampled_from(Audience), st.lists(ALL_LEVELS, max_size=3))
def test_every_version_has_to_allow_what_is_told(audience, said):
    given_detail = picture.detail(audience, said)
    assert given_detail == min((picture.detail(audience, [one]) for one in said), default=Detail.NONE)


@given(ALL_LEVELS)
def test_the_mission_is_never_given_more_than_the_cluster(levels):
    assert picture.detail(Audience.MISSION, [levels]) <= picture.detail(Audience.CLUSTER, [levels])
    assert picture.detail(Audience.MISSION, [levels]) is not Detail.FULL


@given(occurrences(), st.sampled_from([Detail.GENERALISED, Detail.FULL]))
def test_the_missions_row_is_part_of_the_clusters(told, given_detail):
    zone = picture.zone_of(AROUND, told.geo_precision, OPERATION)
    mission = picture.incident_row(told, zone, Detail.GENERALISED, Audience.MISSION)
    cluster = picture.incident_row(told, zone, given_detail, Audience.CLUSTER)
    assert mission.items() <= cluster.items()
    assert mission.keys() == MISSION_COLUMNS
    assert cluster.keys() == MISSION_COLUMNS | FINE_COLUMNS | {"generalised"}
    assert all(cluster[name] is None for name in FINE_COLUMNS) or given_detail is Detail.FULL


@given(occurrences(), st.integers(0, 6 * 86_400), st.integers(0, 3))
def test_a_generalised_row_depends_on_its_bands_and_spans_alone(told, seconds, more):
    """Another event of the same week, zone and bands has the very same row."""
    start = told.start - timedelta(days=told.start.weekday(), hours=told.start.hour, minutes=told.start.minute)
    one, other = (
        occurrence(
            start=at,
            end=at,
            victims=dict.fromkeys(VICTIMS, Estimate(0, count, 9)),
            town=town,
            standard=standard,
        )
        for at, count, town, standard in (
            (start.replace(second=0, microsecond=0), 1, TOWN, "reasonable_grounds"),
            (start.replace(second=0, microsecond=0) + timedelta(seconds=seconds), 1 + more, None, None),
        )
    )
    for audience in Audience:
        rows = [picture.incident_row(each, COMMUNE, Detail.GENERALISED, audience) for each in (one, other)]
        assert rows[0] == rows[1]


def span_of(text):
    """Give the first and the last day of a period."""
    if "/" in text:
        first, last = text.split("/")
        return span_of(first)[0], span_of(last)[1]
    if "W" in text:
        monday = date.fromisocalendar(int(text[:4]), int(text[6:]), 1)
        return monday, monday + timedelta(days=6)
    year, month = int(text[:4]), int(text[5:7] or 0)
    following = date(year + 1, 1, 1) if month in {0, 12} else date(year, month + 1, 1)
    return date(year, month or 1, 1), following - timedelta(days=1)


@given(occurrences())
def test_a_period_holds_the_whole_event_and_grows_with_what_is_not_known(told):
    widths = []
    for precision in DatePrecision:
        first, last = span_of(picture.period(told.start, told.end, precision))
        assert first <= told.start.date() <= told.end.date() <= last
        widths.append(last - first)
    assert widths == sorted(widths)
    assert widths[0] >= timedelta(days=6)


@given(st.integers(0, 10**6), st.sampled_from([VICTIM_BANDS, PEOPLE_BANDS]))
def test_a_band_holds_the_best_estimate(best, lows):
    text = picture.band(Estimate(0, best, best), lows)
    low, _, high = text.rstrip("+").partition("-")
    assert int(low) <= best
    assert text.endswith("+") or best <= int(high or low)
    assert picture.band(None, lows) is None


@given(st.sets(st.sampled_from(AROUND)), st.booleans(), st.sampled_from(GeoPrecision))
def test_zones_grow_with_what_is_not_known(around, has_area, precision):
    zones = [Zone(z.key, z.pcode, z.name, z.level, has_area) for z in sorted(around, key=lambda zone: -zone.level)]
    chosen = [picture.zone_of(zones, one, OPERATION).level for one in GeoPrecision]
    assert chosen == sorted(chosen, reverse=True)
    assert picture.zone_of(zones, precision, OPERATION).level <= FINEST_ZONE[precision]


def test_a_zone_whose_area_is_known_goes_before_a_smaller_one_that_is_not():
    bare = Zone("z3", "P3", "Zone 3", 3, has_area=False)
    assert picture.zone_of([bare, SUB, PREFECTURE], GeoPrecision.EXACT, OPERATION) is SUB
    assert picture.zone_of([bare], GeoPrecision.EXACT, OPERATION) is bare
    assert picture.zone_of([], GeoPrecision.EXACT, OPERATION) is OPERATION


CLOCK = datetime(2026, 11, 22, tzinfo=UTC)


@given(TIMES, COUNTS, st.sampled_from([Detail.GENERALISED, Detail.FULL]))
def test_a_community_is_told_without_its_name_and_numbers_unless_it_may_be(assessed, people, given_detail):
    access = dict.fromkeys(picture.ACCESS, 3)
    told = Enclave("Parish site", TOWN, people, 3, access, assessed, assessed + timedelta(days=30))
    mission = picture.community_row(told, COMMUNE, Detail.GENERALISED, Audience.MISSION, CLOCK)
    cluster = picture.community_row(told, COMMUNE, given_detail, Audience.CLUSTER, CLOCK)
    assert mission.items() <= cluster.items()
    assert mission.keys() == {
        *("period", "zone", "zone_name", "zone_level", "people_band", "confinement", "expired"),
        *picture.ACCESS,
    }
    assert mission["period"] == f"{assessed:%Y-%m}"
    assert (cluster["name"] == "Parish site") == (given_detail is Detail.FULL)
    assert picture.is_past(told, told.expires_at + timedelta(days=90))
    assert not picture.is_past(told, told.expires_at + timedelta(days=89))


# -- the mask -------------------------------------------------------------------------------------------------------

KEY = mask.purpose_key(b"p" * 32)
SUBJECTS = st.uuids().map(str)


def drawn(subject, *areas, key=KEY, zone="zone"):
    outlines = [Outline(version, area) for version, area in enumerate(areas, 1)]
    return mask.drawn_point(key, Draw("incidents", subject, zone), outlines)


SHAPES = st.sampled_from(
    [
        box(18, 4, 19, 5),
        box(18, 4, 18.01, 4.01),
        Point(20, 6).buffer(0.4),
        box(18, 4, 19, 5).difference(box(18.1, 4.1, 18.9, 4.9)),
        affinity.rotate(box(18, 4, 21, 4.02), 40),
        box(10, 5, 10.2, 5.2).union(box(20, 8, 20.2, 8.2)),
    ]
)


@given(SUBJECTS, SHAPES)
def test_a_point_lies_in_its_zone_and_is_drawn_once(subject, area):
    point = drawn(subject, area)
    assert area.covers(Point(point))
    assert drawn(subject, area) == point
    assert [round(degrees, 5) for degrees in point] == list(point)


@given(SUBJECTS, SHAPES)
def test_a_correction_of_boundaries_moves_only_what_it_leaves_outside(subject, area):
    corrected = area.difference(box(18.5, 0, 30, 30))
    point = drawn(subject, area)
    after = drawn(subject, area, corrected if not corrected.is_empty else area)
    assert (after == point) == (corrected.is_empty or corrected.covers(Point(point)))
    assert drawn(subject, area, area.buffer(0.5)) == point


def test_points_are_spread_over_the_whole_zone():
    area = box(18, 4, 19, 5)
    points = [drawn(str(UUID(int=number)), area) for number in range(4_000)]
    for at, low in ((0, 18), (1, 4)):
        tenths = [int((point[at] - low) * 10) for point in points]
        assert all(300 < tenths.count(tenth) < 500 for tenth in range(10))
    assert len(set(points)) > 3_990


@given(SUBJECTS, st.binary(min_size=32, max_size=32))
def test_whoever_has_no_key_can_neither_name_nor_draw(subject, pepper):
    other, area = mask.purpose_key(pepper), box(18, 4, 19, 5)
    names = [mask.pseudonym(key, "incidents", audience, subject) for key in (KEY, other) for audience in Audience]
    names += [mask.pseudonym(KEY, "communities", Audience.MISSION, subject)]
    assert len(set(names)) == len(names)
    assert all(name.version == 4 and str(name) != subject for name in names)
    assert drawn(subject, area, key=other) != drawn(subject, area)
    assert drawn(subject, area, zone="another") != drawn(subject, area)


def test_a_zone_of_next_to_nothing_still_gives_a_point():
    sliver = box(18, 4, 18.000_001, 4.000_001).union(box(25, 9, 25.000_001, 9.000_001))
    assert drawn("one", sliver) == drawn("another", sliver)
    assert drawn("one") is None
