"""Scalar functions in float32 that vectorise; kernels take the text of this file, so that one change reaches them all.

Random numbers are functions of a counter and two keys: no state, so results do not depend on threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from mzsym.evaluate.sampling.bits import scrambled, u32

f32 = np.float32


@intrinsic  # type: ignore[untyped-decorator]
def _bits(context: Any, x: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.int32(types.float32), generate


@intrinsic  # type: ignore[untyped-decorator]
def _float(context: Any, n: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate


@njit(forceinline=True)  # type: ignore[untyped-decorator]
def uniform(counter: Any, first: Any, second: Any) -> Any:
    """Uniform on (-1, 1), on 2**24 points around 0, none of them an end."""
    n = np.int32(scrambled(scrambled(counter, first), second) >> u32(8))
    return f32(n) * f32(2.0**-23) - f32(1.0 - 2.0**-24)


@njit(forceinline=True)  # type: ignore[untyped-decorator]
def logarithm(x: Any) -> Any:
    """log(x) of a normal number."""
    n = _bits(x)
    e = np.int32((n - np.int32(0x3F3504F3)) >> np.int32(23))
    m = _float(np.int32(n - np.int32(e << np.int32(23))))
    f = m - f32(1.0)
    s = f / (f32(2.0) + f)
    q = s * s
    series = f32(2.0) + q * (f32(2.0 / 3.0) + q * (f32(2.0 / 5.0) + q * (f32(2.0 / 7.0) + q * f32(2.0 / 9.0))))
    return s * series + f32(e) * f32(0.6931471805599453)


@njit(forceinline=True)  # type: ignore[untyped-decorator]
def _exponential(x: Any) -> Any:
    """(2**n, expm1(r)) with exp(x) = 2**n exp(r), |x| < 87."""
    t = x * f32(1.4426950408889634) + f32(12582912.0)
    n = t - f32(12582912.0)
    r = (x - n * f32(0.693359375)) + n * f32(2.12194440e-4)
    high = f32(1.0 / 24.0) + r * (f32(1.0 / 120.0) + r * f32(1.0 / 720.0))
    p = f32(1.0) + r * (f32(0.5) + r * (f32(1.0 / 6.0) + r * high))
    scale = _float(np.int32((np.int32(n) + np.int32(127)) << np.int32(23)))
    return scale, r * p


@njit(forceinline=True)  # type: ignore[untyped-decorator]
def tanh(x: Any) -> Any:
    a = min(abs(x), f32(9.5))
    scale, minus = _exponential(f32(2.0) * a)
    e = scale * minus + (scale - f32(1.0))
    t = e / (e + f32(2.0))
    return t if x >= f32(0.0) else -t


@njit(forceinline=True)  # type: ignore[untyped-decorator]
def sigmoid(x: Any) -> Any:
    return f32(0.5) + f32(0.5) * tanh(f32(0.5) * x)


@njit(forceinline=True)  # type: ignore[untyped-decorator]
def softplus(x: Any) -> Any:
    scale, minus = _exponential(max(-abs(x), f32(-80.0)))
    return max(x, f32(0.0)) + logarithm(f32(1.0) + scale * (f32(1.0) + minus))


@njit(forceinline=True)  # type: ignore[untyped-decorator]
def silu(x: Any) -> Any:
    return x * sigmoid(x)


@njit(forceinline=True)  # type: ignore[untyped-decorator]
def relu(x: Any) -> Any:
    return max(x, f32(0.0))


@njit(forceinline=True)  # type: ignore[untyped-decorator]
def hardtanh(x: Any) -> Any:
    return min(max(x, f32(-1.0)), f32(1.0))


@njit(forceinline=True)  # type: ignore[untyped-decorator]
def identity(x: Any) -> Any:
    return x


@njit(forceinline=True)  # type: ignore[untyped-decorator]
def normal(t: Any) -> Any:
    """The normal quantile at (1 + t)/2: t times polynomials in -log(1 - t**2), fitted at Chebyshev points."""
    w = -logarithm((f32(1.0) - t) * (f32(1.0) + t))
    c = w * f32(0.4) - f32(1.0)
    near = f32(0.0)
    for k in range(9):
        near = near * c + f32(CENTRAL32[k])
    s = (np.sqrt(max(w, f32(5.0))) - f32(3.179586801558725)) * f32(1.0598622671862417)
    far = f32(0.0)
    for k in range(8):
        far = far * s + f32(TAIL32[k])
    return t * (near if w < f32(5.0) else far)


@njit(forceinline=True)  # type: ignore[untyped-decorator]
def laplace(t: Any) -> Any:
    size = -logarithm(f32(1.0) - abs(t))
    return size if t >= f32(0.0) else -size


CENTRAL32 = (
    5.024895799918665e-05,
    0.0002956563103164994,
    -0.0011957825343393309,
    -0.000605409301498163,
    0.01206207687737739,
    -0.02770419201731736,
    -0.036923257828811305,
    0.872006763308815,
    2.1233134793495685,
)
TAIL32 = (
    -0.00012951893078886194,
    0.0009689082968165131,
    -0.0024034953570364254,
    0.0036609951586960045,
    -0.0053548281150892565,
    0.00783519635887392,
    1.340262556160982,
    4.261210300036971,
)
