"""atan, without branches or calls."""

from __future__ import annotations

from mzsym.codegen.libm import copysign, fabs

TAN_PI_8 = 0.41421356237309503
TAN_3PI_8 = 2.414213562373095
PI_4 = 0.7853981633974483
PI_2 = 1.5707963267948966
PI_4_LOW = 3.061616997868383e-17
PI_2_LOW = 6.123233995736766e-17
ATAN = (
    -0.3333333333333333,
    0.1999999999999562,
    -0.14285714284685147,
    0.11111111016596617,
    -0.09090904627152477,
    0.07692184220610987,
    -0.06664524607650835,
    0.058582529297895154,
    -0.05085946136477738,
    0.039244760823634,
    -0.019191569140354657,
)
"""(atan(s)/s - 1)/s^2 in s^2, |s| <= tan(pi/8); the interpolant in 64 Chebyshev nodes, made with 60 digits."""


def vatan(x: float) -> float:
    """atan(x), from atan((u - 1)/(u + 1)) + pi/4 and atan(-1/u) + pi/2 for larger u = |x|."""
    u = fabs(x)
    middle = u > TAN_PI_8
    far = u > TAN_3PI_8
    top = -1.0 if far else (u - 1.0 if middle else u)
    bottom = u if far else (u + 1.0 if middle else 1.0)
    s = top / bottom
    y = s * s
    w = y * y
    v = w * w
    low = (ATAN[0] + y * ATAN[1]) + w * (ATAN[2] + y * ATAN[3])
    high = (ATAN[4] + y * ATAN[5]) + w * (ATAN[6] + y * ATAN[7])
    tail = y * (low + v * (high + v * ((ATAN[8] + y * ATAN[9]) + w * ATAN[10])))
    start = PI_2 if far else (PI_4 if middle else 0.0)
    rest = PI_2_LOW if far else (PI_4_LOW if middle else 0.0)
    value = start + (s + (s * tail + rest))
    return copysign(value, x)
