"""What the auditor may read, and how it is found."""

from alembic import op

from migrations import run_sql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for columns in (["at"], ["actor_id", "seq"], ["subject_id"]):
        op.create_index(f"ix_audit_{'_'.join(columns)}", "audit", columns, schema="vault")
    op.create_index(
        "ix_audit_detail",
        "audit",
        ["detail"],
        schema="vault",
        postgresql_using="gin",
        postgresql_ops={"detail": "jsonb_path_ops"},
    )
    run_sql(op.get_bind(), "0009_auditing.sql")
