"""Information-sharing protocols over HTTP, for tests: proposing and putting in force, and the clock of the gate."""

from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta

from service import a_protocol

from flashpoint.types import Role

UNTIL = datetime.now(UTC).date() + timedelta(days=365)


def proposal(operation, version="P2", **document):
    return a_protocol(**document) | {"operation": operation.code, "version": version}


def proposed(operation, version="P2", **document):
    answer = operation.coordinator.post("/v1/protocols", proposal(operation, version, **document))
    assert answer.status_code == 201, answer.text
    return answer


def decide(operation, version="P2", deed="adoption", caller=None, reason="Agreed."):
    caller = caller or operation.caller(Role.COORDINATOR, name="-second")
    return caller.post(f"/v1/protocols/{version}/{deed}", {"operation": operation.code, "reason": reason})


def agreed(operation, version="P2", **document):
    """Put another protocol in force, and have the service know of it."""
    proposed(operation, version, **document)
    answer = decide(operation, version)
    assert answer.status_code == 200, answer.text
    operation.service.app.state.watch.reload([])


def listed(caller, operation):
    return caller.get(f"/v1/protocols?operation={operation.code}").json()


def one_of(caller, operation, version="P2"):
    return caller.get(f"/v1/protocols/{version}?operation={operation.code}")


@contextmanager
def at(service, moment):
    """Have the gate's clock stand at a moment."""
    agreements, clock = service.app.state.board.agreements, service.app.state.board.agreements.clock
    agreements.clock = lambda: moment
    try:
        yield
    finally:
        agreements.clock = clock


def midnight(day):
    return datetime.combine(day, time(), UTC)
