"""``flashpoint method ...``: the versions of the method, what one would change, and putting it in force."""

from pathlib import Path
from typing import Annotated

import typer

from flashpoint import comparison, methods, present, session
from flashpoint.errors import Invalid, Violation
from flashpoint.scoring.document import spliced
from flashpoint.scoring.methodology import DEFAULT
from flashpoint.settings import Settings
from flashpoint.store import actors
from flashpoint.strictjson import parse
from flashpoint.terminal import AsJson, AsOf, File, Operation, moment, out, say, write_json
from flashpoint.types import Audience

_HELP = """
Propose a version of the method, see what it would change, put it in force.

A proposal is a JSON file that names what it changes against the version in force:

    {"version": "CAF-1", "reason": "why", "changes": {"severity": {"shelling": 4.0}, "silence_days": 14}}

    flashpoint method propose caf-1.json --operation CAF

    flashpoint method preview CAF-1 --operation CAF

    flashpoint method adopt CAF-1 --operation CAF --reason "agreed on 3 May"
"""
app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help=_HELP)

Version = Annotated[str, typer.Argument(help="Name of a version, such as 2026.1.")]


@app.command("list")
def list_versions(operation: Operation, *, as_json: AsJson = False) -> None:
    """List the versions: which is in force, since when, by whom and why."""
    with session.reading(Settings(), "method_list", operation) as reader:
        found = methods.versions(reader, operation)
    if as_json:
        write_json([methods.tree(one) for one in found])
    else:
        present.versions(out, found)


@app.command()
def show(version: Version, operation: Operation, *, as_json: AsJson = False) -> None:
    """Show every parameter of a version, what it means, and what it changes against its base."""
    with session.reading(Settings(), "method_show", operation) as reader:
        found = methods.find(reader, operation, version)
    if as_json:
        write_json(methods.full_tree(found))
    else:
        present.version(out, methods.full_tree(found))


@app.command()
def propose(file: File, operation: Operation) -> None:
    """Propose a version: a JSON file with version, reason, changes and, where it is not the one in force, based_on."""
    with session.open_database(Settings()) as database, database.console() as vault:
        made = methods.propose(vault, actors.console(vault), operation, parse(file.read_bytes()))
    say(f"{made.version} is proposed; nothing is scored by it yet")


@app.command()
def preview(
    version: Version,
    operation: Operation,
    as_of: AsOf = None,
    top: Annotated[int, typer.Option(min=1, help="How many localities to show.")] = 20,
    *,
    as_json: AsJson = False,
) -> None:
    """Compare the matrix that a version would give with the one in force. Nothing is written."""
    when = moment(as_of)
    with session.reading(Settings(), "method_preview", operation) as reader:
        compared = methods.preview(reader, operation, version, when)
    if as_json:
        write_json(comparison.tree(compared, Audience.CLUSTER))
    else:
        present.compared(out, compared, top)


@app.command()
def adopt(
    version: Version, operation: Operation, reason: Annotated[str, typer.Option(help="Why; kept for ever.")]
) -> None:
    """Put a version in force from now on. Matrices as known earlier keep the version of their time."""
    with session.open_database(Settings()) as database, database.console() as vault:
        methods.adopt(vault, actors.console(vault), operation, version, reason)
    say(f"{version} is in force for {operation}")


@app.command()
def document(page: Annotated[Path, typer.Argument(help="The page.")] = Path("docs/methodology.md")) -> None:
    """Write the tables of the published method into its page, between the two markers."""
    try:
        before = page.read_text(encoding="utf-8")
        after = spliced(before, DEFAULT)
    except (OSError, ValueError):
        rule = "must be a page with the two markers of the parameters, each once"
        raise Invalid(Violation("PAGE", "page", rule)) from None
    page.write_text(after, encoding="utf-8")
    say("the page was up to date" if before == after else "the page is written")
