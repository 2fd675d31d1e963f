"""Lands of square communes with events, imported as a user would import them."""

import csv
import json
from datetime import date, timedelta

import numpy as np

from flashpoint.imports import BoundaryTarget, UcdpTarget, boundaries, ucdp
from flashpoint.replay import Plan, month

SIDE = 0.2


def quiet(_done, _total):
    """Report to nobody."""


def commune(number, across):
    west, south = 20 + SIDE * (number % across), 5 + SIDE * (number // across)
    east, north = west + SIDE, south + SIDE
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    district = f"ZZ{number // across:02}"
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {
            "adm3_pcode": f"{district}{number:03}",
            "adm3_name": f"Commune {number}",
            "adm2_pcode": district,
            "adm2_name": f"District {district}",
            "adm1_pcode": "ZZ",
            "adm1_name": "Province",
        },
    }


def event(number, place, day, across=2, **values):
    """One event in the middle of a commune, of one day, that killed two civilians."""
    return {
        "id": number,
        "type_of_violence": 3,
        "side_a": "Some group",
        "where_prec": 1,
        "date_prec": 1,
        "date_start": day,
        "date_end": day,
        "longitude": 20 + SIDE * (place % across + 0.5),
        "latitude": 5 + SIDE * (place // across + 0.5),
        "low": 2,
        "best": 2,
        "high": 2,
        "deaths_civilians": 2,
        **values,
    }


def land(database, folder, communes, events=(), **how):
    """Import a land, so many communes to a row (``across``), as ``code``, known ``lag_days`` late; give its code."""
    across, code, lag_days = how.get("across", 2), how.get("code", "ZED"), how.get("lag_days", 0.0)
    shapes = folder / f"{code}.geojson"
    features = [commune(number, across) for number in range(communes)]
    shapes.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    boundaries(database, shapes, BoundaryTarget(code, "adm3"), quiet)
    if events:
        table = folder / f"{code}.csv"
        with table.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(events[0]))
            writer.writeheader()
            writer.writerows(events)
        ucdp(database, table, UcdpTarget(code, lag_days), quiet)
    return code


def restless(communes=24, across=6, years=3, seed=1):
    """Events of a land where violence flares up in places and dies down, some of it known coarsely."""
    rng = np.random.default_rng(seed)
    heat, found, first = rng.gamma(0.3, 1.0, communes), [], date(2014, 1, 1)
    for day in range(365 * years):
        if day % 60 == 0:
            heat = 0.5 * heat + rng.gamma(0.15, 1.0, communes)
        for place in np.flatnonzero(rng.random(communes) < heat * 0.02).tolist():
            killed = int(rng.integers(0, 12))
            kind = int(rng.choice([1, 3, 3]))
            values = {
                "type_of_violence": kind,
                "where_prec": int(rng.choice([1, 1, 2, 3, 4])),
                "low": killed,
                "best": killed,
                "high": killed + 1,
                "deaths_civilians": killed if kind == 3 else 0,
            }
            found.append(event(len(found) + 1, place, str(first + timedelta(days=day)), across, **values))
    return found


def plan(code="ZED", first="2015-01", last="2016-11", **values):
    return Plan(code, month(first, "--from"), month(last, "--to"), **values)
