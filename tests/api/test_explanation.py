"""``GET /v1/matrix/{locality}`` says in words and numbers why a place stands where it stands, to each its own."""

import pytest
from service import subject

from flashpoint.types import Audience, Role
from flashpoint.words import tell

PLACE = "X1101"


@pytest.fixture
def told(operation):
    """The row of one place for each audience, with something of every kind in it."""
    operation.verified((18.2, 4.2), killed={"low": 3, "best": 7, "high": 19})
    operation.verified((18.2, 4.2), category="sexual_violence")
    for kind, path in [("community", "communities"), ("presence", "presences")]:
        answer = operation.analyst.post(f"/v1/{path}", subject(operation.code, kind, locality=PLACE))
        assert answer.status_code == 201
    operation.assess()

    return {one: operation.row(PLACE, operation.caller(Role.ANALYST, one)) for one in Audience}


@pytest.mark.parametrize("audience", Audience)
def test_the_words_are_those_of_the_row_and_of_nothing_else(told, audience):
    row = told[audience]
    explanation = {name: value for name, value in row["explanation"].items() if name != "words"}
    assert row["explanation"]["words"] == tell(row["properties"], explanation)
    for sentences in row["explanation"]["words"].values():
        assert sentences[0].startswith(row["properties"]["name"])
        assert len(sentences) >= 7


@pytest.mark.parametrize("audience", Audience)
def test_contributions_add_up_to_the_score_exactly_as_printed(told, audience):
    row = told[audience]
    points = sum(round(100 * line["points"]) for line in row["explanation"]["contributions"])
    assert points == round(100 * row["properties"]["score"])


@pytest.mark.parametrize("audience", Audience)
def test_margins_hold_the_score_and_the_rank(told, audience):
    properties, margins = told[audience]["properties"], told[audience]["explanation"]["margins"]
    for margin in margins:
        assert properties["score_low"] <= margin["score_if_least"] <= properties["score"]
        assert properties["score"] <= margin["score_if_most"] <= properties["score_high"]
        assert margin["rank_if_most"] <= margin["rank_if_least"]


def test_what_is_missing_is_named_to_the_cluster_and_no_record_betrayed_to_the_mission(told):
    cluster, mission = (
        {margin["input"] for margin in told[audience]["explanation"]["margins"]}
        for audience in (Audience.CLUSTER, Audience.MISSION)
    )
    assert {"population", "casualties", "confined_people"} <= cluster
    assert mission == {"population"}


def test_the_mission_is_told_nothing_of_incidents_communities_or_presences(told):
    words = {audience: " ".join(told[audience]["explanation"]["words"]["en"]) for audience in Audience}
    for part in ("ncident", "enclave community", "patrol"):
        assert part in words[Audience.CLUSTER]
        assert part not in words[Audience.MISSION]


def test_a_place_that_was_not_there_last_week_says_so(told):
    for row in told.values():
        assert row["explanation"]["last_week"] is None
        assert "It was not ranked last week." in row["explanation"]["words"]["en"]
