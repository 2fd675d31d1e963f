"""What the command line shows to people: tables and short texts, never decisions."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from flashpoint.doctor import Finding
from flashpoint.ingest.account import Account
from flashpoint.matrix import Evaluated
from flashpoint.scoring.uncertainty import BEST
from flashpoint.settings import Settings
from flashpoint.store.releases import NewRow

#: Colours of the tiers, apart in lightness too, so that they survive colour blindness.
_TIER_STYLE = {"extreme": "bold white on red", "high": "bold red", "elevated": "yellow", "watch": "dim"}


def welcome(console: Console, settings: Settings, keys: Mapping[str, str]) -> None:
    """Say what to open, and with which key."""
    base = f"http://{settings.host}:{settings.port}"
    console.print("\n[bold]Flashpoint is up.[/bold] The data are synthetic. Ctrl-C ends it.\n")
    table = Table(title="One key per role", title_justify="left", box=None)
    table.add_column("role", style="bold")
    table.add_column("key", overflow="fold")
    for role, token in keys.items():
        table.add_row(role, token)
    console.print(table)
    console.print(f"\n  these keys     {settings.home / 'demo-keys.json'}", highlight=False, soft_wrap=True)
    console.print(f"  documentation  {base}/docs", highlight=False)
    console.print(f"  matrix         {base}/v1/matrix?operation=DEMO\n", highlight=False)
    example = f"curl -H 'Authorization: Bearer {keys['reader']}' '{base}/v1/matrix?operation=DEMO&geometry=none'"
    console.print(example, soft_wrap=True, highlight=False, markup=False)
    console.print()


def findings(console: Console, rows: Iterable[Finding]) -> None:
    """Show what the doctor found."""
    table = Table(box=None)
    for column in ("", "what", "found", "how to mend it"):
        table.add_column(column, overflow="fold")
    for row in rows:
        mark = "[green]ok[/green]" if row.ok else "[red]no[/red]"
        table.add_row(mark, row.name, row.detail, row.mend)
    console.print(table)


def ranking(console: Console, evaluated: Evaluated, top: int) -> None:
    """Show the first rows of a matrix."""
    result, places = evaluated.result, evaluated.gathered.localities
    table = Table(title=_title(evaluated), title_justify="left", box=None, pad_edge=False)
    table.add_column("rank", justify="right", min_width=4)
    table.add_column("between", min_width=7, no_wrap=True)
    table.add_column("locality", max_width=22, no_wrap=True)
    table.add_column("P-code", max_width=10, no_wrap=True)
    for name in ("score", "interval", "T", "V", "L", "known"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("tier", no_wrap=True)
    for index in result.order.tolist()[:top]:
        table.add_row(
            str(result.rank[index]),
            f"{result.rank_low[index]}-{result.rank_high[index]}",
            places[index].name,
            places[index].pcode,
            f"{result.score[index]:.2f}",
            f"{result.score_low[index]:.0f}-{result.score_high[index]:.0f}",
            *(f"{v[index, BEST]:.2f}" for v in (result.threat, result.vulnerability, result.capacity_gap)),
            f"{result.coverage[index]:.0%}",
            f"[{_TIER_STYLE[result.tier[index]]}]{result.tier[index]}[/]",
        )
    console.print(table)
    notes = (
        f"{min(top, len(places))} of {len(places)} localities",
        f"{len(evaluated.gathered.evidence.incidents)} verified incidents in force, {result.unplaced} of them unplaced",
        f"method {result.parts.methodology.version}",
    )
    legend = "T threat, V vulnerability, L lack of protective capacity; known: share of the inputs that are known"
    console.print(f"{'; '.join(notes)}\n{legend}", style="dim", highlight=False)


def _title(evaluated: Evaluated) -> str:
    moment = evaluated.gathered.as_of
    return f"{evaluated.operation} as known on {moment:%Y-%m-%d %H:%M} UTC"


def explanation(console: Console, evaluated: Evaluated, row: NewRow) -> None:
    """Show one row and the points that its score is made of."""
    properties, detail = orjson.loads(row.properties), orjson.loads(row.explanation)
    console.print(f"[bold]{properties['name']}[/bold] ({properties['pcode']}), {_title(evaluated)}", highlight=False)
    console.print(
        f"rank {row.rank} (between {properties['rank_low']} and {properties['rank_high']}), "
        f"score {properties['score']} ({properties['score_low']} to {properties['score_high']}), tier {row.tier}",
        highlight=False,
    )
    for name, value in detail["dimensions"].items():
        console.print(f"  {name:<14} {value['best']:.2f}  ({value['low']:.2f} to {value['high']:.2f})", highlight=False)
    table = Table(title="Points that add up to the score", title_justify="left", box=None)
    table.add_column("points", justify="right")
    for column in ("dimension", "input", "record"):
        table.add_column(column)
    for line in detail["contributions"]:
        table.add_row(f"{line['points']:.2f}", line["dimension"], line["input"], line["id"] or "")
    console.print(table)


def account(console: Console, told: Account) -> None:
    """Show the account of an import."""
    for line in told.lines():
        console.print(line, markup=False, highlight=False)


def keys(console: Console, rows: Iterable[Mapping[str, Any]]) -> None:
    """List API keys."""
    table = Table(box=None)
    # The id is what revoke takes: it is never cut.
    table.add_column("id", no_wrap=True, min_width=36)
    for column in ("holder", "role", "audience", "operations", "expires", "revoked"):
        table.add_column(column, overflow="fold")
    for row in rows:
        operations = "all" if row["operations"] is None else ", ".join(row["operations"])
        revoked = "" if row["revoked_at"] is None else f"{row['revoked_at']:%Y-%m-%d %H:%M}"
        cells = (str(row["id"]), row["handle"], row["role"], row["audience"], operations)
        table.add_row(*cells, f"{row['expires_at']:%Y-%m-%d}", revoked)
    console.print(table)
