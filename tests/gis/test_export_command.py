"""``flashpoint export``: the same files as over the line, behind the same gate, whole or not at all."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flashpoint import cli
from flashpoint.access import CONSOLE
from flashpoint.errors import Invalid, NotFound, NotShared, Unavailable
from flashpoint.exports import kml_file

FLASHPOINT = Path(sys.executable).with_name("flashpoint")


@pytest.fixture(scope="module")
def operation(sampled):
    operation = sampled.operation()
    operation.verified(sharing="mission", share_above="detail")
    operation.assess()
    return operation


@pytest.fixture
def command(sampled, tmp_path, monkeypatch):
    """Run the command in this process; give what it wrote to standard output, or raise what it raised."""
    monkeypatch.setenv("FLASHPOINT_DATABASE_URL", sampled.database.url)
    monkeypatch.setenv("FLASHPOINT_HOME", str(tmp_path / "home"))

    def run(*arguments):
        done = CliRunner().invoke(cli.app, ["export", *map(str, arguments)])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.stdout_bytes

    return run


def test_a_program_writes_the_file_that_the_service_gives_and_says_how_many_rows_it_has(operation, tmp_path):
    path = tmp_path / "matrix.gpkg"
    told = ["--operation", operation.code, "--audience", "mission", "--output", path]
    environment = os.environ | {
        "FLASHPOINT_DATABASE_URL": operation.service.database.url,
        "FLASHPOINT_HOME": str(tmp_path / "home"),
    }
    done = subprocess.run(
        [FLASHPOINT, "export", "matrix", *told], env=environment, capture_output=True, text=True, check=True
    )
    assert "matrix: 4 rows for the mission, as of 20" in done.stderr
    assert done.stdout == ""
    assert path.read_bytes() == operation.reader.get("/v1/exports/matrix.gpkg").content
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(one.name for one in tmp_path.iterdir()) == ["matrix.gpkg"]


def test_text_can_go_to_standard_output_and_a_csv_file_is_described_beside_it(operation, command, tmp_path):
    code, written = command("incidents", "-o", operation.code, "--format", "csv", "--output", "-")
    assert code == 0
    assert written == operation.analyst.get("/v1/exports/incidents.csv").content
    path = tmp_path / "what.csv"
    assert command("incidents", "-o", operation.code, "--output", path)[0] == 0
    assert path.read_bytes() == written
    tree = json.loads((tmp_path / "what.csv-metadata.json").read_bytes())
    assert tree["notes"][0]["rows"] == 1
    with pytest.raises(Invalid):
        command("incidents", "-o", operation.code, "--format", "gpkg", "--output", "-")


def test_it_is_logged_in_the_name_of_the_console(operation, command, tmp_path):
    assert command("localities", "-o", operation.code, "--output", tmp_path / "x.kml")[0] == 0
    query = "SELECT subject, operation, detail FROM vault.audit WHERE actor_id = %s AND action = 'export' ORDER BY seq"
    *_, last = operation.service.owner.execute(query, [CONSOLE.id])
    assert last == ("localities", operation.code, {"audience": "cluster", "format": "kml", "rows": 4})


def test_what_the_mission_may_not_have_is_not_written_for_it(sampled, command, tmp_path):
    closed = sampled.operation(agreed=False)
    closed.assess()
    path = tmp_path / "matrix.csv"
    with pytest.raises(NotShared):
        command("matrix", "-o", closed.code, "--audience", "mission", "--output", path)
    assert not path.exists()
    # The control: the cluster goes on with its own work.
    assert command("matrix", "-o", closed.code, "--output", path)[0] == 0
    assert "No information-sharing protocol is in force." in path.read_text(encoding="utf-8")


def test_what_is_not_there_or_not_asked_right_is_said(operation, command, tmp_path):
    path = tmp_path / "x.csv"
    for arguments, error in (
        (("changes", "-o", operation.code, "--output", path), Invalid),
        (("matrix", "-o", operation.code, "--output", tmp_path / "x.shp"), Invalid),
        (("matrix", "-o", "NOBODYS", "--output", path), NotFound),
        (("matrix", "-o", operation.code, "--output", tmp_path / "none" / "x.csv"), Unavailable),
    ):
        with pytest.raises(error):
            command(*arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_finished_leaves_the_one_before(operation, command, tmp_path, monkeypatch):
    def broken(_content, path):
        path.write_text("half")
        raise OSError

    path = tmp_path / "matrix.kml"
    path.write_text("before")
    monkeypatch.setattr(kml_file, "write", broken)
    with pytest.raises(Unavailable):
        command("matrix", "-o", operation.code, "--output", path)
    assert path.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["matrix.kml"]
