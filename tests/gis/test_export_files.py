"""Each format, read back: the rows and values of the answers, what a file says of itself, and the same bytes again."""

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import zipfile
from xml.etree import ElementTree as ET

import opened
import pyogrio
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from readers import KML, OPEN, SHEET
from service import Caller, subject

from flashpoint import layers
from flashpoint.exports import gdal_file
from flashpoint.exports.formats import KINDS, LAYERS, Format
from flashpoint.exports.hxl import TAGS
from flashpoint.exports.plain import harmless, xml_text
from flashpoint.layers import Layer
from flashpoint.tier_colours import TIER_COLOURS
from flashpoint.types import Audience

FORMULA = '=HYPERLINK("http://x.example","<Parish> & co")'
AREAS = (Layer.MATRIX, Layer.LOCALITIES)


@pytest.fixture(scope="module")
def operation(sampled):
    """An operation with something in every layer, and names that are typed to do harm."""
    operation = sampled.operation()
    named = subject(operation.code, "locality", name=FORMULA)
    assert operation.coordinator.post("/v1/localities", named).status_code == 201
    shared = {"sharing": "mission", "share_above": "detail"}
    for name in (FORMULA, "@site", "Plain"):
        told = subject(operation.code, "community", name=name, **shared)
        assert operation.coordinator.post("/v1/communities", told).status_code == 201
    operation.verified(**shared)
    operation.verified((19.3, 4.2), killed={"low": 4, "best": 6, "high": 9}, **shared)
    operation.verified((18.4, 6.2), sharing="cluster")
    # Known to the country only: it has no place on a map.
    operation.verified(None, admin_pcode="X1", geo_precision=6, **shared)
    operation.assess()
    return operation


def callers(operation) -> dict[Audience, Caller]:
    return {Audience.MISSION: operation.reader, Audience.CLUSTER: operation.analyst}


def fetched(caller, file):
    answer = caller.get(f"/v1/exports/{file}")
    assert answer.status_code == 200, answer.text
    return answer


def answered(caller, operation, layer):
    """Give what the matrix, or the released picture, answers: id to properties and geometry."""
    path = "matrix?" if layer in AREAS else f"released/{layer}?limit=1000&"
    features = caller.get(f"/v1/{path}operation={operation.code}").json()["features"]
    return {one["id"]: (one["properties"], one["geometry"]) for one in features}


def plain(value):
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@pytest.mark.parametrize("kind", Format)
def test_a_file_has_the_rows_and_values_of_the_answers(operation, tmp_path, kind):
    for audience, caller in callers(operation).items():
        for layer in LAYERS:
            answer = fetched(caller, f"{layer}.{kind}")
            # The readers of tables learn from the name what the columns are.
            found = OPEN[kind](answer.content, tmp_path / f"{audience}-{layer}.{kind}")
            expected = answered(caller, operation, layer)
            columns = layers.columns(layer, audience)
            assert expected, layer
            assert found.columns == [column.name for column in columns]
            assert answer.headers["flashpoint-rows"] == str(len(expected)) == str(len(found.rows))
            # A FlatGeobuf with an index stands in the order of the index.
            assert kind is Format.FGB or list(found.rows) == sorted(found.rows)
            assert found.rows == {
                one: {column.name: plain(layers.value_of(told, column)) for column in columns}
                for one, (told, _) in expected.items()
            }
            assert answer.headers["content-type"] == KINDS[kind].media


@pytest.mark.parametrize("kind", Format)
def test_a_file_draws_what_the_answers_draw(operation, tmp_path, kind):
    for layer in LAYERS:
        found = OPEN[kind](fetched(operation.reader, f"{layer}.{kind}").content, tmp_path / f"mission-{layer}.{kind}")
        for one, (_, geometry) in answered(operation.reader, operation, layer).items():
            place, drawn = found.places[one], geometry and shapely.from_geojson(json.dumps(geometry))
            if drawn is None:
                assert place is None
            elif layer in AREAS and kind in ("csv", "xlsx"):
                assert drawn.covers(place)
            elif layer in AREAS:
                assert drawn.symmetric_difference(place).area < 1e-3 * drawn.area
            else:
                assert place.equals(drawn)


@pytest.mark.parametrize("kind", Format)
def test_a_file_says_of_what_it_is_for_whom_and_as_of_when(operation, tmp_path, kind):
    for audience, caller in callers(operation).items():
        head = caller.get(f"/v1/matrix?operation={operation.code}&limit=1").json()
        said = OPEN[kind](fetched(caller, f"matrix.{kind}").content, tmp_path / f"{audience}-matrix.{kind}").said
        expected = {name: head[name] for name in ("as_of", "methodology", "audience")}
        assert expected.items() <= said.items()
        reader = {"cluster": "the protection cluster", "mission": "the mission"}[audience]
        licence = f"Restricted: for the use of {reader} under the information-sharing protocol TEST-P1."
        assert said["licence"] == licence
        if kind is not Format.CSV:
            assert (said["classification"], str(said["rows"])) == (head["classification"], "5")
            assert said["data_through"] == head["data_through"]
            assert said["operation"] == operation.code
            assert "TEST-P1" in (said.get("protocol_version"), (said.get("protocol") or {}).get("version"))


def test_a_csv_file_is_described_beside_it(operation):
    for audience, caller in callers(operation).items():
        for layer in LAYERS:
            answer = fetched(caller, f"{layer}.csv")
            link, _, told = answer.headers["link"].partition("; ")
            assert told == 'rel="describedby"; type="application/csvm+json"'
            beside = fetched(caller, link.strip("<>"))
            assert beside.headers["content-type"] == "application/csvm+json"
            tree = beside.json()
            names, tags = (line.split(",") for line in answer.text.splitlines()[:2])
            described = tree["tableSchema"]["columns"]
            assert [one["name"] for one in described] == names
            assert [one["titles"][1] for one in described] == tags
            (said,) = tree["notes"]
            assert (said["audience"], said["rows"]) == (audience, int(answer.headers["flashpoint-rows"]))
            assert said["licence"] == tree["dc:rights"]


# -- what names can do ----------------------------------------------------------------------------------------------


def test_names_that_begin_as_formulas_do_are_texts_in_tables(operation):
    for layer in (Layer.MATRIX, Layer.COMMUNITIES):
        text = fetched(operation.analyst, f"{layer}.csv").text
        quoted = FORMULA.replace('"', '""')
        assert f',"\'{quoted}",' in text
        assert f',"{quoted}",' not in text
    assert ",'@site," in fetched(operation.analyst, "communities.csv").text


def test_names_that_begin_as_formulas_do_stay_texts_in_a_workbook(operation, tmp_path):
    path = tmp_path / "communities.xlsx"
    path.write_bytes(fetched(operation.analyst, "communities.xlsx").content)
    with zipfile.ZipFile(path) as book:
        sheet = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))  # noqa: S314 - our own file
        styles = ET.fromstring(book.read("xl/styles.xml")).find(f"{SHEET}cellXfs")  # noqa: S314 - likewise
    told = {"".join(cell.itertext()): cell for cell in sheet.iter(f"{SHEET}c") if cell.get("t") == "inlineStr"}
    assert [styles[int(told[name].get("s", 0))].get("quotePrefix") for name in (FORMULA, "@site", "Plain")] == [
        "1",
        "1",
        None,
    ]
    assert list(sheet.iter(f"{SHEET}f")) == []


@given(st.text(max_size=40))
def test_no_text_begins_as_a_formula_and_nothing_is_lost(text):
    written = harmless(text)
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert written in (text, f"'{text}")


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_stays_a_number(number):
    assert float(harmless(number)) == float(number)


@given(st.text(max_size=40))
def test_any_text_can_stand_in_xml(text):
    tree = ET.fromstring(f"<a>{xml_text(text)}</a>")  # noqa: S314 - our own
    kept = "".join(one for one in text if one in "\t\n\r" or (" " <= one <= "\ufffd") or one > "\uffff")
    assert (tree.text or "") == kept.replace("\r\n", "\n").replace("\r", "\n")


def test_every_column_has_a_tag_of_its_own():
    for layer in LAYERS:
        for audience in Audience:
            names = ["id", *(column.name for column in layers.columns(layer, audience)), "longitude", "latitude"]
            tags = [TAGS[name] for name in names]
            assert len(set(tags)) == len(tags)
    for tag in TAGS.values():
        name, *attributes = tag.removeprefix("#").split("+")
        assert tag.startswith("#")
        assert all(part.isidentifier() and part == part.lower() for part in (name, *attributes)), tag


# -- the same bytes -------------------------------------------------------------------------------------------------

FILES = [f"{layer}.{kind}" for layer in LAYERS for kind in Format]
#: Makes every file in a process of its own; says what each comes to.
SCRIPT = """
import hashlib, sys, tempfile
from pathlib import Path
from flashpoint.exports.formats import Format, LAYERS
from flashpoint.exports.making import Wanted, export
from flashpoint.store.engine import Database
from flashpoint.store.protocols import agreed
from flashpoint.types import Audience
from datetime import UTC, datetime
url, operation = sys.argv[1:]
database = Database(url, 1)
with tempfile.TemporaryDirectory() as folder, database.release_reader() as reader:
    (terms,) = [t for t in agreed(reader) if (t.operation, t.audience) == (operation, "mission")]
    for layer in LAYERS:
        for kind in Format:
            path = Path(folder) / f"{layer}.{kind}"
            export(reader, Wanted(layer, operation, Audience.MISSION, terms.named(datetime.now(UTC))), kind, path)
            print(hashlib.sha256(path.read_bytes()).hexdigest())
database.close()
"""


def digests(caller):
    return [hashlib.sha256(fetched(caller, file).content).hexdigest() for file in FILES]


def test_the_same_state_gives_the_same_bytes_again_and_in_another_process(operation):
    first = digests(operation.reader)
    assert digests(operation.reader) == first
    command = [sys.executable, "-c", SCRIPT, operation.service.database.url, operation.code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | {"TZ": "Asia/Tokyo"})
    assert done.stdout.split() == first


def test_a_file_that_tells_when_it_was_written_would_be_noticed(operation, monkeypatch):
    first = fetched(operation.reader, "matrix.gpkg").content
    monkeypatch.setattr(gdal_file, "_NEVER", None)
    assert fetched(operation.reader, "matrix.gpkg").content != first


# -- opened by programs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gpkg", "fgb", "kml", "geojson", "csv"])
def test_gdal_opens_it(operation, tmp_path, kind):
    ogrinfo = opened.program("ogrinfo", "gdal-bin")
    for layer in (Layer.MATRIX, Layer.INCIDENTS):
        path = tmp_path / f"{layer}.{kind}"
        answer = fetched(operation.reader, path.name)
        path.write_bytes(answer.content)
        told = opened.run(ogrinfo, "-ro", "-so", "-al", path)
        # To whatever knows no tags their row is one more.
        tagged = 1 if kind == "csv" else 0
        assert f"Feature Count: {int(answer.headers['flashpoint-rows']) + tagged}\n" in told


def test_a_geopackage_is_whole_and_carries_its_style(operation, tmp_path):
    path = tmp_path / "matrix.gpkg"
    path.write_bytes(fetched(operation.reader, path.name).content)
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        query = "SELECT f_table_name, f_geometry_column, useAsDefault, styleQML FROM layer_styles"
        ((name, column, default, qml),) = database.execute(query).fetchall()
        assert (name, column, default) == ("matrix", "geom", 1)
        columns = [one[1] for one in database.execute("PRAGMA table_info(matrix)")]
        assert column in columns
    tiers = {one.get("value"): one.get("symbol") for one in ET.fromstring(qml).iter("category")}  # noqa: S314 - ours
    assert set(tiers) == set(TIER_COLOURS)
    assert [one[0] for one in pyogrio.list_layers(path)] == ["matrix", "layer_styles"]


def test_a_flatgeobuf_has_an_index_where_everything_has_a_place(operation, tmp_path):
    for layer, indexed in ((Layer.MATRIX, True), (Layer.INCIDENTS, False)):
        path = tmp_path / f"{layer}.fgb"
        path.write_bytes(fetched(operation.reader, path.name).content)
        assert pyogrio.read_info(path)["capabilities"]["fast_spatial_filter"] is indexed
        assert (None in [one[1] for one in answered(operation.reader, operation, layer).values()]) is not indexed


def test_kml_is_drawn_by_tier_and_in_time(operation):
    document = ET.fromstring(fetched(operation.reader, "matrix.kml").content)  # noqa: S314 - our own file
    styles = {f"#{one.get('id')}" for one in document.iter(f"{KML}Style")}
    assert {one.text for one in document.iter(f"{KML}styleUrl")} <= styles
    incidents = ET.fromstring(fetched(operation.reader, "incidents.kml").content)  # noqa: S314 - our own file
    for mark in incidents.iter(f"{KML}Placemark"):
        begin, end = (mark.find(f".//{KML}{name}").text for name in ("begin", "end"))
        assert begin <= end
