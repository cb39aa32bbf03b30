"""How much noise makes ||Q_n M_n|| <= kappa a theorem, MATH (28)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from mzsym.certify.certify import certify
from mzsym.certify.plane.proof import default_width
from mzsym.certify.search.alone import alone, checked_index
from mzsym.certify.search.levels import LevelSearch
from mzsym.certify.search.noise_level import Moved, NoiseLevel, Tried
from mzsym.certify.sharp.proof import WIDTH
from mzsym.core import MzError
from mzsym.projections.checks import check_stated
from mzsym.projections.measures import BOX_MEASURES, measure_text, measure_words

if TYPE_CHECKING:
    from mzsym.certify.bounds import LayerBound
    from mzsym.certify.certificate import Certificate
    from mzsym.model import Network
    from mzsym.projections import AbstractProjection

NoiseMethod: TypeAlias = Literal["auto", "sharp", "hilbert_schmidt", "dobrushin"]


def minimal_noise(
    net: Network,
    n: int,
    projection: AbstractProjection,
    kappa: float = 0.9,
    method: NoiseMethod = "auto",
    *,
    tolerance: float = 1e-3,
    progress: Callable[[Tried], None] | None = None,
) -> NoiseLevel:
    """A noise level of layer n at which ||Q_n M_n|| <= kappa is proved, and one below it where it fails, MATH (28).

    Proved: the bound at every level that was examined. Not assumed: that the norm falls as the noise grows, because
    Omega_{n+1} grows with it. What is returned is the bracket that was found from the stated level downwards (upwards
    where that one is not certified): levels below ``fails_below`` may be certified as well.

    Parameters
    ----------
    net : Network
        Every parameter has a value.
    n : int
        0 <= n < L. Its noise has a scale; where its components have laws of their own, all get the same scale.
    projection : AbstractProjection
        As ``certify`` takes it.
    kappa : float
        0 < kappa <= 1.
    method : {"auto", "sharp", "hilbert_schmidt", "dobrushin"}
        What proves: sharp enclosures (24), the only ones that prove that a level fails; Hilbert-Schmidt bounds (23);
        in the law of the state the roots of Dobrushin's coefficients (25). "auto" takes the best of those there are.
    tolerance : float
        Relative width asked for of the bracket; levels have two more digits than it needs.
    progress : callable, optional
        Is called with every level that was examined, and its bounds.

    Returns
    -------
    NoiseLevel

    Raises
    ------
    MzError
        For a layer that is not there, has no noise or noise without a scale; for kappa outside (0, 1]; where the method
        has no bound for such a layer; where no level is certified, with the best bound that was met.

    Examples
    --------
    >>> import mzsym as mz
    >>> layer = mz.dense([[1.5]], activation="tanh", noise=mz.Uniform(0.5))
    >>> net = mz.Network([layer] * 3, domain=mz.Box([(-1, 1)]))
    >>> level = minimal_noise(net, 1, mz.Legendre(1), kappa=0.9)
    >>> level.certified, level.fails_below, level.upper <= 0.9 < level.lower
    (0.20666, 0.20653, True)
    >>> [moved.n for moved in level.moved]
    [2, 3]
    >>> minimal_noise(net, 1, mz.Legendre(1), 0.9, method="hilbert_schmidt").certified
    1.1988
    """
    check_stated(net, projection, "minimal_noise")
    n = _checked_layer(net, n)
    _check_number(kappa, 1.0, "kappa")
    _check_number(tolerance, 0.5, "tolerance")
    one = alone(net, n)
    # At the default tolerance the width is that of a certificate by default; where more is dear, it stays so.
    width = default_width(one, 0)
    width = min(width, tolerance / 10.0) if width <= WIDTH else width
    methods = _methods(method, projection, n == 0 and net.input_law.kind == "uniform")
    bound_at, name = _bounding(one, projection, methods, width)
    found = LevelSearch(bound_at, float(kappa), float(tolerance), progress).run(
        float(one.layers[0].scale_values(one.shared)[0])
    )
    certified = found.certified
    if certified is None:
        raise MzError(
            f"No level was found at which ||Q_{n} M_{n}|| <= {kappa:g} is proved: {found.why_not()}",
            "minimal_noise(kappa=)",
            "Ask for a larger kappa, resolve more functions, or use another method",
        )
    moved_net = net.with_params({(n, "scale"): certified.level})
    fails = found.fails

    def certificate_at(item: Tried, how: Any) -> Certificate:
        return certify(one.with_params({(0, "scale"): item.level}), projection, method=how, width=width)

    return NoiseLevel(
        layer=n,
        kappa=float(kappa),
        method=name,
        projection=projection.describe(),
        measure=measure_text(projection.measure),
        certified=certified.level,
        upper=certified.upper,
        fails_below=None if fails is None else fails.level,
        lower=None if fails is None else fails.lower,
        width=width,
        moved=_moved(net, moved_net),
        tried=tuple(sorted(found.tried)),
        network=moved_net,
        proof=certificate_at(certified, certified.method),
        # Only sharp enclosures have lower bounds.
        refutation=None if fails is None else certificate_at(fails, "sharp"),
    )


def _checked_layer(net: Network, n: Any) -> int:
    index = checked_index(net, n, "minimal_noise(n)")
    for noise in net.layers[index].noise:
        if noise.deterministic:
            raise MzError(f"Layer {n} has no noise", "minimal_noise(n)", "Give every component a noise law")
        if noise.scale is None:
            raise MzError(f"The noise of layer {n} has no scale", "minimal_noise(n)", "Use a law such as mz.Uniform")
    return index


def _check_number(value: Any, most: float, name: str) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 < value <= most:
        where = f"minimal_noise({name}=)"
        raise MzError(f"{name} is {value!r}", where, f"Give a number above 0 and at most {most:g}")


def _methods(method: Any, projection: AbstractProjection, first: bool) -> tuple[NoiseMethod, ...]:
    """The methods of ``certify`` that bound ||Q_n M_n|| in this measure; whether X_n is X_0, uniform on its box."""
    if method not in get_args(NoiseMethod):
        names = ", ".join(f'"{name}"' for name in get_args(NoiseMethod))
        raise MzError(f"There is no method {method!r}", "minimal_noise(method=)", f"Use one of {names}")
    fitting: tuple[NoiseMethod, ...] = ()
    if projection.measure in (*BOX_MEASURES, "gaussian"):
        fitting = ("sharp", "hilbert_schmidt")
    elif projection.measure == "law":
        # The other layers see a law that a layer on its own does not have.
        fitting = ("sharp", "dobrushin") if first else ("dobrushin",)
    chosen = fitting if method == "auto" else tuple(name for name in fitting if name == method)
    if not chosen:
        raise MzError(
            f"The method {method!r} proves nothing about ||Q_n M_n|| in the {measure_words(projection.measure)}",
            "minimal_noise(method=)",
            'Use "sharp" or "hilbert_schmidt" in measures on boxes and the Gaussian one, "dobrushin" in the law',
        )
    return chosen


def _bounding(
    one: Network, projection: AbstractProjection, methods: tuple[NoiseMethod, ...], width: float
) -> tuple[Callable[[float], Tried], str]:
    """What bounds the norm at a level, by the methods that bound this layer; and the name of the first."""

    def layer_of(net: Network, method: NoiseMethod) -> LayerBound:
        return certify(net, projection, method=method, width=width).layers[0]

    probes = {method: layer_of(one, method) for method in methods}
    useful = [method for method, probe in probes.items() if math.isfinite(probe.upper)]
    if not useful:
        parts = (part for probe in probes.values() for part in probe.reason.split("; "))
        # Why there is no estimate either does not matter here.
        reasons = "; ".join(dict.fromkeys(part for part in parts if part and not part.startswith("no estimate")))
        raise MzError(
            f"There is no proved bound of ||Q_n M_n|| for this layer: {reasons}",
            "minimal_noise(method=)",
            "Use another method or measure",
        )

    def bound_at(level: float) -> Tried:
        net = one.with_params({(0, "scale"): level})
        bounds = [layer_of(net, method) for method in useful]
        best = min(bounds, key=lambda bound: bound.upper)
        return Tried(level, max(bound.lower for bound in bounds), best.upper, best.method)

    return bound_at, useful[0]


def _moved(before: Network, after: Network) -> tuple[Moved, ...]:
    """The domains that differ."""
    if not (before.has_domains and after.has_domains):
        return ()
    pairs = enumerate(zip(before.domains, after.domains, strict=True))
    return tuple(Moved(m, old, new) for m, (old, new) in pairs if old != new)
