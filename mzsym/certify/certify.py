"""``certify``: from a network and a projection to a certificate."""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
import sympy as sp
from scipy.sparse.linalg import ArpackError

from mzsym.certify.bounds import Interior, LayerBound
from mzsym.certify.certificate import Certificate
from mzsym.certify.estimated.norms import affordable, sharp_estimate
from mzsym.certify.gaussian.hilbert_schmidt import gaussian_hilbert_schmidt
from mzsym.certify.gaussian.proof import gaussian_enclosure
from mzsym.certify.law.proof import LawChain
from mzsym.certify.plane.proof import default_width, plane_enclosure, takes
from mzsym.certify.sharp.enclosure import NOTHING, Enclosure
from mzsym.certify.sharp.products import product_windows
from mzsym.certify.sharp.proof import sharp_enclosure
from mzsym.certify.statement import statement
from mzsym.certify.steps import Estimate, NoiseComponent, Step
from mzsym.certify.sufficient.contractions import Contractions, contractions_of, root_up
from mzsym.certify.sufficient.hilbert_schmidt import HilbertSchmidt, hilbert_schmidt
from mzsym.certify.sufficient.windows import Window
from mzsym.core import MzError, Standing
from mzsym.core.arrays import Array
from mzsym.core.progress import Progress
from mzsym.core.version import VERSION
from mzsym.projections import FiniteRank, TotalDegree
from mzsym.projections.checks import check_stated
from mzsym.projections.measures import BOX_MEASURES, measure_text, measure_words

if TYPE_CHECKING:
    from mzsym.model import Network, Number
    from mzsym.model.noise import AbstractNoise
    from mzsym.projections import AbstractProjection

Method: TypeAlias = Literal["auto", "hilbert_schmidt", "sharp", "dobrushin", "lipschitz"]

MAX_DEGREE = 96
"""Above this the estimate is left out, with the reason."""

UNRESOLVED = 0.5
"""Relative error above which an estimate says nothing and is left out, with the reason."""

LONGEST_PRODUCT = 4
"""Layers of the longest product that is bounded in one piece unless another number is stated."""

WIDE = 1e-2
"""Relative width of an enclosure in two dimensions from which on an estimate stands beside it."""

LAW = "law"

_LAWS = {"uniform", "truncated_gaussian", "deterministic"}


def certify(
    net: Network,
    projection: AbstractProjection,
    method: Method = "auto",
    *,
    width: float | None = None,
    products: int | None = None,
    progress: Progress | None = None,
) -> Certificate:
    """Bound the orthogonal dynamics of every layer, MATH (22)-(27).

    Proved: upper bounds of ||Q_n M_n||, hence of every ||K(n, m)||, rounded outward: Hilbert-Schmidt norms (23) in the
    measures on boxes, sharp enclosures (24) from both sides in dimensions one and two there, in one in the law, and in
    that law roots of Dobrushin's coefficients (25). Proved beside them, about other norms and at any width: Dobrushin's
    coefficients of oscillations and Lipschitz constants (26). Not proved: the norm where it is not enclosed, with an
    observed error.

    Parameters
    ----------
    net : Network
        Every parameter has a value.
    projection : AbstractProjection
        On polynomials, in a box measure.
        Its measure is the measure of the norms.
    method : {"auto", "hilbert_schmidt", "sharp", "dobrushin", "lipschitz"}
        All bounds, the best for each layer, and estimates; Hilbert-Schmidt bounds only; sharp enclosures, and estimates
        where there are none; Hilbert-Schmidt bounds with Dobrushin's coefficients, or with Lipschitz constants.
    width : float, optional
        Relative width asked for of the sharp enclosures, 1e-4 by default, 5e-3 under uniform noise in dimension two;
        a layer says in ``reason`` where it was not reached.
    products : int, optional
        Layers of the longest product Q_n M_n Q_{n+1} M_{n+1} ... that is bounded in one piece, where sharp enclosures
        are asked for and exist; 1 for none. By default 4 if some layer does not contract on its own, else 1.
    progress : callable, optional
        Is called with (layers done, layers in all).

    Returns
    -------
    Certificate

    Raises
    ------
    MzError
        For another method, a width or length of products that is not positive, unbounded noise where the measure needs
        a box, or a parameter without a value.

    Examples
    --------
    >>> import mzsym as mz
    >>> layer = mz.dense([[1.0]], [0.0], activation="tanh", noise=mz.Uniform(2))
    >>> net = mz.Network([layer] * 3, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])
    >>> c = mz.certify(net, mz.Legendre(2), method="hilbert_schmidt")
    >>> bool(c.contracts), c.layers[1].upper < 0.71
    (True, True)
    >>> layer = mz.certify(net, mz.Legendre(2), method="sharp").layers[1]
    >>> 0.1753186 < layer.lower <= layer.upper < 0.1753187
    True
    >>> c = mz.certify(net, mz.Legendre(2), method="dobrushin")
    >>> c.layers[1].dobrushin < 0.5, c.dobrushin_window(0, 3) < 0.1
    (True, True)
    """
    if method not in get_args(Method):
        names = ", ".join(f'"{name}"' for name in get_args(Method))
        raise MzError(f"There is no method {method!r}", "certify(method=)", f"Use one of {names}")
    number = isinstance(width, (int, float)) and not isinstance(width, bool)
    if width is not None and not (number and 0.0 < width < math.inf):
        raise MzError(f"The width is {width!r}", "certify(width=)", "Give a positive number, such as 1e-4")
    if products is not None and (isinstance(products, bool) or not isinstance(products, int) or products < 1):
        raise MzError(f"The length of products is {products!r}", "certify(products=)", "Give a positive whole number")
    check_stated(net, projection, "certify")
    contractions = contractions_of(net, method in ("auto", "dobrushin"), method in ("auto", "lipschitz"))
    laws = LawChain(net)
    seen: dict[tuple[str, ...], LayerBound] = {}
    layers = []
    for n in range(net.depth):
        # Equal layers on equal boxes have equal norms, but not in laws that differ.
        key = (net.layers[n].key(), *((net.domains[n].key(), net.domains[n + 1].key()) if net.has_domains else ()))
        if projection.measure == LAW:
            key += (str(n),)
        if key not in seen:
            asked = default_width(net, n) if width is None else float(width)
            seen[key] = _layer(laws, projection, n, method, asked)
        layers.append(_with_contraction(replace(seen[key], n=n), net, projection, contractions))
        if progress is not None:
            progress(n + 1, net.depth)
    return Certificate(
        layers=tuple(layers),
        projection=projection.describe(),
        measure=measure_text(projection.measure),
        method=method,
        model_digest=net.digest,
        versions=_versions(),
        dobrushin_windows=contractions.dobrushin_windows,
        lipschitz_windows=contractions.lipschitz_windows,
        product_windows=_products(net, projection, method, layers, products),
        model=statement(net, projection),
    )


def _products(
    net: Network, projection: AbstractProjection, method: Method, layers: Sequence[LayerBound], longest: int | None
) -> tuple[Window, ...]:
    """Windows of products, where they are asked for or single layers do not contract."""
    ones = [layer.interior.upper for layer in layers]
    if longest is None:
        longest = LONGEST_PRODUCT if any(bound >= 1.0 for bound in ones[1:]) else 1
    if longest < 2 or method not in ("auto", "sharp") or not isinstance(projection, TotalDegree):
        return ()
    return product_windows(net, projection, ones, longest)


def _layer(laws: LawChain, projection: AbstractProjection, n: int, method: Method, width: float) -> LayerBound:
    """What belongs to ||Q_n M_n|| in the projection's measure, Dobrushin's coefficient left out."""
    net, wanted = laws.net, method in ("auto", "sharp")
    sharp, whole, inner = NOTHING, None, None
    reasons: list[str] = []
    bound = _square(net, projection, n)
    if wanted and isinstance(projection, TotalDegree) and projection.measure in BOX_MEASURES:
        sharp, whole, inner, reasons = _sharp(net, projection, n, width, method == "auto")
    elif wanted:
        sharp = _other_measure(laws, projection, n, width)
        reasons = [sharp.reason] if sharp.reason else []
        if math.isinf(sharp.upper):
            reasons.append("no estimate: it takes polynomials in a measure on boxes")
    enclosed = math.isfinite(sharp.upper)
    square = math.inf if method == "sharp" else bound.resolved
    known = method != "sharp" or enclosed
    upper = min(square, sharp.upper)
    return LayerBound(
        n=n,
        upper=upper,
        lower=sharp.lower,
        method=_name(method, sharp.upper, square, bound),
        standing=Standing.PROVED if known else Standing.ESTIMATED,
        operator=bound.operator if known else math.inf,
        entrance=min(bound.operator, bound.resolved, sharp.ends.entrance) if known else math.inf,
        resolved_entrance=sharp.ends.resolved,
        exit=sharp.ends.exit,
        interior=Interior(min(upper, sharp.interior_upper), inner, sharp.interior_lower),
        estimate=whole,
        reason="; ".join([*([bound.reason] if bound.reason and not enclosed and method != "sharp" else []), *reasons]),
        noise=noise_in_words(net, n),
        density=bound.density,
        volume=bound.volume,
        ratio=bound.ratio,
        plain_noise=net.layers[n].plain_noise,
        functions=sharp.functions if enclosed and upper == sharp.upper else 0,
    )


def _name(method: Method, sharp: float, square: float, bound: HilbertSchmidt) -> str:
    """Where the upper bound comes from."""
    if method == "sharp" or sharp < square:
        return "sharp"
    return "hilbert_schmidt" if math.isfinite(min(bound.resolved, bound.volume[1])) else "none"


def _other_measure(laws: LawChain, projection: AbstractProjection, n: int, width: float) -> Enclosure:
    """The enclosure of layer n in a measure that is not on boxes."""
    if not isinstance(projection, TotalDegree):
        return NOTHING
    degree = projection.degree_of(projection.size(1) - 1, 1)
    if projection.measure == LAW:
        return laws.enclosure(n, degree, width)
    return gaussian_enclosure(laws.net, degree, n, width) if projection.measure == "gaussian" else NOTHING


def _sharp(
    net: Network, projection: TotalDegree, n: int, width: float, beside: bool
) -> tuple[Enclosure, Estimate | None, Estimate | None, list[str]]:
    """The enclosure of layer n, and estimates where there is none, or ``beside`` a wide one of two dimensions."""
    plane = takes(net, n)
    found = plane_enclosure(net, projection, n, width) if plane else sharp_enclosure(net, projection, n, width)
    if math.isfinite(found.upper) and not (plane and beside and found.width > WIDE):
        return found, None, None, [found.reason] if found.reason else []
    whole, inner, left_out = _estimates(net, projection, n)
    return found, whole, inner, [reason for reason in (found.reason, left_out) if reason]


def _square(net: Network, projection: AbstractProjection, n: int) -> HilbertSchmidt:
    """The Hilbert-Schmidt bound of layer n, in the measures that have one."""
    measure = projection.measure
    if not _orthogonal(projection):
        return _no_hilbert_schmidt(projection)
    if measure in BOX_MEASURES or (isinstance(measure, sp.Expr) and net.has_domains):
        return hilbert_schmidt(net, projection, n)
    return gaussian_hilbert_schmidt(net, projection, n) if measure == "gaussian" else _no_hilbert_schmidt(projection)


def _orthogonal(projection: AbstractProjection) -> bool:
    """Whether P is an orthogonal projection: conditional expectations are, and Galerkin projections."""
    return not isinstance(projection, FiniteRank) or projection.orthogonal


def _no_hilbert_schmidt(projection: AbstractProjection) -> HilbertSchmidt:
    nothing = (math.inf, math.inf)
    # Conditional expectations do not expand in the law of the state (Jensen).
    operator = 1.0 if projection.measure == LAW else math.inf
    if not _orthogonal(projection):
        reason = f"the Hilbert-Schmidt bound is for orthogonal projections, and this is {projection.describe()}"
    else:
        reason = f"Hilbert-Schmidt bounds need a measure on boxes, and this is the {measure_words(projection.measure)}"
    return HilbertSchmidt(math.inf, operator, nothing, nothing, nothing, reason)


def _with_contraction(
    layer: LayerBound, net: Network, projection: AbstractProjection, found: Contractions
) -> LayerBound:
    """The bounds of other norms, and in the law of the state what they say about ||Q_n M_n||.

    In L2 of the law ||Q_n M_n||**2 <= alpha_n if Q_n and Q_{n+1} remove the constants, MATH (25).
    """
    n = layer.n
    layer = found.beside(layer)
    alpha = layer.dobrushin
    if str(projection.measure) != LAW or alpha is None:
        return layer
    if not (projection.keeps_constants and _orthogonal(projection)):
        reason = "the Dobrushin bound needs an orthogonal projection that keeps the constants"
        return replace(layer, reason=f"{layer.reason}; {reason}")
    upper = root_up(alpha)
    # P_n M_n Q_{n+1} v is the mean of Q_{n+1} v, which is 0, if P_n keeps nothing but constants.
    constants_only = isinstance(projection, FiniteRank) and projection.size(net.dims[n]) == 1
    return replace(
        layer,
        upper=min(upper, layer.upper),
        method="dobrushin" if upper < layer.upper else layer.method,
        functions=0 if upper < layer.upper else layer.functions,
        entrance=0.0 if constants_only else min(upper, layer.entrance),
        interior=replace(layer.interior, upper=min(upper, layer.interior.upper)),
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
        if noise.deterministic:
            phrases.append("no noise")
        elif noise.scale is None:
            phrases.append(str(noise))
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
        return None, None, "no estimate: it takes uniform and truncated Gaussian noise only"
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
    found = [("python", platform.python_version()), ("mzsym", VERSION)]
    for name in ("python-flint", "numpy", "scipy", "sympy"):
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            found.append((name, "not installed as a package"))
    return tuple(found)
