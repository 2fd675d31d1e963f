"""Pictures under test: making them, reading what is there, and what happens to records in between."""

import json
from uuid import UUID

from service import collection

from flashpoint import decisions, mask
from flashpoint.errors import TransitionRefused
from flashpoint.pepper import pepper
from flashpoint.pictures import Pictures
from flashpoint.reports import StepReport, read
from flashpoint.store import incidents
from flashpoint.types import Actor, ActorId, Audience, Consent, Role

TABLES = ("picture_incident", "picture_community", "picture_zone")


def rows_of(service, operation, table="picture_incident"):
    """Give what is there of an operation: (audience, id) to all that a reader could see of the row."""
    query = (
        f"SELECT audience, released_id, zone, properties, ST_AsText(point), content_sha256 FROM release.{table} "
        "WHERE operation = %s ORDER BY audience, released_id"
    )
    return {(row[0], row[1]): row[2:] for row in service.owner.execute(query, [operation.code])}


def stands(service, operation):
    """Give build, revision and moment of each picture."""
    query = (
        "SELECT audience, collection, build, revision, as_of FROM release.picture WHERE operation = %s ORDER BY 1, 2"
    )
    return service.owner.execute(query, [operation.code]).fetchall()


def everything(service, operation):
    return [stands(service, operation), *(rows_of(service, operation, table) for table in TABLES)]


def key_of(service):
    return mask.purpose_key(pepper(service.app.state.settings))


def row_of(service, operation, incident_id, audience=Audience.MISSION):
    """Give the properties of an incident's row, or ``None``."""
    released_id = mask.pseudonym(key_of(service), "incidents", audience, incident_id)
    found = rows_of(service, operation).get((audience, released_id))
    return None if found is None else json.loads(found[1]) | {"point": found[2]}


def paint(service, operation, clock=None, pictures=None):
    """Bring the pictures up to date; without ``pictures`` they are made whole."""
    pictures = pictures or Pictures(service.database, pepper(service.app.state.settings))
    pictures.update(operation.code, service.database.knowledge_instant(), clock)
    return pictures


def actor_of(operation, caller, role):
    return Actor(ActorId(caller.id), caller.key_id, "test", role, Audience.CLUSTER, frozenset({operation.code}))


def reported_all(operation, features):
    """Report many at once; give their ids."""
    answer = operation.analyst.post("/v1/incidents/batch", collection(*features))
    assert answer.status_code == 201, answer.text
    return [UUID(row["id"]) for row in answer.json()["rows"]]


def decide_all(service, operation, ids, action, **details):
    """Take a step on each; where the workflow refuses it, the incident stays where it is."""
    verifier = actor_of(operation, operation.verifier, Role.VERIFIER)
    step = read(StepReport, {"action": action, **details}, "")
    with service.database.vault(verifier) as vault:
        for incident_id in ids:
            found = incidents.find(vault, verifier, incident_id)
            try:
                decisions.advance(vault, verifier, found, step)
            except TransitionRefused:
                assert found.consent in {Consent.REFUSED, Consent.WITHDRAWN}


def verify_all(service, operation, ids):
    decide_all(service, operation, ids, "corroborate")
    decide_all(service, operation, ids, "verify", standard="reasonable_grounds")


def patched(operation, incident_id, **properties):
    answer = operation.analyst.request(
        "PATCH",
        f"/v1/incidents/{incident_id}",
        headers={"If-Match": "*", "Content-Type": "application/merge-patch+json"},
        content=json.dumps({"properties": properties}),
    )
    assert answer.status_code == 200, answer.text


def corrected(operation, pcode, ring):
    """Correct the boundaries of a locality."""
    listed = operation.coordinator.get(f"/v1/localities?operation={operation.code}").json()["features"]
    (found,) = [one for one in listed if one["properties"]["pcode"] == pcode]
    own = ("operation", "pcode", "code_list", "name", "level", "adm1_pcode", "adm2_pcode", "adm3_pcode")
    properties = {name: found["properties"][name] for name in own}
    feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": properties}
    answer = operation.coordinator.put(f"/v1/localities/{found['id']}", feature, If_Match="*")
    assert answer.status_code == 200, answer.text


def ring(west, south, east, north):
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]
