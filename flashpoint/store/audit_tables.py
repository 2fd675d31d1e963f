"""The table of the audit log. Its chain is made by a trigger, and its rows are never changed."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from flashpoint.store.columns import AT, ID, metadata

audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", AT, nullable=False),
    Column("actor_id", ID, nullable=False),
    Column("key_id", ID),
    Column("operation", Text),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'")),
    Column("previous_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Index("ix_audit_at", "at"),
    Index("ix_audit_actor_id_seq", "actor_id", "seq"),
    Index("ix_audit_subject_id", "subject_id"),
    Index("ix_audit_detail", "detail", postgresql_using="gin", postgresql_ops={"detail": "jsonb_path_ops"}),
    schema="vault",
)
