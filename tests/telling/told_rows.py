"""Rows as they are released, to be told in words: worked ones by hand, and random ones from random worlds."""

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID

import numpy as np
import orjson
from hypothesis import strategies as st
from scoring_worlds import worlds

from flashpoint.evaluated import Evaluated, Past
from flashpoint.explained import Scores, explained
from flashpoint.matrix import release
from flashpoint.scoring.contributions import Ledger
from flashpoint.scoring.methodology import DEFAULT
from flashpoint.scoring.model import score
from flashpoint.store.release_reading import unplaced_rows
from flashpoint.types import Audience

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


def line(dimension, name, points, ref=None):
    return {"dimension": dimension, "input": name, "id": ref, "points": points}


def margin(name, least, most, worst, best):
    return {
        "input": name,
        "score_if_least": least,
        "score_if_most": most,
        "rank_if_least": worst,
        "rank_if_most": best,
    }


def standing(rank, score, tier, threat, vulnerability, capacity_gap):  # noqa: PLR0913, PLR0917 - a row of numbers
    dimensions = {"threat": threat, "vulnerability": vulnerability, "capacity_gap": capacity_gap}
    return {"rank": rank, "score": score, "tier": tier, **dimensions}


#: An enclave that nobody reports from: a standing threat, two communities' needs, State forces that help a little.
ENCLAVE = (
    {
        **standing(1, 71.5, "extreme", 0.64, 0.81, 0.7052),
        "name": "Boda",
        "rank_low": 1,
        "rank_high": 4,
        "score_low": 52.11,
        "score_high": 80.02,
        "silent": True,
        "coverage": 0.91,
        "freshness_days": 48,
        "top_k_share": 1.0,
        "people_at_risk": 12_000,
    },
    {
        "tier_name": {"en": "extreme", "fr": "extrême"},
        "contributions": [
            line("threat", "standing_threat", 23.42, "a0"),
            line("vulnerability", "confinement", 12.01),
            line("vulnerability", "confined_people", 6.5),
            line("vulnerability", "food", 3.12),
            line("vulnerability", "displacement", 1.01),
            line("capacity_gap", "unprotected", 33.2),
            line("capacity_gap", "presence:state_forces", -5.06, "p0"),
            line("capacity_gap", "presence", -2.7),
        ],
        "last_week": standing(2, 66.9, "high", 0.64, 0.7, 0.7052),
        "margins": [
            margin("expired_assessment", 55.1, 75.0, 4, 1),
            margin("displacement", 71.5, 78.25, 1, 1),
            margin("casualties", 71.5, 71.5, 1, 1),
        ],
    },
)

#: A town with two incidents; it was not ranked last week.
TOWN = (
    {
        **standing(21, 34.0, "watch", 0.2, 0.26, 0.76),
        "name": "Boali",
        "rank_low": 21,
        "rank_high": 21,
        "score_low": 33.0,
        "score_high": 35.55,
        "silent": False,
        "coverage": 0.43,
        "freshness_days": 1,
        "top_k_share": 0.37,
        "people_at_risk": 900,
    },
    {
        "tier_name": {"en": "watch", "fr": "veille"},
        "contributions": [
            line("threat", "incident", 9.0, "i0"),
            line("threat", "coarse_incident", 2.0, "i1"),
            line("vulnerability", "population", 11.0),
            line("vulnerability", "protected_sites", 0.0),
            line("capacity_gap", "presence_unknown", 12.0),
        ],
        "last_week": None,
        "margins": [margin("presence", 33.0, 35.55, 22, 20), margin("coarse_incidents", 33.9, 34.01, 21, 21)],
    },
)

#: A quiet place where everything is known, and nothing has changed.
VILLAGE = (
    {
        **standing(102, 1.5, "watch", 0.01, 0.01, 0.02),
        "name": "Ndim  Nord",
        "rank_low": 90,
        "rank_high": 111,
        "score_low": 1.5,
        "score_high": 1.5,
        "silent": True,
        "coverage": 1.0,
        "freshness_days": None,
        "top_k_share": 0.0,
        "people_at_risk": 0,
    },
    {
        "tier_name": {"en": "watch", "fr": "veille"},
        "contributions": [
            line("threat", "floor", 0.5),
            line("vulnerability", "population", 0.5),
            line("capacity_gap", "unprotected", 0.5),
            line("capacity_gap", "presence:none", 0.0, "p1"),
        ],
        "last_week": standing(102, 1.5, "watch", 0.01, 0.01, 0.02),
        "margins": [],
    },
)

#: What the mission reads.
MISSION = (
    {
        **standing(3, 46, "elevated", 0.4, 0.3, 0.5),
        "name": "Bossangoa",
        "rank_low": 1,
        "rank_high": 12,
        "score_low": 30,
        "score_high": 58,
        "silent": False,
        "coverage": 0.75,
        "freshness_days": 7,
        "top_k_share": 0.9,
    },
    {
        "tier_name": {"en": "elevated", "fr": "accru"},
        "contributions": [
            line("threat", "threat", 18),
            line("vulnerability", "vulnerability", 15),
            line("capacity_gap", "capacity_gap", 13),
        ],
        "last_week": standing(5, 47, "elevated", 0.5, 0.3, 0.5),
        "margins": [margin("presence", 20, 51, 31, 2)],
    },
)


def evaluated(world, earlier, veiled=()):
    """A matrix of a world, with one of an earlier world a week before; incidents in ``veiled`` may not be named."""
    evidence = world.evidence()
    incidents = evidence.incidents
    nameable = np.array([one not in veiled for one in incidents.id], dtype=np.bool_)
    result = score(replace(evidence, incidents=replace(incidents, nameable=nameable)), DEFAULT)
    towns = list(world.towns)
    return Evaluated(
        operation="TEST",
        as_of=AT,
        recorded=AT,
        reconstructed=False,
        localities=[_place(town) for town in towns],
        result=result,
        ledger=Ledger(result),
        in_force=len(incidents),
        unplaced=0,
        data_through=None,
        earlier={7: Past({_id(town): at for at, town in enumerate(earlier.towns)}, score(earlier.evidence(), DEFAULT))},
        shares=np.linspace(1.0, 0.0, len(towns)),
        touched=None,
        protocol=None,
    )


def _id(town):
    return UUID(int=int(town.removeprefix("T")))


def _place(town):
    codes = {f"adm{level}_pcode": None for level in (1, 2, 3)}
    return SimpleNamespace(
        id=_id(town), version=1, pcode=town, code_list="Test", level=3, name=f"Place {town}", **codes
    )


def released_rows(found, audience):
    """Every row of a matrix as it is released to an audience: properties and whole explanation."""
    rows = unplaced_rows(release(found, audience))
    scores = Scores([row.score for row in rows])
    return [(orjson.loads(row.whole_properties()), orjson.loads(explained(row, scores))) for row in rows]


@st.composite
def matrices(draw):
    """Random matrices, some incidents of which may not be named, some towns of which are new."""
    world, earlier = draw(worlds()), draw(worlds())
    ids = [row["id"] for row in world.incidents]
    return evaluated(world, earlier, draw(st.sets(st.sampled_from(ids)) if ids else st.just(set())))


audiences = st.sampled_from(list(Audience))
