"""Standard normal density and distribution function, kept whole so that closed forms read like the textbook.

They also keep their digits: as ``1 + erf`` the left tail of Phi would need thousands of digits.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from mzsym.core.functions import Activation


class normal_density(Activation):  # noqa: N801 - named like the functions of mzsym.core
    """phi(t) = exp(-t**2/2)/sqrt(2 pi)."""

    @classmethod
    def elementary(cls, *args: sp.Expr) -> sp.Expr:
        return sp.exp(-(args[0] ** 2) / 2) / sp.sqrt(2 * sp.pi)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return -self.args[0] * self

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return r"\varphi" + ("" if exp is None else f"^{{{exp}}}") + rf"\left({printer._print(self.args[0])}\right)"


class normal_cdf(Activation):  # noqa: N801
    """Phi(t) = (1 + erf(t/sqrt 2))/2."""

    @classmethod
    def elementary(cls, *args: sp.Expr) -> sp.Expr:
        return (1 + sp.erf(args[0] / sp.sqrt(2))) / 2

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return normal_density(self.args[0])

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return r"\Phi" + ("" if exp is None else f"^{{{exp}}}") + rf"\left({printer._print(self.args[0])}\right)"
