"""Pictures in the database: what gets a row, what changes a row, and what never shows in any."""

import json
from datetime import UTC, datetime, timedelta
from itertools import cycle, product
from types import SimpleNamespace

import pytest
from painted import (
    TABLES,
    corrected,
    decide_all,
    everything,
    key_of,
    paint,
    patched,
    reported_all,
    ring,
    row_of,
    rows_of,
    stands,
    verify_all,
)
from service import ago, subject

from flashpoint import mask, picture_rows
from flashpoint.picture import Detail
from flashpoint.pictures import Pictures
from flashpoint.store.picture_writing import Writer
from flashpoint.types import Audience, Consent, DatePrecision, GeoPrecision, ShareAbove, Sharing, State

# -- every combination, in the database -----------------------------------------------------------------------------

#: What a record may be besides its levels, and whether it can have a row at all.
KINDS = {
    "plain": ({}, True),
    "protected": ({"category": "sexual_violence"}, False),
    "children": ({"killed": {"low": 1, "best": 2, "high": 3, "split": {"child": 1}}}, False),
    "exercise": ({"exercise": True}, False),
}
STEPS = {
    State.REPORTED: [],
    State.CORROBORATING: [("corroborate", {})],
    State.VERIFIED: [("corroborate", {}), ("verify", {"standard": "reasonable_grounds"})],
    State.NOT_VERIFIED: [("reject", {})],
    State.DISPUTED: [("corroborate", {}), ("dispute", {})],
    State.WITHDRAWN: [
        *[("corroborate", {}), ("verify", {"standard": "reasonable_grounds"})],
        ("withdraw", {"reason_code": "harm", "reason": "Synthetic."}),
    ],
}
AGREED = {Consent.GIVEN, Consent.NOT_REQUIRED}
GIVEN = {
    Audience.MISSION: {Sharing.PUBLIC, Sharing.MISSION},
    Audience.CLUSTER: {Sharing.PUBLIC, Sharing.MISSION, Sharing.CLUSTER},
}


def set_levels(service, ids, cases):
    """Set the levels behind the back of service and database, as in rows from before they refused some of them.

    A picture must not rely on what is refused when it is written.
    """
    query = "UPDATE vault.incident_version SET sharing = %s, share_above = %s WHERE incident_id = %s"
    with service.owner.cursor() as cursor:
        pairs = zip(ids, cases, strict=True)
        cursor.executemany(query, [(str(case[2]), str(case[3]), one) for one, case in pairs])


@pytest.fixture(scope="module")
def world(service):
    """An operation with an incident for every combination of state, kind and levels; places and times take turns."""
    operation = service.operation()
    precisions = cycle(product(GeoPrecision, DatePrecision))
    cases = []
    for state, kind, *levels in product(STEPS, KINDS, Sharing, ShareAbove, Consent):
        if state is State.VERIFIED or (levels[2] in AGREED and kind == "plain"):
            cases.append((state, kind, *levels, *next(precisions)))
    features = [
        operation.incident(
            sharing=Sharing.CLUSTER, consent=consent, geo_precision=geo, date_precision=at, **KINDS[kind][0]
        )
        for _, kind, _, _, consent, geo, at in cases
    ]
    ids = reported_all(operation, features)
    set_levels(service, ids, cases)
    for state, steps in STEPS.items():
        chosen = [one for one, case in zip(ids, cases, strict=True) if case[0] is state]
        for action, details in steps:
            decide_all(service, operation, chosen, action, **details)
    paint(service, operation)
    return operation, dict(zip(ids, cases, strict=True))


def expected(audience, case):
    """Say by hand what a case is given: nothing, a generalised row, or a full one."""
    state, kind, sharing, above, consent, *_ = case
    if state is not State.VERIFIED or not KINDS[kind][1] or consent not in AGREED:
        return Detail.NONE
    if sharing in {Sharing.CLUSTER, Sharing.RESTRICTED} and above is ShareAbove.NONE:
        return Detail.NONE  # it may not move the rank that all see, and so is no evidence
    if sharing in GIVEN[audience]:
        return Detail.FULL if audience is Audience.CLUSTER else Detail.GENERALISED
    return Detail.GENERALISED if above is ShareAbove.DETAIL else Detail.NONE


def misfits(service, operation, cases):
    found, key = rows_of(service, operation), key_of(service)
    for audience, (incident_id, case) in product(Audience, cases.items()):
        row = found.pop((audience, mask.pseudonym(key, "incidents", audience, str(incident_id))), None)
        allowed = expected(audience, case)
        if (row is None) != (allowed is Detail.NONE):
            yield "row", audience, case
        elif row is not None:
            yield from ((fault, audience, case) for fault in faults(json.loads(row[1]), allowed, case))
    yield from (("stranger", *one) for one in found)


def faults(row, allowed, case):
    geo, at = case[-2:]
    if row["zone_level"] > {1: 3, 2: 3, 3: 3, 4: 2, 5: 1, 6: 0}[geo]:
        yield "zone"
    if ("W" in row["period"]) and at > DatePrecision.WITHIN_A_WEEK:
        yield "period"
    if (row.get("date") is None) != (allowed is Detail.GENERALISED):
        yield "date"


def test_what_has_a_row_and_how_fine_it_is(service, world):
    operation, cases = world
    assert len(cases) > 300
    assert list(misfits(service, operation, cases)) == []
    assert len(rows_of(service, operation)) > 30


def test_a_picture_without_the_rule_would_be_noticed(service, world, monkeypatch):
    operation, cases = world
    monkeypatch.setattr(picture_rows, "detail", lambda audience, _: Detail(1 + (audience is Audience.CLUSTER)))
    paint(service, operation)
    assert {"row", "date"} <= {found[0] for found in misfits(service, operation, cases)}
    monkeypatch.undo()
    paint(service, operation)
    assert list(misfits(service, operation, cases)) == []


# -- what is kept up to date is what would be made anew -------------------------------------------------------------


def test_a_picture_made_anew_has_the_same_rows(service, world):
    operation, _ = world
    before = everything(service, operation)
    paint(service, operation)
    assert everything(service, operation) == before
    for table in ("picture", *TABLES):
        service.owner.execute(f"DELETE FROM release.{table} WHERE operation = %s", [operation.code])
    paint(service, operation)
    assert everything(service, operation)[1:] == before[1:]


def test_with_another_secret_it_has_other_ids_and_points(service, world):
    operation, _ = world
    before = rows_of(service, operation)
    paint(service, operation, pictures=Pictures(service.database, b"another secret, of 32 bytes....."))
    after = rows_of(service, operation)
    assert len(after) == len(before)
    assert not after.keys() & before.keys()
    assert not {row[2] for row in after.values() if row[2]} & {row[2] for row in before.values() if row[2]}
    paint(service, operation)
    assert rows_of(service, operation) == before


def test_every_step_keeps_the_picture_what_it_would_be_anew(service, operation):
    kept = paint(service, operation)
    original = operation.verified(sharing="mission")
    deeds = [
        lambda: operation.step(
            operation.verified(sharing="mission"), "mark_duplicate", duplicate_of=original, reason="Synthetic."
        ),
        lambda: operation.verified((19.5, 4.5), sharing="public", geo_precision=4),
        lambda: operation.verified((25.0, 9.5), sharing="mission"),
        lambda: operation.verified(None, geo_precision=6, sharing="mission"),
        lambda: operation.reported(sharing="mission"),
        lambda: operation.verified(sharing="cluster"),
        lambda: operation.analyst.post("/v1/communities", subject(operation.code, "community", sharing="mission")),
        lambda: operation.step(
            operation.verified(sharing="mission"), "withdraw", reason_code="harm", reason="Synthetic."
        ),
    ]
    for deed in deeds:
        deed()
        paint(service, operation, pictures=kept)
        before = everything(service, operation)
        paint(service, operation)
        assert everything(service, operation) == before
    assert len(rows_of(service, operation)) == 4 * 2 + 1


# -- what may not be known never shows ------------------------------------------------------------------------------

HIDDEN = [
    {"sharing": "restricted", "share_above": "aggregate"},
    {"sharing": "restricted", "share_above": "none"},
    {"sharing": "cluster", "share_above": "none"},
    {"sharing": "mission", "consent": "unknown"},
    {"sharing": "mission", "consent": "refused"},
    {"sharing": "mission", "exercise": True},
    {"sharing": "cluster", "category": "sexual_violence"},
    {"sharing": "cluster", "category": "attack_on_school"},
]


def test_hidden_records_leave_every_picture_as_it_is(service, operation):
    operation.verified(sharing="mission")
    kept = paint(service, operation)
    before = everything(service, operation)
    ids = reported_all(operation, [operation.incident(**hidden) for hidden in HIDDEN])
    verify_all(service, operation, ids)
    operation.analyst.post("/v1/communities", subject(operation.code, "community", sharing="restricted"))
    paint(service, operation, pictures=kept)
    assert everything(service, operation) == before
    operation.verified(sharing="mission")
    paint(service, operation, pictures=kept)
    assert everything(service, operation) != before


def test_a_picture_that_counts_every_round_would_be_noticed(service, operation, monkeypatch):
    kept = paint(service, operation)
    before = everything(service, operation)
    finish = Writer.finish

    def counting(writer):
        writer._changed += 1  # noqa: SLF001 - the guard that is switched off
        return finish(writer)

    monkeypatch.setattr(Writer, "finish", counting)
    operation.verified(**HIDDEN[0])
    paint(service, operation, pictures=kept)
    assert everything(service, operation) != before


def test_what_is_the_clusters_alone_does_not_touch_the_missions_picture(service, operation):
    operation.verified(sharing="mission")
    kept = paint(service, operation)
    before = [row for row in stands(service, operation) if row[0] == Audience.MISSION]
    operation.verified(sharing="cluster", share_above="aggregate")
    paint(service, operation, pictures=kept)
    assert [row for row in stands(service, operation) if row[0] == Audience.MISSION] == before
    assert len(rows_of(service, operation)) == 3


def test_nothing_in_a_row_leads_back(service, operation):
    said = {"sharing": "public", "share_above": "detail", "client_id": "CLIENT-7731", "narrative": "Narrative 7731."}
    incident_id = operation.verified((18.123_45, 4.765_43), event_start=ago(2)[:11] + "13:37:31Z", **said)
    operation.assess()
    query = "SELECT to_jsonb(r)::text FROM release.picture_incident r WHERE operation = %s"
    text = "".join(row for (row,) in service.owner.execute(query, [operation.code]))
    version = service.owner.execute(
        "SELECT recorded_by::text, reported_at::text FROM vault.incident_version WHERE incident_id = %s", [incident_id]
    ).fetchone()
    known = [
        incident_id,
        "CLIENT-7731",
        "7731",
        "13:37",
        "18.123",
        "4.765",
        version[0],
        "witness",
        "g1",
        version[1][:16],
    ]
    assert len(text) > 500
    assert [one for one in known if one in text] == []
    assert "X1101" in text


# -- edits, and the zone and point that stay ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "closing",
    [
        {"sharing": "cluster", "share_above": "aggregate"},
        {"sharing": "restricted"},
        {"consent": "unknown"},
        {"consent": "withdrawn"},
        {"exercise": True},
        {"category": "sexual_violence", "sharing": "cluster"},
    ],
)
def test_an_edit_that_closes_a_record_closes_it_at_once(service, operation, closing):
    incident_id = operation.verified(sharing="mission", share_above="aggregate")
    kept = paint(service, operation)
    assert row_of(service, operation, incident_id) is not None
    patched(operation, incident_id, **closing)
    paint(service, operation, pictures=kept)
    assert row_of(service, operation, incident_id) is None


def test_an_edit_that_opens_a_record_waits_for_its_verification(service, operation):
    incident_id = operation.verified(sharing="cluster", share_above="aggregate")
    kept = paint(service, operation)
    patched(operation, incident_id, sharing="mission")
    paint(service, operation, pictures=kept)
    assert row_of(service, operation, incident_id) is None
    operation.verify(incident_id)
    paint(service, operation, pictures=kept)
    assert row_of(service, operation, incident_id)["zone"] == "X1101"


def test_the_perpetrator_is_told_once_the_attribution_is_verified(service, operation):
    incident_id = operation.verified(sharing="mission")
    kept = paint(service, operation)
    assert row_of(service, operation, incident_id)["perpetrator_class"] == "unknown"
    full = row_of(service, operation, incident_id, Audience.CLUSTER)
    assert (full["attributed_to"], full["attribution_verified"]) == ("armed_group", False)
    details = {"standard": "reasonable_grounds", "reason": "Synthetic."}
    assert operation.step(incident_id, "verify_attribution", **details).status_code == 200
    paint(service, operation, pictures=kept)
    assert row_of(service, operation, incident_id)["perpetrator_class"] == "armed_group"


def test_a_correction_of_boundaries_tells_nothing_of_what_lies_between(service, operation):
    """What lies between the old and the new boundary stays where it was published, or both lines would say where."""
    between = operation.verified((18.97, 4.5), sharing="mission")
    others = [operation.verified((18.2, 4.5), sharing="mission") for _ in range(12)]
    kept = paint(service, operation)
    before = {one: row_of(service, operation, one) for one in [between, *others]}
    corrected(operation, "X1101", ring(18.0, 4.0, 18.9, 5.0))
    corrected(operation, "X1102", ring(18.9, 4.0, 20.0, 5.0))
    paint(service, operation, pictures=kept)
    assert row_of(service, operation, between, Audience.CLUSTER)["locality_pcode"] == "X1102"
    after = {one: row_of(service, operation, one) for one in before}
    assert {one["zone"] for one in after.values()} == {"X1101"}
    for one, row in after.items():
        longitude = float(row["point"].removeprefix("POINT(").split()[0])
        was = float(before[one]["point"].removeprefix("POINT(").split()[0])
        assert 18.0 < longitude < 18.9
        assert (row["point"] == before[one]["point"]) == (was < 18.9)
    paint(service, operation)
    assert {one: row_of(service, operation, one) for one in before} == after


def test_a_zone_that_goes_along_would_be_noticed(service, operation, monkeypatch):
    between = operation.verified((18.97, 4.5), sharing="mission")
    corrected(operation, "X1101", ring(18.0, 4.0, 18.9, 5.0))
    corrected(operation, "X1102", ring(18.9, 4.0, 20.0, 5.0))
    around = picture_rows._around  # noqa: SLF001 - the guard that is switched off

    def newest_first(zones, row):
        return around(zones, SimpleNamespace(places=row.places[::-1], covering=row.covering))

    monkeypatch.setattr(picture_rows, "_around", newest_first)
    paint(service, operation)
    assert row_of(service, operation, between)["zone"] == "X1102"


def test_a_report_that_moves_is_told_where_it_is(service, operation):
    incident_id = operation.verified(sharing="mission")
    kept = paint(service, operation)
    answer = operation.analyst.request(
        "PATCH",
        f"/v1/incidents/{incident_id}",
        headers={"If-Match": "*", "Content-Type": "application/merge-patch+json"},
        content=json.dumps({"geometry": {"type": "Point", "coordinates": [18.5, 6.5]}}),
    )
    assert answer.status_code == 200
    operation.verify(incident_id)
    paint(service, operation, pictures=kept)
    assert row_of(service, operation, incident_id)["zone"] == "X1201"


# -- communities ----------------------------------------------------------------------------------------------------


def test_communities_expire_with_the_clock_and_by_nothing_else(service, operation):
    operation.analyst.post("/v1/communities", subject(operation.code, "community", sharing="mission"))
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    kept = paint(service, operation, now)
    before = everything(service, operation)
    for days, expired, rows in ((1, False, 2), (61, True, 2), (80, True, 2), (149, True, 2), (152, None, 0)):
        paint(service, operation, now + timedelta(days=days), kept)
        found = rows_of(service, operation, "picture_community")
        assert len(found) == rows
        assert all(json.loads(row[1])["expired"] is expired for row in found.values())
        if not expired and rows:
            assert everything(service, operation) == before
    revisions = {row[1]: row[3] for row in stands(service, operation)}
    assert revisions == {"incidents": 1, "zones": 1, "communities": 3}


def test_a_community_that_is_withdrawn_or_without_consent_has_no_row(service, operation):
    shared = {"sharing": "mission"}
    made = operation.analyst.post("/v1/communities", subject(operation.code, "community", **shared)).json()["id"]
    operation.analyst.post("/v1/communities", subject(operation.code, "community", consent="unknown", **shared))
    operation.analyst.post("/v1/communities", subject(operation.code, "community", consent="refused", **shared))
    operation.analyst.post("/v1/communities", subject(operation.code, "community"))
    kept = paint(service, operation)
    found = rows_of(service, operation, "picture_community")
    assert sorted(audience for audience, _ in found) == ["cluster", "cluster", "mission"]
    mission = next(json.loads(row[1]) for (audience, _), row in found.items() if audience == Audience.MISSION)
    assert (mission["zone"], mission["people_band"], "name" in mission) == ("X1101", "100-499", False)
    answer = operation.coordinator.post(f"/v1/communities/{made}/withdrawal", {"reason_code": "harm"}, If_Match="*")
    assert answer.status_code == 200, answer.text
    paint(service, operation, pictures=kept)
    assert sorted(audience for audience, _ in rows_of(service, operation, "picture_community")) == ["cluster"]


def test_zones_are_listed_whatever_happened_there(service, operation):
    paint(service, operation)
    before = rows_of(service, operation, "picture_zone")
    assert {row[0] for row in before.values()} == {operation.code, "X1", "X11", "X12", "X1101", "X1102", "X1201"}
    operation.verified(sharing="mission")
    paint(service, operation)
    assert rows_of(service, operation, "picture_zone") == before
