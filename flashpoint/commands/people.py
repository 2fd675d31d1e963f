"""``flashpoint person ...``: who may come in with a token of the sign-in provider, and as what."""

from typing import Annotated
from uuid import UUID

import typer

from flashpoint import present, session
from flashpoint.access import CONSOLE
from flashpoint.commands import grants
from flashpoint.errors import Invalid, Violation
from flashpoint.pepper import pepper
from flashpoint.settings import Settings
from flashpoint.store import actors, audit
from flashpoint.terminal import AsJson, err, out, write_json
from flashpoint.types import Credential

app = typer.Typer(no_args_is_help=True, help="Enrol people who sign in with OpenID Connect, list and revoke them.")

Subject = Annotated[
    str, typer.Option(help="The claim sub of their tokens; - asks for it, to keep it out of the shell's history.")
]


@app.command()
def enrol(
    subject: Subject,
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
    """Enrol somebody. What they may do is what is said here, whatever their token claims.

    flashpoint person enrol --subject 8f14e45f --handle verifier-2 --role verifier --operation CAF

    Only a keyed hash of the subject is kept. Enrolling the same subject again replaces the enrolment; the handle
    stays. Somebody who also has a key gets the key's handle, so that both are one person.
    """
    asked = grants.Asked(handle, role, audience, operation, action, days, all_operations)
    settings = Settings()
    hashed = _subject(settings, subject).digest(pepper(settings))
    with session.open_database(settings) as database, database.keys() as vault:
        enrolment = actors.enrol(vault, actors.console(vault), asked.grant(vault), hashed)
    if as_json:
        write_json({"id": enrolment})
    else:
        err.print(f"enrolled: id {enrolment}", highlight=False)


def _subject(settings: Settings, typed: str) -> actors.Subject:
    if settings.oidc_issuer is None:
        rule = "must be set, with FLASHPOINT_OIDC_AUDIENCE: people are enrolled by its subjects"
        raise Invalid(Violation("FLASHPOINT_OIDC_ISSUER", "required", rule))
    given = typer.prompt("subject", err=True) if typed == "-" else typed
    if actors.SUBJECT_FORM.fullmatch(given) is None:
        raise Invalid(Violation("--subject", "subject_form", "must be 1 to 255 ASCII characters"))
    return actors.Subject(settings.oidc_issuer, given)


@app.command("list")
def list_people(*, as_json: AsJson = False) -> None:
    """List the enrolments: handle, role, operations, validity, last day of use. Subjects are not known here."""
    with session.open_database(Settings()) as database, database.keys() as reader:
        rows = [{str(name): value for name, value in row.items()} for row in actors.keys(reader, Credential.PERSON)]
        audit.write(reader, CONSOLE, "command.person_list", ("api_key", audit.ALL), ids=[row["id"] for row in rows])
    if as_json:
        write_json(rows)
    else:
        present.keys(out, rows)


@app.command()
def revoke(enrolment: UUID) -> None:
    """End an enrolment. Every worker stops taking their tokens within a minute, as a rule at once."""
    with session.open_database(Settings()) as database, database.keys() as vault:
        actors.revoke(vault, actors.console(vault), enrolment, Credential.PERSON)
    out.print("revoked")
