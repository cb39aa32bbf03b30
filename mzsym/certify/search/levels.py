"""The search for a bracket of levels that assumes no monotonicity, MATH (28)."""

from __future__ import annotations

import math
from collections.abc import Callable

from mzsym.certify.search.noise_level import Tried
from mzsym.core import MzError

MOST_LEVELS = 100
"""Levels that are examined at most."""

DOUBLINGS, HALVINGS = 24, 14
"""How often the level is doubled to find a certified one, and halved to find one that fails."""


class LevelSearch:
    """Levels that are examined one after the other; every answer is a theorem about its level alone.

    Parameters
    ----------
    bound_at : callable
        A level -> its proved bounds; raises MzError where the domains do not allow the level.
    kappa : float
    tolerance : float
        Relative width of the bracket.
    progress : callable, optional
        Is called with every level.
    """

    def __init__(
        self,
        bound_at: Callable[[float], Tried],
        kappa: float,
        tolerance: float,
        progress: Callable[[Tried], None] | None = None,
    ) -> None:
        self.bound_at, self.kappa, self.tolerance, self.progress = bound_at, kappa, tolerance, progress
        self.digits = 2 + math.ceil(-math.log10(tolerance))
        self.tried: list[Tried] = []
        self.refused = ""
        self.certified: Tried | None = None
        self.fails: Tried | None = None

    def run(self, start: float) -> LevelSearch:
        """Bracket from the stated level, then narrow."""
        item = self._look(start)
        for _ in range(DOUBLINGS):
            if item is None or self.proves(item):
                break
            item = self._look(2.0 * item.level)
        if item is None or not self.proves(item):
            return self
        self.certified = item
        below = [tried for tried in self.tried if self.refutes(tried)]
        self.fails = max(below, default=None)
        level = item.level
        for _ in range(HALVINGS):
            if self.fails is not None or self._gives_nothing_below():
                break
            level /= 2.0
            self._look(level)
            self._narrowed()
        self._refine()
        return self

    def proves(self, item: Tried) -> bool:
        return item.upper <= self.kappa

    def refutes(self, item: Tried) -> bool:
        return item.lower > self.kappa

    def _look(self, level: float) -> Tried | None:
        """The level with as many digits as the tolerance needs; None where the given domains do not allow it."""
        level = float(f"{level:.{self.digits}g}")
        for seen in self.tried:
            if seen.level == level:
                return seen
        try:
            item = self.bound_at(level)
        except MzError as error:
            if not self.tried:
                raise
            self.refused = error.what
            return None
        self.tried.append(item)
        if self.progress is not None:
            self.progress(item)
        return item

    def _gives_nothing_below(self) -> bool:
        """Whether the method proves no lower bounds and the bound has already been met above kappa."""
        return all(item.lower == 0.0 for item in self.tried) and any(not self.proves(item) for item in self.tried)

    def _narrowed(self) -> None:
        """The lowest certified level, without a failing one between it and those before; the failing one below it."""
        assert self.certified is not None
        fails = [item for item in self.tried if self.refutes(item) and item < self.certified]
        self.fails = max(fails, default=None)
        floor = self.fails.level if self.fails else 0.0
        self.certified = min(item for item in self.tried if self.proves(item) and item.level > floor)

    def _refine(self) -> None:
        """Halve the gap above the highest undecided level, and the one below the lowest, until both are narrow."""
        while len(self.tried) < MOST_LEVELS:
            self._narrowed()
            assert self.certified is not None
            top, bottom = self.certified.level, self.fails.level if self.fails else None
            between = [t.level for t in self.tried if (bottom or 0.0) < t.level < top]
            gaps = [(max(between, default=bottom), top)]
            if bottom is not None and between:
                gaps.append((bottom, min(between)))
            known = [(lo, hi) for lo, hi in gaps if lo is not None and hi > lo * (1.0 + self.tolerance)]
            if not known:
                return
            lo, hi = max(known, key=lambda gap: gap[1] / gap[0])
            count = len(self.tried)
            self._look(self._between(lo, hi))
            if len(self.tried) == count:
                return

    def _between(self, lo: float, hi: float) -> float:
        """Where to look next between two levels: by turns just above, just below where the norm seems to be kappa."""
        middle = math.sqrt(lo * hi)
        low, high = (next(t for t in self.tried if t.level == level) for level in (lo, hi))
        turn = len(self.tried) % 3
        if turn == 0 or not low.lower > 0.0 or not high.lower > 0.0 or not high.upper < low.upper < math.inf:
            return middle
        # Norms behave like powers of the level; two levels give the power.
        power = math.log(hi / lo) / math.log(low.upper / high.upper)
        there = lo * math.exp(power * math.log(low.upper / self.kappa))
        there *= 1.0 + (self.tolerance / 3.0 if turn == 1 else -self.tolerance / 3.0)
        step = 10.0**-self.digits
        return there if lo * (1.0 + step) < there < hi * (1.0 - step) else middle

    def why_not(self) -> str:
        """Why no level was certified."""
        best = min(self.tried, key=lambda item: item.upper)
        text = f"the least bound that was met is {best.upper:.6g}, at level {best.level:g}"
        return f"{text}; beyond level {max(self.tried).level:g}: {self.refused}" if self.refused else text
