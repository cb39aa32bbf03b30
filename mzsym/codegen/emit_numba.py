"""Programs and leaves as numba source."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Mapping, Sequence
from typing import Any, Final, final

from mzsym.codegen.emit_base import SIMPLE, AbstractEmitter
from mzsym.codegen.flat import Line, divided, handed_on, loops, stored_by
from mzsym.codegen.leaves.library import Leaf, constants, leaves, needed
from mzsym.codegen.nodes import Program
from mzsym.codegen.operations import ELEMENTARY

BLOCK: Final = 64
"""Rows that are worked on at a time."""

LONG_BLOCK: Final = 4096
"""The same where no columns are gathered: one argument, one output, one loop."""

MOST_LINES: Final = 60
"""Statements that vary up to which leaves are written out and loops cut: numba takes 10 ms to compile each."""

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

_HELPERS: Final = {
    # Both sides of a selection are computed; bits of floats are added as machine integers are.
    "mz_select": "def mz_select(condition, value, otherwise):\n    return value if condition else otherwise\n",
    "mz_pick": "def mz_pick(condition, value, otherwise):\n    return value if condition else otherwise\n",
    "mz_plus": "def mz_plus(a, b):\n    return a + b\n",
    "mz_minus": "def mz_minus(a, b):\n    return a - b\n",
    "mz_times": "def mz_times(a, b):\n    return a * b\n",
}

_NAME: Final = re.compile(r"[A-Za-z_]\w*")
_MARKED: Final = re.compile(rf"\b(?!(?:{'|'.join(_HELPERS)})\b)(?:MZ|mz)_(\w+)")
_NOT: Final = re.compile(r"!(?!=)")

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
        text = self.function(program)
        head = [f'"""mzsym kernel: {outputs}."""\n']
        read = set(_NAME.findall(text))
        library = sorted(read & set(LIBM))
        head += [_import("math", library)] if library else []
        head += ["import numpy as np", "from numba import njit\n"]
        own = sorted(read & ({*leaves(), *constants(), *_SPECIAL, *_HELPERS, "to_bits", "from_bits"} - {*LIBM}))
        head += [_import(self._leaves, own) + "\n"] if own else []
        return "\n".join([*head, text])

    def function(self, program: Program) -> str:
        """The function alone."""
        outputs = self.output_names(program)
        points, params, fixed, bodies = self._parts(program)
        handed, count, narrow = handed_on(bodies), len(outputs), program.n_point == 1
        columns = len(handed) + (0 if narrow else len(points)) + (0 if count == 1 else count)
        rows = BLOCK if columns else LONG_BLOCK
        place = _places(handed, rows)
        body = [f"    p{index} = P[{index}]" for index in params]
        body += [f"    {line.name} = {in_python(line.text)}" for line in fixed]
        # Blocks of columns: every load and store of the loops in the middle is contiguous, so they can vectorise; a
        # column alone is contiguous as it is.
        for name, kind in (("reals", "double"), ("wholes", "")):
            held = sum((one == "double") == (kind == "double") for one in handed.values())
            body += [f"    {name} = np.empty({held * rows}{'' if kind else ', np.int64'})"] * (held > 0)
        body += [] if narrow else [f"    xs = np.empty({max(1, len(points)) * rows})"]
        body += [] if count == 1 else [f"    ys = np.empty({count * rows})"]
        body += ["    flat = X.reshape(X.size)"] * narrow + ["    results = out.reshape(out.size)"] * (count == 1)
        body += [
            f"    for start in range(0, X.shape[0], {rows}):",
            f"        n = min({rows}, X.shape[0] - start)",
        ]
        body += ["        xs = flat[start : start + n]"] * narrow
        body += ["        ys = results[start : start + n]"] * (count == 1)
        column = {f"x{index}": f"xs[{_at(at, rows)}]" for at, index in enumerate(points)}
        if points and not narrow:
            body.append("        for i in range(n):")
            body += [f"            {column[f'x{index}']} = X[start + i, {index}]" for index in points]
        for one, stored in zip(bodies, stored_by(bodies, outputs), strict=True):
            body += _loop(one, place | column, handed, [(f"ys[{_at(at, rows)}]", name) for at, name in stored])
        if count != 1:
            body.append("        for i in range(n):")
            body += [f"            out[start + i, {at}] = ys[{_at(at, rows)}]" for at in range(count)]
        return "\n".join([f"\n{JIT}", "def run(X, P, out):", *body]) + "\n"

    def _parts(self, program: Program, cut: bool = True) -> tuple[list[int], list[int], list[Line], list[list[Line]]]:
        """Point arguments and parameters that are read, what is computed once, and the bodies of the loops."""
        # Written out, leaves only add statements: where nodes alone are too many that is not tried.
        nodes = zip(program.depends_on_point, program.nodes, strict=True)
        cut = cut and sum(vary and node.op not in SIMPLE for vary, node in nodes) <= MOST_LINES
        lines, _ = self.lines(program, inline=cut)
        read = {name for line in lines for name in line.reads}.union(self.output_names(program))
        points = self.used(program, "point", read)
        fixed, varying = divided(lines, {f"x{index}" for index in points})
        if cut and len(varying) > MOST_LINES:
            return self._parts(program, cut=False)
        return points, self.used(program, "param", read), fixed, (loops(varying) if cut else [varying]) or [[]]


def _places(handed: Mapping[str, str], rows: int) -> dict[str, str]:
    """Where values that loops hand on are kept: columns of one array of floats and one of integers."""
    reals = [name for name, kind in handed.items() if kind == "double"]
    wholes = [name for name, kind in handed.items() if kind != "double"]
    # One array with columns, not many: a compiler sees that its columns do not overlap.
    found = {name: f"reals[{_at(at, rows)}]" for at, name in enumerate(reals)}
    return found | {name: f"wholes[{_at(at, rows)}]" for at, name in enumerate(wholes)}


def _loop(
    body: Sequence[Line], place: Mapping[str, str], handed: Container[str], stored: Sequence[tuple[str, str]]
) -> list[str]:
    """One loop over the rows of a block."""
    own = {line.name for line in body}
    read = {name for line in body for name in line.reads} | {name for _, name in stored}
    text = ["        for i in range(n):"]
    text += [f"            {name} = {where}" for name, where in place.items() if name in read - own]
    for line in body:
        text.append(f"            {line.name} = {in_python(line.text)}")
        text += [f"            {place[line.name]} = {line.name}"] if line.name in handed else []
    text += [f"            {where} = {name}" for where, name in stored]
    return text if len(text) > 1 else []


def in_python(text: str) -> str:
    """A line of a leaf that was written out in C: most operators are the same, names lose their mark."""
    for theirs, ours in ((" || ", " or "), (" && ", " and "), ("INT64_C(", "("), ("(double)", "float")):
        text = text.replace(theirs, ours)
    return _NOT.sub("not ", _MARKED.sub(r"\1", text))


def _import(module: str, names: list[str]) -> str:
    return f"from {module} import {', '.join(names)}"


def _at(column: int, rows: int) -> str:
    """Index of row i in a column of a block."""
    return f"{column * rows} + i" if column else "i"


def leaf_library() -> str:
    """Source of every leaf for numba; the functions compile when a kernel first calls them."""
    parts = ['"""Stable scalar functions of mzsym kernels."""\n', "from __future__ import annotations\n"]
    parts += ["import math", *imports("".join(f"{name}(" for name in LIBM) + "_bits(")]
    parts += [_constant(name, value) for name, value in constants().items()]
    parts += [f"\n\n{JIT}\n{source}" for source in _SPECIAL.values()]
    parts += [_BITS]
    parts += [f"\n\n{JIT_INLINE}\n{source}" for source in _HELPERS.values()]
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
    read = set(_NAME.findall(text)) if text else set(NumbaEmitter("").calls(program))
    functions, values = needed(read & {*leaves(), *constants()})
    inner = "\n".join([*(leaf.source for leaf in functions.values()), text])
    parts = [_constant(name, value) for name, value in values.items()]
    parts += [f"\n\n{JIT}\n{source}" for name, source in _SPECIAL.items() if f"{name}(" in inner]
    parts += [_BITS] if "_bits(" in inner else []
    parts += [f"\n\n{JIT_INLINE}\n{source}" for name, source in _HELPERS.items() if f"{name}(" in text]
    parts += [_decorated(leaf) for leaf in functions.values()]
    return "\n".join(parts)


def _constant(name: str, value: Any) -> str:
    finite = isinstance(value, tuple) or math.isfinite(value)
    return f"{name} = {value!r}" if finite else f"{name} = math.{value!r}"


def _decorated(leaf: Leaf) -> str:
    return f"\n\n{JIT_INLINE if leaf.straight else JIT}\n{leaf.source}"
