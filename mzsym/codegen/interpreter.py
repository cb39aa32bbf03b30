"""The slow reference: the same nodes, one by one, in float64 or to any number of digits."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mzsym.codegen import libm
from mzsym.codegen.arguments import checked
from mzsym.codegen.digits import evaluate
from mzsym.codegen.emit_base import AbstractEmitter
from mzsym.codegen.leaves.library import functions
from mzsym.codegen.leaves.registry import MEANS, average_leaf
from mzsym.codegen.nodes import Node, Program, constant
from mzsym.codegen.operations import RELATIONS
from mzsym.core.arrays import AnyArray, Array


def interpret(program: Program, X: Array, params: Sequence[float] | Array = ()) -> Array:
    """Run a program node by node in float64.

    Arithmetic is numpy's, functions are the C library's and the leaves as Python runs them: the order of operations,
    and so every bit, is that of the kernels.

    Parameters
    ----------
    program : Program
        From ``freeze``.
    X : array, shape (points, n_point)
        Point arguments.
    params : array, shape (n_param,)
        Parameters.

    Returns
    -------
    array, shape (points, n_out)

    Raises
    ------
    MzError
        For arguments of other shapes.

    Examples
    --------
    >>> import sympy as sp
    >>> from mzsym.codegen import freeze
    >>> x, a = sp.symbols("x a")
    >>> interpret(freeze([a * x**2], [x], [a]), np.array([[3.0]]), [2.0])
    array([[18.]])
    """
    points, values = checked(program, X, params)
    results: list[AnyArray] = []
    with np.errstate(all="ignore"):
        for node in program.nodes:
            args = [results[arg] for arg in node.args]
            results.append(np.broadcast_to(_apply(node, args, points, values), (len(points),)))
    out = np.empty((len(points), len(program.outputs)))
    for column, number in enumerate(program.outputs):
        out[:, column] = results[number]
    return out


def interpret_digits(program: Program, point: Sequence[Any], params: Sequence[Any] = (), digits: int = 50) -> list[Any]:
    """Run a program at one point in mpmath, from the definitions of the functions and not from the leaves.

    Parameters
    ----------
    program : Program
        From ``freeze`` (``passes=()`` for the expressions as written).
    point, params : sequences of numbers
        Arguments, as mpmath takes them.
    digits : int
        Decimal digits carried, with a few more inside.

    Returns
    -------
    list of mpmath.mpf

    Examples
    --------
    >>> import mpmath, sympy as sp
    >>> from mzsym.codegen import freeze
    >>> x = sp.Symbol("x")
    >>> mpmath.nstr(interpret_digits(freeze([sp.exp(x)], [x]), [1], digits=30)[0], 25)
    '2.718281828459045235360287'
    """
    return evaluate(program, program.outputs, digits, point, params)


def _apply(node: Node, args: list[AnyArray], points: Array, params: Array) -> Any:
    match node.op:
        case "const":
            return np.float64(float(constant(node) or 0))
        case "point":
            return points[:, int(node.data[0])]
        case "param":
            return params[int(node.data[0])]
        case "add" | "mul":
            return _fold(operator.add if node.op == "add" else operator.mul, args)
        case "div":
            return args[0] / args[1]
        case "sqrt":
            return np.sqrt(args[0])
        case "select":
            return np.where(args[0], args[1], args[2])
        case "true" | "false":
            return np.bool_(node.op == "true")
        case "all" | "any":
            return _fold(operator.and_ if node.op == "all" else operator.or_, args)
        case "not":
            return ~args[0]
    if node.op in RELATIONS:
        return getattr(operator, node.op)(*args)
    return _each(_function(node), args)


def _fold(combine: Callable[[Any, Any], Any], args: list[AnyArray]) -> Any:
    result: Any = args[0]
    for arg in args[1:]:
        result = combine(result, arg)
    return result


def _function(node: Node) -> Callable[..., float]:
    """Scalar function of a node."""
    name = AbstractEmitter.function_of(node)
    if name is None:
        raise AssertionError(f"a pass left the node {node.op}, which nothing runs")
    function: Callable[..., float] = functions()[name] if name in functions() else getattr(libm, name)
    if node.op in MEANS:
        power = int(node.data[1])
        leaf = average_leaf(node.op, str(node.data[0]), power)
        if leaf is not None and leaf.takes_power:
            return lambda *args: function(power, *args)
    return function


def _each(function: Callable[..., float], args: list[AnyArray]) -> Array:
    columns = [arg.tolist() for arg in args]
    return np.array([function(*row) for row in zip(*columns, strict=True)], dtype=np.float64)
