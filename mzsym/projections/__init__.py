"""Projections: what is resolved on every layer. One file per family, one base class that states the laws."""

from mzsym.projections.abstract import AbstractProjection
from mzsym.projections.legendre import Legendre
from mzsym.projections.mean import Mean

__all__ = ["AbstractProjection", "Legendre", "Mean"]
