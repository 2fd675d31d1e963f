"""Small files as the importers read them, and a look into what became of them: Zedland has four square communes."""

import csv
import json

from sqlalchemy import text

TABLES = (
    *("operation", "admin_unit", "locality", "incident", "incident_version", "placement", "verification_act"),
    *("evidence", "audit", "methodology_in_force"),
)


def quiet(_done, _total):
    """Report to nobody."""


def rows_of(database, query, **bound):
    # As the owner of the server, whom no wall stops.
    with database.engine.begin() as connection:
        return [tuple(row) for row in connection.execute(text(query), bound)]


def counts(database):
    return {table: rows_of(database, f"SELECT count(*) FROM vault.{table}")[0][0] for table in TABLES}


def remarks(account):
    return {remark.reason: remark.count for remark in account.remarks}


def settled(account):
    account.check()
    return account.imported, account.skipped, account.already_there


def square(west, south, side=1.0):
    east, north = west + side, south + side
    return {
        "type": "Polygon",
        "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
    }


def feature(number, geometry, **properties):
    head = {"adm3_pcode": f"ZZ{number}", "adm3_name": f"Commune {number}"}
    parents = {"adm2_pcode": f"ZZ{number // 10}", "adm2_name": f"District {number // 10}", "adm1_pcode": "ZZ0"}
    return {"type": "Feature", "geometry": geometry, "properties": {**head, **parents, "adm1_name": "P", **properties}}


FOUR = [
    feature(11, square(20, 5)),
    feature(12, square(21, 5)),
    feature(21, square(20, 6)),
    feature(22, square(21, 6)),
]


def write_boundaries(folder, features=FOUR, name="adm3.geojson"):
    path = folder / name
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def write_table(folder, rows, name):
    path = folder / name
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def event(number, longitude, latitude, **values):
    base = {
        "id": number,
        "type_of_violence": 3,
        "side_a": "Some group",
        "where_prec": 1,
        "date_prec": 1,
        "date_start": "2014-01-05",
        "date_end": "2014-01-06",
        "longitude": longitude,
        "latitude": latitude,
        "low": 1,
        "best": 2,
        "high": 3,
        "deaths_civilians": 2,
    }
    return {**base, **values}


def write_events(folder, *events, name="ged.csv"):
    return write_table(folder, events, name)


def people(number, total, **values):
    row = {"adm1_name": "P", "adm1_pcode": "ZZ0", "adm2_name": f"District {number // 10}"}
    return {
        **row,
        "adm2_pcode": f"ZZ{number // 10}",
        "adm3_name": f"Commune {number}",
        "adm3_pcode": f"ZZ{number}",
        "t_tl": total,
        **values,
    }
