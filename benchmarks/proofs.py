"""Proved numbers: what a layer, a chain and a shallow network take, beside mpmath's intervals doing the first job.

The first job is an enclosure of ||Q_0 M_0|| of one layer tanh(w x) with uniform noise. The program beside it is what
one writes with mpmath's interval arithmetic and MATH (24) in its plain form: Galerkin entries by Gauss's rule with the
error of an analytic integrand, the largest singular value, and what Hilbert-Schmidt norms leave for the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
from mpmath import iv

import mzsym as mz
from benchmarks.timing import interleaved, seconds
from mzsym.certify.gaussian.proof import gaussian_enclosure
from mzsym.certify.plane.proof import plane_enclosure
from mzsym.certify.sharp.proof import WIDTH, sharp_enclosure

NODES, FUNCTIONS, BITS = 96, 40, 220
"""Of the program beside; its interval recurrences lose a bit and a half with every degree."""

RADIUS, ARCS = 1.3, 64


def legendre(x: Any, count: int) -> list[Any]:
    """P_0..P_(count-1)."""
    values = [iv.mpf(1), x]
    for k in range(1, count - 1):
        values.append(((2 * k + 1) * x * values[k] - k * values[k - 1]) / (k + 1))
    return values


def by_mpmath(w: float, s: float, degree: int) -> tuple[float, float]:
    """Bounds of ||Q M|| on [-1 - s, 1 + s] in Lebesgue's measure, P on polynomials of a degree."""
    iv.prec = mpmath.mp.prec = BITS
    w, s = iv.mpf(w), iv.mpf(s)
    a, k = 1 + s, FUNCTIONS
    B = [[iv.mpf(0)] * k for _ in range(k)]
    for node, weight in gauss_rule():
        x = a * node
        ahead, behind = (legendre((tanh(w * x) + side * s) / a, k + 1) for side in (1, -1))
        phi = [value * iv.sqrt((2 * i + 1) / (2 * a)) for i, value in enumerate(legendre(node, k))]
        # Antiderivatives are differences of neighbours; M phi_0 is constant.
        averaged = [1 / iv.sqrt(2 * a)]
        for j in range(1, k):
            rise = (ahead[j + 1] - ahead[j - 1]) - (behind[j + 1] - behind[j - 1])
            averaged.append(iv.sqrt(a / (2 * (2 * j + 1))) * rise / (2 * s))
        for i in range(k):
            for j in range(k):
                B[i][j] += phi[i] * averaged[j] * weight * a
    middle = np.array([[float(entry.mid) for entry in row] for row in B])
    radius = quadrature_error(w, s, a, k) + max(float(entry.delta.b) for row in B for entry in row) + 1e-15
    # ||M||_HS^2 = vol(Omega) ||rho||^2 = 2 a / (2 s); what the first functions do not hold is left for the rest.
    rest = float((a / s).b) - float((np.maximum(np.abs(middle) - radius, 0.0) ** 2).sum())
    found = float(np.linalg.norm(middle[degree + 1 :], 2))
    return found - k * radius, float(np.sqrt((found + k * radius) ** 2 + max(rest, 0.0)))


def quadrature_error(w: Any, s: Any, a: Any, k: int) -> float:
    """Of Gauss's rule for the worst entry: (64/15) a M rho^(-2 N) / (1 - rho^-2), M on the ellipse of radius rho."""
    rho, worst = iv.mpf(RADIUS), iv.mpf(1)
    for arc in range(ARCS):
        angle = iv.mpf([arc, arc + 1]) * iv.pi / ARCS
        grow, shrink = (rho + 1 / rho) / 2, (rho - 1 / rho) / 2
        z = iv.mpc(grow * iv.cos(angle), shrink * iv.sin(angle))
        image = tanh(w * a * z)
        for side in (1, -1):
            y = (image + side * s) / a
            sum_of_distances = modulus(y - 1) + modulus(y + 1)
            worst = iv.mpf(max(float(worst.b), float(sum_of_distances.b) / 2))
    beta = worst + iv.sqrt(worst * worst - 1)
    # |P_i| <= rho^i, |Phi_j| <= sqrt(a/2) 2 beta^(j+1)/sqrt(2 j + 1), and M phi_j is a difference of two over 2 s.
    largest = iv.sqrt((2 * k - 1) / (2 * a)) * rho ** (k - 1) * iv.sqrt(a / 2) * 2 * beta**k / s
    return float((iv.mpf(64) / 15 * a * largest * rho ** (-2 * NODES) / (1 - rho**-2)).b)


def modulus(z: Any) -> Any:
    return iv.sqrt(z.real**2 + z.imag**2)


def tanh(z: Any) -> Any:
    grown = iv.exp(2 * z)
    return (grown - 1) / (grown + 1)


def gauss_rule() -> list[tuple[Any, Any]]:
    """Nodes and weights by Newton's method, with intervals that hold them."""
    found = []
    for start in np.polynomial.legendre.leggauss(NODES)[0]:
        x = mpmath.mpf(float(start))
        for _ in range(5):
            x -= mpmath.legendre(NODES, x) / slope(x)
        slack = mpmath.mpf(2) ** (20 - BITS)
        weight = 2 / ((1 - x * x) * slope(x) ** 2)
        found.append((iv.mpf([x - slack, x + slack]), iv.mpf([weight * (1 - slack), weight * (1 + slack)])))
    return found


def slope(x: Any) -> Any:
    """P_NODES'(x)."""
    return NODES * (x * mpmath.legendre(NODES, x) - mpmath.legendre(NODES - 1, x)) / (x * x - 1)


def own_norm(w: float, s: float, degree: int) -> tuple[float, float]:
    box = mz.Box([(-1 - s, 1 + s)])
    net = mz.Network([mz.dense([[w]], activation="tanh", noise=mz.Uniform(s))], domains=[box, box])
    found = sharp_enclosure(net, mz.Legendre(degree, "lebesgue"), 0)
    return found.lower, found.upper


def chain(depth: int, dim: int, activation: str) -> mz.Network:
    """Random layers with uniform noise 1/2."""
    rng = np.random.default_rng(depth + dim)
    layers = [
        mz.dense(
            rng.normal(size=(dim, dim)) * 0.7, rng.normal(size=dim) * 0.2, activation=activation, noise=mz.Uniform(0.5)
        )
        for _ in range(depth)
    ]
    return mz.Network(layers, domain=mz.Box([(-1, 1)] * dim), observable=mz.state(dim)[0])


def timed(job: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    found = job()
    return time.perf_counter() - start, found


def main() -> None:
    print("one layer tanh(w x), uniform noise s: bounds of ||Q M|| (Lebesgue)")
    for w, s, degree in ((1.0, 0.5, 0), (1.0, 0.5, 1), (0.5, 0.8, 0)):
        best = interleaved({"own": lambda w=w, s=s, d=degree: own_norm(w, s, d)}, rounds=3)["own"]
        low, high = own_norm(w, s, degree)
        taken, (lowest, highest) = timed(lambda w=w, s=s, d=degree: by_mpmath(w, s, d))
        print(
            f"  w = {w:g}, s = {s:g}, d = {degree}:  [{low:.9f}, {high:.9f}] {seconds(best)};   "
            f"mpmath [{lowest:.9f}, {highest:.9f}] {seconds(taken)}, {taken / best:.0f} x"
        )
    print("one layer tanh(W x) of dimension two, constants out: bounds of ||Q M||")
    turn, strong = [[1.0, 0.5], [-0.5, 1.0]], [[1.75, 0.18], [-1.44, -1.78]]
    for name, W, noise, width in (
        ("uniform 0.5", turn, mz.Uniform(0.5), 1e-3),
        ("strong, uniform 0.46", strong, mz.Uniform(0.46), 1e-2),
        ("truncated Gaussian 0.3", turn, mz.TruncatedGaussian(0.3), WIDTH),
    ):
        net = mz.Network([mz.dense(W, activation="tanh", noise=noise)], domain=mz.Box([(-1, 1)] * 2))
        taken, found = timed(lambda net=net, width=width: plane_enclosure(net, mz.Legendre(0), 0, width))
        print(f"  {name}:  [{found.lower:.5f}, {found.upper:.5f}] {seconds(taken)}")
    print("one layer tanh(x + 0.1) in the standard Gaussian measure, Hermite(2): bounds of ||Q M||")
    for scale in (1.0, 0.5, 0.25):
        net = mz.Network([mz.dense([[1.0]], [0.1], activation="tanh", noise=mz.Gaussian(scale))])
        taken, found = timed(lambda net=net: gaussian_enclosure(net, 2, 0, WIDTH))
        print(f"  normal {scale:g}:  [{found.lower:.8f}, {found.upper:.8f}] {seconds(taken)}")
    print("chains, Legendre(2): every entry of every table, and the error of a shallow network of depth 2")
    for depth, dim, activation in ((8, 1, "tanh"), (3, 1, "relu"), (8, 1, "relu"), (3, 2, "tanh"), (2, 3, "tanh")):
        net = chain(depth, dim, activation)
        taken, tables = timed(lambda net=net: mz.enclose(net, mz.Legendre(2)))
        longer, r = timed(lambda net=net: mz.reduce(net, mz.Legendre(2), depth=min(2, net.depth - 1)))
        print(
            f"  {depth} {activation} layers, dimension {dim}: entries within {tables.width:.0e} in {seconds(taken)};   "
            f"error at most {r.error_bound:.4g} ({r.standing}) in {seconds(longer)}"
        )


if __name__ == "__main__":
    main()
