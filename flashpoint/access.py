"""Who may do what: roles and permissions, and which sharing levels a role is cleared for. Pure.

A permission says that a role may try an action at all; which records it may try it on is decided by the operation
of its key and by ``clearance``. What a reader may not know of does not exist for it (404).
"""

from enum import StrEnum

from flashpoint.errors import Forbidden, NotFound
from flashpoint.types import Actor, Audience, Role, Sharing


class Permission(StrEnum):
    """What a route can ask of its caller."""

    READ_MATRIX = "read_matrix"
    READ_RECORDS = "read_records"
    REPORT = "report"
    TRANSITION = "transition"
    OWN_LOCALITIES = "own_localities"
    GOVERN_METHOD = "govern_method"
    IMPORT = "import"
    MANAGE_KEYS = "manage_keys"


PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.ANALYST: frozenset(
        {Permission.READ_MATRIX, Permission.READ_RECORDS, Permission.REPORT, Permission.TRANSITION},
    ),
    Role.VERIFIER: frozenset(
        {Permission.READ_MATRIX, Permission.READ_RECORDS, Permission.REPORT, Permission.TRANSITION},
    ),
    Role.COORDINATOR: frozenset(Permission),
    Role.READER: frozenset({Permission.READ_MATRIX}),
    Role.AUDITOR: frozenset({Permission.READ_MATRIX}),
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


def may(actor: Actor, permission: Permission) -> bool:
    """Say whether the actor's role has the permission."""
    return permission in PERMISSIONS[actor.role]


def require(actor: Actor, permission: Permission) -> None:
    """Raise ``Forbidden`` unless the actor's role has the permission."""
    if not may(actor, permission):
        raise Forbidden(f"the role {actor.role} may not do this")


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
