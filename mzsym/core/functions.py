"""Activations that SymPy lacks, as SymPy functions.

They stay whole in every expression, so that rules can match them and kernels can evaluate them stably; ``.doit()``
or ``.rewrite(sympy.exp)`` gives the elementary form, ``.evalf()`` any number of digits, and ``lambdify`` works.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
from scipy import special

from mzsym.core.arrays import Array


class Activation(sp.Function):
    """Base of the functions below: a subclass states its elementary form once."""

    @classmethod
    def elementary(cls, *args: sp.Expr) -> sp.Expr:
        """The function in SymPy's own elementary functions."""
        raise NotImplementedError

    def doit(self, **hints: Any) -> sp.Expr:
        args = [arg.doit(**hints) for arg in self.args] if hints.get("deep", True) else self.args
        return self.elementary(*args)

    def _eval_rewrite(self, rule: Any, args: Any, **hints: Any) -> sp.Expr:
        return self.elementary(*args)

    def _eval_evalf(self, prec: int) -> sp.Expr:
        # Twenty guard bits: the elementary forms lose a few in their tails.
        return self.elementary(*self.args)._eval_evalf(prec + 20)

    def _latex_head(self, printer: Any) -> str:
        return rf"\operatorname{{{type(self).__name__}}}"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"{self._latex_head(printer)}{power}\left({printer._print(self.args[0])}\right)"

    def _eval_is_real(self) -> bool | None:
        return all(arg.is_extended_real for arg in self.args) or None


class sigmoid(Activation):  # noqa: N801 - named like SymPy's own tanh
    """Logistic function 1/(1 + exp(-z))."""

    @classmethod
    def elementary(cls, *args: sp.Expr) -> sp.Expr:
        return 1 / (1 + sp.exp(-args[0]))

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return self * (1 - self)

    @staticmethod
    def _imp_(z: Array) -> Array:
        return np.asarray(special.expit(z))


class softplus(Activation):  # noqa: N801
    """log(1 + exp(z))."""

    @classmethod
    def elementary(cls, *args: sp.Expr) -> sp.Expr:
        return sp.log(1 + sp.exp(args[0]))

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sigmoid(self.args[0])

    @staticmethod
    def _imp_(z: Array) -> Array:
        return np.asarray(np.logaddexp(0.0, z))


class relu(Activation):  # noqa: N801
    """max(0, z)."""

    @classmethod
    def elementary(cls, *args: sp.Expr) -> sp.Expr:
        return sp.Max(0, args[0])

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.Heaviside(self.args[0])

    @staticmethod
    def _imp_(z: Array) -> Array:
        return np.maximum(z, 0.0)


class leaky_relu(Activation):  # noqa: N801
    """z for z > 0 and a*z otherwise; arguments (z, a)."""

    @classmethod
    def elementary(cls, *args: sp.Expr) -> sp.Expr:
        z, slope = args
        return sp.Max(0, z) - slope * sp.Max(0, -z)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        z, slope = self.args
        if argindex == 2:
            return -sp.Max(0, -z)
        return slope + (1 - slope) * sp.Heaviside(z)

    @staticmethod
    def _imp_(z: Array, slope: Array) -> Array:
        return np.where(np.asarray(z) > 0, z, slope * z)

    def _latex_head(self, printer: Any) -> str:
        return rf"\operatorname{{relu}}_{{{printer._print(self.args[1])}}}"


class gelu(Activation):  # noqa: N801
    """z * Phi(z), with the exact normal distribution function."""

    @classmethod
    def elementary(cls, *args: sp.Expr) -> sp.Expr:
        # erfc, not 1 + erf: the left tail keeps its digits.
        return args[0] * sp.erfc(-args[0] / sp.sqrt(2)) / 2

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        z = self.args[0]
        return sp.erfc(-z / sp.sqrt(2)) / 2 + z * sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)

    @staticmethod
    def _imp_(z: Array) -> Array:
        return z * np.asarray(special.ndtr(z))


class elu(Activation):  # noqa: N801
    """z for z > 0 and exp(z) - 1 otherwise."""

    @classmethod
    def elementary(cls, *args: sp.Expr) -> sp.Expr:
        return sp.Max(0, args[0]) + sp.exp(sp.Min(0, args[0])) - 1

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.exp(sp.Min(0, self.args[0]))

    @staticmethod
    def _imp_(z: Array) -> Array:
        return np.where(np.asarray(z) > 0, z, np.expm1(np.minimum(z, 0.0)))


class silu(Activation):  # noqa: N801
    """z/(1 + exp(-z))."""

    @classmethod
    def elementary(cls, *args: sp.Expr) -> sp.Expr:
        return args[0] / (1 + sp.exp(-args[0]))

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        z = self.args[0]
        return sigmoid(z) * (1 + z * sigmoid(-z))

    @staticmethod
    def _imp_(z: Array) -> Array:
        return z * np.asarray(special.expit(z))


class hardtanh(Activation):  # noqa: N801
    """z cut off at -1 and 1."""

    @classmethod
    def elementary(cls, *args: sp.Expr) -> sp.Expr:
        return sp.Max(-1, sp.Min(1, args[0]))

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        z = self.args[0]
        return sp.Heaviside(z + 1) - sp.Heaviside(z - 1)

    @staticmethod
    def _imp_(z: Array) -> Array:
        return np.clip(z, -1.0, 1.0)
