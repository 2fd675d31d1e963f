"""The verifier's queue."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api.deps import CURSOR, OPERATION, RecordsReader, Store, etag
from api.sharing import Sharing
from flashpoint import waiting
from flashpoint.access import enter
from flashpoint.features import dumps
from flashpoint.store import paging, places
from flashpoint.store.engine import Record
from flashpoint.types import Actor, Wait
from flashpoint.waiting import Asked, Queue

router = APIRouter(prefix="/v1/queue", tags=["queue"])


class QueueQuery(BaseModel):
    """Which operation's queue, and which part of it."""

    model_config = ConfigDict(extra="forbid")

    operation: Annotated[str, Field(pattern=OPERATION, examples=["DEMO"])]
    waiting_for: Annotated[Wait, Field(description="Only what waits for this kind of decision.")] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    after: Annotated[str, Field(pattern=CURSOR, description="The `next` of the page before.")] | None = None


@router.get("", response_class=Response)
def get_queue(
    actor: RecordsReader, query: Annotated[QueueQuery, Query()], database: Store, sharing: Sharing
) -> Response:
    """List the incidents that wait for a decision and that you may know of, the oldest first.

    Each says since when it waits, how many independent sources it has, what each standard of proof still needs, and
    whether you may decide on it. `etag` is what a decision names in `If-Match`. `next` continues the listing.
    """
    after = None if query.after is None else paging.decode(query.after)
    with database.records(actor) as vault:
        operation = places.find_operation(vault, actor, enter(actor, query.operation)).code
        queue = waiting.look(vault, actor, Asked(operation, query.waiting_for, query.limit, after))
    head = {"operation": operation, "as_of": queue.at, "protocol": sharing.name(operation)}
    return Response(dumps({**head, **_page(queue, actor)}), media_type="application/json")


def _page(queue: Queue, actor: Actor) -> dict[str, Any]:
    following = None if queue.following is None else paging.encode(queue.following)
    rows = [{**waiting.described(row, actor, queue.at), "etag": _tag(row)} for row in queue.rows]
    return {"counts": queue.counts, "incidents": rows, "next": following}


def _tag(row: Record) -> str:
    return etag(row.version, row.acts, row.sources)
