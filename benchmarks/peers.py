"""Other code generators on the smoothed tanh; those that are not installed (``mzsym[bench]``) are left out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.smoothed_tanh import BIAS, SCALE, WEIGHT, Run
from mzsym.core.arrays import Array


def peers(x: Array) -> Iterator[tuple[str, Run]]:
    """(name, run) of what is there."""
    for name, make in (("heyoka", _heyoka), ("jax", _jax), ("numexpr", _numexpr)):
        if find_spec(name) is not None:
            yield from make(x)


def _forms(lib: Any, z: Any, one: Callable[[Any], Any] = lambda value: value) -> Iterator[tuple[str, Any]]:
    """The formula as written, and the one with two functions, in a library's own terms."""
    half = WEIGHT * SCALE
    yield "as written", (lib.log(lib.cosh(z + half)) - lib.log(lib.cosh(z - half))) / (2 * half)
    # Not stable near 0: what a library without expm1 and log1p can do.
    e, f = lib.exp(-2.0 * lib.sqrt(z * z)), float(np.exp(-2 * half))
    yield "two functions", lib.log(one(1.0) + (one(1.0) - e) * (1 - f) / (e + f)) / (2 * half)


def _heyoka(x: Array) -> Iterator[tuple[str, Run]]:
    hy = import_module("heyoka")
    (state,) = (hy.make_vars("x"),)
    rows, out = np.ascontiguousarray(x[None, :]), np.empty((1, len(x)))
    for name, expr in _forms(hy, WEIGHT * state + BIAS):
        function = hy.cfunc([expr], vars=[state])
        yield f"heyoka, {name}", lambda function=function: function(rows, outputs=out)[0]


def _jax(x: Array) -> Iterator[tuple[str, Run]]:
    jax = import_module("jax")
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
    points = jnp.asarray(x)
    for name in ("as written", "two functions"):
        function = jax.jit(lambda t, name=name: dict(_forms(jnp, WEIGHT * t + BIAS))[name])
        yield f"JAX, {name}", lambda function=function: np.asarray(function(points).block_until_ready())


def _numexpr(x: Array) -> Iterator[tuple[str, Run]]:
    ne = import_module("numexpr")
    ne.set_num_threads(len(os.sched_getaffinity(0)))
    text = f"(log(cosh(z + {WEIGHT * SCALE})) - log(cosh(z - {WEIGHT * SCALE}))) / {2 * WEIGHT * SCALE}"
    text = text.replace("z", f"({WEIGHT} * x + {BIAS})")
    yield "numexpr, as written", lambda: ne.evaluate(text, {"x": x})
