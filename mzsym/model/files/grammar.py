"""The arithmetic grammar of model files: text to SymPy, with its own tokenizer and Pratt parser.

Nothing is ever evaluated as Python. Numbers, names, ``+ - * / ^ **``, parentheses, calls of the functions in
``vocabulary.FUNCTIONS`` and case distinctions ``piecewise(value, condition, ..., otherwise)``; names are those that
the caller declares, besides ``pi``. Constants are followed in floating point while they are built, so that no tower
of exponents reaches SymPy; conditions compare polynomials of degree 2 at most, which SymPy can order at once.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import sympy as sp

from mzsym.calculus.polynomials import degree_bound
from mzsym.core.errors import MzError
from mzsym.model.files import limits
from mzsym.model.files.vocabulary import ALGEBRAIC, CASES, COMPARISONS, FUNCTIONS, JOINS, names_of

SYMPY_GIVES_UP = (ValueError, TypeError, ArithmeticError, NotImplementedError, RecursionError, AttributeError)
"""What SymPy raises where it cannot compare or evaluate the constants it is given."""


_TOKEN = re.compile(
    r"[ \t\r\n]*(?:"
    r"(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<op>\*\*|<=|>=|[-+*/^(),<>])"
    r"|(?P<end>\Z)"
    r"|(?P<stranger>.))",
    re.DOTALL,
)

_SUM, _PRODUCT, _NEGATION, _POWER = 10, 20, 30, 40
_BINDING = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "^": _POWER}


@dataclass(frozen=True)
class Token:
    """A piece of the text and the column where it starts, counted from 1."""

    kind: str
    text: str
    column: int


class Node(NamedTuple):
    """A parsed piece: its expression, and its value if it is a constant."""

    expr: sp.Expr
    value: float | None
    column: int


def parse_expression(text: str, symbols: Mapping[str, sp.Symbol], where: str) -> sp.Expr:
    """SymPy expression of a text in the grammar.

    Parameters
    ----------
    text : str
        For example ``"tanh(w*x0 + b)^2 / 3"``. Arithmetic on constants is exact; a number with a point or an
        exponent stands for the dyadic rational that its nearest double is.
    symbols : mapping
        The names that may occur, each with its symbol.
    where : str
        What to call this place in errors.

    Returns
    -------
    sympy.Expr

    Raises
    ------
    MzError
        For anything outside the grammar, an undeclared name (listing the declared ones), a constant that is not a
        finite real number, or a text beyond the limits; with the column.

    Examples
    --------
    >>> x0 = sp.Symbol("x0", real=True)
    >>> parse_expression("tanh(2*x0)^2 + 1/3", {"x0": x0}, "here")
    tanh(2*x0)**2 + 1/3
    """
    return _Parser(text, symbols, where).parse()


class _Parser:
    """A Pratt parser; sums and products are collected whole, as SymPy holds them."""

    def __init__(self, text: str, symbols: Mapping[str, sp.Symbol], where: str) -> None:
        self.text, self.symbols, self.where = text, symbols, where
        if len(text) > limits.EXPRESSION_CHARACTERS:
            raise MzError(
                f"The expression has {len(text)} characters, more than {limits.EXPRESSION_CHARACTERS}",
                where,
                "Split the map into layers or build the network in Python",
            )
        self.tokens = self._tokenize()
        self.at = 0
        self.depth = 0

    def parse(self) -> sp.Expr:
        if self.peek.kind == "end":
            raise MzError("The expression is empty", self.where, 'Write one such as "tanh(x0)"')
        try:
            node = self._expression(0)
        except SYMPY_GIVES_UP as error:
            said = " ".join(str(error).split())[:120] or type(error).__name__
            raise self._error(
                f"SymPy cannot build this ({said})", self.tokens[self.at - 1].column, "Write it in another way"
            ) from None
        if self.peek.kind != "end":
            raise self._unexpected(self.peek, "Write an operator before it")
        if node.expr.has(sp.I, sp.re, sp.im, sp.arg, sp.zoo, sp.nan, sp.oo):
            raise MzError("The expression is not real and finite everywhere", self.where, "Write a real expression")
        return node.expr

    # -- tokens ------------------------------------------------------------------------------------------------

    def _tokenize(self) -> list[Token]:
        tokens: list[Token] = []
        position = 0
        while not tokens or tokens[-1].kind not in ("end", "stranger"):
            match = _TOKEN.match(self.text, position)
            assert match is not None
            kind = str(match.lastgroup)
            piece = "^" if match[kind] == "**" else match[kind]
            tokens.append(Token(kind, piece, match.start(kind) + 1))
            position = match.end()
        return tokens

    @property
    def peek(self) -> Token:
        return self.tokens[self.at]

    def _next(self) -> Token:
        token = self.tokens[self.at]
        self.at += 1
        return token

    def _accept(self, *texts: str) -> Token | None:
        if self.peek.kind == "op" and self.peek.text in texts:
            return self._next()
        return None

    def _expect(self, text: str, after: str) -> None:
        if self._accept(text) is None:
            raise self._unexpected(self.peek, f"Put a {text!r} there, after {after}")

    def _unexpected(self, token: Token, fix: str) -> MzError:
        if token.kind == "stranger":
            return self._error(
                f"The character {token.text!r} has no meaning here",
                token.column,
                "Use numbers, names, + - * / ^, parentheses and the functions " + ", ".join(FUNCTIONS),
            )
        what = "The expression ends too early" if token.kind == "end" else f"{token.text!r} is not expected"
        return self._error(what, token.column, fix)

    def _error(self, what: str, column: int, fix: str) -> MzError:
        return MzError(what, f"{self.where}, column {column} of the expression", fix)

    # -- grammar -----------------------------------------------------------------------------------------------

    def _expression(self, level: int) -> Node:
        self.depth += 1
        if self.depth > limits.EXPRESSION_NESTING:
            raise self._error(
                f"The expression is nested deeper than {limits.EXPRESSION_NESTING}",
                self.peek.column,
                "Write it flatter",
            )
        node = self._prefix()
        while self.peek.kind == "op" and (binding := _BINDING.get(self.peek.text, -1)) > level:
            if binding == _SUM:
                node = self._sum(node)
            elif binding == _PRODUCT:
                node = self._product(node)
            else:
                column = self._next().column
                # One level lower on the right: a^b^c is a^(b^c).
                node = self._power(node, self._expression(_POWER - 1), column)
        self.depth -= 1
        return node

    def _prefix(self) -> Node:
        token = self._next()
        if token.kind == "number":
            return self._number(token)
        if token.kind == "name" and token.text == CASES and self.peek.text == "(":
            return self._cases(token)
        if token.kind == "name":
            return self._call(token) if self.peek.text == "(" else self._name(token)
        if token.text == "(":
            node = self._expression(0)
            self._expect(")", "this group")
            return node
        if token.text in ("+", "-"):
            node = self._expression(_NEGATION)
            if token.text == "+":
                return node
            return self._node(-node.expr, None if node.value is None else -node.value, token.column)
        raise self._unexpected(token, "Write a number, a name or a function call there")

    def _number(self, token: Token) -> Node:
        if len(token.text) > limits.DIGITS:
            raise self._error(
                f"A number has {len(token.text)} characters", token.column, f"Use at most {limits.DIGITS}"
            )
        value = float(token.text)
        if token.text.isdigit():
            return self._node(sp.Integer(int(token.text)), value, token.column)
        if not math.isfinite(value):
            raise self._error(f"The number {token.text} is too large", token.column, "Use numbers below 1e300")
        # Exactly the double that was written: sums and products of constants then round nothing.
        return self._node(sp.Rational(value), value, token.column)

    def _name(self, token: Token) -> Node:
        symbol = self.symbols.get(token.text)
        if symbol is not None:
            return Node(symbol, None, token.column)
        if token.text == "pi":
            return Node(sp.pi, math.pi, token.column)
        if token.text in FUNCTIONS:
            raise self._error(f"The function {token.text} has no argument", token.column, f"Write {token.text}(...)")
        close = difflib.get_close_matches(token.text, [*self.symbols, *FUNCTIONS], n=1)
        hint = f"Did you mean {close[0]!r}? " if close else ""
        raise self._error(
            f"The name {token.text!r} is neither a state nor a parameter",
            token.column,
            f"{hint}Declare it in params, or use one of: {names_of(self.symbols)}",
        )

    def _call(self, token: Token) -> Node:
        function = FUNCTIONS.get(token.text)
        if function is None:
            close = difflib.get_close_matches(token.text, FUNCTIONS, n=1)
            hint = f"Did you mean {close[0]!r}? " if close else ""
            raise self._error(
                f"There is no function {token.text!r}", token.column, f"{hint}Known functions: {', '.join(FUNCTIONS)}"
            )
        self._expect("(", token.text)
        arguments = [self._expression(0)]
        while self._accept(","):
            arguments.append(self._expression(0))
        self._expect(")", f"the arguments of {token.text}")
        if not function.least <= len(arguments) <= function.most:
            count = str(function.least) if function.least == function.most else f"{function.least} to {function.most}"
            raise self._error(f"{token.text} was given {len(arguments)} arguments", token.column, f"Give it {count}")
        values = [argument.value for argument in arguments]
        constant = None
        if token.text not in ALGEBRAIC and any(abs(value or 0.0) > limits.ARGUMENT for value in values):
            # SymPy may evaluate a call of constants to compare it; far out, that fails or takes for ever.
            raise self._error(
                f"{token.text} is called with a huge constant", token.column, f"Keep it below {limits.ARGUMENT:g}"
            )
        if None not in values:
            with np.errstate(all="ignore"):
                constant = float(function.value(*values))
        # The value is judged before SymPy may try to evaluate the call.
        self._judge(constant, token.column)
        return self._node(function.build(*(argument.expr for argument in arguments)), constant, token.column)

    def _cases(self, token: Token) -> Node:
        """piecewise(value, condition, value, condition, ..., otherwise)."""
        self._expect("(", CASES)
        pairs: list[tuple[sp.Expr, sp.Basic]] = []
        value = self._expression(0)
        while self._accept(","):
            condition = self._condition()
            self._expect(",", "this condition")
            pairs.append((value.expr, condition))
            value = self._expression(0)
        self._expect(")", f"the last value of {CASES}")
        if not 1 <= len(pairs) <= limits.CASES:
            raise self._error(
                f"{CASES} has {len(pairs)} conditions",
                token.column,
                f"Write {CASES}(value, condition, ..., otherwise), with at most {limits.CASES} conditions",
            )
        # Unevaluated: SymPy would solve the conditions.
        expr = sp.Piecewise(*pairs, (value.expr, True), evaluate=False)
        return self._node(expr, None, token.column)

    def _condition(self) -> sp.Basic:
        """A comparison, or and(...), or(...), not(...) of conditions."""
        token = self.peek
        self.depth += 1
        if self.depth > limits.EXPRESSION_NESTING:
            raise self._error("The conditions are nested too deeply", token.column, "Write them flatter")
        if token.kind == "name" and token.text in JOINS and self.tokens[self.at + 1].text == "(":
            found = self._joined(self._next())
        else:
            found = self._comparison()
        self.depth -= 1
        return found

    def _joined(self, token: Token) -> sp.Basic:
        self._expect("(", token.text)
        parts = [self._condition()]
        while self._accept(","):
            parts.append(self._condition())
        self._expect(")", f"the conditions of {token.text}")
        if len(parts) > limits.CASES or (token.text == "not") != (len(parts) == 1):
            raise self._error(
                f"{token.text} was given {len(parts)} conditions", token.column, "Give not one, others two"
            )
        return JOINS[token.text](*parts)

    def _comparison(self) -> sp.Basic:
        column = self.peek.column
        left = self._expression(0)
        sign = self._accept(*COMPARISONS)
        if sign is None:
            raise self._unexpected(self.peek, "Write a comparison there, such as x0 < 1")
        right = self._expression(0)
        degrees = [degree_bound(side.expr, tuple(side.expr.free_symbols)) for side in (left, right)]
        if None in degrees or not 1 <= max(degree or 0 for degree in degrees) <= 2:
            raise self._error(
                "This comparison is not one of polynomials of degree 1 or 2", column, "Write one such as x0 < 1"
            )
        return COMPARISONS[sign.text](left.expr, right.expr)

    def _sum(self, first: Node) -> Node:
        terms, value = [first.expr], first.value
        while token := self._accept("+", "-"):
            node = self._expression(_SUM)
            terms.append(node.expr if token.text == "+" else -node.expr)
            if value is not None and node.value is not None:
                value = value + node.value if token.text == "+" else value - node.value
            else:
                value = None
        return self._node(sp.Add(*terms), value, first.column)

    def _product(self, first: Node) -> Node:
        factors, value = [first.expr], first.value
        while token := self._accept("*", "/"):
            node = self._expression(_PRODUCT)
            if token.text == "/":
                if node.expr.is_zero or node.value == 0.0:
                    raise self._error("This divides by zero", token.column, "Give a non-zero denominator")
                factors.append(1 / node.expr)
            else:
                factors.append(node.expr)
            if value is not None and node.value is not None:
                value = value * node.value if token.text == "*" else value / (node.value or math.inf)
                self._judge(value, token.column)
            else:
                value = None
        return self._node(sp.Mul(*factors), value, first.column)

    def _power(self, base: Node, exponent: Node, column: int) -> Node:
        if (base.expr.is_zero or base.value == 0.0) and not exponent.expr.is_nonnegative:
            raise self._error("This divides by zero", column, "Give a non-zero denominator")
        value = None
        if exponent.value is not None:
            if not abs(exponent.value) <= limits.EXPONENT:
                raise self._error(
                    f"The exponent is beyond {limits.EXPONENT} in absolute value", column, "Use a smaller exponent"
                )
            self._check_fraction(exponent.expr, column)
            if base.value is not None:
                value = self._constant_power(base, exponent, column)
            if base.expr.is_number and exponent.expr.is_Rational and not exponent.expr.is_Integer:
                # SymPy multiplies the exponents of a root of a root: what comes out must be readable too.
                for power in (base.expr**exponent.expr).atoms(sp.Pow):
                    self._check_fraction(power.exp, column)
        elif base.value is not None and abs(exponent.expr.as_coeff_Add()[0]) > limits.EXPONENT:
            # SymPy takes 2^(x + N) apart and computes 2^N.
            raise self._error(f"The exponent has a constant beyond {limits.EXPONENT}", column, "Use a smaller one")
        return self._node(base.expr**exponent.expr, value, base.column)

    def _check_fraction(self, exponent: sp.Expr, column: int) -> None:
        if exponent.is_Rational and exponent.q > limits.EXPONENT:
            raise self._error(
                "The exponent is not a simple fraction", column, f"Write it as p/q with q up to {limits.EXPONENT}"
            )

    def _constant_power(self, base: Node, exponent: Node, column: int) -> float:
        assert base.value is not None
        assert exponent.value is not None
        bits = base.expr.p.bit_length() + base.expr.q.bit_length() if base.expr.is_Rational else 0
        if bits * abs(exponent.value) > limits.CONSTANT_BITS:
            raise self._error("This power is too large a number", column, "Use a smaller exponent")
        try:
            value = float(base.value**exponent.value)
        except (OverflowError, ZeroDivisionError):
            value = math.inf
        except TypeError:  # a negative base under a root is complex
            value = math.nan
        self._judge(value, column)
        return value

    # -- what a constant may be --------------------------------------------------------------------------------

    def _judge(self, value: float | None, column: int) -> None:
        if value is None or abs(value) <= limits.CONSTANT_MAGNITUDE:
            return
        if math.isnan(value):
            raise self._error("This constant is not a real number", column, "Keep the expression real")
        raise self._error("This constant is too large or not finite", column, "Keep constants below 1e300")

    def _node(self, expr: sp.Expr, value: float | None, column: int) -> Node:
        self._judge(value, column)
        if any(_too_long(number) for number in _rationals(expr)):
            raise self._error("A constant has too many digits", column, "Round it")
        for part in expr.args if expr.is_Mul else (expr,):
            # Powers of powers, and products of them, add up to exponents that nobody wrote.
            if part.is_Pow and part.exp.is_Rational and abs(part.exp) > limits.EXPONENT:
                raise self._error(
                    f"The exponent is beyond {limits.EXPONENT} in absolute value", column, "Use a smaller exponent"
                )
        if expr in (sp.zoo, sp.nan, sp.oo, -sp.oo) or expr is sp.I or isinstance(expr, sp.AccumBounds):
            raise self._error("This part is not a finite real number", column, "Remove the division by zero")
        return Node(expr, value, column)


def _rationals(expr: sp.Expr) -> Iterator[sp.Rational]:
    """The rationals that building this node can have made: those of its terms, factors and bases."""
    stack = [(expr, 0)]
    while stack:
        part, depth = stack.pop()
        if part.is_Rational:
            yield part
        elif depth < 3 and (part.is_Add or part.is_Mul or part.is_Pow):
            stack += [(arg, depth + 1) for arg in part.args]


def _too_long(number: sp.Rational) -> bool:
    """Whether its digits could not be written again: neither as p/q nor as the double that it is."""
    if max(number.p.bit_length(), number.q.bit_length()) <= limits.LITERAL_BITS:
        return False
    # Far outside the range of doubles, without converting; within it, only the doubles themselves.
    size = number.p.bit_length() - number.q.bit_length()
    return not -1100 < size < 996 or sp.Rational(int(number.p) / int(number.q)) != number
