"""SymPy expressions to raw nodes; ``freeze`` runs the passes on the result.

Only the functions in ``HANDLERS`` and ``FUNCTIONS`` pass; anything else is refused by name, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import sympy as sp

from mzsym.codegen.leaves.registry import AVERAGES, average_leaf
from mzsym.codegen.nodes import Graph, Program
from mzsym.codegen.operations import ELEMENTARY
from mzsym.core import MzError

FUNCTIONS: Mapping[str, str] = MappingProxyType(
    {
        **{name: name for name in ELEMENTARY if name not in ("expm1", "log1p", "sqrt")},
        **{name: name for name in ("sigmoid", "softplus", "relu", "leaky_relu", "gelu", "elu", "silu", "hardtanh")},
        **{name: name for name in ("normal_cdf", "normal_density")},
        "Abs": "abs",
        "sign": "sign",
        "atan2": "atan2",
        "floor": "floor",
        "ceiling": "ceil",
    }
)
"""Class name of a SymPy function -> operation."""

_RELATIONS = {
    "StrictLessThan": "lt",
    "LessThan": "le",
    "StrictGreaterThan": "gt",
    "GreaterThan": "ge",
    "Equality": "eq",
    "Unequality": "ne",
}
_RECIPROCALS = {"coth": "tanh", "sech": "cosh", "csch": "sinh", "cot": "tan", "sec": "cos", "csc": "sin"}
_NAMED = {"Pi": "pi", "Exp1": "e", "EulerGamma": "euler", "Catalan": "catalan", "GoldenRatio": "phi"}

Handler = Callable[[Graph, Any, list[int]], int]


def _refuse(what: str, expr: sp.Basic, fix: str) -> MzError:
    text = str(expr)
    return MzError(what, "freeze: " + (text if len(text) <= 200 else text[:200] + " ..."), fix)


def _unknown(expr: sp.Basic) -> MzError:
    name = type(expr).__name__ if not expr.is_Function else expr.func.__name__
    if name in ("Integral", "Sum", "Product"):
        return _refuse(
            f"A kernel cannot hold the explicit {name} of a term that is not closed",
            expr,
            "Evaluate it by an engine of mzsym.compile, which owns the quadrature, or use a closed average",
        )
    if name in ("Derivative", "Subs"):
        return _refuse(f"A kernel cannot hold an unevaluated {name}", expr, "Call .doit() on the expression first")
    if name == "ImaginaryUnit":
        return _refuse("Kernels are real, and the expression holds I", expr, "Take the real part first")
    if name in ("NaN", "ComplexInfinity"):
        return _refuse(f"The expression holds {expr}, which no kernel can evaluate", expr, "Remove the singularity")
    known = ", ".join(sorted({*FUNCTIONS, *_HANDLERS_BY_NAME, *_RECIPROCALS, *AVERAGES}))
    return _refuse(f"There is no kernel for {name}", expr, f"Use functions among: {known}")


# --- handlers: (graph, expression, numbers of its arguments) -> number -----------------------------------------------


def _number(graph: Graph, expr: Any, args: list[int]) -> int:
    if expr.is_Rational:
        return graph.constant(Fraction(int(expr.p), int(expr.q)))
    # A Float is the dyadic rational that it is, at whatever precision it was made.
    sign, mantissa, exponent, _ = expr._mpf_
    if not mantissa and exponent:
        raise _unknown(sp.nan)
    value = Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
    return graph.constant(-value if sign else value)


def _pow(graph: Graph, expr: Any, args: list[int]) -> int:
    base, exponent = args
    value = expr.exp
    if value.is_Integer:
        return graph.power(base, int(value))
    if value.is_Rational and value.q == 2:
        return graph.power(graph.node("sqrt", (base,)), int(value.p))
    if expr.base is sp.E:
        return graph.node("exp", (exponent,))
    return graph.node("pow", (base, exponent))


def _extremum(op: str) -> Handler:
    def handle(graph: Graph, expr: Any, args: list[int]) -> int:
        ordered = graph.order(args)
        result = ordered[0]
        for arg in ordered[1:]:
            result = graph.node(op, (result, arg))
        return result

    return handle


def _heaviside(graph: Graph, expr: Any, args: list[int]) -> int:
    return graph.node("heaviside", (args[0], args[1]))


def _dilog(graph: Graph, expr: Any, args: list[int]) -> int:
    if expr.args[0] != 2:
        raise _refuse("Only the polylogarithm of order 2 has a kernel", expr, "Keep the average as a whole")
    return graph.node("dilog", (args[1],))


def _piecewise(graph: Graph, expr: Any, args: list[int]) -> int:
    # args are numbers of the ExprCondPair nodes, each a pair node (value, condition).
    pairs = [graph.nodes[arg].args for arg in args]
    if graph.nodes[pairs[-1][1]].op != "true":
        raise _refuse("A Piecewise leaves values undefined", expr, "Give it a last case (value, True)")
    result = pairs[-1][0]
    for value, condition in reversed(pairs[:-1]):
        result = graph.node("select", (condition, value, result))
    return result


def _if_then_else(graph: Graph, expr: Any, args: list[int]) -> int:
    condition, then, otherwise = args
    first = graph.node("all", graph.order((condition, then)))
    second = graph.node("all", graph.order((graph.node("not", (condition,)), otherwise)))
    return graph.node("any", graph.order((first, second)))


def _plain(op: str) -> Handler:
    return lambda graph, expr, args: graph.node(op, args)


def _ordered(op: str) -> Handler:
    return lambda graph, expr, args: graph.node(op, graph.order(args))


def _average(graph: Graph, expr: Any, args: list[int]) -> int:
    """A head of calculus such as UniformMean: recognised by its name, lowered to a stable leaf. MATH (20)."""
    name, power = str(expr.args[0].name), expr.args[1]
    if not power.is_Integer or power < 0:
        raise _refuse("The power in a noise average is not a non-negative integer", expr, "Expand it first")
    leaf = average_leaf(AVERAGES[expr.func.__name__], name, int(power))
    if leaf is None:
        raise _refuse(
            f"There is no stable kernel for {expr.func.__name__} of {name}**{power}",
            expr,
            "Evaluate it by an engine of mzsym.compile",
        )
    return graph.node(AVERAGES[expr.func.__name__], args, (name, int(power)))


_HANDLERS_BY_NAME: Mapping[str, Handler] = MappingProxyType(
    {
        "Add": lambda graph, expr, args: graph.add(args),
        "Mul": lambda graph, expr, args: graph.mul(args),
        "Pow": _pow,
        "Max": _extremum("maximum"),
        "Min": _extremum("minimum"),
        "Heaviside": _heaviside,
        "polylog": _dilog,
        "Piecewise": _piecewise,
        "ExprCondPair": _plain("pair"),
        "And": _ordered("all"),
        "Or": _ordered("any"),
        "Not": _plain("not"),
        "ITE": _if_then_else,
        "BooleanTrue": _plain("true"),
        "BooleanFalse": _plain("false"),
    }
)


def _children(expr: Any) -> tuple[Any, ...]:
    """Arguments to lift first; the name and power of a noise average are data."""
    return tuple(expr.args[2:]) if expr.func.__name__ in AVERAGES else tuple(expr.args)


def _one(graph: Graph, expr: Any, args: list[int]) -> int:
    """Node of an expression whose arguments are lifted."""
    name = expr.func.__name__
    if expr.is_Number and expr.is_finite:
        return _number(graph, expr, args)
    if name in _NAMED:
        return graph.node("named", (), (_NAMED[name],))
    if name in AVERAGES:
        return _average(graph, expr, args)
    if name in _RELATIONS:
        return graph.node(_RELATIONS[name], args)
    if name in FUNCTIONS:
        return graph.node(FUNCTIONS[name], args)
    if name in _RECIPROCALS:
        return graph.power(graph.node(_RECIPROCALS[name], args), -1)
    if name in _HANDLERS_BY_NAME:
        return _HANDLERS_BY_NAME[name](graph, expr, args)
    raise _unknown(expr)


def _positions(point_args: Sequence[sp.Symbol], param_args: Sequence[sp.Symbol], graph: Graph) -> dict[Any, int]:
    """Numbers of the argument nodes, by symbol."""
    numbers: dict[Any, int] = {}
    for op, symbols in (("point", point_args), ("param", param_args)):
        for index, symbol in enumerate(symbols):
            if not isinstance(symbol, sp.Symbol):
                raise MzError(f"The argument {symbol!r} is not a symbol", "freeze", "Pass SymPy symbols")
            if symbol in numbers:
                raise MzError(f"The argument {symbol} is listed twice", "freeze", "List every symbol once")
            numbers[symbol] = graph.node(op, (), (index,))
    return numbers


def lift(exprs: Sequence[Any], point_args: Sequence[sp.Symbol], param_args: Sequence[sp.Symbol] = ()) -> Program:
    """Raw program of expressions, before any pass.

    Parameters
    ----------
    exprs : sequence of sympy.Expr
        One output each.
    point_args, param_args : sequence of Symbol
        Arguments in their positions.

    Returns
    -------
    Program

    Raises
    ------
    MzError
        For a function without a kernel, an explicit integral, or a symbol that is no argument.

    Examples
    --------
    >>> x, w = sp.symbols("x w")
    >>> [node.op for node in lift([sp.tanh(w * x)], [x], [w]).nodes]
    ['param', 'point', 'mul', 'tanh']
    """
    graph = Graph()
    numbers = _positions(point_args, param_args, graph)
    outputs = []
    for expr in exprs:
        root = sp.sympify(expr)
        stack: list[Any] = [root]
        # Post-order with an explicit stack: deep nests do not meet Python's recursion limit.
        while stack:
            current = stack[-1]
            if current in numbers:
                stack.pop()
                continue
            if isinstance(current, sp.Symbol):
                raise MzError(
                    f"The symbol {current} is neither a point argument nor a parameter",
                    "freeze",
                    "Bind it, or list it among the arguments: " + ", ".join(map(str, [*point_args, *param_args])),
                )
            if not isinstance(current, sp.Basic):
                raise MzError(f"{current!r} is not a scalar expression", "freeze", "Pass SymPy expressions")
            if type(current).__name__ in ("Integral", "Derivative", "Sum", "Product", "Subs"):
                raise _unknown(current)
            children = _children(current)
            missing = [child for child in children if child not in numbers]
            if missing:
                stack.extend(missing)
                continue
            numbers[current] = _one(graph, current, [numbers[child] for child in children])
            stack.pop()
        outputs.append(numbers[root])
    return graph.program(outputs, len(point_args), len(param_args))
