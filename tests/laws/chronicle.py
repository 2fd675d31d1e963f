"""An operation on a real store with a clock of its own, and a plain account, kept beside it, of what was said.

The verbs are the domain's own. A ``Vault`` says at which instant what it records becomes known; here that instant is
handed in, so that years pass in a minute.
"""

from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import shapely

from flashpoint import context, decisions, intake, reports
from flashpoint.access import DEFAULT_AUDIENCE
from flashpoint.catalogue import PROTECTED
from flashpoint.errors import Conflict, Forbidden, Invalid, TransitionRefused
from flashpoint.intake import Submission
from flashpoint.scoring.methodology import DEFAULT
from flashpoint.store import actors, incidents, methodologies, places, subjects
from flashpoint.store.places import SRID
from flashpoint.types import Actor, Role, Standard, State, WithdrawalReason

#: Some minutes after a quarter of an hour, so that the first deeds are in the quarter in which the operation began.
BEGIN = datetime(2015, 3, 2, 6, 5, tzinfo=UTC)
#: More than ten, or all were always in the top ten; the last two boxes have no locality at first.
PCODES = tuple(f"L{number:02}" for number in range(1, 15))
BOXES = {pcode: shapely.box(5 + number, 4, 6 + number, 5) for number, pcode in enumerate(PCODES)}
UNITS = {"U1": 400_000, "U2": None}
_AREA = shapely.box(4, 0, 30, 10)
_MODELS = {
    "community": reports.CommunityReport,
    "assessment": reports.AssessmentReport,
    "presence": reports.PresenceReport,
}
_NAMES = {name: f"{name}_access" for name in ("food", "water", "health", "market")}
_PEOPLE = ("population_low", "population_best", "population_high")
_NUMBERS = count(1)


@dataclass(frozen=True)
class Told:
    """What a version of an incident says. ``where`` is the P-code of a box or of a unit, or ``None``."""

    where: str | None
    ended_at: datetime
    reported_at: datetime
    category: str = "attack_on_civilians"
    killed: int | None = 0
    displaced: int | None = 0
    by_state: bool = False
    at_school: bool = False
    sharing: str = "cluster"
    share_above: str = "aggregate"
    consent: str = "given"
    exercise: bool = False
    narrative: str = "Synthetic."


@dataclass(eq=False)
class Incident:
    """What is told of it now; which version is verified and in force, if any; whether that may still be named."""

    id: UUID
    told: Told
    in_force: Told | None = None
    veiled: bool = False


@dataclass(eq=False)
class Subject:
    """A locality, community, assessment or presence, and what its newest version says: nothing once withdrawn."""

    kind: str
    id: UUID
    locality: "Subject | None"
    told: dict[str, Any]
    version: int = 1


class Chronicle:
    """One operation from its first day on. Every deed is done a second after what was before it."""

    def __init__(self, database, localities=12, since=places.ALWAYS):
        """Begin with that many localities, known since then, as an import of boundaries makes them."""
        self.database, self.code, self.now, self.method = database, f"K{next(_NUMBERS)}", BEGIN, DEFAULT
        self.incidents: list[Incident] = []
        self.subjects: list[Subject] = []
        with self.vault() as vault:
            people = (self._person(vault, role) for role in (Role.ANALYST, Role.VERIFIER, Role.COORDINATOR))
            self.analyst, self.verifier, self.coordinator = people
            places.add_operation(vault, self.coordinator, places.NewOperation(self.code, "T", "T", _AREA, 3))
            known = {"known_at": min(since, vault.at), "known_assumed": since < vault.at}
            self._add_units(vault, known)
            for number, pcode in enumerate(PCODES[:localities]):
                population = None if number % 5 == 4 else 3_000 * (number + 1)
                told = {"pcode": pcode, "population": population, "unit": "U1" if number < 5 else "U2"}
                self._add_locality(vault, told, known)

    def _person(self, vault, role):
        handle = f"{self.code}-{role}"
        key = UUID(int=0)
        return Actor(actors.person(vault, handle), key, handle, role, DEFAULT_AUDIENCE[role], frozenset({self.code}))

    def _first_version(self, vault, pcode):
        begun = {
            "id": uuid4(),
            "version": 1,
            "operation": self.code,
            "code_list": "Test",
            "pcode": pcode,
            "name": pcode,
        }
        return begun | {"recorded_at": vault.at, "recorded_by": self.coordinator.id}

    def _add_units(self, vault, known):
        area = f"SRID={SRID};{places.multi(_AREA).wkt}"
        for pcode, population in UNITS.items():
            own = {"level": 2, "parent_pcode": None, "population": population, "area": area}
            places.add_units(vault, [self._first_version(vault, pcode) | own | known])

    def _add_locality(self, vault, told, known):
        people = dict.fromkeys(_PEOPLE, told["population"])
        own = {"level": 3, "adm2_pcode": told["unit"], **people, **places.locality_shape(BOXES[told["pcode"]], None)}
        row = self._first_version(vault, told["pcode"]) | own | known
        places.add_localities(vault, [row])
        self.subjects.append(Subject("locality", row["id"], None, told))

    @contextmanager
    def vault(self):
        """Open a writing transaction a second later."""
        self.now += timedelta(seconds=1)
        with self.database.console() as vault:
            yield replace(vault, at=self.now)

    def _attempt(self, deed):
        """Do what may be refused; give what it gave, ``None`` where it was refused."""
        try:
            with self.vault() as vault:
                return deed(vault)
        except (Conflict, Forbidden, Invalid, TransitionRefused):
            return None

    # -- incidents -----------------------------------------------------------------------------------------------------

    def report(self, told, sources=2, known_at=None):
        """Report an incident; one whose knowledge time is assumed comes verified, with its data set."""
        told = as_may_be(told)
        submission = self._submission(told, sources, known_at)
        with self.vault() as vault:
            if known_at is None:
                receipt, in_force = intake.report(vault, self.analyst, [submission])[0], None
            else:
                imported = intake.import_verified(vault, self.coordinator, [submission], Standard.EXTERNAL_UCDP)
                receipt, in_force = imported[0], told if counts(told) else None
        self.incidents.append(Incident(receipt.incident_id, told, in_force))
        return self.incidents[-1]

    def _submission(self, told, sources=0, known_at=None):
        placed = {"geo_precision": 6}
        if told.where in UNITS:
            placed = {"geo_precision": 4, "admin_pcode": told.where}
        elif told.where is not None:
            placed = {"geo_precision": 1}
        tree = {
            "operation": self.code,
            "category": told.category,
            "event_start": told.ended_at.isoformat(),
            "reported_at": told.reported_at.isoformat(),
            "date_precision": 1,
            **placed,
            "perpetrator_class": "state_forces" if told.by_state else "armed_group",
            **{name: _exactly(getattr(told, name)) for name in ("killed", "displaced")},
            **dict.fromkeys(("injured", "abducted"), _exactly(0)),
            "protected_site": "school" if told.at_school else None,
            **{name: getattr(told, name) for name in ("sharing", "share_above", "consent", "exercise", "narrative")},
            "sources": [_source(number) for number in range(sources)],
        }
        report = reports.read(reports.IncidentReport, tree)
        return Submission(report, BOXES[told.where].centroid if told.where in BOXES else None, known_at)

    def edit(self, incident, **changes):
        told = as_may_be(replace(incident.told, **changes))
        before, after = self._submission(incident.told), self._submission(told)

        def deed(vault):
            found = incidents.find(vault, self.coordinator, incident.id)
            return intake.correct(vault, self.coordinator, found, before, after)

        if self._attempt(deed) is None:
            return
        incident.told = told
        if not counts(told):
            incident.in_force = None
        elif incident.in_force is not None:
            closed = told.sharing == "restricted" or told.category != incident.in_force.category
            incident.veiled = incident.veiled or closed

    def add_sources(self, incident, number):
        def deed(vault):
            found = incidents.find(vault, self.coordinator, incident.id)
            intake.add_sources(vault, self.analyst, found, [reports.read(reports.SourceReport, _source(number))])

        self._attempt(deed)

    def advance(self, incident, action, **details):
        """Take a step, if it may be taken."""
        step = reports.read(reports.StepReport, {"action": action, **details})

        def deed(vault):
            found = incidents.find(vault, self.verifier, incident.id)
            return decisions.advance(vault, self.verifier, found, step)

        taken = self._attempt(deed)
        if taken is not None:
            verified = taken is State.VERIFIED and counts(incident.told)
            incident.in_force, incident.veiled = incident.told if verified else None, False

    # -- what is beside them -------------------------------------------------------------------------------------------

    def at(self, pcode):
        """Give the locality of a P-code, if there is one."""
        found = (one for one in self.subjects if one.kind == "locality" and one.told.get("pcode") == pcode)
        return next(found, None)

    def locality(self, pcode, population, unit):
        """Record a locality, or its next version."""
        told = {"pcode": pcode, "population": population, "unit": unit}
        properties = {"code_list": "Test", "name": pcode, "pcode": pcode, "level": 3, "adm2_pcode": unit}
        properties |= {"population": None if population is None else _exactly(population)}
        self._record("locality", self.at(pcode), (told, properties, None))

    def count_people(self, pcode, population):
        """Import a figure of a locality, as one that was known always."""
        with self.vault() as vault:
            rows = places.known_localities(vault, self.code)
            current = next((row for row in rows if row.pcode == pcode), None)
            if current is not None:
                figures = dict.fromkeys(_PEOPLE, population) | {"known_at": places.ALWAYS, "known_assumed": True}
                places.renew_locality(vault, self.coordinator, current, **figures)
                self.at(pcode).told["population"] = population

    def subject(self, kind, pcode, told, known=None, known_at=None):
        """Record a community, assessment or presence, or the next version of one; nothing where no locality is.

        ``known_at`` is when the first version counts as known, where that is assumed.
        """
        if self.at(pcode) is None:
            return None
        given = {name: value for name, value in told.items() if value is not None}
        properties = {"locality": pcode} | {_NAMES.get(name, name): _written(value) for name, value in given.items()}
        if "people" in given:
            properties["people"] = _exactly(given["people"])
        return self._record(kind, known, (told, properties, known_at))

    def _record(self, kind, known, content):
        told, properties, known_at = content
        shape = BOXES[told["pcode"]] if kind == "locality" else None
        feature = {
            "type": "Feature",
            "geometry": None if shape is None else shapely.geometry.mapping(shape) | {"coordinates": _ring(shape)},
            "properties": {"operation": self.code, **properties},
        }
        identity = uuid4() if known is None else known.id

        def deed(vault):
            if known_at is not None:
                report = reports.read(_MODELS[kind], feature["properties"])
                assumed = {"known_at": known_at, "known_assumed": True}
                context.record_report(vault, self.coordinator, kind, (identity, 1), (report, None), **assumed)
            elif known is None:
                context.record(vault, self.coordinator, kind, (identity, 1), feature)
            else:
                found = subjects.find(vault, self.coordinator, kind, known.id)
                context.supersede(vault, self.coordinator, kind, found, feature)
            return True

        if self._attempt(deed) is None:
            return None
        if known is None:
            known = Subject(kind, identity, None, {})
            self.subjects.append(known)
        known.told, known.locality = told, None if kind == "locality" else self.at(properties["locality"])
        return known

    def withdraw(self, subject):
        def deed(vault):
            found = subjects.find(vault, self.coordinator, subject.kind, subject.id)
            context.withdraw(vault, self.coordinator, subject.kind, found, WithdrawalReason.FALSE)
            return True

        if self._attempt(deed) is not None:
            subject.told = {}

    def adopt(self, method):
        with self.vault() as vault:
            methodologies.adopt(vault, self.coordinator, self.code, method, ("to try it", vault.at))
        self.method = method


def as_may_be(told):
    """Say of what is protected a level that it may have: a more open one is refused."""
    return replace(told, sharing="cluster") if told.category in PROTECTED and told.sharing == "mission" else told


def counts(told):
    """Say whether what is told may move the score, by the rules of the domain: consent, exercise, sharing."""
    said = told if isinstance(told, dict) else asdict(told)
    usable = said["consent"] not in {"refused", "withdrawn"} and not said.get("exercise")
    return usable and (said["sharing"] in {"public", "mission"} or said["share_above"] != "none")


def _source(number):
    kinds = ("witness", "ngo", "medical", "media")
    kind = kinds[number % len(kinds)]
    graded = {"reliability": "B", "credibility": 2, "obtained_on": BEGIN.date().isoformat()}
    return {"type": kind, "independence_group": f"g{number}", "handle": f"{kind}-{number}", **graded}


def _exactly(number):
    return None if number is None else dict.fromkeys(("low", "best", "high"), number)


def _written(value):
    return value.isoformat() if isinstance(value, datetime) else value


def _ring(shape):
    return [[list(corner) for corner in shape.exterior.coords]]
