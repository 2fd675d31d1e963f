"""Row-level security in the vault, a role for each kind of work, and what is protected."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations import run_sql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

#: The catalogue as it stood when this migration was written.
PROTECTED = """
attack_on_health attack_on_school child_abduction child_killed_or_maimed child_recruitment
denial_of_humanitarian_access sexual_violence sexual_violence_child
""".split()
OPEN = """
abduction arbitrary_detention armed_clash attack_on_civilians clash_harming_civilians explosive_ordnance extortion
forced_displacement movement_restriction property_destruction shelling threat_or_incitement
torture_or_ill_treatment
""".split()


def upgrade() -> None:
    op.create_table(
        "category",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("protected", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_category")),
        schema="vault",
    )
    rows = [{"code": code, "protected": code in PROTECTED} for code in (*PROTECTED, *OPEN)]
    op.bulk_insert(sa.table("category", sa.column("code"), sa.column("protected"), schema="vault"), rows)
    op.add_column("incident", sa.Column("sharing", sa.Text()), schema="vault")
    op.add_column(
        "incident", sa.Column("protected", sa.Boolean(), server_default=sa.true(), nullable=False), schema="vault"
    )
    op.add_column(
        "incident_version", sa.Column("protected", sa.Boolean(), server_default=sa.true(), nullable=False), schema="vault"
    )
    # The views of these names go first; 0006_row_security.sql fills what takes their place.
    op.execute("DROP VIEW release.method, release.method_in_force")
    audience = "audience IN ('cluster', 'mission')"
    op.create_table(
        "method",
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("version", sa.Text()),
        sa.Column("parameters", JSONB()),
        sa.Column("based_on", sa.Text()),
        sa.Column("recorded_at", sa.DateTime(timezone=True)),
        sa.Column("recorded_by", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.CheckConstraint(audience, name=op.f("ck_method_audience")),
        schema="release",
    )
    op.create_index("uq_method_version", "method", ["operation", "audience", "version"], unique=True, schema="release")
    op.create_table(
        "method_in_force",
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Text()),
        sa.CheckConstraint(audience, name=op.f("ck_method_in_force_audience")),
        sa.PrimaryKeyConstraint("operation", "audience", "id", name=op.f("pk_method_in_force")),
        schema="release",
    )
    run_sql(op.get_bind(), "0006_row_security.sql")
