"""``reduce``: from a deep network to a shallow one with a bounded error."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from mzsym.certify import certify
from mzsym.certify.bounds import decimal_up
from mzsym.core import MzError, Options
from mzsym.derive import derive
from mzsym.evaluate import compile as compiled
from mzsym.projections import Conditional
from mzsym.projections.checks import check_stated, finite_rank
from mzsym.reduce.a_priori import proved_bounds
from mzsym.reduce.depths import DepthBound, depth_bounds
from mzsym.reduce.measured import points_of
from mzsym.reduce.readouts import readouts
from mzsym.reduce.reduction import Reduction, check_depth
from mzsym.reduce.shallow import shallow_network
from mzsym.reduce.truncation import check_certificate
from mzsym.reduce.verified import proved_errors, reason_against

if TYPE_CHECKING:
    from mzsym.certify import Certificate
    from mzsym.evaluate.protocols import HasSolution
    from mzsym.model import Network
    from mzsym.projections import AbstractProjection


DEEP = 16
"""Layers above which errors are proved of one depth only."""

SHARE, ROUNDING, SMALLEST = 1e-5, 1e-12, 2.0**-64
"""What one layer may add to a proved error, relative; errors that are rounding; the least of it, absolute."""


def reduce(
    net: Network,
    projection: AbstractProjection,
    tolerance: float | None = None,
    depth: int | None = None,
    *,
    certificate: Certificate | None = None,
    evaluator: HasSolution | None = None,
    options: Options | None = None,
    prove: bool = True,
) -> Reduction:
    """Replace a deep network by the first H of its layers with a read-out from each, MATH (29).

    Exact: the equation behind it; what is left out is M_0 Phi(1, H) Q_H q_H and nothing else. Proved: the a-priori
    bound of that, where the certificate is finite; and in dimension one to three, for analytic maps (in dimension one
    also with kinks) and uniform, truncated Gaussian or no noise, ``error_bound`` itself: the distance of q_0 to
    ``r.network`` with its computed read-outs.
    Estimated elsewhere: ``error_bound`` is then that distance from the tables plus their observed error.

    Parameters
    ----------
    net : Network
    projection : FiniteRank
        Its range on a layer is what the network may read out there; its measure is that of the errors.
    tolerance : float, optional
        Absolute, in L^2(mu_0) of q_0: the smallest H < L with an ``error_bound`` of at most this is taken.
    depth : int, optional
        H itself, 1 <= H <= L. Give one of the two.
    certificate : Certificate, optional
        Of this network and projection; made where it is missing.
    evaluator : Evaluator, optional
        Of the backward equation of this network and projection; made where it is missing.
    options : Options, optional
    prove : bool
        Whether to prove errors where that is possible: of every depth, or of the one taken if L is above 16.

    Returns
    -------
    Reduction

    Raises
    ------
    MzError
        When no depth below L meets the tolerance, with the best error that one reaches; for a projection that is not of
        finite rank, and what ``derive``, ``compile`` and ``certify`` refuse.

    Examples
    --------
    >>> import mzsym as mz
    >>> layers = [mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(0.5))] * 6
    >>> net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])
    >>> r = reduce(net, mz.Legendre(3), tolerance=1e-3)
    >>> r.depth, r.measured_error <= r.error_bound <= 1e-3, str(r.standing)
    (2, True, 'proved')
    >>> r.predict([[0.5]]).shape, sorted(r.network.readouts), r.network.depth
    ((1,), [1], 2)
    """
    if isinstance(projection, Conditional):
        raise MzError(
            f"{projection.describe().capitalize()} keeps neurons, and has no read-outs",
            "reduce(projection)",
            "Use fewer_neurons(net, projection) of mzsym.reduce, or a projection on functions",
        )
    check_stated(net, projection, "reduce")
    basis = finite_rank(projection, "reduce(projection)")
    tolerance = checked_request(tolerance, depth)
    if depth is not None:
        depth = check_depth(depth, net.depth)
    ev = compiled(derive(net, projection, options=options), options=options) if evaluator is None else evaluator
    _check_evaluator(ev, net, projection)
    if certificate is None:
        certificate = certify(net, projection)
    check_certificate(certificate, net, projection)
    points = points_of(net, projection, ev.solution.breaks)
    found = depth_bounds(ev, certificate, points)
    wanted = range(1, net.depth + 1) if net.depth <= DEEP else [depth or _smallest(found, tolerance)]
    found, unproved = _with_proofs(ev, certificate, found, wanted) if prove else (found, "no proof was asked for")
    chosen = depth if depth is not None else _smallest(found, tolerance)
    alpha = readouts(ev.solution.tables, chosen)
    shaped = alpha if net.observable_is_list else tuple(a[:, 0] for a in alpha)
    noise_free, size = math.nan, math.nan
    if points is not None:
        exact = ev.expectation(points.X).reshape(len(points.X), -1)
        without = net.observe(net.forward(points.X)).reshape(exact.shape)
        noise_free, size = float(points.norm(exact - without).max()), float(points.norm(exact).min())
    return Reduction(
        depth=chosen,
        network=shallow_network(ev, basis, alpha),
        readouts={m + 1: a for m, a in enumerate(shaped)},
        depths=found,
        tolerance=tolerance,
        certificate=certificate,
        deep=ev,
        noise_free=noise_free,
        size=size,
        rule="" if points is None else points.how,
        unproved=unproved,
        points=points,
    )


def _with_proofs(
    ev: HasSolution, certificate: Certificate, found: tuple[DepthBound, ...], wanted: Iterable[int]
) -> tuple[tuple[DepthBound, ...], str]:
    """The depths with proved errors where there are any, and why there are none."""
    projection = finite_rank(ev.projection, "reduce(projection)")
    reason = reason_against(ev.network, projection)
    if reason:
        return found, reason
    tables = ev.solution.tables
    shallow = {depth: shallow_network(ev, projection, readouts(tables, depth)) for depth in wanted}
    # Small beside the errors that are to be proved; those that are nothing but rounding do not count.
    sizes = [found[depth - 1].a_posteriori for depth in shallow]
    target = max(SMALLEST, SHARE * min((size for size in sizes if size > ROUNDING), default=ROUNDING))
    proofs = proved_errors(ev.network, projection, shallow, target)
    a_priori = proved_bounds(ev.network, projection, certificate, proofs.tails)
    return tuple(
        replace(item, proved=proofs.errors.get(item.depth, math.inf), a_priori=bound)
        for item, bound in zip(found, a_priori, strict=True)
    ), proofs.reason


def checked_request(tolerance: float | None, depth: int | None) -> float | None:
    """The tolerance, where it and not a depth decides.

    Raises
    ------
    MzError
        For both or neither, and a tolerance that is not positive.
    """
    if (tolerance is None) == (depth is None):
        raise MzError("Either a tolerance or a depth decides", "reduce(tolerance=, depth=)", "Give one of the two")
    if tolerance is None:
        return None
    if isinstance(tolerance, bool) or not isinstance(tolerance, (int, float)) or not 0.0 < tolerance < math.inf:
        raise MzError(f"The tolerance is {tolerance!r}", "reduce(tolerance=)", "Give a positive number such as 1e-3")
    return float(tolerance)


def _smallest(found: tuple[DepthBound, ...], tolerance: float | None) -> int:
    """The smallest depth below that of the network which meets the tolerance."""
    assert tolerance is not None
    shallower = found[:-1]
    if not shallower:
        raise MzError("A network of one layer has no shallower one", "reduce(tolerance=)", "Reduce a deeper network")
    for item in shallower:
        if item.bound <= tolerance:
            return item.depth
    best = min(shallower, key=lambda item: item.bound)
    raise MzError(
        f"No network of fewer than {len(found)} layers has an error of at most {tolerance:g}: the best that can be "
        f"reached is {decimal_up(best.bound, 3)} ({best.standing}), at depth {best.depth}",
        "reduce(tolerance=)",
        f"Ask for {decimal_up(best.bound, 2)}, give depth=, or use a larger projection",
    )


def _check_evaluator(ev: HasSolution, net: Network, projection: AbstractProjection) -> None:
    if ev.direction != "backward" or ev.network != net or ev.projection != projection:
        raise MzError(
            "The evaluator belongs to another network or projection, or to the forward equation",
            "reduce(evaluator=)",
            "Use mz.compile(mz.derive(net, projection)), or leave it out",
        )
