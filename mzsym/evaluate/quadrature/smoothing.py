"""The noise average of a polynomial, exactly.

If v is a polynomial of degree < K on Omega = [c - h, c + h] and |xi - m| <= r, then z -> E v(z + xi) is again a
polynomial of degree < K, MATH (17), and the states z = F(x) lie in the smaller box around c - m of half-width h - r. On
that box its Legendre coefficients follow from those of v by one matrix with entries of moderate size, computed by two
Gauss rules that are exact for the degrees that occur. (Between series on one and the same box the matrix would be huge,
since Legendre functions explode outside of their interval.)
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from mzsym.core.arrays import Array
from mzsym.evaluate.quadrature.grid import Interval, analysis
from mzsym.evaluate.quadrature.kernels import averaged_legendre, uniform_averages
from mzsym.evaluate.quadrature.noise import NoiseLaw, ScaledLaw
from mzsym.evaluate.quadrature.rules import gauss_legendre

WIDE = 0.1
"""Half-width of uniform noise, in that of the domain, from which a difference of antiderivatives loses no digits."""


def shrunken(side: Interval, law: NoiseLaw) -> Interval:
    """The interval of states before noise."""
    return Interval(side.center - law.middle, max(0.0, side.half - law.reach))


def smoothing_matrix(side: Interval, law: NoiseLaw, order: int) -> Array:
    """Matrix S with E sum_k c_k phi_k(z + xi) = sum_j (S c)_j psi_j(z); phi on the side, psi on the shrunken one.

    Parameters
    ----------
    side : Interval
        One coordinate of the domain.
    law : NoiseLaw
        Noise of this coordinate.
    order : int
        Number K of coefficients.

    Returns
    -------
    array of shape (order, order)

    Examples
    --------
    E (z + xi) = z: only the half-width of the box changes.

    >>> from mzsym.evaluate.quadrature.noise import ScaledLaw
    >>> smoothing_matrix(Interval(0.0, 2.0), ScaledLaw(0.5), 2)
    array([[1.  , 0.  ],
           [0.  , 0.75]])
    """
    if law.reach == 0.0:
        return np.eye(order)
    return _matrix(law.scaled(1.0 / side.half), shrunken(side, law).half / side.half, order)


@lru_cache(maxsize=48)
def _upper(order: int) -> Array:
    """1 on and above the diagonal."""
    return np.triu(np.ones((order, order)))


@lru_cache(maxsize=48)
def _matrix(law: NoiseLaw, inner: float, order: int) -> Array:
    """In units of the half-width of the domain."""
    nodes, _ = gauss_legendre(order)
    if isinstance(law, ScaledLaw) and law.cutoff is None and law.scale >= WIDE:
        averages = uniform_averages(inner * nodes, law.scale, order)
    else:
        averages = averaged_legendre(inner * nodes, *law.rule(order - 1), order)
    # The average of a polynomial of degree k has degree k: what stands below the diagonal is rounding.
    out: Array = (analysis(order) @ averages) * _upper(order)
    out.setflags(write=False)
    return out
