"""Boundaries into the vault: an operation, its localities, and the administrative units above them.

Reference data describe a past that we were not there to record, so all of it counts as known since ``places.ALWAYS``
and is marked as assumed. A correction under the same code list does so too: a replay of the past uses the better map,
and what was released before stays as it was released. A list that replaces another is known from the import on: see
``replacement``.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import shapely
from geoalchemy2.shape import from_shape
from shapely.geometry.base import BaseGeometry
from sqlalchemy import Table

from flashpoint import replacement
from flashpoint.errors import Invalid, NotFound, Violation
from flashpoint.ingest.account import Account
from flashpoint.ingest.admin import AdminUnit
from flashpoint.ingest.boundaries import Boundary, read
from flashpoint.replacement import Ended, Lists, PlacesAccount
from flashpoint.scoring.methodology import DEFAULT
from flashpoint.store import actors, audit, code_lists, methodologies, places
from flashpoint.store.engine import Database, Record, Vault
from flashpoint.store.places import ALWAYS, SRID
from flashpoint.store.tables import admin_unit, locality
from flashpoint.succession import Place
from flashpoint.types import REPLACED, Actor

#: Called with the rows done and, where it is known beforehand, the rows in all.
Progress: TypeAlias = Callable[[int, int | None], None]

DEFAULT_CODE_LIST = "COD-AB"

# Incidents on the border are reported on either side of it, and boundaries are drawn at 1:200,000.
_MARGIN_DEGREES = 0.1
_SIMPLIFY_DEGREES = 0.01

CORRECTED = "known under this code list with another name, area or parent; recorded as its next version"
RETURNED = "was replaced by another list before, and is in force again"
WITHDRAWN = "withdrawn here under this code list; left withdrawn"
UNITS_ADDED = "an administrative unit above was added; its area is the union of the file's units in it"
MOVED = "an incident was placed anew"
NAMES_KEPT = "the operation was there already, and keeps its names"
NOT_IN_FILE = "known here under this code list but not in the file; left as it is"
REPLACED_BEFORE = "the list to be replaced has no place left at this level; nothing is replaced"
ORPHANED = "is without a place from now on, and out of the score"
NEEDS_ORPHANS = "without --allow-orphans this import is refused"


@dataclass(frozen=True, slots=True)
class BoundaryTarget:
    """Where boundaries go. ``level`` runs from ``adm0`` to ``adm4``.

    ``code_list`` names the release of the P-codes: two releases must have two names, because one may give a code
    to another place. ``replaces`` is the list that ends with this import; ``allow_orphans`` lets it leave records
    without a place. A ``dry_run`` does everything and keeps nothing. The names are those of a new operation, its code
    where left out.
    """

    operation: str
    level: str = "adm3"
    code_list: str | None = None
    name_en: str | None = None
    name_fr: str | None = None
    replaces: str | None = None
    allow_orphans: bool = False
    dry_run: bool = False


class _DryRun(Exception):
    """Ends the transaction of a dry run, so that nothing of it stays."""


@dataclass(frozen=True, slots=True)
class _Import:
    """What stays the same from unit to unit of one file. ``since`` is when what it says counts as known."""

    vault: Vault
    actor: Actor
    operation: str
    code_list: str
    level: int
    account: PlacesAccount
    since: datetime
    ended: Ended | None = None

    @property
    def known(self) -> Mapping[str, object]:
        """Give the columns that say since when something is known."""
        return {"known_at": self.since, "known_assumed": self.since < self.vault.at}

    def first_version(self) -> dict[str, object]:
        """Give the columns with which every place begins."""
        return {
            "id": places.new_id(),
            "version": 1,
            "operation": self.operation,
            "code_list": self.code_list,
            "level": self.level,
            "recorded_at": self.vault.at,
            "recorded_by": self.actor.id,
            **self.known,
        }

    def figures(self, pcode: str) -> Mapping[str, object]:
        """Give the population that a place keeps from the list that ended."""
        return {} if self.ended is None else self.ended.figures.get((self.level, pcode), {})


SINCE_ALWAYS: Mapping[str, object] = {"known_at": ALWAYS, "known_assumed": True}


def boundaries(database: Database, path: Path, target: BoundaryTarget, report: Progress) -> Account:
    """Store a level's boundaries, in one transaction: all of them, or none.

    The first boundaries of an operation create it: their level is the one that is ranked, their union with a margin
    its area, the published method its method. Boundaries of that level are localities; those of another level are
    administrative units. Units above that nobody knows yet are made from the parents that the file names.

    Raises:
        Invalid: the file cannot hold such boundaries, the operation's code is not one, the boundaries lie elsewhere,
            another list is in force at the level, or records would be left without a place.
    """
    if not re.fullmatch(r"[A-Z][A-Z0-9_]{1,15}", target.operation):
        rule = "must be 2 to 16 capitals, digits or underscores, a capital first"
        raise Invalid(Violation("/operation", "operation_code", rule))
    account = PlacesAccount(dry_run=target.dry_run)
    found = read(path, target.level, account)
    if found:
        # Alone: an incident or a record that another writer is placing now would stay where nothing is any more.
        with suppress(_DryRun), database.console(alone=True) as vault:
            _store(vault, target, found, (account, report))
            if target.dry_run:
                raise _DryRun
    account.check()
    return account


def _store(vault: Vault, target: BoundaryTarget, found: Sequence[Boundary], to: tuple[PlacesAccount, Progress]) -> None:
    account, report = to
    actor, level = actors.console(vault), int(target.level[-1])
    ranked_level, is_new = _operation(vault, actor, target, found, account)
    code_list, above = target.code_list or DEFAULT_CODE_LIST, _units_above(found)
    lists = Lists(target.operation, target.replaces or "", code_list, level, ranked=level == ranked_level)
    _refuse_wrong_level(vault, lists, ranked_level, found)
    ended = replacement.end(vault, actor, lists, {level: found, **above}) if target.replaces else None
    since = vault.at if ended else code_lists.began(vault, target.operation, code_list) or ALWAYS
    work = _Import(vault, actor, target.operation, code_list, level, account, since, ended)
    known = {row.pcode: row for row in _listed(work, lists.subject) if row.level == level}
    for done, boundary in enumerate(found, start=1):
        _settle(work, lists.subject, boundary, known.get(boundary.pcode))
        report(done, len(found))
    _note_missing(work, known, found)
    added = _add_parents(work, above)
    if account.imported or added or ended:
        places.widen_operation(vault, work.operation, _extent(found))
        counts = {"level": level, "imported": account.imported, "units_added": added}
        counts |= _replace(work, ended, target) if ended else _place_anew(work)
        listed = ("code_list", audit.id_of("code_list", work.operation, code_list))
        audit.write(vault, actor, "import.boundaries", listed, operation=work.operation, **counts)
    elif target.replaces:
        account.note(REPLACED_BEFORE)
    if is_new:
        _begin(vault, actor, target.operation)


def _begin(vault: Vault, actor: Actor, code: str) -> None:
    """Put the published method in force. Last: it is logged, and nobody reads records while the log is held."""
    methodologies.adopt(vault, actor, code, DEFAULT, ("the published default, in force from the beginning", ALWAYS))
    audit.write(vault, actor, "operation.create", ("operation", code), operation=code)


def _operation(
    vault: Vault, actor: Actor, target: BoundaryTarget, found: Sequence[Boundary], account: Account
) -> tuple[int | None, bool]:
    """Give the level that the operation ranks, and whether it is new: create it if it is not there."""
    code, level = target.operation, int(target.level[-1])
    try:
        ranked_level: int | None = places.find_operation(vault, actor, code).ranked_level
    except NotFound:
        names = (target.name_en or code, target.name_fr or target.name_en or code)
        places.add_operation(vault, actor, places.NewOperation(code, *names, _extent(found), level))
        return level, True
    if target.name_en or target.name_fr:
        account.note(NAMES_KEPT)
    return ranked_level, False


def _extent(found: Sequence[Boundary]) -> BaseGeometry:
    """Give a simple area that surely covers the boundaries: every report is tested against it."""
    # Simplified one by one the neighbours no longer fit; the margin is wide enough to close the gaps.
    rough = shapely.simplify([boundary.geometry for boundary in found], _SIMPLIFY_DEGREES)
    wide = shapely.simplify(shapely.buffer(shapely.union_all(rough), _MARGIN_DEGREES, quad_segs=2), _SIMPLIFY_DEGREES)
    return places.multi(shapely.intersection(wide, shapely.box(-180, -90, 180, 90)))


def _refuse_wrong_level(vault: Vault, lists: Lists, ranked_level: int | None, found: Sequence[Boundary]) -> None:
    """Refuse what would rank places twice, cut the units from their localities, or belongs to another country."""
    in_force = code_lists.in_force(vault, lists.operation, lists.subject, lists.level)
    if lists.old == lists.new:
        raise Invalid(Violation("/replaces", "same_code_list", "must be another code list than the new one"))
    if not lists.old and in_force and lists.new not in in_force:
        rule = "another code list is in force at this level; say with --replaces that this one takes its place"
        raise Invalid(Violation("/code_list", "second_code_list", rule))
    if lists.ranked:
        return
    if lists.old and ranked_level is not None:
        _refuse_before_the_ranked_level(vault, lists, ranked_level)
    outside = places.outside(vault, lists.operation, [boundary.geometry for boundary in found])
    if outside:
        rule = f"{len(outside)} of {len(found)} units lie mostly outside the operation's area"
        raise Invalid(Violation("/file", "outside_operation", rule))


def _refuse_before_the_ranked_level(vault: Vault, lists: Lists, ranked_level: int) -> None:
    """Refuse to end units whose localities have not changed: those above go with them, finer ones after them."""
    if lists.level < ranked_level:
        rule = f"belongs to the level that is ranked, adm{ranked_level}; the units above go with it"
    elif lists.new not in code_lists.in_force(vault, lists.operation, locality, ranked_level):
        rule = f"must wait until the new list is in force at the level that is ranked, adm{ranked_level}"
    else:
        return
    raise Invalid(Violation("/replaces", "ranked_level", rule))


def _place_anew(work: _Import) -> dict[str, int]:
    """Place the incidents by the corrected map, for as long as its list has been in force."""
    moved = places.replace_all(work.vault, work.operation, work.since)
    for _ in range(moved):
        work.account.note(MOVED)
    return {"incidents_moved": moved}


def _replace(work: _Import, ended: Ended, target: BoundaryTarget) -> dict[str, int]:
    """Move what was at the places that ended; give the counts for the audit log."""
    moved = replacement.move(work.vault, work.actor, ended, _after(work, ended))
    work.account.moved = moved
    for kind, one in moved.orphans:
        work.account.note(ORPHANED, f"{kind} {one}")
    if moved.orphans and not target.allow_orphans:
        if not target.dry_run:
            replacement.refuse_orphans(moved)
        work.account.note(NEEDS_ORPHANS)
    return moved.counts()


def _after(work: _Import, ended: Ended) -> dict[tuple[int, str], Place]:
    """Give the new places as they stand now, by level and P-code."""
    units = [row for row in _listed(work, admin_unit) if row.level < work.level]
    rows = units + [row for row in _listed(work, ended.lists.subject) if row.level == work.level]
    return {(row.level, row.pcode): Place(row.id, row.pcode, row.name) for row in rows if row.withdrawn_reason is None}


def _listed(work: _Import, subject: Table) -> list[Record]:
    return places.listed(work.vault, subject, work.operation, work.code_list)


def _settle(work: _Import, subject: Table, boundary: Boundary, current: Record | None) -> None:
    """Record a boundary unless it is there already."""
    content = {**_content(subject, boundary), **_parent_columns(subject, boundary.parents)}
    returns = current is not None and current.withdrawn_reason == REPLACED and work.ended is not None
    if current is None:
        _add(work, subject, boundary.pcode, content)
        work.account.count_imported()
    elif current.withdrawn_reason is not None and not returns:
        work.account.note(WITHDRAWN, boundary.pcode)
        work.account.count_already_there()
    elif _is_same(current, boundary, _parent_columns(subject, boundary.parents)) and not returns:
        work.account.count_already_there()
    else:
        _renew(work, subject, current, {**content, **(work.figures(boundary.pcode) if returns else {})})
        work.account.note(RETURNED if returns else CORRECTED, boundary.pcode)
        work.account.count_imported()


def _add(work: _Import, subject: Table, pcode: str, content: Mapping[str, object]) -> None:
    add = places.add_localities if subject is locality else places.add_units
    add(work.vault, [{**work.first_version(), "pcode": pcode, **content, **work.figures(pcode)}])


def _renew(work: _Import, subject: Table, current: Record, changes: Mapping[str, object]) -> None:
    renew = places.renew_locality if subject is locality else places.renew_unit
    renew(work.vault, work.actor, current, **changes, **work.known)


def _content(subject: Table, boundary: Boundary) -> dict[str, Any]:
    if subject is locality:
        return {"name": boundary.name, **places.locality_shape(boundary.geometry, None)}
    return {"name": boundary.name, "area": from_shape(places.multi(boundary.geometry), srid=SRID)}


def _parent_columns(subject: Table, parents: Sequence[AdminUnit]) -> dict[str, str | None]:
    if subject is locality:
        by_level = {parent.level: parent.pcode for parent in parents}
        return {f"adm{level}_pcode": by_level.get(level) for level in (1, 2, 3)}
    return {"parent_pcode": parents[-1].pcode if parents else None}


def _is_same(current: Record, boundary: Boundary, parents: Mapping[str, str | None]) -> bool:
    same_area = current.area_sha256 is not None and bytes(current.area_sha256) == places.area_sha256(boundary.geometry)
    same_parents = all(getattr(current, column) == pcode for column, pcode in parents.items())
    return current.name == boundary.name and same_area and same_parents


def _note_missing(work: _Import, known: Mapping[str, Record], found: Sequence[Boundary]) -> None:
    in_file = {boundary.pcode for boundary in found}
    for pcode, row in known.items():
        if pcode not in in_file and row.withdrawn_reason is None:
            work.account.note(NOT_IN_FILE, pcode)


def _units_above(found: Sequence[Boundary]) -> dict[int, list[Boundary]]:
    """Make the units above from the parents that the file names: each is the union of what the file has in it."""
    children: dict[tuple[int, str], list[Boundary]] = {}
    for boundary in found:
        for parent in boundary.parents:
            children.setdefault((parent.level, parent.pcode), []).append(boundary)
    units: dict[int, list[Boundary]] = {}
    for (level, pcode), inside in children.items():
        above = [parent for parent in inside[0].parents if parent.level < level]
        named = next(parent for parent in inside[0].parents if parent.level == level)
        area = shapely.union_all([boundary.geometry for boundary in inside])
        units.setdefault(level, []).append(Boundary(pcode, named.name or pcode, area, tuple(above)))
    return units


def _add_parents(work: _Import, above: Mapping[int, Sequence[Boundary]]) -> int:
    """Record the units above that are not known yet; give how many. One that is known may come from a better file."""
    known = {(row.level, row.pcode): row for row in _listed(work, admin_unit)}
    added = 0
    for level, units in above.items():
        at_level = replace(work, level=level)
        for unit in units:
            current = known.get((level, unit.pcode))
            content = {**_content(admin_unit, unit), **_parent_columns(admin_unit, unit.parents)}
            if current is None:
                _add(at_level, admin_unit, unit.pcode, content)
            elif current.withdrawn_reason == REPLACED and work.ended is not None:
                _renew(at_level, admin_unit, current, {**content, **at_level.figures(unit.pcode)})
            else:
                continue
            work.account.note(UNITS_ADDED, unit.pcode)
            added += 1
    return added
