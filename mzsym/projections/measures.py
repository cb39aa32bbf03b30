"""Measures mu_n: uniform or Lebesgue on a box, standard Gaussian, the law of the state, or a weight of the user's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import sympy as sp

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.names import lower_symbol, state_symbol, upper_symbol
from mzsym.model.numeric import evaluate
from mzsym.model.values import state
from mzsym.projections.functions import checked_functions, dimension_of

if TYPE_CHECKING:
    from mzsym.model import Box, Network
    from mzsym.projections.abstract import AbstractProjection

Measure: TypeAlias = Literal["uniform", "lebesgue", "gaussian", "law"] | sp.Expr
"""A name, or a weight with respect to dx in ``mz.state(N)``."""

BOX_MEASURES = ("uniform", "lebesgue")
"""Measures that need a box."""

WORDS = {
    "uniform": "uniform measure",
    "lebesgue": "Lebesgue measure",
    "gaussian": "standard Gaussian measure",
    "law": "law of the state",
    "weight": "weight {}",
}
"""How a measure is called in prose."""

_PROBES = 64


def checked_measure(measure: object, where: str, names: Sequence[str] = ("uniform", "lebesgue")) -> Measure:
    """The measure, where a projection has it: one of ``names``, or a weight if ``names`` holds "weight".

    Raises
    ------
    MzError
        With the measures there are; for a weight that depends on other symbols, or is proved not to be positive.
    """
    if isinstance(measure, str) and measure in names and measure != "weight":
        return measure
    if isinstance(measure, str) or "weight" not in names:
        listed = [f'measure="{name}"' for name in names if name != "weight"]
        listed += ["a SymPy weight in mz.state(N)"] if "weight" in names else []
        raise MzError(f"There is no measure {measure!r} for this projection", where, "Use " + " or ".join(listed))
    (weight,) = checked_functions([measure], f"{where}(measure=)")
    if weight.is_nonpositive:
        raise MzError(f"The weight {weight} is not positive", f"{where}(measure=)", "Give a positive weight")
    return weight


def measure_words(measure: Measure) -> str:
    """A phrase such as "uniform measure"."""
    return WORDS[measure] if isinstance(measure, str) else WORDS["weight"].format(measure)


def measure_text(measure: Measure) -> str:
    """The measure in one string, for tables and files."""
    return measure if isinstance(measure, str) else str(measure)


def volume_expr(n: int, dim: int) -> sp.Expr:
    """Volume of the box of X_n in its end symbols."""
    return sp.Mul(*(upper_symbol(n, i) - lower_symbol(n, i) for i in range(dim)))


def density_expr(measure: Measure, n: int, dim: int) -> sp.Expr:
    """Density of mu_n with respect to dx, in the symbols of layer n.

    Raises
    ------
    MzError
        In the law of the state, whose density the layers before n decide.
    """
    if isinstance(measure, sp.Expr):
        return measure.xreplace(dict(zip(state(dim), (state_symbol(n, i) for i in range(dim)), strict=True)))
    if measure == "gaussian":
        square = sp.Add(*(state_symbol(n, i) ** 2 for i in range(dim)))
        return sp.exp(-square / 2) / (2 * sp.pi) ** sp.Rational(dim, 2)
    if measure == "law":
        raise _no_density("weight_expr")
    return sp.S.One if measure == "lebesgue" else 1 / volume_expr(n, dim)


def density_values(measure: Measure, X: Array, box: Box | None) -> Array:
    """Density of mu_n with respect to dx at X, shape (points, dim) -> (points,)."""
    points, dim = X.shape
    if isinstance(measure, sp.Expr):
        return evaluate([measure], dict(zip(state(dim), X.T, strict=True)), points)[:, 0]
    if measure == "gaussian":
        return np.asarray(np.exp(-(X**2).sum(axis=1) / 2) / (2 * np.pi) ** (dim / 2))
    if measure == "law":
        raise _no_density("weight(X, box)")
    if measure == "lebesgue" or box is None:
        return np.ones(points)
    return np.full(points, 1.0 / float(np.prod(np.asarray(box.upper) - np.asarray(box.lower))))


def _no_density(where: str) -> MzError:
    return MzError(
        "The law of X_n has no density of its own: the layers before it decide",
        where,
        "Integrate against M(0, n) and the law of X_0 instead",
    )


def basis_scale(measure: Measure, n: int, dim: int) -> sp.Expr:
    """Factor that turns a basis orthonormal in the uniform measure into one orthonormal in mu_n."""
    return 1 / sp.sqrt(volume_expr(n, dim)) if measure == "lebesgue" else sp.S.One


def volume_factor(measure: Measure, box: Box) -> float:
    """mu(Omega) of a box in a box measure."""
    return float(np.prod(np.asarray(box.upper) - np.asarray(box.lower))) if measure == "lebesgue" else 1.0


# ------------------------------------------------------------------ what a network must have


def on_boxes(measure: Measure, net: Network) -> bool:
    """Whether mu_n lives on the box of X_n: always in a box measure, never for "gaussian", else where boxes exist."""
    if isinstance(measure, str) and measure != "law":
        return measure in BOX_MEASURES
    return net.has_domains


def check_network(net: Network, projection: AbstractProjection) -> None:
    """Refuse a network on which the measure of a projection is not defined.

    Raises
    ------
    MzError
        Unbounded noise where the measure needs a box; a weight that is negative somewhere, not finite, or in more
        variables than a layer has, or whose integral over R^N is infinite.
    """
    measure = projection.measure
    if isinstance(measure, str):
        if measure in BOX_MEASURES:
            check_box_measure(net, projection)
        return
    for n, dim in enumerate(net.dims):
        if dimension_of([measure]) > dim:
            raise MzError(
                f"The weight {measure} needs {dimension_of([measure])} variables, and X_{n} has {dim}",
                f"layer {n}, measure",
                "Use a weight in the variables that every layer has",
            )
        if net.has_domains and net.free_symbols:
            # The boxes are not known yet: they are checked when the values are.
            continue
        box = net.domains[n] if net.has_domains else None
        _check_positive(measure, probes(box, dim, _PROBES), n)
        if box is None:
            _check_integrable(measure, n, dim)


def probes(box: Box | None, dim: int, points: int) -> Array:
    """A few fixed points: spread over the box, or drawn from N(0, I) on R^N."""
    rng = np.random.default_rng(20240229)
    if box is None:
        return rng.standard_normal((points, dim))
    lower, upper = np.asarray(box.lower), np.asarray(box.upper)
    return np.asarray(lower + (upper - lower) * rng.random((points, dim)))


def _check_positive(weight: sp.Expr, X: Array, n: int) -> None:
    values = density_values(weight, X, None)
    bad = ~(np.isfinite(values) & (values >= 0))
    if bad.any():
        k = int(np.argmax(bad))
        raise MzError(
            f"The weight {weight} is {values[k]:.6g} at {[round(float(x), 6) for x in X[k]]}",
            f"layer {n}, measure",
            "Give a weight that is finite and positive where the state is",
        )


def _check_integrable(weight: sp.Expr, n: int, dim: int) -> None:
    """Refuse what is proved to have an infinite integral over R^N; what is not decided passes."""
    symbols = state(dim)
    missing = [symbol for symbol in symbols if not weight.has_free(symbol)]
    infinite = bool(missing)
    if dim == 1 and not missing:
        infinite = any(_decays_slowly(weight, symbols[0], end) for end in (sp.oo, -sp.oo))
    if infinite:
        raise MzError(
            f"The integral of the weight {weight} over R^{dim} is infinite",
            f"layer {n}, measure",
            "Give a weight that is integrable, or bounded noise and a domain, so that every state has a box",
        )


def _decays_slowly(weight: sp.Expr, x: sp.Symbol, end: sp.Expr) -> bool:
    """Whether |x| * weight has a positive limit, so that its integral diverges like a logarithm at least."""
    try:
        limit = sp.limit(weight * sp.Abs(x), x, end)
    except (NotImplementedError, ValueError):
        return False
    return bool(limit.is_extended_positive)


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
                "Use mz.TruncatedGaussian(scale, cutoff=3), which keeps the law inside a box, or a projection in "
                'a measure that needs none: mz.Hermite(degree), or measure="law"',
            )
