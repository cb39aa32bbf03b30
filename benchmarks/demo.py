"""The whole demo, warm, beside a straightforward numpy and SciPy program for the same tables.

The straightforward program evaluates C(n, m) of the iris network by nested tensor Gauss-Legendre quadrature with a
fixed number of nodes: one dense transition matrix per layer on the nodes, and Python loops for the recursion (14).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.special import eval_legendre

import mzsym as mz

MODEL = Path(__file__).parents[1] / "derivations" / "iris" / "model.toml"


def whole_demo() -> float:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "mzsym", "run", str(MODEL), "-o", folder], check=True, capture_output=True
        )
        return time.perf_counter() - start


PLAIN_NODES = {2: 64, 3: 6}
"""Nodes per coordinate by state dimension, found by hand: the last layer carries polynomials only."""


def straightforward(study: object) -> dict[tuple[int, int], np.ndarray]:
    """K(n, m) by plain loops; observables of the basis are re-evaluated at every noisy point."""
    net, projection = study.network, study.projection  # type: ignore[attr-defined]
    depth = net.depth
    rules = {dim: np.polynomial.legendre.leggauss(nodes) for dim, nodes in PLAIN_NODES.items()}
    xi, omega = np.polynomial.legendre.leggauss(max(PLAIN_NODES.values()) // 2 + 1)
    grids, bases = [], []
    for box in net.domains:
        points, weights = rules[box.dim]
        axes = [0.5 * (lo + hi) + 0.5 * (hi - lo) * points for lo, hi in box.intervals]
        grids.append(np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=-1))
        w = np.ones(1)
        for _ in box.intervals:
            w = np.multiply.outer(w, weights / 2).ravel()
        bases.append((projection.evaluate(grids[-1], box), w))
    transfers = []
    for n in range(depth):
        out = net.layers[n].forward(grids[n])
        factors = []
        points, nodes = rules[net.dims[n + 1]][0], PLAIN_NODES[net.dims[n + 1]]
        for i, (lo, hi) in enumerate(net.domains[n + 1].intervals):
            scale = float(net.layers[n].noise[i].scale)
            cardinal = np.linalg.inv(np.stack([eval_legendre(k, points) for k in range(nodes)], axis=-1))
            y = (2 * (out[:, i, None] + scale * xi) - lo - hi) / (hi - lo)
            factors.append(np.stack([eval_legendre(k, y) @ omega / 2 for k in range(nodes)], axis=-1) @ cardinal)
        row = factors[0]
        for factor in factors[1:]:
            row = np.einsum("pa,pb->pab", row, factor).reshape(len(row), -1)
        transfers.append(row)
    C = {}
    for m in range(depth + 1):
        values = bases[m][0]
        for n in range(m - 1, -1, -1):
            values = transfers[n] @ values
            basis, w = bases[n]
            C[n, m] = (basis * w[:, None]).T @ values
    K = {(n, n + 1): C[n, n + 1] for n in range(depth)}
    for n in range(depth):
        for m in range(n + 2, depth + 1):
            K[n, m] = C[n, m] - sum(K[n, k] @ C[k, m] for k in range(n + 1, m))
    return K


def main() -> None:
    print(f"mzsym run, fresh process, warm cache: {min(whole_demo() for _ in range(3)):.2f} s (minimum of 3)")
    study = mz.load(MODEL)
    equation = mz.derive(study.network, study.projection)
    start = time.perf_counter()
    evaluator = mz.compile(equation, options=study.options)
    own = evaluator.memory(0, 2)
    ours = time.perf_counter() - start
    start = time.perf_counter()
    plain = straightforward(study)[0, 2]
    theirs = time.perf_counter() - start
    print(
        f"tables: mzsym {ours:.3f} s to {evaluator.tolerance_reached['memory']:.1e}; "
        f"straightforward {theirs:.3f} s, differs by {np.abs(own - plain).max():.1e}"
    )


if __name__ == "__main__":
    main()
