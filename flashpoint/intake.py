"""Taking reports in: check them against the store, record them, correct them.

Each verb runs in the caller's transaction: a report, its sources, its first act and its audit row stand or fall
together.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
from shapely.geometry.base import BaseGeometry

from flashpoint import access, workflow
from flashpoint.access import DECIDERS, Permission
from flashpoint.catalogue import is_protected
from flashpoint.errors import Forbidden, Invalid, NotFound, TransitionRefused, Violation
from flashpoint.reports import IncidentReport, SourceReport
from flashpoint.store import audit, incidents, places
from flashpoint.store.engine import Record, Vault, VaultReader
from flashpoint.strictjson import JsonValue
from flashpoint.types import Actor, GeoPrecision, ShareAbove, Sharing, Standard, State
from flashpoint.workflow import MATERIAL_FIELDS, Action


@dataclass(frozen=True, slots=True)
class Submission:
    """A report with its place. ``known_at`` is given only where what happened earlier is entered as it went then."""

    report: IncidentReport
    geometry: BaseGeometry | None
    known_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a submission: the incident's id, and whether this request recorded it."""

    incident_id: UUID
    created: bool
    same_content: bool = True


@dataclass(frozen=True, slots=True)
class _FirstStep:
    """The act with which an incident begins."""

    action: Action
    state: State
    standard: Standard | None = None


Flaws = dict[int, list[Violation]]

#: Levels that reach beyond the cluster.
_OPEN = frozenset({Sharing.PUBLIC, Sharing.MISSION})


def check(reader: VaultReader, actor: Actor, submissions: Sequence[Submission], now: datetime) -> Flaws:
    """Find what the store has against each submission: index to violations; sound ones are not in the answer."""
    flaws: Flaws = defaultdict(list)
    by_operation: dict[str, list[int]] = defaultdict(list)
    for index, submission in enumerate(submissions):
        by_operation[submission.report.operation].append(index)
        flaws[index].extend(_future(submission.report, now))
        flaws[index].extend(_placeless(submission))
        flaws[index].extend(_opened(submission.report))
        flaws[index].extend(_superseding(reader, actor, submission.report))
    for code, indices in by_operation.items():
        for index, violation in _in_operation(reader, actor, code, [(i, submissions[i]) for i in indices]):
            flaws[index].append(violation)
    return {index: found for index, found in flaws.items() if found}


def _future(report: IncidentReport, now: datetime) -> Iterable[Violation]:
    for name in ("event_start", "event_end", "reported_at"):
        value = getattr(report, name)
        if value is not None and value > now:
            yield Violation(f"/properties/{name}", "in_future", "must not lie in the future")
    for index, one in enumerate(report.sources):
        if one.obtained_on > now.date():
            yield Violation(f"/properties/sources/{index}/obtained_on", "in_future", "must not lie in the future")


def _placeless(submission: Submission) -> Iterable[Violation]:
    report = submission.report
    if submission.geometry is not None:
        return
    if report.geo_precision <= GeoPrecision.NEAR:
        yield Violation("/geometry", "exact_needs_geometry", "must be given for a place known this precisely")
    elif report.geo_precision < GeoPrecision.COUNTRY and report.admin_pcode is None:
        yield Violation("/geometry", "place_missing", "must be given, unless admin_pcode says the place")


def _opened(report: IncidentReport) -> Iterable[Violation]:
    """Find by which member a report would open what is protected: that stays within the cluster, by mistake too."""
    if not is_protected(report.category, report.splits):
        return
    if report.sharing in _OPEN:
        rule = "must be cluster or restricted: sexual violence and grave violations stay within the cluster"
        yield Violation("/properties/sharing", "protected_category", rule)
    if report.share_above is ShareAbove.DETAIL:
        rule = "must be aggregate or none: of sexual violence and grave violations nothing is shown above its level"
        yield Violation("/properties/share_above", "protected_category", rule)


def _closed(one: Submission) -> Submission:
    """Close what is protected in a data set that says nothing of levels, or calls itself public."""
    report = one.report
    if not is_protected(report.category, report.splits):
        return one
    sharing = Sharing.CLUSTER if report.sharing in _OPEN else report.sharing
    above = ShareAbove.AGGREGATE if report.share_above is ShareAbove.DETAIL else report.share_above
    return replace(one, report=report.model_copy(update={"sharing": sharing, "share_above": above}))


def _superseding(reader: VaultReader, actor: Actor, report: IncidentReport) -> Iterable[Violation]:
    if report.supersedes is None:
        return
    try:
        same = incidents.find(reader, actor, report.supersedes).operation == report.operation
    except NotFound:
        same = False
    if not same:
        yield Violation("/properties/supersedes", "no_such_incident", "must be an incident of the same operation")


def _in_operation(
    reader: VaultReader, actor: Actor, code: str, members: Sequence[tuple[int, Submission]]
) -> Iterable[tuple[int, Violation]]:
    try:
        places.find_operation(reader, actor, code)
    except NotFound:
        unknown = Violation("/properties/operation", "no_such_operation", "must be an operation of your key")
        yield from ((index, unknown) for index, _ in members)
        return
    outside = places.outside(reader, code, [submission.geometry for _, submission in members])
    for position, swapped in outside.items():
        rule = "must lie in the operation's area"
        if swapped:
            rule += "; with its two axes swapped it would: longitude comes first"
        yield members[position][0], Violation("/geometry", "axes_swapped" if swapped else "outside_operation", rule)


def report(vault: Vault, actor: Actor, submissions: Sequence[Submission], origin: str = "api") -> list[Receipt]:
    """Record submissions, in their order, as reported.

    Raises:
        Forbidden: the actor's role does not report.
        Invalid: what is wrong with the first unsound one.
    """
    access.require(actor, Permission.REPORT)
    for found in check(vault, actor, submissions, vault.at).values():
        raise Invalid(*found)
    return _record(vault, actor, submissions, origin, _FirstStep(Action.REPORT, State.REPORTED))


def import_verified(vault: Vault, actor: Actor, submissions: Sequence[Submission], standard: Standard) -> list[Receipt]:
    """Record a curated, already verified data set under its own named standard; only a coordinator may.

    What is protected in it is closed, whatever level the data set has.

    Raises:
        Forbidden: the actor's role does not import.
    """
    access.require(actor, Permission.IMPORT)
    closed = [_closed(one) for one in submissions]
    return _record(vault, actor, closed, standard, _FirstStep(Action.IMPORT, State.VERIFIED, standard))


def _record(
    vault: Vault, actor: Actor, submissions: Sequence[Submission], origin: str, step: _FirstStep
) -> list[Receipt]:
    new = [
        incidents.NewIncident(uuid4(), one.report, one.geometry, _content_hash(one), one.known_at)
        for one in submissions
    ]
    claimed = incidents.claim(vault, actor, origin, new)
    fresh = [one for one in new if claimed[one.id][0] == one.id]
    incidents.add_versions(vault, actor, fresh)
    incidents.add_sources(
        vault, actor, [(one.id, source, one.known_at) for one in fresh for source in one.report.sources]
    )
    acts = [
        incidents.Act(one.id, 1, step.action, "", step.state, {"standard": step.standard}, one.known_at)
        for one in fresh
    ]
    incidents.add_acts(vault, actor, acts)
    _audit_new(vault, actor, fresh, step)
    return [Receipt(claimed[one.id][0], claimed[one.id][0] == one.id, claimed[one.id][1]) for one in new]


def _audit_new(vault: Vault, actor: Actor, fresh: Sequence[incidents.NewIncident], step: _FirstStep) -> None:
    by_operation: dict[str, list[UUID]] = defaultdict(list)
    for one in fresh:
        by_operation[one.report.operation].append(one.id)
    for operation, ids in sorted(by_operation.items()):
        if len(ids) == 1:
            audit.write(vault, actor, step.action, ("incident", ids[0]), operation=operation)
            continue
        for start in range(0, len(ids), audit.MOST_IDS):
            some = ids[start : start + audit.MOST_IDS]
            audit.write(vault, actor, step.action, ("incident", operation), operation=operation, ids=some)


def _content_hash(one: Submission) -> bytes:
    place = None if one.geometry is None else one.geometry.wkb_hex
    content = one.report.model_dump(mode="json")
    return hashlib.sha256(orjson.dumps([content, place], option=orjson.OPT_SORT_KEYS)).digest()


def correct(vault: Vault, actor: Actor, found: Record, before: Submission, after: Submission) -> bool:
    """Record a new version of an incident that ``find`` gave to this actor; say whether the edit was material.

    A material edit of a decided incident asks for verification again; the earlier verified version stays in force
    until then, unless the edit takes the record out of use.

    Raises:
        Forbidden: the actor's role does not report.
        Invalid: what is wrong with the new content.
        TransitionRefused: the incident is withdrawn or a duplicate.
    """
    access.require(actor, Permission.REPORT)
    state = State(found.state)
    if state in {State.WITHDRAWN, State.DUPLICATE}:
        raise TransitionRefused(f"an incident that is {state} is not edited", workflow.allowed(state))
    _may_take_out_of_use(actor, found, before, after)
    for flaws in check(vault, actor, [_unlinked(before, after)], vault.at).values():
        raise Invalid(*flaws)
    version = found.version + 1
    new = incidents.NewIncident(found.incident_id, after.report, after.geometry, b"", after.known_at)
    # The database itself records the step that a material edit is.
    incidents.add_versions(vault, actor, [new], version)
    material = _is_material(before, after)
    audit.write(
        vault,
        actor,
        "edit",
        ("incident", found.incident_id),
        operation=found.operation,
        version=version,
        material=material,
    )
    return material


def _may_take_out_of_use(actor: Actor, found: Record, before: Submission, after: Submission) -> None:
    """Whoever could edit a verified incident out of use could turn down a place's score.

    Consent is the exception: whoever learns that it is refused or withdrawn must be able to act on that at once.
    """
    own = found.submitted_by == actor.id
    out = _is_usable(before.report) and not _is_usable(after.report)
    if out and found.in_force and not own and actor.role not in DECIDERS:
        raise Forbidden(f"the role {actor.role} may not take this verified incident out of use")


def _is_usable(report: IncidentReport) -> bool:
    reaches_everybody = report.sharing in _OPEN
    return not report.exercise and (reaches_everybody or report.share_above is not ShareAbove.NONE)


def _unlinked(before: Submission, after: Submission) -> Submission:
    """Leave out a link that the edit does not touch: the editor need not be somebody who may know of its target."""
    if after.report.supersedes != before.report.supersedes:
        return after
    return replace(after, report=after.report.model_copy(update={"supersedes": None}))


def add_sources(
    vault: Vault, actor: Actor, found: Record, sources: Sequence[SourceReport], known_at: datetime | None = None
) -> None:
    """Record further sources of an incident that ``find`` gave to this actor.

    Raises:
        Forbidden: the actor's role does not report.
        Invalid: a source lies in the future.
        TransitionRefused: the incident is a duplicate, whose sources would count for nothing.
    """
    access.require(actor, Permission.REPORT)
    if found.state == State.DUPLICATE:
        rule = "a duplicate takes no more sources; they belong to its original"
        raise TransitionRefused(rule, workflow.allowed(State.DUPLICATE))
    for index, one in enumerate(sources):
        if one.obtained_on > vault.at.date():
            pointer = f"/sources/{index}/obtained_on"
            raise Invalid(Violation(pointer, "in_future", "must not lie in the future"))
    incidents.add_sources(vault, actor, [(found.incident_id, one, known_at) for one in sources])
    audit.write(vault, actor, "sources", ("incident", found.incident_id), operation=found.operation, count=len(sources))


def _is_material(before: Submission, after: Submission) -> bool:
    old, new = (
        {**one.report.model_dump(include=set(MATERIAL_FIELDS)), "event_end": one.report.ended}
        for one in (before, after)
    )
    return old != new or before.geometry != after.geometry


def repeated_client_ids(rows: Sequence[tuple[int, Submission]]) -> dict[int, tuple[Violation, ...]]:
    """Find the rows of a batch whose client id stands in an earlier row of it: row to violation."""
    seen: set[tuple[str, str]] = set()
    flaws: dict[int, tuple[Violation, ...]] = {}
    for index, submission in rows:
        if submission.report.client_id is None:
            continue
        name = (submission.report.operation, submission.report.client_id)
        if name in seen:
            rule = "must not stand twice in one batch"
            flaws[index] = (Violation("/properties/client_id", "client_id_repeated", rule),)
        seen.add(name)
    return flaws


def merged(target: dict[str, Any], patch: JsonValue) -> JsonValue:
    """Apply a JSON merge patch (RFC 7396) to an incident in the shape in which it was posted.

    Raises:
        Invalid: the patch is no object, changes nothing, or touches what identifies the incident.
    """
    if not isinstance(patch, dict) or not patch:
        raise Invalid(Violation("", "merge_patch", "must be an object with the members to change"))
    properties = patch.get("properties", {})
    if isinstance(properties, dict):
        for name in ("operation", "client_id", "sources"):
            if name in properties:
                raise Invalid(Violation(f"/properties/{name}", "fixed", "cannot be changed by an edit"))
    # A geometry is replaced as a whole: half a geometry is none.
    base = {**target, "geometry": None} if isinstance(patch.get("geometry"), dict) else target
    return _merge(base, patch)


def _merge(target: JsonValue, patch: JsonValue) -> JsonValue:
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None and name != "geometry":
            result.pop(name, None)
        else:
            result[name] = _merge(result.get(name), value)
    return result
