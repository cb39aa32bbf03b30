"""Exact noise averages and integrals of SymPy expressions, by rules that are data."""

from mzsym.calculus.average import noise_average
from mzsym.calculus.closed import Closed
from mzsym.calculus.heads import GaussianMean, LaplaceMean, UniformMean
from mzsym.calculus.integrate import box_integral
from mzsym.calculus.laws import (
    DensityLaw,
    DeterministicLaw,
    GaussianLaw,
    LaplaceLaw,
    Law,
    TruncatedGaussianLaw,
    UniformLaw,
)

__all__ = [
    "Closed",
    "DensityLaw",
    "DeterministicLaw",
    "GaussianLaw",
    "GaussianMean",
    "LaplaceLaw",
    "LaplaceMean",
    "Law",
    "TruncatedGaussianLaw",
    "UniformLaw",
    "UniformMean",
    "box_integral",
    "noise_average",
]
