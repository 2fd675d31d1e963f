"""``flashpoint explain``: why a locality stands where it stands, in words, in points, and week by week."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from flashpoint import assess, session, telling
from flashpoint import explain as explaining
from flashpoint.errors import Invalid, Violation
from flashpoint.language import LANGUAGES, Language
from flashpoint.settings import Settings
from flashpoint.terminal import AsJson, AsOf, Operation, moment, out, progress, write_json

_MOST_WEEKS = 520


def explain(
    locality: Annotated[str, typer.Argument(help="P-code, name (or its beginning) or id.")],
    operation: Operation,
    as_of: AsOf = None,
    *,
    language: Annotated[str, typer.Option(help="en or fr.")] = "en",
    weeks: Annotated[int, typer.Option(min=0, max=_MOST_WEEKS, help="How many weeks of the score to show.")] = 26,
    plot: Annotated[Path | None, typer.Option(help="Draw it into this file as well (.png or .svg).")] = None,
    as_json: AsJson = False,
) -> None:
    """Say why a locality stands where it stands, what changed since last week, and what would change it most.

    flashpoint explain Bossangoa --operation CAF --as-of 2014-01-01 --language fr --plot bossangoa.png
    """
    tongue, when = _language(language), moment(as_of)
    draw = None if plot is None else _drawn_into(plot)
    with session.reading(Settings(), "explain", operation) as reader:
        evaluated = assess.evaluate(reader, operation, when)
        index = explaining.find(evaluated, locality)
        with progress("weeks") as report:
            course = explaining.course(reader, evaluated, index, weeks, report)
    told = explaining.explain(evaluated, index, course)
    if draw is not None:
        draw(told, tongue)
    if as_json:
        write_json({"row": told.properties, "explanation": told.explanation, "course": course.to_list()})
    else:
        telling.explanation(out, told, tongue)


def _language(code: str) -> Language:
    for language in LANGUAGES.values():
        if language.code == code:
            return language
    raise Invalid(Violation("--language", "language", "must be en or fr"))


def _drawn_into(path: Path) -> Callable[[explaining.Explained, Language], None]:
    """Refuse a file that cannot be drawn into before the work begins; give what draws."""
    from flashpoint import drawing  # noqa: PLC0415 - matplotlib takes a second that nobody else should wait for

    drawing.check(path)
    return lambda told, language: drawing.draw(told, path, language)
