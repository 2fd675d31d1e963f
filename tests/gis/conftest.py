"""The service with the sample data in it, for the clients that people open it with."""

from contextlib import contextmanager

import ogc as asking
import opened
import postgis
import pytest
import service as running_service

from flashpoint import sample
from flashpoint.store.engine import Database


@contextmanager
def _with_the_sample(url, home):
    database = Database(url, pool_size=2)
    sample.load(database)
    database.close()
    with running_service.running(url, home, cors_origins=opened.ELSEWHERE) as service:
        running_service.Operation(service, opened.SAMPLE).assess()
        yield service


@pytest.fixture(scope="session")
def sampled(shared_folder, worker_id, database_url, tmp_path_factory):  # noqa: ARG001 - it keeps the server up
    """The app on a database of its own with the sample in it, and a second operation. What tests write is in others."""
    with (
        postgis.clone(shared_folder, f"{worker_id}_gis") as url,
        _with_the_sample(url, tmp_path_factory.mktemp("gis")) as service,
    ):
        service.operation().assess()
        yield service


@pytest.fixture(scope="session")
def served(sampled):
    """The same over a real port, with what was asked of it: see ``opened.Served``."""
    with opened.serving(sampled) as served:
        yield served


@pytest.fixture
def asked(served):
    """Forget what was asked so far, and give what is asked from now on."""
    served.requests.clear()
    return served.requests


@pytest.fixture(scope="session")
def ogc(sampled):
    """A small world of its own, asked by a reader of the mission. Tests read, and write nothing."""
    with asking.world(sampled) as ogc:
        yield ogc
