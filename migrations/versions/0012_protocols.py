"""Information-sharing protocols, and how presences may be shared."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations import run_sql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_UNTIL = (
    "until = make_date(left(document ->> 'until', 4)::integer, substr(document ->> 'until', 6, 2)::integer, "
    "substr(document ->> 'until', 9, 2)::integer)"
)
_RECORDED_ON = "(recorded_at AT TIME ZONE 'UTC')::date"


def _recorded() -> list[sa.Column]:
    at = sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False)
    return [at, sa.Column("recorded_by", sa.UUID(), nullable=False)]


def _add_tables() -> None:
    op.create_table(
        "protocol",
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("document", JSONB(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        *_recorded(),
        sa.CheckConstraint(_UNTIL, name=op.f("ck_protocol_until_as_written")),
        sa.CheckConstraint(
            f"until > {_RECORDED_ON} AND until <= {_RECORDED_ON} + 731", name=op.f("ck_protocol_until_within_two_years")
        ),
        sa.CheckConstraint(r"version ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$'", name=op.f("ck_protocol_version_form")),
        sa.ForeignKeyConstraint(["operation"], ["vault.operation.code"], name=op.f("fk_protocol_operation")),
        sa.ForeignKeyConstraint(["recorded_by"], ["vault.actor.id"], name=op.f("fk_protocol_recorded_by")),
        sa.PrimaryKeyConstraint("operation", "version", name=op.f("pk_protocol")),
        schema="vault",
    )
    op.create_table(
        "protocol_in_force",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        *_recorded(),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("sole_signature", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("suspended", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.CheckConstraint("known_at <= recorded_at", name=op.f("ck_protocol_in_force_known_by_then")),
        sa.CheckConstraint(
            "NOT sole_signature OR recorded_by = '00000000-0000-0000-0000-000000000001'",
            name=op.f("ck_protocol_in_force_sole_signature_of_console"),
        ),
        sa.ForeignKeyConstraint(["operation"], ["vault.operation.code"], name=op.f("fk_protocol_in_force_operation")),
        sa.ForeignKeyConstraint(
            ["operation", "version"],
            ["vault.protocol.operation", "vault.protocol.version"],
            name=op.f("fk_protocol_in_force_operation_version"),
        ),
        sa.ForeignKeyConstraint(["recorded_by"], ["vault.actor.id"], name=op.f("fk_protocol_in_force_recorded_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_protocol_in_force")),
        schema="vault",
    )
    op.create_index(
        "ix_protocol_in_force_operation", "protocol_in_force", ["operation", "known_at"], schema="vault"
    )
    op.create_table(
        "shared_protocol",
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True)),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("document", JSONB(), nullable=False),
        sa.Column("acts", JSONB(), nullable=False),
        sa.CheckConstraint("audience IN ('cluster', 'mission')", name=op.f("ck_shared_protocol_audience")),
        sa.PrimaryKeyConstraint("operation", "audience", "version", name=op.f("pk_shared_protocol")),
        schema="release",
    )
    op.create_index(
        "uq_shared_protocol_open",
        "shared_protocol",
        ["operation", "audience"],
        unique=True,
        schema="release",
        postgresql_where=sa.text("since IS NOT NULL AND ended_at IS NULL"),
    )


def _say_how_presences_are_shared() -> None:
    # Presences from before carried a level alone. They counted in the score whatever it was, and nobody was asked for
    # consent, which a base or a patrol does not need: that is what these rows now say. The default fills them and goes,
    # for a level is said and never assumed.
    for name, before, values in (
        ("share_above", "aggregate", "'aggregate', 'detail', 'none'"),
        ("consent", "not_required", "'given', 'not_required', 'refused', 'unknown', 'withdrawn'"),
    ):
        op.add_column("presence", sa.Column(name, sa.Text(), server_default=before, nullable=False), schema="vault")
        op.alter_column("presence", name, server_default=None, schema="vault")
        op.create_check_constraint(op.f(f"ck_presence_{name}"), "presence", f"{name} IN ({values})", schema="vault")


def upgrade() -> None:
    _add_tables()
    _say_how_presences_are_shared()
    run_sql(op.get_bind(), "0012_protocols.sql")
