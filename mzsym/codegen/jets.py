"""Taylor arithmetic on nodes: a program's derivatives along one argument, as a program.

Every node becomes its Taylor coefficients in one argument, by the recurrence of its function (Griewank and Walther,
Evaluating Derivatives, chapter 13). Sizes grow with the square of the order, not with that of a nested expression:
every layer of a network is one symbol.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import Final, TypeAlias

from mzsym.codegen.nodes import Graph, Node, Program
from mzsym.core import MzError

Series: TypeAlias = list[int]
"""Numbers of the nodes that hold the coefficients f^(k)/k!, k = 0..order."""

HIGHEST: Final = 32
"""Order up to which derivatives are written out."""


def composed(programs: Sequence[Program]) -> Program:
    """One program for a chain: the outputs of each are the point arguments of the next; parameters stand side by side.

    Raises
    ------
    MzError
        When the numbers of outputs and arguments do not fit.
    """
    graph, first = Graph(), programs[0]
    values = [graph.node("point", (), (i,)) for i in range(first.n_point)]
    shift = 0
    for program in programs:
        if program.n_point != len(values):
            raise MzError(
                f"A program takes {program.n_point} arguments after one with {len(values)} outputs",
                "composed",
                "Chain programs whose numbers fit",
            )
        numbers: list[int] = []
        for node in program.nodes:
            if node.op == "point":
                numbers.append(values[int(node.data[0])])
            elif node.op == "param":
                numbers.append(graph.node("param", (), (int(node.data[0]) + shift,)))
            else:
                numbers.append(graph.rebuild(node, tuple(numbers[arg] for arg in node.args)))
        values = [numbers[output] for output in program.outputs]
        shift += program.n_param
    return graph.program(values, first.n_point, shift)


def derivatives(program: Program, argument: int, order: int) -> Program:
    """The outputs of a program and their derivatives along a point argument.

    Parameters
    ----------
    program : Program
        As ``lift`` gives it, or composed of such.
    argument : int
        Position of the point argument.
    order : int
        0..32.

    Returns
    -------
    Program
        order + 1 outputs for every output: the value, the first derivative, ...

    Raises
    ------
    MzError
        For another order or position, and a function without a recurrence.
    """
    if isinstance(order, bool) or not isinstance(order, int) or not 0 <= order <= HIGHEST:
        raise MzError(f"The order is {order!r}", "derivatives(order)", f"Use 0 <= order <= {HIGHEST}")
    if not 0 <= argument < program.n_point:
        raise MzError(f"There is no argument {argument}", "derivatives", f"Use 0 <= argument < {program.n_point}")
    jets = Jets(order)
    found: list[Series] = []
    for node in program.nodes:
        found.append(jets.of(node, [found[arg] for arg in node.args], argument))
    outputs = [
        jets.graph.scaled(math.factorial(k), found[output][k]) for output in program.outputs for k in range(order + 1)
    ]
    return jets.graph.program(outputs, program.n_point, program.n_param)


class Jets:
    """Series in one graph.

    Parameters
    ----------
    order : int
    """

    def __init__(self, order: int) -> None:
        self.order, self.graph = order, Graph()
        self.zero, self.one = self.graph.constant(0), self.graph.constant(1)

    def of(self, node: Node, args: list[Series], argument: int) -> Series:
        """The series of a node from those of its operands."""
        graph = self.graph
        if node.op == "point" and int(node.data[0]) == argument:
            return self._padded([graph.node("point", (), node.data), self.one])
        if not args:
            return self._padded([graph.node(node.op, (), node.data)])
        if all(series[1:] == [self.zero] * self.order for series in args):
            # It does not depend on the argument.
            return self._padded([graph.rebuild(node, tuple(series[0] for series in args))])
        if node.op == "powi":
            return self.power(args[0], int(node.data[0]))
        rule = RULES.get(node.op)
        if rule is None:
            raise MzError(
                f"There is no recurrence for the derivatives of {node.op}",
                "derivatives",
                "Use maps of elementary functions and activations; noise averages are differentiated by the tables",
            )
        return rule(self, args)

    # --- arithmetic ---------------------------------------------------------------------------------------------------

    def add(self, *terms: Series) -> Series:
        return [self.graph.add(parts) for parts in zip(*terms, strict=True)]

    def scaled(self, factor: Fraction | int, u: Series) -> Series:
        return [self.graph.scaled(factor, part) for part in u]

    def constant(self, value: Fraction | int) -> Series:
        return self._padded([self.graph.constant(value)])

    def mul(self, u: Series, v: Series) -> Series:
        return [self._cauchy(u, v, k) for k in range(self.order + 1)]

    def reciprocal(self, u: Series) -> Series:
        graph = self.graph
        first = graph.power(u[0], -1)
        out = [first]
        for k in range(1, self.order + 1):
            total = graph.add(graph.mul([u[j], out[k - j]]) for j in range(1, k + 1))
            out.append(graph.mul([graph.constant(-1), first, total]))
        return out

    def power(self, u: Series, exponent: int) -> Series:
        if exponent < 0:
            return self.reciprocal(self.power(u, -exponent))
        out, base = self.constant(1), u
        while exponent:
            if exponent % 2:
                out = self.mul(out, base)
            exponent //= 2
            if exponent:
                base = self.mul(base, base)
        return out

    # --- functions ----------------------------------------------------------------------------------------------------

    def function(self, op: str, u: Series, *more: int) -> int:
        """The function itself at the value."""
        return self.graph.node(op, (u[0], *more))

    def solved(self, first: int, u: Series, slope: Callable[[Series, int], int]) -> Series:
        """y with y' = s u': k y_k = sum_j j u_j s_(k-j); ``slope`` gives s_i from y_0..y_i."""
        graph, out, slopes = self.graph, [first], list[int]()
        for k in range(1, self.order + 1):
            slopes.append(slope(out, k - 1))
            terms = [graph.mul([graph.constant(j), u[j], slopes[k - j]]) for j in range(1, k + 1)]
            out.append(graph.scaled(Fraction(1, k), graph.add(terms)))
        return out

    def from_slope(self, first: int, u: Series, slopes: Series) -> Series:
        """y with y' = s u' for a series s that is known."""
        return self.solved(first, u, lambda _, i: slopes[i])

    def chosen(self, condition: int, then: Series, otherwise: Series) -> Series:
        """One series or another, coefficient by coefficient."""
        return [
            a if a == b else self.graph.node("select", (condition, a, b)) for a, b in zip(then, otherwise, strict=True)
        ]

    def positive(self, u: Series) -> int:
        """Whether the value is above 0."""
        return self.graph.node("gt", (u[0], self.zero))

    def with_value(self, value: int, u: Series) -> Series:
        """A series with another value."""
        return [value, *u[1:]]

    def _cauchy(self, u: Series, v: Series, k: int) -> int:
        return self.graph.add(self.graph.mul([u[j], v[k - j]]) for j in range(k + 1))

    def _padded(self, start: Series) -> Series:
        return [*start, *[self.zero] * (self.order + 1)][: self.order + 1]


Rule: TypeAlias = Callable[[Jets, list[Series]], Series]


def _exp(t: Jets, args: list[Series]) -> Series:
    (u,) = args
    return t.solved(t.function("exp", u), u, lambda y, i: y[i])


def _log(t: Jets, args: list[Series]) -> Series:
    (u,) = args
    return t.from_slope(t.function("log", u), u, t.reciprocal(u))


def _tanh(t: Jets, args: list[Series]) -> Series:
    (u,) = args
    # 1 - tanh**2 cancels where tanh saturates: its value is a function of its own.
    first = t.function("sech2", u)
    return t.solved(t.function("tanh", u), u, lambda y, i: t.graph.scaled(-1, t._cauchy(y, y, i)) if i else first)


def _sigmoid(t: Jets, args: list[Series]) -> Series:
    (u,) = args
    g, value = t.graph, t.function("sigmoid", u)
    first = g.mul([value, g.node("sigmoid", (g.scaled(-1, u[0]),))])
    return t.solved(value, u, lambda y, i: g.add([y[i], g.scaled(-1, t._cauchy(y, y, i))]) if i else first)


def _softplus(t: Jets, args: list[Series]) -> Series:
    return t.from_slope(t.function("softplus", args[0]), args[0], _sigmoid(t, args))


def _density(t: Jets, args: list[Series]) -> Series:
    (u,) = args
    minus = t.scaled(-1, u)
    return t.solved(t.function("normal_density", u), u, lambda y, i: t._cauchy(minus, y, i))


def _cdf(t: Jets, args: list[Series]) -> Series:
    return t.from_slope(t.function("normal_cdf", args[0]), args[0], _density(t, args))


def _erf(sign: int) -> Rule:
    def rule(t: Jets, args: list[Series]) -> Series:
        (u,) = args
        gauss = _exp(t, [t.scaled(-1, t.mul(u, u))])
        root = t.graph.node("sqrt", (t.graph.node("named", (), ("pi",)),))
        factor = t.graph.mul([t.graph.constant(2 * sign), t.graph.power(root, -1)])
        slopes = [t.graph.mul([factor, part]) for part in gauss]
        return t.from_slope(t.function("erf" if sign > 0 else "erfc", u), u, slopes)

    return rule


def _circular(sine: bool, sign: int) -> Rule:
    """sin and cos (sign -1), sinh and cosh (sign 1), which go together."""
    names = ("sin", "cos") if sign < 0 else ("sinh", "cosh")

    def rule(t: Jets, args: list[Series]) -> Series:
        (u,) = args
        g = t.graph
        s, c = [t.function(names[0], u)], [t.function(names[1], u)]
        for k in range(1, t.order + 1):
            weights = [g.scaled(Fraction(j, k), u[j]) for j in range(1, k + 1)]
            following = [g.add(g.mul([w, one[k - j]]) for j, w in enumerate(weights, 1)) for one in (c, s)]
            s.append(following[0])
            c.append(g.scaled(sign, following[1]))
        return s if sine else c

    return rule


def _algebraic(name: str, slope: Callable[[Jets, Series], Series]) -> Rule:
    """A function whose slope is an expression of the argument."""

    def rule(t: Jets, args: list[Series]) -> Series:
        return t.from_slope(t.function(name, args[0]), args[0], slope(t, args[0]))

    return rule


def _square(t: Jets, u: Series, constant: int, sign: int) -> Series:
    """constant + sign u**2."""
    return t.add(t.constant(constant), t.scaled(sign, t.mul(u, u)))


def _inverse_root(t: Jets, u: Series) -> Series:
    return t.reciprocal(_sqrt(t, [u]))


def _sqrt(t: Jets, args: list[Series]) -> Series:
    (u,) = args
    g = t.graph
    out = [t.function("sqrt", u)]
    half = g.scaled(Fraction(1, 2), g.power(out[0], -1))
    for k in range(1, t.order + 1):
        inner = g.add(g.mul([out[j], out[k - j]]) for j in range(1, k)) if k > 1 else t.zero
        out.append(g.mul([half, g.add([u[k], g.scaled(-1, inner)])]))
    return out


def _pow(t: Jets, args: list[Series]) -> Series:
    """u**a, a constant: k u_0 y_k = sum_j (a j - (k - j)) u_j y_(k-j); otherwise exp(a log u)."""
    u, exponent = args
    g, value = t.graph, t.graph.node("pow", (u[0], exponent[0]))
    if exponent[1:] != [t.zero] * t.order:
        return t.with_value(value, _exp(t, [t.mul(exponent, _log(t, [u]))]))
    out, inverse = [value], g.power(u[0], -1)
    for k in range(1, t.order + 1):
        terms = []
        for j in range(1, k + 1):
            weight = g.add([g.scaled(j, exponent[0]), g.constant(j - k)])
            terms.append(g.mul([weight, u[j], out[k - j]]))
        out.append(g.mul([g.constant(Fraction(1, k)), inverse, g.add(terms)]))
    return out


def _tan(t: Jets, args: list[Series]) -> Series:
    (u,) = args
    g = t.graph
    return t.solved(t.function("tan", u), u, lambda y, i: g.add([t._cauchy(y, y, i), g.constant(int(i == 0))]))


def _elu(t: Jets, args: list[Series]) -> Series:
    (u,) = args
    return t.with_value(t.function("elu", u), t.chosen(t.positive(u), u, _exp(t, args)))


def _relu(t: Jets, args: list[Series]) -> Series:
    (u,) = args
    return t.with_value(t.function("relu", u), t.chosen(t.positive(u), u, t.constant(0)))


def _leaky(t: Jets, args: list[Series]) -> Series:
    u, slope = args
    return t.with_value(t.function("leaky_relu", u, slope[0]), t.chosen(t.positive(u), u, t.mul(slope, u)))


def _hardtanh(t: Jets, args: list[Series]) -> Series:
    (u,) = args
    g = t.graph
    inside = g.node("lt", (g.node("abs", (u[0],)), t.one))
    return t.with_value(t.function("hardtanh", u), t.chosen(inside, u, t.constant(0)))


def _abs(t: Jets, args: list[Series]) -> Series:
    (u,) = args
    sign = t.function("sign", u)
    return t.with_value(t.function("abs", u), [t.graph.mul([sign, part]) for part in u])


def _flat(name: str) -> Rule:
    """A function that is constant between its jumps."""

    def rule(t: Jets, args: list[Series]) -> Series:
        return t._padded([t.graph.node(name, tuple(series[0] for series in args))])

    return rule


def _extremum(name: str, relation: str) -> Rule:
    def rule(t: Jets, args: list[Series]) -> Series:
        u, v = args
        first = t.graph.node(relation, (u[0], v[0]))
        return t.with_value(t.graph.node(name, (u[0], v[0])), t.chosen(first, u, v))

    return rule


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "add": lambda t, args: t.add(*args),
        "mul": lambda t, args: args[0] if len(args) == 1 else t.mul(args[0], RULES["mul"](t, args[1:])),
        "div": lambda t, args: t.mul(args[0], t.reciprocal(args[1])),
        "pow": _pow,
        "select": lambda t, args: t.chosen(args[0][0], args[1], args[2]),
        "exp": _exp,
        "expm1": lambda t, args: t.with_value(t.function("expm1", args[0]), _exp(t, args)),
        "log": _log,
        "log1p": _algebraic("log1p", lambda t, u: t.reciprocal(t.add(t.constant(1), u))),
        "sqrt": _sqrt,
        "sin": _circular(True, -1),
        "cos": _circular(False, -1),
        "sinh": _circular(True, 1),
        "cosh": _circular(False, 1),
        "tan": _tan,
        "tanh": _tanh,
        "atan": _algebraic("atan", lambda t, u: t.reciprocal(_square(t, u, 1, 1))),
        "atanh": _algebraic("atanh", lambda t, u: t.reciprocal(_square(t, u, 1, -1))),
        "asin": _algebraic("asin", lambda t, u: _inverse_root(t, _square(t, u, 1, -1))),
        "acos": _algebraic("acos", lambda t, u: t.scaled(-1, _inverse_root(t, _square(t, u, 1, -1)))),
        "asinh": _algebraic("asinh", lambda t, u: _inverse_root(t, _square(t, u, 1, 1))),
        "acosh": _algebraic("acosh", lambda t, u: _inverse_root(t, _square(t, u, -1, 1))),
        "erf": _erf(1),
        "erfc": _erf(-1),
        "sigmoid": _sigmoid,
        "softplus": _softplus,
        "silu": lambda t, args: t.with_value(t.function("silu", args[0]), t.mul(args[0], _sigmoid(t, args))),
        "gelu": lambda t, args: t.with_value(t.function("gelu", args[0]), t.mul(args[0], _cdf(t, args))),
        "normal_cdf": _cdf,
        "normal_density": _density,
        "elu": _elu,
        "relu": _relu,
        "leaky_relu": _leaky,
        "hardtanh": _hardtanh,
        "abs": _abs,
        "maximum": _extremum("maximum", "gt"),
        "minimum": _extremum("minimum", "lt"),
        **{name: _flat(name) for name in ("sign", "heaviside", "floor", "ceil")},
        **{name: _flat(name) for name in ("lt", "le", "gt", "ge", "eq", "ne", "all", "any", "not")},
    }
)
"""Operation -> recurrence. Kinks have the derivative of one side, jumps the derivative 0."""
