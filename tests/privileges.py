"""What each database role may do to each table: the whole of it. A new table, or a new right, is declared here."""

OWNER = "flashpoint_owner"
APP = "flashpoint_app"
RECORDS = "flashpoint_records"
ASSESSOR = "flashpoint_assessor"
KEYS = "flashpoint_keys"
AUDITOR = "flashpoint_auditor"
READER = "flashpoint_reader"
ROLES = (APP, RECORDS, ASSESSOR, KEYS, AUDITOR, READER)

S, SI = {"SELECT"}, {"SELECT", "INSERT"}
WRITES = {"SELECT", "INSERT", "UPDATE", "DELETE"}


def _each(names: tuple[str, ...], may: dict[str, set[str]]) -> dict[str, dict[str, set[str]]]:
    return {name: dict(may) for name in names}


#: Table to role to what it may do to whole rows; who is not named may do nothing.
VAULT: dict[str, dict[str, set[str]]] = {
    "actor": {APP: SI, RECORDS: S, ASSESSOR: S, KEYS: SI, AUDITOR: S},
    "api_key": {KEYS: SI},
    "allowance": {KEYS: {"SELECT", "INSERT", "DELETE"}},
    "audit": {APP: {"INSERT"}, RECORDS: {"INSERT"}, KEYS: {"INSERT"}, AUDITOR: SI},
    "idempotency": {APP: SI},
    **_each(
        ("operation", "admin_unit", "locality", "succession", "community", "presence"),
        {APP: SI, RECORDS: S, ASSESSOR: S},
    ),
    **_each(("methodology", "methodology_in_force"), {APP: SI, RECORDS: S, ASSESSOR: S}),
    **_each(("protocol", "protocol_in_force"), {APP: SI, ASSESSOR: S}),
    # Without what people wrote: the assessor is granted the other columns.
    **_each(("incident_version", "verification_act", "threat_assessment"), {APP: SI, RECORDS: S}),
    "source": {APP: SI, RECORDS: S},
    # Written by triggers, or by the columns below.
    **_each(("incident", "evidence", "transition_rule", "placement", "category"), {APP: S, RECORDS: S, ASSESSOR: S}),
    # Written by the functions that purge.
    "purge": {APP: S, RECORDS: S, ASSESSOR: S},
    "alembic_version": {},
}
RELEASE: dict[str, dict[str, set[str]]] = {
    **_each(("matrix", "matrix_row"), {ASSESSOR: WRITES, READER: S}),
    **_each(
        ("picture", "picture_incident", "picture_community", "picture_zone"),
        {ASSESSOR: WRITES, READER: S},
    ),
    **_each(("method", "method_in_force"), {ASSESSOR: WRITES, READER: S, APP: S}),
    "shared_protocol": {ASSESSOR: S, READER: S},
}

#: Columns that a role may change, or give, although it may not do so to whole rows.
COLUMNS: set[tuple[str, str, str, str]] = {
    (APP, "operation", "area", "UPDATE"),
    (APP, "operation", "ranked_level", "UPDATE"),
    *((KEYS, "api_key", column, "UPDATE") for column in ("revoked_at", "expires_at", "last_used_on")),
    (KEYS, "allowance", "taken", "UPDATE"),
    *(
        (APP, "incident", column, "INSERT")
        for column in ("id", "operation", "submitted_by", "client_id", "origin", "content_sha256", "recorded_at")
    ),
}
#: Columns that a role never reads although it reads others of the table.
UNREAD: set[tuple[str, str, str]] = {
    (ASSESSOR, "incident_version", "narrative"),
    (ASSESSOR, "verification_act", "reason"),
    (ASSESSOR, "threat_assessment", "reason"),
}
#: Functions that run as the owner. Each is a door in the wall: it says above itself why it has to be one.
DEFINERS = {
    *("begin_version", "begin_incident_version", "take_step", "chain_audit", "mark_protected", "began", "may_add"),
    *("place_versions", "place_again", "release_method", "picture_changed", "audit_of", "unlogged"),
    *("due_for_purge", "purge_incidents", "purge_subjects"),
    *("release_proposal", "release_agreement", "admit_version", "follow_version"),
}
#: Functions without a search path of their own, so that they are inlined into policies and queries; they read no table.
INLINED = {"covers", "cleared", "on_grid", "on_tiles"}
