"""Localities, communities, threat assessments and presences: create, read, supersede, withdraw; all handled alike."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api import schemas
from api.deps import (
    CURSOR,
    OPERATION,
    FeatureBody,
    Idempotency,
    IfMatch,
    LocalityOwner,
    Once,
    RecordsReader,
    Reporter,
    Store,
    WriteSession,
    etag,
    require_match,
)
from api.receipts import answered
from api.sharing import Sharing, concerning
from flashpoint import context
from flashpoint.access import enter
from flashpoint.features import collection, dumps, subject_feature, subject_receipt
from flashpoint.reports import WithdrawalReport, read
from flashpoint.store import audit, paging, places, subjects
from flashpoint.store.engine import Record, Vault
from flashpoint.store.idempotency import Answer, once
from flashpoint.strictjson import parse
from flashpoint.types import Actor

GEOJSON = "application/geo+json"

#: Kind of subject to the name of its collection.
COLLECTIONS = {
    "locality": "localities",
    "community": "communities",
    "assessment": "assessments",
    "presence": "presences",
}


class SubjectQuery(BaseModel):
    """What a listing is of, and where it continues."""

    model_config = ConfigDict(extra="forbid")

    operation: Annotated[str, Field(pattern=OPERATION, examples=["DEMO"])]
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    after: Annotated[str, Field(pattern=CURSOR, description="The `next` of the page before.")] | None = None


def _headers(kind: str, row: Record) -> dict[str, str]:
    where = f"/v1/{COLLECTIONS[kind]}/{row.id}"
    return {"Content-Type": GEOJSON, "ETag": etag(row.version), "Location": where, **concerning(row)}


def _shown(kind: str, row: Record) -> Response:
    return Response(dumps(subject_feature(kind, row)), headers=_headers(kind, row))


def _create(kind: str, vault: Vault, actor: Actor, body: bytes, request: Once) -> Response:
    def act() -> Answer:
        subject_id = uuid4()
        context.record(vault, actor, kind, (subject_id, 1), parse(body))
        found = subjects.find(vault, actor, kind, subject_id)
        return Answer(HTTPStatus.CREATED, dumps(subject_receipt(found)), _headers(kind, found))

    answer, repeat = once(vault, actor, (request.key, request.fingerprint(body)), act)
    return answered(answer, repeat=repeat)


def _supersede(kind: str, vault: Vault, actor: Actor, subject_id: UUID, change: tuple[bytes, str]) -> Response:
    body, if_match = change
    found = subjects.find(vault, actor, kind, subject_id)
    require_match(if_match, etag(found.version))
    context.supersede(vault, actor, kind, found, parse(body))
    return _shown(kind, subjects.find(vault, actor, kind, subject_id))


def _withdraw(kind: str, vault: Vault, actor: Actor, subject_id: UUID, change: tuple[bytes, str]) -> Response:
    body, if_match = change
    found = subjects.find(vault, actor, kind, subject_id)
    require_match(if_match, etag(found.version))
    context.withdraw(vault, actor, kind, found, read(WithdrawalReport, parse(body), "").reason_code)
    return _shown(kind, subjects.find(vault, actor, kind, subject_id))


def _router(kind: str) -> APIRouter:
    """Make the routes of one kind of subject. Localities belong to coordinators, the others to whoever reports."""
    router = APIRouter(prefix=f"/v1/{COLLECTIONS[kind]}", tags=[COLLECTIONS[kind]])
    writer = LocalityOwner if kind == "locality" else Reporter
    documented = schemas.subject_body(kind)

    @router.post("", status_code=201, response_class=Response, openapi_extra=documented, name=f"create_{kind}")
    def create(actor: writer, body: FeatureBody, request: Idempotency, vault: WriteSession) -> Response:  # type: ignore[valid-type]
        """Record a new one, as a GeoJSON Feature."""
        return _create(kind, vault, actor, body, request)

    @router.get("", response_class=Response, name=f"list_{COLLECTIONS[kind]}")
    def listing(
        actor: RecordsReader, query: Annotated[SubjectQuery, Query()], database: Store, sharing: Sharing
    ) -> Response:
        """List those you may know of. `next` continues the listing; it is null on the last page."""
        after = None if query.after is None else paging.decode(query.after)
        with database.records(actor) as reader:
            operation = places.find_operation(reader, actor, enter(actor, query.operation)).code
            rows = subjects.page(reader, actor, kind, operation, (query.limit, after))
            shown = [row.id for row in rows]
            audit.write(reader, actor, "list", (kind, operation), operation=operation, ids=shown)
        features = (subject_feature(kind, row) for row in rows)
        content = collection(features, rows, query.limit, sharing.name(operation))
        return Response(content, media_type=GEOJSON)

    @router.get("/{subject_id}", response_class=Response, name=f"get_{kind}")
    def get(actor: RecordsReader, subject_id: UUID, database: Store) -> Response:
        """Read the current version; its `ETag` is what a change names in `If-Match`."""
        with database.records(actor) as reader:
            found = subjects.find(reader, actor, kind, subject_id)
            audit.write(reader, actor, "read", (kind, found.id), operation=found.operation)
        return _shown(kind, found)

    @router.get("/{subject_id}/history", response_class=Response, name=f"history_{kind}")
    def history(actor: RecordsReader, subject_id: UUID, database: Store) -> Response:
        """Read every version, oldest first, each with the times between which it counted as known."""
        with database.records(actor) as reader:
            rows = context.without_what_is_gone(subjects.history(reader, actor, kind, subject_id))
            audit.write(reader, actor, "history", (kind, subject_id), operation=rows[0].operation)
        content = dumps({"type": "FeatureCollection", "features": [subject_feature(kind, row) for row in rows]})
        return Response(content, headers=concerning(rows[0]), media_type=GEOJSON)

    @router.put("/{subject_id}", response_class=Response, openapi_extra=documented, name=f"supersede_{kind}")
    def supersede(
        actor: writer,  # type: ignore[valid-type]
        subject_id: UUID,
        body: FeatureBody,
        if_match: IfMatch,
        vault: WriteSession,
    ) -> Response:
        """Supersede it by a new version, given whole, under `If-Match`."""
        return _supersede(kind, vault, actor, subject_id, (body, if_match))

    gone = schemas.withdrawal_body()

    @router.post("/{subject_id}/withdrawal", response_class=Response, openapi_extra=gone, name=f"withdraw_{kind}")
    def withdraw(
        actor: writer,  # type: ignore[valid-type]
        subject_id: UUID,
        body: FeatureBody,
        if_match: IfMatch,
        vault: WriteSession,
    ) -> Response:
        """Withdraw it, with a `reason_code`: false, consent_withdrawn or harm. A tombstone stays."""
        return _withdraw(kind, vault, actor, subject_id, (body, if_match))

    return router


routers = [_router(kind) for kind in COLLECTIONS]
