"""Two code lists of one small country, what lies in it, and a look at both sides of the change."""

from uuid import uuid4

from import_files import feature, quiet, rows_of, write_boundaries
from service import ago, subject
from shapely.geometry import Point

from flashpoint import context, intake, reports
from flashpoint.imports import BoundaryTarget, boundaries
from flashpoint.intake import Submission
from flashpoint.store import actors
from flashpoint.types import Standard

OLD, NEW = "COD-AB 2015", "COD-AB 2026"


def rectangle(west, south, east, north):
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def commune(number, *bounds, **names):
    return feature(number, rectangle(*bounds), **names)


#: Nine communes in four districts.
BEFORE = [
    commune(11, 20, 5, 21, 6),
    commune(12, 21, 5, 22, 6),
    commune(21, 20, 6, 21, 7),
    commune(22, 21, 6, 22, 7),
    commune(23, 22, 6, 23, 7),
    commune(31, 22, 5, 23, 6),
    commune(32, 23, 5, 24, 6),
    commune(33, 24, 5, 25, 6),
    commune(41, 23, 6, 24, 7),
]
AFTER = [
    commune(11, 20, 5, 21, 6),
    # Under another code, in another district.
    commune(52, 21, 5, 22, 6, adm3_name="Commune 12"),
    commune(21, 20, 6, 21, 7, adm3_name="Renamed"),
    # The town kept code and name, and a third of the ground.
    commune(22, 21, 6, 21.3, 7),
    commune(24, 21.3, 6, 22, 7),
    # Three parts, none of which is most of it.
    commune(25, 22, 6, 22.4, 7),
    commune(26, 22.4, 6, 22.7, 7),
    commune(27, 22.7, 6, 23, 7),
    # Two communes are one.
    commune(34, 22, 5, 24, 6),
    commune(33, 24, 5, 24.8, 6),
    # Commune 41 is gone; this one is new.
    commune(61, 23, 8, 24, 9),
]
#: What the account says of them.
TOLD = {
    "unchanged": ["ZZ11 > ZZ11"],
    "renamed": ["ZZ21 > ZZ21"],
    "recoded": ["ZZ12 > ZZ52"],
    "redrawn": ["ZZ33 > ZZ33"],
    "split": ["ZZ22 > ZZ22 + ZZ24", "ZZ23 > ZZ25 + ZZ26 + ZZ27"],
    "merged": ["ZZ31 + ZZ32 > ZZ34"],
    "new": ["ZZ61"],
    "gone": ["ZZ41"],
}


def old_country(database, folder, features=BEFORE):
    path = write_boundaries(folder, features, "old.geojson")
    return boundaries(database, path, BoundaryTarget("ZZZ", "adm3", OLD), quiet)


def replaced(database, folder, features=AFTER, **more):
    path = write_boundaries(folder, features, "new.geojson")
    return boundaries(database, path, BoundaryTarget("ZZZ", "adm3", NEW, replaces=OLD, **more), quiet)


def incident(database, name, at=None, **said):
    """Record an incident as verified: precise at a point, or as coarse as it says."""
    tree = {
        "operation": "ZZZ",
        "client_id": name,
        "category": "attack_on_civilians",
        "event_start": ago(5),
        "reported_at": ago(4),
        "date_precision": 1,
        "geo_precision": 1,
        "perpetrator_class": "armed_group",
        "killed": {"low": 1, "best": 2, "high": 3},
        "sharing": "cluster",
        "share_above": "aggregate",
        "consent": "given",
        "sources": [],
        **said,
    }
    known_at = tree.pop("known_at", None)
    report = reports.read(reports.IncidentReport, tree)
    with database.console() as vault:
        one = Submission(report, None if at is None else Point(*at), known_at)
        (receipt,) = intake.import_verified(vault, actors.console(vault), [one], Standard.EXTERNAL_UCDP)
    return receipt.incident_id


def record(database, kind, locality, point=None, *, operation="ZZZ", **said):
    """Record something of a locality, named by its P-code."""
    tree = subject(operation, kind, locality=locality, **said)
    if point is not None:
        tree["geometry"] = {"type": "Point", "coordinates": list(point)}
    key = (uuid4(), 1)
    with database.console() as vault:
        context.record(vault, actors.console(vault), kind, key, tree)
    return key[0]


def placed(database):
    """Give where each incident is now: the P-code of a locality or of a unit."""
    query = """
        SELECT i.client_id, coalesce(l.pcode, p.unit_pcode) FROM vault.placement p
        JOIN vault.incident i ON i.id = p.incident_id
        LEFT JOIN vault.locality l ON l.id = p.locality_id AND l.known_to IS NULL AND l.withdrawn_reason IS NULL
        WHERE p.known_to IS NULL ORDER BY 1
    """
    return dict(rows_of(database, query))


def homes(database):
    """Give the P-code of the locality that each record speaks of now."""
    union = " UNION ALL ".join(
        f"SELECT id, locality_id FROM vault.{table} WHERE known_to IS NULL"
        for table in ("community", "threat_assessment", "presence")
    )
    query = f"""
        SELECT c.id, l.pcode FROM ({union}) c
        LEFT JOIN vault.locality l ON l.id = c.locality_id AND l.known_to IS NULL AND l.withdrawn_reason IS NULL
    """
    return dict(rows_of(database, query))


def in_force(database, table="locality"):
    query = f"""
        SELECT code_list, pcode FROM vault.{table} WHERE known_to IS NULL AND withdrawn_reason IS NULL ORDER BY 1, 2
    """
    return rows_of(database, query)
