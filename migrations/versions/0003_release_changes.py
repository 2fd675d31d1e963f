"""What each release changed, so that publishing and loading cost what changed and not what there is."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A release is derived: the assessor makes it anew, in full, as soon as it starts.
    op.execute("DELETE FROM release.matrix_row")
    op.execute("DELETE FROM release.matrix")
    for name in ("rank", "rank_low", "rank_high"):
        op.add_column("matrix", sa.Column(name, sa.ARRAY(sa.Integer()), nullable=False), schema="release")
    shares = sa.Column("top_k_share", sa.ARRAY(sa.Float(precision=53)), nullable=False)
    op.add_column("matrix", shares, schema="release")
    op.drop_column("matrix_row", "rank", schema="release")
    for column in (
        sa.Column("locality_version", sa.Integer(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("content_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(precision=53), nullable=False),
    ):
        op.add_column("matrix_row", column, schema="release")
    for geometry in ("area", "point"):
        op.drop_constraint(op.f(f"ck_matrix_row_{geometry}_valid"), "matrix_row", schema="release", type_="check")
    op.create_index("ix_matrix_row_revision", "matrix_row", ["operation", "audience", "revision"], schema="release")
    # Thousands of ranks are packed away and unpacked with every change for the sake of a few kilobytes.
    for name in ("rank", "rank_low", "rank_high", "top_k_share"):
        op.execute(f"ALTER TABLE release.matrix ALTER COLUMN {name} SET STORAGE EXTERNAL")
