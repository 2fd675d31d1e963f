"""``flashpoint key ...``: issue, list, rotate and revoke API keys."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

import typer

from flashpoint import present, session
from flashpoint.access import CONSOLE
from flashpoint.commands import grants
from flashpoint.pepper import pepper
from flashpoint.settings import Settings
from flashpoint.store import actors, audit
from flashpoint.terminal import AsJson, err, out, write_json

app = typer.Typer(no_args_is_help=True, help="Issue, list, rotate and revoke API keys.")


@app.command()
def issue(
    handle: grants.Handle,
    role: grants.OneRole,
    operation: grants.Operations = None,
    audience: grants.OneAudience = None,
    *,
    action: grants.Actions = None,
    days: grants.Days = 90,
    all_operations: grants.AllOperations = False,
    as_json: AsJson = False,
) -> None:
    """Issue a key. It is shown this once; only its hash is kept.

    flashpoint key issue --handle joc-wall --role reader --operation CAF --days 30

    flashpoint key issue --handle kobo-form --role analyst --operation CAF --action report
    """
    asked = grants.Asked(handle, role, audience, operation, action, days, all_operations)
    settings = Settings()
    with session.open_database(settings) as database, database.keys() as vault:
        by = actors.console(vault)
        key_id, token = actors.issue(vault, by, asked.grant(vault), pepper(settings))
    _show(key_id, token, as_json=as_json)


@app.command("list")
def list_keys(*, as_json: AsJson = False) -> None:
    """List the keys: holder, role, operations, validity, last day of use; never the key itself."""
    with session.open_database(Settings()) as database, database.keys() as reader:
        rows = [{str(name): value for name, value in row.items()} for row in actors.keys(reader)]
        audit.write(reader, CONSOLE, "command.key_list", ("api_key", audit.ALL), ids=[row["id"] for row in rows])
    if as_json:
        write_json(rows)
    else:
        present.keys(out, rows)


@app.command()
def rotate(
    key_id: UUID,
    grace_hours: Annotated[int, typer.Option(min=0, max=720, help="How long the old key still works.")] = 24,
    *,
    as_json: AsJson = False,
) -> None:
    """Issue the successor of a key, for the same holder, scope and lifetime. It is shown this once.

    The old key ends after the grace, or when it would have ended anyway; with --grace-hours 0 at once.
    """
    settings = Settings()
    with session.open_database(settings) as database, database.keys() as vault:
        by, grace = actors.console(vault), timedelta(hours=grace_hours)
        successor, token = actors.rotate(vault, by, key_id, grace, pepper(settings))
    _show(successor, token, as_json=as_json)


@app.command()
def revoke(key_id: UUID) -> None:
    """Revoke a key. Every worker stops taking it within a minute, as a rule at once."""
    with session.open_database(Settings()) as database, database.keys() as vault:
        actors.revoke(vault, actors.console(vault), key_id)
    out.print("revoked")


def _show(key_id: UUID, token: str, *, as_json: bool) -> None:
    if as_json:
        write_json({"id": key_id, "key": token})
    else:
        err.print(f"id {key_id}; the key below is not shown again", highlight=False)
        out.print(token, highlight=False, soft_wrap=True)
