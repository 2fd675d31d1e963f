"""Every route asks who is calling, and lets in exactly the roles that stand here."""

from uuid import uuid4

import pytest
from declared_routes import ALLOWED, PUBLIC, permissions, routes_of

from flashpoint.access import PERMISSIONS, Permission
from flashpoint.types import Audience, Role


def ask(caller, method, path):
    filled = path.replace("{locality}", "X1101").replace("{version}", "2026.1").replace("{collection}", "incidents")
    for name in ("{incident_id}", "{subject_id}", "{feature}"):
        filled = filled.replace(name, str(uuid4()))
    body = {"content": b"{}"} if method in {"POST", "PUT", "PATCH"} else {}
    headers = {"If-Match": "*", "Content-Type": "application/json"}
    return caller.request(method, filled, headers=headers, **body).status_code


def test_every_route_is_declared_here(service):
    served = [(method, path) for method, path, _ in routes_of(service.app)]
    assert len(served) == len(set(served))
    assert set(served) == PUBLIC | set(ALLOWED)


def test_every_route_that_is_not_public_names_its_permission(service):
    for method, path, dependant in routes_of(service.app):
        if (method, path) in PUBLIC:
            assert dependant is None or not permissions(dependant), path
        else:
            (permission,) = permissions(dependant)
            assert {role for role in Role if permission in PERMISSIONS[role]} == ALLOWED[method, path], path


def test_a_route_without_a_permission_would_be_noticed(service):
    app = type(service.app)()
    app.get("/v1/everything")(lambda: None)
    (found,) = [(path, dependant) for _, path, dependant in routes_of(app) if path == "/v1/everything"]
    assert found[0] not in {path for _, path in PUBLIC | set(ALLOWED)}
    assert permissions(found[1]) == set()


@pytest.mark.parametrize("audience", Audience)
@pytest.mark.parametrize("role", Role)
def test_a_role_is_let_in_where_it_stands_and_nowhere_else(operation, role, audience):
    caller = operation.caller(role, audience)
    for (method, path), roles in ALLOWED.items():
        status = ask(caller, method, path)
        assert status not in {401, 405}, path
        assert (status != 403) == (role in roles), f"{method} {path} answers {status} to {role}"
        assert status < 500, path


@pytest.mark.parametrize(("method", "path"), sorted(ALLOWED))
def test_without_a_key_nothing_is_answered(service, operation, method, path):
    answer = service.client.request(method, path, params={"operation": operation.code})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert operation.code not in answer.text


def test_what_is_public_asks_for_no_key(service):
    # How somebody signs in, where a provider is set, is in tests/trust/test_browser_sign_in.py; /metrics has a token of
    # its own, and without it is not there: tests/trust/test_edge.py.
    elsewhere = {("GET", "/docs/assets"), ("GET", "/metrics")}
    for method, path in {(method, path) for method, path in PUBLIC if "/sign-" not in path} - elsewhere:
        assert service.client.request(method, path).status_code in {200, 405}, path
    assert service.client.get("/docs/assets/swagger-ui.css").status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer fp_",
        "Bearer " + "x" * 10_000,
        "Basic",
        "Basic !!!",
        "Basic " + "w7/Dvw==",
        "Digest abc",
        "fp_token-without-a-scheme",
    ],
)
def test_what_is_no_key_is_a_401_and_no_error(service, authorization):
    answer = service.client.get("/v1/matrix", params={"operation": "T1"}, headers={"Authorization": authorization})
    assert answer.status_code == 401
    assert answer.json()["title"] == "Unauthorized"


def test_a_key_with_one_letter_changed_is_not_believed(service, operation):
    token = operation.analyst.token
    for changed in (
        token[:-1],
        token + "x",
        token.swapcase(),
        token[:10] + ("A" if token[10] != "A" else "B") + token[11:],
    ):
        answer = service.client.get(
            "/v1/matrix", params={"operation": operation.code}, headers={"Authorization": f"Bearer {changed}"}
        )
        assert answer.status_code == 401


@pytest.mark.parametrize("method", ["PUT", "DELETE", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("path", ["/v1/matrix", "/v1/incidents", "/v1/localities", "/healthz"])
def test_methods_that_a_resource_does_not_have(operation, method, path):
    answer = operation.coordinator.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["content-type"] == "application/problem+json"


def test_only_the_coordinator_imports_and_governs():
    governing = (
        Permission.IMPORT,
        Permission.OWN_LOCALITIES,
        Permission.GOVERN_METHOD,
        Permission.GOVERN_SHARING,
    )
    for permission in governing:
        assert [role for role in Role if permission in PERMISSIONS[role]] == [Role.COORDINATOR]


def test_nobody_who_reads_only_the_matrix_may_report_or_decide():
    released = {Permission.READ_MATRIX, Permission.READ_RELEASED, Permission.READ_PROTOCOL}
    assert PERMISSIONS[Role.READER] == released
    assert PERMISSIONS[Role.AUDITOR] == released | {Permission.READ_AUDIT}


def test_nobody_looks_over_the_log_of_their_own_decisions():
    assert [role for role in Role if Permission.READ_AUDIT in PERMISSIONS[role]] == [Role.AUDITOR]
