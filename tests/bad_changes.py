"""What every other writing route must refuse: subjects, steps, sources, corrections and withdrawals.

A case is a change of something valid; ``pointer`` is where the first violation stands, ``None`` for any.
"""

from dataclasses import dataclass
from typing import Any

from bad_body import TOKEN
from service import NOBODY, a_source, ago

FAR = {"type": "Point", "coordinates": [2.35, 48.85]}
SWAPPED = {"type": "Point", "coordinates": [9.0, 22.0]}
INSIDE = {"type": "Point", "coordinates": [18.5, 4.5]}
LINE = {"type": "LineString", "coordinates": [[18.0, 4.0], [18.5, 4.5]]}
SQUARE = {"type": "Polygon", "coordinates": [[[18, 4], [19, 4], [19, 5], [18, 5], [18, 4]]]}
DROPPED = object()


@dataclass(frozen=True)
class BadSubject:
    """A Feature with one property, or its geometry, changed. ``DROPPED`` leaves the member out."""

    kind: str
    name: str
    value: Any
    pointer: str | None = ""
    also: tuple[tuple[str, Any], ...] = ()

    @property
    def at(self) -> str | None:
        if self.pointer != "":
            return self.pointer
        return "/geometry" if self.name == "geometry" else f"/properties/{self.name}"

    def __str__(self) -> str:
        return f"{self.kind}-{self.name}"

    def body(self, good: dict[str, Any]) -> dict[str, Any]:
        properties, geometry = dict(good["properties"]), good["geometry"]
        for name, value in ((self.name, self.value), *self.also):
            if name == "geometry":
                geometry = value
            elif value is DROPPED:
                del properties[name]
            else:
                properties[name] = value
        return {"type": "Feature", "geometry": geometry, "properties": properties}


def _inverted(**kept: int) -> dict[str, int]:
    return {"low": 9, "best": 5, "high": 7} | kept


ASSESSED = [
    ("locality", TOKEN),
    ("locality", NOBODY),
    ("locality", ""),
    ("locality", "x" * 41),
    ("locality", 7),
    ("operation", "NOPE", "/properties/operation"),
    ("operation", "nope"),
    ("sharing", TOKEN),
    ("share_above", TOKEN),
    ("consent", None),
    ("consent", DROPPED),
    ("assessed_at", ago(-1)),
    ("assessed_at", "2026-02-30T00:00:00Z"),
    ("assessed_at", 1_700_000_000),
    ("expires_at", ago(4)),
    ("expires_at", "2999-01-01T00:00:00Z"),
    ("geometry", INSIDE),
    ("geometry", FAR),
    ("geometry", LINE, "/geometry/type"),
    ("geometry", SQUARE, "/geometry/type"),
    ("contact_name", TOKEN),
    (TOKEN, 1, "/properties"),
]
LOCALITIES = [
    ("geometry", None),
    ("geometry", LINE, "/geometry/type"),
    ("geometry", FAR),
    ("geometry", SWAPPED),
    ("geometry", SQUARE, "/properties/level"),
    ("geometry", SQUARE, "/properties/catchment_km", (("level", 3),)),
    ("level", 3),
    ("level", 5),
    ("level", True),
    ("catchment_km", 0),
    ("catchment_km", 201),
    ("catchment_km", 1.5),
    ("catchment_km", DROPPED),
    ("pcode", "X 13"),
    ("pcode", f"'; DROP TABLE vault.locality; -- {TOKEN}"),
    ("pcode", ""),
    ("pcode", DROPPED),
    ("name", ""),
    ("name", "x" * 201),
    ("name", "nul\x00"),
    ("population", _inverted()),
    ("population", _inverted(low=-1), "/properties/population/low"),
    ("population", 20_000),
    ("operation", "NOPE"),
    ("score", 100),
]
COMMUNITIES = [
    *ASSESSED,
    ("name", DROPPED),
    ("name", TOKEN * 20),
    ("confinement", 5),
    ("confinement", -1),
    ("confinement", "sealed"),
    ("food_access", 5),
    ("market_access", 1.0),
    ("people", _inverted()),
    ("people", {"low": 1, "best": 2}, "/properties/people/high"),
    ("wishes_to_leave", TOKEN),
]
ASSESSMENTS = [
    *ASSESSED,
    ("likelihood", 0),
    ("likelihood", 6),
    ("likelihood", DROPPED),
    ("impact", "high"),
    ("horizon_days", 0),
    ("horizon_days", 367),
    ("reason", ""),
    ("reason", "x" * 2001),
]
PRESENCES = [
    ("type", TOKEN),
    ("type", DROPPED),
    ("locality", TOKEN),
    ("since", ago(0.5), "/properties/confirmed_at"),
    ("until", ago(21)),
    ("confirmed_at", ago(-1)),
    ("since", ago(-2), None),
    ("geometry", SQUARE, "/geometry/type"),
    ("geometry", FAR),
    ("geometry", SWAPPED),
    ("sharing", DROPPED),
    ("share_above", DROPPED),
    ("share_above", TOKEN),
    ("consent", DROPPED),
    ("note", "x" * 201),
]
SUBJECTS = [
    BadSubject(kind, *case)
    for kind, cases in {
        "locality": LOCALITIES,
        "community": COMMUNITIES,
        "assessment": ASSESSMENTS,
        "presence": PRESENCES,
    }.items()
    for case in cases
]

#: Bodies of a step, with the pointer of the first violation.
STEPS: list[tuple[Any, str | None]] = [
    ({}, "/action"),
    ([], None),
    (None, None),
    (TOKEN, None),
    ({"action": TOKEN}, "/action"),
    ({"action": None}, "/action"),
    ({"action": "Corroborate"}, "/action"),
    ({"action": "report"}, "/action"),
    ({"action": "import", "standard": "external:ucdp"}, "/action"),
    ({"action": "edit"}, "/action"),
    ({"action": "verify"}, "/standard"),
    ({"action": "verify", "standard": TOKEN}, "/standard"),
    ({"action": "verify", "standard": "external:ucdp"}, "/standard"),
    ({"action": "verify", "standard": "reasonable_grounds", "reason_code": "false"}, "/reason_code"),
    ({"action": "verify", "standard": "reasonable_grounds", "attribution_verified": "yes"}, "/attribution_verified"),
    ({"action": "corroborate", "standard": "reasonable_grounds"}, "/standard"),
    ({"action": "corroborate", "reason": ""}, "/reason"),
    ({"action": "corroborate", "reason": "x" * 2001}, "/reason"),
    ({"action": "corroborate", "verifier": TOKEN}, "/verifier"),
    ({"action": "corroborate", "known_at": "2020-01-01T00:00:00Z"}, "/known_at"),
    ({"action": "withdraw"}, "/reason_code"),
    ({"action": "withdraw", "reason_code": TOKEN}, "/reason_code"),
    ({"action": "withdraw", "reason_code": "false", "duplicate_of": NOBODY}, "/duplicate_of"),
    ({"action": "mark_duplicate"}, "/duplicate_of"),
    ({"action": "mark_duplicate", "duplicate_of": TOKEN}, "/duplicate_of"),
    ({"action": "mark_duplicate", "duplicate_of": NOBODY}, "/duplicate_of"),
    ({"action": "merge"}, "/duplicate_of"),
    ({"action": "merge", "duplicate_of": NOBODY}, "/duplicate_of"),
    ({"action": "unmerge"}, "/action"),
    ({"action": "verify_attribution", "reason": "x"}, "/standard"),
    ({"action": "verify_attribution", "standard": "reasonable_grounds"}, "/reason"),
    ({"action": "dispute_attribution"}, "/reason"),
    ({"action": "dispute_attribution", "reason": "x", "standard": "reasonable_grounds"}, "/standard"),
    ({"action": "corroborate", "attribution_verified": True}, "/attribution_verified"),
]

_SOUND = a_source("ngo", "g9")
#: Bodies of further sources.
SOURCES: list[tuple[Any, str | None]] = [
    ({}, "/sources"),
    ([_SOUND], "/sources"),
    ({"sources": []}, "/sources"),
    ({"sources": _SOUND}, "/sources"),
    ({"sources": [_SOUND] * 51}, "/sources"),
    ({"sources": [_SOUND], TOKEN: 1}, "/sources"),
    ({"sources": [_SOUND, None]}, None),
    ({"sources": [_SOUND, {**_SOUND, "type": TOKEN}]}, "/sources/1/type"),
    ({"sources": [{**_SOUND, "reliability": "G"}]}, "/sources/0/reliability"),
    ({"sources": [{**_SOUND, "credibility": 7}]}, "/sources/0/credibility"),
    ({"sources": [{**_SOUND, "obtained_on": ago(-2)[:10]}]}, "/sources/0/obtained_on"),
    ({"sources": [_SOUND, {**_SOUND, "obtained_on": ago(-2)[:10]}]}, "/sources/1/obtained_on"),
    ({"sources": [{**_SOUND, "phone": TOKEN}]}, "/sources/0/phone"),
    ({"sources": [{**_SOUND, "handle": "x\x00"}]}, "/sources/0/handle"),
]

#: Merge patches of an incident.
PATCHES: list[tuple[Any, str | None]] = [
    ({}, ""),
    ([], ""),
    (None, ""),
    (TOKEN, ""),
    ({"properties": None}, "/properties"),
    ({"properties": []}, "/properties"),
    ({"properties": {"operation": "NOPE"}}, "/properties/operation"),
    ({"properties": {"client_id": TOKEN}}, "/properties/client_id"),
    ({"properties": {"sources": []}}, "/properties/sources"),
    ({"properties": {"state": "verified"}}, "/properties/state"),
    ({"properties": {"version": 9}}, "/properties/version"),
    ({"properties": {"recorded_by": NOBODY}}, "/properties/recorded_by"),
    ({"properties": {TOKEN: 1}}, "/properties"),
    ({"properties": {"category": TOKEN}}, "/properties/category"),
    ({"properties": {"category": None}}, "/properties/category"),
    ({"properties": {"sharing": None}}, "/properties/sharing"),
    ({"properties": {"killed": {"low": 5}}}, "/properties/killed"),
    ({"properties": {"killed": {"best": None}}}, "/properties/killed/best"),
    ({"properties": {"event_start": ago(-1)}}, None),
    ({"properties": {"event_end": ago(9)}}, "/properties/event_end"),
    ({"properties": {"reported_at": ago(-1)}}, "/properties/reported_at"),
    ({"properties": {"supersedes": NOBODY}}, "/properties/supersedes"),
    ({"properties": {"narrative": "x" * 5001}}, "/properties/narrative"),
    ({"geometry": None}, "/geometry"),
    ({"geometry": LINE}, "/geometry/type"),
    ({"geometry": FAR}, "/geometry"),
    ({"geometry": {"coordinates": [18.6, 4.6]}}, "/geometry/type"),
    ({"type": None}, "/type"),
    ({"type": TOKEN}, "/type"),
    ({"bbox": [1, 2, 3, 4]}, "/bbox"),
    ({TOKEN: 1}, ""),
    ({"id": True}, "/id"),
]

#: Why a subject is withdrawn.
WITHDRAWALS: list[tuple[Any, str | None]] = [
    ({}, "/reason_code"),
    ([], None),
    ({"reason_code": TOKEN}, "/reason_code"),
    ({"reason_code": None}, "/reason_code"),
    ({"reason_code": "false", "reason": TOKEN}, "/reason"),
]
