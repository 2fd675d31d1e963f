"""Whose pages may ask from a browser (CORS): those of the origins that are named, and no others.

Such a page sends a key that somebody gave it. The cookie of whoever signed in here never comes along: credentials are
not allowed.
"""

from collections.abc import Iterable
from http import HTTPStatus

from starlette.responses import Response
from starlette.types import ASGIApp, Scope

_ALLOWED = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match",
    "Access-Control-Max-Age": "600",
}
#: What a page may read of an answer beyond what every page may.
_READABLE = (
    *("Age", "Content-Disposition", "ETag", "Flashpoint-Protocol", "Flashpoint-Rows", "Idempotency-Replayed", "Link"),
    *("Location", "Material-Edit", "Retry-After"),
)
_EXPOSE = (b"access-control-expose-headers", ", ".join(_READABLE).encode())
#: A field of its own, for the answer may have one already.
_VARY = (b"vary", b"Origin")


class Origins:
    """The origins that are named, compared whole and by letter."""

    def __init__(self, named: Iterable[str]) -> None:
        """Take exact origins: ``https://host`` or ``https://host:port``."""
        self._named = frozenset(one.encode() for one in named)

    def headers(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        """Give what an answer to a request says of who may read it."""
        if not self._named:
            return []
        origin = self._origin(scope)
        if origin is None:
            return [_VARY]
        return [_VARY, (b"access-control-allow-origin", origin), _EXPOSE]

    def preflight(self, scope: Scope) -> ASGIApp | None:
        """Give the answer to a browser that asks beforehand; nothing where it is not for us to answer."""
        if scope["method"] != "OPTIONS" or self._origin(scope) is None:
            return None
        if not any(name == b"access-control-request-method" for name, _ in scope["headers"]):
            return None
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=_ALLOWED)

    def _origin(self, scope: Scope) -> bytes | None:
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        return origins[0] if len(origins) == 1 and origins[0] in self._named else None
