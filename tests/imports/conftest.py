from pathlib import Path

import pytest
from import_files import quiet, write_boundaries

from flashpoint.imports import BoundaryTarget, boundaries
from flashpoint.store.engine import Database


@pytest.fixture
def database(fresh_database_url):
    database = Database(fresh_database_url, pool_size=2)
    yield database
    database.close()


@pytest.fixture(scope="session")
def real_data():
    folder = Path(__file__).parents[3] / "shared" / "data"
    if not (folder / "README.md").is_file():
        pytest.skip("the real files (UCDP GED, COD-AB, COD-PS) are not in ../shared/data")
    return folder


@pytest.fixture
def zedland(database, tmp_path):
    boundaries(database, write_boundaries(tmp_path), BoundaryTarget("ZZZ", "adm3"), quiet)
    return database
