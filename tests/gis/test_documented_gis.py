"""What docs/gis.md tells people to type is typed here: commands and lines of Python and R, taken out of the page."""

import re
import sqlite3
import sys
from pathlib import Path

import pytest
from bounding import bounds_of
from opened import program, run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "gis.md"


def blocks(language, page=PAGE):
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def at_hand(served, tmp_path):
    """The variables that the page has its reader set."""
    return {"BASE": served.url, "KEY": served.key, "HOME": str(tmp_path)}


def rows(path):
    with sqlite3.connect(path) as file:
        ((table,),) = file.execute("SELECT table_name FROM gpkg_contents WHERE data_type = 'features'").fetchall()
        return file.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]


def test_the_commands_do_what_they_say(served, at_hand, tmp_path):
    program("ogr2ogr", "gdal-bin")
    commands = "\n".join(blocks("sh"))
    told = run("bash", "-euc", f"cd {tmp_path}\n{commands}", **at_hand)
    assert "1: matrix (title: Flashpoint matrix)" in told
    everything = served.features("matrix")
    worst = [one for one in everything if one["properties"]["tier"] in {"extreme", "high"}]
    extreme = [one for one in everything if one["properties"]["tier"] == "extreme"]
    assert {path.name: rows(path) for path in tmp_path.glob("*.gpkg")} == {
        "incidents.gpkg": len(served.features("incidents")),
        "box.gpkg": len(served.features("matrix", "&bbox=17,4,19,6")),
        "extreme.gpkg": len(extreme),
        "worst.gpkg": len(worst),
        "metres.gpkg": len(everything),
        "matrix.gpkg": len(everything),
    }


def test_the_lines_of_python_do_what_they_say(served, at_hand):
    (lines,) = blocks("python")
    told = run(sys.executable, "-c", lines + "\nprint(len(near), len(recent), len(metres), len(worst))\n", **at_hand)
    first = min(served.features("matrix"), key=lambda one: one["properties"]["rank"])["properties"]
    assert first["name"] in told
    near, recent, metres, worst = (int(word) for word in told.split()[-4:])
    assert near == len(served.features("matrix", "&bbox=17,4,19,6"))
    assert recent == len(served.features("incidents", "&datetime=2026-01-01T00:00:00Z/.."))
    assert metres == len(served.features("matrix"))
    assert worst == len(served.features("matrix", "&filter=tier%20IN%20('extreme','high')"))


def test_the_lines_of_r_do_what_they_say(served, at_hand):
    program("Rscript", "r-cran-sf")
    if run("Rscript", "-e", 'cat(requireNamespace("sf", quietly = TRUE))') != "TRUE":
        pytest.skip("R has no sf (Debian: r-cran-sf); make clients")
    (lines,) = blocks("r")
    counts = 'cat("\\n", nrow(matrix), nrow(worst), st_bbox(matrix))'
    told = run("Rscript", "-e", f"{lines}\n{counts}", **at_hand).splitlines()[-1].split()
    everything = served.features("matrix")
    worst = [one for one in everything if one["properties"]["tier"] in {"extreme", "high"}]
    assert list(map(int, told[:2])) == [len(everything), len(worst)]
    assert list(map(float, told[2:])) == pytest.approx(bounds_of(everything), abs=1e-4)
