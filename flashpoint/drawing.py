"""An explained row as a picture: the course of its score, and the points that add up to it.

Readable on a grey printer and without telling colours apart: tiers are named shades of grey, dimensions differ by shade
and by hatching. The same row gives the same file: no date and no random ids in it.
"""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from flashpoint.catalogue import DIMENSION_TERMS, TIER_NAMES, input_term
from flashpoint.errors import Invalid, Violation
from flashpoint.explain import Course, Entry, Explained, entries
from flashpoint.language import Language
from flashpoint.phrases import Phrase, phrase, write
from flashpoint.scoring.contributions import Kind
from flashpoint.scoring.model import TOP
from flashpoint.scoring.uncertainty import BEST, HIGH, LOW
from flashpoint.types import Tier

FORMATS = frozenset({".png", ".svg"})

_INK, _QUIET, _LINE = "#1a1a1a", "#555555", "#0b3d6b"
_TIER_SHADE = {Tier.WATCH: "#ffffff", Tier.ELEVATED: "#efefef", Tier.HIGH: "#dedede", Tier.EXTREME: "#c9c9c9"}
_SHADE = {Kind.THREAT: "#0b3d6b", Kind.VULNERABILITY: "#7fa3c7", Kind.CAPACITY_GAP: "#dfe7ef"}
_HATCH = {Kind.THREAT: "", Kind.VULNERABILITY: "///", Kind.CAPACITY_GAP: "..."}
_BARS_SHOWN = 7
_DATES_SHOWN = 7
_BAR_INCHES, _COURSE_INCHES, _WIDTH_INCHES = 0.27, 3.6, 9.5
_AROUND_INCHES = 2.1
_LABEL_COLUMNS = 38


def check(path: Path) -> None:
    """Refuse a file that cannot be drawn into, before anything is computed.

    Raises:
        Invalid: its name ends otherwise than in png or svg, or its folder is not there.
    """
    if path.suffix.lower() not in FORMATS:
        raise Invalid(Violation("--plot", "format", "must end in .png or .svg"))
    if not path.parent.is_dir():
        raise Invalid(Violation("--plot", "folder", "must be in a folder that is there"))


def draw(told: Explained, path: Path, language: Language) -> None:
    """Draw an explained row into a file, whose name says its format."""
    bars = list(_bars(told, language))
    heights = (_COURSE_INCHES, _BAR_INCHES * (len(bars) + 1))
    with mpl.rc_context({"svg.hashsalt": "flashpoint", "hatch.linewidth": 0.6, "font.size": 9.5}):
        figure = Figure(figsize=(_WIDTH_INCHES, sum(heights) + _AROUND_INCHES), layout="constrained")
        upper, lower = figure.subplots(2, 1, height_ratios=heights)
        _draw_course(upper, told, language)
        _draw_points(lower, bars, told, language)
        title = _say(language, _title(told))
        figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", color=_INK)
        figure.supxlabel(_footnote(told, language), x=0.01, ha="left", fontsize=8, color=_QUIET)
        _save(figure, path, title)


def _save(figure: Figure, path: Path, title: str) -> None:
    kind = path.suffix.lower().removeprefix(".")
    metadata = {"Date": None, "Creator": None, "Title": title} if kind == "svg" else {"Software": None, "Title": title}
    figure.savefig(path, format=kind, dpi=150, metadata=metadata)


def _say(language: Language, chosen: Phrase) -> str:
    return language.sentence(write(chosen, language))


def _title(told: Explained) -> Phrase:
    properties = told.properties
    return phrase(
        "picture_title",
        name=properties["name"],
        pcode=properties["pcode"],
        score=properties["score"],
        rank=properties["rank"],
        tier=told.explanation["tier_name"],
    )


def _footnote(told: Explained, language: Language) -> str:
    through = write(phrase("none_yet"), language) if told.data_through is None else f"{told.data_through:%Y-%m-%d}"
    at, method = f"{told.as_of:%Y-%m-%d %H:%M}", told.method.version
    made = _say(language, phrase("made", operation=told.operation, at=at, method=method))
    source = _say(language, phrase("source", through=through))
    assumed = [_say(language, phrase("reconstructed"))] if told.reconstructed else []
    return "\n".join([made, source, *assumed, told.classification.upper()])


def _tidy(panel: Axes) -> None:
    panel.set_axisbelow(True)
    panel.tick_params(length=0, colors=_QUIET)
    for side in ("top", "right", "left"):
        panel.spines[side].set_visible(False)
    panel.spines["bottom"].set_color(_QUIET)


# -- the course -----------------------------------------------------------------------------------------------------


def _draw_course(panel: Axes, told: Explained, language: Language) -> None:
    """Draw the score with its interval over the tiers."""
    course = told.course
    moments: Any = course.moments
    _draw_tiers(panel, told, language)
    panel.fill_between(
        moments,
        course.scores[:, LOW],
        course.scores[:, HIGH],
        facecolor=("#5b8db8", 0.35),
        edgecolor=(_LINE, 0.8),
        linewidth=0.8,
        label=_say(language, phrase("left_open")),
    )
    panel.plot(
        moments,
        course.scores[:, BEST],
        color=_LINE,
        linewidth=2,
        marker="o",
        markersize=3.5,
        label=_say(language, phrase("total")),
    )
    _mark_last(panel, course, language)
    panel.set_ylim(0, TOP)
    margin = max((moments[-1] - moments[0]) * 0.02, timedelta(days=1))
    panel.set_xlim(moments[0] - margin, moments[-1] + 5 * margin)
    panel.set_ylabel(_say(language, phrase("score_axis")), color=_QUIET)
    panel.set_xlabel(_say(language, phrase("week_axis")), color=_QUIET)
    marked = moments[:: -max(1, -(-len(moments) // _DATES_SHOWN))]
    # Numbers alone read the same in every language.
    panel.set_xticks(marked, [f"{moment:%Y-%m-%d}" for moment in marked])
    panel.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, frameon=False, borderaxespad=0.1)
    _tidy(panel)


def _draw_tiers(panel: Axes, told: Explained, language: Language) -> None:
    """Shade the tiers and name each at the right edge."""
    begins = {Tier.WATCH: 0.0, **{Tier(tier): level for tier, level in told.method.tier_from.items()}}
    ordered = sorted(begins.items(), key=lambda one: one[1])
    ends = [*(level for _, level in ordered[1:]), TOP]
    for (tier, begin), end in zip(ordered, ends, strict=True):
        panel.axhspan(begin, end, color=_TIER_SHADE[tier], zorder=0, linewidth=0)
        if begin:
            panel.axhline(begin, color=_QUIET, linewidth=0.7, linestyle=(0, (4, 3)), zorder=1)
        name = f"{TIER_NAMES[tier][language.code]} ≥ {begin:g}" if begin else TIER_NAMES[tier][language.code]
        panel.annotate(
            name,
            (1.0, (begin + min(end, TOP)) / 2),
            xycoords=("axes fraction", "data"),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            color=_QUIET,
            fontsize=8.5,
        )


def _mark_last(panel: Axes, course: Course, language: Language) -> None:
    """Write the last score beside its point."""
    score = float(course.scores[-1, BEST])
    last: Any = course.moments[-1]
    panel.annotate(
        language.number(round(score, 2)),
        (last, score),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        fontweight="bold",
        color=_LINE,
    )


# -- the points -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Bar:
    """A bar from where those before it ended."""

    kind: Kind
    label: str
    start: float
    points: float


def _bars(told: Explained, language: Language) -> Iterator[_Bar]:
    start = 0.0
    for dimension, lines in entries(told.explanation["contributions"], _BARS_SHOWN).items():
        for entry in lines:
            yield _Bar(Kind(dimension), _label(entry, language), start, entry.points)
            start += entry.points


def _label(entry: Entry, language: Language) -> str:
    if entry.folded:
        return write(phrase("further_inputs", count=entry.folded), language)
    name: str = getattr(input_term(entry.input), language.code)
    # The beginning of an id tells two incidents of one picture apart.
    named = f"{name} {entry.ref[:8]}" if entry.ref and entry.dimension == Kind.THREAT else name
    return textwrap.shorten(named, _LABEL_COLUMNS, placeholder="…")


def _draw_points(panel: Axes, bars: list[_Bar], told: Explained, language: Language) -> None:
    """Draw each bar from where the one before ended, and the score that they come to."""
    for row, one in enumerate(bars):
        taken = one.points < 0
        panel.barh(
            row,
            one.points,
            left=one.start,
            height=0.72,
            facecolor="white" if taken else _SHADE[one.kind],
            edgecolor=_LINE,
            linestyle="--" if taken else "-",
            linewidth=0.8,
            hatch="" if taken else _HATCH[one.kind],
        )
        end = one.start + one.points
        panel.plot([end, end], [row + 0.36, row + 0.64], color=_QUIET, linewidth=0.6)
        _write_points(panel, row, max(one.start, end), language.number(one.points))
    score = told.properties["score"]
    panel.barh(len(bars), score, height=0.72, color=_INK)
    _write_points(panel, len(bars), score, language.number(score), bold=True)
    panel.set_yticks(range(len(bars) + 1), [*(one.label for one in bars), write(phrase("total"), language)])
    panel.get_yticklabels()[-1].set_fontweight("bold")
    panel.set_ylim(len(bars) + 0.6, -0.6)
    panel.set_xlim(0, max([score, *(one.start + max(one.points, 0) for one in bars)]) * 1.12)
    panel.set_xlabel(_say(language, phrase("points_axis")), color=_QUIET)
    panel.xaxis.grid(visible=True, color="#dddddd", linewidth=0.8)
    _legend(panel, bars, language)
    _tidy(panel)


def _write_points(panel: Axes, row: int, right: float, text: str, *, bold: bool = False) -> None:
    panel.annotate(
        text,
        (right, row),
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
        fontsize=8.5,
        fontweight="bold" if bold else "normal",
        color=_INK,
    )


def _legend(panel: Axes, bars: list[_Bar], language: Language) -> None:
    kinds = [kind for kind in Kind if any(one.kind is kind for one in bars)]
    patches = [
        Patch(
            facecolor=_SHADE[kind],
            edgecolor=_LINE,
            hatch=_HATCH[kind],
            label=language.sentence(getattr(DIMENSION_TERMS[kind], language.code)),
        )
        for kind in kinds
    ]
    panel.legend(handles=patches, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, frameon=False, borderaxespad=0.1)
