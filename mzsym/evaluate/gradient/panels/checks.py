"""What the adjoint of the panel scheme does not differentiate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mzsym.core import MzError
from mzsym.evaluate.panels.breaks import has_jumps
from mzsym.evaluate.schemes import why_panels
from mzsym.model.gains import gain_entries

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.projections import FiniteRank


def check_differentiable(net: Network, projection: FiniteRank) -> None:
    """Refuse, by name, what has no derivative here.

    Raises
    ------
    MzError
        For noise with shape parameters, and functions of several variables that jump.
    """
    for n, layer in enumerate(net.layers):
        laws = [*layer.noise, *(weight.noise for weight in layer.random(0))]
        names = sorted({symbol.name for law in laws for symbol in law.params})
        if names:
            reason = why_panels(net, projection)
            raise MzError(
                f"The noise of layer {n} has the shape parameters {', '.join(names)}, by which the panel scheme makes "
                f"no derivative{f' ({reason})' if reason else ''}",
                f"value_and_grad(scalar), layer {n}",
                'Put numbers in their places, use a law with a scale, or the scheme "spectral" where it does',
            )
    _check_jumps(net, projection)


def _check_jumps(net: Network, projection: FiniteRank) -> None:
    """In one dimension panels end where functions jump; elsewhere nothing does."""
    boxed = projection.boxed(net)
    for n, dim in enumerate(net.dims):
        stated = projection.stated_exprs(n, dim, boxed)
        if n < net.depth:
            layer = net.layers[n]
            stated = (*stated, *layer.map_exprs(n), *gain_entries(layer.gain_exprs(n)))
        if dim > 1 and has_jumps((*stated, *net.observable_exprs) if n == net.depth else stated):
            raise MzError(
                f"A function of X_{n}, which has dimension {dim}, jumps",
                f"value_and_grad(scalar), layer {n}",
                "Use functions without jumps, such as hardtanh in place of step",
            )
