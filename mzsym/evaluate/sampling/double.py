"""The random numbers of a sampler in float64; activations are the leaves of the kernels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from mzsym.evaluate.sampling.bits import scrambled


@njit(forceinline=True)  # type: ignore[untyped-decorator]
def uniform(counter: Any, first: Any, second: Any) -> Any:
    """Uniform on (-1, 1), on 2**52 points around 0, none of them an end."""
    high = scrambled(scrambled(counter, first), second)
    low = scrambled(scrambled(counter, second), first)
    return (float(np.int64(high)) * 2.0**-31 - 1.0) + (float(np.int64(low) >> 12) + 0.5) * 2.0**-51


@njit(forceinline=True)  # type: ignore[untyped-decorator]
def normal(t: Any) -> Any:
    """The normal quantile at (1 + t)/2: t times polynomials in -log(1 - t**2), fitted at Chebyshev points."""
    w = -math.log((1.0 - t) * (1.0 + t))
    c = w * 0.4 - 1.0
    near = 0.0
    for k in range(17):
        near = near * c + CENTRAL64[k]
    s = (np.sqrt(max(w, 5.0)) - TAIL_MIDDLE) * TAIL_SCALE
    far = 0.0
    for k in range(15):
        far = far * s + TAIL64[k]
    return t * (near if w < 5.0 else far)


@njit(forceinline=True)  # type: ignore[untyped-decorator]
def laplace(t: Any) -> Any:
    size = -math.log(1.0 - abs(t))
    return size if t >= 0.0 else -size


CENTRAL64 = (
    -1.59730788331319e-08,
    -4.752358775596438e-08,
    2.909162120401531e-07,
    1.0741039789659722e-07,
    -2.628979571718441e-06,
    4.1080435096215965e-06,
    1.2240505883530616e-05,
    -5.8632492834604144e-05,
    2.8951206675049604e-05,
    0.00041323142666946095,
    -0.001179645729891042,
    -0.0006899943213057151,
    0.012056737630153977,
    -0.027681195387806244,
    -0.036922621125338013,
    0.8720050609950202,
    2.123313467014666,
)
TAIL_MIDDLE, TAIL_SCALE = 4.159415253899004, 0.5199269067373756
TAIL64 = (
    5.7349869506515856e-05,
    0.000601045449128823,
    -0.0015431946094033781,
    -0.0003676983327773455,
    0.003565046294211284,
    -0.0033331074453224353,
    0.001633198028535912,
    -0.001698405746133177,
    0.002345487150013366,
    -0.003019423736676952,
    0.004704051926841548,
    -0.006936983979544403,
    0.0046514983858409395,
    2.7467709612143536,
    5.657902332134515,
)
