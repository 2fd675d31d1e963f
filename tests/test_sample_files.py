"""The demonstration files agree with themselves and show every rule they are there to show."""

import csv
import json
import math
from collections import Counter, defaultdict
from functools import cache
from itertools import product
from pathlib import Path

import pytest
import shapely

from flashpoint.catalogue import CATEGORIES
from flashpoint.types import (
    Confidence,
    Confinement,
    Consent,
    DatePrecision,
    GeoPrecision,
    PerpetratorClass,
    PresenceType,
    ProtectedSite,
    ShareAbove,
    Sharing,
    SourceType,
    Standard,
    State,
    WithdrawalReason,
)

FOLDER = Path(__file__).parent.parent / "sample_data"
HARMS = ("killed", "injured", "abducted", "displaced")
SOURCES_NEEDED = {Standard.REASONABLE_GROUNDS: 2, Standard.CLEAR_AND_CONVINCING: 3}
ONCE_VERIFIED = {State.VERIFIED, State.WITHDRAWN, State.CORROBORATING}
CLOSED = {State.NOT_VERIFIED, State.DISPUTED, State.WITHDRAWN, State.DUPLICATE}
SYNTHETIC = ("Synthetic: ", "Synthétique : ")


@cache
def table(name):
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert all(None not in row and None not in row.values() for row in rows), f"{name}: a ragged line"
    return rows


def operation():
    return json.loads((FOLDER / "operation.json").read_text(encoding="utf-8"))


def incident(client_id):
    return next(row for row in table("incidents") if row["client_id"] == client_id)


def sources_of(client_id, until_days_ago=0):
    rows = [row for row in table("sources") if row["client_id"] == client_id]
    return [row for row in rows if int(row["obtained_days_ago"]) >= until_days_ago]


def strength(sources):
    """How many sources, types and independence groups: the least of the three is what a standard asks about."""
    types, groups = {row["type"] for row in sources}, {row["independence_group"] for row in sources}
    return min(len(sources), len(types), len(groups))


def current_localities():
    superseded = {row["supersedes_pcode"] for row in table("localities")}
    return [row for row in table("localities") if row["pcode"] not in superseded]


def distance_km(a, b):
    lat_a, lon_a, lat_b, lon_b = (math.radians(float(x)) for x in (a["lat"], a["lon"], b["lat"], b["lon"]))
    half = math.sin((lat_b - lat_a) / 2) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    return 2 * 6371.0088 * math.asin(math.sqrt(half))


def in_reach(row):
    return [town for town in current_localities() if distance_km(row, town) <= float(town["catchment_km"])]


def assert_range(row, name):
    cells = [row[f"{name}_{end}"] for end in ("low", "best", "high")]
    if cells == ["", "", ""]:
        return
    low, best, high = (int(cell) for cell in cells)
    assert 0 <= low <= best <= high, (row, name)


def assert_all_used(values, enumeration):
    assert set(values) == {str(member.value) for member in enumeration}


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("admin_units", 32),
        ("localities", 21),
        ("communities", 14),
        ("assessments", 10),
        ("presences", 33),
        ("incidents", 180),
        ("sources", 403),
    ],
)
def test_counts(name, rows):
    assert len(table(name)) == rows


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("admin_units", "pcode"),
        ("localities", "pcode"),
        ("communities", "community_key"),
        ("assessments", "assessment_key"),
        ("presences", "presence_key"),
        ("incidents", "client_id"),
    ],
)
def test_keys_are_unique(name, key):
    assert max(Counter(row[key] for row in table(name)).values()) == 1


def test_everything_says_that_it_is_synthetic():
    assert operation()["code"] == "DEMO"
    assert operation()["synthetic"] is True
    assert all("synth" in name.lower() for name in operation()["name"].values())
    assert "synthetic" in (FOLDER / "README.md").read_text(encoding="utf-8").lower()
    for name, key in (("communities", "community_key"), ("assessments", "assessment_key"), ("incidents", "client_id")):
        assert all(row[key].startswith("demo-") for row in table(name))
    assert all(row["name"].endswith("(synthetic)") for row in table("communities"))
    assert all(row["reason"].startswith(SYNTHETIC) for row in table("assessments"))
    assert all(row["narrative"].startswith(SYNTHETIC) for row in table("incidents"))


def test_narratives_come_in_both_languages_and_are_short():
    french = [row for row in table("incidents") if row["narrative"].startswith("Synthétique")]
    assert 40 <= len(french) <= 100
    assert max(len(row["narrative"]) for row in table("incidents")) <= 120


def test_admin_units_nest_and_hold_their_towns():
    units = {row["pcode"]: row for row in table("admin_units")}
    below, towns = Counter(), Counter()
    for row in units.values():
        assert row["level"] == ("2" if row["parent_pcode"] else "1")
        if row["parent_pcode"]:
            assert units[row["parent_pcode"]]["level"] == "1"
            below[row["parent_pcode"]] += int(row["population"])
    for row in current_localities():
        assert units[row["adm2_pcode"]]["parent_pcode"] == row["adm1_pcode"]
        towns[row["adm2_pcode"]] += int(row["population_best"] or 0)
    for pcode, people in (below + towns).items():
        assert int(units[pcode]["population"]) >= people, pcode


def test_outlines_are_drawn_by_the_rule_and_by_nothing_else():
    outlines = {row["pcode"]: shapely.from_wkt(row["outline"]) for row in table("admin_units")}
    squares = defaultdict(list)
    for west, south in product(range(1400, 2800, 20), range(200, 1140, 20)):  # hundredths of a degree
        centre = (west + 10, south + 10)
        far, pcode = min((math.dist(centre, hundredths(town)), town["adm2_pcode"]) for town in table("localities"))
        if far <= 70:
            square = shapely.box(west / 100, south / 100, (west + 20) / 100, (south + 20) / 100)
            squares[pcode].append(square)
            squares[next(row["parent_pcode"] for row in table("admin_units") if row["pcode"] == pcode)].append(square)
    assert squares.keys() == outlines.keys()
    assert all(outlines[pcode].is_valid for pcode in outlines)
    drawn = {pcode: shapely.union_all(parts, grid_size=0.01) for pcode, parts in squares.items()}
    assert [pcode for pcode in outlines if not outlines[pcode].equals(drawn[pcode])] == []


def hundredths(town):
    return float(town["lon"]) * 100, float(town["lat"]) * 100


def test_outlines_hold_what_is_claimed_to_lie_in_them():
    outlines = {row["pcode"]: shapely.from_wkt(row["outline"]) for row in table("admin_units")}
    for row in table("incidents"):
        if row["lat"]:
            inside = outlines[row["admin_pcode"]].covers(shapely.Point(float(row["lon"]), float(row["lat"])))
            assert inside != (row["pcode_mismatch"] == "true"), row["client_id"]


def test_places_lie_in_the_area_of_the_operation():
    ring = operation()["area"]["coordinates"][0]
    assert ring[0] == ring[-1]
    lons, lats = [point[0] for point in ring], [point[1] for point in ring]
    for name in ("localities", "presences", "incidents"):
        for row in table(name):
            assert bool(row["lat"]) == bool(row["lon"])
            if row["lat"]:
                assert min(lats) < float(row["lat"]) < max(lats)
                assert min(lons) < float(row["lon"]) < max(lons)


def test_twenty_localities_whose_catchments_keep_apart():
    towns = current_localities()
    assert len(towns) == 20
    for i, a in enumerate(towns):
        for b in towns[:i]:
            assert distance_km(a, b) > float(a["catchment_km"]) + float(b["catchment_km"]), (a["name"], b["name"])


def test_one_locality_lacks_its_population_and_everything_else():
    missing = [row for row in table("localities") if row["population_best"] == ""]
    assert [row["name"] for row in missing] == ["Birao"]
    for name in ("communities", "assessments", "presences"):
        assert missing[0]["pcode"] not in {row["locality_pcode"] for row in table(name)}
    for row in table("localities"):
        assert_range(row, "population")


def test_one_p_code_changed_with_its_code_list():
    by_pcode = {row["pcode"]: row for row in table("localities")}
    changed = [row for row in table("localities") if row["supersedes_pcode"]]
    assert [row["name"] for row in changed] == ["Kabo"]
    new, old = changed[0], by_pcode[changed[0]["supersedes_pcode"]]
    assert old["name"] == new["name"]
    assert (old["lat"], old["lon"]) == (new["lat"], new["lon"])
    assert old["code_list_version"] < new["code_list_version"] == operation()["code_list"]["version"]
    assert int(old["valid_days_ago"]) > int(new["valid_days_ago"])


def test_the_protocol_is_synthetic_and_says_days_instead_of_dates():
    agreed = json.loads((FOLDER / "protocol.json").read_text(encoding="utf-8"))
    document = agreed["document"]
    assert all(text.startswith("Synthetic") for text in (document["title"], document["purpose"], document["notes"]))
    assert all("(synthetic)" in party["name"] for party in document["parties"])
    assert {party["audience"] for party in document["parties"]} == {"cluster", "mission"}
    assert 30 < agreed["review_in_days"] < agreed["until_in_days"] <= 730
    assert not {"until", "review_on"} & set(document)


def test_communities():
    rows = table("communities")
    for row in rows:
        assert row["locality_pcode"] in {town["pcode"] for town in current_localities()}
        assert_range(row, "people")
        assert row["wishes_to_leave"] in {"yes", "no", "mixed", "unknown"}
        assert row["surrounded_by"] == "" or PerpetratorClass(row["surrounded_by"])
        assert all(row[name] in {"", "0", "1", "2", "3", "4"} for name in ("food", "water", "health", "market"))
        assert int(row["assessed_days_ago"]) > -int(row["expires_in_days"])
        assert Consent(row["consent"])
    assert_all_used((row["confinement"] for row in rows), Confinement)
    assert_all_used((row["sharing"] for row in rows), Sharing)
    assert_all_used((row["share_above"] for row in rows), ShareAbove)
    assert {row["wishes_to_leave"] for row in rows} == {"yes", "no", "mixed", "unknown"}
    assert [row["community_key"] for row in rows if "" in (row["water"], row["health"])] == ["demo-c14"]
    assert [row["community_key"] for row in rows if int(row["expires_in_days"]) < 0] == ["demo-c07", "demo-c08"]
    assert [row["community_key"] for row in rows if row["consent"] == Consent.REFUSED] == ["demo-c06"]


def test_assessments():
    for row in table("assessments"):
        assert row["locality_pcode"] in {town["pcode"] for town in current_localities()}
        assert 1 <= int(row["likelihood"]) <= 5
        assert 1 <= int(row["impact"]) <= 5
        assert int(row["horizon_days"]) > 0
        assert int(row["assessed_days_ago"]) > -int(row["expires_in_days"])
    expired = [row["locality_pcode"] for row in table("assessments") if int(row["expires_in_days"]) < 0]
    assert expired == ["CF311-T1"]


def test_presences():
    rows = table("presences")
    assert_all_used((row["type"] for row in rows), PresenceType)
    for row in rows:
        assert row["locality_pcode"] in {town["pcode"] for town in current_localities()}
        assert int(row["since_days_ago"]) >= int(row["last_confirmed_days_ago"]) >= int(row["until_days_ago"] or 0) >= 0
    assert any(row["until_days_ago"] for row in rows)


def test_incident_values_are_of_the_vocabulary():
    rows = table("incidents")
    assert {row["category"] for row in rows} == set(CATEGORIES)
    assert_all_used((row["state"] for row in rows), State)
    assert_all_used((row["date_precision"] for row in rows), DatePrecision)
    assert_all_used((row["geo_precision"] for row in rows), GeoPrecision)
    assert_all_used((row["perpetrator_class"] for row in rows), PerpetratorClass)
    assert_all_used((row["attribution_confidence"] for row in rows), Confidence)
    assert_all_used((row["protected_site"] for row in rows if row["protected_site"]), ProtectedSite)
    assert_all_used((row["sharing"] for row in rows), Sharing)
    assert_all_used((row["share_above"] for row in rows), ShareAbove)
    assert_all_used((row["consent"] for row in rows), Consent)
    assert_all_used((row["withdrawal_reason"] for row in rows if row["withdrawal_reason"]), WithdrawalReason)
    assert {row["standard"] for row in rows if row["standard"]} == set(SOURCES_NEEDED)
    for name in ("pcode_mismatch", "attribution_verified", "exercise", "edited"):
        assert {row[name] for row in rows} == {"true", "false"}


def test_incident_counts_are_ranges_and_some_are_unknown():
    for row in table("incidents"):
        for name in (*HARMS, "edited_killed"):
            assert_range(row, name)
    for name in HARMS:
        assert any(row[f"{name}_best"] == "" for row in table("incidents"))


def test_incident_dates_follow_each_other_and_span_a_year():
    for row in table("incidents"):
        end = int(row["event_days_ago"]) - int(row["duration_days"])
        steps = [end, int(row["reported_days_ago"])]
        steps += [int(row[name]) for name in ("verified_days_ago", "edited_days_ago", "closed_days_ago") if row[name]]
        assert steps == sorted(steps, reverse=True), row["client_id"]
        assert steps[-1] >= 0
    days = [int(row["event_days_ago"]) for row in table("incidents")]
    assert days == sorted(days, reverse=True)
    assert 330 < days[0] < 365
    assert days[-1] == 0


def test_outcome_columns_agree_with_the_state():
    for row in table("incidents"):
        state = State(row["state"])
        assert bool(row["standard"]) == bool(row["verified_days_ago"])
        assert bool(row["withdrawal_reason"]) == (state is State.WITHDRAWN)
        assert bool(row["duplicate_of"]) == (state is State.DUPLICATE)
        assert bool(row["closed_days_ago"]) == (state in CLOSED)
        assert bool(row["edited_days_ago"]) == bool(row["edited_killed_best"]) == (row["edited"] == "true")
        assert (state is not State.VERIFIED and row["edited"] == "false") or row["verified_days_ago"]
        assert not row["verified_days_ago"] or state in ONCE_VERIFIED
        assert row["attribution_verified"] == "false" or row["verified_days_ago"]


def test_three_quarters_to_four_fifths_are_verified():
    assert 0.75 <= sum(row["state"] == State.VERIFIED for row in table("incidents")) / 180 <= 0.80


def test_places_are_as_coarse_as_they_say():
    codes = {row["pcode"]: row["level"] for row in table("admin_units")}
    for row in table("incidents"):
        precision = GeoPrecision(int(row["geo_precision"]))
        if precision <= GeoPrecision.NEAR:
            assert row["lat"]
        if precision >= GeoPrecision.COUNTRY:
            assert row["admin_pcode"] == ""
        else:
            assert codes[row["admin_pcode"]] == ("1" if precision == GeoPrecision.PREFECTURE else "2")
        if row["lat"] and precision >= GeoPrecision.COMMUNE:
            assert row["client_id"] == "demo-046", "only one coarse report came with a point, which is not the place"


def test_precise_points_lie_in_one_catchment_but_for_two_in_the_bush():
    outside = []
    for row in table("incidents"):
        if row["lat"]:
            towns = in_reach(row)
            assert len(towns) <= 1
            if not towns:
                outside.append(row["client_id"])
            elif row["pcode_mismatch"] == "false":
                assert towns[0]["adm2_pcode"] == row["admin_pcode"], row["client_id"]
    assert outside == ["demo-098", "demo-154"]


def test_one_claimed_p_code_does_not_hold_its_point():
    flagged = [row for row in table("incidents") if row["pcode_mismatch"] == "true"]
    assert len(flagged) == 1
    assert [town["name"] for town in in_reach(flagged[0])] == ["Dékoa"]
    assert flagged[0]["admin_pcode"] == "CF421"


def test_sources_are_of_the_vocabulary_and_name_nobody():
    ids = {row["client_id"] for row in table("incidents")}
    kinds = defaultdict(set)
    for row in table("sources"):
        assert row["client_id"] in ids
        assert SourceType(row["type"])
        assert row["reliability"] in tuple("ABCDEF")
        assert row["credibility"] in tuple("123456")
        assert row["handle"].removeprefix("src-").isdigit()
        assert 0 <= int(row["obtained_days_ago"]) <= int(incident(row["client_id"])["event_days_ago"])
        kinds[row["handle"]].add(row["type"])
    assert {row["client_id"] for row in table("sources")} == ids
    assert_all_used((row["type"] for row in table("sources")), SourceType)
    assert {row["reliability"] for row in table("sources")} == set("ABCDEF")
    assert {row["credibility"] for row in table("sources")} == set("123456")
    assert all(len(types) == 1 for types in kinds.values()), "one handle is one source"
    handles = Counter((row["client_id"], row["handle"]) for row in table("sources"))
    assert max(handles.values()) == 1, "one source counts once for an incident"


def test_what_was_verified_met_its_standard_when_it_was():
    for row in table("incidents"):
        if row["standard"]:
            known = sources_of(row["client_id"], int(row["verified_days_ago"]))
            assert strength(known) >= SOURCES_NEEDED[Standard(row["standard"])], row["client_id"]


def test_what_was_not_verified_falls_short():
    rows = [row for row in table("incidents") if row["state"] == State.NOT_VERIFIED]
    assert len(rows) == 9
    assert all(strength(sources_of(row["client_id"])) < 2 for row in rows)
    shapes = set()
    for row in rows:
        sources = sources_of(row["client_id"])
        types, groups = {s["type"] for s in sources}, {s["independence_group"] for s in sources}
        shapes.add((len(sources), len(types), len(groups)))
    assert {(1, 1, 1), (2, 1, 2), (2, 2, 1), (3, 3, 1), (3, 1, 3), (4, 4, 1)} <= shapes


def test_duplicates_point_at_a_verified_report_of_the_same_event():
    rows = [row for row in table("incidents") if row["state"] == State.DUPLICATE]
    assert len(rows) == 5
    for row in rows:
        first = incident(row["duplicate_of"])
        assert first["state"] == State.VERIFIED
        assert first["category"] == row["category"]
        assert first["admin_pcode"] == row["admin_pcode"]
        assert abs(int(first["event_days_ago"]) - int(row["event_days_ago"])) <= 1


def test_protected_categories_are_closely_held():
    rows = [row for row in table("incidents") if CATEGORIES[row["category"]].protected]
    verified = [row for row in rows if row["state"] == State.VERIFIED]
    assert {row["category"] for row in verified} == {c.code for c in CATEGORIES.values() if c.protected}
    assert {row["sharing"] for row in rows} <= {Sharing.CLUSTER, Sharing.RESTRICTED}
    assert {row["share_above"] for row in rows} == {ShareAbove.AGGREGATE}
    cells = Counter(row["admin_pcode"] for row in verified if row["category"] == "sexual_violence")
    assert cells == {"CF711": 5, "CF621": 1}, "one cell at the disclosure threshold, one under it"


def test_consent_refused_or_withdrawn():
    rows = [row for row in table("incidents") if row["consent"] in {Consent.REFUSED, Consent.WITHDRAWN}]
    assert {(row["consent"], row["state"]) for row in rows} == {
        ("refused", "verified"),
        ("refused", "corroborating"),
        ("withdrawn", "withdrawn"),
    }
    for row in rows:
        assert (row["consent"] == "withdrawn") == (row["withdrawal_reason"] == "consent_withdrawn")


def test_some_withdrawn_records_had_counted_before():
    rows = [row for row in table("incidents") if row["state"] == State.WITHDRAWN]
    assert len(rows) == 5
    assert {bool(row["verified_days_ago"]) for row in rows} == {True, False}


def test_the_edited_record_waits_for_a_second_verification():
    rows = [row for row in table("incidents") if row["edited"] == "true"]
    assert [(row["state"], row["client_id"]) for row in rows] == [("corroborating", "demo-153")]
    assert rows[0]["killed_best"] != rows[0]["edited_killed_best"]


def test_exercises_say_so():
    rows = [row for row in table("incidents") if row["exercise"] == "true"]
    assert {row["state"] for row in rows} == {"verified", "reported"}
    assert all("EXERCI" in row["narrative"] for row in rows)


def test_yaloke_is_silent_confined_and_under_a_standing_threat():
    yaloke = next(row for row in current_localities() if row["name"] == "Yaloké")
    reports = [row for row in table("incidents") if row["admin_pcode"] in {yaloke["adm2_pcode"], yaloke["adm1_pcode"]}]
    assert min(int(row["reported_days_ago"]) for row in reports if row["admin_pcode"] == yaloke["adm2_pcode"]) > 60
    assert not any(row["geo_precision"] == "5" for row in reports), "no coarse report breaks the silence"
    assert all(row["killed_best"] == "0" for row in reports if row["admin_pcode"] == yaloke["adm2_pcode"])
    threat = next(row for row in table("assessments") if row["locality_pcode"] == yaloke["pcode"])
    assert int(threat["expires_in_days"]) > 0
    people = next(row for row in table("communities") if row["locality_pcode"] == yaloke["pcode"])
    assert people["confinement"] == str(int(Confinement.SEALED))


def test_the_cast_plays_its_parts():
    present = defaultdict(set)
    for row in table("presences"):
        if not row["until_days_ago"]:
            present[row["locality_pcode"]].add(row["type"])
    assert present["CF421-T1"] == {"mission_base", "mission_patrol", "alert_network"}
    assert present["CF412-T1"] == {"none"}
    assert "state_forces" in present["CF321-T1"]
    verified = [row for row in table("incidents") if row["state"] == State.VERIFIED]
    by_state = [row for row in verified if row["perpetrator_class"] == PerpetratorClass.STATE_FORCES]
    assert {row["admin_pcode"] for row in by_state} == {"CF321"}
    assert sum(row["attribution_verified"] == "true" for row in by_state) >= 2
    assert Counter(row["admin_pcode"] for row in verified)["CF421"] >= 15


def test_the_last_thirty_days_move():
    recent, before = Counter(), Counter()
    for row in table("incidents"):
        if row["state"] == State.VERIFIED and row["exercise"] == "false" and row["verified_days_ago"]:
            age = int(row["event_days_ago"])
            recent[row["admin_pcode"]] += age <= 30
            before[row["admin_pcode"]] += 30 < age <= 90
    for rising in ("CF711", "CF431", "CF327"):
        assert recent[rising] > before[rising], rising
    for falling in ("CF321", "CF521"):
        assert recent[falling] == 0 < before[falling], falling
