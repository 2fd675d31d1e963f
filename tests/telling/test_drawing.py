"""The picture: the same each time, readable without colour, and refused where it cannot be made."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
import told_rows
from matplotlib.image import imread

from flashpoint import drawing
from flashpoint.errors import Invalid
from flashpoint.explain import Course, Explained, entries
from flashpoint.language import ENGLISH, FRENCH
from flashpoint.scoring.methodology import DEFAULT
from flashpoint.types import Tier

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def told(row=told_rows.ENCLAVE, weeks=9, gap=0):
    """A worked row as it is explained, after some weeks of which it was not in the matrix for a while."""
    properties, explanation = row
    score = float(properties["score"])
    scores = np.array([(score - 20 + week, score - 9 + week, score + 3) for week in range(weeks + 1)])
    scores[:gap] = np.nan
    moments = tuple(NOW - timedelta(weeks=back) for back in range(weeks, -1, -1))
    return Explained(
        operation="TEST",
        as_of=NOW,
        data_through=None,
        reconstructed=True,
        method=DEFAULT,
        properties=properties | {"pcode": "T0"},
        explanation=explanation,
        course=Course(moments, scores, tuple(range(weeks + 1))),
    )


@pytest.mark.parametrize("suffix", [".png", ".svg", ".PNG"])
@pytest.mark.parametrize("language", [ENGLISH, FRENCH])
def test_the_same_row_gives_the_same_file(tmp_path, suffix, language):
    files = [tmp_path / f"{name}{suffix}" for name in ("one", "two")]
    for file in files:
        drawing.draw(told(), file, language)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert len(files[0].read_bytes()) > 10_000


def test_a_picture_says_in_its_title_what_it_shows_and_not_when_it_was_made(tmp_path):
    drawing.draw(told(), tmp_path / "a.svg", FRENCH)
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert "Boda (T0)" in re.search(r"<dc:title>(.*)</dc:title>", text)[1]
    assert "<dc:date>" not in text
    assert mpl.__version__ not in text


@pytest.mark.parametrize("row", [told_rows.TOWN, told_rows.VILLAGE])
@pytest.mark.parametrize(("weeks", "gap"), [(0, 0), (1, 0), (26, 20), (3, 3)])
def test_whatever_there_is_of_a_course_is_drawn(tmp_path, row, weeks, gap):
    drawing.draw(told(row, weeks, gap), tmp_path / "a.png", ENGLISH)
    picture = imread(tmp_path / "a.png")
    assert picture.shape[0] > 700
    assert picture.std() > 0.05


def luminance(colour):
    red, green, blue = mpl.colors.to_rgb(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_tiers_and_dimensions_differ_on_a_grey_printer():
    tiers = [luminance(drawing._TIER_SHADE[tier]) for tier in (Tier.WATCH, Tier.ELEVATED, Tier.HIGH, Tier.EXTREME)]  # noqa: SLF001 - the colours are the point
    assert all(lighter - darker > 0.05 for lighter, darker in pairwise(tiers))
    dimensions = sorted(luminance(colour) for colour in drawing._SHADE.values())  # noqa: SLF001 - likewise
    assert all(lighter - darker > 0.2 for darker, lighter in pairwise(dimensions))
    assert len(set(drawing._HATCH.values())) == 3  # noqa: SLF001 - likewise


def test_the_bars_end_where_the_score_does():
    bars = list(drawing._bars(told(), ENGLISH))  # noqa: SLF001 - where each begins is the point
    assert bars[0].start == 0
    for one, following in pairwise(bars):
        assert following.start == pytest.approx(one.start + one.points)
    assert bars[-1].start + bars[-1].points == pytest.approx(told().properties["score"])


@pytest.mark.parametrize("most", [1, 2, 3, 12])
def test_folding_keeps_what_the_lines_add_up_to(most):
    lines = [told_rows.line("threat", "incident", 0.37 * number, f"i{number}") for number in range(9)]
    lines.append(told_rows.line("capacity_gap", "presence:escort", -3.5))
    folded = entries(lines, most)
    assert sum(entry.points for entry in folded["threat"]) == pytest.approx(0.37 * 36)
    assert len(folded["threat"]) == min(most, 9)
    assert sum(max(entry.folded, 1) for entry in folded["threat"]) == 9
    assert [entry.points for entry in folded["capacity_gap"]] == [-3.5]


@pytest.mark.parametrize("name", ["a.pdf", "a", "a.jpg", "nowhere/a.png"])
def test_a_file_that_cannot_be_drawn_into_is_refused_before_the_work(tmp_path, name):
    with pytest.raises(Invalid, match="--plot"):
        drawing.check(tmp_path / name)


def test_a_file_that_can_be_is_not(tmp_path):
    drawing.check(tmp_path / "a.png")
    drawing.check(tmp_path / "a.SVG")
