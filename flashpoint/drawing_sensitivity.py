"""How much a ranking hangs on its parameters, as pictures that can be read without telling colours apart.

Tiers differ by the shape of their marks and by lightness. The same numbers give the same file: no date and no random
ids in it. The numbers themselves are in the file's description where its format has one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flashpoint.types import Tier

_INK, _QUIET, _LINE = "#1a1a1a", "#555555", "#b5b5b5"
#: Mark, its fill, and its edge: shape and lightness both fall with the tier.
_MARK = {
    Tier.EXTREME: ("D", "#0b3d6b", "#0b3d6b"),
    Tier.HIGH: ("s", "#5b8db8", "#0b3d6b"),
    Tier.ELEVATED: ("^", "#d5e2ee", "#0b3d6b"),
    Tier.WATCH: ("o", "#ffffff", "#555555"),
}


@dataclass(frozen=True, slots=True)
class Stay:
    """Shares of the draws in which each locality stays among the first ``k``, and tiers, first rank first."""

    title: str
    note: str
    k: int
    shares: tuple[float, ...]
    tiers: tuple[Tier, ...]

    def to_dict(self) -> dict[str, object]:
        """Return what is drawn as plain JSON values."""
        return {"k": self.k, "top_k_share": list(self.shares), "tier": [str(tier) for tier in self.tiers]}


@dataclass(frozen=True, slots=True)
class Causes:
    """How many of the first ``k`` stay on average where only some parameters vary; by the name of what varies."""

    title: str
    note: str
    k: int
    staying: Mapping[str, float]

    def to_dict(self) -> dict[str, object]:
        """Return what is drawn as plain JSON values."""
        return {"k": self.k, "staying": dict(self.staying)}


def draw_stay(told: Stay, path: Path) -> None:
    """Draw shares against ranks into a file, whose name says its format."""
    figure = Figure(figsize=(8, 3.9), layout="constrained")
    panel = figure.subplots()
    ranks = np.arange(1, len(told.shares) + 1)
    panel.vlines(ranks, 0, told.shares, color=_LINE, linewidth=1)
    panel.step([0.5, told.k + 0.5, ranks.size + 0.5], [1, 1, 0], where="pre", color=_QUIET, linewidth=1, linestyle="--")
    for tier in Tier:
        _mark(panel, tier, [(rank, told.shares[rank - 1]) for rank in ranks.tolist() if told.tiers[rank - 1] is tier])
    panel.set_xlim(0.4, ranks.size + 0.6)
    panel.set_ylim(-0.02, 1.06)
    panel.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    panel.set_xticks(sorted({1, *ranks[ranks % 5 == 0].tolist()}))
    panel.set_xlabel("rank by the published method", color=_QUIET)
    panel.set_ylabel(f"draws in which it stays in the top {told.k}", color=_QUIET)
    panel.yaxis.grid(visible=True, color="#e6e6e6", linewidth=0.8)
    panel.legend(title="tier", frameon=False, loc="upper right", alignment="left")
    _finish(figure, panel, told.title, told.note)
    _save(figure, path, told.title, told.to_dict())


def _mark(panel: Axes, tier: Tier, points: list[tuple[int, float]]) -> None:
    if points:
        shape, fill, edge = _MARK[tier]
        columns = list(zip(*points, strict=True))
        panel.plot(
            *columns,
            linestyle="",
            marker=shape,
            markersize=7,
            markerfacecolor=fill,
            markeredgecolor=edge,
            markeredgewidth=1.2,
            clip_on=False,
            zorder=3,
            label=str(tier),
        )


def draw_causes(told: Causes, path: Path) -> None:
    """Draw how many stay by what varies, the last bar being all together, into a file, whose name says its format."""
    figure = Figure(figsize=(8, 0.46 * len(told.staying) + 1.3), layout="constrained")
    panel = figure.subplots()
    for row, (name, count) in enumerate(told.staying.items()):
        last = row == len(told.staying) - 1
        panel.barh(row, count, height=0.62, color="#0b3d6b" if last else "#7fa3c7")
        panel.annotate(
            f"{count:.1f}",
            (count, row),
            xytext=(-5, 0),
            textcoords="offset points",
            va="center",
            ha="right",
            color="white" if last else _INK,
            fontweight="bold" if last else "normal",
        )
        panel.annotate(name, (0, row), xytext=(-6, 0), textcoords="offset points", va="center", ha="right", color=_INK)
    panel.set_yticks([])
    panel.set_ylim(len(told.staying) - 0.5, -0.5)
    panel.set_xlim(0, told.k)
    panel.set_xticks(range(0, told.k + 1, 2))
    panel.set_xlabel(f"of the top {told.k}, on average in the top {told.k} of a draw", color=_QUIET)
    _finish(figure, panel, told.title, told.note)
    _save(figure, path, told.title, told.to_dict())


def _finish(figure: Figure, panel: Axes, title: str, note: str) -> None:
    panel.set_axisbelow(True)
    panel.tick_params(length=0, colors=_QUIET)
    for side in ("top", "right", "left"):
        panel.spines[side].set_visible(False)
    panel.spines["bottom"].set_color(_LINE)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold", color=_INK)
    figure.supxlabel(note, x=0.01, ha="left", fontsize=8.5, color=_QUIET)


def _save(figure: Figure, path: Path, title: str, data: object) -> None:
    """Write the file; the same data give the same bytes."""
    kind = path.suffix.lower().removeprefix(".")
    described = {"Date": None, "Creator": None, "Title": title, "Description": orjson.dumps(data).decode()}
    metadata = {"svg": described, "pdf": {"CreationDate": None, "Title": title}}.get(kind)
    with rc_context({"svg.hashsalt": "flashpoint"}):
        figure.savefig(path, format=kind, dpi=160, metadata=metadata)
