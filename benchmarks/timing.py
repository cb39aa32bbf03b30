"""Interleaved timing: variants take turns in one process, so that a drifting machine favours none of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any


def interleaved(variants: Mapping[str, Callable[[], Any]], rounds: int = 5) -> dict[str, float]:
    """Smallest wall time in seconds of each variant over ``rounds`` rounds, after one uncounted round."""
    best = dict.fromkeys(variants, float("inf"))
    for count in range(rounds + 1):
        for name, run in variants.items():
            start = time.perf_counter()
            run()
            elapsed = time.perf_counter() - start
            if count:
                best[name] = min(best[name], elapsed)
    return best


def seconds(value: float) -> str:
    """A duration in the unit that suits it."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if value * factor >= 1 or unit == "us":
            return f"{value * factor:.3g} {unit}"
    raise AssertionError
