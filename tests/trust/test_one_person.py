"""The ways in which one person could make or unmake something verified, one by one, straight in SQL and by command."""

import four_eyes
import psycopg
import pytest
from shapely.geometry import Point

from flashpoint import decisions, intake, reports
from flashpoint.access import CONSOLE
from flashpoint.errors import TransitionRefused
from flashpoint.intake import Submission
from flashpoint.store import incidents
from flashpoint.types import Role

ACT = """
    INSERT INTO vault.verification_act (incident_id, version, recorded_by, known_at, action, from_state, to_state,
                                        standard, reason_code, reason, duplicate_of)
    SELECT id, version, %(by)s, now(), %(action)s, state, %(to)s, %(standard)s, %(reason_code)s, 'Synthetic.', %(other)s
    FROM vault.incident WHERE id = %(incident)s
"""
VERSION = """
    INSERT INTO vault.incident_version (incident_id, version, recorded_by, known_at, event_start, event_end,
        date_precision, reported_at, geom, geo_precision, category, perpetrator_class, sharing, share_above, consent,
        exercise)
    SELECT v.incident_id, v.version + 1, %(by)s, now(), event_start, event_end, date_precision, reported_at, geom,
           geo_precision, category, perpetrator_class, v.sharing, share_above, %(consent)s, %(exercise)s
    FROM vault.incident_version v JOIN vault.incident i ON (i.id, i.version) = (v.incident_id, v.version)
    WHERE i.id = %(incident)s
"""
IMPORT = """
    INSERT INTO vault.incident (id, operation, submitted_by, origin, content_sha256)
    VALUES (gen_random_uuid(), %(code)s, %(by)s, 'external:ucdp', '')
"""


@pytest.fixture
def attempt(service, operation):
    """Run a statement in the session of somebody's role, undone afterwards; give the SQLSTATE of a refusal."""

    def run(caller, role, statement, **given):
        named = {"by": caller.id, "code": operation.code, "standard": None, "reason_code": None, "other": None}
        with four_eyes.connected(service.owner.info.dsn) as connection:
            four_eyes.bind(connection, operation.code, caller.id, role)
            try:
                written = connection.execute(statement, named | {"consent": "given", "exercise": False} | given)
            except psycopg.Error as error:
                return error.sqlstate
            else:
                assert written.rowcount == 1
                return None
            finally:
                connection.rollback()

    return run


STEPS = [
    ("reported", "reject", "not_verified", {}),
    ("corroborating", "verify", "verified", {"standard": "reasonable_grounds"}),
    ("corroborating", "dispute", "disputed", {}),
    ("verified", "dispute", "disputed", {}),
    ("verified", "verify_attribution", "verified", {"standard": "reasonable_grounds"}),
    ("verified", "dispute_attribution", "verified", {}),
    ("verified", "withdraw", "withdrawn", {"reason_code": "false"}),
    ("verified", "mark_duplicate", "duplicate", {}),
    ("verified", "merge", "duplicate", {}),
    ("withdrawn", "reinstate", "corroborating", {}),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step[0]}-{step[1]}")
def test_what_decides_is_not_for_an_analyst_in_sql_either(operation, attempt, step):
    state, action, to, given = step
    incident_id, other = operation.reported(), operation.reported()
    steps = {"corroborating": ["corroborate"], "verified": ["corroborate", "verify"], "withdrawn": ["withdraw"]}
    for taken in steps.get(state, []):
        told = {"verify": {"standard": "reasonable_grounds"}, "withdraw": {"reason_code": "false"}}.get(taken, {})
        assert operation.step(incident_id, taken, **told).status_code == 200
    given = {"incident": incident_id, "action": action, "to": to, "other": other if to == "duplicate" else None} | given
    assert attempt(operation.other_analyst, "analyst", ACT, **given) == "FP100"
    assert attempt(operation.other_analyst, "", ACT, **given) == "FP100"
    assert attempt(operation.verifier, "verifier", ACT, **given) is None


def test_an_analyst_edits_nothing_out_of_use(operation, attempt):
    incident_id = operation.verified()
    analyst, verifier, own = operation.other_analyst, operation.verifier, operation.analyst
    assert attempt(analyst, "analyst", VERSION, incident=incident_id, exercise=True) == "FP100"
    assert attempt(analyst, "analyst", VERSION, incident=incident_id) is None
    assert attempt(analyst, "analyst", VERSION, incident=incident_id, consent="withdrawn") is None
    assert attempt(own, "analyst", VERSION, incident=incident_id, exercise=True) is None
    assert attempt(verifier, "verifier", VERSION, incident=incident_id, exercise=True) is None


def test_an_edit_is_a_step_by_what_it_changes(operation, service):
    incident_id = operation.verified()
    with four_eyes.connected(service.owner.info.dsn) as connection:
        four_eyes.bind(connection, operation.code, operation.analyst.id, "analyst")
        given = {"by": operation.analyst.id, "incident": incident_id, "consent": "not_required", "exercise": False}
        connection.execute(VERSION, given)
        state = "SELECT state FROM vault.incident WHERE id = %s"
        assert connection.execute(state, [incident_id]).fetchone() == ("corroborating",)
        connection.rollback()


@pytest.mark.parametrize(("action", "to"), [("edit", "corroborating"), ("unmerge", "corroborating")])
def test_nobody_takes_the_steps_that_the_database_takes(operation, attempt, action, to):
    given = {"incident": operation.verified(), "action": action, "to": to}
    assert attempt(operation.coordinator, "coordinator", ACT, **given) == "42501"


def test_the_name_of_an_external_data_set_is_for_coordinators(operation, attempt):
    for role, refusal in (("analyst", "42501"), ("verifier", "42501"), ("coordinator", None), ("", "42501")):
        assert attempt(operation.caller(Role(role or "analyst")), role, IMPORT) == refusal


def test_the_command_line_does_not_verify_what_it_reported(operation, service):
    feature = operation.incident()
    report = reports.read(reports.IncidentReport, feature["properties"])
    with service.database.console() as vault:
        (receipt,) = intake.report(vault, CONSOLE, [Submission(report, Point(18.5, 4.5))])
        found = incidents.find(vault, CONSOLE, receipt.incident_id)
        decisions.advance(vault, CONSOLE, found, reports.read(reports.StepReport, {"action": "corroborate"}))
    verify = {"action": "verify", "standard": "reasonable_grounds"}
    step = reports.read(reports.StepReport, verify)
    with service.database.console() as vault:
        found = incidents.find(vault, CONSOLE, receipt.incident_id)
        with pytest.raises(TransitionRefused, match="another person"):
            decisions.advance(vault, CONSOLE, found, step)
    with four_eyes.connected(service.owner.info.dsn) as connection:
        four_eyes.bind(connection, "*", CONSOLE.id, "coordinator")
        given = {"incident": receipt.incident_id, "by": CONSOLE.id, "action": "verify", "to": "verified"}
        given |= {"standard": "reasonable_grounds", "reason_code": None, "other": None}
        with pytest.raises(psycopg.Error, match="another person"):
            connection.execute(ACT, given)
    assert operation.step(str(receipt.incident_id), **verify).status_code == 200
