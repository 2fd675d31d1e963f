"""The database for tests: nothing starts until a test asks for ``database_url``.

The controller of the run makes one folder for all workers; whichever worker is first starts the cluster there.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import postgis
import pytest
from hypothesis import settings

# A build gives the same answer twice, and tries each law on at least 500 examples; whoever develops gets new ones with
# each run. How long an example takes says more about what else the machine does than about the code.
settings.register_profile("build", derandomize=True, max_examples=500, deadline=None)
settings.register_profile("develop", deadline=None)
settings.load_profile("build" if os.environ.get("CI") else "develop")

_SHARED = pytest.StashKey[Path]()

#: The modules that take longest come first: a worker that begins with one of them at the end keeps the other waiting.
_LONG = (
    *("test_four_eyes", "test_generated_bodies", "test_history", "test_oracle", "test_canaries"),
    *("test_invisible_change", "test_described_api", "test_layer_filters", "test_records_by_role", "test_cli"),
    *("test_pool", "test_incidents"),
)


def pytest_collection_modifyitems(items):
    rank = {name: at for at, name in enumerate(_LONG)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(_LONG)))


def pytest_configure(config):
    from_controller = getattr(config, "workerinput", {}).get("flashpoint_shared")
    config.stash[_SHARED] = Path(from_controller or tempfile.mkdtemp(prefix="flashpoint-tests-"))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    node.workerinput["flashpoint_shared"] = str(node.config.stash[_SHARED])


def pytest_unconfigure(config):
    if hasattr(config, "workerinput") or _SHARED not in config.stash:
        return
    postgis.clean_up(config.stash[_SHARED])
    shutil.rmtree(config.stash[_SHARED], ignore_errors=True)


@pytest.fixture(scope="session")
def shared_folder(request) -> Path:
    """One folder for all processes of this run."""
    return request.config.stash[_SHARED]


@pytest.fixture(scope="session")
def database_url(shared_folder, worker_id) -> Iterator[str]:
    """A migrated database for this worker alone; what a test commits, the worker's later tests see."""
    with postgis.clone(shared_folder, worker_id) as url:
        yield url


@pytest.fixture
def fresh_database_url(shared_folder, worker_id, database_url) -> Iterator[str]:  # noqa: ARG001 - it keeps the server up
    """A migrated database for one test alone; making it takes about 0.1 s."""
    with postgis.clone(shared_folder, f"{worker_id}_fresh") as url:
        yield url


@pytest.fixture(scope="module")
def module_database_url(shared_folder, worker_id, database_url, request) -> Iterator[str]:  # noqa: ARG001 - likewise
    """A migrated database for the tests of one module."""
    with postgis.clone(shared_folder, f"{worker_id}_{request.module.__name__}") as url:
        yield url
