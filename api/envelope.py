"""What is around every answer: security headers, whose pages may ask, a last net for errors, figures for Prometheus.

The figures never say about what or by whom a request was.
"""

import time
from typing import Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.origins import Origins
from api.problems import problem_of_unforeseen

#: What no answer goes without. A route that sets one of them itself has its reason.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
_RAW_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def install(app: FastAPI) -> None:
    """Put the envelope around the app."""
    registry = CollectorRegistry()
    app.state.registry = registry
    age = Gauge("flashpoint_contact_age_seconds", "Seconds since the database last answered.", registry=registry)
    age.set_function(app.state.contact.age_seconds)
    app.add_middleware(
        _Envelope,
        origins=Origins(app.state.settings.cors_origins or ()),
        requests=Counter("flashpoint_requests", "Requests.", ["method", "route", "status"], registry=registry),
        seconds=Histogram("flashpoint_request_seconds", "Seconds to answer.", ["method", "route"], registry=registry),
    )


class _Envelope:
    """Plain ASGI, since the hot poll passes here."""

    def __init__(self, app: ASGIApp, origins: Origins, requests: Counter, seconds: Histogram) -> None:
        self._app = app
        self._origins = origins
        self._requests = requests
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status: int | None = None
        started = time.perf_counter()

        async def enveloped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = message["headers"]
                names = {name for name, _ in given}
                message["headers"] = [
                    *given,
                    *(header for header in _RAW_HEADERS if header[0] not in names),
                    *self._origins.headers(scope),
                ]
            try:
                await send(message)
            except Exception:  # noqa: BLE001 - whatever the server calls it
                # What fails here is the line, and not the app.
                raise ClientDisconnect from None

        try:
            await (self._origins.preflight(scope) or self._app)(scope, receive, enveloped)
        except ClientDisconnect:
            pass  # routine on bad lines; there is nobody to answer
        except Exception as error:  # noqa: BLE001 - whatever it is
            # Caught here because the framework raises it again, and then the server logs all that it says.
            answer = problem_of_unforeseen(error)
            if status is not None:
                raise RuntimeError("the answer broke off") from None
            await answer(scope, receive, enveloped)
        finally:
            # The route's pattern, never the path: a path holds ids, and anybody may type one.
            route: Any = scope.get("route")
            name = getattr(route, "path", "none")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._requests.labels(method, name, status or "none").inc()
            self._seconds.labels(method, name).observe(time.perf_counter() - started)
