"""A C99 package: source, header, Makefile, example, test and a wrapper for Python; libc and libm are all it needs."""

from __future__ import annotations

from mzsym.codegen.emit_c import CEmitter
from mzsym.core.arrays import Array
from mzsym.export.c_templates import CHECKS, EXPECTATION, MAKEFILE, WRAPPER, WRAPPER_SHALLOW, banner, guard, unguard
from mzsym.export.content import TABLE_KINDS, EvaluatorContent, Expectation, check_size
from mzsym.export.words import comment, literals, rows_of, table_words

BLOCK = 64
"""Points that the expectation works on at a time, on the stack."""


def _accessors(content: EvaluatorContent) -> list[tuple[str, str]]:
    return [(kind, "int n, int m" if count == 2 else "int n") for kind, count in content.kinds]


def evaluator_package(content: EvaluatorContent) -> dict[str, str]:
    """File name -> text."""
    check_size(content.numbers, "c")
    name = content.name
    files = {
        f"{name}.h": _header(content),
        f"{name}.c": _source(content),
        f"{name}_tables.c": _tables(content),
        "main.c": _example(content),
        "test.c": _test(content),
        f"{name}.py": _wrapper(content),
    }
    files["Makefile"] = MAKEFILE.format(name=name, sources=f"{name}.c {name}_tables.c")
    return files


def _wrapper(content: EvaluatorContent) -> str:
    text = (WRAPPER if content.kinds == TABLE_KINDS else WRAPPER_SHALLOW).format(
        name=content.name,
        about="\n".join(comment(content.about, "")),
        depth=content.depth,
        outputs=content.outputs,
        ranks=content.ranks,
        forward=content.direction == "forward",
        several=content.several,
    )
    if content.expectation is not None:
        text += EXPECTATION.format(name=content.name, dim=content.dims[0], what=content.what)
    return text


def _header(content: EvaluatorContent) -> str:
    name = content.name
    lines = [*banner(content.about), *guard(name)]
    lines += [
        f"#define {name.upper()}_DEPTH {content.depth}",
        f"#define {name.upper()}_INPUTS {content.dims[0]}",
        f"#define {name.upper()}_OUTPUTS {content.outputs}",
        "",
        "/* d_n, the number of resolved functions of layer n; 0 where there is no such layer. */",
        f"size_t {name}_rank(int n);",
        "",
        "/*",
        " * Tables, row by row; NULL where there is no such term. They are constant: nothing is computed or allocated.",
        *comment([f"Numbers are pure: coefficients in the basis of the projection. {_shapes(content)}"], " * "),
        " */",
    ]
    for kind, arguments in _accessors(content):
        lines += [f"/* {table_words(kind)} */", f"const double *{name}_{kind}({arguments});"]
    if content.expectation is not None:
        lines += [
            "",
            "/*",
            f" * {content.what} at many points; safe in any number of threads, nothing is allocated.",
            f" *   X: points x {content.dims[0]}, {_domain(content)}",
            f" *   out: points x {content.outputs}, in the units of the observable",
            " */",
            f"void {name}_expectation(size_t points, const double *X, double *out);",
        ]
    else:
        lines += ["", f"/* There is no {name}_expectation: {content.without}. */"]
    return "\n".join([*lines, *unguard()])


def _shapes(content: EvaluatorContent) -> str:
    if content.kinds != TABLE_KINDS:
        return "readout(n): d_n" + ("." if content.outputs == 1 else f" x {content.outputs}.")
    if content.direction == "forward":
        return "streaming(n): d_(n+1) x d_n; memory(n, m): d_(n+1) x d_m; correlation(n, m): d_n x d_m."
    vector = "" if content.outputs == 1 else f" x {content.outputs}"
    return (
        f"streaming(n): d_n x d_(n+1); memory and correlation(n, m): d_n x d_m; noise and coefficients(n): d_n{vector}."
    )


def _domain(content: EvaluatorContent) -> str:
    if content.domain is None:
        return "any"
    return "made for " + " x ".join(f"[{lo!r}, {hi!r}]" for lo, hi in content.domain) + ", which is not checked"


def _source(content: EvaluatorContent) -> str:
    name = content.name
    lines = [*banner(content.about), f'#include "{name}.h"']
    if content.expectation is None:
        lines += ["", f"size_t {name}_rank(int n)", "{", *_rank_body(content), "}", ""]
        return "\n".join(lines)
    found = content.expectation
    text = CEmitter(f"{name}_map").source(found.program)
    lines += [text.replace(f"\nvoid {name}_map(", f"\nstatic void {name}_map(")]
    lines += [f"size_t {name}_rank(int n)", "{", *_rank_body(content), "}", ""]
    lines += _series(content, found)
    return "\n".join(lines)


def _rank_body(content: EvaluatorContent) -> list[str]:
    ranks = ", ".join(map(str, content.ranks))
    return [
        f"    static const size_t ranks[{len(content.ranks)}] = {{{ranks}}};",
        f"    return n < 0 || n > {content.depth} ? 0 : ranks[n];",
    ]


def _series(content: EvaluatorContent, found: Expectation) -> list[str]:
    name, series, axes = content.name, found.series, range(len(found.series.orders))
    count = max(1, len(found.parameters))
    lines = ["/* Parameters of the map of layer 0. */", f"static const double {name}_parameters[{count}] = {{"]
    lines += [f"    {value!r}, /* {parameter} */" for parameter, value in found.parameters] or ["    0.0"]
    lines += ["};", "", "/* E[q_1(z + noise)] as Legendre series on panels. */"]
    for i, ends in enumerate(series.ends):
        lines += _array(f"{name}_ends_{i}", ends)
    lines += _array(f"{name}_series", found.plain_coefs)
    lines += ["/* P_(j+1) = up[j - 1] t P_j - down[j - 1] P_(j-1) */"]
    for label, numbers in zip(("up", "down"), found.recurrence, strict=True):
        lines += _array(f"{name}_{label}", numbers)
    lines += [
        "/* Panel that holds z; the first or last one beyond the ends. */",
        f"static size_t {name}_panel(double z, const double *ends, size_t panels)",
        "{",
        "    size_t low = 0, high = panels;",
        "    while (high - low > 1) {",
        "        const size_t middle = (low + high) / 2;",
        "        if (z < ends[middle])",
        "            high = middle;",
        "        else",
        "            low = middle;",
        "    }",
        "    return low;",
        "}",
        "",
        "/* P_j at the place of z in a panel, j < order. */",
        f"static void {name}_legendre(double z, double low, double high, size_t order, double *values)",
        "{",
        "    double t = ((z - low) - (high - z)) / (high - low), before = 1.0, now;",
        "    t = t > 1.0 ? 1.0 : (t < -1.0 ? -1.0 : t);",
        "    now = t;",
        "    for (size_t j = 0; j < order; j++) {",
        f"        const double after = {name}_up[j] * t * now - {name}_down[j] * before;",
        "        values[j] = before;",
        "        before = now;",
        "        now = after;",
        "    }",
        "}",
        "",
        f"void {name}_expectation(size_t points, const double *X, double *out)",
        "{",
        f"    double z[{BLOCK * len(axes)}];",
    ]
    lines += [f"    double v{i}[{series.orders[i]}];" for i in axes]
    lines += [
        f"    for (size_t start = 0; start < points; start += {BLOCK}) {{",
        f"        const size_t n = points - start < {BLOCK} ? points - start : {BLOCK};",
        f"        {name}_map(n, X + start * {content.dims[0]}, {name}_parameters, z);",
        "        for (size_t p = 0; p < n; p++) {",
    ]
    for i in axes:
        at, edges = f"z[p * {len(axes)} + {i}]", f"{name}_ends_{i}"
        lines += [
            f"            const size_t k{i} = {name}_panel({at}, {edges}, {len(series.ends[i]) - 1});",
            f"            {name}_legendre({at}, {edges}[k{i}], {edges}[k{i} + 1], {series.orders[i]}, v{i});",
        ]
    lines += [f"            for (size_t c = 0; c < {content.outputs}; c++) {{", "                double total = 0.0;"]
    indent = " " * 16
    for i in axes:
        lines.append(f"{indent}for (size_t j{i} = 0; j{i} < {series.orders[i]}; j{i}++)")
        indent += "    "
    index = f"k0 * {series.orders[0]} + j0"
    for i in axes[1:]:
        index = f"({index}) * {series.coefs.shape[i]} + k{i} * {series.orders[i]} + j{i}"
    product = " * ".join(f"v{i}[j{i}]" for i in axes)
    lines += [
        f"{indent}total += {product} * {name}_series[({index}) * {content.outputs} + c];",
        f"                out[(start + p) * {content.outputs} + c] = total;",
        "            }",
        "        }",
        "    }",
        "}",
        "",
    ]
    return lines


def _tables(content: EvaluatorContent) -> str:
    name = content.name
    lines = [*banner(content.about), f'#include "{name}.h"', ""]
    for label, values in content.tables.items():
        lines += _array(f"{name}_{label}_", values)
    for kind, arguments in _accessors(content):
        lines += [f"const double *{name}_{kind}({arguments})", "{", *_lookup(content, kind), "}", ""]
    return "\n".join(lines)


def _lookup(content: EvaluatorContent, kind: str) -> list[str]:
    """Body of an accessor: a table of pointers by n, or by n and m."""
    depth, name = content.depth, content.name
    names = [label for label in content.tables if label.startswith(kind + "_")]
    if not names:
        return ["    (void)n;", *(["    (void)m;"] if kind in ("memory", "correlation") else []), "    return NULL;"]
    keys = {tuple(int(part) for part in label.split("_")[1:]): label for label in names}
    if len(next(iter(keys))) == 1:
        cells = [f"{name}_{keys[n,]}_" if (n,) in keys else "NULL" for n in range(depth + 1)]
        return [
            f"    static const double *const found[{depth + 1}] = {{",
            *rows_of(cells, " " * 8),
            "    };",
            f"    return n < 0 || n > {depth} ? NULL : found[n];",
        ]
    grid = [(n, m) for n in range(depth + 1) for m in range(depth + 1)]
    cells = [f"{name}_{keys[pair]}_" if pair in keys else "NULL" for pair in grid]
    return [
        f"    static const double *const found[{(depth + 1) ** 2}] = {{",
        *rows_of(cells, " " * 8),
        "    };",
        f"    return n < 0 || m < 0 || n > {depth} || m > {depth} ? NULL : found[n * {depth + 1} + m];",
    ]


def _array(name: str, array: Array) -> list[str]:
    numbers = literals(array)
    return [f"static const double {name}[{len(numbers)}] = {{", *rows_of(numbers, "    "), "};", ""]


def _example(content: EvaluatorContent) -> str:
    name = content.name
    lines = [*banner(content.about), f'#include "{name}.h"', "#include <stdio.h>", "", "int main(void)", "{"]
    first, label, at = "streaming(0)", "first row of the streaming term A_0", int(content.direction == "backward")
    if content.kinds != TABLE_KINDS:
        first, label, at = "readout(1)", "first numbers of the read-out of layer 1", 1
    lines += [
        f"    const double *A = {name}_{first};",
        f"    const size_t columns = {name}_rank({at});",
        f'    printf("{label}:\\n");',
        "    for (size_t j = 0; j < columns; j++)",
        '        printf("  %.17g\\n", A[j]);',
    ]
    if content.expectation is not None:
        point = ", ".join(repr(float(value)) for value in content.expectation.points[0])
        lines += [
            f"    const double x[{content.dims[0]}] = {{{point}}};",
            f"    double q[{content.outputs}];",
            f"    {name}_expectation(1, x, q);",
            f"    for (size_t c = 0; c < {content.outputs}; c++)",
            '        printf("E[u(X_L) | X_0 = x] = %.17g\\n", q[c]);',
        ]
    return "\n".join([*lines, "    return 0;", "}", ""])


def _test(content: EvaluatorContent) -> str:
    """Stored values again: sums of the tables, and the expectation at stored points."""
    name = content.name
    lines = [*banner(content.about), f'#include "{name}.h"', "#include <math.h>", "#include <stdio.h>", ""]
    lines += [
        *CHECKS.splitlines(),
        "",
        "static double sum(const double *table, size_t count)",
        "{",
        "    double total = 0.0;",
        "    for (size_t i = 0; i < count; i++)",
        "        total += table[i] * (double)(i + 1);",
        "    return total;",
        "}",
        "",
    ]
    if content.expectation is not None:
        lines += [*_array("points", content.expectation.points), *_array("values", content.expectation.values)]
    lines += ["int main(void)", "{"]
    for label, table in content.tables.items():
        kind, *indices = label.split("_")
        weighted = 0.0
        for i, value in enumerate(table.ravel()):
            weighted += float(value) * float(i + 1)
        call = f"{name}_{kind}({', '.join(indices)})"
        lines.append(f'    check("{label}", sum({call}, {table.size}), {weighted!r});')
    if content.expectation is not None:
        count = len(content.expectation.points)
        lines += [
            f"    double q[{count * content.outputs}];",
            f"    {name}_expectation({count}, points, q);",
            f"    for (size_t i = 0; i < {count * content.outputs}; i++)",
            '        check("expectation", q[i], values[i]);',
        ]
    lines += ['    printf("%d checks failed\\n", failures);', "    return failures != 0;", "}", ""]
    return "\n".join(lines)
