"""Learning the law of a noise from what the network does on average, and the memory that follows from it.

Three tanh layers; the noise of the first one has a density that is not known, on a support that is. What is known are
the conditional moments E[X_L^k | X_0 = x], k = 1, 2, 3, at nine points. A cubic spline, whose five amplitudes start
equal, which is the uniform law, is trained on

    loss(a) = sum over points and moments of (E[X_L^k | X_0 = x; a] - data)^2.

The exact gradient by the amplitudes is one adjoint pass, MATH (38a). In 60 steps SciPy's BFGS takes the loss down by a
factor of 20,000. Undoing an average is ill-conditioned, and the law behind the data is no spline: the distribution
function of the noise comes back to 0.02. The memory kernels K(0, 2) and K(0, 3) of the projected equation, which the
uniform law misses by a third and by more than their size, come back to 1.5 per cent or better.

Run with ``python derivations/learn_noise/run.py``; it writes results/noise.json beside this file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp
from scipy.optimize import minimize

import mzsym as mz
from mzsym.core.arrays import Array

HERE = Path(__file__).parent
T = sp.Symbol("t", real=True)
SUPPORT = (sp.Rational(-1, 2), sp.Rational(1, 2))
TRUTH = mz.Noise(1 + sp.Rational(9, 10) * sp.sin(2 * sp.pi * T), support=SUPPORT)
POINTS = np.linspace(-2.0, 2.0, 9)[:, None]


def evaluator(noise: mz.Noise) -> mz.Evaluator:
    """The network with this noise on its first layer; its observables are three powers of the output."""
    (x,) = mz.state(1)
    layers = [
        mz.dense([[1.0]], [0.2], activation="tanh", noise=noise),
        mz.dense([[1.5]], [-0.3], activation="tanh", noise=mz.Uniform(0.1)),
        mz.dense([[1.2]], [0.1], activation="tanh", noise=mz.Uniform(0.1)),
    ]
    net = mz.Network(layers, domain=mz.Box([(-2, 2)]), observable=[x, x**2, x**3])
    return mz.compile(mz.derive(net, mz.Legendre(1)), options=mz.Options(tolerance=1e-11))


def objective(data: Array, amplitudes: int = 5) -> Any:
    """The loss as a function of the amplitudes, equal at first: the law is uniform then."""
    noise = mz.Noise.spline([1] * amplitudes, support=SUPPORT)
    keys = [(0, symbol) for symbol in noise.params]
    return evaluator(noise).objective(lambda e: ((e.expectation(POINTS) - data) ** 2).sum(), keys=keys)


def learned(loss: Any, steps: int = 60) -> Any:
    """SciPy's result."""
    return minimize(loss, loss.x0, jac=True, method="BFGS", options={"maxiter": steps, "gtol": 1e-12})


def distance(noise: mz.Noise) -> float:
    """Largest difference of the distribution functions, on a grid."""
    t = np.linspace(-0.5, 0.5, 400, endpoint=False) + 1 / 800
    ours, truth = (np.cumsum(_density(law, t)) / len(t) for law in (noise, TRUTH))
    return float(np.abs(ours - truth).max())


def _density(noise: mz.Noise, t: Array) -> Array:
    law = noise.numeric_law
    return np.broadcast_to(sp.lambdify(T, law.density(T))(t), t.shape)


def summary(ev: mz.Evaluator, data: Array) -> dict[str, Any]:
    """What a network with some noise law gives."""
    memory = {m: ev.memory(0, m) for m in (2, 3)}
    truth = evaluator(TRUTH)
    noise = ev.network.layers[0].noise[0]
    assert isinstance(noise, mz.Noise)
    return {
        "loss": float(((ev.expectation(POINTS) - data) ** 2).sum()),
        "distribution_error": distance(noise),
        "noise_mean": float(noise.numeric_law.moment(1)),
        "memory_norms": {m: float(np.linalg.norm(block)) for m, block in memory.items()},
        "memory_errors": {m: float(np.linalg.norm(block - truth.memory(0, m))) for m, block in memory.items()},
    }


def main() -> None:
    data = evaluator(TRUTH).expectation(POINTS)
    loss = objective(data)
    found = learned(loss)
    rows = {
        "truth": summary(evaluator(TRUTH), data),
        "uniform": summary(loss.evaluator(loss.x0), data),
        "learned": summary(loss.evaluator(found.x), data),
        "weights": [round(float(w), 6) for w in found.x**2 / (found.x @ found.x)],
        "steps": int(found.nit),
    }
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "noise.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    for name in ("truth", "uniform", "learned"):
        row = rows[name]
        print(
            f"{name:>8}: loss {row['loss']:.2e}, distribution {row['distribution_error']:.3f}, "
            f"memory {row['memory_norms'][2]:.5f}, its error {row['memory_errors'][2]:.1e}"
        )


if __name__ == "__main__":
    main()
