"""The private cluster: started, shared, killed and mended. Real processes, nothing mocked."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from flashpoint import postgres
from flashpoint.errors import Unavailable
from flashpoint.local import cluster, running_url

#: A second command: enters the cluster, prints its URL, and leaves it when its standard input closes.
COMMAND = """
import sys
from pathlib import Path
from flashpoint.local import cluster
with cluster(Path(sys.argv[1]), lambda message: print("#", message, flush=True)) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


def ask(url, question, *parameters):
    with psycopg.connect(make_url(url).set(drivername="postgresql").render_as_string(), autocommit=True) as connection:
        answer = connection.execute(question, parameters)
        return answer.fetchone()[0] if answer.description else None


def processes_on(home):
    return postgres._processes_on(home / "data")  # noqa: SLF001 - what must be gone is what evict() would look for


def until(condition, patience_s=20):
    give_up_at = time.monotonic() + patience_s
    while not (result := condition()):
        assert time.monotonic() < give_up_at, "waited in vain"
        time.sleep(0.05)
    return result


@contextmanager
def command(home):
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def url_from(process):
    for line in process.stdout:
        if line.startswith("postgresql"):
            return line.strip()
    raise AssertionError("the command ended without a URL")


@pytest.fixture
def home(tmp_path):
    yield tmp_path / "pg"
    postgres.evict(tmp_path / "pg/data")


def test_starts_with_postgis_utf8_and_no_network(home):
    with cluster(home) as url:
        assert ask(url, "SELECT postgis_lib_version()") >= "3.3"
        assert ask(url, "SHOW server_encoding") == "UTF8"
        assert ask(url, "SHOW data_checksums") == "on"
        assert ask(url, "SHOW listen_addresses") == ""
        assert ask(url, "SHOW fsync") == "on"
        assert running_url(home) == url


def test_the_log_repeats_no_reported_value(home):
    with cluster(home, durable=False) as url:
        ask(url, "CREATE TABLE t (name text UNIQUE)")
        ask(url, "INSERT INTO t VALUES ('Aminata')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            ask(url, "INSERT INTO t VALUES ('Aminata')")
    log = (home / "postgres.log").read_text()
    assert "t_name_key" in log
    assert "Aminata" not in log


def test_stops_without_a_trace_and_starts_again_quickly(home):
    with cluster(home, durable=False) as url:
        ask(url, "CREATE TABLE kept AS SELECT 7 AS n")
        sockets = Path(make_url(url).query["host"])
    assert processes_on(home) == []
    assert not sockets.exists()
    assert running_url(home) is None
    began_at = time.monotonic()
    with cluster(home, durable=False) as url:
        assert time.monotonic() - began_at < 5
        assert ask(url, "SELECT n FROM kept") == 7


def test_a_guest_connects_and_does_not_stop_it(home):
    with cluster(home, durable=False) as url:
        with command(home) as guest:
            assert url_from(guest) == url
            guest.stdin.close()
            assert guest.wait(20) == 0
        with cluster(home) as again:
            assert again == url
        assert ask(url, "SELECT 1") == 1


def test_the_keeper_waits_for_its_guests(home):
    with command(home) as keeper:
        url = url_from(keeper)
        with cluster(home, durable=False) as same:
            assert same == url
            keeper.stdin.close()
            assert "still uses" in keeper.stdout.readline()
            assert ask(url, "SELECT 1") == 1
        assert keeper.wait(20) == 0
    assert processes_on(home) == []


def test_ctrl_c_while_waiting_for_guests_stops_it_now(home):
    with command(home) as keeper:
        url_from(keeper)
        with cluster(home, durable=False):
            keeper.stdin.close()
            keeper.stdout.readline()
            keeper.send_signal(signal.SIGINT)
            keeper.wait(20)
            assert processes_on(home) == []


def test_ctrl_c_leaves_nothing_running(home):
    with command(home) as keeper:
        url_from(keeper)
        keeper.send_signal(signal.SIGINT)
        keeper.wait(20)
    assert processes_on(home) == []
    assert running_url(home) is None


def test_two_starts_at_once_share_one_server(home):
    with command(home) as first, command(home) as second:
        assert url_from(first) == url_from(second)
        first.stdin.close()
        second.stdin.close()
        assert first.wait(20) == second.wait(20) == 0
    assert processes_on(home) == []


def test_a_killed_server_is_started_again_at_the_same_address(home):
    messages = []
    with cluster(home, messages.append) as url:
        ask(url, "CREATE TABLE kept AS SELECT 7 AS n")
        os.kill(postgres._recorded_pid(home / "data"), signal.SIGKILL)  # noqa: SLF001 - the number that PostgreSQL wrote
        until(lambda: any("unexpectedly" in message for message in messages))
        until(lambda: running_url(home) == url)
        assert ask(url, "SELECT n FROM kept") == 7


def test_a_killed_command_takes_its_server_with_it_and_the_next_start_mends(home):
    with command(home) as keeper:
        url = url_from(keeper)
        ask(url, "CREATE TABLE kept AS SELECT 7 AS n")
        keeper.kill()
        until(lambda: not processes_on(home))
    with cluster(home, durable=False) as again:
        assert ask(again, "SELECT n FROM kept") == 7
    assert not Path(make_url(url).query["host"]).exists()


def test_killed_all_at_once_with_its_process_number_taken_over(home):
    with command(home) as keeper:
        ask(url_from(keeper), "CREATE TABLE kept AS SELECT 7 AS n")
        keeper.send_signal(signal.SIGSTOP)  # so that it cannot start the server again
        for pid in processes_on(home):
            with suppress(ProcessLookupError):  # one may end because of another
                os.kill(pid, signal.SIGKILL)
        keeper.kill()
        keeper.wait()
    # After a reboot the number in the stale lock file may be that of any program, even of one of the same account.
    bystander = subprocess.Popen(["sleep", "60"], user=(home / "data").stat().st_uid if os.geteuid() == 0 else None)
    lock = home / "data/postmaster.pid"
    lock.write_text("\n".join([str(bystander.pid), *lock.read_text().splitlines()[1:]]))
    with cluster(home, durable=False) as url:
        assert ask(url, "SELECT n FROM kept") == 7
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


@pytest.mark.parametrize("delay_s", [0.05, 0.3, 0.6])
def test_a_first_start_that_was_killed_is_mended(home, delay_s):
    with command(home) as keeper:
        until(home.exists)
        time.sleep(delay_s)
        keeper.kill()
    with cluster(home, durable=False) as url:
        assert ask(url, "SELECT postgis_lib_version()")
    assert not (home / "data.new").exists()


def test_half_made_data_are_thrown_away(home):
    (home / "data.new/base").mkdir(parents=True)
    (home / "server.json").write_text('{"sock')
    with cluster(home, durable=False) as url:
        assert ask(url, "SELECT 1") == 1
    assert not (home / "data.new").exists()


def test_a_long_path_and_closed_parents_do_not_matter(home):
    closed = home / "closed"
    closed.mkdir(mode=0o700, parents=True)
    deep = closed.joinpath(*["a-rather-long-folder-name"] * 10, "pg")
    with cluster(deep, durable=False) as url:
        assert ask(url, "SELECT 1") == 1
        assert (deep / "data/PG_VERSION").exists()
    assert processes_on(deep) == []


def test_a_copied_home_does_not_lead_to_the_original(home, tmp_path):
    with cluster(home, durable=False) as url:
        copy = tmp_path / "copy"
        (copy / "data").mkdir(parents=True)
        (copy / "server.json").write_text((home / "server.json").read_text())
        assert running_url(home) == url
        assert running_url(copy) is None


def test_without_postgis_it_says_how_to_mend(home, monkeypatch, tmp_path):
    monkeypatch.setattr(postgres, "INSTALLED_UNDER", tmp_path)
    with pytest.raises(Unavailable, match="apt-get install postgresql-15-postgis-3"), cluster(home):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account's folder")
def test_where_owners_cannot_be_kept_the_data_go_elsewhere(home, monkeypatch, tmp_path):
    def refuse(folder, _owner):
        folder.mkdir(parents=True)
        raise PermissionError

    monkeypatch.setattr("flashpoint.local.make_private", refuse)
    monkeypatch.setattr("flashpoint.local.ELSEWHERE", tmp_path / "elsewhere")
    messages = []
    with cluster(home, messages.append, durable=False) as url:
        assert ask(url, "SELECT 1") == 1
    assert (home / "data").is_symlink()
    assert any("elsewhere" in message for message in messages)
    with cluster(home, durable=False) as url:
        assert ask(url, "SELECT 1") == 1
