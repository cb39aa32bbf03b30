"""Derivation: operator words, the Mori-Zwanzig identities with their proofs, and the exact terms of one network."""

from mzsym.derive.equation import Equation, derive
from mzsym.derive.sizes import Cost
from mzsym.derive.terms import Term

__all__ = ["Cost", "Equation", "Term", "derive"]
