"""Look at what the service needs from this machine, and say how to mend what is missing.

Every check ends in a finding, never in an exception, and none changes anything.
"""

import os
import shutil
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from flashpoint.errors import Unavailable
from flashpoint.local import running_url
from flashpoint.postgres import choose, installed, mend
from flashpoint.settings import Settings

OLDEST_PYTHON = (3, 11)
OLDEST_POSTGRESQL = 15
OLDEST_POSTGIS = (3, 3)
FREE_DISK_BYTES = 1_000_000_000
CONNECT_TIMEOUT_S = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. ``mend`` says what to do and is empty when ``ok``."""

    name: str
    ok: bool
    detail: str
    mend: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Run every check that applies to ``settings``: a database of one's own needs no PostgreSQL here."""
    checks: list[Callable[[Settings], Finding]] = [_python, _gdal, _home, _disk, _port]
    checks += [_postgresql, _private_cluster] if settings.database_url is None else [_database]
    return [_guarded(check, settings) for check in checks]


def _guarded(check: Callable[[Settings], Finding], settings: Settings) -> Finding:
    """Turn what a check did not foresee into a finding, without its text, which may hold a password."""
    try:
        return check(settings)
    except Exception as error:  # noqa: BLE001 - a doctor that faints helps nobody
        name = check.__name__.strip("_").replace("_", " ")
        return Finding(name, ok=False, detail=f"the check itself failed: {type(error).__name__}", mend="Report this.")


def _python(_: Settings) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        return Finding("python", ok=False, detail=version, mend="Install Python 3.11 or newer, then run: make setup")
    return Finding("python", ok=True, detail=version)


def _gdal(_: Settings) -> Finding:
    try:
        import pyogrio  # noqa: PLC0415 - only here may it be missing or broken
    except ImportError as error:
        return Finding("gdal", ok=False, detail=f"pyogrio does not load ({error.name})", mend="Run: make setup")
    gdal = ".".join(map(str, pyogrio.__gdal_version__))
    if "GeoJSON" not in pyogrio.list_drivers():
        return Finding("gdal", ok=False, detail=f"GDAL {gdal} cannot read GeoJSON", mend="Run: make setup")
    return Finding("gdal", ok=True, detail=f"GDAL {gdal} in pyogrio {pyogrio.__version__}")


def _existing(folder: Path) -> Path:
    """Return ``folder``, or the nearest of its parents that exists."""
    folder = folder.absolute()
    return next(path for path in (folder, *folder.parents) if path.exists())


def _home(settings: Settings) -> Finding:
    home = settings.home.absolute()
    mendable = f"Make {home} yours alone (chmod 700), or set FLASHPOINT_HOME."
    if not os.access(_existing(home), os.W_OK | os.X_OK):
        return Finding("home", ok=False, detail=f"{home} cannot be written", mend=mendable)
    if not home.exists():
        return Finding("home", ok=True, detail=f"{home} will be created")
    status = home.stat()
    if not home.is_dir() or status.st_mode & 0o077 or status.st_uid not in (os.geteuid(), 0):
        return Finding("home", ok=False, detail=f"{home} is open to other users", mend=mendable)
    return Finding("home", ok=True, detail=f"{home} is writable and private")


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(_existing(settings.home)).free
    detail = f"{free / 1e9:.1f} GB free"
    if free < FREE_DISK_BYTES:
        return Finding("disk", ok=False, detail=detail, mend="Free at least 1 GB, or set FLASHPOINT_HOME elsewhere.")
    return Finding("disk", ok=True, detail=detail)


def _port(settings: Settings) -> Finding:
    where = f"{settings.host}:{settings.port}"
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            if _is_ours(settings):
                return Finding("port", ok=True, detail=f"this service runs on {where}")
            return Finding(
                "port", ok=False, detail=f"{where}: {error.strerror}", mend="Set FLASHPOINT_PORT to another."
            )
    return Finding("port", ok=True, detail=f"{where} is free")


def _is_ours(settings: Settings) -> bool:
    """Say whether what answers on the port describes itself as this service."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - compared, not bound
    address = f"http://[{host}]" if ":" in host else f"http://{host}"
    try:
        with urllib.request.urlopen(f"{address}:{settings.port}/", timeout=2) as answer:  # noqa: S310 - always http
            return b"flashpoint" in answer.read(65536).lower()
    except urllib.error.HTTPError as refusal:  # a key is needed; the refusal names the service all the same
        return b"flashpoint" in (str(refusal.headers).encode() + refusal.read(65536)).lower()
    except OSError:
        return False


def _postgresql(_: Settings) -> Finding:
    try:
        programs = choose()
    except Unavailable:
        servers = installed()
        detail = f"PostgreSQL {servers[0].major} without PostGIS" if servers else "not installed"
        major = servers[0].major if servers else OLDEST_POSTGRESQL
        return Finding("postgresql", ok=False, detail=detail, mend=mend(major))
    return Finding("postgresql", ok=True, detail=f"PostgreSQL {programs.major} with PostGIS in {programs.folder}")


def _private_cluster(settings: Settings) -> Finding:
    home = settings.home
    url = running_url(home)
    if url is not None:
        return _versions("database", url)
    made = (home / "data").exists()
    detail = "a private one, not running; it starts with the service" if made else "a private one will be created"
    return Finding("database", ok=True, detail=detail)


def _database(settings: Settings) -> Finding:
    url = settings.database_url.get_secret_value() if settings.database_url else ""
    return _versions("database", url)


def _versions(name: str, url: str) -> Finding:
    """Connect, and compare the versions there with the oldest ones that we work with."""
    try:
        address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(address, connect_timeout=CONNECT_TIMEOUT_S) as connection:
            server = connection.info.server_version // 10_000
            row = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'postgis'").fetchone()
    except (ArgumentError, psycopg.Error) as error:  # its text may repeat the address, password and all
        detail = f"cannot connect ({type(error).__name__})"
        return Finding(name, ok=False, detail=detail, mend="Check FLASHPOINT_DATABASE_URL and that the server runs.")
    if server < OLDEST_POSTGRESQL:
        return Finding(name, ok=False, detail=f"PostgreSQL {server}", mend="Use PostgreSQL 15 or newer.")
    if row is None:
        return Finding(name, ok=False, detail="no PostGIS there", mend="As a superuser: CREATE EXTENSION postgis;")
    postgis = str(row[0])
    if tuple(int(part) for part in postgis.split(".")[:2]) < OLDEST_POSTGIS:
        return Finding(name, ok=False, detail=f"PostGIS {postgis}", mend="Use PostGIS 3.3 or newer.")
    return Finding(name, ok=True, detail=f"PostgreSQL {server} with PostGIS {postgis}")
