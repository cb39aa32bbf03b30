"""A C99 package of one closed term: its entries as functions of the parameters."""

from __future__ import annotations

import numpy as np

from mzsym.codegen.emit_c import CEmitter
from mzsym.codegen.interpreter import interpret
from mzsym.export.c_templates import CHECKS, MAKEFILE, WRAPPER_TERM, banner, guard, unguard
from mzsym.export.content import TermContent
from mzsym.export.words import comment, literals

_TRIES = ((0.3, 0.17), (-0.4, 0.09))
"""Parameter sets that the test of a package takes: first + k * step, ascending, since some are ends of boxes."""


def term_package(content: TermContent) -> dict[str, str]:
    """File name -> text."""
    name = content.name
    return {
        f"{name}.h": _header(content),
        f"{name}.c": _source(content),
        "main.c": _example(content),
        "test.c": _test(content),
        "Makefile": MAKEFILE.format(name=name, sources=f"{name}.c"),
        f"{name}.py": WRAPPER_TERM.format(
            name=name,
            about="\n".join(comment(content.about, "")),
            parameters=content.parameters,
            count=len(content.parameters),
            rows=content.shape[0],
            columns=content.shape[1],
        ),
    }


def _size(content: TermContent) -> int:
    return content.shape[0] * content.shape[1]


def _header(content: TermContent) -> str:
    name, count = content.name, len(content.parameters)
    lines = [
        *banner(content.about),
        *guard(name),
        "/*",
        " * Entries of the term, row by row, for many parameter sets; nothing is allocated, no state is kept.",
        f" *   parameters: sets x {count}, in this order:",
        *(f" *     {i}: {parameter}" for i, parameter in enumerate(content.parameters)),
        f" *   out: sets x {_size(content)}",
        " */",
        f"void {name}_term(size_t sets, const double *parameters, double *out);",
        *unguard(),
    ]
    return "\n".join(lines)


def _source(content: TermContent) -> str:
    name = content.name
    text = CEmitter(f"{name}_run").source(content.program)
    lines = [
        *banner(content.about),
        f'#include "{name}.h"',
        text.replace(f"\nvoid {name}_run(", f"\nstatic void {name}_run("),
        f"void {name}_term(size_t sets, const double *parameters, double *out)",
        "{",
        "    const double none[1] = {0.0};",
        f"    {name}_run(sets, parameters, none, out);",
        "}",
        "",
    ]
    return "\n".join(lines)


def _example(content: TermContent) -> str:
    name, (rows, columns) = content.name, content.shape
    values = [repr(0.3 + 0.17 * k) for k in range(max(1, len(content.parameters)))]
    lines = [
        *banner(content.about),
        f'#include "{name}.h"',
        "#include <stdio.h>",
        "",
        "int main(void)",
        "{",
        f"    const double parameters[{len(values)}] = {{{', '.join(values)}}};",
        f"    double out[{_size(content)}];",
        f"    {name}_term(1, parameters, out);",
        f"    for (int i = 0; i < {rows}; i++) {{",
        f"        for (int j = 0; j < {columns}; j++)",
        f'            printf("%24.16e", out[i * {columns} + j]);',
        '        printf("\\n");',
        "    }",
        "    return 0;",
        "}",
        "",
    ]
    return "\n".join(lines)


def _test(content: TermContent) -> str:
    """The values of the reference interpreter at a few parameter sets."""
    name, count, size = content.name, len(content.parameters), _size(content)
    sets = np.array([[first + step * k for k in range(max(1, count))] for first, step in _TRIES])
    values = interpret(content.program, sets[:, :count])
    lines = [*banner(content.about), f'#include "{name}.h"', "#include <math.h>", "#include <stdio.h>", ""]
    lines += [*CHECKS.splitlines(), "", "int main(void)", "{"]
    for row, wanted in zip(sets, values, strict=True):
        lines += [
            "    {",
            f"        const double parameters[{len(row)}] = {{{', '.join(literals(row))}}};",
            f"        double out[{size}];",
            f"        {name}_term(1, parameters, out);",
        ]
        # A set may lie outside of what a term is made for; there is nothing to compare then.
        lines += [
            f'        check("entry {k}", out[{k}], {float(value)!r});'
            for k, value in enumerate(wanted)
            if np.isfinite(value)
        ]
        lines.append("    }")
    return "\n".join([*lines, '    printf("%d checks failed\\n", failures);', "    return failures != 0;", "}", ""])
