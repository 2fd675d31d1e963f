"""What a patient reader learns from 104 weekly pictures of the same incidents: no more than from one of them.

Over two simulated years incidents are edited and verified again, new ones come, some are withdrawn, and boundaries
are corrected. Whoever takes the mean of all the points that were published for an incident is no nearer to where it
happened than by one of them. The control is a mask that is drawn anew around the true place in each edition: its mean
goes there.
"""

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from math import cos, hypot, pi, radians, sin, sqrt
from statistics import fmean
from types import SimpleNamespace

import pytest
from painted import corrected, decide_all, key_of, paint, patched, reported_all, ring, rows_of, verify_all
from service import BOXES, ids_of

from flashpoint import mask, picture_rows
from flashpoint.types import Audience

EDITIONS, INCIDENTS, NEWCOMERS, FEW = 104, 100, 60, 25
#: In which weeks a boundary between two communes is corrected, and to which longitude.
CORRECTIONS = {21: 18.98, 48: 19.01, 77: 18.99}
JITTER_KM = 5.5
KM_PER_DEGREE = 111.2


def distance_km(one, other):
    scale = cos(radians((one[1] + other[1]) / 2))
    return hypot((one[0] - other[0]) * scale, one[1] - other[1]) * KM_PER_DEGREE


def mean_of(points):
    return fmean(x for x, _ in points), fmean(y for _, y in points)


def somewhere(chance):
    west, south, east, north = BOXES[chance.choice(sorted(BOXES))]
    return chance.uniform(west, east), chance.uniform(south, north)


def published(operation):
    """Give what the mission is given: released id to point."""
    query = f"operation={operation.code}&geometry=point&limit=1000"
    answer = operation.reader.get(f"/v1/released/incidents?{query}")
    assert len(ids_of(answer)) == answer.json()["numberMatched"]
    return {one["id"]: tuple(one["geometry"]["coordinates"]) for one in answer.json()["features"]}


@pytest.fixture(scope="module")
def history(service):
    """Two years: the true places, and each point that was published for an incident."""
    chance = random.Random(20261122)
    operation = service.operation()
    places = [somewhere(chance) for _ in range(INCIDENTS + NEWCOMERS)]
    ids = reported_all(operation, [operation.incident(place, sharing="mission") for place in places])
    tracked, newcomers = ids[:INCIDENTS], ids[INCIDENTS:]
    verify_all(service, operation, tracked)
    names = {str(mask.pseudonym(key_of(service), "incidents", Audience.MISSION, str(one))): one for one in ids}
    points, waiting = defaultdict(list), []
    start, pictures = datetime.now(UTC).replace(minute=0, second=0, microsecond=0), None
    for week in range(EDITIONS):
        decide_all(service, operation, waiting, "verify", standard="reasonable_grounds")
        waiting = []
        if week % 2 and newcomers:
            verify_all(service, operation, [newcomers.pop()])
        if week % 8 == 3:
            decide_all(service, operation, [tracked[week // 8]], "withdraw", reason_code="harm", reason="Synthetic.")
        elif week % 4 == 1:
            waiting = [tracked[chance.randrange(EDITIONS // 8 + 1, INCIDENTS)]]
            patched(operation, waiting[0], killed={"low": week + 2, "best": week + 3, "high": week + 4})
        if week in CORRECTIONS:
            corrected(operation, "X1101", ring(18.0, 4.0, CORRECTIONS[week], 5.0))
            corrected(operation, "X1102", ring(CORRECTIONS[week], 4.0, 20.0, 5.0))
        pictures = paint(service, operation, start + timedelta(weeks=week), pictures)
        for name, point in published(operation).items():
            points[names[name]].append(point)
    truth = dict(zip(ids, places, strict=True))
    return SimpleNamespace(truth=truth, points={one: points[one] for one in tracked})


def errors_km(truth, points):
    """Give how far from the truth, on average, one published point is, and how far the mean of all of them."""
    one = fmean(fmean(distance_km(point, truth[key]) for point in each) for key, each in points.items())
    mean = fmean(distance_km(mean_of(each), truth[key]) for key, each in points.items())
    return one, mean


def test_the_mean_of_two_years_is_no_nearer_than_one_point(history, capsys):
    one, mean = errors_km(history.truth, history.points)
    with capsys.disabled():
        print(f"\none draw for ever: {one:.2f} km by one edition, {mean:.2f} km by the mean of {EDITIONS}")  # noqa: T201
    assert len(history.points) == INCIDENTS
    assert sum(len(each) for each in history.points.values()) > 0.85 * INCIDENTS * EDITIONS
    same = [key for key, each in history.points.items() if len(set(each)) == 1]
    for key in same:
        error = distance_km(mean_of(history.points[key]), history.truth[key])
        assert error == pytest.approx(distance_km(history.points[key][0], history.truth[key]), abs=1e-6)
    # A point is drawn anew only where a correction of its zone's boundaries left it outside.
    for key in history.points.keys() - set(same):
        assert len(set(history.points[key])) <= 1 + len(CORRECTIONS)
        assert any(abs(point[0] - 19.0) < 0.03 for point in history.points[key])
    assert len(same) > 0.85 * INCIDENTS
    assert mean > 0.95 * one


def test_a_mask_drawn_anew_around_the_truth_is_averaged_away(service, operation, monkeypatch, capsys):
    chance = random.Random(104)
    places = [somewhere(chance) for _ in range(FEW)]
    ids = reported_all(operation, [operation.incident(place, sharing="mission") for place in places])
    verify_all(service, operation, ids)
    truth = dict(zip(map(str, ids), places, strict=True))

    def around_the_truth(_key, draw, _outlines):
        x, y = truth[draw.subject]
        angle, km = chance.uniform(0, 2 * pi), JITTER_KM * sqrt(chance.random())
        return x + km * cos(angle) / KM_PER_DEGREE / cos(radians(y)), y + km * sin(angle) / KM_PER_DEGREE

    monkeypatch.setattr(picture_rows.mask, "drawn_point", around_the_truth)
    names = {mask.pseudonym(key_of(service), "incidents", Audience.MISSION, one): one for one in truth}
    points = defaultdict(list)
    for _ in range(EDITIONS):
        paint(service, operation)
        for (audience, name), row in rows_of(service, operation).items():
            if audience == Audience.MISSION:
                x, y = row[2].removeprefix("POINT(").rstrip(")").split()
                points[names[name]].append((float(x), float(y)))
    one, mean = errors_km(truth, points)
    with capsys.disabled():
        print(f"\ndrawn anew each time: {one:.2f} km by one edition, {mean:.2f} km by the mean of {EDITIONS}")  # noqa: T201
    assert mean < 0.15 * one
