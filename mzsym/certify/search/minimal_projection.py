"""The smallest degree with which the memory provably contracts, MATH (22) and (28)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from mzsym.certify.bounds import decimal_up
from mzsym.certify.certify import certify
from mzsym.certify.search.alone import alone
from mzsym.core import MzError, Verdict
from mzsym.model import Network
from mzsym.projections import Hermite, Legendre

if TYPE_CHECKING:
    from mzsym.certify.certificate import Certificate

DegreeMethod: TypeAlias = Literal["auto", "sharp", "hilbert_schmidt"]
DegreeMeasure: TypeAlias = Literal["uniform", "lebesgue", "gaussian"]

LARGEST = 16
"""Largest degree that is tried by default."""


@dataclass(frozen=True)
class MinimalProjection:
    """The smallest degree with kappa'_n = ||Q_n M_n Q_{n+1}|| <= kappa proved for n = 1..L-1.

    Attributes
    ----------
    degree : int
    kappa : float
    projection : Legendre or Hermite
        With this degree.
    certificate : Certificate
        Of the network with this projection: the proof.
    layer_degrees : tuple of int
        The degree that each layer 1..L-1 alone needs.
    minimal : Verdict
        Whether no smaller degree has all kappa'_n <= kappa. Ranges grow with the degree, so that kappa'_n never does:
        a lower bound above kappa at one degree refutes all smaller ones.
    """

    degree: int
    kappa: float
    projection: Legendre | Hermite
    certificate: Certificate
    layer_degrees: tuple[int, ...]
    minimal: Verdict

    def __str__(self) -> str:
        worst = max((layer.interior.upper for layer in self.certificate.layers[1:]), default=0.0)
        return "\n".join(
            [
                f"Degree {self.degree} ({self.certificate.measure} measure): ||Q_n M_n Q_(n+1)|| <= {decimal_up(worst)}"
                f" <= {self.kappa:g} is proved for all inner layers, so the memory shrinks by that factor per layer.",
                f"No smaller degree: {self.minimal}",
            ]
        )


def minimal_projection(
    net: Network,
    kappa: float = 0.9,
    *,
    measure: DegreeMeasure = "uniform",
    method: DegreeMethod = "auto",
    largest: int = LARGEST,
) -> MinimalProjection:
    """The smallest degree of a projection on polynomials for which the memory provably contracts by kappa per layer.

    Proved: kappa'_n = ||Q_n M_n Q_{n+1}|| <= kappa for n = 1..L-1, hence ||K(n, m)|| <= C kappa^(m-n-2), MATH (22); and
    that a smaller degree does not do, where a lower bound says so (``minimal``).

    Parameters
    ----------
    net : Network
        Every parameter has a value.
    kappa : float
        0 < kappa <= 1; for 1 the norms have to be below 1.
    measure : {"uniform", "lebesgue", "gaussian"}
        Of the norms: that of Legendre or of Hermite polynomials.
    method : {"auto", "sharp", "hilbert_schmidt"}
        Sharp enclosures, and for layers that have none Hilbert-Schmidt bounds, which no degree improves; or one of the
        two alone.
    largest : int
        The largest degree that is tried.

    Returns
    -------
    MinimalProjection

    Raises
    ------
    MzError
        For kappa outside (0, 1]; when no degree up to the largest is proved to do, naming the layer and its bound.

    Examples
    --------
    >>> import mzsym as mz
    >>> layer = mz.dense([[2.0]], activation="tanh", noise=mz.Uniform(0.5))
    >>> net = mz.Network([layer] * 4, domain=mz.Box([(-1, 1)]))
    >>> found = minimal_projection(net, 0.9)
    >>> found.degree, found.minimal.decision, bool(found.certificate.contracts)
    (1, 'proved', True)
    """
    _check(net, kappa, measure, method, largest)
    seen: dict[str, _Needed] = {}
    needed: list[_Needed] = []
    for n in range(1, net.depth):
        one = alone(net, n)
        if one.digest not in seen:
            seen[one.digest] = _needed(one, n, _Asked(float(kappa), measure, method, largest))
        needed.append(seen[one.digest])
    degree = max((item.degree for item in needed), default=0)
    projection = _projection(degree, measure)
    used = {item.method for item in needed} or {method}
    return MinimalProjection(
        degree=degree,
        kappa=float(kappa),
        projection=projection,
        certificate=certify(net, projection, method=used.pop() if len(used) == 1 else "auto"),
        layer_degrees=tuple(item.degree for item in needed),
        minimal=_minimal(degree, max((item.refuted for item in needed), default=-1), kappa),
    )


def _projection(degree: int, measure: DegreeMeasure) -> Legendre | Hermite:
    return Hermite(degree) if measure == "gaussian" else Legendre(degree, measure=measure)


def _minimal(degree: int, refuted: int, kappa: float) -> Verdict:
    if degree == 0:
        return Verdict("proved", "there is no degree below 0")
    if refuted == degree - 1:
        return Verdict("proved", f"with degree {refuted} a norm is proved to be above {kappa:g}")
    return Verdict("undecided", f"with degree {degree - 1} the bounds decide neither way")


def _check(net: Any, kappa: Any, measure: Any, method: Any, largest: Any) -> None:
    where = "minimal_projection"
    if not isinstance(net, Network):
        raise MzError(f"{net!r} is no network", f"{where}(net)", "Give a mz.Network")
    if isinstance(kappa, bool) or not isinstance(kappa, (int, float)) or not 0.0 < kappa <= 1.0:
        raise MzError(f"kappa is {kappa!r}", f"{where}(kappa=)", "Give a number above 0 and at most 1")
    if measure not in get_args(DegreeMeasure):
        names = ", ".join(f'"{name}"' for name in get_args(DegreeMeasure))
        raise MzError(f"There is no measure {measure!r} here", f"{where}(measure=)", f"Use one of {names}")
    if method not in get_args(DegreeMethod):
        raise MzError(f"There is no method {method!r}", f"{where}(method=)", 'Use "auto", "sharp" or "hilbert_schmidt"')
    if isinstance(largest, bool) or not isinstance(largest, int) or largest < 0:
        raise MzError(f"The largest degree is {largest!r}", f"{where}(largest=)", "Give a whole number from 0")


@dataclass(frozen=True)
class _Asked:
    kappa: float
    measure: DegreeMeasure
    method: DegreeMethod
    largest: int

    def met(self, bound: float) -> bool:
        return bound <= self.kappa and bound < 1.0


@dataclass(frozen=True)
class _Needed:
    """The smallest degree that is proved to do for one layer, by which method, and the largest that is refuted."""

    degree: int
    method: DegreeMethod
    refuted: int


def _needed(one: Network, n: int, asked: _Asked) -> _Needed:
    refuted, best, reason = -1, math.inf, ""
    methods: list[DegreeMethod] = ["sharp", "hilbert_schmidt"] if asked.method == "auto" else [asked.method]
    for method in methods:
        for degree in range(asked.largest + 1):
            layer = certify(one, _projection(degree, asked.measure), method=method).layers[0]
            found = layer.interior
            if asked.met(found.upper):
                return _Needed(degree, method, refuted)
            if found.lower > asked.kappa or found.lower >= 1.0:
                refuted = max(refuted, degree)
            best = min(best, found.upper)
            reason = reason or (layer.reason if math.isinf(found.upper) else "")
            if method == "hilbert_schmidt" or math.isinf(found.upper):
                break  # MATH (23) does not depend on the degree; a layer that has no enclosure gets none by degrees
        if math.isfinite(best):
            break
    met = f"the least bound is {decimal_up(best)}" if math.isfinite(best) else reason
    raise MzError(
        f"No degree up to {asked.largest} provably has ||Q_{n} M_{n} Q_{n + 1}|| <= {asked.kappa:g}: {met}",
        "minimal_projection(kappa=)",
        "Ask for a larger kappa or a larger largest=, or give the layer more noise (mz.minimal_noise)",
    )
