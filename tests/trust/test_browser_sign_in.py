"""Signing in with a browser: who gets the cookie, what it is good for, and which pages can use it."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import service as running_service
import sign_in_provider
from fastapi.testclient import TestClient
from sign_in_provider import AUDIENCE

from api import browser, code_flow
from api import provider as providers
from flashpoint.pepper import pepper
from flashpoint.store import actors
from flashpoint.types import Audience, Role

HERE = "https://flashpoint.example.org"
CALLBACK = "/v1/sign-in/callback"
SECRET = "a secret: with/odd+letters"  # noqa: S105 - of the provider of these tests


@pytest.fixture(scope="module")
def provider():
    with sign_in_provider.running() as provider:
        yield provider


@pytest.fixture(scope="module")
def service(module_database_url, tmp_path_factory, provider):
    named = {"oidc_issuer": provider.issuer, "oidc_audience": AUDIENCE}
    with running_service.running(module_database_url, tmp_path_factory.mktemp("home"), **named) as service:
        for subject, role in (("person-1", Role.ANALYST), ("expired", Role.ANALYST)):
            grant = actors.KeyGrant(
                f"h-{subject}", role, Audience.CLUSTER, None, timedelta(0 if subject == "expired" else 90)
            )
            hashed = actors.Subject(provider.issuer, subject).digest(pepper(service.app.state.settings))
            with service.database.keys() as vault:
                actors.enrol(vault, actors.console(vault), grant, hashed)
        service.app.state.ring.reload()
        yield service


@pytest.fixture
def operation(service):
    return service.operation()


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch, provider):
    monkeypatch.setattr(providers, "ASK_SECONDS", 0)
    yield
    provider.person, provider.secret, provider.instead = "person-1", None, {}
    provider.claimed, provider.codes = {}, {}


@pytest.fixture
def visitor(service):
    """A browser of its own, with its own cookies, that follows no redirect by itself."""
    return TestClient(service.app, base_url=HERE, follow_redirects=False)


def sign_in(visitor, provider):
    """Go to the provider, sign in there, come back; give the answer."""
    begun = visitor.get("/v1/sign-in")
    assert begun.status_code == 303, begun.text
    return visitor.get(CALLBACK, params=provider.sign_in(begun.headers["location"]))


def read(visitor, operation, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return visitor.get(f"/v1/incidents?operation={operation.code}", headers=named).status_code


def cookies_of(answer):
    return {line.partition("=")[0]: line for line in answer.headers.get_list("set-cookie")}


# -- coming in ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", [None, SECRET])
def test_somebody_signs_in_works_and_signs_out(visitor, provider, operation, monkeypatch, secret):
    provider.secret = secret and "a%20secret%3A%20with%2Fodd%2Bletters"
    monkeypatch.setattr(visitor.app.state.code_flow, "_client_secret", secret)
    assert read(visitor, operation) == 401
    answer = sign_in(visitor, provider)
    assert answer.status_code == 200, answer.text
    assert "url=/docs" in answer.text
    assert read(visitor, operation) == 200
    assert visitor.post("/v1/sign-out", headers={"Origin": HERE}).status_code == 204
    assert read(visitor, operation) == 401


def test_the_provider_is_asked_with_pkce_state_and_nonce(visitor, provider):
    first, second = (visitor.get("/v1/sign-in") for _ in range(2))
    assert first.headers["location"].startswith(provider.issuer + "/authorize?")
    asked = [dict(sign_in_provider.parse_qsl(urlsplit(one.headers["location"]).query)) for one in (first, second)]
    assert asked[0]["redirect_uri"] == HERE + CALLBACK
    assert asked[0]["code_challenge_method"] == "S256"
    for name in ("state", "nonce", "code_challenge"):
        assert len(asked[0][name]) == 43
        assert asked[0][name] != asked[1][name]
    kept = cookies_of(first)["__Host-flashpoint-sign-in"]
    assert asked[0]["code_challenge"] not in kept
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"} <= set(kept.split("; "))
    assert first.headers["cache-control"] == "no-store"


def test_the_cookie_is_one_that_no_script_and_no_other_site_gets(visitor, provider):
    made = cookies_of(sign_in(visitor, provider))
    assert set(made) == {"__Host-flashpoint", "__Host-flashpoint-sign-in"}
    parts = made["__Host-flashpoint"].split("; ")
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= set(parts)
    assert not [part for part in parts if part.startswith("Domain")]
    (lasts,) = [int(part.partition("=")[2]) for part in parts if part.startswith("Max-Age")]
    assert 0 < lasts <= 600, "no longer than the token"
    assert "Max-Age=0" in made["__Host-flashpoint-sign-in"]


def refused(answer, *, status=401):
    assert answer.status_code == status, answer.text
    assert "__Host-flashpoint" not in cookies_of(answer)
    return True


def test_what_another_browser_began_nobody_finishes(visitor, provider, service):
    """Otherwise somebody could be signed in as another and report under that name. In the one that began it works."""
    returned = provider.sign_in(visitor.get("/v1/sign-in").headers["location"])
    other = TestClient(service.app, base_url=HERE)
    assert refused(other.get(CALLBACK, params=returned))
    other.get("/v1/sign-in", follow_redirects=False)
    assert refused(other.get(CALLBACK, params=returned)), "a sign-in of its own, another state"
    assert visitor.get(CALLBACK, params=returned).status_code == 200


def test_a_code_is_good_once_and_for_who_began(visitor, provider, service):
    returned = provider.sign_in(visitor.get("/v1/sign-in").headers["location"])
    other = TestClient(service.app, base_url=HERE, follow_redirects=False)
    own = provider.sign_in(other.get("/v1/sign-in").headers["location"])
    assert refused(other.get(CALLBACK, params=own | {"code": returned["code"]})), (
        "a stolen code: the verifier is missing"
    )
    assert refused(visitor.get(CALLBACK, params=returned)), "it is used up"


@pytest.mark.parametrize("nonce", ["", "x" * 43, None, 1])
def test_a_token_of_another_sign_in_is_refused(visitor, provider, service, operation, nonce):
    """The control: the same token comes in as a bearer's, where no sign-in was begun."""
    provider.claimed = {"nonce": nonce}
    assert refused(sign_in(visitor, provider))
    headers = {"Authorization": f"Bearer {provider.token('person-1', nonce=nonce)}"}
    answer = service.client.get(f"/v1/incidents?operation={operation.code}", headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize("subject", ["nobody", "expired"])
def test_nobody_who_is_not_enrolled_gets_a_cookie(visitor, provider, subject):
    provider.person = subject
    answer = sign_in(visitor, provider)
    assert refused(answer)
    assert answer.json()["detail"] == "nobody who is enrolled here has signed in"


@pytest.mark.parametrize(
    "claimed", [{"aud": "other"}, {"iss": "https://evil.example"}, {"exp": 1}, {"padding": "x" * 4000}]
)
def test_the_providers_answer_is_looked_at_like_any_token(visitor, provider, claimed):
    provider.claimed = claimed
    assert refused(sign_in(visitor, provider))


@pytest.mark.parametrize(
    "query", ["", "?error=access_denied&state=x", "?code=x", "?state=x", "?code=x&state=", "?code=%00&state=%C3%A9"]
)
def test_whoever_comes_back_with_nothing_of_use_is_refused(visitor, query):
    visitor.get("/v1/sign-in")
    answer = visitor.get(CALLBACK + query)
    assert refused(answer)
    assert "access_denied" not in answer.text


@pytest.mark.parametrize("kept", ["", "x", "a.b.c", f"{'a' * 43}.{'b' * 43}", "é"])
def test_a_cookie_that_we_did_not_write_begins_nothing(kept):
    assert code_flow.begun_with(kept) is None
    begun = code_flow.begin()
    assert code_flow.begun_with(begun.written()) == begun


def test_a_flood_of_made_up_codes_does_not_reach_the_provider(provider, visitor, monkeypatch):
    asked = []
    for most in (0, 8):
        monkeypatch.setattr(code_flow, "_MOST_UNDERWAY", most)
        before = provider.asked["/token"]
        asked.append((sign_in(visitor, provider).status_code, provider.asked["/token"] - before))
    assert asked == [(503, 0), (200, 1)]


def test_a_silent_provider_is_a_503(module_database_url, tmp_path, provider):
    provider.fail()
    named = {"oidc_issuer": provider.issuer, "oidc_audience": AUDIENCE}
    with running_service.running(module_database_url, tmp_path, assessor=True, **named) as fresh:
        answer = TestClient(fresh.app, base_url=HERE, follow_redirects=False).get("/v1/sign-in")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


@pytest.mark.parametrize("endpoint", ["http://id.example.org/authorize", "javascript:alert(1)", "//x", 7, None])
def test_a_browser_is_sent_to_no_place_that_is_not_beyond_doubt(endpoint):
    assert providers._offered(endpoint, secure=True) is None  # noqa: SLF001 - what discovery says
    assert providers._offered("https://id.example.org/authorize", secure=True)  # noqa: SLF001


def test_a_host_that_is_none_is_not_repeated(service):
    odd = TestClient(service.app, base_url=HERE, follow_redirects=False)
    answer = odd.get("/v1/sign-in", headers={"Host": "evil.example/x?"})
    assert answer.status_code == 400
    assert "evil" not in answer.text
    assert odd.get("/v1/sign-in?x=1").status_code == 400


# -- what the cookie is good for ------------------------------------------------------------------------------------


@pytest.fixture
def signed_in(visitor, provider):
    assert sign_in(visitor, provider).status_code == 200
    return visitor


@pytest.mark.parametrize(
    ("site", "status"), [(None, 200), ("same-origin", 200), ("none", 200), ("same-site", 401), ("cross-site", 401)]
)
def test_a_page_of_another_site_cannot_read_with_it(signed_in, operation, site, status):
    assert read(signed_in, operation, **({} if site is None else {"sec_fetch_site": site})) == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (HERE, 201),
        (None, 401),
        ("null", 401),
        ("https://evil.example", 401),
        (HERE + ".evil.example", 401),
        (HERE.replace("https", "http"), 401),
        (HERE + ":8443", 401),
        ("https://other.example.org", 401),
    ],
)
def test_only_a_page_of_our_own_can_change_anything_with_it(signed_in, operation, origin, status):
    headers = {} if origin is None else {"Origin": origin}
    answer = signed_in.post("/v1/incidents", json=operation.incident(), headers=headers)
    assert answer.status_code == status, answer.text


def test_two_origins_are_none(signed_in, operation):
    headers = [("Origin", HERE), ("Origin", "https://evil.example")]
    assert signed_in.post("/v1/incidents", json=operation.incident(), headers=headers).status_code == 401


def test_nobody_is_signed_out_by_another_page(signed_in, operation):
    for headers in ({}, {"Origin": "https://evil.example"}):
        assert refused(signed_in.post("/v1/sign-out", headers=headers), status=403)
    assert read(signed_in, operation) == 200


def test_a_key_goes_before_the_cookie(signed_in, operation):
    assert read(signed_in, operation, authorization="Bearer nonsense") == 401
    assert read(signed_in, operation, authorization=f"Bearer {operation.reader.token}") == 403


def test_a_cookie_that_holds_a_key_is_nothing(visitor, operation):
    """A key is given to tools; a browser that keeps one would send it for whoever asks."""
    visitor.cookies.set(browser.SESSION, operation.analyst.token)
    assert read(visitor, operation) == 401


def test_a_revoked_enrolment_ends_the_cookie(signed_in, service, operation):
    rows = "SELECT k.id FROM vault.api_key k JOIN vault.actor a ON a.id = actor_id WHERE handle = 'h-person-1'"
    (enrolment,) = [one for (one,) in service.owner.execute(rows + " AND revoked_at IS NULL")]
    try:
        with service.database.keys() as vault:
            actors.revoke(vault, actors.CONSOLE, enrolment, actors.Credential.PERSON)
        service.app.state.ring.reload()
        assert read(signed_in, operation) == 401
    finally:
        hashed = actors.Subject(service.app.state.settings.oidc_issuer, "person-1")
        grant = actors.KeyGrant("h-person-1", Role.ANALYST, Audience.CLUSTER, None)
        with service.database.keys() as vault:
            actors.enrol(vault, actors.CONSOLE, grant, hashed.digest(pepper(service.app.state.settings)))
        service.app.state.ring.reload()
    assert read(signed_in, operation) == 200


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("flashpoint.example.org", "https://flashpoint.example.org"),
        ("FLASHPOINT.example.org:8443", "https://flashpoint.example.org:8443"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("localhost", "http://localhost"),
        ("localhost.evil.example", "https://localhost.evil.example"),
        ("evil.example@127.0.0.1", None),
        ("x y", None),
        ("", None),
    ],
)
def test_the_origin_that_the_browser_knows(host, origin):
    scope = {"type": "http", "headers": [(b"host", host.encode())]}
    assert browser.own_origin(browser.HTTPConnection(scope)) == origin


def test_where_no_provider_is_set_there_is_no_sign_in(module_database_url, tmp_path):
    with running_service.running(module_database_url, tmp_path, assessor=True) as without:
        visitor = TestClient(without.app, base_url=HERE, follow_redirects=False)
        asked = [visitor.get("/v1/sign-in"), visitor.get(CALLBACK), visitor.post("/v1/sign-out")]
    assert [answer.status_code for answer in asked] == [404, 404, 404]
