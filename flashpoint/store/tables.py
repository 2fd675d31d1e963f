"""The tables: ``vault`` holds what was reported, ``release`` what each audience may see of it.

Two times stand on every fact: ``known_at`` .. ``known_to`` is when it counted as known (half open, ``NULL`` for
*still*), ``recorded_at`` is when it was written here. They differ only where a curated retrospective data set carries
an assumed knowledge time (``known_assumed``). What was known at an instant *t* is always ``known_at <= t < known_to``.

Rows are added, never changed or removed: the application's role has no UPDATE or DELETE in ``vault`` beyond the few
columns that the first migration names. What looks like a change (a state, an end of validity) is written by triggers.
The tables of incidents stand in ``incident_tables.py``, those of people and keys in ``actor_tables.py``; all of them
can be had from here.
"""

from collections.abc import Iterable

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.schema import SchemaItem

from flashpoint import types
from flashpoint.store.actor_tables import actor, api_key
from flashpoint.store.allowance_tables import allowance
from flashpoint.store.audit_tables import audit
from flashpoint.store.columns import (
    AT,
    ID,
    between,
    estimate,
    geometry_column,
    known,
    known_by_then,
    metadata,
    one_of,
    operation_code,
    recorded,
    sharing,
)
from flashpoint.store.incident_tables import (
    CASUALTIES,
    category,
    evidence,
    incident,
    incident_version,
    placement,
    source,
    transition_rule,
    verification_act,
)
from flashpoint.store.picture_tables import picture, picture_community, picture_incident, picture_zone
from flashpoint.store.protocol_tables import protocol, protocol_in_force, shared_protocol
from flashpoint.store.retention_tables import index_gone, purge

__all__ = [
    "ACCESS",
    "CASUALTIES",
    "actor",
    "admin_unit",
    "allowance",
    "api_key",
    "audit",
    "category",
    "community",
    "evidence",
    "idempotency",
    "incident",
    "incident_version",
    "locality",
    "matrix",
    "matrix_row",
    "metadata",
    "method",
    "method_in_force",
    "methodology",
    "methodology_in_force",
    "operation",
    "picture",
    "picture_community",
    "picture_incident",
    "picture_zone",
    "placement",
    "presence",
    "protocol",
    "protocol_in_force",
    "purge",
    "shared_protocol",
    "source",
    "succession",
    "threat_assessment",
    "transition_rule",
    "verification_act",
]

ACCESS = ("food_access", "water_access", "health_access", "market_access")


def _versioned(name: str, *columns: SchemaItem, gone: Iterable[str] = types.WithdrawalReason) -> Table:
    """A subject whose rows are versions: the current one has no ``known_to``; a withdrawn one is a tombstone."""
    return Table(
        name,
        metadata,
        Column("id", ID, primary_key=True),
        Column("version", Integer, primary_key=True, autoincrement=False),
        operation_code(),
        *recorded(),
        *known(),
        Column("withdrawn_reason", Text),
        *columns,
        one_of("withdrawn_reason", gone),
        Index(f"uq_{name}_current", "id", unique=True, postgresql_where=text("known_to IS NULL")),
        Index(f"ix_{name}_operation_known", "operation", "known_at"),
        Index(f"ix_{name}_operation_recorded_at", "operation", "recorded_at"),
        schema="vault",
    )


# -- who ------------------------------------------------------------------------------------------------------------

idempotency = Table(
    "idempotency",
    metadata,
    Column("actor_id", ID, ForeignKey("vault.actor.id"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_sha256", LargeBinary, nullable=False),
    *recorded(by=False),
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
    *geometry_column("area", "MULTIPOLYGON", nullable=False),
    *recorded(),
    CheckConstraint("code ~ '^[A-Z][A-Z0-9_]{1,15}$'", name="code"),
    CheckConstraint("ranked_level BETWEEN 0 AND 4", name="ranked_level"),
    schema="vault",
)

#: A place goes as other records do, or with its code list.
_PLACE_GONE = (*types.WithdrawalReason, types.REPLACED)

admin_unit = _versioned(
    "admin_unit",
    Column("code_list", Text, nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("pcode", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("parent_pcode", Text),
    Column("population", Integer),
    Column("population_source", Text),
    *geometry_column("area", "MULTIPOLYGON"),
    between("level", 0, 4),
    CheckConstraint("population >= 0", name="population"),
    Index("ix_admin_unit_area", "area", postgresql_using="gist"),
    Index("ix_admin_unit_operation_pcode", "operation", "pcode"),
    gone=_PLACE_GONE,
)

locality = _versioned(
    "locality",
    Column("pcode", Text, nullable=False),
    Column("code_list", Text, nullable=False),
    Column("level", SmallInteger),
    Column("name", Text, nullable=False),
    *(Column(f"adm{level}_pcode", Text) for level in (1, 2, 3)),
    *geometry_column("point", "POINT", nullable=False),
    *geometry_column("area", "MULTIPOLYGON", nullable=False),
    Column("catchment_km", Integer),
    *estimate("population"),
    Column("population_source", Text),
    between("level", 0, 4),
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
    Index("ix_locality_operation_pcode", "operation", "pcode"),
    gone=_PLACE_GONE,
)

succession = Table(
    "succession",
    metadata,
    Column("predecessor_id", ID, primary_key=True),
    Column("successor_id", ID, primary_key=True),
    Column("known_at", AT, primary_key=True),
    operation_code(),
    *recorded(),
    Column("share", Float(53), nullable=False),
    Column("share_of_successor", Float(53), nullable=False),
    known_by_then(),
    CheckConstraint("predecessor_id <> successor_id", name="another"),
    CheckConstraint("share BETWEEN 0 AND 1 AND share_of_successor BETWEEN 0 AND 1", name="shares"),
    Index("ix_succession_operation", "operation", "known_at"),
    Index("ix_succession_successor", "successor_id"),
    schema="vault",
)

# -- what makes a place vulnerable, or safer -----------------------------------------------------------------------

community = _versioned(
    "community",
    Column("locality_id", ID, nullable=False),
    Column("name", Text, nullable=False),
    *estimate("people"),
    Column("confinement", SmallInteger),
    Column("surrounded_by", Text),
    *(Column(name, SmallInteger) for name in ACCESS),
    Column("protective_presence", Text),
    Column("wishes_to_leave", Text),
    Column("assessed_at", AT, nullable=False),
    Column("expires_at", AT, nullable=False),
    *sharing(),
    *(between(name, 0, 4) for name in ("confinement", *ACCESS)),
    one_of("wishes_to_leave", ("yes", "no", "mixed", "unknown")),
    CheckConstraint("assessed_at <= recorded_at AND assessed_at < expires_at", name="assessed"),
)

threat_assessment = _versioned(
    "threat_assessment",
    Column("locality_id", ID, nullable=False),
    Column("likelihood", SmallInteger, nullable=False),
    Column("impact", SmallInteger, nullable=False),
    Column("horizon_days", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("assessed_at", AT, nullable=False),
    Column("expires_at", AT, nullable=False),
    *sharing(),
    between("likelihood", 1, 5),
    between("impact", 1, 5),
    between("horizon_days", 1, 366),
    CheckConstraint("assessed_at <= recorded_at AND assessed_at < expires_at", name="assessed"),
)

presence = _versioned(
    "presence",
    Column("locality_id", ID, nullable=False),
    Column("type", Text, nullable=False),
    *geometry_column("point", "POINT"),
    Column("since", AT, nullable=False),
    Column("until", AT),
    Column("confirmed_at", AT, nullable=False),
    Column("note", Text),
    *sharing(),
    one_of("type", types.PresenceType),
    CheckConstraint("since <= confirmed_at AND confirmed_at <= recorded_at AND since <= until", name="since_until"),
)

index_gone(locality, community, threat_assessment, presence)

# -- by which method ------------------------------------------------------------------------------------------------

methodology = Table(
    "methodology",
    metadata,
    operation_code(primary_key=True),
    Column("version", Text, primary_key=True),
    Column("based_on", Text),
    Column("parameters", JSONB, nullable=False),
    Column("reason", Text, nullable=False),
    *recorded(),
    schema="vault",
)

methodology_in_force = Table(
    "methodology_in_force",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    operation_code(),
    Column("version", Text, nullable=False),
    *recorded(),
    Column("known_at", AT, nullable=False),
    Column("reason", Text, nullable=False),
    known_by_then(),
    ForeignKeyConstraint(["operation", "version"], ["vault.methodology.operation", "vault.methodology.version"]),
    Index("ix_methodology_in_force_operation", "operation", "known_at"),
    schema="vault",
)

# -- what may be seen -----------------------------------------------------------------------------------------------

#: The arrays say how the rows stand among one another, in the order of their ``locality_id``: one place that changes
#: shifts the ranks of thousands, and they are written and read at once instead of row by row.
matrix = Table(
    "matrix",
    metadata,
    Column("operation", Text, primary_key=True),
    Column("audience", Text, primary_key=True),
    Column("build", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("as_of", AT, nullable=False),
    Column("evaluated_at", AT, nullable=False),
    Column("content_sha256", LargeBinary, nullable=False),
    Column("head", Text, nullable=False),
    *(Column(name, ARRAY(Integer), nullable=False) for name in ("rank", "rank_low", "rank_high")),
    Column("top_k_share", ARRAY(Float(53)), nullable=False),
    one_of("audience", types.Audience),
    schema="release",
)

#: ``revision`` says which release last changed the row. No CHECK looks at the geometry, for it is a copy of the
#: locality's, which was checked.
matrix_row = Table(
    "matrix_row",
    metadata,
    Column("operation", Text, primary_key=True),
    Column("audience", Text, primary_key=True),
    Column("locality_id", ID, primary_key=True),
    Column("locality_version", Integer, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("content_sha256", LargeBinary, nullable=False),
    Column("pcode", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("score", Float(53), nullable=False),
    Column("properties", Text, nullable=False),
    Column("explanation", Text, nullable=False),
    *geometry_column("point", "POINT", nullable=False)[:1],
    *geometry_column("area", "MULTIPOLYGON", nullable=False)[:1],
    # As it lies on tiles, null beyond the edge of web maps; and the zoom from which on it is sound there.
    Column("mercator", Geometry("MULTIPOLYGON", 3857, spatial_index=False), Computed("release.on_tiles(area)", True)),
    Column("sound_from", SmallInteger, Computed("release.sound_from(release.on_tiles(area))", persisted=True)),
    # The properties, as what they are asked by is read from.
    Column("told", JSONB, Computed("properties::jsonb - 'contributions'", persisted=True)),
    ForeignKeyConstraint(
        ["operation", "audience"], ["release.matrix.operation", "release.matrix.audience"], ondelete="CASCADE"
    ),
    one_of("tier", types.Tier),
    Index("ix_matrix_row_revision", "operation", "audience", "revision"),
    Index("ix_matrix_row_mercator", "mercator", postgresql_using="gist"),
    schema="release",
)

#: What each audience may read of the method, kept by triggers. An operation without any version is a row without one.
method = Table(
    "method",
    metadata,
    Column("operation", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("version", Text),
    Column("parameters", JSONB),
    Column("based_on", Text),
    Column("recorded_at", AT),
    Column("recorded_by", Text),
    Column("reason", Text),
    one_of("audience", types.Audience),
    Index("uq_method_version", "operation", "audience", "version", unique=True),
    schema="release",
)

method_in_force = Table(
    "method_in_force",
    metadata,
    Column("operation", Text, primary_key=True),
    Column("audience", Text, primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("version", Text, nullable=False),
    Column("known_at", AT, nullable=False),
    Column("recorded_at", AT, nullable=False),
    Column("reason", Text, nullable=False),
    Column("recorded_by", Text),
    one_of("audience", types.Audience),
    schema="release",
)
