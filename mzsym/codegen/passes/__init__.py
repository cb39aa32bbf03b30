"""Passes from program to program, a file each; the order is the order in which ``freeze`` runs them.

Common subexpressions need no pass of their own: every pass builds its result through ``Graph``, which numbers equal
nodes equally and drops what no output needs.
"""

from __future__ import annotations

from mzsym.codegen.passes.fold import fold
from mzsym.codegen.passes.horner import horner
from mzsym.codegen.passes.invariants import invariants
from mzsym.codegen.passes.powers import powers
from mzsym.codegen.passes.reciprocals import reciprocals
from mzsym.codegen.passes.stable import stable

PASSES = (stable, horner, fold, powers, reciprocals, invariants)
"""Stable forms first, while sums and products are whole; then fewer operations; then what need not be repeated."""

__all__ = ["PASSES", "fold", "horner", "invariants", "powers", "reciprocals", "stable"]
