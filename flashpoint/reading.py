"""Reading the vault: what goes beside a record, and what of its past its reader may know of."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from flashpoint import workflow
from flashpoint.access import may_know
from flashpoint.errors import Conflict, Invalid, Violation
from flashpoint.features import act_row, source_row, version_row
from flashpoint.store import incidents
from flashpoint.store.engine import Record, VaultReader
from flashpoint.types import Actor, State


def sources(reader: VaultReader, actor: Actor, found: Record) -> list[dict[str, Any]]:
    """List an incident's sources, but for those that came while the actor might not know of it."""
    every = incidents.versions_of(reader, found)
    told = {one.version for one in versions(reader, actor, found)}

    def current(at: datetime) -> int:
        return max((one.version for one in every if one.recorded_at <= at), default=1)

    return [source_row(row) for row in incidents.sources_of(reader, found) if current(row.recorded_at) in told]


def links(reader: VaultReader, actor: Actor, rows: Sequence[Record]) -> frozenset[UUID]:
    """Give the incidents that rows link to (as duplicate of, or superseding) and that the actor may know of."""
    linked = {getattr(row, name, None) for row in rows for name in ("duplicate_of", "supersedes")}
    return incidents.knowable(reader, actor, [one for one in linked if one is not None])


def allowed(found: Record) -> tuple[str, ...]:
    """Name the steps that an incident's state allows."""
    return workflow.allowed(State(found.state))


def versions(reader: VaultReader, actor: Actor, found: Record) -> list[Record]:
    """List the versions of an incident that the actor may know of; of one that is gone, none.

    Each version has a sharing level and a category of its own: that a later one is more open opens no earlier one.
    """
    if found.gone:
        return []
    rows = incidents.versions_of(reader, found)
    if found.submitted_by == actor.id:
        return rows
    return [row for row in rows if may_know(actor, row.sharing, protected=row.protected)]


def history(reader: VaultReader, actor: Actor, found: Record, shown: Sequence[Record]) -> dict[str, Any]:
    """Give those versions and every act of an incident; of one that is gone, the acts without their free text."""
    taken = incidents.acts_of(reader, found)
    linked = links(reader, actor, [*taken, *shown])
    told = {version.version for version in shown}
    # What was said of a version that the reader may not know of stays with it.
    acts = [
        act if act["version"] in told else {**act, "reason": None} for act in (act_row(row, linked) for row in taken)
    ]
    if found.gone:
        acts = [{**act, "reason": None} for act in acts]
    versions_shown = [version_row(row, linked) for row in shown]
    return {"id": found.incident_id, "state": found.state, "versions": versions_shown, "acts": acts}


def refuse_gone(found: Record) -> None:
    """Refuse to change what is out of use.

    Raises:
        Conflict: only a tombstone of the incident is left.
    """
    if found.gone:
        raise Conflict("the incident is withdrawn or without consent; nothing can be added to it")


def read_bbox(text: str) -> tuple[float, float, float, float]:
    """Read ``west,south,east,north`` in degrees; west greater than east crosses the antimeridian.

    Raises:
        Invalid: it is not that.
    """
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        west = south = east = north = float("nan")
    # NaN compares false, so whatever is not a number fails here as well.
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):  # noqa: PLR2004
        raise Invalid(Violation("?bbox", "malformed_bbox", "must be west,south,east,north in degrees, south <= north"))
    return west, south, east, north
