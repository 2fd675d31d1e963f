"""The published parameters of the score: one frozen value per method version, nothing tunable anywhere else.

A methodology is stored as JSON with the matrix that it made, so that any past matrix can be computed again.
``DEFAULT`` is the current version. A coordinator who changes a weight makes a new version, never edits an old one.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import NamedTuple

from flashpoint.catalogue import CATEGORIES
from flashpoint.errors import Invalid, Violation
from flashpoint.types import PresenceType, Tier

Table = Mapping[str, float]

#: The time scales of threat; the last one has severities of its own.
SCALES = ("recent", "seasonal", "lasting")
LASTING = SCALES[-1]

COMPONENTS = (
    "population",
    "displacement",
    "protected_sites",
    "confinement",
    "food",
    "water",
    "health",
    "market",
    "confined_people",
)
SHARED_COMPONENTS = COMPONENTS[:3]
COMMUNITY_COMPONENTS = COMPONENTS[3:]

_STRONGEST_PRESENCE = 0.99
_HEAVIEST_SEVERITY = 4.0
# Keeps every term of a sum under the ceilings that order-independent summing relies on.
_LARGEST_NUMBER = 1e9
# What ended since the clock struck, a quarter of an hour ago at most, lies in the running period or the next.
_SHORTEST_HALF_LIFE_DAYS = 1.0 / 24.0


def _table(**values: float) -> Table:
    return MappingProxyType(values)


_SEVERITY = _table(
    attack_on_civilians=3.0,
    clash_harming_civilians=3.0,
    armed_clash=1.0,
    shelling=3.5,
    explosive_ordnance=2.0,
    attack_on_school=3.0,
    attack_on_health=3.0,
    sexual_violence=3.0,
    sexual_violence_child=3.5,
    child_killed_or_maimed=3.5,
    child_recruitment=2.0,
    child_abduction=2.5,
    abduction=2.0,
    arbitrary_detention=1.0,
    torture_or_ill_treatment=2.0,
    denial_of_humanitarian_access=1.0,
    movement_restriction=1.0,
    forced_displacement=2.0,
    property_destruction=1.0,
    extortion=0.5,
    threat_or_incitement=1.0,
)
_FIRST_SEVERITY = _table(
    **dict(_SEVERITY)
    | {
        "attack_on_civilians": 2.0,
        "clash_harming_civilians": 2.0,
        "shelling": 2.5,
        "explosive_ordnance": 1.5,
        "attack_on_school": 2.0,
        "attack_on_health": 2.0,
        "sexual_violence": 2.0,
        "sexual_violence_child": 2.5,
        "child_killed_or_maimed": 2.5,
        "child_recruitment": 1.5,
        "child_abduction": 2.0,
        "abduction": 1.5,
        "torture_or_ill_treatment": 1.5,
        "forced_displacement": 1.5,
    }
)
# What harms no person directly is news, and no history: it does not tell where people will be harmed in years to come.
_LASTING_SEVERITY = _table(
    **dict.fromkeys(CATEGORIES, 1.0)
    | dict.fromkeys(
        (
            "armed_clash",
            "denial_of_humanitarian_access",
            "movement_restriction",
            "property_destruction",
            "extortion",
            "threat_or_incitement",
        ),
        0.0,
    )
)
_COMMUNITY_WEIGHT = _table(
    confinement=0.25,
    confined_people=0.15,
    food=0.10,
    water=0.10,
    health=0.10,
    market=0.05,
    displacement=0.15,
    protected_sites=0.10,
)
_POPULATION_WEIGHT = _table(population=0.50, displacement=0.30, protected_sites=0.20)
_HALF_LIFE = _table(recent=14.0, seasonal=90.0, lasting=730.0)
_SHARE = _table(recent=0.5, seasonal=0.25, lasting=0.25)
_PRESENCE_STRENGTH = _table(
    mission_base=0.8, mission_patrol=0.5, state_forces=0.4, alert_network=0.3, escort=0.3, none=0.0
)
_TIER_FROM = _table(extreme=70.0, high=55.0, elevated=35.0)


class Scale(NamedTuple):
    """One time scale of threat: how fast it forgets, how much of threat it is, and what each category weighs in it."""

    half_life_days: float
    share: float
    severity: Table


@dataclass(frozen=True, slots=True)
class Methodology:
    """Everything that the formula takes as given. Days, kilometres, persons; shares and levels in [0, 1].

    The meaning of each field is in ``MEANINGS`` of ``document.py``, from which docs/methodology.md is made.

    Raises:
        Invalid: a parameter is outside of what the formula can bear; one violation each.
    """

    version: str
    floor: float = 0.01
    threat_exponent: float = 1.0
    vulnerability_exponent: float = 1.0
    capacity_gap_exponent: float = 1.0
    aftermath_half_life_days: float = 180.0
    memory_half_lives: float = 40.0
    threat_reference: float = 1_000.0
    casualty_divisor: float = 8.0
    injured_per_killed: float = 4.0
    abducted_per_killed: float = 2.0
    neutral_casualties: float = 0.0
    casualty_ceiling: float = 10_000.0
    neutral_displaced: float = 0.0
    displaced_reference: float = 50_000.0
    confined_reference: float = 50_000.0
    site_reference: float = 5.0
    population_floor: float = 1_000.0
    population_ceiling: float = 1_000_000.0
    neutral_component: float = 0.5
    neutral_share: float = 0.08
    kernel_width_km: float = 0.0
    presence_scale_km: float = 25.0
    presence_half_life_days: float = 90.0
    state_forces_window_days: float = 365.0
    silence_days: float = 21.0
    threat_half_life_days: Table = field(default_factory=lambda: _HALF_LIFE)
    threat_share: Table = field(default_factory=lambda: _SHARE)
    severity: Table = field(default_factory=lambda: _SEVERITY)
    lasting_severity: Table = field(default_factory=lambda: _LASTING_SEVERITY)
    community_weight: Table = field(default_factory=lambda: _COMMUNITY_WEIGHT)
    population_weight: Table = field(default_factory=lambda: _POPULATION_WEIGHT)
    presence_strength: Table = field(default_factory=lambda: _PRESENCE_STRENGTH)
    tier_from: Table = field(default_factory=lambda: _TIER_FROM)

    def __post_init__(self) -> None:
        """Refuse what the formula cannot bear, and freeze the tables."""
        violations = tuple(_violations(self))
        if violations:
            raise Invalid(*violations)
        for name in _TABLES:
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @property
    def memory_days(self) -> float:
        """The age up to which an incident's gaps (a count not given) still tell on what is known of its locality."""
        return self.memory_half_lives * max(*self.threat_half_life_days.values(), self.aftermath_half_life_days)

    @property
    def threat_scales(self) -> tuple[Scale, ...]:
        """The time scales that threat is made of; one without a share is left out."""
        severity = {LASTING: self.lasting_severity}
        scales = (
            Scale(self.threat_half_life_days[name], self.threat_share[name], severity.get(name, self.severity))
            for name in SCALES
        )
        return tuple(scale for scale in scales if scale.share > 0)

    @property
    def exponents(self) -> tuple[float, float, float]:
        """The exponents of threat, vulnerability and capacity gap."""
        return self.threat_exponent, self.vulnerability_exponent, self.capacity_gap_exponent

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON values; ``from_dict`` gives the equal methodology back."""
        plain = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {name: dict(value) if name in _TABLES else value for name, value in plain.items()}

    @classmethod
    def from_dict(cls, stored: Mapping[str, object]) -> "Methodology":
        """Read what ``to_dict`` wrote, also of an earlier release. No default of today stands in for one of then.

        Raises:
            Invalid: a parameter is missing, unknown, of the wrong type or out of bounds.
        """
        stored = _in_todays_terms(stored)
        violations = tuple(_shape_violations(stored))
        if violations:
            raise Invalid(*violations)
        return cls(**{name: _plain(value) for name, value in stored.items()})  # type: ignore[arg-type]


_TABLES: dict[str, frozenset[str]] = {
    "threat_half_life_days": frozenset(SCALES),
    "threat_share": frozenset(SCALES),
    "severity": frozenset(CATEGORIES),
    "lasting_severity": frozenset(CATEGORIES),
    "community_weight": frozenset(COMPONENTS) - {"population"},
    "population_weight": frozenset(SHARED_COMPONENTS),
    "presence_strength": frozenset(PresenceType),
    "tier_from": frozenset(Tier) - {Tier.WATCH},
}
_AT_MOST = {
    "presence_strength": _STRONGEST_PRESENCE,
    "severity": _HEAVIEST_SEVERITY,
    "lasting_severity": _HEAVIEST_SEVERITY,
    "tier_from": 100.0,
    "threat_half_life_days": 36_500.0,
}
_MAY_BE_ZERO = frozenset({"kernel_width_km", "neutral_casualties", "neutral_displaced", "neutral_share"})
#: The memory is room that every sum takes: at 2**-100 of itself an incident is gone by any measure.
_AT_MOST_NUMBER = {"floor": 1.0, "neutral_component": 1.0, "neutral_share": 1.0, "memory_half_lives": 100.0}


def _in_todays_terms(stored: Mapping[str, object]) -> Mapping[str, object]:
    """Write an older set of parameters in today's, so that it computes the very same: one time scale was all it had."""
    half_life = stored.get("threat_half_life_days")
    if not _is_number(half_life) or "threat_share" in stored:
        return stored
    alone = {name: float(name == SCALES[0]) for name in SCALES}
    return {
        **stored,
        "threat_half_life_days": dict.fromkeys(SCALES, half_life),
        "threat_share": alone,
        "lasting_severity": stored.get("severity"),
        "casualty_divisor": 4.0,
    }


def _plain(value: object) -> object:
    """Turn JSON's whole numbers into floats, so that a round trip compares and computes the same."""
    if isinstance(value, Mapping):
        return {key: float(number) for key, number in value.items()}
    return value if isinstance(value, str) else float(value)  # type: ignore[arg-type]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _has_type(name: str, value: object) -> bool:
    if name in _TABLES:
        return isinstance(value, Mapping) and all(_is_number(number) for number in value.values())
    return isinstance(value, str) if name == "version" else _is_number(value)


def _shape_violations(stored: Mapping[str, object]) -> Iterator[Violation]:
    names = [entry.name for entry in fields(Methodology)]
    yield from (
        Violation(f"/{name}", "missing", "every parameter must be given") for name in names if name not in stored
    )
    yield from (Violation(f"/{name}", "unknown", "there is no such parameter") for name in stored if name not in names)
    for name in names:
        if name in stored and not _has_type(name, stored[name]):
            yield Violation(f"/{name}", "type", "must be a finite number, or a table of them; the version a text")


def _violations(method: Methodology) -> Iterator[Violation]:
    if not method.version.strip():
        yield Violation("/version", "required", "a methodology needs a version")
    for entry in fields(method):
        if entry.name in _TABLES:
            yield from _table_violations(entry.name, getattr(method, entry.name))
        elif entry.name != "version":
            yield from _number_violations(entry.name, getattr(method, entry.name))
    if method.population_ceiling <= method.population_floor:
        yield Violation("/population_ceiling", "order", "must be above population_floor")
    if method.neutral_component < method.floor:
        yield Violation("/neutral_component", "order", "must not be below floor")
    if method.casualty_ceiling < method.neutral_casualties:
        yield Violation("/casualty_ceiling", "order", "must not be below neutral_casualties")
    if method.casualty_divisor < 1:
        yield Violation("/casualty_divisor", "range", "must be at least 1")
    if method.displaced_reference < method.neutral_displaced:
        yield Violation("/displaced_reference", "order", "must not be below neutral_displaced")


def _number_violations(name: str, value: float) -> Iterator[Violation]:
    if not math.isfinite(value) or value < 0 or (value == 0 and name not in _MAY_BE_ZERO):
        yield Violation(f"/{name}", "range", "must be finite and above 0")
    elif value > _AT_MOST_NUMBER.get(name, _LARGEST_NUMBER):
        yield Violation(f"/{name}", "range", "is too large")
    elif name == "aftermath_half_life_days" and value < _SHORTEST_HALF_LIFE_DAYS:
        yield Violation(f"/{name}", "range", "a half-life must be at least an hour")


def _table_violations(name: str, table: Table) -> Iterator[Violation]:
    if frozenset(table) != _TABLES[name]:
        yield Violation(f"/{name}", "keys", "must name each of its keys once, and no other")
        return
    top = _AT_MOST.get(name, 1.0)
    if not all(0 <= value <= top for value in table.values()):
        yield Violation(f"/{name}", "range", f"each value must lie between 0 and {top:g}")
    if name == "threat_half_life_days" and min(table.values()) < _SHORTEST_HALF_LIFE_DAYS:
        yield Violation(f"/{name}", "range", "a half-life must be at least an hour")
    if name.endswith(("_weight", "_share")) and not math.isclose(math.fsum(table.values()), 1.0, abs_tol=1e-12):
        yield Violation(f"/{name}", "sum", "the weights must add up to 1")
    if name == "presence_strength" and table[PresenceType.NONE] != 0:
        yield Violation(f"/{name}/none", "range", "no presence protects nobody")
    if name == "tier_from" and not table[Tier.EXTREME] > table[Tier.HIGH] > table[Tier.ELEVATED]:
        yield Violation(f"/{name}", "order", "a more urgent tier must begin at a higher score")


FIRST = Methodology(
    version="2026.1",
    threat_half_life_days=_table(recent=60.0, seasonal=60.0, lasting=60.0),
    threat_share=_table(recent=1.0, seasonal=0.0, lasting=0.0),
    threat_reference=100.0,
    casualty_divisor=4.0,
    neutral_share=0.1,
    severity=_FIRST_SEVERITY,
    lasting_severity=_FIRST_SEVERITY,
)
DEFAULT = Methodology(version="2026.2")
#: What this software has published, by version; the last one is the default.
METHODOLOGIES: dict[str, Methodology] = {method.version: method for method in (FIRST, DEFAULT)}
