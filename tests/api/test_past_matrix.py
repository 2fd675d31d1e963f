"""The matrix as it could have been computed at a past moment: byte for byte, whatever has been recorded since."""

import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from service import BOXES, ago, at_once, away_from_the_quarter, subject, wait_until
from test_matrix import busy

from api import archive as archive_module
from api.app import create_app
from flashpoint import context
from flashpoint.imports import BoundaryTarget, UcdpTarget, boundaries, ucdp
from flashpoint.scoring.methodology import DEFAULT, METHODOLOGIES
from flashpoint.store import actors
from flashpoint.types import Audience, Role

MARKS = {"recorded_through", "reconstructed"}
OTHER = next(version for version in METHODOLOGIES if version != DEFAULT.version)


def ask(caller, operation, rest="", pcode="", **headers):
    path = f"/v1/matrix{pcode and '/' + pcode}?operation={operation.code}{rest}"
    return caller.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def answered(caller, operation, rest="", pcode=""):
    answer = ask(caller, operation, rest, pcode)
    assert answer.status_code == 200, answer.text
    return answer


def views(operation):
    return {audience: operation.caller(Role.ANALYST, audience) for audience in Audience}


def long_known(service, operation):
    """Let the places of an operation count as known for ever, as imported boundaries do."""
    for table in ("locality", "admin_unit"):
        query = f"UPDATE vault.{table} SET known_at = '1900-01-01Z', known_assumed = true WHERE operation = %s"
        service.owner.execute(query, [operation.code])


def long_here(service, operation):
    """Let an operation have been here since yesterday: the clock has struck since, and things go on from there."""
    for table, where in (("operation", "code"), ("locality", "operation"), ("admin_unit", "operation")):
        known = "" if table == "operation" else ", known_at = known_at - interval '1 day'"
        query = f"UPDATE vault.{table} SET recorded_at = recorded_at - interval '1 day'{known} WHERE {where} = %s"
        service.owner.execute(query, [operation.code])


@pytest.fixture
def import_event(service, operation, tmp_path):
    """Import an event of a curated data set: recorded now, and known since it ended."""

    def import_one(number, ended, killed=4):
        path = tmp_path / f"{number}.csv"
        head = "id,type_of_violence,side_a,where_prec,date_prec,date_start,date_end,longitude,latitude,low,best,high"
        path.write_text(f"{head}\n{number},3,Some group,1,1,{ended},{ended},18.5,4.5,1,{killed},{killed}\n")
        ucdp(service.database, path, UcdpTarget(operation.code), lambda _done, _total: None)

    return import_one


# -- byte for byte --------------------------------------------------------------------------------------------------


def import_a_better_map(operation, folder):
    """Import boundaries under the name of the list in force: a correction, for the past as well."""
    features = []
    for pcode, (west, south, east, north) in BOXES.items():
        ring = [[west, south], [east + 0.05, south], [east, north], [west, north], [west, south]]
        properties = {
            "adm3_pcode": pcode,
            "adm3_name": f"Renamed {pcode}",
            "adm2_pcode": pcode[:3],
            "adm2_name": pcode[:3],
            "adm1_pcode": "X1",
            "adm1_name": "X1",
        }
        shape = {"type": "Polygon", "coordinates": [ring]}
        features.append({"type": "Feature", "geometry": shape, "properties": properties})
    path = folder / "map.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    target = BoundaryTarget(operation.code, "adm3", "Test 2026")
    boundaries(operation.service.database, path, target, lambda _done, _total: None)


def everything_happens(operation, ids):
    """Verify, withdraw, correct, close, renew and move what stands in the matrix."""
    operation.verified((19.2, 4.2), killed={"low": 9, "best": 9, "high": 9})
    operation.step(ids[0], "withdraw", reason_code="harm")
    closed = {"properties": {"sharing": "restricted"}}
    assert operation.analyst.patch(f"/v1/incidents/{ids[1]}", closed, If_Match="*").status_code in {200, 204}
    gone = operation.verifier.post(f"/v1/presences/{ids[7]}/withdrawal", {"reason_code": "false"}, If_Match="*")
    assert gone.status_code == 200, gone.text
    community = subject(operation.code, "community", confinement=4)
    assert operation.analyst.put(f"/v1/communities/{ids[5]}", community, If_Match="*").status_code == 200
    town = operation.row("X1202")["id"]
    moved = subject(operation.code, "locality", pcode="X1202", name="Elsewhere", catchment_km=40)
    assert operation.coordinator.put(f"/v1/localities/{town}", moved, If_Match="*").status_code == 200


@contextmanager
def another_process(service):
    """Run the app once more on the same database: nothing in memory but what it reads and computes itself."""
    with TestClient(create_app(service.app.state.settings, service.database.url)) as client:
        wait_until(lambda: client.get("/readyz").status_code == 200)
        yield client


@pytest.mark.parametrize("here", ["for a moment", "since yesterday"])
def test_an_earlier_answer_comes_back_byte_for_byte_whatever_happened_since(
    operation, service, import_event, tmp_path, here
):
    if here == "since yesterday":
        long_here(service, operation)
    ids = busy(operation)
    pcodes = ["", "X1101", "X1202"]
    first = {
        (one, pcode): ask(caller, operation, pcode=pcode)
        for one, caller in views(operation).items()
        for pcode in pcodes
    }
    as_of = {one: first[one, ""].json()["as_of"] for one in Audience}
    everything_happens(operation, ids)
    import_event(1, ago(20)[:10])
    import_a_better_map(operation, tmp_path)
    operation.assess()
    assert operation.row("X1101")["properties"]["name"] == "Renamed X1101"
    with another_process(service) as elsewhere:
        for (audience, pcode), earlier in first.items():
            caller = views(operation)[audience]
            assert ask(caller, operation, pcode=pcode).content != earlier.content
            path = f"/v1/matrix{pcode and '/' + pcode}?operation={operation.code}&as_of={as_of[audience]}"
            here = caller.get(path)
            there = elsewhere.get(path, headers={"Authorization": f"Bearer {caller.token}"})
            assert here.content == there.content == earlier.content
            assert here.headers["etag"] == there.headers["etag"]


def test_every_answer_in_a_row_of_changes_comes_back(operation, service):
    """Each matrix is made on top of the one before."""
    away_from_the_quarter()
    long_here(service, operation)
    answers = []
    for number in range(5):
        operation.verified((18.2 + number / 10, 4.4), killed={"low": 1, "best": 1 + number, "high": 9})
        operation.assess()
        answers.append({one: ask(caller, operation) for one, caller in views(operation).items()})
    for answer in answers:
        for audience, caller in views(operation).items():
            earlier = answer[audience]
            again = answered(caller, operation, f"&as_of={earlier.json()['as_of']}")
            assert again.content == earlier.content
            assert not MARKS & set(again.json())


def test_pages_and_filters_of_the_past_are_cut_from_it(operation):
    busy(operation)
    whole = ask(operation.analyst, operation).json()
    operation.verified((19.2, 4.2), killed={"low": 99, "best": 99, "high": 99})
    operation.assess()
    past, seen = f"&as_of={whole['as_of']}", []
    path = f"/v1/matrix?operation={operation.code}{past}&limit=3&geometry=none"
    while path:
        page = operation.analyst.get(path).json()
        assert page["as_of"] == whole["as_of"]
        seen += [row["properties"] for row in page["features"]]
        path = next(("/v1/matrix" + one["href"] for one in page["links"] if one["rel"] == "next"), None)
    assert seen == [row["properties"] for row in whole["features"]]
    inside = answered(operation.analyst, operation, f"{past}&bbox=18.1,4.1,18.2,4.2").json()
    assert [row["properties"]["pcode"] for row in inside["features"]] == ["X1101"]


def test_what_is_taken_from_the_board_is_what_would_be_computed(operation, service, monkeypatch):
    busy(operation)
    for caller in views(operation).values():
        as_of = ask(caller, operation).json()["as_of"]
        taken = answered(caller, operation, f"&as_of={as_of}")
        operation.verified((19.2, 4.2), killed={"low": 1, "best": 5, "high": 9})
        operation.assess()
        monkeypatch.setattr(service.app.state.archive, "_kept", archive_module._Kept())  # noqa: SLF001
        computed = answered(caller, operation, f"&as_of={as_of}")
        assert (computed.content, computed.headers["etag"]) == (taken.content, taken.headers["etag"])


@pytest.mark.parametrize("coding", ["gzip", "zstd", "identity"])
def test_the_past_has_a_tag_and_codings_as_the_present_has(operation, coding):
    busy(operation)
    as_of = ask(operation.analyst, operation).json()["as_of"]
    operation.verified()
    operation.assess()
    past = ask(operation.analyst, operation, f"&as_of={as_of}", Accept_Encoding=coding)
    assert past.headers.get("content-encoding", "identity") == coding
    again = ask(
        operation.analyst, operation, f"&as_of={as_of}", Accept_Encoding=coding, If_None_Match=past.headers["etag"]
    )
    assert (again.status_code, again.content) == (304, b"")
    live = ask(operation.analyst, operation, Accept_Encoding=coding, If_None_Match=past.headers["etag"])
    assert live.status_code == 200


def test_a_moment_may_be_written_in_several_ways(operation):
    busy(operation)
    as_of = datetime.fromisoformat(ask(operation.analyst, operation).json()["as_of"])
    elsewhere = as_of + timedelta(hours=2)
    written = [
        as_of.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        as_of.strftime("%Y-%m-%dt%H:%M:%S.%fz"),
        elsewhere.strftime("%Y-%m-%dT%H:%M:%S.%f%%2B02:00"),
        elsewhere.strftime("%Y-%m-%dT%H:%M:%S.%f+02:00"),  # as browsers do not escape it
    ]
    assert len({answered(operation.analyst, operation, f"&as_of={one}").content for one in written}) == 1


# -- who may see what -----------------------------------------------------------------------------------------------


def test_the_past_says_no_more_to_an_audience_than_its_present_did(operation):
    ids = busy(operation)
    as_of = ask(operation.analyst, operation).json()["as_of"]
    operation.verified()
    operation.assess()
    rows = [answered(operation.reader, operation, f"&as_of={as_of}", pcode).text for pcode in ("", "X1101", "X1201")]
    assert json.loads(rows[0])["audience"] == "mission"
    assert not [one for one in ids if one in "".join(rows)]
    cluster = answered(operation.analyst, operation, f"&as_of={as_of}")
    assert cluster.json()["audience"] == "cluster"
    assert ids[0] in cluster.text


def test_the_past_of_another_operation_is_no_more_there_than_its_present(operation, elsewhere):
    for one in (operation, elsewhere):
        one.assess()
    as_of = ask(operation.analyst, operation).json()["as_of"]
    said = {
        operation.analyst.get(f"/v1/matrix?operation={code}&as_of={as_of}").text for code in (elsewhere.code, "NONE")
    }
    assert len(said) == 1
    assert operation.analyst.get(f"/v1/matrix?operation={elsewhere.code}&as_of={as_of}").status_code == 404


def test_before_the_first_locality_there_is_an_empty_matrix(operation):
    busy(operation)
    for caller in views(operation).values():
        empty = answered(caller, operation, "&as_of=1999-12-31").json()
        assert (empty["type"], empty["features"], empty["numberMatched"]) == ("FeatureCollection", [], 0)
        assert empty["as_of"] == "1999-12-31T00:00:00Z"
        assert ask(caller, operation, "&as_of=1999-12-31", "X1101").status_code == 404


# -- reconstructions ------------------------------------------------------------------------------------------------


def test_a_reconstruction_says_so_and_can_be_pinned(operation, service, import_event):
    long_known(service, operation)
    import_event(1, "2014-01-20")
    operation.assess()
    for caller in views(operation).values():
        first = answered(caller, operation, "&as_of=2014-02-01")
        told = first.json()
        assert told["reconstructed"] is True
        assert told["as_of"] == "2014-02-01T00:00:00Z"
        assert datetime.now(UTC) - datetime.fromisoformat(told["recorded_through"]) < timedelta(minutes=1)
        assert len(told["features"]) == 4
        import_event(2 if caller is operation.analyst else 3, "2014-01-25", killed=40)
        pinned = f"&as_of=2014-02-01&recorded={told['recorded_through']}"
        assert answered(caller, operation, pinned).content == first.content
        with another_process(service) as elsewhere:
            path = f"/v1/matrix?operation={operation.code}{pinned}"
            there = elsewhere.get(path, headers={"Authorization": f"Bearer {caller.token}"})
        assert (there.content, there.headers["etag"]) == (first.content, first.headers["etag"])
        anew = answered(caller, operation, "&as_of=2014-02-01").json()
        assert anew["recorded_through"] > told["recorded_through"]
        assert anew["features"] != told["features"]


def test_the_next_page_of_a_reconstruction_is_of_the_same_one(operation, service, import_event):
    long_known(service, operation)
    import_event(1, "2014-01-20")
    operation.assess()
    first = answered(operation.analyst, operation, "&as_of=2014-02-01&limit=2").json()
    import_event(2, "2014-01-25", killed=40)
    (following,) = [one["href"] for one in first["links"] if one["rel"] == "next"]
    second = operation.analyst.get(f"/v1/matrix{following}").json()
    assert second["recorded_through"] == first["recorded_through"]
    assert len({row["id"] for row in first["features"] + second["features"]}) == 4


def test_what_was_recorded_after_the_moment_that_is_named_does_not_count(operation, service, import_event):
    long_known(service, operation)
    operation.assess()
    before = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    import_event(1, "2014-01-20")
    empty = answered(operation.analyst, operation, f"&as_of=2014-02-01&recorded={before}").json()
    full = answered(operation.analyst, operation, "&as_of=2014-02-01").json()
    assert (empty["coverage"]["incidents_in_force"], full["coverage"]["incidents_in_force"]) == (0, 1)


def test_of_an_operation_that_was_here_no_more_counts_than_was_recorded_then(operation, service):
    long_here(service, operation)
    first = operation.verified()
    operation.assess()
    between = ask(operation.analyst, operation)
    operation.verified((19.2, 4.2))
    operation.assess()
    as_of = ask(operation.analyst, operation).json()["as_of"]
    early = answered(operation.analyst, operation, f"&as_of={as_of}&recorded={between.json()['as_of']}").json()
    assert early["coverage"]["incidents_in_force"] == 1
    assert first in json.dumps(early)
    assert (early["recorded_through"], "reconstructed" in early) == (between.json()["as_of"], False)
    late = answered(operation.analyst, operation, f"&as_of={between.json()['as_of']}&recorded={as_of}")
    assert late.content == between.content


# -- by another method ----------------------------------------------------------------------------------------------


def test_another_version_of_the_method_may_be_named(operation):
    busy(operation)
    live = ask(operation.analyst, operation).json()
    other = answered(operation.analyst, operation, f"&methodology={OTHER}").json()
    assert (live["methodology"], other["methodology"]) == (DEFAULT.version, OTHER)
    assert other["as_of"] == live["as_of"]
    again = answered(operation.analyst, operation, f"&methodology={OTHER}&as_of={live['as_of']}")
    assert again.json() == other
    row = answered(operation.analyst, operation, f"&methodology={OTHER}", "X1101").json()
    assert row["explanation"]["methodology"] == OTHER
    own = answered(operation.analyst, operation, f"&methodology={DEFAULT.version}").json()
    assert own == live


def test_a_version_that_is_not_there_is_not_found_and_one_proposed_is_for_the_cluster_alone(operation):
    busy(operation)
    proposal = {
        "operation": operation.code,
        "version": "trial",
        "changes": {"silence_days": 14},
        "reason": "Trial.",
    }
    assert operation.coordinator.post("/v1/methodologies", proposal).status_code == 201
    for caller, version, status in (
        (operation.analyst, "none-such", 404),
        (operation.reader, "none-such", 404),
        (operation.analyst, "trial", 200),
        (operation.reader, "trial", 404),
    ):
        assert ask(caller, operation, f"&methodology={version}").status_code == status
    said = {ask(operation.reader, operation, f"&methodology={one}").text for one in ("trial", "none-such")}
    assert len(said) == 1


# -- what cannot be asked -------------------------------------------------------------------------------------------

#: Named to the day: the names of tests must be the same in each worker.
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT23:59:00Z")


@pytest.mark.parametrize("pcode", ["", "X1101"])
@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        *[
            (f"as_of={value}", [("?as_of", "malformed_instant")])
            for value in (
                *("", "now", "2014", "2014-02", "2014-2-1", "2014-02-30", "20140201", "2014-02-01T00:00:00"),
                *("2014-02-01T24:00:00Z", "2014-02-01T00:00:60Z", "2014-02-01T00:00:00.1234567Z", "0000-01-01"),
                *(
                    "2014-02-01T00:00:00%2B24:00",
                    "0001-01-01T00:00:00%2B23:00",
                    "2014-02-01T00:00:00Z%00",
                    "٢٠١٤-02-01",
                ),
                *("2014-02-01%2000:00:00Z", "-2014-02-01", "1391212800"),
            )
        ],
        (f"as_of={TOMORROW}", [("?as_of", "in_future")]),
        ("as_of=9999-12-31", [("?as_of", "in_future")]),
        ("as_of=1899-12-31T23:59:59Z", [("?as_of", "out_of_range")]),
        ("as_of=0001-01-01", [("?as_of", "out_of_range")]),
        (f"as_of=2014-02-01&recorded={TOMORROW}", [("?recorded", "in_future")]),
        ("as_of=2014-02-01&recorded=x", [("?recorded", "malformed_instant")]),
        ("as_of=2014-02-01&recorded=1899-01-01", [("?recorded", "out_of_range")]),
        ("recorded=2014-02-01", [("?recorded", "not_allowed")]),
        ("as_of=2014-02-01&as_of=2014-02-01", [("?as_of", "repeated_parameter")]),
        *[
            (f"methodology={v}", [("?methodology", "malformed_version")])
            for v in ("", "a b", ".x", "x" * 101, "%00", "é")
        ],
        ("as_of=x&methodology=!", [("?as_of", "malformed_instant"), ("?methodology", "malformed_version")]),
    ],
)
def test_what_is_wrong_with_a_moment_is_named_and_never_repeated(operation, query, wrong, pcode):
    operation.assess()
    answer = ask(operation.analyst, operation, f"&{query}", pcode)
    assert answer.status_code == 400
    assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == wrong


def test_the_first_moment_that_can_be_asked_is_the_beginning_of_1900(operation):
    operation.assess()
    assert answered(operation.analyst, operation, "&as_of=1900-01-01").json()["features"] == []


# -- bounds ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def busy_archive(service):
    """The archive with its one worker held up until the test lets go."""
    free = threading.Event()
    service.app.state.archive._worker.submit(free.wait)  # noqa: SLF001
    yield free
    free.set()


def in_background(calls):
    answers = []
    thread = threading.Thread(target=lambda: answers.extend(at_once(calls)))
    thread.start()
    return thread, answers


def test_many_who_ask_for_the_same_share_it_and_the_live_matrix_waits_for_nobody(operation, service, busy_archive):
    busy(operation)
    archive = service.app.state.archive
    thread, answers = in_background([lambda: ask(operation.analyst, operation, "&as_of=2001-01-01")] * 5)
    wait_until(lambda: archive._flights)  # noqa: SLF001
    assert ask(operation.analyst, operation).status_code == 200
    assert answered(operation.analyst, operation, pcode="X1101")
    assert len(archive._flights) == 1  # noqa: SLF001
    busy_archive.set()
    thread.join(20)
    assert [answer.status_code for answer in answers] == [200] * 5
    assert len({answer.content for answer in answers}) == 1
    assert not archive._flights  # noqa: SLF001


def test_when_too_many_wait_the_next_is_turned_away(operation, service, busy_archive):
    busy(operation)
    archive = service.app.state.archive
    calls = [
        lambda day=day: ask(operation.analyst, operation, f"&as_of=2001-01-{day:02}")
        for day in range(1, archive_module.MOST_WAITING + 1)
    ]
    thread, answers = in_background(calls)
    wait_until(lambda: len(archive._flights) == archive_module.MOST_WAITING)  # noqa: SLF001
    refused = ask(operation.analyst, operation, "&as_of=2002-01-01")
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) > 0
    joined, told = in_background([lambda: ask(operation.analyst, operation, "&as_of=2001-01-01")])
    busy_archive.set()
    for one in (thread, joined):
        one.join(30)
    assert [answer.status_code for answer in answers + told] == [200] * (len(calls) + 1)


def test_nobody_waits_for_ever(operation, busy_archive, monkeypatch):
    busy(operation)
    monkeypatch.setattr(archive_module, "PATIENCE_SECONDS", 0.2)
    refused = ask(operation.analyst, operation, "&as_of=2003-01-01")
    assert refused.status_code == 503
    assert "retry-after" in refused.headers
    busy_archive.set()
    wait_until(lambda: ask(operation.analyst, operation, "&as_of=2003-01-01").status_code == 200)


def test_what_the_archive_keeps_is_bounded(operation, service, monkeypatch):
    busy(operation)
    archive, kept = service.app.state.archive, service.app.state.archive._kept  # noqa: SLF001
    first = ask(operation.analyst, operation).json()["as_of"]
    operation.verified()
    operation.assess()
    answered(operation.analyst, operation, f"&as_of={first}")
    monkeypatch.setattr(archive_module, "KEPT_BYTES", 1)
    answered(operation.analyst, operation, "&as_of=2004-01-01")
    assert [wanted.as_of.year for wanted in kept._sheets] == [2004]  # noqa: SLF001
    assert kept._bytes == sum(sheet.weight_bytes for sheet in kept._sheets.values())  # noqa: SLF001
    monkeypatch.setattr(archive_module, "KEPT_BYTES", 10**9)
    monkeypatch.setattr(archive_module, "KEPT_SHEETS", 3)
    for year in range(1990, 1996):
        answered(operation.analyst, operation, f"&as_of={year}-01-01")
    assert [wanted.as_of.year for wanted in kept._sheets] == [1993, 1994, 1995]  # noqa: SLF001
    assert not archive._flights  # noqa: SLF001


def test_a_moment_is_answered_once_nothing_more_can_become_known_before_it(operation, service):
    """A writer that began before the moment and has not finished yet belongs to what was known then."""
    operation.assess()
    assert ask(operation.analyst, operation).json()["numberMatched"] == 4
    begun, finish = threading.Event(), threading.Event()

    def write():
        town = subject(operation.code, "locality")
        with service.database.console() as vault:
            context.record(vault, actors.console(vault), "locality", (uuid4(), 1), town)
            begun.set()
            finish.wait(10)

    writer = threading.Thread(target=write)
    writer.start()
    begun.wait(10)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    asking, answers = in_background([lambda: ask(operation.analyst, operation, f"&as_of={now}")])
    asking.join(0.3)
    assert not answers
    finish.set()
    for thread in (writer, asking):
        thread.join(10)
    assert [answer.json()["numberMatched"] for answer in answers] == [5]
