"""Frozen nodes in a hash-consed graph: what every pass, emitter and interpreter works on.

A node is an operation, the numbers of its operands and literal data. Graph numbers equal nodes equally, so a common
subexpression is one node by construction. Operands of sums and products are ordered by their content, never by the
names of symbols: equal structures in different layers give equal programs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from mzsym.core import MzError

Datum = int | str

FORMAT = "mzsym program 1"
"""Enters every digest; changes when the meaning of nodes does."""

_MAX_EXACT_BITS = 4096


@dataclass(frozen=True, slots=True)
class Node:
    """One operation.

    Attributes
    ----------
    op : str
        ``const`` (data: numerator, denominator), ``named`` (data: name of an irrational constant), ``point`` and
        ``param`` (data: position), ``add``, ``mul`` (any number of operands), ``div``, ``powi`` (data: exponent),
        ``pow``, ``select`` (condition, value, otherwise), or a name of ``operations.OPERATIONS``.
    args : tuple of int
        Numbers of the operands, each smaller than the node's own.
    data : tuple
        Literals.
    """

    op: str
    args: tuple[int, ...] = ()
    data: tuple[Datum, ...] = ()

    def encode(self) -> str:
        """One line of text, equal for equal nodes."""
        return f"{self.op} {','.join(map(str, self.args))} {','.join(map(repr, self.data))}"


@dataclass(frozen=True)
class Program:
    """Scalar outputs as functions of point arguments and parameters.

    Attributes
    ----------
    nodes : tuple of Node
        In an order in which operands come first.
    outputs : tuple of int
        Numbers of the nodes that are returned.
    n_point, n_param : int
        How many arguments vary from point to point, and how many are fixed for a call.
    """

    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]
    n_point: int
    n_param: int

    @cached_property
    def digest(self) -> str:
        """sha256 of the content: equal programs, equal digests."""
        lines = [FORMAT, f"{self.n_point} {self.n_param} {','.join(map(str, self.outputs))}"]
        lines.extend(node.encode() for node in self.nodes)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    @cached_property
    def depends_on_point(self) -> tuple[bool, ...]:
        """For every node whether it varies from point to point; the others are computed once per call."""
        varies: list[bool] = []
        for node in self.nodes:
            varies.append(node.op == "point" or any(varies[arg] for arg in node.args))
        return tuple(varies)


def constant(node: Node) -> Fraction | None:
    """The exact value of a constant node."""
    return Fraction(int(node.data[0]), int(node.data[1])) if node.op == "const" else None


_RANK = {"const": b"0", "named": b"1", "param": b"2", "point": b"3"}


@dataclass
class Graph:
    """Builder of programs: numbers nodes, merges equal ones, and keeps sums and products in one normal order."""

    nodes: list[Node] = field(default_factory=list)
    _numbers: dict[Node, int] = field(default_factory=dict)
    _keys: list[bytes] = field(default_factory=list)

    def node(self, op: str, args: Iterable[int] = (), data: tuple[Datum, ...] = ()) -> int:
        """Number of the node, a new one only if there is no equal one yet."""
        made = Node(op, tuple(args), data)
        number = self._numbers.get(made)
        if number is None:
            number = len(self.nodes)
            self.nodes.append(made)
            self._numbers[made] = number
            self._keys.append(self._key(made))
        return number

    def _key(self, node: Node) -> bytes:
        """Sort key of the content: constants, parameters, points by position, then everything else by digest."""
        if node.op in ("param", "point"):
            return _RANK[node.op] + int(node.data[0]).to_bytes(8, "big")
        text = f"{node.op} {node.data!r} ".encode() + b"".join(
            len(self._keys[arg]).to_bytes(1, "big") + self._keys[arg] for arg in node.args
        )
        return _RANK.get(node.op, b"4") + hashlib.sha256(text).digest()

    def order(self, numbers: Iterable[int]) -> list[int]:
        """Operands of a commutative operation in their normal order."""
        return sorted(numbers, key=self._keys.__getitem__)

    def constant(self, value: Fraction | int) -> int:
        """An exact rational constant."""
        exact = Fraction(value)
        if max(abs(exact.numerator), exact.denominator).bit_length() > _MAX_EXACT_BITS:
            raise MzError(
                "A rational constant has thousands of digits",
                "freeze",
                "Scale the expression, or pass it as a parameter",
            )
        return self.node("const", (), (exact.numerator, exact.denominator))

    def value(self, number: int) -> Fraction | None:
        """Exact value of a constant node, None for the others."""
        return constant(self.nodes[number])

    # --- sums and products in normal form -----------------------------------------------------------------------------

    def split(self, number: int) -> tuple[Fraction, int | None]:
        """(coefficient, rest) of a term; the rest of a pure constant is None."""
        node = self.nodes[number]
        value = constant(node)
        if value is not None:
            return value, None
        if node.op == "mul":
            head = constant(self.nodes[node.args[0]])
            if head is not None:
                rest = node.args[1:]
                return head, rest[0] if len(rest) == 1 else self.node("mul", rest)
        return Fraction(1), number

    def scaled(self, coefficient: Fraction | int, number: int) -> int:
        """coefficient * node."""
        return self.mul([self.constant(coefficient), number])

    def add(self, terms: Iterable[int]) -> int:
        """Sum with equal terms merged."""
        total = Fraction(0)
        coefficients: dict[int, Fraction] = {}
        for term in terms:
            factor, rest = self.split(term)
            if rest is None:
                total += factor
            else:
                coefficients[rest] = coefficients.get(rest, Fraction(0)) + factor
        kept = [self.scaled(factor, rest) for rest, factor in coefficients.items() if factor]
        if total or not kept:
            kept.append(self.constant(total))
        return kept[0] if len(kept) == 1 else self.node("add", self.order(kept))

    def mul(self, factors: Iterable[int]) -> int:
        """Product with constants and integer powers of equal bases merged; products inside are opened."""
        total = Fraction(1)
        powers: dict[int, int] = {}
        stack = list(factors)[::-1]
        while stack:
            number = stack.pop()
            node = self.nodes[number]
            value = constant(node)
            if value is not None:
                total *= value
            elif node.op == "mul":
                stack.extend(node.args[::-1])
            elif node.op == "powi":
                powers[node.args[0]] = powers.get(node.args[0], 0) + int(node.data[0])
            else:
                powers[number] = powers.get(number, 0) + 1
        if not total:
            return self.constant(0)
        kept = [self.power(base, exponent) for base, exponent in powers.items() if exponent]
        if total != 1 or not kept:
            kept.append(self.constant(total))
        return kept[0] if len(kept) == 1 else self.node("mul", self.order(kept))

    def power(self, base: int, exponent: int) -> int:
        """base**exponent for an integer exponent."""
        if exponent == 0:
            return self.constant(1)
        if exponent == 1:
            return base
        node = self.nodes[base]
        value = constant(node)
        if value is not None and value and abs(exponent) <= 64:
            return self.constant(value**exponent)
        if node.op == "powi":
            return self.power(node.args[0], int(node.data[0]) * exponent)
        if node.op == "mul":
            return self.mul([self.power(arg, exponent) for arg in node.args])
        return self.node("powi", (base,), (exponent,))

    def rebuild(self, node: Node, args: tuple[int, ...]) -> int:
        """The node with other operands, sums and products in normal form."""
        if node.op == "add":
            return self.add(args)
        if node.op == "mul":
            return self.mul(args)
        if node.op == "powi":
            return self.power(args[0], int(node.data[0]))
        return self.node(node.op, args, node.data)

    def program(self, outputs: Iterable[int], n_point: int, n_param: int) -> Program:
        """The nodes that the outputs need, renumbered from the outputs: one numbering for one content."""
        wanted = list(outputs)
        numbers: dict[int, int] = {}
        nodes: list[Node] = []
        for output in wanted:
            stack = [output]
            while stack:
                number = stack[-1]
                if number in numbers:
                    stack.pop()
                    continue
                node = self.nodes[number]
                missing = [arg for arg in node.args if arg not in numbers]
                if missing:
                    stack.extend(reversed(missing))
                    continue
                numbers[number] = len(nodes)
                nodes.append(Node(node.op, tuple(numbers[arg] for arg in node.args), node.data))
                stack.pop()
        return Program(tuple(nodes), tuple(numbers[output] for output in wanted), n_point, n_param)
