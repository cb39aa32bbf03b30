"""What the quadrature engine works on: boxes, maps, noise, basis and observable as numbers and functions of arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import sympy as sp

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.maps import NetworkNumbers
from mzsym.evaluate.quadrature.grid import Grid, Interval, Sides
from mzsym.evaluate.quadrature.noise import NoiseLaw, noise_law
from mzsym.evaluate.quadrature.smoothing import shrunken
from mzsym.evaluate.quadrature.stated_law import stated_law
from mzsym.model import Box, Noise
from mzsym.projections.checks import box_polynomials

if TYPE_CHECKING:
    from mzsym.codegen import Target
    from mzsym.model import Network
    from mzsym.projections import FiniteRank, TotalDegree

PointMap: TypeAlias = Callable[[Array], Array]

MAX_STATE = 3
"""Largest state dimension of tensor grids."""


@dataclass(frozen=True)
class Problem:
    """A network under a projection, without symbols.

    Attributes
    ----------
    boxes : tuple of Sides
        Omega_0..Omega_L.
    maps : tuple of functions
        F_n, shape (points, N_n) -> (points, N_{n+1}), n < L.
    laws : tuple of tuples of NoiseLaw
        xi_n, one law per component of X_{n+1}.
    bases : tuple of functions
        eta^(n), shape (points, N_n) -> (points, d_n), orthonormal in mu_n.
    masses : tuple of float
        mu_n(Omega_n); mu_n is this multiple of the uniform law.
    ranks : tuple of int
        d_n.
    degrees : tuple of tuples of int
        Largest degree of eta^(n) in each coordinate.
    observable : function
        u, shape (points, N_L) -> (points, number of observables).
    outputs : int
        Number of observables.
    unit_basis : function
        Nodes per coordinate -> coefficients of the basis times the root of the mass, which no box changes.
    """

    boxes: tuple[Sides, ...]
    maps: tuple[PointMap, ...]
    laws: tuple[tuple[NoiseLaw, ...], ...]
    bases: tuple[PointMap, ...]
    masses: tuple[float, ...]
    ranks: tuple[int, ...]
    degrees: tuple[tuple[int, ...], ...]
    observable: PointMap
    outputs: int
    unit_basis: Callable[[tuple[int, ...]], Array]

    @property
    def depth(self) -> int:
        return len(self.maps)

    def states(self, n: int, X: Array) -> Array:
        """F_n(X), checked to lie where the noise cannot leave Omega_{n+1}.

        Raises
        ------
        MzError
            When a value is not finite or lies outside by more than rounding.
        """
        Y = np.ascontiguousarray(self.maps[n](X), dtype=np.float64)
        for i, (side, law) in enumerate(zip(self.boxes[n + 1], self.laws[n], strict=True)):
            inner = shrunken(side, law)
            excess = np.abs(Y[:, i] - inner.center).max(initial=0.0) - inner.half
            if not excess < np.inf:
                bad = int((~np.isfinite(Y).all(axis=1)).sum())
                raise MzError(
                    f"The map of layer {n} is not finite at {bad} of {len(Y)} points",
                    f"layer {n}",
                    "Give points and a domain on which the map is finite",
                )
            # The model widens given boxes by 1e-12 relative; far from the origin an ulp of the centre counts too.
            if excess > 1e-11 * (side.half + abs(side.center)):
                raise MzError(
                    f"Component {i} of the next state leaves the domain of X_{n + 1} by {excess:.3g}",
                    f"layer {n}",
                    f"Give points inside the domain of X_{n}, or a larger domain of X_{n + 1}",
                )
        return Y


def sides_of(box: Box) -> Sides:
    """The sides of a model's box."""
    return tuple(Interval.of(float(lo), float(hi)) for lo, hi in zip(box.lower, box.upper, strict=True))


def check_dimensions(net: Network) -> None:
    """Refuse states that no tensor grid can cover."""
    for n, dim in enumerate(net.dims):
        if dim > MAX_STATE:
            raise MzError(
                f"X_{n} has dimension {dim}",
                f'layer {n}, engine "quadrature"',
                f"The quadrature engine takes dimensions 1 to {MAX_STATE}, and this version has no other",
            )


def check_values(net: Network) -> None:
    """Refuse a network with symbols that have no value."""
    if net.free_symbols:
        names = ", ".join(sorted(symbol.name for symbol in net.free_symbols))
        raise MzError(f"There is no value for {names}", "compile", "Bind it: net.with_params({...}) before derive")


def check_plain_noise(net: Network) -> None:
    """Refuse layers whose transition is not a fixed law about F_n(x), which smoothing by a convolution needs."""
    for n, layer in enumerate(net.layers):
        if not layer.plain_noise:
            what = "a gain" if layer.gain_exprs(n) is not None else "random weights"
            raise MzError(
                f"Layer {n} has {what}, and the spectral engine averages over noise that is added to a fixed map",
                f'layer {n}, engine "quadrature"',
                "Use the exact terms of the equation, or a layer without gain and random weights",
            )


def noise_laws(net: Network, n: int, numbers: NetworkNumbers) -> tuple[NoiseLaw, ...]:
    """The law of every noise component of layer n.

    Raises
    ------
    MzError
        As ``noise_law`` and ``stated_law``.
    """
    out: list[NoiseLaw] = []
    for i, (noise, scale) in enumerate(zip(net.layers[n].noise, numbers.noise_scales(n), strict=True)):
        where = f"layer {n}, noise component {i}"
        if isinstance(noise, Noise):
            out.append(stated_law(noise, where))
        else:
            out.append(noise_law(noise.law(sp.S.One), scale, where))
    return tuple(out)


def lower_problem(net: Network, projection: FiniteRank, target: Target = "numba") -> Problem:
    """The problem of a network and a projection, its maps compiled by ``target``.

    Raises
    ------
    MzError
        For missing values, dimensions above 3, gains and random weights, noise that no rule of a series meets, and what
        ``net.domains`` or the projection refuse.
    """
    check_values(net)
    check_dimensions(net)
    check_plain_noise(net)
    projection.check(net)
    stated = box_polynomials(projection, 'engine "quadrature"')
    domains, numbers = net.domains, NetworkNumbers(net, target)
    return Problem(
        boxes=tuple(sides_of(box) for box in domains),
        maps=tuple(numbers.layer(n) for n in range(net.depth)),
        laws=tuple(noise_laws(net, n, numbers) for n in range(net.depth)),
        bases=tuple(_basis(projection, box) for box in domains),
        masses=tuple(stated.volume_factor(box) for box in domains),
        ranks=tuple(projection.size(dim) for dim in net.dims),
        degrees=tuple(_degrees(stated, dim) for dim in net.dims),
        observable=numbers.observable(),
        outputs=len(net.observable_exprs),
        unit_basis=partial(_unit_basis, stated),
    )


def _basis(projection: FiniteRank, box: Box) -> PointMap:
    return lambda X: projection.evaluate(X, box)


@lru_cache(maxsize=256)
def _unit_basis(projection: TotalDegree, sizes: tuple[int, ...]) -> Array:
    """Coefficients of the orthonormal polynomials on a grid, those of the uniform law, exact up to rounding."""
    box = Box([(-1, 1)] * len(sizes))
    grid = Grid(sides_of(box), sizes)
    out: Array = grid.analyse(projection.evaluate(grid.nodes(), box)) * np.sqrt(projection.volume_factor(box))
    out.setflags(write=False)
    return out


def _degrees(projection: TotalDegree, dim: int) -> tuple[int, ...]:
    indices = projection.multi_indices(dim)
    return tuple(max(index[i] for index in indices) for i in range(dim))
