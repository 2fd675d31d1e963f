"""People who sign in with OpenID Connect: a genuine token, and an enrolment here.

The provider says who somebody is. What they may do is said here, by their enrolment; a role in a token is not looked
at. Of a token nothing is kept or logged but, in memory, its SHA-256.
"""

import hmac
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256

from api.keyring import KeyRing
from api.provider import Provider
from api.tokens import RefusedError, SigningKey, Verifier
from flashpoint.errors import Unavailable
from flashpoint.settings import Settings
from flashpoint.store.actors import Subject
from flashpoint.types import Actor

log = logging.getLogger("flashpoint.sign_in")

_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class _Verified:
    """What a token came to: whose enrolment to look for, until when, and which key said so."""

    digest: bytes
    expires_at: int
    nonce: str | None
    key: SigningKey


class SignIn:
    """Turns tokens into the people that were enrolled."""

    def __init__(self, issuer: str, verifier: Verifier, ring: KeyRing, provider: Provider, pepper: bytes) -> None:
        """Put together what is needed; nothing is fetched before the first token comes."""
        self._issuer = issuer
        self._verifier = verifier
        self._ring = ring
        self.provider = provider
        self._pepper = pepper
        self._remembered: OrderedDict[bytes, _Verified] = OrderedDict()

    async def find(self, token: str, nonce: str | None = None) -> Actor | None:
        """Give the person whose token it is, if it is genuine and they are enrolled now.

        With a ``nonce`` it has to be the token of that one sign-in.

        Raises:
            Unavailable: the token names a key that is not known, and the provider does not answer.
        """
        seal = sha256(token.encode()).digest()
        verified = self._remembered.get(seal)
        if verified is None or not self._still_holds(verified):
            verified = await self._verify(token)
            if verified is None:
                return None
            self._remember(seal, verified)
        self.provider.renew()
        if nonce is not None and not hmac.compare_digest(nonce.encode(), (verified.nonce or "").encode()):
            return None
        return await self._enrolled(verified)

    def _still_holds(self, verified: _Verified) -> bool:
        # Keys that are read anew are new objects: whatever was verified before is then verified once more.
        return verified.expires_at > time.time() and self.provider.find(verified.key.kid) is verified.key

    async def _verify(self, token: str) -> _Verified | None:
        try:
            header = self._verifier.header(token)
            key = await self._key(header.kid)
            claims = self._verifier.claims(token, header, key)
        except RefusedError as error:
            log.debug("a token was refused: %s", error)
            return None
        digest = Subject(self._issuer, claims.subject).digest(self._pepper)
        return _Verified(digest, claims.expires_at, claims.nonce, key)

    async def _key(self, kid: str) -> SigningKey:
        key = self.provider.find(kid)
        if key is None:
            await self.provider.look_again()
            key = self.provider.find(kid)
        if key is not None:
            return key
        if self.provider.is_silent():
            raise Unavailable("the sign-in provider does not answer")
        raise RefusedError("unknown key")

    def _remember(self, seal: bytes, verified: _Verified) -> None:
        self._remembered[seal] = verified
        if len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)

    async def _enrolled(self, verified: _Verified) -> Actor | None:
        person = self._ring.find_digest(verified.digest)
        if person is None:
            await self._ring.look_again()
            person = self._ring.find_digest(verified.digest)
        if person is None or person.expires_at is None:
            return None
        ends_at = min(person.expires_at, datetime.fromtimestamp(verified.expires_at, UTC))
        return replace(person, expires_at=ends_at)


def sign_in_of(settings: Settings, ring: KeyRing, pepper: bytes) -> SignIn | None:
    """Make what the settings say; nothing where no provider is set."""
    issuer, audience = settings.oidc_issuer, settings.oidc_audience
    if issuer is None or audience is None:
        return None
    provider = Provider(issuer, settings.stale_limit_minutes * 60)
    return SignIn(issuer, Verifier(issuer, audience), ring, provider, pepper)
