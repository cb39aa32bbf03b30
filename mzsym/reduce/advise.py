"""``advise``: which projection, noise and depth to choose for a tolerance."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from mzsym.certify import certify, minimal_noise, minimal_projection
from mzsym.certify.search.alone import alone
from mzsym.core import MzError, Options
from mzsym.derive import derive
from mzsym.evaluate import compile as compiled
from mzsym.model import Network
from mzsym.projections import Legendre
from mzsym.reduce.advice import Advice, Choice, LayerNoise, choice
from mzsym.reduce.reduce import reduce

if TYPE_CHECKING:
    from mzsym.certify.search.minimal_projection import MinimalProjection
    from mzsym.reduce.reduction import Reduction

COMPARED = 3
"""Degrees that are compared, from the one on with which the memory provably contracts."""

DISTINCT = 6
"""Different layers whose noise is looked at."""

NOISE_TOLERANCE = 1e-2
"""Relative width of the brackets of noise levels: advice needs no more."""


def advise(net: Network, tolerance: float = 1e-3, kappa: float = 0.9, *, options: Options | None = None) -> Advice:
    """Say which degree, noise and depth to choose for a tolerance, and why.

    Built from ``minimal_projection``, ``reduce`` and ``minimal_noise``; a sentence says what its number rests on. The
    degree is the one with the shallowest network among a few, from the smallest on with which the memory provably
    contracts; the smaller one where two are as shallow.

    Parameters
    ----------
    net : Network
        Every parameter has a value, every state a box.
    tolerance : float
        Absolute, in L^2 of the uniform measure on Omega_0: the error that a shallow network may have.
    kappa : float
        0 < kappa <= 1: what the memory shall shrink by per layer.
    options : Options, optional

    Returns
    -------
    Advice

    Raises
    ------
    MzError
        For a tolerance that is not positive, kappa outside (0, 1], a network without boxes, and what ``derive`` and
        ``compile`` refuse.

    Examples
    --------
    >>> import mzsym as mz
    >>> layer = mz.dense([[1.2]], activation="tanh", noise=mz.Uniform(0.5))
    >>> net = mz.Network([layer] * 5, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])
    >>> advice = advise(net, tolerance=1e-2)
    >>> advice.degree, advice.depth, advice.contraction.degree
    (3, 1, 1)
    >>> print(advice.lines()[0])
    Degree: from 1 on the memory provably shrinks by 0.9 per layer.
    """
    _check(net, tolerance, kappa)
    contraction, refused = _contraction(net, kappa)
    start = 1 if contraction is None else max(1, contraction.degree)
    choices, chosen = _reductions(net, float(tolerance), start, options)
    # Noise is looked for with what is advised to be resolved.
    degree = start if chosen is None else chosen[0]
    noise, left_out = _noise(net, Legendre(degree), kappa)
    return Advice(
        tolerance=float(tolerance),
        kappa=float(kappa),
        contraction=contraction,
        no_contraction=refused,
        choices=choices,
        reduction=None if chosen is None else chosen[1],
        noise=noise,
        noise_degree=degree,
        layers_left_out=left_out,
    )


def _check(net: Any, tolerance: Any, kappa: Any) -> None:
    if not isinstance(net, Network):
        raise MzError(f"{net!r} is no network", "advise(net)", "Give a mz.Network")
    for name, value, most in (("tolerance", tolerance, math.inf), ("kappa", kappa, 1.0)):
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or not 0.0 < value <= most
            or value == math.inf
        ):
            limit = "" if most == math.inf else f" and at most {most:g}"
            raise MzError(f"{name} is {value!r}", f"advise({name}=)", f"Give a number above 0{limit}")
    if not net.has_domains:
        raise MzError(
            "Some state lies in no box",
            "advise(net)",
            "Give the network a domain and bounded noise, such as mz.TruncatedGaussian",
        )


def _contraction(net: Network, kappa: float) -> tuple[MinimalProjection | None, str]:
    try:
        return minimal_projection(net, kappa), ""
    except MzError as error:
        return None, error.what


def _reductions(
    net: Network, tolerance: float, start: int, options: Options | None
) -> tuple[tuple[Choice, ...], tuple[int, Reduction] | None]:
    """The degrees that were compared, and the degree and reduction that are advised."""
    if net.depth < 2:
        return (), None
    found: list[Choice] = []
    kept = {}
    for degree in range(start, start + COMPARED):
        projection = Legendre(degree)
        ev = compiled(derive(net, projection, options=options), options=options)
        # Any certificate will do while degrees are compared: the errors are those of the tables.
        quick = certify(net, projection, method="hilbert_schmidt")
        trial = reduce(net, projection, depth=1, certificate=quick, evaluator=ev, prove=False)
        found.append(choice(degree, trial.depths, tolerance))
        kept[degree] = projection, ev
    # The bound that is proved may be larger than the one that degrees were compared by: it decides.
    for item in sorted((item for item in found if item.meets), key=lambda item: (item.depth, item.degree)):
        projection, ev = kept[item.degree]
        reduction = reduce(net, projection, depth=item.depth, evaluator=ev)
        if reduction.error_bound <= tolerance:
            return tuple(found), (item.degree, reduction)
    return tuple(found), None


def _noise(net: Network, projection: Legendre, kappa: float) -> tuple[tuple[LayerNoise, ...], int]:
    """The noise levels of layers 1..L-1, equal layers on equal domains once; and how many were left out."""
    groups: dict[str, list[int]] = {}
    for n in range(1, net.depth):
        groups.setdefault(alone(net, n).digest, []).append(n)
    alike = [tuple(layers) for layers in groups.values()]
    # Every kind of layer once before the same kind on other boxes: those differ little after some layers.
    met: Counter[str] = Counter()
    order = []
    for layers in alike:
        kind = net.layers[layers[0]].key()
        order.append((met[kind], layers))
        met[kind] += 1
    order.sort()
    looked_at = sorted(layers for _, layers in order[:DISTINCT])
    found = tuple(_of_layers(net, layers, projection, kappa) for layers in looked_at)
    return found, sum(len(layers) for _, layers in order[DISTINCT:])


def _of_layers(net: Network, layers: tuple[int, ...], projection: Legendre, kappa: float) -> LayerNoise:
    stated = float(max(net.layers[layers[0]].scale_values(net.shared)))
    try:
        return LayerNoise(layers, stated, minimal_noise(net, layers[0], projection, kappa, tolerance=NOISE_TOLERANCE))
    except MzError as error:
        return LayerNoise(layers, stated, None, error.what)
