"""``certify_family``: one proved bound for all parameter values between two ends."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mzsym.certify.bounds import decimal_down, decimal_up, in_digits
from mzsym.certify.families.bounds import FamilyBounds
from mzsym.certify.families.parameters import Parameter, parameters_of
from mzsym.core import MzError, Verdict
from mzsym.core.arrays import Array
from mzsym.projections import FiniteRank
from mzsym.projections.measures import BOX_MEASURES

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.projections import AbstractProjection

PARTS: Final = 256
"""Parts that the box of parameters is cut into, at most."""

SETTLED: Final = 1e-3
"""Relative distance between a bound and what its formula gives at some parameters at which cutting stops."""


@dataclass(frozen=True)
class FamilyLayer:
    """What is proved of layer n for every member of a family.

    Attributes
    ----------
    n : int
    upper : float
        Of ||Q_n M_n|| by Hilbert-Schmidt norms, MATH (23); ``inf`` where there is no bound.
    dobrushin : float
        Of alpha_n, MATH (25).
    lipschitz : float
        Of the Lipschitz constant of F_n, MATH (26).
    reached : (float, float, float)
        The largest values of the same three bounds at single members that were looked at: no bound can be below.
    """

    n: int
    upper: float
    dobrushin: float
    lipschitz: float
    reached: tuple[float, float, float]


@dataclass(frozen=True)
class Family:
    """Proved bounds that hold for all parameter values in a box at once.

    Attributes
    ----------
    layers : tuple of FamilyLayer
        0..L-1.
    intervals : tuple of (str, float, float)
        The parameters that vary, by name, and their ends.
    kappa : float
    parts : int
        Parts that the box was cut into.
    projection, measure : str
    """

    layers: tuple[FamilyLayer, ...]
    intervals: tuple[tuple[str, float, float], ...]
    kappa: float
    parts: int
    projection: str
    measure: str
    cells: tuple[tuple[tuple[tuple[float, float], ...], float], ...] = field(repr=False, default=())
    """Every part as ends of the parameters, and the largest ||Q_n M_n|| that is proved on it."""

    @property
    def contracts(self) -> Verdict:
        """Whether ||Q_n M_n|| <= kappa is proved on every layer of every member."""
        worst = max(self.layers, key=lambda layer: layer.upper)
        where = f"for all parameters in the box ||Q_n M_n|| is at most {in_digits(worst.upper)} (layer {worst.n})"
        if worst.upper <= self.kappa:
            return Verdict("proved", where)
        if worst.reached[0] > self.kappa:
            where += f"; at some parameters the Hilbert-Schmidt bound is {decimal_down(worst.reached[0])} or more"
        return Verdict("undecided", f"{where}, not at most {self.kappa:g}")

    @property
    def proved_share(self) -> float:
        """Share of the parts, by their number, on which ||Q_n M_n|| <= kappa is proved on every layer."""
        return sum(bound <= self.kappa for _, bound in self.cells) / len(self.cells)

    def table(self) -> list[dict[str, Any]]:
        """One dict per layer."""
        return [
            {"n": x.n, "upper": x.upper, "dobrushin": x.dobrushin, "lipschitz": x.lipschitz, "reached": x.reached}
            for x in self.layers
        ]

    def __str__(self) -> str:
        ranges = ", ".join(f"{name} in [{lo:g}, {hi:g}]" for name, lo, hi in self.intervals)
        lines = [f"For all {ranges}; {self.projection}, {self.measure} measure; parts: {self.parts}"]
        lines.append("  n   ||Q_n M_n|| at most   oscillation      distance")
        lines += [
            f"  {x.n:<3d} {in_digits(x.upper):<21s} {decimal_up(x.dobrushin):<16s} {in_digits(x.lipschitz)}"
            for x in self.layers
        ]
        return "\n".join([*lines, str(self.contracts)])


def certify_family(
    net: Network,
    projection: AbstractProjection,
    intervals: Mapping[Any, tuple[Any, Any]],
    kappa: float = 1.0,
    *,
    parts: int = PARTS,
) -> Family:
    """Bound every layer for all parameter values between two ends at once, MATH (23), (25), (26).

    Proved: the bounds, for every member of the family, rounding included: enclosures on parts of the box of parameters,
    which is cut where the bounds are largest. ``proved_region`` bounds single members more sharply, and claims nothing
    between them.

    Parameters
    ----------
    net : Network
        Its own values of the parameters that vary do not matter. With ``domain=`` the boxes of a member are the
        smallest ones, or exceed them by at most 2**-40 of their ends; given ``domains=`` have to hold for every one.
    projection : FiniteRank
        Orthogonal, keeps the constants, in the uniform measure or Lebesgue's.
    intervals : mapping
        Keys as of ``with_params``: ``(n, w)``, ``(n, "W")``, ``(n, "b")``, ``(n, "step")``, ``(n, "slope")``,
        ``(n, "scale")``, a shared symbol -> (lo, hi), numbers, or arrays for W and b. hi of a scale may be infinite.
    kappa : float
        0 < kappa <= 1, for ``contracts``.
    parts : int
        At most so many.

    Returns
    -------
    Family

    Raises
    ------
    MzError
        For other projections, gains, random weights, noise with a density of the user's, ends that are not ordered,
        more than 32 parameters, and given boxes that some member is not proved to stay in.

    Examples
    --------
    >>> import mzsym as mz, sympy as sp
    >>> x, w = mz.state(1), sp.Symbol("w", real=True)
    >>> layer = mz.Layer([sp.tanh(w*x[0])], state=x, noise=mz.Uniform(1), params={w: 1})
    >>> net = mz.Network([layer], domain=mz.Box([(-1, 1)]))
    >>> family = certify_family(net, mz.Legendre(0), {(0, w): (-3, 3), (0, "scale"): (1, float("inf"))})
    >>> bool(family.contracts), family.layers[0].upper < 0.9977, family.layers[0].lipschitz < 3.00001
    (True, True, True)
    """
    _check(net, projection, kappa, parts)
    parameters = parameters_of(net, intervals)
    bounds = FamilyBounds(net, parameters, str(projection.measure) == "lebesgue")
    leaves, values, reached = _search(bounds, parameters, parts)
    most = np.max(values, axis=0)
    rows = zip(most.tolist(), reached.tolist(), strict=True)
    layers = tuple(FamilyLayer(n, a, b, c, (x, y, z)) for n, ((a, b, c), (x, y, z)) in enumerate(rows))
    whole = tuple((p.name, p.lo, p.hi) for p in parameters)
    cells = tuple(
        (tuple((lo, hi) for lo, hi in leaf), float(value[:, 0].max()))
        for leaf, value in zip(leaves, values, strict=True)
    )
    return Family(layers, whole, float(kappa), len(leaves), projection.describe(), str(projection.measure), cells)


def _check(net: Network, projection: AbstractProjection, kappa: Any, parts: Any) -> None:
    where = "certify_family(projection)"
    if projection.measure not in BOX_MEASURES:
        raise MzError("Families are bounded in measures on boxes", where, 'Use measure="uniform"')
    if not (isinstance(projection, FiniteRank) and projection.orthogonal and projection.keeps_constants):
        raise MzError("The projection is not orthogonal, or drops the constants", where, "Use mz.Legendre(degree)")
    if isinstance(kappa, bool) or not isinstance(kappa, (int, float)) or not 0.0 < kappa <= 1.0:
        raise MzError(f"kappa is {kappa!r}", "certify_family(kappa=)", "Give a number above 0 and at most 1")
    if isinstance(parts, bool) or not isinstance(parts, int) or parts < 1:
        raise MzError(f"The number of parts is {parts!r}", "certify_family(parts=)", "Give a positive whole number")
    if net.domain is None and net.given_domains is None:
        raise MzError("The first state lies in no box", "certify_family(net)", "Give domain=")


Leaf = tuple[tuple[float, float], ...]


def _search(bounds: FamilyBounds, parameters: Sequence[Parameter], parts: int) -> tuple[list[Leaf], list[Array], Array]:
    """Parts of the box with their bounds, and the largest values at single members."""
    leaves: list[Leaf] = [tuple((p.lo, p.hi) for p in parameters)]
    values = [bounds.of(leaves[0])]
    reached = bounds.of(_middle(leaves[0]))
    turn = 0
    while len(leaves) < parts:
        table = np.stack(values)
        most = table.max(axis=0)
        open_ = np.argwhere((most > reached * (1.0 + SETTLED)) & np.isfinite(most) & (most > 0.0))
        if not len(open_):
            open_ = np.argwhere(np.isinf(most))
        if not len(open_) or not parameters:
            break
        n, quantity = open_[turn % len(open_)]
        turn += 1
        at = int(np.argmax(table[:, n, quantity]))
        halves = _halved(leaves[at], parameters, int(n))
        if halves is None:
            break
        for half in halves:
            # A part is never worse than what it was cut from.
            leaves.append(half)
            values.append(np.minimum(bounds.of(half), values[at]))
            reached = np.maximum(reached, bounds.of(_middle(half)))
        del leaves[at], values[at]
    return leaves, values, reached


def _middle(leaf: Leaf) -> Leaf:
    return tuple((_centre(lo, hi),) * 2 for lo, hi in leaf)


def _centre(lo: float, hi: float) -> float:
    if math.isinf(hi):
        return 2.0 * max(lo, 1e-300)
    return lo + 0.5 * (hi - lo)


def _halved(leaf: Leaf, parameters: Sequence[Parameter], n: int) -> tuple[Leaf, Leaf] | None:
    """Cut across the side that is widest beside the whole box, of those that layer n can see."""

    def share(i: int) -> float:
        (lo, hi), p = leaf[i], parameters[i]
        if not lo < _centre(lo, hi) < hi or p.layer > n:
            return 0.0
        return 1.0 if math.isinf(hi) or p.hi == p.lo else (hi - lo) / (min(p.hi, 1e300) - p.lo)

    widest = max(range(len(leaf)), key=share)
    if share(widest) == 0.0:
        return None
    lo, hi = leaf[widest]
    at = _centre(lo, hi)
    return (
        (*leaf[:widest], (lo, at), *leaf[widest + 1 :]),
        (*leaf[:widest], (at, hi), *leaf[widest + 1 :]),
    )


__all__ = ["Family", "FamilyLayer", "certify_family"]
