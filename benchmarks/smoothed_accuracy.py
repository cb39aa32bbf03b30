"""Worst errors of the smoothed tanh and sigmoid, in units of the last place of E|g|. MATH (20).

Many pairs of argument and half-width are sieved in extended precision, the worst are asked of mpmath. Part of
``python -m benchmarks accuracy``; a test measures the rows of docs/numerics.md again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mpmath as mp
import numpy as np
import sympy as sp

from mzsym.calculus.heads import UniformMean
from mzsym.codegen import Kernel, compile_program, freeze
from mzsym.core.arrays import Array

NAMES = ("tanh", "sigmoid")


def kernel_of(name: str) -> Kernel:
    """The average as a function of argument and half-width, compiled by C."""
    z, half = sp.symbols("z half", real=True)
    return compile_program(freeze([UniformMean(name, 1, z, half)], [z, half], []), "c")


def pairs(count: int, seed: int = 0) -> Iterator[tuple[Array, Array]]:
    """(arguments, half-widths), range by range."""
    rng = np.random.default_rng(seed)
    yield rng.uniform(-3, 3, count), rng.uniform(1e-8, 3, count)
    yield rng.uniform(-1, 1, count), rng.uniform(1e-8, 1.5, count)
    yield rng.uniform(-40, 40, count) * rng.uniform(0, 1, count), 10.0 ** rng.uniform(-7.9, 1, count)
    yield rng.choice([-1, 1], count) * 10.0 ** rng.uniform(-6, 1.5, count), 10.0 ** rng.uniform(-7.9, 2, count)


def error(name: str, z: float, half: float, value: float) -> float:
    """Distance from the exact average, in units of the last place of E|g|."""
    with mp.workdps(120):
        scale = 2 if name == "tanh" else 1
        point, width = mp.mpf(z) * scale, mp.mpf(half) * scale

        def integral(t: Any) -> Any:
            return t + mp.log1p(mp.exp(-t)) if t > 0 else mp.log1p(mp.exp(t))

        rise = (integral(point + width) - integral(point - width)) / (2 * mp.mpf(half))
        if name == "sigmoid":
            exact, size = rise, rise
        else:
            exact = size = rise - 1
            if mp.fabs(point) < width:
                # tanh changes its sign inside: its modulus integrates to log cosh on both sides.
                both = integral(width + point) + integral(width - point) - 2 * mp.log(2) - width
                size = both / (2 * mp.mpf(half))
        return float(mp.fabs(mp.mpf(value) - exact) / mp.mpf(float(np.spacing(abs(float(size))))))


def extended(name: str, z: Array, half: Array) -> Any:
    """The averages in long double."""
    u, s = np.abs(z.astype(np.longdouble)), half.astype(np.longdouble)
    if name == "sigmoid":
        upper, e = s - u, np.exp(np.minimum(s - u, 40))
        value = np.where(upper > 40, upper, np.log1p(e * -np.expm1(-2 * s) / (1 + np.exp(-u - s)))) / (2 * s)
        return np.where(z > 0, 1 - value, value)
    a, b, least = np.expm1(-2 * u), np.expm1(-2 * s), np.minimum(u, s)
    product, ratio = np.exp(-2 * (u + s)), np.exp(-2 * np.abs(u - s))
    near = np.log1p(a * b / np.maximum(2 + a + b, 1e-300))
    far = 2 * least + np.log1p((product - ratio) / (1 + ratio))
    return np.copysign(np.where(least < 0.5, near, far) / (2 * s), z)


def worst(name: str, count: int, sieved: bool = True) -> tuple[float, float, float]:
    """(error, argument, half-width), the largest that is found among ``count`` pairs of each range."""
    kernel, found = kernel_of(name), (0.0, 0.0, 0.0)
    for z, half in pairs(count):
        values = kernel(np.stack([z, half], 1), threads=1)[:, 0]
        if sieved:
            exact = extended(name, z, half)
            chosen = np.argsort(np.abs(values - exact) / np.spacing(np.abs(exact.astype(np.float64))))[-40:]
            z, half, values = z[chosen], half[chosen], values[chosen]
        for at, width, value in zip(z.tolist(), half.tolist(), values.tolist(), strict=True):
            found = max(found, (error(name, at, width, value), at, width))
    return found


def main(count: int = 4_000_000) -> None:
    print("\n| average | worst error (ulp of E|g|) | at | half-width |\n|---|---|---|---|")
    for name in NAMES:
        size, at, half = worst(name, count)
        print(f"| smoothed {name} | {size:.2f} | {at!r} | {half!r} |", flush=True)


if __name__ == "__main__":
    main()
