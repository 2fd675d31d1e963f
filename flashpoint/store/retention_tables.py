"""The table of what was purged, and the indexes by which news of what is gone are found without reading the rest."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Index, Integer, Table, Text, text

from flashpoint import types
from flashpoint.store.actor_tables import api_key
from flashpoint.store.columns import ID, metadata, one_of, operation_code, recorded
from flashpoint.store.incident_tables import incident_version, source, verification_act

#: Kinds of records of which something can be purged.
PURGED_KINDS = ("incident", "community", "assessment", "presence")

#: No content: of which record, when, by whom, why, and how many rows of sources there were.
purge = Table(
    "purge",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subject_id", ID, nullable=False),
    operation_code(),
    *recorded(),
    Column("sources", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    one_of("kind", PURGED_KINDS),
    one_of("reason", types.PurgeReason),
    CheckConstraint("sources >= 0", name="sources"),
    Index("ix_purge_subject_id", "subject_id", "recorded_at"),
    Index("ix_purge_recorded_at", "recorded_at"),
    schema="vault",
)

_REFUSED = "consent IN ('refused', 'withdrawn')"

Index("ix_incident_version_refused", incident_version.c.recorded_at, postgresql_where=text(_REFUSED))
Index("ix_verification_act_withdrawn", verification_act.c.recorded_at, postgresql_where=text("to_state = 'withdrawn'"))
Index("ix_source_merged_from", source.c.merged_from, postgresql_where=text("merged_from IS NOT NULL"))
Index("ix_api_key_revoked_at", api_key.c.revoked_at, postgresql_where=text("revoked_at IS NOT NULL"))


def index_gone(*subjects: Table) -> None:
    """Index the versions with which a subject went out of use."""
    for subject in subjects:
        gone = "withdrawn_reason IS NOT NULL" + (f" OR {_REFUSED}" if "consent" in subject.c else "")
        Index(f"ix_{subject.name}_gone", subject.c.recorded_at, postgresql_where=text(gone))
