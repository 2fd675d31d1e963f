"""The words: as they read, and what must hold for every row that can be released."""

import math
import re
import string
from pathlib import Path

import orjson
import pytest
import told_rows
from hypothesis import given, settings
from scoring_worlds import World
from told_rows import audiences, evaluated, matrices, released_rows
from told_texts import TOLD

from flashpoint.catalogue import INPUT_TERMS, PRESENCE_TERMS, TIER_NAMES, input_term
from flashpoint.language import ENGLISH, FRENCH, LANGUAGES, NARROW
from flashpoint.phrases import PHRASES, phrase, write
from flashpoint.scoring.contributions import (
    COARSE_INCIDENT,
    FLOOR,
    INCIDENT,
    NEAR_INCIDENT,
    OTHER_INCIDENTS,
    PRESENCE,
    PRESENCE_UNKNOWN,
    STANDING_THREAT,
    UNPROTECTED,
    Kind,
)
from flashpoint.scoring.margins import INPUTS
from flashpoint.scoring.methodology import COMPONENTS
from flashpoint.scoring.sensitivity import TOP_K
from flashpoint.types import Audience, PresenceType, Tier
from flashpoint.words import tell

few = settings(max_examples=60, deadline=None)


# -- as they read ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TOLD)
@pytest.mark.parametrize("code", LANGUAGES)
def test_a_worked_row_reads_as_it_should(name, code):
    expected = [sentence.replace("~", NARROW) for sentence in TOLD[name][code]]
    assert tell(*getattr(told_rows, name))[code] == expected


def test_a_row_of_before_is_told_without_what_it_does_not_have():
    """A row that was released before margins and shares were: nothing is said of them, and nothing fails."""
    properties, explanation = told_rows.TOWN
    older = {name: value for name, value in explanation.items() if name not in {"margins", "last_week"}}
    told = tell({name: value for name, value in properties.items() if name != "top_k_share"}, older)
    assert len(told["en"]) == len(told["fr"]) == 8


# -- names ----------------------------------------------------------------------------------------------------------


def test_every_input_of_a_row_has_a_name():
    lines = {INCIDENT, COARSE_INCIDENT, NEAR_INCIDENT, OTHER_INCIDENTS, STANDING_THREAT, FLOOR}
    lines |= {UNPROTECTED, PRESENCE, PRESENCE_UNKNOWN}
    assert {*lines, *COMPONENTS, *INPUTS, *Kind} == set(INPUT_TERMS)
    assert set(PRESENCE_TERMS) == set(PresenceType)
    assert {input_term(f"{PRESENCE}:{kind}").en for kind in PresenceType} == {one.en for one in PRESENCE_TERMS.values()}
    assert set(TIER_NAMES) == set(Tier)


def test_every_input_of_a_margin_is_documented():
    paper = (Path(__file__).resolve().parents[2] / "docs/api.md").read_text(encoding="utf-8")
    section = paper[paper.index("### Explanation") : paper.index("### Polling")]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert set(INPUTS) <= set(re.findall(r"`(\w+)`", " ".join(rows)))


def gaps(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", PHRASES)
def test_both_languages_have_the_same_gaps(key):
    assert gaps(PHRASES[key].en) == gaps(PHRASES[key].fr)


# -- laws -----------------------------------------------------------------------------------------------------------


def numbers(sentences, language):
    """Read the numbers of a text as a person would; an ordinal is its number."""
    thousands = {"en": ",", "fr": NARROW}[language.code]
    pattern = rf"\d{{1,3}}(?:{thousands}\d{{3}})+(?:\{language.point}\d+)?|\d+(?:\{language.point}\d+)?"
    found = [one for sentence in sentences for one in re.findall(pattern, sentence)]
    return [float(one.replace(thousands, "").replace(language.point, ".")) for one in found]


def stated(tree):
    """Give every number of a row."""
    if isinstance(tree, dict):
        return {number for value in tree.values() for number in stated(value)}
    if isinstance(tree, list):
        return {number for value in tree for number in stated(value)}
    return {abs(tree)} if isinstance(tree, int | float) and not isinstance(tree, bool) else set()


def derived(explanation):
    """Give what may be said beside the numbers themselves: sums of printed lines, and how many they are."""
    groups = {kind.value: [] for kind in Kind}
    for line in explanation["contributions"]:
        groups.setdefault(line["dimension"], []).append(line["points"])
        groups.setdefault(line["input"], []).append(line["points"])
        if line["input"] in {INCIDENT, COARSE_INCIDENT, NEAR_INCIDENT} and line["points"] > 0:
            groups.setdefault("named", []).append(line["points"])
        if line["points"] < 0:
            groups.setdefault("off", []).append(line["points"])
    sums = {abs(round(math.fsum(points), 2)) for points in groups.values()}
    return sums | set(range(1, len(groups.get("named", [])) + 1))


def unexplained(properties, explanation):
    row = {name: value for name, value in explanation.items() if name != "words"}
    allowed = {round(number, 2) for number in stated([properties, row])}
    allowed |= {round(properties[name] * 100) for name in ("coverage", "top_k_share")}
    # Out of 100, among the first ten, on a scale up to 1; a name may hold any number.
    allowed |= {100, TOP_K, 1} | derived(row)
    told = {
        number
        for code, sentences in explanation["words"].items()
        for number in numbers([one.replace(properties["name"], "") for one in sentences], LANGUAGES[code])
    }
    return {number for number in told if all(abs(number - one) > 1e-9 for one in allowed)}


@few
@given(matrices(), audiences)
def test_every_number_that_is_told_stands_in_the_row(found, audience):
    for properties, explanation in released_rows(found, audience):
        assert unexplained(properties, explanation) == set()


def test_a_number_from_elsewhere_would_be_noticed():
    properties, explanation = told_rows.TOWN
    told = {"en": ["It was 12.34 there."], "fr": [f"On y a compté 1{NARROW}234,50 fois."]}
    assert unexplained(properties, explanation | {"words": told}) == {12.34, 1234.5}


@few
@given(matrices(), audiences)
def test_both_languages_say_as_much_in_whole_sentences_that_are_set_well(found, audience):
    for _, explanation in released_rows(found, audience):
        told = explanation["words"]
        assert len(told["en"]) == len(told["fr"]) >= 7
        for sentence in (*told["en"], *told["fr"]):
            assert re.fullmatch(r"\S.*\S\.", sentence)
            assert not re.search(r"None|nan|\{|\}|  |\s[.,)]|\(\s", sentence)
            assert sentence[0] == sentence[0].upper()
        for sentence in told["fr"]:
            assert not re.search(rf"[^{NARROW}][:;?!%»]|«[^{NARROW}]", sentence)
            # What has to be elided or contracted.
            assert not re.search(
                r"\b(?:de|le|la|que|ne|se|ce|je) [aeiouyéèêà]|\b(?:de|à) les? |\bsi il", sentence, re.IGNORECASE
            )


def names(found):
    """Give the names of inputs that stand in a text."""
    return {code for code, term in INPUT_TERMS.items() if term.en in found or term.the_en in found}


@few
@given(matrices())
def test_the_mission_is_told_of_nothing_that_its_row_leaves_out(found):
    text_of_cluster = [" ".join(row[1]["words"]["en"]) for row in released_rows(found, Audience.CLUSTER)]
    for (properties, explanation), cluster in zip(released_rows(found, Audience.MISSION), text_of_cluster, strict=True):
        text = " ".join(explanation["words"]["en"])
        spoken = {line["input"] for line in explanation["contributions"]}
        spoken |= {margin["input"] for margin in explanation["margins"]}
        assert names(text) <= spoken | {UNPROTECTED}
        assert "ncident" not in text
        assert "ommunity" not in text
        assert all(number == int(number) or number < 1 for number in numbers([text], ENGLISH))
        assert re.search(r"incident|inhabitants", cluster) or not properties["contributions"]


def test_what_the_cluster_reads_of_records_the_mission_does_not():
    """The same place for both: presence, incidents and the enclave are there, and the mission is told of none."""
    world = (
        World()
        .town("T0", 9_000)
        .incident("T0", killed=8)
        .presence("T0", "mission_base")
        .community("T0", confinement=4, food=4, people=70)
    )
    told = {
        audience: " ".join(released_rows(evaluated(world, World()), audience)[0][1]["words"]["en"])
        for audience in Audience
    }
    for words in ("verified incident makes", "mission base", "enclave community"):
        assert words in told[Audience.CLUSTER]
        assert words not in told[Audience.MISSION]
    assert "not ranked last week" in told[Audience.MISSION]


def test_incidents_that_may_not_be_named_are_not_counted():
    world = World().town("T0", 9_000)
    for _ in range(5):
        world.incident("T0", killed=8)

    def told(*veiled):
        (row,) = released_rows(evaluated(world, World(), veiled), Audience.CLUSTER)
        return " ".join(row[1]["words"]["en"])

    assert "5 verified incidents make up the threat" in told()
    assert "3 verified incidents bring" in told("i001", "i004")
    every = told(*(row["id"] for row in world.incidents))
    assert "verified incidents not named here" in every
    assert not re.search(r"\b5 ", every)


# -- numbers and lists ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "english", "french"),
    [
        (1, "1st", "1er"),
        (2, "2nd", "2e"),
        (3, "3rd", "3e"),
        (11, "11th", "11e"),
        (12, "12th", "12e"),
        (21, "21st", "21e"),
        (113, "113th", "113e"),
        (122, "122nd", "122e"),
    ],
)
def test_ordinals(place, english, french):
    assert (ENGLISH.ordinal(place), FRENCH.ordinal(place)) == (english, french)


def test_numbers_are_written_as_each_language_does():
    assert ENGLISH.number(1234567) == "1,234,567"
    assert FRENCH.number(1234567) == f"1{NARROW}234{NARROW}567"
    assert ENGLISH.number(1234.5) == "1,234.50"
    assert FRENCH.number(1234.5) == f"1{NARROW}234,50"
    assert ENGLISH.number(-0.0) == "0.00"
    assert FRENCH.percent(0.4) == f"40{NARROW}%"
    assert [ENGLISH.percent(share) for share in (0.0, 0.001, 0.5, 0.999, 1.0)] == ["0%", "1%", "50%", "99%", "100%"]


@pytest.mark.parametrize(("value", "english", "french"), [(0, "s", ""), (1, "", ""), (1.5, "s", ""), (2, "s", "s")])
def test_plurals(value, english, french):
    assert (ENGLISH.form(value, "", "s"), FRENCH.form(value, "", "s")) == (english, french)


def test_lists():
    assert [ENGLISH.together(items) for items in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
    assert FRENCH.aligned(["a 1,5", "b 2"]) == "a 1,5 ; b 2"


def test_what_stands_in_a_gap_is_never_read_as_a_gap():
    told = phrase("heading", name="{pcode.__class__}", pcode="X", operation="T", at="2026")
    assert write(told, ENGLISH).startswith("{pcode.__class__} (X)")
    properties, explanation = orjson.loads(orjson.dumps(told_rows.TOWN))
    assert tell(properties | {"name": "{score:number}"}, explanation)["en"][0].startswith("{score:number} ranks")
