"""The two measures on a box: Lebesgue, and Lebesgue divided by the volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
import sympy as sp

from mzsym.core import MzError
from mzsym.core.names import lower_symbol, upper_symbol

if TYPE_CHECKING:
    from mzsym.model import Box, Network
    from mzsym.projections.abstract import AbstractProjection

Measure: TypeAlias = Literal["uniform", "lebesgue"]


def check_measure(measure: object, where: str) -> None:
    """Refuse any other name, with the two there are."""
    if measure not in get_args(Measure):
        raise MzError(
            f"There is no measure {measure!r} for this projection",
            where,
            'Use measure="uniform" (the default) or measure="lebesgue"',
        )


def volume_expr(n: int, dim: int) -> sp.Expr:
    """Volume of the box of X_n in its end symbols."""
    return sp.Mul(*(upper_symbol(n, i) - lower_symbol(n, i) for i in range(dim)))


def density_expr(measure: Measure, n: int, dim: int) -> sp.Expr:
    """Density of mu_n with respect to Lebesgue measure on the box of X_n."""
    return sp.S.One if measure == "lebesgue" else 1 / volume_expr(n, dim)


def basis_scale(measure: Measure, n: int, dim: int) -> sp.Expr:
    """Factor that turns a basis orthonormal in the uniform measure into one orthonormal in mu_n."""
    return 1 / sp.sqrt(volume_expr(n, dim)) if measure == "lebesgue" else sp.S.One


def volume_factor(measure: Measure, box: Box) -> float:
    """mu(Omega) of a box."""
    return float(np.prod(np.asarray(box.upper) - np.asarray(box.lower))) if measure == "lebesgue" else 1.0


def check_box_measure(net: Network, projection: AbstractProjection) -> None:
    """Refuse unbounded noise: no box contains the next state, so there is no box measure to project in."""
    for n, layer in enumerate(net.layers):
        law = layer.unbounded_noise or layer.unbounded_weight
        if law:
            what = f"{law} noise" if layer.unbounded_noise else f"A random weight with the law {law}"
            raise MzError(
                f"{what} is unbounded, so X_{n + 1} lies in no box, and "
                f'{projection.describe()} projects in the measure "{projection.measure}" on a box',
                f"layer {n}, {'noise' if layer.unbounded_noise else 'random weights'}",
                "Use mz.TruncatedGaussian(scale, cutoff=3), which keeps the law inside a box; projections in the "
                "measures gaussian and law, which need no box, are planned for a later version and not in this one",
            )
