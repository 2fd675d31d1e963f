"""Making a method version out of another by naming what changes, and telling two versions apart.

A change names a parameter; of a table (severities, weights) it names only the keys that change.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flashpoint.errors import Invalid, Violation
from flashpoint.scoring.methodology import DEFAULT, Methodology

Changes = Mapping[str, object]

# A name that somebody typed is repeated only if it can hardly be anything but a parameter's name.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class Difference:
    """One value in which two versions differ: ``silence_days``, or ``severity/shelling`` for a value of a table."""

    parameter: str
    before: object
    after: object


def ordered(method: Methodology) -> dict[str, object]:
    """Return the parameters as JSON values, the keys of tables in the published order: a store may keep them in any."""
    published, values = DEFAULT.to_dict(), method.to_dict()
    del values["version"]
    return {name: _like(published[name], value) for name, value in values.items()}


def differences(base: Methodology, other: Methodology) -> tuple[Difference, ...]:
    """List what ``other`` changes against ``base``, in the order of the parameters; the version's name is no change."""
    before, after = _flat(base), _flat(other)
    return tuple(
        Difference(name, before.get(name), after.get(name))
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    )


def same_parameters(one: Methodology, other: Methodology) -> bool:
    """Say whether two versions score alike, whatever they are called."""
    return not differences(one, other)


def revised(base: Methodology, version: str, changes: Changes) -> Methodology:
    """Give the version of that name that ``base`` becomes by the changes.

    Raises:
        Invalid: a parameter or key is unknown, the formula cannot bear a value, or nothing would change. Pointers lead
            into the document that holds ``changes``.
    """
    stored = base.to_dict()
    del stored["version"]
    flaws = [flaw for name, value in changes.items() for flaw in _malformed(stored, name, value)]
    if flaws:
        raise Invalid(*flaws)
    try:
        made = Methodology.from_dict(_applied(base, version, changes))
    except Invalid as refusal:
        raise Invalid(*(placed for one in refusal.violations for placed in _placed(base, one, changes))) from None
    if same_parameters(base, made):
        raise Invalid(Violation("/changes", "unchanged", "must change at least one parameter of the version it is on"))
    return made


def _flat(method: Methodology) -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in ordered(method).items():
        if isinstance(value, Mapping):
            flat |= {f"{name}/{key}": number for key, number in value.items()}
        else:
            flat[name] = value
    return flat


def _like(published: object, value: object) -> object:
    if isinstance(value, Mapping) and isinstance(published, Mapping):
        return {key: value[key] for key in published}
    return value


def _malformed(stored: Mapping[str, object], name: str, value: object) -> Iterator[Violation]:
    if name not in stored:
        yield Violation(_below("/changes", name), "unknown", "there is no such parameter")
        return
    table = stored[name]
    if not isinstance(table, Mapping):
        yield from _not_a_number(f"/changes/{name}", value)
    elif not isinstance(value, Mapping):
        yield Violation(f"/changes/{name}", "type", "is a table: name the keys that change, each with its value")
    else:
        for key, number in value.items():
            if key not in table:
                yield Violation(_below(f"/changes/{name}", key), "unknown", "there is no such key in this table")
            else:
                yield from _not_a_number(f"/changes/{name}/{key}", number)


def _not_a_number(pointer: str, value: object) -> Iterator[Violation]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield Violation(pointer, "type", "must be a number")


def _below(pointer: str, name: str) -> str:
    return f"{pointer}/{name}" if _NAME.fullmatch(name) else pointer


def _applied(base: Methodology, version: str, changes: Changes) -> dict[str, object]:
    stored = base.to_dict()
    for name, value in changes.items():
        table = stored[name]
        stored[name] = {**table, **value} if isinstance(table, Mapping) and isinstance(value, Mapping) else value
    return {**stored, "version": version}


def _placed(base: Methodology, violation: Violation, changes: Changes) -> Iterator[Violation]:
    """Point at what was changed: the value of the table that breaks the rule alone, else the parameter."""
    name, _, key = violation.pointer.removeprefix("/").partition("/")
    if name not in changes:
        # Another parameter no longer fits the changed one.
        pointer = "/version" if name == "version" else "/changes"
        yield Violation(pointer, violation.code, f"{name}: {violation.rule}")
        return
    keys = [key] if key else _culprits(base, violation, name, changes[name])
    for one in keys or [""]:
        yield Violation(f"/changes/{name}/{one}".removesuffix("/"), violation.code, violation.rule)


def _culprits(base: Methodology, violation: Violation, name: str, value: object) -> list[str]:
    """Name the changed keys of a table that break the rule each by itself; none, where the table does as a whole."""
    if violation.code != "range" or not isinstance(value, Mapping):
        return []
    return [key for key, number in value.items() if _breaks(base, violation, {name: {key: number}})]


def _breaks(base: Methodology, violation: Violation, changes: Changes) -> bool:
    try:
        Methodology.from_dict(_applied(base, base.version, changes))
    except Invalid as refusal:
        return any((one.pointer, one.code) == (violation.pointer, violation.code) for one in refusal.violations)
    return False
