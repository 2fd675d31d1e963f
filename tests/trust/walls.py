"""The walls taken down one by one, for controls: a bar that does not notice that says nothing."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, true

from flashpoint import access
from flashpoint.store import incidents, subjects
from flashpoint.types import Role, Sharing

_WALLED = "SELECT relname FROM pg_class WHERE relnamespace = 'vault'::regnamespace AND relrowsecurity"


@contextmanager
def policies_off(service: Any) -> Iterator[None]:
    """Have the database show every row to whoever may read a table."""
    tables = [name for (name,) in service.owner.execute(_WALLED)]
    _alter(service, tables, "DISABLE")
    try:
        yield
    finally:
        _alter(service, tables, "ENABLE")


def _alter(service: Any, tables: list[str], deed: str) -> None:
    for name in tables:
        service.owner.execute(f"ALTER TABLE vault.{name} {deed} ROW LEVEL SECURITY")


def widen_clearance(monkeypatch: Any) -> None:
    """Let every role know of every level, and of what is protected."""
    for role in Role:
        monkeypatch.setitem(access.CLEARANCE, role, frozenset(Sharing))
    for name, module in list(sys.modules.items()):
        if name.startswith(("flashpoint.", "api.")) and hasattr(module, "PROTECTED_CLEARANCE"):
            monkeypatch.setattr(module, "PROTECTED_CLEARANCE", frozenset(Role))


def forget_conditions(monkeypatch: Any) -> None:
    """Have the queries of records ask for every row of the operation."""

    def everything(*_asked: object) -> ColumnElement[bool]:
        return true()

    for module in (incidents, subjects):
        monkeypatch.setattr(module, "_visible", everything)
