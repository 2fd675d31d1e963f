"""Signing in and out with a browser. These routes ask for no key: they are how somebody gets in."""

from http import HTTPStatus
from time import time

from fastapi import APIRouter, Request, Response

from api import browser, code_flow
from api.code_flow import CodeFlow, Returned
from flashpoint.errors import Forbidden, Invalid, NotFound, Violation

router = APIRouter(prefix="/v1", include_in_schema=False)

#: Lax: the browser comes back from the provider, which is another site. It is of no use but for that one sign-in.
_BEGUN = "__Host-flashpoint-sign-in"
_BEGUN_SECONDS = 600
_BACK = "/v1/sign-in/callback"
#: A page of our own, and not a redirect: after one the browser would still count as coming from the provider.
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url=/docs">
<title>Flashpoint</title>
<p><a href="/docs">Signed in. / <span lang="fr">Connexion établie.</span></a></p>
</html>
"""


def _flow(request: Request) -> CodeFlow:
    flow: CodeFlow | None = request.app.state.code_flow
    if flow is None:
        raise NotFound("there is no sign-in provider here")
    return flow


def _origin(request: Request) -> str:
    origin = browser.own_origin(request)
    if origin is None:
        raise Invalid(Violation("?Host", "host_form", "must be a host name, perhaps with a port"))
    return origin


@router.get("/sign-in", response_class=Response)
async def sign_in(request: Request) -> Response:
    """Send the browser to the provider."""
    if request.query_params:
        raise Invalid(Violation("?", "unknown_parameter", "is not a parameter of this resource"))
    begun = code_flow.begin()
    address = await _flow(request).address(begun, _origin(request) + _BACK)
    kept = browser.cookie(_BEGUN, begun.written(), _BEGUN_SECONDS, same_site="Lax")
    return Response(status_code=HTTPStatus.SEE_OTHER, headers={"Location": address, "Set-Cookie": kept})


@router.get("/sign-in/callback", response_class=Response)
async def signed_in(request: Request) -> Response:
    """Take the browser back from the provider, and let it in."""
    given = request.query_params
    returned = Returned(given.get("code", ""), given.get("state", ""))
    begun = code_flow.begun_with(request.cookies.get(_BEGUN, ""))
    token, person = await _flow(request).finish(begun, returned, _origin(request) + _BACK)
    left = 0 if person.expires_at is None else int(person.expires_at.timestamp() - time())
    answer = Response(_PAGE, media_type="text/html")
    answer.headers.append("Set-Cookie", browser.cookie(browser.SESSION, token, max(left, 0)))
    answer.headers.append("Set-Cookie", browser.cookie(_BEGUN, "", 0, same_site="Lax"))
    return answer


@router.post("/sign-out", response_class=Response)
async def sign_out(request: Request) -> Response:
    """Forget the cookie, where a page of ours asks for it."""
    _flow(request)
    if not browser.is_own_page(request):
        raise Forbidden("only a page of this service signs anybody out")
    gone = browser.cookie(browser.SESSION, "", 0)
    return Response(status_code=HTTPStatus.NO_CONTENT, headers={"Set-Cookie": gone})
