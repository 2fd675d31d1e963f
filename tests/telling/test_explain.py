"""``flashpoint explain`` on the demonstration: words, points and weeks, for people, pipes and scripts."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from flashpoint import assess, explain, sample, telling
from flashpoint.errors import NotFound
from flashpoint.language import ENGLISH, FRENCH, LANGUAGES
from flashpoint.store.engine import Database

FLASHPOINT = Path(sys.executable).with_name("flashpoint")
WEEKS = 8


@pytest.fixture(scope="module")
def database(module_database_url):
    database = Database(module_database_url, pool_size=1)
    sample.load(database)
    yield database
    database.close()


@pytest.fixture(scope="module")
def flashpoint(database, tmp_path_factory):
    settings = {"FLASHPOINT_DATABASE_URL": database.url, "FLASHPOINT_HOME": str(tmp_path_factory.mktemp("home"))}

    def run(*arguments, status=0, **more):
        done = subprocess.run(
            [FLASHPOINT, "explain", *arguments, "--operation", "DEMO"],
            env=os.environ | settings | more,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture(scope="module")
def found(database):
    """Bambari in the matrix of now, with its course."""
    with database.vault_reader() as reader:
        evaluated = assess.evaluate(reader, "DEMO", datetime.now(UTC))
        index = explain.find(evaluated, "bambari")
        course = explain.course(reader, evaluated, index, WEEKS, lambda *_: None)
    return evaluated, index, explain.explain(evaluated, index, course)


# -- finding --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["CF431-T1", "cf431-t1", "Bambari", "BAMBARI", "bámb"])
def test_a_locality_is_found_by_what_a_person_would_call_it(found, name):
    evaluated, index, _ = found
    assert explain.find(evaluated, name) == index
    assert explain.find(evaluated, str(evaluated.localities[index].id)) == index


@pytest.mark.parametrize(("name", "says"), [("Atlantis", "no locality is called so"), ("B", "give one of")])
def test_what_is_not_found_or_not_one_is_refused(found, name, says):
    with pytest.raises(NotFound, match=says):
        explain.find(found[0], name)


# -- the course -----------------------------------------------------------------------------------------------------


def test_the_course_is_what_the_matrix_of_each_week_said(database, found):
    evaluated, _, told = found
    assert len(told.course.moments) == WEEKS + 1
    method = evaluated.result.parts.methodology
    for at in (0, 3, WEEKS - 1):
        moment = told.course.moments[at]
        assert moment == evaluated.as_of - timedelta(weeks=WEEKS - at)
        with database.vault_reader() as reader:
            then = assess.evaluate(reader, "DEMO", moment, method, evaluated.recorded)
        index = explain.find(then, "Bambari")
        assert told.course.scores[at].tolist() == [
            then.result.score_low[index],
            then.result.score[index],
            then.result.score_high[index],
        ]
        assert told.course.ranks[at] == then.result.rank[index]


def test_the_course_ends_with_the_matrix_itself(found):
    _, _, told = found
    assert told.course.to_list()[-1] == {
        "as_of": told.as_of,
        "rank": told.properties["rank"],
        **{name: told.properties[name] for name in ("score_low", "score", "score_high")},
    }
    week_ago = told.explanation["last_week"]
    assert told.course.to_list()[-2]["rank"] == week_ago["rank"]
    assert told.course.to_list()[-2]["score"] == week_ago["score"]


def test_what_is_assumed_is_said(database, found):
    with database.vault_reader() as reader:
        before = assess.evaluate(reader, "DEMO", found[0].as_of - timedelta(days=60))
        told = explain.explain(before, 0, explain.course(reader, before, 0, 0, lambda *_: None))
    assert "Reconstructed:" in shown(told, ENGLISH, 110)
    assert "Reconstructed:" not in shown(replace(told, reconstructed=False), ENGLISH, 110)


# -- on the terminal ------------------------------------------------------------------------------------------------


def shown(told, language, width):
    file = StringIO()
    telling.explanation(Console(file=file, width=width), told, language)
    return file.getvalue()


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("language", [ENGLISH, FRENCH])
def test_it_fits_the_terminal_and_leaves_no_word_out(found, language, width):
    text = shown(found[2], language, width)
    assert max(len(line) for line in text.splitlines()) <= width
    flowing = re.sub(r"\s+", " ", text.replace("\n", " "))
    for sentence in found[2].explanation["words"][language.code]:
        assert re.sub(r"\s+", " ", sentence) in flowing


def test_the_points_as_shown_add_up_to_the_score(found):
    text = shown(found[2], ENGLISH, 110)
    table = text[text.index("points  ") : text.index("The score, week by week")]
    points = [float(found[1]) for found in re.finditer(r"^ *(-?\d+\.\d\d)  [ █▏▎▍▌▋▊▉░]{16}    ", table, re.MULTILINE)]
    totals = [float(found[1]) for found in re.finditer(r"^ *(\d+\.\d\d) {20,22}\S", table, re.MULTILINE)]
    score = found[2].properties["score"]
    assert round(sum(points), 2) == score
    assert round(sum(totals), 2) == score
    assert len(totals) == 3


def test_the_range_is_said_in_words_for_who_cannot_see_it(found):
    scores = found[2].course.scores[:, 1]
    text = re.sub(r"\s+", " ", shown(found[2], ENGLISH, 80))
    assert f"Lowest {scores.min():.2f} (" in text
    assert f"highest {scores.max():.2f} (" in text


# -- as a command ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", LANGUAGES)
def test_it_speaks_both_languages_to_a_pipe(flashpoint, code):
    text = flashpoint("Bambari", "--language", code, "--weeks", "2").stdout
    assert {"en": "out of 100", "fr": "sur 100"}[code] in text
    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines()) <= 110


def test_it_can_do_with_ascii_alone(flashpoint):
    text = flashpoint("Bambari", "--weeks", "3", PYTHONIOENCODING="ascii").stdout
    assert text.isascii()
    assert "***" in text


def test_json_holds_row_words_and_weeks(flashpoint):
    answer = json.loads(flashpoint("Bambari", "--weeks", "4", "--json").stdout)
    points = sum(line["points"] for line in answer["explanation"]["contributions"])
    assert round(points, 2) == answer["row"]["score"] == answer["course"][-1]["score"]
    assert len(answer["course"]) == 5
    assert set(answer["explanation"]["words"]) == {"en", "fr"}
    assert {"rank_if_least", "rank_if_most"} <= set(answer["explanation"]["margins"][0])


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_it_draws_into_a_file(flashpoint, tmp_path, suffix):
    file = tmp_path / f"bambari.{suffix}"
    flashpoint("Bambari", "--weeks", "2", "--plot", str(file))
    assert file.read_bytes()[:4] in {b"\x89PNG", b"<?xm"}


def test_without_weeks_there_is_no_chart(flashpoint):
    assert "week by week" not in flashpoint("Bambari", "--weeks", "0").stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["Bambari", "--language", "de"], "--language: must be en or fr"),
        (["Bambari", "--plot", "bambari.gif"], "--plot: must end in .png or .svg"),
        (["Bambari", "--plot", "nowhere/bambari.png"], "--plot: must be in a folder that is there"),
        (["Bambari", "--weeks", "-1"], "--weeks"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(flashpoint, arguments, says):
    assert says in flashpoint(*arguments, status=2).stderr
