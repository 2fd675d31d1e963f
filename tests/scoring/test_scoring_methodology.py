"""The published parameters: stored, refused when they cannot be borne, and printed in the documentation."""

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpoint.catalogue import CATEGORIES
from flashpoint.errors import Invalid
from flashpoint.scoring.document import BEGIN, END, MEANINGS, TABLE_MEANINGS, spliced
from flashpoint.scoring.methodology import DEFAULT, FIRST, METHODOLOGIES, SCALES, Methodology

PAGE = Path(__file__).parents[2] / "docs" / "methodology.md"


def test_the_page_holds_the_parameters_of_the_code():
    page = PAGE.read_text(encoding="utf-8")
    assert page == spliced(page, DEFAULT), "run: flashpoint method document"


def test_every_parameter_is_explained():
    assert set(MEANINGS) | set(TABLE_MEANINGS) | {"version"} == {entry.name for entry in fields(Methodology)}


def test_a_page_without_its_markers_is_refused():
    for page in ("", BEGIN, END, BEGIN + BEGIN + END):
        with pytest.raises(ValueError, match="marker"):
            spliced(page, DEFAULT)


def test_every_category_has_a_severity_and_harm_counts_thrice():
    assert set(DEFAULT.severity) == set(CATEGORIES)
    assert all(0.5 <= value <= 3.5 for value in DEFAULT.severity.values())
    assert DEFAULT.severity["attack_on_civilians"] == 3 * DEFAULT.severity["armed_clash"]


def test_the_default_is_listed_and_frozen():
    assert METHODOLOGIES["2026.2"] is DEFAULT
    with pytest.raises(TypeError):
        DEFAULT.severity["extortion"] = 3.0
    assert DEFAULT.memory_days == 40 * 730


@given(st.floats(1, 400), st.floats(0.01, 0.99))
def test_json_gives_the_equal_methodology_back(half_life, strength):
    strengths = {**DEFAULT.presence_strength, "escort": strength}
    other = replace(DEFAULT, version="other", aftermath_half_life_days=half_life, presence_strength=strengths)
    again = Methodology.from_dict(json.loads(json.dumps(other.to_dict())))
    assert again == other
    assert again.to_dict() == other.to_dict()


def test_whole_numbers_in_json_are_the_same_numbers():
    stored = DEFAULT.to_dict() | {"aftermath_half_life_days": 60}
    assert isinstance(Methodology.from_dict(stored).aftermath_half_life_days, float)


def test_a_method_stored_before_there_were_time_scales_is_read_as_what_it_was():
    stored = FIRST.to_dict() | {"threat_half_life_days": 60.0}
    for later in ("threat_share", "lasting_severity", "casualty_divisor"):
        del stored[later]
    assert Methodology.from_dict(stored) == FIRST


def pointers(caught):
    return {(violation.pointer, violation.code) for violation in caught.value.violations}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"floor": 0}, ("/floor", "range")),
        ({"floor": 1.5}, ("/floor", "range")),
        ({"aftermath_half_life_days": -1}, ("/aftermath_half_life_days", "range")),
        ({"threat_half_life_days": dict.fromkeys(SCALES, 0.0)}, ("/threat_half_life_days", "range")),
        ({"threat_half_life_days": dict.fromkeys(SCALES, 0.01)}, ("/threat_half_life_days", "range")),
        ({"aftermath_half_life_days": 0.01}, ("/aftermath_half_life_days", "range")),
        ({"memory_half_lives": 1000}, ("/memory_half_lives", "range")),
        ({"threat_share": dict.fromkeys(SCALES, 0.5)}, ("/threat_share", "sum")),
        ({"threat_reference": 1e12}, ("/threat_reference", "range")),
        ({"threat_reference": float("nan")}, ("/threat_reference", "type")),
        ({"threat_reference": True}, ("/threat_reference", "type")),
        ({"severity": {"armed_clash": 1.0}}, ("/severity", "keys")),
        ({"severity": 3}, ("/severity", "type")),
        ({"severity": dict.fromkeys(CATEGORIES, 9.0)}, ("/severity", "range")),
        ({"population_weight": dict.fromkeys(DEFAULT.population_weight, 1.0)}, ("/population_weight", "sum")),
        ({"presence_strength": {**DEFAULT.presence_strength, "none": 0.5}}, ("/presence_strength/none", "range")),
        ({"tier_from": {"extreme": 50, "high": 60, "elevated": 30}}, ("/tier_from", "order")),
        ({"population_ceiling": 10}, ("/population_ceiling", "order")),
        ({"floor": 0.6}, ("/neutral_component", "order")),
        ({"neutral_casualties": 1e6}, ("/casualty_ceiling", "order")),
        ({"neutral_displaced": 1e6}, ("/displaced_reference", "order")),
        ({"version": " "}, ("/version", "required")),
        ({"version": 3}, ("/version", "type")),
        ({"colour": 3}, ("/colour", "unknown")),
    ],
)  # fmt: skip
def test_what_the_formula_cannot_bear_is_refused(change, expected):
    with pytest.raises(Invalid) as caught:
        Methodology.from_dict(DEFAULT.to_dict() | change)
    assert expected in pointers(caught)


def test_a_parameter_that_is_not_stored_is_not_guessed():
    stored = DEFAULT.to_dict()
    del stored["silence_days"]
    with pytest.raises(Invalid) as caught:
        Methodology.from_dict(stored)
    assert pointers(caught) == {("/silence_days", "missing")}
