"""The derivation of the Mori-Zwanzig equation as one frozen value, with its proof and its views."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import sympy as sp

from mzsym.core import MzError
from mzsym.derive.operators.derivation_latex import derivation_latex
from mzsym.derive.operators.identities import concrete_steps, symbolic_steps
from mzsym.derive.operators.proof import DerivationError, algebra_of, prove
from mzsym.derive.operators.steps import Step
from mzsym.derive.operators.words import Algebra, Direction

__all__ = ["Derivation", "DerivationError", "derive_operator"]

WRITTEN_LAYERS = 256
"""Depth up to which the equations of a network are written out layer by layer: their length grows as its cube."""


@dataclass(frozen=True)
class Derivation:
    """Recorded steps from the definitions to MATH (11) and (12) or (13).

    Attributes
    ----------
    direction : "backward" or "forward"
    depth : int or None
        Number of layers, None for symbolic L.
    steps : tuple of Step
        Each rests on earlier ones only. Of a network of more than 256 layers those of the symbolic derivation.
    """

    direction: Direction
    depth: int | None
    steps: tuple[Step, ...] = field(repr=False)

    @property
    def algebra(self) -> Algebra:
        """The letters and their definitions."""
        return algebra_of(self.direction, self.depth)

    @property
    def written_out(self) -> bool:
        """Whether the steps are those of this depth; otherwise they are for all n and L, this depth among them."""
        return self.depth is None or self.depth <= WRITTEN_LAYERS

    @property
    def symbolic(self) -> Derivation:
        """The derivation for all n and L, of which a concrete one is the written-out case."""
        return self if self.depth is None else derive_operator(self.direction)

    def step(self, name: str) -> Step:
        """The step of a name, or MzError listing what there is."""
        for step in self.steps:
            if step.name == name:
                return step
        names = ", ".join(step.name for step in self.steps[:12])
        if not self.written_out:
            raise MzError(
                f"The equations of {self.depth} layers are not written out layer by layer",
                f"Derivation.step({name!r})",
                f"Use .equation, which holds for all n and L, or at most {WRITTEN_LAYERS} layers",
            )
        raise MzError(f"There is no step {name!r}", "Derivation.step", f"The steps are {names}, ...")

    def verify(self) -> tuple[str, ...]:
        """Prove every step by normal form, and that the steps end in the equations of the mathematics.

        Returns
        -------
        tuple of str
            Names of the proved steps, in order. For a concrete depth the symbolic derivation is proved as well.

        Raises
        ------
        DerivationError
            Naming the step that is not proved.

        Examples
        --------
        >>> derive_operator("backward", 3).verify()[-1]
        'projected[0]'
        """
        if not self.written_out:
            return self.symbolic.verify()
        if self.depth is not None:
            self.symbolic.verify()  # .equation and .latex() show it
        return prove(self.algebra, self.steps)

    @property
    def equation(self) -> sp.Eq:
        """MATH (11) or (13) for symbolic n and L, between operators in non-commuting SymPy functions."""
        return self.symbolic.step("projected").to_sympy()

    @property
    def unprojected(self) -> sp.Eq:
        """MATH (12), or (13) before the projection, for symbolic n and L."""
        return self.symbolic.step("unprojected").to_sympy()

    def equation_at(self, n: int) -> sp.Eq:
        """MATH (11) or (13) at layer n of a network of concrete depth, 0 <= n < L."""
        return self.step(f"projected[{self._layer(n)}]").to_sympy()

    def unprojected_at(self, n: int) -> sp.Eq:
        """MATH (12), or (13) before the projection, at layer n, 0 <= n < L."""
        return self.step(f"unprojected[{self._layer(n)}]").to_sympy()

    def _layer(self, n: int) -> int:
        if self.depth is None:
            raise MzError("The derivation is for symbolic n and L", "Derivation", "Use .equation, or give a depth")
        if isinstance(n, bool) or not isinstance(n, int) or not 0 <= n < self.depth:
            raise MzError(f"There is no equation at layer {n!r}", "Derivation", f"Use 0 <= n < {self.depth}")
        return n

    def steps_for(
        self, kind: Literal["streaming", "memory", "noise"], n: int | None = None, m: int | None = None
    ) -> tuple[str, ...]:
        """Names of the steps that one term of the projected equation rests on, in order.

        Parameters
        ----------
        kind : "streaming", "memory" or "noise"
        n : int, optional
            Layer of the equation (left out for the symbolic derivation).
        m : int, optional
            Layer that a memory term looks at: n+2 <= m <= L backward, 0 <= m < n forward.

        Returns
        -------
        tuple of str

        Examples
        --------
        >>> derive_operator("backward", 4).steps_for("streaming", 1)
        ('split[1]', 'insert[1]', 'unprojected[1]', 'projected[1]')
        """
        if kind not in ("streaming", "memory", "noise"):
            raise MzError(f"There is no term {kind!r}", "steps_for", 'Use "streaming", "memory" or "noise"')
        if self.depth is None:
            return tuple(
                step.name
                for step in self.steps
                if not (kind == "streaming" and (step.name == "orthogonal" or step.name.startswith("dyson")))
            )
        n = self._layer(n if n is not None else -1)
        ending = tuple(f"{name}[{n}]" for name in ("split", "insert", "unprojected", "projected"))
        if kind == "streaming":
            return ending
        sign = self.algebra.sign
        first = n + 1 if sign > 0 else n
        last = self.algebra.end.shift
        if kind == "memory":
            if m is None or not (n + 2 <= m <= self.depth if sign > 0 else 0 <= m < n):
                allowed = f"{n + 2} <= m <= {self.depth}" if sign > 0 else f"0 <= m < {n}"
                raise MzError(f"There is no memory of layer {m!r} at layer {n}", "steps_for", f"Use {allowed}")
            last = m - sign  # Phi(row, m) comes into (10) one layer before m
        # at the end layer there is nothing to solve, so the last equation does not rest on (10)
        rows = range(last, first - sign, -sign) if first != self.algebra.end.shift else range(0)
        parts = ("dyson-unfold", "dyson-insert", "dyson-substitute", "dyson-fold", "dyson")
        ladder = [f"{part}[{row}]" for row in rows for part in (parts if row != self.algebra.end.shift else parts[-1:])]
        return (*ladder, f"orthogonal[{first}]", *ending)

    def latex(self, n: int | None = None) -> str:
        """The derivation to read: a sentence and a numbered equation per step (amsmath).

        For a concrete depth it is the symbolic derivation followed by the equations of layer ``n`` (default 0).
        """
        if self.depth is None:
            return derivation_latex(self.direction, self.steps, None)
        n = self._layer(0 if n is None else n)
        written = (self.depth, n, self.step(f"projected[{n}]")) if self.written_out else None
        return derivation_latex(self.direction, self.symbolic.steps, written)


@lru_cache(maxsize=4)
def _symbolic(direction: Direction) -> Derivation:
    return Derivation(direction, None, symbolic_steps(algebra_of(direction, None)))


def derive_operator(direction: Direction = "backward", depth: int | None = None) -> Derivation:
    """Derive the Mori-Zwanzig equation between operators, MATH (10)-(13), as recorded steps.

    Parameters
    ----------
    direction : "backward" or "forward"
        Observables, (11) and (12), or densities, (13).
    depth : int, optional
        Number of layers; left out, n and L are symbols and (10) is proved by induction. Of more than 256 layers the
        steps are not written out: the symbolic ones hold for them.

    Returns
    -------
    Derivation
        Its ``verify()`` proves every step.

    Raises
    ------
    MzError
        For an unknown direction or a depth below 1.

    Examples
    --------
    >>> print(derive_operator("backward", 2).equation_at(0).rhs)
    P(0)*M(0)*P(1)*q(1) + P(0)*M(0)*Phi(1, 2)*P(2)*q(2) + P(0)*M(0)*Phi(1, 2)*Q(2)*u
    """
    if depth is None:
        algebra_of(direction, None)  # refuses an unknown direction before it becomes a cache key
        return _symbolic(direction)
    algebra = algebra_of(direction, depth)
    written = depth <= WRITTEN_LAYERS
    return Derivation(direction, depth, concrete_steps(algebra) if written else _symbolic(direction).steps)
