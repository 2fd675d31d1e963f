"""``flashpoint retention ...``: erase what is due. ``flashpoint tombstones ...``: what is gone does not come back."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from flashpoint import retention, session, tombstones
from flashpoint.ledger import FILE, GENESIS, Ledger, Tombstone, chained
from flashpoint.retention import Purged, Rule
from flashpoint.settings import Settings
from flashpoint.store import actors, audit
from flashpoint.store.engine import Database
from flashpoint.terminal import AsJson, File, out, say, write_json

app = typer.Typer(no_args_is_help=True, help="Erase what was kept for as long as was agreed, or lost its consent.")

_HELP = f"""
Keep what is gone from coming back with a restored database.

The ledger is {FILE} in FLASHPOINT_HOME: ids and reasons, no content. The service keeps it, and holds it against the
database before it serves. Where the home folder is lost, or several hosts serve, carry it over:

    flashpoint tombstones export > tombstones.jsonl

    flashpoint tombstones apply tombstones.jsonl
"""
ledger_app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help=_HELP)

OneOperation = Annotated[
    str | None, typer.Option("--operation", "-o", help="Code of the operation; all of them where left out.")
]


@app.command()
def apply(
    operation: OneOperation = None,
    *,
    dry_run: Annotated[bool, typer.Option(help="Say what is due, and erase nothing.")] = False,
    held: Annotated[bool, typer.Option(help="Erase also what is held; somebody has looked at it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase what is due: sources, narratives, reasons. What makes the score and its history stays.

    The service does the same by itself: at once for want of consent, once a day by age. Held is what one hand took the
    consent off, more than 20 records in a day: it is out of use, and waits for you to look who that was, and why.

    There is no way back.
    """
    purged: list[Purged] = []
    with session.open_database(Settings()) as database:
        for code in retention.operations(database) if operation is None else [operation]:
            rule = Rule(held_too=held)
            purged += retention.preview(database, code) if dry_run else retention.apply(database, code, rule)
    if as_json:
        write_json({"dry_run": dry_run, "purged": [asdict(one) for one in purged]})
    else:
        _show(purged, dry_run=dry_run)


def _show(purged: list[Purged], *, dry_run: bool) -> None:
    if not purged:
        out.print("Nothing is due.")
        return
    table = Table(title="Due; nothing was erased" if dry_run else "Erased", title_justify="left", box=None)
    for column in ("operation", "kind", "why", "records", "sources", ""):
        table.add_column(column, justify="right" if column in {"records", "sources"} else "left")
    for one in purged:
        note = "[yellow]held[/yellow]" if one.held else ""
        table.add_row(one.operation, one.kind, one.reason, f"{one.records:,}", f"{one.sources:,}", note)
    out.print(table)


@contextmanager
def _opened() -> Iterator[tuple[Database, Ledger]]:
    settings = Settings()
    with session.open_database(settings) as database:
        yield database, Ledger(settings.home / FILE)


@ledger_app.command()
def export() -> None:
    """Bring the ledger up to date and write it to standard output: a line for each thing that is gone."""
    with _opened() as (database, ledger):
        tombstones.reconcile(database, ledger)
        _log(database, "tombstones.export", len(ledger.latest))
    sys.stdout.buffer.writelines(chained(GENESIS, ledger.entries()))


@ledger_app.command("apply")
def take_over(file: File) -> None:
    """Take over a ledger that was exported, or kept from another home: what it has as gone goes here as well.

    Nothing is taken back into use by it. Do this after a restore, before the service starts.
    """
    other = Ledger(file)
    with _opened() as (database, ledger):
        taken = tombstones.take_over(ledger, other)
        ended = len(tombstones.reconcile(database, ledger).ended)
        _log(database, "tombstones.apply", taken, ended)
    if other.flaw is not None:
        say(f"line {other.flaw} of the file was changed, or lines before it were; what could be read was applied")
    if other.unreadable:
        say(f"{other.unreadable} lines of the file could not be read")
    out.print(f"{taken:,} taken over; {ended:,} were in use here, and are gone again", highlight=False)


@ledger_app.command()
def verify(*, as_json: AsJson = False) -> None:
    """Look whether the ledger is whole, and says what the database says. Exit code 1 where something is wrong."""
    with _opened() as (database, ledger):
        unsaid, back = tombstones.missing(database, ledger)
    if as_json:
        write_json(_tree(ledger, unsaid, back))
    else:
        _tell(ledger, unsaid, back)
    if ledger.flaw is not None or unsaid or back:
        raise typer.Exit(1)


def _log(database: Database, action: str, count: int, ended: int = 0) -> None:
    with database.console() as vault:
        audit.write(vault, actors.console(vault), action, ("tombstone", audit.ALL), count=count, ended=ended)


def _tree(ledger: Ledger, unsaid: list[Tombstone], back: list[Tombstone]) -> dict[str, object]:
    return {
        "lines": ledger.lines,
        "gone": len(ledger.gone()),
        "head": ledger.head.hex(),
        "unreadable": ledger.unreadable,
        "first_flaw": ledger.flaw,
        "not_in_ledger": [asdict(one) for one in unsaid],
        "came_back": [asdict(one) for one in back],
    }


def _tell(ledger: Ledger, unsaid: list[Tombstone], back: list[Tombstone]) -> None:
    head = ledger.head.hex()
    out.print(f"{ledger.lines:,} lines, {len(ledger.gone()):,} gone, head {head}", highlight=False, soft_wrap=True)
    if ledger.unreadable:
        out.print(f"[yellow]note[/yellow] lines that cannot be read: {ledger.unreadable}", highlight=False)
    if ledger.flaw is not None:
        rule = "was changed, or lines before it were taken out or put in"
        out.print(f"[red]wrong[/red] line {ledger.flaw} {rule}", highlight=False)
    for one in unsaid:
        out.print(f"[red]wrong[/red] {one.kind} {one.id} is gone, and not in the ledger", highlight=False)
    for one in back:
        out.print(f"[red]wrong[/red] {one.kind} {one.id} is in the ledger, and in use", highlight=False)
