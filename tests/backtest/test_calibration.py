"""Calibrating: its sums are the product's own, it refuses what is too little, and it applies nothing."""

from dataclasses import replace

import numpy as np
import orjson
import pytest
from backtest_worlds import land, plan, quiet, restless
from sqlalchemy import text

from flashpoint import methods
from flashpoint.backtest import COUNTS, OFFICIAL
from flashpoint.calibration import IN_FORCE, LIKE_IN_FORCE, WORSE, calibrate
from flashpoint.errors import Invalid
from flashpoint.replay import replay
from flashpoint.scales import Scales
from flashpoint.scoring.backtest import Judge, Ties
from flashpoint.scoring.calibration import Candidate, Scorer, Sums
from flashpoint.scoring.methodology import DEFAULT, SCALES
from flashpoint.store import actors, methodologies
from flashpoint.store.engine import Database

IN_FORCE_NOW = Candidate(14.0, 90.0, 730.0, (0.5, 0.25, 0.25), 3.0, 8.0)
OTHERS = (
    Candidate(7.0, 180.0, 1095.0, (0.4, 0.2, 0.4), 2.0, 4.0),
    Candidate(30.0, 60.0, 365.0, (0.6, 0.2, 0.2), 4.0, 1e9),
)
#: A part of the grid is enough to see the rule at work.
SMALL = (IN_FORCE_NOW, *OTHERS, *(IN_FORCE_NOW._replace(recent_days=days) for days in (7.0, 10.0, 20.0, 30.0)))


@pytest.fixture(scope="module")
def database(module_database_url, tmp_path_factory):
    """Two lands for all tests of the module; each test adds at most versions of the method."""
    database = Database(module_database_url, pool_size=2)
    for code, seed in (("ZED", 1), ("YON", 2)):
        land(database, tmp_path_factory.mktemp(code), 24, restless(years=5, seed=seed), across=6, code=code)
    yield database
    database.close()


def tried(database, *plans):
    with database.vault_reader() as reader:
        return calibrate(reader, plans, quiet, SMALL)


@pytest.fixture(scope="module")
def told(database):
    return tried(database, whole())


def whole(code="ZED", **values):
    return plan(code, "2015-01", "2018-11", k=3, **values)


@pytest.mark.parametrize(("kernel_width_km", "divisor"), [(0.0, 8.0), (20.0, 4.0)])
def test_a_set_ranks_as_the_version_that_it_proposes(database, kernel_width_km, divisor):
    version = f"base-{kernel_width_km:g}"
    base = replace(DEFAULT, version=version, kernel_width_km=kernel_width_km, casualty_divisor=divisor)
    in_force = IN_FORCE_NOW._replace(casualty_divisor=divisor)
    short = plan("ZED", "2015-01", "2016-03", k=3, methodology=base.version)
    with database.console() as vault:
        methodologies.add(vault, actors.console(vault), "ZED", base, ("for a test", None))
        for at, one in enumerate(OTHERS):
            document = {
                "version": f"{base.version}-{at}",
                "based_on": base.version,
                "reason": "try",
                "changes": one.changes(base),
            }
            methods.propose(vault, actors.console(vault), "ZED", document)
    with database.vault_reader() as reader:
        past = replay(reader, short, quiet, Scales(reader, "ZED", base))
        judge, scorer = Judge(past.outcomes, 3, Ties()), Scorer(Sums(**past.taken), base)
        official = {in_force: past.values[OFFICIAL]} | {
            one: replay(reader, replace(short, methodology=f"{base.version}-{at}"), quiet).values[OFFICIAL]
            for at, one in enumerate(OTHERS)
        }
    found = {one: judge.expect(scorer.priority(one)).found for one in official}
    for one, values in official.items():
        assert np.allclose(found[one], judge.expect(values).found, atol=1e-9), one
    # The three do not rank alike, so the agreement says something.
    assert not any(np.allclose(found[in_force], found[one]) for one in OTHERS)


def test_the_proposal_is_one_that_the_method_takes_and_nothing_is_applied(database):
    tables = ("methodology", "methodology_in_force", "audit")

    def rows():
        # As the owner of the server, whom no wall stops.
        with database.engine.begin() as connection:
            counts = [text(f"SELECT count(*) FROM vault.{table}") for table in tables]
            return [connection.execute(count).scalar_one() for count in counts]

    before = rows()
    told = tried(database, whole())
    assert rows() == before
    assert told.chosen.candidate in SMALL
    assert told.chosen.candidate != IN_FORCE_NOW
    with database.console() as vault:
        made = methods.propose(vault, actors.console(vault), "ZED", told.proposal)
        assert methodologies.in_force(vault, "ZED", vault.at, vault.at) == DEFAULT
    assert tuple(made.threat_half_life_days[scale] for scale in SCALES) == told.chosen.candidate.half_lives


def test_where_the_choice_is_in_force_nothing_is_proposed(database):
    with database.vault_reader() as reader:
        told = calibrate(reader, [whole()], quiet, [IN_FORCE_NOW])
    assert told.proposal is None
    assert IN_FORCE in told.warnings
    (check,) = told.checks
    assert check.gains == pytest.approx(check.in_force)
    assert check.against_in_force == pytest.approx(0, abs=1e-12)


def test_choice_and_check_are_on_different_months(database, told):
    with database.vault_reader() as reader:
        past = replay(reader, whole(), quiet)
    judge = Judge(past.outcomes, 3, Ties())
    half = (len(judge.asked) + 1) // 2
    official, *counts = (judge.expect(past.values[name]) for name in (OFFICIAL, *COUNTS))

    def gain(rows):
        share, *others = (one.found[rows, 0].sum() / one.of[rows, 0].sum() for one in (official, *counts))
        return share / max(others) - 1

    assert told.in_force.gains[0, 0] == pytest.approx(gain(slice(None, half)))
    assert told.checks[0].in_force[0] == pytest.approx(gain(slice(half, None)))


def test_two_operations_are_chosen_for_together(database, told):
    both = tried(database, whole("YON"), whole("ZED"))
    assert both.chosen.gains.shape == (2, 3)
    assert [check.operation for check in both.checks] == ["YON", "ZED"]
    assert np.array_equal(both.in_force.gains[1], told.in_force.gains[0])
    assert set(both.to_dict()["check"]) == {"ZED", "YON"}


def test_operations_need_one_method(database, tmp_path):
    other = land(database, tmp_path, 4, code="OWN")
    with database.console() as vault:
        methodologies.adopt(vault, actors.console(vault), other, replace(DEFAULT, version="own"), ("why", vault.at))
    with pytest.raises(Invalid, match="one method in force"):
        tried(database, whole(), whole(other))


def test_too_little_is_refused(database, tmp_path):
    with pytest.raises(Invalid, match="--from: needs at least 24 months"):
        tried(database, plan("ZED", "2015-01", "2015-06", k=3))
    with pytest.raises(Invalid, match="--k: must be smaller"):
        tried(database, plan("ZED", "2015-01", "2015-01", k=24))
    with pytest.raises(Invalid, match="--from"):
        tried(database, plan(land(database, tmp_path, 24, code="NIL"), "2015-01", "2015-03", k=3))


def test_it_warns_where_the_choice_cannot_be_told_apart(told):
    (check,) = told.checks
    low, high = check.against_in_force_between[:, 0]
    assert (WORSE in told.warnings) == (check.against_in_force[0] < 0)
    assert (LIKE_IN_FORCE in told.warnings) == (check.against_in_force[0] >= 0 and low <= 0 <= high)
    assert told.warnings
    assert all(warning in told.proposal["reason"] for warning in told.warnings)


def test_the_answer_is_json(told):
    tree = orjson.loads(orjson.dumps(told.to_dict()))
    assert tree["sets_tried"] == len(SMALL)
    assert len(tree["best"]) <= 5
