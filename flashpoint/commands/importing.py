"""``flashpoint import ...``: boundaries, population figures, events."""

from typing import Annotated

import typer

from flashpoint import present, session
from flashpoint.ingest.account import Account
from flashpoint.settings import Settings
from flashpoint.terminal import AsJson, File, Operation, out, progress, write_json

_HELP = """
Import boundaries, population figures or UCDP events.

Each import ends with an account: rows read = imported + skipped + already there, with every skip and repair and its
reason. Importing the same file again changes nothing; an interrupted import is completed by running it again.

A new operation from public files, in this order:

    flashpoint import boundaries caf_adm3.geojson --operation CAF --level adm3 --code-list "COD-AB 2015"

    flashpoint import population caf_codps_2015_adm3.csv --operation CAF

    flashpoint import ucdp ucdp_ged_caf.csv.gz --operation CAF
"""
app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help=_HELP)


@app.command()
def boundaries(
    file: File,
    operation: Operation,
    level: Annotated[str, typer.Option(help="Level of the boundaries in the file: adm0 to adm4.")],
    code_list: Annotated[str | None, typer.Option(help="Code list and version, such as 'COD-AB 2015'.")] = None,
    replaces: Annotated[str | None, typer.Option(help="The code list whose place this one takes, from now on.")] = None,
    *,
    allow_orphans: Annotated[bool, typer.Option(help="Let records go without a place, and out of the score.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Do all of it, give the account, and keep nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Import boundaries (GeoJSON, GeoPackage, Shapefile). A new operation is created by its first boundaries.

    A new version of the code list ends the earlier one. Incidents and records move to the new places; what was known
    before keeps the old ones:

        flashpoint import boundaries caf_2026.geojson --operation CAF --level adm3 --code-list "COD-AB 2026"
        --replaces "COD-AB 2015" --dry-run
    """
    from flashpoint import imports  # noqa: PLC0415 - GDAL takes a second that no other command should wait for

    target = imports.BoundaryTarget(
        operation, level, code_list, replaces=replaces, allow_orphans=allow_orphans, dry_run=dry_run
    )
    with session.open_database(Settings()) as database, progress("boundaries") as report:
        account = imports.boundaries(database, file, target, report)
    _account(account, as_json=as_json)


@app.command()
def population(
    file: File,
    operation: Annotated[str | None, typer.Option("--operation", "-o", help="Where left out: by P-codes.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Import population figures (CSV as COD-PS publishes them) for localities that are there."""
    from flashpoint import imports  # noqa: PLC0415 - GDAL takes a second that no other command should wait for

    with session.open_database(Settings()) as database, progress("population") as report:
        account = imports.population(database, file, operation, report)
    _account(account, as_json=as_json)


@app.command()
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
    with session.open_database(Settings()) as database, progress("events") as report:
        account = imports.ucdp(database, file, target, report)
    _account(account, as_json=as_json)


def _account(account: Account, *, as_json: bool) -> None:
    if as_json:
        write_json(account.to_dict())
    else:
        present.account(out, account)
