"""Letters as small random matrices: an oracle for claims that knows nothing of normal forms.

Every atom is computed from its meaning (a product over layers), every sum by a loop, so a claim holds here for
independent reasons or not at all.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import numpy as np

from mzsym.derive.operators.indices import Index
from mzsym.derive.operators.steps import Claim, Step
from mzsym.derive.operators.sums import Expression
from mzsym.derive.operators.words import Factor, Word


class Nonsense(Exception):
    """An index outside 0..L, or letters that do not fit together."""


class Matrices:
    """Random M_n, N_n and projections P_n (orthogonal or oblique) for layers 0..depth."""

    def __init__(self, depth: int, seed: int, oblique: bool, largest: int = 4) -> None:
        rng = np.random.default_rng(seed)
        self.depth = depth
        self.dims = [int(k) for k in rng.integers(2, largest + 1, size=depth + 1)]
        self.M = [rng.standard_normal((self.dims[n], self.dims[n + 1])) / 2 for n in range(depth)]
        self.N = [rng.standard_normal((self.dims[n + 1], self.dims[n])) / 2 for n in range(depth)]
        self.P = [self._projection(rng, dim, oblique) for dim in self.dims]
        self.u = rng.standard_normal(self.dims[depth])
        self.p0 = rng.standard_normal(self.dims[0])

    @staticmethod
    def _projection(rng: np.random.Generator, dim: int, oblique: bool) -> np.ndarray:
        rank = int(rng.integers(1, dim))
        basis, _ = np.linalg.qr(rng.standard_normal((dim, dim)))
        inside, outside = basis[:, :rank], basis[:, rank:]
        if not oblique:
            return inside @ inside.T
        # along another complement: the range stays, the kernel is tilted by a bounded amount
        tilt = rng.uniform(-0.5, 0.5, size=(rank, dim - rank))
        return inside @ (inside.T + tilt @ outside.T)

    def layer(self, n: int, count: int) -> int:
        if not 0 <= n < count:
            raise Nonsense(n)
        return n

    def product(self, row: int, col: int, letters: str) -> np.ndarray:
        """Product over layers from functions of ``col`` to functions of ``row``."""
        self.layer(row, self.depth + 1)
        self.layer(col, self.depth + 1)
        step = 1 if letters in ("M", "QM") else -1
        if (col - row) * step < 0:
            raise Nonsense(f"{letters}({row},{col})")
        value = np.eye(self.dims[row])
        for n in range(row, col, step):
            if letters.startswith("Q"):
                value = value @ (np.eye(self.dims[n]) - self.P[n])
            value = value @ (self.M[n] if step == 1 else self.N[n - 1])
        return value

    def factor(self, factor: Factor, at: Mapping[str, int]) -> np.ndarray:
        row = number(factor.row, at)
        col = None if factor.col is None else number(factor.col, at)
        head = factor.head
        if col is None:
            if head == "q":
                return self.product(row, self.depth, "M") @ self.u
            if head == "p":
                return self.product(row, 0, "N") @ self.p0
            if (head, row) == ("u", self.depth):
                return self.u
            if (head, row) == ("p0", 0):
                return self.p0
            raise Nonsense(str(factor))
        if head in ("P", "Q") and row == col:
            projection = self.P[self.layer(row, self.depth + 1)]
            return projection if head == "P" else np.eye(len(projection)) - projection
        if head == "M" and col == row + 1:
            return self.M[self.layer(row, self.depth)]
        if head == "N" and col == row - 1:
            return self.N[self.layer(col, self.depth)]
        letters = {"M*": "M", "N*": "N", "Phi": "QM", "Psi": "QN"}.get(head)
        if letters is None:
            raise Nonsense(str(factor))
        return self.product(row, col, letters)

    def word(self, word: Word, at: Mapping[str, int]) -> np.ndarray:
        value: np.ndarray | None = None
        for factor in word:
            matrix = self.factor(factor, at)
            if value is not None and (value.ndim != 2 or value.shape[1] != matrix.shape[0]):
                raise Nonsense("shapes")
            value = matrix if value is None else value @ matrix
        if value is None:
            raise Nonsense("no letters")
        return value

    def value(self, expression: Expression, at: Mapping[str, int]) -> np.ndarray | float:
        total: np.ndarray | float = 0.0
        for coefficient, word, over in expression:
            if over is None:
                terms = [self.word(word, at)]
            else:
                low, high = number(over.low, at), number(over.high, at)
                if low > high + 1:
                    raise Nonsense("bounds")
                terms = [self.word(word, {**at, over.dummy: k}) for k in range(low, high + 1)]
            for term in terms:
                if isinstance(total, np.ndarray) and total.shape != term.shape:
                    raise Nonsense("shapes")
                total = total + coefficient * term
        return total

    def error(self, claim: Claim, at: Mapping[str, int]) -> float:
        """Largest entry of lhs - rhs, relative to the size of what was added up."""
        left, right = self.value(claim.lhs, at), self.value(claim.rhs, at)
        if np.shape(left) != np.shape(right) and np.shape(left) != () and np.shape(right) != ():
            raise Nonsense("shapes")
        return float(np.max(np.abs(left - right), initial=0.0) / (1.0 + np.max(np.abs(left), initial=0.0)))


def number(index: Index, at: Mapping[str, int]) -> int:
    if not index.symbol:
        return index.shift
    if index.symbol not in at:
        raise Nonsense(f"free {index.symbol}")
    return at[index.symbol] + index.shift


def instances(step: Step, depth: int) -> Iterator[dict[str, int]]:
    """All values of n (and L = depth) that meet the assumptions of a step."""
    for n in range(-2, depth + 3) if step.given else [0]:
        at = {"n": n, "L": depth}
        if all(number(low, at) <= number(high, at) for low, high in step.given):
            yield at


def holds(step: Step, depths: tuple[int, ...], seed: int = 0) -> bool:
    """Whether a step's claim is true, judged by matrices of the given depths, oblique projections."""
    for depth, copy in itertools.product(depths, range(2)):
        matrices = Matrices(depth, seed + copy, oblique=True)
        for at in instances(step, depth):
            try:
                if matrices.error(step.claim, at) > 1e-9:
                    return False
            except Nonsense:
                return False
    return True
