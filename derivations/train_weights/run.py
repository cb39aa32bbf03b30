"""Training weights on the Mori-Zwanzig equation: least squares of the projected mean.

A noisy network 1 -> 2 -> 2 -> 1 of two tanh layers and an affine one is to have the conditional mean
g(x) = sin(2x)/2 + x^2/4. What the projected equation says about it at layer 0 is c_0, the coefficients of P_0 q_0, so
the residual is

    rho(theta) = c_0(theta) - <eta^(0), g>,

as many numbers as the projection has functions, exact up to rounding: no samples, no noise in the loss. SciPy's
trust-region method takes the Jacobian of c_0 by all weights and biases, one adjoint pass a row. A sampled loss has
the standard error of its samples instead, and its gradients likewise.

The network's noise enters the answer: with the trained weights E u(X_L) is g in the range of P_0, while the noise-free
network is not.

Run with ``python derivations/train_weights/run.py``; it writes results/weights.json beside this file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import least_squares

import mzsym as mz
from mzsym.core.arrays import Array

HERE = Path(__file__).parent
DEGREE = 4
NOISE = 0.3


def target(x: Array) -> Array:
    """The conditional mean that is asked for."""
    return 0.5 * np.sin(2.0 * x) + 0.25 * x**2


def evaluator() -> mz.Evaluator:
    """The network before training."""
    noise = mz.Uniform(NOISE)
    layers = [
        mz.dense([[1.5], [-1.2]], [0.6, 0.4], activation="tanh", noise=noise),
        mz.dense([[0.9, -0.5], [0.4, 1.1]], [0.1, -0.2], activation="tanh", noise=noise),
        mz.dense([[0.8, 0.6]], [0.1], noise=noise),
    ]
    net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])
    return mz.compile(mz.derive(net, mz.Legendre(DEGREE)))


def target_coefficients() -> Array:
    """<eta^(0)_j, g> by a Gauss rule that no rounding of float64 distinguishes from the integral."""
    x, w = np.polynomial.legendre.leggauss(40)
    rows = [np.sqrt(2 * j + 1) * np.polynomial.legendre.legval(x, np.eye(j + 1)[j]) for j in range(DEGREE + 1)]
    return np.array([float(0.5 * w @ (row * target(x))) for row in rows])


class ProjectedResidual:
    """The residual and its Jacobian as functions of all weights and biases in one vector."""

    def __init__(self, ev: mz.Evaluator) -> None:
        self.goal = target_coefficients()
        keys = [(n, key) for n in range(ev.network.depth) for key in ("W", "b")]
        self.objective = ev.objective(self.loss, keys)

    def loss(self, e: Any) -> Any:
        """Half the sum of squares, as ``least_squares`` counts it."""
        return 0.5 * ((e.coefficients(0) - self.goal) ** 2).sum()

    def __call__(self, x: Array) -> Array:
        return self.objective.evaluator(x).coefficients(0) - self.goal

    def jacobian(self, x: Array) -> Array:
        """Shape (DEGREE + 1, parameters)."""
        _, rows = self.objective.evaluator(x).jacobian(lambda e: e.coefficients(0), check=False)
        return np.hstack([rows[key].reshape(DEGREE + 1, -1) for key in self.objective.keys])


def train(residual: ProjectedResidual) -> Any:
    """SciPy's result."""
    return least_squares(residual, residual.objective.x0, jac=residual.jacobian, max_nfev=40)


def main() -> None:
    residual = ProjectedResidual(evaluator())
    start = residual.objective.x0
    found = train(residual)
    before, after = (float(np.sum(residual(x) ** 2)) for x in (start, found.x))
    print(f"||P_0 q_0 - P_0 g||^2: {before:.3e} before, {after:.3e} after {found.nfev} evaluations")
    rows = {
        "before": before,
        "after": after,
        "weights": {f"{n}.{key}": values.tolist() for (n, key), values in residual.objective.mapping(found.x).items()},
    }
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "weights.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
