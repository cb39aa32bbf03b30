"""Projections: what is resolved on every layer. One file per family, base classes that state the laws."""

from mzsym.projections.abstract import AbstractProjection, FiniteRank
from mzsym.projections.basis import Basis
from mzsym.projections.conditional import Conditional
from mzsym.projections.hermite import Hermite
from mzsym.projections.kernel import Kernel
from mzsym.projections.legendre import Legendre
from mzsym.projections.mean import Mean
from mzsym.projections.polynomials import TotalDegree

__all__ = [
    "AbstractProjection",
    "Basis",
    "Conditional",
    "FiniteRank",
    "Hermite",
    "Kernel",
    "Legendre",
    "Mean",
    "TotalDegree",
]
