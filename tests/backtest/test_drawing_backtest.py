"""The picture: in each format, the same for the same figures, and drawn also where there is nothing to tell."""

import pytest
from backtest_worlds import land, plan, quiet, restless
from matplotlib.image import imread

from flashpoint import drawing_backtest
from flashpoint.backtest import backtest
from flashpoint.errors import Invalid


def judged(database, code, **values):
    with database.vault_reader() as reader:
        return backtest(reader, plan(code, **values), quiet)


def test_a_picture_in_every_format_and_twice_the_same(database, tmp_path):
    told = judged(database, land(database, tmp_path, 12, restless(12, 6, 2), across=6), last="2015-06", k=3)
    for kind in ("png", "svg", "pdf"):
        first, again = tmp_path / f"first.{kind}", tmp_path / f"again.{kind}"
        drawing_backtest.draw(told, first)
        drawing_backtest.draw(told, again)
        assert first.read_bytes() == again.read_bytes()
    words = (tmp_path / "first.svg").read_text()
    assert "incidents, last 90 days" in words


def test_a_grey_printer_shows_the_official_score_as_the_darkest(database, tmp_path):
    told = judged(database, land(database, tmp_path, 12, restless(12, 6, 2), across=6), last="2015-06", k=3)
    drawing_backtest.draw(told, tmp_path / "one.png")
    grey = imread(tmp_path / "one.png")[..., :3].mean(axis=-1)
    assert grey.min() < 0.3
    assert (grey < 0.99).mean() > 0.01


def test_where_nothing_is_to_be_told_the_picture_says_so(database, tmp_path):
    drawing_backtest.draw(judged(database, land(database, tmp_path, 4)), tmp_path / "empty.svg")
    assert "n/a" in (tmp_path / "empty.svg").read_text()


@pytest.mark.parametrize(
    ("name", "rule"), [("plot.txt", "must end in"), ("plot", "must end in"), ("no/p.png", "folder")]
)
def test_a_file_that_cannot_be_drawn_to_is_refused_before_the_work(tmp_path, name, rule):
    with pytest.raises(Invalid, match=rule):
        drawing_backtest.check(tmp_path / name)
