"""What makes a place vulnerable, or safer: localities, communities, threat assessments, presences.

Each verb runs in the caller's transaction; a change is a new version, a withdrawal a tombstone.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from geoalchemy2.shape import from_shape
from shapely.geometry.base import BaseGeometry

from flashpoint.access import DECIDERS
from flashpoint.errors import Conflict, Forbidden, Invalid, NotFound, Violation
from flashpoint.geometry import KINDS, read_feature
from flashpoint.reports import (
    AssessmentReport,
    CommunityReport,
    LocalityReport,
    PresenceReport,
    Report,
    read,
)
from flashpoint.store import audit, places, subjects
from flashpoint.store.engine import Record, Vault
from flashpoint.store.places import SRID
from flashpoint.strictjson import JsonValue
from flashpoint.types import Actor, WithdrawalReason

_MODELS: dict[str, type[Report]] = {
    "locality": LocalityReport,
    "community": CommunityReport,
    "assessment": AssessmentReport,
    "presence": PresenceReport,
}
_POINT = frozenset({"Point"})


def record(vault: Vault, actor: Actor, kind: str, key: tuple[UUID, int], tree: JsonValue) -> None:
    """Record a version of a subject from the Feature that somebody sent: ``key`` is its id and version number.

    Raises:
        Invalid: what is wrong with it.
    """
    feature = read_feature(tree, "", KINDS if kind == "locality" else _POINT)
    report = read(_MODELS[kind], feature.properties)
    record_report(vault, actor, kind, key, (report, feature.geometry))


def record_report(
    vault: Vault,
    actor: Actor,
    kind: str,
    key: tuple[UUID, int],
    content: tuple[Report, BaseGeometry | None],
    **known: Any,  # noqa: ANN401
) -> None:
    """Record a version of a subject whose form is already checked; ``known`` may set its knowledge times.

    Raises:
        Invalid: the operation, the locality or the place is not right.
    """
    report, geometry = content
    operation = _operation(vault, actor, report, geometry)
    _times(report, vault)
    values = _locality(report, geometry) if kind == "locality" else _in_locality(vault, kind, report, geometry)
    subjects.add(vault, actor, kind, key, {"operation": operation, **values, **known})
    if kind == "locality":
        places.replace_all(vault, operation, known.get("known_at"))
    audit.write(vault, actor, f"{kind}.record", (kind, key[0]), operation=operation, version=key[1])


def supersede(vault: Vault, actor: Actor, kind: str, found: Record, tree: JsonValue) -> None:
    """Record the next version of a subject that ``subjects.find`` gave to this actor.

    Raises:
        Conflict: it is withdrawn, or the new version names another operation.
        Forbidden: it is somebody else's standing threat, and the actor's role does not decide.
        Invalid: what is wrong with the new version.
    """
    _refuse_gone(found)
    # Communities and presences live from whoever visits next; a judgement belongs to whoever made it.
    if kind == "assessment":
        _refuse_anothers(actor, found, "supersede")
    record(vault, actor, kind, (found.id, found.version + 1), tree)


def withdraw(vault: Vault, actor: Actor, kind: str, found: Record, reason: WithdrawalReason) -> None:
    """Withdraw a subject that ``subjects.find`` gave to this actor, leaving a tombstone.

    Raises:
        Conflict: it is withdrawn already.
        Forbidden: it is somebody else's, and the actor's role does not decide.
    """
    _refuse_gone(found)
    _refuse_anothers(actor, found, "withdraw")
    subjects.withdraw(vault, actor, kind, found, reason)
    if kind == "locality":
        places.replace_all(vault, found.operation)
    audit.write(vault, actor, f"{kind}.withdraw", (kind, found.id), operation=found.operation, reason=reason)


def _refuse_anothers(actor: Actor, found: Record, deed: str) -> None:
    if found.submitted_by != actor.id and actor.role not in DECIDERS:
        raise Forbidden(f"the role {actor.role} may not {deed} what somebody else recorded")


def without_what_is_gone(rows: Sequence[Record]) -> Sequence[Record]:
    """Keep the whole history of a subject in use; of one that is gone, its tombstone alone."""
    return rows[-1:] if rows and rows[-1].gone else rows


def _refuse_gone(found: Record) -> None:
    if found.gone:
        raise Conflict("the record is withdrawn or without consent; it takes no new version")


def _operation(vault: Vault, actor: Actor, report: Any, geometry: BaseGeometry | None) -> str:  # noqa: ANN401 - any report
    code: str = report.operation
    try:
        places.find_operation(vault, actor, code)
    except NotFound:
        raise Invalid(
            Violation("/properties/operation", "no_such_operation", "must be an operation of your key")
        ) from None
    for swapped in places.outside(vault, code, [geometry]).values():
        rule = "must lie in the operation's area" + ("; longitude comes first" if swapped else "")
        raise Invalid(Violation("/geometry", "axes_swapped" if swapped else "outside_operation", rule))
    return code


def _times(report: Report, vault: Vault) -> None:
    for name in ("assessed_at", "since", "confirmed_at"):
        value = getattr(report, name, None)
        if value is not None and value > vault.at:
            raise Invalid(Violation(f"/properties/{name}", "in_future", "must not lie in the future"))


def _locality(report: Any, geometry: BaseGeometry | None) -> dict[str, Any]:  # noqa: ANN401 - any report
    if geometry is None:
        raise Invalid(Violation("/geometry", "geometry_required", "must be given for a locality"))
    is_point = geometry.geom_type == "Point"
    missing, other = ("catchment_km", "level") if is_point else ("level", "catchment_km")
    if getattr(report, missing) is None:
        raise Invalid(Violation(f"/properties/{missing}", "required", f"is required for a {geometry.geom_type}"))
    if getattr(report, other) is not None:
        raise Invalid(Violation(f"/properties/{other}", "not_allowed", f"is not allowed for a {geometry.geom_type}"))
    values = report.model_dump(exclude={"operation", "population", "catchment_km"})
    return {**values, **_range("population", report.population), **places.locality_shape(geometry, report.catchment_km)}


def _in_locality(vault: Vault, kind: str, report: Any, geometry: BaseGeometry | None) -> dict[str, Any]:  # noqa: ANN401 - any report
    if kind != "presence" and geometry is not None:
        raise Invalid(Violation("/geometry", "must_be_null", "must be null: it is known to its locality, not a point"))
    try:
        locality = places.find_locality(vault, report.operation, report.locality)
    except NotFound:
        rule = "must be a locality of the operation, by id or P-code"
        raise Invalid(Violation("/properties/locality", "no_such_locality", rule)) from None
    values = report.model_dump(exclude={"operation", "locality", "people"})
    if kind == "community":
        values |= _range("people", report.people)
    if kind == "presence":
        values["point"] = None if geometry is None else from_shape(geometry, srid=SRID)
    return {**values, "locality_id": locality}


def _range(name: str, value: Any) -> dict[str, int | None]:  # noqa: ANN401 - a Range or none
    return {f"{name}_{end}": getattr(value, end, None) for end in ("low", "best", "high")}
