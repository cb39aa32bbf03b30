"""The law of the output as a reader sees it: numbers, a curve, and Monte Carlo beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.laws.of_network import law_of_output
from mzsym.report.network_view import component_latex

if TYPE_CHECKING:
    from mzsym.evaluate.laws.state_law import StateLaw
    from mzsym.evaluate.protocols import HasTables

MOST_OUTPUTS = 3
"""Observables whose laws are computed for a report."""

EXACT_DEPTH = 16
"""Layers on the line up to which densities are carried panel by panel for a report; deeper ones take weights."""

SAMPLES = 40_000
SEED = 0
LEVEL = 0.95
_CURVE = 401


@dataclass(frozen=True, eq=False)
class OutputLaw:
    """One observable.

    Attributes
    ----------
    name, latex : str
        The observable, as text and in LaTeX.
    law : StateLaw
    interval : (float, float)
        Equal-tailed, of probability ``LEVEL``.
    curve : array of shape (points, 3)
        y, density (NaN where there is none), distribution function.
    draws : array
        Monte Carlo values of the same observable.
    """

    name: str
    latex: str
    law: StateLaw
    interval: tuple[float, float]
    curve: Array
    draws: Array

    @property
    def sampled_mean(self) -> float:
        """Monte Carlo."""
        return float(self.draws.mean())

    @property
    def sampled_error(self) -> float:
        """Standard error of ``sampled_mean``."""
        return float(self.draws.std(ddof=1) / np.sqrt(len(self.draws)))

    @property
    def coverage(self) -> float:
        """Share of the draws in the interval."""
        lo, hi = self.interval
        return float(np.mean((self.draws >= lo) & (self.draws <= hi)))

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        law = self.law
        density = self.curve[:, 1].tolist() if law.has_density else None
        return {
            "observable": self.name,
            "standing": str(law.standing),
            "mean": law.mean,
            "standard_deviation": law.standard_deviation,
            "interval": {"level": LEVEL, "lower": self.interval[0], "upper": self.interval[1]},
            "point_masses": [{"at": at, "probability": p} for at, p in law.atoms],
            "tolerance_reached": dict(law.tolerance_reached),
            "limits": list(law.limits),
            "monte_carlo": {
                "samples": len(self.draws),
                "seed": SEED,
                "mean": self.sampled_mean,
                "standard_error": self.sampled_error,
                "standard_deviation": float(self.draws.std(ddof=1)),
                "share_in_interval": self.coverage,
            },
            "curve": {"y": self.curve[:, 0].tolist(), "density": density, "distribution": self.curve[:, 2].tolist()},
        }


@dataclass(frozen=True, eq=False)
class OutputLaws:
    """Every observable that is shown, or why none is.

    Attributes
    ----------
    laws : tuple of OutputLaw
    of : int
        Observables there are.
    refused : str
        Why there is none.
    """

    laws: tuple[OutputLaw, ...]
    of: int
    refused: str = ""


def output_laws(ev: HasTables) -> OutputLaws:
    """Laws of the first observables for the network's own law of X_0.

    Parameters
    ----------
    ev : Evaluator
    """
    net = ev.network
    count = len(net.observable_exprs)
    try:
        values = net.observe(net.sample(net.sample_input(SAMPLES, SEED), seed=SEED + 1)).reshape(SAMPLES, -1)
        exact = net.depth <= EXACT_DEPTH
        found, names = [], component_latex(net)
        for k in range(min(count, MOST_OUTPUTS)):
            law = law_of_output(net, k, None, None, ev.options, exact)
            name = str(net.observable[k])
            found.append(OutputLaw(name, names[k], law, law.interval(LEVEL), _curve(law), values[:, k]))
    except MzError as error:
        return OutputLaws((), count, f"{error.what}.")
    return OutputLaws(tuple(found), count)


def _curve(law: StateLaw) -> Array:
    lo, hi = law.support
    y = np.linspace(lo, hi, _CURVE)
    density = law.density(y) if law.has_density else np.full(_CURVE, np.nan)
    return np.column_stack([y, density, law.distribution(y)])


def output_words(shown: OutputLaws) -> str:
    """What the figure shows, for readers who do not see it."""
    parts = []
    for item in shown.laws:
        lo, hi = item.interval
        parts.append(
            f"{item.name}: mean {item.law.mean:.4g}, standard deviation {item.law.standard_deviation:.3g}, "
            f"95 % interval from {lo:.4g} to {hi:.4g}; Monte Carlo mean {item.sampled_mean:.4g}"
        )
    return "Law of the output. " + ". ".join(parts) + "."
