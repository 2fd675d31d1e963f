"""What routes ask for: who is calling and may, the body in bytes, the one write session."""

from collections.abc import Iterator
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Header, Request
from starlette.exceptions import HTTPException

from api.allowance import weight_of
from api.callers import Callers
from flashpoint import access
from flashpoint.access import Permission
from flashpoint.errors import Invalid, PreconditionMissing, Unavailable, VersionMismatch, Violation
from flashpoint.store.engine import Database, Vault
from flashpoint.strictjson import BATCH, SINGLE
from flashpoint.types import Actor

JSON = frozenset({"application/json", "application/geo+json"})
PATCH = JSON | {"application/merge-patch+json"}
LINES = frozenset({"application/x-ndjson", "application/geo+json-seq"})

#: Forms of query parameters.
OPERATION = r"^[A-Za-z0-9_]{1,16}$"
CURSOR = r"^[A-Za-z0-9_-]{1,200}$"


class May:
    """A dependency: the caller, whose role has the permission. ``async``, so that it costs no thread."""

    def __init__(self, permission: Permission) -> None:
        """Remember the permission; a test reads it off every route."""
        self.permission = permission

    async def __call__(self, request: Request) -> Actor:
        """Give the caller.

        Raises:
            Unauthenticated: no key that is in use came along, and no token of somebody enrolled.
            RateLimited: the key has used up what it may ask in this minute.
            Forbidden: the caller's role lacks the permission.
        """
        callers: Callers = request.app.state.callers
        actor = await callers.identify(request)
        await request.app.state.allowances.take(actor.key_id, weight_of(request))
        access.require(actor, self.permission)
        # The write session is opened for whoever this is, and for nobody else.
        request.state.actor = actor
        return actor


MatrixReader = Annotated[Actor, Depends(May(Permission.READ_MATRIX))]
ReleasedReader = Annotated[Actor, Depends(May(Permission.READ_RELEASED))]
RecordsReader = Annotated[Actor, Depends(May(Permission.READ_RECORDS))]
Reporter = Annotated[Actor, Depends(May(Permission.REPORT))]
Advancer = Annotated[Actor, Depends(May(Permission.TRANSITION))]
LocalityOwner = Annotated[Actor, Depends(May(Permission.OWN_LOCALITIES))]
MethodGovernor = Annotated[Actor, Depends(May(Permission.GOVERN_METHOD))]
ProtocolReader = Annotated[Actor, Depends(May(Permission.READ_PROTOCOL))]
SharingGovernor = Annotated[Actor, Depends(May(Permission.GOVERN_SHARING))]
AuditReader = Annotated[Actor, Depends(May(Permission.READ_AUDIT))]


def database_of(request: Request) -> Database:
    """Give the service's database."""
    database: Database = request.app.state.database
    return database


def _open_vault(request: Request, database: Annotated[Database, Depends(database_of)]) -> Iterator[Vault]:
    with database.vault(request.state.actor) as vault:
        yield vault


Store = Annotated[Database, Depends(database_of)]
#: The one write session. Function scope: it commits before the answer leaves, so a failed commit is never a 201.
WriteSession = Annotated[Vault, Depends(_open_vault, scope="function")]


class Body:
    """A dependency: the body's bytes, of one of the content types and no more than the limit."""

    def __init__(
        self, types: frozenset[str], max_bytes: int = SINGLE.max_bytes, parameters: frozenset[str] = frozenset()
    ) -> None:
        """Remember what is taken, and which query parameters go with it."""
        self.types = types
        self.max_bytes = max_bytes
        self.parameters = parameters

    async def __call__(self, request: Request) -> bytes:
        """Read the body, and stop reading as soon as it is too large."""
        if set(request.query_params) - self.parameters:
            raise Invalid(Violation("?", "unknown_parameter", "is not a parameter of this resource"))
        if request.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
            # A few compressed bytes can become gigabytes: nothing is unpacked before it is looked at.
            raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body must come without a content coding.")
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in self.types:
            rule = f"The content type must be one of {', '.join(sorted(self.types))}."
            raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, rule)
        declared = request.headers.get("content-length", "0")
        received = bytearray()
        if declared.isdecimal() and int(declared[:19]) <= self.max_bytes:
            async for chunk in request.stream():
                received += chunk
                if len(received) > self.max_bytes:
                    break
            else:
                return bytes(received)
        rule = f"The body must not be larger than {self.max_bytes} bytes."
        raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, rule, {"Connection": "close"})


FeatureBody = Annotated[bytes, Depends(Body(JSON))]
PatchBody = Annotated[bytes, Depends(Body(PATCH))]
BatchBody = Annotated[bytes, Depends(Body(JSON | LINES, BATCH.max_bytes, frozenset({"partial"})))]


class Once:
    """A dependency: the idempotency key of a request and the fingerprint of all that makes it this request."""

    def __init__(self, request: Request, idempotency_key: Annotated[str | None, Header()] = None) -> None:
        """Check the key's form."""
        if idempotency_key is not None and not (1 <= len(idempotency_key) <= 255 and idempotency_key.isprintable()):  # noqa: PLR2004
            raise Invalid(Violation("?Idempotency-Key", "key_form", "must be 1 to 255 printable characters"))
        self.key = idempotency_key
        query = request.scope["query_string"].decode("latin-1")
        self._where = f"{request.method} {request.url.path}?{query}\n"

    def fingerprint(self, body: bytes) -> bytes:
        """Tell this request from any other."""
        return sha256(self._where.encode() + body).digest()


Idempotency = Annotated[Once, Depends()]


def _if_match(if_match: Annotated[str | None, Header()] = None) -> str:
    if if_match is None:
        raise PreconditionMissing("say in If-Match which version the change is based on; GET gives it as ETag")
    return if_match.strip()


IfMatch = Annotated[str, Depends(_if_match)]


def stale_seconds(request: Request, operation: str) -> int | None:
    """Give the age of what we serve where it must be told, ``None`` while the database answers.

    Raises ``Unavailable`` beyond the limit: data as old as that must not look like a matrix.
    """
    settings = request.app.state.settings
    age: float = request.app.state.contact.age_seconds(operation)
    if age > settings.stale_limit_minutes * 60:
        raise Unavailable("the matrix in memory is older than may be shown")
    return int(age) if age > settings.stale_after_minutes * 60 else None


def etag(*counts: int) -> str:
    """Give the strong ETag of a record: it changes with every version, every step, every source."""
    return f'"{".".join(map(str, counts))}"'


def require_match(if_match: str, current: str) -> None:
    """Raise ``VersionMismatch`` unless the caller has seen the record as it is now."""
    if if_match != "*" and current not in [tag.strip() for tag in if_match.split(",")]:
        raise VersionMismatch("the record has changed since; read it again")
