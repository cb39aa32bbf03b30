"""The picture of a proved region beside the literature's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from mzsym.report.plots import BOUND, INK, MEMORY, MUTED, plain_axes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mzsym.certify.search.noise_level import NoiseLevel
    from mzsym.certify.search.region import Region

FAILS = "#8e99a4"


def region_figure(
    region: Region,
    brackets: Sequence[NoiseLevel] = (),
    *,
    condition: tuple[float, str] | None = None,
    parameter: str = "w",
    level: str = r"\sigma",
    width: float = 7.2,
) -> Figure:
    """Every point of the grid with what is proved there, and the brackets of ``minimal_noise`` where they are given.

    Parameters
    ----------
    region : Region
    brackets : sequence of NoiseLevel
        One for each of ``region.parameters``: the certified levels are joined by a line, to lead the eye.
    condition : tuple of float and str, optional
        A level that a closed form gives, and its LaTeX.
    parameter, level : str
        LaTeX of the axes.
    width : float
        Inches.

    Returns
    -------
    matplotlib Figure
    """
    figure = Figure(figsize=(width, 0.62 * width), layout="constrained")
    axes = figure.add_subplot()
    w, sigma = np.meshgrid(region.parameters, region.levels, indexing="ij")
    norm = r"\|Q_nM_n\|" if region.norm == "whole" else r"\|Q_nM_nQ_{n+1}\|"
    sharp = region.proved & ~region.by_literature
    marks = (
        (region.by_literature, "s", BOUND, rf"Hilbert–Schmidt proves ${norm}\leq{region.kappa:g}$ (the literature)"),
        (sharp, "o", MEMORY, rf"sharp enclosures prove ${norm}\leq{region.kappa:g}$ as well"),
        (region.fails, "x", FAILS, rf"${norm}>{region.kappa:g}$ is proved"),
        (region.undecided, "$?$", MUTED, "undecided"),
    )
    for where, mark, colour, label in marks:
        if where.any():
            axes.plot(w[where], sigma[where], mark, color=colour, ms=4.5, ls="none", label=label)
    if brackets:
        line = [bracket.certified for bracket in brackets]
        axes.plot(region.parameters, line, "-", color=INK, lw=1.2, label="least certified level found", zorder=4)
    if condition is not None:
        axes.axhline(condition[0], color=BOUND, lw=1.0, ls="--", label=f"${condition[1]}$")
    axes.set_yscale("log")
    axes.set_xlabel(f"${parameter}$", fontsize=10, color=INK)
    axes.set_ylabel(f"noise level ${level}$", fontsize=10, color=INK)
    plain_axes(axes)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8, labelcolor=INK)
    return figure


def describe_region(region: Region) -> str:
    """What the figure shows, for readers who do not see it."""
    return f"{region}. Each point is a theorem or a refutation of its own; nothing is claimed between points."
