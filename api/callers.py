"""Who is calling: the holder of a key, or an enrolled person with a token of the sign-in provider."""

import base64
import binascii

from starlette.requests import HTTPConnection

from api.browser import session_of
from api.keyring import KeyRing
from api.sign_in import SignIn
from api.tokens import LONGEST, looks_signed
from flashpoint.errors import Unauthenticated
from flashpoint.store import actors
from flashpoint.types import Actor

_LONGEST_KEY = 200

_KEY_NEEDED = "an API key that is in use is required: Authorization: Bearer <key>"
_EITHER_NEEDED = "an API key that is in use, or a valid token of somebody enrolled, is required: Authorization: Bearer"


class Callers:
    """Knows everybody who may call. Without ``sign_in`` tokens of a provider are nothing to it."""

    def __init__(self, ring: KeyRing, sign_in: SignIn | None) -> None:
        """Remember whom to ask."""
        self._ring = ring
        self._sign_in = sign_in

    async def identify(self, request: HTTPConnection) -> Actor:
        """Give whoever makes the request: by its ``Authorization``, or else by the cookie of a browser.

        Raises:
            Unauthenticated: nobody does; it is not said what is wrong with what came.
            Unavailable: that cannot be said at the moment.
        """
        authorization = request.headers.get("authorization")
        if authorization is not None:
            found = await self._by_header(authorization)
        else:
            token = session_of(request)
            found = None if token is None else await self._person(token)
        if found is None:
            raise Unauthenticated(_KEY_NEEDED if self._sign_in is None else _EITHER_NEEDED)
        return found

    async def _by_header(self, authorization: str) -> Actor | None:
        scheme, _, credential = authorization.partition(" ")
        credential = credential.strip()
        if scheme.lower() == "basic":
            return await self._holder(_password(credential))
        if scheme.lower() != "bearer":
            return None
        return await (self._person(credential) if looks_signed(credential) else self._holder(credential))

    async def _holder(self, key: str) -> Actor | None:
        if len(key) > _LONGEST_KEY or not actors.well_formed(key):
            return None
        found = self._ring.find(key)
        if found is None:
            await self._ring.look_again()
            found = self._ring.find(key)
        return found

    async def _person(self, token: str) -> Actor | None:
        if self._sign_in is None or len(token) > LONGEST:
            return None
        return await self._sign_in.find(token)


def _password(encoded: str) -> str:
    """Read the key that tools send which know only user name and password. The name is not looked at."""
    if len(encoded) > 4 * _LONGEST_KEY:
        return ""
    try:
        return base64.b64decode(encoded, validate=True).decode("ascii").partition(":")[2]
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""
