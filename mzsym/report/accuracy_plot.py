"""The picture of a classifier's accuracy against its noise level."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from mzsym.report.plots import BOUND, INK, MEMORY, MUTED, plain_axes

if TYPE_CHECKING:
    from mzsym.evaluate.accuracy import Accuracy

BAND = 2.0
"""Standard errors that a bar shows on each side."""


def accuracy_figure(found: Accuracy, width: float = 7.2) -> Figure:
    """One noisy pass, the decision by the mean score and the noise-free network, against the largest noise scale.

    Parameters
    ----------
    found : Accuracy
    width : float
        Inches.

    Returns
    -------
    matplotlib Figure
    """
    figure = Figure(figsize=(width, 0.56 * width), layout="constrained")
    axes = figure.add_subplot()
    order = np.argsort(found.factors)
    levels = np.array([max(row) for row in found.levels])[order]
    axes.axhline(found.noise_free, color=MUTED, lw=1.0, ls="--", label="without noise")
    axes.fill_between(levels, found.mean_lower[order], found.mean_upper[order], color=MEMORY, alpha=0.2, lw=0)
    label = "by the mean score (band: undecided inputs)"
    axes.plot(levels, found.mean[order], "o-", color=MEMORY, ms=4.5, lw=1.6, label=label)
    axes.errorbar(
        levels,
        found.single[order],
        yerr=BAND * found.single_error[order],
        fmt="s-",
        color=BOUND,
        ms=4,
        lw=1.4,
        capsize=2,
        label=f"one noisy pass (bars: {BAND:g} standard errors)",
    )
    axes.set_xscale("log")
    axes.set_xticks(levels, [f"{level:.3g}" for level in levels])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel(r"noise level $\sigma$ (largest scale of a layer)", fontsize=10, color=INK)
    axes.set_ylabel("inputs classified correctly", fontsize=10, color=INK)
    plain_axes(axes)
    axes.legend(frameon=False, fontsize=8.5, labelcolor=INK, loc="best")
    return figure
