"""Rows of the picture: what the vault says of a record, as an audience may know of it, ready to be written.

Every row is a function of what the vault says of one record, of the zones and of the installation's secret.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from flashpoint import mask
from flashpoint.features import dumps
from flashpoint.mask import Draw
from flashpoint.picture import (
    ACCESS,
    VICTIMS,
    Collection,
    Detail,
    Enclave,
    Levels,
    Occurrence,
    Zone,
    community_row,
    detail,
    incident_row,
    is_past,
    zone_of,
)
from flashpoint.store.engine import Record
from flashpoint.store.picture_writing import NewRow, Spot
from flashpoint.types import (
    Audience,
    Consent,
    DatePrecision,
    Estimate,
    GeoPrecision,
    PerpetratorClass,
    ShareAbove,
    Sharing,
)
from flashpoint.zones import Zones


@dataclass(frozen=True, slots=True)
class Scene:
    """What rows are made with: the key, the zones, and what the clock says."""

    key: bytes
    zones: Zones
    clock: datetime
    _zone_ids: dict[str, UUID] = field(init=False, repr=False, compare=False, default_factory=dict)

    def released_id(self, audience: Audience, collection: Collection, subject: str) -> UUID:
        """Give the id of a row."""
        return mask.pseudonym(self.key, collection, audience, subject)

    def zone_id(self, zone: Zone) -> UUID:
        """Give the id of a zone, which is the same for every audience."""
        found = self._zone_ids.get(zone.key)
        if found is None:
            found = self._zone_ids[zone.key] = mask.pseudonym(self.key, Collection.ZONES, None, zone.key)
        return found

    def spot(self, collection: Collection, subject: str, zone: Zone) -> Spot:
        """Give where a record is drawn."""
        point = mask.drawn_point(self.key, Draw(collection, subject, zone.key), self.zones.outlines(zone))
        return Spot(zone.pcode, self.zone_id(zone), point)


def _given(levels: Sequence[Levels]) -> list[tuple[Audience, Detail]]:
    """Give the audiences that are told of a record, and in which detail."""
    every = ((audience, detail(audience, levels)) for audience in Audience)
    return [(audience, told) for audience, told in every if told is not Detail.NONE]


def zone_row(scene: Scene, zone: Zone, area: bytes | None, code_list: str | None) -> NewRow:
    """Write a zone; ``area`` is WKB, ``None`` where it is known by its code alone."""
    properties = {"zone": zone.pcode, "zone_name": zone.name, "zone_level": zone.level, "code_list": code_list}
    zone_id = scene.zone_id(zone)
    return NewRow(zone_id, Spot(zone.pcode, zone_id), dumps(properties).decode(), level=zone.level, area=area)


def incident(scene: Scene, row: Record) -> Iterator[tuple[Audience, NewRow]]:
    """Write what each audience is given of an incident (see ``store.pictures``)."""
    given = _given([*_levels_of_incident(row)])
    if not given:
        return
    told, subject = _occurrence(row, scene.zones), str(row.id)
    zone = zone_of(_around(scene.zones, row), told.geo_precision, scene.zones.operation)
    spot = scene.spot(Collection.INCIDENTS, subject, zone)
    for audience, how in given:
        shown = incident_row(told, zone, how, audience)
        released_id = scene.released_id(audience, Collection.INCIDENTS, subject)
        yield (
            audience,
            NewRow(released_id, spot, dumps(shown).decode(), category=told.category, period=shown["period"]),
        )


def _levels_of_incident(row: Record) -> Iterator[Levels]:
    yield _levels(row.sharing, row.share_above, row.consent, exercise=row.exercise, protected=row.protected)
    if row.new_sharing is not None:
        yield _levels(
            row.new_sharing,
            row.new_share_above,
            row.new_consent,
            exercise=row.new_exercise,
            protected=row.new_protected,
        )


def _levels(sharing: str, share_above: str, consent: str, *, exercise: bool = False, protected: bool = False) -> Levels:
    return Levels(Sharing(sharing), ShareAbove(share_above), Consent(consent), exercise, protected)


def _around(zones: Zones, row: Record) -> list[Zone]:
    """Give the zones around the first place of the incident that is still in force."""
    for place in row.places:
        found = zones.around_unit(place[1:]) if place[0] == "U" else zones.around_locality(place[1:])
        if found is not None:
            return found
    return (zones.around_unit(row.covering) if row.covering else None) or []


def _occurrence(row: Record, zones: Zones) -> Occurrence:
    return Occurrence(
        start=row.event_start,
        end=row.event_end,
        date_precision=DatePrecision(row.date_precision),
        geo_precision=GeoPrecision(row.geo_precision),
        category=row.category,
        perpetrator_class=PerpetratorClass(row.perpetrator_class),
        attributed=bool(row.attributed),
        standard=row.standard,
        victims={name: _estimate(row, name) for name in VICTIMS},
        protected_site=row.protected_site,
        town=zones.town(None if row.locality_id is None else str(row.locality_id)),
    )


def _estimate(row: Record, name: str) -> Estimate | None:
    low = getattr(row, f"{name}_low")
    return None if low is None else Estimate(low, getattr(row, f"{name}_best"), getattr(row, f"{name}_high"))


def community(scene: Scene, row: Record) -> Iterator[tuple[Audience, NewRow]]:
    """Write what each audience is given of a community."""
    told, subject = _enclave(row, scene.zones), str(row.id)
    if told is None or is_past(told, scene.clock):
        return
    zone = zone_of(scene.zones.around_locality(told.town.id) or [], GeoPrecision.EXACT, scene.zones.operation)
    spot = scene.spot(Collection.COMMUNITIES, subject, zone)
    for audience, how in _given([_levels(row.sharing, row.share_above, row.consent)]):
        shown = community_row(told, zone, how, audience, scene.clock)
        released_id = scene.released_id(audience, Collection.COMMUNITIES, subject)
        yield audience, NewRow(released_id, spot, dumps(shown).decode(), period=shown["period"])


def _enclave(row: Record, zones: Zones) -> Enclave | None:
    """Read a community; ``None`` where its locality is not in force any more."""
    town = zones.town(str(row.locality_id))
    if town is None:
        return None
    access = {name: getattr(row, name) for name in ACCESS}
    people = _estimate(row, "people")
    return Enclave(row.name, town, people, row.confinement, access, row.assessed_at, row.expires_at)
