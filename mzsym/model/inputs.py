"""The law of X_0: uniform, independent noise laws, a density, or samples."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal, TypeAlias

import numpy as np
import sympy as sp

from mzsym.balls import interval, lower, precision
from mzsym.calculus.laws import Law
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.core.names import NOISE_VARIABLE, lower_symbol, state_symbol, upper_symbol
from mzsym.model.box import Box
from mzsym.model.density import break_points, check_density
from mzsym.model.density_noise import Noise
from mzsym.model.input_density import Factor, check_joint, factors_of, sample_factor
from mzsym.model.noise import AbstractNoise
from mzsym.model.numeric import evaluate
from mzsym.model.statements import checked_expr
from mzsym.model.values import exact_expr, state

Kind: TypeAlias = Literal["uniform", "normal", "independent", "density", "samples"]


@dataclass(frozen=True, eq=False)
class InputLaw:
    """Law of X_0; made by ``input_law``.

    Attributes
    ----------
    kind : {"uniform", "normal", "independent", "density", "samples"}
        "normal": standard, on R^N. "independent": one noise law per component. "density": with respect to dx.
    dim : int
        N_0.
    laws : tuple of noise laws
        Of "independent".
    expr : sympy.Expr or None
        Of "density", in ``mz.state(N_0)``.
    samples : array of shape (points, N_0), or None
    """

    kind: Kind
    dim: int
    laws: tuple[AbstractNoise, ...] = ()
    expr: sp.Expr | None = None
    samples: Array | None = None

    def sample(self, rng: np.random.Generator, points: int, box: Box | None) -> Array:
        """Independent draws, shape (points, N_0); from given samples with replacement.

        Parameters
        ----------
        rng : numpy Generator
        points : int
        box : Box or None
            Domain of X_0.

        Raises
        ------
        MzError
            For a density in several variables on R^N that is no product.
        """
        if self.samples is not None:
            return np.array(self.samples[rng.integers(0, len(self.samples), points)])
        if self.kind == "uniform" and box is not None:
            return rng.uniform(box.lower, box.upper, (points, self.dim))
        if self.kind == "independent":
            columns = [law.sample(rng, points, _scale(law)) for law in self.laws]
            X = np.stack(columns, axis=1)
        elif self.expr is not None:
            X = np.empty((points, self.dim))
            for factor in self._factors:
                X[:, list(factor.indices)] = sample_factor(factor, rng, points, box)
        else:
            X = rng.standard_normal((points, self.dim))
        return X if box is None else np.clip(X, box.lower, box.upper)

    @cached_property
    def _factors(self) -> tuple[Factor, ...]:
        assert self.expr is not None
        return factors_of(self.expr, state(self.dim))

    def density_expr(self, dim: int) -> sp.Expr | None:
        """Density with respect to dx in ``state_symbol(0, i)`` and the symbols of the box's ends; None for samples."""
        x = [state_symbol(0, i) for i in range(dim)]
        if self.kind == "uniform":
            return sp.Mul(*(1 / (upper_symbol(0, i) - lower_symbol(0, i)) for i in range(dim)))
        if self.kind == "normal":
            return sp.exp(-sp.Add(*(symbol**2 for symbol in x)) / 2) / (2 * sp.pi) ** sp.Rational(dim, 2)
        if self.kind == "independent":
            return sp.Mul(*(_on_support(law, symbol) for law, symbol in zip(self.symbolic_laws, x, strict=True)))
        return None if self.expr is None else self.expr.xreplace(dict(zip(state(dim), x, strict=True)))

    @property
    def symbolic_laws(self) -> tuple[Law, ...]:
        """Symbolic laws of the components where they are independent noise laws; empty otherwise."""
        return tuple(law.law(exact_expr(_exact(law))) for law in self.laws)

    def density(self, X: Array, box: Box | None) -> Array:
        """Density with respect to dx at X, shape (points, N_0) -> (points,).

        Raises
        ------
        MzError
            For samples, which have none.
        """
        expr = self.density_expr(self.dim)
        if expr is None:
            raise MzError("Samples of X_0 have no density", "input law", "State the law of X_0 by a density")
        values: dict[sp.Symbol, Any] = {state_symbol(0, i): X[:, i] for i in range(self.dim)}
        for i, (lo, hi) in enumerate(box.intervals if box is not None else ()):
            values |= {lower_symbol(0, i): lo, upper_symbol(0, i): hi}
        return evaluate([expr], values, len(X))[:, 0]

    def breaks(self, i: int) -> tuple[float, ...]:
        """Points of component i at which the density is not smooth, ends of a law's support included."""
        if self.kind == "independent":
            points = [float(point) for point in self.symbolic_laws[i].breaks]
            ends = self.laws[i].support(_scale(self.laws[i]))
            return tuple(sorted({*points, *(end for end in ends if np.isfinite(end))}))
        if self.expr is None:
            return ()
        found = break_points(self.expr, state(self.dim)[i])
        return tuple(sorted(float(point) for point in found if point.is_number and point.is_real))

    def key(self) -> str:
        """Canonical text of the exact content."""
        if self.samples is not None:
            digest = hashlib.sha256(np.ascontiguousarray(self.samples, dtype="<f8").tobytes()).hexdigest()
            return f"samples:{self.samples.shape}:{digest}"
        if self.kind == "independent":
            return f"independent:{','.join(law.key() for law in self.laws)}"
        # Without a domain "uniform" is the normal law; the digest of the network knows the domain.
        return "uniform" if self.expr is None else f"density:{sp.srepr(self.expr)}"

    def describe(self) -> str:
        """One phrase, for example ``uniform on its box``."""
        if self.samples is not None:
            return f"one of {len(self.samples)} samples"
        if self.kind == "independent":
            names = [repr(law) for law in self.laws]
            return names[0] if len(set(names)) == 1 else "; ".join(names)
        if self.expr is not None:
            return f"density {self.expr}"
        return "uniform on its box" if self.kind == "uniform" else "standard normal"


def input_law(stated: Any, dim: int, box: Box | None) -> InputLaw:
    """The law of X_0 that a user states, checked.

    Parameters
    ----------
    stated : InputLaw, "uniform", noise law, list of noise laws, sympy.Expr or array of shape (points, N_0)
    dim : int
    box : Box or None
        Domain of X_0.

    Raises
    ------
    MzError
        For a law that leaves the box, a density proved negative or not normalised on it, or a sample outside of it.

    Examples
    --------
    >>> x = state(1)
    >>> law = input_law(3 * x[0]**2 / 2, 1, Box([(-1, 1)]))
    >>> law.kind, law.describe()
    ('density', 'density 3*x0**2/2')
    """
    where = "Network(input=)"
    if isinstance(stated, InputLaw):
        stated = statement_of(stated)
    if isinstance(stated, str):
        if stated != "uniform":
            raise MzError(
                f"The law of X_0 is {stated!r}", where, 'Use "uniform", noise laws, a SymPy density or samples of X_0'
            )
        return InputLaw("uniform" if box is not None else "normal", dim)
    if isinstance(stated, AbstractNoise):
        stated = [stated] * dim
    if isinstance(stated, (list, tuple)) and stated and all(isinstance(law, AbstractNoise) for law in stated):
        return _independent(stated, dim, box, where)
    if isinstance(stated, (sp.Expr, int, float)) and not isinstance(stated, bool):
        return _density(stated, dim, box, where)
    return _samples(stated, dim, box, where)


def statement_of(law: InputLaw) -> Any:
    """What a user would state to get this law."""
    if law.samples is not None:
        return law.samples
    return law.laws if law.kind == "independent" else "uniform" if law.expr is None else law.expr


def _exact(law: AbstractNoise) -> Any:
    return 0 if law.scale is None else law.scale


def _scale(law: AbstractNoise) -> float:
    return float(_exact(law))


def _on_support(law: Law, x: sp.Symbol) -> sp.Expr:
    """The density with the support in sight, where it is bounded."""
    lo, hi = law.support
    inside = sp.And(*([lo <= x] if lo.is_finite else []), *([x <= hi] if hi.is_finite else []))
    density = law.density(x)
    return density if inside == sp.true else sp.Piecewise((density, inside), (sp.S.Zero, True))


def _independent(stated: Sequence[AbstractNoise], dim: int, box: Box | None, where: str) -> InputLaw:
    if len(stated) != dim:
        raise MzError(f"{len(stated)} laws were given for {dim} components of X_0", where, "Give one law, or one each")
    laws = []
    for i, law in enumerate(stated):
        place = f"{where}, component {i}"
        if isinstance(law.scale, sp.Expr) or any(value is None for value in law.params.values()):
            raise MzError(f"The law {law!r} has symbols without value", place, "Give numbers: X_0 has no parameters")
        if law.deterministic:
            raise MzError("This component of X_0 is not random", place, "Give a law with a density, or samples")
        fixed = law.fixed() if isinstance(law, Noise) else law
        laws.append(fixed)
        with precision():
            support = fixed.exact_support(_exact(fixed))
            if box is not None and not _within(support, box.intervals[i]):
                lo, hi = support.floats
                raise MzError(
                    f"The law {law!r} reaches from {lo:.6g} to {hi:.6g}, and the domain of X_0 from "
                    f"{float(box.intervals[i][0]):.6g} to {float(box.intervals[i][1]):.6g}",
                    place,
                    "Give a law inside the domain, or a larger domain",
                )
    return InputLaw("independent", dim, tuple(laws))


def _within(support: Any, side: tuple[Any, Any]) -> bool:
    """Whether a support is in a side; an end that rounding cannot tell apart counts as inside."""
    box = interval(side)
    slack = 1e-12 * abs(lower(box.width))
    return bool(support.lo + slack >= box.lo and support.hi - slack <= box.hi)


def _density(stated: Any, dim: int, box: Box | None, where: str) -> InputLaw:
    symbols = state(dim)
    expr = checked_expr(stated, symbols, where, cases=True)
    _check_expr(expr, dim, box, where)
    return InputLaw("density", dim, expr=expr)


@lru_cache(maxsize=64)
def _check_expr(expr: sp.Expr, dim: int, box: Box | None, where: str) -> None:
    symbols = state(dim)
    strangers = sorted(symbol.name for symbol in expr.free_symbols - set(symbols))
    if strangers:
        raise MzError(f"The density of X_0 has the symbol {strangers[0]}", where, f"Use mz.state({dim}) and numbers")
    if dim == 1:
        lo, hi = (-sp.oo, sp.oo) if box is None else (exact_expr(end) for end in box.intervals[0])
        inner = expr.xreplace({symbols[0]: NOISE_VARIABLE})
        points = sorted((point for point in break_points(inner, NOISE_VARIABLE) if point.is_real), key=float)
        check_density(inner, (lo, hi), [point for point in points if lo < point < hi], where)
    else:
        check_joint(expr, symbols, box, where)


def sample_points(stated: Any, dim: int, where: str) -> Array:
    """Samples of X_0 as a float64 array of shape (points, dim), points >= 1.

    Raises
    ------
    MzError
        For what is no such array, whatever else it is meant to be.
    """
    try:
        X = np.array(stated, dtype=np.float64)
    except (TypeError, ValueError):
        X = np.empty(0)
    if X.ndim != 2 or X.shape[1] != dim or not len(X):
        raise MzError(
            f"{type(stated).__name__} of shape {np.shape(X)} is no law of X_0",
            where,
            f'Use "uniform", noise laws, a SymPy density in mz.state({dim}), or samples of shape (points, {dim})',
        )
    return X


def _samples(stated: Any, dim: int, box: Box | None, where: str) -> InputLaw:
    X = sample_points(stated, dim, where)
    inside = np.isfinite(X) if box is None else (box.lower <= X) & (box.upper >= X)
    if not inside.all():
        p, i = (int(k) for k in np.argwhere(~inside)[0])
        what = "outside the domain of X_0" if np.isfinite(X[p, i]) else "not finite"
        raise MzError(
            f"Sample {p} has {float(X[p, i])!r} in component {i}, which is {what}",
            where,
            "Leave it out, or give a larger domain",
        )
    X.setflags(write=False)
    return InputLaw("samples", dim, samples=X)
