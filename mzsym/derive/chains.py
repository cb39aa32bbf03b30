"""A stretch of layers in canonical symbols, so that equal structures at different depths share all symbolic work.

A chain is layers n..m-1 renumbered to 0..m-n-1, parameters renamed by position. Terms are built once per chain and
renamed back, which turns the work for a deep network of equal layers into renaming.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import sympy as sp

from mzsym.calculus.laws import Law
from mzsym.core.names import lower_symbol, noise_symbol, state_symbol, upper_symbol

if TYPE_CHECKING:
    from mzsym.model import Network

_LAYERED = re.compile(r"^(x|xi|W|b|h|s|omega|tau|lo|hi)\[(\d+)(.*)$")
LawT = TypeVar("LawT", bound=Law)
Renaming = dict[sp.Symbol, sp.Symbol]
Gain: TypeAlias = tuple[sp.Expr, ...] | sp.ImmutableMatrix | None
Weights: TypeAlias = tuple[tuple[sp.Symbol, Law], ...]


@dataclass(frozen=True)
class Chain:
    """Layers 0..length-1 in canonical symbols.

    Attributes
    ----------
    maps : tuple of tuple of Expr
        F_k in ``state_symbol(k, i)``.
    laws : tuple of tuple of Law
        Noise of each column of layer k.
    dims : tuple of int
        N_0..N_length.
    gains : tuple of (None, tuple of Expr, or matrix)
        G_k in ``state_symbol(k, i)``; None where the noise is simply added.
    weights : tuple of tuple of (Symbol, Law)
        Random symbols in the maps of layer k.
    """

    maps: tuple[tuple[sp.Expr, ...], ...]
    laws: tuple[tuple[Law, ...], ...]
    dims: tuple[int, ...]
    gains: tuple[Gain, ...]
    weights: tuple[Weights, ...]

    @property
    def length(self) -> int:
        return len(self.maps)

    def noise_rows(self, k: int) -> tuple[sp.Expr, ...]:
        """G_k xi_k, one expression per component, noise components that are 0 left out."""
        xi = [sp.S.Zero if law.deterministic else noise_symbol(k, j) for j, law in enumerate(self.laws[k])]
        gain = self.gains[k]
        if gain is None:
            return tuple(xi)
        if isinstance(gain, tuple):
            return tuple(factor * symbol for factor, symbol in zip(gain, xi, strict=True))
        return tuple(sp.Add(*(gain[i, j] * xi[j] for j in range(gain.cols))) for i in range(gain.rows))

    def tail(self) -> tuple[Chain, Renaming]:
        """The chain without its first layer, canonical again, and the renaming back into this one."""
        rest = Chain(self.maps[1:], self.laws[1:], self.dims[1:], self.gains[1:], self.weights[1:])
        return canonical(rest, 1)


def chain_of(network: Network, n: int, m: int) -> tuple[Chain, Renaming]:
    """Layers n..m-1 of a network as a canonical chain, and the renaming back to the network's symbols."""
    maps = tuple(tuple(network.map_exprs(k)) for k in range(n, m))
    laws = tuple(tuple(network.laws(k)) for k in range(n, m))
    gains = tuple(network.gain_exprs(k) for k in range(n, m))
    weights = tuple(network.random_weights(k) for k in range(n, m))
    return canonical(Chain(maps, laws, tuple(network.dims[n : m + 1]), gains, weights), n)


def canonical(chain: Chain, first: int) -> tuple[Chain, Renaming]:
    """Renumber layers first, first+1, ... to 0, 1, ... and name the remaining symbols by position."""
    forward = _positions(chain, first)
    free = 0
    for k in range(chain.length):
        for symbol in sorted(_symbols(chain, k) - forward.keys(), key=lambda s: s.name):
            layered = _LAYERED.match(symbol.name)
            if layered is not None and int(layered.group(2)) == first + k:
                forward[symbol] = sp.Symbol(f"{layered.group(1)}[{k}{layered.group(3)}", **symbol.assumptions0)
            else:
                # A parameter of the user's: by position, so that w_3 of one layer and w_7 of another coincide.
                forward[symbol] = sp.Symbol(f"p[{free}]", **symbol.assumptions0)
                free += 1
    renamed = Chain(
        tuple(tuple(expr.xreplace(forward) for expr in row) for row in chain.maps),
        tuple(tuple(rename_law(law, forward) for law in row) for row in chain.laws),
        chain.dims,
        tuple(_rename_gain(gain, forward) for gain in chain.gains),
        tuple(tuple((forward[s], rename_law(law, forward)) for s, law in row) for row in chain.weights),
    )
    return renamed, {new: old for old, new in forward.items()}


def _positions(chain: Chain, first: int) -> Renaming:
    """States, box ends and noise by their layer."""
    forward: Renaming = {}
    for k, dim in enumerate(chain.dims):
        for i in range(dim):
            for name in (state_symbol, lower_symbol, upper_symbol):
                forward[name(first + k, i)] = name(k, i)
    for k, row in enumerate(chain.laws):
        for j in range(len(row)):
            forward[noise_symbol(first + k, j)] = noise_symbol(k, j)
    return forward


def _symbols(chain: Chain, k: int) -> set[sp.Symbol]:
    """Every symbol of layer k, random weights included."""
    exprs = (*chain.maps[k], *(chain.gains[k] or ()))
    laws = (*chain.laws[k], *(law for _, law in chain.weights[k]))
    found: set[sp.Symbol] = {symbol for symbol, _ in chain.weights[k]}
    return found.union(*(expr.free_symbols for expr in exprs), *(law_symbols(law) for law in laws))


def _rename_gain(gain: Gain, names: Renaming) -> Gain:
    if gain is None or isinstance(gain, sp.ImmutableMatrix):
        return None if gain is None else gain.xreplace(names)
    return tuple(factor.xreplace(names) for factor in gain)


def law_symbols(law: Law) -> set[sp.Symbol]:
    """Free symbols of a law's parameters."""
    values = [getattr(law, f.name) for f in fields(law)]  # type: ignore[arg-type]
    return set().union(*(value.free_symbols for value in values if isinstance(value, sp.Basic)))


def rename_law(law: LawT, names: Renaming) -> LawT:
    """A law with its symbols renamed."""
    values = {f.name: getattr(law, f.name) for f in fields(law)}  # type: ignore[arg-type]
    changed = {key: value.xreplace(names) for key, value in values.items() if isinstance(value, sp.Basic)}
    return replace(law, **changed)  # type: ignore[type-var]
