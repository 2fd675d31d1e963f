"""Vault and release: every table, the rules as triggers, the roles and their grants."""

import geoalchemy2
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import run_sql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

#: The workflow's steps as they stood when this migration was written: (action, from, to).
STEPS = """
corroborate disputed corroborating
corroborate not_verified corroborating
corroborate reported corroborating
dispute corroborating disputed
edit disputed corroborating
edit not_verified corroborating
edit verified corroborating
import - verified
mark_duplicate corroborating duplicate
mark_duplicate disputed duplicate
mark_duplicate not_verified duplicate
mark_duplicate reported duplicate
mark_duplicate verified duplicate
reinstate duplicate corroborating
reinstate withdrawn corroborating
reject corroborating not_verified
reject reported not_verified
report - reported
verify corroborating verified
withdraw corroborating withdrawn
withdraw disputed withdrawn
withdraw duplicate withdrawn
withdraw not_verified withdrawn
withdraw reported withdrawn
withdraw verified withdrawn
"""


def upgrade() -> None:
    op.create_table(
        "matrix",
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("build", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("head", sa.Text(), nullable=False),
        sa.CheckConstraint("audience IN ('cluster', 'mission')", name=op.f("ck_matrix_audience")),
        sa.PrimaryKeyConstraint("operation", "audience", name=op.f("pk_matrix")),
        schema="release",
    )
    op.create_table(
        "actor",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_actor")),
        sa.UniqueConstraint("handle", name=op.f("uq_actor_handle")),
        schema="vault",
    )
    op.create_table(
        "audit",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.UUID(), nullable=False),
        sa.Column("key_id", sa.UUID(), nullable=True),
        sa.Column("operation", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
        schema="vault",
    )
    op.create_table(
        "methodology",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_methodology")),
        schema="vault",
    )
    op.create_table(
        "transition_rule",
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=False),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("action", "from_state", "to_state", name=op.f("pk_transition_rule")),
        schema="vault",
    )
    op.create_table(
        "matrix_row",
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("locality_id", sa.UUID(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("pcode", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("properties", sa.Text(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column(
            "point",
            geoalchemy2.Geometry(
                geometry_type="POINT",
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column(
            "area",
            geoalchemy2.Geometry(
                geometry_type="MULTIPOLYGON",
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.CheckConstraint("tier IN ('elevated', 'extreme', 'high', 'watch')", name=op.f("ck_matrix_row_tier")),
        sa.CheckConstraint("ST_IsValid(area) AND NOT ST_IsEmpty(area)", name=op.f("ck_matrix_row_area_valid")),
        sa.CheckConstraint("ST_IsValid(point) AND NOT ST_IsEmpty(point)", name=op.f("ck_matrix_row_point_valid")),
        sa.ForeignKeyConstraint(
            ["operation", "audience"],
            ["release.matrix.operation", "release.matrix.audience"],
            name=op.f("fk_matrix_row_operation_audience"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("operation", "audience", "locality_id", name=op.f("pk_matrix_row")),
        sa.UniqueConstraint(
            "operation", "audience", "rank", deferrable=True, name=op.f("uq_matrix_row_operation_audience_rank")
        ),
        schema="release",
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("actor_id", sa.UUID(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("operations", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("audience IN ('cluster', 'mission')", name=op.f("ck_api_key_audience")),
        sa.CheckConstraint(
            "role IN ('analyst', 'auditor', 'coordinator', 'reader', 'verifier')", name=op.f("ck_api_key_role")
        ),
        sa.CheckConstraint("length(digest) = 32", name=op.f("ck_api_key_digest_sha256")),
        sa.ForeignKeyConstraint(["actor_id"], ["vault.actor.id"], name=op.f("fk_api_key_actor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_key_digest")),
        schema="vault",
    )
    op.create_table(
        "idempotency",
        sa.Column("actor_id", sa.UUID(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_sha256", sa.LargeBinary(), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(key) BETWEEN 1 AND 255", name=op.f("ck_idempotency_key_length")),
        sa.ForeignKeyConstraint(["actor_id"], ["vault.actor.id"], name=op.f("fk_idempotency_actor_id")),
        sa.PrimaryKeyConstraint("actor_id", "key", name=op.f("pk_idempotency")),
        schema="vault",
    )
    op.create_table(
        "operation",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("name_fr", sa.Text(), nullable=False),
        sa.Column("synthetic", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("ranked_level", sa.SmallInteger(), nullable=True),
        sa.Column(
            "area",
            geoalchemy2.Geometry(
                geometry_type="MULTIPOLYGON",
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("recorded_by", sa.UUID(), nullable=False),
        sa.CheckConstraint("code ~ '^[A-Z][A-Z0-9_]{1,15}$'", name=op.f("ck_operation_code")),
        sa.CheckConstraint("ST_IsValid(area) AND NOT ST_IsEmpty(area)", name=op.f("ck_operation_area_valid")),
        sa.CheckConstraint("ranked_level BETWEEN 0 AND 4", name=op.f("ck_operation_ranked_level")),
        sa.ForeignKeyConstraint(["recorded_by"], ["vault.actor.id"], name=op.f("fk_operation_recorded_by")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_operation")),
        schema="vault",
    )
    op.create_table(
        "admin_unit",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("recorded_by", sa.UUID(), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("known_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("known_assumed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("withdrawn_reason", sa.Text(), nullable=True),
        sa.Column("code_list", sa.Text(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("pcode", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent_pcode", sa.Text(), nullable=True),
        sa.Column("population", sa.Integer(), nullable=True),
        sa.Column("population_source", sa.Text(), nullable=True),
        sa.Column(
            "area",
            geoalchemy2.Geometry(
                geometry_type="MULTIPOLYGON",
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
            ),
            nullable=True,
        ),
        sa.CheckConstraint(
            "withdrawn_reason IN ('consent_withdrawn', 'false', 'harm')", name=op.f("ck_admin_unit_withdrawn_reason")
        ),
        sa.CheckConstraint("ST_IsValid(area) AND NOT ST_IsEmpty(area)", name=op.f("ck_admin_unit_area_valid")),
        sa.CheckConstraint("known_at <= recorded_at", name=op.f("ck_admin_unit_known_by_then")),
        sa.CheckConstraint("known_to >= known_at", name=op.f("ck_admin_unit_known_ordered")),
        sa.CheckConstraint("level BETWEEN 0 AND 4", name=op.f("ck_admin_unit_level")),
        sa.CheckConstraint("population >= 0", name=op.f("ck_admin_unit_population")),
        sa.ForeignKeyConstraint(["operation"], ["vault.operation.code"], name=op.f("fk_admin_unit_operation")),
        sa.ForeignKeyConstraint(["recorded_by"], ["vault.actor.id"], name=op.f("fk_admin_unit_recorded_by")),
        sa.PrimaryKeyConstraint("id", "version", name=op.f("pk_admin_unit")),
        schema="vault",
    )
    op.create_index(
        "ix_admin_unit_area",
        "admin_unit",
        ["area"],
        unique=False,
        schema="vault",
        postgresql_using="gist",
        postgresql_ops={},
    )
    op.create_index(
        "ix_admin_unit_operation_known", "admin_unit", ["operation", "known_at"], unique=False, schema="vault"
    )
    op.create_index("ix_admin_unit_operation_pcode", "admin_unit", ["operation", "pcode"], unique=False, schema="vault")
    op.create_index(
        "uq_admin_unit_current",
        "admin_unit",
        ["id"],
        unique=True,
        schema="vault",
        postgresql_where=sa.text("known_to IS NULL"),
    )
    op.create_table(
        "community",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("recorded_by", sa.UUID(), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("known_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("known_assumed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("withdrawn_reason", sa.Text(), nullable=True),
        sa.Column("locality_id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("people_low", sa.Integer(), nullable=True),
        sa.Column("people_best", sa.Integer(), nullable=True),
        sa.Column("people_high", sa.Integer(), nullable=True),
        sa.Column("confinement", sa.SmallInteger(), nullable=True),
        sa.Column("surrounded_by", sa.Text(), nullable=True),
        sa.Column("food_access", sa.SmallInteger(), nullable=True),
        sa.Column("water_access", sa.SmallInteger(), nullable=True),
        sa.Column("health_access", sa.SmallInteger(), nullable=True),
        sa.Column("market_access", sa.SmallInteger(), nullable=True),
        sa.Column("protective_presence", sa.Text(), nullable=True),
        sa.Column("wishes_to_leave", sa.Text(), nullable=True),
        sa.Column("assessed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sharing", sa.Text(), nullable=False),
        sa.Column("share_above", sa.Text(), nullable=False),
        sa.Column("consent", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "consent IN ('given', 'not_required', 'refused', 'unknown', 'withdrawn')", name=op.f("ck_community_consent")
        ),
        sa.CheckConstraint("share_above IN ('aggregate', 'detail', 'none')", name=op.f("ck_community_share_above")),
        sa.CheckConstraint(
            "sharing IN ('cluster', 'mission', 'public', 'restricted')", name=op.f("ck_community_sharing")
        ),
        sa.CheckConstraint(
            "wishes_to_leave IN ('mixed', 'no', 'unknown', 'yes')", name=op.f("ck_community_wishes_to_leave")
        ),
        sa.CheckConstraint(
            "withdrawn_reason IN ('consent_withdrawn', 'false', 'harm')", name=op.f("ck_community_withdrawn_reason")
        ),
        sa.CheckConstraint(
            "0 <= people_low AND people_low <= people_best AND people_best <= people_high",
            name=op.f("ck_community_people_ordered"),
        ),
        sa.CheckConstraint(
            "assessed_at <= recorded_at AND assessed_at < expires_at", name=op.f("ck_community_assessed")
        ),
        sa.CheckConstraint("confinement BETWEEN 0 AND 4", name=op.f("ck_community_confinement")),
        sa.CheckConstraint("food_access BETWEEN 0 AND 4", name=op.f("ck_community_food_access")),
        sa.CheckConstraint("health_access BETWEEN 0 AND 4", name=op.f("ck_community_health_access")),
        sa.CheckConstraint("known_at <= recorded_at", name=op.f("ck_community_known_by_then")),
        sa.CheckConstraint("known_to >= known_at", name=op.f("ck_community_known_ordered")),
        sa.CheckConstraint("market_access BETWEEN 0 AND 4", name=op.f("ck_community_market_access")),
        sa.CheckConstraint(
            "num_nulls(people_low, people_best, people_high) IN (0, 3)", name=op.f("ck_community_people_whole")
        ),
        sa.CheckConstraint("water_access BETWEEN 0 AND 4", name=op.f("ck_community_water_access")),
        sa.ForeignKeyConstraint(["operation"], ["vault.operation.code"], name=op.f("fk_community_operation")),
        sa.ForeignKeyConstraint(["recorded_by"], ["vault.actor.id"], name=op.f("fk_community_recorded_by")),
        sa.PrimaryKeyConstraint("id", "version", name=op.f("pk_community")),
        schema="vault",
    )
    op.create_index(
        "ix_community_operation_known", "community", ["operation", "known_at"], unique=False, schema="vault"
    )
    op.create_index(
        "uq_community_current",
        "community",
        ["id"],
        unique=True,
        schema="vault",
        postgresql_where=sa.text("known_to IS NULL"),
    )
    op.create_table(
        "incident",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("submitted_by", sa.UUID(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("content_sha256", sa.LargeBinary(), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("state", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("acts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("duplicate_of", sa.UUID(), nullable=True),
        sa.CheckConstraint("origin ~ '^(api|batch|sample|external:[a-z]+)$'", name=op.f("ck_incident_origin")),
        sa.CheckConstraint(
            "state = '' OR state IN ('reported', 'corroborating', 'verified', 'not_verified', 'disputed', 'withdrawn', 'duplicate')",
            name=op.f("ck_incident_state"),
        ),
        sa.CheckConstraint("length(client_id) BETWEEN 1 AND 100", name=op.f("ck_incident_client_id")),
        sa.ForeignKeyConstraint(["duplicate_of"], ["vault.incident.id"], name=op.f("fk_incident_duplicate_of")),
        sa.ForeignKeyConstraint(["operation"], ["vault.operation.code"], name=op.f("fk_incident_operation")),
        sa.ForeignKeyConstraint(["submitted_by"], ["vault.actor.id"], name=op.f("fk_incident_submitted_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
        sa.UniqueConstraint(
            "submitted_by", "operation", "client_id", name=op.f("uq_incident_submitted_by_operation_client_id")
        ),
        schema="vault",
    )
    op.create_index("ix_incident_page", "incident", ["operation", "recorded_at", "id"], unique=False, schema="vault")
    op.create_index(
        "uq_incident_external",
        "incident",
        ["operation", "client_id"],
        unique=True,
        schema="vault",
        postgresql_where=sa.text("left(origin, 9) = 'external:'"),
    )
    op.create_table(
        "locality",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("recorded_by", sa.UUID(), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("known_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("known_assumed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("withdrawn_reason", sa.Text(), nullable=True),
        sa.Column("pcode", sa.Text(), nullable=False),
        sa.Column("code_list", sa.Text(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("adm1_pcode", sa.Text(), nullable=True),
        sa.Column("adm2_pcode", sa.Text(), nullable=True),
        sa.Column("adm3_pcode", sa.Text(), nullable=True),
        sa.Column(
            "point",
            geoalchemy2.Geometry(
                geometry_type="POINT",
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column(
            "area",
            geoalchemy2.Geometry(
                geometry_type="MULTIPOLYGON",
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column("catchment_km", sa.Integer(), nullable=True),
        sa.Column("population_low", sa.Integer(), nullable=True),
        sa.Column("population_best", sa.Integer(), nullable=True),
        sa.Column("population_high", sa.Integer(), nullable=True),
        sa.Column("population_source", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "withdrawn_reason IN ('consent_withdrawn', 'false', 'harm')", name=op.f("ck_locality_withdrawn_reason")
        ),
        sa.CheckConstraint("(level IS NULL) <> (catchment_km IS NULL)", name=op.f("ck_locality_polygon_or_catchment")),
        sa.CheckConstraint(
            "0 <= population_low AND population_low <= population_best AND population_best <= population_high",
            name=op.f("ck_locality_population_ordered"),
        ),
        sa.CheckConstraint("ST_IsValid(area) AND NOT ST_IsEmpty(area)", name=op.f("ck_locality_area_valid")),
        sa.CheckConstraint("ST_IsValid(point) AND NOT ST_IsEmpty(point)", name=op.f("ck_locality_point_valid")),
        sa.CheckConstraint("catchment_km BETWEEN 1 AND 200", name=op.f("ck_locality_catchment_km")),
        sa.CheckConstraint("known_at <= recorded_at", name=op.f("ck_locality_known_by_then")),
        sa.CheckConstraint("known_to >= known_at", name=op.f("ck_locality_known_ordered")),
        sa.CheckConstraint("level BETWEEN 0 AND 4", name=op.f("ck_locality_level")),
        sa.CheckConstraint(
            "num_nulls(population_low, population_best, population_high) IN (0, 3)",
            name=op.f("ck_locality_population_whole"),
        ),
        sa.ForeignKeyConstraint(["operation"], ["vault.operation.code"], name=op.f("fk_locality_operation")),
        sa.ForeignKeyConstraint(["recorded_by"], ["vault.actor.id"], name=op.f("fk_locality_recorded_by")),
        sa.PrimaryKeyConstraint("id", "version", name=op.f("pk_locality")),
        schema="vault",
    )
    op.create_index(
        "ix_locality_area",
        "locality",
        ["area"],
        unique=False,
        schema="vault",
        postgresql_using="gist",
        postgresql_where=sa.text("known_to IS NULL"),
        postgresql_ops={},
    )
    op.create_index("ix_locality_operation_known", "locality", ["operation", "known_at"], unique=False, schema="vault")
    op.create_index(
        "uq_locality_current",
        "locality",
        ["id"],
        unique=True,
        schema="vault",
        postgresql_where=sa.text("known_to IS NULL"),
    )
    op.create_index(
        "uq_locality_pcode",
        "locality",
        ["operation", "code_list", "pcode"],
        unique=True,
        schema="vault",
        postgresql_where=sa.text("known_to IS NULL AND withdrawn_reason IS NULL"),
    )
    op.create_table(
        "methodology_in_force",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("recorded_by", sa.UUID(), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["operation"], ["vault.operation.code"], name=op.f("fk_methodology_in_force_operation")
        ),
        sa.ForeignKeyConstraint(["recorded_by"], ["vault.actor.id"], name=op.f("fk_methodology_in_force_recorded_by")),
        sa.ForeignKeyConstraint(
            ["version"], ["vault.methodology.version"], name=op.f("fk_methodology_in_force_version")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_methodology_in_force")),
        schema="vault",
    )
    op.create_index(
        "ix_methodology_in_force_operation",
        "methodology_in_force",
        ["operation", "known_at"],
        unique=False,
        schema="vault",
    )
    op.create_table(
        "presence",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("recorded_by", sa.UUID(), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("known_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("known_assumed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("withdrawn_reason", sa.Text(), nullable=True),
        sa.Column("locality_id", sa.UUID(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column(
            "point",
            geoalchemy2.Geometry(
                geometry_type="POINT",
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
            ),
            nullable=True,
        ),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("sharing", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "sharing IN ('cluster', 'mission', 'public', 'restricted')", name=op.f("ck_presence_sharing")
        ),
        sa.CheckConstraint(
            "type IN ('alert_network', 'escort', 'mission_base', 'mission_patrol', 'none', 'state_forces')",
            name=op.f("ck_presence_type"),
        ),
        sa.CheckConstraint(
            "withdrawn_reason IN ('consent_withdrawn', 'false', 'harm')", name=op.f("ck_presence_withdrawn_reason")
        ),
        sa.CheckConstraint("ST_IsValid(point) AND NOT ST_IsEmpty(point)", name=op.f("ck_presence_point_valid")),
        sa.CheckConstraint("known_at <= recorded_at", name=op.f("ck_presence_known_by_then")),
        sa.CheckConstraint("known_to >= known_at", name=op.f("ck_presence_known_ordered")),
        sa.CheckConstraint(
            "since <= confirmed_at AND confirmed_at <= recorded_at AND since <= until",
            name=op.f("ck_presence_since_until"),
        ),
        sa.ForeignKeyConstraint(["operation"], ["vault.operation.code"], name=op.f("fk_presence_operation")),
        sa.ForeignKeyConstraint(["recorded_by"], ["vault.actor.id"], name=op.f("fk_presence_recorded_by")),
        sa.PrimaryKeyConstraint("id", "version", name=op.f("pk_presence")),
        schema="vault",
    )
    op.create_index("ix_presence_operation_known", "presence", ["operation", "known_at"], unique=False, schema="vault")
    op.create_index(
        "uq_presence_current",
        "presence",
        ["id"],
        unique=True,
        schema="vault",
        postgresql_where=sa.text("known_to IS NULL"),
    )
    op.create_table(
        "threat_assessment",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("recorded_by", sa.UUID(), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("known_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("known_assumed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("withdrawn_reason", sa.Text(), nullable=True),
        sa.Column("locality_id", sa.UUID(), nullable=False),
        sa.Column("likelihood", sa.SmallInteger(), nullable=False),
        sa.Column("impact", sa.SmallInteger(), nullable=False),
        sa.Column("horizon_days", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("assessed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sharing", sa.Text(), nullable=False),
        sa.Column("share_above", sa.Text(), nullable=False),
        sa.Column("consent", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "consent IN ('given', 'not_required', 'refused', 'unknown', 'withdrawn')",
            name=op.f("ck_threat_assessment_consent"),
        ),
        sa.CheckConstraint(
            "share_above IN ('aggregate', 'detail', 'none')", name=op.f("ck_threat_assessment_share_above")
        ),
        sa.CheckConstraint(
            "sharing IN ('cluster', 'mission', 'public', 'restricted')", name=op.f("ck_threat_assessment_sharing")
        ),
        sa.CheckConstraint(
            "withdrawn_reason IN ('consent_withdrawn', 'false', 'harm')",
            name=op.f("ck_threat_assessment_withdrawn_reason"),
        ),
        sa.CheckConstraint(
            "assessed_at <= recorded_at AND assessed_at < expires_at", name=op.f("ck_threat_assessment_assessed")
        ),
        sa.CheckConstraint("horizon_days BETWEEN 1 AND 366", name=op.f("ck_threat_assessment_horizon_days")),
        sa.CheckConstraint("impact BETWEEN 1 AND 5", name=op.f("ck_threat_assessment_impact")),
        sa.CheckConstraint("known_at <= recorded_at", name=op.f("ck_threat_assessment_known_by_then")),
        sa.CheckConstraint("known_to >= known_at", name=op.f("ck_threat_assessment_known_ordered")),
        sa.CheckConstraint("likelihood BETWEEN 1 AND 5", name=op.f("ck_threat_assessment_likelihood")),
        sa.ForeignKeyConstraint(["operation"], ["vault.operation.code"], name=op.f("fk_threat_assessment_operation")),
        sa.ForeignKeyConstraint(["recorded_by"], ["vault.actor.id"], name=op.f("fk_threat_assessment_recorded_by")),
        sa.PrimaryKeyConstraint("id", "version", name=op.f("pk_threat_assessment")),
        schema="vault",
    )
    op.create_index(
        "ix_threat_assessment_operation_known",
        "threat_assessment",
        ["operation", "known_at"],
        unique=False,
        schema="vault",
    )
    op.create_index(
        "uq_threat_assessment_current",
        "threat_assessment",
        ["id"],
        unique=True,
        schema="vault",
        postgresql_where=sa.text("known_to IS NULL"),
    )
    op.create_table(
        "incident_version",
        sa.Column("incident_id", sa.UUID(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("recorded_by", sa.UUID(), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("known_assumed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("event_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("date_precision", sa.SmallInteger(), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "geom",
            geoalchemy2.Geometry(
                srid=4326, dimension=2, spatial_index=False, from_text="ST_GeomFromEWKT", name="geometry"
            ),
            nullable=True,
        ),
        sa.Column("geo_precision", sa.SmallInteger(), nullable=False),
        sa.Column("admin_pcode", sa.Text(), nullable=True),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("perpetrator_class", sa.Text(), nullable=False),
        sa.Column("attribution_confidence", sa.Text(), nullable=True),
        sa.Column("killed_low", sa.Integer(), nullable=True),
        sa.Column("killed_best", sa.Integer(), nullable=True),
        sa.Column("killed_high", sa.Integer(), nullable=True),
        sa.Column("injured_low", sa.Integer(), nullable=True),
        sa.Column("injured_best", sa.Integer(), nullable=True),
        sa.Column("injured_high", sa.Integer(), nullable=True),
        sa.Column("abducted_low", sa.Integer(), nullable=True),
        sa.Column("abducted_best", sa.Integer(), nullable=True),
        sa.Column("abducted_high", sa.Integer(), nullable=True),
        sa.Column("displaced_low", sa.Integer(), nullable=True),
        sa.Column("displaced_best", sa.Integer(), nullable=True),
        sa.Column("displaced_high", sa.Integer(), nullable=True),
        sa.Column("splits", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("protected_site", sa.Text(), nullable=True),
        sa.Column("narrative", sa.Text(), nullable=True),
        sa.Column("sharing", sa.Text(), nullable=False),
        sa.Column("share_above", sa.Text(), nullable=False),
        sa.Column("consent", sa.Text(), nullable=False),
        sa.Column("exercise", sa.Boolean(), nullable=False),
        sa.Column("supersedes", sa.UUID(), nullable=True),
        sa.CheckConstraint(
            "attribution_confidence IN ('high', 'low', 'moderate')",
            name=op.f("ck_incident_version_attribution_confidence"),
        ),
        sa.CheckConstraint(
            "consent IN ('given', 'not_required', 'refused', 'unknown', 'withdrawn')",
            name=op.f("ck_incident_version_consent"),
        ),
        sa.CheckConstraint(
            "perpetrator_class IN ('armed_group', 'civilians', 'communal_militia', 'criminal_group', 'foreign_state_forces', 'mission_forces', 'self_defence_group', 'state_forces', 'unknown')",
            name=op.f("ck_incident_version_perpetrator_class"),
        ),
        sa.CheckConstraint(
            "protected_site IN ('displacement_site', 'health_facility', 'place_of_worship', 'school')",
            name=op.f("ck_incident_version_protected_site"),
        ),
        sa.CheckConstraint(
            "share_above IN ('aggregate', 'detail', 'none')", name=op.f("ck_incident_version_share_above")
        ),
        sa.CheckConstraint(
            "sharing IN ('cluster', 'mission', 'public', 'restricted')", name=op.f("ck_incident_version_sharing")
        ),
        sa.CheckConstraint(
            "0 <= abducted_low AND abducted_low <= abducted_best AND abducted_best <= abducted_high",
            name=op.f("ck_incident_version_abducted_ordered"),
        ),
        sa.CheckConstraint(
            "0 <= displaced_low AND displaced_low <= displaced_best AND displaced_best <= displaced_high",
            name=op.f("ck_incident_version_displaced_ordered"),
        ),
        sa.CheckConstraint(
            "0 <= injured_low AND injured_low <= injured_best AND injured_best <= injured_high",
            name=op.f("ck_incident_version_injured_ordered"),
        ),
        sa.CheckConstraint(
            "0 <= killed_low AND killed_low <= killed_best AND killed_best <= killed_high",
            name=op.f("ck_incident_version_killed_ordered"),
        ),
        sa.CheckConstraint("ST_IsValid(geom) AND NOT ST_IsEmpty(geom)", name=op.f("ck_incident_version_geom_valid")),
        sa.CheckConstraint("date_precision BETWEEN 1 AND 4", name=op.f("ck_incident_version_date_precision")),
        sa.CheckConstraint(
            "event_end <= recorded_at AND reported_at <= recorded_at", name=op.f("ck_incident_version_no_future")
        ),
        sa.CheckConstraint("event_start <= event_end", name=op.f("ck_incident_version_event_ordered")),
        sa.CheckConstraint("geo_precision BETWEEN 1 AND 6", name=op.f("ck_incident_version_geo_precision")),
        sa.CheckConstraint(
            "geom IS NOT NULL OR geo_precision >= 3", name=op.f("ck_incident_version_exact_needs_geometry")
        ),
        sa.CheckConstraint("known_at <= recorded_at", name=op.f("ck_incident_version_known_by_then")),
        sa.CheckConstraint(
            "num_nulls(abducted_low, abducted_best, abducted_high) IN (0, 3)",
            name=op.f("ck_incident_version_abducted_whole"),
        ),
        sa.CheckConstraint(
            "num_nulls(displaced_low, displaced_best, displaced_high) IN (0, 3)",
            name=op.f("ck_incident_version_displaced_whole"),
        ),
        sa.CheckConstraint(
            "num_nulls(injured_low, injured_best, injured_high) IN (0, 3)",
            name=op.f("ck_incident_version_injured_whole"),
        ),
        sa.CheckConstraint(
            "num_nulls(killed_low, killed_best, killed_high) IN (0, 3)", name=op.f("ck_incident_version_killed_whole")
        ),
        sa.ForeignKeyConstraint(["incident_id"], ["vault.incident.id"], name=op.f("fk_incident_version_incident_id")),
        sa.ForeignKeyConstraint(["recorded_by"], ["vault.actor.id"], name=op.f("fk_incident_version_recorded_by")),
        sa.ForeignKeyConstraint(["supersedes"], ["vault.incident.id"], name=op.f("fk_incident_version_supersedes")),
        sa.PrimaryKeyConstraint("incident_id", "version", name=op.f("pk_incident_version")),
        schema="vault",
    )
    op.create_index(
        "ix_incident_version_geom",
        "incident_version",
        ["geom"],
        unique=False,
        schema="vault",
        postgresql_using="gist",
        postgresql_ops={},
    )
    op.create_table(
        "source",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("incident_id", sa.UUID(), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("recorded_by", sa.UUID(), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("independence_group", sa.Text(), nullable=False),
        sa.Column("reliability", sa.Text(), nullable=False),
        sa.Column("credibility", sa.SmallInteger(), nullable=False),
        sa.Column("obtained_on", sa.Date(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.CheckConstraint("obtained_on <= (recorded_at AT TIME ZONE 'UTC')::date", name=op.f("ck_source_no_future")),
        sa.CheckConstraint("reliability IN ('A', 'B', 'C', 'D', 'E', 'F')", name=op.f("ck_source_reliability")),
        sa.CheckConstraint(
            "type IN ('armed_actor', 'community_liaison_assistant', 'family_or_community_leader', 'local_authority', 'media', 'medical', 'ngo', 'satellite', 'security_force', 'social_media', 'un_field_staff', 'victim', 'witness')",
            name=op.f("ck_source_type"),
        ),
        sa.CheckConstraint("credibility BETWEEN 1 AND 6", name=op.f("ck_source_credibility")),
        sa.CheckConstraint("known_at <= recorded_at", name=op.f("ck_source_known_by_then")),
        sa.ForeignKeyConstraint(["incident_id"], ["vault.incident.id"], name=op.f("fk_source_incident_id")),
        sa.ForeignKeyConstraint(["recorded_by"], ["vault.actor.id"], name=op.f("fk_source_recorded_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
        schema="vault",
    )
    op.create_index(op.f("ix_source_incident_id"), "source", ["incident_id"], unique=False, schema="vault")
    op.create_table(
        "evidence",
        sa.Column("incident_id", sa.UUID(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("known_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("event_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("veiled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("known_to >= known_at", name=op.f("ck_evidence_known_ordered")),
        sa.ForeignKeyConstraint(
            ["incident_id", "version"],
            ["vault.incident_version.incident_id", "vault.incident_version.version"],
            name=op.f("fk_evidence_incident_id_version"),
        ),
        sa.ForeignKeyConstraint(["operation"], ["vault.operation.code"], name=op.f("fk_evidence_operation")),
        sa.PrimaryKeyConstraint("incident_id", "version", "known_at", name=op.f("pk_evidence")),
        schema="vault",
    )
    op.create_index("ix_evidence_operation_event", "evidence", ["operation", "event_end"], unique=False, schema="vault")
    op.create_index(
        "uq_evidence_open",
        "evidence",
        ["incident_id"],
        unique=True,
        schema="vault",
        postgresql_where=sa.text("known_to IS NULL"),
    )
    op.create_table(
        "placement",
        sa.Column("incident_id", sa.UUID(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("known_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("locality_id", sa.UUID(), nullable=True),
        sa.Column("unit_pcode", sa.Text(), nullable=True),
        sa.Column("outside_claimed", sa.Boolean(), nullable=False),
        sa.CheckConstraint("num_nonnulls(locality_id, unit_pcode) <= 1", name=op.f("ck_placement_one_place")),
        sa.ForeignKeyConstraint(
            ["incident_id", "version"],
            ["vault.incident_version.incident_id", "vault.incident_version.version"],
            name=op.f("fk_placement_incident_id_version"),
        ),
        sa.PrimaryKeyConstraint("incident_id", "version", "recorded_at", name=op.f("pk_placement")),
        schema="vault",
    )
    op.create_index(
        "ix_placement_locality",
        "placement",
        ["locality_id"],
        unique=False,
        schema="vault",
        postgresql_where=sa.text("known_to IS NULL"),
    )
    op.create_index(
        "uq_placement_current",
        "placement",
        ["incident_id", "version"],
        unique=True,
        schema="vault",
        postgresql_where=sa.text("known_to IS NULL"),
    )
    op.create_table(
        "verification_act",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("incident_id", sa.UUID(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("recorded_by", sa.UUID(), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=False),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("standard", sa.Text(), nullable=True),
        sa.Column("attribution_verified", sa.Boolean(), nullable=True),
        sa.Column("reason_code", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("duplicate_of", sa.UUID(), nullable=True),
        sa.CheckConstraint(
            "(to_state = 'duplicate') = (duplicate_of IS NOT NULL)", name=op.f("ck_verification_act_duplicate_target")
        ),
        sa.CheckConstraint(
            "(to_state = 'verified') = (standard IS NOT NULL)", name=op.f("ck_verification_act_standard_declared")
        ),
        sa.CheckConstraint(
            "(to_state = 'withdrawn') = (reason_code IS NOT NULL)", name=op.f("ck_verification_act_tombstone_reason")
        ),
        sa.CheckConstraint(
            "reason_code IN ('consent_withdrawn', 'false', 'harm')", name=op.f("ck_verification_act_reason_code")
        ),
        sa.CheckConstraint(
            "standard IN ('clear_and_convincing', 'external:ucdp', 'reasonable_grounds')",
            name=op.f("ck_verification_act_standard"),
        ),
        sa.CheckConstraint("duplicate_of <> incident_id", name=op.f("ck_verification_act_not_of_itself")),
        sa.CheckConstraint("known_at <= recorded_at", name=op.f("ck_verification_act_known_by_then")),
        sa.ForeignKeyConstraint(
            ["action", "from_state", "to_state"],
            ["vault.transition_rule.action", "vault.transition_rule.from_state", "vault.transition_rule.to_state"],
            name=op.f("fk_verification_act_action_from_state_to_state"),
        ),
        sa.ForeignKeyConstraint(["duplicate_of"], ["vault.incident.id"], name=op.f("fk_verification_act_duplicate_of")),
        sa.ForeignKeyConstraint(
            ["incident_id", "version"],
            ["vault.incident_version.incident_id", "vault.incident_version.version"],
            name=op.f("fk_verification_act_incident_id_version"),
        ),
        sa.ForeignKeyConstraint(["recorded_by"], ["vault.actor.id"], name=op.f("fk_verification_act_recorded_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verification_act")),
        schema="vault",
    )
    op.create_index(
        "ix_verification_act_incident", "verification_act", ["incident_id", "id"], unique=False, schema="vault"
    )
    op.bulk_insert(
        sa.table("transition_rule", *map(sa.column, ("action", "from_state", "to_state")), schema="vault"),
        [
            {"action": action, "from_state": source.replace("-", ""), "to_state": target}
            for action, source, target in map(str.split, STEPS.strip().splitlines())
        ],
    )
    run_sql(op.get_bind(), "0001_rules.sql")
