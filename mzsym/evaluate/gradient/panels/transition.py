"""The adjoint of one transition: of V -> E V(F(X, omega) + G(X) xi), series on panels to values at points.

d E V(z + g xi) = E V'(z + g xi) (dz + xi dg) with V' panel by panel: averages of the same panel functions over the law,
and over xi times its density. Where V jumps, the density that arrives there counts as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mzsym.core.arrays import Array
from mzsym.evaluate.gradient.panels.arrivals import arrivals, heights
from mzsym.evaluate.noise_numbers import NumericLaw, point_mass
from mzsym.evaluate.panels.grid import Axis, Grid, rows_of
from mzsym.evaluate.panels.transition import Transition

_CHUNK = 2**21
"""Doubles that a block of rows may take."""


@dataclass(eq=False)
class Pulled:
    """Derivatives of a number with respect to everything that an evaluation of a transition is made of.

    Attributes
    ----------
    coefs : array of shape (grid.points, columns)
        Of the series.
    states : list of (XW, bar)
        Points with values of the random weights beside them, and the derivatives by F there, weighted: what they
        contribute is the sum of bar * dF(XW).
    gains : list of (X, bar)
        The same for the gain, by component, or by entry of the matrix where noise is mixed.
    scales : array of shape (noise components,)
        By the scales of the noise, times these scales.
    places : array
        By the places where the series jump.
    """

    coefs: Array
    scales: Array
    places: Array
    states: list[tuple[Array, Array]] = field(default_factory=list)
    gains: list[tuple[Array, Array]] = field(default_factory=list)


def pull(
    transition: Transition, X: Array, grid: Grid, coefs: Array, seed: Array, places: Array | None = None
) -> Pulled:
    """The adjoint of ``transition.apply(X, grid, coefs)``.

    Parameters
    ----------
    transition : Transition
    X : array of shape (points, N_n)
    grid : Grid
        Of Omega_{n+1}.
    coefs : array of shape (grid.points, columns)
    seed : array of shape (points, columns)
        Derivative with respect to the values.
    places : array, optional
        Ends of panels where the series jump, in one dimension.

    Returns
    -------
    Pulled
    """
    slopes = [np.ascontiguousarray(grid.differentiated(coefs, i).T) for i in range(len(grid.axes))]
    places = np.zeros(0) if places is None else places
    out = Pulled(np.zeros_like(coefs), np.zeros(len(transition.laws)), np.zeros(len(places)))
    if len(places) and not all(law.point_mass for law in transition.laws):
        _over_jumps(transition, X, heights(grid, coefs, places), seed, places, out)
    draws = len(transition.together[1]) if transition.owners is None else 1
    step = max(16 // draws + 1, _CHUNK // (grid.points * draws))
    for start in range(0, len(X), step):
        rows, seeds = X[start : start + step], seed[start : start + step]
        if transition.owners is None:
            _joint(transition, rows, grid, slopes, seeds, out)
        else:
            _apart(transition, rows, grid, slopes, seeds, out)
    return out


def _over_jumps(t: Transition, X: Array, jumps: Array, seed: Array, places: Array, out: Pulled) -> None:
    """A state that moves by dT over a jump changes the average by its height times the density there times dT."""
    density, xi = arrivals(t, X, places)
    bar = (seed @ jumps.T) * density
    out.places -= bar.sum(axis=0)
    out.states.append((X, bar.sum(axis=1, keepdims=True)))
    gains = (bar * xi).sum(axis=1, keepdims=True)
    out.scales += (gains if t.gain is None else gains * t.gain(X)).sum(axis=0)
    if t.gain is not None:
        out.gains.append((X, gains))


def _apart(t: Transition, X: Array, grid: Grid, slopes: Sequence[Array], seed: Array, out: Pulled) -> None:
    """Components that are independent given X."""
    factors = t.factors(X, grid)
    out.coefs += rows_of(factors).T @ seed
    gain = None if t.gain is None else t.gain(X)
    gains = np.zeros((len(X), len(factors)))
    assert t.owners is not None
    for i, (axis, law) in enumerate(zip(grid.axes, t.laws, strict=True)):
        steep = _but_one(seed @ slopes[i], factors, i)
        scale = None if gain is None else gain[:, i]
        omega, masses = t.draws(i)
        for one, mass in zip(omega, masses, strict=True):
            z = t.mapped(X, one[None])[:, i]
            rows = factors[i] if not t.owners[i] else axis.rows(z, scale, law)
            bar = np.zeros_like(gains)
            bar[:, i] = mass * np.einsum("pk,pk->p", rows, steep)
            out.states.append((np.hstack([X, np.broadcast_to(one, (len(X), len(one)))]), bar))
            if not law.point_mass:
                gains[:, i] += mass * np.einsum("pk,pk->p", _weighted_rows(t, z, scale, axis, law, i), steep)
    out.scales += (gains if gain is None else gains * gain).sum(axis=0)
    if gain is not None:
        out.gains.append((X, gains))


def _weighted_rows(t: Transition, z: Array, gain: Array | None, axis: Axis, law: NumericLaw, i: int) -> Array:
    """E of xi times every panel function at z + gain * xi."""
    assert t.owners is not None
    return axis.rows(z, gain, law.weighted) if t.owners[i] else t.averages(z, gain, axis, law.weighted)


def _but_one(table: Array, factors: Sequence[Array], i: int) -> Array:
    """A table over all axes, shape (points, n_1 n_2 ...), contracted with the factors of all axes but the i-th."""
    if len(factors) == 1:
        return table
    cube = table.reshape(len(table), *(factor.shape[1] for factor in factors))
    for j in reversed(range(len(factors))):
        if j != i:
            cube = np.einsum("p...k,pk->p...", np.moveaxis(cube, j + 1, -1), factors[j])
    return np.ascontiguousarray(cube)


def _joint(t: Transition, X: Array, grid: Grid, slopes: Sequence[Array], seed: Array, out: Pulled) -> None:
    """Everything that the components share is averaged together."""
    nodes, masses = t.together
    draws, random, points = len(masses), len(t.random), len(X)
    omega, xi = nodes[:, :random], nodes[:, random:]
    Z, gain, laws = t.mapped(X, omega), None if t.gain is None else t.gain(X), t.laws
    each: Array | None = None
    if gain is not None and t.mixed:
        Z, laws = Z + np.einsum("pij,qj->pqi", gain, xi).reshape(Z.shape), (point_mass(),) * Z.shape[1]
    elif gain is not None:
        each = np.repeat(gain, draws, axis=0)
    scales = [None if each is None else each[:, i] for i in range(Z.shape[1])]
    factors = [axis.rows(Z[:, i], scales[i], law) for i, (axis, law) in enumerate(zip(grid.axes, laws, strict=True))]
    weights = np.tile(masses, points)
    out.coefs += (rows_of(factors) * weights[:, None]).reshape(points, draws, -1).sum(axis=1).T @ seed
    bar, moved = np.zeros_like(Z), np.zeros_like(Z)
    for i, (axis, law) in enumerate(zip(grid.axes, laws, strict=True)):
        steep = _but_one(np.repeat(seed @ slopes[i], draws, axis=0), factors, i) * weights[:, None]
        bar[:, i] = np.einsum("pk,pk->p", factors[i], steep)
        if not law.point_mass:
            moved[:, i] = np.einsum("pk,pk->p", axis.rows(Z[:, i], scales[i], law.weighted), steep)
    out.states.append((np.hstack([np.repeat(X, draws, axis=0), np.tile(omega, (points, 1))]), bar))
    gains = moved.reshape(points, draws, -1).sum(axis=1)
    if t.mixed:
        gains = np.einsum("pqi,qj->pij", bar.reshape(points, draws, -1), xi)
    if gain is None:
        out.scales += gains.sum(axis=0)
    else:
        out.gains.append((X, gains))
        out.scales += (gains * gain).sum(axis=(0, 1) if t.mixed else 0)
