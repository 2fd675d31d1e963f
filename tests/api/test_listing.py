"""Which incidents a listing gives, and to whom: filters, pages, clearance."""

import pytest
from service import NOBODY, a_source, ago, collection, ids_of, listed
from shapely.geometry import MultiPolygon, box

# -- lists ----------------------------------------------------------------------------------------------------------


def test_filters_narrow_a_listing(operation):
    here = operation.reported(event_start=ago(10))
    there = operation.reported((19.5, 4.5), category="abduction", event_start=ago(5))
    verified = operation.verified((18.1, 6.1), event_start=ago(1))
    wide = operation.reported(
        {"type": "Polygon", "coordinates": [[[18.7, 4.1], [19.05, 4.1], [19.05, 4.2], [18.7, 4.1]]]},
        geo_precision=3,
        event_start=ago(1),
    )
    nowhere = operation.reported(None, geo_precision=6)
    everything = [here, there, verified, wide, nowhere]
    expected = [
        ({}, everything),
        ({"category": "abduction"}, [there]),
        ({"state": "verified"}, [verified]),
        ({"state": "reported"}, [here, there, wide, nowhere]),
        ({"locality": "X1101"}, [here, wide]),
        ({"locality": "X1201"}, [verified]),
        ({"since": ago(6)}, [there, verified, wide, nowhere]),
        ({"until": ago(6)}, [here]),
        ({"since": ago(7), "until": ago(4)}, [there]),
        ({"bbox": "18,4,18.95,5"}, [here, wide]),
        ({"bbox": "18,4,18.6,5"}, [here]),
        ({"bbox": "19.04,4.0,20,5"}, [there, wide]),
        ({"bbox": "-180,-90,180,90"}, [here, there, verified, wide]),
        ({"bbox": "20,-90,15,90"}, []),
        ({"bbox": "18,4,18.95,5", "category": "abduction"}, []),
        ({"limit": 2}, [here, there]),
    ]
    for query, found in expected:
        assert sorted(ids_of(listed(operation.analyst, operation, **query))) == sorted(found), query


def test_a_box_without_extent_finds_what_lies_there(operation):
    incident_id = operation.reported()
    assert ids_of(listed(operation.analyst, operation, bbox="18.5,4.5,18.5,4.5")) == [incident_id]


def test_a_box_across_the_antimeridian(service):
    ocean = MultiPolygon([box(170, -20, 180, 0), box(-180, -20, -170, 0)])
    operation = service.operation(area=ocean, localities=False)
    east, west, far = (operation.reported((lon, -10.0)) for lon in (179.5, -179.5, 171.0))
    found = {
        bbox: set(ids_of(listed(operation.analyst, operation, bbox=bbox)))
        for bbox in ("179,-20,-179,0", "-179,-20,179,0", "170,-20,180,0", "-180,-20,-170,0", "170,-20,-170,0")
    }
    assert list(found.values()) == [{east, west}, {far}, {east, far}, {west}, {east, west, far}]


def test_paging_gives_each_row_once_while_rows_are_appended(operation):
    first = [operation.reported() for _ in range(7)]
    seen, after, appended = [], {}, []
    while True:
        answer = listed(operation.analyst, operation, limit=3, **after)
        seen += ids_of(answer)
        if len(appended) < 4:
            appended += [operation.reported(), operation.reported()]
        if answer.json()["next"] is None:
            break
        after = {"after": answer.json()["next"]}
    assert seen == first + appended


def test_rows_of_one_transaction_are_paged_too(operation):
    body = collection(*(operation.incident() for _ in range(10)))
    created = [row["id"] for row in operation.analyst.post("/v1/incidents/batch", body).json()["rows"]]
    seen, after = [], {}
    while True:
        answer = listed(operation.analyst, operation, limit=5, **after)
        seen += ids_of(answer)
        if answer.json()["next"] is None:
            break
        after = {"after": answer.json()["next"]}
    assert len(seen) == 10
    assert set(seen) == set(created)


@pytest.mark.parametrize(
    "query",
    [
        *("", "operation=", "operation=%00&x", "since=2026-01-01T00:00:00", "since=yesterday", "until=now"),
        *("category=nonsense", "state=verifed", "limit=0", "limit=1001", "limit=ten", "bbox=1,2,3", "bbox=nan,0,1,1"),
        *("bbox=0,10,1,5", "bbox=-181,0,1,1", "after=%21", "after=W10", "after=" + "x" * 300, "locality=" + "x" * 41),
        *("verified=true", "Category=abduction", "limt=5", "bbox=0,0,1,1;x"),
    ],
)
def test_a_bad_query_is_a_bad_request(operation, query):
    given = query if "operation" in query or not query else f"operation={operation.code}&{query}"
    answer = operation.analyst.get(f"/v1/incidents?{given}")
    wanted = {404, 400} if query == "operation=" else {400}
    assert answer.status_code in wanted, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert all(error["pointer"].startswith("?") for error in answer.json().get("errors", []))
    assert "nonsense" not in answer.text


@pytest.mark.parametrize("path", ["incidents", "localities", "communities", "assessments", "presences", "matrix"])
def test_an_unknown_query_parameter_is_refused_unnamed(operation, path):
    answer = operation.analyst.get(f"/v1/{path}?operation={operation.code}&Tok3n=Tok3n")
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"pointer": "?", "code": "unknown_parameter", "rule": answer.json()["errors"][0]["rule"]}
    ]
    assert "Tok3n" not in answer.text


def test_a_cursor_with_an_odd_inside_is_no_error_of_ours(operation):
    for inside in ("MQ", "bnVsbA", "WzEsMl0", "W251bGwsbnVsbF0", "e30", "IiI", "////", "WyIyMDI2LTAxLTAxIiwiMCJd"):
        assert listed(operation.analyst, operation, after=inside).status_code == 400


# -- who may know ---------------------------------------------------------------------------------------------------


def all_doors(caller, incident_id):
    """Knock on every route that names an incident; give status and body of each."""
    path = f"/v1/incidents/{incident_id}"
    return [
        (answer.status_code, answer.text)
        for answer in (
            caller.get(path),
            caller.get(f"{path}/history"),
            caller.patch(path, {"properties": {"narrative": "x"}}, If_Match="*"),
            caller.post(f"{path}/sources", {"sources": [a_source("ngo", "g1")]}),
            caller.post(f"{path}/transitions", {"action": "corroborate"}),
        )
    ]


def test_what_is_not_yours_answers_as_what_is_not_there(operation, elsewhere, service):
    theirs, hidden = elsewhere.reported(), operation.reported(sharing="restricted")
    before = service.vault_rows()
    absent = all_doors(operation.other_analyst, NOBODY)
    before |= {name: count for name, count in service.vault_rows().items() if name in {"actor", "api_key", "audit"}}
    assert {status for status, _ in absent} == {404}
    assert all_doors(operation.other_analyst, theirs) == absent
    assert all_doors(operation.other_analyst, hidden) == absent
    assert service.vault_rows() == before
    assert {status for status, _ in all_doors(operation.analyst, hidden)} == {200, 201}


@pytest.mark.parametrize("path", ["incidents", "localities", "communities", "assessments", "presences", "matrix"])
def test_another_operation_answers_as_one_that_nobody_has(operation, elsewhere, path):
    answers = [operation.analyst.get(f"/v1/{path}?operation={code}") for code in (elsewhere.code, "NOBODY", "ZZ9")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1


def test_reporting_into_another_operation_is_refused_as_into_none(operation, elsewhere):
    bodies = [operation.incident(operation=code) for code in (elsewhere.code, "NOBODY")]
    answers = [operation.analyst.post("/v1/incidents", body) for body in bodies]
    assert {answer.status_code for answer in answers} == {422}
    assert len({answer.text for answer in answers}) == 1


def test_pointing_at_what_is_hidden_is_refused_as_pointing_at_nothing(operation, elsewhere):
    hidden, own = operation.reported(sharing="restricted"), operation.reported()
    other = operation.other_analyst
    targets = (hidden, elsewhere.reported(), NOBODY)
    steps = [operation.step(own, "mark_duplicate", other, duplicate_of=target) for target in targets]
    superseding = [other.post("/v1/incidents", operation.incident(supersedes=target)) for target in targets]
    for answers in (steps, superseding):
        assert {answer.status_code for answer in answers} == {422}
        assert len({answer.text for answer in answers}) == 1


def test_restricted_incidents_are_for_those_named(operation):
    open_id, hidden = operation.reported(), operation.reported(sharing="restricted")
    for caller, sees in [
        (operation.analyst, True),
        (operation.verifier, True),
        (operation.coordinator, True),
        (operation.other_analyst, False),
    ]:
        assert ids_of(listed(caller, operation)) == ([open_id, hidden] if sees else [open_id])
        for query in ({"bbox": "18,4,19,5"}, {"locality": "X1101"}, {"state": "reported"}, {"since": ago(5)}):
            assert (hidden in ids_of(listed(caller, operation, **query))) == sees
        assert (caller.get(f"/v1/incidents/{hidden}").status_code == 200) == sees


PROTECTED = [
    "sexual_violence",
    "sexual_violence_child",
    "child_killed_or_maimed",
    "child_recruitment",
    "child_abduction",
]


@pytest.mark.parametrize("category", PROTECTED)
def test_protected_incidents_are_for_the_highest_clearance(operation, service, category):
    # As open as it can be: the cluster's own level, which every analyst is cleared for.
    hidden = operation.reported(category=category, sharing="cluster")
    assert ids_of(listed(operation.other_analyst, operation)) == []
    assert ids_of(listed(operation.other_analyst, operation, category=category)) == []
    assert {status for status, _ in all_doors(operation.other_analyst, hidden)} == {404}
    assert reads(service, hidden) == 0
    for number, caller in enumerate((operation.analyst, operation.verifier, operation.coordinator), 1):
        assert caller.get(f"/v1/incidents/{hidden}").status_code == 200
        assert reads(service, hidden) == number


def test_a_version_that_was_protected_stays_so(operation):
    incident_id = operation.reported(category="sexual_violence", narrative="Said-this-once")
    change = {"category": "attack_on_civilians", "narrative": "Reworded."}
    operation.analyst.patch(f"/v1/incidents/{incident_id}", {"properties": change}, If_Match="*")
    seen = operation.other_analyst.get(f"/v1/incidents/{incident_id}/history")
    assert len(seen.json()["versions"]) == 1
    assert "Said-this-once" not in seen.text
    assert len(operation.verifier.get(f"/v1/incidents/{incident_id}/history").json()["versions"]) == 2


def test_hidden_rows_leave_no_gap_in_a_page(operation):
    visible = []
    for _ in range(3):
        visible.append(operation.reported())
        operation.reported(sharing="restricted")
    answer = listed(operation.other_analyst, operation, limit=3)
    assert ids_of(answer) == visible
    following = listed(operation.other_analyst, operation, limit=3, after=answer.json()["next"])
    named = {"type": "FeatureCollection", "protocol": answer.json()["protocol"]}
    assert following.json() == {**named, "features": [], "next": None}


def reads(service, incident_id):
    """Count the entries of the log that say that somebody was shown the incident."""
    query = """
        SELECT count(*) FROM vault.audit
        WHERE action IN ('read', 'list', 'history') AND (subject_id = %s OR detail -> 'ids' ? %s)
    """
    return service.scalar(query, incident_id, incident_id)


def test_reading_is_logged_with_what_was_shown(operation, service):
    open_id, hidden = operation.reported(), operation.reported(sharing="restricted")
    operation.verifier.get(f"/v1/incidents/{hidden}")
    assert (reads(service, hidden), reads(service, open_id)) == (1, 0)
    operation.verifier.get(f"/v1/incidents/{hidden}/history")
    listed(operation.verifier, operation)
    listed(operation.verifier, operation, bbox="0,0,1,1")
    assert (reads(service, hidden), reads(service, open_id)) == (3, 1)
    listed(operation.other_analyst, operation)
    operation.other_analyst.get(f"/v1/incidents/{hidden}")
    operation.other_analyst.get(f"/v1/incidents/{open_id}")
    assert (reads(service, hidden), reads(service, open_id)) == (3, 3)
    actor = service.scalar("SELECT actor_id FROM vault.audit WHERE subject_id = %s AND action = 'read'", hidden)
    assert actor == operation.verifier.id


def test_a_version_that_was_restricted_stays_so(operation, service):
    incident_id = operation.reported(sharing="restricted", narrative="Names a village.")
    change = {"sharing": "cluster", "narrative": "Generalised."}
    operation.analyst.patch(f"/v1/incidents/{incident_id}", {"properties": change}, If_Match="*")
    path = f"/v1/incidents/{incident_id}/history"
    seen = operation.other_analyst.get(path)
    assert [version["properties"]["version"] for version in seen.json()["versions"]] == [2]
    assert "Names a village." not in seen.text
    assert reads(service, incident_id) == 1
    for number, caller in enumerate((operation.analyst, operation.verifier), 2):
        assert len(caller.get(path).json()["versions"]) == 2
        assert reads(service, incident_id) == number
