"""Laws of filters and pages: whatever is asked, however it is written, from memory or from the database."""

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ogc import CRS84, EPSG
from reading import text_of, truth
from shapely.geometry import shape
from trees import ASKED, AT, CLUSTER, TREES, boxed, op

from api.ogc.query import ITEMS, About, Given, cursor, items_query
from flashpoint import filters, layers
from flashpoint.crs import CRS84 as DEGREES
from flashpoint.filters import Language
from flashpoint.layers import Layer
from flashpoint.store import layer_reading
from flashpoint.store.layer_reading import Narrowed, Page
from flashpoint.store.layer_sources import source

#: An example asks the database, some of them several times: fewer of them find as much in the time there is.
OF_QUERIES = settings(max_examples=120)


class Rows:
    """The features of two layers as the cluster has them, and how the database is asked for them."""

    def __init__(self, ogc):
        self._database = ogc.operation.service.database
        self._sources = {layer: source(layer, ogc.operation.code, CLUSTER) for layer in ASKED}
        self.features = {layer: [_of(layer, one) for one in ogc.as_analyst.features(layer)] for layer in ASKED}

    def page(self, layer, narrowed, page):
        with self._database.release_reader() as reader:
            return layer_reading.page(reader, self._sources[layer], narrowed, page)

    def ids(self, layer, tree):
        return [row.id for row in self.page(layer, Narrowed(condition=tree), Page(1_000))]


def _of(layer, feature):
    columns = {one.name: layers.value_of(feature["properties"], one) for one in layers.columns(layer, CLUSTER)}
    drawn = None if feature["geometry"] is None else shape(feature["geometry"])
    return {**feature, "columns": columns, "drawn": drawn}


@pytest.fixture(scope="module")
def rows(ogc):
    return Rows(ogc)


@OF_QUERIES
@given(TREES)
def test_a_filter_in_either_form_finds_what_another_reading_of_the_standard_finds(rows, asked):
    layer, tree = asked
    read = filters.read(text_of(tree), Language.TEXT)
    assert read == filters.read(json.dumps(tree), Language.JSON)
    assert rows.ids(layer, read) == [one["id"] for one in rows.features[layer] if truth(tree, one) is True]


def test_the_other_reading_has_three_values(rows):
    unknown = op("=", {"property": "injured_band"}, "1-4")
    one = rows.features[Layer.INCIDENTS][0]
    assert truth(unknown, one) is truth(op("not", unknown), one) is truth(op("and", unknown, True), one) is None
    assert truth(op("or", unknown, True), one) is True
    assert truth(op("and", unknown, False), one) is False


# -- pages ------------------------------------------------------------------------------------------------------------

SORTABLE = {layer: [one.name for one in layers.columns(layer, CLUSTER)] for layer in ASKED}


def orders(layer):
    keys = st.lists(st.sampled_from(SORTABLE[layer]), max_size=3, unique=True)
    downs = st.lists(st.sampled_from(["", "-", "+"]), min_size=3, max_size=3)
    return st.tuples(st.just(layer), keys, downs)


ORDERS = st.sampled_from(ASKED).flatmap(orders)


def paged(rows, layer, asked, hidden=None):
    """Read page after page as a client does, by the cursor of the page before; ``hidden`` are gone at each page."""
    after, given_ = None, urlencode(asked)
    while True:
        query = given_ + (f"&after={after}" if after else "")
        read = items_query(Given(query.encode(), ITEMS), About(layer, CLUSTER, (DEGREES,)))
        gone = next(hidden, []) if hidden else []
        condition = op("not", op("in", {"property": "id"}, gone)) if gone else True
        found = rows.page(layer, Narrowed(condition=condition), read.page)
        page = found[: read.page.limit]
        yield from (row.id for row in page)
        if len(found) <= read.page.limit:
            return
        keys = [getattr(page[-1], f"key_{at}") for at in range(len(read.page.order.keys))]
        after = cursor(read.page.order, keys, page[-1].id)


def asked_for(order, limit):
    layer, keys, downs = order
    sortby = ",".join(down + key for down, key in zip(downs, keys, strict=False))
    return layer, {"limit": limit, **({"sortby": sortby} if keys else {})}


def in_order(features, keys, downs):
    """Sort as the standard would: nulls last, whichever way, and by id where all is the same."""
    found = sorted(features, key=lambda one: one["id"])
    for key, down in reversed(list(zip(keys, downs, strict=False))):
        known = [one for one in found if one["columns"][key] is not None]
        known = sorted(known, key=lambda one: one["columns"][key], reverse=down == "-")
        found = known + [one for one in found if one["columns"][key] is None]
    return [one["id"] for one in found]


@OF_QUERIES
@given(ORDERS, st.integers(1, 12))
def test_pages_of_any_size_give_each_feature_once_and_in_order(rows, order, limit):
    layer, asked = asked_for(order, limit)
    assert list(paged(rows, layer, asked)) == in_order(rows.features[layer], *order[1:])


@OF_QUERIES
@given(ORDERS, st.integers(2, 4), st.data())
def test_features_that_stay_are_found_once_while_others_come_and_go(rows, order, limit, data):
    layer, asked = asked_for(order, limit)
    everything = [one["id"] for one in rows.features[layer]]
    fleeting = data.draw(st.lists(st.sampled_from(everything), max_size=4, unique=True))
    shown = st.lists(st.sampled_from(fleeting), unique=True) if fleeting else st.just([])
    hidden = data.draw(st.lists(shown, min_size=12, max_size=12))
    found = list(paged(rows, layer, asked, iter(hidden)))
    assert len(set(found)) == len(found)
    stay = [one for one in in_order(rows.features[layer], *order[1:]) if one not in fleeting]
    assert [one for one in found if one not in fleeting] == stay


# -- memory and database ----------------------------------------------------------------------------------------------

NARROWED = st.fixed_dictionaries(
    {},
    optional={
        "bbox": st.one_of(
            st.tuples(AT, AT).map(boxed),
            st.tuples(AT, AT).map(lambda c: (c[1][0], c[0][1], c[0][0], round(c[0][1] + 0.2, 1))),
        )
        .filter(lambda one: one[1] <= one[3])
        .map(lambda one: ",".join(map(str, one))),
        "datetime": st.sampled_from(["2026-01-01/..", "../2020-01-01", "2000-01-01", "../..", "2020-01-01/2100-01-01"]),
        "limit": st.integers(1, 6),
        "after": st.integers(0, 4),
    },
)
FORCED = st.sampled_from(
    [{"filter": "TRUE"}, {"filter": "id IS NOT NULL"}, {"filter": "NOT FALSE", "filter-crs": CRS84}]
)


@OF_QUERIES
@given(st.sampled_from(["matrix", "localities"]), NARROWED, FORCED)
def test_memory_and_database_give_the_same_features_in_the_same_order(ogc, layer, narrowed, forced):
    if "after" in narrowed:
        narrowed = {**narrowed, "after": ogc.ids(layer)[narrowed["after"]]}
    plain, asked = ogc.page(layer, **narrowed), ogc.page(layer, **narrowed, **forced)
    assert asked["features"] == plain["features"]
    for name in ("numberMatched", "numberReturned", "as_of", "protocol"):
        assert asked[name] == plain[name]


def test_another_system_comes_from_the_database_and_is_the_same(ogc):
    for layer in ("matrix", "localities"):
        found = ogc.features(layer, crs=EPSG.format(4326))
        assert [one["properties"] for one in found] == [one["properties"] for one in ogc.features(layer)]
