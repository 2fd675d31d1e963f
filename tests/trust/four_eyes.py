"""Random walks through the workflow, by people who try whatever they can, straight in SQL as the application's role.

A walk is a plan: who does what to which incident, one deed after another. The database performs it as the actors'
sessions would, and each deed that it lets pass is noted with the one who really did it. What is then asked of the
tables is asked without any function of the vault.
"""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import Connection
from psycopg.types.json import Jsonb

from flashpoint.access import CLEARANCE, CONSOLE, PROTECTED_CLEARANCE
from flashpoint.store.engine import libpq_url
from flashpoint.types import Role

ROLES = (Role.ANALYST, Role.VERIFIER, Role.VERIFIER, Role.COORDINATOR)
TYPES = ("witness", "ngo", "media")
GROUPS = ("g1", "g2", "g3")
#: What is tried, and how often against the rest.
DEEDS: dict[str, float] = {
    "verify": 14,
    "corroborate": 5,
    "source": 3,
    "report": 0.3,
    "merge": 3,
    "verify_attribution": 3,
    "edit": 2,
    "edit_quietly": 2,
    "edit_attribution": 1,
    "dispute": 1,
    "dispute_attribution": 1,
    "reject": 1,
    "withdraw": 1,
    "reinstate": 2,
    "mark_duplicate": 1,
    "import": 1,
    "forge": 1,
}
TO = {
    "verify": "verified",
    "corroborate": "corroborating",
    "merge": "duplicate",
    "mark_duplicate": "duplicate",
    "verify_attribution": "verified",
    "dispute_attribution": "verified",
    "dispute": "disputed",
    "reject": "not_verified",
    "withdraw": "withdrawn",
    "reinstate": "corroborating",
}


def walks(seed: int, number: int) -> list[dict[str, Any]]:
    """Plan some walks: 3 to 12 deeds of 1 to 3 people with random roles, on 1 to 3 incidents."""
    chance = random.Random(seed)
    return [_walk(chance) for _ in range(number)]


def _walk(chance: random.Random) -> dict[str, Any]:
    people, incidents = chance.choice((1, 2, 3, 3)), chance.choice((1, 2, 2, 3))
    names, length = list(DEEDS), int(chance.triangular(3, 13, 5))
    reports = [_deed(chance, people, "report") | {"on": one} for one in range(min(incidents, length))]
    further = chance.choices(names, [DEEDS[name] for name in names], k=length - len(reports))
    return {
        "roles": [str(chance.choice(ROLES)) for _ in range(people)],
        # Now and then the command line is one of them.
        "console": chance.random() < 0.1,
        "deeds": reports + [_deed(chance, people, name) | _where(chance, incidents) for name in further],
    }


def _where(chance: random.Random, incidents: int) -> dict[str, int]:
    on = chance.randrange(incidents)
    return {"on": on, "other": chance.choice([one for one in range(incidents) if one != on] or [on])}


def _deed(chance: random.Random, people: int, name: str) -> dict[str, Any]:
    return {
        "do": name,
        "who": _who(chance, people, name),
        "on": 0,
        "other": 0,
        "to": TO.get(name),
        # Whoever wants to verify takes the step before that, where it is missing.
        "patient": chance.random() < 0.8,
        "sharing": chance.choice(("cluster", "cluster", "cluster", "restricted")),
        "standard": chance.choice(("reasonable_grounds", "reasonable_grounds", "clear_and_convincing")),
        "with_attribution": chance.random() < 0.2,
        "sources": [list(one) for one in zip(_some(chance, TYPES), _some(chance, GROUPS), strict=False)],
        # Mostly what would pass; sometimes in another name, on another version, from another state.
        "name_of": chance.randrange(people) if chance.random() < 0.04 else None,
        "version_off": chance.choice((-1, 1)) if chance.random() < 0.03 else 0,
        "state": "corroborating" if chance.random() < 0.03 else None,
        "forgery": chance.randrange(5),
    }


def _who(chance: random.Random, people: int, name: str) -> int:
    """Choose who does it: anybody, or, for otherwise hardly anything would be verified, who is mostly the one to."""
    if chance.random() < 0.25:
        return chance.randrange(people)
    return people - 1 if name.startswith(("verify", "corroborate")) else chance.randrange(max(1, people - 1))


def _some(chance: random.Random, names: tuple[str, ...]) -> list[str]:
    return chance.sample(names, k=chance.choice((1, 2, 2, 3, 3)))


SETUP = """
CREATE TEMPORARY TABLE deed (
    n bigint GENERATED ALWAYS AS IDENTITY, who uuid, role text, did text, incident uuid, version integer, act bigint
) ON COMMIT DROP;
CREATE TEMPORARY TABLE refusal (state text) ON COMMIT DROP;
GRANT ALL ON deed, refusal TO flashpoint_app;

CREATE FUNCTION pg_temp.new_version(target uuid, name uuid, change text, at timestamptz) RETURNS integer
    LANGUAGE plpgsql AS $$
DECLARE
    given integer;
BEGIN
    INSERT INTO vault.incident_version (incident_id, version, recorded_at, recorded_by, known_at, event_start,
        event_end, date_precision, reported_at, geo_precision, category, perpetrator_class, attribution_confidence,
        killed_low, killed_best, killed_high, narrative, sharing, share_above, consent, exercise)
    SELECT v.incident_id, v.version + 1, at, name, at, v.event_start, v.event_end, v.date_precision,
           v.reported_at, v.geo_precision, v.category,
           CASE change WHEN 'edit_attribution' THEN
               CASE v.perpetrator_class WHEN 'armed_group' THEN 'state_forces' ELSE 'armed_group' END
               ELSE v.perpetrator_class END,
           v.attribution_confidence, v.killed_low, v.killed_best,
           v.killed_high + CASE change WHEN 'edit' THEN 1 ELSE 0 END, change, v.sharing, v.share_above, v.consent,
           v.exercise
    FROM vault.incident_version v JOIN vault.incident i ON (i.id, i.version) = (v.incident_id, v.version)
    WHERE i.id = target
    RETURNING version INTO given;
    RETURN given;
END
$$;

CREATE FUNCTION pg_temp.add_sources(target uuid, name uuid, sources jsonb, at timestamptz) RETURNS void
    LANGUAGE sql AS $$
    INSERT INTO vault.source (incident_id, recorded_at, recorded_by, known_at, type, independence_group, reliability,
                              credibility, obtained_on, handle)
    SELECT target, at, name, at, one ->> 0, one ->> 1, 'B', 2, current_date - 2, 'x'
    FROM jsonb_array_elements(sources) one
$$;

CREATE FUNCTION pg_temp.perform(code text, people uuid[], console uuid, clearance jsonb, walk jsonb) RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    ids uuid[] := ARRAY[gen_random_uuid(), gen_random_uuid(), gen_random_uuid()];
    one jsonb;
    me uuid;
    name uuid;
    role text;
    target uuid;
    other uuid;
    stands record;
    touched integer;
    taken bigint;
    at timestamptz;
BEGIN
    FOR one IN SELECT value FROM jsonb_array_elements(walk -> 'deeds') LOOP
        role := walk -> 'roles' ->> (one ->> 'who')::integer;
        me := people[1 + (one ->> 'who')::integer];
        IF (walk ->> 'console')::boolean AND (one ->> 'who')::integer = 0 THEN
            me := console;
            role := 'coordinator';
        END IF;
        name := coalesce(people[1 + (one ->> 'name_of')::integer], me);
        IF me = console THEN
            name := me;  -- the command line could write in any name, and does not
        END IF;
        target := ids[1 + (one ->> 'on')::integer];
        other := ids[1 + (one ->> 'other')::integer];
        PERFORM set_config('flashpoint.actor', me::text, true), set_config('flashpoint.operations', code, true),
                set_config('flashpoint.role', role, true),
                set_config('flashpoint.clearance', clearance -> role ->> 0, true),
                set_config('flashpoint.protected', clearance -> role ->> 1, true);
        BEGIN
            taken := NULL;
            at := clock_timestamp();
            SELECT state, version INTO stands FROM vault.incident WHERE id = target;
            touched := stands.version + (one ->> 'version_off')::integer;
            IF (one ->> 'patient')::boolean AND one ->> 'do' LIKE 'verify%' THEN
                IF stands.state IN ('reported', 'not_verified', 'disputed') THEN
                    one := one || '{"do": "corroborate", "to": "corroborating"}';
                ELSIF stands.state = 'corroborating' THEN
                    one := one || '{"do": "verify"}';
                ELSIF stands.state = 'verified' THEN
                    one := one || '{"do": "verify_attribution"}';
                ELSIF stands.state IN ('withdrawn', 'duplicate') THEN
                    one := one || '{"do": "reinstate", "to": "corroborating"}';
                END IF;
            END IF;
            CASE
            WHEN one ->> 'do' IN ('report', 'import') THEN
                INSERT INTO vault.incident (id, operation, submitted_by, origin, content_sha256)
                VALUES (target, code, name, CASE one ->> 'do' WHEN 'import' THEN 'external:ucdp' ELSE 'api' END, '');
                INSERT INTO vault.incident_version (incident_id, version, recorded_at, recorded_by, known_at,
                    event_start, event_end, date_precision, reported_at, geo_precision, category, perpetrator_class,
                    killed_low, killed_best, killed_high, sharing, share_above, consent, exercise)
                VALUES (target, 1, at, name, at, now() - interval '2 days', now() - interval '2 days', 1,
                        now() - interval '1 day', 6, 'attack_on_civilians', 'armed_group', 1, 1, 1, one ->> 'sharing',
                        'aggregate', 'given', false);
                PERFORM pg_temp.add_sources(target, name, one -> 'sources', at);
                INSERT INTO vault.verification_act
                    (incident_id, version, recorded_at, recorded_by, known_at, action, from_state, to_state, standard)
                VALUES (target, 1, at, name, at, one ->> 'do', '',
                        CASE one ->> 'do' WHEN 'import' THEN 'verified' ELSE 'reported' END,
                        CASE one ->> 'do' WHEN 'import' THEN 'external:ucdp' END) RETURNING id INTO taken;
                touched := 1;
            WHEN one ->> 'do' IN ('edit', 'edit_quietly', 'edit_attribution') THEN
                touched := pg_temp.new_version(target, name, one ->> 'do', at);
                IF touched IS NULL THEN
                    RAISE EXCEPTION 'nothing there' USING ERRCODE = 'XX404';
                END IF;
            WHEN one ->> 'do' = 'source' THEN
                PERFORM pg_temp.add_sources(target, name, one -> 'sources', at);
            WHEN one ->> 'do' = 'forge' THEN
                CASE (one ->> 'forgery')::integer
                WHEN 0 THEN UPDATE vault.incident SET state = 'verified' WHERE id = target;
                WHEN 1 THEN INSERT INTO vault.evidence (incident_id, version, known_at, operation, event_end)
                    VALUES (target, 1, now(), code, now());
                WHEN 2 THEN INSERT INTO vault.verification_act
                        (incident_id, version, recorded_by, known_at, action, from_state, to_state, standard)
                    VALUES (target, stands.version, me, now(), 'verify', stands.state, 'verified', 'external:ucdp');
                WHEN 3 THEN INSERT INTO vault.source (incident_id, merged_from, recorded_by, known_at, type,
                        independence_group, reliability, credibility, obtained_on, handle)
                    VALUES (target, other, me, now(), 'ngo', 'g2', 'A', 1, current_date - 2, 'x');
                ELSE INSERT INTO vault.verification_act
                        (incident_id, version, recorded_by, known_at, action, from_state, to_state)
                    VALUES (target, stands.version, me, now(), 'edit', stands.state, 'corroborating');
                END CASE;
            ELSE
                INSERT INTO vault.verification_act (incident_id, version, recorded_at, recorded_by, known_at, action,
                    from_state, to_state, standard, attribution_verified, reason_code, reason, duplicate_of)
                VALUES (target, touched, at, name, at, one ->> 'do', coalesce(one ->> 'state', stands.state),
                        one ->> 'to',
                        CASE WHEN one ->> 'do' LIKE 'verify%' THEN one ->> 'standard' END,
                        CASE WHEN one ->> 'do' = 'verify' THEN (one ->> 'with_attribution')::boolean END,
                        CASE WHEN one ->> 'to' = 'withdrawn' THEN 'false' END, 'Synthetic.',
                        CASE WHEN one ->> 'to' = 'duplicate' THEN other END) RETURNING id INTO taken;
            END CASE;
            INSERT INTO deed (who, role, did, incident, version, act)
            VALUES (me, role, one ->> 'do', target, touched, taken);
        EXCEPTION WHEN OTHERS THEN
            INSERT INTO refusal VALUES (SQLSTATE);
        END;
    END LOOP;
END
$$;
"""

#: Decisions by somebody who, by what the tables say, had a part in what they decided on: in the incident itself or in
#: what was a duplicate of it at that moment.
ALONE = """
    WITH RECURSIVE decided AS (
        SELECT id, incident_id, version, recorded_by AS who, recorded_at, coalesce(last_source, 0) AS last_source
        FROM vault.verification_act WHERE action IN ('verify', 'verify_attribution')
    ), family AS (
        SELECT id AS act, incident_id AS member FROM decided
        UNION
        SELECT f.act, l.incident_id FROM family f
        JOIN vault.verification_act l ON l.duplicate_of = f.member AND l.id < f.act
        WHERE NOT EXISTS (SELECT FROM vault.verification_act n
                          WHERE n.incident_id = l.incident_id AND n.id > l.id AND n.id < f.act)
    )
    SELECT DISTINCT d.id FROM decided d JOIN family f ON f.act = d.id
    WHERE EXISTS (SELECT FROM vault.incident i WHERE i.id = f.member AND i.submitted_by = d.who)
       OR EXISTS (SELECT FROM vault.incident_version v
                  WHERE v.incident_id = f.member AND v.recorded_by = d.who AND v.recorded_at < d.recorded_at
                    AND (v.incident_id <> d.incident_id OR v.version <= d.version))
       OR EXISTS (SELECT FROM vault.source s
                  WHERE s.incident_id = d.incident_id AND s.recorded_by = d.who AND s.id <= d.last_source
                    AND (s.merged_from IS NULL
                         OR s.merged_from IN (SELECT g.member FROM family g WHERE g.act = d.id)))
"""
#: The same of what really happened, in the order in which it did: whose deeds led to what is in force.
BY_ONE = """
    SELECT e.incident_id FROM vault.evidence e
    JOIN deed made ON made.incident = e.incident_id AND made.did = 'verify' AND made.version = e.version
    WHERE e.known_to IS NULL
      AND made.n = (SELECT max(n) FROM deed m WHERE m.incident = e.incident_id AND m.did = 'verify')
      AND EXISTS (SELECT FROM deed d WHERE d.incident = e.incident_id AND d.who = made.who AND d.n < made.n
                  AND d.did IN ('report', 'import', 'edit', 'edit_quietly', 'edit_attribution', 'source'))
"""
#: What is in force without a decision behind it, or by the word of somebody who does not decide.
UNFOUNDED = """
    SELECT e.incident_id FROM vault.evidence e
    WHERE NOT EXISTS (SELECT FROM deed d JOIN vault.verification_act a ON a.id = d.act
                      WHERE a.incident_id = e.incident_id AND a.version = e.version AND a.known_at = e.known_at
                        AND (a.action = 'verify' AND d.role IN ('verifier', 'coordinator')
                             OR a.action = 'import' AND d.role = 'coordinator'))
"""
#: Rows in the name of somebody who did not write them.
IN_ANOTHER_NAME = """
    SELECT d.n FROM deed d JOIN vault.verification_act a ON a.id = d.act WHERE a.recorded_by <> d.who
    UNION ALL
    SELECT d.n FROM deed d JOIN vault.incident_version v ON (v.incident_id, v.version) = (d.incident, d.version)
    WHERE d.did IN ('report', 'edit', 'edit_quietly', 'edit_attribution') AND v.recorded_by <> d.who
"""
#: Where the columns that are kept beside an incident differ from what its history says.
KEPT_WRONG = """
    SELECT i.id FROM vault.incident i CROSS JOIN LATERAL vault.attribution(i.id, i.version) a
    WHERE i.state <> '' AND (i.attribution, i.attribution_standard, i.attribution_version)
          IS DISTINCT FROM (a.state, a.standard, a.version)
    UNION ALL
    SELECT i.id FROM vault.incident i
    WHERE i.state IN ('reported', 'corroborating', 'disputed') AND i.waiting_for IS NULL
       OR i.state IN ('withdrawn', 'duplicate', 'not_verified') AND i.waiting_for IS NOT NULL
       OR i.state = 'verified' AND (i.waiting_for IS NULL)
          <> (i.attribution = 'verified' OR i.origin LIKE 'external:%')
"""
FLAWS = {
    "alone": ALONE,
    "by_one": BY_ONE,
    "unfounded": UNFOUNDED,
    "in_another_name": IN_ANOTHER_NAME,
    "kept_wrong": KEPT_WRONG,
}


Ground = tuple[str, str, list[UUID]]


def ground(module_database_url: str) -> Ground:
    """Make an operation and three people in a database, as a fixture; give its address, the operation and their ids."""
    people = [uuid4() for _ in range(3)]
    with psycopg.connect(libpq_url(module_database_url)) as connection:
        insert = "INSERT INTO vault.actor (id, handle) VALUES (%s, %s)"
        connection.cursor().executemany(insert, [(one, f"person-{n}") for n, one in enumerate(people)])
        connection.execute(insert, [CONSOLE.id, CONSOLE.handle])
        connection.execute(
            "INSERT INTO vault.operation (code, name_en, name_fr, area, recorded_by) "
            "VALUES ('EYES', 'Test', 'Essai', ST_Multi(ST_MakeEnvelope(10, 0, 30, 15, 4326)), %s)",
            [people[0]],
        )
    return module_database_url, "EYES", people


@contextmanager
def walked(on: Ground, plan: list[dict[str, Any]], weakening: str = "") -> Iterator[Connection[Any]]:
    """Take the walks on a build that may be weakened; give the connection, whose transaction is undone."""
    url, code, people = on
    with psycopg.connect(libpq_url(url)) as connection:
        if weakening:
            connection.execute(weakening)
        perform(connection, code, people, plan)
        yield connection
        connection.rollback()


def connected(url: str) -> Connection[Any]:
    """Open a connection as a superuser."""
    return psycopg.connect(libpq_url(url))


def bind(connection: Connection[Any], code: str, person: UUID, role: str) -> None:
    """Make the transaction one of the application's, on behalf of somebody."""
    connection.execute("SET LOCAL ROLE flashpoint_app")
    settings = {"actor": person, "operations": code, "role": role, "protected": "yes", "clearance": "public,cluster"}
    for name, value in settings.items():
        connection.execute("SELECT set_config(%s, %s, true)", [f"flashpoint.{name}", str(value)])


def perform(connection: Connection[Any], code: str, people: list[UUID], plan: list[dict[str, Any]]) -> None:
    """Take the walks in a transaction that ``connection`` has open as a superuser, as the application's role."""
    clearance = {role: [",".join(CLEARANCE[role]), "yes" if role in PROTECTED_CLEARANCE else ""] for role in Role}
    connection.execute(SETUP)
    connection.execute("SET LOCAL ROLE flashpoint_app")
    connection.execute(
        "SELECT pg_temp.perform(%s, %s::uuid[], %s, %s, walk) FROM jsonb_array_elements(%s) walk",
        [code, people, CONSOLE.id, Jsonb(clearance), Jsonb(plan)],
    )
    connection.execute("RESET ROLE")


def flaws(connection: Connection[Any]) -> dict[str, int]:
    """Count what must not be, in that transaction."""
    return {name: len(connection.execute(query).fetchall()) for name, query in FLAWS.items()}


def tally(connection: Connection[Any]) -> tuple[Counter[str], Counter[str]]:
    """Count what was done, and what was refused with which SQLSTATE."""
    done = connection.execute("SELECT did, count(*) FROM deed GROUP BY 1").fetchall()
    refused = connection.execute("SELECT state, count(*) FROM refusal GROUP BY 1").fetchall()
    return Counter(dict(done)), Counter(dict(refused))
