"""The sharp norm of Q_n M_n, estimated; MATH (24) without its proof."""

from __future__ import annotations

from mzsym.certify.estimated.adjoint import adjoint_estimate, monotone
from mzsym.certify.estimated.galerkin import galerkin_estimate
from mzsym.certify.estimated.overlap import overlap_estimate
from mzsym.certify.steps import Estimate, Step
from mzsym.evaluate.blas import blas_threads

MAX_TENSOR = 3
"""Largest dimension of a tensor grid."""

ENOUGH = 1e-8
"""Relative change between levels at which refinement stops."""


def sharp_estimate(step: Step, *, tolerance: float = ENOUGH, smallest: int = 0) -> tuple[Estimate, Estimate]:
    """Estimate ||Q_n M_n|| and ||Q_n M_n Q_{n+1}||, with observed errors.

    Parameters
    ----------
    step : Step
        A layer with at most three inputs, and at most three outputs if one of them has no noise.
    tolerance : float
        Relative change between levels below which refinement stops.
    smallest : int
        Largest degree that P resolves; more functions than that are used.

    Returns
    -------
    tuple of Estimate
        Estimated, not proved.
    """
    with blas_threads():
        curve = monotone(step)
        if curve is not None:
            return adjoint_estimate(step, curve, tolerance=tolerance, smallest=smallest)
        if all(noise.law != "deterministic" for noise in step.noise) and step.dimension > 1:
            return overlap_estimate(step, tolerance=tolerance)
        return galerkin_estimate(step, tolerance=tolerance, smallest=smallest)


def affordable(dim: int, dim_next: int, laws: set[str]) -> bool:
    """Whether ``sharp_estimate`` takes such a layer on."""
    return dim <= MAX_TENSOR and (dim_next <= MAX_TENSOR or "deterministic" not in laws)
