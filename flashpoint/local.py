"""The private PostGIS cluster behind the one-command start.

    home/
    ├── data/          the PostgreSQL cluster, made as ``data.new`` and renamed when it is whole
    ├── postgres.log
    ├── server.json    where its socket is, and whose data that socket serves
    ├── keeper.lock    held by the command that started the server, for as long as it keeps it
    └── guests.lock    shared by the commands that use a server which another one keeps

The locks are ``flock``s: the kernel drops them when their holder dies, however it dies.
"""

import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg
from sqlalchemy import URL

from flashpoint.errors import Unavailable
from flashpoint.postgres import (
    SUPERUSER,
    Owner,
    Programs,
    Report,
    Server,
    choose,
    evict,
    make_data,
    make_private,
    make_socket_folder,
    owner_of,
    remove_socket_folder,
)

DATABASE = "flashpoint"
ELSEWHERE = Path("/var/lib/flashpoint")
PATIENCE_WITH_KEEPER_S = 180


@contextmanager
def cluster(home: Path, report: Report = lambda _: None, *, durable: bool = True) -> Iterator[str]:
    """Yield the URL of the superuser of database ``flashpoint`` in the private cluster kept in ``home``.

    Whoever finds no server running makes what is missing and starts it; later callers, in this process or in others,
    are guests of that one. A guest never stops the server, and its keeper waits for the guests before stopping it.
    The data are as safe as PostgreSQL's own when ``durable``; without it a power cut may lose them, which suits tests.

    Raises:
        Unavailable: PostgreSQL with PostGIS is not installed, ``home`` cannot be used, or the server does not start.
    """
    home = _private_home(home)
    with ExitStack() as held:
        guests = held.enter_context(_lock_file(home / "guests.lock"))
        keeper = held.enter_context(_lock_file(home / "keeper.lock"))
        url = _join(home, guests, keeper, report)
        if url is None:
            url = held.enter_context(_kept_server(home, guests, report, durable=durable))
        yield url


def running_url(home: Path) -> str | None:
    """Return the URL of the server that runs on ``home``, or ``None`` if none answers."""
    try:
        record = json.loads((home / "server.json").read_text())
        if record["data"] != _identity(home / "data"):  # the folder was copied from somewhere else
            return None
    except (OSError, ValueError):
        return None
    sockets = Path(record["sockets"])
    return str(_url(sockets)) if _answers(sockets) else None


def _private_home(home: Path) -> Path:
    home = home.absolute()
    try:
        for folder in (home.parent, home):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.chmod(0o700)
    except OSError as error:
        raise Unavailable(f"{home} cannot be our private folder ({error.strerror}). Set FLASHPOINT_HOME.") from error
    return home


@contextmanager
def _lock_file(path: Path) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except PermissionError:
        raise Unavailable(f"{path} belongs to another user: run this as that user, or set FLASHPOINT_HOME.") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)  # which unlocks it


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _join(home: Path, guests: int, keeper: int, report: Report) -> str | None:
    """Become a guest of the running server and return its URL; or become its keeper and return ``None``."""
    give_up_at = time.monotonic() + PATIENCE_WITH_KEEPER_S
    fcntl.flock(guests, fcntl.LOCK_SH)  # waits while the last keeper stops
    told = False
    while not _try_lock(keeper):
        if url := running_url(home):
            return url
        if time.monotonic() > give_up_at:
            raise Unavailable(f"Another flashpoint command holds {home} and its PostgreSQL does not answer.")
        if not told:
            report("Another flashpoint command is starting PostgreSQL; waiting for it.")
            told = True
        time.sleep(0.1)
    fcntl.flock(guests, fcntl.LOCK_UN)
    return None


@contextmanager
def _kept_server(home: Path, guests: int, report: Report, *, durable: bool) -> Iterator[str]:
    """Start the server, and stop it once nobody uses it any more."""
    owner = owner_of(home)
    _clear_leftovers(home)
    _ensure_data(home, owner, report, durable=durable)
    sockets = make_socket_folder(owner)
    _record(home, sockets)
    server = Server(_programs_for(home), home / "data", sockets, report, durable=durable)
    try:
        server.start(lambda: _answers(sockets, "postgres"))
        _ensure_database(sockets)
        try:
            yield str(_url(sockets))
        finally:
            _wait_for_guests(guests, report)
    finally:
        server.stop()
        _clear_leftovers(home)


def _wait_for_guests(guests: int, report: Report) -> None:
    told = False
    while not _try_lock(guests):
        if not told:
            report("Another flashpoint command still uses the database; waiting for it to end. Ctrl-C stops it now.")
            told = True
        time.sleep(0.1)


def _clear_leftovers(home: Path) -> None:
    """Remove what a killed start left behind: processes, half-made data, the socket's folder and its record."""
    for folder in (home / "data", home / "data.new"):
        evict(folder)
    _remove_folder(home / "data.new")
    record = home / "server.json"
    with suppress(OSError, ValueError):  # there is none, or it was cut short
        remove_socket_folder(Path(json.loads(record.read_text())["sockets"]))
    record.unlink(missing_ok=True)


def _record(home: Path, sockets: Path) -> None:
    whole = home / "server.json.new"
    whole.write_text(json.dumps({"sockets": str(sockets), "data": _identity(home / "data")}))
    whole.replace(home / "server.json")


def _identity(data: Path) -> list[int]:
    status = data.stat()
    return [status.st_dev, status.st_ino]


def _programs_for(home: Path) -> Programs:
    """Choose the PostgreSQL of the version that made the data."""
    return choose(int((home / "data/PG_VERSION").read_text()))


def _ensure_data(home: Path, owner: Owner, report: Report, *, durable: bool) -> None:
    """Make the data folder if there is none: under another name first, so that a ``data`` is always a whole one."""
    if (home / "data").exists():
        return
    programs = choose()
    report(f"Creating a private PostgreSQL {programs.major} cluster in {home}.")
    _make_folder(home / "data.new", owner, report)
    make_data(programs, home / "data.new", owner, durable=durable)
    (home / "data.new").rename(home / "data")


def _make_folder(folder: Path, owner: Owner, report: Report) -> None:
    """Make a private folder; on a file system that keeps no owners (a shared one, say), a link to one elsewhere."""
    try:
        make_private(folder, owner)
    except PermissionError:
        if os.geteuid() != 0:
            raise Unavailable(f"{folder} cannot be made private. Set FLASHPOINT_HOME to a local folder.") from None
        shutil.rmtree(folder, ignore_errors=True)
        ELSEWHERE.mkdir(mode=0o755, parents=True, exist_ok=True)
        real = Path(tempfile.mkdtemp(dir=ELSEWHERE))
        os.chown(real, owner.uid, owner.gid)
        folder.symlink_to(real)
        report(f"{folder.parent} keeps no file owners; the data go to {real}, and a link stays in their place.")


def _remove_folder(folder: Path) -> None:
    if folder.is_symlink():
        shutil.rmtree(folder.readlink(), ignore_errors=True)
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def _url(sockets: Path) -> URL:
    return URL.create("postgresql+psycopg", username=SUPERUSER, database=DATABASE, query={"host": str(sockets)})


def _connect(sockets: Path, database: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(host=str(sockets), user=SUPERUSER, dbname=database, connect_timeout=5, autocommit=True)


def _answers(sockets: Path, database: str = DATABASE) -> bool:
    try:
        with _connect(sockets, database) as connection:
            ready = connection.execute("SELECT %s = 'postgres' OR to_regtype('geometry') IS NOT NULL", [database])
            return ready.fetchone() == (True,)
    except psycopg.OperationalError:  # no socket yet, still recovering, or no such database yet
        return False


def _ensure_database(sockets: Path) -> None:
    with _connect(sockets, "postgres") as connection:
        if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchall():
            connection.execute(f"CREATE DATABASE {DATABASE}")
    with _connect(sockets, DATABASE) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS postgis")
