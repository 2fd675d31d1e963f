"""``flashpoint backtest`` and ``flashpoint calibrate`` as a person or a script calls them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from backtest_worlds import land, restless

from flashpoint.store.engine import Database

FLASHPOINT = Path(sys.executable).with_name("flashpoint")
PERIOD = ("--from", "2015-01", "--to", "2017-06")


@pytest.fixture(scope="module")
def flashpoint(module_database_url, tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    database = Database(module_database_url, pool_size=1)
    land(database, folder, 24, restless(years=4), across=6)
    land(database, folder, 3, code="NIL")
    database.close()
    environment = {"FLASHPOINT_DATABASE_URL": module_database_url, "FLASHPOINT_HOME": str(folder)}

    def run(*arguments, status=0):
        done = subprocess.run(
            [FLASHPOINT, *arguments],
            env=os.environ | environment,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.mark.parametrize("command", ["backtest", "calibrate"])
def test_every_command_explains_itself(flashpoint, command):
    assert "Usage" in flashpoint(command, "--help").stdout


def test_backtest_shows_a_table_and_writes_json_and_a_picture(flashpoint, tmp_path):
    files = ("--output", tmp_path / "told.json", "--plot", tmp_path / "told.png")
    table = flashpoint("backtest", "-o", "ZED", *PERIOD, "--k", "3", *map(str, files)).stdout
    told = json.loads((tmp_path / "told.json").read_text())
    assert next(iter(told["rankings"])) == "default"
    for name, figures in told["rankings"].items():
        assert set(figures) == {"capture", "deaths", "ndcg"}
        (line,) = [line for line in table.splitlines() if line.startswith(f"{name} ")]
        assert f"{figures['capture']:.3f}" in line
    assert (tmp_path / "told.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads(flashpoint("backtest", "-o", "ZED", *PERIOD, "--k", "3", "--json").stdout) == told


def test_backtest_of_nothing_is_a_table_without_figures(flashpoint):
    table = flashpoint("backtest", "-o", "NIL", *PERIOD).stdout
    assert "n/a" in table
    assert "No verified incident" in table


def test_calibrate_proposes_what_the_method_takes(flashpoint, tmp_path):
    file = str(tmp_path / "proposal.json")
    shown = flashpoint("calibrate", "-o", "ZED", *PERIOD, "--k", "3", "--output", file).stdout
    assert "chosen" in shown
    assert "in force" in shown
    assert "On the later half, ZED" in shown
    proposal = json.loads(Path(file).read_text())
    assert set(proposal) == {"version", "based_on", "reason", "changes"}
    flashpoint("method", "propose", file, "--operation", "ZED")
    listed = json.loads(flashpoint("method", "list", "--operation", "ZED", "--json").stdout)
    states = {one["version"]: one["state"] for one in listed}
    assert states[proposal["version"]] == "proposed"
    assert states[proposal["based_on"]] == "in_force"


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["backtest", "-o", "NOPE", *PERIOD], 1, "no such operation"),
        (["backtest", "-o", "ZED", "--from", "2017-01", "--to", "2016-01"], 2, "--to: must not lie before"),
        (["backtest", "-o", "ZED", "--from", "soon", "--to", "2016-01"], 2, "--from: must be a month"),
        (["backtest", "-o", "ZED", "--from", "2016-01", "--to", "2999-01"], 2, "--to: must be a month whose"),
        (["backtest", "-o", "ZED", *PERIOD, "--k", "0"], 2, "--k: must lie between"),
        (["backtest", "-o", "ZED", *PERIOD, "--plot", "plot.txt"], 2, "--plot: must end in"),
        (["backtest", "-o", "ZED", *PERIOD, "--output", "no/such/folder.json"], 2, "--output: must be in a folder"),
        (["backtest", "-o", "ZED", *PERIOD, "--methodology", "1999.1"], 1, "no such version"),
        (["calibrate", "-o", "ZED", "--from", "2015-01", "--to", "2015-03"], 2, "at least 24 months"),
        (["calibrate", "-o", "NIL", *PERIOD], 2, "--k: must be smaller"),
    ],
)
def test_what_goes_wrong_is_one_clear_line(flashpoint, arguments, status, says):
    told = flashpoint(*arguments, status=status).stderr
    assert says in " ".join(told.split())
