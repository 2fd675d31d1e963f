"""The method as a document: which versions there are, what a proposed one would change, and putting one in force."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api import schemas
from api.deps import OPERATION, FeatureBody, Idempotency, MatrixReader, MethodGovernor, Store, WriteSession
from api.receipts import answered, operation_of_body, shown
from api.sharing import Sharing
from flashpoint import comparison, methods
from flashpoint.features import dumps
from flashpoint.protocol import Subject
from flashpoint.reports import AddressedMethodReport, AdoptionReport, read
from flashpoint.scoring.methodology import DEFAULT
from flashpoint.store import audit, methodologies, places
from flashpoint.store.engine import Vault
from flashpoint.store.idempotency import Answer, once
from flashpoint.strictjson import JsonValue, parse

router = APIRouter(prefix="/v1/methodologies", tags=["methodologies"])
JSON = "application/json"

VersionName = Annotated[
    str,
    Path(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$",
        examples=[DEFAULT.version],
        description="Name of a version: published, proposed or adopted.",
    ),
]


class MethodQuery(BaseModel):
    """Which operation's methods are asked for."""

    model_config = ConfigDict(extra="forbid")

    operation: Annotated[str, Field(pattern=OPERATION, examples=["DEMO"])]


class PreviewQuery(MethodQuery):
    """Which operation's matrix is compared, and how many of its rows are shown."""

    limit: Annotated[int, Field(ge=1, le=10_000, description="Rows shown; the summary is of all.")] = 100


@router.get("", response_class=Response)
def list_methodologies(
    actor: MatrixReader, query: Annotated[MethodQuery, Query()], database: Store, sharing: Sharing
) -> Response:
    """List the versions of the method: which is in force, since when and why, the newest first.

    Who proposed and adopted them, and what was proposed and never put in force, is for the cluster alone.
    """
    operation = sharing.enter(actor, query.operation, Subject.METHODOLOGY)
    with database.release_reader() as reader:
        found = methods.versions(reader, operation, actor.audience)
    in_force = next(one.method.version for one in found if one.in_force)
    return shown(actor, operation, {"in_force": in_force, "versions": [methods.tree(one) for one in found]})


@router.get("/{version}", response_class=Response)
def get_methodology(
    actor: MatrixReader,
    version: VersionName,
    query: Annotated[MethodQuery, Query()],
    database: Store,
    sharing: Sharing,
) -> Response:
    """Read a version: every parameter with its value and what it means, and what it changes against its base."""
    operation = sharing.enter(actor, query.operation, Subject.METHODOLOGY)
    with database.release_reader() as reader:
        found = methods.find(reader, operation, version, actor.audience)
    return shown(actor, operation, methods.full_tree(found))


@router.get("/{version}/preview", response_class=Response)
def preview_methodology(
    actor: MethodGovernor,
    version: VersionName,
    query: Annotated[PreviewQuery, Query()],
    database: Store,
    sharing: Sharing,
) -> Response:
    """Compare the matrix that a version would give now with today's, in the order of the proposed rank.

    Nothing is written. A difference is the proposed value minus today's: a rank of -2 is two places up.
    """
    entered = sharing.enter(actor, query.operation, Subject.MATRIX)
    with database.records(actor) as reader:
        operation = places.find_operation(reader, actor, entered).code
        # What the assessor reads is read in a session that writes nothing: so it is logged before.
        audit.write(reader, actor, "preview", methodologies.subject(operation, version), operation=operation)
    with database.vault_reader() as reader:
        compared = methods.preview(reader, operation, version, datetime.now(UTC))
    return Response(dumps(comparison.tree(compared, actor.audience, query.limit)), media_type=JSON)


@router.post("", status_code=201, response_class=Response, openapi_extra=schemas.method_body())
def propose_methodology(
    actor: MethodGovernor, body: FeatureBody, request: Idempotency, vault: WriteSession, sharing: Sharing
) -> Response:
    """Propose a version, by what it changes against the one in force or the one that `based_on` names.

    Nothing is scored by it until it is put in force. A version is never changed: a better one has another name.
    """
    tree = parse(body)
    operation = read(AddressedMethodReport, tree, "").operation
    document: JsonValue = {k: v for k, v in tree.items() if k != "operation"} if isinstance(tree, dict) else tree

    def act() -> Answer:
        made = methods.propose(vault, actor, operation_of_body(vault, actor, operation), document)
        where = f"/v1/methodologies/{made.version}?operation={operation}"
        return _receipt(vault, operation, made.version, HTTPStatus.CREATED, {"Location": where})

    answer, repeat = once(vault, actor, (request.key, request.fingerprint(body)), act)
    sharing.name(operation)
    return answered(answer, repeat=repeat)


@router.post("/{version}/adoption", response_class=Response, openapi_extra=schemas.adoption_body())
def adopt_methodology(
    actor: MethodGovernor,
    version: VersionName,
    body: FeatureBody,
    request: Idempotency,
    vault: WriteSession,
    sharing: Sharing,
) -> Response:
    """Put a version in force from now on, with the reason. Matrices as known earlier keep the version of their time."""
    report = read(AdoptionReport, parse(body), "")

    def act() -> Answer:
        methods.adopt(vault, actor, operation_of_body(vault, actor, report.operation), version, report.reason)
        return _receipt(vault, report.operation, version, HTTPStatus.OK, {})

    answer, repeat = once(vault, actor, (request.key, request.fingerprint(body)), act)
    sharing.name(report.operation)
    return answered(answer, repeat=repeat)


def _receipt(vault: Vault, operation: str, version: str, status: HTTPStatus, headers: dict[str, str]) -> Answer:
    """Say what was recorded, without anybody's free text: it is kept with the idempotency key for ever."""
    shown = methods.tree(methods.find(vault, operation, version))
    content = {"operation": operation, **{k: shown[k] for k in ("version", "state", "in_force", "based_on", "differs")}}
    return Answer(status, dumps(content), {"Content-Type": JSON, **headers})
