"""Every route of records, for every role, towards records of every sharing level: who learns that one is there.

The table is written here by hand, from the rules and not from the code. A route that is not in it fails the build.
"""

from collections import Counter
from itertools import product

import pytest
from declared_routes import ALLOWED, PUBLIC, permissions, routes_of
from service import a_source, subject

from flashpoint import access
from flashpoint.access import PERMISSIONS
from flashpoint.types import Audience, Role, Sharing

REPORTERS = (Role.ANALYST, Role.VERIFIER, Role.COORDINATOR)
LEVELS = ("public", "mission", "cluster", "restricted")
#: Sharing level, and whether the category is protected; what is protected cannot be opened further than the cluster.
INCIDENTS = [*((level, False) for level in LEVELS), ("cluster", True), ("restricted", True)]
SUBJECTS = ("communities", "assessments", "presences")
KIND = {"communities": "community", "assessments": "assessment", "presences": "presence"}

#: Who may learn that somebody else's record of their operation is there.
KNOWS = {
    ("public", False): set(REPORTERS),
    ("mission", False): set(REPORTERS),
    ("cluster", False): set(REPORTERS),
    ("restricted", False): {Role.VERIFIER, Role.COORDINATOR},
    ("cluster", True): {Role.VERIFIER, Role.COORDINATOR},
    ("restricted", True): {Role.VERIFIER, Role.COORDINATOR},
}
#: What a request on one record answers to those who may try it and know of the record.
ON_INCIDENTS = {
    ("GET", "/v1/incidents/{id}"): (None, {200}),
    ("GET", "/v1/incidents/{id}/history"): (None, {200}),
    ("PATCH", "/v1/incidents/{id}"): ({"properties": {"narrative": "Edited."}}, {200}),
    ("POST", "/v1/incidents/{id}/sources"): ({"sources": [a_source("media", "g7")]}, {201}),
    # Taken already by the one before, or not: either says that the incident is there.
    ("POST", "/v1/incidents/{id}/transitions"): ({"action": "corroborate"}, {200, 409}),
}
#: The wrong version is named where something would be withdrawn, so that nothing is.
ON_SUBJECTS = {
    ("GET", "/v1/{kind}/{id}"): {200},
    ("GET", "/v1/{kind}/{id}/history"): {200},
    ("PUT", "/v1/{kind}/{id}"): {200},
    ("POST", "/v1/{kind}/{id}/withdrawal"): {412},
}
#: Routes of records that are not about one of them: who may try is in the table of all routes.
OTHERS = {
    *((method, "/v1/incidents") for method in ("GET", "POST")),
    ("POST", "/v1/incidents/batch"),
    *((method, f"/v1/{kind}") for kind in SUBJECTS for method in ("GET", "POST")),
}
STRANGER, ELSEWHERE, AUTHOR = "another person of the operation", "a key of another operation", "whoever reported it"


@pytest.fixture(scope="module")
def world(service):
    """An operation with a record of every kind and level, by each role that reports; and another operation's keys."""
    operation, elsewhere = service.operation(), service.operation()
    incidents, subjects = {}, {}
    for role in REPORTERS:
        author = operation.caller(role, name="-author")
        for level, protected in INCIDENTS:
            told = {"sharing": level, "category": "child_abduction" if protected else "attack_on_civilians"}
            answer = author.post("/v1/incidents", operation.incident(**told))
            assert answer.status_code == 201, answer.text
            incidents[role, level, protected] = answer.json()["id"]
    author = operation.caller(Role.ANALYST, name="-author")
    for kind, level in product(SUBJECTS, LEVELS):
        answer = author.post(f"/v1/{kind}", subject(operation.code, KIND[kind], sharing=level))
        assert answer.status_code == 201, answer.text
        subjects[Role.ANALYST, kind, level] = answer.json()["id"]
    return operation, elsewhere, incidents, subjects


def askers(operation, elsewhere):
    for role in Role:
        for audience in Audience:
            yield (role, STRANGER), operation.caller(role, audience, "-stranger")
        yield (role, ELSEWHERE), elsewhere.caller(role)
    for role in REPORTERS:
        yield (role, AUTHOR), operation.caller(role, name="-author")


def expected(asker, author, level):
    """Say what a record is to somebody: ``asker`` is a role and who that is, ``level`` also says *protected*."""
    role, who = asker
    if role not in REPORTERS:
        return "forbidden"
    if who == ELSEWHERE:
        return "absent"
    own = who == AUTHOR and role == author
    return "there" if own or role in KNOWS[level] else "absent"


def found(answer, there):
    if answer.status_code in there:
        return "there"
    return {403: "forbidden", 404: "absent"}.get(answer.status_code, f"{answer.status_code} {answer.text}")


def send(caller, method, path, body):
    if method == "GET":
        return caller.get(path)
    tag = '"0"' if path.endswith("/withdrawal") else "*"
    return getattr(caller, method.lower())(path, body, If_Match=tag)


def requests(world):
    """Give every request: the cell that it stands for, and how to make it."""
    operation, elsewhere, incidents, subjects = world
    everybody = list(askers(operation, elsewhere))
    for (author, level, protected), record in incidents.items():
        for ((method, path), (body, there)), (asker, caller) in product(ON_INCIDENTS.items(), everybody):
            cell = (method, path, asker, author, (level, protected))
            yield cell, (caller, method, path.replace("{id}", record), body), there
    for (author, kind, level), record in subjects.items():
        told = subject(operation.code, KIND[kind], sharing=level)
        for ((method, path), there), (asker, caller) in product(ON_SUBJECTS.items(), everybody):
            # A judgement belongs to whoever made it: that somebody else may not replace it says that it is there.
            judged = kind == "assessments" and method == "PUT" and asker == (Role.ANALYST, STRANGER)
            body = {"reason_code": "false"} if path.endswith("/withdrawal") else told
            cell = (method, path.replace("{kind}", kind), asker, author, (level, False))
            filled = path.replace("{kind}", kind).replace("{id}", record)
            yield cell, (caller, method, filled, body), there | ({403} if judged else set())


def differing(world):
    """Make every request; give how many there were, and the cells that answer otherwise than the table says."""
    counted, wrong = Counter(), []
    for cell, request, there in requests(world):
        answer, asker, author, level = send(*request), *cell[2:]
        outcome, should = found(answer, there), expected(asker, author, level)
        counted[should] += 1
        if outcome != should:
            wrong.append((cell, outcome, should))
    return counted, wrong


def test_every_role_learns_of_a_record_where_the_table_says_so_and_nowhere_else(world):
    counted, wrong = differing(world)
    assert wrong == []
    assert counted.total() >= 2_000, counted
    assert min(counted[outcome] for outcome in ("there", "absent", "forbidden")) > 400, counted


def test_a_role_that_is_cleared_by_mistake_is_noticed(world, monkeypatch):
    """The control: analysts are given the highest clearance, in the service and so in the database."""
    monkeypatch.setitem(access.CLEARANCE, Role.ANALYST, frozenset(Sharing))
    _, wrong = differing(world)
    assert len(wrong) > 50
    assert {(outcome, should) for _, outcome, should in wrong} == {("there", "absent")}


@pytest.mark.parametrize("kind", ["incidents", *SUBJECTS])
def test_a_listing_holds_what_its_reader_may_know_of(world, kind):
    operation, elsewhere, incidents, subjects = world
    if kind == "incidents":
        records = {(author, (level, protected)): one for (author, level, protected), one in incidents.items()}
    else:
        records = {(author, (level, False)): one for (author, name, level), one in subjects.items() if name == kind}
    for asker, caller in askers(operation, elsewhere):
        answer = caller.get(f"/v1/{kind}?operation={operation.code}&limit=1000")
        should = {one for (author, level), one in records.items() if expected(asker, author, level) == "there"}
        if asker[0] not in REPORTERS:
            assert answer.status_code == 403
        elif asker[1] == ELSEWHERE:
            assert answer.status_code == 404
        else:
            assert {feature["id"] for feature in answer.json()["features"]} == should, asker


def test_every_route_of_records_is_in_the_table(service):
    kinds = ("/v1/incidents", *(f"/v1/{kind}" for kind in SUBJECTS))
    served = {(method, path) for method, path, _ in routes_of(service.app) if path.startswith(kinds)}
    declared = {(method, path.replace("{id}", "{incident_id}")) for method, path in ON_INCIDENTS} | OTHERS
    for kind in SUBJECTS:
        declared |= {(m, p.replace("{kind}", kind).replace("{id}", "{subject_id}")) for m, p in ON_SUBJECTS}
    assert served == declared


def test_every_other_route_is_declared_with_its_roles(service):
    for method, path, dependant in routes_of(service.app):
        assert (method, path) in PUBLIC or (method, path) in ALLOWED
        if (method, path) in ALLOWED:
            (permission,) = permissions(dependant)
            assert {role for role in Role if permission in PERMISSIONS[role]} == set(ALLOWED[method, path]), path
