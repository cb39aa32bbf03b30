"""Gradients of a scalar of the tables: their cost in evaluations of the scalar, and their error.

Deep networks of tanh layers in one to three dimensions, with about 10 and about 1000 weights, biases and noise scales;
shallow ones whose noise densities are splines with 4 and with 20 amplitudes a layer; and layers with kinks on panels.
A value is a new evaluator, as an optimiser asks for: domains, sweeps on two grids, tables. The error is the difference
to central differences of sixth order along one direction in all parameters, relative to the gradient's norm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import mzsym as mz
from benchmarks.timing import interleaved, seconds
from mzsym.derive import Equation
from mzsym.model.noise import AbstractNoise

CASES = ((1, 3, 0), (1, 334, 0), (2, 2, 0), (2, 143, 0), (3, 2, 0), (3, 77, 0), (1, 4, 4), (1, 4, 20), (2, 3, 20))
"""Dimension, layers, amplitudes of the noise density of every layer (0: uniform noise)."""
KINKED: tuple[tuple[str, AbstractNoise, int], ...] = (
    ("leaky_relu", mz.Uniform(0.5), 3),
    ("hardtanh", mz.Uniform(0.5), 30),
    ("relu", mz.Laplace(0.3), 30),
    ("hardtanh", mz.Gaussian(0.3), 334),
)
"""Activation, noise, depth, in one dimension; unbounded noise on the line with Hermite polynomials."""
STEP = 2e-3
WEIGHTS = {1: 0.75, 2: -0.15, 3: 1 / 60}
"""Of the values at 1, 2, 3 steps to either side."""


def network(dim: int, depth: int, amplitudes: int) -> mz.Network:
    """Rotations and small random matrices: every layer mixes its components."""
    rng = np.random.default_rng(dim)
    layers = []
    shapes = 1.0 + 0.3 * np.sin(np.arange(amplitudes))
    noise = mz.Noise.spline(shapes, support=(-0.5, 0.5)) if amplitudes else mz.Uniform(0.5)
    for _ in range(depth):
        W = (0.8 if dim < 3 else 0.5) * np.linalg.qr(rng.normal(size=(dim, dim)))[0] + 0.1 * rng.normal(size=(dim, dim))
        layers.append(mz.dense(W, 0.1 * rng.normal(size=dim), activation="tanh", noise=noise))
    return mz.Network(layers, domain=mz.Box([(-1, 1)] * dim), observable=sum(mz.state(dim)))


def kinked(activation: str, noise: AbstractNoise, depth: int) -> mz.Network:
    """Slopes about 1 and -1 in one dimension."""
    rng = np.random.default_rng(1)
    weights = 0.9 * rng.choice([-1.0, 1.0], size=depth) + 0.1 * rng.normal(size=depth)
    pairs = zip(weights, 0.1 * rng.normal(size=depth), strict=True)
    layers = [mz.dense([[w]], [b], activation=activation, noise=noise) for w, b in pairs]
    box = mz.Box([(-1, 1)]) if noise.bounded else None
    return mz.Network(layers, domain=box, observable=mz.state(1)[0])


def loss(e: Any) -> Any:
    """All streaming terms, the first memory term and two conditional means."""
    depth, dim = e.network.depth, e.network.dims[0]
    total = (e.memory(0, 2) ** 2).sum() + (e.expectation(np.full((2, dim), 0.3)) ** 2).sum()
    for n in range(depth):
        total = total + np.tanh(e.streaming(n)).sum() / depth
    return total


def main() -> None:
    print("value and gradient in evaluations of the value; with check: compared with a second grid")
    for dim, depth, amplitudes in CASES:
        equation = mz.derive(network(dim, depth, amplitudes), mz.Legendre(2 if dim == 1 else 1))
        name = f"{dim}-D{', splines' if amplitudes else ''}"
        measure(name, equation, 1e-10 if dim < 3 else 1e-6, 3 if dim == 1 or depth < 10 else 1)
    for activation, noise, depth in KINKED:
        equation = mz.derive(kinked(activation, noise, depth), mz.Legendre(2) if noise.bounded else mz.Hermite(2))
        measure(f"{activation}, {type(noise).__name__}", equation, 1e-8, 2 if depth < 100 else 1)


def measure(name: str, equation: Equation, tolerance: float, rounds: int) -> None:
    """Time and error of one network."""
    ev = mz.compile(equation, options=mz.Options(tolerance=tolerance))
    objective = ev.objective(loss)
    variants: dict[str, Callable[[], Any]] = {
        "value": lambda: loss(moved(objective)),
        "gradient": lambda: moved(objective).value_and_grad(loss, check=False),
        "with check": lambda: moved(objective).value_and_grad(loss),
    }
    best = interleaved(variants, rounds=rounds)
    _, gradient = ev.value_and_grad(loss)
    count = sum(array.size for array in gradient.values())
    print(
        f"  {name}, {count:4} parameters: value {seconds(best['value']):>8}, "
        f"gradient {best['gradient'] / best['value']:.2f}, with check {best['with check'] / best['value']:.2f}; "
        f"error {error_along(ev, gradient):.0e}, observed {gradient.reached:.0e}"
    )


def moved(objective: Any) -> mz.Evaluator:
    """At other values of all parameters, as an optimiser's next step has them: nothing computed before serves again."""
    return objective.evaluator(objective.x0 * (1.0 + 1e-3 * next(_SHIFTS)))


_SHIFTS = iter(np.random.default_rng(1).uniform(-1.0, 1.0, 10_000).tolist())


def error_along(ev: mz.Evaluator, gradient: Mapping[Any, Any]) -> float:
    """Against differences along one direction, which is that of the gradient's signs."""
    objective = ev.objective(loss)
    flat = np.concatenate([array.ravel() for array in gradient.values()])
    direction = np.sign(flat) / np.sqrt(flat.size)
    slope = 0.0
    for k, weight in WEIGHTS.items():
        ends = [loss(objective.evaluator(objective.x0 + sign * k * STEP * direction)) for sign in (1, -1)]
        slope += weight * (ends[0] - ends[1]) / STEP
    return abs(float(slope - flat @ direction)) / float(np.linalg.norm(flat))


if __name__ == "__main__":
    main()
