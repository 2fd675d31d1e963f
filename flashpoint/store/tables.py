"""The tables: ``vault`` holds what was reported, ``release`` what each audience may see of it.

Two times stand on every fact: ``known_at`` .. ``known_to`` is when it counted as known (half open, ``NULL`` for
*still*), ``recorded_at`` is when it was written here. They differ only where a curated retrospective data set carries
an assumed knowledge time (``known_assumed``). What was known at an instant *t* is always ``known_at <= t < known_to``.

Rows are added, never changed or removed: the application's role has no UPDATE or DELETE in ``vault`` beyond the few
columns that the first migration names. What looks like a change (a state, an end of validity) is written by triggers.
"""

from collections.abc import Iterable
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import UUID as PGUUID
from sqlalchemy.schema import SchemaItem

from flashpoint import types

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)

_AT = DateTime(timezone=True)
_UUID = PGUUID(as_uuid=True)
CASUALTIES = ("killed", "injured", "abducted", "displaced")
ACCESS = ("food_access", "water_access", "health_access", "market_access")


def _one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in sorted(values))
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _between(column: str, low: int, high: int) -> CheckConstraint:
    return CheckConstraint(f"{column} BETWEEN {low} AND {high}", name=column)


def _estimate(name: str) -> list[Column[Any] | CheckConstraint]:
    """Three columns that are all there or all absent, and ordered."""
    low, best, high = f"{name}_low", f"{name}_best", f"{name}_high"
    return [
        *(Column(column, Integer) for column in (low, best, high)),
        CheckConstraint(f"0 <= {low} AND {low} <= {best} AND {best} <= {high}", name=f"{name}_ordered"),
        CheckConstraint(f"num_nulls({low}, {best}, {high}) IN (0, 3)", name=f"{name}_whole"),
    ]


def _geometry(name: str, kind: str = "GEOMETRY", *, nullable: bool = True) -> list[Column[Any] | CheckConstraint]:
    column: Column[Any] = Column(name, Geometry(kind, srid=4326, spatial_index=False), nullable=nullable)
    return [column, CheckConstraint(f"ST_IsValid({name}) AND NOT ST_IsEmpty({name})", name=f"{name}_valid")]


def _operation(*, primary_key: bool = False) -> Column[Any]:
    return Column("operation", Text, ForeignKey("vault.operation.code"), nullable=False, primary_key=primary_key)


def _recorded(*, by: bool = True) -> list[Column[Any]]:
    columns: list[Column[Any]] = [Column("recorded_at", _AT, nullable=False, server_default=func.clock_timestamp())]
    if by:
        columns.append(Column("recorded_by", _UUID, ForeignKey("vault.actor.id"), nullable=False))
    return columns


def _known_by_then() -> CheckConstraint:
    """Nothing is known before somebody could record it."""
    return CheckConstraint("known_at <= recorded_at", name="known_by_then")


def _known() -> list[Column[Any] | CheckConstraint]:
    return [
        Column("known_at", _AT, nullable=False),
        Column("known_to", _AT),
        Column("known_assumed", Boolean, nullable=False, server_default=text("false")),
        CheckConstraint("known_to >= known_at", name="known_ordered"),
        _known_by_then(),
    ]


def _versioned(name: str, *columns: SchemaItem) -> Table:
    """A subject whose rows are versions: the current one has no ``known_to``; a withdrawn one is a tombstone."""
    return Table(
        name,
        metadata,
        Column("id", _UUID, primary_key=True),
        Column("version", Integer, primary_key=True, autoincrement=False),
        _operation(),
        *_recorded(),
        *_known(),
        Column("withdrawn_reason", Text),
        *columns,
        _one_of("withdrawn_reason", types.WithdrawalReason),
        Index(f"uq_{name}_current", "id", unique=True, postgresql_where=text("known_to IS NULL")),
        Index(f"ix_{name}_operation_known", "operation", "known_at"),
        schema="vault",
    )


def _sharing() -> list[Column[Any] | CheckConstraint]:
    return [
        Column("sharing", Text, nullable=False),
        Column("share_above", Text, nullable=False),
        Column("consent", Text, nullable=False),
        _one_of("sharing", types.Sharing),
        _one_of("share_above", types.ShareAbove),
        _one_of("consent", types.Consent),
    ]


# -- who ------------------------------------------------------------------------------------------------------------

actor = Table(
    "actor",
    metadata,
    Column("id", _UUID, primary_key=True),
    Column("handle", Text, nullable=False, unique=True),
    *_recorded(by=False),
    schema="vault",
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", _UUID, primary_key=True),
    Column("actor_id", _UUID, ForeignKey("vault.actor.id"), nullable=False),
    Column("prefix", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("operations", ARRAY(Text)),
    *_recorded(by=False),
    Column("expires_at", _AT, nullable=False),
    Column("revoked_at", _AT),
    _one_of("role", types.Role),
    _one_of("audience", types.Audience),
    CheckConstraint("length(digest) = 32", name="digest_sha256"),
    schema="vault",
)

audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", _AT, nullable=False),
    Column("actor_id", _UUID, nullable=False),
    Column("key_id", _UUID),
    Column("operation", Text),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'")),
    Column("previous_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    schema="vault",
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("actor_id", _UUID, ForeignKey("vault.actor.id"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_sha256", LargeBinary, nullable=False),
    *_recorded(by=False),
    Column("status", SmallInteger, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("body", LargeBinary, nullable=False),
    CheckConstraint("length(key) BETWEEN 1 AND 255", name="key_length"),
    schema="vault",
)

# -- where ----------------------------------------------------------------------------------------------------------

operation = Table(
    "operation",
    metadata,
    Column("code", Text, primary_key=True),
    Column("name_en", Text, nullable=False),
    Column("name_fr", Text, nullable=False),
    Column("synthetic", Boolean, nullable=False, server_default=text("false")),
    Column("ranked_level", SmallInteger),
    *_geometry("area", "MULTIPOLYGON", nullable=False),
    *_recorded(),
    CheckConstraint("code ~ '^[A-Z][A-Z0-9_]{1,15}$'", name="code"),
    CheckConstraint("ranked_level BETWEEN 0 AND 4", name="ranked_level"),
    schema="vault",
)

admin_unit = _versioned(
    "admin_unit",
    Column("code_list", Text, nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("pcode", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("parent_pcode", Text),
    Column("population", Integer),
    Column("population_source", Text),
    *_geometry("area", "MULTIPOLYGON"),
    _between("level", 0, 4),
    CheckConstraint("population >= 0", name="population"),
    Index("ix_admin_unit_area", "area", postgresql_using="gist"),
    Index("ix_admin_unit_operation_pcode", "operation", "pcode"),
)

locality = _versioned(
    "locality",
    Column("pcode", Text, nullable=False),
    Column("code_list", Text, nullable=False),
    Column("level", SmallInteger),
    Column("name", Text, nullable=False),
    *(Column(f"adm{level}_pcode", Text) for level in (1, 2, 3)),
    *_geometry("point", "POINT", nullable=False),
    *_geometry("area", "MULTIPOLYGON", nullable=False),
    Column("catchment_km", Integer),
    *_estimate("population"),
    Column("population_source", Text),
    _between("level", 0, 4),
    CheckConstraint("catchment_km BETWEEN 1 AND 200", name="catchment_km"),
    CheckConstraint("(level IS NULL) <> (catchment_km IS NULL)", name="polygon_or_catchment"),
    Index(
        "uq_locality_pcode",
        "operation",
        "code_list",
        "pcode",
        unique=True,
        postgresql_where=text("known_to IS NULL AND withdrawn_reason IS NULL"),
    ),
    Index("ix_locality_area", "area", postgresql_using="gist", postgresql_where=text("known_to IS NULL")),
)

# -- what happened --------------------------------------------------------------------------------------------------

incident = Table(
    "incident",
    metadata,
    Column("id", _UUID, primary_key=True),
    _operation(),
    Column("submitted_by", _UUID, ForeignKey("vault.actor.id"), nullable=False),
    Column("client_id", Text),
    Column("origin", Text, nullable=False),
    Column("content_sha256", LargeBinary, nullable=False),
    *_recorded(by=False),
    Column("state", Text, nullable=False, server_default=text("''")),
    Column("version", Integer, nullable=False, server_default=text("0")),
    Column("acts", Integer, nullable=False, server_default=text("0")),
    Column("duplicate_of", _UUID, ForeignKey("vault.incident.id")),
    UniqueConstraint("submitted_by", "operation", "client_id"),
    CheckConstraint("length(client_id) BETWEEN 1 AND 100", name="client_id"),
    CheckConstraint("origin ~ '^(api|batch|sample|external:[a-z]+)$'", name="origin"),
    CheckConstraint("state = '' OR state IN (" + ", ".join(f"'{s}'" for s in types.State) + ")", name="state"),
    Index(
        "uq_incident_external",
        "operation",
        "client_id",
        unique=True,
        postgresql_where=text("left(origin, 9) = 'external:'"),
    ),
    Index("ix_incident_page", "operation", "recorded_at", "id"),
    schema="vault",
)

incident_version = Table(
    "incident_version",
    metadata,
    Column("incident_id", _UUID, ForeignKey("vault.incident.id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    *_recorded(),
    Column("known_at", _AT, nullable=False),
    Column("known_assumed", Boolean, nullable=False, server_default=text("false")),
    Column("event_start", _AT, nullable=False),
    Column("event_end", _AT, nullable=False),
    Column("date_precision", SmallInteger, nullable=False),
    Column("reported_at", _AT, nullable=False),
    *_geometry("geom"),
    Column("geo_precision", SmallInteger, nullable=False),
    Column("admin_pcode", Text),
    Column("category", Text, nullable=False),
    Column("perpetrator_class", Text, nullable=False),
    Column("attribution_confidence", Text),
    *(part for name in CASUALTIES for part in _estimate(name)),
    Column("splits", JSONB),
    Column("protected_site", Text),
    Column("narrative", Text),
    *_sharing(),
    _known_by_then(),
    Column("exercise", Boolean, nullable=False),
    Column("supersedes", _UUID, ForeignKey("vault.incident.id")),
    CheckConstraint("event_start <= event_end", name="event_ordered"),
    CheckConstraint("event_end <= recorded_at AND reported_at <= recorded_at", name="no_future"),
    _between("date_precision", 1, 4),
    _between("geo_precision", 1, 6),
    CheckConstraint("geom IS NOT NULL OR geo_precision >= 3", name="exact_needs_geometry"),
    _one_of("perpetrator_class", types.PerpetratorClass),
    _one_of("attribution_confidence", types.Confidence),
    _one_of("protected_site", types.ProtectedSite),
    Index("ix_incident_version_geom", "geom", postgresql_using="gist"),
    schema="vault",
)

_VERSION_KEY = ("vault.incident_version.incident_id", "vault.incident_version.version")

placement = Table(
    "placement",
    metadata,
    Column("incident_id", _UUID, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("recorded_at", _AT, primary_key=True, server_default=func.clock_timestamp()),
    Column("replaced_at", _AT),
    Column("locality_id", _UUID),
    Column("unit_pcode", Text),
    Column("outside_claimed", Boolean, nullable=False),
    ForeignKeyConstraint(["incident_id", "version"], _VERSION_KEY),
    CheckConstraint("num_nonnulls(locality_id, unit_pcode) <= 1", name="one_place"),
    Index("uq_placement_current", "incident_id", "version", unique=True, postgresql_where=text("replaced_at IS NULL")),
    Index("ix_placement_locality", "locality_id", postgresql_where=text("replaced_at IS NULL")),
    schema="vault",
)

source = Table(
    "source",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("incident_id", _UUID, ForeignKey("vault.incident.id"), nullable=False, index=True),
    *_recorded(),
    Column("known_at", _AT, nullable=False),
    _known_by_then(),
    Column("type", Text, nullable=False),
    Column("independence_group", Text, nullable=False),
    Column("reliability", Text, nullable=False),
    Column("credibility", SmallInteger, nullable=False),
    Column("obtained_on", Date, nullable=False),
    Column("handle", Text, nullable=False),
    _one_of("type", types.SourceType),
    _one_of("reliability", "ABCDEF"),
    _between("credibility", 1, 6),
    CheckConstraint("obtained_on <= (recorded_at AT TIME ZONE 'UTC')::date", name="no_future"),
    schema="vault",
)

transition_rule = Table(
    "transition_rule",
    metadata,
    Column("action", Text, primary_key=True),
    Column("from_state", Text, primary_key=True),
    Column("to_state", Text, primary_key=True),
    schema="vault",
)

verification_act = Table(
    "verification_act",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("incident_id", _UUID, nullable=False),
    Column("version", Integer, nullable=False),
    *_recorded(),
    Column("known_at", _AT, nullable=False),
    Column("action", Text, nullable=False),
    Column("from_state", Text, nullable=False),
    Column("to_state", Text, nullable=False),
    Column("standard", Text),
    Column("attribution_verified", Boolean),
    Column("reason_code", Text),
    Column("reason", Text),
    Column("duplicate_of", _UUID, ForeignKey("vault.incident.id")),
    ForeignKeyConstraint(["incident_id", "version"], _VERSION_KEY),
    ForeignKeyConstraint(
        ["action", "from_state", "to_state"],
        [f"vault.transition_rule.{column}" for column in ("action", "from_state", "to_state")],
    ),
    _known_by_then(),
    _one_of("standard", types.Standard),
    _one_of("reason_code", types.WithdrawalReason),
    CheckConstraint("(to_state = 'verified') = (standard IS NOT NULL)", name="standard_declared"),
    CheckConstraint("(to_state = 'withdrawn') = (reason_code IS NOT NULL)", name="tombstone_reason"),
    CheckConstraint("(to_state = 'duplicate') = (duplicate_of IS NOT NULL)", name="duplicate_target"),
    CheckConstraint("duplicate_of <> incident_id", name="not_of_itself"),
    Index("ix_verification_act_incident", "incident_id", "id"),
    schema="vault",
)

evidence = Table(
    "evidence",
    metadata,
    Column("incident_id", _UUID, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("known_at", _AT, primary_key=True),
    Column("known_to", _AT),
    _operation(),
    Column("event_end", _AT, nullable=False),
    Column("veiled", Boolean, nullable=False, server_default=text("false")),
    ForeignKeyConstraint(["incident_id", "version"], _VERSION_KEY),
    CheckConstraint("known_to >= known_at", name="known_ordered"),
    Index("uq_evidence_open", "incident_id", unique=True, postgresql_where=text("known_to IS NULL")),
    Index("ix_evidence_operation_event", "operation", "event_end"),
    schema="vault",
)

# -- what makes a place vulnerable, or safer -----------------------------------------------------------------------

community = _versioned(
    "community",
    Column("locality_id", _UUID, nullable=False),
    Column("name", Text, nullable=False),
    *_estimate("people"),
    Column("confinement", SmallInteger),
    Column("surrounded_by", Text),
    *(Column(name, SmallInteger) for name in ACCESS),
    Column("protective_presence", Text),
    Column("wishes_to_leave", Text),
    Column("assessed_at", _AT, nullable=False),
    Column("expires_at", _AT, nullable=False),
    *_sharing(),
    *(_between(name, 0, 4) for name in ("confinement", *ACCESS)),
    _one_of("wishes_to_leave", ("yes", "no", "mixed", "unknown")),
    CheckConstraint("assessed_at <= recorded_at AND assessed_at < expires_at", name="assessed"),
)

threat_assessment = _versioned(
    "threat_assessment",
    Column("locality_id", _UUID, nullable=False),
    Column("likelihood", SmallInteger, nullable=False),
    Column("impact", SmallInteger, nullable=False),
    Column("horizon_days", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("assessed_at", _AT, nullable=False),
    Column("expires_at", _AT, nullable=False),
    *_sharing(),
    _between("likelihood", 1, 5),
    _between("impact", 1, 5),
    _between("horizon_days", 1, 366),
    CheckConstraint("assessed_at <= recorded_at AND assessed_at < expires_at", name="assessed"),
)

presence = _versioned(
    "presence",
    Column("locality_id", _UUID, nullable=False),
    Column("type", Text, nullable=False),
    *_geometry("point", "POINT"),
    Column("since", _AT, nullable=False),
    Column("until", _AT),
    Column("confirmed_at", _AT, nullable=False),
    Column("note", Text),
    Column("sharing", Text, nullable=False),
    _one_of("type", types.PresenceType),
    _one_of("sharing", types.Sharing),
    CheckConstraint("since <= confirmed_at AND confirmed_at <= recorded_at AND since <= until", name="since_until"),
)

# -- by which method ------------------------------------------------------------------------------------------------

methodology = Table(
    "methodology",
    metadata,
    Column("version", Text, primary_key=True),
    Column("parameters", JSONB, nullable=False),
    *_recorded(by=False),
    schema="vault",
)

methodology_in_force = Table(
    "methodology_in_force",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _operation(),
    Column("version", Text, ForeignKey("vault.methodology.version"), nullable=False),
    *_recorded(),
    Column("known_at", _AT, nullable=False),
    Column("reason", Text, nullable=False),
    Index("ix_methodology_in_force_operation", "operation", "known_at"),
    schema="vault",
)

# -- what may be seen -----------------------------------------------------------------------------------------------

matrix = Table(
    "matrix",
    metadata,
    Column("operation", Text, primary_key=True),
    Column("audience", Text, primary_key=True),
    Column("build", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("as_of", _AT, nullable=False),
    Column("evaluated_at", _AT, nullable=False),
    Column("content_sha256", LargeBinary, nullable=False),
    Column("head", Text, nullable=False),
    _one_of("audience", types.Audience),
    schema="release",
)

matrix_row = Table(
    "matrix_row",
    metadata,
    Column("operation", Text, primary_key=True),
    Column("audience", Text, primary_key=True),
    Column("locality_id", _UUID, primary_key=True),
    Column("rank", Integer, nullable=False),
    Column("pcode", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("properties", Text, nullable=False),
    Column("explanation", Text, nullable=False),
    *_geometry("point", "POINT", nullable=False),
    *_geometry("area", "MULTIPOLYGON", nullable=False),
    ForeignKeyConstraint(
        ["operation", "audience"], ["release.matrix.operation", "release.matrix.audience"], ondelete="CASCADE"
    ),
    _one_of("tier", types.Tier),
    UniqueConstraint("operation", "audience", "rank", deferrable=True),
    schema="release",
)
