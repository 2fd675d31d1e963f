"""What people send: one model a subject, used alike by the API, the batch and the sample loader.

The models check what can be said of one field or one record alone; what depends on the store (does the locality exist,
is the place inside the operation) is the intake's. Geometry travels beside them, read by ``geometry.py``.
"""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Self, TypeVar
from uuid import UUID

import orjson
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from flashpoint.catalogue import CATEGORIES
from flashpoint.errors import Invalid, Violation
from flashpoint.strictjson import pointer_to
from flashpoint.types import (
    Confidence,
    Consent,
    PerpetratorClass,
    PresenceType,
    ProtectedSite,
    ShareAbove,
    Sharing,
    SourceType,
    Standard,
    WithdrawalReason,
)
from flashpoint.workflow import ATTRIBUTING, DECLARABLE, DUPLICATING, PROVING, REQUESTABLE, Action

#: No person, however many the report speaks of, is beyond this; it keeps sums inside an integer.
MOST_PEOPLE = 100_000_000

_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def _utc(value: datetime) -> datetime:
    # Also keeps the conversion below from running off the calendar.
    if not _EARLIEST <= value < _LATEST:
        raise PydanticCustomError("out_of_range", "must lie between the years 1900 and 2200")
    return value.astimezone(UTC)


def _category(value: str) -> str:
    if value not in CATEGORIES:
        raise PydanticCustomError("unknown_category", "must be a category of the catalogue")
    return value


def _written_as(pattern: str) -> BeforeValidator:
    form = re.compile(pattern)

    def check(value: object) -> object:
        # The library alone would also take a number of seconds, even in a string.
        if not isinstance(value, str) or not form.fullmatch(value):
            raise PydanticCustomError("datetime_form", "must be a date")
        return value

    return BeforeValidator(check)


Instant = Annotated[
    AwareDatetime, Field(strict=False), AfterValidator(_utc), _written_as(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d.{0,24}")
]
Day = Annotated[date, Field(strict=False), _written_as(r"\d{4}-\d\d-\d\d")]
CategoryCode = Annotated[str, AfterValidator(_category)]
Pcode = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]
OperationRef = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{1,15}$")]
Line = Annotated[str, Field(min_length=1, max_length=200)]
Count = Annotated[int, Field(ge=0, le=MOST_PEOPLE)]
#: Stands in a path, and in every matrix that the version made.
MethodVersion = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]
Reason = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"\S")]
Grade = Annotated[int, Field(ge=0, le=4)]


class Report(BaseModel):
    """Common ground: strict types, no unknown members, never changed once read."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Range(Report):
    """A number of people, known as a range."""

    low: Count
    best: Count
    high: Count

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.best <= self.high:
            raise PydanticCustomError("range_inverted", "must be ordered: low <= best <= high")
        return self


class Split(Report):
    """How a casualty figure divides by sex and by age, as far as known."""

    female: Count | None = None
    male: Count | None = None
    child: Count | None = None
    adult: Count | None = None


class Casualties(Range):
    """Victims of one kind."""

    split: Split | None = None


class SourceReport(Report):
    """Where a piece of information came from. No names, telephones or devices: nowhere."""

    type: SourceType
    independence_group: Annotated[str, Field(min_length=1, max_length=60)]
    reliability: Annotated[str, Field(pattern="^[A-F]$")]
    credibility: Annotated[int, Field(ge=1, le=6)]
    obtained_on: Day
    handle: Annotated[str, Field(min_length=1, max_length=60)]


class IncidentReport(Report):
    """One event that harmed or threatened civilians."""

    operation: OperationRef
    client_id: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    category: CategoryCode
    event_start: Instant
    event_end: Instant | None = None
    date_precision: Annotated[int, Field(ge=1, le=4)]
    reported_at: Instant | None = None
    geo_precision: Annotated[int, Field(ge=1, le=6)]
    admin_pcode: Pcode | None = None
    perpetrator_class: PerpetratorClass = PerpetratorClass.UNKNOWN
    attribution_confidence: Confidence | None = None
    killed: Casualties | None = None
    injured: Casualties | None = None
    abducted: Casualties | None = None
    displaced: Casualties | None = None
    protected_site: ProtectedSite | None = None
    narrative: Annotated[str, Field(max_length=5000)] | None = None
    sharing: Sharing
    share_above: ShareAbove
    consent: Consent
    exercise: bool = False
    supersedes: UUID | None = None
    sources: Annotated[list[SourceReport], Field(max_length=50)] = []

    @property
    def ended(self) -> datetime:
        """When the event ended: its start, where nothing else was said."""
        return self.event_end or self.event_start

    @property
    def splits(self) -> dict[str, dict[str, int]] | None:
        """How the casualties divide, as far as that was said: the form in which it is stored."""
        figures = (("killed", self.killed), ("injured", self.injured), ("abducted", self.abducted))
        told = {
            name: figure.split.model_dump(exclude_none=True)
            for name, figure in (*figures, ("displaced", self.displaced))
            if figure is not None and figure.split is not None
        }
        return told or None

    @model_validator(mode="after")
    def _event_ordered(self) -> Self:
        if self.ended < self.event_start:
            raise PydanticCustomError("event_inverted", "must not end before it starts", {"member": "event_end"})
        return self


class LocalityReport(Report):
    """A place that is ranked. Its Feature's geometry is a polygon, or a point with a catchment radius."""

    operation: OperationRef
    pcode: Pcode
    code_list: Line
    name: Line
    level: Annotated[int, Field(ge=0, le=4)] | None = None
    adm1_pcode: Pcode | None = None
    adm2_pcode: Pcode | None = None
    adm3_pcode: Pcode | None = None
    catchment_km: Annotated[int, Field(ge=1, le=200)] | None = None
    population: Range | None = None
    population_source: Line | None = None


class _Shared(Report):
    operation: OperationRef
    locality: Annotated[str, Field(min_length=1, max_length=40)]
    sharing: Sharing
    share_above: ShareAbove
    consent: Consent


class _Assessed(_Shared):
    assessed_at: Instant
    expires_at: Instant

    @model_validator(mode="after")
    def _expires_later(self) -> Self:
        if self.expires_at <= self.assessed_at:
            raise PydanticCustomError("expiry_inverted", "must expire after it was assessed", {"member": "expires_at"})
        return self


class CommunityReport(_Assessed):
    """A group confined in a locality. Access runs from 0 (unhindered) to 4 (none)."""

    name: Line
    people: Range | None = None
    confinement: Grade | None = None
    surrounded_by: Line | None = None
    food_access: Grade | None = None
    water_access: Grade | None = None
    health_access: Grade | None = None
    market_access: Grade | None = None
    protective_presence: Line | None = None
    wishes_to_leave: Annotated[str, Field(pattern="^(yes|no|mixed|unknown)$")] = "unknown"


class AssessmentReport(_Assessed):
    """A standing threat: an analyst's judgement that a locality is in danger although nothing was reported."""

    likelihood: Annotated[int, Field(ge=1, le=5)]
    impact: Annotated[int, Field(ge=1, le=5)]
    horizon_days: Annotated[int, Field(ge=1, le=366)]
    reason: Annotated[str, Field(min_length=1, max_length=2000)]


class PresenceReport(_Shared):
    """A protective presence, or (type ``none``) the finding that there is none."""

    type: PresenceType
    since: Instant
    until: Instant | None = None
    confirmed_at: Instant
    note: Line | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.confirmed_at < self.since:
            raise PydanticCustomError(
                "presence_inverted", "must be confirmed after it began", {"member": "confirmed_at"}
            )
        if self.until is not None and self.until < self.since:
            raise PydanticCustomError("presence_inverted", "must end after it began", {"member": "until"})
        return self


class StepReport(Report):
    """A step of the verification workflow that somebody asks for."""

    action: Action
    standard: Standard | None = None
    attribution_verified: bool | None = None
    reason_code: WithdrawalReason | None = None
    reason: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    duplicate_of: UUID | None = None

    @model_validator(mode="after")
    def _what_the_action_needs(self) -> Self:
        if self.action not in REQUESTABLE:
            raise PydanticCustomError("not_requestable", "must be a step that may be asked for", {"member": "action"})
        needs = {"standard": PROVING, "reason_code": {Action.WITHDRAW}, "duplicate_of": DUPLICATING}
        for member, actions in needs.items():
            if (self.action in actions) != (getattr(self, member) is not None):
                verb = "is required" if self.action in actions else "is not allowed"
                raise PydanticCustomError("action_member", f"{verb} with this action", {"member": member})
        if self.action in ATTRIBUTING and self.reason is None:
            raise PydanticCustomError("action_member", "is required with this action", {"member": "reason"})
        if self.attribution_verified is not None and self.action is not Action.VERIFY:
            only_here = {"member": "attribution_verified"}
            raise PydanticCustomError("action_member", "is not allowed with this action", only_here)
        if self.standard is not None and self.standard not in DECLARABLE:
            raise PydanticCustomError("standard", "must be a standard a person can declare", {"member": "standard"})
        return self


class WithdrawalReport(Report):
    """Why a record is withdrawn."""

    reason_code: WithdrawalReason


class MethodReport(Report):
    """A version of the method that somebody proposes: what it changes against the version it is based on, and why."""

    version: MethodVersion
    based_on: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    reason: Reason
    changes: Annotated[dict[str, Any], Field(min_length=1, max_length=100)]


class AddressedMethodReport(MethodReport):
    """A proposal that says for which operation it is."""

    operation: OperationRef


class AdoptionReport(Report):
    """Why a version of the method is put in force for an operation."""

    operation: OperationRef
    reason: Reason


Model = TypeVar("Model", bound=Report)

_RULES = {
    "missing": "is required",
    "extra_forbidden": "is not a member that is known here",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "string_type": "must be a string",
    "list_type": "must be a list",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "string_pattern_mismatch": "does not have the form that is asked for",
    "timezone_aware": "must carry its offset from UTC",
    "uuid_parsing": "must be a UUID",
    "uuid_type": "must be a UUID",
}


def read(model: type[Model], tree: object, pointer: str = "/properties") -> Model:
    """Check a parsed JSON object against a model.

    Raises:
        Invalid: one violation per field, at ``pointer``; no value of the input is repeated.
    """
    try:
        # JSON mode, so that strict still reads dates and identifiers from strings.
        return model.model_validate_json(orjson.dumps(tree))
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise Invalid(*(_violation(dict(detail), pointer) for detail in details)) from None


def read_list(model: type[Model], tree: object, member: str, most: int = 50) -> list[Model]:
    """Check a parsed JSON object whose one member is a list of objects of a model.

    Raises:
        Invalid: it is not that, is empty or too long, or a model's rule is broken.
    """
    items = tree.get(member) if isinstance(tree, dict) and set(tree) == {member} else None
    if not isinstance(items, list) or not 1 <= len(items) <= most:
        raise Invalid(Violation(f"/{member}", "list", f"must be a list of 1 to {most} objects, and nothing beside it"))
    return [read(model, item, f"/{member}/{index}") for index, item in enumerate(items)]


def _violation(detail: dict[str, Any], pointer: str) -> Violation:
    context = detail.get("ctx", {})
    steps = [*detail["loc"], *([context["member"]] if "member" in context else [])]
    return Violation(pointer_to(pointer, *steps), detail["type"], _rule(detail["type"], context, detail["msg"]))


def _rule(kind: str, context: dict[str, Any], message: str) -> str:
    if kind in _RULES:
        return _RULES[kind]
    if kind == "enum":
        return f"must be one of {context['expected']}"
    bounds = {"greater_than_equal": ("ge", "at least"), "less_than_equal": ("le", "at most")}
    if kind in bounds:
        name, words = bounds[kind]
        return f"must be {words} {context[name]}"
    if kind.startswith(("string_too", "too_long", "too_short")):
        return "is too long or too short"
    if kind.startswith(("datetime", "date")):
        return "must be a date of the calendar as RFC 3339 writes it, a time with its offset from UTC"
    # Rules of our own say themselves; anything else of the library stays unsaid, as it might repeat the input.
    return message if message.startswith(("must ", "is ")) else "is not valid"
