"""What ``flashpoint explain`` shows on a terminal: the words, the points that add up, the course of the score."""

import textwrap

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flashpoint.catalogue import DIMENSION_TERMS, TIER_NAMES, input_term
from flashpoint.charts import FINE, PLAIN, Chart, Shown, bar
from flashpoint.explain import Course, Entry, Explained, entries
from flashpoint.language import Language
from flashpoint.phrases import Phrase, phrase, write
from flashpoint.types import Tier

_LINES_SHOWN = 12
_BAR = 16
#: Narrower than this, records are shown by the beginning of their ids.
_ROOMY = 100
_ID_BEGINNING = 8
#: Columns that the chart's axis and the names of the tiers take.
_BESIDE_CHART = 22
_WIDEST_CHART = 90
_STYLE: dict[Shown, str] = {"axis": "dim", "band": "dim", "threshold": "yellow", "line": "bold"}


def explanation(console: Console, told: Explained, language: Language) -> None:
    """Show why a locality stands where it stands."""
    console.print(Text(_heading(told, language), style="bold"))
    if told.reconstructed:
        _print(console, _say(language, phrase("reconstructed")))
    console.print()
    for sentence in told.explanation["words"][language.code]:
        _print(console, sentence, "- ")
    console.print()
    _points(console, told, language)
    if len(told.course.moments) > 1:
        console.print()
        _course(console, told, language)


def _say(language: Language, chosen: Phrase) -> str:
    return language.sentence(write(chosen, language))


def _print(console: Console, text: str, mark: str = "") -> None:
    """Print a paragraph. Unlike ``rich``, this keeps what stands around a narrow space on one line."""
    for line in textwrap.wrap(text, console.width, initial_indent=mark, subsequent_indent=" " * len(mark)):
        console.print(Text(line), no_wrap=True)


def _heading(told: Explained, language: Language) -> str:
    name, pcode = told.properties["name"], told.properties["pcode"]
    at = f"{told.as_of:%Y-%m-%d %H:%M}"
    return _say(language, phrase("heading", name=name, pcode=pcode, operation=told.operation, at=at))


def _points(console: Console, told: Explained, language: Language) -> None:
    """Show the points of every dimension and of the inputs behind it, each as a number and as a bar."""
    shown = entries(told.explanation["contributions"], _LINES_SHOWN)
    largest = max((abs(entry.points) for lines in shown.values() for entry in lines), default=0.0)
    console.print(Text(_say(language, phrase("points_title", score=told.properties["score"])), style="italic"))
    table = Table(box=None, pad_edge=False)
    table.add_column(write(phrase("points"), language), justify="right", no_wrap=True)
    table.add_column("", width=_BAR, no_wrap=True)
    table.add_column(write(phrase("input_of_points"), language))
    table.add_column(write(phrase("record"), language), no_wrap=True, style="dim")
    for dimension, lines in shown.items():
        total = round(sum(entry.points for entry in lines), 2)
        table.add_row(
            Text(language.number(total)), "", Text(getattr(DIMENSION_TERMS[dimension], language.code)), "", style="bold"
        )
        for entry in lines:
            drawn = bar(entry.points, largest, _BAR, PLAIN if console.options.ascii_only else FINE)
            table.add_row(language.number(entry.points), drawn, Text(_input(entry, language)), _record(console, entry))
    console.print(table)


def _input(entry: Entry, language: Language) -> str:
    if entry.folded:
        return f"  {write(phrase('further_inputs', count=entry.folded), language)}"
    return f"  {getattr(input_term(entry.input), language.code)}"


def _record(console: Console, entry: Entry) -> str:
    if entry.ref is None:
        return ""
    return entry.ref if console.width >= _ROOMY else entry.ref[:_ID_BEGINNING]


def _course(console: Console, told: Explained, language: Language) -> None:
    """Draw the course of the score, and say in words what a screen reader cannot see of it."""
    course, plain = told.course, console.options.ascii_only
    console.print(Text(_say(language, phrase("course_title")), style="italic"))
    chart = Chart(
        scores=course.scores,
        thresholds={TIER_NAMES[Tier(tier)][language.code]: level for tier, level in told.method.tier_from.items()},
        ends=(f"{course.moments[0]:%Y-%m-%d}", f"{course.moments[-1]:%Y-%m-%d}"),
        width=min(console.width - _BESIDE_CHART, _WIDEST_CHART),
        signs=PLAIN if plain else FINE,
    )
    for row in chart.rows():
        console.print(Text.assemble(*((text, _STYLE[shown]) for text, shown in row)), no_wrap=True, crop=True)
    _print(console, _range(course, language, chart.signs.band))


def _range(course: Course, language: Language, band: str) -> str:
    """Say from where to where the score went, and when."""
    scores, ranks = course.scores[:, 1], [rank for rank in course.ranks if rank is not None]
    least, most = int(np.nanargmin(scores)), int(np.nanargmax(scores))
    return _say(
        language,
        phrase(
            "course",
            low=round(float(scores[least]), 2),
            low_at=f"{course.moments[least]:%Y-%m-%d}",
            high=round(float(scores[most]), 2),
            high_at=f"{course.moments[most]:%Y-%m-%d}",
            now=round(float(scores[-1]), 2),
            first=min(ranks),
            last=max(ranks),
            rank=ranks[-1],
            band=band,
        ),
    )
