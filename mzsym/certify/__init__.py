"""Rigorous bounds of the orthogonal dynamics, and estimates that are never mixed with them."""

from mzsym.certify.bounds import Interior, LayerBound
from mzsym.certify.certificate import Certificate
from mzsym.certify.certify import certify
from mzsym.certify.search.minimal_noise import minimal_noise
from mzsym.certify.search.minimal_projection import MinimalProjection, minimal_projection
from mzsym.certify.search.noise_level import NoiseLevel
from mzsym.certify.steps import Estimate

__all__ = [
    "Certificate",
    "Estimate",
    "Interior",
    "LayerBound",
    "MinimalProjection",
    "NoiseLevel",
    "certify",
    "minimal_noise",
    "minimal_projection",
]
