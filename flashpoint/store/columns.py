"""Columns and constraints that many tables share: geometries, estimates, the two times, who may learn of a row."""

from collections.abc import Iterable
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    MetaData,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import UUID as PGUUID

from flashpoint import types

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)

AT = DateTime(timezone=True)
ID = PGUUID(as_uuid=True)


def one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    """Allow these values alone."""
    listed = ", ".join(f"'{value}'" for value in sorted(values))
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def between(column: str, low: int, high: int) -> CheckConstraint:
    """Bound a whole number."""
    return CheckConstraint(f"{column} BETWEEN {low} AND {high}", name=column)


def estimate(name: str) -> list[Column[Any] | CheckConstraint]:
    """Three columns that are all there or all absent, and ordered."""
    low, best, high = f"{name}_low", f"{name}_best", f"{name}_high"
    return [
        *(Column(column, Integer) for column in (low, best, high)),
        CheckConstraint(f"0 <= {low} AND {low} <= {best} AND {best} <= {high}", name=f"{name}_ordered"),
        CheckConstraint(f"num_nulls({low}, {best}, {high}) IN (0, 3)", name=f"{name}_whole"),
    ]


def geometry_column(name: str, kind: str = "GEOMETRY", *, nullable: bool = True) -> list[Column[Any] | CheckConstraint]:
    """A geometry in WGS 84, valid and not empty."""
    column: Column[Any] = Column(name, Geometry(kind, srid=4326, spatial_index=False), nullable=nullable)
    return [column, CheckConstraint(f"ST_IsValid({name}) AND NOT ST_IsEmpty({name})", name=f"{name}_valid")]


def operation_code(*, primary_key: bool = False) -> Column[Any]:
    """The operation that a row belongs to."""
    return Column("operation", Text, ForeignKey("vault.operation.code"), nullable=False, primary_key=primary_key)


def recorded(*, by: bool = True) -> list[Column[Any]]:
    """When a row was written here, and by whom."""
    columns: list[Column[Any]] = [Column("recorded_at", AT, nullable=False, server_default=func.clock_timestamp())]
    if by:
        columns.append(Column("recorded_by", ID, ForeignKey("vault.actor.id"), nullable=False))
    return columns


def known_by_then() -> CheckConstraint:
    """Nothing is known before somebody could record it."""
    return CheckConstraint("known_at <= recorded_at", name="known_by_then")


def closed_at() -> Column[Any]:
    """When the end of a row's knowledge was written here: a past answer does not see an end that came later."""
    return Column("closed_at", AT)


def known() -> list[Column[Any] | CheckConstraint]:
    """Between which instants a row counted as known."""
    return [
        Column("known_at", AT, nullable=False),
        Column("known_to", AT),
        closed_at(),
        Column("known_assumed", Boolean, nullable=False, server_default=text("false")),
        CheckConstraint("known_to >= known_at", name="known_ordered"),
        known_by_then(),
    ]


def sharing() -> list[Column[Any] | CheckConstraint]:
    """Who may learn of a row, what may be used above that level, and consent."""
    return [
        Column("sharing", Text, nullable=False),
        Column("share_above", Text, nullable=False),
        Column("consent", Text, nullable=False),
        one_of("sharing", types.Sharing),
        one_of("share_above", types.ShareAbove),
        one_of("consent", types.Consent),
    ]
