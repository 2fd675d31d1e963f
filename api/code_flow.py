"""Signing in with a browser: the authorization code flow of OpenID Connect, with PKCE, state and nonce.

Nothing is kept on the server in between. What belongs to a sign-in that was begun is in a cookie of the browser that
began it, so that nobody can finish it in another one.
"""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from api.provider import Endpoints, Form, Provider, ProviderError
from api.sign_in import SignIn
from api.tokens import LONGEST
from flashpoint.errors import Unauthenticated, Unavailable
from flashpoint.settings import Settings
from flashpoint.types import Actor

_PARTS: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_CODE: Final = re.compile(r"[!-~]{1,2000}")
#: Codes that may be on their way to the provider at a time. More only come from somebody who makes them up.
_MOST_UNDERWAY: Final = 8


@dataclass(frozen=True, slots=True)
class Begun:
    """What a sign-in was begun with: three random values that only the browser that began it has."""

    state: str
    nonce: str
    verifier: str

    def written(self) -> str:
        """Write it as the value of a cookie."""
        return f"{self.state}.{self.nonce}.{self.verifier}"


@dataclass(frozen=True, slots=True)
class Returned:
    """What the browser comes back with: a code and the state, as the provider handed them over."""

    code: str
    state: str


def begin() -> Begun:
    """Begin a sign-in."""
    return Begun(*(secrets.token_urlsafe(32) for _ in range(3)))


def begun_with(cookie: str) -> Begun | None:
    """Read what a sign-in was begun with."""
    parts = cookie.split(".")
    if len(parts) != 3 or not all(_PARTS.fullmatch(part) for part in parts):  # noqa: PLR2004 - as written above
        return None
    return Begun(*parts)


class CodeFlow:
    """Sends browsers to the provider, and takes them back."""

    def __init__(self, client_id: str, client_secret: str | None, provider: Provider, sign_in: SignIn) -> None:
        """Remember what the provider calls this service, and the secret that they share, if they do."""
        self._client_id = client_id
        self._client_secret = client_secret
        self._provider = provider
        self._sign_in = sign_in
        self._underway = 0

    async def address(self, begun: Begun, back_to: str) -> str:
        """Give the address at the provider where somebody signs in.

        Raises:
            Unavailable: the provider does not say where.
        """
        where = (await self._endpoints()).authorization
        if where is None:
            raise Unavailable("the sign-in provider does not answer")
        challenge = base64.urlsafe_b64encode(hashlib.sha256(begun.verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": back_to,
            "scope": "openid",
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{where}{'&' if '?' in where else '?'}{urlencode(asked)}"

    async def finish(self, begun: Begun | None, returned: Returned, back_to: str) -> tuple[str, Actor]:
        """Turn the code into a token; give it with whoever signed in.

        Raises:
            Unauthenticated: another browser began this, or the provider gives no token of somebody enrolled for it.
            Unavailable: too many are on their way, or the provider does not say where to turn to.
        """
        if begun is None or not hmac.compare_digest(begun.state.encode(), returned.state.encode()):
            raise Unauthenticated("this browser began no such sign-in; begin again at /v1/sign-in")
        token = await self._exchange(begun, returned.code, back_to)
        person = None if token is None else await self._sign_in.find(token, begun.nonce)
        if token is None or person is None:
            raise Unauthenticated("nobody who is enrolled here has signed in")
        return token, person

    async def _exchange(self, begun: Begun, code: str, back_to: str) -> str | None:
        where = (await self._endpoints()).token
        if where is None or self._underway >= _MOST_UNDERWAY:
            raise Unavailable("the sign-in provider cannot be asked at the moment")
        if _CODE.fullmatch(code) is None:
            return None
        self._underway += 1
        try:
            answer = await self._provider.post(where, self._form(begun, code, back_to))
        except ProviderError:
            return None
        finally:
            self._underway -= 1
        token = answer.get("id_token")
        return token if isinstance(token, str) and len(token) <= LONGEST else None

    async def _endpoints(self) -> Endpoints:
        if self._provider.endpoints.token is None:
            await self._provider.look_again()
        return self._provider.endpoints

    def _form(self, begun: Begun, code: str, back_to: str) -> Form:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back_to,
            "client_id": self._client_id,
            "code_verifier": begun.verifier,
        }
        if self._client_secret is None:
            return Form(urlencode(fields))
        both = f"{quote(self._client_id, safe='')}:{quote(self._client_secret, safe='')}"
        return Form(urlencode(fields), {"Authorization": "Basic " + base64.b64encode(both.encode()).decode()})


def code_flow_of(settings: Settings, sign_in: SignIn | None) -> CodeFlow | None:
    """Make what the settings say; nothing where no provider is set."""
    if sign_in is None or settings.oidc_audience is None:
        return None
    secret = settings.oidc_client_secret
    known = None if secret is None else secret.get_secret_value()
    return CodeFlow(settings.oidc_audience, known, sign_in.provider, sign_in)
