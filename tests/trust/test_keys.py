"""Keys: what one may do, its successor, its end on every worker, and the one day that is kept of its use."""

from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
import service as running_service
from service import wait_until

from api.keyring import KeyRing
from flashpoint.access import CONSOLE, PERMISSIONS, Permission
from flashpoint.errors import Conflict, NotFound
from flashpoint.pepper import pepper
from flashpoint.settings import Settings
from flashpoint.store import actors
from flashpoint.types import Audience, Role

PEPPER = b"a pepper of thirty-two bytes, yes"


@pytest.fixture
def vault(service):
    with service.database.keys() as vault:
        actors.console(vault)
        yield vault


def a_grant(operation="T0", **changes):
    given = {"handle": f"h-{uuid4()}", "role": Role.ANALYST, "audience": Audience.CLUSTER, "operations": (operation,)}
    return actors.KeyGrant(**given | changes)


def status(service, token, path):
    return service.client.get(path, headers={"Authorization": f"Bearer {token}"}).status_code


def issue(service, grant, *others):
    with service.database.keys() as vault:
        issued = actors.issue(vault, actors.console(vault), grant, pepper(service.app.state.settings))
    for one in (service, *others):
        one.app.state.ring.reload()
    return issued


def audited(service, action, subject_id):
    query = "SELECT detail FROM vault.audit WHERE action = %s AND subject_id = %s"
    return [detail for (detail,) in service.owner.execute(query, [action, str(subject_id)])]


# -- scope ----------------------------------------------------------------------------------------------------------


def test_a_key_may_only_what_it_was_issued_for(service, operation):
    operation.assess()
    asked = {"matrix": f"/v1/matrix?operation={operation.code}", "records": f"/v1/incidents?operation={operation.code}"}
    _, whole = issue(service, a_grant(operation.code))
    _, narrow = issue(service, a_grant(operation.code, actions=("read_matrix",)))
    assert {name: status(service, whole, path) for name, path in asked.items()} == {"matrix": 200, "records": 200}
    assert {name: status(service, narrow, path) for name, path in asked.items()} == {"matrix": 200, "records": 403}


def test_an_action_beyond_the_role_gives_nothing(service, operation):
    """Even if a row came to say so: the role is the outer bound."""
    _, token = issue(service, a_grant(operation.code, role=Role.READER, actions=("read_matrix", "read_records")))
    assert status(service, token, f"/v1/incidents?operation={operation.code}") == 403


@pytest.mark.parametrize("role", Role)
def test_every_single_action_of_a_role_is_carried_to_the_ring(vault, role):
    for action in PERMISSIONS[role]:
        _, token = actors.issue(vault, CONSOLE, a_grant(role=role, actions=(action,)), PEPPER)
        held = actors.ring(vault)[actors.digest(token, PEPPER)]
        assert held.actions == {action}
        assert held.role is role


def test_a_key_for_no_action_at_all_is_not_stored(service):
    with pytest.raises(Conflict):
        issue(service, a_grant(actions=()))


# -- rotation -------------------------------------------------------------------------------------------------------


def row_of(service, key_id):
    cursor = psycopg.ClientCursor(service.owner)
    cursor.row_factory = psycopg.rows.dict_row
    return cursor.execute("SELECT * FROM vault.api_key WHERE id = %s", [key_id]).fetchone()


def rotate(service, key_id, hours=24.0):
    with service.database.keys() as vault:
        secret = pepper(service.app.state.settings)
        return actors.rotate(vault, actors.console(vault), key_id, timedelta(hours=hours), secret)


def test_the_successor_is_good_for_the_same_and_as_long(service, operation):
    old_id, old = issue(service, a_grant(operation.code, actions=("read_matrix",), lifetime=timedelta(days=7)))
    new_id, new = rotate(service, old_id)
    before, after = row_of(service, old_id), row_of(service, new_id)
    kept = ("actor_id", "kind", "role", "audience", "operations", "actions")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert after["expires_at"] - after["recorded_at"] == timedelta(days=7)
    assert after["replaces"] == old_id
    assert before["expires_at"] == after["recorded_at"] + timedelta(hours=24)
    assert new != old
    assert audited(service, "key.rotate", old_id) == [{"successor": str(new_id)}]
    operation.assess()
    assert [status(service, token, f"/v1/matrix?operation={operation.code}") for token in (old, new)] == [200, 200]


def test_without_a_grace_the_old_key_ends_at_once(service, operation):
    operation.assess()
    old_id, old = issue(service, a_grant(operation.code))
    path = f"/v1/matrix?operation={operation.code}"
    assert status(service, old, path) == 200
    _, new = rotate(service, old_id, 0)
    service.app.state.ring.reload()
    assert [status(service, token, path) for token in (old, new)] == [401, 200]


def test_a_grace_never_makes_a_key_last_longer(service):
    old_id, _ = issue(service, a_grant(lifetime=timedelta(hours=1)))
    ends_at = row_of(service, old_id)["expires_at"]
    rotate(service, old_id, 24)
    assert row_of(service, old_id)["expires_at"] == ends_at


def test_a_key_is_rotated_once_and_only_while_it_is_in_use(service):
    old_id, _ = issue(service, a_grant())
    new_id, _ = rotate(service, old_id)
    with pytest.raises(Conflict):
        rotate(service, old_id)
    rotate(service, new_id)
    revoked_id, _ = issue(service, a_grant())
    with service.database.keys() as vault:
        actors.revoke(vault, CONSOLE, revoked_id)
    expired_id, _ = issue(service, a_grant(lifetime=timedelta(0)))
    for key_id in (revoked_id, expired_id, uuid4()):
        with pytest.raises(NotFound):
            rotate(service, key_id)


LONGER = [
    "expires_at = expires_at + interval '1 second'",
    "revoked_at = NULL",
    "revoked_at = revoked_at + interval '1 hour'",
    "last_used_on = last_used_on - 1",
    "last_used_on = NULL",
]


@pytest.mark.parametrize("change", LONGER)
def test_the_database_lets_no_key_come_back(service, change):
    """And with the rule switched off it does, so that this test can tell."""
    key_id, _ = issue(service, a_grant())
    used = "UPDATE vault.api_key SET revoked_at = now(), last_used_on = current_date WHERE id = %s"
    statement = f"UPDATE vault.api_key SET {change} WHERE id = %s"
    with psycopg.connect(service.owner.info.dsn) as connection:
        connection.execute(used, [key_id])
        connection.execute("SET LOCAL ROLE flashpoint_keys")
        with pytest.raises(psycopg.DatabaseError) as refused, connection.transaction():
            connection.execute(statement, [key_id])
        assert refused.value.sqlstate == "FP070"
        connection.execute("RESET ROLE")
        connection.execute("ALTER TABLE vault.api_key DISABLE TRIGGER end_sooner")
        connection.execute("SET LOCAL ROLE flashpoint_keys")
        assert connection.execute(statement, [key_id]).rowcount == 1
        connection.rollback()


# -- the last day of use --------------------------------------------------------------------------------------------


def last_used(service, key_id):
    return service.scalar("SELECT last_used_on FROM vault.api_key WHERE id = %s", key_id)


def written_by(service, key_id):
    """Give the transaction that wrote the row last."""
    return service.scalar("SELECT xmin::text FROM vault.api_key WHERE id = %s", key_id)


def test_of_its_use_a_key_keeps_the_day_and_nothing_else(service, operation):
    ring, caller = service.app.state.ring, operation.analyst
    before = row_of(service, caller.key_id)
    assert listed(caller, operation) == 200
    assert row_of(service, caller.key_id) == before, "a request writes nothing"
    ring.note_use()
    changed = {name for name, value in row_of(service, caller.key_id).items() if value != before[name]}
    assert changed == {"last_used_on"}
    assert type(last_used(service, caller.key_id)) is date
    assert last_used(service, caller.key_id) == datetime.now(UTC).date()


def listed(caller, operation):
    return caller.get(f"/v1/incidents?operation={operation.code}").status_code


def test_a_day_is_written_once_by_all_workers_together(service, operation):
    caller = operation.analyst
    assert listed(caller, operation) == 200
    service.app.state.ring.note_use()
    first = written_by(service, caller.key_id)
    another = KeyRing(service.database, pepper(service.app.state.settings), 60)
    another.reload()
    assert another.find(caller.token)
    for ring in (another, another, service.app.state.ring):
        assert listed(caller, operation) == 200
        ring.note_use()
    assert written_by(service, caller.key_id) == first
    yesterday = "UPDATE vault.api_key SET last_used_on = NULL WHERE id = %s"
    with psycopg.connect(service.owner.info.dsn) as connection:
        connection.execute("ALTER TABLE vault.api_key DISABLE TRIGGER end_sooner")
        connection.execute(yesterday, [caller.key_id])
        connection.execute("ALTER TABLE vault.api_key ENABLE TRIGGER end_sooner")
    third = KeyRing(service.database, pepper(service.app.state.settings), 60)
    third.reload()
    assert third.find(caller.token)
    third.note_use()
    assert written_by(service, caller.key_id) != first, "a day that is not there is written"


def test_a_key_that_is_refused_was_not_used(service, operation):
    key_id, token = issue(service, a_grant(operation.code, lifetime=timedelta(0)))
    assert status(service, token, f"/v1/incidents?operation={operation.code}") == 401
    service.app.state.ring.note_use()
    assert last_used(service, key_id) is None


def test_where_the_day_cannot_be_written_nothing_else_stops(service, operation, caplog):
    ring, caller = service.app.state.ring, operation.analyst
    service.owner.execute("REVOKE UPDATE (last_used_on) ON vault.api_key FROM flashpoint_keys")
    try:
        assert listed(caller, operation) == 200
        ring.note_use()
        assert "noting the last use of keys failed" in caplog.text
        assert caller.token not in caplog.text
        assert str(caller.key_id) not in caplog.text
        assert listed(caller, operation) == 200
    finally:
        service.owner.execute("GRANT UPDATE (last_used_on) ON vault.api_key TO flashpoint_keys")
    assert last_used(service, caller.key_id) is None
    ring.note_use()
    assert last_used(service, caller.key_id), "what failed is written the next time"


def test_a_day_that_is_written_wakes_nobody_and_a_revocation_does(service, operation):
    caller = operation.analyst
    assert listed(caller, operation) == 200
    with psycopg.connect(service.owner.info.dsn, autocommit=True) as listener:
        listener.execute("LISTEN flashpoint_keys")
        service.app.state.ring.note_use()
        assert last_used(service, caller.key_id)
        listener.execute("SELECT 1")
        assert list(listener.notifies(timeout=0)) == []
        with service.database.keys() as vault:
            actors.revoke(vault, CONSOLE, caller.key_id)
        assert [one.channel for one in listener.notifies(timeout=5, stop_after=1)] == ["flashpoint_keys"]


# -- revocation on every worker -------------------------------------------------------------------------------------


@pytest.fixture
def workers(fresh_database_url, tmp_path):
    """Start services on one database, one for each refresh interval; the first takes no turn at assessing."""
    with ExitStack() as running:

        def start(*intervals):
            return [
                running.enter_context(
                    running_service.running(
                        fresh_database_url, tmp_path, assessor=number > 0, key_refresh_seconds=seconds
                    )
                )
                for number, seconds in enumerate(intervals)
            ]

        yield start


def known(workers, token):
    return [worker.app.state.ring.find(token) is not None for worker in workers]


LONGEST = max(one.le for one in Settings.model_fields["key_refresh_seconds"].metadata if hasattr(one, "le"))


def test_a_revocation_is_announced_to_every_worker(workers):
    first, second = both = workers(LONGEST, LONGEST)
    operation = first.operation()
    path = f"/v1/incidents?operation={operation.code}"
    key_id, token = issue(first, a_grant(operation.code), second)
    assert [status(one, token, path) for one in both] == [200, 200]
    with first.database.keys() as vault:
        actors.revoke(vault, CONSOLE, key_id)
    wait_until(lambda: not any(known(both, token)))
    assert [status(one, token, path) for one in both] == [401, 401]


def test_a_revocation_that_nobody_announces_holds_as_well(workers):
    """The announcement is taken away. Whoever reads anew finds out; whoever does not yet is the control."""
    quick, slow = both = workers(0.2, LONGEST)
    operation = quick.operation()
    key_id, token = issue(quick, a_grant(operation.code), slow)
    path = f"/v1/incidents?operation={operation.code}"
    assert [status(one, token, path) for one in both] == [200, 200]
    wait_until(lambda: last_used(quick, key_id) is not None)
    quick.owner.execute("DROP TRIGGER keys_changed ON vault.api_key")
    with quick.database.keys() as vault:
        actors.revoke(vault, CONSOLE, key_id)
    wait_until(lambda: not any(known([quick], token)))
    assert [status(one, token, path) for one in both] == [401, 200]
    slow.app.state.ring.reload()
    assert status(slow, token, path) == 401


def test_every_worker_reads_the_keys_anew_within_a_minute():
    assert LONGEST < 60
    with pytest.raises(ValueError, match="less than or equal"):
        Settings(key_refresh_seconds=60)


def test_without_a_reading_no_key_is_trusted_for_ever(service, operation):
    """With trust that lasts the same key is known: it is the age of the reading that decides."""
    secret, token = pepper(service.app.state.settings), operation.analyst.token
    found = []
    for trust_seconds in (0, 3600):
        ring = KeyRing(service.database, secret, trust_seconds)
        assert ring.find(token) is None, "before the first reading nobody is known"
        ring.reload()
        found.append(ring.find(token))
    assert [one is not None for one in found] == [False, True]
    assert Permission.READ_MATRIX in PERMISSIONS[found[1].role]
