"""``flashpoint sensitivity``: how much the ranking hangs on the parameters of the method."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from flashpoint import assess, session
from flashpoint.evaluated import Evaluated
from flashpoint.scoring.draws import DECLARED, STEPS_PER_OCTAVE
from flashpoint.scoring.sensitivity import TOP_K
from flashpoint.settings import Settings
from flashpoint.terminal import AsJson, AsOf, Operation, moment, out, say, write_json

app = typer.Typer()


@app.command()
def sensitivity(
    operation: Operation,
    as_of: AsOf = None,
    top: Annotated[int, typer.Option(min=1, help="How many localities to show.")] = 20,
    *,
    plot: Annotated[Path | None, typer.Option(dir_okay=False, help="Draw to this file: png, svg or pdf.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say how often each locality stays in the top ten when weights, severities and half-lives are others.

    flashpoint sensitivity --operation CAF --as-of 2014-02-01 --top 20

    The parameters are drawn 1,000 times from the ranges that docs/methodology.md declares, always the same draws.
    """
    when = moment(as_of)
    draw = None if plot is None else _drawn_into(plot)
    with session.reading(Settings(), "sensitivity", operation) as reader:
        evaluated = assess.evaluate(reader, operation, when)
    if draw is not None:
        draw(evaluated, top)
        say(f"drawn to {plot}")
    if as_json:
        write_json(_tree(evaluated, top))
    else:
        _show(evaluated, top)


def _drawn_into(path: Path) -> Callable[[Evaluated, int], None]:
    """Refuse a file that cannot be drawn into before the work begins; give what draws."""
    # Matplotlib takes a second that no other command should wait for.
    from flashpoint import drawing_backtest, drawing_sensitivity  # noqa: PLC0415

    drawing_backtest.check(path)

    def draw(evaluated: Evaluated, top: int) -> None:
        order, at = evaluated.result.order.tolist()[:top], f"{evaluated.as_of:%Y-%m-%d %H:%M} UTC"
        told = drawing_sensitivity.Stay(
            title=f"{evaluated.operation} as known on {at}: who stays in the top {TOP_K}",
            note=f"{_drawn()}; dashed: were the parameters certain; method {_version(evaluated)}",
            k=TOP_K,
            shares=tuple(evaluated.shares[order].tolist()),
            tiers=tuple(evaluated.result.tier[index] for index in order),
        )
        drawing_sensitivity.draw_stay(told, path)

    return draw


def _tree(evaluated: Evaluated, top: int) -> dict[str, object]:
    result = evaluated.result
    return {
        "operation": evaluated.operation,
        "as_of": evaluated.as_of,
        "methodology": _version(evaluated),
        "k": TOP_K,
        "ranges": {**asdict(DECLARED), "half_life_steps_per_octave": STEPS_PER_OCTAVE},
        "rows": [
            {
                "rank": int(result.rank[index]),
                "pcode": evaluated.localities[index].pcode,
                "name": evaluated.localities[index].name,
                "score": round(float(result.score[index]), 2),
                "tier": result.tier[index],
                "top_k_share": float(evaluated.shares[index]),
            }
            for index in result.order.tolist()[:top]
        ],
    }


def _show(evaluated: Evaluated, top: int) -> None:
    result, order = evaluated.result, evaluated.result.order.tolist()
    title = f"{evaluated.operation} as known on {evaluated.as_of:%Y-%m-%d %H:%M} UTC"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("rank", justify="right", min_width=4)
    table.add_column("locality", max_width=26, no_wrap=True)
    table.add_column("P-code", no_wrap=True)
    table.add_column("score", justify="right")
    table.add_column("tier", no_wrap=True)
    table.add_column(f"stays in the top {TOP_K}", justify="right")
    for index in order[:top]:
        place = evaluated.localities[index]
        score, share = f"{result.score[index]:.2f}", f"{evaluated.shares[index]:.1%}"
        table.add_row(str(result.rank[index]), place.name, place.pcode, score, str(result.tier[index]), share)
    out.print(table)
    staying = float(evaluated.shares[order[:TOP_K]].sum())
    out.print(
        f"Of the top {min(TOP_K, len(order))}, {staying:.1f} stay on average. {_drawn()}; method {_version(evaluated)}",
        style="dim",
        highlight=False,
    )


def _drawn() -> str:
    return f"{DECLARED.draws:,} draws of the parameters, seed {DECLARED.seed}"


def _version(evaluated: Evaluated) -> str:
    return evaluated.result.parts.methodology.version
