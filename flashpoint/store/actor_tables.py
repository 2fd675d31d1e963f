"""The tables of those who ask: people and tools by pseudonym, and what they come with."""

from sqlalchemy import CheckConstraint, Column, Date, ForeignKey, Index, LargeBinary, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY

from flashpoint import types
from flashpoint.store.columns import AT, ID, metadata, one_of, recorded

actor = Table(
    "actor",
    metadata,
    Column("id", ID, primary_key=True),
    Column("handle", Text, nullable=False, unique=True),
    *recorded(by=False),
    schema="vault",
)

#: Keys, and the enrolments of people who sign in elsewhere: both expire, are revoked and are narrowed alike.
api_key = Table(
    "api_key",
    metadata,
    Column("id", ID, primary_key=True),
    Column("kind", Text, nullable=False, server_default=text("'key'")),
    Column("actor_id", ID, ForeignKey("vault.actor.id"), nullable=False),
    Column("prefix", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("role", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("operations", ARRAY(Text)),
    Column("actions", ARRAY(Text)),
    *recorded(by=False),
    Column("expires_at", AT, nullable=False),
    Column("revoked_at", AT),
    Column("replaces", ID, ForeignKey("vault.api_key.id"), unique=True),
    # A day and no more: when somebody works is nobody's business.
    Column("last_used_on", Date),
    one_of("kind", types.Credential),
    one_of("role", types.Role),
    one_of("audience", types.Audience),
    CheckConstraint("length(digest) = 32", name="digest_sha256"),
    CheckConstraint("cardinality(actions) > 0", name="actions_named"),
    Index("uq_api_key_digest", "digest", unique=True, postgresql_where=text("kind = 'key'")),
    # Somebody whose enrolment ended can be enrolled again.
    Index(
        "uq_api_key_enrolled", "digest", unique=True, postgresql_where=text("kind = 'person' AND revoked_at IS NULL")
    ),
    schema="vault",
)
