"""An information-sharing protocol: who is given what, for which purpose, until when; and what follows from it. Pure.

A protocol is one document of an operation. It opens what the service can give to an audience, and no more than that:
there is no member by which a protected category, a source or an exact place could be opened.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from flashpoint.errors import NotShared, Violation
from flashpoint.layers import Layer
from flashpoint.reports import Day, Line, MethodVersion, OperationRef, Reason, Report
from flashpoint.types import Audience

#: The longest that a protocol may run, a leap day included: whoever wants it longer agrees it anew.
LONGEST = timedelta(days=731)
#: How long before its end every answer warns of it.
WARNING = timedelta(days=30)

_EMAIL = re.compile(r"\S@\S+\.\S")
_DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b")
_TELEPHONE = re.compile(r"(?:\+|\b00)\d|\d(?:[ ().-]{0,2}\d){6}")
#: What the template leaves open.
_PLACEHOLDER = re.compile(r"<[^<>]*>")


class Subject(StrEnum):
    """What an audience can be given."""

    MATRIX = "matrix"
    INCIDENTS = "incidents"
    COMMUNITIES = "communities"
    METHODOLOGY = "methodology"


#: What a protocol has to give for a layer.
SUBJECT = {
    Layer.MATRIX: Subject.MATRIX,
    Layer.LOCALITIES: Subject.MATRIX,
    Layer.COMMUNITIES: Subject.COMMUNITIES,
    Layer.INCIDENTS: Subject.INCIDENTS,
    Layer.CHANGES: Subject.MATRIX,
}


class Party(Report):
    """A body that agrees to the protocol, and whose view it reads."""

    name: Line
    audience: Audience


class Gets(Report):
    """What an audience is given: each said, none assumed."""

    matrix: bool
    incidents: bool
    communities: bool
    methodology: bool


class Audiences(Report):
    """What each audience is given."""

    cluster: Gets
    mission: Gets


class Retention(Report):
    """How long is kept what identifies most."""

    source_days: Annotated[int, Field(ge=30, le=3650)]


class Document(Report):
    """The protocol itself. ``until`` is the first day on which it no longer holds, from midnight in UTC.

    ``contacts`` are functions, never persons. ``notes`` are the cluster's own: the mission reads the rest, but for the
    bodies on the cluster's side.
    """

    title: Line
    purpose: Reason
    parties: Annotated[list[Party], Field(min_length=1, max_length=30)]
    audiences: Audiences
    until: Day
    review_on: Day
    retention: Retention
    contacts: Annotated[list[Line], Field(min_length=1, max_length=10)]
    notes: Annotated[str, Field(max_length=5000)] | None = None


class ProtocolReport(Report):
    """A protocol that somebody proposes, and why."""

    operation: OperationRef
    version: MethodVersion
    reason: Reason
    document: Document


def flaws(report: ProtocolReport, now: datetime) -> Iterator[Violation]:
    """Find what is wrong with a proposal of sound form: dates, a side that is missing, what was left open, address."""
    document = report.document
    if document.until <= now.date():
        yield Violation("/document/until", "protocol_ended", "must lie in the future")
    elif document.until - now.date() > LONGEST:
        yield Violation("/document/until", "protocol_too_long", "must be at most two years ahead")
    if document.review_on > document.until:
        yield Violation("/document/review_on", "review_late", "must not lie after the end")
    if {party.audience for party in document.parties} != set(Audience):
        yield Violation("/document/parties", "party_missing", "must name a body of each audience")
    for pointer, written in _texts(report):
        if _PLACEHOLDER.search(written):
            yield Violation(pointer, "placeholder", "must be filled in: nothing in <angle brackets> may be left")
        if _EMAIL.search(written) or (_is_address(pointer) and _TELEPHONE.search(_DATE.sub("", written))):
            rule = "must name a function or a body: no e-mail address, no telephone number"
            yield Violation(pointer, "contact_detail", rule)


def _texts(report: ProtocolReport) -> Iterator[tuple[str, str]]:
    document = report.document
    yield "/reason", report.reason
    for name in ("title", "purpose", "notes"):
        yield f"/document/{name}", getattr(document, name) or ""
    yield from ((f"/document/parties/{at}/name", party.name) for at, party in enumerate(document.parties))
    yield from ((f"/document/contacts/{at}", contact) for at, contact in enumerate(document.contacts))


def _is_address(pointer: str) -> bool:
    # Running text has years and numbers of resolutions in it; these have not.
    return pointer.startswith(("/document/parties", "/document/contacts"))


@dataclass(frozen=True, slots=True)
class Named:
    """A protocol as answers name it."""

    version: str
    until: date
    ends_soon: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """What a protocol that was put in force gives to one audience of an operation."""

    operation: str
    audience: Audience
    version: str
    until: date
    gives: frozenset[Subject]

    def holds(self, at: datetime) -> bool:
        """Say whether it is still in force at an instant."""
        return at < ends_at(self.until)

    def named(self, at: datetime) -> Named:
        """Name it as at an instant."""
        return named(self.version, self.until, at)


def given(gets: Mapping[str, bool]) -> frozenset[Subject]:
    """Read what an audience is given; what is not said to be given is not."""
    return frozenset(subject for subject in Subject if gets.get(subject) is True)


def require(terms: Terms | None, audience: Audience, subject: Subject) -> None:
    """Let an audience have a subject by the terms that are in force, if there are any.

    Without a protocol the cluster goes on with its own work, and the mission gets nothing.

    Raises:
        NotShared: there is no protocol in force, or it does not give this.
    """
    if terms is None and audience is Audience.CLUSTER:
        return
    if terms is None:
        raise NotShared("no information-sharing protocol is in force")
    if subject not in terms.gives:
        rule = f"the information-sharing protocol in force gives no {subject} to your audience"
        raise NotShared(rule, "not-in-protocol")


def ends_at(until: date) -> datetime:
    """Give the instant from which a protocol no longer holds."""
    return datetime.combine(until, time(), UTC)


def named(version: str, until: date, at: datetime) -> Named:
    """Name a protocol as at an instant."""
    return Named(version, until, ends_soon=ends_at(until) - at <= WARNING)


def line(protocol: Named | None, at: datetime) -> str:
    """Write the header field that names a protocol."""
    if protocol is None:
        return "none"
    left = f"; ends-in-days={(ends_at(protocol.until) - at).days}" if protocol.ends_soon else ""
    return f"{protocol.version}; until={protocol.until.isoformat()}{left}"


def template(today: date) -> dict[str, Any]:
    """Give a proposal to fill in; as it is, it is refused."""
    yes, no = dict.fromkeys(map(str, Subject), True), dict.fromkeys(map(str, Subject), False)
    return {
        "version": f"{today.year}-1",
        "reason": "<why this protocol, and where it was agreed>",
        "document": {
            "title": "Sharing of protection information: <protection cluster> and <mission>",
            "purpose": "<what the information may be used for, and nothing else>",
            "parties": [
                {"name": "<the cluster, or a member of it>", "audience": "cluster"},
                {"name": "<section of the mission that reads it>", "audience": "mission"},
            ],
            # The least that is of use: more is opened by whoever means it.
            "audiences": {"cluster": yes, "mission": {**no, "matrix": True, "methodology": True}},
            "until": (today + timedelta(days=183)).isoformat(),
            "review_on": (today + timedelta(days=152)).isoformat(),
            "retention": {"source_days": 365},
            "contacts": ["<function in the cluster>", "<function in the mission>"],
            "notes": "<for the cluster alone; or leave out>",
        },
    }


def in_order(subjects: Iterable[Subject]) -> list[Subject]:
    """Put subjects in the order in which they are declared."""
    kept = set(subjects)
    return [subject for subject in Subject if subject in kept]
