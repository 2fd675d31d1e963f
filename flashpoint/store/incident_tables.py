"""The tables of incidents: what was said, where that belongs, what was decided on it, what of it counts."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from flashpoint import types
from flashpoint.store.columns import (
    AT,
    ID,
    between,
    closed_at,
    estimate,
    geometry_column,
    known_by_then,
    metadata,
    one_of,
    operation_code,
    recorded,
    sharing,
)

#: What may change what an instant's matrix counts; each is an index, so that news are found without reading the rest.
EVIDENCE_TIMES = ("recorded_at", "closed_at", "veiled_at", "known_at", "known_to")

CASUALTIES = ("killed", "injured", "abducted", "displaced")

incident = Table(
    "incident",
    metadata,
    Column("id", ID, primary_key=True),
    operation_code(),
    Column("submitted_by", ID, ForeignKey("vault.actor.id"), nullable=False),
    Column("client_id", Text),
    Column("origin", Text, nullable=False),
    Column("content_sha256", LargeBinary, nullable=False),
    *recorded(by=False),
    Column("state", Text, nullable=False, server_default=text("''")),
    Column("version", Integer, nullable=False, server_default=text("0")),
    Column("acts", Integer, nullable=False, server_default=text("0")),
    Column("duplicate_of", ID, ForeignKey("vault.incident.id")),
    # Of the current version, for the policies: who may know that the incident is there.
    Column("sharing", Text),
    Column("protected", Boolean, nullable=False, server_default=text("true")),
    # Of the current version too: what is known of who did it, and for whom the incident waits.
    Column("attribution", Text, nullable=False, server_default=text("'unverified'")),
    Column("attribution_standard", Text),
    Column("attribution_version", Integer),
    Column("waiting_for", Text),
    Column("waiting_since", AT),
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
    one_of("attribution", types.Attribution),
    one_of("waiting_for", types.Wait),
    CheckConstraint("(waiting_for IS NULL) = (waiting_since IS NULL)", name="waiting_since"),
    Index("ix_incident_duplicate_of", "duplicate_of", postgresql_where=text("duplicate_of IS NOT NULL")),
    Index(
        "ix_incident_waiting",
        *("operation", "waiting_since", "id"),
        postgresql_where=text("waiting_for IS NOT NULL"),
    ),
    schema="vault",
)

incident_version = Table(
    "incident_version",
    metadata,
    Column("incident_id", ID, ForeignKey("vault.incident.id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    *recorded(),
    Column("known_at", AT, nullable=False),
    Column("known_assumed", Boolean, nullable=False, server_default=text("false")),
    Column("event_start", AT, nullable=False),
    Column("event_end", AT, nullable=False),
    Column("date_precision", SmallInteger, nullable=False),
    Column("reported_at", AT, nullable=False),
    *geometry_column("geom"),
    Column("geo_precision", SmallInteger, nullable=False),
    Column("admin_pcode", Text),
    Column("category", Text, nullable=False),
    Column("perpetrator_class", Text, nullable=False),
    Column("attribution_confidence", Text),
    *(part for name in CASUALTIES for part in estimate(name)),
    Column("splits", JSONB),
    Column("protected_site", Text),
    Column("narrative", Text),
    *sharing(),
    known_by_then(),
    Column("exercise", Boolean, nullable=False),
    Column("protected", Boolean, nullable=False),
    Column("supersedes", ID, ForeignKey("vault.incident.id")),
    CheckConstraint("event_start <= event_end", name="event_ordered"),
    CheckConstraint("event_end <= recorded_at AND reported_at <= recorded_at", name="no_future"),
    between("date_precision", 1, 4),
    between("geo_precision", 1, 6),
    CheckConstraint("geom IS NOT NULL OR geo_precision >= 3", name="exact_needs_geometry"),
    one_of("perpetrator_class", types.PerpetratorClass),
    one_of("attribution_confidence", types.Confidence),
    one_of("protected_site", types.ProtectedSite),
    Index("ix_incident_version_geom", "geom", postgresql_using="gist"),
    Index("ix_incident_version_recorded_at", "recorded_at"),
    schema="vault",
)

#: What the catalogue says of a category, for triggers and policies.
category = Table(
    "category",
    metadata,
    Column("code", Text, primary_key=True),
    Column("protected", Boolean, nullable=False),
    schema="vault",
)

_VERSION_KEY = ("vault.incident_version.incident_id", "vault.incident_version.version")

placement = Table(
    "placement",
    metadata,
    Column("incident_id", ID, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("recorded_at", AT, primary_key=True, server_default=func.clock_timestamp()),
    # What counts as known since long ago may have had other places then: one row for each code list.
    Column("known_at", AT, primary_key=True),
    Column("known_to", AT),
    closed_at(),
    Column("locality_id", ID),
    Column("unit_pcode", Text),
    Column("outside_claimed", Boolean, nullable=False),
    ForeignKeyConstraint(["incident_id", "version"], _VERSION_KEY),
    CheckConstraint("num_nonnulls(locality_id, unit_pcode) <= 1", name="one_place"),
    Index("uq_placement_current", "incident_id", "version", unique=True, postgresql_where=text("known_to IS NULL")),
    Index("ix_placement_locality", "locality_id", postgresql_where=text("known_to IS NULL")),
    Index("ix_placement_recorded_at", "recorded_at"),
    Index("ix_placement_closed_at", "closed_at"),
    schema="vault",
)

source = Table(
    "source",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("incident_id", ID, ForeignKey("vault.incident.id"), nullable=False, index=True),
    # The duplicate that it was recorded for, where it was carried over from one.
    Column("merged_from", ID, ForeignKey("vault.incident.id")),
    *recorded(),
    Column("known_at", AT, nullable=False),
    known_by_then(),
    Column("type", Text, nullable=False),
    Column("independence_group", Text, nullable=False),
    Column("reliability", Text, nullable=False),
    Column("credibility", SmallInteger, nullable=False),
    Column("obtained_on", Date, nullable=False),
    Column("handle", Text, nullable=False),
    one_of("type", types.SourceType),
    one_of("reliability", "ABCDEF"),
    between("credibility", 1, 6),
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
    Column("incident_id", ID, nullable=False),
    Column("version", Integer, nullable=False),
    *recorded(),
    Column("known_at", AT, nullable=False),
    Column("action", Text, nullable=False),
    Column("from_state", Text, nullable=False),
    Column("to_state", Text, nullable=False),
    Column("standard", Text),
    Column("attribution_verified", Boolean),
    Column("reason_code", Text),
    Column("reason", Text),
    Column("duplicate_of", ID, ForeignKey("vault.incident.id")),
    # The newest source that a verification could rest on; filled by the trigger.
    Column("last_source", BigInteger),
    ForeignKeyConstraint(["incident_id", "version"], _VERSION_KEY),
    ForeignKeyConstraint(
        ["action", "from_state", "to_state"],
        [f"vault.transition_rule.{column}" for column in ("action", "from_state", "to_state")],
    ),
    known_by_then(),
    one_of("standard", types.Standard),
    one_of("reason_code", types.WithdrawalReason),
    CheckConstraint(
        "(action IN ('verify', 'import', 'verify_attribution')) = (standard IS NOT NULL)", name="standard_declared"
    ),
    CheckConstraint(
        "reason IS NOT NULL OR NOT (action IN ('verify_attribution', 'dispute_attribution')"
        " OR (action = 'dispute' AND from_state = 'verified'))",
        name="reason_given",
    ),
    CheckConstraint("(to_state = 'withdrawn') = (reason_code IS NOT NULL)", name="tombstone_reason"),
    CheckConstraint("(to_state = 'duplicate') = (duplicate_of IS NOT NULL)", name="duplicate_target"),
    CheckConstraint("duplicate_of <> incident_id", name="not_of_itself"),
    Index("ix_verification_act_incident", "incident_id", "id"),
    Index("ix_verification_act_recorded_at", "recorded_at"),
    schema="vault",
)

evidence = Table(
    "evidence",
    metadata,
    Column("incident_id", ID, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("known_at", AT, primary_key=True),
    Column("known_to", AT),
    closed_at(),
    *recorded(by=False),
    Column("veiled_at", AT),
    operation_code(),
    Column("event_end", AT, nullable=False),
    ForeignKeyConstraint(["incident_id", "version"], _VERSION_KEY),
    CheckConstraint("known_to >= known_at", name="known_ordered"),
    Index("uq_evidence_open", "incident_id", unique=True, postgresql_where=text("known_to IS NULL")),
    *(Index(f"ix_evidence_operation_{time}", "operation", time) for time in EVIDENCE_TIMES),
    schema="vault",
)
