"""The backtest as a picture: every ranking's three figures with their intervals, readable without colour.

The official score is a filled disc, what it is compared with a hollow one, the oracle a diamond.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from flashpoint.backtest import OFFICIAL, ORACLE, Backtest
from flashpoint.errors import Invalid, Violation
from flashpoint.scoring.backtest import METRICS
from flashpoint.scoring.portable import Floats

FORMATS = frozenset({".png", ".svg", ".pdf"})
NAMES = {
    OFFICIAL: "official score",
    "threat": "threat alone",
    "count_30d": "incidents, last 30 days",
    "count_90d": "incidents, last 90 days",
    "count_365d": "incidents, last 365 days",
    "deaths_365d": "deaths, last 365 days",
    "last_month": "last month's harm",
    "population": "population",
    "random": "random",
    ORACLE: "oracle",
}
_TITLES = ("capture@{k}", "deaths@{k}", "NDCG@{k}")
#: Dark enough and far enough apart to stay so on a grey printer.
_OFFICIAL, _OTHER, _ORACLE = "#0b3d6b", "#6f6f6f", "#9a9a9a"


def check(path: Path) -> None:
    """Refuse a file name that says no format, before anything is computed.

    Raises:
        Invalid: it ends otherwise than in png, svg or pdf, or its folder is not there.
    """
    if path.suffix.lower() not in FORMATS:
        raise Invalid(Violation("--plot", "format", "must end in .png, .svg or .pdf"))
    if not path.parent.is_dir():
        raise Invalid(Violation("--plot", "folder", "must be in a folder that is there"))


def draw(told: Backtest, path: Path) -> None:
    """Draw the figures of a backtest into a file, whose name says its format."""
    names = [name for name in NAMES if name in told.figures]
    figure = Figure(figsize=(11, 0.36 * len(names) + 1.9), layout="constrained")
    panels: Sequence[Axes] = figure.subplots(1, len(METRICS), sharey=True)
    for at, (panel, title) in enumerate(zip(panels, _TITLES, strict=True)):
        _panel(panel, names, told.figures, told.between, at)
        panel.set_title(title.format(k=told.replay.plan.k), loc="left", fontsize=11, fontweight="bold")
    panels[0].set_yticks(range(len(names)), [NAMES[name] for name in names])
    panels[0].invert_yaxis()
    panels[0].get_yticklabels()[0].set_fontweight("bold")
    figure.suptitle(_head(told), x=0.01, ha="left", fontsize=12)
    figure.supxlabel(_foot(told), x=0.01, ha="left", fontsize=8.5, color="#444444")
    _save(figure, path)


def _panel(
    panel: Axes, names: Sequence[str], figures: Mapping[str, Floats], between: Mapping[str, Floats], at: int
) -> None:
    panel.set_xlim(0, 1)
    panel.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
    panel.set_ylim(-0.6, len(names) - 0.4)
    panel.xaxis.grid(visible=True, color="#dddddd", linewidth=0.8)
    panel.set_axisbelow(True)
    panel.tick_params(length=0)
    for side in ("top", "right", "left"):
        panel.spines[side].set_visible(False)
    official = figures[OFFICIAL][at]
    if np.isfinite(official):
        panel.axvline(official, color=_OFFICIAL, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    for row, name in enumerate(names):
        _dot(panel, row, name, (figures[name][at], *between[name][:, at]))


def _dot(panel: Axes, row: int, name: str, told: tuple[float, float, float]) -> None:
    value, low, high = told
    if not np.isfinite(value):
        panel.text(0.02, row, "n/a", va="center", fontsize=8.5, color=_OTHER)
        return
    colour = {OFFICIAL: _OFFICIAL, ORACLE: _ORACLE}.get(name, _OTHER)
    if np.isfinite(low):
        panel.plot([low, high], [row, row], color=colour, linewidth=3.2 if name == OFFICIAL else 1.6, zorder=2)
    panel.plot(
        [value],
        [row],
        marker="D" if name == ORACLE else "o",
        markersize=8 if name == OFFICIAL else 6.5,
        markerfacecolor=colour if name == OFFICIAL else "white",
        markeredgecolor=colour,
        markeredgewidth=1.6,
        zorder=3,
        clip_on=False,
    )
    right = max(value, high) if np.isfinite(high) else value
    beyond = right > 0.85  # noqa: PLR2004 - where the number would leave the panel
    panel.annotate(
        f"{value:.2f}",
        (min(value, low) if beyond and np.isfinite(low) else value if beyond else right, row),
        xytext=(-7 if beyond else 7, 0),
        textcoords="offset points",
        ha="right" if beyond else "left",
        va="center",
        fontsize=8.5,
        color=colour if name == OFFICIAL else "#333333",
        fontweight="bold" if name == OFFICIAL else "normal",
        # The dashed line must not strike a number through.
        path_effects=[withStroke(linewidth=3, foreground="white")],
        zorder=4,
    )


def _head(told: Backtest) -> str:
    plan = told.replay.plan
    return (
        f"{plan.operation}: harm to civilians in the {plan.k} first of {told.replay.localities} localities, "
        f"{plan.first:%Y-%m} to {plan.last:%Y-%m}"
    )


def _foot(told: Backtest) -> str:
    return (
        f"{told.asked} of {told.months} months with harm, {told.harm} incidents; bars: 95 % of resampled months; "
        f"dashed: the official score, method {told.replay.method.version}"
    )


def _save(figure: Figure, path: Path) -> None:
    """Write the file; the same figures give the same bytes: no date and no random ids in it."""
    kind = path.suffix.lower().removeprefix(".")
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    with rc_context({"svg.hashsalt": "flashpoint"}):
        figure.savefig(path, format=kind, dpi=160, metadata=undated)
