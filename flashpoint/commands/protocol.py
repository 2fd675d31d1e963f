"""``flashpoint protocol ...``: propose information-sharing protocols, put one in force, suspend it."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from flashpoint import agreement, present, session
from flashpoint.protocol import template as form
from flashpoint.settings import Settings
from flashpoint.store import actors
from flashpoint.store.protocols import Decision
from flashpoint.strictjson import parse
from flashpoint.terminal import AsJson, File, Operation, out, say, write_json
from flashpoint.types import Audience

_HELP = """
Information-sharing protocols: who is given what, for which purpose, until when.

Without one in force the mission is given nothing. To open takes two people, to close takes one.
"""
app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help=_HELP)

Version = Annotated[str, typer.Argument(help="Name of a version.")]
Why = Annotated[str, typer.Option(help="Why; kept for ever.")]


@app.command()
def template() -> None:
    """Write a proposal to fill in: what stands in <angle brackets> has to go before it is taken."""
    write_json(form(datetime.now(UTC).date()))


@app.command("list")
def list_versions(operation: Operation, *, as_json: AsJson = False) -> None:
    """List the versions: which is in force, since when, until when, by whom and why."""
    with session.reading(Settings(), "protocol_list", operation) as reader:
        agreed = agreement.versions(reader, operation, Audience.CLUSTER)
    if as_json:
        write_json(agreement.tree(agreed))
    else:
        present.protocols(out, agreement.tree(agreed))


@app.command()
def show(
    version: Version,
    operation: Operation,
    audience: Annotated[Audience, typer.Option(help="As this audience reads it.")] = Audience.CLUSTER,
) -> None:
    """Write a version with its document, as an audience reads it, as JSON."""
    with session.reading(Settings(), "protocol_show", operation) as reader:
        write_json(agreement.find(reader, operation, audience, version))


@app.command()
def propose(file: File, operation: Operation) -> None:
    """Propose a protocol: the JSON file that `template` wrote, filled in. Nothing is shared by it yet."""
    with session.open_database(Settings()) as database, database.console() as vault:
        made = agreement.propose(vault, actors.console(vault), operation, parse(file.read_bytes()))
    say(f"{made.version} is proposed; it takes another person to put it in force")


@app.command()
def adopt(
    version: Version,
    operation: Operation,
    reason: Why,
    *,
    sole_signature: Annotated[
        bool, typer.Option("--sole-signature", help="At set-up: put in force what was proposed here. It is recorded.")
    ] = False,
) -> None:
    """Put in force what somebody else proposed, from now on."""
    with session.open_database(Settings()) as database, database.console() as vault:
        decision = Decision(version, reason, vault.at, sole_signature=sole_signature)
        agreement.adopt(vault, actors.console(vault), operation, decision)
    say(f"{version} is in force for {operation}")


@app.command()
def suspend(version: Version, operation: Operation, reason: Why) -> None:
    """Take the protocol in force out of it: the mission is given nothing from now on."""
    with session.open_database(Settings()) as database, database.console() as vault:
        agreement.suspend(vault, actors.console(vault), operation, Decision(version, reason, vault.at))
    say(f"{version} is suspended for {operation}; the mission is given nothing")
