"""Inner products in any measure: the integral functional of mu_n, Gram matrices, raw C(n,m), MATH (6), (14).

``Legendre`` and ``Mean`` in a box measure have their own, faster route in :mod:`mzsym.derive.products`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import sympy as sp

from mzsym.calculus import Closed, GaussianLaw, Law, box_integral, noise_average
from mzsym.calculus.closed import integral_dimension
from mzsym.core import MzError
from mzsym.core.names import lower_symbol, state_symbol, upper_symbol
from mzsym.derive.averages import average, merged
from mzsym.derive.chains import Chain, Renaming, canonical
from mzsym.derive.products import Product
from mzsym.projections.measures import Measure, density_expr

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.projections import FiniteRank


@dataclass(frozen=True)
class Ground:
    """What the integral functionals of a network under one projection are made of.

    Attributes
    ----------
    measure : str or Expr
    boxed : bool
        Whether mu_n lives on the box of X_n.
    start : Expr or None
        Density of X_0 with respect to dx, on its box if ``start_boxed``; only for the law of the state.
    start_boxed : bool
    start_laws : tuple of Law
        Laws of the components of X_0 where they are independent noise laws: averages over them close.
    """

    measure: Measure
    boxed: bool
    start: sp.Expr | None = None
    start_boxed: bool = False
    start_laws: tuple[Law, ...] = ()


def ground_of(net: Network, projection: FiniteRank) -> Ground:
    """The ground of a network and a projection."""
    boxed = projection.boxed(net)
    if projection.measure != "law":
        return Ground(projection.measure, boxed)
    start = net.input_law.density_expr(net.dims[0])
    if start is None:
        raise MzError(
            "The law of X_0 is given by samples, and exact terms in the law of the state need its density",
            "Network(input=)",
            "State a density or noise laws, or use a projection in another measure",
        )
    return Ground("law", boxed, start, net.domain is not None, net.input_law.symbolic_laws)


@dataclass(frozen=True)
class Place:
    """A stretch of layers in canonical symbols, and the layer in it where inner products are taken.

    In the law of the state the stretch begins at layer 0, because all layers before n make the law of X_n.
    """

    chain: Chain
    at: int
    ground: Ground

    @property
    def before(self) -> Chain:
        """The layers that make the law."""
        chain, k = self.chain, self.at
        return Chain(chain.maps[:k], chain.laws[:k], chain.dims[: k + 1], chain.gains[:k], chain.weights[:k])

    @property
    def after(self) -> tuple[Chain, Renaming]:
        """The layers from n on as a chain of their own, and the renaming back into this one."""
        chain, k = self.chain, self.at
        rest = Chain(chain.maps[k:], chain.laws[k:], chain.dims[k:], chain.gains[k:], chain.weights[k:])
        return canonical(rest, k)


def integral(place: Place, f: sp.Expr, max_operations: int) -> Closed:
    """The integral of f against mu_n, f in the state of layer ``place.at``.

    Parameters
    ----------
    place : Place
    f : Expr
    max_operations : int

    Returns
    -------
    Closed
    """
    if f.is_zero:
        return Closed(sp.S.Zero, True, (), 0)
    ground, at = place.ground, place.at
    dim = place.chain.dims[at]
    if ground.measure != "law":
        return _against(density_expr(ground.measure, at, dim), ground.boxed, at, dim, f, max_operations)
    inner = average(place.before, f, max_operations)
    outer = _over_start(ground, place.chain.dims[0], inner.expr, max_operations)
    return Closed(outer.expr, outer.closed, merged(inner.rules, outer.rules), outer.dimension)


def _over_start(ground: Ground, dim: int, f: sp.Expr, max_operations: int) -> Closed:
    """The expectation of f(X_0)."""
    if ground.start_laws:
        x = tuple(state_symbol(0, i) for i in range(dim))
        return noise_average(f, x, (sp.S.Zero,) * dim, ground.start_laws, x, max_operations)
    assert ground.start is not None
    return _against(ground.start, ground.start_boxed, 0, dim, f, max_operations)


def _against(density: sp.Expr, boxed: bool, at: int, dim: int, f: sp.Expr, max_operations: int) -> Closed:
    """The integral of density * f over the box of layer ``at``, or over R^N."""
    x = tuple(state_symbol(at, i) for i in range(dim))
    if boxed:
        sides = tuple((x[i], lower_symbol(at, i), upper_symbol(at, i)) for i in range(dim))
        constant, rest = density.as_independent(*x, as_Add=False)
        whole = box_integral(rest * f, sides, max_operations)
        return Closed(sp.Mul(constant, whole.expr), whole.closed, whole.rules, whole.dimension)
    if density == density_expr("gaussian", at, dim):
        return noise_average(f, x, (sp.S.Zero,) * dim, (GaussianLaw(sp.S.One),) * dim, x, max_operations)
    constant, rest = (density * f).as_independent(*x, as_Add=False)
    expr = constant * sp.Integral(rest, *((symbol, -sp.oo, sp.oo) for symbol in x))
    return Closed(
        expr, False, ("left as an integral, no closed form in the tables: a weight on R^N",), integral_dimension(expr)
    )


@lru_cache(maxsize=2048)
def pushed(place: Place, v: sp.Expr, max_operations: int) -> Closed:
    """M(n,m) v in the state of layer ``place.at``, v in that of the last layer."""
    if place.at == 0:
        return average(place.chain, v, max_operations)
    tail, back = place.after
    there = {old: new for new, old in back.items()}
    built = average(tail, v.xreplace(there), max_operations)
    return Closed(built.expr.xreplace(back), built.closed, built.rules, built.dimension)


@lru_cache(maxsize=8192)
def entry(place: Place, projection: FiniteRank, i: int, j: int, max_operations: int) -> Closed:
    """<psi_i, M(n,m) phi_j>, before any orthonormalisation."""
    chain, boxed = place.chain, place.ground.boxed
    v = projection.basis_exprs(chain.length, chain.dims[-1], boxed)[j]
    inner = pushed(place, v, max_operations)
    outer = integral(place, _test(place, projection, i) * inner.expr, max_operations)
    return Closed(outer.expr, outer.closed, merged(inner.rules, outer.rules), outer.dimension)


def _test(place: Place, projection: FiniteRank, i: int) -> sp.Expr:
    return sp.sympify(projection.test_exprs(place.at, place.chain.dims[place.at], place.ground.boxed)[i])


@lru_cache(maxsize=512)
def raw(place: Place, projection: FiniteRank, max_operations: int) -> Product:
    """All of <psi_i, M(n,m) phi_j>; the Gram matrix where n = m."""
    rows = range(projection.size(place.chain.dims[place.at]))
    columns = range(projection.size(place.chain.dims[-1]))
    entries = [[_symmetric(place, projection, i, j, max_operations) for j in columns] for i in rows]
    return _product(entries)


def _symmetric(place: Place, projection: FiniteRank, i: int, j: int, max_operations: int) -> Closed:
    """An entry; in a Gram matrix of one basis the smaller index first, so that both halves are one expression."""
    if place.at == place.chain.length and projection.orthogonal and i > j:
        i, j = j, i
    return entry(place, projection, i, j, max_operations)


@lru_cache(maxsize=512)
def raw_coefficients(place: Place, projection: FiniteRank, u: tuple[sp.Expr, ...], max_operations: int) -> Product:
    """<psi_i, M(n,L) u_k> for a list of observables, shape (d, number of observables)."""
    averages = [pushed(place, expr, max_operations) for expr in u]
    rows = []
    for i in range(projection.size(place.chain.dims[place.at])):
        test = _test(place, projection, i)
        outer = [integral(place, test * inner.expr, max_operations) for inner in averages]
        rows.append(
            [
                Closed(o.expr, o.closed, merged(inner.rules, o.rules), o.dimension)
                for inner, o in zip(averages, outer, strict=True)
            ]
        )
    return _product(rows)


def _product(entries: list[list[Closed]]) -> Product:
    rules = merged(*(closed.rules for row in entries for closed in row))
    return Product(sp.ImmutableMatrix([[closed.expr for closed in row] for row in entries]), rules)
