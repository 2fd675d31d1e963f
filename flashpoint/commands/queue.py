"""``flashpoint queue``: what waits for a decision, in English or French."""

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flashpoint import session, waiting
from flashpoint.access import CONSOLE
from flashpoint.catalogue import CATEGORIES
from flashpoint.language import ENGLISH, FRENCH, Language
from flashpoint.phrases import Both
from flashpoint.settings import Settings
from flashpoint.store import places
from flashpoint.store.engine import Record
from flashpoint.terminal import AsJson, Operation, out, write_json
from flashpoint.types import Wait
from flashpoint.waiting import Asked, Queue

_WAITS = {
    Wait.OCCURRENCE: Both("that it happened", "que cela a eu lieu"),
    Wait.EDIT: Both("an edit", "une modification"),
    Wait.ATTRIBUTION: Both("who did it", "qui l'a fait"),
}
_SHARING = {
    "public": Both("public", "public"),
    "mission": Both("mission", "mission"),
    "cluster": Both("cluster", "cluster"),
    "restricted": Both("restricted", "restreint"),
}
_WHAT = Both("what", "quoi")
#: An id stays on one line, to be copied.
_ID_WIDTH, _WIDTH = 36, 12
_COLUMNS = (
    Both("days", "jours"),
    Both("to decide", "à décider"),
    _WHAT,
    Both("where", "où"),
    Both("sharing", "partage"),
    Both("reasonable grounds", "motifs raisonnables"),
    Both("clear and convincing", "claire et convaincante"),
)
_NOTHING = Both("Nothing waits for a decision.", "Rien n'attend de décision.")
_HEAD = Both(
    "{total} to decide on: {occurrence} whether it happened, {edit} after an edit, {attribution} who did it.",
    "{total} à décider : {occurrence} sur les faits, {edit} après modification, {attribution} sur l'auteur.",
)
_PROOF = Both("{have} of {needed}", "{have} sur {needed}")
_NOTE = Both(
    "A standard of proof needs so many sources that all differ in type and in independence group. "
    "The oldest stand first{more}.",
    "Un niveau de preuve demande autant de sources, toutes de types et de groupes d'indépendance différents. "
    "Les plus anciens sont en tête{more}.",
)
_MORE = Both("; there are more, see --limit", " ; il y en a d'autres, voir --limit")
_NOWHERE = Both("nowhere yet", "non localisé")


def queue(
    operation: Operation,
    wait: Annotated[Wait | None, typer.Option("--waiting-for", help="Only what waits for this.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many to show.")] = 20,
    *,
    french: Annotated[bool, typer.Option("--fr", help="In French.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what waits for a decision: since when, where, with how many sources, and what is missing.

    flashpoint queue --operation CAF --fr
    """
    with session.open_database(Settings()) as database, database.records(CONSOLE) as vault:
        code = places.find_operation(vault, CONSOLE, operation).code
        found = waiting.look(vault, CONSOLE, Asked(code, wait, limit))
    if as_json:
        rows = [waiting.described(row, CONSOLE, found.at) for row in found.rows]
        write_json({"operation": code, "as_of": found.at, "counts": found.counts, "incidents": rows})
    else:
        _show(out, found, FRENCH if french else ENGLISH)


def _show(console: Console, found: Queue, language: Language) -> None:
    total = sum(found.counts.values())
    if not total:
        console.print(_said(_NOTHING, language))
        return
    console.print(_said(_HEAD, language, total=total, **found.counts), highlight=False)
    table = Table(box=None, pad_edge=False)
    for column in _COLUMNS:
        width = _ID_WIDTH if column is _WHAT else None
        table.add_column(_said(column, language), min_width=width, max_width=width or _WIDTH)
    for row in found.rows:
        table.add_row(*_cells(row, found, language))
    console.print(table)
    more = _said(_MORE, language) if found.following else ""
    console.print(_said(_NOTE, language, more=more), style="dim", highlight=False)


def _cells(row: Record, found: Queue, language: Language) -> Iterator[str]:
    told = waiting.described(row, CONSOLE, found.at)
    yield str(told["waiting_days"])
    yield _said(_WAITS[Wait(row.waiting_for)], language)
    yield f"{getattr(CATEGORIES[row.category], language.code)}\n{row.id}"
    yield escape(row.name or row.unit_pcode or _said(_NOWHERE, language))
    yield _said(_SHARING[row.sharing], language)
    for proof in told["sources"]["standards"]:
        yield _said(_PROOF, language, **proof)


def _said(both: Both, language: Language, **gaps: object) -> str:
    return str(getattr(both, language.code)).format(**gaps)
