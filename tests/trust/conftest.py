"""A running service for each worker, and an operation of its own for each test."""

import postgis
import pytest
import service as running_service


@pytest.fixture(scope="session")
def service(shared_folder, worker_id, database_url, tmp_path_factory):  # noqa: ARG001 - it keeps the server up
    """The app, running on a database of its own; what one test commits, later ones see."""
    with (
        postgis.clone(shared_folder, f"{worker_id}_trust") as url,
        running_service.running(url, tmp_path_factory.mktemp("home")) as service,
    ):
        yield service


@pytest.fixture
def operation(service):
    """An operation that no other test has."""
    return service.operation()


@pytest.fixture
def elsewhere(service):
    """Another operation, with its own keys."""
    return service.operation()
