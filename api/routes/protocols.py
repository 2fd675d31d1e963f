"""Information-sharing protocols: what an audience was agreed to be given, by whom it is proposed and put in force."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api import schemas
from api.deps import OPERATION, FeatureBody, Idempotency, ProtocolReader, SharingGovernor, Store, WriteSession
from api.receipts import answered, operation_of_body, shown
from api.sharing import Sharing
from flashpoint import agreement
from flashpoint.access import enter
from flashpoint.features import dumps
from flashpoint.protocol import ProtocolReport
from flashpoint.reports import AdoptionReport, read
from flashpoint.store.idempotency import Answer, once
from flashpoint.store.protocols import Decision
from flashpoint.strictjson import parse
from flashpoint.types import Actor

router = APIRouter(prefix="/v1/protocols", tags=["protocols"])
JSON = "application/json"

VersionName = Annotated[
    str,
    Path(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$",
        examples=["DEMO-P1"],
        description="Name of a version: proposed, in force, or of earlier.",
    ),
]


class ProtocolQuery(BaseModel):
    """Which operation's protocols are asked for."""

    model_config = ConfigDict(extra="forbid")

    operation: Annotated[str, Field(pattern=OPERATION, examples=["DEMO"])]


@router.get("", response_class=Response)
def list_protocols(
    actor: ProtocolReader, query: Annotated[ProtocolQuery, Query()], database: Store, sharing: Sharing
) -> Response:
    """List the versions of the protocol: which is in force, since when and until when.

    The mission reads those that were in force. Who proposed and decided, why, and what is only proposed, is for the
    cluster alone. It is answered also while no protocol is in force.
    """
    operation = _entered(actor, query.operation, sharing)
    with database.release_reader() as reader:
        agreed = agreement.versions(reader, operation, actor.audience)
    return shown(actor, operation, agreement.tree(agreed))


@router.get("/{version}", response_class=Response)
def get_protocol(
    actor: ProtocolReader,
    version: VersionName,
    query: Annotated[ProtocolQuery, Query()],
    database: Store,
    sharing: Sharing,
) -> Response:
    """Read a version with its document: purpose, parties, what the caller's audience is given, until when."""
    operation = _entered(actor, query.operation, sharing)
    with database.release_reader() as reader:
        found = agreement.find(reader, operation, actor.audience, version)
    return shown(actor, operation, found)


@router.post("", status_code=201, response_class=Response, openapi_extra=schemas.protocol_body())
def propose_protocol(
    actor: SharingGovernor, body: FeatureBody, request: Idempotency, vault: WriteSession, sharing: Sharing
) -> Response:
    """Propose a protocol. Nothing is shared by it until another person puts it in force.

    A version is never changed: a better one has another name.
    """
    tree = parse(body)
    report = read(ProtocolReport, tree, "")

    def act() -> Answer:
        made = agreement.propose(vault, actor, operation_of_body(vault, actor, report.operation), tree)
        where = f"/v1/protocols/{made.version}?operation={report.operation}"
        return _receipt(HTTPStatus.CREATED, report.operation, made.version, "proposed", {"Location": where})

    answer, repeat = once(vault, actor, (request.key, request.fingerprint(body)), act)
    sharing.name(report.operation)
    return answered(answer, repeat=repeat)


@router.post("/{version}/adoption", response_class=Response, openapi_extra=schemas.agreement_body())
def adopt_protocol(
    actor: SharingGovernor,
    version: VersionName,
    body: FeatureBody,
    request: Idempotency,
    vault: WriteSession,
    sharing: Sharing,
) -> Response:
    """Put a proposal in force from now on, with the reason. Whoever proposed it may not (409): it takes two people."""
    report = read(AdoptionReport, parse(body), "")

    def act() -> Answer:
        operation = operation_of_body(vault, actor, report.operation)
        agreement.adopt(vault, actor, operation, Decision(version, report.reason, vault.at))
        return _receipt(HTTPStatus.OK, operation, version, "in_force", {})

    answer, repeat = once(vault, actor, (request.key, request.fingerprint(body)), act)
    sharing.name(report.operation)
    return answered(answer, repeat=repeat)


@router.post("/{version}/suspension", response_class=Response, openapi_extra=schemas.agreement_body())
def suspend_protocol(
    actor: SharingGovernor,
    version: VersionName,
    body: FeatureBody,
    request: Idempotency,
    vault: WriteSession,
    sharing: Sharing,
) -> Response:
    """Take the protocol in force out of it, with the reason: the mission gets nothing from now on. One person may."""
    report = read(AdoptionReport, parse(body), "")

    def act() -> Answer:
        operation = operation_of_body(vault, actor, report.operation)
        agreement.suspend(vault, actor, operation, Decision(version, report.reason, vault.at))
        return _receipt(HTTPStatus.OK, operation, version, "suspended", {})

    answer, repeat = once(vault, actor, (request.key, request.fingerprint(body)), act)
    sharing.name(report.operation)
    return answered(answer, repeat=repeat)


def _entered(actor: Actor, operation: str, sharing: Sharing) -> str:
    """Give the operation if the actor's key is good for it. What was agreed is told also when it has ended."""
    enter(actor, operation)
    sharing.name(operation)
    return operation


def _receipt(status: HTTPStatus, operation: str, version: str, state: str, headers: dict[str, str]) -> Answer:
    """Say what was recorded, without anybody's free text: it is kept with the idempotency key for ever."""
    content = {"operation": operation, "version": version, "state": state}
    return Answer(status, dumps(content), {"Content-Type": JSON, **headers})
