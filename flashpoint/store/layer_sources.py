"""Where the rows of a layer come from: one query a layer, for pages, tiles and files alike, whoever asks.

A source has a row for each feature: ``id`` (a UUID, given as text), ``properties`` (the finished JSON object),
``geometry`` (WGS 84), ``mercator`` (EPSG:3857, null where nothing can be drawn), ``sound_from`` (the zoom from which on
it can be drawn without being mended), ``begins`` and ``ends`` (instants, null where a feature has no time; of pictures
whole days, ``first_day`` to ``last_day``, which are indexed), and one typed column for each of ``layers.columns``.
PostgreSQL computes only those that a query names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    Boolean,
    Date,
    Float,
    Integer,
    LargeBinary,
    Select,
    SmallInteger,
    Subquery,
    Text,
    cast,
    column,
    func,
    null,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import UUID as PGUUID
from sqlalchemy.types import TypeEngine

from flashpoint import layers
from flashpoint.errors import NotFound
from flashpoint.layers import Kind, Layer, Stand
from flashpoint.picture import Collection
from flashpoint.store.columns import AT
from flashpoint.store.engine import Record, ReleaseReader
from flashpoint.store.tables import matrix, picture, picture_zone
from flashpoint.types import Audience

_PICTURES = {Layer.INCIDENTS: Collection.INCIDENTS, Layer.COMMUNITIES: Collection.COMMUNITIES}
_TYPES: dict[Kind, tuple[str, TypeEngine[Any]]] = {
    Kind.TEXT: ("text", Text()),
    Kind.INTEGER: ("int", Integer()),
    Kind.NUMBER: ("float8", Float(53)),
    Kind.BOOLEAN: ("boolean", Boolean()),
}
_HEAD: dict[str, TypeEngine[Any]] = {
    "id": PGUUID(as_uuid=False),
    "properties": Text(),
    "geometry": Geometry("GEOMETRY", 4326),
    "point": Geometry("POINT", 4326),
    "mercator": Geometry("GEOMETRY", 3857),
    "sound_from": SmallInteger(),
    "begins": AT,
    "ends": AT,
    "first_day": Date(),
    "last_day": Date(),
}

#: What does not stand in the properties, or stands in a column of its own as well, which is faster and may be indexed.
_OWN = {
    Layer.MATRIX: {
        **{name: f"s.{name}" for name in ("rank", "rank_low", "rank_high", "top_k_share")},
        **{name: f"r.{name}" for name in ("name", "pcode", "tier", "score")},
    },
    Layer.LOCALITIES: {name: f"r.{name}" for name in ("name", "pcode")},
    Layer.COMMUNITIES: {name: f"r.{name}" for name in ("period", "zone")},
    Layer.INCIDENTS: {name: f"r.{name}" for name in ("category", "period", "zone")},
    Layer.CHANGES: {},
}
#: Begin and end of the days of a row, as instants.
_DAYS = {
    "begins": "(r.begins_on::timestamp AT TIME ZONE 'UTC')",
    "ends": "((r.ends_on + 1)::timestamp AT TIME ZONE 'UTC' - interval '1 second')",
    "first_day": "r.begins_on",
    "last_day": "r.ends_on",
}
_NO_DAYS = {"first_day": "NULL::date", "last_day": "NULL::date"}
_NO_TIME = {"begins": "NULL::timestamptz", "ends": "NULL::timestamptz"}
_RANKED = """
    '{"rank":' || s.rank || ',"rank_low":' || s.rank_low || ',"rank_high":' || s.rank_high || ',"top_k_share":'
    || CASE WHEN s.top_k_share = trunc(s.top_k_share) THEN s.top_k_share || '.0' ELSE s.top_k_share::text END
    || ',' || substr(r.properties, 2)
"""
_PLAIN = """
    (SELECT row_to_json(u)::text FROM (SELECT r.name, r.pcode, p.code_list, p.adm1_pcode, p.adm2_pcode, p.adm3_pcode
        FROM jsonb_to_record(r.told)
             AS p (code_list text, adm1_pcode text, adm2_pcode text, adm3_pcode text)) u)
"""
_AREA = {
    "id": "r.locality_id",
    "geometry": "r.area",
    "point": "r.point",
    "mercator": "r.mercator",
    "sound_from": "r.sound_from",
}
_POINT = {
    "id": "r.released_id",
    "properties": "r.properties",
    "geometry": "r.point",
    "point": "r.point",
    "mercator": "release.on_tiles(r.point)",
    "sound_from": "0",
    **_DAYS,
}
_COLUMNS = {
    Layer.MATRIX: {**_AREA, "properties": _RANKED, "begins": "m.as_of", "ends": "m.as_of", **_NO_DAYS},
    Layer.LOCALITIES: {**_AREA, "properties": _PLAIN, **_NO_TIME, **_NO_DAYS},
    Layer.COMMUNITIES: _POINT,
    Layer.INCIDENTS: _POINT,
    Layer.CHANGES: {
        "id": "c.id::uuid",
        "properties": "r.properties",
        "geometry": "l.area",
        "point": "l.point",
        "mercator": "l.mercator",
        "sound_from": "l.sound_from",
        "begins": "CAST(:since AS timestamptz)",
        "ends": "CAST(:as_of AS timestamptz)",
        **_NO_DAYS,
    },
}
_WHOSE = "r.operation = :operation AND r.audience = :audience"
_FROM = {
    Layer.MATRIX: """
        release.matrix m
        JOIN release.matrix_row r ON r.operation = m.operation AND r.audience = m.audience
        JOIN release.standing(:operation, :audience) s ON s.locality_id = r.locality_id
        WHERE m.operation = :operation AND m.audience = :audience
    """,
    Layer.LOCALITIES: f"release.matrix_row r WHERE {_WHOSE}",
    Layer.COMMUNITIES: f"release.picture_community r WHERE {_WHOSE}",
    Layer.INCIDENTS: f"release.picture_incident r WHERE {_WHOSE}",
    # Who has left the matrix has no shape any more.
    Layer.CHANGES: """
        json_to_recordset(CAST(:rows AS json)) AS c (id text, properties json)
        CROSS JOIN LATERAL (SELECT c.properties::text AS properties, c.properties::jsonb AS told) r
        LEFT JOIN release.matrix_row l
            ON l.operation = :operation AND l.audience = :audience AND l.locality_id = c.id::uuid
    """,
}


@dataclass(frozen=True, slots=True)
class Moved:
    """What the layer of changes holds: a JSON array of objects ``id`` and ``properties``, and between which moments."""

    rows: str
    since: datetime
    as_of: datetime


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """The rows of a layer for an audience."""

    layer: Layer
    operation: str
    audience: Audience
    rows: Subquery

    @property
    def has_days(self) -> bool:
        """Whether the time of its features is whole days."""
        return self.layer in _PICTURES


def source(layer: Layer, operation: str, audience: Audience, moved: Moved | None = None) -> Source:
    """Give the rows of a layer. That of changes is told what ``moved``; nobody else is."""
    return _standing_source(layer, operation, audience) if moved is None else _source(layer, operation, audience, moved)


@lru_cache(maxsize=256)
def _standing_source(layer: Layer, operation: str, audience: Audience) -> Source:
    """Put the query together once: what it is does not depend on what it finds."""
    return _source(layer, operation, audience, None)


def _source(layer: Layer, operation: str, audience: Audience, moved: Moved | None) -> Source:
    own = layers.columns(layer, audience)
    written: dict[str, str] = dict(_COLUMNS[layer])
    types = dict(_HEAD)
    for one in own:
        name, kind = _TYPES[one.kind]
        found = _OWN[layer].get(one.name) or f"(r.told #>> '{{{','.join(one.path)}}}')::{name}"
        written[one.name], types[one.name] = found, kind
    # Put together from constants of this module and the catalogue of layers; what somebody asks for is bound.
    query = ", ".join(f'{expression} AS "{name}"' for name, expression in written.items())
    values: Mapping[str, object] = {"operation": operation, "audience": audience.value}
    if moved is not None:
        values = {**values, "rows": moved.rows, "since": moved.since, "as_of": moved.as_of}
    rows = text(f"SELECT {query} FROM {_FROM[layer]}").bindparams(**values)
    return Source(layer, operation, audience, rows.columns(*(column(n, types[n]) for n in written)).subquery("f"))


def stands(reader: ReleaseReader) -> dict[tuple[str, Audience, Layer], Stand]:
    """Give the states of all layers of pictures, of every operation and audience; their box is that of all zones."""
    query = select(picture).where(picture.c.collection.in_([one.value for one in _PICTURES.values()]))
    layer_of = {collection: layer for layer, collection in _PICTURES.items()}
    boxes = _boxes(reader)
    return {
        (row.operation, Audience(row.audience), layer_of[Collection(row.collection)]): replace(
            _pictured(row), box=boxes.get((row.operation, row.audience))
        )
        for row in reader.connection.execute(query)
    }


def _pictured(row: Record) -> Stand:
    return Stand(row.build, row.revision, row.as_of, f"{row.build}.{row.revision}")


def _boxes(reader: ReleaseReader) -> dict[tuple[str, str], tuple[float, float, float, float]]:
    zones = picture_zone.c
    low = [func.min(func.ST_XMin(zones.area)), func.min(func.ST_YMin(zones.area))]
    high = [func.max(func.ST_XMax(zones.area)), func.max(func.ST_YMax(zones.area))]
    query = select(zones.operation, zones.audience, *low, *high).where(zones.area.isnot(None))
    found = reader.connection.execute(query.group_by(zones.operation, zones.audience))
    return {(row[0], row[1]): (row[2], row[3], row[4], row[5]) for row in found}


def stand(reader: ReleaseReader, layer: Layer, operation: str, audience: Audience) -> Stand:
    """Give the state that a layer is in.

    Raises:
        NotFound: there is no such operation, or nothing of it has been released yet.
    """
    found = reader.connection.execute(standing_of(layer, operation, audience)).one_or_none()
    if found is None:
        raise NotFound("no such operation, or nothing of it yet")
    return stand_of(found)


def standing_of(layer: Layer, operation: str, audience: Audience) -> Select[Any]:
    """Give the query of a layer's state: no row, or one that ``stand_of`` reads."""
    table = picture if layer in _PICTURES else matrix
    content = cast(null(), LargeBinary) if layer in _PICTURES else matrix.c.content_sha256
    whose = {"operation": operation, "audience": audience}
    of_picture = {"collection": _PICTURES[layer]} if layer in _PICTURES else {}
    return (
        select(table.c.build, table.c.revision, table.c.as_of, content.label("content_sha256"))
        .select_from(table)
        .filter_by(**whose, **of_picture)
    )


def stand_of(row: Record) -> Stand:
    """Read the state of a layer."""
    content = row.content_sha256
    return Stand(
        row.build,
        row.revision,
        row.as_of,
        f"{row.build}.{row.revision}" if content is None else bytes(content).hex(),
    )


def head_of_matrix(reader: ReleaseReader, operation: str, audience: Audience) -> bytes:
    """Give what a matrix says of itself: finished members of a JSON object."""
    query = select(matrix.c.head).filter_by(operation=operation, audience=audience)
    head: str = reader.connection.execute(query).scalar_one()
    return head.encode()
