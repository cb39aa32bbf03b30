"""Where in a plane of parameter and noise level a layer provably contracts, beside the literature's region."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mzsym.certify.certify import certify
from mzsym.certify.plane.proof import default_width
from mzsym.certify.search.alone import alone, checked_index
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.progress import Progress
from mzsym.model import Network

if TYPE_CHECKING:
    from mzsym.certify.bounds import LayerBound
    from mzsym.projections import AbstractProjection

Norm: TypeAlias = Literal["whole", "interior"]
Mask: TypeAlias = NDArray[np.bool_]

MAP_WIDTH = 1e-3
"""Relative width of the enclosures of a map: a point is decided unless kappa lies within it."""


@dataclass(frozen=True, eq=False)
class Region:
    """Proved bounds on a grid of parameter values and noise levels; nothing is claimed between its points.

    Attributes
    ----------
    parameters : array of shape (k,)
        w, the values of the family.
    levels : array of shape (s,)
        sigma, the noise levels.
    kappa : float
    lower, upper : arrays of shape (k, s)
        Proved bounds of the norm, by sharp enclosures where there are any, MATH (24).
    literature : array of shape (k, s)
        Its Hilbert-Schmidt bound, MATH (23): the condition in use.
    projection, measure : str
    norm : {"whole", "interior"}
        ||Q_n M_n||, or ||Q_n M_n Q_{n+1}|| which decides the decay of the memory.
    """

    parameters: Array
    levels: Array
    kappa: float
    lower: Array = field(repr=False)
    upper: Array = field(repr=False)
    literature: Array = field(repr=False)
    projection: str
    measure: str
    norm: Norm

    @property
    def proved(self) -> Mask:
        """Where norm <= kappa is a theorem, shape (k, s)."""
        return np.asarray(self.upper <= self.kappa)

    @property
    def fails(self) -> Mask:
        """Where norm > kappa is a theorem."""
        return np.asarray(self.lower > self.kappa)

    @property
    def undecided(self) -> Mask:
        """Where the bounds decide neither way."""
        return ~(self.proved | self.fails)

    @property
    def by_literature(self) -> Mask:
        """Where the Hilbert-Schmidt bound is at most kappa; part of ``proved``."""
        return np.asarray(self.literature <= self.kappa)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return {
            "parameters": self.parameters.tolist(),
            "levels": self.levels.tolist(),
            "kappa": self.kappa,
            "projection": self.projection,
            "measure": self.measure,
            "norm": self.norm,
            "lower": self.lower.tolist(),
            "upper": [[_finite(value) for value in row] for row in self.upper.tolist()],
            "literature": [[_finite(value) for value in row] for row in self.literature.tolist()],
        }

    def __str__(self) -> str:
        norm = "||Q M||" if self.norm == "whole" else "||Q M Q'||"
        return (
            f"{norm} <= {self.kappa:g} on {self.upper.size} points ({self.projection}, {self.measure} measure): proved "
            f"at {self.proved.sum()}, refuted at {self.fails.sum()}, undecided at {self.undecided.sum()}; the "
            f"Hilbert-Schmidt condition holds at {self.by_literature.sum()}"
        )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def proved_region(
    family: Callable[[float, float], Network],
    parameters: Iterable[float],
    levels: Iterable[float],
    projection: AbstractProjection,
    kappa: float = 1.0,
    *,
    n: int = 0,
    norm: Norm = "whole",
    progress: Progress | None = None,
) -> Region:
    """Bound one layer of a family at every point of a grid, by sharp enclosures and by the literature's condition.

    Proved: the bounds at each point. Nothing is claimed between points.

    Parameters
    ----------
    family : callable
        (w, sigma) -> Network; its layer n is bounded, for example ``x -> tanh(w x) + U(-sigma, sigma)``.
    parameters, levels : sequences of numbers
        w and sigma.
    projection : AbstractProjection
        On polynomials, in a measure on boxes.
    kappa : float
        0 < kappa <= 1.
    n : int
    norm : {"whole", "interior"}
        ||Q_n M_n||, or ||Q_n M_n Q_{n+1}||.
    progress : callable, optional
        Is called with (points done, points in all).

    Returns
    -------
    Region

    Raises
    ------
    MzError
        For an empty grid, a kappa outside (0, 1], a family that gives no network, and what ``certify`` refuses.

    Examples
    --------
    >>> import mzsym as mz
    >>> def family(w, sigma):
    ...     layer = mz.dense([[w]], activation="tanh", noise=mz.Uniform(sigma))
    ...     return mz.Network([layer], domain=mz.Box([(-1, 1)]))
    >>> found = proved_region(family, [1.0, 2.0], [0.05, 0.4, 1.2], mz.Legendre(1))
    >>> found.proved.sum(axis=1), found.by_literature.sum(axis=1)
    (array([2, 2]), array([1, 1]))
    """
    w, sigma = _grid(parameters, "parameters"), _grid(levels, "levels")
    if isinstance(kappa, bool) or not isinstance(kappa, (int, float)) or not 0.0 < kappa <= 1.0:
        raise MzError(f"kappa is {kappa!r}", "proved_region(kappa=)", "Give a number above 0 and at most 1")
    if norm not in ("whole", "interior"):
        raise MzError(f"There is no norm {norm!r}", "proved_region(norm=)", 'Use "whole" or "interior"')
    shape = (w.size, sigma.size)
    lower, upper, literature = np.zeros(shape), np.full(shape, math.inf), np.full(shape, math.inf)
    measure = ""
    for i, j in np.ndindex(shape):
        net = family(float(w[i]), float(sigma[j]))
        if not isinstance(net, Network):
            raise MzError(
                f"The family gives {net!r}", "proved_region(family)", "Give a function that returns a mz.Network"
            )
        one = alone(net, checked_index(net, n, "proved_region(n=)"))
        sharp = certify(one, projection, method="sharp", width=max(MAP_WIDTH, default_width(one, 0)))
        measure = sharp.measure
        square = certify(one, projection, method="hilbert_schmidt").layers[0].upper
        lo, hi = _ends(sharp.layers[0], norm)
        lower[i, j], upper[i, j], literature[i, j] = lo, min(hi, square), square
        if progress is not None:
            progress(i * sigma.size + j + 1, lower.size)
    return Region(w, sigma, float(kappa), lower, upper, literature, projection.describe(), measure, norm)


def _ends(layer: LayerBound, norm: Norm) -> tuple[float, float]:
    if norm == "interior":
        return layer.interior.lower, layer.interior.upper
    return layer.lower, layer.upper


def _grid(values: Iterable[float], name: str) -> Array:
    try:
        array = np.asarray(list(values), dtype=float)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.ndim != 1 or not array.size or not np.all(np.isfinite(array)):
        raise MzError(f"The {name} are no list of finite numbers", f"proved_region({name})", "Give at least one number")
    return array
