"""The sums over an operation's incidents at every half-life of the grid, moment after moment.

They are made by the running sums of the scoring core itself, so coarse reports, spill-over and severities count as they
do in the official score; only the half-lives differ.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from flashpoint.scoring.calibration import BASES, WEIGHTED_DIVISOR, severity
from flashpoint.scoring.evidence import Evidence
from flashpoint.scoring.methodology import DEFAULT, SCALES, Methodology
from flashpoint.scoring.model import Result
from flashpoint.scoring.portable import Bools, Floats
from flashpoint.scoring.pressing import Pressing
from flashpoint.scoring.pressure import pressure
from flashpoint.scoring.running import Running
from flashpoint.scoring.uncertainty import BEST
from flashpoint.store import gather, roll
from flashpoint.store.engine import VaultReader
from flashpoint.store.gather import Context
from flashpoint.store.moments import Moment
from flashpoint.store.roll import Places, Roll


@dataclass(frozen=True, slots=True, eq=False)
class _Variant:
    """A method with three of the bases for its time scales, and its two running sums: casualties left out, and in."""

    method: Methodology
    bases: tuple[int, ...]
    plain: Running
    weighted: Running

    def at(self, evidence: Evidence) -> tuple[Floats, Floats]:
        """Give both sums (bases, N) at the evidence's clock, at best."""
        sums = (pressure(evidence, running, self.method).threat for running in (self.plain, self.weighted))
        plain, weighted = (layers[: len(self.bases), :, BEST] for layers in sums)
        return plain, weighted


class Scales:
    """Takes the sums of each moment of a replay, which only moves forward."""

    def __init__(self, reader: VaultReader, operation: str, method: Methodology) -> None:
        """Begin with nothing read."""
        self._reader, self._operation, self._method = reader, operation, method
        self._places: Places | None = None
        self._roll: Roll | None = None
        self._variants: list[_Variant] = []
        self._counting: Bools = np.empty(0, dtype=np.bool_)

    def __call__(self, moment: Moment, result: Result) -> Mapping[str, Floats]:
        """Give the columns of ``calibration.Sums`` for a moment."""
        context = gather.gather(self._reader, self._operation, moment, self._method)
        held = self._held(context)
        counting = held.counting(moment)
        changes = ((counting & ~self._counting, True), (self._counting & ~counting, False))
        for variant in self._variants:
            _move(variant, context.evidence.clock_day)
            for rows, begun in changes:
                _change(variant, held.rows(np.flatnonzero(rows)), self._method, begun=begun)
        self._counting = counting
        plain, weighted = (np.empty((len(BASES), len(context.localities))) for _ in range(2))
        for variant in self._variants:
            plain[list(variant.bases)], weighted[list(variant.bases)] = variant.at(context.evidence)
        return {"plain": plain, "weighted": weighted, "standing": result.parts.threat.standing, "rest": _rest(result)}

    def _held(self, context: Context) -> Roll:
        """Give every row of the operation, read anew where places are others than before."""
        if self._roll is None or self._places != context.places:
            self._roll, self._places = Roll(context.places, self._method), context.places
            for block in roll.read(self._reader, self._operation, with_points=self._method.kernel_width_km > 0):
                self._roll.add(block)
            self._variants = list(_variants(context.evidence, self._method))
            self._counting = np.zeros(len(self._roll), dtype=np.bool_)
        return self._roll


def _variants(evidence: Evidence, base: Methodology) -> Iterator[_Variant]:
    by_severity: dict[float | None, list[int]] = {}
    for at, (harm, _) in enumerate(BASES):
        by_severity.setdefault(harm, []).append(at)
    for harm, members in by_severity.items():
        table = dict(DEFAULT.lasting_severity) if harm is None else severity(base, harm)
        for start in range(0, len(members), len(SCALES)):
            chosen = tuple(members[start : start + len(SCALES)])
            days = [BASES[at][1] for at in chosen]
            # What is left over of three counts nowhere.
            days += [days[-1]] * (len(SCALES) - len(days))
            method = replace(
                base,
                version="scales",
                threat_half_life_days=dict(zip(SCALES, days, strict=True)),
                threat_share=dict(zip(SCALES, (0.5, 0.25, 0.25), strict=True)),
                severity=table,
                lasting_severity=table,
            )
            plain, weighted = (Running(evidence.localities, len(evidence.units), method) for _ in range(2))
            yield _Variant(method, chosen, plain, weighted)


def _move(variant: _Variant, clock_day: float) -> None:
    variant.plain.move(clock_day)
    variant.weighted.move(clock_day)


def _change(variant: _Variant, incidents: Pressing, base: Methodology, *, begun: bool) -> None:
    """Add incidents to both sums, or take them out."""
    if not len(incidents):
        return
    uncounted = np.ones_like(incidents.casualty)
    counted = uncounted + (incidents.casualty - 1.0) * (base.casualty_divisor / WEIGHTED_DIVISOR)
    for running, casualty in ((variant.plain, uncounted), (variant.weighted, counted)):
        if begun:
            running.add(replace(incidents, casualty=casualty))
        else:
            running.remove(replace(incidents, casualty=casualty))


def _rest(result: Result) -> Floats:
    """Give what vulnerability and capacity gap add to the logarithm of the score (N,)."""
    method = result.parts.methodology
    vulnerability, gap = (np.log2(dimension[:, BEST]) for dimension in (result.vulnerability, result.capacity_gap))
    rest: Floats = method.vulnerability_exponent * vulnerability + method.capacity_gap_exponent * gap
    return rest
