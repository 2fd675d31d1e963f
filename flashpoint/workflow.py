r"""The verification state machine as one table, and the standards of proof. Pure.

The same table is written into the database by the migrations, where a trigger applies it once more: a test keeps the
two equal.

    reported -> corroborating -> verified         verified -> corroborating (a material edit makes a new version)
            \-> not_verified  \-> disputed         verified -> disputed (somebody contests it)
                                                  any -> withdrawn | duplicate

Who did it is decided apart from what happened: the two steps on the attribution leave a verified incident verified.
"""

from collections.abc import Iterable
from dataclasses import dataclass
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
    VERIFY_ATTRIBUTION = "verify_attribution"
    DISPUTE_ATTRIBUTION = "dispute_attribution"
    WITHDRAW = "withdraw"
    MARK_DUPLICATE = "mark_duplicate"
    MERGE = "merge"
    UNMERGE = "unmerge"
    REINSTATE = "reinstate"


#: Steps a person may ask for; the others follow from posting, importing, editing, and from taking a duplicate back.
REQUESTABLE = frozenset(Action) - {Action.REPORT, Action.IMPORT, Action.EDIT, Action.UNMERGE}

#: Steps that say what is true: only for those who decide, and only of a version that they name.
DECISIONS = frozenset(
    {Action.VERIFY, Action.REJECT, Action.DISPUTE, Action.VERIFY_ATTRIBUTION, Action.DISPUTE_ATTRIBUTION}
)

#: Steps that say who did it.
ATTRIBUTING = frozenset({Action.VERIFY_ATTRIBUTION, Action.DISPUTE_ATTRIBUTION})

#: Steps that declare a standard of proof met.
PROVING = frozenset({Action.VERIFY, Action.VERIFY_ATTRIBUTION})

#: Steps that make an incident a duplicate of another. A merge also carries its sources over.
DUPLICATING = frozenset({Action.MARK_DUPLICATE, Action.MERGE})

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
        (Action.DISPUTE, State.VERIFIED, State.DISPUTED),
        *((action, State.VERIFIED, State.VERIFIED) for action in ATTRIBUTING),
        (Action.UNMERGE, State.VERIFIED, State.CORROBORATING),
        (Action.REINSTATE, State.WITHDRAWN, State.CORROBORATING),
        (Action.REINSTATE, State.DUPLICATE, State.CORROBORATING),
        *((Action.WITHDRAW, state, State.WITHDRAWN) for state in (*_LIVE, State.DUPLICATE)),
        *((action, state, State.DUPLICATE) for action in DUPLICATING for state in _LIVE),
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


@dataclass(frozen=True, slots=True)
class Proof:
    """What a standard needs and what there is: counts of sources that all differ in type and independence group."""

    standard: Standard
    needed: int
    have: int

    @property
    def missing(self) -> int:
        """How many more sources it takes, each of another type and independence group than those that count."""
        return max(0, self.needed - self.have)


def proofs(have: int) -> tuple[Proof, ...]:
    """Measure what there is against each standard that a person can declare, the least demanding first."""
    needs = sorted((SOURCES_NEEDED[standard], standard) for standard in DECLARABLE)
    return tuple(Proof(standard, needed, min(have, needed)) for needed, standard in needs)


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


def needs_reason(state: State, action: Action) -> bool:
    """Say whether a step has to say why: whatever is said of who did it, and whatever contests what was verified."""
    return action in ATTRIBUTING or (action is Action.DISPUTE and state is State.VERIFIED)


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
