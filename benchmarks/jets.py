"""The fourth derivative through eight tanh layers: Taylor arithmetic on the layers against SymPy's diff and cse."""

from __future__ import annotations

import time

import sympy as sp
from sympy.core.cache import clear_cache

import mzsym as mz
from benchmarks.timing import seconds

DEPTH, ORDER = 8, 4


def network() -> mz.Network:
    x, w, b = mz.state(1)[0], *sp.symbols("w b", real=True)
    layers = [mz.Layer([sp.tanh(w * x + b)], state=[x], params={w: 1 + 0.05 * n, b: 0.1 * n}) for n in range(DEPTH)]
    return mz.Network(layers, observable=x)


def by_sympy() -> int:
    """Operations after common subexpressions are taken out."""
    x = expr = sp.Symbol("x")
    for n in range(DEPTH):
        expr = sp.tanh(sp.Symbol(f"w{n}") * expr + sp.Symbol(f"b{n}"))
    replaced, reduced = sp.cse(sp.diff(expr, x, ORDER))
    return sum(sp.count_ops(value) for _, value in replaced) + sum(map(sp.count_ops, reduced))


def main() -> None:
    net = network()
    mz.derivatives(net, 1)
    times: dict[str, list[float]] = {"mzsym": [], "SymPy": []}
    for _ in range(3):
        clear_cache()
        start = time.perf_counter()
        operations = by_sympy()
        times["SymPy"].append(time.perf_counter() - start)
        start = time.perf_counter()
        made = mz.derivatives(net, ORDER)
        times["mzsym"].append(time.perf_counter() - start)
    ours, theirs = min(times["mzsym"]), min(times["SymPy"])
    print(f"SymPy diff and cse {seconds(theirs)} ({operations} operations, the highest derivative alone)")
    print(f"mz.derivatives     {seconds(ours)} ({made.kernel.cost.operations} operations, orders 0 to {ORDER})")
    print(f"ratio              {theirs / ours:.0f}")


if __name__ == "__main__":
    main()
