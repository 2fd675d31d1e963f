"""Signed tokens of the sign-in provider: whether one is genuine, meant for this service, and in time.

What a token says before its signature was checked only chooses the key to check it with. It never names an algorithm
that we do not use anyway, and never a place to get a key from. Nothing is fetched here, and nobody is looked up.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final, TypeAlias

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.types import Options

from flashpoint.errors import Invalid
from flashpoint.store.actors import SUBJECT_FORM
from flashpoint.strictjson import JsonValue, Limits, parse

#: The fixed set. Whoever knows a public key can sign with no algorithm of it.
ALGORITHMS: Final = frozenset({"ES256", "PS256", "RS256"})
#: The proxy takes 4 KiB a header line, and browsers as much for a cookie.
LONGEST: Final = 3800

PublicKey: TypeAlias = RSAPublicKey | EllipticCurvePublicKey

_FORM: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_LIMITS: Final = Limits(max_bytes=LONGEST, max_depth=16, max_values=1000)
#: A header that brings a key along, or has to be understood in ways that we do not know, is not for us.
_NEVER_IN_A_HEADER: Final = frozenset(
    {"b64", "cty", "crit", "enc", "epk", "jku", "jwk", "p2c", "p2s", "x5c", "x5u", "zip"}
)
#: Other signed things of the same provider, such as a message that somebody signed out, are no way in.
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_LEEWAY_SECONDS: Final = 30
_LONGEST_LIFETIME_SECONDS: Final = 24 * 60 * 60
_REQUIRED: Final = ["aud", "exp", "iat", "iss", "sub"]
_OPTIONS: Final[Options] = {"require": _REQUIRED, "enforce_minimum_key_length": True}


class RefusedError(Exception):
    """A token was refused. The reason is one of a few fixed words, and nothing of the token."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key of the provider, and the algorithms of our set that it is for."""

    kid: str
    algorithms: frozenset[str]
    public: PublicKey


@dataclass(frozen=True, slots=True)
class Header:
    """What a token says of itself. Not to be believed."""

    algorithm: str
    kid: str


@dataclass(frozen=True, slots=True)
class Claims:
    """What a genuine token says: who it is for, until when (seconds since 1970), for which sign-in. No more is read."""

    subject: str
    expires_at: int
    nonce: str | None = None


def looks_signed(token: str) -> bool:
    """Say whether it may be such a token. A key of ours never has a dot."""
    return token.count(".") == 2  # noqa: PLR2004 - header, claims, signature


class Verifier:
    """Reads the tokens of one issuer for one audience."""

    def __init__(self, issuer: str, audience: str) -> None:
        """Remember what the claims ``iss`` and ``aud`` have to say."""
        self._issuer = issuer
        self._audience = audience

    def header(self, token: str) -> Header:
        """Read which key a token asks to be checked with.

        Raises:
            RefusedError: it has not the form of a token that we take.
        """
        if len(token) > LONGEST or _FORM.fullmatch(token) is None:
            raise RefusedError("form")
        members = _object(token, 0)
        kid, algorithm, kind = members.get("kid"), members.get("alg"), members.get("typ", "jwt")
        if not isinstance(kid, str) or not isinstance(algorithm, str) or not isinstance(kind, str):
            raise RefusedError("header")
        if algorithm not in ALGORITHMS or kind.lower() not in _TYPES or members.keys() & _NEVER_IN_A_HEADER:
            raise RefusedError("header")
        return Header(algorithm, kid)

    def claims(self, token: str, header: Header, key: SigningKey) -> Claims:
        """Check signature and claims of a token with that header, and give the claims.

        Raises:
            RefusedError: the token is not genuine, not for us, not in time, or says something in no proper form.
        """
        if header.algorithm not in key.algorithms or header.kid != key.kid:
            raise RefusedError("algorithm")
        claims = _object(token, 1)
        self._require_genuine(token, key, header.algorithm)
        return _proper(claims)

    def _require_genuine(self, token: str, key: SigningKey, algorithm: str) -> None:
        try:
            jwt.decode(
                token,
                key.public,
                algorithms=[algorithm],
                audience=self._audience,
                issuer=self._issuer,
                leeway=_LEEWAY_SECONDS,
                options=_OPTIONS,
            )
        except jwt.PyJWTError as error:
            reason = type(error).__name__
        else:
            return
        # Raised outside the handler: the library's own error quotes the token.
        raise RefusedError(reason)


def _object(token: str, part: int) -> dict[str, JsonValue]:
    """Read header or claims. A key that stands twice would be two things to two readers."""
    text = token.split(".")[part]
    try:
        tree = parse(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), _LIMITS)
    except (binascii.Error, Invalid):
        tree = None
    if not isinstance(tree, dict):
        raise RefusedError("json")
    return tree


def _proper(claims: dict[str, JsonValue]) -> Claims:
    """Take claims in the form that the standard gives them: the library turns texts and fractions into numbers."""
    subject, issued_at, expires_at = claims.get("sub"), claims.get("iat"), claims.get("exp")
    if type(issued_at) is not int or type(expires_at) is not int or type(claims.get("nbf", 0)) is not int:
        raise RefusedError("times")
    if not 0 < issued_at < expires_at <= issued_at + _LONGEST_LIFETIME_SECONDS:
        raise RefusedError("lifetime")
    if not isinstance(subject, str) or SUBJECT_FORM.fullmatch(subject) is None:
        raise RefusedError("subject")
    if "cnf" in claims:
        # Good only with a proof that the sender holds a certain key, which nobody here asks for.
        raise RefusedError("bound")
    nonce = claims.get("nonce")
    return Claims(subject, expires_at, nonce if isinstance(nonce, str) else None)
