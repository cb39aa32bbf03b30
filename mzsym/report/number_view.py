"""Numbers of a report as they are printed, with what they rest on."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mzsym.certify.bounds import decimal_down, decimal_up, digits_apart
from mzsym.core import Standing
from mzsym.evaluate.kept import isometric
from mzsym.evaluate.norms import memory_norms, table, term_error, term_norm

if TYPE_CHECKING:
    from mzsym.certify import Certificate
    from mzsym.evaluate.protocols import HasTables
    from mzsym.report.law_view import OutputLaws

MAX_TRIANGLE = 12
"""Depth up to which the norms of all memory terms are printed."""

_PALE, _DARK = np.array([246.0, 249.0, 252.0]), np.array([23.0, 78.0, 134.0])


def number(value: float, error: float = 0.0) -> str:
    """A computed number to four digits; one that is not above the error of its table is stated as a bound."""
    if value == 0.0:
        return "0"
    return f"{value:.4g}" if value > error else f"< {_one_digit_up(error)}"


def _one_digit_up(value: float) -> str:
    return f"{float(decimal_up(value, 1)):.0e}"


def bound(value: float) -> str:
    """A proved bound to five digits, rounded up."""
    return "none" if math.isinf(value) else decimal_up(value, 5).lower()


@dataclass(frozen=True)
class Cell:
    """One norm in the triangular table: its text and its colours, by order of magnitude."""

    text: str
    background: str
    ink: str


def heat(value: float, low: float, high: float) -> tuple[str, str]:
    """Background and ink for a value between low and high on a logarithmic scale; the contrast is at least 4.5."""
    if value <= 0.0 or high <= low:
        share = 0.0
    else:
        share = (math.log(max(value, low)) - math.log(low)) / (math.log(high) - math.log(low))
    share = min(max(share, 0.0), 1.0)
    colour = _PALE + share * (_DARK - _PALE)
    # In the middle neither ink has enough contrast on a straight mix: leave that band out.
    if 0.45 < share < 0.78:
        colour = _PALE + 0.45 * (_DARK - _PALE)
    red, green, blue = (round(float(part)) for part in colour)
    return f"rgb({red},{green},{blue})", "#ffffff" if share >= 0.78 else "#10202f"


def memory_rows(ev: HasTables) -> list[tuple[int, list[Cell | None]]] | None:
    """Rows n of the triangular table, columns m = 2..L; None where the network is too deep for it."""
    depth = ev.network.depth
    if not 2 <= depth <= MAX_TRIANGLE:
        return None
    norms = memory_norms(ev)
    floor = float(ev.tolerance_reached.get("memory", 0.0))
    positive = [norm for norm in norms.values() if norm > floor]
    high = max(positive, default=1.0)
    low = min(positive, default=high)
    rows: list[tuple[int, list[Cell | None]]] = []
    for n in range(depth - 1):
        row: list[Cell | None] = []
        for m in range(2, depth + 1):
            norm = norms.get((n, m))
            row.append(None if norm is None else Cell(number(norm, floor), *heat(norm, low, high)))
        rows.append((n, row))
    return rows


def lag_rows(ev: HasTables, certificate: Certificate) -> list[tuple[str, ...]]:
    """(lag, largest ||K||, where, ratio to the lag before, largest proved bound) by lag."""
    depth, norms = ev.network.depth, memory_norms(ev)
    rows: list[tuple[str, ...]] = []
    floor = float(ev.tolerance_reached.get("memory", 0.0))
    before = 0.0
    for lag in range(2, depth + 1):
        found = {n: norms[n, n + lag] for n in range(depth - lag + 1)}
        n = max(found, key=lambda key: found[key])
        proved = max(certificate.memory_bound(k, k + lag) for k in found)
        ratio = number(found[n] / before) if min(before, found[n]) > floor else "\u2013"
        rows.append((str(lag), number(found[n], floor), f"K({n},{n + lag})", ratio, bound(proved)))
        before = found[n]
    return rows


def layer_rows(ev: HasTables) -> list[tuple[str, ...]]:
    """(n, d_n, ||A_n||, ||r_n||, ||c_n||), n = 0..L."""
    depth = ev.network.depth
    rows: list[tuple[str, ...]] = []
    for n in range(depth + 1):
        held = isometric(ev.coefficients(n))
        size = len(held)
        coefficients = number(float(np.linalg.norm(held)), term_error(ev, "coefficients", held.shape))
        if n == depth:
            rows.append((str(n), str(size), "\u2013", "\u2013", coefficients))
            continue
        streaming = number(term_norm(ev, "streaming", n), term_error(ev, "streaming", table(ev, "streaming", n).shape))
        unresolved = isometric(ev.noise(n))
        noise = number(float(np.linalg.norm(unresolved)), term_error(ev, "noise", unresolved.shape))
        rows.append((str(n), str(size), streaming, noise, coefficients))
    return rows


@dataclass(frozen=True)
class NormView:
    """One row of the table of one-step norms."""

    n: int
    noise: str
    lower: str
    upper: str
    upper_standing: str
    estimate: str
    error: str
    interior: str
    interior_lower: str
    interior_upper: str
    remark: str
    contracts: bool


def norm_rows(certificate: Certificate) -> list[NormView]:
    """Proved bounds of ||Q_n M_n|| beside the estimated norms."""
    rows = []
    for layer in certificate.layers:
        inner = layer.interior.estimate
        rows.append(
            NormView(
                layer.n,
                layer.noise,
                _lower(layer.lower, layer.upper),
                _upper(layer.lower, layer.upper),
                "" if layer.standing is Standing.ESTIMATED else str(layer.standing),
                "\u2013" if layer.estimate is None else f"{layer.estimate.value:.5g}",
                "" if layer.estimate is None else f"{layer.estimate.error:.0e}",
                "\u2013" if inner is None else f"{inner.value:.5g}",
                _lower(layer.interior.lower, layer.interior.upper),
                _upper(layer.interior.lower, layer.interior.upper),
                layer.reason,
                layer.upper < 1.0,
            )
        )
    return rows


def _lower(low: float, high: float) -> str:
    return "\u2013" if low == 0.0 else decimal_down(low, digits_apart(low, high))


def _upper(low: float, high: float) -> str:
    return bound(high) if low == 0.0 or math.isinf(high) else decimal_up(high, digits_apart(low, high))


@dataclass(frozen=True)
class OtherView:
    """One row of the table of oscillations and distances."""

    layers: str
    oscillation: str
    distance: str
    method: str
    remark: str


def other_rows(certificate: Certificate) -> list[OtherView]:
    """Dobrushin's coefficients and Lipschitz constants, of single layers and of all together."""
    depth = certificate.depth
    asked = [layer for layer in certificate.layers if layer.dobrushin is not None or layer.lipschitz is not None]
    rows = []
    for layer in asked:
        reasons = ("\u03b1", layer.dobrushin_reason), ("\u2113", layer.lipschitz_reason)
        remark = "; ".join(f"{letter}: {reason}" for letter, reason in reasons if reason)
        rows.append(OtherView(str(layer.n), _maybe(layer.dobrushin), _maybe(layer.lipschitz), "one step", remark))
    if asked and depth > 1:
        known = all(layer.dobrushin is not None for layer in asked), all(layer.lipschitz is not None for layer in asked)
        oscillation = certificate.dobrushin_window(0, depth) if known[0] else None
        distance = certificate.lipschitz_window(0, depth) if known[1] else None
        rows.append(OtherView(f"0\u2013{depth - 1}", _maybe(oscillation), _maybe(distance), "all steps", ""))
    return rows


def _maybe(value: float | None) -> str:
    return "\u2013" if value is None else bound(value)


def output_rows(shown: OutputLaws) -> list[tuple[str, ...]]:
    """(observable in LaTeX, mean, sd, interval, error, Monte Carlo mean and standard error, share in the interval)."""
    rows: list[tuple[str, ...]] = []
    for item in shown.laws:
        law, (lo, hi) = item.law, item.interval
        rows.append(
            (
                item.latex,
                _signed("0" if abs(law.mean) <= 10.0 * law.tolerance_reached["mean"] else f"{law.mean:.5g}"),
                f"{law.standard_deviation:.4g}",
                _signed(f"{lo:.4g} to {hi:.4g}"),
                f"{law.tolerance_reached['distribution']:.0e}",
                _signed(with_error(item.sampled_mean, item.sampled_error)),
                f"{100 * item.coverage:.1f} %",
            )
        )
    return rows


def with_error(value: float, error: float) -> str:
    """A value to the second digit of its standard error.

    >>> with_error(-0.496513, 0.01874)
    '-0.497 \u00b1 0.019'
    """
    if not error > 0.0:
        return f"{value:.5g}"
    digits = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{digits}f} \u00b1 {error:.{digits}f}"


def _signed(text: str) -> str:
    """With real minus signs; exponents keep theirs."""
    return re.sub(r"(?<!e)-", "\u2212", text)


def accuracy_rows(ev: HasTables) -> list[tuple[str, str, bool]]:
    """(table, error observed, within the tolerance)."""
    return [(name, f"{value:.1e}", bool(value <= ev.options.tolerance)) for name, value in ev.tolerance_reached.items()]
