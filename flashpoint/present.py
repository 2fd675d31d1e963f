"""What the command line shows to people: tables and short texts, never decisions."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flashpoint.comparison import TOP, Comparison, Standing
from flashpoint.doctor import Finding
from flashpoint.evaluated import Evaluated
from flashpoint.ingest.account import Account
from flashpoint.methods import Version
from flashpoint.scoring.uncertainty import BEST
from flashpoint.settings import Settings
from flashpoint.store.places import ALWAYS

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
    result, places = evaluated.result, evaluated.localities
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
        f"{evaluated.in_force} verified incidents in force, {evaluated.unplaced} of them unplaced",
        f"method {result.parts.methodology.version}",
    )
    legend = "T threat, V vulnerability, L lack of protective capacity; known: share of the inputs that are known"
    console.print(f"{'; '.join(notes)}\n{legend}", style="dim", highlight=False)


def _title(evaluated: Evaluated) -> str:
    moment = evaluated.as_of
    return f"{evaluated.operation} as known on {moment:%Y-%m-%d %H:%M} UTC"


def account(console: Console, told: Account) -> None:
    """Show the account of an import."""
    for line in told.lines():
        console.print(line, markup=False, highlight=False)


def keys(console: Console, rows: Iterable[Mapping[str, Any]]) -> None:
    """List API keys, or enrolled people."""
    table = Table(box=None)
    # The id is what revoke takes: it is never cut.
    table.add_column("id", no_wrap=True, min_width=36)
    for column in ("holder", "may", "until", "last used"):
        table.add_column(column, overflow="fold")
    for row in rows:
        operations = "all operations" if row["operations"] is None else ", ".join(row["operations"])
        only = "" if row["actions"] is None else f"; only {', '.join(row['actions'])}"
        may = f"{row['role']} ({row['audience']}) in {operations}{only}"
        revoked = row["revoked_at"]
        until = f"{row['expires_at']:%Y-%m-%d}" if revoked is None else f"revoked {revoked:%Y-%m-%d}"
        table.add_row(str(row["id"]), row["handle"], may, until, str(row["last_used_on"] or ""))
    console.print(table)


def versions(console: Console, found: Sequence[Version]) -> None:
    """List versions of the method, with every adoption."""
    table = Table(box=None)
    table.add_column("version", no_wrap=True, style="bold")
    for column in ("state", "based on", "changes", "when", "who", "why"):
        table.add_column(column, overflow="fold")
    for one in found:
        base, changes = one.based_on or "", "" if one.differs is None else str(len(one.differs))
        deeds = [(row, "proposed") for row in (one.proposal,) if row is not None]
        deeds += [(row, "in force since") for row in one.adoptions]
        lines = [(f"{deed} {_minute(row)}", row.recorded_by or "", row.reason) for row, deed in deeds]
        for position, line in enumerate(lines or [("", "", "")]):
            head = (one.method.version, one.state.replace("_", " "), base, changes) if position == 0 else ("",) * 4
            table.add_row(*head, *map(escape, line))
    console.print(table)


def _minute(row: Any) -> str:  # noqa: ANN401 - a record
    """Give when a proposal was made, or since when an adoption counts."""
    moment = getattr(row, "known_at", row.recorded_at)
    return f"{moment:%Y-%m-%d %H:%M}" if moment > ALWAYS else "the beginning"


def version(console: Console, tree: Mapping[str, Any]) -> None:
    """Show a version of the method: its parameters, and what it changes against its base."""
    console.print(f"[bold]{tree['version']}[/bold], {tree['state'].replace('_', ' ')}", highlight=False)
    for one in tree["differs"] or ():
        line = f"  {one['parameter']}: {_plain(one['from'])} -> {_plain(one['to'])}"
        console.print(line + f" (against {tree['based_on']})", markup=False, highlight=False)
    table = Table(box=None)
    table.add_column("parameter", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("meaning", overflow="fold")
    for one in tree["parameters"]:
        value, nested = one["value"], isinstance(one["value"], Mapping)
        table.add_row(one["name"], "" if nested else _plain(value), one["meaning"])
        for key, number in value.items() if nested else ():
            table.add_row(f"  {key}", _plain(number), "")
    console.print(table)


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def compared(console: Console, found: Comparison, top: int) -> None:
    """Show a proposed matrix beside today's."""
    title = f"{found.operation} as known on {found.as_of:%Y-%m-%d %H:%M} UTC: {found.proposed} beside {found.in_force}"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("locality", max_width=22, no_wrap=True)
    table.add_column("P-code", max_width=10, no_wrap=True)
    for name in ("rank", "now", "moves", "score", "now", "change"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("tier", "now"):
        table.add_column(name, no_wrap=True)
    for move in found.moves[:top]:
        ranks = (str(move.proposed.rank), str(move.now.rank), f"{move.ranks:+d}" if move.ranks else "")
        scores = (f"{move.proposed.score:.2f}", f"{move.now.score:.2f}", f"{move.score:+.2f}")
        table.add_row(move.name, move.pcode, *ranks, *scores, _tier(move.proposed), _tier(move.now))
    console.print(table)
    furthest = ", ".join(f"{move.name} {move.ranks:+d}" for move in found.movers) or "none"
    changes = (
        f"{len(found.reranked)} change rank, {len(found.retiered)} change tier, "
        f"{len(found.entering)} enter the first {TOP}"
    )
    lines = (
        f"{min(top, len(found.moves))} of {len(found.moves)} localities; {changes}",
        f"furthest: {furthest} (a rank of -2 is two places up)",
        "nothing was written",
    )
    console.print("\n".join(lines), style="dim", markup=False, highlight=False)


def _tier(standing: Standing) -> str:
    return f"[{_TIER_STYLE[standing.tier]}]{standing.tier}[/]"


def protocols(console: Console, tree: Mapping[str, Any]) -> None:
    """List information-sharing protocols, with everything that was decided on them."""
    table = Table(box=None)
    table.add_column("version", no_wrap=True, style="bold")
    for column in ("state", "until", "when", "who", "why"):
        table.add_column(column, overflow="fold")
    for one in tree["versions"]:
        for position, act in enumerate(one["acts"]):
            head = (one["version"], one["state"].replace("_", " "), str(one["until"])) if position == 0 else ("",) * 3
            deed = f"{act['act']} {act['at'][:16].replace('T', ' ')}"
            alone = " (sole signature)" if act.get("sole_signature") else ""
            table.add_row(*head, deed, *map(escape, (f"{act['by']}{alone}", act["reason"])))
    console.print(table)
    if tree["in_force"] is None:
        console.print("no information-sharing protocol is in force: the mission is given nothing", style="yellow")
