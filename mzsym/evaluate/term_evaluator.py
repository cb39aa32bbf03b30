"""A closed term as a compiled function of its parameters, for one set or for millions."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, final

import numpy as np
import sympy as sp

from mzsym.codegen import Kernel, Target, compile_program, freeze, inspect, stages
from mzsym.core import MzError
from mzsym.core.arrays import Array
from mzsym.evaluate.maps import parameters_of

if TYPE_CHECKING:
    from mzsym.derive.terms import Term
    from mzsym.model import Network


def closed_entries(term: Term, where: str, fix: str) -> tuple[sp.Expr, ...]:
    """The entries of a term, row by row.

    Raises
    ------
    MzError
        For a term that is not written out in closed form; ``where`` and ``fix`` are the caller's.
    """
    if not term.closed or not isinstance(term.expr, sp.MatrixBase):
        what = term.factored or f"{term.cost.integrals} integrals are left"
        raise MzError(f"The {term.kind} term is not closed: {what}", where, fix)
    return tuple(sp.sympify(entry) for entry in term.expr)


@final
class TermEvaluator:
    """Entries of one closed term, exact in its parameters up to rounding.

    Made by ``mz.compile(term)``. Parameters stay arguments: derived and compiled once, evaluated for any number of
    parameter sets, in parallel where there are many.

    Attributes
    ----------
    term : Term
    symbols : tuple of sympy.Symbol
        Its parameters: those of layers, shared ones, noise scales, ends of boxes.
    """

    def __init__(self, term: Term, target: Target) -> None:
        self.term, self.target = term, target
        self._entries = closed_entries(term, "compile(term)", "Compile the equation, whose evaluator has its numbers")
        self.symbols = parameters_of(self._entries)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(symbol.name for symbol in self.symbols)

    @cached_property
    def kernel(self) -> Kernel:
        """The compiled program."""
        return compile_program(freeze(self._entries, self.symbols), self.target)

    def __call__(self, values: Mapping[Any, Any]) -> Array:
        """Entries for parameter values.

        Parameters
        ----------
        values : mapping
            Name or symbol of every parameter -> number or array; arrays are broadcast against each other.

        Returns
        -------
        array of shape (..., rows, columns)
            ``...`` the common shape of the values.

        Raises
        ------
        MzError
            For a parameter without a value, a name that is none, and shapes that do not go together.

        Examples
        --------
        >>> import mzsym as mz
        >>> w, x = sp.Symbol("w", real=True), mz.state(1)[0]
        >>> layers = [mz.Layer([w * x], state=[x], noise=mz.Uniform(0.5), params={w: 0.7})] * 2
        >>> net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=x)
        >>> streaming = mz.compile(mz.derive(net, mz.Legendre(1)).streaming(0))
        >>> streaming(streaming.values_of(net) | {"w_0": np.linspace(0.1, 0.9, 5)}).shape
        (5, 2, 2)
        """
        given = {self._symbol(key): value for key, value in values.items()}
        missing = [symbol.name for symbol in self.symbols if symbol not in given]
        if missing:
            raise MzError(
                f"There is no value for {', '.join(missing)}",
                "TermEvaluator(values)",
                "Give all, or start from values_of(net)",
            )
        arrays = [np.asarray(given[symbol], dtype=np.float64) for symbol in self.symbols]
        try:
            common = np.broadcast_shapes(*(array.shape for array in arrays))
        except ValueError:
            shapes = ", ".join(f"{s.name} {a.shape}" for s, a in zip(self.symbols, arrays, strict=True))
            raise MzError(
                f"The shapes do not go together: {shapes}", "TermEvaluator(values)", "Give arrays of one shape"
            ) from None
        count = int(np.prod(common, dtype=np.int64))
        columns = [np.broadcast_to(array, common).ravel() for array in arrays]
        sets = np.stack(columns, axis=1) if columns else np.zeros((count, 0))
        return self.kernel(np.ascontiguousarray(sets)).reshape(*common, *self.term.shape)

    def values_of(self, net: Network) -> dict[str, float]:
        """The parameters of the term in a network: its weights, noise scales and proved boxes.

        Parameters
        ----------
        net : Network
            The one that the term belongs to, or another of the same form.
        """
        bound = net.bindings(boxes=net.has_domains)
        return {symbol.name: float(bound[symbol]) for symbol in self.symbols if symbol in bound}

    def inspect(self) -> str:
        """Every stage as text: expression, nodes after every pass, source, cost, size of the machine code."""
        parts = [f"# {self.term!r}", *self.term.why, "", stages(self._entries, self.symbols), "", inspect(self.kernel)]
        price = self.kernel.cost
        parts += [
            f"{8 * len(self.symbols)} bytes read and {8 * len(self._entries)} written a set, "
            f"{price.functions} calls of functions",
            *_machine_code(self.kernel),
        ]
        return "\n".join(parts)

    def _symbol(self, key: Any) -> sp.Symbol:
        found = next((symbol for symbol in self.symbols if key in (symbol, symbol.name)), None)
        if found is None:
            listed = ", ".join(self.parameters) or "none"
            raise MzError(f"The term has no parameter {key}", "TermEvaluator(values)", f"Its parameters are {listed}")
        return found

    def __repr__(self) -> str:
        return f"TermEvaluator({self.term!r}, {len(self.symbols)} parameters, target {self.target!r})"


def _machine_code(kernel: Kernel) -> list[str]:
    """Size of the compiled function, where the tools tell."""
    size, library = shutil.which("size"), next(kernel.path.parent.glob("kernel_*.so"), None)
    if size is None or library is None:
        return []
    done = subprocess.run([size, str(library)], capture_output=True, text=True, check=False)
    rows = done.stdout.split("\n")
    return [f"{rows[1].split()[0]} bytes of machine code"] if done.returncode == 0 and len(rows) > 1 else []
