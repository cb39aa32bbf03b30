"""Expressions as a reader wants them: box ends as midpoint and half-width, noise averages by a short name.

For reading only; nothing here is read back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import sympy as sp

from mzsym.calculus.heads import LaplaceMean, NoiseMean, UniformMean
from mzsym.core.names import latex_names
from mzsym.core.primitives import PRIMITIVES

BOX_SENTENCE = r"\bar{x}^{(n)}_i \pm \ell^{(n)}_i \text{ are the ends of the box of } X_n"
"""What the two letters of the box mean."""

_HEADS = {"mid": r"\bar{x}", "half": r"\ell", "X": "X"}
_END = re.compile(r"^(lo|hi)\[(\d+),(\d+)\]$")
_NOISE = re.compile(r"^xi\[(\d+),(\d+)\]$")


class ShortMean(sp.Function):
    """A noise average by name: arguments (head with generic arguments, z, scale)."""

    nargs = 3

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        body = rf"{self.name_latex(printer)}\left({printer._print(self.args[1])}\right)"
        return body if exp is None else rf"\left({body}\right)^{{{exp}}}"

    def name_latex(self, printer: Any) -> str:
        """The average without its centre: ``\\langle \\tanh^{2} \\rangle_{S}``."""
        head, _, scale = self.args
        primitive = PRIMITIVES[head.primitive]
        g = primitive.latex + (f"^{{{head.power}}}" if head.power > 1 else "")
        parameters = "".join(rf";\,{printer._print(value)}" for value in head.parameters)
        inside = printer._print(scale)
        if not isinstance(head, UniformMean):
            inside = rf"\mathcal{{{'L' if isinstance(head, LaplaceMean) else 'N'}}}({inside})"
        return rf"\langle {g} \rangle_{{{inside}{parameters}}}"


def readable(expr: sp.Basic) -> sp.Basic:
    """An expression with box ends as midpoint -+ half-width, and short names for averages."""
    ends: dict[sp.Symbol, sp.Expr] = {}
    for symbol in expr.atoms(sp.Symbol):
        match = _END.match(symbol.name)
        if match is not None:
            end, n, i = match.groups()
            middle, half = sp.Symbol(f"mid[{n},{i}]", real=True), sp.Symbol(f"half[{n},{i}]", positive=True)
            ends[symbol] = middle - half if end == "lo" else middle + half
    return _primitive(expr.xreplace(ends))


_z, _S, _s = sp.Symbol("z", real=True), sp.Symbol("S", positive=True), sp.Symbol("s", positive=True)


def _primitive(expr: sp.Basic) -> sp.Basic:
    """2x - 2c becomes 2(x - c) inside products, powers and integrals, where the 2 cancels."""
    if not expr.args or isinstance(expr, sp.MatrixExpr):
        return expr
    if (generic := _generic_branch(expr)) is not None:
        return _primitive(generic[0])
    if isinstance(expr, NoiseMean):
        scale = _S if isinstance(expr, UniformMean) else _s
        named = expr.func(*expr.args[:2], _z, scale, *expr.parameters)
        return ShortMean(named, _primitive(expr.z), _primitive(expr.scale))
    args = [_primitive(arg) if isinstance(arg, sp.Basic) else arg for arg in expr.args]
    if isinstance(expr, sp.Mul):
        return sp.Mul(*(piece for arg in args for piece in _content(arg)))
    if isinstance(expr, sp.Integral):
        number, rest = sp.Mul(*(piece for f in sp.Mul.make_args(args[0]) for piece in _content(f))).as_coeff_Mul()
        return number * sp.Integral(rest, *args[1:])
    return expr.func(*args) if tuple(args) != expr.args else expr


def _generic_branch(expr: sp.Basic) -> tuple[sp.Expr, sp.Ne] | None:
    """(value, condition) of a closed form that divides by a parameter and states its limit at 0 separately."""
    if isinstance(expr, sp.Piecewise) and len(expr.args) == 2:
        value, condition = expr.args[0]
        if isinstance(condition, sp.Ne) and condition.rhs == 0 and expr.args[1][1] == sp.true:
            return value, condition
    return None


def conditions(expr: sp.Basic) -> list[sp.Basic]:
    """What ``readable`` assumed: parameters that must not be 0 for the branch that it shows."""
    found = (_generic_branch(node) for node in sorted(expr.atoms(sp.Piecewise), key=sp.default_sort_key))
    return [generic[1] for generic in found if generic is not None]


def _content(factor: sp.Basic) -> tuple[sp.Basic, ...]:
    base, exponent = factor.as_base_exp()
    if not isinstance(base, sp.Add) or not exponent.is_Rational:
        return (factor,)
    number, rest = base.primitive()
    if rest.could_extract_minus_sign() and exponent.is_Integer:
        number, rest = -number, -rest
    return number**exponent, rest**exponent


def math(expr: sp.Basic) -> str:
    """One expression, with mzsym's symbol names."""
    return str(sp.latex(expr, symbol_names=symbol_names(expr)))


def symbol_names(expr: sp.Basic) -> dict[sp.Symbol, str]:
    """LaTeX of every symbol of mzsym, midpoints and half-widths included."""
    names = latex_names(expr)
    for symbol in expr.atoms(sp.Symbol):
        head, _, rest = symbol.name.partition("[")
        plain = head.rstrip("'")
        if plain in _HEADS and rest:
            n, i = rest.rstrip("]").split(",")
            names[symbol] = rf"{_HEADS[plain]}^{{({n}){head[len(plain) :]}}}_{{{i}}}"
    return names


class NestedStates:
    """Letters for states that stand inside each other: X^{(n)}_i for F_{n-1}(...) + xi, where that is in the way.

    One state may be made of different ones in different places; then further letters carry primes.
    """

    def __init__(self) -> None:
        self.letters: dict[sp.Basic, sp.Symbol] = {}

    def named(self, expr: sp.Basic) -> sp.Basic:
        """The expression with a letter for every state that a noise was added to, innermost first."""
        while (state := _innermost(expr)) is not None:
            n, i = _added(state) or (0, 0)
            if state not in self.letters:
                head = f"[{n + 1},{i}]"
                primes = "'" * sum(letter.name.endswith(head) for letter in self.letters.values())
                self.letters[state] = sp.Symbol(f"X{primes}{head}", real=True)
            expr = expr.xreplace({state: self.letters[state]})
        return expr


def _added(expr: sp.Basic) -> tuple[int, int] | None:
    """(n, i) where an expression is a sum of noise i of layer n and of something without later noises."""
    if not isinstance(expr, sp.Add):
        return None
    found = [match for match in (_NOISE.match(arg.name) for arg in expr.args if arg.is_Symbol) if match]
    return (int(found[0][1]), int(found[0][2])) if len(found) == 1 else None


def _innermost(expr: sp.Basic) -> sp.Basic | None:
    """The state of the earliest layer inside an expression; the first in SymPy's order among equals."""
    states = [node for node in expr.atoms(sp.Add) if _added(node) is not None]
    return min(states, key=lambda node: (_added(node), node.sort_key()), default=None)


def definitions(exprs: Iterable[sp.Basic]) -> list[str]:
    """Rows that explain the short names in expressions: each average once, by its formula."""
    rows: dict[str, None] = {}
    box = False
    nonzero: dict[str, None] = {}
    for expr in exprs:
        if isinstance(expr, sp.Ne):
            nonzero[math(readable(expr.lhs))] = None
            continue
        box = box or any(symbol.name.startswith(("mid[", "half[")) for symbol in expr.atoms(sp.Symbol))
        for mean in sorted(expr.atoms(ShortMean), key=sp.default_sort_key):
            generic = mean.args[0]
            short = ShortMean(generic, generic.z, generic.scale)
            rows[rf"{math(short)} &= {math(generic)}"] = None
    limits = [rf"&\text{{where }} {name} \neq 0, \text{{ and its limit where it is }} 0" for name in nonzero]
    return [*rows, *limits, *([f"&{BOX_SENTENCE}"] if box else [])]
