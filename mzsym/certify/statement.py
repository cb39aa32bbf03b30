"""The model of a certificate as plain exact numbers, so that a program without SymPy can check the bounds."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import sympy as sp

from mzsym.model.dense import DenseLayer
from mzsym.projections import Legendre, Mean
from mzsym.projections.measures import BOX_MEASURES, measure_text

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.model.abstract_layer import AbstractLayer
    from mzsym.model.values import Number
    from mzsym.projections import AbstractProjection

MOST_WEIGHTS = 200_000
"""Weights of one layer that a certificate carries."""

LAWS = ("uniform", "truncated_gaussian", "gaussian", "laplace", "deterministic")


def statement(net: Network, projection: AbstractProjection) -> dict[str, Any]:
    """Layers, domains and projection as JSON objects; numbers are hexadecimal floats or quotients of integers.

    Parameters
    ----------
    net : Network
        Every parameter has a value.
    projection : AbstractProjection

    Returns
    -------
    dict
        A layer that is not dense, or whose numbers are not rational, stands there as ``other``, with the reason.
    """
    family = {Legendre: "legendre", Mean: "mean"}.get(type(projection), "other")
    boxed = projection.measure in BOX_MEASURES
    return {
        "network_sha256": net.digest,
        "layers": [_layer(layer, net) for layer in net.layers],
        "domains": [[[_exact(end) for end in side] for side in box.intervals] for box in net.domains]
        if boxed
        else None,
        "projection": {
            "family": family,
            "degree": projection.degree if isinstance(projection, Legendre) else 0,
            "measure": measure_text(projection.measure),
        },
    }


def _exact(value: Number) -> str:
    if isinstance(value, float):
        return value.hex()
    fraction = Fraction(value)
    return f"{fraction.numerator}/{fraction.denominator}"


def _maybe(value: Number | None) -> str | None:
    return None if value is None else _exact(value)


def _other(what: str) -> dict[str, Any]:
    return {"kind": "other", "what": what}


def _layer(layer: AbstractLayer, net: Network) -> dict[str, Any]:
    if not isinstance(layer, DenseLayer) or not isinstance(layer.activation, str):
        return _other("a map given by expressions")
    if not layer.plain_noise:
        return _other("a layer with random weights")
    if layer.dim_in * layer.dim_out > MOST_WEIGHTS:
        return _other(f"more than {MOST_WEIGHTS} weights")
    noise = []
    for law, scale in zip(layer.noise, layer.scale_values(net.shared), strict=True):
        if law.name not in LAWS:
            return _other("noise with a density of the user's")
        if isinstance(law.scale, sp.Expr) and isinstance(scale, float):
            return _other("a noise scale that is no rational number")
        cutoff = getattr(law, "cutoff", None)
        noise.append({"law": law.name, "scale": None if law.scale is None else _exact(scale), "cutoff": _maybe(cutoff)})
    rows, columns = range(layer.dim_out), range(layer.dim_in)
    return {
        "kind": "dense",
        "W": [[_exact(layer.weights.entry((i, j))) for j in columns] for i in rows],
        "b": [_exact(layer.biases.entry((i,))) for i in rows],
        "activation": layer.activation,
        "slope": _maybe(layer.slope),
        "step": _maybe(layer.step),
        "noise": noise,
    }


def memory_pairs(depth: int) -> list[tuple[int, int]]:
    """(n, m) of the memory terms whose bounds a certificate lists: all, in deep networks those of q_0."""
    starts = range(depth - 1) if depth <= 16 else range(1)
    return [(n, m) for n in starts for m in range(n + 2, depth + 1)]
