"""Who is given a file, of what, how often, and what is left of it: gate, tags, log, cap, turns, temporary files."""

import json
import re
import subprocess
import tempfile
import urllib.request
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import opened
import pytest
from declared_routes import routes_of
from service import subject

from api import spool
from api.allowance import WEIGHTS
from flashpoint.exports import kml_file
from flashpoint.exports.formats import KINDS, LAYERS, Format
from flashpoint.exports.qgis import AUTHENTICATION
from flashpoint.tier_colours import TIER_COLOURS
from flashpoint.types import Audience, Role

PYTHON_OF_QGIS = "/usr/bin/python3"


@pytest.fixture(scope="module")
def operation(sampled):
    operation = sampled.operation()
    operation.verified(sharing="mission", share_above="detail")
    told = subject(operation.code, "community", sharing="mission", share_above="detail")
    assert operation.coordinator.post("/v1/communities", told).status_code == 201
    operation.assess()
    return operation


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where temporary files are made while a test runs."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def logged(operation, caller):
    """Give what the log says of files that somebody was given."""
    query = """
        SELECT subject, subject_id, operation, detail FROM vault.audit
        WHERE actor_id = %s AND action = 'export' ORDER BY seq
    """
    return operation.service.owner.execute(query, [caller.id]).fetchall()


@contextmanager
def refusing(service):
    """Have the log take nothing, whoever writes."""
    service.owner.execute("""
        CREATE FUNCTION vault.refuses_exports() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'no'; END $$;
        CREATE TRIGGER a_refuses BEFORE INSERT ON vault.audit
            FOR EACH ROW EXECUTE FUNCTION vault.refuses_exports();
    """)
    try:
        yield
    finally:
        service.owner.execute("DROP FUNCTION vault.refuses_exports CASCADE")


# -- what there is --------------------------------------------------------------------------------------------------


def test_the_listing_has_every_file_and_its_rows(operation):
    for audience, caller in ((Audience.MISSION, operation.reader), (Audience.CLUSTER, operation.analyst)):
        listing = caller.get("/v1/exports").json()
        assert (listing["operation"], listing["audience"]) == (operation.code, audience)
        assert [one["layer"] for one in listing["exports"]] == list(LAYERS)
        for one in listing["exports"]:
            assert [file["type"] for file in one["files"]] == [KINDS[kind].media for kind in Format]
            for file in one["files"]:
                answer = caller.get(f"/v1/{file['href']}")
                assert answer.headers["content-type"] == file["type"]
                assert answer.headers["flashpoint-rows"] == str(one["rows"])
        assert {one["layer"]: one["rows"] for one in listing["exports"]} == {
            **dict.fromkeys(("matrix", "localities"), 4),
            **dict.fromkeys(("communities", "incidents"), 1),
        }
        (definition,) = listing["layer_definitions"]
        assert caller.get(f"/v1/{definition['href']}").headers["content-type"] == definition["type"]


def test_what_is_not_there_is_not_found_and_what_is_not_asked_right_is_refused(operation, elsewhere):
    reader = operation.reader
    for file in ("matrix.shp", "matrix", "matrix.geojson.gz", "changes.csv", "incidents.qlr", "zones.gpkg", "none"):
        assert reader.get(f"/v1/exports/{file}").status_code == 404, file
    for path in ("/v1/exports", "/v1/exports/matrix.csv", "/v1/exports/matrix.qlr"):
        assert reader.get(f"{path}?operation={elsewhere.code}").status_code == 404
        wrong = {"limit=1": "?", "operation=a-b": "?operation", "operation=X&operation=X": "?operation"}
        for query, pointer in wrong.items():
            answer = reader.get(f"{path}?{query}")
            assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, pointer)
        assert operation.service.client.get(path).status_code == 401


@pytest.fixture
def elsewhere(sampled):
    elsewhere = sampled.operation()
    elsewhere.assess()
    return elsewhere


def test_a_key_for_several_operations_has_to_say_which(operation, elsewhere):
    codes = (operation.code, elsewhere.code)
    wide = operation.service.caller(f"wide-{elsewhere.code}", Role.READER, Audience.MISSION, codes)
    answer = wide.get("/v1/exports/matrix.csv")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "?operation")
    assert wide.get(f"/v1/exports/matrix.csv?operation={elsewhere.code}").status_code == 200
    assert f"operation={elsewhere.code}" in wide.get(f"/v1/exports/matrix.qlr?operation={elsewhere.code}").text


# -- who may --------------------------------------------------------------------------------------------------------


def test_without_a_protocol_the_mission_is_given_nothing_and_the_cluster_is_told(sampled):
    operation = sampled.operation(agreed=False)
    operation.assess()
    for file in ("matrix.gpkg", "matrix.qlr", "matrix.csv-metadata.json", "incidents.csv"):
        answer = operation.reader.get(f"/v1/exports/{file}")
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:flashpoint:problem:no-protocol")
    assert operation.reader.get("/v1/exports").status_code == 403
    assert logged(operation, operation.reader) == []
    licence = operation.analyst.get("/v1/exports/matrix.geojson").json()["licence"]
    assert licence == (
        "Restricted: for the use of the protection cluster alone. No information-sharing protocol is in force."
    )


def test_a_suspended_protocol_ends_it_whatever_the_client_holds(sampled):
    operation = sampled.operation()
    operation.assess()
    given = operation.reader.get("/v1/exports/matrix.gpkg")
    assert given.status_code == 200
    told = {"operation": operation.code, "reason": "Synthetic."}
    assert operation.coordinator.post("/v1/protocols/TEST-P1/suspension", told).status_code == 200
    operation.service.app.state.watch.reload([])
    again = operation.reader.get("/v1/exports/matrix.gpkg", headers={"If-None-Match": given.headers["etag"]})
    assert again.status_code == 403


# -- asked again ----------------------------------------------------------------------------------------------------


def test_an_unchanged_layer_is_not_made_again_and_a_changed_one_is(sampled):
    operation = sampled.operation()
    operation.assess()
    reader = operation.reader
    for kind in Format:
        first = reader.get(f"/v1/exports/incidents.{kind}")
        seen = {"If-None-Match": first.headers["etag"]}
        again = reader.get(f"/v1/exports/incidents.{kind}", headers=seen)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert len(logged(operation, reader)) == len(Format), "what is not given is not logged"
    operation.verified(sharing="mission", share_above="detail")
    operation.assess()
    answer = reader.get(f"/v1/exports/incidents.{kind}", headers=seen)
    assert (answer.status_code, answer.headers["flashpoint-rows"]) == (200, "1")
    assert (
        reader.get("/v1/exports/matrix.gpkg").headers["etag"]
        != operation.analyst.get("/v1/exports/matrix.gpkg").headers["etag"]
    )


def test_text_is_compressed_as_it_is_asked_for_and_the_length_is_true(operation):
    reader, path = operation.reader, "/v1/exports/matrix.geojson"
    plain, coded = (reader.get(path, headers={"Accept-Encoding": coding}) for coding in ("identity", "gzip"))
    assert "content-encoding" not in plain.headers
    assert coded.headers["content-encoding"] == "gzip"
    assert (plain.content, plain.headers["content-length"]) == (coded.content, str(len(plain.content)))
    assert plain.headers["etag"] != coded.headers["etag"]
    assert int(coded.headers["content-length"]) < len(plain.content)
    assert "content-encoding" not in reader.get("/v1/exports/matrix.gpkg").headers


# -- logged, capped, counted, in turns ------------------------------------------------------------------------------


def test_each_file_is_logged_with_its_rows_and_the_auditor_sees_it(sampled):
    operation = sampled.operation()
    operation.assess()
    operation.reader.get("/v1/exports/matrix.fgb")
    operation.analyst.get("/v1/exports/incidents.csv")
    code = operation.code
    assert logged(operation, operation.reader) == [
        ("matrix", code, code, {"audience": "mission", "format": "fgb", "rows": 4})
    ]
    assert logged(operation, operation.analyst) == [
        ("incidents", code, code, {"audience": "cluster", "format": "csv", "rows": 0})
    ]
    entries = operation.caller(Role.AUDITOR).get(f"/v1/audit?operation={code}&action=export").json()["entries"]
    assert sorted((one["kind"], one["action"]) for one in entries) == [("incidents", "export"), ("matrix", "export")]


def test_what_cannot_be_logged_is_not_given(operation, folder):
    with refusing(operation.service):
        answer = operation.reader.get("/v1/exports/matrix.gpkg")
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    assert list(folder.iterdir()) == []


def test_a_layer_with_too_many_rows_is_refused_before_it_is_read(operation, monkeypatch, folder):
    before = logged(operation, operation.reader)
    monkeypatch.setitem(KINDS, Format.GPKG, replace(KINDS[Format.GPKG], most_rows=3))
    answer = operation.reader.get("/v1/exports/matrix.gpkg")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "too_many_rows")
    assert operation.reader.get("/v1/exports/incidents.gpkg").status_code == 200
    assert len(logged(operation, operation.reader)) == len(before) + 1
    assert list(folder.iterdir()) == []


def test_whoever_comes_when_too_many_wait_is_turned_away_for_a_while(operation, monkeypatch):
    monkeypatch.setattr(spool, "MOST_WAITING", 0)
    answer = operation.reader.get("/v1/exports/matrix.gpkg")
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    monkeypatch.undo()
    assert operation.reader.get("/v1/exports/matrix.gpkg").status_code == 200


def test_a_file_counts_as_many_requests(operation):
    assert WEIGHTS["GET", "/v1/exports/{file}"] == 20
    assert set(WEIGHTS) <= {(method, path) for method, path, _ in routes_of(operation.service.app)}


# -- what is left ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", Format)
def test_nothing_is_left_of_a_file(operation, folder, kind):
    assert operation.reader.get(f"/v1/exports/matrix.{kind}").status_code == 200
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(("error", "status"), [(RuntimeError, 500), (OSError(28, "no space"), 503)])
def test_nothing_is_left_of_a_file_whose_making_fails(operation, folder, monkeypatch, error, status):
    def broken(_content, path):
        path.write_text("half")
        assert [one.stat().st_mode & 0o077 for one in folder.iterdir()] == [0], "for this account alone"
        raise error

    monkeypatch.setattr(kml_file, "write", broken)
    assert operation.reader.get("/v1/exports/matrix.kml").status_code == status
    assert list(folder.iterdir()) == []


class BrokenLineError(Exception):
    """What a server raises when the client is gone."""


def test_nothing_is_left_of_a_file_whose_client_breaks_off(operation, folder):
    service, started = operation.service, []

    async def breaking(message):
        started.append(message["type"])
        if message["type"] == "http.response.body":
            raise BrokenLineError

    async def silent():
        return {"type": "http.request", "body": b"", "more_body": False}

    path = "/v1/exports/matrix.gpkg"
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "state": {},
        "headers": [(b"authorization", f"Bearer {operation.reader.token}".encode())],
    }
    service.client.portal.call(service.app, scope, silent, breaking)
    assert started == ["http.response.start", "http.response.body"]
    assert list(folder.iterdir()) == []
    still_open = [str(one.readlink()) for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
    assert [one for one in still_open if str(folder) in one] == []


# -- QGIS -----------------------------------------------------------------------------------------------------------


def test_a_layer_definition_holds_no_key_and_points_to_the_origin_that_was_asked(served):
    definition = _bytes(served, "/v1/exports/matrix.qlr").decode()
    assert f"url='{served.url}/ogc'" in definition
    assert f"authcfg={AUTHENTICATION} " in definition
    assert re.search(r"fp_\w", definition) is None


def _bytes(served, path) -> bytes:
    request = urllib.request.Request(served.url + path, headers={"Authorization": f"Bearer {served.key}"})
    with urllib.request.urlopen(request) as answer:
        return answer.read()


def test_qgis_opens_files_and_definition_styled_as_they_come(served, tmp_path):
    if subprocess.run([PYTHON_OF_QGIS, "-c", "import qgis.core"], capture_output=True, check=False).returncode:
        pytest.skip("QGIS is not installed for the system's Python (Debian: python3-qgis); make clients")
    for name in ("matrix.gpkg", "incidents.gpkg", "matrix.qlr"):
        (tmp_path / name).write_bytes(_bytes(served, f"/v1/exports/{name}"))
    asked = {
        "key": served.key,
        "folder": str(tmp_path),
        "authentication": AUTHENTICATION,
        "files": {name: str(tmp_path / f"{name}.gpkg") for name in ("matrix", "incidents")},
        "definition": str(tmp_path / "matrix.qlr"),
    }
    how = {"QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path), "QGIS_AUTH_DB_DIR_PATH": str(tmp_path)}
    script = Path(__file__).with_name("qgis_exports.py")
    found = json.loads(opened.run(PYTHON_OF_QGIS, script, json.dumps(asked), **how).splitlines()[-1])
    ids = sorted(one["id"] for one in served.features("matrix"))
    colours = {str(tier): colour for tier, colour in TIER_COLOURS.items()}
    assert found["matrix"] == {"provider": "ogr", "ids": ids, "drawn": "categorizedSymbol", "colours": colours}
    assert found["definition"] == {**found["matrix"], "provider": "OAPIF"}
    assert found["incidents"]["drawn"] == "singleSymbol"
