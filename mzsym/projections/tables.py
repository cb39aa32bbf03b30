"""The table [projection] of a model file, read and written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import sympy as sp

from mzsym.core import MzError
from mzsym.model.files import Cursor, parse_expression, print_expression
from mzsym.model.files.vocabulary import is_name
from mzsym.model.values import state
from mzsym.projections.abstract import AbstractProjection
from mzsym.projections.basis import Basis
from mzsym.projections.conditional import Conditional
from mzsym.projections.functions import dimension_of
from mzsym.projections.hermite import Hermite
from mzsym.projections.kernel import Kernel
from mzsym.projections.legendre import Legendre
from mzsym.projections.mean import Mean

FAMILIES: Mapping[str, type[AbstractProjection]] = {
    "legendre": Legendre,
    "mean": Mean,
    "hermite": Hermite,
    "basis": Basis,
    "kernel": Kernel,
    "conditional": Conditional,
}
"""Name in model files -> projection; its dataclass fields are the keys."""

MOST = 100
"""Functions, or kept components, that a table may list."""

_NAME = re.compile(r"[a-z_]+")


def read_projection(root: Cursor, dim: int) -> AbstractProjection | None:
    """The projection of a model file whose widest layer has ``dim`` components, None where it states none.

    Raises
    ------
    MzError
        For what is not as docs/model-files.md says, with file, line and key.
    """
    entry = root.get("projection")
    if entry is None:
        return None
    known = sorted({key for family in FAMILIES.values() for key in keys_of(family)})
    entry.keys(("family", *known))
    family = FAMILIES[entry.need("family", 'family = "legendre"').choice(FAMILIES)]
    keys = keys_of(family)
    entry.keys(("family", *keys))
    settings = {key: _READ[key](entry, dim) for key in keys if key in _NEEDED or entry.has(key)}
    try:
        return family(**settings)
    except MzError as error:
        at = entry.at("measure") if "measure" in settings and error.where in _measure_places(family) else entry
        raise MzError(error.what, f"{at.where}: {error.where}", error.fix) from None


def _measure_places(family: type[AbstractProjection]) -> tuple[str, ...]:
    """Where errors about the measure say they are."""
    return family.__name__, f"{family.__name__}(measure=), function 0", f"{family.__name__}(measure=)"


def keys_of(family: type[AbstractProjection]) -> list[str]:
    """Keys of the table of a family."""
    return [f.name for f in fields(family) if f.init]  # type: ignore[arg-type]


# ------------------------------------------------------------------ reading


def _functions(entry: Cursor, key: str, example: str, dim: int) -> Any:
    at = entry.need(key, example)
    if isinstance(at.value, dict):
        rows = {}
        for name, row in at.items():
            if not re.fullmatch(r"[1-9][0-9]{0,4}", name):
                raise row.error(f"{name[:60]!r} is no dimension", 'Write 1 = ["1", "x0"]')
            rows[int(name)] = _expressions(row, dim)
        if not rows:
            raise at.error("This table is empty", 'Write 1 = ["1", "x0"]')
        return rows
    return _expressions(at, dim)


def _expressions(at: Cursor, dim: int) -> list[sp.Expr]:
    symbols = {symbol.name: symbol for symbol in state(dim)}
    return [item.expression(symbols) for item in at.elements("an array of expressions", MOST)]


def _names(entry: Cursor, key: str) -> tuple[sp.Symbol, ...]:
    items = entry.need(key, f'{key} = ["s0"]').elements("an array of names", MOST)
    for item in items:
        if not is_name(item.text("a name")):
            raise item.error(f"{item.value[:60]!r} is no name", "Use letters, digits and underscores, not pi")
    return tuple(sp.Symbol(item.value, real=True) for item in items)


def _kernel(entry: Cursor, dim: int) -> sp.Expr:
    symbols = {symbol.name: symbol for key in ("x", "y") for symbol in _names(entry, key)}
    return entry.need("expr", 'expr = "1 + 3*s0*t0"').expression(symbols)


def _measure(entry: Cursor, dim: int) -> Any:
    at = entry.at("measure")
    text = at.text("a measure, or an expression")
    # A word is a name, right or wrong; anything else is a weight.
    if _NAME.fullmatch(text):
        return text
    return parse_expression(text, {symbol.name: symbol for symbol in state(dim)}, at.where)


def _kept(entry: Cursor, dim: int) -> list[int]:
    items = entry.need("keep", "keep = [0]").elements("an array of indices", MOST)
    return [item.integer(0, 16383) for item in items]


_READ: Mapping[str, Callable[[Cursor, int], Any]] = {
    "degree": lambda entry, dim: entry.need("degree", "degree = 5").integer(0, 1000),
    "measure": _measure,
    "exprs": lambda entry, dim: _functions(entry, "exprs", 'exprs = ["1", "tanh(x0)"]', dim),
    "test": lambda entry, dim: _functions(entry, "test", 'test = ["1", "x0"]', dim),
    "expr": _kernel,
    "x": lambda entry, dim: _names(entry, "x"),
    "y": lambda entry, dim: _names(entry, "y"),
    "keep": _kept,
}

_NEEDED = frozenset({"degree", "exprs", "expr", "x", "y", "keep"})


# ------------------------------------------------------------------ writing


def projection_table(projection: AbstractProjection) -> dict[str, Any]:
    """The table of a projection.

    Raises
    ------
    MzError
        For a projection, or an expression in it, that a file cannot say.
    """
    for name, family in FAMILIES.items():
        if type(projection) is family:
            values = {key: getattr(projection, key) for key in keys_of(family)}
            return {"family": name} | {key: _written(projection, key, v) for key, v in values.items() if v is not None}
    raise MzError(
        f"A {type(projection).__name__} projection cannot be written",
        "save(projection=)",
        "Use one of " + ", ".join(family.__name__ for family in FAMILIES.values()),
    )


def _written(projection: AbstractProjection, key: str, value: Any) -> Any:
    where = f"save(projection=), {key}"
    if key in ("x", "y"):
        return [_spelled(symbol, where) for symbol in value]
    if key == "expr":
        names = {_spelled(s, where): s for s in (*getattr(projection, "x", ()), *getattr(projection, "y", ()))}
        return print_expression(value, names, where)
    if isinstance(value, sp.Expr):
        return print_expression(value, {s.name: s for s in state(max(1, dimension_of([value])))}, where)
    if key in ("exprs", "test"):
        if isinstance(value[0], tuple):
            return {str(dim): [_written(projection, "", f) for f in row] for dim, row in value}
        return [_written(projection, "", f) for f in value]
    return list(value) if isinstance(value, tuple) else value


def _spelled(symbol: sp.Symbol, where: str) -> str:
    if not is_name(symbol.name) or symbol != sp.Symbol(symbol.name, real=True):
        raise MzError(
            f"The symbol {symbol} cannot be written", where, "Use a real symbol of letters, digits and underscores"
        )
    return str(symbol.name)
