"""mzsym: exact Mori-Zwanzig equations of neural networks.

The pipeline, each stage a function from one frozen value to the next::

    Network --derive--> Equation --compile--> Evaluator
       |                                         |
       +----------------certify----------> Certificate --report--> HTML, LaTeX
       |                                         |
       +----------------reduce-----------> Reduction, a shallow Network

``load`` and ``save`` read and write model files. Names are imported on first use, so ``import mzsym`` stays light.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mzsym.core.version import VERSION

if TYPE_CHECKING:
    from mzsym.certify import certify as certify
    from mzsym.certify.enclosed.chain import enclose as enclose
    from mzsym.certify.families.family import certify_family as certify_family
    from mzsym.certify.search.minimal_noise import minimal_noise as minimal_noise
    from mzsym.certify.search.minimal_projection import minimal_projection as minimal_projection
    from mzsym.certify.search.region import proved_region as proved_region
    from mzsym.core import MzError as MzError
    from mzsym.core import Options as Options
    from mzsym.core import Standing as Standing
    from mzsym.core import Verdict as Verdict
    from mzsym.derive import derive as derive
    from mzsym.evaluate import compile as compile
    from mzsym.evaluate import explain as explain
    from mzsym.evaluate.accuracy import accuracy as accuracy
    from mzsym.evaluate.derivatives import derivatives as derivatives
    from mzsym.evaluate.sampling import Sampler as Sampler
    from mzsym.export import export as export
    from mzsym.model import Box as Box
    from mzsym.model import Deterministic as Deterministic
    from mzsym.model import Gaussian as Gaussian
    from mzsym.model import Laplace as Laplace
    from mzsym.model import Layer as Layer
    from mzsym.model import Network as Network
    from mzsym.model import Noise as Noise
    from mzsym.model import TruncatedGaussian as TruncatedGaussian
    from mzsym.model import Uniform as Uniform
    from mzsym.model import dense as dense
    from mzsym.model import residual as residual
    from mzsym.model import state as state
    from mzsym.projections import Basis as Basis
    from mzsym.projections import Conditional as Conditional
    from mzsym.projections import Hermite as Hermite
    from mzsym.projections import Kernel as Kernel
    from mzsym.projections import Legendre as Legendre
    from mzsym.projections import Mean as Mean
    from mzsym.projections.study import load as load
    from mzsym.projections.study import save as save
    from mzsym.reduce import reduce as reduce
    from mzsym.reduce.advise import advise as advise
    from mzsym.report import report as report

__version__ = VERSION

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
    "Laplace": "mzsym.model",
    "TruncatedGaussian": "mzsym.model",
    "Noise": "mzsym.model",
    "Deterministic": "mzsym.model",
    "load": "mzsym.projections.study",
    "save": "mzsym.projections.study",
    "Basis": "mzsym.projections",
    "Conditional": "mzsym.projections",
    "Hermite": "mzsym.projections",
    "Kernel": "mzsym.projections",
    "Legendre": "mzsym.projections",
    "Mean": "mzsym.projections",
    "derive": "mzsym.derive",
    "compile": "mzsym.evaluate",
    "derivatives": "mzsym.evaluate.derivatives",
    "Sampler": "mzsym.evaluate.sampling",
    "explain": "mzsym.evaluate",
    "accuracy": "mzsym.evaluate.accuracy",
    "certify": "mzsym.certify",
    "minimal_noise": "mzsym.certify.search.minimal_noise",
    "minimal_projection": "mzsym.certify.search.minimal_projection",
    "proved_region": "mzsym.certify.search.region",
    "enclose": "mzsym.certify.enclosed.chain",
    "certify_family": "mzsym.certify.families.family",
    "reduce": "mzsym.reduce",
    "advise": "mzsym.reduce.advise",
    "report": "mzsym.report",
    "export": "mzsym.export",
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
