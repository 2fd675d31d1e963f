"""Who may do what: roles and permissions, and which sharing levels a role is cleared for. Pure.

A permission says that a role may try an action at all; which records it may try it on is decided by the operation
of its key and by ``clearance``. What a reader may not know of does not exist for it (404).
"""

from enum import StrEnum
from uuid import UUID

from flashpoint.errors import Forbidden, NotFound
from flashpoint.types import Actor, ActorId, Audience, Role, Sharing


class Permission(StrEnum):
    """What a route can ask of its caller."""

    READ_MATRIX = "read_matrix"
    READ_RECORDS = "read_records"
    REPORT = "report"
    TRANSITION = "transition"
    OWN_LOCALITIES = "own_localities"
    GOVERN_METHOD = "govern_method"
    GOVERN_SHARING = "govern_sharing"
    IMPORT = "import"
    READ_RELEASED = "read_released"
    READ_PROTOCOL = "read_protocol"
    READ_AUDIT = "read_audit"


_RELEASED = frozenset({Permission.READ_MATRIX, Permission.READ_RELEASED, Permission.READ_PROTOCOL})
_RECORDS = frozenset({Permission.READ_RECORDS, Permission.REPORT, Permission.TRANSITION})

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.ANALYST: _RELEASED | _RECORDS,
    Role.VERIFIER: _RELEASED | _RECORDS,
    # Whoever decides does not also look over the log of who decided what.
    Role.COORDINATOR: frozenset(Permission) - {Permission.READ_AUDIT},
    Role.READER: _RELEASED,
    Role.AUDITOR: _RELEASED | {Permission.READ_AUDIT},
}

#: Roles that may declare a standard of proof met, or not met. Reporting and deciding are different work.
DECIDERS = frozenset({Role.VERIFIER, Role.COORDINATOR})

#: The audience whose release a role reads unless its key says otherwise.
DEFAULT_AUDIENCE: dict[Role, Audience] = {
    Role.ANALYST: Audience.CLUSTER,
    Role.VERIFIER: Audience.CLUSTER,
    Role.COORDINATOR: Audience.CLUSTER,
    Role.READER: Audience.MISSION,
    Role.AUDITOR: Audience.CLUSTER,
}

_CLUSTER_VIEW = frozenset({Sharing.PUBLIC, Sharing.MISSION, Sharing.CLUSTER})

#: Sharing levels of the vault's records that a role may learn of. Whoever submitted a record always may.
CLEARANCE: dict[Role, frozenset[Sharing]] = {
    Role.ANALYST: _CLUSTER_VIEW,
    Role.VERIFIER: frozenset(Sharing),
    Role.COORDINATOR: frozenset(Sharing),
    Role.READER: frozenset(),
    Role.AUDITOR: frozenset(),
}

#: Roles that may read what domain rule 8 protects: sexual violence, and grave violations against children. For
#: everybody else but whoever submitted it such a record does not exist, whatever its sharing level.
PROTECTED_CLEARANCE = frozenset({Role.VERIFIER, Role.COORDINATOR})

#: Who acts when the command line does: whoever can run it here already holds the database.
CONSOLE = Actor(ActorId(UUID(int=1)), UUID(int=1), "console", Role.COORDINATOR, Audience.CLUSTER, None)


def may(actor: Actor, permission: Permission) -> bool:
    """Say whether the actor's role has the permission, and the key was issued for it."""
    return permission in PERMISSIONS[actor.role] and (actor.actions is None or permission in actor.actions)


def require(actor: Actor, permission: Permission) -> None:
    """Raise ``Forbidden`` unless the actor has the permission."""
    if not may(actor, permission):
        holder = "key" if permission in PERMISSIONS[actor.role] else f"role {actor.role}"
        raise Forbidden(f"the {holder} may not do this")


def may_know(actor: Actor, sharing: str, *, protected: bool) -> bool:
    """Say whether the role is cleared for a record of that sharing level and, or not, of a protected category."""
    return sharing in CLEARANCE[actor.role] and (not protected or actor.role in PROTECTED_CLEARANCE)


def enter(actor: Actor, operation: str) -> str:
    """Give back ``operation`` if the actor's key is good for it; otherwise it does not exist for the actor.

    Raises:
        NotFound: exactly as for an operation that nobody has.
    """
    if not actor.covers(operation):
        raise NotFound("no such operation")
    return operation
