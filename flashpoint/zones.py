"""The zones of an operation as they are now: the areas that released rows may name, and which of them hold a place."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from shapely import from_wkb

from flashpoint.mask import Outline
from flashpoint.picture import COMMUNE_LEVEL, OPERATION_LEVEL, Town, Zone


@dataclass(frozen=True, slots=True)
class Place:
    """A unit or a locality in force. ``level`` is ``None`` for a point with a catchment, which is no zone.

    ``above`` are P-codes of what holds it; ``outlines`` its boundaries in WKB, by version, from the first to the last.
    """

    key: str
    pcode: str
    name: str
    code_list: str
    level: int | None
    above: tuple[str, ...]
    is_unit: bool
    outlines: tuple[tuple[int, bytes], ...] = ()

    @property
    def is_zone(self) -> bool:
        """Whether it may be named where finer places may not."""
        return self.level is not None and OPERATION_LEVEL < self.level <= COMMUNE_LEVEL


@dataclass(slots=True, eq=False)
class Zones:
    """The zones of an operation, and its localities. ``digest`` tells the operation's own area from another."""

    operation: Zone
    digest: bytes
    places: Sequence[Place]
    _by_key: dict[str, Place] = field(init=False, repr=False)
    _by_code: dict[str, Place] = field(init=False, repr=False)
    _outlines: dict[str, list[Outline]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Index the places. Where a code means several, it is the unit, and that of the newest list."""
        self._by_key = {place.key: place for place in self.places}
        ranked = sorted(self.places, key=lambda one: (one.is_unit, one.code_list, one.key))
        self._by_code = {place.pcode: place for place in ranked if place.is_zone or place.is_unit}

    def named(self) -> Iterable[tuple[Zone, Place]]:
        """Give every zone but the operation, with its place."""
        return ((_zone(place), place) for place in self.places if place.is_zone)

    def town(self, key: str | None) -> Town | None:
        """Give a locality in force by its id."""
        place = None if key is None else self._by_key.get(key)
        return None if place is None else Town(place.key, place.pcode, place.name, place.level)

    def around_locality(self, key: str) -> list[Zone] | None:
        """Give the zones around a locality, itself among them, the smallest first; ``None`` if it is not in force."""
        place = self._by_key.get(key)
        return None if place is None or place.is_unit else self._around(place)

    def around_unit(self, pcode: str) -> list[Zone] | None:
        """Give the zones around a unit, itself among them, the smallest first; ``None`` if it is not in force."""
        place = self._by_code.get(pcode)
        return None if place is None else self._around(place)

    def _around(self, place: Place) -> list[Zone]:
        found: dict[str, Place] = {}
        waiting = [place]
        while waiting:
            one = waiting.pop()
            if one.key not in found:
                found[one.key] = one
                waiting += [self._by_code[code] for code in one.above if code in self._by_code]
        zones = [_zone(one) for one in found.values() if one.is_zone]
        return sorted(zones, key=lambda zone: (-zone.level, zone.pcode, zone.key))

    def outlines(self, zone: Zone) -> list[Outline]:
        """Give the boundaries of a zone, from the first to those in force; none of the operation: it is no place."""
        if zone.key not in self._by_key:
            return []
        if zone.key not in self._outlines:
            kept = self._by_key[zone.key].outlines
            self._outlines[zone.key] = [Outline(version, from_wkb(wkb)) for version, wkb in kept]
        return self._outlines[zone.key]


def _zone(place: Place) -> Zone:
    return Zone(place.key, place.pcode, place.name, place.level or OPERATION_LEVEL, bool(place.outlines))


def outlines_by_place(rows: Iterable[tuple[object, int, bytes]]) -> Mapping[str, tuple[tuple[int, bytes], ...]]:
    """Group rows of id, version and WKB, which come in the order of the versions."""
    found: dict[str, list[tuple[int, bytes]]] = {}
    for place, version, wkb in rows:
        found.setdefault(str(place), []).append((version, bytes(wkb)))
    return {place: tuple(outlines) for place, outlines in found.items()}
