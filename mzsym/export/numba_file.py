"""One Python file that needs numpy and numba alone."""

from __future__ import annotations

from mzsym.codegen.emit_numba import JIT, imports, standalone
from mzsym.core.arrays import Array
from mzsym.export.content import EvaluatorContent, Expectation, TermContent, check_size
from mzsym.export.words import comment, literals, rows_of, table_words

_PLACE = f'''
{JIT}
def _panel(z, ends):
    """Panel that holds z; the first or last one beyond the ends."""
    low, high = 0, ends.shape[0] - 1
    while high - low > 1:
        middle = (low + high) // 2
        if z < ends[middle]:
            high = middle
        else:
            low = middle
    return low


{JIT}
def _legendre(z, low, high, values):
    """P_j at the place of z in a panel, j = 0, 1, ..."""
    t = min(1.0, max(-1.0, ((z - low) - (high - z)) / (high - low)))
    before, now = 1.0, t
    for j in range(values.shape[0]):
        values[j] = before
        after = _UP[j] * t * now - _DOWN[j] * before
        before = now
        now = after
'''


def evaluator_file(content: EvaluatorContent) -> dict[str, str]:
    """File name -> text."""
    check_size(content.numbers, "numba")
    head = ['"""' + "\n".join(comment(content.about, "")), "", *_usage(content), '"""', "", "import math"]
    body = [] if content.expectation is None else _expectation(content, content.expectation)
    parts = [*head, *imports("\n".join(body)), *body, "", *_tables(content), ""]
    return {f"{content.name}.py": "\n".join(parts)}


def term_file(content: TermContent) -> dict[str, str]:
    """File name -> text."""
    listed = ", ".join(content.parameters) or "none"
    body = standalone(content.program)
    about = "\n".join(comment(content.about, ""))
    head = ['"""' + about, "", f"Parameters, in this order: {listed}.", '"""', "", "import math", *imports(body)]
    rows, columns = content.shape
    count = len(content.parameters)
    tail = [
        f"PARAMETERS = {content.parameters!r}",
        "_NONE = np.zeros(0)",
        "",
        "",
        "def term(parameters):",
        f'    """Entries for parameter sets of shape (sets, {count}): shape (sets, {rows}, {columns})."""',
        f"    sets = np.ascontiguousarray(parameters, dtype=np.float64).reshape(-1, {count})"
        if count
        else "    sets = np.zeros((max(1, len(parameters)), 0))",
        f"    out = np.empty((len(sets), {rows * columns}))",
        "    run(sets, _NONE, out)",
        f"    return out.reshape(-1, {rows}, {columns})",
        "",
    ]
    return {f"{content.name}.py": "\n".join([*head, body, "", *tail])}


def _usage(content: EvaluatorContent) -> list[str]:
    listed = ", ".join(f"{kind}(n{', m' if count == 2 else ''})" for kind, count in content.kinds)
    lines = [f"{listed}: tables, as arrays."]
    if content.expectation is not None:
        lines.append(f"expectation(X): {content.what.split(' =')[0]} at points of shape (points, {content.dims[0]}).")
    else:
        lines.append(f"There is no expectation(X): {content.without}.")
    return lines


def _expectation(content: EvaluatorContent, found: Expectation) -> list[str]:
    series, dim = found.series, len(found.series.orders)
    parts = ["", "# The map of layer 0 and its parameters.", standalone(found.program)]
    parts += ["PARAMETERS = np.array(", "    [", *(f"        {value!r},  # {name}" for name, value in found.parameters)]
    parts += ["    ]", ")", "", "# E[q_1(z + noise)] as Legendre series on panels."]
    for i, ends in enumerate(series.ends):
        parts += _array(f"_ENDS_{i}", ends, f"({len(ends)},)")
    parts += _array("_COEFFICIENTS", found.plain_coefs, str(series.coefs.shape))
    parts += ["# P_(j+1) = _UP[j - 1] t P_j - _DOWN[j - 1] P_(j-1)"]
    for name, numbers in zip(("_UP", "_DOWN"), found.recurrence, strict=True):
        parts += _array(name, numbers, f"({len(numbers)},)")
    axes = range(dim)
    parts += [_PLACE, "", JIT, "def _series(Z, out):"]
    parts += [f"    v{i} = np.empty({series.orders[i]})" for i in axes]
    parts += ["    for p in range(Z.shape[0]):"]
    for i in axes:
        parts += [
            f"        k{i} = _panel(Z[p, {i}], _ENDS_{i})",
            f"        _legendre(Z[p, {i}], _ENDS_{i}[k{i}], _ENDS_{i}[k{i} + 1], v{i})",
        ]
    parts += [f"        for c in range({content.outputs}):", "            total = 0.0"]
    indent = " " * 12
    for i in axes:
        parts.append(f"{indent}for j{i} in range({series.orders[i]}):")
        indent += "    "
    index = ", ".join(f"k{i} * {series.orders[i]} + j{i}" for i in axes)
    product = " * ".join(f"v{i}[j{i}]" for i in axes)
    parts += [f"{indent}total += {product} * _COEFFICIENTS[{index}, c]", "            out[p, c] = total", "", ""]
    shape = "(points, outputs)" if content.several else "(points,)"
    parts += [
        "def expectation(X):",
        f'    """{content.what} at X of shape (points, {content.dims[0]}): shape {shape}.',
        "",
        f"    {_domain_words(content)}",
        '    """',
        f"    X = np.ascontiguousarray(X, dtype=np.float64).reshape(-1, {content.dims[0]})",
        f"    Z = np.empty((len(X), {dim}))",
        "    run(X, PARAMETERS, Z)",
        f"    out = np.empty((len(X), {content.outputs}))",
        "    _series(Z, out)",
        "    return out" if content.several else "    return out[:, 0]",
        "",
    ]
    return parts


def _domain_words(content: EvaluatorContent) -> str:
    if content.domain is None:
        return "Made for every x; far outside of what the noise reaches the value at the end is returned."
    sides = " x ".join(f"[{lo!r}, {hi!r}]" for lo, hi in content.domain)
    return f"Made for x in {sides}; it is not checked."


def _tables(content: EvaluatorContent) -> list[str]:
    parts = ["_TABLES = {"]
    for name, table in content.tables.items():
        parts += [f'    "{name}": np.array(', "        [", *rows_of(literals(table), " " * 12, 112), "        ]"]
        parts += [f"    ).reshape({table.shape}),"]
    parts += ["}", f"RANKS = {content.ranks!r}", f"TOLERANCE_REACHED = {dict(content.reached)!r}", "", ""]
    for kind, count in content.kinds:
        arguments = "n, m" if count == 2 else "n"
        key = "_".join(["{" + argument + "}" for argument in arguments.split(", ")])
        parts += [
            f"def {kind}({arguments}):",
            f'    """{table_words(kind)}"""',
            f'    return _TABLES[f"{kind}_{key}"].copy()',
            "",
            "",
        ]
    return parts


def _array(name: str, array: Array, shape: str) -> list[str]:
    return [f"{name} = np.array(", "    [", *rows_of(literals(array), " " * 8), "    ]", f").reshape({shape})"]
