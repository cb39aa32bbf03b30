"""Programs as flat lists of statements, cut into short loops.

Leaves without branches are written out where they are called. What no point changes is then computed once, and the
rest falls into loops of a few dozen operations over a block of rows, which hand values on in small buffers: a processor
that looks a few hundred instructions ahead works on several rows at once in a short loop, and on one in a long one.
Calls that do not vectorise get loops of their own. Values and their order of operations stay the same.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from mzsym.codegen.dialect_c import CText, Writer, tree_of
from mzsym.codegen.leaves.library import leaves

LOOP: Final = 24
"""Operations of a loop, about."""

LONGEST: Final = 36
"""Operations up to which one loop is left whole."""

_NAME: Final = re.compile(r"[A-Za-z_]\w*")
_WORK: Final = re.compile(r" [-+*/<>=!?&|]+ |>>|mz_(?:select|pick|plus|minus|times|min|max)\(|fabs\(|copysign\(")
_CALL: Final = re.compile(r"([A-Za-z_]\w*)\(")
_VECTORS: Final = frozenset(
    {
        *("mz_select", "mz_pick", "mz_plus", "mz_minus", "mz_times", "mz_min", "mz_max", "mz_to_bits", "mz_from_bits"),
        *("fabs", "copysign", "sqrt", "floor", "ceil", "INT64_C"),
    }
)
"""What a loop may call and still become vectors."""


@dataclass(frozen=True)
class Line:
    """``const KIND NAME = TEXT;``"""

    name: str
    kind: str
    text: str

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Identifiers in the text, in their order."""
        return tuple(_NAME.findall(self.text))

    @cached_property
    def reads(self) -> frozenset[str]:
        """The same as a set."""
        return frozenset(self.names)

    @property
    def cost(self) -> int:
        """Operations, about."""
        return 1 + len(_WORK.findall(self.text))

    @property
    def vectorises(self) -> bool:
        """Whether it calls nothing that keeps a loop scalar."""
        return _VECTORS.issuperset(_CALL.findall(self.text))


def written_out(name: str) -> bool:
    """Whether a leaf is a list of assignments, which can stand where it is called."""
    if name not in leaves() or not leaves()[name].straight:
        return False
    body = tree_of(leaves()[name]).body[1:]
    return all(isinstance(one, ast.Assign) for one in body[:-1]) and isinstance(body[-1], ast.Return)


class Inliner(Writer):
    """Writes calls of leaves out as lines.

    Parameters
    ----------
    prefix : str
        Of the names of its variables.
    """

    def __init__(self, prefix: str) -> None:
        super().__init__(prefix, True)
        self.lines: list[Line] = []
        self._prefix, self._count = prefix, 0
        self._names: dict[str, CText] = {}
        self._known: dict[tuple[str, str], CText] = {}

    def call(self, name: str, args: Sequence[CText]) -> tuple[CText, ...]:
        """The value of a leaf, two of a pair."""
        tree = tree_of(leaves()[name])
        outside = self._names
        self._names = {arg.arg: value for arg, value in zip(tree.args.args, args, strict=True)}
        result: tuple[CText, ...] = ()
        for statement in tree.body[1:]:
            match statement:
                case ast.Assign(targets=[ast.Name(id=target)], value=value):
                    self._names[target] = self._line(target, self._expr(value))
                case ast.Assign(
                    targets=[ast.Tuple(elts=[ast.Name(id=first), ast.Name(id=second)])],
                    value=ast.Call(func=ast.Name(id=leaf), args=given),
                ):
                    pair = self.call(leaf, [self._atom(self._expr(one)) for one in given])
                    self._names[first], self._names[second] = pair
                case ast.Return(value=ast.Tuple(elts=elements)):
                    result = tuple(self._line("pair", self._expr(one)) for one in elements)
                case ast.Return(value=value) if value is not None:
                    result = (self._expr(value),)
                case _:
                    raise AssertionError(f"{name}: {ast.unparse(statement)} cannot be written out")
        self._names = outside
        return result

    def _line(self, stem: str, value: CText) -> CText:
        if _NAME.fullmatch(value.text):
            return value
        # Every name stands for one value: equal texts are equal values, which leaves that are called twice share.
        key = (value.kind, value.text)
        if key not in self._known:
            self._count += 1
            name = f"{self._prefix}_{self._count}_{stem}"
            self.lines.append(Line(name, value.kind, value.text))
            self._known[key] = CText(name, value.kind)
        return self._known[key]

    def _atom(self, value: CText) -> CText:
        return self._line("arg", value)

    def _name(self, name: str) -> CText:
        return self._names[name] if name in self._names else super()._name(name)

    def _expr(self, node: ast.expr) -> CText:
        match node:
            case ast.Subscript(value=ast.Call(func=ast.Name(id=leaf), args=args), slice=ast.Constant(value=int(place))):
                return self.call(leaf, [self._atom(self._expr(one)) for one in args])[place]
        return super()._expr(node)

    def _call(self, name: str, args: list[CText]) -> CText:
        if written_out(name):
            (value,) = self.call(name, [self._atom(arg) for arg in args])
            return value
        return super()._call(name, args)


def needed(lines: Sequence[Line], wanted: set[str]) -> list[Line]:
    """The lines that some names need, in their order."""
    kept: list[Line] = []
    names = set(wanted)
    for line in reversed(lines):
        if line.name in names:
            kept.append(line)
            names |= line.reads
    return kept[::-1]


def divided(lines: Sequence[Line], points: set[str]) -> tuple[list[Line], list[Line]]:
    """(lines that are the same at all points, the others)."""
    varying = set(points)
    fixed, others = list[Line](), list[Line]()
    for line in lines:
        if line.reads & varying:
            varying.add(line.name)
            others.append(line)
        else:
            fixed.append(line)
    return fixed, others


def handed_on(bodies: Sequence[Sequence[Line]]) -> dict[str, str]:
    """Name -> kind of what one loop makes and a later one reads."""
    made: dict[str, str] = {}
    handed: dict[str, str] = {}
    for body in bodies:
        handed |= {name: made[name] for line in body for name in line.names if name in made}
        made |= {line.name: line.kind for line in body}
    return handed


def stored_by(bodies: Sequence[Sequence[Line]], outputs: Sequence[str]) -> list[list[tuple[int, str]]]:
    """(number, name) of the outputs that every loop stores; the last one stores what no line of a loop makes."""
    made = {line.name for body in bodies for line in body}
    found = []
    for place, body in enumerate(bodies):
        names = {line.name for line in body} | ({*outputs} - made if place == len(bodies) - 1 else set())
        found.append([(at, name) for at, name in enumerate(outputs) if name in names])
    return found


def loops(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines as the bodies of loops, one after the other."""
    return [part for group in _by_kind(lines) for part in (_cut(group) if group[0].vectorises else [group])]


def _by_kind(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines that vectorise and lines that do not in turns, as few as their order allows."""
    level: dict[str, int] = {}
    groups: dict[int, list[Line]] = {}
    for line in lines:
        at = max((level[name] for name in line.reads if name in level), default=0)
        at += (at % 2 == 0) != line.vectorises
        level[line.name] = at
        groups.setdefault(at, []).append(line)
    return [groups[at] for at in sorted(groups)]


def _cut(lines: list[Line]) -> list[list[Line]]:
    """Pieces of about ``LOOP`` operations, cut where few values are handed on."""
    total = sum(line.cost for line in lines)
    if total <= LONGEST:
        return [lines]
    target = total / round(total / LOOP)
    last = {name: k for k, line in enumerate(lines) for name in line.reads}
    parts, start, spent = list[list[Line]](), 0, 0
    while start < len(lines):
        best, fewest, spent, at = len(lines), len(lines) + 1, 0, start
        while at < len(lines) and spent < 1.35 * target:
            spent += lines[at].cost
            at += 1
            alive = sum(last.get(line.name, -1) >= at for line in lines[:at])
            if spent >= 0.65 * target and alive < fewest:
                best, fewest = at, alive
        if sum(line.cost for line in lines[best:]) < 0.4 * target:
            best = len(lines)
        parts.append(lines[start:best])
        start = best
    return parts
