"""Exact norms of layers whose map takes two values, a step of an affine function; MATH (24).

With f = v on [-1, tau) and v' on (tau, 1], M v has rank one up to constants, and Q removes these:

    ||Q M||^2 = ||Q 1_[-1, tau]||^2 ||rho(. - v) - rho(. - v')||^2 = gamma 2 (kappa(0) - kappa(v' - v)),
    gamma = (1 + tau)(1 - tau)/2 - sum_{1 <= i <= d} Phi_i(tau)^2,

in L^2(-1, 1), kappa the autocorrelation of rho; Q' takes the squares of the coefficients of the difference off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from mzsym.balls import enclose, integral_enclosure, to_arb
from mzsym.calculus.laws import Law
from mzsym.core.names import NOISE_VARIABLE

MAX_DEGREE = 12
"""Above this the interior norm is bounded by the whole one and by 0."""


@dataclass(frozen=True)
class TwoValued:
    """v for t < tau, v' for t > tau; all exact."""

    tau: sp.Rational
    before: sp.Expr
    after: sp.Expr

    @classmethod
    def of(cls, expr: sp.Expr, t: sp.Symbol) -> TwoValued | None:
        """The two values of an expression in t, or None where it has not that form."""
        jumps = expr.atoms(sp.Heaviside, sp.sign)
        arguments = {node.args[0] for node in jumps}
        if len(arguments) != 1:
            return None
        (argument,) = arguments
        slope = sp.diff(argument, t)
        if not slope.is_Rational or slope == 0:
            return None
        tau = -argument.xreplace({t: sp.S.Zero}) / slope
        if not tau.is_Rational:
            return None
        values = []
        for side in (-1, 1):
            positive = (slope > 0) == (side > 0)
            chosen = {
                node: sp.Integer(positive if isinstance(node, sp.Heaviside) else 2 * positive - 1) for node in jumps
            }
            values.append(expr.xreplace(chosen))
        if any(value.free_symbols for value in values):
            return None
        return cls(tau, *values)

    def squares(self, law: Law, degree: int, middle: sp.Rational, half: sp.Rational) -> tuple[Any, Any]:
        """Balls around ||Q M||^2 and ||Q M Q'||^2 in L^2(-1, 1), not finite where an integral is not proved.

        Parameters
        ----------
        law : Law
            Of the noise, with numbers; of bounded support.
        degree : int
            d.
        middle, half : Rational
            Of the next box.
        """
        if not -1 < self.tau < 1:
            return to_arb(0), to_arb(0)
        xi = NOISE_VARIABLE
        density, (lo, hi) = law.density(xi), law.support
        shift = self.after - self.before
        if enclose(shift, {}) < 0:
            shift = -shift
        square = integral_enclosure(density**2, xi, lo, hi)
        if enclose(hi - lo - shift, {}) > 0:
            square = square - integral_enclosure(density * density.xreplace({xi: xi - shift}), xi, lo + shift, hi)
        gamma, square = self._gamma(degree), 2 * square
        inner = square
        for k in range(1, degree + 1) if degree <= MAX_DEGREE else ():
            legendre = [sp.legendre(k, (value + xi - middle) / half) for value in (self.before, self.after)]
            moment = integral_enclosure(density * sp.expand(legendre[1] - legendre[0]), xi, lo, hi)
            # A ball around 0 has no power in python-flint.
            inner = inner - moment * moment * (2 * k + 1) / (2 * to_arb(half))
        if degree > MAX_DEGREE or not inner.is_finite():
            inner = square.union(to_arb(0))
        return gamma * square, gamma * inner

    def _gamma(self, degree: int) -> Any:
        tau = to_arb(self.tau)
        total = (1 + tau) * (1 - tau) / 2
        for i in range(1, degree + 1):
            difference = tau.legendre_p(i + 1) - tau.legendre_p(i - 1)
            total = total - difference * difference / (2 * (2 * i + 1))
        return total
