"""What the mission cannot read of a layer, it cannot ask by: no name, no place and no order tells it anything more."""

import json
import random
from dataclasses import replace

import pytest
import service as running_service
from adversary import AREA, PLACE_QUESTIONS, Notes, contains, halves
from deeds import reported, verified
from direct import answers, get, one
from geoalchemy2 import Geometry
from hidden import Scene, forgotten, within_a_quarter
from sqlalchemy import column, func, select, table
from test_oracle import a_candidate, hide, move

from flashpoint.layers import Layer, columns, members
from flashpoint.store import layer_filters
from flashpoint.store.tables import metadata
from flashpoint.types import Audience, Role

SEED, TRIALS = 20_261_123, 6
ITEMS = "/ogc/collections/{}/items"
INCIDENTS = ITEMS.format("incidents")


@pytest.fixture(scope="module")
def service(module_database_url, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with running_service.running(module_database_url, home, requests_per_minute=0) as service:
        yield service


def a_scene(service):
    scene = Scene(service, service.operation(), None)
    verified(service, scene.verifier, reported(service, scene.author, scene.incidents(3, sharing="mission")))
    listing = one(service, scene.author.token, get("/v1/localities", operation=scene.operation.code))
    scene.subjects["localities"] = [feature["id"] for feature in listing.json()["features"]]
    scene.operation.assess()
    return scene


@pytest.fixture(scope="module")
def scene(service):
    return a_scene(service)


# -- names ----------------------------------------------------------------------------------------------------------


#: Columns of the rows' source that no answer has, and what a table has that no layer has.
SOURCES = {"begins", "ends", "first_day", "last_day", "properties", "mercator", "point", "told", "area", "place"}
#: Names that nobody has.
INVENTED = ("zqabcdefghij", "zq", "zq_best")


def hidden_names(layer):
    """Give the names that others read in this layer, or that some table has, and the mission does not."""
    theirs = {column.name for column in columns(layer, Audience.CLUSTER)} | members(layer, Audience.CLUSTER)
    kept = sorted({column.name for table in metadata.tables.values() for column in table.c})
    known = {column.name for column in columns(layer, Audience.MISSION)} | members(layer, Audience.MISSION)
    return sorted((theirs | SOURCES | set(kept[::8])) - known - {"id", "geometry", "time"})


def by_name(layer, code, name):
    """Ask by a name in every place where a name can stand."""
    path, prop = ITEMS.format(layer), {"property": name}
    area = {"bbox": [18, 4, 19, 5]}
    trees = [
        {"op": "=", "args": [prop, 1]},
        {"op": "=", "args": [prop, "a"]},
        {"op": "=", "args": [1, prop]},
        {"op": "isNull", "args": [prop]},
        {"op": "like", "args": [prop, "%"]},
        {"op": "in", "args": [prop, [1, 2]]},
        {"op": "between", "args": [prop, 1, 2]},
        {"op": "=", "args": [{"op": "casei", "args": [prop]}, "a"]},
        {"op": "s_intersects", "args": [prop, area]},
        {"op": "t_after", "args": [prop, {"date": "2020-01-01"}]},
        {"op": "or", "args": [True, {"op": ">", "args": [prop, 1]}]},
        prop,
    ]
    yield from (get(path, operation=code, filter=json.dumps(tree), **{"filter-lang": "cql2-json"}) for tree in trees)
    yield get(path, operation=code, filter=f'"{name}" = 1')
    yield from (get(path, operation=code, sortby=f"{sign}{name}") for sign in ("", "-"))
    yield get(path, operation=code, sortby=name, after="WzEsIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAwMCJd")
    yield get(path, operation=code, properties=name)


def asked_by_names(scene, layer, audience):
    """Ask by hidden names, and by names that nobody has; give each with what is answered."""
    caller, code = scene.operation.caller(Role.READER, audience), scene.operation.code
    asks = {name: list(by_name(layer, code, name)) for name in (*INVENTED, *hidden_names(layer))}
    given = iter(answers(scene.service, caller.token, [ask for some in asks.values() for ask in some]))
    return {name: [next(given) for _ in some] for name, some in asks.items()}


@pytest.mark.parametrize("layer", Layer)
def test_a_hidden_name_is_answered_as_one_that_nobody_ever_heard_of(scene, layer):
    found = asked_by_names(scene, layer, Audience.MISSION)
    assert [name for name, given in found.items() if given != found[INVENTED[0]]] == []
    assert {answer.status for given in found.values() for answer in given} == {400}
    assert len(found) > 30


def test_who_may_read_a_column_may_ask_by_it(scene):
    """The control: the same questions, asked by the cluster, tell its own names from others."""
    found = asked_by_names(scene, Layer.INCIDENTS, Audience.CLUSTER)
    told = {name for name, given in found.items() if given != found[INVENTED[0]]}
    fine = {column.name for column in columns(Layer.INCIDENTS, Audience.CLUSTER)}
    own = fine | members(Layer.INCIDENTS, Audience.CLUSTER)
    assert told == own - {column.name for column in columns(Layer.INCIDENTS, Audience.MISSION)}
    assert {"killed_best", "locality_name", "attributed_to", "date"} <= told


@pytest.mark.parametrize("layer", Layer)
@pytest.mark.parametrize("audience", [Audience.MISSION, Audience.CLUSTER])
def test_what_can_be_asked_by_is_what_stands_in_the_answer(scene, layer, audience):
    caller, code = scene.operation.caller(Role.READER, audience), scene.operation.code
    asks = [get(f"/ogc/collections/{layer}/queryables", operation=code), get(ITEMS.format(layer), operation=code)]
    queryables, page = (answer.json() for answer in answers(scene.service, caller.token, asks))
    names = set(queryables["properties"]) - {"id", "geometry", "time"}
    assert names == {column.name for column in columns(layer, audience)}
    assert {frozenset(feature["properties"]) for feature in page["features"]} <= {members(layer, audience)}
    assert page["features"] or layer in {Layer.COMMUNITIES, Layer.CHANGES}


# -- the game -------------------------------------------------------------------------------------------------------


def shown_to_mission(scene):
    """Give the ids of the incidents that the mission is shown."""
    ask = get(INCIDENTS, operation=scene.operation.code, limit=1000)
    return {feature["id"] for feature in one(scene.service, scene.operation.reader.token, ask).json()["features"]}


class Player:
    """Halves the area by asking how many incidents lie in a half, as a filter and as a box.

    ``row`` is the one that it is after, if it is shown.
    """

    def __init__(self, scene, row=None):
        self._scene, self._row, self.notes = scene, row, Notes()

    def play(self, candidates):
        """Ask about two places where it may be; then look for it. Give the box that is left."""
        for candidate in candidates:
            day = candidate.at.strftime("%Y-%m-%d")
            self._ask(filter=f"T_INTERSECTS(time, DATE('{day}')) AND category = '{candidate.category}'")
            self._ask(datetime=day, sortby="-period,zone", limit=1)
            self._ask(filter=f"S_DISJOINT(geometry, POINT({candidate.place[0]} {candidate.place[1]}))")
        points = [one["geometry"]["coordinates"] for one in self._ask(limit=1000)["features"] if one["geometry"]]
        box = AREA
        for turn in range(PLACE_QUESTIONS):
            half, other = halves(box, turn % 2)
            known = 0 if self._row else sum(contains(half, point) for point in points)
            box = half if self._counted(half, turn) > known else other
        return box

    def _counted(self, box, turn):
        corners = ",".join(map(repr, box))
        if self._row:
            asked = {"filter": f"id = '{self._row}' AND S_INTERSECTS(geometry, BBOX({corners}))"}
        else:
            asked = {"bbox": corners} if turn % 3 == 0 else {"filter": f"S_INTERSECTS(geometry, BBOX({corners}))"}
        return self._ask(limit=1, **asked)["numberMatched"]

    def _ask(self, **query):
        ask = get(INCIDENTS, operation=self._scene.operation.code, **query)
        answer = one(self._scene.service, self._scene.operation.reader.token, ask)
        self.notes.take(answer)
        assert answer.status == 200, answer.text()
        return answer.json()


def played(scene, hidden, candidates, row=None, known=lambda _secret: None):
    """Play in each of the worlds in which the record is one of the candidates; give players and their claims."""

    def world(secret):
        move(scene, hidden, secret)
        known(secret)
        forgotten(scene.service)
        scene.operation.assess()
        player = Player(scene, row)
        return player, player.play(candidates)

    return within_a_quarter(lambda: [world(secret) for secret in candidates])


def apart(worlds):
    """Say whether the answers told the two worlds apart."""
    return len({player.notes.digest() for player, _ in worlds}) > 1


def test_a_hidden_incident_is_found_no_more_often_than_by_guessing(scene):
    dice, told, questions = random.Random(SEED), 0, 0
    hidden = hide(scene, sharing="cluster", share_above="none")
    verified(scene.service, scene.verifier, [hidden])
    for _ in range(TRIALS):
        candidates = [a_candidate(scene, dice), a_candidate(scene, dice)]
        worlds = played(scene, hidden, candidates)
        told += apart(worlds)
        questions += sum(player.notes.questions for player, _ in worlds)
        assert not any(secret.metres_from(box) < 1000 for secret, (_, box) in zip(candidates, worlds, strict=True))
    # Where no answer differs there is nothing to do but guess.
    assert (told, questions) == (0, TRIALS * 2 * (PLACE_QUESTIONS + 7))


def within_one_zone(scene, dice, known=lambda _row, _secret: None):
    """Play for where in its zone an incident happened that the mission is shown. Give places and what was claimed."""
    before = shown_to_mission(scene)
    incident = hide(scene, sharing="mission", share_above="detail")
    verified(scene.service, scene.verifier, [incident])
    scene.operation.assess()
    (row,) = shown_to_mission(scene) - before
    listed = one(scene.service, scene.author.token, get("/v1/localities", operation=scene.operation.code)).json()
    locality = next(found["id"] for found in listed["features"] if found["properties"]["pcode"] == "X1101")
    secret = replace(a_candidate(scene, dice), locality=locality)
    places = [(round(dice.uniform(18.05, 18.95), 5), round(dice.uniform(4.05, 4.95), 5)) for _ in range(2)]
    candidates = [replace(secret, place=place) for place in places]
    return candidates, played(scene, incident, candidates, row, lambda secret: known(row, secret))


def test_where_in_its_zone_an_incident_happened_changes_no_answer(scene):
    candidates, worlds = within_one_zone(scene, random.Random(SEED))
    assert not apart(worlds)
    assert not any(secret.metres_from(box) < 500 for secret, (_, box) in zip(candidates, worlds, strict=True))


def test_a_filter_over_points_that_are_not_shown_finds_them(service, monkeypatch):
    """The control: not one exact point stands in an answer, and 28 questions find it all the same."""
    scene, owner = a_scene(service), service.owner
    owner.execute("CREATE TABLE release.unmasked (id uuid PRIMARY KEY, place geometry(Point, 4326))")
    owner.execute("GRANT SELECT ON release.unmasked TO flashpoint_reader")
    exact = table("unmasked", column("id"), column("place", Geometry("POINT", 4326)), schema="release")
    masked = layer_filters.Terms._shape  # noqa: SLF001 - the wall that is taken down

    def unmasked(terms, tree):
        if tree != {"property": "geometry"}:
            return masked(terms, tree)
        rows = terms.source.rows.c
        return func.coalesce(select(exact.c.place).where(exact.c.id == rows.id).scalar_subquery(), rows.geometry)

    def known(row, secret):
        owner.execute("DELETE FROM release.unmasked")
        owner.execute("INSERT INTO release.unmasked VALUES (%s, ST_Point(%s, %s, 4326))", [row, *secret.place])

    monkeypatch.setattr(layer_filters.Terms, "_shape", unmasked)
    candidates, worlds = within_one_zone(scene, random.Random(SEED), known)
    assert apart(worlds)
    assert all(secret.metres_from(box) < 100 for secret, (_, box) in zip(candidates, worlds, strict=True))
