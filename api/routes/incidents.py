"""Incidents: report them one by one or in a batch, read, correct and decide on them."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api import schemas
from api.deps import (
    CURSOR,
    LINES,
    OPERATION,
    Advancer,
    BatchBody,
    FeatureBody,
    Idempotency,
    IfMatch,
    PatchBody,
    RecordsReader,
    Reporter,
    Store,
    WriteSession,
    etag,
    require_match,
)
from api.problems import violation_rows
from api.receipts import answered
from api.sharing import Sharing, concerning
from flashpoint import decisions, intake, reading
from flashpoint.access import enter
from flashpoint.catalogue import CATEGORIES
from flashpoint.errors import Conflict, Invalid, NotFound, PreconditionMissing, Violation
from flashpoint.features import collection, dumps, editable, incident_feature, incident_receipt
from flashpoint.geometry import read_collection, read_feature
from flashpoint.intake import Submission
from flashpoint.reports import IncidentReport, SourceReport, StepReport, read, read_list
from flashpoint.store import audit, incidents, paging, places
from flashpoint.store.engine import Record, Vault
from flashpoint.store.idempotency import Answer, once
from flashpoint.strictjson import BATCH, JsonValue, parse, parse_lines
from flashpoint.types import Actor, State
from flashpoint.workflow import DECISIONS

router = APIRouter(prefix="/v1/incidents", tags=["incidents"])
GEOJSON = "application/geo+json"

Row = Submission | Invalid


def _submission(tree: JsonValue) -> Submission:
    feature = read_feature(tree, "")
    return Submission(read(IncidentReport, feature.properties), feature.geometry)


def _tag(row: Record) -> str:
    return etag(row.version, row.acts, row.sources)


@router.post("", status_code=201, response_class=Response, openapi_extra=schemas.incident_body())
def post_incident(actor: Reporter, body: FeatureBody, request_key: Idempotency, vault: WriteSession) -> Response:
    """Report one incident as a GeoJSON Feature; the answer is a receipt with its id and state.

    With an `Idempotency-Key`, a repeat gets the first answer again, for ever. A `client_id` that you used before
    with the same content gives the incident recorded then (200); with other content, 409.
    """
    submission = _submission(parse(body))

    def act() -> Answer:
        (receipt,) = intake.report(vault, actor, [submission])
        if not receipt.same_content:
            raise Conflict("you used this client_id before, with other content; correct that incident with PATCH")
        found = incidents.find(vault, actor, receipt.incident_id)
        headers = {
            "Content-Type": GEOJSON,
            "Location": f"/v1/incidents/{receipt.incident_id}",
            "ETag": _tag(found),
            **concerning(found),
        }
        status = HTTPStatus.CREATED if receipt.created else HTTPStatus.OK
        return Answer(status, dumps(incident_receipt(found)), headers)

    answer, repeat = once(vault, actor, (request_key.key, request_key.fingerprint(body)), act)
    return answered(answer, repeat=repeat)


def _rows(body: bytes, content_type: str) -> Iterator[Row]:
    trees: Iterator[JsonValue | Invalid]
    if content_type in LINES:
        trees = (tree for _, tree in parse_lines(body))
    else:
        trees = iter(read_collection(parse(body, BATCH)))
    for tree in trees:
        try:
            yield tree if isinstance(tree, Invalid) else _submission(tree)
        except Invalid as flaw:
            yield flaw


@router.post("/batch", status_code=201, response_class=Response, openapi_extra=schemas.batch_body())
def post_batch(
    request: Request,
    actor: Reporter,
    body: BatchBody,
    request_key: Idempotency,
    vault: WriteSession,
    partial: Annotated[bool, Query(description="Record the sound rows although others are not.")] = False,  # noqa: FBT002
) -> Response:
    """Report up to 10,000 incidents: a FeatureCollection, or newline-delimited Features.

    All or nothing, unless `partial=true`: then each row is recorded or reported on its own. The report names row
    (counted from 0), field and rule.
    """
    content_type = request.headers["content-type"].partition(";")[0].strip().lower()
    rows = list(_rows(body, content_type))
    if not rows:
        raise Invalid(Violation("/features", "empty_batch", "must hold at least one feature"))

    def act() -> Answer:
        return _batch_answer(vault, actor, rows, partial=partial)

    answer, repeat = once(vault, actor, (request_key.key, request_key.fingerprint(body)), act)
    return answered(answer, repeat=repeat)


def _batch_answer(vault: Vault, actor: Actor, rows: list[Row], *, partial: bool) -> Answer:
    flaws: dict[int, tuple[Violation, ...]] = {
        i: row.violations for i, row in enumerate(rows) if isinstance(row, Invalid)
    }
    sound = [(index, row) for index, row in enumerate(rows) if isinstance(row, Submission)]
    found = intake.check(vault, actor, [submission for _, submission in sound], vault.at)
    flaws |= {sound[position][0]: tuple(violations) for position, violations in found.items()}
    flaws |= intake.repeated_client_ids(sound)
    if flaws and not partial:
        raise Invalid(*(_at_row(index, one) for index in sorted(flaws) for one in flaws[index]))
    kept = [(index, submission) for index, submission in sound if index not in flaws]
    receipts = intake.report(vault, actor, [submission for _, submission in kept], "batch") if kept else []
    lines = {index: {"row": index, "status": "rejected", "errors": violation_rows(one)} for index, one in flaws.items()}
    for (index, _), receipt in zip(kept, receipts, strict=True):
        if not receipt.same_content:
            clash = Violation("/properties/client_id", "client_id_used", "was used before, with other content")
            if not partial:
                raise Invalid(_at_row(index, clash))
            lines[index] = {"row": index, "status": "rejected", "errors": violation_rows((clash,))}
        else:
            status = "created" if receipt.created else "already_there"
            lines[index] = {"row": index, "status": status, "id": receipt.incident_id}
    return _batch_report([lines[index] for index in range(len(rows))])


def _at_row(index: int, violation: Violation) -> Violation:
    return Violation(f"/features/{index}{violation.pointer}", violation.code, violation.rule)


def _batch_report(lines: list[dict[str, object]]) -> Answer:
    counts = {
        status: sum(line["status"] == status for line in lines) for status in ("created", "already_there", "rejected")
    }
    status = HTTPStatus.CREATED if counts["created"] else HTTPStatus.OK
    return Answer(
        status, dumps({"received": len(lines), **counts, "rows": lines}), {"Content-Type": "application/json"}
    )


class IncidentQuery(BaseModel):
    """What a listing can be narrowed to."""

    model_config = ConfigDict(extra="forbid")

    operation: Annotated[str, Field(pattern=OPERATION, examples=["DEMO"])]
    category: Literal[tuple(CATEGORIES)] | None = None  # type: ignore[valid-type]
    state: State | None = None
    locality: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,40}$", description="Id or P-code.")] | None = None
    since: Annotated[AwareDatetime, Field(description="Events that began at this instant or later.")] | None = None
    until: Annotated[AwareDatetime, Field(description="Events that began before this instant.")] | None = None
    bbox: Annotated[str, Field(pattern=r"^[0-9eE+.,-]{7,100}$", description="west,south,east,north")] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    after: Annotated[str, Field(pattern=CURSOR, description="The `next` of the page before.")] | None = None


@router.get("", response_class=Response)
def list_incidents(
    actor: RecordsReader, query: Annotated[IncidentQuery, Query()], database: Store, sharing: Sharing
) -> Response:
    """List the incidents that you may know of, in the order in which they were recorded.

    `next` continues the listing; it is null on the last page.
    """
    after = None if query.after is None else paging.decode(query.after)
    with database.records(actor) as reader:
        operation = places.find_operation(reader, actor, enter(actor, query.operation)).code
        locality = None if query.locality is None else places.find_locality(reader, operation, query.locality)
        bbox = None if query.bbox is None else reading.read_bbox(query.bbox)
        filters = incidents.Filters(operation, query.category, query.state, locality, query.since, query.until, bbox)
        rows = incidents.page(reader, actor, filters, query.limit, after)
        linked = reading.links(reader, actor, rows)
        shown = [row.incident_id for row in rows]
        audit.write(reader, actor, "list", ("incident", operation), operation=operation, ids=shown)
    features = (incident_feature(row, linked) for row in rows)
    return Response(collection(features, rows, query.limit, sharing.name(operation)), media_type=GEOJSON)


@router.get("/{incident_id}", response_class=Response)
def get_incident(actor: RecordsReader, incident_id: UUID, database: Store) -> Response:
    """Read one incident with its sources; its `ETag` is what a change or a step names in `If-Match`."""
    with database.records(actor) as reader:
        found = incidents.find(reader, actor, incident_id)
        feature = incident_feature(found, reading.links(reader, actor, [found]))
        if not found.gone:
            feature["properties"]["sources"] = reading.sources(reader, actor, found)
        feature["properties"]["allowed"] = reading.allowed(found)
        audit.write(reader, actor, "read", ("incident", found.incident_id), operation=found.operation)
    return Response(dumps(feature), headers={"ETag": _tag(found), **concerning(found)}, media_type=GEOJSON)


@router.get("/{incident_id}/history", response_class=Response)
def get_history(actor: RecordsReader, incident_id: UUID, database: Store) -> Response:
    """Read every version of an incident that you may know of, and every act; of one that is gone, the acts alone."""
    with database.records(actor) as reader:
        found = incidents.find(reader, actor, incident_id)
        versions = reading.versions(reader, actor, found)
        history = reading.history(reader, actor, found, versions)
        audit.write(reader, actor, "history", ("incident", found.incident_id), operation=found.operation)
    return Response(dumps(history), headers=concerning(found), media_type="application/json")


@router.patch("/{incident_id}", response_class=Response, openapi_extra=schemas.patch_body())
def patch_incident(
    actor: Reporter, incident_id: UUID, body: PatchBody, if_match: IfMatch, vault: WriteSession
) -> Response:
    """Correct an incident by a merge patch (RFC 7396): a new version, under `If-Match`.

    A change of time, place, victims, category, attribution or sharing asks for verification again; the earlier
    verified version stays in force until then.
    """
    found = incidents.find(vault, actor, incident_id)
    require_match(if_match, _tag(found))
    reading.refuse_gone(found)
    before = _submission(editable(found))
    after = _submission(intake.merged(editable(found), parse(body)))
    material = intake.correct(vault, actor, found, before, after)
    edit = {"Material-Edit": str(material).lower(), **concerning(found)}
    try:
        now = incidents.find(vault, actor, incident_id)
    except NotFound:
        # The edit closed the record to its own editor, which may be what it was for.
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=edit)
    headers = {"ETag": _tag(now), **edit}
    feature = incident_feature(now, reading.links(vault, actor, [now]))
    return Response(dumps(feature), headers=headers, media_type=GEOJSON)


@router.post("/{incident_id}/sources", status_code=201, response_class=Response, openapi_extra=schemas.sources_body())
def post_sources(
    actor: Reporter, incident_id: UUID, body: FeatureBody, request_key: Idempotency, vault: WriteSession
) -> Response:
    """Add sources to an incident."""
    sources = read_list(SourceReport, parse(body), "sources")

    def act() -> Answer:
        found = incidents.find(vault, actor, incident_id)
        reading.refuse_gone(found)
        intake.add_sources(vault, actor, found, sources)
        content = dumps({"id": incident_id, "sources_added": len(sources)})
        return Answer(HTTPStatus.CREATED, content, {"Content-Type": "application/json", **concerning(found)})

    answer, repeat = once(vault, actor, (request_key.key, request_key.fingerprint(body)), act)
    return answered(answer, repeat=repeat)


@router.post("/{incident_id}/transitions", response_class=Response, openapi_extra=schemas.step_body())
def post_transition(
    request: Request,
    actor: Advancer,
    incident_id: UUID,
    body: FeatureBody,
    request_key: Idempotency,
    vault: WriteSession,
) -> Response:
    """Take a step: corroborate, verify, reject, dispute, withdraw, merge, mark_duplicate, reinstate, or on who did it.

    A decision (verify, reject, dispute, verify_attribution, dispute_attribution) names in `If-Match` what it decides
    on; elsewhere `If-Match` is honoured where it is sent. A step that the truth state does not allow is a 409 that
    lists those it does; so is a verification by the reporter or an editor, or one whose sources do not meet the
    declared standard.
    """
    step = read(StepReport, parse(body), "")
    if_match = request.headers.get("if-match", "").strip()

    def act() -> Answer:
        found = incidents.find(vault, actor, incident_id)
        if step.action in DECISIONS and if_match in {"", "*"}:
            raise PreconditionMissing("say in If-Match on which version you decide; GET gives it as ETag")
        if if_match:
            require_match(if_match, _tag(found))
        decisions.advance(vault, actor, found, step)
        now = incidents.find(vault, actor, incident_id)
        receipt = incident_receipt(now)
        receipt["properties"]["allowed"] = reading.allowed(now)
        headers = {"Content-Type": GEOJSON, "ETag": _tag(now), **concerning(now)}
        return Answer(HTTPStatus.OK, dumps(receipt), headers)

    answer, repeat = once(vault, actor, (request_key.key, request_key.fingerprint(body)), act)
    return answered(answer, repeat=repeat)
