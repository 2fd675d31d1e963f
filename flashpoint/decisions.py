"""Deciding on incidents: one verb, which takes a step of the workflow.

It runs in the caller's transaction, and the database applies the same rules once more: what slips past here is refused
there. Here they are said in words.
"""

from datetime import datetime
from uuid import UUID

from flashpoint import access, workflow
from flashpoint.access import DECIDERS, Permission
from flashpoint.errors import Forbidden, Invalid, NotFound, TransitionRefused, Violation
from flashpoint.reports import StepReport
from flashpoint.store import audit, incidents
from flashpoint.store.engine import Record, Vault
from flashpoint.types import Actor, Consent, PerpetratorClass, Sharing, SourceType, Standard, State
from flashpoint.workflow import ATTRIBUTING, DUPLICATING, PROVING, SOURCES_NEEDED, Action

#: From most open to most closed.
_LEVELS = tuple(Sharing)


def advance(vault: Vault, actor: Actor, found: Record, step: StepReport, known_at: datetime | None = None) -> State:
    """Take a step of the workflow on an incident that ``find`` gave to this actor; give the new state.

    Raises:
        Forbidden: the actor's role does not take this step.
        Invalid: it has to say why, or names as the original what cannot be one.
        TransitionRefused: the state, the two-person rule, the standard of proof or consent is against it.
    """
    access.require(actor, Permission.TRANSITION)
    _may_take(actor, found, step.action)
    target = workflow.step(State(found.state), step.action)
    _conditions(vault, actor, found, step)
    details = step.model_dump(exclude={"action"})
    act = incidents.Act(found.incident_id, found.version, step.action, found.state, target, details, known_at)
    incidents.add_acts(vault, actor, [act])
    link = {} if step.duplicate_of is None else {"duplicate_of": step.duplicate_of}
    subject = ("incident", found.incident_id)
    audit.write(vault, actor, step.action, subject, operation=found.operation, version=found.version, to=target, **link)
    return target


def _may_take(actor: Actor, found: Record, action: Action) -> None:
    own_withdrawal = action is Action.WITHDRAW and found.submitted_by == actor.id
    # What is verified leaves the score only by somebody who may decide, or whose own report it is.
    # (A version in force, that is: one stays so while a later edit waits to be decided on.)
    open_to_all = {Action.CORROBORATE} | (set() if found.in_force else DUPLICATING)
    if action in open_to_all or own_withdrawal or actor.role in DECIDERS:
        return
    raise Forbidden(f"the role {actor.role} may not {action} this incident")


def _conditions(vault: Vault, actor: Actor, found: Record, step: StepReport) -> None:
    allowed = workflow.allowed(State(found.state))
    if workflow.needs_reason(State(found.state), step.action) and step.reason is None:
        raise Invalid(Violation("/reason", "action_member", "is required with this action on a verified incident"))
    if step.action in ATTRIBUTING | PROVING and incidents.parts_of(vault, found, actor):
        rule = (
            "the verifier must be another person than reporter, editors and whoever added sources, "
            "to the incident or to a duplicate of it"
        )
        raise TransitionRefused(rule, allowed)
    if step.standard is not None:
        _is_met(vault, found, step.standard)
    if (
        step.action in ATTRIBUTING or step.attribution_verified
    ) and found.perpetrator_class == PerpetratorClass.UNKNOWN:
        raise TransitionRefused("a perpetrator who is unknown is neither verified nor disputed", allowed)
    if step.action is Action.REINSTATE and found.consent in {Consent.REFUSED, Consent.WITHDRAWN}:
        raise TransitionRefused("consent is missing", allowed)
    if step.duplicate_of is not None:
        original = _original(vault, actor, found, step.duplicate_of)
        if step.action is Action.MERGE:
            _may_carry(found, original)


def _is_met(vault: Vault, found: Record, standard: Standard) -> None:
    rows = incidents.sources_of(vault, found)
    have = workflow.independent_sources((SourceType(row.type), row.independence_group) for row in rows)
    need = SOURCES_NEEDED[standard]
    if have < need:
        rule = f"{standard} needs {need} sources of different types and independence groups; there are {have}"
        raise TransitionRefused(rule, workflow.allowed(State(found.state)))


def _original(vault: Vault, actor: Actor, found: Record, target: UUID) -> Record:
    missing = Violation("/duplicate_of", "no_such_incident", "must be another live incident of the same operation")
    try:
        original = incidents.find(vault, actor, target)
    except NotFound:
        raise Invalid(missing) from None
    live = not original.gone and original.state != State.DUPLICATE
    if not live or original.operation != found.operation or target == found.incident_id:
        raise Invalid(missing)
    return original


def _may_carry(found: Record, original: Record) -> None:
    """Whoever may know of the original will read the sources that are carried over to it."""
    allowed = workflow.allowed(State(found.state))
    if found.gone:
        raise TransitionRefused("consent is missing", allowed)
    closer = _LEVELS.index(Sharing(found.sharing)) > _LEVELS.index(Sharing(original.sharing))
    if closer or (found.protected and not original.protected):
        rule = (
            "the duplicate is more closed than the original, whose readers would learn of its sources; "
            "mark_duplicate leaves them where they are"
        )
        raise TransitionRefused(rule, allowed)
