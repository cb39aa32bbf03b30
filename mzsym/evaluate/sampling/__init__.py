"""Noisy passes at speed, at any width: one fused kernel per layer around one matrix product."""

from mzsym.evaluate.sampling.sampler import Sampler

__all__ = ["Sampler"]
