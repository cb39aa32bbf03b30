"""mzsym: exact Mori-Zwanzig equations of neural networks.

The pipeline, each stage a function from one frozen value to the next::

    Network --derive--> Equation --compile--> Evaluator
       |                                         |
       +----------------certify----------> Certificate --report--> HTML, LaTeX

``load`` and ``save`` read and write model files. Names are imported on first use, so ``import mzsym`` stays light.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "MzError": "mzsym.core",
    "Options": "mzsym.core",
    "Standing": "mzsym.core",
    "Verdict": "mzsym.core",
    "state": "mzsym.model",
    "Layer": "mzsym.model",
    "dense": "mzsym.model",
    "residual": "mzsym.model",
    "Box": "mzsym.model",
    "Network": "mzsym.model",
    "Uniform": "mzsym.model",
    "Gaussian": "mzsym.model",
    "TruncatedGaussian": "mzsym.model",
    "Deterministic": "mzsym.model",
    "load": "mzsym.projections.study",
    "save": "mzsym.projections.study",
    "Legendre": "mzsym.projections",
    "Mean": "mzsym.projections",
    "derive": "mzsym.derive",
    "compile": "mzsym.evaluate",
    "certify": "mzsym.certify",
    "report": "mzsym.report",
}

__all__ = sorted(_HOME)


class _Package(ModuleType):
    """Keeps ``mzsym.derive`` and ``mzsym.report`` the functions, though packages of these names hold them.

    Importing a subpackage binds it to its name in the parent; for names in the contract the function must win.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'mzsym' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
