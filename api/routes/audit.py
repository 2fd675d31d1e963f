"""The audit log for the auditor: who did what, and saw what, when. Ids and words of ours; never what it said."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.deps import OPERATION, AuditReader, Store
from flashpoint import auditing
from flashpoint.access import enter
from flashpoint.features import dumps
from flashpoint.numbers import Numbers
from flashpoint.store import audit_reading

router = APIRouter(prefix="/v1/audit", tags=["audit"])


class AuditQuery(BaseModel):
    """What a listing can be narrowed to."""

    model_config = ConfigDict(extra="forbid")

    operation: Annotated[str, Field(pattern=OPERATION, examples=["DEMO"])] | None = None
    actor: (
        Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,200}$", description="Handle of whoever did it.")] | None
    ) = None
    action: Annotated[str, Field(pattern=r"^[a-z_.]{1,81}$", examples=["read"])] | None = None
    kind: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$", examples=["incident"])] | None = None
    record: Annotated[UUID, Field(description="What shows, changes or concerns the record of this id.")] | None = None
    since: Annotated[AwareDatetime, Field(description="At this instant or later.")] | None = None
    until: Annotated[AwareDatetime, Field(description="Before this instant.")] | None = None
    # An entry may name a thousand records.
    limit: Annotated[int, Field(ge=1, le=250)] = 100
    after: Annotated[UUID, Field(description="The `next` of the page before, the id of its last entry.")] | None = None


@router.get("", response_class=Response)
def list_audit(
    request: Request, actor: AuditReader, query: Annotated[AuditQuery, Query()], database: Store
) -> Response:
    """List who did what to which records, and who was shown which, in the order of the log.

    `next` continues the listing; it is null on the last page. What it said is not here, and not in the log. Reading
    the log is logged.
    """
    operation = None if query.operation is None else enter(actor, query.operation)
    filters = audit_reading.Filters(
        operation, query.actor, query.action, query.kind, query.record, query.since, query.until
    )
    numbers: Numbers = request.app.state.numbers
    after = 0 if query.after is None else numbers.number(query.after)
    with database.auditing(actor) as reader:
        found = auditing.look(reader, actor, filters, (query.limit, after))
    # The log counts all operations in one: what is shown of its numbers counts nothing.
    shown = [{"id": numbers.name(one.pop("seq")), **one} for one in found]
    more = shown[-1]["id"] if len(shown) == query.limit else None
    return Response(dumps({"entries": shown, "next": more}), media_type="application/json")
