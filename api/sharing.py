"""The gate of the information-sharing protocols, and their name on every answer that concerns an operation."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import Depends, FastAPI, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.agreements import Agreements
from flashpoint import access
from flashpoint.protocol import Named, Subject, line
from flashpoint.store.engine import Record
from flashpoint.types import Actor

_PROTOCOL, _OPERATION = b"flashpoint-protocol", b"flashpoint-operation"


class Gate:
    """What the protocol in force allows, for one request.

    Asked on every request and by the clock of the moment, before any tag is compared: no copy that a client holds, and
    no 304, outlives a protocol.
    """

    def __init__(self, request: Request) -> None:
        """Look at what is known in memory."""
        self._agreements: Agreements = request.app.state.board.agreements
        self._state = request.state

    def enter(self, actor: Actor, operation: str, subject: Subject) -> str:
        """Give back the operation, if the actor's key is good for it and its protocol gives the subject.

        Raises:
            NotFound: exactly as for an operation that nobody has.
            NotShared: no protocol in force gives it to the actor's audience.
            Unavailable: the protocols have not been read yet.
        """
        access.enter(actor, operation)
        self.name(operation)
        self._agreements.require(operation, actor.audience, subject)
        return operation

    def name(self, operation: str) -> Named | None:
        """Have the answer name the protocol of an operation that the actor may know of; give what a body says of it."""
        self._state.operation = operation
        return self._agreements.named(operation)


async def _gate(request: Request) -> Gate:
    # A class or a plain function would be called in a thread, which costs more than all that a gate does.
    return Gate(request)


Sharing = Annotated[Gate, Depends(_gate)]


def concerning(row: Record) -> dict[str, str]:
    """Say by a header field which operation an answer about a record concerns; the field is kept with the answer."""
    return {_OPERATION.decode(): str(row.operation)}


def install(app: FastAPI) -> None:
    """Have every answer that concerns an operation name its protocol."""
    app.add_middleware(_Naming, agreements=app.state.board.agreements)


class _Naming:
    """Plain ASGI, since the hot poll passes here."""

    def __init__(self, app: ASGIApp, agreements: Agreements) -> None:
        self._app = app
        self._agreements = agreements

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The same for whoever is called below, however they copy the scope.
        state: dict[str, Any] = scope.setdefault("state", {})

        async def naming(message: Message) -> None:
            if message["type"] == "http.response.start":
                operation = state.get("operation") or _told(message) or _only(state)
                if operation is None and message["status"] < HTTPStatus.BAD_REQUEST:
                    operation = _asked(scope, state)
                if operation is not None:
                    told = line(self._agreements.named(operation), self._agreements.clock())
                    message["headers"] = [*message["headers"], (_PROTOCOL, told.encode())]
            await send(message)

        await self._app(scope, receive, naming)


def _told(message: Message) -> str | None:
    """Give the operation that the record belongs to of which an answer is."""
    return next((value.decode() for name, value in message["headers"] if name.lower() == _OPERATION), None)


def _asked(scope: Scope, state: Mapping[str, Any]) -> str | None:
    """Give the operation of a query that was answered, where the key is good for it."""
    actor: Actor | None = state.get("actor")
    query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
    operation = query.get("operation")
    return operation if operation is not None and actor is not None and actor.covers(operation) else None


def _only(state: Mapping[str, Any]) -> str | None:
    """Give the operation of a key that is good for one: whatever it asks is about that."""
    actor: Actor | None = state.get("actor")
    if actor is None or actor.operations is None or len(actor.operations) != 1:
        return None
    (only,) = actor.operations
    return only
