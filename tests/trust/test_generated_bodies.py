"""Ten thousand generated bodies for every route that takes one: each is taken, or refused without a trace."""

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime
from random import Random

import psycopg
import pytest
from bad_bodies import TOKEN, bad_incidents, good_incident
from bad_changes import PATCHES, SOURCES, STEPS, SUBJECTS, WITHDRAWALS
from fastapi import FastAPI
from mutations import mutated
from pydantic import BaseModel
from records import Records, example_of, writing_routes
from service import AREA, ago

from api.problems import PROBLEM

GENERATED = 10_000
#: Parts that run beside one another.
PARTS = 4
HAND_MADE = 200
SEED = 20_261_122
#: Their answers say what is the matter with the request, and not with something in the body.
WITHOUT_POINTER = {403, 404, 405, 409, 412, 413, 415, 428}


class Answer:
    """What an app answered."""

    def __init__(self):
        self.status, self.headers, self.body = 0, {}, b""

    def __repr__(self):
        return f"{self.status} {self.body[:500]!r}"


async def ask(app, method, path, headers, body):
    """Call an app without a client in between, which would take most of the time."""
    answer, messages = Answer(), iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive():
        return next(messages, {"type": "http.disconnect"})

    async def send(message):
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "server": ("test", 80),
        "client": ("test", 1),
        "scheme": "http",
        "http_version": "1.1",
        "asgi": {"version": "3.0"},
        "app": app,
    }
    try:
        await app(scope, receive, send)
    except Exception:  # noqa: BLE001 - the framework raises what it answered 500 once more, for the server
        answer.status = answer.status or 500
    return answer


def flaws(answer):
    """Give what is wrong with an answer to a body that may be bad or good."""
    if answer.status in {200, 201}:
        json.loads(answer.body)
        return []
    if answer.status == 204:
        return []
    if not 400 <= answer.status < 500:
        return [f"status {answer.status}"]
    if answer.headers.get("content-type") != PROBLEM:
        return ["no problem"]
    problem = json.loads(answer.body)
    found = [] if problem.get("status") == answer.status else ["another status in the problem"]
    errors = problem.get("errors", [])
    if answer.status in {400, 422}:
        sound = errors and all(set(one) == {"pointer", "code", "rule"} and all(map(str, one)) for one in errors)
        found += [] if sound else ["no pointer"]
    elif answer.status not in WITHOUT_POINTER:
        found.append(f"status {answer.status}")
    return found + (["repeats what was sent"] if TOKEN.encode() in answer.body else [])


class Rows:
    """Counts the rows of the vault, in one question that is prepared once."""

    def __init__(self, service):
        self._owner = service.owner
        tables = ", ".join(f"(SELECT count(*) FROM vault.{name})" for name in service.vault_rows())
        self._query = f"SELECT ARRAY[{tables}]"
        self.before = self.now()

    def now(self):
        return self._owner.execute(self._query).fetchone()[0]

    def written(self):
        """Say whether rows came since the last time that was asked."""
        before, self.before = self.before, self.now()
        return self.before != before


@pytest.fixture(scope="module")
def records(service):
    return Records(service.operation(area=AREA))


def headers_for(operation, random, token):
    """Give the headers of a writing request; sometimes with a key of idempotency or without a version."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": example_of(operation)[1]}
    if random.random() < 0.95:
        headers["If-Match"] = "*"
    if random.random() < 0.1:
        headers["Idempotency-Key"] = f"{random.random()}"
    return headers


def test_there_are_enough_hand_made_ones():
    made = [bad_incidents(good_incident(datetime.now(UTC))), SUBJECTS, STEPS, SOURCES, PATCHES, WITHDRAWALS]
    assert sum(map(len, made)) >= HAND_MADE


def test_the_documented_bodies_are_taken_so_that_the_generated_ones_prove_something(service, records):
    refused = {}
    for method, path, operation in writing_routes(service.app.openapi()):
        example, kind = example_of(operation)
        answer = records.caller.request(
            method,
            records.path(path),
            content=json.dumps(records.body(example)),
            headers={"Content-Type": kind, "If-Match": "*"},
        )
        if not answer.is_success:
            refused[f"{method} {path}"] = (answer.status_code, answer.json().get("errors"))
        records.used_up(path)
    assert refused == {}


@pytest.mark.parametrize("part", range(PARTS))
def test_ten_thousand_generated_bodies(service, records, part):
    random, rows, token = Random(SEED + part), Rows(service), records.caller.token
    routes = list(writing_routes(service.app.openapi()))
    statuses, wrong = Counter(), []

    async def run():
        for number in range(GENERATED // PARTS):
            method, path, operation = routes[number % len(routes)]
            made, target = records.made, records.path(path)
            if records.made != made:
                rows.before = rows.now()
            body = mutated(random, records.body(example_of(operation)[0]))
            answer = await ask(service.app, method, target, headers_for(operation, random, token), body)
            found = flaws(answer)
            if rows.written():
                if answer.status >= 300:
                    found.append("left rows behind")
                records.used_up(path)
                rows.before = rows.now()
            if found:
                wrong.append((f"{method} {path}", found, answer, body[:300]))
            statuses[answer.status] += 1

    asyncio.run(run())
    assert wrong == []
    assert sum(statuses.values()) == GENERATED / PARTS
    assert statuses[422] > GENERATED / PARTS / 2
    assert sum(statuses[one] for one in (200, 201, 204)) > GENERATED / PARTS / 50


def careless_app(owner):
    """What one writes first: a model with the shape of GeoJSON, and the store takes what the model took."""

    class Geometry(BaseModel):
        type: str
        coordinates: list

    class Feature(BaseModel):
        type: str
        geometry: Geometry | None = None
        properties: dict

    app = FastAPI()

    @app.post("/v1/incidents", status_code=201)
    def take(feature: Feature) -> Feature:
        owner.execute("INSERT INTO careless VALUES (%s)", [feature.model_dump_json()])
        return feature

    return app


def test_a_careless_app_takes_bad_ones_and_breaks_on_others(service, records):
    # The control: the same bodies and the same check, for an app with plain models.
    random = Random(SEED)
    operation = service.app.openapi()["paths"]["/v1/incidents"]["post"]
    token = records.caller.token
    verdicts = Counter()
    with psycopg.connect(service.owner.info.dsn, autocommit=True) as owner:
        owner.execute("CREATE TEMPORARY TABLE careless (feature jsonb)")
        careless = careless_app(owner)

        async def run():
            for _ in range(600):
                body = mutated(random, records.body(example_of(operation)[0]))
                headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
                ours = await ask(service.app, "POST", "/v1/incidents", headers, body)
                theirs = await ask(careless, "POST", "/v1/incidents", headers, body)
                verdicts["broke"] += theirs.status >= 500
                verdicts["took what is refused here"] += theirs.status == 201 and ours.status == 422
                verdicts["noticed"] += bool(flaws(theirs))
                assert flaws(ours) == []

        asyncio.run(run())
        taken = owner.execute("SELECT count(*) FROM careless").fetchone()[0]
    assert verdicts["broke"] > 0
    assert verdicts["took what is refused here"] > 50
    assert verdicts["noticed"] > 50
    assert taken > 50


def test_rows_that_a_refused_request_left_behind_would_be_noticed(service):
    # The control of the counting.
    rows = Rows(service)
    assert not rows.written()
    service.owner.execute("INSERT INTO vault.actor (id, handle) VALUES (gen_random_uuid(), %s)", [ago(0)])
    assert rows.written()
    assert not rows.written()
