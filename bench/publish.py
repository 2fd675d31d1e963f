"""Measure publishing: from a scored matrix to the matrix on the board of a serving process, where one place changed.

Needs a migrated, empty database whose login is a superuser (the rows are written past the rules, in bulk):

    python tests/postgis.py python -m bench.publish

Five thousand localities of 30 vertices, some of them with incidents. Each round verifies one incident and scores; then
the clock runs over writing the rows for both audiences, saving, the database's notice, loading and putting up. The
named baseline, in the same run on the same matrices, is how it is done without remembering: every row written, all
rows deleted and inserted, every row loaded with its geometry, and the answers compressed before they are put up.
"""

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import text

from api.board import Board
from api.negotiation import CODINGS
from api.sheet import Query, Sheet
from bench.million import OPERATION, load
from bench.million import _actor as actor
from bench.million import _refresh as refresh
from bench.million import _verify as verify
from flashpoint.evaluated import Evaluated
from flashpoint.matrix import Publisher, release
from flashpoint.scoring.methodology import DEFAULT
from flashpoint.settings import Settings
from flashpoint.standing import Standing
from flashpoint.store import release_reading, releases
from flashpoint.store.engine import Database, libpq_url
from flashpoint.store.release_changes import NewRelease
from flashpoint.types import Audience, Role

Clock = dict[str, list[float]]


def _configured() -> str | None:
    url = Settings().database_url
    return None if url is None else url.get_secret_value()


def main() -> None:
    """Load, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database-url", default=_configured())
    parser.add_argument("--incidents", type=int, default=20_000)
    parser.add_argument("--localities", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--baselines", type=int, default=3, help="rounds that the baseline is measured in as well")
    options = parser.parse_args()
    load(options.database_url, options.incidents, options.localities)
    bench = Bench(options.database_url)
    bench.round()  # the first writes everything, whichever way
    bench.new.clear()
    for number in range(options.rounds):
        bench.incident(number)
        bench.round(baseline=number < options.baselines)
    bench.report()


@contextmanager
def timed(clock: Clock, name: str) -> Iterator[None]:
    """Add the milliseconds of the block to a clock."""
    began = time.perf_counter()
    yield
    clock[name].append(1000 * (time.perf_counter() - began))


class Bench:
    """A database, an assessor's memory, a serving process's board, and the clocks."""

    def __init__(self, url: str) -> None:
        """Begin with nothing published."""
        self.database = Database(url, 4)
        self.people = actor(self.database, "reporter", Role.ANALYST), actor(self.database, "verifier", Role.VERIFIER)
        self.standing = Standing(OPERATION, DEFAULT)
        self.publishers = [Publisher(audience) for audience in Audience]
        self.board = Board()
        self.listener = psycopg.connect(libpq_url(url), autocommit=True)
        self.listener.execute("LISTEN flashpoint_released")
        self.listener.execute("CREATE TABLE release.baseline (LIKE release.matrix_row INCLUDING ALL)")
        self.listener.execute("ALTER TABLE release.baseline ADD rank int, ADD UNIQUE (operation, audience, rank)")
        self.listener.execute("GRANT ALL ON release.baseline TO flashpoint_app, flashpoint_reader")
        self.new: Clock = defaultdict(list)
        self.old: Clock = defaultdict(list)
        self.changed: list[int] = []
        self.moved: list[int] = []

    def incident(self, number: int) -> None:
        """Report an incident and take it to verified."""
        verify(self.database, number, *self.people)

    def round(self, *, baseline: bool = False) -> None:
        """Score, and publish both ways."""
        evaluated = refresh(self.database, self.standing)
        before = dict(self.board.shown())
        with timed(self.new, "in all"):
            self.publish(evaluated)
        self.count(before)
        if baseline:
            with timed(self.old, "in all"):
                self.publish_everything(evaluated)

    def publish(self, evaluated: Evaluated) -> None:
        """Publish what changed."""
        with timed(self.new, "write rows"):
            written = [publisher.release(evaluated) for publisher in self.publishers]
        with timed(self.new, "save"), self.database.publishing() as vault:
            for one in written:
                releases.save(vault, one, even_if_same=False)
        with timed(self.new, "notice"):
            list(self.listener.notifies(timeout=1, stop_after=1))
        with timed(self.new, "load"), self.database.release_reader() as reader:
            loaded = list(release_reading.load(reader, None, self.board.shown()))
        with timed(self.new, "put up"):
            for released in loaded:
                self.board.put(released)

    def publish_everything(self, evaluated: Evaluated) -> None:
        """Publish the same without remembering anything."""
        with timed(self.old, "write rows"):
            written = [release(evaluated, audience) for audience in Audience]
        with timed(self.old, "save"), self.database.publishing() as vault:
            for one in written:
                _replace(vault.connection, one)
        with timed(self.old, "load"), self.database.release_reader() as reader:
            loaded = list(release_reading.load(reader, None, {}))
        with timed(self.old, "put up"):
            for released in loaded:
                sheet = Sheet(released)
                for coding in CODINGS:
                    sheet.answer(Query(), coding, None)

    def count(self, before: dict[Any, Any]) -> None:
        """Note how many rows the round changed, and how many ranks."""
        for key, released in self.board.shown().items():
            if key in before and key[1] is Audience.CLUSTER:
                pairs = zip(before[key].written, released.written, strict=True)
                self.changed.append(sum(old is not one for old, one in pairs))
                self.moved.append(int((before[key].standing.ranks != released.standing.ranks).any(axis=1).sum()))

    def report(self) -> None:
        """Print milliseconds, and how many times the baseline takes."""
        print(f"rows changed a round: {statistics.median(self.changed)}, ranks: {statistics.median(self.moved)}")
        print(f"{'milliseconds':14}{'best':>9}{'median':>9}{'p95':>9}{'baseline':>10}{'ratio':>8}")
        for name, found in self.new.items():
            ours, theirs = statistics.median(found), statistics.median(self.old.get(name, [float("nan")]))
            p95 = statistics.quantiles(found, n=20)[-1]
            print(f"{name:14}{min(found):9.1f}{ours:9.1f}{p95:9.1f}{theirs:10.0f}{theirs / ours:8.1f}")


_DELETE = text("DELETE FROM release.baseline WHERE operation = :operation AND audience = :audience")
_INSERT = text("""
    INSERT INTO release.baseline
        (operation, audience, locality_id, locality_version, revision, content_sha256, rank, pcode, name, tier, score,
         properties, explanation, point, area)
    SELECT :operation, :audience, l.id, :version, 1, '', :rank, :pcode, :name, :tier, :score, :properties,
           :explanation, l.point, l.area
    FROM vault.locality l WHERE l.id = :id AND l.version = :version
""")


def _replace(connection: Any, new: NewRelease) -> None:  # noqa: ANN401 - a connection
    which = {"operation": new.operation, "audience": new.audience}
    connection.execute(_DELETE, which)
    names = ("pcode", "name", "tier", "score", "properties", "explanation")
    rows = [
        {
            **which,
            "id": row.locality_id,
            "version": row.locality_version,
            "rank": rank,
            **{name: getattr(row, name) for name in names},
        }
        for row, rank in zip(new.content.rows, new.content.standing.ranks[:, 0].tolist(), strict=True)
    ]
    connection.execute(_INSERT, rows)


if __name__ == "__main__":
    main()
