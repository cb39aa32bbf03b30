"""A shallow network as a statement and tables in LaTeX (amsmath only)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mzsym.certify.bounds import decimal_up
from mzsym.certify.certificate_latex import MEASURES, escape
from mzsym.core.arrays import Array
from mzsym.projections.measures import measure_text

if TYPE_CHECKING:
    from mzsym.reduce.reduction import Reduction

COLUMNS = 4
"""Read-outs side by side."""

ROWS = 40
"""Coefficients of one read-out that are printed; a larger one is announced."""


def latex(r: Reduction) -> str:
    """Statement, read-outs, and the table of depths."""
    return "\n\n".join([statement(r), *readout_tables(r), depth_table(r)])


def statement(r: Reduction) -> str:
    """What the shallow network is, and what it leaves out."""
    total, stated = len(r.depths), measure_text(r.projection.measure)
    measure = MEASURES.get(stated, f"measure of weight {escape(stated)}")
    left_out = rf"M_0\Phi(1,{r.depth})Q_{{{r.depth}}}q_{{{r.depth}}}"
    return (
        rf"The network of {total} layers is replaced by its first {_layers(r.depth)} with a linear read-out from each,"
        "\n\\[\n"
        r"q_0(x) = \mathbb{E}[u(X_{" + str(total) + r"})\,|\,X_0=x] \approx \mathbb{E}\Bigl["
        rf"\sum_{{m=1}}^{{{r.depth}}} \alpha^{{(m)}}\cdot\eta^{{(m)}}(X_m)\,\Big|\,X_0=x\Bigr] = \hat q_0(x),"
        "\n\\]\n"
        rf"$\eta^{{(m)}}$ an orthonormal basis of {escape(r.projection.describe())} in the {measure}, "
        r"$\alpha^{(m)} = c_m - A_mc_{m+1} - \sum_{l>m+1} K(m,l)\,c_l$ with the sum up to "
        rf"$l={r.depth}$. With exact read-outs it leaves out ${left_out}$ and nothing else. "
        rf"With those below $\|q_0-\hat q_0\|_{{L^2(\mu_0)}} \le {_number(r.error_bound)}$ ({r.standing}); "
        rf"measured: {_dollars(r.measured_error)}. The column before the last bounds the error with "
        "exact read-outs. Entries not above the observed error of the tables are printed as 0."
    )


def readout_tables(r: Reduction) -> list[str]:
    """alpha^(m), as many side by side as fit."""
    columns: list[tuple[str, Array]] = []
    for m, alpha in r.readouts.items():
        if alpha.ndim == 1:
            columns.append((rf"$\alpha^{{({m})}}_j$", alpha))
        else:
            columns += [(rf"$\alpha^{{({m})}}_{{j,{k}}}$", alpha[:, k]) for k in range(alpha.shape[1])]
    known = float(r.deep.tolerance_reached.get("coefficients", 0.0))
    return [_block(columns[start : start + COLUMNS], known) for start in range(0, len(columns), COLUMNS)]


def _block(columns: list[tuple[str, Array]], known: float) -> str:
    """Columns of a table; what is not above the observed error of the tables is 0."""
    most = max(len(values) for _, values in columns)
    rows = []
    for j in range(min(most, ROWS)):
        shown = [(values[j] if abs(values[j]) > known else 0.0) if j < len(values) else None for _, values in columns]
        cells = ["" if value is None else _dollars(float(value), 7) for value in shown]
        rows.append(f"{j} & " + " & ".join(cells) + r" \\")
    head = " & ".join(["$j$", *(name for name, _ in columns)])
    rest = [] if most <= ROWS else [rf"The remaining {most - ROWS} coefficients are in the exported files."]
    body = [r"\begin{tabular}{r" + "r" * len(columns) + "}", r"\hline", head + r" \\ \hline", *rows]
    return "\n".join([r"\begin{center}\small", *body, r"\hline", r"\end{tabular}", r"\end{center}", *rest])


def depth_table(r: Reduction) -> str:
    """Depth, bound, measured error."""
    rows = []
    for item in r.depths:
        mark = r"$\ast$" if item.depth == r.depth else ""
        cells = (_dollars(item.measured), _dollars(item.bound, up=True), _dollars(item.a_priori, up=True))
        times = item.a_priori_over_measured
        over = "--" if math.isnan(times) or math.isinf(times) else _dollars(times, 3)
        rows.append(f"{item.depth}{mark} & {cells[0]} & {cells[1]} ({item.standing}) & {cells[2]} & {over}" + r" \\")
    return "\n".join(
        [
            r"\begin{center}\small",
            r"\begin{tabular}{rrrrr}",
            r"\hline",
            r"$H$ & measured error & bound & a priori (proved) & over measured \\ \hline",
            *rows,
            r"\hline",
            r"\end{tabular}",
            r"\end{center}",
        ]
    )


def _layers(depth: int) -> str:
    return "layer" if depth == 1 else f"{depth} layers"


def _dollars(value: float, digits: int = 4, up: bool = False) -> str:
    if math.isnan(value):
        return "not known"
    return "none" if math.isinf(value) else f"${_number(value, digits, up)}$"


def _number(value: float, digits: int = 4, up: bool = True) -> str:
    if value == 0.0:
        return "0"
    text = decimal_up(value, digits) if up else str(np.format_float_scientific(value, precision=digits - 1))
    mantissa, _, exponent = f"{float(text):.{digits - 1}e}".partition("e")
    power = int(exponent)
    if -3 <= power <= 3:
        return f"{float(text):.{max(digits - 1 - power, 0)}f}"
    return rf"{mantissa}\cdot10^{{{power}}}"
