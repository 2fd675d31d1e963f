"""Sums over a world's incidents that are kept from moment to moment, as the store keeps them, without a store."""

import numpy as np

from flashpoint.scoring.contributions import Ledger
from flashpoint.scoring.model import assemble
from flashpoint.scoring.pressing import NEVER, pressing
from flashpoint.scoring.pressure import pressure
from flashpoint.scoring.running import Running


class Kept:
    """The incidents of a world, verified and withdrawn by their numbers while time goes on. None counts at first."""

    def __init__(self, world, method, clock_day):
        self._world, self._method, self._clock_day = world, method, clock_day
        evidence = world.evidence(clock_day)
        self._incidents = pressing(evidence.incidents, method)
        self._running = Running(evidence.localities, len(evidence.units), method)
        self._running.move(clock_day)
        self.live = np.zeros(len(world.incidents), dtype=np.bool_)

    def tick(self, days):
        """Let days pass; give the new clock."""
        self._clock_day += days
        self._running.move(self._clock_day)
        return self._clock_day

    def verify(self, numbers):
        rows = np.array(list(numbers), dtype=np.int64)
        self.live[rows] = True
        self._running.add(self._incidents.rows(rows))

    def withdraw(self, numbers):
        rows = np.array(list(numbers), dtype=np.int64)
        self.live[rows] = False
        for locality in self._running.remove(self._incidents.rows(rows)):
            here = self.live & (self._incidents.locality == locality)
            self._running.marks[locality] = self._incidents.marks[here].max(axis=0, initial=NEVER)

    def switch(self, numbers):
        """Verify those that do not count, and withdraw those that do."""
        held = [number for number in numbers if number < len(self.live)]
        self.withdraw([number for number in held if self.live[number]])
        self.verify([number for number in held if not self.live[number]])

    def result(self):
        evidence = self._world.evidence(self._clock_day)
        return assemble(evidence, self._incidents, pressure(evidence, self._running, self._method), self._method)

    def lines(self, result):
        """Give each locality's contributions to such a result."""
        ledger = Ledger(result, self.live)
        return [ledger.lines(at) for at in range(len(self._world.towns))]
