"""The noise average (M v)(x) = E[v(center(x) + xi)] of an expression, MATH (4) and (17)-(19)."""

from __future__ import annotations

import sympy as sp

from mzsym.calculus.closed import Closed
from mzsym.calculus.component import Coordinate
from mzsym.calculus.engine import average
from mzsym.calculus.laws import Law


def noise_average(
    v: sp.Expr,
    y: tuple[sp.Symbol, ...],
    center: tuple[sp.Expr, ...],
    laws: tuple[Law, ...],
    xi: tuple[sp.Symbol, ...],
    max_operations: int,
) -> Closed:
    """(M v)(x) = E[v(center + xi)] over independent noise components, MATH (4).

    Exact whatever the answer: closed where the rules (17)-(19) reach, otherwise with ``Integral`` over the noise
    variables, in the lowest dimension that integrating single coordinates out leads to.

    Parameters
    ----------
    v : Expr
        Function of the state ``y``.
    y : tuple of Symbol, length N
        State after the layer.
    center : tuple of Expr, length N
        Noise-free state, in other symbols: F(x).
    laws : tuple of Law, length N
        Law of each noise component.
    xi : tuple of Symbol, length N
        Integration variables for what stays open.
    max_operations : int
        Size above which a closed form is not written out.

    Returns
    -------
    Closed
        The average, in the symbols of ``center``.

    Examples
    --------
    >>> from mzsym.calculus.laws import UniformLaw
    >>> x, y, xi = sp.symbols("x y xi", real=True)
    >>> s = sp.Symbol("s", positive=True)
    >>> noise_average(y**2, (y,), (sp.tanh(x),), (UniformLaw(s),), (xi,), 5000).expr
    s**2/3 + tanh(x)**2
    >>> noise_average(sp.tanh(y), (y,), (x,), (UniformLaw(s),), (xi,), 5000).expr.doit()
    (-log(cosh(s - x)) + log(cosh(s + x)))/(2*s)
    """
    taken = set().union(*(expr.free_symbols for expr in center)) if center else set()
    if taken & set(y):
        # The centre uses the same names: the noisy state gets fresh ones.
        fresh = tuple(sp.Dummy(symbol.name, real=True) for symbol in y)
        v, y = v.xreplace(dict(zip(y, fresh, strict=True))), fresh
    fixed = {s: c for s, c, law in zip(y, center, laws, strict=True) if law.deterministic}
    v = v.xreplace(fixed) if fixed else v
    noisy = tuple(
        Coordinate(symbol, c, law, variable, c + variable, law.density(variable), *law.support)
        for symbol, c, law, variable in zip(y, center, laws, xi, strict=True)
        if not law.deterministic
    )
    result = average(v, noisy, max_operations)
    if not fixed:
        return result
    return Closed(
        result.expr, result.closed, ("composition where there is no noise, MATH (4)", *result.rules), result.dimension
    )
