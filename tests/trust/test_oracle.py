"""Nothing can be found out by asking: what is not in an answer can be neither filtered, sorted nor searched for."""

import random
import string
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import comb
from typing import Any

import pytest
import service as running_service
import surfaces
import surfaces_of_layers
from adversary import AREA, PLACE_QUESTIONS, Adversary, Notes, Secret, all_shown, contains, halves
from deeds import recorded, reported, verified
from direct import answers, get, one
from fastapi import Request, Response
from hidden import Scene, forgotten, within_a_quarter
from surfaces import NOWHERE, READS
from walls import forget_conditions, policies_off

from api.routes import incidents as routes
from flashpoint.catalogue import CATEGORIES
from flashpoint.store.tables import incident_version, metadata
from flashpoint.types import Role

SEED = 20_261_122
INVENTED = 500
QUESTIONS = 10_000
TRIALS_OF_ANALYST, TRIALS_OF_MISSION = 24, 40
#: Everything that somebody might be able to sort, filter or project by.
STYLES = ("sortby", "sort", "order_by", "filter", "properties", "fields", "select", "cql")


@pytest.fixture(scope="module")
def service(module_database_url, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with running_service.running(module_database_url, home, requests_per_minute=0) as service:
        yield service


@pytest.fixture(scope="module")
def scene(service):
    return a_scene(service)


def a_scene(service):
    """Make a small world, all of which an analyst may know of, and of some of which the mission may."""
    scene = Scene(service, service.operation(), None)
    reported(service, scene.author, scene.incidents(6))
    verified(service, scene.verifier, reported(service, scene.author, scene.incidents(3, sharing="mission")))
    recorded(service, scene.author, "communities", scene.subject("communities", 2, sharing="mission"))
    listing = one(service, scene.author.token, get("/v1/localities", operation=scene.operation.code))
    scene.subjects["localities"] = [feature["id"] for feature in listing.json()["features"]]
    scene.operation.assess()
    return scene


# -- names ----------------------------------------------------------------------------------------------------------


def columns():
    return sorted({column.name for table in metadata.tables.values() for column in table.c})


def invented(names, dice):
    """Make names that nothing here has: each has the form of a real one, so that only its meaning is another."""
    made = []
    while len(made) < INVENTED:
        like = names[len(made) % len(names)]
        name = "".join(dice.choice(string.ascii_lowercase) if letter.isalpha() else letter for letter in like)
        if name not in names and name not in made:
            made.append(name)
    return made


def listings(app):
    """Give the routes that list something, each with the parameters that it has."""
    described, own = app.openapi()["paths"], surfaces_of_layers.parameters()
    # Of what stands at /ogc the list of collections is asked: the others read their parameters by the same lines.
    for path in [path for path in READS if not path.startswith("/ogc") or path == "/ogc/collections"]:
        parameters = {one["name"] for one in described[path]["get"].get("parameters", []) if one["in"] == "query"}
        if "{" not in path:
            yield path, parameters | own.get(path, set())


def allowed(scene, path):
    """Give somebody who may ask a route."""
    roles = [Role.READER, Role.ANALYST, Role.AUDITOR, Role.COORDINATOR]
    asked = {role: one(scene.service, scene.operation.caller(role).token, plainly(scene, path)) for role in roles}
    return next(scene.operation.caller(role) for role in roles if asked[role].status not in {403, 404})


def plainly(scene, path, **query):
    since = {"since": "2024-01-01"} if path.endswith("/changes") else {}
    return get(path, operation=scene.operation.code, **since, **query)


def answered(scene, path, parameters, names):
    """Ask a route by names that it has no parameter of: name to the answers, as a parameter and as its value."""
    token = allowed(scene, path).token
    names = sorted(set(names) - parameters)
    by_name = answers(scene.service, token, [plainly(scene, path, **{name: "1"}) for name in names])
    styled = [plainly(scene, path, **{STYLES[at % len(STYLES)]: name}) for at, name in enumerate(names[::3])]
    return dict(zip(names, by_name, strict=True)), answers(scene.service, token, styled)


def telling(by_name, pairs):
    """Give the hidden names that are answered otherwise than their invented doubles."""
    asked = [pair for pair in pairs if set(pair) <= set(by_name)]
    return sorted({real for real, double in asked if without(by_name[real], real) != without(by_name[double], double)})


def without(answer, name):
    """Give an answer without the name that was asked by, where a pointer repeats it."""
    return answer.status, answer.headers, answer.body.replace(f'"?{name}"'.encode(), b'"?NAME"')


@pytest.fixture(scope="module")
def pairs():
    names, dice = columns(), random.Random(SEED)
    return list(zip(names * (INVENTED // len(names) + 1), invented(names, dice), strict=False))


def test_a_hidden_column_is_answered_as_one_that_nobody_has(scene, pairs):
    asked = Counter()
    assert len(pairs) == INVENTED
    assert {name for pair in pairs for name in pair} >= set(columns())
    for path, parameters in listings(scene.service.app):
        by_name, by_value = answered(scene, path, parameters, {name for pair in pairs for name in pair})
        assert telling(by_name, pairs) == [], path
        assert {answer.status for answer in [*by_name.values(), *by_value]} == {400}, path
        # Whatever it is sorted, filtered or projected by: one answer a style, so that no name is in it.
        assert len(set(by_value)) <= len(STYLES), path
        asked[path] = len(by_name) + len(by_value)
    assert len(asked) > 8
    assert min(asked.values()) > INVENTED


def test_a_route_that_filters_by_a_hidden_column_is_noticed(scene, pairs):
    app, real = scene.service.app, set(incident_version.c.keys())

    async def oracle(request: Request) -> Response:
        return Response(status_code=200 if set(request.query_params) <= real else 400)

    app.add_api_route("/v1/oracle", oracle)
    try:
        asks = {name: get("/v1/oracle", **{name: "1"}) for pair in pairs for name in pair}
        by_name = dict(zip(asks, answers(scene.service, None, asks.values()), strict=True))
        assert surfaces.missing(app) == {"GET /v1/oracle"}
        assert set(telling(by_name, pairs)) == real
    finally:
        app.router.routes.pop()
        app.openapi_schema = None


# -- the game -------------------------------------------------------------------------------------------------------

NOW = datetime.now(UTC).replace(microsecond=0)
SPAN = (NOW - timedelta(days=730), NOW - timedelta(days=1))


def a_candidate(scene, dice):
    place = (round(dice.uniform(10.5, 29.5), 5), round(dice.uniform(0.5, 14.5), 5))
    at = SPAN[0] + timedelta(seconds=dice.randrange(int((SPAN[1] - SPAN[0]).total_seconds())))
    return Secret(place, dice.choice(scene.subjects["localities"]), at, dice.choice(sorted(CATEGORIES)))


def hide(scene, **told):
    """Report what the game is about; give its id."""
    return reported(scene.service, scene.author, scene.incidents(1, **told))[0]


def move(scene, incident_id, secret):
    """Have the record say where, when and what the secret is, as if it had never said anything else."""
    move_version = """
        UPDATE vault.incident_version SET geom = ST_SetSRID(ST_MakePoint(%s, %s), 4326), event_start = %s,
            event_end = %s, category = %s WHERE incident_id = %s
    """
    with scene.service.owner.transaction():
        scene.service.owner.execute("SET LOCAL session_replication_role = replica")
        scene.service.owner.execute(move_version, [*secret.place, secret.at, secret.at, secret.category, incident_id])
        for table, column, value in (
            ("evidence", "event_end", secret.at),
            ("placement", "locality_id", secret.locality),
        ):
            scene.service.owner.execute(
                f"UPDATE vault.{table} SET {column} = %s WHERE incident_id = %s", [value, incident_id]
            )
        scene.service.owner.execute(
            "UPDATE vault.placement SET unit_pcode = NULL WHERE incident_id = %s", [incident_id]
        )


@dataclass(frozen=True)
class Game:
    """What is hidden, and how somebody plays for it who is told two places where it may be."""

    scene: Scene
    hidden: str
    play: Callable[[list[Secret]], Any]

    def world(self, secret, candidates):
        """Play in the world in which the record is that one."""
        move(self.scene, self.hidden, secret)
        return self.play(candidates)

    def worlds(self, candidates):
        """Play in each of the two worlds."""
        return within_a_quarter(lambda: [self.world(secret, candidates) for secret in candidates])


def played(game, trials, dice):
    """Play trials; give who was right, the claims, and the questions asked.

    A coin says in which of two worlds the record is. The adversary is even told what would have been answered in each
    of them: where that is the same, all it can do is guess, and no other use of the answers could do better.
    """
    right, told, claims = 0, 0, []
    for _ in range(trials):
        candidates = [a_candidate(game.scene, dice), a_candidate(game.scene, dice)]
        worlds = game.worlds(candidates)
        truth, guess = dice.randrange(2), dice.randrange(2)
        if worlds[0].notes.digest() != worlds[1].notes.digest():
            told, guess = told + 1, truth
        right += truth == guess
        claims += list(zip(candidates, worlds, strict=True))
    return right, told, claims


def within_chance(right, trials):
    """Say whether so many would be as common by guessing: not among the one in a thousand at either end."""
    ends = min(right, trials - right)
    return sum(comb(trials, k) for k in range(ends + 1)) / 2**trials > 0.001


def analysts_play(scene, caller):
    """Give what an analyst can do who knows the listing as it is now; give it before there is anything to hide."""

    def put(ask):
        return one(scene.service, caller.token, ask)

    shown = all_shown(put, scene.operation.code)
    return lambda candidates: Adversary(put, scene.operation.code, shown).play(SPAN, candidates)


@dataclass(frozen=True)
class Watched:
    """What the mission was answered."""

    notes: Notes


def missions_play(scene):
    """Give what the mission can do: it assesses nothing, but the service does so whenever something happens."""
    service, caller = scene.service, scene.operation.reader
    moment = scene.operation.matrix().json()["as_of"]

    def play(candidates):
        forgotten(service)
        scene.operation.assess()
        notes = Notes()
        asks = [ask for candidate in candidates for ask in asked_by_mission(scene.operation.code, candidate, moment)]
        for answer in answers(service, caller.token, asks):
            notes.take(answer)
        return Watched(notes)

    return play


def asked_by_mission(code, candidate, moment):
    """Ask 50 things about a place, a time and a category: matrix, changes, past and pictures, by box and by page."""
    box = AREA
    for turn in range(20):
        box = next(half for half in halves(box, turn % 2) if contains(half, candidate.place))
        yield get("/v1/matrix", operation=code, bbox=",".join(map(repr, box)), limit=1 + turn % 3)
    for pcode in ("X1101", "X1102", "X1201", "X1202"):
        yield get(f"/v1/matrix/{pcode}", operation=code)
        yield get("/v1/released/incidents", operation=code, zone=pcode, category=candidate.category)
    yield get("/v1/matrix/changes", operation=code, since=moment)
    yield get("/v1/matrix", operation=code, as_of=moment, tier="extreme,high")
    week, month = candidate.at.strftime("%G-W%V"), candidate.at.strftime("%Y-%m")
    for collection, more in (("incidents", {"category": candidate.category}), ("communities", {})):
        path = f"/v1/released/{collection}"
        for period in (week, month, month[:4]):
            yield get(path, operation=code, period=period)
            yield get(path, operation=code, period=period, limit=1, geometry="zone", **more)
        for after in (NOWHERE, "f" * 8 + NOWHERE[8:], "8" * 8 + NOWHERE[8:]):
            yield get(path, operation=code, after=after, limit=1)
        yield get(path, operation=code, limit=1000, **more)


def test_ten_thousand_questions_find_a_hidden_record_no_better_than_guessing(scene):
    dice, service = random.Random(SEED), scene.service
    stranger = scene.operation.other_analyst
    # The mission knows of neither, the analyst of both.
    uncounted = hide(scene, sharing="cluster", share_above="none")
    verified(service, scene.verifier, [uncounted])
    unverified = hide(scene, sharing="mission", share_above="detail")
    analyst = analysts_play(scene, stranger)
    closed = hide(scene, sharing="restricted")
    games = [(Game(scene, closed, analyst), TRIALS_OF_ANALYST)]
    scene.operation.assess()
    games += [(Game(scene, one, missions_play(scene)), TRIALS_OF_MISSION // 2) for one in (uncounted, unverified)]
    right = told = trials = questions = 0
    for game, number in games:
        won, knew, claims = played(game, number, dice)
        right, told, trials = right + won, told + knew, trials + number
        questions += sum(claim.notes.questions for _, claim in claims)
        assert not any(game.play is analyst and secret.metres_from(claim.box) < 1000 for secret, claim in claims)
    assert questions >= QUESTIONS
    assert told == 0, "the answers told the two worlds apart"
    assert within_chance(right, trials), (right, trials)


# -- controls: the same adversary finds it --------------------------------------------------------------------------


def test_what_the_mission_may_know_of_tells_the_two_worlds_apart(service):
    scene = a_scene(service)
    shown = hide(scene, sharing="mission", share_above="detail")
    verified(service, scene.verifier, [shown])
    scene.operation.assess()
    right, told, _ = played(Game(scene, shown, missions_play(scene)), 3, random.Random(SEED))
    assert right == told == 3


def found_out(scene, dice):
    """Play a few trials against a build that leaks; give the share that was right, and how near the claims are."""
    play = analysts_play(scene, scene.operation.other_analyst)
    hidden = hide(scene, sharing="restricted")
    right, told, claims = played(Game(scene, hidden, play), 3, dice)
    assert right == told == 3
    return claims


def test_without_its_walls_the_listing_tells_the_adversary_everything(service, monkeypatch):
    scene = a_scene(service)
    forget_conditions(monkeypatch)
    with policies_off(scene.service):
        claims = found_out(scene, random.Random(SEED))
    for secret, claim in claims:
        assert secret.metres_from(claim.box) < 100
        assert claim.span[0] <= secret.at < claim.span[1]
        assert secret.category in claim.categories


def test_a_listing_that_leaves_hidden_rows_out_of_its_answer_and_not_of_its_query_tells_where_they_are(
    service, monkeypatch
):
    """Not one hidden row is shown, and still the adversary is within 100 m after 28 questions."""
    scene = a_scene(service)
    write = routes.collection

    def shown_only(features, *page):
        return write([one for one in features if one["properties"].get("sharing") != "restricted"], *page)

    monkeypatch.setattr(routes, "collection", shown_only)
    forget_conditions(monkeypatch)
    with policies_off(scene.service):
        claims = found_out(scene, random.Random(SEED))
    assert all(secret.metres_from(claim.box) < 100 for secret, claim in claims)
    assert PLACE_QUESTIONS == 28
