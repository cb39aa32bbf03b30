"""Domains of the states, MATH (2). First version: sampled hulls; the rigorous enclosure replaces it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import sympy as sp

from mzsym.model.box import Box
from mzsym.model.layers import AbstractLayer
from mzsym.model.values import Number


def propagated_domains(
    layers: Sequence[AbstractLayer], first: Box, shared: Mapping[sp.Symbol, Number]
) -> tuple[Box, ...]:
    """Omega_0 and the boxes that follow from it."""
    boxes = [first]
    for layer in layers:
        box = boxes[-1]
        k = max(3, int(20000 ** (1 / box.dim)))
        axes = [np.linspace(lo, hi, k) for lo, hi in zip(box.lower, box.upper, strict=True)]
        X = np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=1)
        Y = layer.forward(X, shared)
        scales = layer.scale_values(shared)
        ends = np.array([law.support(float(s)) for law, s in zip(layer.noise, scales, strict=True)])
        boxes.append(Box(list(zip(Y.min(0) + ends[:, 0], Y.max(0) + ends[:, 1], strict=True))))
    return tuple(boxes)


def checked_domains(
    layers: Sequence[AbstractLayer], given: Sequence[Box], shared: Mapping[sp.Symbol, Number]
) -> tuple[Box, ...]:
    """The given boxes."""
    return tuple(given)
