"""Common Query Language, CQL2 (OGC 21-065r2): when, by the two tables of temporal functions."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

#: The tables, of ends that are numbers: ``a`` and ``b`` are from when to when.
RELATIONS = {
    "T_AFTER": lambda a, b: a[0] > b[1],
    "T_BEFORE": lambda a, b: a[1] < b[0],
    "T_DISJOINT": lambda a, b: a[0] > b[1] or a[1] < b[0],
    "T_EQUALS": lambda a, b: a == b,
    "T_INTERSECTS": lambda a, b: not (a[0] > b[1] or a[1] < b[0]),
    "T_CONTAINS": lambda a, b: a[0] < b[0] and b[1] < a[1],
    "T_DURING": lambda a, b: b[0] < a[0] and a[1] < b[1],
    "T_FINISHEDBY": lambda a, b: a[0] < b[0] and a[1] == b[1],
    "T_FINISHES": lambda a, b: a[0] > b[0] and a[1] == b[1],
    "T_MEETS": lambda a, b: a[1] == b[0],
    "T_METBY": lambda a, b: a[0] == b[1],
    "T_OVERLAPPEDBY": lambda a, b: b[0] < a[0] < b[1] < a[1],
    "T_OVERLAPS": lambda a, b: a[0] < b[0] < a[1] < b[1],
    "T_STARTEDBY": lambda a, b: a[0] == b[0] and a[1] > b[1],
    "T_STARTS": lambda a, b: a[0] == b[0] and a[1] < b[1],
}
OF_INSTANTS = ("T_AFTER", "T_BEFORE", "T_DISJOINT", "T_EQUALS", "T_INTERSECTS")
OPEN = math.inf
#: From which day of a month to which.
INTERVALS = [(1, 2), (2, 3), (3, 4), (1, 3), (1, 4), (-OPEN, 2), (2, OPEN)]
INSTANTS = [(1, 1), (2, 2)]
#: Those that say the most of where ends meet.
TELLING = ("T_MEETS", "T_METBY", "T_OVERLAPS", "T_DURING")
#: So many tests fit into one filter.
IN_ONE = 28


def day(number):
    return ".." if math.isinf(number) else f"2026-11-0{number}"


def second(number):
    return ".." if math.isinf(number) else f"2026-11-09T08:00:0{number}.5Z"


def interval(ends, write=day):
    return f"INTERVAL('{write(ends[0])}', '{write(ends[1])}')"


def date(ends):
    return f"DATE('{day(ends[0])}')"


def timestamp(ends):
    return f"TIMESTAMP('{second(ends[0])}')"


def all_hold(ogc, tests) -> bool:
    """Say whether all of these are as expected: pairs of a filter that says nothing of features, and what it is."""
    told = [text if expected else f"NOT {text}" for text, expected in tests]
    parts = (told[at : at + IN_ONE] for at in range(0, len(told), IN_ONE))
    return all(ogc.ids("localities", filter=" AND ".join(part)) for part in parts)


def of_literals(names, one, other) -> Iterator[tuple[str, bool]]:
    """Put every pair of times to functions; ``one`` and ``other`` are times and how they are written."""
    for name, (a, b) in product(names, product(one[0], other[0])):
        yield f"{name}({one[1](a)}, {other[1](b)})", RELATIONS[name](a, b)


def test_req_temporal_functions_temporal_functions(ogc):
    """/req/temporal-functions/temporal-functions"""
    seconds = (INTERVALS, lambda ends: interval(ends, second))
    assert all_hold(ogc, list(of_literals(RELATIONS, (INTERVALS, interval), (INTERVALS, interval))))
    assert all_hold(ogc, list(of_literals(TELLING, seconds, seconds)))
    for instants in ((INSTANTS, date), (INSTANTS, timestamp)):
        spans = (INTERVALS, interval) if instants[1] is date else seconds
        assert all_hold(ogc, list(of_literals(OF_INSTANTS, instants, instants)))
        assert all_hold(ogc, list(of_literals(OF_INSTANTS, instants, spans)))
        assert all_hold(ogc, list(of_literals(OF_INSTANTS, spans, instants)))


def test_one_wrong_expectation_is_found(ogc):
    tests = list(of_literals(RELATIONS, (INTERVALS, interval), (INTERVALS, interval)))
    for at in (0, IN_ONE - 1):
        text, expected = tests[at]
        assert not all_hold(ogc, [*tests[:at], (text, not expected), *tests[at + 1 : IN_ONE]])


@pytest.mark.parametrize("name", [one for one in RELATIONS if one not in OF_INSTANTS])
def test_an_instant_goes_with_no_function_of_intervals(ogc, name):
    spans = [interval((1, 4)), "time"]
    for instant in ("DATE('2026-11-01')", "TIMESTAMP('2026-11-01T00:00:00Z')"):
        for span in spans:
            ogc.refused("?filter", "incidents", filter=f"{name}({instant}, {span})")
            ogc.refused("?filter", "incidents", filter=f"{name}({span}, {instant})")
    # The time of the matrix is an instant, those of the other layers are intervals.
    ogc.refused("?filter", "matrix", filter=f"{name}(time, {spans[0]})")
    for layer in ("incidents", "communities", "changes"):
        assert ogc.ask(layer, filter=f"{name}(time, {spans[0]})").status_code == 200


def days_of(feature):
    """Give the days of a feature, as numbers."""
    told = feature["time"]
    ends = told.get("interval") or [told["date"]] * 2
    return tuple(datetime.fromisoformat(one).toordinal() for one in ends)


def test_req_temporal_functions_temporal_predicates(ogc):
    """/req/temporal-functions/temporal-predicates"""
    for who in (ogc, ogc.as_analyst):
        features = {one["id"]: days_of(one) for one in who.features("incidents")}
        edges = sorted({end for ends in features.values() for end in ends})
        others = [edges[0] - 1, edges[0] + 1, edges[-1] + 1, *edges]
        written = {number: datetime.fromordinal(number).date().isoformat() for number in others}
        spans = [(a, b) for a, b in product(sorted(others), repeat=2) if a < b] + [(-OPEN, edges[1]), (edges[1], OPEN)]
        for name, holds in RELATIONS.items():
            for span in spans[:: 1 + len(spans) // 3]:
                ends = [written.get(one, "..") for one in span]
                text = f"{name}(time, INTERVAL('{ends[0]}', '{ends[1]}'))"
                expected = [one for one, days in features.items() if holds(days, span)]
                assert who.ids("incidents", filter=text) == expected, text
    unknown = ogc.ids("incidents", filter="NOT T_AFTER(time, DATE('2000-01-01'))")
    assert unknown == [], "what is true is not false"


def test_a_day_is_no_shorter_for_being_compared_with_a_moment(ogc):
    analyst = ogc.as_analyst
    one = next(feature for feature in analyst.features("incidents") if "date" in feature["time"])
    begins = datetime.fromisoformat(one["time"]["date"]).replace(tzinfo=UTC)
    for moment, expected in (
        (begins - timedelta(seconds=1), False),
        (begins, True),
        (begins + timedelta(hours=23, minutes=59, seconds=59), True),
        (begins + timedelta(days=1), False),
    ):
        told = f"id = '{one['id']}' AND T_INTERSECTS(time, TIMESTAMP('{moment:%Y-%m-%dT%H:%M:%SZ}'))"
        assert bool(analyst.ids("incidents", filter=told)) is expected


def test_the_moment_of_the_matrix_is_an_instant(ogc):
    as_of = ogc.page("matrix")["as_of"]
    day_of = as_of[:10]
    for text, expected in {
        f"T_EQUALS(time, TIMESTAMP('{as_of}'))": True,
        f"T_EQUALS(time, DATE('{day_of}'))": False,
        f"T_INTERSECTS(time, DATE('{day_of}'))": True,
        f"T_INTERSECTS(time, INTERVAL('{as_of}', '..'))": True,
        f"T_AFTER(time, TIMESTAMP('{as_of}'))": False,
        "T_AFTER(time, DATE('2000-01-01'))": True,
        "T_DISJOINT(time, INTERVAL('..', '2000-01-01'))": True,
        f"T_BEFORE(time, INTERVAL('{as_of}', '..'))": False,
    }.items():
        assert bool(ogc.ids("matrix", filter=text)) is expected, text
