"""Filters at random, as trees of CQL2, over the columns that the cluster has."""

from hypothesis import strategies as st
from ogc import AWKWARD
from reading import OF_INSTANTS, SPATIAL, TEMPORAL

from flashpoint import layers
from flashpoint.layers import Kind, Layer
from flashpoint.types import Audience

CLUSTER = Audience.CLUSTER
ASKED = (Layer.MATRIX, Layer.INCIDENTS)


def op(name, *args):
    return {"op": name, "args": list(args)}


def named(layer, *kinds):
    found = [one.name for one in layers.columns(layer, CLUSTER) if one.kind in kinds]
    return st.sampled_from(found).map(lambda name: {"property": name})


WORDS = st.sampled_from(["X1101", "Place X1102", AWKWARD, "place x1101", "1-4", "0", "abduction", "2026-08", "", "É"])
PATTERNS = st.sampled_from(["%", "X11%", "Place _110_", "%\\_%", "%\\%%", "", "_", "%a%", "1-4", "%É%", "place%"])
NUMBERS = st.one_of(st.integers(-2, 12), st.sampled_from([0.5, 2.5, 1e3, -0.25]))
SIGNS = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
DAYS = st.sampled_from(
    ["2025-10-01", "2025-10-19", "2026-08-01", "2026-08-31", "2026-11-01", "2026-11-30", "2027-01-01"]
)
SECONDS = DAYS.map(lambda day: f"{day}T12:30:00Z")
TENTHS = st.integers(170, 215).map(lambda n: n / 10), st.integers(30, 80).map(lambda n: n / 10)
AT = st.tuples(*TENTHS)


def texts(layer):
    plain = st.one_of(named(layer, Kind.TEXT), st.just({"property": "id"}), WORDS)
    return st.one_of(plain, plain.map(lambda one: op("casei", one)))


def numbers(layer):
    return st.one_of(named(layer, Kind.INTEGER, Kind.NUMBER), NUMBERS)


def comparisons(layer):
    texts_, numbers_ = texts(layer), numbers(layer)
    truths = st.one_of(named(layer, Kind.BOOLEAN), st.booleans())
    return st.one_of(
        *(st.builds(op, SIGNS, one, one) for one in (texts_, numbers_, truths)),
        st.builds(lambda *args: op("between", *args), *[numbers_] * 3),
        *(
            st.builds(lambda a, b: op("in", a, b), one, st.lists(one, min_size=1, max_size=3))
            for one in (texts_, numbers_)
        ),
        st.builds(lambda a, b: op("like", a, b), texts_, PATTERNS),
        st.builds(lambda a, b: op("like", op("casei", a), op("casei", b)), named(layer, Kind.TEXT), PATTERNS),
        st.one_of(texts_, numbers_, st.sampled_from([{"property": "geometry"}, {"property": "time"}])).map(
            lambda one: op("isNull", one)
        ),
    )


def boxed(corners):
    (west, south), (east, north) = zip(*map(sorted, zip(*corners, strict=True)), strict=True)
    return west, south, round(east + 0.1, 1), round(north + 0.1, 1)


def drawn():
    boxes = st.tuples(AT, AT).map(boxed)
    return st.one_of(
        AT.map(lambda at: {"type": "Point", "coordinates": list(at)}),
        boxes.map(lambda one: {"type": "LineString", "coordinates": [list(one[:2]), list(one[2:])]}),
        boxes.map(lambda one: {"bbox": list(one)}),
        boxes.map(
            lambda one: {
                "type": "Polygon",
                "coordinates": [[[one[0], one[1]], [one[2], one[1]], [one[2], one[3]], [one[0], one[1]]]],
            }
        ),
    )


def spatial():
    here = st.just({"property": "geometry"})
    pairs = st.one_of(st.tuples(here, drawn()), st.tuples(drawn(), here))
    return st.builds(lambda name, pair: op(name, *pair), st.sampled_from(sorted(SPATIAL)), pairs)


def intervals():
    spans = [st.tuples(one, one).map(sorted).filter(lambda ends: ends[0] < ends[1]) for one in (DAYS, SECONDS)]
    opened = DAYS.flatmap(lambda one: st.sampled_from([[one, ".."], ["..", one], ["..", ".."]]))
    return st.one_of(*spans, opened).map(lambda ends: {"interval": list(ends)})


def temporal(layer):
    instants = st.one_of(DAYS.map(lambda one: {"date": one}), SECONDS.map(lambda one: {"timestamp": one}))
    time = st.just({"property": "time"})
    spans = intervals() if layer is Layer.MATRIX else st.one_of(intervals(), time)
    anything = st.one_of(intervals(), instants, time)
    return st.one_of(
        st.builds(op, st.sampled_from(sorted(set(TEMPORAL) - OF_INSTANTS)), spans, spans),
        st.builds(op, st.sampled_from(sorted(OF_INSTANTS)), anything, anything),
    )


def trees(layer):
    found = st.one_of(comparisons(layer), comparisons(layer), spatial(), temporal(layer), st.booleans())
    for _ in range(2):
        some = st.lists(found, min_size=2, max_size=3)
        found = st.one_of(
            found,
            found.map(lambda one: op("not", one)),
            st.builds(lambda name, args: op(name, *args), st.sampled_from(["and", "or"]), some),
        )
    return st.tuples(st.just(layer), found)


TREES = st.sampled_from(ASKED).flatmap(trees)
