"""The tables of information-sharing protocols: proposed, put in force, and as each audience reads them.

``document`` is as ``flashpoint/protocol.py`` describes it. Rows of the vault are added, never changed; those of
``release`` are kept by triggers.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKeyConstraint,
    Identity,
    Index,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from flashpoint import types
from flashpoint.store.columns import AT, known_by_then, metadata, one_of, operation_code, recorded

#: What the document says of its end, as a date; a cast would depend on settings.
_UNTIL = (
    "until = make_date(left(document ->> 'until', 4)::integer, substr(document ->> 'until', 6, 2)::integer, "
    "substr(document ->> 'until', 9, 2)::integer)"
)

protocol = Table(
    "protocol",
    metadata,
    operation_code(primary_key=True),
    Column("version", Text, primary_key=True),
    Column("document", JSONB, nullable=False),
    Column("until", Date, nullable=False),
    Column("reason", Text, nullable=False),
    *recorded(),
    CheckConstraint(_UNTIL, name="until_as_written"),
    CheckConstraint(
        "until > (recorded_at AT TIME ZONE 'UTC')::date AND until <= (recorded_at AT TIME ZONE 'UTC')::date + 731",
        name="until_within_two_years",
    ),
    CheckConstraint(r"version ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$'", name="version_form"),
    schema="vault",
)

#: A row with ``suspended`` takes its version out of force; every other row puts it in.
protocol_in_force = Table(
    "protocol_in_force",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    operation_code(),
    Column("version", Text, nullable=False),
    *recorded(),
    Column("known_at", AT, nullable=False),
    Column("reason", Text, nullable=False),
    Column("sole_signature", Boolean, nullable=False, server_default=text("false")),
    Column("suspended", Boolean, nullable=False, server_default=text("false")),
    known_by_then(),
    ForeignKeyConstraint(["operation", "version"], ["vault.protocol.operation", "vault.protocol.version"]),
    # Nobody but the command line, at set-up, signs alone; and it says so.
    CheckConstraint(
        "NOT sole_signature OR recorded_by = '00000000-0000-0000-0000-000000000001'", name="sole_signature_of_console"
    ),
    Index("ix_protocol_in_force_operation", "operation", "known_at"),
    schema="vault",
)

shared_protocol = Table(
    "shared_protocol",
    metadata,
    Column("operation", Text, primary_key=True),
    Column("audience", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("since", AT),
    Column("until", Date, nullable=False),
    Column("ended_at", AT),
    Column("document", JSONB, nullable=False),
    Column("acts", JSONB, nullable=False),
    one_of("audience", types.Audience),
    Index(
        "uq_shared_protocol_open",
        "operation",
        "audience",
        unique=True,
        postgresql_where=text("since IS NOT NULL AND ended_at IS NULL"),
    ),
    schema="release",
)
