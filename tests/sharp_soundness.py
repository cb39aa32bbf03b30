"""Random layers on the line against matrices of 30 digits; many of them: ``python -m tests.sharp_soundness``.

The matrix of 4 s^2 QMM*Q is computed once more from its definition, <M* p_i, M* p_j>, by Gauss's rule in y, with mpmath
and preimages by Newton's method: no integration by parts, no balls, no floats. It gives Galerkin's lower bound of the
norm, which no proved upper bound may fall below; the lower bound that is proved with the same functions may not exceed
it; and the matrix in floats must be as close to it as it says.
"""

from __future__ import annotations

import argparse
import sys
import time
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

import mpmath as mp
import numpy as np

import mzsym as mz
from mzsym.balls import precision
from mzsym.balls.crossings import Quadrature
from mzsym.certify.sharp import proof as sharp_proof
from mzsym.certify.sharp.smoothed import smoothed
from mzsym.evaluate.blas import blas_threads

DIGITS = 30
FUNCTIONS = 8
"""k of the matrices that are compared."""

RISING = {
    "identity": (lambda z: z, lambda z: mp.mpf(1), ()),
    "tanh": (mp.tanh, lambda z: mp.sech(z) ** 2, ()),
    "sigmoid": (lambda z: 1 / (1 + mp.exp(-z)), lambda z: mp.exp(-z) / (1 + mp.exp(-z)) ** 2, ()),
    "softplus": (lambda z: mp.log1p(mp.exp(z)), lambda z: 1 / (1 + mp.exp(-z)), ()),
    "arctan": (mp.atan, lambda z: 1 / (1 + z * z), ()),
    "erf": (mp.erf, lambda z: 2 * mp.exp(-z * z) / mp.sqrt(mp.pi), ()),
    "exp": (mp.exp, mp.exp, ()),
    "relu": (lambda z: max(z, mp.mpf(0)), lambda z: mp.mpf(1 if z > 0 else 0), (0,)),
    "leaky_relu": (lambda z: z if z > 0 else z / 100, lambda z: mp.mpf(1) if z > 0 else mp.mpf(1) / 100, (0,)),
    "elu": (lambda z: z if z > 0 else mp.expm1(z), lambda z: mp.mpf(1) if z > 0 else mp.exp(z), (0,)),
    "hardtanh": (lambda z: max(-1, min(1, z)), lambda z: mp.mpf(1 if abs(z) < 1 else 0), (-1, 1)),
    "abs": (abs, lambda z: mp.mpf(1 if z > 0 else -1), (0,)),
    "sin": (mp.sin, mp.cos, tuple((k + 0.5) * mp.pi for k in range(-6, 6))),
    "cos": (mp.cos, lambda z: -mp.sin(z), tuple(k * mp.pi for k in range(-6, 7))),
}
"""Name -> function, slope, and the points between monotone smooth pieces, without mzsym's tables."""


@lru_cache(maxsize=4)
def gauss(count, digits):
    """Nodes and weights, polished from doubles."""
    found = []
    for x in np.polynomial.legendre.leggauss(count)[0]:
        node = mp.mpf(float(x))
        for _ in range(3):
            before, value = legendre_pair(node, count)
            slope = count * (node * value - before) / (node * node - 1)
            node -= value / slope
        before, value = legendre_pair(node, count)
        slope = count * (node * value - before) / (node * node - 1)
        found.append((node, 2 / ((1 - node * node) * slope * slope)))
    return tuple(found)


def legendre_pair(x, n):
    before, value = mp.mpf(1), x
    for k in range(1, n):
        before, value = value, ((2 * k + 1) * x * value - k * before) / (k + 1)
    return before, value


def antiderivatives(t, top):
    """int_{-1}^t p_i, i = 1..top-1."""
    values = [mp.mpf(1), t]
    for k in range(1, top):
        values.append(((2 * k + 1) * t * values[k] - k * values[k - 1]) / (k + 1))
    return [(values[i + 1] - values[i - 1]) / mp.sqrt(2 * (2 * i + 1)) for i in range(1, top)]


class Map:
    """z -> act(w (c + a t) + b) on [-1, 1] in monotone pieces."""

    def __init__(self, name, w, b, box):
        self.function, self.derivative, points = RISING[name]
        lo, hi = mp.mpf(box[0]), mp.mpf(box[1])
        self.rate, self.offset = w * (hi - lo) / 2, w * (hi + lo) / 2 + b
        cuts = {mp.mpf(-1), mp.mpf(1)}
        if self.rate:
            cuts |= {t for t in ((point - self.offset) / self.rate for point in points) if -1 < t < 1}
        self.cuts = sorted(cuts)
        self.values = [self(t) for t in self.cuts]
        slopes = [abs(self.derivative(self.rate * t + self.offset)) for t in (mp.mpf(-1), mp.mpf(1))]
        # Where the map turns M* p has square roots; where it saturates, singularities close to the ends.
        self.close = name in ("sin", "cos") or (not points and min(slopes) < 0.05)

    def __call__(self, t):
        return self.function(self.rate * t + self.offset)

    def below(self, z, top):
        """int over {f < z} of p_i, i = 1..top-1."""
        total = [mp.mpf(0)] * (top - 1)
        for (a, b), (left, right) in zip(pairwise(self.cuts), pairwise(self.values), strict=True):
            if min(left, right) < z < max(left, right):
                sign = 1 if right > left else -1
                place = self.inverse(z, a, b, sign)
                total = [x + sign * y for x, y in zip(total, antiderivatives(place, top), strict=True)]
        return total

    def inverse(self, z, a, b, sign):
        t = (a + b) / 2
        for _ in range(400):
            difference = self(t) - z
            if sign * difference > 0:
                b = t
            else:
                a = t
            slope = self.rate * self.derivative(self.rate * t + self.offset)
            step = difference / slope if slope else mp.inf
            if abs(step) < mp.mpf(10) ** (2 - DIGITS):
                return t - step if a <= t - step <= b else t
            moved = t - step
            t = moved if a < moved < b else (a + b) / 2
        return t


def exact_matrix(curve, s, top):
    """4 s^2 <M* p_i, M* p_j>, i, j = 1..top-1, from panels graded towards the points where M* p is not smooth."""
    points = sorted({value + shift for value in curve.values for shift in (-s, s)})
    points = [x for k, x in enumerate(points) if not k or x - points[k - 1] > mp.mpf(10) ** (5 - DIGITS)]
    total = mp.zeros(top - 1)
    grading = 15 if curve.close else 4
    for a, b in pairwise(points):
        steps = [(b - a) / 2 * mp.mpf(0.15) ** k for k in range(grading)]
        ends = sorted({a, b, *(a + step for step in steps), *(b - step for step in steps)})
        for left, right in pairwise(ends):
            for x, weight in gauss(20, DIGITS):
                y = left + (right - left) * (1 + x) / 2
                above, below = curve.below(y + s, top), curve.below(y - s, top)
                column = mp.matrix([p - q for p, q in zip(above, below, strict=True)])
                total += weight * (right - left) / 2 * (column * column.T)
    return total


def random_layer(rng, names=tuple(RISING)):
    """Parameters with few binary digits, so that every program takes the same numbers."""
    name = str(rng.choice(names))
    lo = float(rng.integers(-24, 8)) / 16
    box = (lo, lo + float(rng.integers(8, 48)) / 16)
    w = float(rng.choice([-1, 1]) * rng.integers(4, 40)) / 16
    b = float(rng.integers(-16, 17)) / 16
    s = float(rng.choice([1 / 64, 1 / 16, 1 / 4, 1 / 2, 1.0]))
    return name, w, b, s, box, int(rng.integers(0, 4)), str(rng.choice(["uniform", "lebesgue"]))


def check(rng, names=tuple(RISING), full=True):
    """(text of the layer, faults) for one random layer."""
    name, w, b, s, box, degree, measure = random_layer(rng, names)
    layer = mz.dense([[w]], [b], activation=name, noise=mz.Uniform(s))
    net = mz.Network([layer], domain=mz.Box([box]))
    text = f"{name}({w} x + {b}) + U({s}) on {box}, degree {degree}, {measure}"
    projection = mz.Legendre(degree, measure=measure)
    (ends,) = net.domains[1].intervals
    with mp.workdps(DIGITS):
        exact = exact_matrix(Map(name, mp.mpf(w), mp.mpf(b), box), mp.mpf(s), FUNCTIONS)
        block = exact[degree:, degree:]
        top = mp.eigsy(block, eigvals_only=True)[len(block) - 1]
        low, high = (mp.mpf(Fraction(end).numerator) / Fraction(end).denominator for end in ends)
        half = (high - low) / 2 if measure == "uniform" else (mp.mpf(box[1]) - mp.mpf(box[0])) / 2
        norm = mp.sqrt(top * half) / (2 * s)
        with precision(), blas_threads():
            problem = sharp_proof.Problem.of(net, projection, 0)
            coarse = problem.level(FUNCTIONS)
            nodes = Quadrature(problem.curve, problem.half_width, problem.following, FUNCTIONS, 1e-11).run()
            found = smoothed(nodes, FUNCTIONS, degree, float(problem.following.half))
        faults = []
        error = mp.mnorm(mp.matrix(found.first[:, : FUNCTIONS - 1].tolist()) - exact, "f")
        if error > found.lost_first + mp.mpf(10) ** -20:
            faults.append(f"the matrix is off by {mp.nstr(error, 5)}, more than {found.lost_first:.3e}")
        tiny = mp.mpf(10) ** -20
        if coarse.lower > norm + tiny:
            faults.append(f"the lower bound {coarse.lower!r} exceeds {mp.nstr(norm, 20)}")
        if coarse.upper < norm - tiny:
            faults.append(f"the upper bound {coarse.upper!r} is below {mp.nstr(norm, 20)}")
        if full:
            fine = sharp_proof.sharp_enclosure(net, projection, 0)
            if fine.upper < norm - tiny or fine.upper < coarse.lower or fine.lower > coarse.upper:
                faults.append(f"[{fine.lower!r}, {fine.upper!r}] against {mp.nstr(norm, 20)} and {coarse}")
            if fine.interior_upper < coarse.interior_lower or fine.interior_lower > coarse.interior_upper:
                faults.append(f"interior {fine} against {coarse}")
            if not fine.reason and fine.width > 1e-4:
                faults.append(f"the width {fine.width} without a reason")
    return text, faults


def main(arguments=None):
    """Check many layers; exit code 1 where a bound is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.sharp_soundness", description=__doc__)
    parser.add_argument("--layers", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    begun, wrong = time.monotonic(), 0
    for k in range(options.layers):
        text, faults = check(np.random.default_rng([options.seed, k]))
        wrong += len(faults)
        for fault in faults:
            print(f"seed {[options.seed, k]}: {text}\n  {fault}", flush=True)
    print(f"{options.layers} layers, {wrong} faults, {time.monotonic() - begun:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
