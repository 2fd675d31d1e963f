"""Governing the method: a coordinator proposes a version, sees what it would change, and puts it in force.

Each verb runs in the caller's transaction. Versions and adoptions are added, never changed, each with its reason.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flashpoint import access, assess
from flashpoint.access import Permission
from flashpoint.comparison import Comparison, compare
from flashpoint.errors import Conflict, Invalid, NotFound, Violation
from flashpoint.reports import AdoptionReport, MethodReport, read
from flashpoint.scoring.document import described
from flashpoint.scoring.methodology import DEFAULT, METHODOLOGIES, Methodology
from flashpoint.scoring.revision import Difference, differences, revised
from flashpoint.store import methodologies, places
from flashpoint.store.engine import Record, ReleaseReader, Vault, VaultReader
from flashpoint.strictjson import JsonValue
from flashpoint.types import Actor, Audience

#: How published versions are called. A version of an operation must not look like one.
_PUBLISHED_FORM = re.compile(r"[0-9]{4}\.[0-9]+")
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the method as an audience sees it: what it is, who proposed it and why, and when it counted.

    ``proposal`` is ``None`` for what the software published, and for whoever may not know who proposed it;
    ``differs`` is ``None`` where there is no base to compare with.
    """

    method: Methodology
    in_force: bool
    based_on: str | None
    differs: tuple[Difference, ...] | None
    proposal: Record | None
    adoptions: tuple[Record, ...]

    @property
    def state(self) -> str:
        """``in_force``, ``earlier`` (was in force), ``proposed`` or ``published`` (neither)."""
        if self.in_force:
            return "in_force"
        if self.adoptions:
            return "earlier"
        return "published" if self.proposal is None else "proposed"


def propose(vault: Vault, actor: Actor, operation: str, document: JsonValue) -> Methodology:
    """Record a version for an operation, made of the one it is based on (the one in force, if none is named).

    Raises:
        Forbidden: the actor's role does not govern the method.
        NotFound: there is no such operation for the actor.
        Invalid: what is wrong with the document, with pointers into it.
        Conflict: a version of that name is there.
    """
    _governed(vault, actor, operation)
    report = read(MethodReport, document, "")
    if _PUBLISHED_FORM.fullmatch(report.version) and report.version not in METHODOLOGIES:
        rule = "must not be a year, a point and a number: so the published versions are called"
        raise Invalid(Violation("/version", "reserved", rule))
    base = _base(vault, operation, report.based_on)
    made = revised(base, report.version, report.changes)
    methodologies.add(vault, actor, operation, made, (report.reason, base.version))
    return made


def preview(reader: VaultReader, operation: str, version: str, as_of: datetime) -> Comparison:
    """Compare the matrix that a version would give at a moment with the one in force then. Writes nothing.

    Raises:
        NotFound: there is no such version.
    """
    proposed = methodologies.named(reader, operation, version, methodologies.EVER)
    return compare(
        assess.evaluate(reader, operation, as_of),
        assess.scored(reader, operation, as_of, proposed),
    )


def adopt(vault: Vault, actor: Actor, operation: str, version: str, reason: str) -> None:
    """Put a version in force for an operation from now on; the assessor takes it up at once.

    Raises:
        Forbidden: the actor's role does not govern the method.
        NotFound: there is no such operation for the actor, or no such version.
        Invalid: the reason is missing or too long.
        Conflict: it is in force already.
    """
    _governed(vault, actor, operation)
    read(AdoptionReport, {"operation": operation, "reason": reason}, "")
    adopted = methodologies.named(vault, operation, version, methodologies.EVER)
    if methodologies.in_force(vault, operation, vault.at, vault.at).version == adopted.version:
        raise Conflict("this version is in force already")
    methodologies.adopt(vault, actor, operation, adopted, (reason, vault.at))


def versions(
    reader: VaultReader | ReleaseReader, operation: str, audience: Audience = Audience.CLUSTER
) -> list[Version]:
    """List the versions that an operation has or may adopt, the newest first, as an audience may see them.

    Raises:
        NotFound: there is no such operation.
    """
    rows = {row.version: row for row in methodologies.shown(reader, operation, audience)}
    adoptions = methodologies.adoptions(reader, operation, audience)
    known = METHODOLOGIES | {name: Methodology.from_dict(row.parameters) for name, row in rows.items()}
    current = adoptions[-1].version if adoptions else DEFAULT.version
    found = [_version(method, known, rows.get(name), adoptions, current) for name, method in known.items()]
    return sorted(found, key=_newest, reverse=True)


def find(
    reader: VaultReader | ReleaseReader, operation: str, version: str, audience: Audience = Audience.CLUSTER
) -> Version:
    """Give one of ``versions``.

    Raises:
        NotFound: there is no such operation, or no such version for the audience.
    """
    for found in versions(reader, operation, audience):
        if found.method.version == version:
            return found
    raise NotFound("no such version of the method")


def tree(version: Version) -> dict[str, Any]:
    """Write a version as JSON values."""
    return {
        "version": version.method.version,
        "state": version.state,
        "in_force": version.in_force,
        "based_on": version.based_on,
        "differs": None if version.differs is None else [_difference(one) for one in version.differs],
        "proposed": None if version.proposal is None else _deed(version.proposal),
        "adoptions": [{**_deed(row), "known_at": row.known_at} for row in version.adoptions],
    }


def full_tree(version: Version) -> dict[str, Any]:
    """Write a version with every parameter and what it means."""
    return {**tree(version), "parameters": described(version.method)}


def _governed(vault: Vault, actor: Actor, operation: str) -> None:
    access.require(actor, Permission.GOVERN_METHOD)
    places.find_operation(vault, actor, operation)


def _base(vault: Vault, operation: str, based_on: str | None) -> Methodology:
    if based_on is None:
        return methodologies.in_force(vault, operation, vault.at, vault.at)
    try:
        return methodologies.named(vault, operation, based_on, methodologies.EVER)
    except NotFound:
        rule = "must be a version that is published or that the operation has"
        raise Invalid(Violation("/based_on", "no_such_version", rule)) from None


def _version(
    method: Methodology, known: Mapping[str, Methodology], row: Record | None, adoptions: Iterable[Record], current: str
) -> Version:
    base: str | None = None if row is None else row.based_on
    return Version(
        method=method,
        in_force=method.version == current,
        based_on=base,
        differs=differences(known[base], method) if base is not None and base in known else None,
        proposal=None if row is None or base is None or row.recorded_at is None else row,
        adoptions=tuple(one for one in adoptions if one.version == method.version),
    )


def _newest(version: Version) -> tuple[datetime, str]:
    deeds = [*version.adoptions, *([version.proposal] if version.proposal else [])]
    return max((row.recorded_at for row in deeds), default=_BEFORE_ALL), version.method.version


def _deed(row: Record) -> dict[str, Any]:
    return {"recorded_at": row.recorded_at, "by": row.recorded_by, "reason": row.reason}


def _difference(one: Difference) -> dict[str, Any]:
    return {"parameter": one.parameter, "from": one.before, "to": one.after}
