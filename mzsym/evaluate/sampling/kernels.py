"""The fused pass of a dense layer: bias, activation, residual and fresh noise in one loop."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import Any, Final, Literal, TypeAlias

import sympy as sp

from mzsym.codegen import freeze
from mzsym.codegen.emit_numba import NumbaEmitter, imports, standalone_leaves
from mzsym.codegen.numba_build import module_of
from mzsym.core.primitives import PRIMITIVES
from mzsym.evaluate.sampling import bits, double, single

Precision: TypeAlias = Literal["float32", "float64"]

SINGLE: Final = frozenset({"tanh", "sigmoid", "softplus", "silu", "relu", "hardtanh", "identity"})
"""Activations that float32 has functions for."""

NOISES: Final[dict[str, str]] = {
    "none": "zero",
    "uniform": "{u}",
    "gaussian": "normal({u})",
    "laplace": "laplace({u})",
    "truncated_gaussian": "normal({u} * reach)",
}
"""Law -> a draw of unit scale from u, uniform on (-1, 1); ``reach`` is the mass within the cutoff."""

_RUN = '''

@njit(cache=True, nogil=True, error_model="numpy", fastmath={{"nsz", "contract", "arcp"}})
def run(Z, b, X, step, scale, reach, first, second):
    """Z becomes [X + step *] act(Z + b) + scale * noise; the counter of an entry is its place.

    b and scale are those of one row or of several: short loops do not fill vectors.
    """
    zero = {kind}(0.0)
    flat, before = Z.reshape(Z.size), X.reshape(X.size)
    for start in range(0, flat.size, b.size):
        some = flat[start : start + b.size]
        for j in range(some.size):
            value = act(some[j] + b[j])
            if step != zero:
                value = before[start + j] + step * value
            noise = {noise}
            some[j] = value + scale[j] * noise
'''

Fused: TypeAlias = Callable[..., None]

_APART: Final = re.compile(r"^from (__future__|mzsym\.evaluate\.sampling\.\w+) import .*\n", re.MULTILINE)


@lru_cache(maxsize=64)
def fused(activation: str, slope: float | None, law: str, precision: Precision) -> Fused:
    """The kernel ``run(Z, b, X, step, scale, reach, first, second)``; machine code comes from the cache."""
    own = "\n".join(map(_text, (bits, single if precision == "float32" else double)))
    act = _single(activation) if precision == "float32" else _double(activation, slope)
    u = "uniform(np.uint32(start + j), first, second)"
    text = _RUN.format(kind=f"np.{precision}", noise=NOISES[law].format(u=u))
    body = "\n".join([f'"""Sampling kernel of mzsym: {activation}, {law} noise, {precision}."""', own, act, text])
    compiled: Any = module_of("sampling", body).run
    run: Fused = compiled
    return run


def _text(module: ModuleType) -> str:
    """A file without what cannot stand in the middle of another: its __future__ import, and those of its neighbours."""
    return _APART.sub("", inspect.getsource(module))


def _single(activation: str) -> str:
    return f"\n\nact = {activation}\n"


def _double(activation: str, slope: float | None) -> str:
    z = sp.Symbol("z", real=True)
    parameters = () if slope is None else (sp.Float(slope, 17),)
    program = freeze([PRIMITIVES[activation].expr(z, *parameters)], [z])
    emitter = NumbaEmitter("")
    leaves = standalone_leaves(program)
    lines = [f"    {name} = {text}" for name, text in emitter.statements(program, varying=True)]
    (value,) = emitter.output_names(program)
    head = ["", "", "@njit(forceinline=True, error_model='numpy')", "def act(x0):"]
    text = "\n".join([*head, *lines, f"    return {value}", ""])
    return "\n".join([*imports(leaves + text), leaves, text])
