"""The command line. Each command is one call of a verb; what it prints is made in ``present.py``."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from flashpoint import __version__, assess, doctor, explain, present, serving, session
from flashpoint.access import DEFAULT_AUDIENCE
from flashpoint.errors import FlashpointError, Invalid, Violation
from flashpoint.ingest.account import Account
from flashpoint.matrix import release
from flashpoint.pepper import pepper
from flashpoint.settings import Settings
from flashpoint.store import actors, places
from flashpoint.types import Audience, Role

_HELP = """
Verified incidents in, an explainable ranked matrix of localities out.

`flashpoint up` starts everything on synthetic data. The other commands work on the same database, beside a running
service or without one: the private cluster in FLASHPOINT_HOME (.flashpoint), or the PostGIS that
FLASHPOINT_DATABASE_URL names.
"""
_IMPORT_HELP = """
Import boundaries, population figures or UCDP events.

Each import ends with an account: rows read = imported + skipped + already there, with every skip and repair and its
reason. Importing the same file again changes nothing; an interrupted import is completed by running it again.

A new operation from public files, in this order:

    flashpoint import boundaries caf_adm3.geojson --operation CAF --level adm3 --code-list "COD-AB 2015"

    flashpoint import population caf_codps_2015_adm3.csv --operation CAF

    flashpoint import ucdp ucdp_ged_caf.csv.gz --operation CAF
"""
app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help=_HELP, pretty_exceptions_enable=False)
importing = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help=_IMPORT_HELP)
key = typer.Typer(no_args_is_help=True, help="Issue, list and revoke API keys.")
app.add_typer(importing, name="import")
app.add_typer(key, name="key")

#: A file or a pipe is not 80 columns wide.
_WIDE = 110
out = Console(width=None if sys.stdout.isatty() else _WIDE)
err = Console(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Write JSON, for scripts.")]
Operation = Annotated[str, typer.Option("--operation", "-o", help="Code of the operation, such as CAF.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", help="As known on this date or instant (UTC), such as 2014-02-01; now where left out."),
]
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]


def main() -> None:
    """Run the command line; what goes wrong on purpose is one clear line, never a stack trace."""
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


def _say(line: str) -> None:
    err.print(f"· {line}", style="dim", markup=False, highlight=False, soft_wrap=True)


def _json(tree: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(tree, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z) + b"\n")


def _moment(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(Violation("--as-of", "date", "must be a date or an instant as RFC 3339 writes it")) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if not places.ALWAYS <= moment <= datetime.now(UTC):
        raise Invalid(Violation("--as-of", "range", "must lie between 1900 and now"))
    return moment.astimezone(UTC)


@contextmanager
def _progress(title: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show a bar on a terminal, and nothing where nobody watches."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


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
    serving.up(settings, _say, lambda keys: present.welcome(out, settings, keys))
    _say(f"stopped; the data stay in {settings.home}")


@app.command()
def serve() -> None:
    """Serve the API on the database that is set, or on the private one, without loading anything."""
    serving.serve(Settings(), _say)


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    with session.database_url(Settings(), _say):
        _say("the schema is up to date")


@app.command("doctor")
def examine(*, as_json: AsJson = False) -> None:
    """Look at what the service needs on this machine, and say how to mend what is missing."""
    findings = doctor.examine(Settings())
    if as_json:
        _json([{"name": f.name, "ok": f.ok, "detail": f.detail, "mend": f.mend} for f in findings])
    else:
        present.findings(out, findings)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


@app.command()
def rank(
    operation: Operation,
    as_of: AsOf = None,
    top: Annotated[int, typer.Option(min=1, help="How many localities to show.")] = 20,
    *,
    as_json: AsJson = False,
) -> None:
    """Rank an operation's localities as known on a date.

    flashpoint rank --operation CAF --as-of 2014-02-01 --top 10

    The score is between its low and high end, whatever the missing inputs turn out to be; so is the rank.
    """
    moment = _moment(as_of)
    with session.open_database(Settings()) as database, database.vault_reader() as reader:
        places.find_operation(reader, actors.CONSOLE, operation)
        evaluated = assess.evaluate(reader, operation, moment)
    released = release(evaluated, Audience.CLUSTER)
    if as_json:
        rows = [orjson.Fragment(row.properties) for row in released.rows[:top]]
        head = orjson.loads(f"{{{released.moment},{released.head}}}")
        _json({**head, "rows": rows})
    else:
        present.ranking(out, evaluated, top)


@app.command("explain")
def explain_locality(locality: str, operation: Operation, as_of: AsOf = None, *, as_json: AsJson = False) -> None:
    """Say why a locality (its P-code, name or id) stands where it stands: the points that its score is made of.

    flashpoint explain Bossangoa --operation CAF --as-of 2014-02-01
    """
    moment = _moment(as_of)
    with session.open_database(Settings()) as database, database.vault_reader() as reader:
        places.find_operation(reader, actors.CONSOLE, operation)
        evaluated = assess.evaluate(reader, operation, moment)
    row = explain.find(evaluated, locality)
    if as_json:
        _json({"row": orjson.Fragment(row.properties), "explanation": orjson.Fragment(row.explanation)})
    else:
        present.explanation(out, evaluated, row)


@importing.command()
def boundaries(
    file: File,
    operation: Operation,
    level: Annotated[str, typer.Option(help="Level of the boundaries in the file: adm0 to adm4.")],
    code_list: Annotated[str | None, typer.Option(help="Code list and version, such as 'COD-AB 2015'.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Import boundaries (GeoJSON, GeoPackage, Shapefile). A new operation is created by its first boundaries."""
    from flashpoint import imports  # noqa: PLC0415 - GDAL takes a second that no other command should wait for

    target = imports.BoundaryTarget(operation, level, code_list)
    with session.open_database(Settings()) as database, _progress("boundaries") as progress:
        account = imports.boundaries(database, file, target, progress)
    _account(account, as_json=as_json)


@importing.command()
def population(
    file: File,
    operation: Annotated[str | None, typer.Option("--operation", "-o", help="Where left out: by P-codes.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Import population figures (CSV as COD-PS publishes them) for localities that are there."""
    from flashpoint import imports  # noqa: PLC0415 - GDAL takes a second that no other command should wait for

    with session.open_database(Settings()) as database, _progress("population") as progress:
        account = imports.population(database, file, operation, progress)
    _account(account, as_json=as_json)


@importing.command()
def ucdp(
    file: File,
    operation: Operation,
    lag_days: Annotated[float, typer.Option(min=0, help="Days from an event's end until it counts as known.")] = 0,
    *,
    as_json: AsJson = False,
) -> None:
    """Import UCDP GED events (csv, csv.gz, GeoJSON) as verified under the standard `external:ucdp`."""
    from flashpoint import imports  # noqa: PLC0415 - GDAL takes a second that no other command should wait for

    target = imports.UcdpTarget(operation, lag_days)
    with session.open_database(Settings()) as database, _progress("events") as progress:
        account = imports.ucdp(database, file, target, progress)
    _account(account, as_json=as_json)


def _account(account: Account, *, as_json: bool) -> None:
    if as_json:
        _json(account.to_dict())
    else:
        present.account(out, account)


@key.command()
def issue(
    handle: Annotated[str, typer.Option(help="Pseudonymous handle of the holder; no names.")],
    role: Annotated[Role, typer.Option()],
    operation: Annotated[list[str] | None, typer.Option("--operation", "-o", help="Repeat for several.")] = None,
    audience: Annotated[Audience | None, typer.Option(help="Whose release is read; by role where left out.")] = None,
    days: Annotated[int, typer.Option(min=1, max=730, help="Lifetime.")] = 90,
    *,
    all_operations: Annotated[bool, typer.Option(help="Good for every operation.")] = False,
    as_json: AsJson = False,
) -> None:
    """Issue a key. It is shown this once; only its hash is kept.

    flashpoint key issue --handle joc-wall --role reader --operation CAF --days 30
    """
    if bool(operation) == all_operations:
        raise Invalid(Violation("--operation", "required", "name the operations, or say --all-operations"))
    settings = Settings()
    with session.open_database(settings) as database, database.vault() as vault:
        by = actors.console(vault)
        codes = None if all_operations else tuple(places.find_operation(vault, by, c).code for c in operation or ())
        grant = actors.KeyGrant(handle, role, audience or DEFAULT_AUDIENCE[role], codes, days)
        key_id, token = actors.issue(vault, by, grant, pepper(settings))
    if as_json:
        _json({"id": key_id, "key": token})
    else:
        err.print(f"id {key_id}; the key below is not shown again", highlight=False)
        out.print(token, highlight=False, soft_wrap=True)


@key.command("list")
def list_keys(*, as_json: AsJson = False) -> None:
    """List the keys: holder, role, operations, validity; never the key itself."""
    with session.open_database(Settings()) as database, database.vault_reader() as reader:
        rows = [{str(name): value for name, value in row.items()} for row in actors.keys(reader)]
    if as_json:
        _json(rows)
    else:
        present.keys(out, rows)


@key.command()
def revoke(key_id: UUID) -> None:
    """Revoke a key. Every worker stops taking it within a minute, as a rule at once."""
    with session.open_database(Settings()) as database, database.vault() as vault:
        actors.revoke(vault, actors.console(vault), key_id)
    out.print("revoked")
