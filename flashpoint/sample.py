"""The demonstration: loads ``sample_data/`` as an operation of its own, and hands out one key a role.

The files hold no dates, only days before the loading instant. Every row goes in by the verb that a person would use,
in the order of the days, each step by somebody who may take it, and counts as known on its own day: so that the past
of the demonstration can be shown, the trend moves, and every rule of the workflow applies to it.
"""

import csv
import io
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any
from uuid import UUID

import shapely
from shapely.geometry.base import BaseGeometry

from flashpoint import access, context, decisions, intake, reports, sample_protocol
from flashpoint.errors import Conflict
from flashpoint.geometry import read_geometry
from flashpoint.intake import Submission
from flashpoint.scoring.methodology import DEFAULT
from flashpoint.store import actors, incidents, methodologies, places
from flashpoint.store.engine import Database, Record, Vault
from flashpoint.store.tables import CASUALTIES
from flashpoint.types import Actor, Consent, Role, ShareAbove, Sharing, State
from flashpoint.workflow import Action

Row = dict[str, str]
Tree = dict[str, Any]
#: When a version of a subject was known, and what it said.
Version = tuple[datetime, reports.Report]
#: When somebody does something to an incident, who does, and what: it is handed the incident as it then stands.
Step = tuple[datetime, Actor, Callable[[Record], object]]

#: How many people of each role there are; none of them is one of the demonstration's key holders.
_PEOPLE = {Role.ANALYST: 3, Role.VERIFIER: 2, Role.COORDINATOR: 2}
#: What the files do say of incidents and communities, and not of these: as open as the cluster's own routine is.
_ROUTINE = {"sharing": Sharing.CLUSTER, "share_above": ShareAbove.AGGREGATE, "consent": Consent.NOT_REQUIRED}
_CLOSING = {
    State.NOT_VERIFIED: Action.REJECT,
    State.DISPUTED: Action.DISPUTE,
    State.WITHDRAWN: Action.WITHDRAW,
    State.DUPLICATE: Action.MARK_DUPLICATE,
}

#: Minutes before the loading instant's time of day: steps of one day follow one another, and none lies in the future.
_EVENT, _REPORTED, _SOURCES, _CORROBORATED, _VERIFIED, _EDITED, _CLOSED = 60, 50, 40, 35, 30, 20, 10

#: Days before its last confirmation on which a presence was confirmed too: without them each would seem to have come
#: on the day it was last seen. Those of the trend (7, 30) keep visits as such from looking like a change.
_EARLIER_ROUNDS = (180, 90, 30, 7)
#: How far back the assessments of communities reach.
_HISTORY_DAYS = 365


@dataclass(frozen=True, slots=True)
class _Replay:
    """The transaction to load in, the moment that the days are counted back from, and the people."""

    vault: Vault
    code: str
    now: datetime
    people: dict[Role, list[Actor]]

    def at(self, days_ago: int | str, minutes_before: int = _EVENT) -> datetime:
        return self.now - timedelta(days=int(days_ago), minutes=minutes_before)


@dataclass(frozen=True, slots=True)
class _Case:
    """A row of the incidents with the two people who deal with it, what was posted, and the sources found later on."""

    row: Row
    analyst: Actor
    verifier: Actor
    submission: Submission
    later: dict[int, list[Tree]]


def load(database: Database, now: datetime | None = None, report: Callable[[str], None] = lambda _: None) -> bool:
    """Load the sample once, in one transaction; say whether this call did. Days are counted back from ``now``.

    A ``now`` that the database's clock has not reached yet is taken for what that clock says.

    Raises:
        Invalid: a file is not in order; nothing is loaded then.
    """
    code = (operation := json.loads(_text("operation.json")))["code"]
    if _is_there(database, code):
        return False
    try:
        with database.console() as vault:
            report("loading the sample data")
            moment = min(now or vault.at, vault.at).astimezone(UTC).replace(second=0, microsecond=0)
            _load(_Replay(vault, code, moment, _people(vault, code)), operation)
    except Conflict:
        if _is_there(database, code):
            return False  # another process was faster
        raise
    return True


def _is_there(database: Database, code: str) -> bool:
    with database.vault_reader() as reader:
        return code in places.operation_codes(reader, actors.CONSOLE)


def _load(replay: _Replay, operation: Tree) -> None:
    _add_operation(replay, operation)
    _add_units(replay, operation["code_list"]["version"])
    _add_localities(replay)
    _add_subjects(replay)
    _replay_incidents(replay)


def _people(vault: Vault, code: str) -> dict[Role, list[Actor]]:
    def someone(role: Role, handle: str) -> Actor:
        # Nobody came with a key: what they do is replayed.
        audience, operations = access.DEFAULT_AUDIENCE[role], frozenset({code})
        return Actor(actors.person(vault, handle), UUID(int=0), handle, role, audience, operations)

    return {
        role: [someone(role, f"sample-{role}-{number}") for number in range(1, size + 1)]
        for role, size in _PEOPLE.items()
    }


def _text(name: str) -> str:
    return resources.files("sample_data").joinpath(name).read_text(encoding="utf-8")


def _rows(name: str) -> list[Row]:
    return list(csv.DictReader(io.StringIO(_text(f"{name}.csv"), newline="")))


def _add_operation(replay: _Replay, operation: Tree) -> None:
    coordinators, name = replay.people[Role.COORDINATOR], operation["name"]
    area = read_geometry(operation["area"], "/area")
    new = places.NewOperation(replay.code, name["en"], name["fr"], area, None, synthetic=operation["synthetic"])
    places.add_operation(replay.vault, coordinators[0], new)
    methodologies.adopt(replay.vault, coordinators[0], replay.code, DEFAULT, ("the published default", places.ALWAYS))
    sample_protocol.agree(replay.vault, coordinators, replay.code, json.loads(_text("protocol.json")))


def _add_units(replay: _Replay, code_list: str) -> None:
    shared = {
        "operation": replay.code,
        "code_list": f"COD-AB {code_list}",
        "version": 1,
        "recorded_at": replay.vault.at,
        "recorded_by": replay.people[Role.COORDINATOR][0].id,
        "known_at": places.ALWAYS,
        "known_assumed": True,
    }
    for row in _rows("admin_units"):
        own = {"id": places.new_id(), **_given(row, "pcode", "name", "parent_pcode")}
        own |= {name: int(row[name]) for name in ("level", "population")}
        own |= {"area": f"SRID={places.SRID};{row['outline']}"}
        places.add_units(replay.vault, [{**shared, **own}])


def _add_localities(replay: _Replay) -> None:
    coordinator, keys = replay.people[Role.COORDINATOR][0], dict[str, tuple[UUID, int]]()
    for row in _rows("localities"):  # a version stands below the one that it supersedes
        identity, version = keys.get(row["supersedes_pcode"], (places.new_id(), 0))
        keys[row["pcode"]] = (identity, version + 1)
        tree = {
            "operation": replay.code,
            **_given(row, "pcode", "name", "adm1_pcode", "adm2_pcode"),
            "code_list": f"COD-AB {row['code_list_version']}",
            "catchment_km": int(row["catchment_km"]),
            "population": _range(row, "population"),
            "population_source": "GeoNames" if row["population_best"] else None,
        }
        known_at, report = replay.at(row["valid_days_ago"]), reports.read(reports.LocalityReport, tree)
        _record(replay.vault, coordinator, ("locality", *keys[row["pcode"]]), (known_at, report), row)


def _add_subjects(replay: _Replay) -> None:
    for kind, (file, versions_of) in _SUBJECTS.items():
        for row in _rows(file):
            identity = places.new_id()
            for number, version in enumerate(versions_of(replay, row), start=1):
                _record(replay.vault, replay.people[Role.ANALYST][0], (kind, identity, number), version, row)


def _record(vault: Vault, actor: Actor, subject: tuple[str, UUID, int], version: Version, row: Row) -> None:
    content = (version[1], _point(row))
    context.record_report(vault, actor, subject[0], subject[1:], content, known_at=version[0], known_assumed=True)


def _community(replay: _Replay, row: Row) -> Iterator[Version]:
    tree = {
        **_subject(replay, row, "name", "surrounded_by", "wishes_to_leave", "sharing", "share_above", "consent"),
        "people": _range(row, "people"),
        "confinement": _number(row["confinement"]),
        **{f"{name}_access": _number(row[name]) for name in ("food", "water", "health", "market")},
    }
    lifetime = (last := int(row["assessed_days_ago"])) + int(row["expires_in_days"])
    # Each assessment came when the one before it ran out, and found the same.
    for days_ago in reversed(range(last, _HISTORY_DAYS, lifetime)):
        times = {"assessed_at": replay.at(days_ago), "expires_at": replay.at(days_ago - lifetime)}
        yield replay.at(days_ago), reports.read(reports.CommunityReport, tree | times)


def _assessment(replay: _Replay, row: Row) -> Iterator[Version]:
    assessed_at = replay.at(row["assessed_days_ago"])
    tree = {
        **_subject(replay, row, "reason"),
        **{name: int(row[name]) for name in ("likelihood", "impact", "horizon_days")},
        "assessed_at": assessed_at,
        "expires_at": replay.at(-int(row["expires_in_days"])),
        **_ROUTINE,
    }
    yield assessed_at, reports.read(reports.AssessmentReport, tree)


def _presence(replay: _Replay, row: Row) -> Iterator[Version]:
    since, last = int(row["since_days_ago"]), int(row["last_confirmed_days_ago"])
    tree = {**_subject(replay, row, "type"), "since": replay.at(since), **_ROUTINE, "sharing": Sharing.MISSION}
    rounds = {since, last, *(last + earlier for earlier in _EARLIER_ROUNDS)}
    for days_ago in sorted((day for day in rounds if day <= since), reverse=True):
        confirmed_at = replay.at(days_ago)
        yield confirmed_at, reports.read(reports.PresenceReport, tree | {"confirmed_at": confirmed_at})
    if row["until_days_ago"]:
        ended = {"confirmed_at": replay.at(last), "until": replay.at(row["until_days_ago"])}
        yield ended["until"], reports.read(reports.PresenceReport, tree | ended)


_SUBJECTS: dict[str, tuple[str, Callable[[_Replay, Row], Iterator[Version]]]] = {
    "community": ("communities", _community),
    "assessment": ("assessments", _assessment),
    "presence": ("presences", _presence),
}


def _subject(replay: _Replay, row: Row, *names: str) -> Tree:
    return {"operation": replay.code, "locality": row["locality_pcode"], **_given(row, *names)}


def _given(row: Row, *names: str) -> Tree:
    """Give the named cells as they are, without the empty ones: those say nothing."""
    return {name: row[name] for name in names if row[name]}


def _number(cell: str) -> int | None:
    return int(cell) if cell else None


def _range(row: Row, name: str) -> dict[str, int] | None:
    cells = {end: row[f"{name}_{end}"] for end in ("low", "best", "high")}
    return {end: int(cell) for end, cell in cells.items()} if cells["best"] else None


def _point(row: Row) -> BaseGeometry | None:
    return shapely.Point(float(row["lon"]), float(row["lat"])) if row.get("lat") else None


def _replay_incidents(replay: _Replay) -> None:
    cases = list(_cases(replay))
    ids = _report(replay, cases)
    steps = [(*step, ids[case.row["client_id"]]) for case in cases for step in _steps(replay, case, ids)]
    for _, actor, take, incident_id in sorted(steps, key=lambda step: step[0]):
        take(incidents.find(replay.vault, actor, incident_id))


def _cases(replay: _Replay) -> Iterator[_Case]:
    sources, analysts, verifiers = _sources(replay), replay.people[Role.ANALYST], replay.people[Role.VERIFIER]
    for index, row in enumerate(_rows("incidents")):
        reported, by_day = int(row["reported_days_ago"]), sources[row["client_id"]]
        at_once = [source for day, found in by_day.items() if day >= reported for source in found]
        yield _Case(
            row,
            analysts[index % len(analysts)],
            verifiers[index % len(verifiers)],
            Submission(_incident(replay, row, at_once), _point(row), replay.at(reported, _REPORTED)),
            {day: found for day, found in by_day.items() if day < reported},
        )


def _sources(replay: _Replay) -> dict[str, dict[int, list[Tree]]]:
    """Give the sources of each incident by the day on which they were found."""
    sources: dict[str, dict[int, list[Tree]]] = defaultdict(lambda: defaultdict(list))
    for row in _rows("sources"):
        source = {
            **_given(row, "type", "independence_group", "reliability", "handle"),
            "credibility": int(row["credibility"]),
            "obtained_on": replay.at(row["obtained_days_ago"], _REPORTED).date(),
        }
        sources[row["client_id"]][int(row["obtained_days_ago"])].append(source)
    return sources


def _incident(replay: _Replay, row: Row, sources: list[Tree]) -> reports.IncidentReport:
    start, duration = int(row["event_days_ago"]), int(row["duration_days"])
    named = ("client_id", "category", "admin_pcode", "perpetrator_class", "attribution_confidence", "protected_site")
    tree = {
        "operation": replay.code,
        **_given(row, *named, "narrative", "sharing", "share_above"),
        "event_start": replay.at(start),
        "event_end": replay.at(start - duration) if duration else None,
        "reported_at": replay.at(row["reported_days_ago"], _REPORTED),
        **{name: int(row[name]) for name in ("date_precision", "geo_precision")},
        **{name: _range(row, name) for name in CASUALTIES},
        # Nobody reports what consent was already withdrawn for: it was given, and withdrawn later.
        "consent": Consent.GIVEN if row["consent"] == Consent.WITHDRAWN else row["consent"],
        "exercise": row["exercise"] == "true",
        "sources": sources,
    }
    return reports.read(reports.IncidentReport, tree)


def _report(replay: _Replay, cases: list[_Case]) -> dict[str, UUID]:
    """Post the cases, one batch an analyst; give the incidents' ids by client id."""
    ids: dict[str, UUID] = {}
    for analyst in replay.people[Role.ANALYST]:
        own = [case for case in cases if case.analyst is analyst]
        receipts = intake.report(replay.vault, analyst, [case.submission for case in own], "sample")
        ids |= {case.row["client_id"]: receipt.incident_id for case, receipt in zip(own, receipts, strict=True)}
    return ids


def _steps(replay: _Replay, case: _Case, ids: dict[str, UUID]) -> Iterator[Step]:
    row = case.row
    yield from (_sources_step(replay, case, days_ago, found) for days_ago, found in case.later.items())
    if row["state"] not in {State.REPORTED, State.DUPLICATE}:
        yield _advance(replay, case, (row["reported_days_ago"], _CORROBORATED), action=Action.CORROBORATE)
    if row["verified_days_ago"]:
        outcome = {"standard": row["standard"], "attribution_verified": row["attribution_verified"] == "true"}
        yield _advance(replay, case, (row["verified_days_ago"], _VERIFIED), action=Action.VERIFY, **outcome)
    if row["edited_days_ago"]:
        yield _edit_step(replay, case)
    if row["closed_days_ago"]:
        why = {"reason_code": row["withdrawal_reason"] or None, "duplicate_of": ids.get(row["duplicate_of"])}
        yield _advance(replay, case, (row["closed_days_ago"], _CLOSED), action=_CLOSING[State(row["state"])], **why)


def _advance(replay: _Replay, case: _Case, when: tuple[str, int], **members: object) -> Step:
    at, step = replay.at(*when), reports.read(reports.StepReport, members)
    return at, case.verifier, lambda found: decisions.advance(replay.vault, case.verifier, found, step, at)


def _sources_step(replay: _Replay, case: _Case, days_ago: int, trees: list[Tree]) -> Step:
    sources = [reports.read(reports.SourceReport, tree) for tree in trees]
    at, analyst = replay.at(days_ago, _SOURCES), case.analyst
    return at, analyst, lambda found: intake.add_sources(replay.vault, analyst, found, sources, at)


def _edit_step(replay: _Replay, case: _Case) -> Step:
    at, before = replay.at(case.row["edited_days_ago"], _EDITED), case.submission
    killed = reports.read(reports.Casualties, _range(case.row, "edited_killed"))
    after = Submission(before.report.model_copy(update={"killed": killed}), before.geometry, at)
    return at, case.analyst, lambda found: intake.correct(replay.vault, case.analyst, found, before, after)


def demo_keys(database: Database, home: Path, pepper: bytes) -> dict[str, str]:
    """Give one key a role, kept in ``home/demo-keys.json`` (for its owner's eyes only) from one start to the next.

    The demonstration is a private cluster with nothing but synthetic data in it, or what its owner loads: the keys
    are good for every operation. They are issued anew where the file is gone, broken, or holds one out of use.
    """
    path = home / "demo-keys.json"
    with database.keys() as reader:
        kept = _kept(path, actors.ring(reader), pepper)
    if kept:
        return kept
    with database.keys() as vault:
        console, keys = actors.console(vault), dict[str, str]()
        for role in Role:
            grant = actors.KeyGrant(f"demo-{role}", role, access.DEFAULT_AUDIENCE[role], operations=None)
            keys[str(role)] = actors.issue(vault, console, grant, pepper)[1]
    _keep(path, keys)
    return keys


def _kept(path: Path, ring: dict[bytes, Actor], pepper: bytes) -> dict[str, str] | None:
    """Give the keys of the file if it is whole and each of them is in use for its role."""
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        keys = {str(role): str(written[role]) for role in Role}
        holders = [(role, ring[actors.digest(token, pepper)]) for role, token in keys.items()]
    except (OSError, ValueError, TypeError, LookupError):
        return None
    sound = all(one.role == role and not actors.expired(one, datetime.now(UTC)) for role, one in holders)
    return keys if sound else None


def _keep(path: Path, keys: dict[str, str]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(keys, indent=2) + "\n", encoding="utf-8")
    draft.replace(path)
