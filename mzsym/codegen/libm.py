"""The C library's functions, total as IEEE has them: infinities and NaN instead of Python's exceptions.

The leaves import these names; the numba emitter binds the same names to the C library itself, so that a leaf is
written once and gives the same bits in the interpreter and in a kernel.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

_inf, _nan = math.inf, math.nan


def _total(function: Callable[[float], float], above: float, below: float) -> Callable[[float], float]:
    """``function`` with the value that C gives on overflow and NaN outside its domain."""

    def evaluate(x: float) -> float:
        try:
            return function(x)
        except OverflowError:
            return above if x > 0 else below
        except ValueError:
            return _nan

    return evaluate


def _pole(function: Callable[[float], float], poles: dict[float, float]) -> Callable[[float], float]:
    inner = _total(function, _inf, _nan)

    def evaluate(x: float) -> float:
        return poles[x] if x in poles else inner(x)

    return evaluate


exp = _total(math.exp, _inf, 0.0)
expm1 = _total(math.expm1, _inf, -1.0)
sinh = _total(math.sinh, _inf, -_inf)
cosh = _total(math.cosh, _inf, _inf)
log = _pole(math.log, {0.0: -_inf})
log1p = _pole(math.log1p, {-1.0: -_inf})
atanh = _pole(math.atanh, {1.0: _inf, -1.0: -_inf})
sqrt = _total(math.sqrt, _nan, _nan)
sin = _total(math.sin, _nan, _nan)
cos = _total(math.cos, _nan, _nan)
tan = _total(math.tan, _nan, _nan)
asin = _total(math.asin, _nan, _nan)
acos = _total(math.acos, _nan, _nan)
acosh = _total(math.acosh, _nan, _nan)
tanh = math.tanh
atan = math.atan
asinh = math.asinh
erf = math.erf
erfc = math.erfc
fabs = math.fabs
copysign = math.copysign
atan2 = math.atan2


def floor(x: float) -> float:
    """Largest integer below, as a float."""
    return float(math.floor(x)) if math.isfinite(x) else x


def ceil(x: float) -> float:
    """Smallest integer above, as a float."""
    return float(math.ceil(x)) if math.isfinite(x) else x


def power(x: float, y: float) -> float:
    """x**y as C's pow gives it."""
    try:
        return math.pow(x, y)
    except OverflowError:
        return -_inf if x < 0 and y % 2 == 1 else _inf
    except ValueError:
        return _inf if x == 0 else _nan


def divide(x: float, y: float) -> float:
    """x/y with IEEE's answers for y = 0."""
    if y == 0:
        if x == 0 or x != x:
            return _nan
        return math.copysign(_inf, x) * math.copysign(1.0, y)
    return x / y


def to_bits(x: float) -> int:
    """The bits of a float64 as a signed integer."""
    return int(struct.unpack("<q", struct.pack("<d", x))[0])


def from_bits(n: int) -> float:
    """The float64 of given bits; of a larger integer the last 64, as machine integers wrap."""
    return float(struct.unpack("<d", struct.pack("<Q", n & 0xFFFFFFFFFFFFFFFF))[0])
