"""Versions of the method: what a change makes of one, and what a refused change is told."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpoint.catalogue import CATEGORIES
from flashpoint.errors import Invalid
from flashpoint.scoring.document import MEANINGS, TABLE_MEANINGS, described, tables
from flashpoint.scoring.methodology import DEFAULT, Methodology
from flashpoint.scoring.revision import differences, revised, same_parameters

numbers = st.floats(0.01, 0.99)
severities = st.dictionaries(st.sampled_from(sorted(CATEGORIES)), st.floats(0.5, 3), max_size=5)


def as_changes(found):
    """Write differences as the document that makes them."""
    changes = {}
    for one in found:
        name, _, key = one.parameter.partition("/")
        if key:
            changes.setdefault(name, {})[key] = one.after
        else:
            changes[name] = one.after
    return changes


@st.composite
def versions(draw):
    base = replace(DEFAULT, version="a", threat_exponent=draw(numbers), silence_days=draw(st.floats(1, 90)))
    return replace(base, version="b", severity={**base.severity, **draw(severities)})


@given(versions(), versions())
def test_the_differences_of_two_versions_make_the_one_of_the_other(one, other):
    found = differences(one, other)
    assert bool(found) != same_parameters(one, other)
    if found:
        again = revised(one, other.version, as_changes(found))
        assert again == other
        assert Methodology.from_dict(again.to_dict()) == other


@given(versions(), versions())
def test_differences_turn_round(one, other):
    there = {(d.parameter, d.before, d.after) for d in differences(one, other)}
    assert there == {(d.parameter, d.after, d.before) for d in differences(other, one)}
    assert differences(one, replace(one, version="renamed")) == ()


def test_a_change_of_one_value_leaves_the_others_and_the_base_alone():
    made = revised(DEFAULT, "mine", {"severity": {"extortion": 0.75}, "silence_days": 14})
    assert made.version == "mine"
    assert [(d.parameter, d.after) for d in differences(DEFAULT, made)] == [
        ("silence_days", 14.0),
        ("severity/extortion", 0.75),
    ]
    assert made.severity["armed_clash"] == DEFAULT.severity["armed_clash"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"severity": {"shelling": 99, "extortion": 0.75}}, {("/changes/severity/shelling", "range")}),
        ({"severity": {"shelling": 99, "extortion": -1}},
         {("/changes/severity/shelling", "range"), ("/changes/severity/extortion", "range")}),
        ({"severity": {"shelling": "much"}}, {("/changes/severity/shelling", "type")}),
        ({"severity": {"shelling": True}}, {("/changes/severity/shelling", "type")}),
        ({"severity": {"rumour": 1}}, {("/changes/severity/rumour", "unknown")}),
        ({"severity": {"Jean Dupont": 1}}, {("/changes/severity", "unknown")}),
        ({"severity": 3}, {("/changes/severity", "type")}),
        ({"severity": []}, {("/changes/severity", "type")}),
        ({"tier_from": {"extreme": 1}}, {("/changes/tier_from", "order")}),
        ({"tier_from": {"extreme": 101}}, {("/changes/tier_from/extreme", "range")}),
        ({"presence_strength": {"none": 0.5}}, {("/changes/presence_strength/none", "range")}),
        ({"population_weight": {"population": 0.9}}, {("/changes/population_weight", "sum")}),
        ({"silence_days": -1}, {("/changes/silence_days", "range")}),
        ({"silence_days": None}, {("/changes/silence_days", "type")}),
        ({"silence_days": {"Jean Dupont": 1}}, {("/changes/silence_days", "type")}),
        ({"colour": 3, "silence_days": "x"}, {("/changes/colour", "unknown"), ("/changes/silence_days", "type")}),
        ({"Jean Dupont": 3}, {("/changes", "unknown")}),
        ({"version": "other"}, {("/changes/version", "unknown")}),
        # The ceiling was not touched, so nothing in the document can be pointed at but the changes themselves.
        ({"population_floor": 5e8}, {("/changes", "order")}),
        ({"silence_days": DEFAULT.silence_days}, {("/changes", "unchanged")}),
        ({}, {("/changes", "unchanged")}),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, dict) else "",
)  # fmt: skip
def test_a_refusal_points_into_the_document_and_repeats_nothing(changes, expected):
    with pytest.raises(Invalid) as caught:
        revised(DEFAULT, "mine", changes)
    assert {(one.pointer, one.code) for one in caught.value.violations} == expected
    told = str(caught.value)
    assert not any(value in told for value in ("Jean", "Dupont", "much", "99", "5e8", "500000000"))


def test_every_parameter_is_described_with_its_meaning():
    lines = {line["name"]: line for line in described(DEFAULT)}
    assert set(lines) == set(DEFAULT.to_dict()) - {"version"} == set(MEANINGS) | set(TABLE_MEANINGS)
    assert all(line["meaning"] for line in lines.values())
    assert {name: line["value"] for name, line in lines.items()} | {"version": DEFAULT.version} == DEFAULT.to_dict()


@pytest.mark.parametrize("name", sorted(set(DEFAULT.to_dict()) - {"version"}))
def test_the_generated_page_changes_with_every_parameter(name):
    value = DEFAULT.to_dict()[name]
    page = tables(DEFAULT)
    for key in value if isinstance(value, dict) else [None]:
        # Not a version that could be in force: only that the number stands on the page.
        other = object.__new__(Methodology)
        for field, kept in DEFAULT.to_dict().items():
            object.__setattr__(other, field, kept)
        changed = 0.123456 if key is None else {**value, key: 0.123456}
        object.__setattr__(other, name, changed)
        assert tables(other) != page, (name, key)
