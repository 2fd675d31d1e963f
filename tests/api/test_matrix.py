"""The hot matrix over HTTP: what each audience reads of it, when its bytes change and when they must not."""

import base64
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import service as running_service
from service import ago, away_from_the_quarter, subject, wait_until

from flashpoint.scoring.methodology import DEFAULT
from flashpoint.store import actors
from flashpoint.types import Audience, Role

MOMENT = {"as_of", "data_through", "methodology", "operation", "audience", "coverage", "classification", "stale"}


def exact(text):
    """Read JSON with its numbers as they are printed."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def busy(operation):
    """Put something of every kind into an operation, and assess it."""
    ids = [
        operation.verified((18.2, 4.2), killed={"low": 3, "best": 7, "high": 19}, reported_at=ago(1)),
        operation.verified((18.4, 4.4), displaced={"low": 10, "best": 40, "high": 90}, sharing="mission"),
        operation.verified((19.4, 4.4), protected_site="school", sharing="restricted"),
        operation.verified((19.5, 4.5), category="sexual_violence"),
        operation.verified(None, geo_precision=4, admin_pcode="X12", event_start=ago(9)),
    ]
    for kind, path, pcode in [
        ("community", "communities", "X1101"),
        ("assessment", "assessments", "X1201"),
        ("presence", "presences", "X1101"),
    ]:
        answer = operation.analyst.post(f"/v1/{path}", subject(operation.code, kind, locality=pcode))
        ids.append(answer.json()["id"])
    operation.assess()
    return ids


# -- from a verification to the screen ------------------------------------------------------------------------------


@pytest.fixture
def live(fresh_database_url, tmp_path):
    """The app with its own assessor at work."""
    with running_service.running(fresh_database_url, tmp_path, assessor=True) as service:
        yield service


def test_a_verified_incident_reaches_the_screen_by_itself(live):
    operation = live.operation()
    path = f"/v1/matrix?operation={operation.code}"
    # The first one: the localities of the new operation have woken the assessor.
    wait_until(lambda: operation.analyst.get(path).status_code == 200, 5)
    incident_id = operation.verified()
    wait_until(lambda: incident_id in operation.analyst.get(path).text, 5)
    assert operation.analyst.get(path).json()["coverage"]["incidents_in_force"] == 1
    tag = operation.analyst.get(path).headers["etag"]
    operation.step(incident_id, "withdraw", reason_code="false")
    wait_until(lambda: operation.analyst.get(path, headers={"If-None-Match": tag}).status_code == 200, 5)
    assert operation.analyst.get(path).json()["coverage"]["incidents_in_force"] == 0


def test_a_key_works_at_once_and_stops_at_once(live):
    operation = live.operation()
    caller = operation.analyst
    wait_until(lambda: caller.get(f"/v1/matrix?operation={operation.code}").status_code == 200, 5)
    with live.database.keys() as vault:
        actors.revoke(vault, actors.console(vault), caller.key_id)
    wait_until(lambda: caller.get(f"/v1/matrix?operation={operation.code}").status_code == 401, 5)
    assert operation.reader.get(f"/v1/matrix?operation={operation.code}").status_code == 200


def test_a_key_ends_with_its_time(operation, service):
    operation.assess()
    caller = operation.analyst
    assert operation.matrix(caller).status_code == 200
    ring = service.app.state.ring
    digest = next(key for key, actor in ring._keys.items() if actor.key_id == caller.key_id)  # noqa: SLF001
    actor = ring._keys[digest]  # noqa: SLF001
    assert timedelta(days=89) < actor.expires_at - datetime.now(UTC) < timedelta(days=90)
    service.owner.execute(
        "UPDATE vault.api_key SET expires_at = now() - interval '1 second' WHERE id = %s", [caller.key_id]
    )
    ring.reload()
    assert operation.matrix(caller).status_code == 401


def test_a_key_is_taken_as_the_password_of_basic_authentication(operation, service):
    operation.assess()
    for user in ("", "anybody", "é"):
        text = base64.b64encode(f"{user}:{operation.reader.token}".encode()).decode()
        answer = service.client.get(
            f"/v1/matrix?operation={operation.code}", headers={"Authorization": f"Basic {text}"}
        )
        assert answer.status_code == (200 if user.isascii() else 401)
    answer = service.client.get(f"/v1/matrix?operation={operation.code}", auth=("qgis", operation.reader.token))
    assert answer.json()["audience"] == "mission"


# -- bytes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("audience", Audience)
def test_the_bytes_are_the_same_until_something_changes(operation, audience):
    away_from_the_quarter()
    busy(operation)
    caller = operation.caller(Role.ANALYST, audience)
    first = operation.matrix(caller)
    operation.assess()
    again = operation.matrix(caller)
    assert again.content == first.content
    assert again.headers["etag"] == first.headers["etag"]
    not_modified = operation.matrix(caller, If_None_Match=first.headers["etag"])
    assert (not_modified.status_code, not_modified.content) == (304, b"")
    assert not_modified.headers["etag"] == first.headers["etag"]
    operation.verified(killed={"low": 80, "best": 90, "high": 100})
    operation.assess()
    changed = operation.matrix(caller, If_None_Match=first.headers["etag"])
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize(
    "query", ["", "&limit=2", "&limit=2&offset=2", "&tier=watch", "&bbox=18,4,19,5", "&geometry=none"]
)
def test_every_part_of_the_matrix_has_a_tag_of_its_own(operation, query):
    busy(operation)
    path = f"/v1/matrix?operation={operation.code}{query}"
    callers = {one: operation.caller(Role.ANALYST, one) for one in Audience}
    tags = {one: caller.get(path).headers["etag"] for one, caller in callers.items()}
    assert len(set(tags.values())) == len(Audience)
    for mine, caller in callers.items():
        answers = {one: caller.get(path, headers={"If-None-Match": tag}).status_code for one, tag in tags.items()}
        assert answers == {one: 304 if one is mine else 200 for one in Audience}


def test_the_tag_of_one_audience_says_nothing_to_the_other(operation):
    busy(operation)
    mission = operation.matrix(operation.reader)
    assert operation.matrix(operation.analyst, If_None_Match=mission.headers["etag"]).status_code == 200
    assert operation.matrix(operation.reader, If_None_Match=mission.headers["etag"]).status_code == 304


@pytest.mark.parametrize("coding", ["gzip", "zstd", "identity"])
def test_a_compressed_matrix_is_the_same_matrix(operation, coding):
    busy(operation)
    plain = operation.matrix(Accept_Encoding="identity")
    packed = operation.matrix(Accept_Encoding=coding)
    assert packed.headers.get("content-encoding", "identity") == coding
    assert packed.json() == plain.json()
    assert "Authorization" in packed.headers["vary"]
    assert packed.headers["cache-control"] == "private, no-cache"


def test_a_head_request_gives_the_tag_alone(operation):
    busy(operation)
    head = operation.analyst.request("HEAD", f"/v1/matrix?operation={operation.code}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == operation.matrix().headers["etag"]


# -- what the mission cannot see does not move what it reads --------------------------------------------------------


def unverified_incident(operation):
    operation.reported(killed={"low": 50, "best": 60, "high": 70})


def cluster_note(operation):
    # Who surrounds a community is nothing that the matrix of either audience tells.
    assert operation.community
    path = f"/v1/communities/{operation.community}"
    body = subject(operation.code, "community", surrounded_by="Synthetic group")
    assert operation.analyst.put(path, body, If_Match='"1"').status_code == 200


def unusable_incident(operation):
    operation.verified(sharing="cluster", share_above="none", killed={"low": 50, "best": 60, "high": 70})


def exercise(operation):
    operation.verified(exercise=True)


def corrected_narrative(operation):
    change = {"properties": {"narrative": "Reworded."}}
    answer = operation.analyst.patch(f"/v1/incidents/{operation.incident_id}", change, If_Match="*")
    assert answer.headers["material-edit"] == "false"


def waiting_edit(operation):
    change = {"properties": {"killed": {"low": 50, "best": 60, "high": 70}}}
    assert operation.analyst.patch(f"/v1/incidents/{operation.incident_id}", change, If_Match="*").status_code == 200


def further_source(operation):
    body = {"sources": [running_service.a_source("medical", "g9")]}
    assert operation.analyst.post(f"/v1/incidents/{operation.incident_id}/sources", body).status_code == 201


def something_elsewhere(operation):
    operation.service.operation().verified()


@pytest.mark.parametrize(
    "happens",
    [
        unverified_incident,
        cluster_note,
        unusable_incident,
        exercise,
        corrected_narrative,
        waiting_edit,
        further_source,
        something_elsewhere,
    ],
)
def test_what_the_mission_cannot_see_does_not_move_its_bytes(operation, happens):
    away_from_the_quarter()
    ids = busy(operation)
    operation.incident_id, operation.community = ids[0], ids[5]
    reader, paths = (
        operation.reader,
        [f"/v1/matrix?operation={operation.code}", f"/v1/matrix/X1101?operation={operation.code}"],
    )
    before = [reader.get(path) for path in paths]
    happens(operation)
    operation.assess()
    after = [reader.get(path) for path in paths]
    assert [answer.content for answer in after] == [answer.content for answer in before]
    assert [answer.headers["etag"] for answer in after] == [answer.headers["etag"] for answer in before]


def test_what_the_mission_can_see_does_move_its_bytes(operation):
    busy(operation)
    before = operation.matrix(operation.reader)
    operation.verified(killed={"low": 50, "best": 60, "high": 70})
    operation.assess()
    assert operation.matrix(operation.reader).headers["etag"] != before.headers["etag"]


def test_a_change_that_only_the_cluster_reads_moves_only_its_bytes(operation):
    away_from_the_quarter()
    busy(operation)
    cluster, mission = operation.matrix(), operation.matrix(operation.reader)
    operation.verified(None, geo_precision=6)
    operation.assess()
    assert operation.matrix().json()["coverage"]["incidents_unplaced"] == 1
    assert operation.matrix().headers["etag"] != cluster.headers["etag"]
    assert operation.matrix(operation.reader).content == mission.content


# -- what stands in it ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("audience", Audience)
def test_the_head_says_what_one_has_to_know(operation, audience):
    busy(operation)
    matrix = operation.matrix(operation.caller(Role.ANALYST, audience)).json()
    assert set(matrix) >= MOMENT
    assert (matrix["operation"], matrix["audience"], matrix["stale"]) == (operation.code, audience, False)
    assert matrix["classification"]
    assert matrix["methodology"] == DEFAULT.version
    assert matrix["as_of"].endswith("Z")
    assert datetime.now(UTC) - datetime.fromisoformat(matrix["as_of"]) < timedelta(minutes=1)
    assert matrix["data_through"] <= matrix["as_of"]
    assert 0 < matrix["coverage"]["inputs_known"] <= 1
    row = operation.row("X1101", operation.caller(Role.ANALYST, audience))
    assert set(row) >= MOMENT | {"explanation", "properties", "geometry"}


def test_the_mission_is_not_told_how_many_records_there_are(operation):
    busy(operation)
    cluster, mission = operation.matrix().json(), operation.matrix(operation.reader).json()
    assert set(cluster["coverage"]) - set(mission["coverage"]) == {
        *("localities_silent", "incidents_in_force", "incidents_unplaced"),
    }
    monday = datetime.fromisoformat(mission["data_through"])
    assert (monday.weekday(), monday.hour, monday.minute, monday.second, monday.microsecond) == (0, 0, 0, 0, 0)
    assert cluster["data_through"] >= mission["data_through"]


def test_both_audiences_read_the_same_rank_and_tier(operation):
    busy(operation)
    views = [operation.matrix(caller).json()["features"] for caller in (operation.analyst, operation.reader)]
    ranked = [
        [(row["id"], row["properties"]["rank"], row["properties"]["tier"], row["geometry"]) for row in view]
        for view in views
    ]
    assert ranked[0] == ranked[1]
    assert [rank for _, rank, _, _ in ranked[0]] == [1, 2, 3, 4]


def whole(value):
    return value is None or isinstance(value, int)


def test_the_mission_reads_whole_numbers_and_whole_weeks(operation):
    busy(operation)
    for row in operation.matrix(operation.reader).json()["features"]:
        properties = row["properties"]
        assert all(whole(properties[name]) for name in ("score", "score_low", "score_high"))
        assert all(whole(value) for value in properties["trend"].values())
        assert all(whole(line["points"]) or line["points"].is_integer() for line in properties["contributions"])
        assert properties["freshness_days"] is None or properties["freshness_days"] % 7 == 0
        for name in ("threat", "vulnerability", "capacity_gap"):
            assert round(properties[name], 1) == properties[name]
        assert "people_at_risk" not in properties
    fine = [row["properties"]["score"] for row in operation.matrix().json()["features"]]
    assert not all(float(score).is_integer() for score in fine)


def test_contributions_add_up_exactly_as_they_are_printed(operation):
    busy(operation)
    for caller in (operation.analyst, operation.reader):
        matrix = exact(operation.matrix(caller).text)
        assert len(matrix["features"]) == 4
        for row in matrix["features"]:
            properties = row["properties"]
            assert sum(line["points"] for line in properties["contributions"]) == properties["score"]
            full = exact(caller.get(f"/v1/matrix/{properties['pcode']}?operation={operation.code}").text)
            assert sum(line["points"] for line in full["explanation"]["contributions"]) == properties["score"]


def everything(operation, caller):
    answers = [operation.matrix(caller).text]
    return "".join(answers + [json.dumps(operation.row(pcode, caller)) for pcode in (*running_service.BOXES, "X1202")])


def test_no_record_is_named_to_the_mission(operation):
    ids = busy(operation)
    seen = everything(operation, operation.reader)
    assert not [one for one in ids if one in seen]
    assert "sexual" not in seen
    for name in ("other_incidents", 'incident"', "Parish site", "mission_patrol"):
        assert name not in seen


def test_the_cluster_is_named_what_every_cluster_reader_may_know(operation):
    first, second, restricted, protected, coarse, community, assessment, presence = busy(operation)
    seen = everything(operation, operation.analyst)
    assert [one in seen for one in (first, second, coarse, community, assessment, presence)] == [True] * 6
    assert restricted not in seen
    assert protected not in seen


def test_a_row_is_found_by_its_code_and_by_its_id(operation):
    busy(operation)
    by_code = operation.row("X1202")
    assert operation.row(by_code["id"])["properties"] == by_code["properties"]
    absent = operation.analyst.get(f"/v1/matrix/X9999?operation={operation.code}")
    assert absent.status_code == 404
    assert "X9999" not in absent.text


def test_the_listing_is_cut_by_tier_box_and_page(operation):
    busy(operation)
    everyone = [row["id"] for row in operation.matrix().json()["features"]]

    def found(query):
        answer = operation.analyst.get(f"/v1/matrix?operation={operation.code}&{query}").json()
        assert answer["numberReturned"] == len(answer["features"])
        return [row["id"] for row in answer["features"]], answer["numberMatched"]

    assert found("limit=3") == (everyone[:3], 4)
    assert found("limit=3&offset=3") == (everyone[3:], 4)
    assert found("tier=extreme,high,elevated,watch") == (everyone, 4)
    inside, matched = found("bbox=18.1,4.1,18.2,4.2")
    assert (len(inside), matched) == (1, 1)


def test_an_operation_without_a_matrix_answers_as_one_that_is_not(operation):
    not_yet = operation.matrix()
    never = operation.analyst.get("/v1/matrix?operation=NOBODY")
    assert (not_yet.status_code, never.status_code) == (404, 404)
    assert not_yet.text == never.text
    assert not_yet.json()["detail"]


# -- the last net ---------------------------------------------------------------------------------------------------


def test_an_unforeseen_error_is_a_problem_that_repeats_nothing(service, operation, caplog, monkeypatch):
    secret = "Tok3n-NotToEcho"  # noqa: S105 - a marker

    def broken(*_):
        raise ValueError(secret)

    monkeypatch.setattr(service.app.state.board, "get", broken)
    answer = operation.matrix()
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert secret not in answer.text + caplog.text
    assert "unforeseen ValueError at test_matrix.py" in caplog.text
    assert answer.headers["x-content-type-options"] == "nosniff"
