"""The released picture: incidents, communities and zones as the caller's audience may know of them.

Everything was generalised before anybody asked. What a query can narrow is what stands in the answer, and the same
query gives every reader of an audience the same bytes.
"""

from hashlib import blake2b
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.deps import OPERATION, ReleasedReader, Store
from api.negotiation import compress, matches, negotiate
from api.sharing import Gate, Sharing
from api.sheet import GEOJSON
from flashpoint.catalogue import CATEGORIES
from flashpoint.errors import Invalid, NotShared, Violation
from flashpoint.features import dumps
from flashpoint.matrix import CLASSIFICATION
from flashpoint.picture import Collection
from flashpoint.protocol import Named, Subject
from flashpoint.store import picture_reading
from flashpoint.store.engine import Database, Record
from flashpoint.store.picture_reading import Asked, Page, Shape
from flashpoint.types import Actor

router = APIRouter(prefix="/v1/released", tags=["released"])

_COMMON = {"Cache-Control": "private, no-cache", "Vary": "Accept-Encoding, Authorization"}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "With a strong ETag, which changes when the picture of your audience does.",
        "content": {GEOJSON: {"schema": {"type": "object"}}},
    },
    304: {"description": "Nothing has changed since the answer with that ETag."},
}
#: What a protocol has to give for a collection: any one of these.
_SUBJECTS = {
    Collection.INCIDENTS: (Subject.INCIDENTS,),
    Collection.COMMUNITIES: (Subject.COMMUNITIES,),
    Collection.ZONES: (Subject.MATRIX, Subject.INCIDENTS, Subject.COMMUNITIES),
}
_FILTERS = ("category", "period", "zone")

Period = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}(-W[0-9]{2}|-[0-9]{2}|/[0-9]{4})?$",
        description="As it stands in a row: a week `2026-W47`, a month `2026-11`, a year `2026`, or `2026/2027`.",
    ),
]


class PictureQuery(BaseModel):
    """What every picture can be narrowed to, and which geometry comes with it."""

    model_config = ConfigDict(extra="forbid")

    operation: Annotated[str, Field(pattern=OPERATION, examples=["DEMO"])]
    zone: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,40}$", description="P-code of a zone.")] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    after: Annotated[UUID, Field(description="The id of the last row of the page before.")] | None = None


class ZonesQuery(PictureQuery):
    """Zones are drawn as they are, unless it is asked otherwise."""

    geometry: Annotated[Shape, Field(description="The area, a point on it, or no geometry.")] = Shape.ZONE


class CommunitiesQuery(PictureQuery):
    """What communities can be narrowed to."""

    geometry: Annotated[Shape, Field(description="The drawn point, the zone, or no geometry.")] = Shape.POINT
    period: Period | None = None


class IncidentsQuery(CommunitiesQuery):
    """What incidents can be narrowed to."""

    category: Literal[tuple(CATEGORIES)] | None = None  # type: ignore[valid-type]


@router.head("/incidents", include_in_schema=False)
@router.get("/incidents", response_class=Response, responses=_RESPONSES)
def get_released_incidents(
    actor: ReleasedReader,
    query: Annotated[IncidentsQuery, Query()],
    request: Request,
    database: Store,
    sharing: Sharing,
) -> Response:
    """Read the verified incidents that your audience may know of, as it may know of them.

    The point of an incident is drawn once, anywhere in its zone: it says nothing of where in the zone it happened.
    """
    return _answered(request, database, _asked(request, sharing, actor, (Collection.INCIDENTS, query)))


@router.head("/communities", include_in_schema=False)
@router.get("/communities", response_class=Response, responses=_RESPONSES)
def get_released_communities(
    actor: ReleasedReader,
    query: Annotated[CommunitiesQuery, Query()],
    request: Request,
    database: Store,
    sharing: Sharing,
) -> Response:
    """Read the enclave communities that your audience may know of, as it may know of them."""
    return _answered(request, database, _asked(request, sharing, actor, (Collection.COMMUNITIES, query)))


@router.head("/zones", include_in_schema=False)
@router.get("/zones", response_class=Response, responses=_RESPONSES)
def get_released_zones(
    actor: ReleasedReader, query: Annotated[ZonesQuery, Query()], request: Request, database: Store, sharing: Sharing
) -> Response:
    """Read the zones that incidents and communities are told by: all of them, whatever happened there."""
    return _answered(request, database, _asked(request, sharing, actor, (Collection.ZONES, query)))


def _asked(
    request: Request, sharing: Sharing, actor: Actor, what: tuple[Collection, CommunitiesQuery | ZonesQuery]
) -> Asked:
    """Read what is asked for, of an operation that the actor's key and the protocol in force are good for."""
    collection, query = what
    repeated = [name for name in type(query).model_fields if len(request.query_params.getlist(name)) > 1]
    if repeated:
        rule = "the parameter is given once"
        raise Invalid(*(Violation(f"?{name}", "repeated_parameter", rule) for name in repeated))
    operation = _entered(sharing, actor, query.operation, _SUBJECTS[collection])
    filters = tuple((name, str(value)) for name in _FILTERS if (value := getattr(query, name, None)) is not None)
    return Asked(operation, actor.audience, collection, query.geometry, query.limit, query.after, filters)


def _entered(sharing: Sharing, actor: Actor, operation: str, subjects: tuple[Subject, ...]) -> str:
    """Enter an operation for the first of the subjects that its protocol gives."""
    for subject in subjects[:-1]:
        try:
            return sharing.enter(actor, operation, subject)
        except NotShared:
            continue
    return sharing.enter(actor, operation, subjects[-1])


def _answered(request: Request, database: Database, asked: Asked) -> Response:
    coding, agreed = negotiate(request.headers.get("accept-encoding")), Gate(request).name(asked.operation)
    with database.release_reader() as reader:
        pictures = picture_reading.find(reader, asked.operation, asked.audience)
        headers = {**_COMMON, "ETag": _tag(pictures, asked, (coding, agreed))}
        seen = request.headers.get("if-none-match")
        if seen is not None and matches(seen, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        page = picture_reading.page(reader, asked)
    if coding != "identity":
        headers["Content-Encoding"] = coding
    body = compress(_written(pictures[asked.collection], asked, page, agreed), coding)
    return Response(body, headers=headers, media_type=GEOJSON)


def _tag(pictures: dict[Collection, Record], asked: Asked, more: tuple[str, Named | None]) -> str:
    """Derive the strong tag from what decides the bytes. Where zones are drawn, they are among it.

    The moment is part of it: a database from a backup counts on from an earlier revision.
    """
    drawn = {asked.collection, *([Collection.ZONES] if asked.shape is Shape.ZONE else [])}
    stands = ((one, pictures[one]) for one in sorted(drawn))
    revisions = [[one, found.build, found.revision, found.as_of.isoformat()] for one, found in stands]
    parts = [asked.operation, asked.audience, asked.collection, revisions, _terms(asked), more]
    return f'"{blake2b(dumps(parts), digest_size=12).hexdigest()}"'


def _terms(asked: Asked) -> list[tuple[str, str]]:
    after = [] if asked.after is None else [("after", str(asked.after))]
    return [
        ("operation", asked.operation),
        *asked.filters,
        ("geometry", asked.shape),
        ("limit", str(asked.limit)),
        *after,
    ]


def _written(picture: Record, asked: Asked, page: Page, agreed: Named | None) -> bytes:
    """Write the FeatureCollection: a head that says nothing of what is not in it, and the rows by their ids."""
    head = {
        "type": "FeatureCollection",
        "operation": asked.operation,
        "audience": asked.audience,
        "classification": CLASSIFICATION[asked.audience],
        "protocol": agreed,
        "as_of": picture.as_of,
        "numberMatched": page.matched,
        "numberReturned": len(page.rows),
        "links": _links(asked, page),
    }
    features = ",".join(
        f'{{"type":"Feature","id":"{one}","geometry":{shape or "null"},"properties":{told}}}'
        for one, shape, told in page.rows
    )
    return dumps(head)[:-1] + b',"features":[' + features.encode() + b"]}"


def _links(asked: Asked, page: Page) -> list[dict[str, str]]:
    """Say where the next page is: without it every GIS client truncates in silence."""
    if not page.more:
        return []
    here = [(name, value) for name, value in _terms(asked) if name != "after"]
    href = "?" + urlencode([*here, ("after", str(page.rows[-1][0]))], safe="/")
    return [{"rel": "next", "type": GEOJSON, "href": href}]
