"""300 incidents and 120 other records, with a canary in all that they say: none is anywhere where it must not be.

And each is where it may be: a record that nobody could find would keep any secret.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import pytest
import service as running_service
import surfaces
from canaries import Canary
from direct import OK, answers, get
from fastapi import Response
from listening import database_log, listening
from planted import INCIDENTS, WRITERS, planted, whole
from rules import SURFACES, Who, in_listing, in_records, in_released, is_counted, nowhere
from surfaces import CODINGS, OPEN, READS, probes, reads, route_of
from walls import forget_conditions, policies_off, widen_clearance

from flashpoint.store import actors
from flashpoint.types import Audience, Role

TOKEN = "metrics-of-the-tests"  # noqa: S105 - nobody else has it
RECORDS = [path for path in READS if path.endswith(("_id}", "/history"))]
OTHERS = [path for path in READS if path not in RECORDS]
#: The listings, each with the most that it gives.
WHOLE = {
    f"/v1/{name}": 1000 for name in ("incidents", "queue", "communities", "assessments", "presences", "localities")
}
WHOLE |= {f"/ogc/collections/{layer}/items": 10_000 for layer in ("incidents", "communities", "matrix")}
WHOLE |= {"/v1/matrix": 10_000, "/v1/audit": 250, **{path: 1000 for path in READS if "/released/" in path}}
#: In how many ways each route is asked, and one in how many records is read by itself: all by those whom most is hidden
#: from, and by a writer.
MANY, FEW, ASKED = 40, 8, 5_000
EVERY = {"analyst cluster": 1, "the first writer": 1, "reader mission": 1, "verifier cluster": 5}


@pytest.fixture(scope="module")
def service(module_database_url, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    settings = {"requests_per_minute": 0, "metrics_token": TOKEN}
    with running_service.running(module_database_url, home, **settings) as service:
        yield service


# -- who asks, and what ---------------------------------------------------------------------------------------------


def everybody(world, elsewhere):
    """Give all who ask: every role for every audience, both writers, narrowed keys, others' keys, and no key."""
    operation = world.operation
    for role in Role:
        for audience in Audience:
            yield f"{role} {audience}", Who(operation.caller(role, audience, "-stranger"), role, audience)
    for name in WRITERS:
        yield f"the {name} writer", Who(world.writer(name), "analyst", "cluster", name)
    for actions, records in ((("read_matrix",), False), (("read_records",), True)):
        caller = narrowed(world, actions)
        yield f"coordinator for {actions[0]}", Who(caller, "coordinator", "cluster", records=records)
    for role in (Role.COORDINATOR, Role.AUDITOR):
        yield f"{role} elsewhere", Who(elsewhere.caller(role), role, "cluster", here=False)
    for name, token in (("nobody", None), ("a wrong key", "fp_wrong")):
        yield name, Who(Nobody(token), "", "", here=False)


@dataclass(frozen=True)
class Nobody:
    """Somebody without a key that is good."""

    token: str | None


def narrowed(world, actions):
    service, code = world.service, world.operation.code
    with service.database.keys() as vault:
        grant = actors.KeyGrant(f"{code}-{actions[0]}", Role.COORDINATOR, Audience.CLUSTER, (code,), actions=actions)
        _, token = actors.issue(vault, actors.console(vault), grant, service._pepper)  # noqa: SLF001
    service.app.state.ring.reload()
    return Nobody(token)


def world_of(world, every):
    """Give what fills the paths: one record in so many."""
    return surfaces.World(
        world.operation.code,
        places=(*running_service.BOXES, running_service.TOWN),
        incidents=tuple(one.id for one in world.incidents[::every]),
        subjects={name: tuple(one.id for one in some[::every]) for name, some in world.subjects.items()}
        | {"localities": world.localities},
        # Earlier ones name what was in use then, by its id.
        moments=(world.assessed_at,),
    )


def asked_by(world, who, every):
    """Give what somebody asks: whole listings, each route in several ways, and of the records one in so many."""
    filled = world_of(world, every)
    yield from (get(path, operation=world.operation.code, limit=limit) for path, limit in WHOLE.items())
    for path in OTHERS:
        some = spread(list(READS[path](filled)), MANY if every == 1 else FEW)
        yield from (ask.under(("accept-encoding", CODINGS[at % 3] or "identity")) for at, ask in enumerate(some))
    yield from reads(filled, RECORDS)
    if who.role not in ("verifier", "coordinator"):
        # Whoever may change a record would; these may not know of most of them.
        hidden = [one.id for one in world.incidents if one.sharing == "restricted" and one.by != who.name][:3]
        yield from probes(surfaces.World(world.operation.code, incidents=tuple(hidden)))
    yield from (one for reading in OPEN.values() for one in reading(filled))
    yield get("/metrics", ("authorization", f"Bearer {TOKEN}"))


def spread(asks, number):
    """Choose so many of the questions, from the first to the last."""
    return asks[:: max(1, len(asks) // number)]


@dataclass
class Survey:
    """What was asked and found: (who, surface) to the canaries, and to those that must not be there."""

    asked: Counter = field(default_factory=Counter)
    answered: Counter = field(default_factory=Counter)
    found: dict[tuple[str, str], set[Canary]] = field(default_factory=lambda: defaultdict(set))
    leaks: list[tuple[str, str, str, str]] = field(default_factory=list)

    def take(self, name, who, ask, answer, aviary):
        """Look through one answer."""
        surface, allowed = rule_of(ask, answer)
        self.asked[name] += 1
        self.answered[route_of(ask.path), answer.status] += 1
        for canary in aviary.find(answer.text()):
            self.found[name, surface].add(canary)
            if not allowed(who, canary):
                self.leaks.append((name, f"{ask.method} {ask.path}", str(answer.status), canary.field))


def rule_of(ask, answer):
    """Say which surface an answer is of, and who may see what on it. Errors show nothing to anybody."""
    parts = ask.path.split("/")
    layer = {"ogc": parts[3:4], "tiles": parts[2:3]}.get(parts[1], [])
    surface = {"v1": "".join(parts[2:3])}.get(parts[1], f"ogc {layer[0]}" if layer else "open")
    if surface == "exports":
        surface = f"exports {''.join(parts[3:4]).partition('.')[0]}"
    if answer.status not in OK:
        return "refused", nowhere
    return surface, SURFACES.get(surface, nowhere)


def looked_through(world, name, who, every):
    """Ask, and look through all that is answered."""
    survey, asks = Survey(), list(asked_by(world, who, every))
    for ask, answer in zip(asks, answers(world.service, who.caller.token, asks), strict=True):
        survey.take(name, who, ask, answer, world.aviary)
    return survey


@pytest.fixture(scope="module")
def surveyed(service, shared_folder):
    """Make the world and ask everything of it, while whatever is written beside the answers is kept."""
    before = len(database_log(shared_folder))
    with listening() as written:
        world = planted(service, service.operation())
        elsewhere = service.operation()
        elsewhere.assess()
        people = dict(everybody(world, elsewhere))
        surveys = {name: looked_through(world, name, who, EVERY.get(name, 20)) for name, who in people.items()}
        lines = written()
    return Told(world, people, surveys, lines, database_log(shared_folder)[before:])


@dataclass(frozen=True)
class Told:
    """The world, who asked, what they found, and what was written in logs."""

    world: object
    people: dict[str, Who]
    surveys: dict[str, Survey]
    lines: str
    database_lines: str


# -- the bar --------------------------------------------------------------------------------------------------------


def test_every_surface_is_asked(service):
    assert surfaces.missing(service.app) == set()


def test_every_route_showed_something_to_somebody(surveyed):
    answered = sum((survey.answered for survey in surveyed.surveys.values()), Counter())
    assert {route for route, status in answered if status == 200} >= set(READS)
    assert {status for _, status in answered} <= {200, 204, 303, 304, 400, 401, 403, 404}


def test_no_canary_is_where_it_must_not_be(surveyed):
    leaks = Counter(leak for survey in surveyed.surveys.values() for leak in survey.leaks)
    assert leaks == Counter()
    assert sum(survey.asked.total() for survey in surveyed.surveys.values()) > ASKED


def test_every_canary_of_a_record_is_where_it_may_be(surveyed):
    """Whoever reads all records finds all that they may read of them, and each field is found by somebody."""
    world = surveyed.world
    fields = Counter()
    for name in ("analyst cluster", "the first writer"):
        who, found = surveyed.people[name], set()
        for surface in ("incidents", "communities", "assessments", "presences"):
            found |= surveyed.surveys[name].found[name, surface]
        assert found == {canary for canary in world.aviary.all() if in_records(who, canary)}
        fields.update(canary.field for canary in found)
        assert len(found) > 1_000
    assert set(fields) == {canary.field for canary in world.aviary.all()} - {"key"}


def test_every_reader_of_records_finds_in_the_listings_what_they_may(surveyed):
    for name, who in surveyed.people.items():
        if not (who.here and who.records and who.role in ("analyst", "verifier", "coordinator")):
            continue
        expected = {canary for canary in surveyed.world.aviary.all() if in_listing(who, canary)}
        found = surveyed.surveys[name].found[name, "incidents"] | surveyed.surveys[name].found[name, "communities"]
        assert {one for one in expected if one.record.kind in ("incident", "community")} <= found, name
        assert len(expected) > 800, name


def test_the_cluster_finds_in_the_released_picture_what_it_may_and_the_mission_finds_none(surveyed):
    for name, who in surveyed.people.items():
        expected = {canary for canary in surveyed.world.aviary.all() if in_released(who, canary)}
        if "read_" in name or who.role == "":
            continue
        found = surveyed.surveys[name].found[name, "released"]
        # Nothing beyond what may be; and of what may be, all that is counted. GIS tools are given the same.
        assert found <= expected, name
        layers = [surveyed.surveys[name].found[name, f"ogc {layer}"] for layer in ("incidents", "communities")]
        assert set.union(*layers) == found, name
        files = [surveyed.surveys[name].found[name, f"exports {layer}"] for layer in ("incidents", "communities")]
        assert set.union(*files) == found, name
        assert {one for one in expected if one.record.kind == "community" or is_counted(one.record)} <= found, name
        assert (len(expected) > 50) == (who.here and who.audience == "cluster"), name


def test_ids_are_found_where_they_may_be_and_nothing_else_is(surveyed):
    for name, surface in (("auditor cluster", "matrix"), ("auditor cluster", "audit"), ("verifier cluster", "queue")):
        found = surveyed.surveys[name].found[name, surface]
        assert {canary.field for canary in found} == {"id"}, surface
        assert len(found) > 10, surface
    assert not any(surveyed.surveys["reader mission"].found.values())


def test_whoever_writes_is_told_the_id_and_their_own_name_for_it(surveyed):
    names = Counter()
    for by, answer in surveyed.world.receipts:
        for canary in surveyed.world.aviary.find(answer.text()):
            names[canary.field] += 1
            assert canary.field in {"id", "client_id"}, (by, canary)
    assert names["id"] >= 300


def test_no_log_holds_a_canary(surveyed):
    assert surveyed.world.aviary.find(surveyed.lines) == set()
    assert surveyed.world.aviary.find(surveyed.database_lines) == set()


def test_the_world_is_as_wide_as_it_should_be(surveyed):
    records = whole(surveyed.world)
    assert len(surveyed.world.incidents) == INCIDENTS
    for name in ("sharing", "above", "consent", "protected", "exercise", "state", "by"):
        counted = Counter(getattr(one, name) for one in surveyed.world.incidents)
        assert min(counted.values()) >= 5, (name, counted)
    assert len(records) > 400
    assert len(surveyed.world.aviary.all()) > 3_500


# -- controls: what leaks is found and counted ----------------------------------------------------------------------


def test_a_build_with_its_walls_down_leaks_and_each_leak_is_counted(surveyed, monkeypatch):
    world, who = surveyed.world, surveyed.people["analyst cluster"]
    widen_clearance(monkeypatch)
    with policies_off(world.service):
        survey = looked_through(world, "analyst cluster", who, 10)
    fields = Counter(field for *_, field in survey.leaks)
    assert fields.total() > 1_000
    assert set(fields) >= {
        "narrative",
        "place",
        "instant",
        "day",
        "count",
        "client_id",
        "handle",
        "group",
        "id",
        "name",
    }


def test_a_build_that_forgets_its_conditions_does_not_leak_as_long_as_the_policies_stand(surveyed, monkeypatch):
    world, who = surveyed.world, surveyed.people["analyst cluster"]
    forget_conditions(monkeypatch)
    assert looked_through(world, "analyst cluster", who, 10).leaks == []


def test_a_route_that_shows_raw_rows_is_found_twice(surveyed):
    """It stands in no table, and what it shows is recognised, the geometry in its raw form too."""
    world, app = surveyed.world, surveyed.world.service.app

    async def raw() -> Response:
        return Response(
            "\n".join(row for (row,) in world.service.owner.execute("SELECT v::text FROM vault.incident_version v"))
        )

    app.add_api_route("/v1/raw", raw)
    try:
        survey, ask = Survey(), get("/v1/raw")
        assert surfaces.missing(app) == {"GET /v1/raw"}
        survey.take("nobody", surveyed.people["nobody"], ask, answers(world.service, None, [ask])[0], world.aviary)
    finally:
        app.router.routes.pop()
        app.openapi_schema = None
    fields = Counter(field for *_, field in survey.leaks)
    versions = sum(len(one.levels) for one in world.incidents)
    assert {name: fields[name] for name in ("narrative", "place", "instant", "day", "count", "id")} == {
        **dict.fromkeys(("narrative", "place", "instant", "day", "count"), versions),
        "id": INCIDENTS,
    }
