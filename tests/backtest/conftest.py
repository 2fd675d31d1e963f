from pathlib import Path

import pytest

from flashpoint.store.engine import Database


@pytest.fixture
def database(fresh_database_url):
    database = Database(fresh_database_url, pool_size=2)
    yield database
    database.close()


@pytest.fixture
def reading(database):
    """Read once the test has written: ``with reading() as reader``."""
    return database.vault_reader


@pytest.fixture(scope="session")
def real_data():
    folder = Path(__file__).parents[3] / "shared" / "data"
    if not (folder / "README.md").is_file():
        pytest.skip("the real files (UCDP GED, COD-AB, COD-PS) are not in ../shared/data")
    return folder
