import csv
import gzip
import io
import json
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpoint.catalogue import CATEGORIES
from flashpoint.errors import Invalid
from flashpoint.ingest import features, ucdp
from flashpoint.ingest.account import Kind
from flashpoint.types import DatePrecision, Estimate, GeoPrecision, PerpetratorClass

ROW = {
    "id": "101",
    "type_of_violence": "3",
    "side_a": "Government of Exland",
    "side_b": "Civilians",
    "number_of_sources": "-1",
    "where_prec": "1",
    "adm_1": "Nord province",
    "adm_2": "",
    "latitude": "4.5",
    "longitude": "18.25",
    "country": "Exland",
    "country_id": "999",
    "date_prec": "1",
    "date_start": "2014-01-05 00:00:00.000",
    "date_end": "2014-01-06 00:00:00.000",
    "deaths_civilians": "3",
    "best": "3",
    "high": "4",
    "low": "2",
    "ged_version": "23.1",
}


def table(*changes, drop=()):
    rows = [{key: value for key, value in (ROW | change).items() if key not in drop} for change in changes]
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


@pytest.fixture
def events(tmp_path, account):
    def read(*changes, name="ged.csv", drop=(), undeclared=None):
        path = tmp_path / name
        path.write_text(table(*changes, drop=drop), encoding="utf-8")
        found = list(ucdp.read(path, account, undeclared))
        assert account.read == len(found) + account.skipped
        return found

    return read


def test_a_row_becomes_an_event_in_our_vocabulary(events, account):
    assert events({}) == [
        ucdp.UcdpEvent(
            external_id="ucdp:101",
            category="attack_on_civilians",
            event_start=datetime(2014, 1, 5, tzinfo=UTC),
            event_end=datetime(2014, 1, 6, 23, 59, 59, tzinfo=UTC),
            date_precision=DatePrecision.DAY,
            geo_precision=GeoPrecision.EXACT,
            longitude=18.25,
            latitude=4.5,
            killed=Estimate(2, 3, 4),
            civilians_killed=3,
            perpetrator_class=PerpetratorClass.STATE_FORCES,
            country="Exland",
            adm_1="Nord province",
            adm_2="",
            number_of_sources=None,
            dataset_version="23.1",
        )
    ]
    assert account.remarks == ()


@pytest.mark.parametrize(
    ("kind", "civilians", "category"),
    [
        ("1", "0", "armed_clash"),
        ("2", "2", "clash_harming_civilians"),
        ("1", "", "armed_clash"),
        ("2", "-1", "armed_clash"),
        ("3", "0", "attack_on_civilians"),
    ],
)
def test_the_category_follows_the_type_and_the_civilians_killed(events, kind, civilians, category):
    (event,) = events({"type_of_violence": kind, "deaths_civilians": civilians})
    assert event.category == category
    assert event.category in CATEGORIES


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, PerpetratorClass.STATE_FORCES),
        ({"side_a": "Government of Wyland"}, PerpetratorClass.FOREIGN_STATE_FORCES),
        ({"side_a": "Government of Wyland, Government of Exland"}, PerpetratorClass.STATE_FORCES),
        ({"side_a": "Government of Exland (Oldland)", "country": "Exland"}, PerpetratorClass.STATE_FORCES),
        ({"side_a": "Government of South Exland"}, PerpetratorClass.FOREIGN_STATE_FORCES),
        ({"side_a": "Government of Wyland", "gwnoa": "998, 999"}, PerpetratorClass.STATE_FORCES),
        ({"side_a": "Government of North Macedonia", "country": "Macedonia, FYR"}, PerpetratorClass.STATE_FORCES),
        ({"side_a": "Some Front"}, PerpetratorClass.ARMED_GROUP),
        ({"side_a": ""}, PerpetratorClass.UNKNOWN),
        ({"type_of_violence": "2", "side_a": "Some Front"}, PerpetratorClass.ARMED_GROUP),
        ({"type_of_violence": "1"}, PerpetratorClass.UNKNOWN),
    ],
)
def test_the_perpetrator_is_classed_only_as_far_as_ucdp_says(events, change, expected):
    (event,) = events({"gwnoa": ""} | change)
    assert event.perpetrator_class is expected


def test_precisions_are_mapped_and_centroids_are_never_places(events):
    places = events(*({"id": str(100 + prec), "where_prec": str(prec)} for prec in range(1, 8)))
    assert [event.geo_precision for event in places] == [
        GeoPrecision.EXACT,
        GeoPrecision.NEAR,
        GeoPrecision.SUB_PREFECTURE,
        GeoPrecision.PREFECTURE,
        *[GeoPrecision.COUNTRY] * 3,
    ]


def test_date_precisions_are_mapped(events):
    dates = events(*({"id": str(100 + prec), "date_prec": f"{prec}.0"} for prec in range(1, 6)))
    assert [event.date_precision.value for event in dates] == [1, 2, 2, 3, 4]


@given(*[st.integers(0, 10**6)] * 3)
def test_a_widened_range_holds_the_best_estimate_and_loses_nothing(low, best, high):
    estimate = ucdp.widen(low, best, high)
    assert estimate.low <= estimate.best == best <= estimate.high
    assert estimate.low <= low
    assert estimate.high >= high
    if low <= best <= high:
        assert estimate == Estimate(low, best, high)


def test_ranges_and_dates_are_repaired_and_counted(events, reasons):
    odd, reverse, bare = events(
        {"id": "1", "low": "5", "best": "3", "high": "0"},
        {"id": "2", "date_start": "2014-02-02", "date_end": "2014-01-31"},
        {"id": "3", "low": "", "high": "", "date_end": ""},
    )
    assert odd.killed == Estimate(3, 3, 3)
    assert (reverse.event_start.day, reverse.event_end.day) == (31, 2)
    assert bare.killed == Estimate(3, 3, 3)
    assert bare.event_end == datetime(2014, 1, 5, 23, 59, 59, tzinfo=UTC)
    assert reasons(Kind.REPAIR) == {ucdp.WIDENED: 1, ucdp.SWAPPED: 1}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": ""}, ucdp.NO_ID),
        ({"id": "A1"}, ucdp.NO_ID),
        ({"type_of_violence": "4"}, ucdp.BAD_TYPE),
        ({"date_start": "05/01/2014"}, ucdp.BAD_DATE),
        ({"date_start": "2014-02-30"}, ucdp.BAD_DATE),
        ({"date_start": ""}, ucdp.BAD_DATE),
        ({"latitude": ""}, ucdp.BAD_PLACE),
        ({"latitude": "nan"}, ucdp.BAD_PLACE),
        ({"longitude": "181"}, ucdp.BAD_PLACE),
        ({"longitude": "0", "latitude": "0.0"}, ucdp.BAD_PLACE),
        ({"best": ""}, ucdp.BAD_DEATHS),
        ({"low": "-1"}, ucdp.BAD_DEATHS),
        ({"high": "many"}, ucdp.BAD_DEATHS),
        ({"id": "100"}, ucdp.REPEATED),
    ],
)
def test_a_bad_row_is_skipped_with_one_reason_and_nothing_else_is_said_of_it(events, account, reasons, change, reason):
    good, *rest = events({"id": "100"}, change)
    assert (good.external_id, rest) == ("ucdp:100", [])
    assert reasons(Kind.SKIP) == {reason: 1}
    assert len(account.remarks) == 1


def test_a_row_that_failed_does_not_bar_a_good_one_with_its_id(events):
    assert len(events({"best": ""}, {})) == 1


def test_a_missing_precision_is_the_coarsest_unless_declared(events, account, reasons):
    (event,) = events({}, drop=("where_prec", "date_prec", "deaths_civilians", "date_end"))
    assert (event.geo_precision, event.date_precision) == (GeoPrecision.COUNTRY, DatePrecision.YEAR)
    assert event.civilians_killed is None
    assert set(reasons(Kind.NOTE).values()) == {1}
    assert len(account.remarks) == 4


def test_a_missing_precision_is_what_the_caller_declares(events):
    declared = ucdp.Undeclared(GeoPrecision.NEAR, DatePrecision.WITHIN_A_WEEK)
    (event,) = events({}, drop=("where_prec", "date_prec"), undeclared=declared)
    assert (event.geo_precision, event.date_precision) == (GeoPrecision.NEAR, DatePrecision.WITHIN_A_WEEK)


def test_a_single_missing_precision_is_remarked_by_its_row(events, account):
    assert events({}, {"id": "102", "where_prec": ""})[1].geo_precision is GeoPrecision.COUNTRY
    (remark,) = account.remarks
    assert (remark.reason, remark.examples) == (ucdp.NO_GEO_PRECISION, ["ucdp:102"])


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("GEDEvent_v23_1.csv", "23.1"),
        ("GEDEvent_v24_0_3.csv", "24.0.3"),
        ("ucdp_ged211_reduced.csv", "21.1"),
        ("ged50.csv", "5.0"),
        ("events.csv", None),
    ],
)
def test_the_release_is_read_from_the_file_name_where_no_column_says_it(events, name, version):
    assert events({}, name=name, drop=("ged_version",))[0].dataset_version == version


def test_older_and_shortened_column_names_are_understood(tmp_path, account):
    path = tmp_path / "old.csv.gz"
    renamed = table({}).replace("best,high,low", "best_est,high_est,low_est").replace("deaths_civilians", "DEATHS_CIV")
    path.write_bytes(gzip.compress(renamed.encode()))
    (event,) = ucdp.read(path, account)
    assert (event.killed, event.civilians_killed) == (Estimate(2, 3, 4), 3)


@pytest.mark.parametrize("missing", ["id", "type_of_violence", "date_start", "best"])
def test_a_column_that_an_event_needs_is_named(events, missing):
    with pytest.raises(Invalid) as caught:
        events({}, drop=(missing,))
    assert caught.value.violations[0].pointer == f"/columns/{missing}"


def geojson(count):
    def feature(number):
        properties = {"id": number, "type_of_violence": 3.0, "where_prec": 1, "date_start": "2014-01-05", "best": 2}
        properties |= {"date_prec": None, "SIDE_A": 'A "quoted" [Front]'}
        return {
            "type": "Feature",
            "properties": properties,
            "geometry": {"type": "Point", "coordinates": [18.25, 4.5, 300]},
        }

    return [feature(number) for number in range(1, count + 1)]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("chunk", [300, 65_536])
def test_geojson_is_read_in_chunks_of_any_size(tmp_path, account, monkeypatch, indent, chunk):
    monkeypatch.setattr(features, "CHUNK_CHARS", chunk)
    path = tmp_path / "GEDEvent_v25_1.geojson"
    collection = {"type": "FeatureCollection", "name": "x", "features": geojson(50)}
    path.write_text(json.dumps(collection, indent=indent), encoding="utf-8")
    found = list(ucdp.read(path, account))
    assert [event.external_id for event in found] == [f"ucdp:{number}" for number in range(1, 51)]
    assert (found[0].longitude, found[0].latitude, found[0].dataset_version) == (18.25, 4.5, "25.1")
    assert found[0].perpetrator_class is PerpetratorClass.ARMED_GROUP


def test_newline_delimited_features_are_read(tmp_path, account):
    path = tmp_path / "events.geojsonl"
    path.write_text("\n".join(json.dumps(feature) for feature in geojson(3)), encoding="utf-8")
    assert len(list(ucdp.read(path, account))) == 3


@pytest.mark.parametrize(
    "text", ['{"type": "FeatureCollection", "features": [{"type": ', '{"features": [1, 2]}', "[]x", '{"features":[{}]}']
)
def test_malformed_geojson_is_invalid(tmp_path, account, text):
    path = tmp_path / "events.geojson"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Invalid):
        list(ucdp.read(path, account))


def test_another_format_is_invalid(tmp_path, account):
    with pytest.raises(Invalid, match="UCDP events are read from"):
        list(ucdp.read(tmp_path / "events.xlsx", account))


@pytest.mark.parametrize(("name", "rows", "repairs"), [("caf", 1848, 20), ("ssd", 941, 14)])
def test_the_real_events_are_read_whole(real_data, account, name, rows, repairs):
    found = []
    for event in ucdp.read(real_data / f"ucdp_ged_{name}.csv.gz", account):
        account.count_imported()
        found.append(event)
    account.check()
    assert len(found) == account.read == rows
    assert {remark.reason: remark.count for remark in account.remarks} == {ucdp.WIDENED: repairs}
    assert all(event.killed.low <= event.killed.best <= event.killed.high for event in found)
    assert all(event.event_start < event.event_end for event in found)
    assert {event.category for event in found} <= set(CATEGORIES)


def test_the_real_centroids_are_not_places(real_data, account):
    found = Counter(event.geo_precision for event in ucdp.read(real_data / "ucdp_ged_caf.csv.gz", account))
    assert found[GeoPrecision.COUNTRY] == 28 + 29
    assert found[GeoPrecision.EXACT] == 1214


def test_the_real_global_file_streams_with_what_it_lacks_said_once(real_data, account, reasons):
    declared = ucdp.Undeclared(GeoPrecision.NEAR, DatePrecision.WITHIN_A_WEEK)
    path = real_data / "ucdp_ged211_global_reduced.csv.gz"
    places = Counter(event.geo_precision for event in ucdp.read(path, account, declared))
    assert places == {GeoPrecision.NEAR: 170_455}
    assert (account.read, account.skipped) == (170_455, 0)
    assert set(reasons(Kind.NOTE).values()) == {1}
    assert len(reasons(Kind.NOTE)) == 4
