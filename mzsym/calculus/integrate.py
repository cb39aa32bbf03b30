"""Exact integrals of expressions over boxes."""

from __future__ import annotations

import sympy as sp

from mzsym.calculus.closed import Closed
from mzsym.calculus.component import Coordinate
from mzsym.calculus.engine import average
from mzsym.calculus.laws import UniformLaw


def box_integral(f: sp.Expr, box: tuple[tuple[sp.Symbol, sp.Expr, sp.Expr], ...], max_operations: int) -> Closed:
    """Integral of f over a box, closed where a rule applies.

    An integral over an interval is its length times an average with uniform noise about its middle, so the rules of
    ``noise_average`` serve here too, MATH (18). What stays open is an ``Integral`` over the box variables, in the
    lowest dimension that integrating single coordinates out leads to.

    Parameters
    ----------
    f : Expr
        The integrand.
    box : tuple of (Symbol, Expr, Expr)
        Variable, lower and upper end for every coordinate.
    max_operations : int
        Size above which a closed form is not written out.

    Returns
    -------
    Closed

    Examples
    --------
    >>> x, w = sp.symbols("x w", real=True)
    >>> box_integral((3*x**2 - 1)/2 * x**2, ((x, -1, 1),), 5000).expr
    4/15
    >>> box_integral(sp.tanh(w*x), ((x, 0, 2),), 5000).expr
    2*UniformMean(tanh, 1, w, Abs(w))
    """
    coordinates = []
    ends: dict[sp.Symbol, sp.Expr] = {}
    back: dict[sp.Symbol, sp.Expr] = {}
    for x, low, high in box:
        lower, upper = sp.sympify(low), sp.sympify(high)
        middle, half = (lower + upper) / 2, (upper - lower) / 2
        if lower.is_Symbol and upper.is_Symbol:
            # In the middle and the half-length, (2x - lo - hi)/(hi - lo) becomes the standard coordinate by itself.
            m, h = sp.Dummy("m", real=True), sp.Dummy("h", positive=True)
            ends |= {lower: m - h, upper: m + h}
            back |= {m: middle, h: half}
            middle, half = m, h
        u = sp.Dummy(f"u_{x.name}", real=True)
        coordinates.append((x, u, middle, half, lower, upper))
    inside = f.xreplace(ends).xreplace({x: m + h * u for x, u, m, h, _, _ in coordinates})
    made = [
        Coordinate(u, sp.S.Zero, UniformLaw(sp.S.One), x, (x - m) / h, 1 / (2 * h), lower, upper, interval=True)
        for x, u, m, h, lower, upper in coordinates
    ]
    result = average(inside, made, max_operations, original=f)
    volume = sp.Mul(*(2 * h for _, _, _, h, _, _ in coordinates))
    number, factors = (volume * result.expr).as_coeff_mul()
    for _, _, _, h, lower, upper in coordinates:
        if h in back and h in factors:
            # So that 2h reads hi - lo.
            factors = tuple(upper - lower if factor == h else factor for factor in factors)
            number /= 2
    expr = sp.Mul(number, *factors).xreplace(back)
    return Closed(expr, result.closed, result.rules, result.dimension)
