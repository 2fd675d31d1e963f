"""What the information-sharing protocols give to each audience, in memory: asked on every poll, without a database.

No framework, no database. What was read last counts until something newer is read, and its end ends it in any case.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from flashpoint.errors import Unavailable
from flashpoint.protocol import Named, Subject, Terms, require
from flashpoint.types import Audience


def _now() -> datetime:
    return datetime.now(UTC)


class Agreements:
    """The terms of every protocol that was put in force. Replaced as a whole, so that readers need no lock."""

    def __init__(self, clock: Callable[[], datetime] = _now) -> None:
        """Begin without any: until the first reading nothing is given to the mission."""
        self.clock = clock
        self._terms: Mapping[tuple[str, Audience], Terms] | None = None

    def put(self, terms: Iterable[Terms]) -> None:
        """Take what was read in place of what was known."""
        self._terms = {(one.operation, one.audience): one for one in terms}

    def named(self, operation: str) -> Named | None:
        """Name the protocol in force for an operation, if there is one."""
        terms = self._in_force(operation, Audience.CLUSTER)
        return None if terms is None else terms.named(self.clock())

    def require(self, operation: str, audience: Audience, subject: Subject) -> None:
        """Let an audience have a subject of an operation, if the protocol in force gives it.

        Without a protocol the cluster goes on with its own work, and the mission gets nothing.

        Raises:
            NotShared: there is no protocol in force, or it does not give this.
            Unavailable: the protocols have not been read yet.
        """
        terms = self._in_force(operation, audience)
        if self._terms is None and audience is not Audience.CLUSTER:
            raise Unavailable("the information-sharing protocols have not been read yet")
        require(terms, audience, subject)

    def _in_force(self, operation: str, audience: Audience) -> Terms | None:
        terms = (self._terms or {}).get((operation, audience))
        return terms if terms is not None and terms.holds(self.clock()) else None
