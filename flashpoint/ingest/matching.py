"""Which known place each row of a population table speaks of. Pure: rows and places in, matches out.

P-codes come first, but they are not enough: two releases of one country's lists may swap codes (in the Central
African Republic CF124 is Boganda in the 2015 population table and Boganangone in the boundaries), or code the same
places differently (Bangui's arrondissements). A name counts only within the same parent, and only where one row and
one place bear it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from flashpoint.ingest.account import Account
from flashpoint.ingest.admin import AdminUnit, name_key
from flashpoint.ingest.population import PopulationRow


class How(StrEnum):
    """How a row came to its place, or why it has none."""

    PCODE = "pcode"
    PCODE_OTHER_NAME = "pcode_other_name"
    NAME = "name"
    NAME_AGAINST_PCODE = "name_against_pcode"
    TAKEN = "taken"
    NOT_FOUND = "not_found"


_REPAIRS = {
    How.NAME: "matched by name: its P-code is unknown here, its name is unique within its parent",
    How.NAME_AGAINST_PCODE: "matched by name: its P-code belongs to a place of another name here, its name to this one",
}
_NOTES = {How.PCODE_OTHER_NAME: "matched by P-code although the names differ; check that they are the same place"}
_SKIPS = {
    How.TAKEN: "another row had the better claim to the place with this P-code or name",
    How.NOT_FOUND: "no place here has this P-code, or this name within its parent; no place's figure has its people",
}


@dataclass(frozen=True, slots=True)
class KnownPlace:
    """A place that is already known, with its parents from coarse to fine."""

    pcode: str
    name: str
    level: int
    parents: tuple[AdminUnit, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """A row, the P-code of its place (``None`` if it has none), and how that was found."""

    row: PopulationRow
    pcode: str | None
    how: How


Scope = tuple[int, str]
NamedIn = tuple[int, Scope, str]  # level, scope, name key
_EVERYWHERE: Scope = (-1, "")


def match(rows: Sequence[PopulationRow], places: Sequence[KnownPlace]) -> list[Match]:
    """Match rows to places, each place to one row at most, in the order of the rows.

    Claims are heard from strong to weak: P-code and name agree; a unique name against the P-code; P-code alone;
    a unique name alone.
    """
    known = _Known(rows, places)
    found: dict[int, tuple[str, How]] = {}
    taken: set[str] = set()
    for claims in (known.agreeing, known.against_pcode, known.by_pcode, known.by_name):
        for index, row in enumerate(rows):
            claim = claims(row)
            # A name does not overrule a P-code that a better claim has already confirmed, and so on down.
            if claim is not None and index not in found and claim[0] not in taken:
                found[index] = claim
                taken.add(claim[0])
    return [_settle(row, found.get(index), known) for index, row in enumerate(rows)]


def account_for(matches: Iterable[Match], account: Account) -> list[Match]:
    """Write the matches into the account and give those that have a place; the others are skipped."""
    kept = []
    for one in matches:
        if one.pcode is None:
            for number in one.row.source_rows:
                account.skip(_SKIPS[one.how], f"row {number} ({one.row.pcode})")
            continue
        if one.how in _REPAIRS:
            account.repair(_REPAIRS[one.how], one.row.reference)
        if one.how in _NOTES:
            account.note(_NOTES[one.how], one.row.reference)
        kept.append(one)
    return kept


def _settle(row: PopulationRow, claim: tuple[str, How] | None, known: "_Known") -> Match:
    if claim is not None:
        return Match(row, *claim)
    rivals = known.by_pcode(row) or known.by_name(row)
    return Match(row, None, How.TAKEN if rivals else How.NOT_FOUND)


class _Known:
    """The places by P-code and by name within each of their parents, and how often rows bear those names."""

    def __init__(self, rows: Sequence[PopulationRow], places: Sequence[KnownPlace]) -> None:
        self._by_pcode = {place.pcode: place for place in places}
        self._parents = _parents_by_identity(places)
        self._by_name: dict[NamedIn, list[KnownPlace]] = {}
        for place in places:
            for scope in _scopes(place):
                self._by_name.setdefault((place.level, scope, name_key(place.name)), []).append(place)
        self._bearers = Counter(self._named_in(row) for row in rows)

    def agreeing(self, row: PopulationRow) -> tuple[str, How] | None:
        """Claim the place that has both the row's P-code and its name."""
        place = self._by_pcode.get(row.pcode)
        same = place is not None and name_key(place.name) == name_key(row.name)
        return (row.pcode, How.PCODE) if same else None

    def against_pcode(self, row: PopulationRow) -> tuple[str, How] | None:
        """Claim the one place of the row's name, when the row's P-code belongs to a place of another name."""
        place = self._by_name_only(row)
        contradicted = row.pcode in self._by_pcode and place is not None and place.pcode != row.pcode
        return (place.pcode, How.NAME_AGAINST_PCODE) if contradicted and place is not None else None

    def by_pcode(self, row: PopulationRow) -> tuple[str, How] | None:
        """Claim the place of the row's P-code."""
        return (row.pcode, How.PCODE_OTHER_NAME) if row.pcode in self._by_pcode else None

    def by_name(self, row: PopulationRow) -> tuple[str, How] | None:
        """Claim the one place of the row's name within its parent."""
        place = self._by_name_only(row)
        return (place.pcode, How.NAME) if place is not None else None

    def _by_name_only(self, row: PopulationRow) -> KnownPlace | None:
        named_in = self._named_in(row)
        if named_in is None or self._bearers[named_in] != 1:
            return None
        places = self._by_name.get(named_in, [])
        return places[0] if len(places) == 1 else None

    def _named_in(self, row: PopulationRow) -> NamedIn | None:
        """Say within which parent the row's name is to be looked for.

        It is the finest of its parents that is known here: a namesake under another known parent is another place.
        """
        if not row.parents:
            return (row.level, _EVERYWHERE, name_key(row.name))
        scopes = (self._scope(parent) for parent in reversed(row.parents))
        scope = next((scope for scope in scopes if scope is not None), None)
        return None if scope is None else (row.level, scope, name_key(row.name))

    def _scope(self, parent: AdminUnit) -> Scope | None:
        # The name goes before the P-code, because it is the codes that differ between releases.
        by_name = self._parents.get((parent.level, name_key(parent.name)), set())
        if len(by_name) == 1:
            return (parent.level, next(iter(by_name)))
        return (parent.level, parent.pcode) if parent.pcode in self._parents.get((parent.level, None), set()) else None


def _parents_by_identity(places: Sequence[KnownPlace]) -> dict[tuple[int, str | None], set[str]]:
    """P-codes of all parents by level and name key, and by level alone (under ``None``)."""
    found: dict[tuple[int, str | None], set[str]] = {}
    for parent in {parent for place in places for parent in place.parents}:
        found.setdefault((parent.level, None), set()).add(parent.pcode)
        if parent.name:
            found.setdefault((parent.level, name_key(parent.name)), set()).add(parent.pcode)
    return found


def _scopes(place: KnownPlace) -> Iterator[Scope]:
    yield _EVERYWHERE
    for parent in place.parents:
        yield (parent.level, parent.pcode)
