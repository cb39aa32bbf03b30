"""What the user states: layers, noise laws, boxes, networks. Model files are read and written by ``model.files``."""

from __future__ import annotations

from mzsym.model.abstract_layer import AbstractLayer
from mzsym.model.box import Box
from mzsym.model.dense import DenseLayer, dense, residual
from mzsym.model.density_noise import Noise
from mzsym.model.layers import Layer
from mzsym.model.network import Network
from mzsym.model.noise import AbstractNoise, Deterministic, Gaussian, Laplace, TruncatedGaussian, Uniform
from mzsym.model.values import Number, state

__all__ = [
    "AbstractLayer",
    "AbstractNoise",
    "Box",
    "DenseLayer",
    "Deterministic",
    "Gaussian",
    "Laplace",
    "Layer",
    "Network",
    "Noise",
    "Number",
    "TruncatedGaussian",
    "Uniform",
    "dense",
    "residual",
    "state",
]
