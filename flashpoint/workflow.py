r"""The verification state machine as one table, and the standards of proof. Pure.

The same table is written into the database by the migration, where a trigger applies it once more: a test keeps the
two equal.

    reported -> corroborating -> verified         verified -> corroborating (a material edit makes a new version)
            \-> not_verified  \-> disputed         any -> withdrawn | duplicate
"""

from collections.abc import Iterable
from enum import StrEnum

from flashpoint.errors import TransitionRefused
from flashpoint.types import SourceType, Standard, State


class Action(StrEnum):
    """What can be done to the truth state of an incident."""

    REPORT = "report"
    IMPORT = "import"
    EDIT = "edit"
    CORROBORATE = "corroborate"
    VERIFY = "verify"
    REJECT = "reject"
    DISPUTE = "dispute"
    WITHDRAW = "withdraw"
    MARK_DUPLICATE = "mark_duplicate"
    REINSTATE = "reinstate"


#: Steps a person may ask for; the others follow from posting, importing and editing.
REQUESTABLE = frozenset(Action) - {Action.REPORT, Action.IMPORT, Action.EDIT}

_LIVE = (State.REPORTED, State.CORROBORATING, State.VERIFIED, State.NOT_VERIFIED, State.DISPUTED)

#: (action, from, to). ``None`` is the state before there was a record.
TRANSITIONS: frozenset[tuple[Action, State | None, State]] = frozenset(
    {
        (Action.REPORT, None, State.REPORTED),
        (Action.IMPORT, None, State.VERIFIED),
        (Action.EDIT, State.VERIFIED, State.CORROBORATING),
        (Action.EDIT, State.NOT_VERIFIED, State.CORROBORATING),
        (Action.EDIT, State.DISPUTED, State.CORROBORATING),
        (Action.CORROBORATE, State.REPORTED, State.CORROBORATING),
        (Action.CORROBORATE, State.NOT_VERIFIED, State.CORROBORATING),
        (Action.CORROBORATE, State.DISPUTED, State.CORROBORATING),
        (Action.VERIFY, State.CORROBORATING, State.VERIFIED),
        (Action.REJECT, State.REPORTED, State.NOT_VERIFIED),
        (Action.REJECT, State.CORROBORATING, State.NOT_VERIFIED),
        (Action.DISPUTE, State.CORROBORATING, State.DISPUTED),
        (Action.REINSTATE, State.WITHDRAWN, State.CORROBORATING),
        (Action.REINSTATE, State.DUPLICATE, State.CORROBORATING),
        *((Action.WITHDRAW, state, State.WITHDRAWN) for state in (*_LIVE, State.DUPLICATE)),
        *((Action.MARK_DUPLICATE, state, State.DUPLICATE) for state in _LIVE),
    }
)

#: How many sources, all of different types and of different independence groups, a standard needs.
SOURCES_NEEDED: dict[Standard, int] = {
    Standard.REASONABLE_GROUNDS: 2,
    Standard.CLEAR_AND_CONVINCING: 3,
    Standard.EXTERNAL_UCDP: 0,
}

#: Standards that a person may declare; the external ones belong to an import.
DECLARABLE = frozenset({Standard.REASONABLE_GROUNDS, Standard.CLEAR_AND_CONVINCING})

#: Fields whose change asks for verification again: time, place, victims, category, attribution, sharing (rule 5).
MATERIAL_FIELDS = frozenset(
    {
        "event_start",
        "event_end",
        "date_precision",
        "geometry",
        "geo_precision",
        "admin_pcode",
        "category",
        "perpetrator_class",
        "attribution_confidence",
        "killed",
        "injured",
        "abducted",
        "displaced",
        "protected_site",
        "sharing",
        "share_above",
        "consent",
        "exercise",
    }
)


def allowed(state: State) -> tuple[str, ...]:
    """Name the steps that may be asked for from ``state``, sorted."""
    return tuple(sorted(action for action, source, _ in TRANSITIONS if source == state and action in REQUESTABLE))


def step(state: State, action: Action) -> State:
    """Give the state that ``action`` leads to from ``state``.

    Raises:
        TransitionRefused: the table has no such step; it lists those that it has.
    """
    for candidate, source, target in TRANSITIONS:
        if candidate is action and source == state:
            return target
    raise TransitionRefused(f"an incident that is {state} does not take this step", allowed(state))


def after_edit(state: State) -> State:
    """Give the state after a material edit: what was decided on the earlier version has to be decided again."""
    return State.CORROBORATING if (Action.EDIT, state, State.CORROBORATING) in TRANSITIONS else state


def independent_sources(sources: Iterable[tuple[SourceType, str]]) -> int:
    """Count how many sources can be picked so that all differ in type *and* in independence group.

    Counting distinct types and distinct groups apart would be too kind: (witness, 1), (witness, 2), (ngo, 3) and
    (media, 3) have three of each, yet no three of them differ in both. It is a matching of types to groups, found by
    augmenting paths.
    """
    groups_of: dict[SourceType, set[str]] = {}
    for source_type, group in sources:
        groups_of.setdefault(source_type, set()).add(group)
    matched: dict[str, SourceType] = {}

    def place(source_type: SourceType, tried: set[str]) -> bool:
        for group in groups_of[source_type] - tried:
            tried.add(group)
            if group not in matched or place(matched[group], tried):
                matched[group] = source_type
                return True
        return False

    return sum(place(source_type, set()) for source_type in groups_of)
