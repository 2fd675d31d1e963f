from pathlib import Path

import pytest

from flashpoint.ingest.account import Account, Kind


@pytest.fixture
def account():
    return Account()


@pytest.fixture(scope="session")
def real_data():
    """The real files, read in place; a clone of the repository has none."""
    folder = Path(__file__).parents[3] / "shared" / "data"
    if not (folder / "README.md").is_file():
        pytest.skip("the real files (UCDP GED, COD-AB, COD-PS) are not in ../shared/data")
    return folder


@pytest.fixture
def reasons(account):
    """What an account remarked of one kind: reason -> count."""

    def of(kind: Kind) -> dict[str, int]:
        return {remark.reason: remark.count for remark in account.remarks if remark.kind is kind}

    return of
