"""What routes ask for: who is calling and may, the body in bytes, the one write session."""

import base64
import binascii
from collections.abc import Iterator
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Header, Request
from starlette.exceptions import HTTPException

from api import keyring
from flashpoint import access
from flashpoint.access import Permission
from flashpoint.errors import Invalid, PreconditionMissing, VersionMismatch, Violation
from flashpoint.store import actors
from flashpoint.store.engine import Database, Vault
from flashpoint.strictjson import BATCH, SINGLE
from flashpoint.types import Actor

JSON = frozenset({"application/json", "application/geo+json"})
PATCH = JSON | {"application/merge-patch+json"}
LINES = frozenset({"application/x-ndjson", "application/geo+json-seq"})

#: Forms of query parameters.
OPERATION = r"^[A-Za-z0-9_]{1,16}$"
CURSOR = r"^[A-Za-z0-9_-]{1,200}$"

_LONGEST_TOKEN = 200


def _token(authorization: str) -> str | None:
    scheme, _, rest = authorization.partition(" ")
    rest = rest.strip()
    if scheme.lower() == "basic":
        # For tools that know only user name and password: the key is the password, the name is not looked at.
        try:
            rest = base64.b64decode(rest, validate=True).decode("ascii").partition(":")[2]
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return None
    elif scheme.lower() != "bearer":
        return None
    return rest if len(rest) <= _LONGEST_TOKEN else None


class May:
    """A dependency: the caller, whose role has the permission. ``async``, so that it costs no thread."""

    def __init__(self, permission: Permission) -> None:
        """Remember the permission; a test reads it off every route."""
        self.permission = permission

    async def __call__(self, request: Request) -> Actor:
        """Give the caller.

        Raises:
            Unauthenticated: no key that is in use came along.
            Forbidden: the caller's role lacks the permission.
        """
        ring: keyring.KeyRing = request.app.state.ring
        token = _token(request.headers.get("authorization", ""))
        if token is not None and actors.well_formed(token) and ring.find(token) is None:
            await ring.look_again()
        actor = keyring.require(ring, token)
        access.require(actor, self.permission)
        return actor


MatrixReader = Annotated[Actor, Depends(May(Permission.READ_MATRIX))]
RecordsReader = Annotated[Actor, Depends(May(Permission.READ_RECORDS))]
Reporter = Annotated[Actor, Depends(May(Permission.REPORT))]
Advancer = Annotated[Actor, Depends(May(Permission.TRANSITION))]
LocalityOwner = Annotated[Actor, Depends(May(Permission.OWN_LOCALITIES))]
MethodGovernor = Annotated[Actor, Depends(May(Permission.GOVERN_METHOD))]


def database_of(request: Request) -> Database:
    """Give the service's database."""
    database: Database = request.app.state.database
    return database


def _open_vault(database: Annotated[Database, Depends(database_of)]) -> Iterator[Vault]:
    with database.vault() as vault:
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


def etag(*counts: int) -> str:
    """Give the strong ETag of a record: it changes with every version, every step, every source."""
    return f'"{".".join(map(str, counts))}"'


def require_match(if_match: str, current: str) -> None:
    """Raise ``VersionMismatch`` unless the caller has seen the record as it is now."""
    if if_match != "*" and current not in [tag.strip() for tag in if_match.split(",")]:
        raise VersionMismatch("the record has changed since; read it again")
