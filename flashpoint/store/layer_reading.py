"""Layers as those who serve read them: a page in some order, how many there are, one feature, or all in parts."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from shapely.geometry.base import BaseGeometry
from sqlalchemy import ColumnElement, and_, exc, false, func, literal, or_, select

from flashpoint.crs import CRS84, Crs
from flashpoint.errors import Invalid, Violation
from flashpoint.filters import Tree
from flashpoint.store.engine import Record, ReleaseReader
from flashpoint.store.layer_filters import Terms, bound
from flashpoint.store.layer_sources import Source

Interval: TypeAlias = tuple[datetime | None, datetime | None]
"""From when to when; an end that is ``None`` is open."""

_PART = 2_000


@dataclass(frozen=True, slots=True)
class Order:
    """By which columns rows are ordered, ``True`` where from high to low; then by their ids. Nulls come last."""

    keys: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Which features are asked for. ``area`` (WGS 84) is touched by them, ``during`` by their time."""

    area: BaseGeometry | None = None
    during: Interval | None = None
    condition: Tree = True
    condition_crs: Crs = CRS84

    @property
    def told(self) -> tuple[object, ...]:
        """The same, so that it can be compared and remembered."""
        area = None if self.area is None else self.area.wkb
        return area, self.during, json.dumps(self.condition, sort_keys=True), self.condition_crs


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of them, in which order and system. ``after`` are the values of the order's keys, and the id."""

    limit: int
    order: Order = field(default_factory=Order)
    after: tuple[Any, ...] | None = None
    crs: Crs = CRS84


def conditions(source: Source, narrowed: Narrowed) -> list[ColumnElement[bool]]:
    """Give what features have to meet.

    Raises:
        Invalid: the condition does not go with the layer.
    """
    found: list[ColumnElement[bool]] = []
    if narrowed.area is not None:
        found.append(func.ST_Intersects(source.rows.c.geometry, bound(narrowed.area)))
    if narrowed.during is not None:
        found += _during(source, narrowed.during)
    if narrowed.condition is not True:
        found.append(Terms(source, narrowed.condition_crs).condition(narrowed.condition))
    return found


def _during(source: Source, during: Interval) -> Iterator[ColumnElement[bool]]:
    """Say that the time of a feature touches the interval. What has no time is of all times."""
    columns, (begin, end) = source.rows.c, during
    if source.has_days:
        # The literal is brought to days and not the column, so that the index serves.
        if begin is not None:
            yield columns.last_day >= begin.date()
        if end is not None:
            yield columns.first_day <= end.date()
        return
    if begin is not None:
        yield func.coalesce(columns.ends >= begin, True)
    if end is not None:
        yield func.coalesce(columns.begins <= end, True)


def count(reader: ReleaseReader, source: Source, narrowed: Narrowed) -> int:
    """Count the features."""
    query = select(func.count()).select_from(source.rows).where(*conditions(source, narrowed))
    found: int = reader.connection.execute(query).scalar_one()
    return found


def page(reader: ReleaseReader, source: Source, narrowed: Narrowed, wanted: Page) -> Sequence[Record]:
    """Read a page and, where more follow, one row of the next.

    A row has ``id``, ``shape`` (GeoJSON or null), ``properties`` (JSON), ``begins``, ``ends``, and the keys of the
    order as ``key_0``, ``key_1`` ...
    """
    columns = source.rows.c
    keys = [columns[name].label(f"key_{at}") for at, (name, _) in enumerate(wanted.order.keys)]
    query = (
        select(columns.id, shape(source, wanted.crs), columns.properties, columns.begins, columns.ends, *keys)
        .where(*conditions(source, narrowed), *_following(source, wanted))
        .order_by(*(_ordered(columns[name], down=down) for name, down in wanted.order.keys), columns.id)
        .limit(wanted.limit + 1)
    )
    return reader.connection.execute(query).all()


def one(reader: ReleaseReader, source: Source, feature: str, crs: Crs) -> Record | None:
    """Read the feature with this id (a UUID), if there is one, as ``page`` does."""
    columns = source.rows.c
    query = select(columns.id, shape(source, crs), columns.properties, columns.begins, columns.ends)
    return reader.connection.execute(query.where(columns.id == feature)).one_or_none()


def parts(reader: ReleaseReader, source: Source, *wanted: ColumnElement[Any]) -> Iterator[Sequence[Record]]:
    """Read those columns of all rows in the order of their ids, a part at a time, however many there are."""
    query = select(*wanted).order_by(source.rows.c.id)
    with reader.connection.execution_options(yield_per=_PART).execute(query) as found:
        yield from found.partitions()


def shape(source: Source, crs: Crs) -> ColumnElement[Any]:
    """Give the geometry as GeoJSON in a system; RFC 7946 wants outer rings counter-clockwise."""
    geometry: ColumnElement[Any] = source.rows.c.geometry
    if source.layer.is_drawn_as_areas:
        geometry = func.ST_ForcePolygonCCW(geometry)
    if not crs.is_geographic:
        geometry = func.ST_Transform(geometry, crs.srid)
    elif crs.swapped:
        geometry = func.ST_FlipCoordinates(geometry)
    return func.ST_AsGeoJSON(geometry, crs.decimals, 0).label("shape")


def _ordered(column: ColumnElement[Any], *, down: bool) -> ColumnElement[Any]:
    return (column.desc() if down else column.asc()).nulls_last()


def _following(source: Source, wanted: Page) -> Iterator[ColumnElement[bool]]:
    """Say that a row comes after the last one of the page before."""
    if wanted.after is None:
        return
    columns, *values = source.rows.c, *wanted.after
    same: list[ColumnElement[bool]] = []
    later: list[ColumnElement[bool]] = []
    for (name, down), value in zip(wanted.order.keys, values, strict=False):
        key = columns[name]
        # After a null come nulls alone.
        # Bound, whatever it is: true and false are words of SQL otherwise, which nothing is greater than.
        last = literal(value)
        beyond = false() if value is None else or_(key < last if down else key > last, key.is_(None))
        later.append(and_(*same, beyond))
        same.append(key.is_(None) if value is None else key == last)
    yield or_(*later, and_(*same, columns.id > values[-1]))


@contextmanager
def reached() -> Iterator[None]:
    """Say what it means where PostGIS cannot bring a geometry to another system.

    Raises:
        Invalid: the system that was asked for does not reach it.
    """
    try:
        yield
    except exc.InternalError as error:
        rule = "the reference system is one that reaches as far as the features"
        raise Invalid(Violation("?crs", "out_of_reach", rule)) from error
