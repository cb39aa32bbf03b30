"""Ball values of ||rho||^2 in L^2(dx) for the noise laws, as the Hilbert-Schmidt bound (23) needs them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import flint

from mzsym.balls.numbers import PRECISION, Arb, precision, to_arb
from mzsym.core import MzError


def density_norm_squared(name: str, scale: Any, cutoff: Any = None, prec: int = PRECISION) -> Arb:
    """Ball around the integral of rho**2 for one scalar noise component, MATH (23).

    Parameters
    ----------
    name : {"uniform", "gaussian", "truncated_gaussian", "laplace"}
        The law; without noise there is no density.
    scale : number
        Half-width s, standard deviation (before truncation) s, or scale s of Laplace noise; taken exactly.
    cutoff : number, optional
        c of a truncated Gaussian, conditioned on |xi| <= c s.
    prec : int
        Bits.

    Returns
    -------
    flint.arb
        1/(2 s); 1/(2 sqrt(pi) s); erf(c)/(2 sqrt(pi) s erf(c/sqrt 2)**2); 1/(4 s).

    Raises
    ------
    MzError
        For another law, or a scale that is not positive.

    Examples
    --------
    >>> density_norm_squared("uniform", 0.25) == 2
    True
    """
    with precision(prec):
        s = to_arb(scale)
        if not s > 0:
            raise MzError(f"The noise scale is {scale!r}", "balls.norms", "Give a positive scale")
        if name == "uniform":
            return 1 / (2 * s)
        if name == "laplace":
            return 1 / (4 * s)
        peak = 1 / (2 * flint.arb.pi().sqrt() * s)
        if name == "gaussian":
            return peak
        if name == "truncated_gaussian":
            c = to_arb(cutoff)
            # Square of the density exp(-x**2/(2 s**2))/(sqrt(2 pi) s m), m = erf(c/sqrt 2), over |x| <= c s.
            return peak * c.erf() / (c / flint.arb(2).sqrt()).erf() ** 2
        raise MzError(f"The law {name!r} has no square-integrable density", "balls.norms", "Use noise with a density")


def joint_norm_squared(laws: Iterable[tuple[str, Any, Any]], prec: int = PRECISION) -> Arb:
    """||rho||^2 of independent components, the product over (name, scale, cutoff or None)."""
    with precision(prec):
        total = flint.arb(1)
        for name, scale, cutoff in laws:
            total *= density_norm_squared(name, scale, cutoff, prec)
        return total
