"""The doctor: what it finds on a sound machine, and on ones with one thing wrong."""

import socket

import pytest
from pydantic import SecretStr

from flashpoint import doctor, postgres
from flashpoint.doctor import examine
from flashpoint.local import cluster
from flashpoint.settings import Settings


def settings(tmp_path, **changes):
    return Settings(**({"home": tmp_path / "home", "port": free_port(), "database_url": None} | changes))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def found(name, *arguments, **changes):
    return next(finding for finding in examine(settings(*arguments, **changes)) if finding.name == name)


def test_a_sound_machine_has_nothing_to_mend(tmp_path):
    findings = examine(settings(tmp_path))
    assert [(finding.name, finding.detail) for finding in findings if not finding.ok] == []
    assert all(finding.mend == "" for finding in findings)
    assert not (tmp_path / "home").exists()


def test_a_home_open_to_others_is_found(tmp_path):
    (tmp_path / "home").mkdir(mode=0o755)
    finding = found("home", tmp_path)
    assert not finding.ok
    assert "chmod 700" in finding.mend


def test_a_port_in_use_by_another_program_is_found(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(0)
        finding = found("port", tmp_path, port=other.getsockname()[1])
    assert not finding.ok
    assert "FLASHPOINT_PORT" in finding.mend


def test_missing_postgis_is_found_with_the_command_that_mends_it(tmp_path, monkeypatch):
    monkeypatch.setattr(postgres, "SHARED_UNDER", tmp_path)
    finding = found("postgresql", tmp_path)
    assert not finding.ok
    assert "apt-get install postgresql-" in finding.mend


def test_an_unreachable_database_is_found_without_its_password(tmp_path):
    address = SecretStr(f"postgresql://ana:hunter2@127.0.0.1:{free_port()}/nowhere")
    finding = found("database", tmp_path, database_url=address)
    assert not finding.ok
    assert "hunter2" not in repr(finding)


def test_a_reachable_database_is_described(tmp_path, database_url):
    finding = found("database", tmp_path, database_url=SecretStr(database_url))
    assert finding.ok, finding
    assert "PostGIS 3" in finding.detail


def test_the_private_cluster_is_described_while_it_runs_and_after(tmp_path):
    with cluster(tmp_path / "home", durable=False):
        assert "PostGIS 3" in found("database", tmp_path).detail
    assert "not running" in found("database", tmp_path).detail


def test_a_check_that_fails_itself_is_a_finding(tmp_path, monkeypatch):
    def faint(_folder):
        raise OSError

    monkeypatch.setattr(doctor.shutil, "disk_usage", faint)
    assert not found("disk", tmp_path).ok


@pytest.mark.parametrize("address", ["", "not a url", "mysql://x/y"])
def test_a_senseless_address_is_a_finding(tmp_path, address):
    assert not found("database", tmp_path, database_url=SecretStr(address)).ok
