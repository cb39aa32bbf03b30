"""Programs and leaves as numba source."""

from __future__ import annotations

import math
import re
from typing import Any, Final, final

from mzsym.codegen.emit_base import AbstractEmitter
from mzsym.codegen.leaves.library import Leaf, constants, leaves, needed
from mzsym.codegen.nodes import Program
from mzsym.codegen.operations import ELEMENTARY

BLOCK: Final = 64
"""Rows that are worked on at a time."""

LONG_BLOCK: Final = 4096
"""The same where no columns are gathered: one argument, one output."""

JIT: Final = '@njit(cache=True, nogil=True, error_model="numpy")'
"""No fast-math: results do not depend on the target. IEEE division instead of Python's exception."""

LIBM: Final = (*ELEMENTARY, "fabs", "copysign", "atan2")

JIT_INLINE: Final = '@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)'

_BITS: Final = """
@intrinsic
def to_bits(context, x):
    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), generate


@intrinsic
def from_bits(context, n):
    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), generate
"""

_SPECIAL: Final = {
    # math.floor would return an integer; pow and atan2 are what C has.
    "floor": "def floor(x):\n    return np.floor(x)\n",
    "ceil": "def ceil(x):\n    return np.ceil(x)\n",
    "power": "def power(x, y):\n    return math.pow(x, y)\n",
}


@final
class NumbaEmitter(AbstractEmitter):
    """Python source that numba compiles.

    Parameters
    ----------
    leaves : str
        Module that holds the leaves.
    """

    def __init__(self, leaves: str) -> None:
        self._leaves = leaves

    def literal(self, value: float) -> str:
        if math.isinf(value) or math.isnan(value):
            raise AssertionError("literals are finite")
        return repr(value)

    def call(self, name: str, args: list[str]) -> str:
        return f"{name}({', '.join(args)})"

    def select(self, condition: str, value: str, otherwise: str) -> str:
        return f"{value} if {condition} else {otherwise}"

    def logical(self, op: str, args: list[str]) -> str:
        if op in ("true", "false"):
            return op.capitalize()
        if op == "not":
            return f"not {args[0]}"
        return (" and " if op == "all" else " or ").join(args)

    def source(self, program: Program) -> str:
        """A module with one function ``run(X, P, out)`` over the rows of X."""
        outputs = (
            f"{len(program.outputs)} outputs of {program.n_point} point arguments and {program.n_param} parameters"
        )
        names = self.calls(program)
        head = [f'"""mzsym kernel: {outputs}."""\n']
        head += [_import("math", [name for name in names if name in LIBM])] * any(name in LIBM for name in names)
        head += ["import numpy as np", "from numba import njit\n"]
        own = [name for name in names if name not in LIBM]
        head += [_import(self._leaves, own) + "\n"] if own else []
        return "\n".join([*head, self.function(program)])

    def function(self, program: Program) -> str:
        """The function alone."""
        points = _used(program, "point")
        body = [f"    p{index} = P[{index}]" for index in _used(program, "param")]
        body += [f"    {name} = {text}" for name, text in self.statements(program, varying=False)]
        # Blocks of columns: every load and store of the loop in the middle is contiguous, so it can vectorise; a column
        # alone is contiguous as it is.
        count, narrow = len(program.outputs), program.n_point == 1
        rows = LONG_BLOCK if narrow and count == 1 else BLOCK
        body += [] if narrow else [f"    xs = np.empty({max(1, len(points)) * rows})"]
        body += [] if count == 1 else [f"    ys = np.empty({count * rows})"]
        body += ["    flat = X.reshape(X.size)"] * narrow + ["    results = out.reshape(out.size)"] * (count == 1)
        body += [
            f"    for start in range(0, X.shape[0], {rows}):",
            f"        n = min({rows}, X.shape[0] - start)",
        ]
        body += ["        xs = flat[start : start + n]"] * narrow
        body += ["        ys = results[start : start + n]"] * (count == 1)
        if points and not narrow:
            body.append("        for i in range(n):")
            body += [f"            xs[{_at(at)}] = X[start + i, {index}]" for at, index in enumerate(points)]
        body.append("        for i in range(n):")
        body += [f"            x{index} = xs[{_at(at)}]" for at, index in enumerate(points)]
        body += [f"            {name} = {text}" for name, text in self.statements(program, varying=True)]
        body += [f"            ys[{_at(at)}] = {name}" for at, name in enumerate(self.output_names(program))]
        if count != 1:
            body.append("        for i in range(n):")
            body += [f"            out[start + i, {at}] = ys[{_at(at)}]" for at in range(count)]
        return "\n".join([f"\n{JIT}", "def run(X, P, out):", *body]) + "\n"


def _import(module: str, names: list[str]) -> str:
    return f"from {module} import {', '.join(names)}"


def _at(column: int) -> str:
    """Index of row i in a column of a block."""
    return f"{column * BLOCK} + i" if column else "i"


def _used(program: Program, op: str) -> list[int]:
    return sorted(int(node.data[0]) for node in program.nodes if node.op == op)


def leaf_library() -> str:
    """Source of every leaf for numba; the functions compile when a kernel first calls them."""
    parts = ['"""Stable scalar functions of mzsym kernels."""\n', "from __future__ import annotations\n"]
    parts += ["import math", *imports("".join(f"{name}(" for name in LIBM) + "_bits(")]
    parts += [_constant(name, value) for name, value in constants().items()]
    parts += [f"\n\n{JIT}\n{source}" for source in _SPECIAL.values()]
    parts += [_BITS]
    parts += [_decorated(leaf) for leaf in leaves().values()]
    return "\n".join(parts)


def imports(text: str) -> list[str]:
    """Import lines that kernels and leaves with this text need, besides math."""
    used = [name for name in LIBM if re.search(rf"\b{name}\(", text)]
    lines = ["from math import " + ", ".join(used)] if used else []
    if "_bits(" not in text:
        return [*lines, "\nimport numpy as np", "from numba import njit\n"]
    lines += ["\nimport numpy as np", "from llvmlite import ir", "from numba import njit, types"]
    return [*lines, "from numba.extending import intrinsic\n"]


def standalone(program: Program) -> str:
    """The function ``run(X, P, out)`` of a program, after the leaves that it needs; ``imports`` go before."""
    emitter = NumbaEmitter("")
    text = emitter.function(program)
    return "\n".join([standalone_leaves(program, text), "", text])


def standalone_leaves(program: Program, text: str = "") -> str:
    """The leaves that a program needs, and what they and a text need of the C library."""
    functions, values = needed(NumbaEmitter("").calls(program))
    inner = "\n".join([*(leaf.source for leaf in functions.values()), text])
    parts = [_constant(name, value) for name, value in values.items()]
    parts += [f"\n\n{JIT}\n{source}" for name, source in _SPECIAL.items() if f"{name}(" in inner]
    parts += [_BITS] if "_bits(" in inner else []
    parts += [_decorated(leaf) for leaf in functions.values()]
    return "\n".join(parts)


def _constant(name: str, value: Any) -> str:
    finite = isinstance(value, tuple) or math.isfinite(value)
    return f"{name} = {value!r}" if finite else f"{name} = math.{value!r}"


def _decorated(leaf: Leaf) -> str:
    return f"\n\n{JIT_INLINE if leaf.straight else JIT}\n{leaf.source}"
