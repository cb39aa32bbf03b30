"""Valid model files, as trees, that between them use every key that a model file may have."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

NOISES: list[Any] = [
    {"law": "uniform", "half_width": 0.4},
    {"law": "uniform", "half_width": "1/3"},
    {"law": "gaussian", "scale": 0.3},
    {"law": "laplace", "scale": 0.2},
    {"law": "truncated_gaussian", "scale": 0.2, "cutoff": 3},
    {"law": "deterministic"},
    {"law": "density", "density": "6*t*(1 - t)", "variable": "t", "support": [0, 1]},
    {
        "law": "density",
        "density": "(a - abs(xi))/a^2",
        "support": ["-a", "a"],
        "params": {"a": 0.5},
        "positive": ["a"],
    },
    {"law": "density", "density": "exp(-xi^2/2)/sqrt(2*pi)", "support": ["-inf", "inf"]},
    {"law": "density", "density": "piecewise(3/4, xi < 0, 1/4)", "support": [-1, 1]},
]

ACTIVATIONS: list[Any] = [
    "identity", "tanh", "sigmoid", "softplus", "relu", "leaky_relu", "gelu", "erf", "sin", "cos", "arctan", "exp",
    "abs", "elu", "silu", "hardtanh", "step", ["leaky_relu", 0.1], "z/(1 + z^2)",
]  # fmt: skip

EXPRESSIONS = [
    "tanh(w*x0 + b)", "x0^2/3 - 1/4", "x0 + sin(2*x0)/4", "max(x0, 0) - relu(-x0)", "exp(-x0^2)", "x", "w*x0*(1 - x0)",
    "arctan(x0)/(1 + x0^2)", "elu(x0) - silu(x0)", "hardtanh(2*x0)", "log(2 + x0)", "sqrt(3 + x0)", "2^3^2*x0/512",
    "sign(x0)*heaviside(x0)", "leaky_relu(x0, 0.25)", "erfc(x0)/2", "-x0**3", "pi*x0/4", "cosh(x0)/sinh(2 + x0)",
]  # fmt: skip

MEASURES: list[Any] = ["uniform", "lebesgue", "law", "gaussian", "exp(-x0^2)", "1 + x0^2"]

PROJECTIONS: list[Any] = [
    {"family": "legendre", "degree": 3},
    {"family": "legendre", "degree": 1, "measure": "law"},
    {"family": "legendre", "degree": 2, "measure": "1 + x0^2"},
    {"family": "mean", "measure": "lebesgue"},
    {"family": "hermite", "degree": 2},
    {"family": "basis", "exprs": ["1", "tanh(x0)", "x0"], "test": ["1", "x0", "x0^3"], "measure": "1 + x0^2"},
    {"family": "basis", "exprs": {"1": ["1", "x0"], "2": ["1", "x0*x1"]}, "measure": "uniform"},
    {"family": "kernel", "expr": "1 + 3*s*t", "x": ["s"], "y": ["t"]},
    {"family": "conditional", "keep": [0], "measure": "uniform"},
]

INPUTS: list[Any] = [
    "uniform",
    {"law": "uniform", "half_width": 0.5},
    "3*x0^2/2",
    "piecewise(3/4, x0 < 0, 1/4)",
    [[0.1], [0.3], [-0.5]],
    {"samples": "X0", "weights": "weights.npz"},
]


def seed(rng: Random) -> dict[str, Any]:
    """A random valid (or nearly valid) model, one- or two-dimensional, of one to four layers."""
    dim = rng.choice([1, 1, 1, 2])
    depth = rng.randint(1, 4)
    network: dict[str, Any] = {"domain": [[-1, 1]] * dim, "observable": rng.choice(["x0", "exp(x0)", ["x0", "x0^2"]])}
    if dim == 1 and rng.random() < 0.3:
        network["input"] = _copy(rng.choice(INPUTS))
    if rng.random() < 0.2:
        network["shared"] = {"a": 0.5, "c": "c"} if rng.random() < 0.3 else {"a": 0.5}
        network["positive"] = ["a"]
    if rng.random() < 0.1:
        del network["domain"]
    model: dict[str, Any] = {"format": 1, "network": network, "layers": [layer(rng, dim) for _ in range(depth)]}
    if rng.random() < 0.8:
        model["projection"] = _copy(rng.choice(PROJECTIONS))
    if rng.random() < 0.3:
        model["options"] = {"tolerance": 1e-6, "max_operations": 500, "max_nodes": 64, "memory_budget": 10**8}
    return model


def layer(rng: Random, dim: int) -> dict[str, Any]:
    """One layer of a model."""
    kind = rng.choice(["dense", "dense", "residual", "map"])
    noise = _copy(rng.choice(NOISES[:2] if rng.random() < 0.5 else NOISES))
    if dim == 2 and rng.random() < 0.3:
        noise = [noise, _copy(rng.choice(NOISES))]
    if kind == "map":
        rows = [rng.choice(EXPRESSIONS) for _ in range(dim)]
        out: dict[str, Any] = {"kind": "map", "state": dim, "map": rows, "params": {"w": 1.5, "b": "1/3"}}
        if rng.random() < 0.3:
            out["params"]["w"] = {"law": "gaussian", "scale": 0.1}
        if rng.random() < 0.3:
            out["gain"] = rng.choice([["1 + x0^2/4"] * dim, "1/2", [["1"] * dim] * dim])
    else:
        out = {"kind": kind, "W": [[round(rng.uniform(-1, 1), 2) for _ in range(dim)] for _ in range(dim)]}
        out["b"] = [0.1] * dim
        out["activation"] = _copy(rng.choice(ACTIVATIONS))
        if rng.random() < 0.15:
            out |= {"W": f"W{dim}", "b": f"b{dim}", "weights": "weights.npz"}
        if rng.random() < 0.1:
            out["weight_noise"] = _copy(rng.choice(NOISES[:3]))
        if kind == "residual":
            out["step"] = rng.choice([1, 0.25, "1/8"])
    if rng.random() < 0.9:
        out["noise"] = noise
    return out


def plain(rng: Random) -> dict[str, Any]:
    """A small smooth model, on which every command succeeds."""
    layers = [
        {
            "kind": "dense",
            "W": [[round(rng.uniform(0.5, 1.5), 2)]],
            "activation": rng.choice(["tanh", "sin", "identity"]),
            "noise": {"law": "uniform", "half_width": 0.5},
        }
        for _ in range(rng.randint(1, 3))
    ]
    return {
        "format": 1,
        "network": {"domain": [[-1, 1]], "observable": "x0"},
        "layers": layers,
        "projection": {"family": "legendre", "degree": rng.randint(0, 2)},
    }


def _copy(value: Any) -> Any:
    return copy.deepcopy(value)
