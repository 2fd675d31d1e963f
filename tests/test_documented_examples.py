"""Every example of the interactive documentation is sent to a service with the sample data in it."""

import time

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from flashpoint import sample
from flashpoint.pepper import pepper
from flashpoint.settings import Settings
from flashpoint.store.engine import Database

SUBJECTS = ("localities", "communities", "assessments", "presences")


@pytest.fixture(scope="module")
def demo(module_database_url, tmp_path_factory):
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    database = Database(module_database_url, pool_size=2)
    sample.load(database)
    keys = sample.demo_keys(database, settings.home, pepper(settings))
    database.close()
    with TestClient(create_app(settings, module_database_url)) as client:
        for _ in range(100):
            if client.get("/readyz").status_code == 200 and _ranked(client, keys):
                break
            time.sleep(0.1)
        yield client, {role: {"Authorization": f"Bearer {key}"} for role, key in keys.items()}


def _ranked(client, keys):
    # The pictures are made after the matrix.
    asked = ("/v1/matrix?operation=DEMO", "/v1/released/zones?operation=DEMO")
    reader = {"Authorization": f"Bearer {keys['reader']}"}
    return all(client.get(one, headers=reader).status_code == 200 for one in asked)


@pytest.fixture(scope="module")
def described(demo):
    return demo[0].get("/openapi.json").json()["paths"]


def _body(described, path, method="post"):
    ((kind, content),) = described[path][method]["requestBody"]["content"].items()
    return content["example"], {"Content-Type": kind}


def test_every_route_with_a_body_has_an_example_here(described):
    with_body = {(path, verb) for path, verbs in described.items() for verb in verbs if "requestBody" in verbs[verb]}
    sent = {
        ("/v1/incidents", "post"),
        ("/v1/incidents/batch", "post"),
        ("/v1/incidents/{incident_id}", "patch"),
        ("/v1/incidents/{incident_id}/sources", "post"),
        ("/v1/incidents/{incident_id}/transitions", "post"),
        ("/v1/methodologies", "post"),
        ("/v1/methodologies/{version}/adoption", "post"),
        ("/v1/protocols", "post"),
        ("/v1/protocols/{version}/adoption", "post"),
        ("/v1/protocols/{version}/suspension", "post"),
        *((f"/v1/{name}", "post") for name in SUBJECTS),
        *((f"/v1/{name}/{{subject_id}}", "put") for name in SUBJECTS),
        *((f"/v1/{name}/{{subject_id}}/withdrawal", "post") for name in SUBJECTS),
    }
    assert with_body == sent


def test_the_incident_examples_work(demo, described):
    client, keys = demo
    example, kind = _body(described, "/v1/incidents")
    posted = client.post("/v1/incidents", json=example, headers=keys["analyst"] | kind)
    assert posted.status_code == 201, posted.text
    where = f"/v1/incidents/{posted.json()['id']}"
    batch, kind = _body(described, "/v1/incidents/batch")
    assert client.post("/v1/incidents/batch", json=batch, headers=keys["analyst"] | kind).status_code == 201
    source, kind = _body(described, "/v1/incidents/{incident_id}/sources")
    assert client.post(f"{where}/sources", json=source, headers=keys["analyst"] | kind).status_code == 201
    change, kind = _body(described, "/v1/incidents/{incident_id}", "patch")
    under = keys["analyst"] | kind | {"If-Match": client.get(where, headers=keys["analyst"]).headers["ETag"]}
    assert client.patch(where, json=change, headers=under).status_code == 200
    step, kind = _body(described, "/v1/incidents/{incident_id}/transitions")
    assert client.post(f"{where}/transitions", json=step, headers=keys["analyst"] | kind).status_code == 200
    step = {"action": "verify", "standard": "reasonable_grounds"}
    seen = {"If-Match": client.get(where, headers=keys["verifier"]).headers["ETag"]}
    verified = client.post(f"{where}/transitions", json=step, headers=keys["verifier"] | seen)
    assert verified.json()["properties"]["state"] == "verified"


@pytest.mark.parametrize("name", SUBJECTS)
def test_the_examples_of_subjects_work(demo, described, name):
    client, keys = demo
    example, kind = _body(described, f"/v1/{name}")
    posted = client.post(f"/v1/{name}", json=example, headers=keys["coordinator"] | kind)
    assert posted.status_code == 201, posted.text
    where = f"/v1/{name}/{posted.json()['id']}"
    example, kind = _body(described, f"/v1/{name}/{{subject_id}}", "put")
    under = keys["coordinator"] | kind | {"If-Match": posted.headers["ETag"]}
    renewed = client.put(where, json=example, headers=under)
    assert renewed.status_code == 200, renewed.text
    example, kind = _body(described, f"/v1/{name}/{{subject_id}}/withdrawal")
    under = keys["coordinator"] | kind | {"If-Match": renewed.headers["ETag"]}
    withdrawn = client.post(f"{where}/withdrawal", json=example, headers=under)
    assert withdrawn.json()["properties"]["gone"] is True


def test_the_examples_of_methodologies_work(demo, described):
    client, keys = demo
    example, kind = _body(described, "/v1/methodologies")
    posted = client.post("/v1/methodologies", json=example, headers=keys["coordinator"] | kind)
    assert posted.status_code == 201, posted.text
    assert client.get(posted.headers["Location"], headers=keys["reader"]).status_code == 404
    where, query = f"/v1/methodologies/{posted.json()['version']}", "?operation=DEMO"
    assert client.get(f"{where}/preview{query}", headers=keys["coordinator"]).status_code == 200
    example, kind = _body(described, "/v1/methodologies/{version}/adoption")
    adopted = client.post(f"{where}/adoption", json=example, headers=keys["coordinator"] | kind)
    assert adopted.json()["in_force"] is True, adopted.text
    assert client.get(posted.headers["Location"], headers=keys["reader"]).status_code == 200


def test_the_examples_of_protocols_work(demo, described):
    client, keys = demo
    example, kind = _body(described, "/v1/protocols")
    posted = client.post("/v1/protocols", json=example, headers=keys["coordinator"] | kind)
    assert posted.status_code == 201, posted.text
    assert client.get(posted.headers["Location"], headers=keys["reader"]).status_code == 404
    example, kind = _body(described, "/v1/protocols/{version}/adoption")
    own = f"/v1/protocols/{posted.json()['version']}/adoption"
    assert client.post(own, json=example, headers=keys["coordinator"] | kind).status_code == 409
    for deed in ("suspension", "adoption"):
        example, kind = _body(described, f"/v1/protocols/{{version}}/{deed}")
        done = client.post(f"/v1/protocols/DEMO-P1/{deed}", json=example, headers=keys["coordinator"] | kind)
        assert done.status_code == 200, done.text
    assert client.get("/v1/protocols/DEMO-P1?operation=DEMO", headers=keys["reader"]).json()["state"] == "in_force"


def test_the_query_examples_work(demo, described):
    client, keys = demo
    for path, verbs in described.items():
        parameters = [p for p in verbs.get("get", {}).get("parameters", []) if _example(p) is not None]
        if "get" not in verbs or any(name in path for name in ("{incident_id}", "{subject_id}", "{feature}")):
            continue
        if path == "/metrics":
            continue  # it is opened by a token of its own, see tests/trust/test_edge.py
        query = {p["name"]: _example(p) for p in parameters if p["in"] == "query"}
        query = {name: ",".join(map(str, v)) if isinstance(v, list) else v for name, v in query.items()}
        url = path.format(**{p["name"]: _example(p) for p in parameters if p["in"] == "path"})
        answer = client.get(url, params=query, headers=keys["auditor" if url == "/v1/audit" else "coordinator"])
        assert answer.status_code == 200, (url, query, answer.text)


def _example(parameter):
    examples = parameter.get("schema", {}).get("examples") or parameter.get("examples")
    return parameter.get("example", examples[0] if examples else None)
