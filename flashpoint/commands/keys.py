"""``flashpoint key ...``: issue, list and revoke API keys."""

from typing import Annotated
from uuid import UUID

import typer

from flashpoint import present, session
from flashpoint.access import DEFAULT_AUDIENCE
from flashpoint.errors import Invalid, Violation
from flashpoint.pepper import pepper
from flashpoint.settings import Settings
from flashpoint.store import actors, places
from flashpoint.terminal import AsJson, err, out, write_json
from flashpoint.types import Audience, Role

app = typer.Typer(no_args_is_help=True, help="Issue, list and revoke API keys.")


@app.command()
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
        write_json({"id": key_id, "key": token})
    else:
        err.print(f"id {key_id}; the key below is not shown again", highlight=False)
        out.print(token, highlight=False, soft_wrap=True)


@app.command("list")
def list_keys(*, as_json: AsJson = False) -> None:
    """List the keys: holder, role, operations, validity; never the key itself."""
    with session.open_database(Settings()) as database, database.vault_reader() as reader:
        rows = [{str(name): value for name, value in row.items()} for row in actors.keys(reader)]
    if as_json:
        write_json(rows)
    else:
        present.keys(out, rows)


@app.command()
def revoke(key_id: UUID) -> None:
    """Revoke a key. Every worker stops taking it within a minute, as a rule at once."""
    with session.open_database(Settings()) as database, database.vault() as vault:
        actors.revoke(vault, actors.console(vault), key_id)
    out.print("revoked")
