"""From deep to shallow: networks of the first layers with a read-out from each, and memory of finite length."""

from mzsym.reduce.advice import Advice
from mzsym.reduce.advise import advise
from mzsym.reduce.depths import DepthBound
from mzsym.reduce.reduce import reduce
from mzsym.reduce.reduction import Reduction
from mzsym.reduce.truncation import Truncation, truncate

__all__ = ["Advice", "DepthBound", "Reduction", "Truncation", "advise", "reduce", "truncate"]
