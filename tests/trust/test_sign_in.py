"""People who sign in with OpenID Connect: who is let in, as what, and that nobody else is, however they forge."""

import asyncio
import base64
import hmac
import json
import logging
from collections import Counter
from datetime import timedelta
from hashlib import sha256

import jwt
import pytest
import service as running_service
import sign_in_provider
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from forged_tokens import Forger, Subjects
from sign_in_provider import AUDIENCE, new_key

from api import provider as providers
from api.sign_in import SignIn
from api.tokens import ALGORITHMS, LONGEST, Claims, Header, RefusedError, Verifier
from flashpoint.errors import Conflict, Unavailable
from flashpoint.pepper import pepper
from flashpoint.settings import Settings
from flashpoint.store import actors
from flashpoint.types import Audience, Credential, Role

ENROLLED = Subjects("5f0c2a-enrolled", "5f0c2a-revoked", "5f0c2a-expired")


@pytest.fixture(scope="module")
def provider():
    with sign_in_provider.running() as provider:
        yield provider


@pytest.fixture(scope="module")
def service(module_database_url, tmp_path_factory, provider):
    named = {"oidc_issuer": provider.issuer, "oidc_audience": AUDIENCE}
    with running_service.running(module_database_url, tmp_path_factory.mktemp("home"), **named) as service:
        yield service


@pytest.fixture
def operation(service):
    return service.operation()


@pytest.fixture(autouse=True)
def _asked_at_any_time(monkeypatch, provider):
    """Let the provider be asked whenever a key is unknown, unless a test says otherwise; leave it as it was."""
    monkeypatch.setattr(providers, "ASK_SECONDS", 0)
    keys = list(provider.keys)
    yield
    provider.keys[:], provider.instead = keys, {}


def enrol(service, subject, **changes):
    """Enrol somebody; give the id of the enrolment."""
    given = {"handle": f"h-{subject}", "role": Role.ANALYST, "audience": Audience.CLUSTER, "operations": None}
    settings = service.app.state.settings
    hashed = actors.Subject(settings.oidc_issuer, subject).digest(pepper(settings))
    with service.database.keys() as vault:
        enrolment = actors.enrol(vault, actors.console(vault), actors.KeyGrant(**given | changes), hashed)
    service.app.state.ring.reload()
    return enrolment


def end(service, enrolment):
    with service.database.keys() as vault:
        actors.revoke(vault, actors.console(vault), enrolment, Credential.PERSON)
    service.app.state.ring.reload()


def ask(service, token, path="/v1/incidents?operation={}", operation="NONE", method="GET", **rest):
    headers = {b"authorization": b"Bearer " + token.encode(), b"content-type": b"application/json"}
    return service.client.request(method, path.format(operation), headers=headers, **rest)


def listing(service, token, operation):
    return ask(service, token, operation=operation.code).status_code


def comer(service, provider, subject):
    """Give somebody with a token, who asks as anybody with a key does."""
    return running_service.Caller(service.client, provider.token(subject), None, None)


# -- who comes in ---------------------------------------------------------------------------------------------------


def test_somebody_who_is_enrolled_comes_in_with_a_token_of_the_provider(service, provider, operation):
    enrol(service, "person-1", operations=(operation.code,))
    for key in provider.keys:
        assert listing(service, provider.token("person-1", key), operation) == 200
    assert listing(service, provider.token("person-1", aud=["other", AUDIENCE]), operation) == 200
    assert listing(service, provider.token("nobody-1"), operation) == 401
    assert listing(service, provider.token("person-1"), service.operation()) == 404


def test_what_somebody_may_is_said_by_the_enrolment_and_not_by_the_token(service, provider, operation):
    operation.assess()
    enrol(service, "person-2", role=Role.READER, audience=Audience.MISSION)
    claimed = {"role": "coordinator", "roles": ["coordinator"], "groups": ["admin"], "scope": "read_records"}
    token = provider.token("person-2", **claimed)
    assert listing(service, token, operation) == 403
    assert ask(service, token, "/v1/matrix?operation={}", operation.code).json()["audience"] == "mission"
    enrol(service, "person-2", role=Role.ANALYST, actions=("read_records",))
    assert listing(service, token, operation) == 200, "the same token, another enrolment"
    assert ask(service, token, "/v1/matrix?operation={}", operation.code).status_code == 403


def test_an_enrolment_ends_by_revocation_and_by_time(service, provider, operation):
    token, other = provider.token("person-3"), provider.token("person-4")
    first = enrol(service, "person-3")
    enrol(service, "person-4", lifetime=timedelta(0))
    assert [listing(service, one, operation) for one in (token, other)] == [200, 401]
    end(service, first)
    assert listing(service, token, operation) == 401
    enrol(service, "person-3")
    assert listing(service, token, operation) == 200, "somebody who left can come back"


def test_a_person_and_a_key_of_one_handle_are_one_where_two_are_needed(service, provider, operation):
    incident_id = operation.reported()
    own = service.scalar("SELECT handle FROM vault.actor WHERE id = %s", operation.analyst.id)
    enrol(service, "person-5", handle=own, role=Role.VERIFIER)
    enrol(service, "person-6", role=Role.VERIFIER)
    operation.step(incident_id, "corroborate")
    tried = [
        operation.step(incident_id, "verify", comer(service, provider, subject), standard="reasonable_grounds")
        for subject in ("person-5", "person-6")
    ]
    assert [answer.status_code for answer in tried] == [409, 200]


def test_nobody_becomes_two_by_being_enrolled_twice(service, provider, operation):
    first = enrol(service, "person-7", role=Role.READER)
    with pytest.raises(Conflict):
        enrol(service, "person-7", handle="another")
    second = enrol(service, "person-7")
    assert listing(service, provider.token("person-7"), operation) == 200
    rows = "SELECT replaces, revoked_at IS NOT NULL FROM vault.api_key WHERE id = ANY(%s) ORDER BY recorded_at"
    assert service.owner.execute(rows, [[first, second]]).fetchall() == [(None, True), (first, False)]
    end(service, second)
    with pytest.raises(Conflict):
        enrol(service, "person-7", handle="another")


def test_no_subject_is_kept_anywhere(service, provider, operation, caplog):
    caplog.set_level(logging.DEBUG)
    subject = "9b1d-not-to-be-kept"
    enrol(service, subject, handle="kept")
    token = provider.token(subject, email="somebody@example.org")
    assert listing(service, token, operation) == 200
    service.app.state.ring.note_use()
    tables = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema IN ('vault', 'release')"
    for schema, table in service.owner.execute(tables).fetchall():
        written = service.scalar(f"SELECT string_agg(t::text, ' ') FROM {schema}.{table} t") or ""
        assert subject not in written, table
        assert provider.issuer not in written, table
    assert service.scalar(
        "SELECT last_used_on IS NOT NULL FROM vault.api_key k JOIN vault.actor a ON a.id = actor_id "
        "WHERE a.handle = 'kept'"
    )
    assert subject not in caplog.text
    assert "somebody@example.org" not in caplog.text


def test_without_the_pepper_a_digest_says_nothing_of_the_subject():
    known = actors.Subject("https://id.example.org", "somebody")
    assert known.digest(b"a" * 32) != known.digest(b"b" * 32)
    assert known.digest(b"a" * 32) != actors.Subject("https://id.example.org/", "somebody").digest(b"a" * 32)
    assert known.digest(b"a" * 32) not in (sha256(b"somebody").digest(), sha256(b"https://id.example.org").digest())


# -- forged tokens --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def forger(service, provider):
    enrol(service, ENROLLED.enrolled, role=Role.COORDINATOR)
    end(service, enrol(service, ENROLLED.revoked))
    enrol(service, ENROLLED.expired, lifetime=timedelta(0))
    return Forger(provider, ENROLLED)


def telltale(forged):
    """Give what of a token must not be seen again: its parts, and what it says."""
    parts = [part for part in forged.token.split(".") if len(part) > 8]
    return [*parts, ENROLLED.enrolled, ENROLLED.revoked, ENROLLED.expired, "evil.example"]


def test_no_forged_token_is_taken_and_none_is_repeated(service, forger, operation, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    everything = forger.everything()
    assert len(everything) >= 200
    assert len({one.kind for one in everything}) >= 60
    for genuine in (forger.genuine(), forger.of_length(LONGEST - 2)):
        assert listing(service, genuine, operation) == 200, "what is genuine comes in"
    answers = [(one, ask(service, one.token, operation=operation.code)) for one in everything]
    assert [one.kind for one, answer in answers if answer.status_code != 401] == []
    said = caplog.text + "".join(capfd.readouterr())
    for one, answer in answers:
        seen = answer.text + str(dict(answer.headers))
        assert not [part for part in telltale(one) if part in seen or part in said], one.kind
    assert len({answer.text for _, answer in answers}) == 1, "it is not said what was wrong"
    assert "a token was refused" in caplog.text


def admitted(service, verifier, forger):
    """Give the kinds of forged tokens that somebody would come in with, by this verifier."""

    async def try_all():
        issuer, ring = service.app.state.settings.oidc_issuer, service.app.state.ring
        keys = providers.Provider(issuer, 3600)
        door = SignIn(issuer, verifier, ring, keys, pepper(service.app.state.settings))
        return [one.kind for one in forger.everything() if await door.find(one.token) is not None]

    return Counter(asyncio.run(try_all()))


class Unchecked(Verifier):
    """Looks at everything but the signature."""

    def _require_genuine(self, token, key, algorithm):  # noqa: ARG002 - as in the original
        options = {
            "verify_signature": False,
            **{f"verify_{name}": True for name in ("exp", "nbf", "iat", "aud", "iss")},
        }
        try:
            jwt.decode(token, audience=self._audience, issuer=self._issuer, leeway=30, options=options)
        except jwt.PyJWTError:
            raise RefusedError("claims") from None


class Unpinned(Verifier):
    """Takes every algorithm that the library knows, whatever the key is for."""

    def header(self, token):
        members = jwt.get_unverified_header(token) if token.count(".") == 2 and token.isascii() else {}
        if not isinstance(members.get("kid"), str) or not isinstance(members.get("alg"), str):
            raise RefusedError("header")
        return Header(members["alg"], members["kid"])

    def claims(self, token, header, key):
        try:
            self._require_genuine(token, key, header.algorithm)
        except (TypeError, ValueError):
            raise RefusedError("key") from None
        found = jwt.decode(token, options={"verify_signature": False})
        return Claims(str(found["sub"]), min(int(found["exp"]), 2**32))


class Textbook(Unpinned):
    """Believes the header, as the first libraries did: no signature where it says so, and any key as a secret."""

    def _require_genuine(self, token, key, algorithm):
        if algorithm.lower() == "none":
            return
        content, _, signature = token.rpartition(".")
        if algorithm == "HS256":
            pem = key.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            made = base64.urlsafe_b64encode(hmac.digest(pem, content.encode(), "sha256")).rstrip(b"=").decode()
            if made == signature:
                return
        super()._require_genuine(token, key, algorithm)


class Believing(Verifier):
    """Takes whatever the provider signed, for whomever and whenever."""

    def _require_genuine(self, token, key, algorithm):
        options = {f"verify_{name}": False for name in ("exp", "nbf", "iat", "aud", "iss", "sub")}
        try:
            jwt.decode(token, key.public, algorithms=[algorithm], options=options)
        except jwt.PyJWTError:
            raise RefusedError("signature") from None


def sturdy(of_what):
    """Let a verifier that is not careful with bad tokens refuse them all the same."""

    class Sturdy(of_what):
        def header(self, token):
            try:
                return super().header(token)
            except jwt.PyJWTError:
                raise RefusedError("header") from None

    return Sturdy


WEAKER = {
    Unchecked: {"another key under the right id", "flipped bit", "another's claims", "ECDSA with chosen numbers"},
    Unpinned: {"an algorithm the key is not for", "typ", "header with jwk", "bound to a key"},
    Textbook: {"alg 'none'", "HS256 with what is public"},
    Believing: {"iss", "aud", "expired", "of the future"},
}


@pytest.mark.parametrize("weaker", WEAKER, ids=lambda one: one.__name__)
def test_the_forged_tokens_would_come_in_where_a_check_is_switched_off(service, forger, weaker):
    issuer = service.app.state.settings.oidc_issuer
    assert admitted(service, Verifier(issuer, AUDIENCE), forger) == Counter()
    let_in = admitted(service, sturdy(weaker)(issuer, AUDIENCE), forger)
    assert WEAKER[weaker] <= set(let_in)


def test_the_set_of_algorithms_is_fixed_and_none_of_it_can_be_made_with_a_public_key():
    assert sorted(ALGORITHMS) == ["ES256", "PS256", "RS256"]


# -- the provider's keys --------------------------------------------------------------------------------------------


def test_keys_that_rotate_are_followed(service, provider, operation):
    enrol(service, "person-8")
    old = provider.token("person-8")
    assert listing(service, old, operation) == 200
    provider.keys.append(new_key("rsa-2"))
    assert listing(service, provider.token("person-8", provider.keys[-1]), operation) == 200
    gone = provider.keys.pop(0)
    read_anew(service)
    assert listing(service, old, operation) == 401, "verified before, by a key that is withdrawn"
    assert listing(service, provider.token("person-8", gone), operation) == 401
    assert listing(service, provider.token("person-8", provider.keys[-1]), operation) == 200


def read_anew(service):
    service.app.state.callers._sign_in.provider._read()  # noqa: SLF001 - what happens every few minutes, now


def test_a_key_replaced_under_its_own_id_takes_its_tokens_with_it(service, provider, operation):
    enrol(service, "person-9")
    provider.keys[0] = before = new_key("rsa-1")
    read_anew(service)
    token = provider.token("person-9", before)
    assert listing(service, token, operation) == 200
    provider.keys[0] = after = new_key("rsa-1")
    read_anew(service)
    assert [listing(service, one, operation) for one in (token, provider.token("person-9", after))] == [401, 200]


def attempts(door, tokens):
    async def try_all():
        found = await asyncio.gather(*(door().find(token) for token in tokens), return_exceptions=True)
        return [one if one is None or isinstance(one, Exception) else True for one in found]

    return asyncio.run(try_all())


def door_of(service, trust_seconds=3600):
    """Make one more door to the same service, which remembers nothing yet; give how to have it, once it is needed."""
    made = []

    def door():
        if not made:
            settings = service.app.state.settings
            keys = providers.Provider(settings.oidc_issuer, trust_seconds)
            verifier = Verifier(settings.oidc_issuer, AUDIENCE)
            made.append(SignIn(settings.oidc_issuer, verifier, service.app.state.ring, keys, pepper(settings)))
        return made[0]

    return door


@pytest.mark.parametrize(("pause", "asked"), [(60, 1), (0, 300)])
def test_a_flood_of_forged_key_ids_is_no_flood_for_the_provider(service, provider, monkeypatch, pause, asked):
    """Without the pause, which is the control, every one of them asks."""
    monkeypatch.setattr(providers, "ASK_SECONDS", pause)
    before = provider.asked["/keys"]
    tokens = [provider.token("person-1", new) for new in [*(forged_id(provider, n) for n in range(300))]]
    assert attempts(door_of(service), tokens) == [None] * 300
    assert provider.asked["/keys"] - before == asked


def forged_id(provider, number):
    return sign_in_provider.Key(f"forged-{number}", "RS256", provider.keys[0].private)


def test_while_the_provider_is_silent_known_keys_go_on_and_new_ones_wait(service, provider):
    enrol(service, "person-10")
    door = door_of(service)
    known, new = provider.token("person-10"), provider.token("person-10", new_key("rsa-3"))

    async def through_the_silence():
        assert await door().find(known)
        provider.fail()
        with pytest.raises(Unavailable):
            await door().find(new)
        return await door().find(known)

    assert asyncio.run(through_the_silence())
    provider.fail()
    (first,) = attempts(door_of(service), [known])
    assert isinstance(first, Unavailable), "nothing is known before the provider answered once"


def test_keys_are_not_trusted_for_ever_where_the_provider_is_silent(service, provider):
    """With trust that lasts the same token comes in: it is the age of the keys that decides."""
    enrol(service, "person-11")
    token = provider.token("person-11")

    async def after_silence(door):
        keys = door().provider
        await keys.look_again()
        provider.fail()
        try:
            return await door().find(token) is not None
        except Unavailable:
            return False
        finally:
            provider.instead = {}

    assert [asyncio.run(after_silence(door_of(service, seconds))) for seconds in (0, 3600)] == [False, True]


def test_a_silent_provider_is_a_503_that_says_so(service, provider, operation):
    provider.fail()
    answer = ask(service, provider.token("person-1", new_key("rsa-4")), operation=operation.code)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert answer.json()["detail"] == "the sign-in provider does not answer"
    assert operation.analyst.get(f"/v1/incidents?operation={operation.code}").status_code == 200, (
        "keys need no provider"
    )


DISCOVERY = "/.well-known/openid-configuration"


def page(tree, status=200, **headers):
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps(tree).encode()


def odd_answers(provider):
    issuer = provider.issuer
    discovered = {"issuer": issuer, "jwks_uri": issuer + "/keys"}
    keys = {"keys": [key.jwk for key in provider.keys]}
    private = json.loads(sign_in_provider.ALGORITHMS["RS256"].to_jwk(provider.keys[0].private))
    only = provider.keys[0].jwk
    return {
        "as it should be": {},
        "another issuer": {DISCOVERY: page(discovered | {"issuer": issuer + "/"})},
        "no issuer": {DISCOVERY: page({"jwks_uri": issuer + "/keys"})},
        "no keys": {DISCOVERY: page({"issuer": issuer})},
        "a redirect": {DISCOVERY: page({}, 302, Location=issuer + "/moved"), "/moved": page(discovered)},
        "a redirect of the keys": {"/keys": page({}, 307, Location=issuer + "/moved"), "/moved": page(keys)},
        "an error with keys": {"/keys": page(keys, 500)},
        "keys elsewhere without TLS": {DISCOVERY: page(discovered | {"jwks_uri": "http://keys.example.org/keys"})},
        "keys in a file": {DISCOVERY: page(discovered | {"jwks_uri": "file:///dev/null"})},
        "keys with a password": {DISCOVERY: page(discovered | {"jwks_uri": issuer.replace("//", "//a:b@") + "/keys"})},
        "no JSON": {"/keys": (200, {}, b"<html>")},
        "no object": {"/keys": page([keys])},
        "no list": {"/keys": page({"keys": only})},
        "an endless answer": {"/keys": page(keys | {"padding": "x" * 300_000})},
        "a thousand keys": {"/keys": page({"keys": [only | {"kid": f"k{n}"} for n in range(1000)] + [only]})},
        "a key for encryption": {"/keys": page({"keys": [only | {"use": "enc"}]})},
        "a key to encrypt with": {"/keys": page({"keys": [only | {"key_ops": ["encrypt"]}]})},
        "a key for another algorithm": {"/keys": page({"keys": [only | {"alg": "RS512"}]})},
        "a key for no algorithm": {"/keys": page({"keys": [only | {"alg": ["RS256"]}]})},
        "a key of another type": {"/keys": page({"keys": [only | {"kty": "oct", "k": "AAAA"}]})},
        "a private key": {"/keys": page({"keys": [only | private]})},
        "a key without id": {"/keys": page({"keys": [{**only, "kid": None}]})},
        "two keys of one id": {"/keys": page({"keys": [only, new_key("rsa-1").jwk]})},
        "a broken key": {"/keys": page({"keys": [only | {"n": "!!"}]})},
        "nothing but noise": {"/keys": page({"keys": [1, None, "key", [], {}]})},
    }


@pytest.mark.parametrize("what", odd_answers(sign_in_provider.Provider("http://127.0.0.1:1")))
def test_only_keys_that_are_beyond_doubt_are_taken(service, provider, what):
    enrol(service, "person-12")
    provider.instead = odd_answers(provider)[what]
    (found,) = attempts(door_of(service), [provider.token("person-12")])
    assert (found is True) == (what == "as it should be"), found
    assert provider.asked["/moved"] == 0


def test_one_bad_key_does_not_spoil_the_others(service, provider):
    enrol(service, "person-13")
    noise = [1, None, {"kty": "RSA", "kid": "x"}, {"kty": "EC", "crv": [], "kid": {}}, {"kid": "y", "alg": {}}]
    provider.instead = {"/keys": page({"keys": [*noise, provider.keys[0].jwk]})}
    assert attempts(door_of(service), [provider.token("person-13")]) == [True]


def test_a_short_rsa_key_is_none(service, provider):
    short = sign_in_provider.Key("short", "RS256", sign_in_provider.rsa.generate_private_key(65537, 1024))
    enrol(service, "person-14")
    provider.keys.append(short)
    assert attempts(door_of(service), [provider.token("person-14", short)]) == [None]


def test_a_provider_that_drips_is_cut_off(service, provider, monkeypatch):
    """Each byte comes within every limit of the socket; together they would take for ever."""
    monkeypatch.setattr(providers, "_WHOLE_SECONDS", 0.3)
    monkeypatch.setattr(provider, "dripping", {"/keys"})
    (found,) = attempts(door_of(service), [provider.token("person-14")])
    assert isinstance(found, Unavailable)


# -- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "issuer",
    [
        *("http://id.example.org", "ftp://id.example.org", "https://", "https://id.example.org?x=1", "id.example.org"),
        *("https://a:b@id.example.org", "https://id.example.org#x", "http://127.0.0.1.example.org", "https://x y"),
        *("http://localhost.example.org", "https://id.example.org\n", "file:///dev/null", ""),
    ],
)
def test_an_issuer_comes_over_tls_and_is_nothing_but_an_address(issuer):
    with pytest.raises(ValueError, match="https address"):
        Settings(oidc_issuer=issuer, oidc_audience="x")


@pytest.mark.parametrize(
    "issuer", ["https://id.example.org", "https://id.example.org:8443/realms/field/", "http://127.0.0.1:8080/realm"]
)
def test_issuers_as_they_are(issuer):
    assert Settings(oidc_issuer=issuer, oidc_audience="x").oidc_issuer == issuer


@pytest.mark.parametrize("one", [{"oidc_issuer": "https://id.example.org"}, {"oidc_audience": "flashpoint"}])
def test_issuer_and_audience_are_set_together(one):
    with pytest.raises(ValueError, match="set together"):
        Settings(**one)


def test_where_no_provider_is_set_a_token_is_nothing(service, provider, module_database_url, tmp_path):
    enrol(service, "person-15")
    with running_service.running(module_database_url, tmp_path, assessor=True) as without:
        answer = ask(without, provider.token("person-15"), operation="T1")
        assert answer.status_code == 401
        assert "token" not in answer.json()["detail"]
