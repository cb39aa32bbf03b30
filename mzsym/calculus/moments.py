"""Moments of a law that is stated by its density: exact, closed where a rule applies, MATH (17).

Between the points where the density is not smooth every absolute value, step and case distinction has one known
branch. There sums of x**j exp(a x**2 + b x + c) are integrated by parts, on bounded pieces also what ``box_integral``
closes. A moment that does not close in every piece is a sum of integrals.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import sympy as sp

from mzsym.calculus.decompose import TooLarge, decompose
from mzsym.calculus.integrate import box_integral
from mzsym.calculus.laws import DensityLaw
from mzsym.core.functions import leaky_relu, relu
from mzsym.core.names import NOISE_VARIABLE

MAX_TERMS = 2000
"""Products up to which an integrand is expanded, to be integrated term by term."""

MAX_OPERATIONS = 4000

_X = NOISE_VARIABLE
_PLUS, _MINUS = sp.Dummy("x", positive=True), sp.Dummy("x", negative=True)


@lru_cache(maxsize=512)
def density_moment(law: DensityLaw, k: int) -> sp.Expr:
    """E[xi**k].

    Parameters
    ----------
    law : DensityLaw
    k : int
        At least 0.

    Returns
    -------
    Expr
        With ``Integral`` over ``NOISE_VARIABLE`` where no rule closes it.

    Examples
    --------
    >>> tent = DensityLaw.of(1 - sp.Abs(NOISE_VARIABLE), -1, 1, (sp.S.Zero,))
    >>> density_moment(tent, 2)
    1/6
    """
    body = _X**k * law.density(_X)
    pieces = smooth_pieces(law)
    if pieces is None:
        return sp.Integral(body, (_X, law.lower, law.upper))
    parts = [(_X**k * piece, lo, hi) for piece, lo, hi in pieces]
    values = [_integral(*part) for part in parts]
    closed = [value for value in values if value is not None]
    if len(closed) < len(values):
        return sp.Add(*(sp.Integral(inside, (_X, lo, hi)) for inside, lo, hi in parts))
    return sp.Add(*closed)


def smooth_pieces(law: DensityLaw) -> list[tuple[sp.Expr, sp.Expr, sp.Expr]] | None:
    """(density, lower, upper) between the breaks, case distinctions resolved; None where one stays undecided."""
    ends = [law.lower, *law.points, law.upper]
    if any(not (hi - lo).is_extended_positive for lo, hi in pairwise(ends)):
        return None
    pieces = []
    for lo, hi in pairwise(ends):
        resolved = resolve(law.density(_X), _X, _between(lo, hi))
        if resolved is None:
            return None
        pieces.append((resolved, lo, hi))
    return pieces


def _between(lo: sp.Expr, hi: sp.Expr) -> sp.Expr:
    """A point inside the piece."""
    if lo.is_infinite and hi.is_infinite:
        return sp.S.Zero
    if lo.is_infinite:
        return hi - 1
    return lo + 1 if hi.is_infinite else (lo + hi) / 2


def resolve(expr: sp.Expr, x: sp.Symbol, point: sp.Expr) -> sp.Expr | None:
    """The branch of every case distinction that holds at a point, or None where SymPy cannot tell."""
    if not expr.has(*_BRANCHING):
        return expr
    args = [resolve(arg, x, point) if isinstance(arg, sp.Expr) else arg for arg in expr.args]
    if any(arg is None for arg in args):
        return None
    if isinstance(expr, sp.Piecewise):
        return _branch(expr, x, point)
    built = expr.func(*args)
    if not isinstance(built, _BRANCHING):
        return built
    if isinstance(built, (sp.Max, sp.Min)):
        return _extreme(built, x, point)
    u = built.args[0]
    sign = _sign(u, x, point)
    if sign is None:
        return None
    slope = built.args[1] if isinstance(built, leaky_relu) else sp.S.Zero
    return {
        sp.Abs: sign * u,
        sp.sign: sp.Integer(sign),
        sp.Heaviside: sp.Integer(sign > 0),
        relu: u if sign > 0 else sp.S.Zero,
        leaky_relu: u if sign > 0 else slope * u,
    }[built.func]


_BRANCHING = (sp.Abs, sp.sign, sp.Heaviside, relu, leaky_relu, sp.Max, sp.Min, sp.Piecewise)


def _sign(u: sp.Expr, x: sp.Symbol, point: sp.Expr) -> int | None:
    value = u.xreplace({x: point})
    return 1 if value.is_positive else -1 if value.is_negative else None


def _extreme(expr: sp.Expr, x: sp.Symbol, point: sp.Expr) -> sp.Expr | None:
    best, *others = expr.args
    for other in others:
        sign = _sign(other - best, x, point)
        if sign is None:
            return None
        best = other if (sign > 0) == isinstance(expr, sp.Max) else best
    return best


def _branch(expr: sp.Piecewise, x: sp.Symbol, point: sp.Expr) -> sp.Expr | None:
    for value, condition in expr.args:
        holds = condition.xreplace({x: point})
        if holds == sp.true:
            return resolve(value, x, point)
        if holds != sp.false:
            return None
    return None


def _integral(body: sp.Expr, lo: sp.Expr, hi: sp.Expr) -> sp.Expr | None:
    """Integral over one piece, or None."""
    try:
        parts = decompose(body, (_X,), MAX_TERMS)
    except TooLarge:
        return None
    terms = [
        coefficient * _X ** monomial.powers[0] * sp.Mul(*(atom**k for atom, k in monomial.atoms))
        for monomial, coefficient in parts.items()
    ]
    total: list[sp.Expr] = []
    rest: list[sp.Expr] = []
    for term in terms:
        value = _exponential_term(term, lo, hi)
        (rest if value is None else total).append(term if value is None else value)
    if rest:
        if lo.is_infinite or hi.is_infinite:
            return None
        answer = box_integral(sp.Add(*rest), ((_X, lo, hi),), MAX_OPERATIONS)
        if not answer.closed:
            return None
        total.append(answer.expr.doit())
    return sp.Add(*total)


def _exponential_term(term: sp.Expr, lo: sp.Expr, hi: sp.Expr) -> sp.Expr | None:
    """Integral of c x**j exp(a x**2 + b x), or None for any other term and where it is not sure to converge."""
    constant, dependent = term.as_independent(_X, as_Add=False)
    power, exponent = 0, sp.S.Zero
    for factor in sp.Mul.make_args(dependent):
        base, exp = factor.as_base_exp()
        if base == _X and exp.is_Integer and exp >= 0:
            power += int(exp)
        elif base is sp.E and exp.is_polynomial(_X):
            exponent += exp
        elif factor != 1:
            return None
    # Highest power first: constant, linear and square coefficients of the exponent.
    coefficients = [*reversed(sp.Poly(exponent, _X).all_coeffs()), sp.S.Zero, sp.S.Zero]
    if any(not coefficient.is_zero for coefficient in coefficients[3:]):
        return None
    c, b, a = coefficients[:3]
    factor = constant * sp.exp(c)
    if a.is_zero:
        value = _exponential(power, b, lo, hi)
    else:
        value = _gaussian(power, a, b, lo, hi) if a.is_negative else None
    return None if value is None else factor * value


def _exponential(j: int, b: sp.Expr, lo: sp.Expr, hi: sp.Expr) -> sp.Expr | None:
    """Integral of x**j exp(b x)."""
    if b.is_zero:
        return None if lo.is_infinite or hi.is_infinite else (hi ** (j + 1) - lo ** (j + 1)) / (j + 1)
    if not b.is_nonzero or (lo.is_infinite and not b.is_positive) or (hi.is_infinite and not b.is_negative):
        return None

    def antiderivative(x: sp.Expr) -> sp.Expr:
        if x.is_infinite:
            return sp.S.Zero
        return sp.exp(b * x) * sp.Add(*((-1) ** i * sp.ff(j, i) * x ** (j - i) / b ** (i + 1) for i in range(j + 1)))

    return antiderivative(hi) - antiderivative(lo)


def _gaussian(j: int, a: sp.Expr, b: sp.Expr, lo: sp.Expr, hi: sp.Expr) -> sp.Expr:
    """Integral of x**j exp(a x**2 + b x), a < 0: I_j = m I_(j-1) + (j-1) v I_(j-2) - v [x**(j-1) exp(...)]."""
    v = -1 / (2 * a)
    m = b * v

    def edge(x: sp.Expr, power: int) -> sp.Expr:
        return sp.S.Zero if x.is_infinite else x**power * sp.exp(a * x**2 + b * x)

    def distribution(x: sp.Expr) -> sp.Expr:
        return sp.sign(x) if x.is_infinite else sp.erf((x - m) / sp.sqrt(2 * v))

    before, now = sp.S.Zero, sp.sqrt(sp.pi * v / 2) * sp.exp(b**2 * v / 2) * (distribution(hi) - distribution(lo))
    for i in range(1, j + 1):
        before, now = now, m * now + (i - 1) * v * before - v * (edge(hi, i - 1) - edge(lo, i - 1))
    return now
