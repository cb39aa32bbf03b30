"""Bits of a counter and a key, for every precision; kernels take the text of this file."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

u32 = np.uint32


@njit(forceinline=True)  # type: ignore[untyped-decorator]
def scrambled(x: Any, key: Any) -> Any:
    """A bijection of 32 bits in which every bit of the input moves half of the output."""
    x = u32(x ^ key)
    x = u32(x ^ (x >> u32(16)))
    x = u32(x * u32(0x7FEB352D))
    x = u32(x ^ (x >> u32(15)))
    x = u32(x * u32(0x846CA68B))
    return u32(x ^ (x >> u32(16)))
