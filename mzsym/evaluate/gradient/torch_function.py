"""An objective as a function of torch, with the adjoint pass as its backward step; torch is imported here alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from mzsym.core import MzError

if TYPE_CHECKING:
    from mzsym.evaluate.gradient.objective import Objective


def torch_function(objective: Objective) -> Callable[[Any], Any]:
    """x -> value for a flat tensor x, differentiable by torch. As ``Objective.torch``.

    Raises
    ------
    MzError
        If torch is not installed.
    """
    try:
        import torch
    except ImportError:
        raise MzError("torch is not installed", "objective.torch()", "pip install 'mzsym[torch]'") from None

    class Scalar(torch.autograd.Function):  # type: ignore[misc, unused-ignore]
        """One value, whose gradient the same pass has found."""

        @staticmethod
        def forward(context: Any, x: Any) -> Any:
            value, gradient = objective(x.detach().cpu().numpy().astype(np.float64))
            context.save_for_backward(torch.from_numpy(gradient).to(x))
            return x.new_tensor(value)

        @staticmethod
        def backward(context: Any, *outer: Any) -> Any:
            (gradient,) = context.saved_tensors
            return outer[0] * gradient

    def function(x: Any) -> Any:
        if not isinstance(x, torch.Tensor) or tuple(x.shape) != objective.x0.shape:
            raise MzError(
                f"x is {type(x).__name__} of shape {tuple(getattr(x, 'shape', ()))}",
                "objective.torch()(x)",
                f"Give a tensor of shape {objective.x0.shape}",
            )
        return Scalar.apply(x)

    return function
