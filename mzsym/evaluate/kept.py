"""Terms of a conditional projection in numbers: functions of the kept variables, and linear maps between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.noise_numbers import point_mass
from mzsym.evaluate.panels.grid import Grid, rows_of
from mzsym.evaluate.tables import Tables


@final
@dataclass(frozen=True, eq=False)
class KeptFunction:
    """A function of the kept variables of a layer, by its values at the nodes of a grid.

    Attributes
    ----------
    grid : Grid
        On the kept variables.
    values : array of shape (nodes,), or (nodes, k)
    mass : array of shape (nodes,), optional
        What the measure of the layer gives to every node; None: not known.
    """

    grid: Grid
    values: Array
    mass: Array | None = None

    @property
    def nodes(self) -> Array:
        """Shape (nodes, kept variables)."""
        return self.grid.nodes

    def __call__(self, X: Any) -> Array:
        """Values at X of shape (points, kept variables), or (points,) for one kept variable; by interpolation.

        Raises
        ------
        MzError
            For another shape.
        """
        points = as_points(X, len(self.grid.axes), "function of the kept variables")
        columns = self.values.reshape(self.grid.points, -1)
        rows = rows_of([axis.rows(points[:, i], None, point_mass()) for i, axis in enumerate(self.grid.axes)])
        out = rows @ self.grid.analyse(columns)
        return out[:, 0] if self.values.ndim == 1 else out

    def __getitem__(self, key: Any) -> KeptFunction:
        """The function of the values picked, for example ``f[..., 0]``: one of several observables."""
        return KeptFunction(self.grid, self.values[key], self.mass)

    def isometric(self) -> Array:
        """Values times the roots of the masses: its Euclidean norm is the norm in L^2(mu_n) on the nodes."""
        root = _root(self.mass, len(self.values))
        return np.asarray((root * self.values.T).T)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        return np.array(self.values, dtype=dtype)


@final
@dataclass(frozen=True, eq=False)
class KeptMap:
    """A linear map from functions of the kept variables of one layer to those of another: MATH (7), (14).

    Attributes
    ----------
    matrix : array of shape (nodes_out, nodes_in)
        From values at ``nodes_in`` to values at ``nodes_out``.
    out, into : Grid
        Of the result and of the argument.
    mass_out, mass_in : array of shape (nodes,), optional
        What the measures of the two layers give to the nodes; None: not known.
    """

    matrix: Array
    out: Grid
    into: Grid
    mass_out: Array | None = None
    mass_in: Array | None = None

    @property
    def nodes_out(self) -> Array:
        """Where the result is known, shape (nodes, kept variables)."""
        return self.out.nodes

    @property
    def nodes_in(self) -> Array:
        """Where the argument is asked, shape (nodes, kept variables)."""
        return self.into.nodes

    @property
    def shape(self) -> tuple[int, int]:
        """Of the matrix."""
        return int(self.matrix.shape[0]), int(self.matrix.shape[1])

    def __call__(self, f: Callable[[Array], Any]) -> KeptFunction:
        """The image of f.

        Parameters
        ----------
        f : function
            Vectorised, of points of shape (nodes, kept variables); a result of shape (nodes,) or (nodes, 1).

        Raises
        ------
        MzError
            When it returns something else.
        """
        values = np.asarray(f(self.nodes_in), dtype=np.float64)
        if values.shape not in ((len(self.nodes_in),), (len(self.nodes_in), 1)):
            raise MzError(
                f"The function returned an array of shape {values.shape}",
                "term of a conditional projection",
                f"Return one value per point: shape ({len(self.nodes_in)},)",
            )
        return KeptFunction(self.out, self.matrix @ values.reshape(-1), self.mass_out)

    def isometric(self) -> Array:
        """The map between ``KeptFunction.isometric``: its largest singular value is the norm of the map.

        A function on nodes without mass is 0 in L^2(mu_m), and nothing is made of it.
        """
        before, after = _root(self.mass_in, self.shape[1]), _root(self.mass_out, self.shape[0])
        inverse = np.divide(1.0, before, out=np.zeros_like(before), where=before > 0.0)
        return np.asarray(after[:, None] * self.matrix * inverse)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        return np.array(self.matrix, dtype=dtype)


@final
@dataclass(frozen=True)
class KeptTables(Tables):
    """Tables of a conditional projection: blocks are maps, rows are functions.

    Attributes
    ----------
    grids : tuple of Grid
        Of the kept variables, layer by layer.
    masses : tuple of array
        What the measure of the layer gives to every node of its grid.
    """

    grids: tuple[Grid, ...] = ()
    masses: tuple[Array, ...] = ()

    def block(self, table: Array, n: int, m: int) -> Any:
        """Block (n, m) of a square table as a map from functions on layer m to functions on layer n."""
        return KeptMap(super().block(table, n, m), self.grids[n], self.grids[m], self.masses[n], self.masses[m])

    def rows(self, table: Array, n: int) -> Any:
        """The rows of layer n of a stacked table as a function of its kept variables."""
        return KeptFunction(self.grids[n], super().rows(table, n), self.masses[n])


def isometric(term: Any) -> Array:
    """A table as a matrix or columns between coordinates whose Euclidean norms are those of L^2(mu).

    Tables in orthonormal bases are that already; values at nodes are scaled by the roots of the nodes' masses.
    """
    return term.isometric() if isinstance(term, (KeptMap, KeptFunction)) else np.asarray(term)


def _root(mass: Array | None, count: int) -> Array:
    """Roots of masses; equal ones where they are not known."""
    return np.full(count, 1.0) if mass is None else np.asarray(np.sqrt(np.maximum(mass, 0.0)))


def as_points(X: Any, dim: int, where: str) -> Array:
    """Points of shape (points, dim); a vector for one variable."""
    points = np.asarray(X, dtype=np.float64)
    if points.ndim == 1 and dim == 1:
        points = points[:, None]
    if points.ndim != 2 or points.shape[1] != dim:
        raise MzError(f"X has shape {np.shape(X)}", where, f"Give an array of shape (points, {dim})")
    return points
