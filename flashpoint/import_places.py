"""Boundaries into the vault: an operation, its localities, and the administrative units above them.

Reference data describe a past that we were not there to record, so all of it counts as known since ``places.ALWAYS``
and is marked as assumed. A correction under the same code list does so too: a replay of the past uses the better map,
and what was released before stays as it was released.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import shapely
from geoalchemy2.shape import from_shape
from shapely.geometry.base import BaseGeometry
from sqlalchemy import Table

from flashpoint.errors import Invalid, NotFound, Violation
from flashpoint.ingest.account import Account
from flashpoint.ingest.admin import AdminUnit
from flashpoint.ingest.boundaries import Boundary, read
from flashpoint.scoring.methodology import DEFAULT
from flashpoint.store import actors, audit, methodologies, places
from flashpoint.store.engine import Database, Record, Vault
from flashpoint.store.places import ALWAYS, SRID
from flashpoint.store.tables import admin_unit, locality
from flashpoint.types import Actor

#: Called with the rows done and, where it is known beforehand, the rows in all.
Progress: TypeAlias = Callable[[int, int | None], None]

DEFAULT_CODE_LIST = "COD-AB"

# Incidents on the border are reported on either side of it, and boundaries are drawn at 1:200,000.
_MARGIN_DEGREES = 0.1
_SIMPLIFY_DEGREES = 0.01

CORRECTED = "known under this code list with another name, area or parent; recorded as its next version"
WITHDRAWN = "withdrawn here under this code list; left withdrawn"
UNITS_ADDED = "an administrative unit above was added; its area is the union of the file's units in it"
MOVED = "an incident was placed anew"
NAMES_KEPT = "the operation was there already, and keeps its names"
NOT_IN_FILE = "known here under this code list but not in the file; left as it is"


@dataclass(frozen=True, slots=True)
class BoundaryTarget:
    """Where boundaries go. ``level`` runs from ``adm0`` to ``adm4``.

    ``code_list`` names the release of the P-codes: two releases must have two names, because one may give a code
    to another place. The names are those of a new operation, its code where left out.
    """

    operation: str
    level: str = "adm3"
    code_list: str | None = None
    name_en: str | None = None
    name_fr: str | None = None


@dataclass(frozen=True, slots=True)
class _Import:
    """What stays the same from unit to unit of one file."""

    vault: Vault
    actor: Actor
    operation: str
    code_list: str
    level: int
    account: Account

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
            **SINCE_ALWAYS,
        }


SINCE_ALWAYS: Mapping[str, object] = {"known_at": ALWAYS, "known_assumed": True}


def boundaries(database: Database, path: Path, target: BoundaryTarget, report: Progress) -> Account:
    """Store a level's boundaries, in one transaction: all of them, or none.

    The first boundaries of an operation create it: their level is the one that is ranked, their union with a margin
    its area, the published method its method. Boundaries of that level are localities; those of another level are
    administrative units. Units above that nobody knows yet are made from the parents that the file names.

    Raises:
        Invalid: the file cannot hold such boundaries, or the operation's code is not one.
    """
    if not re.fullmatch(r"[A-Z][A-Z0-9_]{1,15}", target.operation):
        rule = "must be 2 to 16 capitals, digits or underscores, a capital first"
        raise Invalid(Violation("/operation", "operation_code", rule))
    account = Account()
    found = read(path, target.level, account)
    if found:
        with database.vault() as vault:
            _store(vault, target, found, (account, report))
    account.check()
    return account


def _store(vault: Vault, target: BoundaryTarget, found: Sequence[Boundary], to: tuple[Account, Progress]) -> None:
    account, report = to
    actor, level = actors.console(vault), int(target.level[-1])
    ranked_level = _operation(vault, actor, target, found, account)
    code_list = target.code_list or DEFAULT_CODE_LIST
    work = _Import(vault, actor, target.operation, code_list, level, account)
    subject = locality if level == ranked_level else admin_unit
    known = {row.pcode: row for row in places.listed(vault, subject, work.operation, code_list) if row.level == level}
    for done, boundary in enumerate(found, start=1):
        _settle(work, subject, boundary, known.get(boundary.pcode))
        report(done, len(found))
    _note_missing(work, known, found)
    added = _add_parents(work, found)
    if account.imported or added:
        places.widen_operation(vault, work.operation, _extent(found))
        for _ in range(places.replace_all(vault, work.operation, ALWAYS)):
            account.note(MOVED)
        counts = {"level": level, "imported": account.imported, "units_added": added}
        audit.write(vault, actor, "import.boundaries", ("code_list", code_list), operation=work.operation, **counts)


def _operation(
    vault: Vault, actor: Actor, target: BoundaryTarget, found: Sequence[Boundary], account: Account
) -> int | None:
    """Give the level that the operation ranks; create the operation if it is not there."""
    code, level = target.operation, int(target.level[-1])
    try:
        ranked_level: int | None = places.find_operation(vault, actor, code).ranked_level
    except NotFound:
        names = (target.name_en or code, target.name_fr or target.name_en or code)
        places.add_operation(vault, actor, places.NewOperation(code, *names, _extent(found), level))
        why = ("the published default, in force from the beginning", ALWAYS)
        methodologies.adopt(vault, actor, code, DEFAULT, why)
        audit.write(vault, actor, "operation.create", ("operation", code), operation=code)
        return level
    if target.name_en or target.name_fr:
        account.note(NAMES_KEPT)
    return ranked_level


def _extent(found: Sequence[Boundary]) -> BaseGeometry:
    """Give a simple area that surely covers the boundaries: every report is tested against it."""
    # Simplified one by one the neighbours no longer fit; the margin is wide enough to close the gaps.
    rough = shapely.simplify([boundary.geometry for boundary in found], _SIMPLIFY_DEGREES)
    wide = shapely.simplify(shapely.buffer(shapely.union_all(rough), _MARGIN_DEGREES, quad_segs=2), _SIMPLIFY_DEGREES)
    return places.multi(shapely.intersection(wide, shapely.box(-180, -90, 180, 90)))


def _settle(work: _Import, subject: Table, boundary: Boundary, current: Record | None) -> None:
    """Record a boundary unless it is there already."""
    parents = _parent_columns(subject, boundary.parents)
    if current is None:
        add = places.add_localities if subject is locality else places.add_units
        add(work.vault, [{**work.first_version(), "pcode": boundary.pcode, **_content(subject, boundary), **parents}])
        work.account.count_imported()
    elif current.withdrawn_reason is not None:
        work.account.note(WITHDRAWN, boundary.pcode)
        work.account.count_already_there()
    elif _is_same(current, boundary, parents):
        work.account.count_already_there()
    else:
        renew = places.renew_locality if subject is locality else places.renew_unit
        renew(work.vault, work.actor, current, **_content(subject, boundary), **parents, **SINCE_ALWAYS)
        work.account.note(CORRECTED, boundary.pcode)
        work.account.count_imported()


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


def _add_parents(work: _Import, found: Sequence[Boundary]) -> int:
    """Make the units above that are not known yet; give how many. One that is known may come from a better file."""
    known = {(row.level, row.pcode) for row in places.listed(work.vault, admin_unit, work.operation, work.code_list)}
    children: dict[tuple[int, str], list[Boundary]] = {}
    for boundary in found:
        for parent in boundary.parents:
            if (parent.level, parent.pcode) not in known:
                children.setdefault((parent.level, parent.pcode), []).append(boundary)
    for (level, pcode), inside in children.items():
        above = [parent for parent in inside[0].parents if parent.level < level]
        named = next(parent for parent in inside[0].parents if parent.level == level)
        area = shapely.union_all([boundary.geometry for boundary in inside])
        unit = Boundary(pcode, named.name or pcode, area, tuple(above))
        _add_unit(replace(work, level=level), unit)
        work.account.note(UNITS_ADDED, pcode)
    return len(children)


def _add_unit(work: _Import, unit: Boundary) -> None:
    content = {**_content(admin_unit, unit), **_parent_columns(admin_unit, unit.parents)}
    places.add_units(work.vault, [{**work.first_version(), "pcode": unit.pcode, **content}])
