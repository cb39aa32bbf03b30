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
        For noise with shape parameters, and functions that jump.
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
        if has_jumps([*layer.map_exprs(n), *gain_entries(layer.gain_exprs(n))]):
            raise _jumps(f"The map of layer {n} jumps", f"layer {n}")
    boxed = projection.boxed(net)
    for n, dim in enumerate(net.dims):
        if has_jumps(projection.stated_exprs(n, dim, boxed)):
            raise _jumps(f"Functions or the weight of the projection on layer {n} jump", f"layer {n}")
    if has_jumps(net.observable_exprs):
        raise _jumps("The observable jumps", "observable")


def _jumps(what: str, where: str) -> MzError:
    return MzError(
        f"{what}, and the panel scheme differentiates continuous functions",
        f"value_and_grad(scalar), {where}",
        "Use functions without jumps, such as hardtanh in place of step",
    )
