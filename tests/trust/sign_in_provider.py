"""A small OpenID Connect provider on this machine: discovery, keys that rotate, and tokens signed with them."""

import base64
import hashlib
import json
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import get_default_algorithms

AUDIENCE = "flashpoint-test"
ALGORITHMS = get_default_algorithms()


def encoded(content: Any) -> str:
    """Write a part of a token: bytes and texts as they are, anything else as JSON."""
    if not isinstance(content, bytes | str):
        content = json.dumps(content)
    raw = content if isinstance(content, bytes) else content.encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header: Any, claims: Any, sign: Any) -> str:
    """Put a token together; ``sign`` makes the signature of what is before it."""
    before = f"{encoded(header)}.{encoded(claims)}"
    return f"{before}.{encoded(sign(before.encode()))}"


def signer(algorithm: str, key: Any) -> Any:
    return lambda content: ALGORITHMS[algorithm].sign(content, key)


@dataclass(frozen=True)
class Key:
    """A signing key of the provider: what it signs with, and what it says of it."""

    kid: str
    algorithm: str
    private: Any
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def public(self) -> Any:
        return self.private.public_key()

    @property
    def jwk(self) -> dict[str, Any]:
        found = json.loads(ALGORITHMS[self.algorithm].to_jwk(self.public))
        return {"kid": self.kid, "use": "sig", "alg": self.algorithm, **found, **self.said}


def new_key(kid: str, algorithm: str = "RS256", **said: Any) -> Key:
    made = ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else rsa.generate_private_key(65537, 2048)
    return Key(kid, algorithm, made, said)


class Provider:
    """The provider. What it answers can be changed between two questions."""

    def __init__(self, base: str) -> None:
        self.issuer = base
        self.keys = [new_key("rsa-1"), new_key("ec-1", "ES256")]
        self.asked: Counter[str] = Counter()
        #: Path to status, headers and body, in place of the usual answer.
        self.instead: dict[str, tuple[int, dict[str, str], bytes]] = {}
        #: Paths whose answer never ends, a byte at a time.
        self.dripping: set[str] = set()
        #: Who signs in when a browser comes, and codes that are waiting to be turned into tokens.
        self.person = "person-1"
        self.secret: str | None = None
        self.codes: dict[str, dict[str, str]] = {}
        self.claimed: dict[str, Any] = {}

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        self.asked[path] += 1
        if path in self.instead:
            return self.instead[path]
        pages = {
            "/.well-known/openid-configuration": {
                "issuer": self.issuer,
                "jwks_uri": self.issuer + "/keys",
                "authorization_endpoint": self.issuer + "/authorize",
                "token_endpoint": self.issuer + "/token",
            },
            "/keys": {"keys": [key.jwk for key in self.keys]},
        }
        found = pages.get(path)
        return (404, {}, b"") if found is None else (200, {}, json.dumps(found).encode())

    def sign_in(self, address: str) -> dict[str, str]:
        """Sign somebody in who comes with a browser; give what the browser goes back with."""
        asked = dict(parse_qsl(urlsplit(address).query))
        assert (asked["response_type"], asked["scope"]) == ("code", "openid")
        assert asked["client_id"] == AUDIENCE
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return {"code": code, "state": asked["state"], "iss": self.issuer, "session_state": "x"}

    def redeem(self, body: str, authorization: str | None) -> tuple[int, dict[str, str], bytes]:
        """Turn a code into a token, once, for whoever began."""
        form = dict(parse_qsl(body))
        asked = self.codes.pop(form.get("code", ""), None)
        known = self.secret is None or authorization == _basic(AUDIENCE, self.secret)
        if asked is None or not known or form.get("redirect_uri") != asked["redirect_uri"]:
            return 400, {}, b'{"error": "invalid_grant"}'
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if (asked["code_challenge_method"], asked["code_challenge"]) != ("S256", encoded(digest)):
            return 400, {}, b'{"error": "invalid_grant"}'
        token = self.token(self.person, **({"nonce": asked["nonce"]} | self.claimed))
        return 200, {}, json.dumps({"id_token": token, "token_type": "Bearer", "access_token": "opaque"}).encode()

    def fail(self) -> None:
        """Answer nothing of use from now on."""
        self.instead = {"/.well-known/openid-configuration": (503, {}, b"")}

    def claims(self, subject: str, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        return {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": subject,
            "iat": now,
            "exp": now + 600,
        } | changes

    def token(self, subject: str, key: Key | None = None, **changes: Any) -> str:
        """Sign a token for somebody."""
        key = key or self.keys[0]
        header = {"alg": key.algorithm, "kid": key.kid, "typ": "JWT"}
        return signed(header, self.claims(subject, **changes), signer(key.algorithm, key.private))


def _basic(name: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


@contextmanager
def running():
    """Run a provider on a free port of this machine."""

    stopping = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, headers, body = provider.answer(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):
                while self.path in provider.dripping:
                    self.wfile.write(b" ")
                    stopping.wait(0.05)
                self.wfile.write(body)

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            provider.asked[self.path] += 1
            status, _, answer = provider.redeem(body, self.headers["authorization"])
            self.send_response(status)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = Provider(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
