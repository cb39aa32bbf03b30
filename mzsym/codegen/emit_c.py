"""Programs as C99."""

from __future__ import annotations

from typing import Final, final

from mzsym.codegen.dialect_c import LIBRARY, PRELUDE, library_text, number
from mzsym.codegen.emit_base import AbstractEmitter
from mzsym.codegen.flat import Line, divided, handed_on, loops, stored_by
from mzsym.codegen.nodes import Program

BLOCK: Final = 64
"""Rows that are worked on at a time."""

LONG_BLOCK: Final = 256
"""The same where a block has few columns, which then stay in the nearest cache."""

FEW_COLUMNS: Final = 14
"""How many are few."""

COLUMNS: Final = 512
"""Columns of a block that the stack has room for; blocks of more columns have fewer rows."""


LIBMVEC: Final = ("sin", "cos", "tan", "sinh", "cosh", "asin", "acos", "asinh", "acosh", "atanh")
"""Functions of the C library that glibc has for vectors as well; mzsym's own are as fast, and give the same bits."""

_DECLARED: Final = "#if defined(__GNUC__) && !defined(__clang__)\n{}\n#endif\n".format(
    "\n".join(f'__attribute__((__simd__("notinbranch"), __const__)) double {name}(double);' for name in LIBMVEC)
)


@final
class CEmitter(AbstractEmitter):
    """C99 text of one translation unit that needs the C library alone.

    Parameters
    ----------
    name : str
        The function, ``void NAME(size_t points, const double *X, const double *P, double *out)``.
    libmvec : bool
        Let gcc take the vector functions of glibc, to which the text is then to be linked.
    """

    def __init__(self, name: str = "mzsym_run", libmvec: bool = False) -> None:
        self._function, self._libmvec = name, libmvec

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
        lines, uses = self.lines(program)
        declared = _DECLARED if self._libmvec else ""
        head = [f"/* mzsym kernel: {counts}. */", PRELUDE, declared, library_text(uses)]
        return "\n".join([part for part in head if part] + [self._run(program, lines)])

    def _run(self, program: Program, lines: list[Line]) -> str:
        outputs = self.output_names(program)
        read = {name for line in lines for name in line.reads}.union(outputs)
        points, params = self.used(program, "point", read), self.used(program, "param", read)
        fixed, varying = divided(lines, {f"x{index}" for index in points})
        bodies = loops(varying) or [[]]
        handed = handed_on(bodies)
        columns = len(handed) + len(points) + len(outputs)
        rows = max(1, min(BLOCK if columns > FEW_COLUMNS else LONG_BLOCK, BLOCK * COLUMNS // max(1, columns)))
        head = f"void {self._function}(size_t points, const double *{{0}}X, const double *{{0}}P, double *{{0}}out)"
        text = [head.format("") + ";\n", head.format("restrict "), "{"]
        text += [f"    const double p{index} = P[{index}];" for index in params]
        text += ["    (void)X;"] * (not points) + ["    (void)P;"] * (not params)
        text += [f"    const {line.kind} {line.name} = {line.text};" for line in fixed]
        # Blocks of columns: every load and store of the loops in the middle is contiguous, so they can vectorise.
        text += [f"    for (size_t start = 0; start < points; start += {rows}) {{"]
        text += [f"        {kind} b_{name}[{rows}];" for name, kind in handed.items()]
        text += [f"        double y_{at}[{rows}];" for at in range(len(outputs)) if len(outputs) > 1]
        text += ["        double *y_0 = out + start;"] * (len(outputs) == 1)
        text += [f"        const size_t n = points - start < {rows} ? points - start : {rows};"]
        text += _loads(program.n_point, points, rows)
        for body, stored in zip(bodies, stored_by(bodies, outputs), strict=True):
            text += _loop(body, handed, {f"x{index}" for index in points}, stored)
        return "\n".join([*text, *_stores(len(outputs)), "    }", "}"]) + "\n"


def _loop(body: list[Line], handed: dict[str, str], points: set[str], stored: list[tuple[int, str]]) -> list[str]:
    """One loop over the rows of a block."""
    own = {line.name for line in body}
    read = {name for line in body for name in line.reads} | {name for _, name in stored}
    text = ["        for (size_t i = 0; i < n; i++) {"]
    text += [f"            const double {name} = x_{name[1:]}[i];" for name in sorted(points & read)]
    text += [f"            const {kind} {name} = b_{name}[i];" for name, kind in handed.items() if name in read - own]
    for line in body:
        text.append(f"            const {line.kind} {line.name} = {line.text};")
        text += [f"            b_{line.name}[i] = {line.name};"] * (line.name in handed)
    return [*text, *(f"            y_{at}[i] = {name};" for at, name in stored), "        }"]


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
