"""The picture of the output: its density, the credible interval, and a Monte Carlo histogram behind it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mzsym.report.law_view import LEVEL, OutputLaw, OutputLaws
from mzsym.report.plots import INK, MEMORY, MUTED, plain_axes, save_figure, svg_of

SAMPLED = "#c9d2da"
BAND = "#dbe8f4"
_BINS = 60
_PEAK = 1.25
"""The axis ends this many times above the highest bar: a density may have poles."""


def output_figure(shown: OutputLaws, width: float = 7.2) -> Figure:
    """One panel per observable.

    Parameters
    ----------
    shown : OutputLaws
        With at least one law.
    width : float
        Inches.

    Returns
    -------
    matplotlib Figure
    """
    count = len(shown.laws)
    height = 0.5 * width if count == 1 else 0.44 * width
    figure = Figure(figsize=(width, height), layout="constrained")
    panels = figure.subplots(1, count, squeeze=False)[0]
    for axes, item in zip(panels, shown.laws, strict=True):
        if item.law.has_density:
            _density(axes, item)
        else:
            _distribution(axes, item)
        _dress(axes, item)
    label = "density" if all(item.law.has_density for item in shown.laws) else "distribution function"
    panels[0].set_ylabel(label, fontsize=10, color=INK)
    handles, labels = panels[0].get_legend_handles_labels()
    # Above the panels: a density may be anywhere in them.
    figure.legend(handles, labels, frameon=False, fontsize=8.5, labelcolor=INK, loc="outside upper left", ncols=3)
    return figure


def _density(axes: Axes, item: OutputLaw) -> None:
    y, p, _ = item.curve.T
    heights, edges = np.histogram(item.draws, bins=_BINS, range=item.law.support, density=True)
    axes.stairs(heights, edges, fill=True, color=SAMPLED, label=_sampled(item), zorder=1)
    lo, hi = item.interval
    inside = (y >= lo) & (y <= hi)
    fill = np.concatenate([[lo], y[inside], [hi]])
    axes.fill_between(
        fill,
        np.interp(fill, y, p),
        color=MEMORY,
        alpha=0.18,
        lw=0,
        label=f"{100 * LEVEL:g} % credible interval",
        zorder=2,
    )
    axes.plot(y, p, color=MEMORY, lw=1.8, label="computed density", zorder=3)
    axes.set_ylim(0.0, _PEAK * min(float(p.max()), 2.0 * float(heights.max())) if heights.any() else None)


def _distribution(axes: Axes, item: OutputLaw) -> None:
    y, _, F = item.curve.T
    ordered = np.sort(item.draws)
    axes.plot(
        ordered[:: len(ordered) // 400],
        (np.arange(len(ordered)) / len(ordered))[:: len(ordered) // 400],
        color=MUTED,
        lw=4,
        alpha=0.4,
        label=_sampled(item),
        zorder=1,
    )
    axes.axvspan(*item.interval, fc=BAND, ec=MEMORY, lw=0.6, label=f"{100 * LEVEL:g} % credible interval", zorder=0)
    axes.plot(y, F, color=MEMORY, lw=1.8, label="computed distribution function", zorder=3)
    axes.set_ylim(0.0, 1.05)


def _sampled(item: OutputLaw) -> str:
    return "Monte Carlo, " + f"{len(item.draws):,}".replace(",", " ") + " samples"


def _dress(axes: Axes, item: OutputLaw) -> None:
    axes.axvline(item.law.mean, color=INK, lw=1, ls="--", zorder=4)
    axes.set_xlim(*item.law.support)
    name = item.name if len(item.name) <= 40 else item.name[:38] + "\u2026"
    axes.set_xlabel(name, fontsize=10, color=INK, parse_math=False)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    plain_axes(axes)


def output_svg(shown: OutputLaws) -> str:
    """The figure as an SVG element without references to anything outside."""
    return svg_of(output_figure(shown), "output-")


def save_output(shown: OutputLaws, path: str | Path) -> None:
    """Write the figure as .svg or .png."""
    save_figure(output_figure(shown), path)
