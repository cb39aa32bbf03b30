"""From SymPy back into the grammar, such that parsing what was printed gives the same expression."""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from mzsym.core.errors import MzError
from mzsym.model.files import limits
from mzsym.model.files.grammar import SYMPY_GIVES_UP, parse_expression
from mzsym.model.files.vocabulary import CASES, COMPARISONS, FUNCTIONS, JOINS, is_name

_SIGNS = {build: sign for sign, build in COMPARISONS.items()}
_JOINS = {build: name for name, build in JOINS.items()}
_HEADS = {function.build: name for name, function in FUNCTIONS.items() if isinstance(function.build, type)}

_SUM, _PRODUCT, _POWER, _ATOM = 1, 2, 3, 4
_HALF = sp.Rational(1, 2)


def print_expression(expr: sp.Expr, symbols: Mapping[str, sp.Symbol], where: str) -> str:
    """The expression as text, parsed back once to be sure.

    Parameters
    ----------
    expr : sympy.Expr
    symbols : mapping
        The names that the text may use, each with its symbol.
    where : str
        What to call this place in errors.

    Returns
    -------
    str

    Raises
    ------
    MzError
        If the grammar cannot express it exactly.

    Examples
    --------
    >>> x0 = sp.Symbol("x0", real=True)
    >>> print_expression(sp.tanh(2*x0)**2/3 - sp.sqrt(x0), {"x0": x0}, "here")
    '-sqrt(x0) + tanh(2*x0)^2/3'
    """
    strangers = sorted(str(symbol) for symbol in expr.free_symbols - set(symbols.values()))
    if strangers:
        raise MzError(
            f"The symbol {strangers[0]} is neither a state nor a parameter here", where, "Bind it, or declare it"
        )
    for name in symbols:
        if not is_name(name):
            raise MzError(
                f"The symbol name {name!r} cannot be written", where, "Use letters, digits and underscores, not pi"
            )
    try:
        text = _text(expr, where, 0)[0]
    except SYMPY_GIVES_UP as error:
        raise MzError(f"SymPy cannot order this expression ({error})", where, "Write it in another way") from None
    if parse_expression(text, symbols, where) != expr:
        raise MzError(
            f"The expression {text} would not be read back the same", where, "Build it with SymPy's evaluation on"
        )
    return text


def _text(expr: sp.Expr, where: str, depth: int) -> tuple[str, int]:
    """Text and how tightly it binds."""
    if depth > 200:
        raise MzError("The expression is nested too deeply", where, "Write it flatter")
    if expr.is_Symbol:
        return str(expr.name), _ATOM
    if expr.is_Rational:
        text = _magnitude(abs(expr))
        binding = _PRODUCT if "/" in text else _ATOM
        return (text, binding) if expr >= 0 else (f"-{text}", _SUM)
    if expr is sp.pi:
        return "pi", _ATOM
    if expr is sp.E:
        return "exp(1)", _ATOM
    if expr.is_Add:
        return _sum(expr, where, depth), _SUM
    if expr.is_Mul:
        text = _product(expr, where, depth)
        return text, (_SUM if text.startswith("-") else _PRODUCT)
    if isinstance(expr, sp.Pow):
        return _power(expr, where, depth)
    if isinstance(expr, sp.Piecewise) and expr.args[-1].cond == sp.true:
        parts = [f"{_text(value, where, depth + 1)[0]}, {_condition(c, where, depth)}" for value, c in expr.args[:-1]]
        return f"{CASES}({', '.join([*parts, _text(expr.args[-1].expr, where, depth + 1)[0]])})", _ATOM
    if expr.func in _HEADS:
        # SymPy's Heaviside carries its value at 0 as a second argument, 1/2 unless stated otherwise.
        args = expr.args[:1] if expr.func is sp.Heaviside and expr.args[1:] == (_HALF,) else expr.args
        arguments = ", ".join(_text(arg, where, depth + 1)[0] for arg in args)
        return f"{_HEADS[expr.func]}({arguments})", _ATOM
    raise MzError(
        f"{expr.func.__name__} cannot be written in a model file",
        where,
        "Use numbers, + - * / ^ and the functions " + ", ".join(FUNCTIONS),
    )


def _condition(condition: sp.Basic, where: str, depth: int) -> str:
    if condition.func in _SIGNS:
        left, right = (_text(side, where, depth + 1)[0] for side in condition.args)
        return f"{left} {_SIGNS[condition.func]} {right}"
    if condition.func in _JOINS:
        parts = sorted(condition.args, key=sp.default_sort_key)
        return f"{_JOINS[condition.func]}({', '.join(_condition(part, where, depth + 1) for part in parts)})"
    raise MzError(f"The condition {condition} cannot be written in a model file", where, "Use comparisons")


def _magnitude(number: sp.Rational) -> str:
    """A non-negative rational: p/q, or the decimal of the double that it is where that is shorter."""
    exact = f"{number.p}/{number.q}" if number.q != 1 else str(number.p)
    if len(exact) <= 12 or number > limits.CONSTANT_MAGNITUDE:
        return exact
    value = float(number)
    short = repr(value)
    return short if sp.Rational(value) == number and len(short) < len(exact) else exact


def _wrapped(expr: sp.Expr, level: int, where: str, depth: int) -> str:
    text, binding = _text(expr, where, depth + 1)
    return text if binding >= level else f"({text})"


def _sum(expr: sp.Add, where: str, depth: int) -> str:
    pieces: list[str] = []
    for term in expr.as_ordered_terms():
        text = _wrapped(term, _SUM, where, depth)
        if not pieces:
            pieces.append(text)
        elif text.startswith("-"):
            pieces.append(f" - {text[1:]}")
        else:
            pieces.append(f" + {text}")
    return "".join(pieces)


def _product(expr: sp.Mul, where: str, depth: int) -> str:
    sign, over, under = "", [], []
    for factor in expr.args:
        if factor.is_Rational:
            sign = "-" if factor < 0 else ""
            top, _, bottom = _magnitude(abs(factor)).partition("/")
            over += [top] if top != "1" else []
            under += [bottom] if bottom else []
        elif isinstance(factor, sp.Pow) and factor.exp.is_Integer and factor.exp < 0:
            under.append(_wrapped(1 / factor, _POWER, where, depth))
        else:
            over.append(_wrapped(factor, _POWER, where, depth))
    if sign and over and over[0].startswith("(") and len(over) + len(under) > 1:
        # -(a + b)*c would be read as (-(a + b))*c, which SymPy multiplies out.
        over.insert(0, "1")
    text = "*".join(over) or "1"
    return sign + "/".join([text, *under])


def _power(expr: sp.Pow, where: str, depth: int) -> tuple[str, int]:
    if expr.exp == _HALF:
        return f"sqrt({_text(expr.base, where, depth + 1)[0]})", _ATOM
    base = _wrapped(expr.base, _ATOM, where, depth)
    return f"{base}^{_wrapped(expr.exp, _ATOM, where, depth)}", _POWER
