"""What the user states: layers, noise laws, boxes, networks; model files."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mzsym.model.box import Box
from mzsym.model.dense import DenseLayer, dense, residual
from mzsym.model.layers import AbstractLayer, Layer
from mzsym.model.network import Network
from mzsym.model.noise import AbstractNoise, Deterministic, Gaussian, TruncatedGaussian, Uniform
from mzsym.model.values import Number, state

__all__ = [
    "AbstractLayer",
    "AbstractNoise",
    "Box",
    "DenseLayer",
    "Deterministic",
    "Gaussian",
    "Layer",
    "Network",
    "Number",
    "TruncatedGaussian",
    "Uniform",
    "dense",
    "load",
    "residual",
    "save",
    "state",
]


def __getattr__(name: str) -> Any:
    # Model files stand above the model: they need it whole, and a network needs no files.
    if name in ("load", "save"):
        return getattr(import_module("mzsym.model.files"), name)
    raise AttributeError(f"module 'mzsym.model' has no attribute {name!r}")
