"""From an equation to its evaluator."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from mzsym.codegen import checked_target
from mzsym.core import MzError, Options
from mzsym.derive.terms import Term
from mzsym.evaluate.evaluator import Evaluator
from mzsym.evaluate.term_evaluator import TermEvaluator
from mzsym.projections.checks import finite_rank

if TYPE_CHECKING:
    from mzsym.derive import Equation

_ENGINES = ("auto", "quadrature", "spectral", "panels")


@overload
def compile(eq: Equation, engine: str = "auto", target: str = "numba", options: Options | None = None) -> Evaluator: ...
@overload
def compile(eq: Term, engine: str = "auto", target: str = "numba", options: Options | None = None) -> TermEvaluator: ...
def compile(
    eq: Equation | Term, engine: str = "auto", target: str = "numba", options: Options | None = None
) -> Evaluator | TermEvaluator:
    """Numbers for every term of an equation: tables, coefficients, the function q_0 and the law of the output.

    Parameters
    ----------
    eq : Equation, or Term
        As ``mz.derive`` returns it, backward or forward; every parameter must have a value. A closed term becomes a
        function of its parameters instead, for any number of parameter sets.
    engine : {"auto", "quadrature", "spectral", "panels"}
        Quadrature, for states of dimension 1 to 3: the average over the noise is exact up to rounding on the functions
        that the grids represent, and grids are refined until ``options.tolerance`` is met. Functions are one series on
        each box ("spectral", fast, for smooth maps and bounded additive noise) or composite panels ("panels", for
        everything else); left open, the one that suits the network is taken, and ``ev.scheme`` says which.
    target : {"numba", "c", "c-libmvec"}
        What the maps are compiled by: numba, or a C compiler of this machine. The tables are the same to the last bit;
        with "c-libmvec", which takes sine, cosine and their like from glibc's vector library, to some ulp of the maps.
    options : Options, optional
        Default: those of the equation.

    Returns
    -------
    Evaluator, or TermEvaluator

    Raises
    ------
    MzError
        For another engine or target, a term that is not closed, ``target="c"`` without a C compiler, an oblique or
        conditional projection forward, parameters without a value, dimensions above 3, and tables that exceed the
        memory budget.

    Examples
    --------
    >>> import mzsym as mz
    >>> layers = [mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(0.5))] * 3
    >>> net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])
    >>> ev = mz.compile(mz.derive(net, mz.Legendre(3)))
    >>> ev.memory(0, 2).shape, ev.tolerance_reached["memory"] < 1e-10
    ((4, 4), True)
    """
    if engine not in _ENGINES:
        raise MzError(
            f"There is no engine {engine!r} in this version",
            "compile(engine=)",
            'Use "quadrature" (or "auto"); "spectral" and "panels" choose how it represents functions',
        )
    by = checked_target(target, "compile(target=)")
    if isinstance(eq, Term):
        return TermEvaluator(eq, by)
    if eq.direction == "forward" and not finite_rank(eq.projection, "compile(eq), forward").orthogonal:
        raise MzError(
            "An oblique projection is not its own adjoint, so the forward terms are no transposes of the backward ones",
            "compile(eq)",
            'Use an orthogonal projection, or direction="backward"',
        )
    scheme = engine if engine in ("spectral", "panels") else None
    stated = options or eq.options
    return Evaluator(eq.network, eq.projection, stated, "quadrature", scheme, eq.direction, by)  # type: ignore[arg-type]
