"""A stretch of layers in canonical symbols, so that equal structures at different depths share all symbolic work.

A chain is layers n..m-1 renumbered to 0..m-n-1, parameters renamed by position. Terms are built once per chain and
renamed back, which turns the work for a deep network of equal layers into renaming.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, TypeVar

import sympy as sp

from mzsym.calculus.laws import Law
from mzsym.core.names import lower_symbol, noise_symbol, state_symbol, upper_symbol

if TYPE_CHECKING:
    from mzsym.model import Network

_LAYERED = re.compile(r"^(x|xi|W|b|h|s|lo|hi)\[(\d+)(.*)$")
LawT = TypeVar("LawT", bound=Law)
Renaming = dict[sp.Symbol, sp.Symbol]


@dataclass(frozen=True)
class Chain:
    """Layers 0..length-1 in canonical symbols.

    Attributes
    ----------
    maps : tuple of tuple of Expr
        F_k in ``state_symbol(k, i)``.
    laws : tuple of tuple of Law
        Noise of each component of layer k.
    dims : tuple of int
        N_0..N_length.
    """

    maps: tuple[tuple[sp.Expr, ...], ...]
    laws: tuple[tuple[Law, ...], ...]
    dims: tuple[int, ...]

    @property
    def length(self) -> int:
        return len(self.maps)

    def tail(self) -> tuple[Chain, Renaming]:
        """The chain without its first layer, canonical again, and the renaming back into this one."""
        return canonical(self.maps[1:], self.laws[1:], self.dims[1:], 1)


def chain_of(network: Network, n: int, m: int) -> tuple[Chain, Renaming]:
    """Layers n..m-1 of a network as a canonical chain, and the renaming back to the network's symbols."""
    maps = tuple(tuple(network.map_exprs(k)) for k in range(n, m))
    laws = tuple(tuple(network.laws(k)) for k in range(n, m))
    return canonical(maps, laws, tuple(network.dims[n : m + 1]), n)


def canonical(
    maps: tuple[tuple[sp.Expr, ...], ...], laws: tuple[tuple[Law, ...], ...], dims: tuple[int, ...], first: int
) -> tuple[Chain, Renaming]:
    """Renumber layers first, first+1, ... to 0, 1, ... and name the remaining symbols by position."""
    forward: Renaming = {}
    for k, dim in enumerate(dims):
        for i in range(dim):
            for name in (state_symbol, lower_symbol, upper_symbol, noise_symbol):
                forward[name(first + k, i)] = name(k, i)
    free = 0
    for k, (row, noises) in enumerate(zip(maps, laws, strict=True)):
        found = set().union(*(expr.free_symbols for expr in row), *(law_symbols(law) for law in noises))
        for symbol in sorted(found - forward.keys(), key=lambda s: s.name):
            layered = _LAYERED.match(symbol.name)
            if layered is not None and int(layered.group(2)) == first + k:
                forward[symbol] = sp.Symbol(f"{layered.group(1)}[{k}{layered.group(3)}", **symbol.assumptions0)
            else:
                # A parameter of the user's: by position, so that w_3 of one layer and w_7 of another coincide.
                forward[symbol] = sp.Symbol(f"p[{free}]", **symbol.assumptions0)
                free += 1
    chain = Chain(
        tuple(tuple(expr.xreplace(forward) for expr in row) for row in maps),
        tuple(tuple(rename_law(law, forward) for law in row) for row in laws),
        dims,
    )
    return chain, {new: old for old, new in forward.items()}


def law_symbols(law: Law) -> set[sp.Symbol]:
    """Free symbols of a law's parameters."""
    values = [getattr(law, f.name) for f in fields(law)]  # type: ignore[arg-type]
    return set().union(*(value.free_symbols for value in values if isinstance(value, sp.Basic)))


def rename_law(law: LawT, names: Renaming) -> LawT:
    """A law with its symbols renamed."""
    values = {f.name: getattr(law, f.name) for f in fields(law)}  # type: ignore[arg-type]
    changed = {key: value.xreplace(names) for key, value in values.items() if isinstance(value, sp.Basic)}
    return replace(law, **changed)  # type: ignore[type-var]
