"""The database that a command works on: the one that is set, or the private cluster of the home folder."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flashpoint.access import CONSOLE
from flashpoint.local import cluster
from flashpoint.settings import Settings
from flashpoint.store import audit, places
from flashpoint.store.engine import Database, VaultReader, migrate


@contextmanager
def database_url(settings: Settings, report: Callable[[str], None]) -> Iterator[str]:
    """Give the URL of a migrated database for as long as the block runs.

    Raises:
        Unavailable: there is no PostGIS, or it does not start or answer.
    """
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        report("migrating the database")
        migrate(url)
        yield url
        return
    with cluster(settings.home, report) as url:
        report("migrating the database")
        migrate(url)
        yield url


@contextmanager
def open_database(settings: Settings, report: Callable[[str], None] = lambda _: None) -> Iterator[Database]:
    """Give the migrated database itself."""
    with database_url(settings, report) as url:
        database = Database(url, pool_size=2)
        try:
            yield database
        finally:
            database.close()


@contextmanager
def reading(settings: Settings, command: str, *operations: str) -> Iterator[VaultReader]:
    """Open the vault for a command that reads what scores are made of in these operations.

    It is logged beforehand, as the console: what cannot be logged is not read.

    Raises:
        NotFound: there is no such operation.
    """
    with open_database(settings) as database:
        with database.records(CONSOLE) as vault:
            codes = [places.find_operation(vault, CONSOLE, operation).code for operation in operations]
            for code in codes:
                audit.write(vault, CONSOLE, f"command.{command}", ("operation", code), operation=code)
        with database.vault_reader() as reader:
            yield reader
