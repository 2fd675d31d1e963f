"""What comes from a browser: the cookie of somebody who signed in, and whether one of our own pages sends it."""

import re
from typing import Final

from starlette.requests import HTTPConnection

#: With this prefix browsers take a cookie from this very host alone, over TLS, for every path.
SESSION: Final = "__Host-flashpoint"

_HOST: Final = re.compile(r"(localhost|127\.0\.0\.1|\[::1\]|[a-z0-9.-]+)(:\d{1,5})?")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_SAFE: Final = frozenset({"GET", "HEAD"})
#: What browsers say of a request that one of our pages makes, or somebody who types the address.
_OWN: Final = frozenset({"same-origin", "none"})


def own_origin(request: HTTPConnection) -> str | None:
    """Give the origin under which the browser knows this service; TLS ends before it, if not on the same machine."""
    host = _HOST.fullmatch(request.headers.get("host", "").lower())
    if host is None:
        return None
    return f"{'http' if host[1] in _LOOPBACK else 'https'}://{host[0]}"


def session_of(request: HTTPConnection) -> str | None:
    """Give the token of the cookie, if the request may be made with it.

    A request that only reads is refused where the browser says that another site's page makes it. One that changes
    something has to say that it comes from our own: the cookie alone is proof of nobody's intent.
    """
    token = request.cookies.get(SESSION)
    if not token or request.headers.get("sec-fetch-site", "none") not in _OWN:
        return None
    return token if request.scope["method"] in _SAFE or is_own_page(request) else None


def is_own_page(request: HTTPConnection) -> bool:
    """Say whether a page of this service sends the request."""
    origin = own_origin(request)
    return origin is not None and request.headers.getlist("origin") == [origin]


def cookie(name: str, value: str, max_age_seconds: int, *, same_site: str = "Strict") -> str:
    """Write a cookie that no script can read; without seconds it is gone. The value needs no quoting."""
    return f"{name}={value}; Path=/; Max-Age={max_age_seconds}; Secure; HttpOnly; SameSite={same_site}"
