"""Small worlds written down as rows, and random ones: turned into the columns that the core takes.

A world prints as the calls that make it, so that the smallest one on which a law fails can be read, and pasted.
"""

from dataclasses import dataclass, field, fields

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
    Presences,
    Units,
)
from flashpoint.scoring.portable import unit_vectors

NAN = float("nan")
#: The clock of the worlds: ages are days before it.
CLOCK_DAY = 20_000.25
COUNTS = ("killed", "injured", "abducted", "displaced")
LEVELS = ("confinement", "food", "water", "health", "market")
_INCIDENT = {"category": "attack_on_civilians", "age_days": 0.0, "protected_site": False, "state_perpetrator": False}
_INCIDENT |= dict.fromkeys(COUNTS, 0) | {"at": None}
_COMMUNITY = {"people": 0, "expired": False} | dict.fromkeys(LEVELS, 0)
_PRESENCE = {"distance_km": 0.0, "age_days": 0.0}


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


def _points(places):
    coordinates = np.array([(NAN, NAN) if at is None else at for at in places], dtype=np.float64).reshape(-1, 2)
    return unit_vectors(coordinates[:, 0], coordinates[:, 1])


def _flags(values):
    return np.array(list(values), dtype=np.bool_)


@dataclass(repr=False)
class World:
    """``World().town("A", 5000).incident("A", killed=3)``: rows by name, chained; a number stands for low=best=high."""

    towns: dict = field(default_factory=dict)
    units: dict = field(default_factory=dict)
    incidents: list = field(default_factory=list)
    communities: list = field(default_factory=list)
    assessments: list = field(default_factory=list)
    presences: list = field(default_factory=list)
    places: dict = field(default_factory=dict)

    def __repr__(self):
        return "\n    ".join(("World()", *_told(self)))

    def _repr_pretty_(self, printer, cycle):  # noqa: ARG002 - what hypothesis prints by
        printer.text(repr(self))

    def town(self, pcode, population=None, at=None):
        """``at`` is (longitude, latitude)."""
        self.towns[pcode] = population
        self.places[pcode] = at
        return self

    def unit(self, name, population, *members):
        self.units[name] = (population, list(members))
        return self

    def incident(self, place=None, **columns):
        row = {"id": f"i{len(self.incidents):03}", **_INCIDENT, "place": place} | columns
        row.setdefault("report_age_days", row["age_days"])
        self.incidents.append(row)
        return self

    def community(self, place, **columns):
        self.communities.append({"id": f"c{len(self.communities):03}", **_COMMUNITY, "place": place} | columns)
        return self

    def assessment(self, place, likelihood, impact, **columns):
        row = {"id": f"a{len(self.assessments):03}", "place": place, "likelihood": likelihood, "impact": impact}
        self.assessments.append(row | columns)
        return self

    def presence(self, place, kind, distance_km=0.0, age_days=0.0, **columns):
        row = {"id": f"p{len(self.presences):03}", "place": place, "type": kind}
        self.presences.append(row | {"distance_km": distance_km, "age_days": age_days} | columns)
        return self

    def copy(self):
        units = {name: (population, list(members)) for name, (population, members) in self.units.items()}
        tables = (self.incidents, self.communities, self.assessments, self.presences)
        return World(dict(self.towns), units, *([dict(row) for row in rows] for rows in tables), dict(self.places))

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
        return world

    def shuffled(self, random):
        """The same facts in another order."""
        world = self.copy()
        for name in ("incidents", "communities", "assessments", "presences"):
            random.shuffle(getattr(world, name))
        for name in ("towns", "units"):
            items = list(getattr(world, name).items())
            random.shuffle(items)
            setattr(world, name, dict(items))
        return world

    def only(self, rows):
        """The same world with those of its incidents alone."""
        world = self.copy()
        world.incidents = [world.incidents[row] for row in sorted(rows)]
        return world

    def index(self, pcode):
        return list(self.towns).index(pcode)

    def evidence(self, clock_day=CLOCK_DAY):
        """Ages stay days before ``CLOCK_DAY``, whatever the clock that they are looked at from."""
        towns = {pcode: position for position, pcode in enumerate(self.towns)}
        units = {name: position for position, name in enumerate(self.units)}
        members = [(units[name], towns[town]) for name, (_, inside) in self.units.items() for town in inside]
        return Evidence(
            clock_day=clock_day,
            localities=Localities(
                list(self.towns), _triples(self.towns.values()), _points(self.places[town] for town in self.towns)
            ),
            units=Units(
                _floats(population for population, _ in self.units.values()),
                _ints(unit for unit, _ in members),
                _ints(town for _, town in members),
            ),
            incidents=Incidents(
                id=[row["id"] for row in self.incidents],
                category=[row["category"] for row in self.incidents],
                ended_day=CLOCK_DAY - _floats(row["age_days"] for row in self.incidents),
                reported_day=CLOCK_DAY - _floats(row["report_age_days"] for row in self.incidents),
                **{name: _triples(row[name] for row in self.incidents) for name in COUNTS},
                protected_site=_flags(row["protected_site"] for row in self.incidents),
                state_perpetrator=_flags(row["state_perpetrator"] for row in self.incidents),
                locality=_ints(towns.get(row["place"], -1) for row in self.incidents),
                unit=_ints(units.get(row["place"], -1) for row in self.incidents),
                point=_points(row["at"] for row in self.incidents),
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


def _told(world):
    """Write the calls that make a world, each with nothing in it but what differs from the defaults."""
    for pcode, population in world.towns.items():
        said = [repr(pcode), _written(population)] if population is not None else [repr(pcode)]
        yield _call("town", said, {"at": world.places[pcode]}, {"at": None})
    for name, (population, members) in world.units.items():
        yield _call("unit", [repr(name), repr(population), *map(repr, members)], {}, {})
    for number, row in enumerate(world.incidents):
        told = {"id": f"i{number:03}", **_INCIDENT, "report_age_days": row["age_days"]}
        yield _call("incident", [] if row["place"] is None else [repr(row["place"])], row, told)
    for number, row in enumerate(world.communities):
        yield _call("community", [repr(row["place"])], row, {"id": f"c{number:03}", **_COMMUNITY})
    for number, row in enumerate(world.assessments):
        said = [repr(row[name]) for name in ("place", "likelihood", "impact")]
        yield _call("assessment", said, {"id": row["id"]}, {"id": f"a{number:03}"})
    for number, row in enumerate(world.presences):
        said = [repr(row["place"]), repr(str(row["type"]))]
        yield _call("presence", said, row, {"id": f"p{number:03}", **_PRESENCE})


def _call(name, said, row, defaults):
    told = {key: _written(row[key]) for key in defaults if _written(row[key]) != _written(defaults[key])}
    return f".{name}({', '.join([*said, *(f'{key}={value}' for key, value in told.items())])})"


def _written(value):
    same = isinstance(value, tuple) and len(value) == len(COUNTS) - 1 and len(set(value)) == 1
    return repr(value[0] if same else value)


def columns(result):
    """Everything that is served, as bytes, in the order of the localities."""
    found = {}
    for entry in fields(result):
        value = getattr(result, entry.name)
        if entry.name != "parts":
            found[entry.name] = value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
    return found


def by_town(world, result):
    """Each town's own columns, as bytes; ranks are not its own."""
    names = ("score", "score_low", "score_high", "silent", "coverage", "freshness_days", "people_at_risk")
    dimensions = ("threat", "vulnerability", "capacity_gap")
    return {
        town: ([getattr(result, name)[at].tobytes() for name in (*names, *dimensions)], result.tier[at])
        for at, town in enumerate(world.towns)
    }


def ranges(top):
    """Counts known exactly, known as low <= best <= high, or not known."""
    exact = st.integers(0, top).map(lambda count: (count,) * 3)
    known = st.tuples(*[st.integers(0, top)] * 3).map(lambda found: tuple(sorted(found)))
    return st.none() | exact | known


ages = st.floats(0, 1000) | st.sampled_from([0.0, 21.0, 60.0, 365.0, 7200.0, 9000.0])
#: Within some 150 km of one another, or not known.
coordinates = st.none() | st.tuples(st.floats(18.0, 19.0), st.floats(4.0, 5.0))
levels = st.none() | st.integers(0, 4)


def _some(most, **columns):
    """Draw at most so many of the columns: what is left out keeps its default, is cheap to draw and does not print."""
    one = st.one_of([st.tuples(st.just(name), values) for name, values in columns.items()])
    return st.lists(one, max_size=most).map(dict)


#: What may be said of an incident beside its place, category and age.
_said = _some(
    4,
    killed=ranges(20_000),
    injured=ranges(50),
    abducted=ranges(50),
    displaced=ranges(80_000),
    protected_site=st.just(value=True),
    state_perpetrator=st.just(value=True),
    report_age_days=ages,
    at=coordinates,
)
_categories = st.sampled_from(sorted(CATEGORIES))


def incident_rows(places):
    return st.builds(
        lambda place, category, age_days, said: {"place": place, "category": category, "age_days": age_days} | said,
        *(places, _categories, ages, _said),
    )


def community_rows(towns):
    said = _some(4, people=ranges(100_000), expired=st.just(value=True), **dict.fromkeys(LEVELS, levels))
    return st.builds(lambda place, said: {"place": place} | said, towns, said)


# Made once, with places as numbers: a strategy that is made anew for each example costs more than what it draws.
_numbers = st.integers(0, 11)
_towns = st.lists(st.tuples(ranges(2_000_000), coordinates), min_size=1, max_size=3)
_two_towns = st.lists(st.tuples(ranges(2_000_000), coordinates), min_size=2, max_size=3)
_units = st.lists(st.tuples(st.none() | st.integers(0, 3_000_000), st.sets(_numbers, max_size=3)), max_size=2)
_incidents = st.lists(incident_rows(_numbers), max_size=8)
_communities = st.lists(community_rows(_numbers), max_size=3)
_assessments = st.lists(st.tuples(_numbers, st.integers(1, 5), st.integers(1, 5)), max_size=2)
_presences = st.lists(
    st.tuples(_numbers, st.sampled_from(PRESENCE_TYPES), st.floats(0, 200), st.floats(0, 1000)), max_size=4
)


@st.composite
def worlds(draw, least_towns=1):
    """Random worlds of a few towns and units, with everything that may be missing missing now and then."""
    world = World()
    for number, (population, at) in enumerate(draw(_towns if least_towns == 1 else _two_towns)):
        world.town(f"T{number}", population, at)
    towns = list(world.towns)
    for number, (population, members) in enumerate(draw(_units)):
        world.unit(f"U{number}", population, *sorted({towns[member % len(towns)] for member in members}))
    places = [*towns, *world.units, None]
    for row in draw(_incidents):
        world.incident(**row | {"place": places[row["place"] % len(places)]})
    for row in draw(_communities):
        world.community(**row | {"place": towns[row["place"] % len(towns)]})
    for place, *judged in draw(_assessments):
        world.assessment(towns[place % len(towns)], *judged)
    for place, *protecting in draw(_presences):
        world.presence(towns[place % len(towns)], *protecting)
    return world
