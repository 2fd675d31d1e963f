"""Canaries are found in whatever form they are written, and what is none is not taken for one."""

import logging
import random
import struct
import sys

import pytest
from canaries import Aviary, Canary, Planted
from listening import database_log, listening


@pytest.fixture
def record():
    return Planted("incident", "first", ("cluster",), "none", "given")


@pytest.mark.parametrize(
    "write",
    [
        lambda word: logging.getLogger("flashpoint.planted").info("%s", word),
        lambda word: logging.getLogger("uvicorn.access").info("GET /v1/incidents?category=%s", word),
        lambda word: sys.stdout.write(word),  # noqa: PLW0108 - which stream that is changes
        lambda word: sys.stderr.write(word),  # noqa: PLW0108 - likewise
    ],
)
def test_a_line_that_is_written_somewhere_is_found(record, write):
    aviary = Aviary(random.Random(1))
    with listening() as written:
        write(f"Synthetic {aviary.word('narrative', record)}.")
        assert aviary.find(written()) == {Canary("narrative", record)}


def test_a_line_in_the_log_of_the_database_is_found(record, service, shared_folder):
    if not database_log(shared_folder):
        pytest.skip("the server is not ours, and neither is its log")
    aviary = Aviary(random.Random(2))
    service.owner.execute(f"DO $$ BEGIN RAISE LOG '{aviary.word('narrative', record)}'; END $$")
    assert aviary.find(database_log(shared_folder)) == {Canary("narrative", record)}


@pytest.mark.parametrize(
    "form",
    [
        "[{lon:.7f}, {lat:.7f}]",
        "{lat:.4f}, {lon:.4f}",
        "POINT({lon:.5f} {lat:.5f})",
        "x={lon:.6f}",
        "{lat:.7f}",
        "[{cut}, {lat:.4f}]",
        "{whole}",
        "{little}",
        "0101000020E6100000{big}",
    ],
)
def test_a_place_is_found_in_whatever_form_it_is_written(record, form):
    aviary = Aviary(random.Random(3))
    longitude, latitude = aviary.place((18.0, 4.0), record)
    text = form.format(
        lon=longitude,
        lat=latitude,
        cut=f"{longitude:.7f}"[:7],
        whole=round(longitude * 1e7),
        little=struct.pack("<d", longitude).hex(),
        big=struct.pack(">d", latitude).hex().upper(),
    )
    assert aviary.find(text) == {Canary("place", record)}


def test_what_is_no_canary_is_not_taken_for_one(record):
    """The drawn points of a picture, and what else looks like a place, a day or a number."""
    dice, aviary = random.Random(4), Aviary(random.Random(5))
    for _ in range(300):
        aviary.place((18.0, 4.0), record)
        aviary.count(record)
        aviary.word("narrative", record)
    drawn = "\n".join(
        f"[{dice.uniform(18, 19):.5f},{dice.uniform(4, 5):.5f}] {dice.randbytes(16).hex()}" for _ in range(10_000)
    )
    assert aviary.find(drawn) == set()
