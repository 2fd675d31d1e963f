"""What can go wrong, in the words of the domain. No HTTP numbers: ``api/problems.py`` has that one table.

    FlashpointError
    ├── Invalid          the request breaks rules; carries one Violation per field and rule
    ├── Unauthenticated  no key came, or one that is not in use
    ├── NotFound         it does not exist, or the actor may not know that it does
    ├── Forbidden        the actor's role does not allow the action
    │   └── NotShared            no protocol in force gives it to the actor's audience
    ├── Conflict         it clashes with what is already recorded
    │   ├── KeyReused            an idempotency key came back with another body
    │   ├── VersionMismatch      somebody else changed the record first
    │   └── TransitionRefused    the workflow does not allow that step from here; lists those it does
    ├── PreconditionMissing      a change was asked for without saying of which version
    ├── RateLimited      the key has asked too often; says in how many seconds it may again
    └── Unavailable      a part that we depend on does not answer; try again later

No error ever carries a value that somebody typed: only where it stands (a JSON pointer) and which rule it broke.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule. ``pointer`` is an RFC 6901 JSON pointer into the body, or ``?name`` for a query parameter."""

    pointer: str
    code: str
    rule: str


class FlashpointError(Exception):
    """Root of everything this service raises on purpose."""


class Invalid(FlashpointError):
    """The request breaks one or more rules."""

    def __init__(self, *violations: Violation) -> None:
        """Keep the violations in the order in which they were found."""
        super().__init__("; ".join(f"{v.pointer or '/'}: {v.rule}" for v in violations))
        self.violations = violations


class Unauthenticated(FlashpointError):
    """No key came with the request, or one that is not in use."""


class NotFound(FlashpointError):
    """It does not exist, or the actor may not know that it does."""


class Forbidden(FlashpointError):
    """The actor's role does not allow the action."""


class NotShared(Forbidden):
    """No information-sharing protocol in force gives this to the actor's audience. ``code`` is for programs."""

    def __init__(self, rule: str, code: str = "no-protocol") -> None:
        """Say whether there is no protocol, or one that does not give this."""
        super().__init__(rule)
        self.code = code


class Conflict(FlashpointError):
    """The request clashes with what is already recorded."""


class KeyReused(Conflict):
    """The idempotency key was used before, with another body."""


class VersionMismatch(Conflict):
    """The record has changed since the caller read it."""


class TransitionRefused(Conflict):
    """The step is not allowed from the incident's present state, or its conditions are not met."""

    def __init__(self, rule: str, allowed: Sequence[str]) -> None:
        """Say which rule refused, and which actions the present state does allow."""
        super().__init__(rule)
        self.rule = rule
        self.allowed = tuple(allowed)


class PreconditionMissing(FlashpointError):
    """A change was asked for without saying of which version."""


class RateLimited(FlashpointError):
    """The key has used up its allowance of requests for the present minute."""

    def __init__(self, rule: str, retry_after_seconds: int = 60) -> None:
        """Say in how many seconds there is a new allowance."""
        super().__init__(rule)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(FlashpointError):
    """A part that the service depends on does not answer."""
