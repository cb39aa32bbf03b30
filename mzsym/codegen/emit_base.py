"""What every target shares: the walk over the nodes and how operations are written.

A target says how it writes literals, calls, selections and the function around the statements. The order of
operations is the order of the operands of the nodes, in every target and in the interpreter, so that all of them
round alike.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from fractions import Fraction

from mzsym.codegen.dialect_c import LIBRARY, CText
from mzsym.codegen.flat import Inliner, Line, needed, written_out
from mzsym.codegen.leaves.registry import MEANS, average_leaf
from mzsym.codegen.nodes import Node, Program, constant
from mzsym.codegen.operations import OPERATIONS, RELATIONS

_LOGICAL = frozenset({*RELATIONS, "all", "any", "not", "true", "false"})
SIMPLE = frozenset({"const", "point", "param"})
"""Nodes that need no statement: they stand for themselves."""


class AbstractEmitter(ABC):
    """Writes a program as source text.

    Laws of a subclass: literals read back as the same float64; statements keep the order of the operands.
    """

    @abstractmethod
    def literal(self, value: float) -> str:
        """Text that reads back as ``value``."""

    @abstractmethod
    def call(self, name: str, args: list[str]) -> str:
        """Call of an elementary function or a leaf."""

    @abstractmethod
    def select(self, condition: str, value: str, otherwise: str) -> str:
        """Value of a conditional."""

    @abstractmethod
    def logical(self, op: str, args: list[str]) -> str:
        """``all``, ``any``, ``not``, ``true`` or ``false``."""

    @abstractmethod
    def source(self, program: Program) -> str:
        """The whole text."""

    # --- shared -------------------------------------------------------------------------------------------------------

    def constant(self, value: Fraction) -> str:
        """A rational, rounded once."""
        return self.literal(float(value))

    def calls(self, program: Program) -> list[str]:
        """Names of the functions that the program calls, in a fixed order."""
        return sorted({name for node in program.nodes if (name := self.function_of(node)) is not None})

    @staticmethod
    def function_of(node: Node) -> str | None:
        """Name of the function behind a node, None for arithmetic."""
        if node.op in OPERATIONS:
            return OPERATIONS[node.op].call
        if node.op == "pow":
            return "power"
        if node.op in MEANS:
            leaf = average_leaf(node.op, str(node.data[0]), int(node.data[1]))
            return None if leaf is None else leaf.call
        return None

    def statements(self, program: Program, varying: bool) -> list[tuple[str, str]]:
        """(name, expression) of the nodes that vary from point to point, or of those that do not."""
        names = [self._name(node, number) for number, node in enumerate(program.nodes)]
        return [
            (names[number], self._expression(program, node, names))
            for number, node in enumerate(program.nodes)
            if program.depends_on_point[number] == varying and node.op not in SIMPLE
        ]

    def lines(self, program: Program, inline: bool = True) -> tuple[list[Line], set[str]]:
        """Every statement, leaves written out in C or called, and the leaves, constants and helpers that they need."""
        names = [self._name(node, place) for place, node in enumerate(program.nodes)]
        lines, uses = list[Line](), set[str]()
        for place, node in enumerate(program.nodes):
            if node.op in SIMPLE:
                continue
            called = self.function_of(node)
            text, kind = self._expression(program, node, names), "int" if names[place].startswith("c") else "double"
            if inline and called is not None and written_out(called):
                inliner = Inliner(names[place])
                (value,) = inliner.call(called, [CText(names[arg], "double") for arg in node.args])
                lines += inliner.lines
                text, uses = value.text, uses | inliner.uses
            elif called is not None and called not in LIBRARY:
                uses.add(called)
            lines.append(Line(names[place], kind, text))
        return needed(lines, set(self.output_names(program))), uses

    @staticmethod
    def used(program: Program, op: str, read: set[str]) -> list[int]:
        """Places of the arguments of a kind, "point" or "param", that are among the names read."""
        places = sorted(int(node.data[0]) for node in program.nodes if node.op == op)
        return [place for place in places if f"{'x' if op == 'point' else 'p'}{place}" in read]

    def output_names(self, program: Program) -> list[str]:
        """What is stored in every output."""
        return [self._name(program.nodes[number], number) for number in program.outputs]

    def _name(self, node: Node, number: int) -> str:
        """Variable of a node; constants and arguments stand for themselves."""
        value = constant(node)
        if value is not None:
            return self.constant(value)
        if node.op == "point":
            return f"x{node.data[0]}"
        if node.op == "param":
            return f"p{node.data[0]}"
        return f"{'c' if node.op in _LOGICAL else 'v'}{number}"

    def _expression(self, program: Program, node: Node, names: list[str]) -> str:
        args = [names[arg] for arg in node.args]
        if node.op == "add":
            return self._sum(args)
        if node.op == "mul":
            minus, factors = ("-", args[1:]) if constant(program.nodes[node.args[0]]) == -1 else ("", args)
            return minus + " * ".join(self._atom(factor) for factor in factors)
        if node.op == "div":
            return f"{self._atom(args[0])} / {self._atom(args[1])}"
        if node.op in RELATIONS:
            return f"{args[0]} {RELATIONS[node.op]} {args[1]}"
        if node.op == "select":
            return self.select(*args)
        if node.op in _LOGICAL:
            return self.logical(node.op, args)
        if node.op in MEANS:
            leaf = average_leaf(node.op, str(node.data[0]), int(node.data[1]))
            if leaf is not None:
                return self.call(leaf.call, [str(node.data[1]), *args] if leaf.takes_power else args)
        name = self.function_of(node)
        if name is None:
            raise AssertionError(f"a pass left the node {node.op}, which no target writes")
        return self.call(name, args)

    @staticmethod
    def _atom(text: str) -> str:
        return f"({text})" if text.startswith("-") else text

    def _sum(self, args: list[str]) -> str:
        text = args[0]
        for arg in args[1:]:
            # a - b and a + (-b) round alike.
            text += f" - {arg[1:]}" if arg.startswith("-") else f" + {arg}"
        return text
