"""What a record says of itself, and what ``docs/information-sharing.md`` tells a coordinator that follows from it."""

import re
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import psycopg
import pytest
from agreeing import decide, proposal
from service import a_source, collection, subject

from flashpoint import intake, picture, protocol, reports
from flashpoint.access import CONSOLE
from flashpoint.catalogue import PROTECTED, is_protected
from flashpoint.intake import Submission
from flashpoint.picture import Detail, Levels
from flashpoint.protocol import Subject
from flashpoint.store import gather
from flashpoint.types import (
    Audience,
    Consent,
    DatePrecision,
    GeoPrecision,
    PerpetratorClass,
    ShareAbove,
    Sharing,
    Standard,
)

DOCUMENT = Path(__file__).resolve().parents[2].joinpath("docs/information-sharing.md").read_text(encoding="utf-8")
SUMMARY = Path(__file__).resolve().parents[2].joinpath("docs/partage-de-l-information.md").read_text(encoding="utf-8")
CHILD = {"killed": {"low": 1, "best": 1, "high": 1, "split": {"child": 1}}}


def rows_below(heading, head, text=DOCUMENT):
    """Give the rows of the table under a heading whose first column is headed so."""
    section = text[text.index(f"\n{heading}\n") :]
    table = re.search(rf"^\| {re.escape(head)} \|.*\n\|[-|]+\n((?:\|.*\n?)+)", section, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1].splitlines()]


def named(cell):
    """Give the members that a cell names; what stands in brackets are values."""
    return set(re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", cell)))


# -- the tables of the document -------------------------------------------------------------------------------------

WORDS = {Detail.FULL: "full", Detail.GENERALISED: "generalised", Detail.NONE: "nothing"}
COUNTING = """
    SELECT vault.counts_in_score(jsonb_populate_record(NULL::vault.incident_version, jsonb_build_object(
        'sharing', %s::text, 'share_above', %s::text, 'consent', %s::text, 'exercise', false)))
"""


def told(service, sharing, above, consent):
    """Say of a combination what the code makes of it, in the words of the document."""
    counts = service.scalar(COUNTING, sharing, above, consent)
    said = "(SELECT %s::text AS sharing, %s::text AS share_above, %s::text AS consent) c"
    beside = f"SELECT true FROM {said} WHERE true {gather._MAY_COUNT.format('c')}"  # noqa: SLF001 - what communities go by
    assert bool(service.scalar(beside, sharing, above, consent)) == counts
    levels = Levels(Sharing(sharing), ShareAbove(above), Consent(consent))
    shown = [WORDS[picture.detail(audience, [levels])] for audience in (Audience.CLUSTER, Audience.MISSION)]
    return ["counts" if counts else "does not count", *shown]


def test_the_table_of_levels_is_what_the_code_does(service):
    rows = rows_below("## What a record says of itself", "`sharing`")
    written = {tuple(cell.strip("`") for cell in row[:2]): row[2:] for row in rows}
    assert set(written) == set(product(map(str, Sharing), map(str, ShareAbove)))
    for (sharing, above), cells in written.items():
        for consent in (Consent.GIVEN, Consent.NOT_REQUIRED):
            assert told(service, sharing, above, consent) == cells, (sharing, above)


def test_the_table_of_consent_is_what_the_code_does(service):
    written = {row[0].strip("`"): row[1:] for row in rows_below("## What a record says of itself", "`consent`")}
    assert set(written) == set(map(str, Consent))
    for consent, (counts, shown) in written.items():
        for sharing, above in product(Sharing, ShareAbove):
            found, given = told(service, sharing, above, consent), told(service, sharing, above, "given")
            assert found[1:] == (given[1:] if shown == "as its levels say" else ["nothing", "nothing"])
            assert found[0] == (given[0] if counts == "counts" else "does not count")
    assert told(service, "public", "detail", "unknown")[0] == "counts"


def test_what_is_protected_is_in_no_view_whatever_its_levels_say():
    for sharing, above, consent in product(Sharing, ShareAbove, Consent):
        levels = Levels(sharing, above, consent, protected=True)
        assert {picture.detail(audience, [levels]) for audience in Audience} == {Detail.NONE}
    opened = Levels(Sharing.PUBLIC, ShareAbove.DETAIL, Consent.GIVEN)
    assert picture.detail(Audience.MISSION, [opened]) is Detail.GENERALISED, "else the lines above prove nothing"


def members(operation):
    """Give the members of each kind of row as each audience is served them."""
    zone, town = picture.Zone("z", "P", "Z", 3, has_area=True), picture.Town("t", "T", "Town", 3)
    now, nobody = datetime.now(UTC), dict.fromkeys(picture.VICTIMS)
    known = (DatePrecision.DAY, GeoPrecision.EXACT)
    event = picture.Occurrence(now, now, *known, "x", PerpetratorClass.UNKNOWN, False, None, nobody, None, town)
    enclave = picture.Enclave("n", town, None, None, dict.fromkeys(picture.ACCESS), now, now)
    found = {}
    for caller, audience in ((operation.analyst, Audience.CLUSTER), (operation.reader, Audience.MISSION)):
        found["a row of the matrix", audience] = set(operation.matrix(caller).json()["features"][0]["properties"])
        found["an incident", audience] = set(picture.incident_row(event, zone, Detail.FULL, audience))
        found["an enclave community", audience] = set(picture.community_row(enclave, zone, Detail.FULL, audience, now))
        answer = caller.get(f"/v1/protocols/TEST-P1?operation={operation.code}")
        found["the protocol itself", audience] = set(answer.json()["document"])
    return found


def differing_members(operation, document):
    """Give the kinds of row of which a document says another thing than is served."""
    served = members(operation)
    rows = {row[0]: row[1:] for row in rows_below("### Member by member", "of", document)}
    assert {kind for kind, _ in served} == set(rows)
    return {
        kind
        for kind, (mission, besides) in rows.items()
        if named(mission) != served[kind, Audience.MISSION]
        or named(mission) | named(besides) != served[kind, Audience.CLUSTER]
        or named(mission) & named(besides)
    }


def test_the_members_that_each_audience_reads_are_those_of_the_document(operation):
    operation.assess()
    assert differing_members(operation, DOCUMENT) == set()
    silent_on_one = DOCUMENT.replace("`freshness_days`", "freshness").replace("`people_band`, ", "")
    assert differing_members(operation, silent_on_one) == {"a row of the matrix", "an enclave community"}


def test_the_switches_are_those_of_the_protocol():
    for text, heading, head in (
        (DOCUMENT, "## What each audience is given", "switch"),
        (SUMMARY, "## Ce que reçoit la mission", "commutateur"),
    ):
        assert [row[0].strip("`") for row in rows_below(heading, head, text)] == list(Subject)
    form = protocol.template(datetime.now(UTC).date())
    written = {row[0].strip("`") for row in rows_below("## The protocol", "member")}
    assert written == {"version", "reason"} | {f"document.{name}" for name in form["document"]}


def test_what_is_said_of_the_end_is_so(operation):
    rows = rows_below("## When it ends", "when")
    said = " ".join(cell for row in rows for cell in row)
    assert "urn:flashpoint:problem:no-protocol" in said
    assert rows[0][0] == f"{ {30: 'thirty'}[protocol.WARNING.days] } days before"
    assert decide(operation, "TEST-P1", "suspension").status_code == 200
    operation.service.app.state.watch.reload([])
    operation.assess()
    assert operation.matrix(operation.reader).json()["type"] == "urn:flashpoint:problem:no-protocol"
    assert operation.matrix().json()["protocol"] is None
    assert operation.matrix().headers["flashpoint-protocol"] == "none"
    assert operation.reader.get(f"/v1/protocols?operation={operation.code}").status_code == 200


def test_the_template_is_refused_until_it_is_filled_in(operation):
    form = protocol.template(datetime.now(UTC).date()) | {"operation": operation.code}
    answer = operation.coordinator.post("/v1/protocols", form)
    assert {one["code"] for one in answer.json()["errors"]} == {"placeholder"}
    filled = proposal(operation) | {"document": proposal(operation)["document"] | {"notes": None}}
    assert operation.coordinator.post("/v1/protocols", filled).status_code == 201


# -- levels are said ------------------------------------------------------------------------------------------------

KINDS = {"community": "communities", "assessment": "assessments", "presence": "presences"}


@pytest.mark.parametrize("member", ["sharing", "share_above", "consent"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_record_without_a_level_is_refused_by_name(operation, kind, member):
    feature = subject(operation.code, kind)
    del feature["properties"][member]
    answer = operation.analyst.post(f"/v1/{KINDS[kind]}", feature)
    assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [(f"/properties/{member}", "missing")]


def test_a_presence_shows_its_levels_and_goes_with_its_consent(operation):
    answer = operation.analyst.post("/v1/presences", subject(operation.code, "presence", share_above="none"))
    place = answer.headers["location"]
    shown = operation.analyst.get(place).json()["properties"]
    assert (shown["sharing"], shown["share_above"], shown["consent"]) == ("mission", "none", "not_required")
    refused = subject(operation.code, "presence", consent="refused")
    assert operation.analyst.put(place, refused, If_Match="*").json()["properties"]["gone"] is True


@pytest.mark.parametrize(
    ("terms", "counts"),
    [
        ({}, True),
        ({"sharing": "restricted"}, True),
        ({"sharing": "cluster", "share_above": "none"}, False),
        ({"consent": "refused"}, False),
        ({"consent": "unknown"}, True),
    ],
)
def test_a_presence_counts_as_a_community_does(operation, terms, counts):
    before = {row["properties"]["pcode"]: row["properties"]["capacity_gap"] for row in operation.rows()}
    assert operation.analyst.post("/v1/presences", subject(operation.code, "presence", **terms)).status_code == 201
    after = {row["properties"]["pcode"]: row["properties"]["capacity_gap"] for row in operation.rows()}
    assert (after["X1101"] != before["X1101"]) is counts


# -- what is protected is closed ------------------------------------------------------------------------------------

OPENINGS = [
    ({"sharing": "public"}, ["/properties/sharing"]),
    ({"sharing": "mission", "share_above": "none"}, ["/properties/sharing"]),
    ({"share_above": "detail"}, ["/properties/share_above"]),
    ({"sharing": "public", "share_above": "detail"}, ["/properties/sharing", "/properties/share_above"]),
]
GUARDED = [*({"category": code} for code in sorted(PROTECTED)), CHILD]


def refused(answer):
    assert answer.status_code == 422, answer.text
    found = answer.json()["errors"]
    assert {one["code"] for one in found} == {"protected_category"}
    return [one["pointer"] for one in found]


@pytest.mark.parametrize(("opening", "pointers"), OPENINGS)
def test_what_is_protected_cannot_be_opened_by_mistake(operation, opening, pointers):
    for said in GUARDED:
        body = operation.incident(**said | opening)
        assert refused(operation.analyst.post("/v1/incidents", body)) == pointers
    batch = collection(*(operation.incident(**said | opening) for said in GUARDED))
    found = refused(operation.analyst.post("/v1/incidents/batch", batch))
    assert found == [f"/features/{row}{pointer}" for row in range(len(GUARDED)) for pointer in pointers]
    partial = operation.analyst.post("/v1/incidents/batch?partial=true", batch).json()
    assert (partial["created"], partial["rejected"]) == (0, len(GUARDED))
    # The same of what is not protected is taken: else the lines above prove nothing.
    assert operation.analyst.post("/v1/incidents", operation.incident(**opening)).status_code == 201


@pytest.mark.parametrize(("opening", "pointers"), OPENINGS)
def test_nor_by_an_edit_of_the_level_the_category_or_the_victims(operation, opening, pointers):
    for said in GUARDED[:1] + GUARDED[-1:]:
        closed = operation.reported(**said)
        path = f"/v1/incidents/{closed}"
        assert refused(operation.analyst.patch(path, {"properties": opening}, If_Match="*")) == pointers
        opened = operation.reported(**opening)
        path = f"/v1/incidents/{opened}"
        assert refused(operation.analyst.patch(path, {"properties": said}, If_Match="*")) == pointers


def test_a_source_opens_nothing(operation):
    closed = operation.reported(category="sexual_violence")
    answer = operation.analyst.post(
        f"/v1/incidents/{closed}/sources", {"sources": [a_source("medical", "g9", sharing="public")]}
    )
    assert answer.json()["errors"][0]["code"] == "extra_forbidden"


def test_an_import_closes_what_is_protected(service, operation):
    def submission(name, **said):
        tree = operation.incident(**said)["properties"] | {"client_id": name, "sources": []}
        return Submission(reports.read(reports.IncidentReport, tree), None)

    place = {"geo_precision": 3, "admin_pcode": "X1101"}
    open_levels = {"sharing": "public", "share_above": "detail"}
    submissions = [
        submission("a", category="sexual_violence", **open_levels, **place),
        submission("b", **CHILD, **open_levels, **place),
        submission("c", **open_levels, **place),
    ]
    with service.database.console() as vault:
        receipts = intake.import_verified(vault, CONSOLE, submissions, Standard.EXTERNAL_UCDP)
    query = "SELECT sharing || ' ' || share_above FROM vault.incident_version WHERE incident_id = %s"
    levels = [service.scalar(query, one.incident_id) for one in receipts]
    assert levels == ["cluster aggregate", "cluster aggregate", "public detail"]


def test_the_database_refuses_it_too_and_would_not_without_its_rule(service, operation):
    ids = {said: operation.reported(**terms) for said, terms in (("closed", GUARDED[0]), ("plain", {}))}
    columns = [
        name
        for (name,) in service.owner.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'vault' "
            "AND table_name = 'incident_version' AND column_name NOT IN ('version', 'sharing')"
        )
    ]
    listed = ", ".join(columns)
    open_it = (
        f"INSERT INTO vault.incident_version ({listed}, version, sharing) "
        f"SELECT {listed}, version + 1, 'public' FROM vault.incident_version WHERE incident_id = %s"
    )
    rule = "DROP TRIGGER protected_stays_closed ON vault.incident_version"
    with psycopg.connect(service.owner.info.dsn) as connection:
        connection.execute("SET ROLE flashpoint_owner")
        with pytest.raises(psycopg.errors.CheckViolation), connection.transaction():
            connection.execute(open_it, [ids["closed"]])
        with connection.transaction(force_rollback=True):
            connection.execute(open_it, [ids["plain"]])
        with connection.transaction(force_rollback=True):
            connection.execute(rule)
            connection.execute(open_it, [ids["closed"]])


def test_children_among_the_victims_are_what_protects():
    for name in ("killed", "injured", "abducted"):
        assert is_protected("armed_clash", {name: {"child": 1}})
    assert not is_protected("armed_clash", {"displaced": {"child": 1}, "killed": {"adult": 1, "child": 0}})
