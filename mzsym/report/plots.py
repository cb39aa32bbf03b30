"""The picture of the memory: ||K(n, m)|| against the lag, on a logarithmic scale."""

from __future__ import annotations

import io
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from mzsym.core import MzError
from mzsym.core.atomic import write_atomic
from mzsym.evaluate.findings import findings
from mzsym.evaluate.norms import memory_norms

if TYPE_CHECKING:
    from mzsym.certify import Certificate
    from mzsym.evaluate.protocols import HasTables

INK, MEMORY, BOUND, MUTED = "#1c2733", "#1f5c99", "#b3541e", "#66727f"


def decay_figure(ev: HasTables, certificate: Certificate | None = None, width: float = 7.2) -> Figure:
    """||K(n, m)|| against m - n: every term, the largest at each lag, the fit, the proved bound where finite.

    Parameters
    ----------
    ev : Evaluator
    certificate : Certificate, optional
    width : float
        Inches.

    Returns
    -------
    matplotlib Figure
    """
    depth = ev.network.depth
    norms = memory_norms(ev)
    # Fewer marks where there are many lags.
    every = max(1, depth // 24)
    figure = Figure(figsize=(width, 0.56 * width), layout="constrained")
    axes = figure.add_subplot()
    if norms:
        found = findings(ev)
        floor = max(float(ev.tolerance_reached.get("memory", 0.0)), 1e-300)
        # Below the error of the tables a norm is not known: it is drawn open, and no line leads to it.
        shown = {key: norm for key, norm in norms.items() if norm > floor}
        axes.plot([m - n for n, m in shown], list(shown.values()), ".", color=MEMORY, alpha=0.35, ms=6, zorder=2)
        known = [(lag, norm) for lag, norm in found.memory_by_lag if norm > floor]
        if known:
            axes.plot(
                *zip(*known, strict=True),
                "o-",
                color=MEMORY,
                lw=1.8,
                ms=5,
                markevery=every,
                label=r"$\max_n\,\|K(n,m)\|$ (computed)",
                zorder=4,
            )
        lost = [lag for lag, norm in found.memory_by_lag if norm <= floor]
        if lost and floor > 1e-300:
            axes.plot(
                lost[::every],
                [floor] * len(lost[::every]),
                "v",
                mfc="white",
                mec=MEMORY,
                ms=6,
                zorder=4,
                label="at most the error",
            )
        if found.decay is not None and len(found.decay.lags) > 2:
            used = np.array(found.decay.lags, dtype=float)
            level = np.mean([math.log(dict(found.memory_by_lag)[lag]) for lag in found.decay.lags])
            fit = np.exp(level + math.log(found.decay.factor) * (used - used.mean()))
            axes.plot(used, fit, "--", color=INK, lw=1, label=rf"fit: $\times\,{found.decay.factor:.3g}$ per layer")
        if certificate is not None:
            bounds = [
                (lag, max(certificate.memory_bound(n, n + lag) for n in range(depth - lag + 1)))
                for lag in range(2, depth + 1)
            ]
            finite = [(lag, bound) for lag, bound in bounds if 0.0 < bound < math.inf]
            if finite:
                axes.plot(
                    *zip(*finite, strict=True), "s:", color=BOUND, lw=1.4, ms=4, markevery=every, label="proved bound"
                )
        axes.set_yscale("log")
        low = min(shown.values(), default=floor)
        if lost or low < 30 * floor:
            axes.axhline(floor, color=MUTED, lw=0.8, ls="-.", label="error of the tables (observed)")
            low = floor
        axes.set_ylim(bottom=low / 4)
        axes.legend(frameon=False, fontsize=8.5, labelcolor=INK, loc="best")
    _dress(axes)
    return figure


def _dress(axes: matplotlib.axes.Axes) -> None:
    axes.set_xlabel("lag  $m-n$  (layers)", fontsize=10, color=INK)
    axes.set_ylabel(r"$\|K(n,m)\|$", fontsize=10, color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
    if axes.get_yscale() == "log":
        axes.yaxis.set_major_locator(LogLocator(numticks=9))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(True, color="#dfe5ea", lw=0.6)
    axes.set_axisbelow(True)
    plain_axes(axes)


def plain_axes(axes: Axes) -> None:
    """Two lines and quiet ticks, as on every picture."""
    axes.tick_params(labelsize=9, colors=INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(MUTED)


def describe_decay(ev: HasTables, certificate: Certificate | None = None) -> str:
    """What the figure shows, for readers who do not see it."""
    by_lag = findings(ev).memory_by_lag
    if not by_lag:
        return "The network has one layer, hence no memory term."
    values = "; ".join(f"lag {lag}: {norm:.2g}" for lag, norm in by_lag[:12])
    more = f"; and so on to lag {by_lag[-1][0]}: {by_lag[-1][1]:.2g}" if len(by_lag) > 12 else ""
    text = f"Largest norm of the memory kernel by lag. {values}{more}."
    if certificate is not None and math.isfinite(bound := certificate.memory_bound(0, 2)):
        text += f" The proved bound lies above, {bound:.2g} for K(0,2)."
    return text


def decay_svg(ev: HasTables, certificate: Certificate | None = None) -> str:
    """The figure as an SVG element without references to anything outside."""
    return svg_of(decay_figure(ev, certificate))


def svg_of(figure: Figure, prefix: str = "") -> str:
    """A figure as an SVG element without references to anything outside; ``prefix`` keeps identifiers apart."""
    buffer = io.StringIO()
    # Shapes instead of text: the same look without any font. A fixed salt: the same bytes on every run.
    with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": "mzsym"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}", svg)
    # Sized by the page.
    return re.sub(r'^<svg ([^>]*?)width="[^"]*"', r"<svg \1", re.sub(r' height="[^"]*pt"', "", svg, count=1))


def save_decay(ev: HasTables, path: str | Path, certificate: Certificate | None = None) -> None:
    """Write the figure as .svg or .png.

    Raises
    ------
    MzError
        For another ending, or a place that cannot be written.
    """
    save_figure(decay_figure(ev, certificate), path)


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as .svg or .png."""
    target = Path(path)
    kind = target.suffix.lower().lstrip(".")
    if kind not in ("svg", "png"):
        raise MzError(f"The picture cannot be written as {target.suffix!r}", str(target), "Use .svg or .png")
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": "mzsym"}):
        options = {"metadata": {"Date": None}} if kind == "svg" else {"dpi": 160}
        figure.savefig(buffer, format=kind, **options)
    write_atomic(target, buffer.getvalue())
