"""A throwaway PostGIS: one private cluster per test run, one migrated template in it, one clone per worker.

As a program it runs a command against such a database: ``python tests/postgis.py alembic check``.
"""

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from flashpoint.local import cluster

SERVER_VARIABLE = "FLASHPOINT_TEST_DATABASE_URL"


@contextmanager
def clone(shared: Path, name: str) -> Iterator[str]:
    """Yield the URL of a migrated database of its own.

    ``shared`` is a folder common to all processes of the test run; ``name`` is unique within the run.
    """
    database = f"{_prefix(shared)}_{name}"
    with _server(shared) as server:
        template = _template(server, shared)
        _create(server, database, template)
        try:
            yield _render(server.set(database=database))
        finally:
            _drop(server, database)


def clean_up(shared: Path) -> None:
    """Drop the run's template from a server that outlives the run; a private cluster goes with its folder."""
    if (shared / "template").exists() and os.environ.get(SERVER_VARIABLE):
        with _server(shared) as server:
            _drop(server, f"{_prefix(shared)}_template")


@contextmanager
def _server(shared: Path) -> Iterator[URL]:
    if address := os.environ.get(SERVER_VARIABLE):
        yield make_url(address)
    else:
        with cluster(shared / "pg", durable=False) as address:
            yield make_url(address)


def _template(server: URL, shared: Path) -> str:
    """Return the name of the migrated template, which the first caller of the run makes."""
    name = f"{_prefix(shared)}_template"
    with (shared / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "template").exists():
            _drop(server, name)  # an earlier try may have failed halfway
            _create(server, name, "template1")
            _migrate(_render(server.set(database=name)))
            (shared / "template").touch()
    return name


def _migrate(url: str) -> None:
    from flashpoint.store.engine import migrate  # noqa: PLC0415 - tests of the cluster alone need no schema

    with psycopg.connect(_libpq(url), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    migrate(url)


def _prefix(shared: Path) -> str:
    return f"test_{shared.name.rsplit('-', 1)[-1].lower()}"


def _create(server: URL, name: str, template: str) -> None:
    _execute(server, sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))


def _drop(server: URL, name: str) -> None:
    _execute(server, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _execute(server: URL, statement: sql.Composed) -> None:
    with psycopg.connect(_libpq(_render(server)), autocommit=True) as connection:
        connection.execute(statement)


def _render(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _libpq(url: str) -> str:
    return _render(make_url(url).set(drivername="postgresql"))


def main() -> int:
    """Run the command given as arguments with FLASHPOINT_DATABASE_URL set to a migrated throwaway database."""
    with tempfile.TemporaryDirectory(prefix="flashpoint-tests-") as folder, clone(Path(folder), "command") as url:
        return subprocess.run(sys.argv[1:], env=os.environ | {"FLASHPOINT_DATABASE_URL": url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
