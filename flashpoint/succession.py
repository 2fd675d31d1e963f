"""What became of the places of a code list that another one replaced, told from the areas that they share. Pure.

*heir* of an old place: the new one that got at least half of it. *Origin* of a new place: the old one that makes up at
least half of it. All kinds of change follow from these two.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

#: From this share on, both ways, two areas are the same one, drawn at another scale.
SAME_AREA = 0.99
MOST = 0.5


class Kind(StrEnum):
    """What happened to a place. A redrawn one keeps code and name; a recoded or renamed one may be redrawn as well."""

    UNCHANGED = "unchanged"
    RENAMED = "renamed"
    RECODED = "recoded"
    REDRAWN = "redrawn"
    SPLIT = "split"
    MERGED = "merged"
    NEW = "new"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Place:
    """A place of one list."""

    id: UUID
    pcode: str
    name: str


@dataclass(frozen=True, slots=True)
class Line:
    """How much of an old place's area went to a new one, and how much of the new one's area that is."""

    old: UUID
    new: UUID
    share: float
    share_of_new: float

    @property
    def same_area(self) -> bool:
        """Whether the two are the same area."""
        return min(self.share, self.share_of_new) >= SAME_AREA


@dataclass(frozen=True, slots=True)
class Change:
    """What became of some places: ``before`` is empty for a new one, ``after`` for one that is gone."""

    kind: Kind
    before: tuple[Place, ...]
    after: tuple[Place, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give the change as plain values."""
        sides = (("from", self.before), ("to", self.after))
        return {side: [{"pcode": one.pcode, "name": one.name} for one in found] for side, found in sides}

    def __str__(self) -> str:
        sides = (" + ".join(one.pcode for one in side) for side in (self.before, self.after))
        return " > ".join(side for side in sides if side)


def changes(before: Sequence[Place], after: Sequence[Place], lines: Sequence[Line]) -> list[Change]:
    """Tell what became of each old place, and where each new one is from; in the order of the places.

    An old place that was cut, and whose larger part went into another one, is told of twice: as split and as merged.
    """
    told = _Told(before, after, lines)
    return [*told.of_old(), *told.of_new()]


def heirs(places: Sequence[Place], lines: Sequence[Line]) -> dict[UUID, UUID]:
    """Give the new place that got at least half of each old one."""
    return _largest([(line.old, line.new, line.share) for line in lines], {place.id for place in places})


def going_on(before: Sequence[Place], after: Sequence[Place], lines: Sequence[Line]) -> dict[UUID, UUID]:
    """Give the new place that goes on under the code and the name of each old one, on some of its ground."""
    new = {place.id: place for place in after}
    old = {place.id: place for place in before}
    return {
        line.old: line.new
        for line in lines
        if line.new in new
        and line.old in old
        and (old[line.old].pcode, old[line.old].name) == (new[line.new].pcode, new[line.new].name)
    }


class _Told:
    """The heirs and origins of one change of lists."""

    def __init__(self, before: Sequence[Place], after: Sequence[Place], lines: Sequence[Line]) -> None:
        self._before = {place.id: place for place in before}
        self._after = {place.id: place for place in after}
        ours = [line for line in lines if line.old in self._before and line.new in self._after]
        # Of two equal halves the first by P-code counts as the larger one, whatever order they come in.
        ours.sort(key=lambda line: (self._before[line.old].pcode, self._after[line.new].pcode))
        self._lines = {(line.old, line.new): line for line in ours}
        self._heir = _largest([(line.old, line.new, line.share) for line in ours], self._before.keys())
        self._origin = _largest([(line.new, line.old, line.share_of_new) for line in ours], self._after.keys())
        self._children, self._parents = _grouped(self._origin), _grouped(self._heir)

    def of_old(self) -> Iterator[Change]:
        for old, place in self._before.items():
            parts = dict.fromkeys([*self._children.get(old, ()), *self._of(self._heir.get(old))])
            if len(parts) > 1:
                yield Change(Kind.SPLIT, (place,), tuple(self._after[one] for one in parts))
            elif parts and not self._is_merged(*parts):
                (new,) = parts
                yield Change(self._kind_of_pair(old, new), (place,), (self._after[new],))
            elif not parts:
                yield self._scattered(place)

    def of_new(self) -> Iterator[Change]:
        for new, place in self._after.items():
            if self._is_merged(new):
                parts = dict.fromkeys([*self._parents[new], *self._of(self._origin.get(new))])
                yield Change(Kind.MERGED, tuple(self._before[one] for one in parts), (place,))
            elif new not in self._origin and new not in self._parents:
                yield Change(Kind.NEW, (), (place,))

    def _of(self, one: UUID | None) -> list[UUID]:
        return [] if one is None else [one]

    def _is_merged(self, new: UUID) -> bool:
        parents = self._parents.get(new, [])
        return len(parents) > 1 or (bool(parents) and self._origin.get(new) not in parents)

    def _scattered(self, place: Place) -> Change:
        """Tell of a place of which nobody got most, and which is most of nobody."""
        parts = [line for line in self._lines.values() if line.old == place.id]
        if sum(line.share for line in parts) < MOST:
            return Change(Kind.GONE, (place,), ())
        return Change(Kind.SPLIT, (place,), tuple(self._after[line.new] for line in parts))

    def _kind_of_pair(self, old: UUID, new: UUID) -> Kind:
        before, after = self._before[old], self._after[new]
        if before.pcode != after.pcode:
            return Kind.RECODED
        if before.name != after.name:
            return Kind.RENAMED
        return Kind.UNCHANGED if self._lines[old, new].same_area else Kind.REDRAWN


def _largest(shares: Sequence[tuple[UUID, UUID, float]], of: Collection[UUID]) -> dict[UUID, UUID]:
    """Give for each first id the second one with the largest share of it, where that is at least half."""
    found: dict[UUID, tuple[float, UUID]] = {}
    for one, other, share in shares:
        if one in of and share >= MOST and share > found.get(one, (0.0, other))[0]:
            found[one] = (share, other)
    return {one: other for one, (_, other) in found.items()}


def _grouped(pairs: Mapping[UUID, UUID]) -> dict[UUID, list[UUID]]:
    groups: dict[UUID, list[UUID]] = defaultdict(list)
    for one, other in pairs.items():
        groups[other].append(one)
    return dict(groups)
