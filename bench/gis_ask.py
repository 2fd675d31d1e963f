"""How ``bench/gis.py`` asks: one keep-alive connection, one request after the other, and what each cost whom."""

import gzip
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

_OK = (200, 204, 304)
_IDLE_S = 2


class Refused(Exception):
    """A server answered, and not with what was asked for."""


@dataclass
class Figures:
    """What a server took for a case: wall-clock seconds of each request, CPU seconds of all, bytes of the last."""

    seconds: list[float] = field(default_factory=list)
    cpu: float = 0.0
    database_cpu: float = 0.0
    size: int = 0

    @property
    def best_ms(self) -> float:
        """Give the least."""
        return 1000 * min(self.seconds)

    @property
    def median_ms(self) -> float:
        """Give the median."""
        return 1000 * statistics.median(self.seconds)

    @property
    def p95_ms(self) -> float:
        """Give the 95th percentile, or the worst of a few."""
        few = 20
        return 1000 * (max(self.seconds) if len(self.seconds) < few else statistics.quantiles(self.seconds, n=20)[-1])

    @property
    def cpu_ms(self) -> float:
        """Give the server's CPU time of a request."""
        return 1000 * self.cpu / len(self.seconds)

    @property
    def database_cpu_ms(self) -> float:
        """Give PostgreSQL's CPU time of a request."""
        return 1000 * self.database_cpu / len(self.seconds)

    @property
    def all_cpu_ms(self) -> float:
        """Give the CPU time of a request in all."""
        return self.cpu_ms + self.database_cpu_ms


@dataclass(frozen=True)
class Answer:
    """An answer, decoded: its body, its tag, and how many bytes came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes
    size: int
    seconds: float


class Line:
    """A connection that reads whole answers and does little else, for what it costs is in every figure."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        """Prepare."""
        self._port = port
        self._connect()
        self._lines = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "127.0.0.1", **headers}.items())

    def _connect(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest, self._used = b"", time.perf_counter()

    def ask(self, path: str, extra: str = "") -> Answer:
        """Ask for a path; ``extra`` are further lines of the head."""
        if time.perf_counter() - self._used > _IDLE_S:
            # While another server took its time, this one may have hung up. Nobody's figures are about connecting.
            self._socket.close()
            self._connect()
        request = f"GET {path} HTTP/1.1\r\n{self._lines}{extra}\r\n".encode()
        began = time.perf_counter()
        self._socket.sendall(request)
        head = self._until(b"\r\n\r\n").decode("latin-1")
        first, *lines = head.split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines) if name}
        body = self._chunks() if headers.get("transfer-encoding") == "chunked" else self._exactly(_length(headers))
        self._used = time.perf_counter()
        took = self._used - began
        status = int(first.split(" ")[1])
        if status not in _OK:
            raise Refused(f"{path}: {first} {body[:200]!r}")
        plain = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
        return Answer(status, headers, plain, len(body), took)

    def _until(self, mark: bytes) -> bytes:
        while (end := self._rest.find(mark)) < 0:
            self._more()
        found, self._rest = self._rest[:end], self._rest[end + len(mark) :]
        return found

    def _exactly(self, size: int) -> bytes:
        parts, missing = [self._rest[:size]], size - len(self._rest)
        self._rest = self._rest[size:]
        while missing > 0:
            part = self._socket.recv(min(missing, 1 << 20))
            if not part:
                raise ConnectionError("the server hung up")
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _chunks(self) -> bytes:
        parts = []
        while size := int(self._until(b"\r\n"), 16):
            parts.append(self._exactly(size))
            self._exactly(2)
        self._exactly(2)
        return b"".join(parts)

    def _more(self) -> None:
        part = self._socket.recv(1 << 16)
        if not part:
            raise ConnectionError("the server hung up")
        self._rest += part


def _length(headers: dict[str, str]) -> int:
    return int(headers.get("content-length", "0"))


class Meter:
    """CPU time of a server and of PostgreSQL's processes, to the nanosecond as Linux counts it."""

    def __init__(self, url: str) -> None:
        """Find PostgreSQL's first process."""
        with psycopg.connect(url) as connection:
            backend: int = connection.info.backend_pid
            self._first = _parent(backend)

    @contextmanager
    def reading(self, pid: int, figures: Figures) -> Iterator[None]:
        """Add what the block costs."""
        before, beneath = _cpu([pid]), self._database()
        yield
        figures.cpu += _cpu([pid]) - before
        figures.database_cpu += self._database() - beneath

    def _database(self) -> float:
        pids = [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()]
        return _cpu([pid for pid in pids if _parent(pid) == self._first])


def _parent(pid: int) -> int:
    try:
        return int(
            Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[1]
        )
    except OSError:
        return -1


def _cpu(pids: list[int]) -> float:
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                total += int(task.read_text(encoding="ascii").split()[0])
            except OSError:  # a thread that has ended since
                continue
    return total / 1e9
