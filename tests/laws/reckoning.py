"""What the matrix of a chronicle has to be: from its plain account by the pure core, without store or kept sums.

And what two matrices do not have in common.
"""

from dataclasses import dataclass, replace

import numpy as np
from chronicle import BOXES, UNITS, counts
from scoring_worlds import World, columns

from flashpoint.catalogue import PROTECTED
from flashpoint.scoring.evidence import Evidence
from flashpoint.store.moments import clock_of, day_of

_LEVELS = ("confinement", "food", "water", "health", "market")


@dataclass(frozen=True)
class Reckoned:
    """The evidence; which ids may be named; how many nameable incidents count, and how many of them lie nowhere."""

    evidence: Evidence
    nameable: dict[str, bool]
    in_force: int
    unplaced: int


def reckon(chronicle):
    """Put together what counts now, incident by incident and subject by subject."""
    world, clock = World(), clock_of(chronicle.now)
    _localities(world, chronicle)
    counting = [one for one in chronicle.incidents if one.in_force is not None]
    for one in counting:
        _incident(world, str(one.id), one.in_force)
    nameable = {str(one.id): _is_nameable(one) for one in counting}
    for one in chronicle.subjects:
        if one.told and one.locality is not None and one.locality.told:
            _ADDED[one.kind](world, one, one.told, clock)
            nameable[str(one.id)] = one.told["sharing"] != "restricted"
    nowhere = [row["id"] for row in world.incidents if row["place"] is None]
    return Reckoned(
        _evidence(world, counting, clock),
        nameable,
        sum(_is_nameable(one) for one in counting),
        sum(nameable[one] for one in nowhere),
    )


def _localities(world, chronicle):
    here = {one.told["pcode"]: one for one in chronicle.subjects if one.kind == "locality" and one.told}
    for pcode, one in sorted(here.items()):
        at = BOXES[pcode].representative_point()
        world.town(pcode, one.told["population"], (at.x, at.y))
    for pcode, population in UNITS.items():
        world.unit(pcode, population, *(town for town in world.towns if here[town].told["unit"] == pcode))


def _incident(world, identity, told):
    centre = BOXES[told.where].centroid if told.where in BOXES else None
    world.incident(
        told.where if told.where in world.towns or told.where in world.units else None,
        id=identity,
        category=told.category,
        killed=told.killed,
        displaced=told.displaced,
        protected_site=told.at_school,
        state_perpetrator=told.by_state,
        at=None if centre is None else (centre.x, centre.y),
    )


def _is_nameable(incident):
    told = incident.in_force
    return told.sharing != "restricted" and told.category not in PROTECTED and not incident.veiled


def _evidence(world, counting, clock):
    """Take the instants as they were told: an age and back again would lose their last bit."""
    evidence = world.evidence(day_of(clock))
    ended, reported = (
        np.array([day_of(getattr(one.in_force, name)) for one in counting], dtype=np.float64)
        for name in ("ended_at", "reported_at")
    )
    return replace(evidence, incidents=replace(evidence.incidents, ended_day=ended, reported_day=reported))


def _community(world, one, told, clock):
    if counts(told):
        levels = {level: told[level] for level in _LEVELS}
        expired = told["expires_at"] <= clock
        world.community(one.locality.told["pcode"], id=str(one.id), people=told["people"], expired=expired, **levels)


def _assessment(world, one, told, clock):
    if counts(told) and told["expires_at"] > clock:
        world.assessment(one.locality.told["pcode"], told["likelihood"], told["impact"], id=str(one.id))


def _presence(world, one, told, clock):
    if counts(told) and (told["until"] is None or told["until"] > clock):
        age_days = max((clock - told["confirmed_at"]).total_seconds(), 0.0) / 86400
        world.presence(one.locality.told["pcode"], told["type"], 0.0, age_days, id=str(one.id))


_ADDED = {"community": _community, "assessment": _assessment, "presence": _presence}


def told_of(evaluated):
    """Give everything that is served of a matrix, by name."""
    found = {f"result.{name}": column for name, column in columns(evaluated.result).items()}
    for name in ("operation", "as_of", "recorded", "reconstructed", "in_force", "unplaced", "data_through", "protocol"):
        found[name] = getattr(evaluated, name)
    for back, past in evaluated.earlier.items():
        found[f"earlier.{back}"] = (list(past.at), columns(past.result))
    found["localities"] = [(row.id, row.version) for row in evaluated.localities]
    found["shares"] = evaluated.shares.tobytes()
    found["lines"] = [evaluated.ledger.lines(at) for at in range(len(evaluated.localities))]
    return found


def differing(one, other):
    """Name what two tellings do not have in common."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
