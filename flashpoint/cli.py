"""The command line. Each command is one call of a verb; what it prints is made in ``present.py``."""

import sys
from io import TextIOWrapper
from typing import Annotated

import orjson
import typer

from flashpoint import __version__, assess, doctor, present, serving, session
from flashpoint.commands import (
    audit,
    backtest,
    explaining,
    export,
    importing,
    keys,
    methods,
    people,
    protocol,
    queue,
    retention,
    sensitivity,
)
from flashpoint.errors import FlashpointError, Invalid
from flashpoint.matrix import release
from flashpoint.settings import Settings
from flashpoint.store import methodologies
from flashpoint.store.methodologies import EVER
from flashpoint.store.release_reading import unplaced_rows
from flashpoint.terminal import AsJson, AsOf, Methodology, Operation, err, moment, out, say, write_json
from flashpoint.types import Audience

_HELP = """
Verified incidents in, an explainable ranked matrix of localities out.

`flashpoint up` starts everything on synthetic data. The other commands work on the same database, beside a running
service or without one: the private cluster in FLASHPOINT_HOME (.flashpoint), or the PostGIS that
FLASHPOINT_DATABASE_URL names.
"""
app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help=_HELP, pretty_exceptions_enable=False)
app.add_typer(backtest.app)
app.add_typer(sensitivity.app)
app.add_typer(importing.app, name="import")
app.add_typer(keys.app, name="key")
app.add_typer(people.app, name="person")
app.add_typer(methods.app, name="method")
app.add_typer(protocol.app, name="protocol")
app.add_typer(audit.app, name="audit")
app.add_typer(retention.app, name="retention")
app.add_typer(retention.ledger_app, name="tombstones")
app.command()(explaining.explain)
app.command()(queue.queue)
app.command()(export.export)


def main() -> None:
    """Run the command line; what goes wrong on purpose is one clear line, never a stack trace."""
    # Names have accents; what cannot show them shows a question mark rather than nothing at all.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app()
    except Invalid as error:
        err.print("[red]This breaks a rule:[/red]")
        for violation in error.violations:
            err.print(f"  {violation.pointer or '/'}: {violation.rule}", markup=False)
        sys.exit(2)
    except FlashpointError as error:
        err.print(f"flashpoint: {error}", style="red", markup=False)
        sys.exit(1)


def _version(*, wanted: bool) -> None:
    if wanted:
        out.print(f"flashpoint {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def common(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=lambda wanted: _version(wanted=wanted), is_eager=True)
    ] = False,
) -> None:
    """Hold the options that come before the command."""


@app.command()
def up() -> None:
    """Bring up the demo: database, sample data, service, one key per role. `make demo` calls this."""
    settings = Settings()
    serving.up(settings, say, lambda keys: present.welcome(out, settings, keys))
    say(f"stopped; the data stay in {settings.home}")


@app.command()
def serve() -> None:
    """Serve the API on the database that is set, or on the private one, without loading anything."""
    serving.serve(Settings(), say)


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    with session.database_url(Settings(), say):
        say("the schema is up to date")


@app.command("doctor")
def examine(*, as_json: AsJson = False) -> None:
    """Look at what the service needs on this machine, and say how to mend what is missing."""
    findings = doctor.examine(Settings())
    if as_json:
        write_json([{"name": f.name, "ok": f.ok, "detail": f.detail, "mend": f.mend} for f in findings])
    else:
        present.findings(out, findings)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


@app.command()
def rank(
    operation: Operation,
    as_of: AsOf = None,
    top: Annotated[int, typer.Option(min=1, help="How many localities to show.")] = 20,
    methodology: Methodology = None,
    recorded: Annotated[
        str | None, typer.Option(help="Only of what was recorded here by this date or instant.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Rank an operation's localities as known on a date.

    flashpoint rank --operation CAF --as-of 2014-02-01 --top 10

    The score is between its low and high end, whatever the missing inputs turn out to be; so is the rank.
    """
    when, by = moment(as_of), moment(recorded, "--recorded") if recorded else None
    with session.reading(Settings(), "rank", operation) as reader:
        method = methodologies.named(reader, operation, methodology, by or EVER) if methodology else None
        evaluated = assess.evaluate(reader, operation, when, method, by)
    if as_json:
        released = release(evaluated, Audience.CLUSTER)
        rows = [orjson.Fragment(row.whole_properties()) for row in unplaced_rows(released)[:top]]
        write_json({**orjson.loads(f"{{{released.head()}}}"), "rows": rows})
    else:
        present.ranking(out, evaluated, top)
