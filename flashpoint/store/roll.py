"""The roll: every verified incident of an operation that counts at some moment, as columns of numbers in memory.

A million incidents are read in seconds and kept in some hundred megabytes: the database packs the rows into blocks of
fixed width, and numpy looks at the blocks as they come, without an object per value. The roll also holds the two times
of each row, so that one reading serves any number of moments.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text

from flashpoint.scoring.evidence import CATEGORY_CODES, NOWHERE, Incidents
from flashpoint.scoring.methodology import Methodology
from flashpoint.scoring.portable import Bools, Ints, unit_vectors
from flashpoint.scoring.pressing import Pressing, pressing
from flashpoint.store.engine import VaultReader
from flashpoint.store.moments import UNIX_OFFSET_US, US_PER_DAY, Moment, at_us, instant_us
from flashpoint.types import PerpetratorClass, Sharing

Block = NDArray[np.void]

CLUSTER_MAY_KNOW = (Sharing.PUBLIC, Sharing.MISSION, Sharing.CLUSTER)
_BLOCK_ROWS = 20_000
# What the server may use to join a million rows by hashing them once, a quarter of the time of walking three indexes.
_READ_MEMORY = "256MB"
_NO_ID = UUID(int=0)
_CASUALTIES = ("killed", "injured", "abducted", "displaced")


def _listed(values: Sequence[str]) -> str:
    return ", ".join(f"'{value}'" for value in sorted(values))


_CODES = ", ".join(f"'{code}'" for code in CATEGORY_CODES)


def _unless(missing: str, fields: Sequence[tuple[str, str]], instead: str) -> str:
    """Pack some fields, or a constant where there is nothing to pack: most rows have no end and few counts."""
    packed = " || ".join(expression for _, expression in fields)
    return f"CASE WHEN {missing} THEN decode('{instead}', 'hex') ELSE {packed} END"


_ENDS = tuple(
    (name, f"timestamptz_send(coalesce({column}, 'infinity'))")
    for name, column in (
        ("known_to", "e.known_to"),
        ("closed_at", "e.closed_at"),
        ("left_to", "p.known_to"),
        ("left_at", "p.closed_at"),
        ("veiled_at", "e.veiled_at"),
    )
)
_INFINITY, _MINUS_ONE = "7fffffffffffffff", "ffffffff"
_SHARED = f"v.sharing IN ({_listed(CLUSTER_MAY_KNOW)}) AND NOT v.protected"


def _counted(name: str) -> tuple[tuple[tuple[str, str], ...], str]:
    """Pack the low, best and high of a count, which are all there or all absent."""
    columns = tuple((f"{name}_{end}", f"int4send(v.{name}_{end})") for end in ("low", "best", "high"))
    return tuple((column, ">i4") for column, _ in columns), _unless(f"v.{name}_best IS NULL", columns, _MINUS_ONE * 3)


#: The fields of a packed row, with their types in numpy, and the expression that packs them.
_FIELDS: tuple[tuple[tuple[tuple[str, str], ...], str], ...] = (
    ((("id", "V16"),), "uuid_send(e.incident_id)"),
    ((("recorded_at", ">i8"),), "timestamptz_send(greatest(e.recorded_at, p.recorded_at))"),
    ((("known_at", ">i8"),), "timestamptz_send(greatest(e.known_at, p.known_at))"),
    (
        tuple((name, ">i8") for name, _ in _ENDS),
        _unless("coalesce(e.known_to, p.known_to, e.veiled_at) IS NULL", _ENDS, _INFINITY * len(_ENDS)),
    ),
    ((("ended_at", ">i8"),), "timestamptz_send(e.event_end)"),
    ((("reported_at", ">i8"),), "timestamptz_send(v.reported_at)"),
    ((("locality", "V16"),), f"uuid_send(coalesce(p.locality_id, '{_NO_ID}'))"),
    ((("unit", "V16"),), f"uuid_send(coalesce(md5(p.unit_pcode)::uuid, '{_NO_ID}'))"),
    ((("category", ">i2"),), f"int2send(array_position(ARRAY[{_CODES}], v.category)::smallint)"),
    ((("site", "?"),), "boolsend(v.protected_site IS NOT NULL)"),
    ((("by_state", "?"),), f"boolsend(v.perpetrator_class = '{PerpetratorClass.STATE_FORCES}')"),
    ((("nameable", "?"),), f"boolsend({_SHARED})"),
    *(_counted(name) for name in _CASUALTIES),
)
# A point is on its own surface; to have that worked out takes longer than all else.
_PLACE = "CASE WHEN GeometryType(v.geom) = 'POINT' THEN v.geom ELSE ST_PointOnSurface(v.geom) END"
_POINT: tuple[tuple[tuple[tuple[str, str], ...], str], ...] = (
    ((("longitude", ">f8"),), f"float8send(coalesce(ST_X({_PLACE}), 'NaN'))"),
    ((("latitude", ">f8"),), f"float8send(coalesce(ST_Y({_PLACE}), 'NaN'))"),
)
_FROM = """
    FROM vault.evidence e
    JOIN vault.incident_version v ON v.incident_id = e.incident_id AND v.version = e.version
    LEFT JOIN vault.placement p ON p.incident_id = e.incident_id AND p.version = e.version
    WHERE e.operation = :operation
"""
#: Incidents of which something was recorded after one instant and by another; each time has its index.
_NEWS = " UNION ".join(
    [
        f"SELECT incident_id FROM vault.evidence WHERE operation = :operation AND {time} > :after"
        for time in ("recorded_at", "closed_at", "veiled_at")
    ]
    + [
        "SELECT p.incident_id FROM vault.placement p JOIN vault.evidence e USING (incident_id, version) "
        f"WHERE e.operation = :operation AND p.{time} > :after"
        for time in ("recorded_at", "closed_at")
    ]
)


def _packed(*, with_points: bool) -> tuple[np.dtype[np.void], str]:
    """Give the form of a packed row, and the expression that packs it."""
    parts = [*_FIELDS, *(_POINT if with_points else ())]
    form = np.dtype([field for fields_, _ in parts for field in fields_])
    return form, " || ".join(expression for _, expression in parts)


def read(reader: VaultReader, operation: str, *, with_points: bool) -> Iterator[Block]:
    """Give every row of an operation's evidence, block by block."""
    form, packed = _packed(with_points=with_points)
    query = text(f"""
        SELECT string_agg(packed, ''::bytea) FROM (
            SELECT {packed} AS packed, row_number() OVER () / {_BLOCK_ROWS} AS block {_FROM}
        ) every GROUP BY block
    """)
    reader.connection.execute(text(f"SET LOCAL work_mem = '{_READ_MEMORY}'"))
    streamed = {"stream_results": True, "max_row_buffer": 1}
    for (block,) in reader.connection.execute(query, {"operation": operation}, execution_options=streamed):
        yield np.frombuffer(block, dtype=form)


def count(reader: VaultReader, operation: str) -> int:
    """Count the rows of an operation's evidence, about: so much room is needed."""
    query = text("SELECT count(*) FROM vault.evidence WHERE operation = :operation")
    return int(reader.connection.execute(query, {"operation": operation}).scalar_one())


def read_news(reader: VaultReader, operation: str, after: Moment, *, with_points: bool) -> tuple[Block, Block]:
    """Give the ids of the incidents of which anything was recorded since, and all rows of those incidents."""
    bounds = {"operation": operation, "after": after.recorded}
    form, packed = _packed(with_points=with_points)
    ids = list(reader.connection.execute(text(_NEWS), bounds).scalars())
    if not ids:
        return np.empty(0, dtype="V16"), np.empty(0, dtype=form)
    query = text(f"SELECT string_agg({packed}, ''::bytea) {_FROM} AND e.incident_id = ANY(:ids)")
    rows = reader.connection.execute(query, {"operation": operation, "ids": ids}).scalar_one()
    return np.array([one.bytes for one in ids], dtype="V16"), np.frombuffer(rows or b"", dtype=form)


@dataclass(frozen=True, slots=True)
class Places:
    """Where incidents may be placed: positions of localities by id, of units by P-code."""

    localities: Mapping[UUID, int]
    units: Mapping[str, int]


class _Finder:
    """Finds the positions of many 16-byte keys at once."""

    def __init__(self, at: Mapping[bytes, int]) -> None:
        keys = np.array(list(at), dtype="V16").view(">u8").reshape(-1, 2)
        order = np.argsort(keys[:, 0], kind="stable")
        self._keys, self._at = keys[order], np.array(list(at.values()), dtype=np.int64)[order]
        if len(np.unique(keys[:, 0])) != len(keys):
            raise ValueError("two ids begin with the same eight bytes")

    def find(self, wanted: Block) -> Ints:
        """Give the position of each key, -1 for one that is not there."""
        if not len(self._keys):
            return np.full(len(wanted), NOWHERE)
        halves = np.ascontiguousarray(wanted).view(">u8").reshape(-1, 2)
        near = np.minimum(np.searchsorted(self._keys[:, 0], halves[:, 0]), len(self._keys) - 1)
        hit = (self._keys[near] == halves).all(axis=1)
        return np.where(hit, self._at[near], NOWHERE)


class Roll:
    """Rows of evidence as columns that grow: what each incident weighs, and when it was known and recorded.

    ``pressing`` looks at all rows; which of them count at a moment is what ``counting`` says.
    """

    _TIMES = ("recorded_at", "known_at", "known_to", "closed_at", "left_to", "left_at", "veiled_at", "reported_at")

    def __init__(self, places: Places, method: Methodology) -> None:
        """Begin empty."""
        self._localities = _Finder({one.bytes: at for one, at in places.localities.items()})
        self._units = _Finder({_digest(code): at for code, at in places.units.items()})
        self._method = method
        self._columns: dict[str, NDArray[Any]] = {}
        self._size = 0
        self.add(np.empty(0, dtype=_packed(with_points=method.kernel_width_km > 0)[0]))

    def __len__(self) -> int:
        return self._size

    def add(self, block: Block) -> Ints:
        """Add rows; give where they stand."""
        numbers = pressing(self._incidents(block), self._method)
        columns = {entry.name: getattr(numbers, entry.name) for entry in fields(numbers)}
        columns |= {time: block[time].astype(np.int64) for time in self._TIMES}
        columns["gone"] = np.zeros(len(block), dtype=np.bool_)
        columns |= {"locality": columns["locality"].astype(np.int32), "unit": columns["unit"].astype(np.int32)}
        columns["category"] = columns["category"].astype(np.int8)
        start, self._size = self._size, self._size + len(block)
        for name, column in columns.items():
            self._put(name, np.asarray(column), start)
        return np.arange(start, self._size)

    def _put(self, name: str, column: NDArray[Any], start: int) -> None:
        if name == "point" and not len(column):
            self._columns[name] = column
            return
        held = self._columns.get(name)
        if held is None or len(held) < self._size:
            room = np.empty((max(self._size + self._size // 4, 1024), *column.shape[1:]), dtype=column.dtype)
            if held is not None:
                room[:start] = held[:start]
            self._columns[name] = held = room
        held[start : self._size] = column

    def reserve(self, rows: int) -> None:
        """Make room for so many rows, so that filling it copies nothing twice."""
        self._size, size = rows, self._size
        for name, held in self._columns.items():
            if len(held) and len(held) < rows:
                room = np.empty((rows + rows // 16, *held.shape[1:]), dtype=held.dtype)
                room[:size] = held[:size]
                self._columns[name] = room
        self._size = size

    def find(self, ids: Block) -> Ints:
        """Give the rows of these incidents that are not gone."""
        held, wanted = self._column("id"), {bytes(one) for one in ids}
        # The first halves leave hardly any to compare whole.
        near = np.flatnonzero(np.isin(held.view("u8")[::2], np.ascontiguousarray(ids).view("u8")[::2]))
        rows = [row for row in near.tolist() if bytes(held[row]) in wanted and not self._column("gone")[row]]
        return np.array(rows, dtype=np.int64)

    def drop(self, rows: Ints) -> None:
        """Let rows count at no moment any more: they are read anew."""
        self._column("gone")[rows] = True

    def counting(self, moment: Moment, rows: Ints | slice = slice(None)) -> Bools:
        """Say which rows count at a moment."""
        as_of, recorded = instant_us(moment.as_of), instant_us(moment.recorded)

        def column(name: str) -> NDArray[Any]:
            chosen: NDArray[Any] = self._column(name)[rows]
            return chosen

        begun = (column("recorded_at") <= recorded) & (column("known_at") <= as_of)
        lasting = (column("known_to") > as_of) | (column("closed_at") > recorded)
        placed = (column("left_to") > as_of) | (column("left_at") > recorded)
        return np.asarray(begun & lasting & placed & ~column("gone"), dtype=np.bool_)

    def pressing(self, moment: Moment) -> Pressing:
        """Look at all rows; those veiled by the moment may not be named."""
        columns = {entry.name: self._column(entry.name) for entry in fields(Pressing)}
        columns["nameable"] = self.nameable(moment)
        return Pressing(**columns)

    def rows(self, rows: Ints) -> Pressing:
        """Look at some rows, for adding them to sums."""
        chosen = {entry.name: self._column(entry.name) for entry in fields(Pressing)}
        picked = {name: column[rows] if len(column) else column for name, column in chosen.items()}
        # Kept narrow, handed out as wide as any index: nobody's multiplication overflows.
        picked |= {name: picked[name].astype(np.int64) for name in ("category", "locality", "unit")}
        return Pressing(**picked)

    def by_place(self, rows: Ints) -> Ints:
        """Put rows in the order of their localities."""
        ordered: Ints = rows[np.argsort(self._column("locality")[rows], kind="stable")]
        return ordered

    def pressing_only(self, rows: Ints) -> Pressing:
        """Look at some rows, and at no more of them than what they weigh, when and where."""
        names = ("category", "casualty", "ended_day", "locality", "unit", "point")
        columns = {name: self._column(name) for name in names}
        picked = {name: column[rows] if len(column) else column for name, column in columns.items()}
        picked |= {name: picked[name].astype(np.int64) for name in ("category", "locality", "unit")}
        return Pressing(id=np.empty(len(rows), dtype="V0"), **picked)

    def nameable(self, moment: Moment, rows: Ints | slice = slice(None)) -> Bools:
        """Say which rows every reader of the cluster may know of."""
        unveiled = self._column("veiled_at")[rows] > instant_us(moment.recorded)
        return np.asarray(self._column("nameable")[rows] & unveiled, dtype=np.bool_)

    def newest_report(self, rows: Bools) -> datetime | None:
        """Give when the newest report among some rows was made."""
        reported = self._column("reported_at")[rows]
        return at_us(int(reported.max())) if reported.size else None

    def newest_marks(self, locality: int, counting: Bools) -> NDArray[np.float64]:
        """Give the newest instant of each kind (4,) over the counting rows of a locality."""
        here = np.flatnonzero(self._column("locality") == locality)
        marks = self._column("marks")[here[counting[here]]]
        return np.asarray(marks.max(axis=0, initial=-np.inf), dtype=np.float64)

    def _column(self, name: str) -> NDArray[Any]:
        held = self._columns[name]
        return held[: self._size] if len(held) else held

    def _incidents(self, block: Block) -> Incidents:
        counts = {name: _ranges(block, name) for name in _CASUALTIES}
        with_points = "longitude" in (block.dtype.names or ())
        point = unit_vectors(block["longitude"], block["latitude"]) if with_points else np.empty((0, 3))
        locality = self._localities.find(block["locality"])
        return Incidents(
            id=block["id"].copy(),
            category=block["category"].astype(np.int64) - 1,
            ended_day=_days(block["ended_at"]),
            reported_day=_days(block["reported_at"]),
            **counts,
            protected_site=block["site"],
            state_perpetrator=block["by_state"],
            locality=locality,
            unit=np.where(locality >= 0, NOWHERE, self._units.find(block["unit"])),
            point=point,
            nameable=block["nameable"],
        )


def _digest(pcode: str) -> bytes:
    """Give what the query gives of a P-code: sixteen bytes, which is no secret."""
    return hashlib.md5(pcode.encode(), usedforsecurity=False).digest()


def _ranges(block: Block, name: str) -> NDArray[np.float64]:
    columns = np.stack([block[f"{name}_{end}"] for end in ("low", "best", "high")], axis=-1).astype(np.float64)
    return np.where(columns < 0, np.nan, columns)


def _days(microseconds: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give instants as the scoring core takes them, with the bits of ``moments.day_of``."""
    return (microseconds.astype(np.int64) + UNIX_OFFSET_US) / US_PER_DAY
