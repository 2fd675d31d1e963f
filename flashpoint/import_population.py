"""Population figures into the vault: of localities, and of the administrative units above them.

A unit's figure is published, or the sum of all the file's rows under it, whether they have a polygon here or not. It
is stored as the unit's own and never recomputed from the localities that happen to exist: otherwise adding
a locality would change the scores of its neighbours.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flashpoint.errors import Invalid, Violation
from flashpoint.import_places import SINCE_ALWAYS, Progress
from flashpoint.ingest.account import Account
from flashpoint.ingest.admin import AdminUnit, clean_name
from flashpoint.ingest.matching import KnownPlace, Match, account_for, match
from flashpoint.ingest.population import PopulationRow, PopulationTable, read
from flashpoint.store import actors, audit, places
from flashpoint.store.engine import Database, Record, Vault
from flashpoint.types import Actor

SUMMED = "a unit above got the sum of the file's figures under it"
FIGURE_KEPT = "a unit above keeps the figure it had, which is not the sum of the file's figures under it"
#: What a unit's source begins with where its figure is our sum.
SUM_OF = "sum of "
NO_UNIT = "a row's people are in no sum of a unit above: which unit it belongs to is not known here"

_LONGEST_SOURCE = 200


@dataclass(frozen=True, slots=True)
class _Places:
    """The places of one level under one code list, by P-code, as rows and as what the matching asks for."""

    code_list: str
    rows: dict[str, Record]
    known: tuple[KnownPlace, ...]


@dataclass(frozen=True, slots=True)
class _Import:
    vault: Vault
    actor: Actor
    operation: str
    source: str
    account: Account


def population(database: Database, path: Path, operation: str | None, report: Progress) -> Account:
    """Store the figures of a file, in one transaction. Known since ``places.ALWAYS``, assumed.

    Without an operation it is the one in which P-codes of the file are known. Where an operation has several code
    lists, the figures go to the one that most rows match.

    Raises:
        Invalid: the file is no population table, or it does not say by its P-codes which operation is meant.
        NotFound: there is no such operation.
    """
    account = Account()
    table = read(path, account)
    with database.console() as vault:
        actor = actors.console(vault)
        code, candidates = _target(vault, actor, table, operation)
        work = _Import(vault, actor, code, _source_name(path), account)
        by_list = {one.code_list: match(table.rows, one.known) for one in candidates}
        chosen = max(
            candidates, key=lambda one: (sum(m.pcode is not None for m in by_list[one.code_list]), one.code_list)
        )
        changed = _store(work, chosen, by_list[chosen.code_list], report)
        changed += _store_sums(work, chosen, by_list[chosen.code_list])
        if changed:
            subject = ("population", audit.id_of("population", code, work.source))
            audit.write(vault, actor, "import.population", subject, operation=code, level=table.level, changed=changed)
    account.check()
    return account


def _source_name(path: Path) -> str:
    return clean_name(Path(path.name.removesuffix(".gz")).stem)[:_LONGEST_SOURCE]


def _target(vault: Vault, actor: Actor, table: PopulationTable, operation: str | None) -> tuple[str, Sequence[_Places]]:
    """Give the operation that the file speaks of, with its places of the file's level, one entry a code list."""
    if operation is not None:
        places.find_operation(vault, actor, operation)
        found = _places(vault, operation, table.level)
        if not found:
            raise Invalid(Violation("/file", "level", f"the operation has no places of adm{table.level}, the file's"))
        return operation, found
    pcodes = {row.pcode for row in table.rows}
    matching = {}
    for code in places.operation_codes(vault, actor):
        found = _places(vault, code, table.level)
        if any(pcodes & one.rows.keys() for one in found):
            matching[code] = found
    if len(matching) != 1:
        which = "more than one operation has" if matching else "no operation has"
        rule = f"{which} places of adm{table.level} with P-codes of the file; name the operation"
        raise Invalid(Violation("/operation", "operation_by_pcode", rule))
    return next(iter(matching.items()))


def _places(vault: Vault, code: str, level: int) -> list[_Places]:
    """Give an operation's places of a level: its localities, or where those are of another level its units."""
    units = _live_units(vault, code)
    localities = [row for row in places.known_localities(vault, code) if row.level == level]
    rows = localities or [row for row in units if row.level == level]
    return [_of_list(vault, code, code_list, rows) for code_list in sorted({row.code_list for row in rows})]


def _of_list(vault: Vault, code: str, code_list: str, rows: Sequence[Record]) -> _Places:
    units = _units(vault, code, code_list)
    mine = [row for row in rows if row.code_list == code_list]
    known = (KnownPlace(row.pcode, row.name, row.level, _parents(row, units)) for row in mine)
    return _Places(code_list, {row.pcode: row for row in mine}, tuple(known))


def _live_units(vault: Vault, code: str) -> list[Record]:
    return [row for row in places.known_units(vault, code) if row.withdrawn_reason is None]


def _units(vault: Vault, code: str, code_list: str) -> dict[str, Record]:
    return {row.pcode: row for row in _live_units(vault, code) if row.code_list == code_list}


def _parents(row: Record, units: dict[str, Record]) -> tuple[AdminUnit, ...]:
    """Give the units above a locality or a unit, from coarse to fine."""
    if hasattr(row, "adm1_pcode"):
        pcodes = [row.adm1_pcode, row.adm2_pcode, row.adm3_pcode]
        above = [units[pcode] for pcode in pcodes if pcode in units]
    else:
        above, unit = [], units.get(row.parent_pcode)
        while unit is not None and unit.level < (above[0].level if above else row.level):
            above.insert(0, unit)
            unit = units.get(unit.parent_pcode)
    return tuple(AdminUnit(unit.level, unit.pcode, unit.name) for unit in above)


def _store(work: _Import, held: _Places, matches: Sequence[Match], report: Progress) -> int:
    """Record each matched row's figure unless it is there already; give how many places changed."""
    kept = account_for(matches, work.account)
    changed = 0
    for done, one in enumerate(kept, start=1):
        if one.pcode is not None and _renew(work, held.rows[one.pcode], one.row):
            changed += 1
            work.account.count_imported(len(one.row.source_rows))
        else:
            work.account.count_already_there(len(one.row.source_rows))
        report(done, len(kept))
    return changed


def _renew(work: _Import, current: Record, row: PopulationRow) -> bool:
    """Record the next version of a place if its figure is another; say whether it was."""
    if hasattr(current, "population"):
        figure = {"population": row.best, "population_source": work.source}
        same = all(getattr(current, name) == value for name, value in figure.items())
        if not same:
            places.renew_unit(work.vault, work.actor, current, **figure, **SINCE_ALWAYS)
        return not same
    figures = {"population_low": row.low, "population_best": row.best, "population_high": row.high}
    same = all(getattr(current, name) == figure for name, figure in figures.items())
    if not same:
        source = {"population_source": work.source}
        places.renew_locality(work.vault, work.actor, current, **figures, **source, **SINCE_ALWAYS)
    return not same


def _store_sums(work: _Import, held: _Places, matches: Sequence[Match]) -> int:
    """Give units above without a figure of their own the sum of the file's rows in them; give how many changed."""
    units = _units(work.vault, work.operation, held.code_list)
    changed = 0
    for pcode, people in sorted(_sums(held, matches, work.account).items()):
        current = units[pcode]
        source = f"{SUM_OF}{work.source}"[:_LONGEST_SOURCE]
        if current.population is not None and not (current.population_source or "").startswith(SUM_OF):
            # A published figure of the unit itself is better than our sum.
            if current.population != people:
                work.account.note(FIGURE_KEPT, pcode)
        elif (current.population, current.population_source) != (people, source):
            figure = {"population": people, "population_source": source}
            places.renew_unit(work.vault, work.actor, current, **figure, **SINCE_ALWAYS)
            work.account.note(SUMMED, pcode)
            changed += 1
    return changed


def _sums(held: _Places, matches: Sequence[Match], account: Account) -> dict[str, int]:
    """Add up the file's figures by the unit above them here, which is the one above the matched place.

    The file may code the units otherwise: COD-PS 2015 makes eight of Bangui, one to an arrondissement. A row without
    a place goes where the rows go that share its parent in the file.
    """
    above = {place.pcode: {unit.level: unit.pcode for unit in place.parents} for place in held.known}
    siblings: dict[AdminUnit, set[str]] = {}
    for one, parent in _with_parents(matches):
        if one.pcode is not None and parent.level in above[one.pcode]:
            siblings.setdefault(parent, set()).add(above[one.pcode][parent.level])
    sums: dict[str, int] = {}
    for one, parent in _with_parents(matches):
        shared = siblings.get(parent, set())
        here = next(iter(shared), None) if len(shared) == 1 else None
        unit = here if one.pcode is None else above[one.pcode].get(parent.level)
        if unit is None:
            account.note(NO_UNIT, one.row.reference)
        else:
            sums[unit] = sums.get(unit, 0) + one.row.best
    return sums


def _with_parents(matches: Sequence[Match]) -> Iterator[tuple[Match, AdminUnit]]:
    yield from ((one, parent) for one in matches for parent in one.row.parents)
