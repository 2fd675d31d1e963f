"""The world of ``bench/million.py``: an operation of many localities and incidents, written past the rules, in bulk."""

import time
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pandas as pd
import psycopg

from flashpoint.store.engine import libpq_url

OPERATION = "BENCH"
COLUMNS, SPACING = 100, 0.128
_CLUSTERED = 0.5
_CATEGORIES = ("attack_on_civilians", "clash_harming_civilians", "armed_clash", "shelling", "sexual_violence")


def load(url: str, incidents: int, localities: int) -> None:
    """Write a synthetic operation in bulk."""
    began = time.perf_counter()
    with psycopg.connect(libpq_url(url)) as connection:
        connection.execute("SET session_replication_role = replica")
        loaded = datetime.now(UTC) - timedelta(days=60)
        actor = uuid4()
        connection.execute(
            "INSERT INTO vault.actor (id, handle, recorded_at) VALUES (%s, 'bench', %s)", (actor, loaded)
        )
        _places(connection, localities, actor, loaded)
        _stage(connection, incidents, localities)
        for statement in _INCIDENTS:
            connection.execute(statement, {"operation": OPERATION, "actor": actor, "at": loaded})
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE")
    print(
        f"loaded {incidents:,} incidents on {localities:,} localities in {time.perf_counter() - began:.0f} s",
        flush=True,
    )


def _places(connection: psycopg.Connection[Any], localities: int, actor: UUID, loaded: datetime) -> None:
    rows = -(-localities // COLUMNS)
    connection.execute(
        """INSERT INTO vault.operation (code, name_en, name_fr, synthetic, ranked_level, area, recorded_at, recorded_by)
           VALUES (%s, 'Bench', 'Bench', true, 3, ST_Multi(ST_MakeEnvelope(0, 0, %s, %s, 4326)), %s, %s)""",
        (OPERATION, COLUMNS * SPACING, rows * SPACING, loaded, actor),
    )
    # Squares of 30 vertices: their sides cut in pieces.
    connection.execute(
        """INSERT INTO vault.locality (id, version, operation, recorded_at, recorded_by, known_at, known_assumed, pcode,
               code_list, level, name, point, area, population_low, population_best, population_high)
           SELECT gen_random_uuid(), 1, %(operation)s, %(at)s, %(actor)s, '1900-01-01Z', true, format('B%%s', i),
               'bench', 3, format('Town %%s', i), ST_Centroid(square),
               ST_Multi(ST_Segmentize(square, %(width)s / 7.0)), n, n, n
           FROM (SELECT i, (1000 + 37 * i %% 90000) AS n, ST_MakeEnvelope(
                     (i %% %(columns)s) * %(width)s, (i / %(columns)s) * %(width)s,
                     (i %% %(columns)s + 1) * %(width)s, (i / %(columns)s + 1) * %(width)s, 4326) AS square
                 FROM generate_series(0, %(count)s - 1) i) grid""",
        {
            "operation": OPERATION, "at": loaded, "actor": actor,
            "width": SPACING, "columns": COLUMNS, "count": localities,
        },
    )  # fmt: skip


def _stage(connection: psycopg.Connection[Any], incidents: int, localities: int) -> None:
    """Draw the incidents: places repeat and cluster, years and kinds are spread as in the global file."""
    random = np.random.default_rng(2026)
    places = max(incidents * 18 // 100, 1)
    rows = -(-localities // COLUMNS)
    centre = random.random((max(places // 100, 1), 2))
    near = centre[random.integers(0, len(centre), places)] + random.normal(0, 0.02, (places, 2))
    spread = np.where(random.random((places, 1)) < _CLUSTERED, near, random.random((places, 2))) % 1.0
    weight = np.arange(1, places + 1) ** -0.9
    place = random.choice(places, incidents, p=random.permutation(weight) / weight.sum())
    at = spread[place] * (COLUMNS * SPACING, rows * SPACING)
    cell = (at // SPACING).astype(int)
    killed = np.minimum(random.pareto(1.1, incidents).astype(int), 5_000)
    frame = pd.DataFrame(
        {
            "longitude": at[:, 0],
            "latitude": at[:, 1],
            "town": np.minimum(cell[:, 1] * COLUMNS + cell[:, 0], localities - 1),
            "category": random.choice(_CATEGORIES, incidents, p=(0.146, 0.2, 0.604, 0.03, 0.02)),
            "age_s": (32 * 365 * 86_400 * random.random(incidents) ** 1.7).astype(int) + 3_600,
            "low": killed // 2,
            "best": killed,
            "high": killed * 2,
        }
    )
    connection.execute(
        """CREATE TEMP TABLE staged (longitude float8, latitude float8, town int, category text, age_s bigint,
               low int, best int, high int)"""
    )
    with connection.cursor().copy("COPY staged FROM STDIN (FORMAT csv)") as copy:
        for start in range(0, incidents, 100_000):
            text = StringIO()
            frame[start : start + 100_000].to_csv(text, header=False, index=False)
            copy.write(text.getvalue())
    connection.execute(
        """CREATE TEMP TABLE drawn AS SELECT gen_random_uuid() AS id, s.*, l.id AS locality_id,
               date_trunc('second', now()) - s.age_s * interval '1 second' AS ended
           FROM staged s JOIN vault.locality l ON l.pcode = format('B%s', s.town)"""
    )


_INCIDENTS = (
    """INSERT INTO vault.incident (id, operation, submitted_by, origin, content_sha256, recorded_at, state, version,
           acts)
       SELECT id, %(operation)s, %(actor)s, 'external:bench', '', %(at)s, 'verified', 1, 1 FROM drawn""",
    """INSERT INTO vault.incident_version (incident_id, version, recorded_at, recorded_by, known_at, known_assumed,
           event_start, event_end, date_precision, reported_at, geom, geo_precision, category, perpetrator_class,
           killed_low, killed_best, killed_high, sharing, share_above, consent, exercise, protected)
       SELECT id, 1, greatest(%(at)s, ended), %(actor)s, ended, true, ended, ended, 1, ended,
           ST_SetSRID(ST_MakePoint(longitude, latitude), 4326), 1, category, 'armed_group', low, best, high, 'cluster',
           'aggregate', 'not_required', false, vault.is_protected(category, NULL) FROM drawn""",
    """INSERT INTO vault.placement (incident_id, version, recorded_at, known_at, locality_id, outside_claimed)
       SELECT id, 1, greatest(%(at)s, ended), ended, locality_id, false FROM drawn""",
    """INSERT INTO vault.evidence (incident_id, version, known_at, recorded_at, operation, event_end)
       SELECT id, 1, ended, greatest(%(at)s, ended), %(operation)s, ended FROM drawn""",
)
