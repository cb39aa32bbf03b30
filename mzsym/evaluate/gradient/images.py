"""What a domain is the image of: F_n on Omega_n, or with random weights and a gain, of a larger box of variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sympy as sp

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.names import noise_symbol, state_symbol
from mzsym.evaluate.gradient.parameters import ParameterGradient
from mzsym.evaluate.maps import NetworkNumbers, compiled, place_of
from mzsym.evaluate.noise_numbers import NumericLaw
from mzsym.evaluate.quadrature.grid import Interval, Sides
from mzsym.model.dense import DenseLayer
from mzsym.model.gains import noise_row

if TYPE_CHECKING:
    from mzsym.model import Network


@dataclass(frozen=True, eq=False)
class Image:
    """Expressions in several variables, each in its interval: Omega_{n+1}, before noise that is added, is their range.

    Attributes
    ----------
    net : Network
    n : int
    sides : Sides
        Of the state, then of random weights, then of noise with a gain.
    columns : tuple of Symbol
        The same variables, under ``place_of`` the layer.
    exprs : tuple of sympy.Expr
    scales : tuple of sympy.Expr
        Scales of the variables behind the state, to which their supports are proportional.
    """

    net: Network
    n: int
    sides: Sides
    columns: tuple[sp.Symbol, ...]
    exprs: tuple[sp.Expr, ...]
    scales: tuple[sp.Expr, ...] = ()

    @classmethod
    def of_map(cls, net: Network, n: int, sides: Sides) -> Image:
        """F_n on Omega_n."""
        at = place_of(net, n)
        columns = tuple(state_symbol(at, i) for i in range(net.dims[n]))
        return cls(net, n, sides, columns, net.layers[n].map_exprs(at))

    @property
    def plain(self) -> bool:
        """Whether it is an activation of something linear, whose extreme values inside do not move."""
        layer = self.net.layers[self.n]
        return isinstance(layer, DenseLayer) and layer.step is None

    @property
    def values(self) -> dict[sp.Symbol, float]:
        """Of every other symbol."""
        return NetworkNumbers(self.net).values(self.n)

    def __call__(self, X: Array) -> Array:
        """Shape (points, variables) -> (points, N_{n+1})."""
        return compiled(self.exprs, self.columns, self.values)(X)

    def add(self, parameters: ParameterGradient, X: Array, bar: Array) -> Array:
        """Hand derivatives by the values at points to the parameters; returns those by the points."""
        if not self.scales:
            return parameters.add_states(self.n, X, bar)
        return parameters.add_exprs(self.n, self.exprs, self.columns, X, bar)


def with_randomness(image: Image, weights: tuple[NumericLaw, ...], noise: tuple[NumericLaw, ...], where: str) -> Image:
    """The same with random weights as variables, and noise where a gain multiplies it.

    Raises
    ------
    MzError
        Where one of them is unbounded.
    """
    layer, at = image.net.layers[image.n], place_of(image.net, image.n)
    random, gain = layer.random(at), layer.gain_exprs(at)
    stated = [*(weight.noise for weight in random), *(layer.noise if gain is not None else ())]
    if not all(law.bounded for law in stated):
        raise MzError(
            f"The domain of X_{image.n + 1} is bounded although random weights or noise of layer {image.n} are not",
            where,
            "State all domains (Network(domains=)); they are then constants",
        )
    xi = [noise_symbol(at, j) for j in range(len(noise))] if gain is not None else []
    exprs = image.exprs
    if gain is not None:
        exprs = tuple(expr + noise_row(gain, i, xi) for i, expr in enumerate(exprs))
    supports = [law.support for law in (*weights, *(noise if gain is not None else ()))]
    return Image(
        image.net,
        image.n,
        (*image.sides, *(Interval.of(*support) for support in supports)),
        (*image.columns, *(weight.symbol for weight in random), *xi),
        exprs,
        (*(weight.scale for weight in random), *(layer.scale_exprs(at) if gain is not None else ())),
    )
