"""M(n,m) applied to functions: successive noise averages through a chain of layers, MATH (4)."""

from __future__ import annotations

import re
from functools import lru_cache

import sympy as sp

from mzsym.calculus import Closed, noise_average
from mzsym.core.names import lower_symbol, noise_symbol, state_symbol, upper_symbol
from mzsym.derive.chains import Chain


def normalized_state(k: int, i: int) -> sp.Expr:
    """t = (2x - lo - hi)/(hi - lo), which runs over [-1, 1] on the box of X_k."""
    x, lo, hi = state_symbol(k, i), lower_symbol(k, i), upper_symbol(k, i)
    return (2 * x - lo - hi) / (hi - lo)


@lru_cache(maxsize=2048)
def average(chain: Chain, v: sp.Expr, max_operations: int) -> Closed:
    """E[v(X_length) | X_0 = x] as a function of ``state_symbol(0, i)``.

    Parameters
    ----------
    chain : Chain
    v : Expr
        In ``state_symbol(chain.length, i)``.
    max_operations : int
        Size beyond which the calculus leaves an integral instead of expanding.
    """
    if chain.length == 0:
        return Closed(v, True, (), 0)
    tail, back = chain.tail()
    inner = average(tail, v.xreplace({old: new for new, old in back.items()}), max_operations)
    outer = noise_average(
        inner.expr.xreplace(back),
        tuple(state_symbol(1, i) for i in range(chain.dims[1])),
        chain.maps[0],
        chain.laws[0],
        tuple(noise_symbol(0, j) for j in range(len(chain.laws[0]))),
        max_operations,
        chain.gains[0],
        chain.weights[0],
    )
    return Closed(outer.expr, outer.closed, merged(inner.rules, outer.rules), outer.dimension)


def average_monomial(chain: Chain, alpha: tuple[int, ...], max_operations: int) -> Closed:
    """M(0,length) of the monomial t^alpha in the normalized last state; averaged once for all basis functions."""
    k = chain.length
    return average(chain, sp.Mul(*(normalized_state(k, i) ** a for i, a in enumerate(alpha))), max_operations)


def merged(*groups: tuple[str, ...]) -> tuple[str, ...]:
    """Rules in order of first use, each once; what was left open is collected in one sentence."""
    rules = dict.fromkeys(rule for group in groups for rule in group)
    closed = [rule for rule in rules if not rule.startswith(_LEFT)]
    parts = [_MORE.sub("", rule.removeprefix(_LEFT)).split("; ") for rule in rules if rule.startswith(_LEFT)]
    left = dict.fromkeys(part for row in parts for part in row)
    return (*closed, *([_LEFT + "; ".join(left)] if left else []))


def settled(rules: tuple[str, ...], integrals: int) -> tuple[str, ...]:
    """Rules of an expression; where no integral remains, those that were left on the way have cancelled."""
    return rules if integrals else tuple(rule for rule in rules if not rule.startswith(_LEFT))


_LEFT = "left as an integral, no closed form in the tables: "
_MORE = re.compile(r" and \d+ more$")
