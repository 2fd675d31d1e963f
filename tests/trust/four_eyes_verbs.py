"""The walks of ``four_eyes`` through the verbs that the API calls, each deed in its actor's own session."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import four_eyes
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from flashpoint import decisions, intake, reports
from flashpoint.access import CONSOLE, DEFAULT_AUDIENCE
from flashpoint.errors import FlashpointError
from flashpoint.intake import Submission
from flashpoint.store import incidents
from flashpoint.store.engine import Database, Vault, _enter
from flashpoint.types import Actor, PerpetratorClass, Role, Standard, State

_OTHER = {"state_forces": "armed_group", "armed_group": "state_forces"}
PATIENCE = {
    State.REPORTED: "corroborate",
    State.NOT_VERIFIED: "corroborate",
    State.DISPUTED: "corroborate",
    State.CORROBORATING: "verify",
    State.VERIFIED: "verify_attribution",
    State.WITHDRAWN: "reinstate",
    State.DUPLICATE: "reinstate",
}


class Verbs:
    """One transaction, undone at the end, in which one person after the other does something."""

    def __init__(self, url, code, people):
        self._database = Database(url, pool_size=1)
        self._code, self._people = code, people

    def __enter__(self):
        self._connection = self._database.engine.connect()
        self._transaction = self._connection.begin()
        self.raw = self._connection.connection.driver_connection
        self.raw.execute(four_eyes.SETUP)
        return self

    def __exit__(self, *_):
        self._transaction.rollback()
        self._connection.close()
        self._database.close()

    def perform(self, plan):
        """Take the walks; count what was done."""
        done = Counter()
        for walk in plan:
            ids = [None] * 3
            for deed in walk["deeds"]:
                actor = self._actor(walk, deed["who"])
                name = self._attempt(actor, deed, ids)
                if name is not None:
                    done[name] += 1
        return done

    def _actor(self, walk, who):
        if walk["console"] and who == 0:
            return CONSOLE
        role = Role(walk["roles"][who])
        operations = frozenset({self._code})
        return Actor(self._people[who], uuid4(), "somebody", role, DEFAULT_AUDIENCE[role], operations)

    def _attempt(self, actor, deed, ids):
        try:
            with self._connection.begin_nested():
                self._connection.execute(text("SET LOCAL ROLE flashpoint_app"))
                _enter(self._connection, actor)
                done = self._do(Vault(self._connection, self._now()), actor, deed, ids)
        except FlashpointError:
            done = None
        except DBAPIError:
            done = None
        self._connection.execute(text("RESET ROLE"))
        if done is not None:
            self._note(actor, *done)
        return None if done is None else done[0]

    def _now(self):
        return self._connection.execute(text("SELECT clock_timestamp()")).scalar_one().astimezone(UTC)

    def _note(self, actor, name, incident_id):
        self._connection.execute(
            text("""
                INSERT INTO deed (who, role, did, incident, version, act)
                SELECT :who, :role, :did, i.id, i.version,
                       CASE WHEN :did NOT LIKE 'edit%' AND :did <> 'source'
                       THEN (SELECT max(a.id) FROM vault.verification_act a WHERE a.incident_id = i.id) END
                FROM vault.incident i WHERE i.id = :incident
            """),
            {"who": actor.id, "role": str(actor.role), "did": name, "incident": incident_id},
        )

    def _do(self, vault, actor, deed, ids):
        name, on = deed["do"], deed["on"]
        if name in {"report", "import"}:
            submissions = [Submission(_report(self._code, deed), None)]
            if name == "report":
                receipts = intake.report(vault, actor, submissions)
            else:
                receipts = intake.import_verified(vault, actor, submissions, Standard.EXTERNAL_UCDP)
            ids[on] = receipts[0].incident_id
            return name, ids[on]
        found = incidents.find(vault, actor, ids[on] or uuid4())
        if name in {"edit", "edit_quietly", "edit_attribution"}:
            before = Submission(_said(found, self._code), None)
            intake.correct(vault, actor, found, before, Submission(_changed(before.report, name), None))
        elif name == "source":
            intake.add_sources(vault, actor, found, _sources(deed))
        else:
            name = PATIENCE[State(found.state)] if deed["patient"] and name.startswith("verify") else name
            decisions.advance(vault, actor, found, _step(name, deed, ids))
        return name, ids[on]


def _step(name, deed, ids):
    wanted = {"action": name, "reason": "Synthetic."}
    if name.startswith("verify"):
        wanted["standard"] = deed["standard"]
    if name == "verify":
        wanted["attribution_verified"] = deed["with_attribution"]
    if name == "withdraw":
        wanted["reason_code"] = "false"
    if name in {"merge", "mark_duplicate"}:
        wanted["duplicate_of"] = str(ids[deed["other"]] or uuid4())
    return reports.read(reports.StepReport, wanted)


def _sources(deed):
    day = (datetime.now(UTC) - timedelta(days=2)).date().isoformat()
    graded = {"reliability": "B", "credibility": 2, "obtained_on": day, "handle": "x"}
    return [
        reports.read(reports.SourceReport, {"type": kind, "independence_group": group, **graded})
        for kind, group in deed["sources"]
    ]


def _report(code, deed):
    day = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    said = {"category": "attack_on_civilians", "event_start": day, "date_precision": 1, "geo_precision": 6}
    shared = {"sharing": deed["sharing"], "share_above": "aggregate", "consent": "given"}
    blamed = {"perpetrator_class": "armed_group"}
    sources = {"sources": [one.model_dump(mode="json") for one in _sources(deed)]}
    return reports.read(reports.IncidentReport, {"operation": code, **said, **shared, **blamed, **sources})


def _said(found, code):
    names = ("category", "date_precision", "geo_precision", "perpetrator_class", "sharing", "share_above", "consent")
    said = {name: getattr(found, name) for name in names}
    if found.killed_low is not None:
        said["killed"] = {end: getattr(found, f"killed_{end}") for end in ("low", "best", "high")}
    if found.narrative is not None:
        said["narrative"] = found.narrative
    return reports.read(
        reports.IncidentReport, {"operation": code, "event_start": found.event_start.isoformat(), **said}
    )


def _changed(report, name):
    changes = {
        "edit": {"killed": reports.Casualties(low=1, best=1, high=(report.killed.high if report.killed else 1) + 1)},
        "edit_quietly": {"narrative": "Synthetic."},
        "edit_attribution": {"perpetrator_class": PerpetratorClass(_OTHER[report.perpetrator_class])},
    }
    return report.model_copy(update=changes[name])
