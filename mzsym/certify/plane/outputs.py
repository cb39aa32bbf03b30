"""One output of a dense layer as a function of its argument: values, and how far it takes ellipses. MATH (24y)"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from mzsym.balls import chebyshev as ch
from mzsym.balls import precision, range_of, tensor
from mzsym.balls.programs import Program
from mzsym.balls.spectral import UNIT, gamma
from mzsym.balls.strips import bernstein_radius
from mzsym.balls.tensor_map import TensorMap
from mzsym.core.arrays import Array
from mzsym.model.values import exact_values

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.model.dense import DenseLayer

TARGET = 2.0**-42
"""What the series of the activation may be off."""

ROOM = 1.0 + 1e-9

_U = sp.Symbol("u", real=True)


@dataclass(frozen=True, eq=False)
class Output:
    """act(a), a = alpha + slopes . t, t the unit variables of the inputs; and the noise that follows.

    Attributes
    ----------
    alpha : float
    slopes : array of shape (inputs,)
    scale : float
        Half-width of the noise.
    middle, half : float
        Of the side of the next box.
    series : array of shape (size,)
        Of act, in the unit variable of the interval of its arguments.
    interval : tuple of float
        Middle and half-length of that.
    lost : float
        What ``values`` may be off.
    program : Program
        act at complex balls.
    """

    alpha: float
    slopes: Array
    scale: float
    middle: float
    half: float
    series: Array
    interval: tuple[float, float]
    lost: float
    program: Program
    _betas: dict[tuple[float, float], float] = field(default_factory=dict)

    @classmethod
    def of(cls, layer: DenseLayer, net: Network, n: int, i: int) -> Output:
        """Output i of layer n.

        Raises
        ------
        MzError
            Where the activation is not proved analytic.
        """
        here, following = net.domains[n], net.domains[n + 1]
        halves, middles = (here.upper - here.lower) / 2.0, (here.upper + here.lower) / 2.0
        act = layer.activation_expr(n, _U).xreplace(exact_values({**net.shared, **layer.map_bindings(n)}))
        slopes = layer.W[i] * halves
        alpha, reach = float(layer.W[i] @ middles + layer.b[i]), float(np.abs(slopes).sum())
        size = 1.0 + abs(alpha) + reach + float(np.abs(layer.W[i]) @ np.abs(middles)) + abs(float(layer.b[i]))
        wide = reach + 2.0**-40 * size
        side = (alpha - wide, alpha + wide)
        (found,) = range_of([act], [side], [_U])
        inner = float(found[0]) - 2.0**-20, float(found[1]) + 2.0**-20
        columns = TensorMap.of([act], [_U], [side], [inner]).image(tensor.line(*inner), TARGET)
        series = columns.coefs[:, 0]
        with precision(ch.ROUGH):
            program = Program([act], _U, complex_=True)
        place = 32.0 * UNIT * size / wide
        degrees = np.arange(float(len(series)))
        moved = degrees**2 * (2.0 * UNIT + place) + gamma(len(series) + 4)
        lost = float(columns.errors[0]) + float(np.abs(series) @ moved) * 1.01
        return cls(
            alpha,
            slopes,
            float(layer.scale_values(net.shared)[i]),
            float(following.upper[i] + following.lower[i]) / 2.0,
            float(following.upper[i] - following.lower[i]) / 2.0,
            series,
            ((side[0] + side[1]) / 2.0, (side[1] - side[0]) / 2.0),
            lost,
            program,
        )

    def values(self, points: Array) -> Array:
        """act at unit variables of shape (inputs, points)."""
        middle, half = self.interval
        t = np.clip((self.alpha - middle + self.slopes @ points) / half, -1.0, 1.0)
        return np.asarray(self.series @ chebyshev_rows(t, len(self.series)))

    def beta(self, slope: float, radius: float) -> float:
        """The largest Bernstein radius, around the next side, of act(c + d xi) + noise on an ellipse of this radius.

        d is the slope and c + d xi an argument for every xi in [-1, 1], so that all of them lie in a strip around those
        of the layer. 1 where nothing depends on xi; inf where act is not proved analytic.
        """
        if slope == 0.0:
            return 1.0
        key = slope, radius
        if key not in self._betas:
            middle, half = self.interval
            beyond, above = ((radius + sign / radius) / 2.0 * slope * ROOM for sign in (1.0, -1.0))
            reach = half + beyond - slope
            shifts = self.scale, -self.scale
            with precision(ch.ROUGH):
                self._betas[key] = bernstein_radius(
                    self.program, (middle - reach, middle + reach), above, shifts, (self.middle, self.half)
                )
        return self._betas[key]


def chebyshev_rows(t: Array, size: int) -> Array:
    """T_0..T_(size-1) at points of [-1, 1], a row each, by the recurrence."""
    rows = np.empty((size, t.size))
    rows[0] = 1.0
    if size > 1:
        rows[1] = t
    twice = 2.0 * t
    for k in range(2, size):
        np.multiply(twice, rows[k - 1], out=rows[k])
        rows[k] -= rows[k - 2]
    return rows
