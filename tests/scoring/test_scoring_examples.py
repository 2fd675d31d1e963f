"""One hand-worked example a factor; the numbers are derived in the comments."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scoring_worlds import World

from flashpoint.scoring.contributions import Ledger
from flashpoint.scoring.methodology import COMPONENTS, DEFAULT, FIRST
from flashpoint.scoring.model import score, tiers


def only(world, name, method=DEFAULT):
    return getattr(score(world.evidence(), method), name)[0]


def recent(world, method=DEFAULT):
    """The sums of the first time scale."""
    return score(world.evidence(), method).parts.pressure.threat[0]


def component(world, name):
    return score(world.evidence(), DEFAULT).parts.vulnerability.components[0, COMPONENTS.index(name)]


def town_of_the_page():
    return World().town("A", 31_622.7766).incident("A", killed=3, age_days=60.0).presence("A", "mission_base")


def test_the_town_of_the_methodology_page():
    result = score(town_of_the_page().evidence(), DEFAULT)
    # casualty 1 + log2(4)/8 = 1.25; 3 * 1.25 = 3.75 fades to 0.192238 over 60/14 and to 2.362352 over 60/90 half-lives,
    # 1 * 1.25 to 1.180775 over 60/730; (0.5 ln 1.192238 + 0.25 ln 3.362352 + 0.25 ln 2.180769) / ln 1001
    assert result.threat[0] == pytest.approx([0.084821] * 3, abs=1e-6)
    # population log10(31.6228)/3 = 0.5; V = 0.5 * 0.5 + (0.3 + 0.2) * 0.01
    assert result.vulnerability[0] == pytest.approx([0.255] * 3)
    assert result.capacity_gap[0] == pytest.approx([0.2] * 3)
    # 100 * (0.084821 * 0.255 * 0.2) ^ (1/3) = 100 * 0.00432580 ^ (1/3)
    assert result.score[0] == pytest.approx(16.294, abs=1e-3)
    assert result.score_low[0] == result.score[0] == result.score_high[0]
    assert (result.tier[0], result.coverage[0], result.silent[0]) == ("watch", 1.0, True)
    lines = {line.component: (line.ref, round(line.points, 2)) for line in Ledger(result).lines(0)}
    # ln(T/e) = 2.13794, ln(V/e) = 3.23868, ln(L/e) = 2.99573; without the base 16.294 * 5^(1/3) = 27.862
    assert lines["incident"] == ("i000", 4.16)
    assert lines["population"] == (None, 6.18)
    assert lines["unprotected"] == (None, 17.4)
    assert lines["presence:mission_base"] == ("p000", -11.57)


def test_the_first_method_still_computes_what_it_did():
    # casualty 1 + log2(4)/4 = 1.5; w = 2 * 1.5 / 2 = 1.5; T = ln 2.5 / ln 101
    assert only(town_of_the_page(), "threat", FIRST) == pytest.approx([0.198541] * 3, abs=1e-6)
    assert only(town_of_the_page(), "score", FIRST) == pytest.approx(21.634, abs=1e-3)


def test_each_time_scale_forgets_at_its_own_pace_and_the_last_counts_harm_to_people_only():
    world = World().town("A").town("B")
    world.incident("A", age_days=90.0).incident("B", category="armed_clash", age_days=90.0)
    sums = score(world.evidence(), DEFAULT).parts.pressure.threat[:, :, 1]
    assert sums[:, 0] == pytest.approx([3 * 2 ** (-90 / 14), 1.5, 2 ** (-90 / 730)])
    assert sums[:, 1] == pytest.approx([2 ** (-90 / 14), 0.5, 0.0])


def test_points_of_threat_follow_each_time_scales_part():
    world = World().town("A").incident("A", age_days=0.0).incident("A", age_days=90.0)
    lines = [line for line in Ledger(score(world.evidence(), DEFAULT)).lines(0) if line.kind == "threat"]
    old = [2 ** (-90 / half_life) for half_life in (14, 90, 730)]
    sums = [3 * (1 + old[0]), 3 * (1 + old[1]), 1 + old[2]]
    parts = [share * math.log1p(total) for share, total in zip((0.5, 0.25, 0.25), sums, strict=True)]
    newer = sum(part / (1 + fade) for part, fade in zip(parts, old, strict=True)) / sum(parts)
    assert lines[0].points / (lines[0].points + lines[1].points) == pytest.approx(newer)


def test_casualties_count_injured_a_quarter_and_abducted_half():
    # 1 + 4/4 + 2/2 = 3 equivalents: casualty 1 + log2(4)/8 = 1.25; an armed clash weighs 1
    world = World().town("A").incident("A", category="armed_clash", killed=1, injured=4, abducted=2)
    assert recent(world)[0] == pytest.approx([1.25] * 3)


def test_a_missing_count_is_none_at_the_point_and_the_ceiling_at_the_upper_end():
    world = World().town("A").incident("A", category="armed_clash", killed=3, injured=None)
    # low and best 3 equivalents, 1.25; high 10,000: 1 + log2(10001)/8 = 1 + 13.28786/8
    assert recent(world)[0] == pytest.approx([1.25, 1.25, 2.660982])


def test_a_coarse_incident_is_shared_out_by_the_units_own_population():
    world = World().town("A", 2_000).town("B").unit("U", 10_000, "A", "B").incident("U", category="armed_clash")
    # A has a fifth of the people; B's are not known: the neutral share. It may have been in either, or neither.
    assert recent(world) == pytest.approx(np.array([[0, 0.2, 1], [0, 0.08, 1]]))


def test_spill_over_is_off_by_default_and_gaussian_when_on():
    # Along the equator a degree is 111.195 km.
    world = World().town("A", at=(0.0, 0.0)).town("B", at=(20 / 111.19508, 0.0)).town("C", at=(61 / 111.19508, 0.0))
    world.incident("A", category="armed_clash", at=(0.0, 0.0)).incident("C", category="armed_clash")
    assert recent(world)[1, 1] == 0
    spilling = replace(DEFAULT, version="spilling", kernel_width_km=20.0)
    # one width away, e to the power of minus one half; three widths are as far as it reaches, and where an incident
    # happened it counts with 1 already; one whose point is not known presses on its own locality alone
    assert recent(world, spilling)[:, 1] == pytest.approx([1, 0.60653066, 1], abs=1e-6)


def test_a_standing_threat_holds_threat_up_as_incidents_fade():
    # likelihood 3 of 5, impact 4 of 5
    world = World().town("A").incident("A", age_days=2000.0).assessment("A", 3, 4).assessment("A", 1, 5)
    assert only(world, "threat") == pytest.approx([0.48] * 3)
    line = Ledger(score(world.evidence(), DEFAULT)).lines(0)[0]
    assert (line.component, line.ref) == ("standing_threat", "a000")


def test_an_enclave_speaks_with_its_worst_levels_and_all_its_people():
    world = World().town("A", 1_000)
    world.community("A", confinement=4, food=1, water=2, people=400)
    world.community("A", confinement=1, food=3, health=4, people=73)
    # confinement 1, food 0.75, water 0.5, health 1, market and both others 0.01, people ln 474 / ln 50001 = 0.569438:
    # 0.25 + 0.075 + 0.05 + 0.1 + 0.0005 + 0.0015 + 0.001 + 0.15 * 0.569438
    assert only(world, "vulnerability") == pytest.approx([0.563415] * 3, abs=1e-6)
    assert only(world, "people_at_risk") == 473
    refs = {line.component: line.ref for line in Ledger(score(world.evidence(), DEFAULT)).lines(0)}
    assert (refs["confinement"], refs["food"], refs["market"]) == ("c000", "c001", "c000")
    assert (refs["confined_people"], refs["displacement"]) == (None, None)


def test_the_larger_profile_counts_and_is_the_one_explained():
    world = World().town("A", 1_000_000).community("A")
    # a free and unhindered community in a city: 0.5 + 0.3 * 0.01 + 0.2 * 0.01 of the population profile
    assert only(world, "vulnerability") == pytest.approx([0.505] * 3)
    components = {line.component for line in Ledger(score(world.evidence(), DEFAULT)).lines(0)}
    assert "population" in components
    assert "confinement" not in components


def test_an_expired_assessment_keeps_its_value_and_opens_its_interval():
    world = World().town("A").community("A", confinement=3, people=500, expired=True)
    assert component(world, "confinement") == pytest.approx([0.01, 0.75, 1])
    assert component(world, "confined_people") == pytest.approx([0.01, 0.574558, 1], abs=1e-6)  # ln 501 / ln 50001
    # known: casualties, displacement, sites; not: population, presence, six components of the enclave
    assert only(world, "coverage") == pytest.approx(3 / 11)


def test_displacement_and_sites_fade_over_half_a_year():
    world = World().town("A").incident("A", displaced=2_000, protected_site=True, age_days=180.0)
    assert component(world, "displacement") == pytest.approx([0.638529] * 3, abs=1e-6)  # ln 1001 / ln 50001
    assert component(world, "protected_sites") == pytest.approx([0.226294] * 3, abs=1e-6)  # ln 1.5 / ln 6


def test_displacement_that_nobody_counted_may_be_anything_up_to_the_reference():
    world = World().town("A").incident("A", displaced=None)
    assert component(world, "displacement") == pytest.approx([0.01, 0.01, 1])


def test_presences_fade_with_distance_and_age_and_protect_independently():
    world = World().town("A").presence("A", "mission_base", distance_km=25.0).presence("A", "mission_patrol", 0.0, 90.0)
    # the base leaves 1 - 0.8/e = 0.705696, the patrol 1 - 0.5/2 = 0.75
    assert only(world, "capacity_gap") == pytest.approx([0.529272] * 3, abs=1e-6)


def test_state_forces_protect_nobody_where_they_were_among_the_perpetrators():
    world = World().town("A").presence("A", "state_forces").incident("A", age_days=366.0, state_perpetrator=True)
    assert only(world, "capacity_gap")[1] == pytest.approx(0.6)
    world.incident("A", age_days=365.0, state_perpetrator=True)
    assert only(world, "capacity_gap")[1] == 1
    assert ("presence:state_forces", 0.0) in {
        (line.component, line.points) for line in Ledger(score(world.evidence(), DEFAULT)).lines(0)
    }


def test_nobody_looked_is_not_nothing_found():
    assert list(only(World().town("A"), "capacity_gap")) == [0.01, 0.5, 1]
    assert list(only(World().town("A").presence("A", "none"), "capacity_gap")) == [1, 1, 1]


def test_silence_begins_after_its_days_and_coarse_reports_do_not_break_it():
    world = World().town("A").town("B").town("C").unit("U", 10, "C")
    world.incident("A", report_age_days=21.0).incident("B", report_age_days=21.1).incident("B", report_age_days=40.0)
    world.incident("U")
    result = score(world.evidence(), DEFAULT)
    assert list(result.silent) == [False, True, True]
    assert result.freshness_days[:2] == pytest.approx([21.0, 21.1])
    assert np.isnan(result.freshness_days[2])


def test_the_small_incidents_are_one_line_beyond_the_limit():
    world = World().town("A")
    for killed in (100, 1, 0, 10):
        world.incident("A", killed=killed)
    lines = [line for line in Ledger(score(world.evidence(), DEFAULT)).lines(0, 2) if line.kind == "threat"]
    assert [(line.component, line.ref) for line in lines] == [
        ("incident", "i000"),
        ("incident", "i003"),
        ("other_incidents", None),
    ]


def test_tiers_begin_at_their_thresholds():
    assert tiers(np.array([70.0, 69.9999, 55.0, 35.0, 34.9, 1.0]), DEFAULT) == (
        "extreme", "high", "high", "elevated", "watch", "watch",
    )  # fmt: skip
