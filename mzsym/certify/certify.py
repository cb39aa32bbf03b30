"""``certify``: from a network and a projection to a certificate."""

from __future__ import annotations

import math
import platform
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
from scipy.sparse.linalg import ArpackError

from mzsym.certify.bounds import Interior, LayerBound
from mzsym.certify.certificate import Certificate
from mzsym.certify.hilbert_schmidt import HilbertSchmidt, hilbert_schmidt
from mzsym.certify.sharp import affordable, sharp_estimate
from mzsym.certify.steps import Estimate, NoiseComponent, Step
from mzsym.core import MzError, Standing
from mzsym.core.arrays import Array
from mzsym.projections.checks import box_polynomials, check_stated
from mzsym.projections.measures import measure_text

if TYPE_CHECKING:
    from mzsym.model import Network, Number
    from mzsym.model.noise import AbstractNoise
    from mzsym.projections import AbstractProjection, TotalDegree

Method: TypeAlias = Literal["auto", "hilbert_schmidt", "sharp"]

MAX_DEGREE = 96
"""Above this the estimate is left out, with the reason."""

UNRESOLVED = 0.5
"""Relative error above which an estimate says nothing and is left out, with the reason."""

_LAWS = {"uniform", "truncated_gaussian", "deterministic"}


def certify(net: Network, projection: AbstractProjection, method: Method = "auto") -> Certificate:
    """Bound the orthogonal dynamics of every layer, MATH (22)-(24).

    Proved: Hilbert-Schmidt upper bounds (23) of ||Q_n M_n||, hence of every ||K(n, m)||, computed in balls from the
    exact parameters and rounded outward. Not proved: the sharp norm beside them, with an observed error.

    Parameters
    ----------
    net : Network
        Every parameter has a value and all noise is bounded.
    projection : AbstractProjection
        On polynomials, in a box measure.
        Its measure is the measure of the norms.
    method : {"auto", "hilbert_schmidt", "sharp"}
        Bounds and estimates; bounds only; estimates only, which prove nothing.

    Returns
    -------
    Certificate

    Raises
    ------
    MzError
        For another method, an unbounded noise, or a parameter without a value.

    Examples
    --------
    >>> import mzsym as mz
    >>> layer = mz.dense([[1.0]], [0.0], activation="tanh", noise=mz.Uniform(2))
    >>> net = mz.Network([layer] * 3, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])
    >>> c = mz.certify(net, mz.Legendre(2), method="hilbert_schmidt")
    >>> bool(c.contracts), c.layers[1].upper < 0.71
    (True, True)
    """
    if method not in get_args(Method):
        names = ", ".join(f'"{name}"' for name in get_args(Method))
        raise MzError(f"There is no method {method!r}", "certify(method=)", f"Use one of {names}")
    check_stated(net, projection, "certify")
    stated = box_polynomials(projection, "certify(projection)")
    seen: dict[tuple[str, str, str], LayerBound] = {}
    layers = []
    for n in range(net.depth):
        # Equal layers on equal boxes have equal norms.
        key = (net.layers[n].key(), net.domains[n].key(), net.domains[n + 1].key())
        if key not in seen:
            seen[key] = _layer(net, stated, n, method)
        layers.append(replace(seen[key], n=n))
    return Certificate(
        layers=tuple(layers),
        projection=projection.describe(),
        measure=measure_text(stated.measure),
        method=method,
        model_digest=net.digest,
        versions=_versions(),
    )


def _layer(net: Network, projection: TotalDegree, n: int, method: Method) -> LayerBound:
    bound = hilbert_schmidt(net, projection, n)
    whole, inner, left_out = (None, None, "") if method == "hilbert_schmidt" else _estimates(net, projection, n)
    proved = method != "sharp"
    if not proved:
        bound = HilbertSchmidt(math.inf, math.inf, bound.density, bound.volume, bound.ratio, "only estimated")
    return LayerBound(
        n=n,
        upper=bound.resolved,
        lower=0.0,
        method="hilbert_schmidt" if proved else "sharp",
        standing=Standing.PROVED if proved else Standing.ESTIMATED,
        operator=bound.operator,
        entrance=min(bound.operator, bound.resolved),
        interior=Interior(bound.resolved, inner),
        estimate=whole,
        reason="; ".join(part for part in (bound.reason if proved else "", left_out) if part),
        noise=noise_in_words(net, n),
        density=bound.density,
        volume=bound.volume,
        ratio=bound.ratio,
        plain_noise=net.layers[n].plain_noise,
    )


def noise_in_words(net: Network, n: int) -> str:
    """One phrase for the noise of a layer, for example ``uniform, half-width 0.5``."""
    layer = net.layers[n]
    text = _laws_in_words(list(zip(layer.noise, layer.scale_values(net.shared), strict=True)))
    if layer.gain_exprs(n) is not None:
        text += ", times a gain"
    weights = layer.stated_weights(net.shared)
    return f"{text}; random weights: {_laws_in_words(weights)}" if weights else text


def _laws_in_words(laws: list[tuple[AbstractNoise, Number]]) -> str:
    phrases = []
    for noise, scale in laws:
        if noise.scale is None:
            phrases.append("no noise")
        elif noise.name == "uniform":
            phrases.append(f"uniform, half-width {float(scale):.6g}")
        elif noise.name == "truncated_gaussian":
            cutoff = float(getattr(noise, "cutoff", math.nan))
            phrases.append(f"Gaussian, scale {float(scale):.6g}, cut off at {cutoff:.6g} scales")
        else:
            phrases.append(f"{noise.name}, scale {float(scale):.6g}")
    return phrases[0] if len(set(phrases)) == 1 else "; ".join(phrases)


def _estimates(net: Network, projection: TotalDegree, n: int) -> tuple[Estimate | None, Estimate | None, str]:
    """Estimates of ||Q_n M_n|| and ||Q_n M_n Q_{n+1}||, or why there are none."""
    dims = net.dims[n], net.dims[n + 1]
    if not net.layers[n].plain_noise:
        return None, None, "no estimate: it takes noise that is added to a fixed map, without gain and random weights"
    degree = max(projection.degree_of(projection.size(dim) - 1, dim) for dim in dims)
    laws = {noise.name for noise in net.layers[n].noise}
    if not affordable(*dims, laws):
        return None, None, f"no estimate: the layer maps dimension {dims[0]} to {dims[1]}, too large for a grid"
    if degree > MAX_DEGREE or (degree > 12 and max(dims) > 2):
        return None, None, f"no estimate: degree {degree} is too large for dimension {max(dims)}"
    if not laws <= _LAWS:
        return None, None, "no estimate: unknown noise law"
    step = step_of(net, projection, n)
    try:
        whole, inner = sharp_estimate(step, smallest=degree)
    except (ArpackError, np.linalg.LinAlgError) as error:
        return None, None, f"no estimate: {error}"
    if not whole.error <= UNRESOLVED * whole.value + 1e-6:
        return None, None, "no estimate: it does not settle on grids that a few seconds allow"
    return whole, inner, ""


def step_of(net: Network, projection: TotalDegree, n: int) -> Step:
    """Layer n of a network as the estimates see it, parameters rounded to floats."""
    layer, here, following = net.layers[n], net.domains[n], net.domains[n + 1]
    noise = []
    for law, scale in zip(layer.noise, layer.scale_values(net.shared), strict=True):
        reach = law.support(float(scale))[1] if law.scale is not None else 0.0
        noise.append(NoiseComponent(law.name, float(scale), reach))

    def forward(X: Array) -> Array:
        return layer.forward(X, net.shared)

    return Step(
        forward,
        here.lower,
        here.upper,
        following.lower,
        following.upper,
        tuple(noise),
        lambda X: projection.evaluate(X, here),
        lambda X: projection.evaluate(X, following),
        measure_text(projection.measure),
        projection.multi_indices(net.dims[n + 1]),
    )


def _versions() -> tuple[tuple[str, str], ...]:
    found = [("python", platform.python_version())]
    for name in ("mzsym", "python-flint", "numpy", "scipy", "sympy"):
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            found.append((name, "not installed as a package"))
    return tuple(found)
