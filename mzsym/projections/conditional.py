"""Zwanzig's projection: the conditional expectation given some of the neurons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np

from mzsym.core import MzError
from mzsym.projections.abstract import AbstractProjection
from mzsym.projections.measures import Measure

if TYPE_CHECKING:
    from mzsym.model import Network


@final
@dataclass(frozen=True)
class Conditional(AbstractProjection):
    """P f = E_mu[f | kept variables], MATH (7): orthogonal in L^2(mu_n), of infinite rank.

    Its terms are functions of the kept variables: the streaming term takes a function of the kept part of X_{n+1} to
    one of the kept part of X_n.

    Parameters
    ----------
    keep : sequence of int
        Indices of the kept components of the state, the same on every layer, in order.
    measure : {"uniform", "lebesgue", "gaussian", "law"} or sympy.Expr
        The conditional expectation does not depend on the total mass, so "uniform" and "lebesgue" give the same terms.

    Raises
    ------
    MzError
        For indices that are not distinct non-negative integers, and for another measure.

    Examples
    --------
    >>> Conditional([0]).dropped(3)
    (1, 2)
    """

    keep: Any
    measure: Measure = "uniform"
    _measures: ClassVar[tuple[str, ...]] = ("uniform", "lebesgue", "gaussian", "law", "weight")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "keep", _checked(self.keep))

    @property
    def keeps_constants(self) -> bool:
        return True

    def dropped(self, dim: int) -> tuple[int, ...]:
        """Indices of the components that are averaged out."""
        return tuple(i for i in range(dim) if i not in self.keep)

    def describe(self) -> str:
        listed = ", ".join(map(str, self.keep))
        return f"the conditional expectation given component{'s' if len(self.keep) > 1 else ''} {listed}"

    def check(self, net: Network) -> None:
        super().check(net)
        for n, dim in enumerate(net.dims):
            if max(self.keep) >= dim:
                raise MzError(
                    f"X_{n} has {dim} components, and component {max(self.keep)} is to be kept",
                    f"layer {n}, Conditional(keep=)",
                    "Keep components that every layer has",
                )


def _checked(keep: object) -> tuple[int, ...]:
    where = "Conditional(keep=)"
    if not isinstance(keep, Sequence) or isinstance(keep, str) or not keep:
        raise MzError(f"{keep!r} is no list of components", where, "Write Conditional(keep=[0])")
    for index in keep:
        if isinstance(index, bool) or not isinstance(index, (int, np.integer)) or index < 0:
            raise MzError(f"{index!r} is no index of a component", where, "Give integers from 0 on")
    indices = tuple(sorted(int(index) for index in keep))
    if len(set(indices)) < len(indices):
        raise MzError(f"A component stands twice in {list(keep)}", where, "Name each once")
    return indices
