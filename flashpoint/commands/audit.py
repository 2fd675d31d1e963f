"""``flashpoint audit ...``: is the log whole, its head to keep elsewhere, and who did and saw what."""

from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.table import Table

from flashpoint import auditing, session
from flashpoint.access import CONSOLE
from flashpoint.settings import Settings
from flashpoint.store.audit_reading import Filters
from flashpoint.terminal import AsJson, moment, out, write_json

_HELP = """
Verify the audit log, keep its head, list it.

    flashpoint audit head >> heads.txt

    flashpoint audit verify --head-file heads.txt

Keep the heads where whoever runs the database cannot change them: only they show that the end of the log was cut off.
"""
app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help=_HELP)

_NO_HEAD = "no head that was kept elsewhere was given: an end that was cut off, or a log made anew, does not show"


@app.command()
def verify(
    head: Annotated[list[str] | None, typer.Option(help="SEQ:HASH, as audit head wrote it; may be repeated.")] = None,
    head_file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A file of them, a line each.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Compute the chain of the log anew and say what is wrong first. Exit code 1 where something is."""
    heads = auditing.read_heads(head or (), "--head")
    if head_file is not None:
        lines = head_file.read_text(encoding="utf-8", errors="replace").splitlines()
        heads += auditing.read_heads(lines, "--head-file")
    with session.open_database(Settings()) as database, database.auditing(CONSOLE) as reader:
        verdict = auditing.verify(reader, heads)
    if as_json:
        write_json(_tree(verdict))
    else:
        _tell(verdict)
    if not verdict.sound:
        raise typer.Exit(1)


@app.command()
def head(*, as_json: AsJson = False) -> None:
    """Print number and hash of the last row, to be kept elsewhere."""
    with session.open_database(Settings()) as database, database.auditing(CONSOLE) as reader:
        found = auditing.head(reader)
    if as_json:
        write_json({"seq": found.seq, "hash": found.hash.hex()})
    else:
        out.print(str(found), highlight=False, soft_wrap=True)


@app.command("list")
def list_entries(
    *,
    operation: Annotated[str | None, typer.Option("--operation", "-o", help="Code of the operation.")] = None,
    actor: Annotated[str | None, typer.Option(help="Handle of whoever did it.")] = None,
    action: Annotated[str | None, typer.Option(help="Such as read, list, verify.")] = None,
    kind: Annotated[str | None, typer.Option(help="Such as incident.")] = None,
    record: Annotated[UUID | None, typer.Option(help="What shows, changes or concerns the record of this id.")] = None,
    since: Annotated[str | None, typer.Option(help="On this date or instant (UTC), or later.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this date or instant.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=250)] = 100,
    after: Annotated[int, typer.Option(min=0, help="Number of the entry to continue behind.")] = 0,
    as_json: AsJson = False,
) -> None:
    """List who did what, and saw what, when: ids and words of ours, never what it said. The listing is logged.

    flashpoint audit list --record 0b54ad8e-7a1f-4a53-9d3c-2f1f6c5d1e57
    """
    times = [None if one is None else moment(one, name) for one, name in ((since, "--since"), (until, "--until"))]
    filters = Filters(operation, actor, action, kind, record, *times)
    with session.open_database(Settings()) as database, database.auditing(CONSOLE) as reader:
        entries = auditing.look(reader, CONSOLE, filters, (limit, after))
    if as_json:
        write_json(entries)
    else:
        _show(entries)


def _tree(verdict: auditing.Verdict) -> dict[str, Any]:
    finding = verdict.finding
    return {
        "sound": verdict.sound,
        "rows": verdict.rows,
        "head": str(verdict.head),
        "heads_kept": verdict.heads_kept,
        "finding": None if finding is None else {"flaw": finding.flaw.name.lower(), "seq": finding.seq},
        "unlogged": verdict.unlogged,
        "unlogged_since": verdict.unlogged_since,
    }


def _tell(verdict: auditing.Verdict) -> None:
    out.print(f"{verdict.rows:,} rows, head {verdict.head}", highlight=False, soft_wrap=True)
    if verdict.finding is not None:
        out.print(f"[red]wrong[/red] row {verdict.finding.seq}: {verdict.finding.flaw}", highlight=False)
    if verdict.unlogged:
        since = f"{verdict.unlogged_since:%Y-%m-%d %H:%M:%S} UTC"
        line = f"{verdict.unlogged:,} rows of the vault have no entry in the log, the first of {since}"
        out.print(f"[red]wrong[/red] {line}", highlight=False)
    if verdict.sound:
        out.print(f"The chain is whole. Heads that were kept elsewhere and are in it: {verdict.heads_kept}.")
    if not verdict.heads_kept:
        out.print(f"[yellow]note[/yellow] {_NO_HEAD}", highlight=False)


def _show(entries: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("number", "at (UTC)", "who", "operation", "did", "kind", "records"):
        table.add_column(column, no_wrap=column != "records")
    for one in entries:
        records = f"{one['records'][0]}{' ...' if len(one['records']) > 1 else ''}" if one["records"] else ""
        who, at = one["actor"]["handle"] or one["actor"]["id"], f"{one['at']:%Y-%m-%d %H:%M:%S}"
        table.add_row(str(one["seq"]), at, str(who), one["operation"] or "", one["action"], one["kind"], records)
    out.print(table)
