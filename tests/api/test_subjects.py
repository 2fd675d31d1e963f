"""Localities, communities, threat assessments and presences over HTTP: versions, tombstones and who may know."""

from uuid import uuid4

import pytest
from service import NOBODY, at_once, ids_of, subject

COLLECTIONS = {
    "locality": "localities",
    "community": "communities",
    "assessment": "assessments",
    "presence": "presences",
}
CHANGES = {
    "locality": {"name": "Renamed"},
    "community": {"people": {"low": 1, "best": 2, "high": 3}},
    "assessment": {"likelihood": 1},
    "presence": {"note": "Moved on."},
}
SECRETS = {"community": "name", "assessment": "reason", "presence": "note"}
SAID = "Said-this-once"


def made(operation, kind, caller=None, **properties):
    caller = caller or operation.coordinator
    answer = caller.post(f"/v1/{COLLECTIONS[kind]}", subject(operation.code, kind, **properties))
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


@pytest.mark.parametrize("kind", COLLECTIONS)
def test_a_subject_is_read_superseded_and_remembered(operation, kind):
    path = made(operation, kind)
    first = operation.analyst.get(path)
    body = subject(operation.code, kind, **CHANGES[kind])
    assert operation.coordinator.put(path, body).status_code == 428
    assert operation.coordinator.put(path, body, If_Match='"7.0"').status_code == 412
    second = operation.coordinator.put(path, body, If_Match=first.headers["etag"])
    assert second.status_code == 200
    assert second.json()["properties"]["version"] == 2
    (name, value), *_ = CHANGES[kind].items()
    assert operation.analyst.get(path).json()["properties"][name] == value
    versions = operation.analyst.get(f"{path}/history").json()["features"]
    assert [one["properties"]["version"] for one in versions] == [1, 2]
    assert versions[0]["properties"]["known_to"] == versions[1]["properties"]["known_at"]
    assert versions[0]["properties"][name] == first.json()["properties"][name]


@pytest.mark.parametrize("kind", COLLECTIONS)
def test_a_withdrawn_subject_leaves_a_tombstone(operation, kind):
    said = {} if kind == "locality" else {SECRETS[kind]: SAID}
    path = made(operation, kind, **said)
    gone = operation.coordinator.post(f"{path}/withdrawal", {"reason_code": "harm"}, If_Match="*")
    assert gone.status_code == 200
    page = operation.analyst.get(f"/v1/{COLLECTIONS[kind]}?operation={operation.code}")
    tombstone = next(one for one in page.json()["features"] if one["id"] in path)
    assert tombstone["geometry"] is None
    assert tombstone["properties"]["reason_code"] == "harm"
    texts = [gone.text, page.text, *(operation.analyst.get(one).text for one in (path, f"{path}/history"))]
    assert SAID not in "".join(texts)
    assert len(operation.analyst.get(f"{path}/history").json()["features"]) == 1
    body = subject(operation.code, kind)
    assert operation.coordinator.put(path, body, If_Match="*").status_code == 409
    assert operation.coordinator.post(f"{path}/withdrawal", {"reason_code": "harm"}, If_Match="*").status_code == 409


@pytest.mark.parametrize("kind", ["community", "assessment"])
def test_a_subject_without_consent_shows_nothing(operation, kind):
    path = made(operation, kind, consent="refused", **{SECRETS[kind]: SAID})
    page = operation.analyst.get(f"/v1/{COLLECTIONS[kind]}?operation={operation.code}")
    assert SAID not in page.text + operation.analyst.get(path).text + operation.analyst.get(f"{path}/history").text
    assert page.json()["features"][0]["properties"]["gone"] is True


@pytest.mark.parametrize("kind", SECRETS)
def test_restricted_subjects_are_for_those_named(operation, service, kind):
    hidden = made(operation, kind, operation.analyst, sharing="restricted")
    listing = f"/v1/{COLLECTIONS[kind]}?operation={operation.code}"
    absent = f"/v1/{COLLECTIONS[kind]}/{NOBODY}"

    def reads():
        query = """
            SELECT count(*) FROM vault.audit
            WHERE action IN ('read', 'list', 'history') AND (subject_id = %s OR detail -> 'ids' ? %s)
        """
        return service.scalar(query, *[hidden.rsplit("/", 1)[-1]] * 2)

    other = operation.other_analyst
    assert ids_of(other.get(listing)) == []
    for rest in ("", "/history"):
        assert other.get(hidden + rest).text == other.get(absent + rest).text
    body = subject(operation.code, kind)
    assert other.put(hidden, body, If_Match="*").text == other.put(absent, body, If_Match="*").text
    assert reads() == 0
    for number, caller in enumerate((operation.analyst, operation.verifier, operation.coordinator)):
        assert hidden.endswith(ids_of(caller.get(listing))[0])
        assert [caller.get(hidden + rest).status_code for rest in ("", "/history")] == [200, 200]
        assert reads() == 3 * (number + 1)


@pytest.mark.parametrize("kind", SECRETS)
def test_a_version_that_was_restricted_stays_so(operation, kind):
    path = made(operation, kind, sharing="restricted", **{SECRETS[kind]: SAID})
    assert operation.coordinator.put(path, subject(operation.code, kind), If_Match="*").status_code == 200
    assert SAID not in operation.analyst.get(f"{path}/history").text
    assert SAID in operation.verifier.get(f"{path}/history").text


@pytest.mark.parametrize("kind", COLLECTIONS)
def test_a_subject_of_another_operation_is_not_there(operation, elsewhere, kind):
    theirs = made(elsewhere, kind)
    absent = operation.coordinator.get(f"/v1/{COLLECTIONS[kind]}/{NOBODY}")
    answer = operation.coordinator.get(theirs)
    assert (answer.status_code, answer.text) == (404, absent.text)


@pytest.mark.parametrize("kind", COLLECTIONS)
def test_a_subject_is_created_once_under_a_key(operation, kind):
    body, key, caller = subject(operation.code, kind), uuid4().hex, operation.coordinator
    answers = at_once([lambda: caller.post(f"/v1/{COLLECTIONS[kind]}", body, Idempotency_Key=key)] * 3)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize("kind", COLLECTIONS)
def test_a_subject_stays_in_its_operation(operation, service, kind):
    path = made(operation, kind)
    other = service.operation()
    both = service.caller(f"{operation.code}-both", "coordinator", "cluster", (operation.code, other.code))
    answer = both.put(path, subject(other.code, kind), If_Match="*")
    assert answer.status_code == 409


@pytest.mark.parametrize("kind", SECRETS)
def test_pages_give_each_subject_once(operation, kind):
    created = [made(operation, kind).rsplit("/", 1)[-1] for _ in range(5)]
    listing, seen, after = f"/v1/{COLLECTIONS[kind]}?operation={operation.code}&limit=2", [], ""
    while after is not None:
        page = operation.analyst.get(listing + (f"&after={after}" if after else ""))
        seen += ids_of(page)
        after = page.json()["next"]
    assert seen == created
