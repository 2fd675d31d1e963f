"""Writing a picture: only the rows that differ are touched, and a picture of which none does is left alone."""

from collections.abc import Collection as Ids
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import orjson
from sqlalchemy import CursorResult, TextClause, text

from flashpoint.errors import VersionMismatch
from flashpoint.mask import Point
from flashpoint.picture import Collection
from flashpoint.store.engine import Record, Vault
from flashpoint.types import Audience


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a row is drawn: the P-code and released id of its zone, and the one point drawn for it there."""

    zone: str
    zone_id: UUID
    point: Point | None = None


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row about to be released. ``properties`` is a JSON object; the columns beside it say no more than it does.

    A zone has ``level`` and ``area`` (WKB), an incident ``category``, and all but zones ``period``.
    """

    released_id: UUID
    spot: Spot
    properties: str
    category: str | None = None
    period: str | None = None
    level: int | None = None
    area: bytes | None = None
    sha256: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Take the fingerprint of all that can be seen."""
        told = f"{self.spot.zone_id} {self.spot.point}\n{self.properties}\n".encode() + (self.area or b"")
        object.__setattr__(self, "sha256", sha256(told).digest())


_LOCK = text("""
    SELECT build, revision, as_of FROM release.picture
    WHERE operation = :operation AND audience = :audience AND collection = :collection FOR UPDATE
""")
_PICTURE = text("""
    INSERT INTO release.picture (operation, audience, collection, build, revision, as_of)
    VALUES (:operation, :audience, :collection, :build, :revision, :as_of)
    ON CONFLICT (operation, audience, collection) DO UPDATE SET revision = excluded.revision, as_of = excluded.as_of
""")

_POINT = "ST_SetSRID(ST_MakePoint(u.longitude, u.latitude), 4326)"
_AREA = "ST_GeomFromWKB(decode(u.area, 'hex'), 4326)"
_IN_ZONE = {"period": "u.period", "zone_id": "u.zone_id", "point": _POINT}
_TABLES: dict[Collection, tuple[str, dict[str, str]]] = {
    Collection.INCIDENTS: ("picture_incident", {"category": "u.category", **_IN_ZONE}),
    Collection.COMMUNITIES: ("picture_community", _IN_ZONE),
    Collection.ZONES: (
        "picture_zone",
        {
            "level": "u.level",
            "area": _AREA,
            "point": f"ST_PointOnSurface({_AREA})",
        },
    ),
}
#: Rows written by one statement: the areas of thousands of zones are not one parameter of a hundred megabytes.
_CHUNK = 500
#: What is handed over as one JSON document: a driver that writes arrays escapes every quote of every row by itself.
_HANDED = (
    "released_id uuid, sha256 text, zone text, properties text, category text, period text, zone_id uuid, "
    "longitude float8, latitude float8, level int, area text"
)


def _put(collection: Collection) -> TextClause:
    table, own = _TABLES[collection]
    columns = {
        "revision": "CAST(:revision AS bigint)",
        "content_sha256": "decode(u.sha256, 'hex')",
        "zone": "u.zone",
        "properties": "u.properties",
        **own,
    }
    # Put together from constants of this module.
    return text(f"""
        INSERT INTO release.{table} (operation, audience, released_id, {", ".join(columns)})
        SELECT :operation, :audience, u.released_id, {", ".join(columns.values())}
        FROM json_to_recordset(CAST(:rows AS json)) AS u ({_HANDED})
        ON CONFLICT (operation, audience, released_id) DO UPDATE
        SET {", ".join(f"{name} = excluded.{name}" for name in columns)}
    """)


def _drop(collection: Collection) -> TextClause:
    return text(f"""
        DELETE FROM release.{_TABLES[collection][0]}
        WHERE operation = :operation AND audience = :audience AND released_id = ANY(CAST(:ids AS uuid[]))
    """)


def _stored(collection: Collection, condition: str) -> TextClause:
    return text(f"""
        SELECT released_id, content_sha256 FROM release.{_TABLES[collection][0]}
        WHERE operation = :operation AND audience = :audience AND {condition}
    """)


_PUT = {collection: _put(collection) for collection in Collection}
_DROP = {collection: _drop(collection) for collection in Collection}
_SOME = {collection: _stored(collection, "released_id = ANY(CAST(:ids AS uuid[]))") for collection in Collection}
_ALL = {collection: _stored(collection, "true") for collection in Collection}


class Writer:
    """Brings one picture up to date. Whoever makes one finishes it, in the same transaction."""

    def __init__(self, vault: Vault, of: tuple[str, Audience, Collection], as_of: datetime) -> None:
        """Keep others from writing this picture until the transaction ends.

        Raises:
            VersionMismatch: what is there is of a later moment.
        """
        self._vault, self._collection, self._as_of = vault, of[2], as_of
        self._of = dict(zip(("operation", "audience", "collection"), of, strict=True))
        stored = vault.connection.execute(_LOCK, self._of).one_or_none()
        if stored is not None and stored.as_of > as_of:
            raise VersionMismatch("a later picture is there")
        self._is_new = stored is None
        self._build = uuid4().hex[:12] if stored is None else stored.build
        self._revision = 1 if stored is None else stored.revision + 1
        self._changed = 0

    def put(self, rows: Sequence[NewRow]) -> None:
        """Write those of the rows that are not there as they are."""
        known = self._stored(_SOME, ids=[row.released_id for row in rows]) if rows else {}
        changed = [row for row in rows if known.get(row.released_id) != row.sha256]
        for start in range(0, len(changed), _CHUNK):
            handed = orjson.dumps([_handed(row) for row in changed[start : start + _CHUNK]]).decode()
            self._execute(_PUT, revision=self._revision, rows=handed)
        self._changed += len(changed)

    def drop(self, ids: Ids[UUID]) -> None:
        """Take these rows out, where they are there."""
        if ids:
            self._changed += self._execute(_DROP, ids=list(ids)).rowcount

    def keep_only(self, ids: Ids[UUID]) -> None:
        """Take all other rows out."""
        self.drop([one for one in self._stored(_ALL) if one not in ids])

    def finish(self) -> bool:
        """Say whether anything of the picture changed, and count the revision up if so."""
        changed = self._is_new or self._changed > 0
        if changed:
            values = {"build": self._build, "revision": self._revision, "as_of": self._as_of}
            self._vault.connection.execute(_PICTURE, {**self._of, **values})
        return changed

    def _stored(self, statements: dict[Collection, TextClause], **values: object) -> dict[UUID, bytes]:
        """Read the fingerprints of rows that are there."""
        rows: Sequence[Record] = self._execute(statements, **values).all()
        return {row.released_id: bytes(row.content_sha256) for row in rows}

    def _execute(self, statements: dict[Collection, TextClause], **values: object) -> CursorResult[Any]:
        which = {name: self._of[name] for name in ("operation", "audience")}
        return self._vault.connection.execute(statements[self._collection], {**which, **values})


def _handed(row: NewRow) -> dict[str, object]:
    longitude, latitude = row.spot.point or (None, None)
    return {
        "released_id": row.released_id,
        "sha256": row.sha256.hex(),
        "zone": row.spot.zone,
        "properties": row.properties,
        "category": row.category,
        "period": row.period,
        "zone_id": row.spot.zone_id,
        "longitude": longitude,
        "latitude": latitude,
        "level": row.level,
        "area": None if row.area is None else row.area.hex(),
    }
