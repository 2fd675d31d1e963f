"""When the ends of facts, and the evidence itself, were recorded: so that any past answer can be given again."""

import sqlalchemy as sa
from alembic import op

from migrations import run_sql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SUBJECTS = ("admin_unit", "locality", "community", "threat_assessment", "presence")


def upgrade() -> None:
    for table in (*_SUBJECTS, "placement", "evidence"):
        op.add_column(table, sa.Column("closed_at", sa.DateTime(timezone=True)), schema="vault")
    op.add_column("evidence", sa.Column("veiled_at", sa.DateTime(timezone=True)), schema="vault")
    op.add_column(
        "evidence",
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False
        ),
        schema="vault",
    )
    # What is there already: the row that ended another was recorded with it; an act is recorded with its evidence.
    for table in _SUBJECTS:
        op.execute(
            f"UPDATE vault.{table} old SET closed_at = new.recorded_at FROM vault.{table} new "
            "WHERE new.id = old.id AND new.version = old.version + 1"
        )
    op.execute(
        "UPDATE vault.placement old SET closed_at = new.recorded_at FROM vault.placement new "
        "WHERE old.known_to IS NOT NULL AND (new.incident_id, new.version) = (old.incident_id, old.version) "
        "AND new.recorded_at = (SELECT min(recorded_at) FROM vault.placement n WHERE (n.incident_id, n.version) "
        "= (old.incident_id, old.version) AND n.recorded_at > old.recorded_at)"
    )
    op.execute(
        "UPDATE vault.evidence e SET veiled_at = CASE WHEN e.veiled THEN clock_timestamp() END, "
        "closed_at = e.known_to, recorded_at = greatest(e.known_at, v.recorded_at) "
        "FROM vault.incident_version v WHERE (v.incident_id, v.version) = (e.incident_id, e.version)"
    )
    op.drop_column("evidence", "veiled", schema="vault")
    # Everything in force is read, however long ago it happened.
    op.drop_index("ix_evidence_operation_event", "evidence", schema="vault")
    for time in ("recorded_at", "closed_at", "veiled_at", "known_at", "known_to"):
        op.create_index(f"ix_evidence_operation_{time}", "evidence", ["operation", time], schema="vault")
    for time in ("recorded_at", "closed_at"):
        op.create_index(f"ix_placement_{time}", "placement", [time], schema="vault")
    for table in _SUBJECTS:
        op.create_index(f"ix_{table}_operation_recorded_at", table, ["operation", "recorded_at"], schema="vault")
    run_sql(op.get_bind(), "0002_recorded.sql")
