"""The bounds of a reduction as a file that a stranger can check: its certificate and what follows, MATH (29), (30)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import sympy as sp

from mzsym.certify.certificate_json import layers_file, number, sealed, written
from mzsym.certify.sufficient.windows import times_up
from mzsym.model.values import exact_values
from mzsym.reduce.a_priori import half_range, observable_ranges, tail_from
from mzsym.reduce.truncation import proved_truncation

if TYPE_CHECKING:
    from mzsym.model import Network
    from mzsym.reduce.reduction import Reduction

CLAIM = (
    "In L^2 of the measure of X_0, the worst over the observables: a_priori bounds what the network of the first "
    "layers up to a depth leaves out if its read-outs are exact; truncations bound, in L^2 of the measure of X_n, "
    "what memory that is cut off after a length changes in P_n q_n."
)

LONGEST = 16
"""Lengths of memory whose bounds a file holds: 1..LONGEST, below the depth."""


def write(r: Reduction, path: Any = None) -> str:
    """JSON text; also to a file, whole or not at all."""
    net, certificate = r.deep.network, r.certificate
    lengths = range(1, min(net.depth, LONGEST + 1))
    memory = certificate.single_step_bound
    proved = {T: proved_truncation(net, r.projection, certificate, T, memory) for T in lengths}
    content = {
        "certificate": layers_file(certificate),
        "observables": _observables(net),
        "a_priori": [{"depth": H, "bound": number(bound)} for H, bound in enumerate(_a_priori(r), 1)],
        "truncations": [
            {"length": T, "n": n, "bound": number(proved[T][n])} for T in lengths for n in range(net.depth)
        ],
    }
    # What nobody but this program proves, or estimates, is a note.
    notes = {"depth": r.depth, "error_bound": number(r.error_bound), "standing": str(r.standing)}
    return written(sealed("reduction", CLAIM, content, notes), path)


def _a_priori(r: Reduction) -> list[float]:
    """As ``a_priori.proved_bounds``, from the bounds of single layers and the range of u alone: what can be checked."""
    net, certificate, found = r.deep.network, r.certificate, []
    product, half = certificate.layers[0].entrance, half_range(net)
    for depth in range(1, net.depth + 1):
        found.append(times_up(product, tail_from(net, r.projection, certificate, depth, lambda _: half)))
        if depth < net.depth:
            product = times_up(product, certificate.layers[depth].interior.upper)
    return found


def _observables(net: Network) -> list[dict[str, Any]]:
    """Polynomials term by term, and proved ranges on the box of X_L."""
    found = []
    for expr, (lo, hi) in zip(net.observable_exprs, observable_ranges(net), strict=True):
        known = math.isfinite(lo) and math.isfinite(hi)
        found.append(
            {
                "terms": _terms(expr, net) if known else None,
                "range": [number(lo if known else 0.0), number(hi if known else math.inf)],
            }
        )
    return found


def _terms(expr: sp.Expr, net: Network) -> list[dict[str, Any]] | None:
    """Exponents and coefficients; None for what is no polynomial with rational coefficients."""
    try:
        poly = sp.Poly(expr.xreplace(exact_values(net.shared)), *net.state(net.depth))
    except sp.PolynomialError:
        return None
    if not all(coefficient.is_Rational for coefficient in poly.coeffs()):
        return None
    return [
        {"powers": list(powers), "coefficient": f"{coefficient.p}/{coefficient.q}"}
        for powers, coefficient in poly.terms()
    ]
