"""Every output of the service about an operation, and every row of the database: to look for what must not be there."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from psycopg import sql
from service import ago

from flashpoint import decisions, intake
from flashpoint.access import CONSOLE
from flashpoint.geometry import read_feature
from flashpoint.intake import Submission
from flashpoint.reports import IncidentReport, StepReport, read
from flashpoint.store import actors, incidents
from flashpoint.types import Actor, Audience, Role, Standard
from flashpoint.workflow import Action

COLLECTIONS = ("incidents", "communities", "zones")


def everybody(operation):
    """Give a caller of each role, and an analyst who had no part in anything."""
    return [*(operation.caller(role) for role in Role), operation.other_analyst]


def outputs(caller, operation, ids):
    """Yield path and body of every route that answers a GET, asked for an operation and for records.

    ``ids`` are those of the records, by the name of their collection.
    """
    for path, methods in operation.service.app.openapi()["paths"].items():
        if "get" in methods and path.startswith("/v1/") and "sign-in" not in path:
            for filled in _filled(path, ids):
                yield from _asked(caller, operation, filled)


def _filled(path, ids):
    names = re.findall(r"\{(\w+)\}", path)
    if not names:
        return [path]
    values = {"locality": ["X1101"], "version": ["TEST-P1", "2026.1"]}.get(names[0])
    return [path.replace(f"{{{names[0]}}}", str(one)) for one in values or ids.get(path.split("/")[2], ())]


def _asked(caller, operation, path):
    answers = [caller.get(f"{path}?operation={operation.code}")]
    if answers[0].status_code == 400:
        answers = [caller.get(path)]
    if "{" not in path and path.startswith("/v1/matrix"):
        answers.append(caller.get(f"{path}?operation={operation.code}", headers={"Accept": "text/csv"}))
    for answer in answers:
        assert answer.status_code < 500, (path, answer.text)
        yield path, answer.text


def shown(operation, marks, ids=None):
    """Give the marks that some caller finds in some output."""
    bodies = (text for caller in everybody(operation) for _, text in outputs(caller, operation, ids or {}))
    return {mark for text in bodies for mark in marks if mark in text}


def ranked(operation):
    """Assess, and give what the matrix and the released collections say to each audience, without their times."""
    operation.assess()
    said = {}
    for caller in (operation.analyst, operation.reader):
        body = operation.matrix(caller).json()
        said[caller.id, "matrix"] = [one["properties"] for one in body["features"]]
        for collection in COLLECTIONS:
            answer = caller.get(f"/v1/released/{collection}?operation={operation.code}")
            assert answer.status_code == 200, answer.text
            said[caller.id, collection] = answer.json()["features"]
    return said


def held(owner, marks):
    """Give the tables of the database, whatever their columns, in which a mark stands."""
    tables = owner.execute("SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('vault', 'release')")
    query = "SELECT EXISTS (SELECT FROM {} t WHERE to_jsonb(t)::text LIKE ANY (%s))"
    return {
        name
        for schema, name in tables.fetchall()
        if owner.execute(
            sql.SQL(query).format(sql.Identifier(schema, name)), [[f"%{mark}%" for mark in marks]]
        ).fetchone()[0]
    }


def days_ago(days):
    return datetime.now(UTC) - timedelta(days=days)


def known_always(operation):
    """Have the places of an operation known since ever, as those are whose boundaries were imported."""
    for table in ("locality", "admin_unit"):
        operation.service.owner.execute(
            f"UPDATE vault.{table} SET known_at = '1900-01-01', known_assumed = true WHERE operation = %s",
            [operation.code],
        )


class Past:
    """Deeds of days gone by, recorded as they went then."""

    def __init__(self, operation):
        self.operation = operation
        self.database = operation.service.database

    def actor(self, role):
        caller = self.operation.caller(role)
        codes = frozenset({self.operation.code})
        return Actor(caller.id, caller.key_id, str(role), role, Audience.CLUSTER, codes)

    def do(self, days, deed):
        with self.database.console() as vault:
            actors.console(vault)
            return deed(replace(vault, at=days_ago(days)))

    def verified(self, days, **changes):
        told = self.operation.incident(**({"event_start": ago(days + 2)} | changes))
        for one in told["properties"]["sources"]:
            one["obtained_on"] = ago(days + 1)[:10]
        feature = read_feature(told, "")
        submission = Submission(read(IncidentReport, feature.properties), feature.geometry)
        (receipt,) = self.do(days, lambda vault: intake.report(vault, self.actor(Role.ANALYST), [submission]))
        self.advance(days, receipt.incident_id, Action.CORROBORATE)
        self.advance(days, receipt.incident_id, Action.VERIFY, standard=Standard.REASONABLE_GROUNDS)
        return receipt.incident_id

    def advance(self, days, incident_id, action, **details):
        def deed(vault):
            found = incidents.find(vault, CONSOLE, incident_id)
            decisions.advance(vault, self.actor(Role.VERIFIER), found, StepReport(action=action, **details))

        self.do(days, deed)
