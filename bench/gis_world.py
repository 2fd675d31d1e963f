"""The world of ``bench/gis.py``: ranked localities, released by the service itself, and the same rows as plain tables.

The localities fill a grid, each with a ragged boundary of 30 points, so that a bounding box or a tile cuts some. The
tables in the schema ``peers`` are what other servers read: a primary key, the columns of the layer, one geometry with
a GiST index, analysed. They are filled from what the service has released, by its own source of rows.
"""

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from shapely.geometry import box

from flashpoint import agreement, assess
from flashpoint.layers import Layer, columns
from flashpoint.pepper import pepper
from flashpoint.protocol import Subject, template
from flashpoint.scoring.methodology import DEFAULT
from flashpoint.settings import Settings
from flashpoint.store import actors, layer_sources, methodologies, places
from flashpoint.store.engine import Database, libpq_url
from flashpoint.store.protocols import Decision
from flashpoint.types import Audience, Role

OPERATION = "GIS"
WEST, SOUTH, SPACING, ACROSS = 14.0, 2.0, 0.128, 100
LAYERS = (Layer.LOCALITIES, Layer.MATRIX)
_CORNERS = 29


def make(url: str, home: Path, localities: int) -> str:
    """Write the localities, release them, copy them for the peers; give a reader's key."""
    database = Database(url, pool_size=4)
    try:
        begin(database, OPERATION, extent(localities))
        with psycopg.connect(libpq_url(url)) as owner:
            _places(owner, localities)
        secret = pepper(Settings(home=home))
        assess.Desk(database, secret).reassess(OPERATION, tick=False)
        _copy(database, url)
        return key(database, secret, Audience.MISSION)
    finally:
        database.close()


def extent(localities: int) -> tuple[float, float, float, float]:
    """Give west, south, east and north of that many localities."""
    return WEST, SOUTH, WEST + ACROSS * SPACING, SOUTH + -(-localities // ACROSS) * SPACING


def begin(database: Database, operation: str, bounds: tuple[float, float, float, float]) -> None:
    """Record an operation, its method, and a protocol that gives both audiences everything."""
    gets = dict.fromkeys(map(str, Subject), True)
    with database.console() as vault:
        console = actors.console(vault)
        area = box(*bounds).buffer(1)
        places.add_operation(vault, console, places.NewOperation(operation, "Bench", "Bench", area, 3, synthetic=True))
        methodologies.adopt(vault, console, operation, DEFAULT, ("bench", places.ALWAYS))
        agree(vault, operation, gets)


def agree(vault: Any, operation: str, gets: dict[str, bool]) -> None:  # noqa: ANN401 - a vault
    """Put a protocol in force."""
    console = actors.console(vault)
    document = template(datetime.now(UTC).date())["document"] | {
        "title": "Bench",
        "purpose": "Synthetic.",
        "parties": [{"name": f"The {audience}", "audience": audience} for audience in Audience],
        "audiences": dict.fromkeys(map(str, Audience), gets),
        "until": (datetime.now(UTC).date() + timedelta(days=365)).isoformat(),
        "contacts": ["Bench"],
        "notes": "Synthetic.",
    }
    made = agreement.propose(
        vault, console, operation, {"version": "BENCH", "reason": "for benches", "document": document}
    )
    agreement.adopt(
        vault, console, operation, Decision(made.version, "for benches", places.ALWAYS, sole_signature=True)
    )


def key(database: Database, secret: bytes, audience: Audience) -> str:
    """Issue a reader's key."""
    with database.keys() as vault:
        grant = actors.KeyGrant("bench", Role.READER, audience, None)
        return actors.issue(vault, actors.console(vault), grant, secret)[1]


def _places(owner: psycopg.Connection[Any], localities: int) -> None:
    """Write localities past the rules, in bulk; nobody but these numbers decides their shapes."""
    owner.execute("SET session_replication_role = replica")
    owner.execute("CREATE TEMP TABLE drawn (number int, area geometry)")
    with owner.cursor().copy("COPY drawn FROM STDIN") as copy:
        for number in range(localities):
            copy.write_row((number, f"SRID=4326;MULTIPOLYGON((({ring(number)})))"))
    owner.execute(
        """INSERT INTO vault.locality (id, version, operation, recorded_at, recorded_by, known_at, known_assumed, pcode,
               code_list, level, name, adm1_pcode, adm2_pcode, adm3_pcode, point, area, population_low, population_best,
               population_high)
           SELECT gen_random_uuid(), 1, %(operation)s, now(), (SELECT id FROM vault.actor LIMIT 1), '1900-01-01Z', true,
               format('XX%%s', 100000 + number), 'Bench 2026', 3, format('Locality %%s', number),
               format('XX%%s', number / 1000), format('XX%%s', number / 100), format('XX%%s', 100000 + number),
               ST_PointOnSurface(area), area, n, n, n
           FROM drawn, LATERAL (SELECT 1000 + 37 * number %% 90000 AS n) people""",
        {"operation": OPERATION},
    )
    owner.commit()
    owner.autocommit = True
    owner.execute("VACUUM ANALYZE")


def ring(number: int) -> str:
    """Draw the boundary of a locality in its cell: 30 points, the last of them the first."""
    east, north = WEST + (number % ACROSS + 0.5) * SPACING, SOUTH + (number // ACROSS + 0.5) * SPACING
    points = []
    for corner in range(_CORNERS):
        turn = 2 * math.pi * corner / _CORNERS
        reach = SPACING / 2 * (0.85 + 0.15 * math.sin(number + 5 * corner * corner))
        points.append(f"{east + reach * math.cos(turn):.6f} {north + reach * math.sin(turn):.6f}")
    return ",".join([*points, points[0]])


def _copy(database: Database, url: str) -> None:
    """Make plain tables of what was released, one for each layer."""
    with database.release_reader() as reader, psycopg.connect(libpq_url(url), autocommit=True) as owner:
        owner.execute("CREATE SCHEMA peers")
        for layer in LAYERS:
            rows = layer_sources.source(layer, OPERATION, Audience.MISSION).rows
            names = [column.name for column in columns(layer, Audience.MISSION)]
            wanted = rows.select().with_only_columns(
                rows.c.id, *(rows.c[name] for name in names), rows.c.geometry.label("geom")
            )
            query = wanted.compile(reader.connection, compile_kwargs={"render_postcompile": True})
            owner.execute(f"CREATE TABLE peers.{layer} AS {query}", query.params)  # type: ignore[arg-type]
            owner.execute(
                f"""ALTER TABLE peers.{layer} ADD PRIMARY KEY (id),
                    ALTER geom TYPE geometry(MultiPolygon, 4326)"""
            )
            owner.execute(f"CREATE INDEX ON peers.{layer} USING gist (geom)")
        owner.execute("VACUUM ANALYZE")
