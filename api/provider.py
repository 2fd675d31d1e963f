"""The sign-in provider's keys: found by discovery, kept in memory, and asked for seldom, whoever knocks."""

import asyncio
import contextlib
import http.client
import logging
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from api.tokens import ALGORITHMS, SigningKey
from flashpoint.strictjson import JsonValue, Limits, parse

log = logging.getLogger("flashpoint.sign_in")

#: An unknown key id is a reason to ask at most this often: a flood of forged ids is no flood for the provider.
ASK_SECONDS = 10.0
#: Known keys are read anew after this time, beside the requests: the provider may have withdrawn one.
_RENEW_SECONDS: Final = 300.0
_SILENCE_SECONDS: Final = 5.0
_WHOLE_SECONDS: Final = 10.0
_LIMITS: Final = Limits(max_bytes=256 * 1024, max_depth=16, max_values=10_000)
_MOST_KEYS: Final = 50
_LONGEST_KID: Final = 200
_RSA_BITS: Final = range(2048, 8192 + 1)
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
#: Type and curve of a key to the algorithm and the members that it has to itself.
_FOR_TYPE: Final = {("RSA", None): {"PS256", "RS256"}, ("EC", "P-256"): {"ES256"}}


class ProviderError(Exception):
    """The provider does not answer as it should."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a browser is sent to sign in, and where a code is turned into a token; ``None`` for what is not offered."""

    authorization: str | None = None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """What is posted: the fields in their encoding, and headers beside them."""

    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Provider:
    """The signing keys of one issuer, by key id. Replaced as a whole."""

    def __init__(self, issuer: str, trust_seconds: float) -> None:
        """Start empty. Keys that could not be read anew for ``trust_seconds`` are not believed any more."""
        self._issuer = issuer
        self._trust_seconds = trust_seconds
        self.endpoints = Endpoints()
        self._keys: Mapping[str, SigningKey] = {}
        self._read_at = self._asked_at = float("-inf")
        self._asking = asyncio.Lock()
        self._renewing: asyncio.Task[None] | None = None
        # A thread of its own: those of the requests are few, and the provider may take its time.
        self._thread = ThreadPoolExecutor(1, "provider")

    def find(self, kid: str) -> SigningKey | None:
        """Give the key of that id if the provider is known to have it."""
        return None if self._is_past(self._read_at, self._trust_seconds) else self._keys.get(kid)

    def is_silent(self) -> bool:
        """Say whether it failed to answer when last asked."""
        return self._read_at < self._asked_at

    async def look_again(self) -> None:
        """Ask for the keys, unless that was done a moment ago. Callers wait for one another without a thread."""
        async with self._asking:
            if self._is_past(self._asked_at, ASK_SECONDS):
                await asyncio.get_running_loop().run_in_executor(self._thread, self._read)

    def renew(self) -> None:
        """Begin to ask for the keys where they are no longer new. Nobody waits for it."""
        idle = self._renewing is None or self._renewing.done()
        if idle and self._is_past(self._read_at, _RENEW_SECONDS) and self._is_past(self._asked_at, ASK_SECONDS):
            self._renewing = asyncio.create_task(self.look_again())

    async def post(self, address: str, form: Form) -> dict[str, JsonValue]:
        """Post a form to one of the endpoints.

        Raises:
            ProviderError: the answer is no success, or none at all.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._posted, address, form)

    def _posted(self, address: str, form: Form) -> dict[str, JsonValue]:
        try:
            return _ask(address, secure=self._is_secure(), form=form)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody comes in
            log.warning("the sign-in provider took no code (%s)", type(error).__name__)
            raise ProviderError("the code was not taken") from None

    def _is_secure(self) -> bool:
        return self._issuer.startswith("https:")

    def _is_past(self, since: float, seconds: float) -> bool:
        return time.monotonic() - since > seconds

    def _read(self) -> None:
        asked_at = time.monotonic()
        try:
            keys = self._fetch()
        except Exception as error:  # noqa: BLE001 - whatever it is, known keys stay for a while
            log.warning("the sign-in provider's keys could not be read (%s)", type(error).__name__)
        else:
            self._keys, self._read_at = keys, asked_at
        self._asked_at = asked_at

    def _fetch(self) -> Mapping[str, SigningKey]:
        secure = self._is_secure()
        found = _ask(self._issuer.rstrip("/") + "/.well-known/openid-configuration", secure=secure)
        address = found.get("jwks_uri")
        if found.get("issuer") != self._issuer or not isinstance(address, str):
            raise ProviderError("the discovery document is another issuer's, or names no keys")
        entries = _ask(address, secure=secure).get("keys")
        if not isinstance(entries, list) or len(entries) > _MOST_KEYS:
            raise ProviderError("there is no list of keys")
        named = (_offered(found.get(name), secure=secure) for name in ("authorization_endpoint", "token_endpoint"))
        self.endpoints = Endpoints(*named)
        return _unambiguous(key for key in map(_signing_key, entries) if key is not None)


def _unambiguous(keys: Iterable[SigningKey]) -> dict[str, SigningKey]:
    listed = list(keys)
    counted = Counter(key.kid for key in listed)
    return {key.kid: key for key in listed if counted[key.kid] == 1}


def _signing_key(entry: JsonValue) -> SigningKey | None:
    """Read one entry of the set; what is not a public key for signatures of our kinds is none for us."""
    if not isinstance(entry, dict) or "d" in entry or entry.get("use", "sig") != "sig":
        return None
    operations, kid, curve = entry.get("key_ops", ["verify"]), entry.get("kid"), entry.get("crv")
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    fits = _FOR_TYPE.get((str(entry.get("kty")), None if curve is None else str(curve)), set())
    algorithms = frozenset(fits & ALGORITHMS & {str(entry.get("alg", algorithm)) for algorithm in fits})
    if not isinstance(kid, str) or not 0 < len(kid) <= _LONGEST_KID or not algorithms:
        return None
    try:
        public = jwt.PyJWK(entry, min(algorithms)).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    sound = isinstance(public, EllipticCurvePublicKey) or (
        isinstance(public, RSAPublicKey) and public.key_size in _RSA_BITS
    )
    return SigningKey(kid, algorithms, public) if sound else None


def _offered(address: JsonValue, *, secure: bool) -> str | None:
    """Give the address of an endpoint if it is one that may be asked."""
    try:
        return address if isinstance(address, str) and _address(address, secure=secure) else None
    except (ProviderError, ValueError):
        return None


def _address(text: str, *, secure: bool) -> SplitResult:
    url = urlsplit(text)
    if not url.hostname or url.username is not None or url.scheme not in {"https", "http"}:
        raise ProviderError("not an address")
    if url.scheme == "http" and (secure or url.hostname not in _LOOPBACK):
        raise ProviderError("not over TLS")
    return url


def _ask(address: str, *, secure: bool, form: Form | None = None) -> dict[str, JsonValue]:
    """Fetch one JSON object, or post for one. No redirect is followed, no proxy asked; size and time are bounded."""
    url = _address(address, secure=secure)
    line = _line(url)
    line.connect()
    # A provider that sends a byte now and then keeps within every time limit of the socket.
    cut = threading.Timer(_WHOLE_SECONDS, _cut, [line.sock])
    cut.daemon = True
    cut.start()
    try:
        path = url._replace(scheme="", netloc="", fragment="").geturl() or "/"
        if form is None:
            line.request("GET", path)
        else:
            kind = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
            line.request("POST", path, form.body, kind | dict(form.headers))
        answer = line.getresponse()
        body = answer.read(_LIMITS.max_bytes + 1)
    finally:
        cut.cancel()
        line.close()
    tree = parse(body, _LIMITS) if answer.status == http.client.OK else None
    if not isinstance(tree, dict):
        raise ProviderError("not an answer")
    return tree


def _cut(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


def _line(url: SplitResult) -> http.client.HTTPConnection:
    if url.scheme == "http":
        return http.client.HTTPConnection(str(url.hostname), url.port, timeout=_SILENCE_SECONDS)
    context = ssl.create_default_context()
    return http.client.HTTPSConnection(str(url.hostname), url.port, timeout=_SILENCE_SECONDS, context=context)
