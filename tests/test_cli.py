"""The command line as a person or a script calls it, on a database of its own."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
from service import away_from_the_quarter

from flashpoint import cli, sample
from flashpoint.scoring.draws import DECLARED
from flashpoint.store.engine import Database
from flashpoint.types import Audience

FLASHPOINT = Path(sys.executable).with_name("flashpoint")


@pytest.fixture(scope="module")
def environment(module_database_url, tmp_path_factory):
    database = Database(module_database_url, pool_size=1)
    sample.load(database)
    database.close()
    return {"FLASHPOINT_DATABASE_URL": module_database_url, "FLASHPOINT_HOME": str(tmp_path_factory.mktemp("home"))}


@pytest.fixture
def flashpoint(environment):
    def run(*arguments, status=0, typed=None, **settings):
        named = os.environ | environment | settings
        done = subprocess.run(
            [FLASHPOINT, *arguments], env=named, input=typed, capture_output=True, text=True, check=False
        )
        assert done.returncode == status, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


COMMANDS = (
    *("", "up", "serve", "migrate", "doctor", "rank", "explain", "queue", "sensitivity", "export"),
    *("import", "import boundaries", "import population", "import ucdp"),
    *("key", "key issue", "key list", "key rotate", "key revoke"),
    *("person", "person enrol", "person list", "person revoke"),
    *("audit", "audit verify", "audit head", "audit list"),
    *("method", "method list", "method show", "method propose", "method preview", "method adopt", "method document"),
    *("protocol", "protocol template", "protocol propose", "protocol adopt", "protocol suspend"),
    *("protocol list", "protocol show"),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(flashpoint, command):
    assert "Usage" in flashpoint(*command.split(), "--help").stdout


def test_rank_shows_the_matrix_to_people_and_scripts(flashpoint):
    table = flashpoint("rank", "--operation", "DEMO", "--top", "3").stdout
    rows = json.loads(flashpoint("rank", "--operation", "DEMO", "--top", "3", "--json").stdout)["rows"]
    assert [row["rank"] for row in rows] == [1, 2, 3]
    for row in rows:
        assert row["name"] in table
        assert f"{row['score']:.2f}" in table


def test_sensitivity_says_who_stays_and_draws_it(flashpoint, tmp_path):
    answer = json.loads(flashpoint("sensitivity", "-o", "DEMO", "--top", "500", "--json").stdout)
    shares = [row["top_k_share"] for row in answer["rows"]]
    assert sum(shares) == pytest.approx(min(answer["k"], len(shares)))
    assert answer["ranges"] == asdict(DECLARED) | {"half_life_steps_per_octave": 4}
    plot = tmp_path / "stay.svg"
    table = flashpoint("sensitivity", "-o", "DEMO", "--top", "3", "--plot", str(plot)).stdout
    for row in answer["rows"][:3]:
        assert row["name"] in table
        assert f"{row['top_k_share']:.1%}" in table
    assert "stays in the top 10" in plot.read_text()
    assert "png, .svg or .pdf" in flashpoint("sensitivity", "-o", "DEMO", "--plot", "stay.txt", status=2).stderr


def test_rank_answers_for_the_past(flashpoint):
    now, then = (
        json.loads(flashpoint("rank", "-o", "DEMO", "--json", *extra).stdout)["rows"]
        for extra in ((), ("--as-of", time.strftime("%Y-%m-%d", time.gmtime(time.time() - 120 * 86400))))
    )
    assert [row["score"] for row in now] != [row["score"] for row in then]


def test_explain_gives_points_that_add_up(flashpoint):
    answer = json.loads(flashpoint("explain", "Bambari", "--operation", "DEMO", "--json").stdout)
    points = sum(line["points"] for line in answer["explanation"]["contributions"])
    assert round(points, 2) == answer["row"]["score"]
    assert "Bambari" in flashpoint("explain", "CF431-T1", "--operation", "DEMO").stdout


def test_a_key_is_issued_listed_without_its_secret_and_revoked(flashpoint):
    issued = json.loads(
        flashpoint("key", "issue", "--handle", "wall", "--role", "reader", "-o", "DEMO", "--json").stdout
    )
    listing = flashpoint("key", "list", "--json").stdout
    (entry,) = [one for one in json.loads(listing) if one["id"] == issued["id"]]
    assert entry["operations"] == ["DEMO"]
    assert entry["audience"] == "mission"
    assert entry["revoked_at"] is None
    assert issued["key"] not in listing
    flashpoint("key", "revoke", issued["id"])
    (entry,) = [one for one in json.loads(flashpoint("key", "list", "--json").stdout) if one["id"] == issued["id"]]
    assert entry["revoked_at"] is not None
    assert "no such key" in flashpoint("key", "revoke", issued["id"], status=1).stderr


def listed(flashpoint, group):
    return {row["id"]: row for row in json.loads(flashpoint(group, "list", "--json").stdout)}


def test_a_key_for_few_actions_is_rotated(flashpoint):
    scope = ("--role", "analyst", "-o", "DEMO", "--action", "report", "--action", "read_matrix", "--days", "7")
    old = json.loads(flashpoint("key", "issue", "--handle", "form", *scope, "--json").stdout)
    new = json.loads(flashpoint("key", "rotate", old["id"], "--grace-hours", "1", "--json").stdout)
    assert new["key"] != old["key"]
    keys = listed(flashpoint, "key")
    kept = ("handle", "role", "audience", "operations", "actions")
    assert {name: keys[new["id"]][name] for name in kept} == {name: keys[old["id"]][name] for name in kept}
    assert keys[new["id"]]["actions"] == ["read_matrix", "report"]
    assert (keys[new["id"]]["replaces"], keys[new["id"]]["last_used_on"]) == (old["id"], None)
    assert keys[old["id"]]["expires_at"] < keys[new["id"]]["expires_at"]
    assert "read_matrix" in flashpoint("key", "list").stdout


def test_a_key_for_the_mission_reads_no_record(flashpoint):
    issue = ("key", "issue", "--handle", "liaison", "-o", "DEMO", "--audience", "mission", "--role")
    assert "reads no record" in flashpoint(*issue, "analyst", status=2).stderr
    # The control: narrowed to what is released, and for the role that reads nothing else.
    assert flashpoint(*issue, "analyst", "--action", "read_matrix").stdout.startswith("fp_")
    assert flashpoint(*issue, "reader").stdout.startswith("fp_")


def test_a_person_is_enrolled_by_subject_and_no_subject_is_kept(flashpoint):
    provider = {"FLASHPOINT_OIDC_ISSUER": "https://id.example.org", "FLASHPOINT_OIDC_AUDIENCE": "flashpoint"}
    scope = ("--handle", "verifier-7", "--role", "verifier", "-o", "DEMO", "--action", "transition", "--json")
    enrolled = flashpoint("person", "enrol", "--subject", "-", *scope, typed="7d3f-subject\n", **provider)
    assert enrolled.stderr.strip() == "subject:"
    enrolment = json.loads(enrolled.stdout)["id"]
    assert "no such key" in flashpoint("key", "revoke", enrolment, status=1).stderr
    flashpoint("person", "revoke", enrolment)
    entry = listed(flashpoint, "person")[enrolment]
    assert (entry["handle"], entry["role"], entry["actions"]) == ("verifier-7", "verifier", ["transition"])
    assert entry["revoked_at"] is not None
    assert "7d3f" not in json.dumps(entry)


def test_a_method_is_proposed_looked_at_and_put_in_force(flashpoint, tmp_path):
    proposal = {"version": "CLI-1", "reason": "a trial", "changes": {"threat_exponent": 0.5, "silence_days": 14}}
    file = tmp_path / "proposal.json"
    file.write_text(json.dumps(proposal))
    away_from_the_quarter(60)
    before = flashpoint("rank", "-o", "DEMO", "--json").stdout
    flashpoint("method", "propose", str(file), "-o", "DEMO")
    assert "already" in flashpoint("method", "propose", str(file), "-o", "DEMO", status=1).stderr
    shown = json.loads(flashpoint("method", "show", "CLI-1", "-o", "DEMO", "--json").stdout)
    assert (shown["state"], shown["proposed"]["by"]) == ("proposed", "console")
    assert "silence_days: 21 -> 14" in flashpoint("method", "show", "CLI-1", "-o", "DEMO").stdout
    preview = json.loads(flashpoint("method", "preview", "CLI-1", "-o", "DEMO", "--json").stdout)
    assert [row["now"]["rank"] for row in preview["rows"]] != [row["proposed"]["rank"] for row in preview["rows"]]
    table = flashpoint("method", "preview", "CLI-1", "-o", "DEMO", "--top", "3").stdout
    assert all(row["name"] in table for row in preview["rows"][:3])
    ranked = [(row["pcode"], row["score"]) for row in json.loads(before)["rows"]]
    now = sorted(preview["rows"], key=lambda row: row["now"]["rank"])
    assert [(row["pcode"], row["now"]["score"]) for row in now] == ranked
    assert "in force for DEMO" in flashpoint("method", "adopt", "CLI-1", "-o", "DEMO", "--reason", "agreed").stderr
    after = json.loads(flashpoint("rank", "-o", "DEMO", "--json").stdout)
    assert after["methodology"] == "CLI-1"
    assert [(row["pcode"], row["score"]) for row in after["rows"]] == [
        (row["pcode"], row["proposed"]["score"]) for row in preview["rows"]
    ]
    listing = json.loads(flashpoint("method", "list", "-o", "DEMO", "--json").stdout)
    assert [one["version"] for one in listing if one["in_force"]] == ["CLI-1"]
    assert "agreed" in flashpoint("method", "list", "-o", "DEMO").stdout


def test_the_page_of_the_method_is_written_by_one_command(flashpoint, tmp_path):
    published = (Path(__file__).parents[1] / "docs/methodology.md").read_text(encoding="utf-8")
    page = tmp_path / "page.md"
    begin, end = published.index("| parameter |"), published.index("<!-- end of parameters")
    page.write_text(published[:begin] + published[end:], encoding="utf-8")
    flashpoint("method", "document", str(page))
    assert page.read_text(encoding="utf-8") == published
    page.write_text("no markers", encoding="utf-8")
    assert "markers" in flashpoint("method", "document", str(page), status=2).stderr


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["rank", "-o", "NOPE"], 1, "no such operation"),
        (["rank", "-o", "DEMO", "--as-of", "someday"], 2, "must be a date"),
        (["rank", "-o", "DEMO", "--as-of", "2999-01-01"], 2, "between 1900 and now"),
        (["explain", "Atlantis", "-o", "DEMO"], 1, "no locality is called so"),
        (["key", "issue", "--handle", "x", "--role", "reader"], 2, "--all-operations"),
        (["key", "issue", "--handle", "x", "--role", "reader", "-o", "DEMO", "--action", "report"], 2, "--action"),
        (
            ["person", "enrol", "--subject", "x", "--handle", "x", "--role", "reader", "-o", "DEMO"],
            2,
            "FLASHPOINT_OIDC_ISSUER",
        ),
        (["method", "list", "-o", "NOPE"], 1, "no such operation"),
        (["method", "preview", "NOPE", "-o", "DEMO"], 1, "no such version"),
        (["method", "adopt", "2026.1", "-o", "DEMO", "--reason", " "], 2, "/reason"),
    ],
)
def test_what_goes_wrong_is_one_clear_line(flashpoint, arguments, status, says):
    assert says in flashpoint(*arguments, status=status).stderr


def test_the_doctor_speaks_json(environment):
    done = subprocess.run(
        [FLASHPOINT, "doctor", "--json"], env=os.environ | environment, capture_output=True, text=True, check=False
    )
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert findings["python"]["ok"]
    assert findings["database"]["ok"]
    assert done.returncode == (0 if all(finding["ok"] for finding in findings.values()) else 1)


def test_migrate_can_be_repeated(flashpoint):
    flashpoint("migrate")
    flashpoint("migrate")


@pytest.fixture
def demo(tmp_path):
    """Start ``flashpoint up`` as a person would, on a free port with a home of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = tmp_path / "state"
    settings = {"FLASHPOINT_HOME": str(home), "FLASHPOINT_PORT": str(port)}
    environment = {name: value for name, value in os.environ.items() if name != "FLASHPOINT_DATABASE_URL"} | settings
    started = []

    def start():
        process = subprocess.Popen(
            [FLASHPOINT, "up"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        started.append(process)
        _wait_for(f"http://127.0.0.1:{port}/readyz", process)
        return process

    yield start, home, port
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


def _wait_for(url, process):
    for _ in range(600):
        assert process.poll() is None, process.stdout.read().decode()
        try:
            with urllib.request.urlopen(url):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the demo did not come up")


def test_up_serves_the_demo_ends_with_ctrl_c_and_starts_again(demo):
    start, home, port = demo
    for _ in range(2):
        process = start()
        keys = json.loads((home / "demo-keys.json").read_text())
        assert set(keys) == {"analyst", "verifier", "coordinator", "reader", "auditor"}
        assert stat.S_IMODE((home / "demo-keys.json").stat().st_mode) == 0o600
        assert _matrix(port, keys["reader"])["features"][0]["properties"]["rank"] == 1
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        assert keys["reader"] in printed.decode()
        assert "Traceback" not in printed.decode()
        left = subprocess.run(["pgrep", "-f", str(home)], capture_output=True, text=True, check=False)
        assert not left.stdout


def _matrix(port, key):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/matrix?operation=DEMO&geometry=none", headers={"Authorization": f"Bearer {key}"}
    )
    for _ in range(100):
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)
        except urllib.error.HTTPError:  # the first assessment takes a moment
            time.sleep(0.1)
    raise AssertionError("no matrix was served")


def test_a_protocol_is_agreed_at_set_up_by_one_person_who_says_so(environment, monkeypatch, capfd, tmp_path):
    """In this process: that a command is one is seen above."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments, status=0):
        monkeypatch.setattr(sys, "argv", ["flashpoint", "protocol", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capfd.readouterr()
        assert ended.value.code == status, told
        return told

    file, on = tmp_path / "protocol.json", ("--operation", "DEMO")
    file.write_text(run("template").out)
    assert "must be filled in" in run("propose", str(file), *on, status=2).err
    file.write_text(re.sub(r"<([^<>]*)>", r"\1", file.read_text()).replace(f"{datetime.now(UTC).year}-1", "SET-UP"))
    run("propose", str(file), *on)
    adopt = ("adopt", "SET-UP", *on, "--reason", "Signed by both sides.")
    assert "takes two people" in run(*adopt, status=1).err
    run(*adopt, "--sole-signature")
    assert "(sole signature)" in run("list", *on).out
    told = json.loads(run("list", *on, "--json").out)
    assert told["in_force"]["version"] == "SET-UP"
    assert {one["version"]: one["state"] for one in told["versions"]} == {"SET-UP": "in_force", "DEMO-P1": "replaced"}
    notes = ["notes" in json.loads(run("show", "SET-UP", *on, "--audience", one).out)["document"] for one in Audience]
    assert notes == [True, False]
    run("suspend", "SET-UP", *on, "--reason", "A screen was photographed.")
    assert "the mission is given nothing" in run("list", *on).out
    # What somebody else proposed, the command line puts in force without a flag.
    run("adopt", "DEMO-P1", *on, "--reason", "Back to what was agreed.")
    (again,) = [one for one in json.loads(run("list", *on, "--json").out)["versions"] if one["state"] == "in_force"]
    assert [act["sole_signature"] for act in again["acts"][1:]] == [False, False]
