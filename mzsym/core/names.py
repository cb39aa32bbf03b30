"""The symbols that stand for a layer's quantities, and how they print.

Numeric weights never enter SymPy trees: an expression of layer n carries these symbols, and values are bound when
it is lowered. Equal calls return equal symbols, so every package can name a quantity without asking the network.
"""

from __future__ import annotations

import re

import sympy as sp


def state_symbol(n: int, i: int) -> sp.Symbol:
    """Component i of the state X_n."""
    return sp.Symbol(f"x[{n},{i}]", real=True)


def noise_symbol(n: int, i: int) -> sp.Symbol:
    """Component i of the noise xi_n added by layer n."""
    return sp.Symbol(f"xi[{n},{i}]", real=True)


NOISE_VARIABLE = sp.Symbol("xi[]", real=True)
"""The variable in which a stated noise density is written, and the bound one of its moments."""


def weight_symbol(n: int, i: int, j: int) -> sp.Symbol:
    """Entry (i, j) of the weight matrix of dense layer n (row i: output)."""
    return sp.Symbol(f"W[{n};{i},{j}]", real=True)


def bias_symbol(n: int, i: int) -> sp.Symbol:
    """Entry i of the bias of dense layer n."""
    return sp.Symbol(f"b[{n};{i}]", real=True)


def step_symbol(n: int) -> sp.Symbol:
    """Step h of residual layer n."""
    return sp.Symbol(f"h[{n}]", real=True)


def slope_symbol(n: int) -> sp.Symbol:
    """Slope a of the activation leaky_relu of dense layer n."""
    return sp.Symbol(f"a[{n}]", real=True)


def scale_symbol(n: int, i: int | None = None) -> sp.Symbol:
    """Scale of the noise of layer n (``i`` only where every component has its own)."""
    return sp.Symbol(f"s[{n}]" if i is None else f"s[{n};{i}]", positive=True)


def random_symbol(n: int, i: int, j: int | None = None) -> sp.Symbol:
    """Random part of row i of the weights of dense layer n: of entry (i, j), or, without j, of the whole row."""
    return sp.Symbol(f"omega[{n};{i}]" if j is None else f"omega[{n};{i},{j}]", real=True)


def weight_scale_symbol(n: int, k: int | None = None) -> sp.Symbol:
    """Scale of the random weights of layer n (``k``: of its k-th random parameter, by name)."""
    return sp.Symbol(f"tau[{n}]" if k is None else f"tau[{n};{k}]", positive=True)


def lower_symbol(n: int, i: int) -> sp.Symbol:
    """Lower end of the domain box of X_n along coordinate i."""
    return sp.Symbol(f"lo[{n},{i}]", real=True)


def upper_symbol(n: int, i: int) -> sp.Symbol:
    """Upper end of the domain box of X_n along coordinate i."""
    return sp.Symbol(f"hi[{n},{i}]", real=True)


def local_symbol(n: int, symbol: sp.Symbol) -> sp.Symbol:
    """The layer-n copy of a user's parameter symbol: ``w`` becomes ``w_n``."""
    return sp.Symbol(f"{symbol.name}_{n}", **symbol.assumptions0)


_PATTERN = re.compile(r"^(x|xi|W|b|h|a|s|omega|tau|lo|hi)\[(\d+)(?:[,;](\d+)(?:,(\d+))?)?\]$")

_HEADS = {
    "xi": r"\xi", "s": r"\sigma", "omega": r"\omega", "tau": r"\tau", "lo": r"\underline{x}", "hi": r"\overline{x}",
}  # fmt: skip


def latex_name(symbol: sp.Symbol) -> str | None:
    """LaTeX of one of the symbols above, or None for a user's own symbol (SymPy prints those well)."""
    if symbol == NOISE_VARIABLE:
        return r"\xi"
    match = _PATTERN.match(symbol.name)
    if match is None:
        return None
    kind, n, i, j = match.groups()
    head = _HEADS.get(kind, kind)
    if j is not None and kind in ("W", "omega"):
        return rf"{head}^{{({n})}}_{{{i}{j}}}" if int(i) < 10 and int(j) < 10 else rf"{head}^{{({n})}}_{{{i},{j}}}"
    return rf"{head}^{{({n})}}" + (f"_{{{i}}}" if i is not None else "")


def latex_names(expr: sp.Basic) -> dict[sp.Symbol, str]:
    """``symbol_names`` for ``sympy.latex`` covering every mzsym symbol in an expression."""
    names = ((symbol, latex_name(symbol)) for symbol in expr.atoms(sp.Symbol))
    return {symbol: name for symbol, name in names if name is not None}
