"""Checks of the expressions, states and parameters that a user states."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sympy as sp

from mzsym.core import MzError
from mzsym.model.numeric import CONDITIONAL, HEADS, unknown_head
from mzsym.model.values import MAX_DIM, Number, NumberLike, as_number, exact_floats, real_symbol, state_like

MAX_EXPONENT = 10**6
"""Largest power in an expression."""


def checked_state(state: Sequence[sp.Symbol]) -> tuple[sp.Symbol, ...]:
    where = "Layer(state=)"
    symbols = tuple(state) if isinstance(state, (list, tuple)) else (state,)
    if not symbols or len(symbols) > MAX_DIM or len(set(symbols)) != len(symbols):
        raise MzError(f"The state {state!r} is no list of distinct symbols", where, "Write state=mz.state(N)")
    for symbol in symbols:
        real_symbol(symbol, where)
    return symbols


def checked_params(
    params: Mapping[sp.Symbol, NumberLike | None], inputs: tuple[sp.Symbol, ...]
) -> dict[sp.Symbol, Number | None]:
    values: dict[sp.Symbol, Number | None] = {}
    names: set[str] = {symbol.name for symbol in inputs}
    for key, value in params.items():
        where = f"Layer(params=), {key}"
        symbol = real_symbol(key, where)
        if symbol.name in names:
            raise MzError(f"The name {symbol} stands for two things", where, "Use distinct names")
        names.add(symbol.name)
        # {w: w} says the same as {w: None}: a parameter of this layer whose value comes later.
        values[symbol] = None if value is None or value == key else as_number(value, where)
    return values


def checked_exprs(
    exprs: Sequence[Any], inputs: tuple[sp.Symbol, ...], params: Collection[sp.Symbol]
) -> tuple[sp.Expr, ...]:
    listed = list(exprs) if isinstance(exprs, (list, tuple, sp.MatrixBase)) else [exprs]
    if not 1 <= len(listed) <= MAX_DIM:
        raise MzError(f"The layer has {len(listed)} expressions", "Layer(exprs)", f"Give between 1 and {MAX_DIM}")
    return tuple(checked_expr(expr, inputs, f"Layer(exprs), component {i}", params) for i, expr in enumerate(listed))


def checked_expr(
    expr: Any,
    inputs: Sequence[sp.Symbol],
    where: str,
    params: Collection[sp.Symbol] = (),
    *,
    cases: bool = False,
) -> sp.Expr:
    """A real expression in states, parameters and shared symbols, with exact numbers; ``cases`` allows a Piecewise.

    Raises
    ------
    MzError
        For a symbol that looks like a state of another dimension or belongs to mzsym, for functions that are not in
        the tables, and for numbers that are not finite or not real.
    """
    try:
        expr = sp.sympify(expr, strict=True)
    except sp.SympifyError:
        raise MzError(f"{expr!r} is no expression", where, "Give a SymPy expression") from None
    if not isinstance(expr, sp.Expr):
        raise MzError(f"{expr!r} is no scalar expression", where, "Give one SymPy expression per component")
    expr = exact_floats(expr)
    if expr.has(sp.nan, sp.oo, sp.zoo, sp.I):
        raise MzError(f"{expr} is not finite and real", where, "Write a real expression")
    _check_heads(expr, cases)
    names = {symbol.name: symbol for symbol in inputs}
    renamed = {}
    for symbol in expr.free_symbols - set(inputs):
        stated = real_symbol(symbol, where)
        if symbol.name in names or (state_like(symbol) and stated not in params):
            known = ", ".join(map(str, inputs))
            raise MzError(
                f"The symbol {symbol} is not a component of the state ({known})",
                where,
                "Make the state with mz.state(N), N the dimension of this layer's input",
            )
        renamed[symbol] = stated
    return expr.xreplace({old: new for old, new in renamed.items() if old != new})


def _check_heads(expr: sp.Expr, cases: bool) -> None:
    for node in sp.preorder_traversal(expr):
        if node.is_Pow and node.exp.is_number and abs(node.exp) > MAX_EXPONENT:
            raise MzError(f"The exponent {node.exp} is too large", str(node), f"Use exponents up to {MAX_EXPONENT}")
        if cases and (node in (sp.true, sp.false) or node.func in CONDITIONAL):
            continue
        if not (node.is_Symbol or node.is_number or node.is_Pow or node.func in HEADS):
            raise unknown_head(node)
