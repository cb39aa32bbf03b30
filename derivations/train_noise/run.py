"""Training the noise: the least noise with which the memory of a network contracts by a given factor a layer.

Eight tanh layers of weight 1.5, each with its own noise level, and Legendre degree 1. With little noise the memory
kernels ||K(0, m)||_F hardly fall from lag to lag. The factor

    kappa(s) = (||K(0, L)||_F / ||K(0, 2)||_F)^(1/(L - 2))

is a function of the noise levels s_0, ..., s_{L-1} through every table, the transfer of every layer and every domain,
since a larger s_n widens all domains that follow. Its exact gradient, one adjoint pass, lets SciPy solve

    minimise sum_n s_n^2   subject to   kappa(s) <= 0.35.

What comes out, a local minimum, is uneven: the first layer gets most of the noise, the last ones no more than the least
that is allowed. The one-step norms ||Q_n M_n Q_{n+1}||, whose product bounds the memory, MATH (22), are written beside
it; they are estimates.

Run with ``python derivations/train_noise/run.py``; it writes results/noise.json beside this file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

import mzsym as mz
from mzsym.core.arrays import Array

HERE = Path(__file__).parent
DEPTH = 8
START = 0.15
TARGET = 0.35
LEAST, MOST = 0.05, 1.5
"""Noise levels that are allowed."""


def evaluator(depth: int = DEPTH) -> mz.Evaluator:
    """The network at equal noise levels."""
    layer = mz.dense([[1.5]], [0.0], activation="tanh", noise=mz.Uniform(START))
    net = mz.Network([layer] * depth, domain=mz.Box([(-1, 1)]), observable=mz.state(1)[0])
    return mz.compile(mz.derive(net, mz.Legendre(1)), options=mz.Options(tolerance=1e-9))


def log_factor(e: Any) -> Any:
    """log kappa: written with numpy on the tables, for an evaluator as for the record of its derivative."""
    depth = e.network.depth
    first, last = (np.log((e.memory(0, m) ** 2).sum()) for m in (2, depth))
    return 0.5 * (last - first) / (depth - 2)


def least_noise(ev: mz.Evaluator, target: float = TARGET) -> Any:
    """SciPy's result: the noise levels of least energy with kappa <= target."""
    objective = ev.objective(log_factor, keys=[(n, "scale") for n in range(ev.network.depth)])
    constraint = {
        "type": "ineq",
        "fun": lambda s: np.log(target) - objective(s)[0],
        "jac": lambda s: -objective(s)[1],
    }
    energy = lambda s: (float(s @ s), 2.0 * s)  # noqa: E731
    bounds = [(LEAST, MOST)] * objective.x0.size
    return minimize(energy, objective.x0, jac=True, method="SLSQP", bounds=bounds, constraints=[constraint])


def summary(ev: mz.Evaluator, scales: Array) -> dict[str, Any]:
    """What the network with these noise levels does."""
    at = ev.with_params({(n, "scale"): float(s) for n, s in enumerate(scales)})
    depth = at.network.depth
    layers = mz.certify(at.network, at.projection).layers
    return {
        "noise_levels": [round(float(s), 6) for s in scales],
        "noise_energy": float(scales @ scales),
        "factor_per_layer": float(np.exp(log_factor(at))),
        "memory_norms": [float(np.linalg.norm(at.memory(0, m))) for m in range(2, depth + 1)],
        "interior_norms_estimated": [
            None if layer.interior.estimate is None else layer.interior.estimate.value for layer in layers[1:]
        ],
    }


def main() -> None:
    ev = evaluator()
    start = np.full(DEPTH, START)
    found = least_noise(ev)
    rows = {"before": summary(ev, start), "after": summary(ev, found.x), "steps": int(found.nit)}
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "noise.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    for name in ("before", "after"):
        row = rows[name]
        print(f"{name:>6}: kappa {row['factor_per_layer']:.4f}, noise energy {row['noise_energy']:.4f}")
        print("        levels", *(f"{s:.3f}" for s in row["noise_levels"]))


if __name__ == "__main__":
    main()
