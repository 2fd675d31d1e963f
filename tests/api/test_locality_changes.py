"""A locality that is changed one by one: its incidents move, and what was known before stays as it was."""

import json

from service import BOXES, subject
from shapely.geometry import box, mapping
from written import matrices

WEST, EAST = "X1101", "X1102"
LEFT, RIGHT = (18.95, 4.5), (19.05, 4.5)


def reach(operation, west, east, pcode=None):
    """Let the western and the eastern locality reach so far; give an instant after it."""
    for name, bounds in ((WEST, (18.0, 4.0, west, 5.0)), (EAST, (east, 4.0, 20.0, 5.0))):
        found = next(one for one in localities(operation) if one["properties"]["name"] == f"Place {name}")
        said = {
            "pcode": pcode or name,
            "catchment_km": None,
            "level": 3,
            "name": f"Place {name}",
            "code_list": "Test 2026",
        }
        body = subject(operation.code, "locality", **said | {"adm1_pcode": "X1", "adm2_pcode": "X11"})
        body["geometry"] = mapping(box(*bounds))
        answer = operation.coordinator.put(f"/v1/localities/{found['id']}", body, If_Match="*")
        assert answer.status_code == 200, answer.text
        pcode = None
    return operation.service.database.knowledge_instant()


def localities(operation):
    return operation.analyst.get(f"/v1/localities?operation={operation.code}").json()["features"]


def where(operation, *ids):
    """Give the P-code of the locality that each incident is in."""
    names = {one["id"]: one["properties"]["pcode"] for one in localities(operation)}
    found = [operation.verifier.get(f"/v1/incidents/{one}").json()["properties"]["locality"] for one in ids]
    return [names.get(one) for one in found]


def test_incidents_near_a_border_move_both_ways_and_the_past_stays(operation):
    assert BOXES[WEST][2] == BOXES[EAST][0] == 19.0
    ids = [operation.verified(LEFT), operation.verified(RIGHT, killed={"low": 9, "best": 9, "high": 9})]
    moments = [operation.service.database.knowledge_instant()]
    known = [matrices(operation.service.database, operation.code, moments[0])]
    assert where(operation, *ids) == [WEST, EAST]
    for border, expected in ((19.1, [WEST, WEST]), (18.9, [EAST, EAST]), (19.0, [WEST, EAST])):
        moments.append(reach(operation, border, border))
        assert where(operation, *ids) == expected
        known.append(matrices(operation.service.database, operation.code, moments[-1]))
    assert [matrices(operation.service.database, operation.code, moment) for moment in moments] == known
    rows = [[cluster[2][name] for name in (WEST, EAST)] for cluster, _ in known]
    assert len({json.dumps([json.loads(row[1])["threat"] for row in both]) for both in rows}) == 3


def test_a_coarse_report_stays_with_its_locality_when_that_gets_another_code(operation):
    one = operation.verified(None, geo_precision=3, admin_pcode=WEST)
    assert where(operation, one) == [WEST]
    reach(operation, 19.0, 19.0, pcode="X1109")
    assert where(operation, one) == ["X1109"]


def test_nobody_can_ask_for_the_reason_that_the_import_gives(operation):
    (found,) = (one for one in localities(operation) if one["properties"]["pcode"] == WEST)
    path = f"/v1/localities/{found['id']}/withdrawal"
    answer = operation.coordinator.post(path, {"reason_code": "replaced"}, If_Match="*")
    assert answer.status_code == 422
    step = operation.step(operation.reported(), "withdraw", reason_code="replaced")
    assert step.status_code == 422
