"""Tables of 64 layers: K by one triangular inverse against Python loops over numpy blocks, and the whole pass.

Three figures per rank d = 8 and 32, variants interleaved, smallest of several runs, BLAS on one thread:

* K from a given C: ``memory_matrix`` (a triangular inverse by halves) against the recursion (14) in Python loops;
* the rate of the inverse against dgemm on the same machine;
* everything from the network on (grids, refinement, the comparison of two grids, C, K, r, q) against a straightforward
  numpy program with a given number of nodes, which neither refines nor checks itself.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg.lapack import dtrtri
from scipy.special import eval_legendre

import mzsym as mz
from benchmarks.timing import interleaved, seconds
from mzsym.evaluate.blas import blas_threads
from mzsym.evaluate.tables import memory_matrix

DEPTH = 64
RANKS = (8, 32)
Blocks = dict[tuple[int, int], np.ndarray]


def network() -> mz.Network:
    layers = [mz.dense([[1.1]], [0.1], activation="tanh", noise=mz.Uniform(0.5))] * DEPTH
    return mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])


def python_loops(C: Blocks, depth: int = DEPTH) -> Blocks:
    """MATH (14) as it is written."""
    K: Blocks = {}
    for n in range(depth):
        for m in range(n + 2, depth + 1):
            K[n, m] = C[n, m] - C[n, n + 1] @ C[n + 1, m]
            for k in range(n + 2, m):
                K[n, m] -= K[n, k] @ C[k, m]
    return K


def transition_blocks(net: mz.Network, rank: int, nodes: int, noise_nodes: int) -> Blocks:
    """C with plain numpy: one transition matrix per layer, block by block."""
    t, w = np.polynomial.legendre.leggauss(nodes)
    xi, omega = np.polynomial.legendre.leggauss(noise_nodes)
    ends = [box.intervals[0] for box in net.domains]
    basis = np.stack([np.sqrt(2 * k + 1) * eval_legendre(k, t) for k in range(rank)], axis=-1)
    cardinal = np.linalg.inv(np.stack([eval_legendre(k, t) for k in range(nodes)], axis=-1))
    C: Blocks = {}
    transfers = []
    for n in range(net.depth):
        lo, hi = map(float, ends[n])
        out = net.layers[n].forward(((lo + hi) / 2 + (hi - lo) / 2 * t)[:, None])
        lo, hi = map(float, ends[n + 1])
        y = (2 * (out + float(net.layers[n].noise[0].scale) * xi) - lo - hi) / (hi - lo)
        transfers.append(np.stack([eval_legendre(k, y) @ omega / 2 for k in range(nodes)], axis=-1) @ cardinal)
    for m in range(1, net.depth + 1):
        values = basis
        for n in range(m - 1, -1, -1):
            values = transfers[n] @ values
            C[n, m] = (basis * w[:, None] / 2).T @ values
    return C


def straightforward(net: mz.Network, rank: int, nodes: int, noise_nodes: int) -> Blocks:
    """C and K with plain numpy."""
    C = transition_blocks(net, rank, nodes, noise_nodes)
    return {**python_loops(C, net.depth), **{(n, n + 1): C[n, n + 1] for n in range(net.depth)}}


def blocks_of(evaluator: mz.evaluate.Evaluator) -> Blocks:
    return {(n, m): evaluator.correlation(n, m) for n in range(DEPTH) for m in range(n + 1, DEPTH + 1)}


def one_rank(rank: int) -> None:
    net = network()
    equation = mz.derive(net, mz.Legendre(rank - 1))
    evaluator = mz.compile(equation)
    blocks = blocks_of(evaluator)
    size = rank * (DEPTH + 1)
    C = np.eye(size)
    for (n, m), block in blocks.items():
        C.reshape(DEPTH + 1, rank, DEPTH + 1, rank)[n, :, m] = block
    loops = python_loops(blocks)
    ours = memory_matrix(C)
    gap = max(
        np.abs(ours[n * rank : (n + 1) * rank, m * rank : (m + 1) * rank] - K).max() for (n, m), K in loops.items()
    )
    print(f"d = {rank}: reached {max(evaluator.tolerance_reached.values()):.1e}, K differs from the loops by {gap:.1e}")
    left, right = np.random.default_rng(0).normal(size=(2, size, size))

    def gemm() -> None:
        with blas_threads():
            np.matmul(left, right)

    def lapack() -> None:
        with blas_threads():
            dtrtri(C.T, lower=1, unitdiag=1)

    def plain() -> None:
        with blas_threads():
            python_loops(blocks)

    best = interleaved({"inverse": lambda: memory_matrix(C), "loops": plain, "dgemm": gemm, "dtrtri": lapack}, rounds=5)
    rate = {"inverse": size**3 / 3 / best["inverse"], "dgemm": 2 * size**3 / best["dgemm"]}
    print(
        f"  K from C: inverse {seconds(best['inverse'])}, Python loops {seconds(best['loops'])}: "
        f"{best['loops'] / best['inverse']:.1f} x; LAPACK dtrtri of the whole {seconds(best['dtrtri'])}; the inverse "
        f"runs at {rate['inverse'] / 1e9:.0f} GFlop/s, {100 * rate['inverse'] / rate['dgemm']:.0f} % of dgemm"
    )
    nodes = max(size for (size,) in evaluator.nodes)

    def whole() -> None:
        mz.compile(equation).memory(0, 2)

    def numpy_program() -> None:
        with blas_threads():
            straightforward(net, rank, nodes, nodes // 2 + 1)

    best = interleaved({"mzsym": whole, "numpy": numpy_program}, rounds=2)
    print(
        f"  all tables from the network, refined and checked: {seconds(best['mzsym'])}; straightforward numpy with "
        f"{nodes} nodes, unchecked: {seconds(best['numpy'])}: {best['numpy'] / best['mzsym']:.1f} x"
    )


def main() -> None:
    print(f"L = {DEPTH} tanh layers, uniform noise")
    for rank in RANKS:
        one_rank(rank)


if __name__ == "__main__":
    main()
