"""The equations (10) to (13) of docs/mathematics.md, written down as they stand there.

Nothing here is derived and nothing of the generator is used: a derivation is complete when it ends in these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mzsym.derive.operators.indices import Bound, Index, number, variable
from mzsym.derive.operators.steps import Claim
from mzsym.derive.operators.sums import Expression, Range, total, words
from mzsym.derive.operators.words import Algebra, Factor, Word


def _sum(word: Callable[[Index], Word], low: Index, high: Index, explicit: bool) -> Expression:
    """Sum over m from low to high, term by term where the network is concrete."""
    if explicit:
        return words(*(word(number(m)) for m in range(low.shift, high.shift + 1)))
    return total(word(variable("m")), Range("m", low, high))


def dyson(algebra: Algebra, n: Index) -> Claim:
    """(10): Q_n M(n,L) = sum_{m=n+1}^{L} Phi(n,m) P_m M(m,L) + Phi(n,L) Q_L, n <= L, and its forward companion."""
    explicit = not algebra.depth.symbol
    depth = algebra.depth
    if algebra.direction == "backward":
        memory = _sum(
            lambda m: (Factor("Phi", n, m), Factor("P", m, m), Factor("M*", m, depth)), n.plus(1), depth, explicit
        )
        noise = (Factor("Phi", n, depth), Factor("Q", depth, depth))
        return Claim(words((Factor("Q", n, n), Factor("M*", n, depth))), memory + words(noise))
    zero = number(0)
    memory = _sum(lambda m: (Factor("Psi", n, m), Factor("P", m, m), Factor("N*", m, zero)), zero, n.plus(-1), explicit)
    noise = (Factor("Psi", n, zero), Factor("Q", zero, zero))
    return Claim(words((Factor("Q", n, n), Factor("N*", n, zero))), memory + words(noise))


def unprojected(algebra: Algebra, n: Index) -> Claim:
    """(12): q_n = M_n P_{n+1} q_{n+1} + sum_{m=n+2}^{L} M_n Phi(n+1,m) P_m q_m + M_n Phi(n+1,L) Q_L u.

    Forward: p_{n+1} = N_n P_n p_n + sum_{m=0}^{n-1} N_n Psi(n,m) P_m p_m + N_n Psi(n,0) Q_0 p_0.
    """
    explicit = not algebra.depth.symbol
    depth, after = algebra.depth, n.plus(1)
    if algebra.direction == "backward":
        layer = Factor("M", n, after)
        streaming = words((layer, Factor("P", after, after), Factor("q", after, None)))
        memory = _sum(
            lambda m: (layer, Factor("Phi", after, m), Factor("P", m, m), Factor("q", m, None)),
            n.plus(2),
            depth,
            explicit,
        )
        noise = (layer, Factor("Phi", after, depth), Factor("Q", depth, depth), Factor("u", depth, None))
        return Claim(words((Factor("q", n, None),)), streaming + memory + words(noise))
    zero, layer = number(0), Factor("N", after, n)
    streaming = words((layer, Factor("P", n, n), Factor("p", n, None)))
    memory = _sum(
        lambda m: (layer, Factor("Psi", n, m), Factor("P", m, m), Factor("p", m, None)), zero, n.plus(-1), explicit
    )
    noise = (layer, Factor("Psi", n, zero), Factor("Q", zero, zero), Factor("p0", zero, None))
    return Claim(words((Factor("p", after, None),)), streaming + memory + words(noise))


def projected(algebra: Algebra, n: Index) -> Claim:
    """(11): P_n q_n = P_n M_n P_{n+1} q_{n+1} + sum_{m=n+2}^{L} P_n M_n Phi(n+1,m) P_m q_m + P_n M_n Phi(n+1,L) Q_L u.

    (13): P_{n+1} p_{n+1} = P_{n+1} N_n P_n p_n + sum_{m=0}^{n-1} P_{n+1} N_n Psi(n,m) P_m p_m
    + P_{n+1} N_n Psi(n,0) Q_0 p_0.
    """
    explicit = not algebra.depth.symbol
    depth, after = algebra.depth, n.plus(1)
    if algebra.direction == "backward":
        here, layer = Factor("P", n, n), Factor("M", n, after)
        streaming = words((here, layer, Factor("P", after, after), Factor("q", after, None)))
        memory = _sum(
            lambda m: (here, layer, Factor("Phi", after, m), Factor("P", m, m), Factor("q", m, None)),
            n.plus(2),
            depth,
            explicit,
        )
        noise = (here, layer, Factor("Phi", after, depth), Factor("Q", depth, depth), Factor("u", depth, None))
        return Claim(words((here, Factor("q", n, None))), streaming + memory + words(noise))
    zero = number(0)
    here, layer = Factor("P", after, after), Factor("N", after, n)
    streaming = words((here, layer, Factor("P", n, n), Factor("p", n, None)))
    memory = _sum(
        lambda m: (here, layer, Factor("Psi", n, m), Factor("P", m, m), Factor("p", m, None)),
        zero,
        n.plus(-1),
        explicit,
    )
    noise = (here, layer, Factor("Psi", n, zero), Factor("Q", zero, zero), Factor("p0", zero, None))
    return Claim(words((here, Factor("p", after, None))), streaming + memory + words(noise))


def required(algebra: Algebra) -> Iterator[tuple[str, Claim, tuple[Bound, ...]]]:
    """Name, claim and assumptions of every equation that a complete derivation proves; the last one ends it."""
    if algebra.depth.symbol:
        n, depth, zero = variable("n"), algebra.depth, number(0)
        inside = (Bound(zero, n), Bound(n.plus(1), depth))
        yield "dyson", dyson(algebra, n), (Bound(zero, n), Bound(n, depth))
        yield "unprojected", unprojected(algebra, n), inside
        yield "projected", projected(algebra, n), inside
        return
    depth = algebra.depth
    for n in map(number, range(depth.shift + 1)):
        yield f"dyson[{n}]", dyson(algebra, n), ()
    layers = range(depth.shift) if algebra.direction == "forward" else range(depth.shift - 1, -1, -1)
    for n in map(number, layers):
        yield f"unprojected[{n}]", unprojected(algebra, n), ()
        yield f"projected[{n}]", projected(algebra, n), ()
