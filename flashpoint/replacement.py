"""A code list takes the place of another: the old places end, incidents and records move, and what moved is told.

All of it counts as known from one instant on, and nothing before it changes: as known earlier, the old list answers.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Table

from flashpoint.errors import Invalid, Violation
from flashpoint.ingest.account import MAX_EXAMPLES, Account
from flashpoint.ingest.boundaries import Boundary
from flashpoint.store import code_lists, places
from flashpoint.store.code_lists import Move
from flashpoint.store.engine import Record, Vault
from flashpoint.store.tables import admin_unit, locality
from flashpoint.succession import MOST, SAME_AREA, Change, Kind, Line, Place, changes, going_on, heirs
from flashpoint.types import Actor

#: Level and P-code: what a new place is called by before it is recorded.
Key = tuple[int, str]

_FIGURES = {
    "locality": ("population_low", "population_best", "population_high", "population_source"),
    "admin_unit": ("population", "population_source"),
}


@dataclass(frozen=True, slots=True)
class Lists:
    """Which list replaces which, at which level of an operation. ``ranked``: the level's places are localities."""

    operation: str
    old: str
    new: str
    level: int
    ranked: bool

    @property
    def subject(self) -> Table:
        """The table that the level's places stand in."""
        return locality if self.ranked else admin_unit


@dataclass(frozen=True, slots=True)
class Share:
    """How much of an old place went to a new one, and how much of the new one that is."""

    old: UUID
    new: Key
    share: float
    share_of_new: float


@dataclass(frozen=True, slots=True)
class Ended:
    """What ended: the old places of the level, and how many units beside them.

    ``shares`` say what all of these have in common with new places; ``figures`` of the population go on, by new place.
    """

    lists: Lists
    before: tuple[Place, ...]
    units: int
    shares: tuple[Share, ...]
    figures: Mapping[Key, Mapping[str, object]]


@dataclass(slots=True)
class Moved:
    """What a replacement did: the account's second half."""

    places: list[Change] = field(default_factory=list)
    units_ended: int = 0
    incidents: list[Move] = field(default_factory=list)
    contexts: Counter[str] = field(default_factory=Counter)
    localities_kept: int = 0
    population_carried: int = 0
    orphans: list[tuple[str, UUID]] = field(default_factory=list)

    @property
    def incidents_moved(self) -> int:
        """How many incidents have another P-code now."""
        return sum(move.incidents for move in self.incidents)

    def counts(self) -> dict[str, int]:
        """Count everything, for the audit log."""
        kinds = Counter(change.kind for change in self.places)
        return {
            **{f"places_{kind}": kinds[kind] for kind in Kind},
            "units_ended": self.units_ended,
            "incidents_moved": self.incidents_moved,
            **{f"{kind}_moved": count for kind, count in sorted(self.contexts.items())},
            "localities_kept": self.localities_kept,
            "population_carried": self.population_carried,
            "orphans": len(self.orphans),
        }

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values."""
        return {
            "places": {kind.value: [one.to_dict() for one in self.places if one.kind is kind] for kind in Kind},
            "units_ended": self.units_ended,
            "incidents": [{"from": one.origin, "to": one.target, "incidents": one.incidents} for one in self.incidents],
            "contexts": dict(sorted(self.contexts.items())),
            "localities_kept": self.localities_kept,
            "population_carried": self.population_carried,
            "orphans": [{"kind": kind, "id": str(one)} for kind, one in self.orphans],
        }

    def lines(self) -> list[str]:
        """Tell it to people, with a few examples of each kind of change."""
        told = [_told(f"places {kind}", [one for one in self.places if one.kind is kind]) for kind in Kind]
        told.append(f"units above that ended x{self.units_ended}")
        routes = [f"{one.origin or 'nowhere'} > {one.target or 'nowhere'}: {one.incidents}" for one in self.incidents]
        told.append(_told("incidents moved", routes, self.incidents_moved))
        told += [f"{kind} records moved x{count}" for kind, count in sorted(self.contexts.items())]
        told.append(f"localities of other lists with units of this one x{self.localities_kept}")
        told.append(f"population figures carried over x{self.population_carried}; the others are missing")
        told.append(_told("without a place from now on", [f"{kind} {one}" for kind, one in self.orphans]))
        return [line for line in told if not line.endswith("x0")]


def _told(what: str, found: Sequence[object], count: int | None = None) -> str:
    """Tell how often something happened, with examples; what has not changed needs none."""
    head = f"{what} x{len(found) if count is None else count}"
    more = "; ..." if len(found) > MAX_EXAMPLES else ""
    plain = not found or what.endswith(Kind.UNCHANGED)
    return head if plain else f"{head} ({'; '.join(map(str, found[:MAX_EXAMPLES]))}{more})"


@dataclass(slots=True)
class PlacesAccount(Account):
    """The account of an import of boundaries; ``moved`` is there where a code list was replaced."""

    moved: Moved | None = None
    dry_run: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Give the account as plain values, for ``--json``."""
        moved = None if self.moved is None else self.moved.to_dict()
        # No ``super()``: a dataclass with slots is made twice, and the short form would know the first one.
        return {**Account.to_dict(self), "dry_run": self.dry_run, "moved": moved}

    def lines(self) -> list[str]:
        """Give the account as sentences for people."""
        rolled_back = ["dry run: nothing was stored"] if self.dry_run else []
        return [*Account.lines(self), *(self.moved.lines() if self.moved else []), *rolled_back]


# -- what ends --------------------------------------------------------------------------------------------------------


def end(vault: Vault, actor: Actor, lists: Lists, new: Mapping[int, Sequence[Boundary]]) -> Ended | None:
    """End the old list's places of the level, and the units above that go with a ranked level; ``None``: none is left.

    ``new`` are the new list's boundaries by level, those above included.

    Raises:
        Invalid: the old list was never here, or the new one lies elsewhere.
    """
    held = _held(vault, lists)
    shares: list[Share] = []
    figures: dict[Key, Mapping[str, object]] = {}
    for subject, level, rows in held:
        found = _shares(vault, subject, rows, (level, new.get(level, ())))
        shares += found
        figures |= _figures(subject, rows, found) if subject is lists.subject or level < lists.level else {}
    before = [row for subject, level, rows in held if _is_the_level(lists, subject, level) for row in rows]
    if not before:
        return None
    _refuse_elsewhere(before, shares)
    for subject, _, rows in held:
        code_lists.end(vault, actor, subject, [row.id for row in rows])
    units = sum(len(rows) for _, _, rows in held) - len(before)
    known = tuple(Place(row.id, row.pcode, row.name) for row in before)
    return Ended(lists, known, units, tuple(shares), figures)


def _is_the_level(lists: Lists, subject: Table, level: int) -> bool:
    return subject is lists.subject and level == lists.level


def _held(vault: Vault, lists: Lists) -> list[tuple[Table, int, list[Record]]]:
    """Give what of the old list is in force and ends now: the places of the level, and the units of it and above."""
    listed = {one: places.listed(vault, one, lists.operation, lists.old) for one in (locality, admin_unit)}
    if not any(listed.values()):
        rule = "must be a code list that has places in this operation"
        raise Invalid(Violation("/replaces", "no_such_code_list", rule))
    levels = [(admin_unit, level) for level in range(lists.level, -1, -1)]
    held = []
    for subject, level in [(locality, lists.level), *levels] if lists.ranked else levels:
        rows = [row for row in listed[subject] if row.level == level and row.withdrawn_reason is None]
        if rows:
            held.append((subject, level, rows))
    return held


def _shares(vault: Vault, subject: Table, rows: Sequence[Record], to: tuple[int, Sequence[Boundary]]) -> list[Share]:
    """Measure what old places share with new ones; where an old one has no area, its code speaks for it."""
    level, new = to
    measured = code_lists.overlaps(vault, subject, [row.id for row in rows], [one.geometry for one in new])
    found = [Share(one.old, (level, new[one.new].pcode), one.share, one.share_of_new) for one in measured]
    codes = {one.pcode for one in new}
    bare = [row for row in rows if row.area_sha256 is None and row.pcode in codes]
    return found + [Share(row.id, (level, row.pcode), 1.0, 1.0) for row in bare]


def _refuse_elsewhere(before: Sequence[Record], shares: Sequence[Share]) -> None:
    covered = {row.id: 0.0 for row in before}
    for one in shares:
        if one.old in covered:
            covered[one.old] += one.share
    if sum(share < MOST for share in covered.values()) > len(covered) / 2:
        rule = "must cover most of the places of the list that it replaces"
        raise Invalid(Violation("/file", "elsewhere", rule))


def _figures(subject: Table, rows: Sequence[Record], shares: Sequence[Share]) -> dict[Key, Mapping[str, object]]:
    """Give the figures that go on: of places that keep their code and their area."""
    known = {row.id: row for row in rows}
    names = _FIGURES[subject.name]
    return {
        one.new: {name: getattr(known[one.old], name) for name in names}
        for one in shares
        if known[one.old].pcode == one.new[1] and min(one.share, one.share_of_new) >= SAME_AREA
    }


# -- what becomes of it -----------------------------------------------------------------------------------------------


def move(vault: Vault, actor: Actor, ended: Ended, after: Mapping[Key, Place]) -> Moved:
    """Tell what became of the ended places, and move what was there: incidents, and records of a locality.

    ``after`` are the new places as they are recorded now, by level and P-code.
    """
    lists, operation = ended.lists, ended.lists.operation
    lines = [
        Line(one.old, after[one.new].id, one.share, one.share_of_new)
        for one in ended.shares
        if one.new in after and after[one.new].id != one.old
    ]
    code_lists.succeed(vault, actor, operation, [(one.old, one.new, one.share, one.share_of_new) for one in lines])
    new = [place for (level, _), place in after.items() if level == lists.level]
    moved = Moved(changes(ended.before, new, lines), ended.units)
    moved.population_carried = sum(any(row.values()) for row in ended.figures.values())
    if lists.ranked:
        _move_contexts(vault, actor, (ended.before, new, lines), moved)
    moved.localities_kept = code_lists.adopt(vault, actor, operation, lists.new)
    places.replace_all(vault, operation)
    moved.incidents = code_lists.moves(vault, operation, vault.at)
    moved.orphans += [("incident", one) for one in code_lists.lost(vault, operation, vault.at)]
    return moved


def _move_contexts(
    vault: Vault, actor: Actor, told: tuple[Sequence[Place], Sequence[Place], Sequence[Line]], moved: Moved
) -> None:
    """Give each record its new locality.

    It is the one around the record's own point; else the one that goes on under code and name; else the one around the
    old locality's point; else the one that got most of the old one.
    """
    before, after, lines = told
    old, new = [place.id for place in before], [place.id for place in after]
    homes = heirs(before, lines) | code_lists.around(vault, old, new) | going_on(before, after, lines)
    found = code_lists.contexts(vault, old, new)
    for kind in code_lists.CONTEXTS:
        targets = {one.id: one.at or homes.get(one.locality) for one in found if one.kind == kind}
        settled = {one: home for one, home in targets.items() if home is not None}
        code_lists.move(vault, actor, kind, settled)
        moved.contexts[kind] = len(settled)
        moved.orphans += [(kind, one) for one, home in targets.items() if home is None]


def refuse_orphans(moved: Moved) -> None:
    """Refuse a replacement that would leave something without a place, and so out of the score.

    Raises:
        Invalid: it would; the first few are named by kind and id.
    """
    if moved.orphans:
        named = ", ".join(f"{kind} {one}" for kind, one in moved.orphans[:MAX_EXAMPLES])
        more = ", ..." if len(moved.orphans) > MAX_EXAMPLES else ""
        rule = (
            f"{len(moved.orphans)} records would be without a place, and out of the score: {named}{more}; "
            "a dry run lists them, --allow-orphans lets them go"
        )
        raise Invalid(Violation("/allow_orphans", "orphans", rule))
