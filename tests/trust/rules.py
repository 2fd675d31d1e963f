"""Who may see a canary where: written by hand from the rules of the domain, and from no code that applies them.

records    a record is known to the roles that its level is for, and to whoever submitted it; what is protected, to
           verifier and coordinator and whoever submitted it. What is gone says nothing but that it is gone. A
           version is as closed as its own level says, whatever later ones say.
released   the cluster reads what is verified, agreed to and open to it: its day and its figures, and a community's
           name; of what is generalised, nothing that is here a canary. The mission reads nothing of the kind.
matrix     names records by their id, to the cluster alone: those that count and that all of it may know of.
queue      names what waits, by its id, to whoever knows of the record.
audit      names records by their id, to the auditor of the operation.
written    whoever writes is told the id, and their own name for it.
nowhere    errors, headers of errors, papers, descriptions, figures, logs. An idempotency key comes back to nobody.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from canaries import GONE_CONSENT, Canary, Planted

CLUSTER_LEVELS = {"public", "mission", "cluster"}
KNOWN = {
    "analyst": CLUSTER_LEVELS,
    "verifier": {*CLUSTER_LEVELS, "restricted"},
    "coordinator": {*CLUSTER_LEVELS, "restricted"},
}
PROTECTED_KNOWN = {"verifier", "coordinator"}
AGREED = {"given", "not_required"}

#: Fields that a listing or a record by its id shows, of its current version; the others are in sources and history.
LISTED = {"incident": {"narrative", "client_id", "place", "instant", "day", "count", "id"}}
RELEASED = {"incident": {"day", "count"}, "community": {"name", "day", "count"}}


@dataclass(frozen=True)
class Who:
    """Somebody who asks: a role, an audience, and the name under which records were written, if any."""

    caller: Any
    role: str
    audience: str
    name: str = ""
    #: Whether the key is good for the operation; and for records, if its actions were narrowed.
    here: bool = True
    records: bool = True


def knows(who: Who, record: Planted) -> bool:
    """Say whether somebody may know that a record is there."""
    if not who.here or not who.records or who.role not in KNOWN:
        return False
    cleared = record.sharing in KNOWN[who.role] and (not record.protected or who.role in PROTECTED_KNOWN)
    return cleared or record.by == who.name


def in_records(who: Who, canary: Canary) -> bool:
    """Say whether a record's own routes show it."""
    record = canary.record
    if canary.field == "key" or not knows(who, record):
        return False
    if canary.field == "id":
        return True
    # What the submitter calls it is its name, and no version's.
    told = canary.field == "client_id" or canary.level() in KNOWN[who.role] or record.by == who.name
    return told and not record.gone


def in_listing(who: Who, canary: Canary) -> bool:
    """Say whether the listing shows it."""
    record = canary.record
    current = canary.version == len(record.levels) or canary.field in {"id", "client_id"}
    named = canary.field in LISTED["incident"] if record.kind == "incident" else True
    return in_records(who, canary) and named and current


def in_matrix(who: Who, canary: Canary) -> bool:
    """Say whether the matrix may name it."""
    record = canary.record
    counts = record.sharing in CLUSTER_LEVELS and is_counted(record)
    counts = counts and not record.gone and not record.protected and not record.exercise
    if record.kind == "incident":
        counts = counts and record.state == "verified"
    return who.here and who.audience == "cluster" and canary.field == "id" and counts


def in_released(who: Who, canary: Canary) -> bool:
    """Say whether the released picture shows it: exactly that, no more and no less."""
    record = canary.record
    if not who.here or who.audience != "cluster" or canary.field not in RELEASED.get(record.kind, ()):
        return False
    if canary.version != len(record.levels) or record.consent not in AGREED or record.sharing not in CLUSTER_LEVELS:
        return False
    if record.kind == "community":
        return record.state != "withdrawn"
    return record.state == "verified" and not record.protected and not record.exercise


def is_counted(record: Planted) -> bool:
    """Say whether the score counts a record as far as its level goes: what it counts, the picture shows."""
    return record.sharing in {"public", "mission"} or record.above != "none"


def in_queue(who: Who, canary: Canary) -> bool:
    """Say whether the queue may name it."""
    return (
        canary.field == "id"
        and canary.record.kind == "incident"
        and knows(who, canary.record)
        and not canary.record.gone
    )


def in_audit(who: Who, canary: Canary) -> bool:
    """Say whether the log may name it."""
    return canary.field == "id" and who.role == "auditor" and who.here


def nowhere(_who: Who, _canary: Canary) -> bool:
    """Say no."""
    return False


def _of(kind: str) -> Callable[[Who, Canary], bool]:
    return lambda who, canary: canary.record.kind == kind and in_released(who, canary)


SURFACES = {
    **dict.fromkeys(("incidents", "communities", "assessments", "presences", "localities"), in_records),
    "matrix": in_matrix,
    "released": in_released,
    "queue": in_queue,
    "audit": in_audit,
    # Layers are by other means what is released.
    "ogc matrix": in_matrix,
    "ogc incidents": _of("incident"),
    "ogc communities": _of("community"),
    "exports matrix": in_matrix,
    "exports incidents": _of("incident"),
    "exports communities": _of("community"),
}

__all__ = [
    "GONE_CONSENT",
    "SURFACES",
    "Who",
    "in_listing",
    "in_records",
    "in_released",
    "is_counted",
    "knows",
    "nowhere",
]
