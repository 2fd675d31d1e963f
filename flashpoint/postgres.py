"""The PostgreSQL programs of this machine: find them, make a data folder, keep one server running on it.

``local.py`` decides who may start and stop a server; this module only knows how.

Folders are handed to PostgreSQL as open descriptors (``/proc/self/fd/N``), never by path. PostgreSQL refuses to run as
root and so runs as somebody else, who could not walk through ``/root`` or a ``mktemp -d`` folder to get there; a
descriptor needs no walking. Paths beyond PostgreSQL's limits stop mattering too.
"""

import os
import pwd
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from flashpoint.errors import Unavailable

Report = Callable[[str], None]

SUPERUSER = "postgres"
SOCKET_NAME = ".s.PGSQL.5432"  # the number only names the socket file: nothing listens on TCP
INSTALLED_UNDER = Path("/usr/lib/postgresql")
SHARED_UNDER = Path("/usr/share/postgresql")
SERVER_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
LOG_LIMIT_BYTES = 16 * 1024 * 1024
SOCKET_FOLDER_LIMIT_BYTES = 80  # a whole socket path may have 107

CONFIGURATION = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": "5432",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "512MB",
    "max_parallel_workers_per_gather": "0",  # two cores; and containers give little /dev/shm
    "jit": "off",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    # The log must not repeat what people reported: no statements, no DETAIL lines with row values.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
# For tests: nothing need survive, and the services of all their modules stand beside each other.
THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "400"}


@dataclass(frozen=True, slots=True)
class Programs:
    """One installed PostgreSQL."""

    folder: Path
    major: int
    postgis: bool


def installed() -> list[Programs]:
    """List the PostgreSQL servers on this machine, newest first."""
    found = [
        Programs(
            folder=postgres.parent,
            major=int(postgres.parents[1].name),
            postgis=(SHARED_UNDER / postgres.parents[1].name / "extension/postgis.control").exists(),
        )
        for postgres in INSTALLED_UNDER.glob("*/bin/postgres")
        if postgres.parents[1].name.isdigit()
    ]
    return sorted(found, key=lambda programs: programs.major, reverse=True)


def choose(major: int | None = None) -> Programs:
    """Pick the newest PostgreSQL with PostGIS, or the one of version ``major``, which existing data needs."""
    for programs in installed():
        if programs.postgis and major in (None, programs.major):
            return programs
    version = major if major is not None else max((p.major for p in installed()), default=15)
    wanted = "PostGIS" if major is None else f"PostGIS for PostgreSQL {major}, which made the data here,"
    raise Unavailable(f"{wanted} is not installed. {mend(version)}")


def mend(major: int) -> str:
    """Say how to install PostgreSQL ``major`` with PostGIS."""
    return f"Run: sudo apt-get install postgresql-{major}-postgis-3"


@dataclass(frozen=True, slots=True)
class Owner:
    """The account that the server runs as."""

    uid: int
    gid: int


def owner_of(home: Path) -> Owner:
    """Say as whom to run: as ourselves; as root, as whoever has the data or its folder, else as ``postgres``."""
    if os.geteuid() != 0:
        return Owner(os.geteuid(), os.getegid())
    for folder in (home / "data", home):
        if folder.exists() and folder.stat().st_uid != 0:
            return Owner(folder.stat().st_uid, folder.stat().st_gid)
    try:
        account = pwd.getpwnam("postgres")
    except KeyError:
        raise Unavailable(
            "PostgreSQL refuses to run as root, and there is no postgres account to use instead."
        ) from None
    return Owner(account.pw_uid, account.pw_gid)


def make_private(folder: Path, owner: Owner) -> None:
    """Create ``folder`` for ``owner`` alone; raise ``PermissionError`` where the file system cannot keep that."""
    folder.mkdir(mode=0o700, parents=True)
    os.chown(folder, owner.uid, owner.gid)
    kept = folder.stat()
    if (kept.st_uid, kept.st_mode & 0o777) != (owner.uid, 0o700):
        raise PermissionError(f"{folder} does not keep its owner and mode")


def make_data(programs: Programs, folder: Path, owner: Owner, *, durable: bool) -> None:
    """Make a new cluster's data in the empty ``folder``."""
    with opened(folder) as descriptor:
        command = [
            *_as(owner),
            f"{programs.folder}/initdb",
            f"--pgdata=/proc/self/fd/{descriptor}",
            f"--username={SUPERUSER}",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--data-checksums",
            "--auth-local=trust",  # the socket lies in a folder that only its owner can enter
            "--auth-host=reject",
            *([] if durable else ["--no-sync"]),
        ]
        done = subprocess.run(  # noqa: S603 - a fixed program with arguments of our own
            command,
            cwd="/",
            env=SERVER_ENVIRONMENT,
            pass_fds=[descriptor],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            start_new_session=True,
            check=False,
        )
    if done.returncode != 0:
        raise Unavailable(f"initdb failed: {done.stderr.strip()[-500:]}")


def evict(data: Path) -> None:
    """End every PostgreSQL process that a killed start left on ``data``, and forget its stale lock file."""
    patience = time.monotonic() + 30
    while left := _processes_on(data):
        postmaster = _recorded_pid(data)
        for pid in left:
            with suppress(ProcessLookupError):
                if time.monotonic() > patience:
                    os.kill(pid, signal.SIGKILL)
                elif postmaster not in left:
                    os.kill(pid, signal.SIGTERM)  # a backend without its postmaster
                elif pid == postmaster:
                    os.kill(pid, signal.SIGINT)  # a fast shutdown; it ends its own backends
        time.sleep(0.1)
    # Its process number may by now be another program's, and PostgreSQL would then refuse to start.
    (data / "postmaster.pid").unlink(missing_ok=True)


def _processes_on(data: Path) -> list[int]:
    if not data.exists():
        return []
    identity = _identity(data)
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile, or is not ours to look at
            if _identity(process / "cwd") == identity and (process / "comm").read_text() == "postgres\n":
                found.append(int(process.name))
    return found


def _recorded_pid(data: Path) -> int | None:
    try:
        return int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _as(owner: Owner) -> list[str]:
    """Start a command that runs as ``owner`` and is interrupted when the thread that started it dies."""
    setpriv = ["/usr/bin/setpriv", "--pdeathsig", "INT"]
    if os.geteuid() != 0:
        return setpriv
    return [*setpriv, "--reuid", str(owner.uid), "--regid", str(owner.gid), "--clear-groups"]


@contextmanager
def opened(folder: Path) -> Iterator[int]:
    """Hold an open descriptor of ``folder``."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def make_socket_folder(owner: Owner) -> Path:
    """Make a folder for the socket: one with a short path, since a socket's path may have 107 bytes at most."""
    runtime = tempfile.gettempdir()
    parent = runtime if len(os.fsencode(runtime)) <= SOCKET_FOLDER_LIMIT_BYTES else "/tmp"  # noqa: S108 - mkdtemp is safe there
    folder = Path(tempfile.mkdtemp(prefix="flashpoint-", dir=parent))
    os.chown(folder, owner.uid, owner.gid)
    return folder


def remove_socket_folder(folder: Path) -> None:
    """Remove a socket folder and nothing else, whatever ``folder`` says."""
    with suppress(OSError):
        (folder / SOCKET_NAME).unlink(missing_ok=True)
        (folder / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)
        folder.rmdir()


class Server:
    """One ``postgres`` on ``data``, started again whenever it is killed, until ``stop``.

    A thread of its own starts it and waits for it: a killed postmaster stays a zombie unless its parent waits, and
    the kernel's notice of a parent's death (``setpriv --pdeathsig``) goes by the thread that started the child.
    """

    def __init__(self, programs: Programs, data: Path, sockets: Path, report: Report, *, durable: bool) -> None:
        """Prepare; nothing runs yet."""
        self._command = [
            f"{programs.folder}/postgres",
            *(f"--{name}={value}" for name, value in (CONFIGURATION | ({} if durable else THROWAWAY)).items()),
        ]
        self._data, self._sockets, self._report = data, sockets, report
        self._owner = Owner(data.stat().st_uid, data.stat().st_gid)
        self._log = data.parent / "postgres.log"
        self._stopping, self._ready = threading.Event(), threading.Event()
        self._turn = threading.Lock()  # so that no process is started once stop() has looked for one
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="postgres-keeper", daemon=True)

    def start(self, answers: Callable[[], bool], patience_s: float = 120) -> None:
        """Start it and return when ``answers()``; raise ``Unavailable`` if it ends or takes too long."""
        self._thread.start()
        give_up_at = time.monotonic() + patience_s
        while not answers():
            if not self._thread.is_alive() or time.monotonic() > give_up_at:
                raise Unavailable(f"PostgreSQL did not start: {self._last_words()}")
            time.sleep(0.02)
        self._ready.set()

    def stop(self) -> None:
        """Stop it and wait until it is gone: politely, then harder after half a minute or at another Ctrl-C."""
        with self._turn:
            self._stopping.set()
        if self._thread.ident is None:
            return
        for number, patience_s in ((signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
            if self._process is not None:
                self._process.send_signal(number)
            try:
                self._thread.join(patience_s)
            except KeyboardInterrupt:
                continue
            if not self._thread.is_alive():
                return

    def _keep(self) -> None:
        pause_s = 0.2
        while not self._stopping.is_set():
            started_at = time.monotonic()
            ended = self._run_once()
            if self._stopping.is_set() or not self._ready.is_set():
                return
            self._report(f"PostgreSQL ended unexpectedly ({ended}); starting it again.")
            evict(self._data)
            pause_s = 0.2 if time.monotonic() - started_at > 60 else min(pause_s * 2, 5)  # noqa: PLR2004 - a good minute
            self._stopping.wait(pause_s)

    def _run_once(self) -> str:
        """Run the server to its end and say what ended it."""
        try:
            self._process = self._spawn()
        except OSError as error:  # say, a full disk; the next try may find room
            return error.strerror or "cannot start"
        return f"code {self._process.wait()}" if self._process else "stopped"

    def _spawn(self) -> subprocess.Popen[bytes] | None:
        with self._turn, opened(self._data) as data, opened(self._sockets) as sockets, self._opened_log() as log:
            if self._stopping.is_set():
                return None
            folders = [f"--unix_socket_directories=/proc/self/fd/{sockets}", "-D", f"/proc/self/fd/{data}"]
            return subprocess.Popen(  # noqa: S603 - a fixed program with arguments of our own
                [*_as(self._owner), *self._command, *folders],
                cwd="/",
                env=SERVER_ENVIRONMENT,
                pass_fds=[data, sockets],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us; we then stop it in order
            )

    def _opened_log(self) -> BinaryIO:
        if self._log.exists() and self._log.stat().st_size > LOG_LIMIT_BYTES:
            self._log.replace(self._log.with_suffix(".log.1"))
        self._log.touch(mode=0o600)
        return self._log.open("ab")

    def _last_words(self) -> str:
        if not self._log.exists():
            return "it wrote no log"
        return " | ".join(self._log.read_text(errors="replace").splitlines()[-4:])
