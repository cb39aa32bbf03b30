"""Leaves as C99: their Python source, read as a syntax tree, so that each is written once.

The dialect is small (``mzsym.codegen.leaves``): floats and integers, conditionals, loops over ``range``, pairs. Every
operation becomes the same operation in the same order, so that C rounds as Python does.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from mzsym.codegen.leaves.library import Leaf, constants, leaves
from mzsym.codegen.operations import ELEMENTARY

REAL: Final = "double"
INTEGER: Final = "int64_t"
TRUTH: Final = "int"
PAIR: Final = "mz_pair"

KINDS: Final = {"int": INTEGER, "float": REAL, "tuple[float, float]": PAIR}

LIBRARY: Final[Mapping[str, str]] = MappingProxyType(
    {name: name for name in (*ELEMENTARY, "fabs", "copysign", "atan2", "floor", "ceil")}
    | {"power": "pow", "to_bits": "mz_to_bits", "from_bits": "mz_from_bits"}
)
"""Functions of ``libm`` -> their names in C."""

_KEYWORDS: Final = frozenset(
    {
        *("auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern"),
        *("float", "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return", "short", "signed"),
        *("sizeof", "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while"),
    }
)
_TERNARY, _OR, _AND, _COMPARE, _SHIFT, _SUM, _PRODUCT, _UNARY, _ATOM = range(1, 10)
_BINARY: Final[Mapping[type[ast.operator], tuple[str, int]]] = MappingProxyType(
    {ast.Add: ("+", _SUM), ast.Sub: ("-", _SUM), ast.Mult: ("*", _PRODUCT), ast.Div: ("/", _PRODUCT)}
)
_WRAPPING: Final[Mapping[type[ast.operator], str]] = MappingProxyType(
    {ast.Add: "mz_plus", ast.Sub: "mz_minus", ast.Mult: "mz_times"}
)
_COMPARISONS: Final[Mapping[type[ast.cmpop], str]] = MappingProxyType(
    {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
)

PRELUDE: Final = """\
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__FAST_MATH__)
#error "mzsym kernels need IEEE arithmetic: compile without -ffast-math"
#endif
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif
#if defined(__GNUC__)
#define MZ_INLINE static inline __attribute__((always_inline))
#else
#define MZ_INLINE static inline
#endif
"""


def _wrapping(name: str, sign: str) -> str:
    return (
        f"MZ_INLINE int64_t mz_{name}(int64_t a, int64_t b)\n{{\n"
        f"    return (int64_t)((uint64_t)a {sign} (uint64_t)b);\n}}\n"
    )


_HELPERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "mz_pair": "typedef struct {\n    double first, second;\n} mz_pair;\n",
        "mz_to_bits": "MZ_INLINE int64_t mz_to_bits(double x)\n{\n    int64_t n;\n    memcpy(&n, &x, sizeof n);\n"
        "    return n;\n}\n",
        "mz_from_bits": "MZ_INLINE double mz_from_bits(int64_t n)\n{\n    double x;\n    memcpy(&x, &n, sizeof x);\n"
        "    return x;\n}\n",
        # Both sides are computed before one is taken: nothing is left to branch around.
        "mz_select": "MZ_INLINE double mz_select(int c, double a, double b)\n{\n    return c ? a : b;\n}\n",
        "mz_pick": "MZ_INLINE int64_t mz_pick(int c, int64_t a, int64_t b)\n{\n    return c ? a : b;\n}\n",
        # Bits of floats are added as machine integers are: they wrap.
        "mz_plus": _wrapping("plus", "+"),
        "mz_minus": _wrapping("minus", "-"),
        "mz_times": _wrapping("times", "*"),
        "mz_min": "MZ_INLINE double mz_min(double a, double b)\n{\n    return b < a ? b : a;\n}\n",
        "mz_max": "MZ_INLINE double mz_max(double a, double b)\n{\n    return b > a ? b : a;\n}\n",
        # Quotient and remainder as Python rounds them.
        "mz_quotient": "MZ_INLINE int64_t mz_quotient(int64_t a, int64_t b)\n{\n"
        "    return a / b - ((a % b != 0) && ((a < 0) != (b < 0)));\n}\n",
        "mz_remainder": "MZ_INLINE int64_t mz_remainder(int64_t a, int64_t b)\n{\n"
        "    return a % b + (((a % b != 0) && ((a < 0) != (b < 0))) ? b : 0);\n}\n",
    }
)


@dataclass(frozen=True)
class CText:
    """An expression in C."""

    text: str
    kind: str
    level: int = _ATOM

    def at(self, level: int) -> str:
        """The text as an operand that binds at least this tightly."""
        return self.text if self.level >= level else f"({self.text})"


@dataclass(frozen=True)
class Translated:
    """A leaf in C.

    Attributes
    ----------
    text : str
        Its definition.
    uses : frozenset of str
        Leaves, constants and helpers that it needs.
    """

    text: str
    uses: frozenset[str]


def number(value: float) -> str:
    """A literal that C reads back as the same float64."""
    if not math.isfinite(value):
        raise AssertionError("literals are finite")
    return repr(float(value))


@cache
def translated(name: str) -> Translated:
    """A leaf in C."""
    return Writer(name, leaves()[name].straight).definition(tree_of(leaves()[name]))


def library_text(names: Iterable[str]) -> str:
    """Everything that calls of these leaves need, in C: helpers, constants, leaves."""
    wanted: dict[str, None] = {}
    for name in sorted(names):
        _need(name, wanted)
    parts = [text for name, text in _HELPERS.items() if name in wanted]
    values = [_constant(name, value) for name, value in constants().items() if name in wanted]
    parts += ["\n".join(values) + "\n"] if values else []
    parts += [translated(name).text for name in wanted if name in leaves()]
    return "\n".join(parts)


def _need(name: str, wanted: dict[str, None]) -> None:
    """Enter what a name needs, then the name: C has to see a function before its calls."""
    if name in wanted:
        return
    for used in sorted(translated(name).uses) if name in leaves() else ():
        _need(used, wanted)
    wanted[name] = None


def tree_of(leaf: Leaf) -> ast.FunctionDef:
    """The syntax tree of a leaf."""
    found = ast.parse(leaf.source).body[0]
    if not isinstance(found, ast.FunctionDef):
        raise AssertionError("a leaf is a function")
    return found


def _constant(name: str, value: Any) -> str:
    if isinstance(value, tuple):
        return f"static const double MZ_{name}[{len(value)}] = {{{', '.join(map(number, value))}}};"
    if isinstance(value, int):
        return f"static const int64_t MZ_{name} = INT64_C({value});"
    text = number(value) if math.isfinite(value) else "NAN" if math.isnan(value) else "INFINITY"
    return f"static const double MZ_{name} = {text};"


class Writer:
    """Translates one leaf.

    Parameters
    ----------
    name : str
        Of the leaf.
    straight : bool
        Whether it has no branches and shall have none in C.
    """

    def __init__(self, name: str, straight: bool) -> None:
        self._title, self._straight = name, straight
        self._variables: dict[str, str] = {}
        self._late: dict[str, str] = {}
        self._uses: set[str] = set()
        self._fresh = 0

    def definition(self, tree: ast.FunctionDef) -> Translated:
        """The function in C."""
        returns = KINDS[ast.unparse(tree.returns or ast.Pass())]
        for arg in tree.args.args:
            self._variables[arg.arg] = KINDS[ast.unparse(arg.annotation or ast.Pass())]
        arguments = ", ".join(f"{kind} {local(name)}" for name, kind in self._variables.items())
        if returns == PAIR:
            self._uses.add(PAIR)
        body = self._block(tree.body, 1)
        # What is first assigned inside a block is declared before everything.
        late = [f"    {kind} {local(name)};" for name, kind in self._late.items()]
        read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        body = [*(f"    (void){local(arg.arg)};" for arg in tree.args.args if arg.arg not in read), *body]
        head = "MZ_INLINE" if self._straight else "static inline"
        text = "\n".join([f"{head} {returns} mz_{self._title}({arguments})", "{", *late, *body, "}"])
        return Translated(text + "\n", self.uses)

    @property
    def uses(self) -> frozenset[str]:
        """Leaves, constants and helpers that the text so far needs."""
        return frozenset(self._uses)

    # --- statements ---------------------------------------------------------------------------------------------------

    def _block(self, body: list[ast.stmt], depth: int) -> list[str]:
        indent = "    " * depth
        return [indent + line for statement in body for line in self._statement(statement, depth)]

    def _statement(self, node: ast.stmt, depth: int) -> list[str]:
        match node:
            case ast.Expr(value=ast.Constant()):
                return []  # the docstring
            case ast.Return(value=ast.Tuple(elts=[a, b])):
                return [f"return (mz_pair){{{self._expr(a).text}, {self._expr(b).text}}};"]
            case ast.Return(value=value) if value is not None:
                return [f"return {self._expr(value).text};"]
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                given = self._expr(value)
                return [f"{self._target(name, given.kind, depth)} = {given.text};"]
            case ast.Assign(targets=[ast.Tuple(elts=[ast.Name(id=a), ast.Name(id=b)])], value=value):
                pair = self._new("pair")
                lines = [f"const mz_pair {pair} = {self._expr(value).text};"]
                lines.append(f"{self._target(a, REAL, depth)} = {pair}.first;")
                return [*lines, f"{self._target(b, REAL, depth)} = {pair}.second;"]
            case ast.If(test=test, body=body, orelse=orelse):
                return self._if(test, body, orelse)
            case ast.While(test=test, body=body, orelse=[]):
                return [f"while ({self._expr(test).text}) {{", *self._inner(body), "}"]
            case ast.For(target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"), args=args), body=body):
                return self._for(name, args, body)
        raise AssertionError(f"{self._title}: {ast.unparse(node)} is not in the dialect")

    def _inner(self, body: list[ast.stmt]) -> list[str]:
        """A nested block, one step deeper than the line that opens it."""
        return ["    " + line for statement in body for line in self._statement(statement, 2)]

    def _if(self, test: ast.expr, body: list[ast.stmt], orelse: list[ast.stmt]) -> list[str]:
        lines = [f"if ({self._expr(test).text}) {{", *self._inner(body)]
        if orelse:
            lines += ["} else {", *self._inner(orelse)]
        return [*lines, "}"]

    def _for(self, name: str, args: list[ast.expr], body: list[ast.stmt]) -> list[str]:
        bounds = [self._expr(arg).text for arg in args]
        start, stop = ("0", bounds[0]) if len(bounds) == 1 else (bounds[0], bounds[1])
        step = bounds[2] if len(bounds) == 3 else "1"
        if name == "_":
            name = self._new("i")
        self._variables[name] = INTEGER
        last, index = self._new("stop"), local(name)
        return [
            f"const int64_t {last} = {stop};",
            f"for (int64_t {index} = {start}; {index} < {last}; {index} += {step}) {{",
            *self._inner(body),
            "}",
        ]

    def _target(self, name: str, kind: str, depth: int) -> str:
        """Left side of an assignment, with the declaration where it is the first one."""
        if name in self._variables:
            if self._variables[name] != kind:
                raise AssertionError(f"{self._title}: {name} is {self._variables[name]} and {kind}")
            return local(name)
        self._variables[name] = kind
        if depth == 1:
            return f"{kind} {local(name)}"
        self._late[name] = kind
        return local(name)

    def _new(self, stem: str) -> str:
        self._fresh += 1
        return f"{stem}_{self._fresh}"

    # --- expressions --------------------------------------------------------------------------------------------------

    def _expr(self, node: ast.expr) -> CText:
        match node:
            case ast.Constant(value=bool()):
                raise AssertionError("truth values are comparisons")
            case ast.Constant(value=int(value)):
                return CText(str(value) if abs(value) < 2**31 else f"INT64_C({value})", INTEGER)
            case ast.Constant(value=float(value)):
                return CText(number(value), REAL)
            case ast.Name(id=name):
                return self._name(name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self._expr(operand)
                return CText(f"-{inner.at(_ATOM)}", inner.kind, _UNARY)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return CText(f"!{self._expr(operand).at(_ATOM)}", TRUTH, _UNARY)
            case ast.BinOp(left=left, op=op, right=right):
                return self._binary(self._expr(left), op, self._expr(right))
            case ast.BoolOp(op=op, values=values):
                sign, level = ("&&", _AND) if isinstance(op, ast.And) else ("||", _OR)
                return CText(f" {sign} ".join(self._expr(value).at(_COMPARE) for value in values), TRUTH, level)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                a, b = self._expr(left), self._expr(right)
                return CText(f"{a.at(_SHIFT)} {_COMPARISONS[type(op)]} {b.at(_SHIFT)}", TRUTH, _COMPARE)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self._choice(self._expr(test), self._expr(body), self._expr(orelse))
            case ast.Subscript(value=ast.Name(id=name), slice=index) if name in constants():
                self._uses.add(name)
                return CText(f"MZ_{name}[{self._expr(index).text}]", REAL)
            case ast.Subscript(value=value, slice=ast.Constant(value=int(place))) if place in (0, 1):
                return CText(f"{self._expr(value).at(_ATOM)}.{('first', 'second')[place]}", REAL)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return self._call(name, [self._expr(arg) for arg in args])
        raise AssertionError(f"{self._title}: {ast.unparse(node)} is not in the dialect")

    def _name(self, name: str) -> CText:
        if name in self._variables:
            return CText(local(name), self._variables[name])
        self._uses.add(name)
        return CText(f"MZ_{name}", INTEGER if isinstance(constants()[name], int) else REAL)

    def _binary(self, a: CText, op: ast.operator, b: CText) -> CText:
        whole = a.kind == b.kind == INTEGER
        if isinstance(op, ast.Div) and whole:
            return CText(f"(double){a.at(_ATOM)} / (double){b.at(_ATOM)}", REAL, _PRODUCT)
        if whole and self._straight and type(op) in _WRAPPING:
            self._uses.add(_WRAPPING[type(op)])
            return CText(f"{_WRAPPING[type(op)]}({a.text}, {b.text})", INTEGER)
        if type(op) in _BINARY:
            sign, level = _BINARY[type(op)]
            return CText(f"{a.at(level)} {sign} {b.at(level + 1)}", INTEGER if whole else REAL, level)
        if not whole:
            raise AssertionError(f"{self._title}: {ast.dump(op)} of floats is not in the dialect")
        if isinstance(op, ast.RShift):
            return CText(f"{a.at(_ATOM)} >> {b.at(_ATOM)}", INTEGER, _SHIFT)
        helper = {ast.FloorDiv: "mz_quotient", ast.Mod: "mz_remainder"}[type(op)]
        self._uses.add(helper)
        return CText(f"{helper}({a.text}, {b.text})", INTEGER)

    def _choice(self, test: CText, a: CText, b: CText) -> CText:
        kind = INTEGER if a.kind == b.kind == INTEGER else REAL
        if self._straight:
            helper = "mz_pick" if kind == INTEGER else "mz_select"
            self._uses.add(helper)
            return CText(f"{helper}({test.text}, {a.text}, {b.text})", kind)
        return CText(f"{test.at(_OR)} ? {a.at(_OR)} : {b.at(_TERNARY)}", kind, _TERNARY)

    def _call(self, name: str, args: list[CText]) -> CText:
        if name in ("float", "int"):
            kind = REAL if name == "float" else INTEGER
            return CText(f"({kind}){args[0].at(_ATOM)}", kind, _UNARY)
        listed = ", ".join(arg.text for arg in args)
        if name in ("min", "max"):
            self._uses.add(f"mz_{name}")
            return CText(f"mz_{name}({listed})", REAL)
        if name in LIBRARY:
            if name in ("to_bits", "from_bits"):
                self._uses.add(f"mz_{name}")
            return CText(f"{LIBRARY[name]}({listed})", INTEGER if name == "to_bits" else REAL)
        self._uses.add(name)
        return CText(f"mz_{name}({listed})", KINDS[leaves()[name].function.__annotations__["return"]])


def local(name: str) -> str:
    """Name of a variable in C."""
    return f"{name}_" if name in _KEYWORDS else name
