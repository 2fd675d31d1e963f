"""What ``flashpoint key`` and ``flashpoint person`` share: the options that say what somebody may do here."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import typer

from flashpoint.access import CONSOLE, DEFAULT_AUDIENCE, PERMISSIONS, Permission
from flashpoint.errors import Invalid, NotFound, Violation
from flashpoint.store import actors, places
from flashpoint.store.engine import Vault
from flashpoint.types import Audience, Role

Handle = Annotated[str, typer.Option(help="Pseudonymous handle of the holder; no names.")]
OneRole = Annotated[Role, typer.Option()]
Operations = Annotated[list[str] | None, typer.Option("--operation", "-o", help="Repeat for several.")]
Actions = Annotated[
    list[str] | None, typer.Option("--action", help="Only this of what the role may. Repeat for several.")
]
OneAudience = Annotated[Audience | None, typer.Option(help="Whose release is read; by role where left out.")]
Days = Annotated[int, typer.Option(min=1, max=730, help="Lifetime.")]
AllOperations = Annotated[bool, typer.Option(help="Good for every operation.")]


_RECORDS = {Permission.READ_RECORDS, Permission.REPORT, Permission.TRANSITION}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options say, as they were typed."""

    handle: str
    role: Role
    audience: Audience | None
    operations: list[str] | None
    actions: list[str] | None
    days: int
    all_operations: bool

    def __post_init__(self) -> None:
        """Refuse what can be refused without looking anything up.

        Raises:
            Invalid: no operation is named, an action is not one of the role, or the mission would read records.
        """
        if bool(self.operations) == self.all_operations:
            raise Invalid(Violation("--operation", "required", "name the operations, or say --all-operations"))
        may = sorted(PERMISSIONS[self.role])
        if not set(self.actions or ()) <= set(may):
            rule = f"must be one that the role has; {self.role}: {', '.join(may)}"
            raise Invalid(Violation("--action", "not_of_role", rule))
        if self.audience is Audience.MISSION and set(self.actions or may) & _RECORDS:
            # What the mission learns of a record is its release, under the protocol; a role would go past both.
            rule = f"a key for the mission reads no record: leave it out, or narrow {self.role} by --action"
            raise Invalid(Violation("--audience", "beyond_audience", rule))

    def grant(self, vault: Vault) -> actors.KeyGrant:
        """Give what is granted.

        Raises:
            NotFound: one of the operations is not there.
        """
        if not set(self.operations or ()) <= set(places.operation_codes(vault, CONSOLE)):
            raise NotFound("no such operation")
        return actors.KeyGrant(
            self.handle,
            self.role,
            self.audience or DEFAULT_AUDIENCE[self.role],
            None if self.all_operations else tuple(sorted(set(self.operations or ()))),
            timedelta(days=self.days),
            tuple(sorted(set(self.actions))) if self.actions else None,
        )
