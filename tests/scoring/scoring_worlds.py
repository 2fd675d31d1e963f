"""Small worlds written down as rows, and random ones: turned into the columns that the core takes."""

from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

from flashpoint.catalogue import CATEGORIES
from flashpoint.scoring.evidence import (
    PRESENCE_TYPES,
    Assessments,
    Communities,
    Evidence,
    Incidents,
    Localities,
    Near,
    Presences,
    Units,
)

NAN = float("nan")
COUNTS = ("killed", "injured", "abducted", "displaced")
LEVELS = ("confinement", "food", "water", "health", "market")


def _triple(value):
    if value is None:
        return (NAN, NAN, NAN)
    return (value, value, value) if isinstance(value, int | float) else value


def _floats(values):
    return np.array([NAN if value is None else value for value in values], dtype=np.float64)


def _triples(values):
    return np.array([_triple(value) for value in values], dtype=np.float64).reshape(-1, 3)


def _ints(values):
    return np.array(list(values), dtype=np.int64)


def _flags(values):
    return np.array(list(values), dtype=np.bool_)


@dataclass
class World:
    """``World().town("A", 5000).incident("A", killed=3)``: rows by name, chained; a number stands for low=best=high."""

    towns: dict = field(default_factory=dict)
    units: dict = field(default_factory=dict)
    incidents: list = field(default_factory=list)
    communities: list = field(default_factory=list)
    assessments: list = field(default_factory=list)
    presences: list = field(default_factory=list)
    near: list = field(default_factory=list)

    def town(self, pcode, population=None):
        self.towns[pcode] = population
        return self

    def unit(self, name, population, *members):
        self.units[name] = (population, list(members))
        return self

    def incident(self, place=None, **columns):
        row = {"id": f"i{len(self.incidents):03}", "category": "attack_on_civilians", "age_days": 0.0}
        row |= dict.fromkeys(COUNTS, 0) | {"protected_site": False, "state_perpetrator": False, "place": place}
        row |= columns
        row.setdefault("report_age_days", row["age_days"])
        self.incidents.append(row)
        return self

    def community(self, place, **columns):
        row = {"id": f"c{len(self.communities):03}", "people": 0, "expired": False, "place": place}
        self.communities.append(row | dict.fromkeys(LEVELS, 0) | columns)
        return self

    def assessment(self, place, likelihood, impact):
        row = {"id": f"a{len(self.assessments):03}", "place": place, "likelihood": likelihood, "impact": impact}
        self.assessments.append(row)
        return self

    def presence(self, place, kind, distance_km=0.0, age_days=0.0):
        row = {"id": f"p{len(self.presences):03}", "place": place, "type": kind}
        self.presences.append(row | {"distance_km": distance_km, "age_days": age_days})
        return self

    def copy(self):
        return deepcopy(self)

    def without(self, pcode):
        """The same world without that town; an incident that lay in it is placed nowhere."""
        world = self.copy()
        del world.towns[pcode]
        for name in ("communities", "assessments", "presences"):
            setattr(world, name, [row for row in getattr(world, name) if row["place"] != pcode])
        for row in world.incidents:
            row["place"] = None if row["place"] == pcode else row["place"]
        for _, members in world.units.values():
            members[:] = [member for member in members if member != pcode]
        world.near = [pair for pair in world.near if pair[1] != pcode]
        return world

    def shuffled(self, random):
        """The same facts in another order."""
        world = self.copy()
        for name in ("incidents", "communities", "assessments", "presences", "near"):
            random.shuffle(getattr(world, name))
        for name in ("towns", "units"):
            items = list(getattr(world, name).items())
            random.shuffle(items)
            setattr(world, name, dict(items))
        return world

    def index(self, pcode):
        return list(self.towns).index(pcode)

    def evidence(self):
        towns = {pcode: position for position, pcode in enumerate(self.towns)}
        units = {name: position for position, name in enumerate(self.units)}
        rows = {row["id"]: position for position, row in enumerate(self.incidents)}
        members = [(units[name], towns[town]) for name, (_, inside) in self.units.items() for town in inside]
        return Evidence(
            localities=Localities(list(self.towns), _triples(self.towns.values())),
            units=Units(
                _floats(population for population, _ in self.units.values()),
                _ints(unit for unit, _ in members),
                _ints(town for _, town in members),
            ),
            incidents=Incidents(
                id=[row["id"] for row in self.incidents],
                category=[row["category"] for row in self.incidents],
                age_days=_floats(row["age_days"] for row in self.incidents),
                report_age_days=_floats(row["report_age_days"] for row in self.incidents),
                **{name: _triples(row[name] for row in self.incidents) for name in COUNTS},
                protected_site=_flags(row["protected_site"] for row in self.incidents),
                state_perpetrator=_flags(row["state_perpetrator"] for row in self.incidents),
                locality=_ints(towns.get(row["place"], -1) for row in self.incidents),
                unit=_ints(units.get(row["place"], -1) for row in self.incidents),
            ),
            near=Near(
                _ints(rows[name] for name, _, _ in self.near),
                _ints(towns[town] for _, town, _ in self.near),
                _floats(distance for _, _, distance in self.near),
            ),
            communities=Communities(
                id=[row["id"] for row in self.communities],
                locality=_ints(towns[row["place"]] for row in self.communities),
                people=_triples(row["people"] for row in self.communities),
                expired=_flags(row["expired"] for row in self.communities),
                **{name: _floats(row[name] for row in self.communities) for name in LEVELS},
            ),
            assessments=Assessments(
                id=[row["id"] for row in self.assessments],
                locality=_ints(towns[row["place"]] for row in self.assessments),
                likelihood=_floats(row["likelihood"] for row in self.assessments),
                impact=_floats(row["impact"] for row in self.assessments),
            ),
            presences=Presences(
                id=[row["id"] for row in self.presences],
                locality=_ints(towns[row["place"]] for row in self.presences),
                type=[row["type"] for row in self.presences],
                distance_km=_floats(row["distance_km"] for row in self.presences),
                age_days=_floats(row["age_days"] for row in self.presences),
            ),
        )


def ranges(top):
    """Counts known as low <= best <= high, or not known."""
    known = st.lists(st.integers(0, top), min_size=3, max_size=3).map(lambda found: tuple(sorted(found)))
    return st.none() | known


ages = st.floats(0, 1000) | st.sampled_from([0.0, 21.0, 60.0, 365.0, 7200.0, 9000.0])
levels = st.none() | st.integers(0, 4)


def incident_rows(places):
    return st.fixed_dictionaries(
        {
            "place": places,
            "category": st.sampled_from(sorted(CATEGORIES)),
            "age_days": ages,
            "report_age_days": ages,
            "killed": ranges(20_000),
            "injured": ranges(50),
            "abducted": ranges(50),
            "displaced": ranges(80_000),
            "protected_site": st.booleans(),
            "state_perpetrator": st.booleans(),
        }
    )


@st.composite
def worlds(draw, least_towns=1):
    """Random worlds of a few towns and units, with everything that may be missing missing now and then."""
    world = World()
    for number in range(draw(st.integers(least_towns, 5))):
        world.town(f"T{number}", draw(ranges(2_000_000)))
    towns = st.sampled_from(list(world.towns))
    for number in range(draw(st.integers(0, 2))):
        population = draw(st.none() | st.integers(0, 3_000_000))
        world.unit(f"U{number}", population, *sorted(draw(st.sets(towns))))
    places = st.none() | towns | (st.sampled_from(list(world.units)) if world.units else st.none())
    for row in draw(st.lists(incident_rows(places), max_size=8)):
        world.incident(**row)
    fields = dict.fromkeys(LEVELS, levels) | {"people": ranges(100_000), "expired": st.booleans(), "place": towns}
    for row in draw(st.lists(st.fixed_dictionaries(fields), max_size=4)):
        world.community(**row)
    for _ in range(draw(st.integers(0, 2))):
        world.assessment(draw(towns), draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    for _ in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(PRESENCE_TYPES))
        world.presence(draw(towns), kind, draw(st.floats(0, 200)), draw(st.floats(0, 1000)))
    pairs = st.tuples(st.sampled_from([row["id"] for row in world.incidents] or [""]), towns)
    if world.incidents:
        for incident, town in sorted(draw(st.sets(pairs, max_size=4))):
            world.near.append((incident, town, draw(st.floats(0, 100))))
    return world
