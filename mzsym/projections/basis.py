"""Functions of the user's: their span, orthonormalised, or an oblique pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, final

import sympy as sp

from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.names import state_symbol
from mzsym.model.numeric import evaluate
from mzsym.model.values import state
from mzsym.projections.abstract import FiniteRank
from mzsym.projections.functions import checked_functions, combination, dependence, dimension_of, written
from mzsym.projections.independence import check_gram, check_independent
from mzsym.projections.measures import Measure

if TYPE_CHECKING:
    from mzsym.model import Box, Network

Functions: TypeAlias = tuple[sp.Expr, ...] | tuple[tuple[int, tuple[sp.Expr, ...]], ...]
"""The same functions on every layer, or a list per dimension."""


_NAMED = 30
"""Characters of a function that serves as its own name."""


@final
@dataclass(frozen=True)
class Basis(FiniteRank):
    """Projection on the span of the user's functions, MATH (6).

    P is orthogonal in the measure; its terms refer to the functions orthonormalised in their order (exact
    Gram-Schmidt). With ``test`` it is the oblique projection P f = sum phi_j (G^-1)_jk <psi_k, f> with
    G_jk = <psi_j, phi_k>, and its terms refer to the functions as they are.

    Parameters
    ----------
    exprs : sequence of sympy.Expr, or mapping of int to such sequences
        Functions phi of ``mz.state(N)``; a mapping gives each dimension N of a layer its own.
    measure : {"uniform", "lebesgue", "gaussian", "law"} or sympy.Expr
    test : like ``exprs``, optional
        Test functions psi, as many as there are functions.

    Raises
    ------
    MzError
        For a function that is not finite, depends on other symbols, or is a combination of those before it, which is
        named; for another number of test functions.

    Examples
    --------
    >>> x = state(1)
    >>> Basis([1, sp.tanh(x[0])]).size(1)
    2
    """

    exprs: Any
    measure: Measure = "uniform"
    test: Any = None
    _measures: ClassVar[tuple[str, ...]] = ("uniform", "lebesgue", "gaussian", "law", "weight")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "exprs", _checked(self.exprs, "Basis(exprs)"))
        _check_dependence(self.exprs, "Basis(exprs)")
        if self.test is not None:
            object.__setattr__(self, "test", _checked(self.test, "Basis(test=)"))
            _check_dependence(self.test, "Basis(test=)")
            counts, tests = _counts(self.exprs), _counts(self.test)
            if counts != tests:
                raise MzError(
                    f"There are {_said(counts)} functions and {_said(tests)} test functions",
                    "Basis(test=)",
                    "Give one test function per function, for the same dimensions",
                )

    @property
    def orthogonal(self) -> bool:
        return self.test is None

    @property
    def normalized(self) -> bool:
        return False

    @property
    def keeps_constants(self) -> bool:
        lists = [(None, self.exprs)] if not _per_dimension(self.exprs) else list(self.exprs)
        return all(
            combination(sp.S.One, row, state(max(dimension_of(row), 1) if dim is None else dim)) is not None
            for dim, row in lists
        )

    def functions(self, dim: int) -> tuple[sp.Expr, ...]:
        """Trial functions of ``mz.state(dim)``.

        Raises
        ------
        MzError
            Where none are stated for this dimension.
        """
        return _functions(self.exprs, dim, "Basis(exprs)")

    def test_functions(self, dim: int) -> tuple[sp.Expr, ...]:
        """Test functions of ``mz.state(dim)``."""
        return self.functions(dim) if self.test is None else _functions(self.test, dim, "Basis(test=)")

    def function_names(self, dim: int) -> tuple[str, ...]:
        texts = [str(function) for function in self.functions(dim)]
        return tuple(text if len(text) <= _NAMED else f"phi_{j}" for j, text in enumerate(texts))

    def size(self, dim: int) -> int:
        return len(self.functions(dim))

    def basis_exprs(self, n: int, dim: int, boxed: bool = True) -> tuple[sp.Expr, ...]:
        return _renamed(self.functions(dim), n, dim)

    def test_exprs(self, n: int, dim: int, boxed: bool = True) -> tuple[sp.Expr, ...]:
        return _renamed(self.test_functions(dim), n, dim)

    def evaluate(self, X: Array, box: Box | None = None) -> Array:
        """Values of the functions as stated, shape (points, dim) -> (points, d)."""
        return _values(self.functions(X.shape[1]), X)

    def test_values(self, X: Array, box: Box | None = None) -> Array:
        """Values of the test functions, shape (points, dim) -> (points, d)."""
        return _values(self.test_functions(X.shape[1]), X)

    def describe(self) -> str:
        kind = "functions of the user's" if self.test is None else "functions of the user's, with test functions"
        return f"{_said(_counts(self.exprs))} {kind}"

    def check(self, net: Network) -> None:
        super().check(net)
        boxed = self.boxed(net)
        for n, dim in enumerate(net.dims):
            for functions, where in ((self.exprs, "Basis(exprs)"), (self.test, "Basis(test=)")):
                if functions is not None:
                    _functions(functions, dim, f"{where}, layer {n}")
            if boxed and net.free_symbols:
                # The boxes are not known yet.
                continue
            box = net.domains[n] if boxed else None
            check_independent(self.functions(dim), dim, box, f"layer {n}, Basis(exprs)")
            if self.test is not None:
                check_independent(self.test_functions(dim), dim, box, f"layer {n}, Basis(test=)")
                check_gram(self, dim, box, f"layer {n}, Basis(test=)")


def _per_dimension(functions: Any) -> bool:
    return isinstance(functions[0], tuple)


def _checked(exprs: Any, where: str) -> Functions:
    if isinstance(exprs, Mapping):
        return _checked_mapping(dict(exprs), where)
    if isinstance(exprs, tuple) and exprs and all(isinstance(row, tuple) for row in exprs):
        # What a mapping became before: so that dataclasses.replace and repr round-trip.
        return _checked_mapping(dict(exprs), where)
    return checked_functions(exprs, where)


def _checked_mapping(exprs: Mapping[int, Sequence[Any]], where: str) -> Functions:
    rows = []
    for dim, row in sorted(exprs.items()):
        if isinstance(dim, bool) or not isinstance(dim, int) or dim < 1:
            raise MzError(f"The dimension is {dim!r}", where, "Give a mapping of dimensions 1, 2, ... to functions")
        functions = checked_functions(row, f"{where}[{dim}]")
        if dimension_of(functions) > dim:
            raise MzError(
                f"The functions for dimension {dim} need {dimension_of(functions)} variables",
                f"{where}[{dim}]",
                f"Use the symbols of mz.state({dim}) only",
            )
        rows.append((dim, functions))
    if not rows:
        raise MzError("The mapping is empty", where, "Give the functions of every dimension of a layer")
    return tuple(rows)


def _functions(functions: Functions, dim: int, where: str) -> tuple[sp.Expr, ...]:
    if not _per_dimension(functions):
        plain: tuple[sp.Expr, ...] = functions
        needed = dimension_of(plain)
        if needed > dim:
            raise MzError(
                f"The functions need {needed} variables, and the state has {dim}",
                where,
                "Use fewer variables, or give a mapping of dimensions to functions",
            )
        return plain
    rows = dict(functions)
    if dim not in rows:
        raise MzError(
            f"There are no functions for a state of dimension {dim}", where, f"Add {dim}: [...] to the mapping"
        )
    return tuple(rows[dim])


def _check_dependence(functions: Functions, where: str) -> None:
    rows = [functions] if not _per_dimension(functions) else [row for _, row in functions]
    for row in rows:
        found = dependence(row, state(max(dimension_of(row), 1)))
        if found is not None:
            k, constants = found
            raise MzError(
                f"The function {row[k]} equals {written(constants, row[:k])}", f"{where}, function {k}", "Leave it out"
            )


def _counts(functions: Functions) -> dict[int | None, int]:
    return {dim: len(row) for dim, row in functions} if _per_dimension(functions) else {None: len(functions)}


def _said(counts: Mapping[int | None, int]) -> str:
    return ", ".join(f"{k}" if dim is None else f"{k} ({dim}-D)" for dim, k in counts.items())


def _renamed(functions: tuple[sp.Expr, ...], n: int, dim: int) -> tuple[sp.Expr, ...]:
    names = dict(zip(state(dim), (state_symbol(n, i) for i in range(dim)), strict=True))
    return tuple(function.xreplace(names) for function in functions)


def _values(functions: tuple[sp.Expr, ...], X: Array) -> Array:
    return evaluate(functions, dict(zip(state(X.shape[1]), X.T, strict=True)), len(X))
