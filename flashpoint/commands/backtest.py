"""``flashpoint backtest`` and ``flashpoint calibrate``: is the ranking any good, would other parameters do better?"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.table import Table

from flashpoint import session
from flashpoint.backtest import OFFICIAL, ORACLE, Backtest, backtest
from flashpoint.calibration import Calibration, calibrate
from flashpoint.errors import Invalid, Violation
from flashpoint.replay import Plan, month
from flashpoint.scoring.backtest import METRICS
from flashpoint.settings import Settings
from flashpoint.terminal import AsJson, Operation, out, progress, say, write_json

app = typer.Typer()

First = Annotated[str, typer.Option("--from", metavar="YYYY-MM", help="First month.")]
Last = Annotated[str, typer.Option("--to", metavar="YYYY-MM", help="Last month.")]
Places = Annotated[int, typer.Option("--k", help="How many localities are looked at.")]


@app.command("backtest")
def judge(
    operation: Operation,
    first: First,
    last: Last,
    *,
    k: Places = 10,
    seed: Annotated[int, typer.Option(help="Fixes the random orders and the resampling.")] = 0,
    draws: Annotated[int, typer.Option(help="Random orders of equal values.")] = 20,
    methodology: Annotated[str | None, typer.Option(help="Version of the method; the one in force by default.")] = None,
    output: Annotated[Path | None, typer.Option(dir_okay=False, help="Write JSON to this file.")] = None,
    plot: Annotated[Path | None, typer.Option(dir_okay=False, help="Draw to this file: png, svg or pdf.")] = None,
    as_json: AsJson = False,
) -> None:
    """Replay the past: did the ranking say where civilians would be harmed next, better than counting would?

    flashpoint backtest --operation CAF --from 2013-01 --to 2022-12 --k 10

    At each month's first day the localities are ranked by what was known then, and judged by the next 30 days.
    """
    plan = Plan(operation, month(first, "--from"), month(last, "--to"), k, seed, draws, methodology)
    draw = None if plot is None else _drawing(plot)
    _writable(output)
    with session.reading(Settings(), "backtest", operation) as reader, progress("months") as report:
        told = backtest(reader, plan, report)
    _write(output, told.to_dict())
    if draw is not None:
        draw(told)
        say(f"drawn to {plot}")
    if as_json:
        write_json(told.to_dict())
    else:
        _show(told)


@app.command("calibrate")
def propose(
    operation: Annotated[list[str], typer.Option("--operation", "-o", help="Repeat for several, chosen for together.")],
    first: First,
    last: Last,
    *,
    k: Places = 10,
    seed: Annotated[int, typer.Option(help="Fixes the resampling.")] = 0,
    output: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the proposal to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Choose time scales and weights anew on your own data, and propose them. Nothing is applied.

    flashpoint calibrate --operation CAF --from 2013-01 --to 2022-12 --output caf.json

    flashpoint method propose caf.json --operation CAF

    Chosen on the earlier half of the months with harm, checked on the later half. A period is long enough at ten years.
    """
    span = month(first, "--from"), month(last, "--to")
    plans = [Plan(code, *span, k, seed) for code in dict.fromkeys(operation)]
    _writable(output)
    codes = [plan.operation for plan in plans]
    with session.reading(Settings(), "calibrate", *codes) as reader, progress("months and sets") as report:
        told = calibrate(reader, plans, report)
    if told.proposal is not None:
        _write(output, told.proposal)
    if as_json:
        write_json(told.to_dict())
    else:
        _tell(told)


def _drawing(path: Path) -> Callable[[Backtest], None]:
    """Give what draws to a file, once its name is known to be one that can be drawn to."""
    from flashpoint import drawing_backtest  # noqa: PLC0415 - takes a second that no other command should wait for

    drawing_backtest.check(path)
    return lambda told: drawing_backtest.draw(told, path)


def _writable(path: Path | None) -> None:
    if path is not None and not path.parent.is_dir():
        raise Invalid(Violation("--output", "folder", "must be in a folder that is there"))


def _write(path: Path | None, tree: object) -> None:
    if path is not None:
        path.write_bytes(orjson.dumps(tree, option=orjson.OPT_INDENT_2) + b"\n")
        say(f"written to {path}")


def _show(told: Backtest) -> None:
    """Show the figures to people: a row a ranking, the official one first."""
    tree = told.to_dict()
    title = (
        f"{tree['operation']}, {tree['from']} to {tree['to']}: {tree['months_with_harm']} of {tree['months']} months "
        f"with harm, {tree['harm_events']:,} incidents, {tree['deaths']:,} killed; {tree['localities']} localities, "
        f"method {tree['methodology']}"
    )
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("ranking", no_wrap=True, min_width=12)
    for metric in METRICS:
        table.add_column(f"{metric}@{tree['k']}", justify="right", no_wrap=True)
        table.add_column("95 %", no_wrap=True, style="dim", min_width=9)
    for name, figures in tree["rankings"].items():
        cells = [cell for metric in METRICS for cell in _cells(figures[metric], tree["intervals"][name][metric])]
        table.add_row(name, *cells, style={OFFICIAL: "bold", ORACLE: "dim"}.get(name))
    out.print(table)
    for metric in METRICS:
        out.print(_gain_line(metric, tree["gain_over_best_count"][metric]), highlight=False)
    for note in tree["notes"]:
        out.print(f"[yellow]note[/yellow] {note}", highlight=False)
    out.print(
        f"Ties: {tree['draws']} draws, seed {tree['seed']}. Rules: docs/backtest.md", style="dim", highlight=False
    )


def _cells(value: float | None, ends: list[float] | None) -> tuple[str, str]:
    if value is None:
        return "n/a", ""
    return f"{value:.3f}", "" if ends is None else f"{ends[0]:.2f}-{ends[1]:.2f}"


def _gain_line(metric: str, gain: dict[str, object]) -> str:
    if gain["relative"] is None:
        return f"{metric}: nothing to compare"
    line = f"{metric}: {gain['relative']:+.1%} against {gain['best_count']}, the best of the counts"
    ends = gain["relative_interval"]
    return line if not isinstance(ends, list) else f"{line} (95 %: {ends[0]:+.0%} to {ends[1]:+.0%})"


def _tell(told: Calibration) -> None:
    """Show the best sets beside what is in force, how the choice did on the other months, and what to beware of."""
    tree = told.to_dict()
    title = (
        f"{', '.join(tree['operations'])}, {tree['from']} to {tree['to']}: gains over the best window count, "
        f"{tree['sets_kept']:,} of {tree['sets_tried']:,} sets kept"
    )
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in ("", "half-lives", "shares", "harm : clash", "casualties"):
        table.add_column(column, no_wrap=True)
    for column in ("mean", *METRICS):
        table.add_column(column, justify="right", no_wrap=True)
    for label, one in (("chosen", tree["chosen"]), *(("", one) for one in tree["best"])):
        table.add_row(label, *_set(one), *_percents(one), style="bold" if label else None)
    table.add_row("in force", told.base.version, "", "", "", *_percents(tree["in_force"]))
    out.print(table)
    for code, check in tree["check"].items():
        out.print(f"On the later half, {code}:", highlight=False)
        for metric in METRICS:
            out.print(f"  {metric:<8}{_check_line(check, metric)}", highlight=False)
    for warning in tree["warnings"]:
        out.print(f"[yellow]warning[/yellow] {warning}", highlight=False)
    out.print(f"Rule: {tree['rule']}", style="dim", highlight=False)


def _set(one: dict[str, Any]) -> tuple[str, ...]:
    days = " / ".join(f"{days:g}" for days in one["half_lives_days"])
    shares = " / ".join(f"{share:g}" for share in one["shares"])
    divisor = one["casualty_divisor"]
    return f"{days} d", shares, f"{one['harm_severity']:g} : 1", "no" if divisor is None else f"log2 / {divisor:g}"


def _percents(one: dict[str, Any]) -> list[str]:
    values = (one["gain"], *(one["gains"][metric] for metric in METRICS))
    return ["n/a" if value is None else f"{value:+.1%}" for value in values]


def _check_line(check: dict[str, Any], metric: str) -> str:
    gain, ends = check["gains"][metric], check["gains_intervals"][metric]
    if gain is None or ends is None:
        return "nothing to compare"
    against, between = check["against_in_force"][metric], check["against_in_force_intervals"][metric]
    return (
        f"{gain:+.1%} over the best count (95 %: {ends[0]:+.0%} to {ends[1]:+.0%}); "
        f"{against:+.3f} against the method in force (95 %: {between[0]:+.3f} to {between[1]:+.3f})"
    )
