"""Programs as C99."""

from __future__ import annotations

from typing import Final, final

from mzsym.codegen.dialect_c import LIBRARY, PRELUDE, library_text, number
from mzsym.codegen.emit_base import AbstractEmitter
from mzsym.codegen.nodes import Program

BLOCK: Final = 64
"""Rows that are worked on at a time."""

LONG_BLOCK: Final = 4096
"""The same where no columns are gathered: one argument, one output."""

COLUMNS: Final = 512
"""Columns of a block that the stack has room for; blocks of more columns have fewer rows."""


@final
class CEmitter(AbstractEmitter):
    """C99 text of one translation unit that needs the C library alone.

    Parameters
    ----------
    name : str
        The function, ``void NAME(size_t points, const double *X, const double *P, double *out)``.
    """

    def __init__(self, name: str = "mzsym_run") -> None:
        self._function = name

    def literal(self, value: float) -> str:
        return number(value)

    def call(self, name: str, args: list[str]) -> str:
        return f"{LIBRARY.get(name, 'mz_' + name)}({', '.join(args)})"

    def select(self, condition: str, value: str, otherwise: str) -> str:
        return f"{condition} ? {value} : {otherwise}"

    def logical(self, op: str, args: list[str]) -> str:
        if op in ("true", "false"):
            return str(int(op == "true"))
        if op == "not":
            return f"!{args[0]}"
        return (" && " if op == "all" else " || ").join(args)

    def source(self, program: Program) -> str:
        """The leaves that the program calls, and one function over the rows of X."""
        counts = f"{len(program.outputs)} outputs, {program.n_point} point arguments, {program.n_param} parameters"
        leaves = library_text(name for name in self.calls(program) if name not in LIBRARY)
        return "\n".join([f"/* mzsym kernel: {counts}. */", PRELUDE, *([leaves] if leaves else []), self._run(program)])

    def _run(self, program: Program) -> str:
        points, outputs = _used(program, "point"), self.output_names(program)
        rows = max(1, min(BLOCK, BLOCK * COLUMNS // max(1, len(points) + len(outputs))))
        rows = LONG_BLOCK if program.n_point == 1 == len(outputs) else rows
        lines = [
            f"void {self._function}(size_t points, const double *X, const double *P, double *out);\n",
            f"void {self._function}(size_t points, const double *restrict X, const double *restrict P, "
            "double *restrict out)",
            "{",
        ]
        params = _used(program, "param")
        lines += [f"    const double p{index} = P[{index}];" for index in params]
        lines += ["    (void)X;"] * (not points) + ["    (void)P;"] * (not params)
        lines += [f"    const {_kind(name)} {name} = {text};" for name, text in self.statements(program, varying=False)]
        # Blocks of columns: every load and store of the loop in the middle is contiguous, so it can vectorise.
        lines += [f"    for (size_t start = 0; start < points; start += {rows}) {{"]
        lines += [f"        double y_{at}[{rows}];" for at in range(len(outputs)) if len(outputs) > 1]
        lines += ["        double *y_0 = out + start;"] * (len(outputs) == 1)
        lines += [f"        const size_t n = points - start < {rows} ? points - start : {rows};"]
        lines += _loads(program.n_point, points, rows)
        lines += ["        for (size_t i = 0; i < n; i++) {"]
        lines += [f"            const double x{index} = x_{index}[i];" for index in points]
        for name, text in self.statements(program, varying=True):
            lines.append(f"            const {_kind(name)} {name} = {text};")
        lines += [f"            y_{at}[i] = {name};" for at, name in enumerate(outputs)]
        lines += ["        }", *_stores(len(outputs)), "    }", "}"]
        return "\n".join(lines) + "\n"


def _kind(name: str) -> str:
    return "int" if name.startswith("c") else "double"


def _used(program: Program, op: str) -> list[int]:
    return sorted(int(node.data[0]) for node in program.nodes if node.op == op)


def _loads(width: int, points: list[int], rows: int) -> list[str]:
    """Columns of X; one alone is contiguous as it is."""
    if width == 1:
        return ["        const double *x_0 = X + start;"] * len(points)
    lines = [f"        double x_{index}[{rows}];" for index in points]
    if points:
        lines.append("        for (size_t i = 0; i < n; i++) {")
        lines += [f"            x_{index}[i] = X[(start + i) * {width} + {index}];" for index in points]
        lines.append("        }")
    return lines


def _stores(count: int) -> list[str]:
    if count == 1:
        return []
    lines = ["        for (size_t i = 0; i < n; i++) {"]
    lines += [f"            out[(start + i) * {count} + {at}] = y_{at}[i];" for at in range(count)]
    return [*lines, "        }"]
