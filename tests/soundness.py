"""Contraction bounds against sampled lower bounds on random layers: ``python -m tests.soundness --layers 10000``.

No bound may be below what two points show. The lower bounds go other ways than the bounds: noise densities from
scipy.stats, distances in total variation in closed form where the law of both points is a product of boxes or normal,
by a one-dimensional integral for one component alone, and by Monte Carlo with a confidence bound otherwise; slopes as
difference quotients of ``forward``, pushed up by power iteration and a random search.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import sys
import time
from collections import Counter
from itertools import pairwise

import numpy as np
import sympy as sp
from scipy import integrate, stats

import mzsym as mz
from mzsym.certify.sufficient.contractions import contractions_of
from mzsym.core.primitives import PRIMITIVES

NAMES = [name for name in PRIMITIVES if name != "step"]
POINTS, DRAWS, STEPS = 48, 4000, 6
ROUNDING = 1e-9
"""Rounding of ``forward`` and of the distributions in a lower bound, relative."""

LAWS = ["uniform", "gaussian", "truncated_gaussian", "deterministic"] + ["laplace"] * ("Laplace" in mz.__all__)


# ---------------------------------------------------------------- random layers


def random_noise(rng, name=None):
    """A noise law of a random scale."""
    name = name or str(rng.choice(LAWS, p=[p / sum(_WEIGHTS[: len(LAWS)]) for p in _WEIGHTS[: len(LAWS)]]))
    scale = float(10.0 ** rng.uniform(-1.3, 1.0))
    if name == "truncated_gaussian":
        return mz.TruncatedGaussian(scale, cutoff=float(rng.uniform(0.3, 4)))
    if name == "deterministic":
        return mz.Deterministic()
    return {"uniform": mz.Uniform, "gaussian": mz.Gaussian, "laplace": getattr(mz, "Laplace", None)}[name](scale)


_WEIGHTS = (4.0, 4.0, 3.0, 1.0, 3.0)


def random_noises(rng, dim):
    """One law for all components, or a list."""
    if rng.random() < 0.5:
        return random_noise(rng)
    return [random_noise(rng) for _ in range(dim)]


def random_activation(rng):
    """A name, a leaky relu of any slope, or an expression."""
    if rng.random() < 0.1:
        z = sp.Symbol("z", real=True)
        options = [sp.tanh(z) ** 2, z * sp.sin(2 * z), sp.Abs(z) - z / 3, sp.exp(-(z**2)), sp.Max(z, -z / 2, z / 5 - 1)]
        return options[rng.integers(len(options))]
    name = str(rng.choice(NAMES))
    return ("leaky_relu", float(rng.normal())) if name == "leaky_relu" and rng.random() < 0.7 else name


def random_expression(rng, x, depth=3):
    """An expression in the state, with numbers that are no floats."""
    if depth == 0 or rng.random() < 0.15:
        number = sp.Rational(int(rng.integers(-20, 21)), 10)
        return x[rng.integers(len(x))] if rng.random() < 0.7 else number
    a = random_expression(rng, x, depth - 1)
    kind = rng.integers(8)
    if kind >= 5:
        b = random_expression(rng, x, depth - 1)
        return (a + b, a * b, sp.Max(a, b))[kind - 5]
    return (sp.tanh(a), sp.sin(a), sp.Abs(a), PRIMITIVES["gelu"].expr(a), PRIMITIVES["relu"].expr(a))[kind]


def random_layer(rng, widest=64):
    """A layer, and a box for its input."""
    kind = rng.choice(["dense", "dense", "residual", "expression"])
    if kind == "expression":
        dim = int(rng.integers(1, 4))
        x = mz.state(dim)
        exprs = [random_expression(rng, x) for _ in range(int(rng.integers(1, 4)))]
        layer = mz.Layer(exprs, state=x, noise=random_noises(rng, len(exprs)))
    else:
        rows, columns = (round(math.exp(rng.uniform(0, math.log(widest)))) for _ in range(2))
        if kind == "residual":
            rows = columns
        W = rng.normal(size=(rows, columns)) * 10.0 ** rng.uniform(-1, 0.7) / math.sqrt(columns)
        W[rng.random(W.shape) < rng.choice([0.0, 0.5])] = 0.0
        b = rng.normal(size=rows)
        options = {"activation": random_activation(rng), "noise": random_noises(rng, rows)}
        if kind == "residual":
            layer = mz.residual(W, b, step=float(rng.uniform(-1, 1)), **options)
        else:
            layer = mz.dense(W, b, **options)
    center = rng.normal(size=layer.dim_in)
    reach = 10.0 ** rng.uniform(-1.5, 0.5, size=layer.dim_in)
    return layer, mz.Box([(float(c - r), float(c + r)) for c, r in zip(center, reach, strict=True)])


# ---------------------------------------------------------------- lower bounds


def points_of(rng, box, count=POINTS):
    """Random points and corners of a box."""
    inside = rng.uniform(box.lower, box.upper, size=(count, box.dim))
    corners = np.where(rng.random((count, box.dim)) < 0.5, box.lower, box.upper)
    return np.vstack([inside, corners])


def frozen(noise):
    """The law in scipy.stats."""
    s = 0.0 if noise.scale is None else float(noise.scale)
    if noise.name == "uniform":
        return stats.uniform(-s, 2 * s)
    if noise.name == "truncated_gaussian":
        return stats.truncnorm(-float(noise.cutoff), float(noise.cutoff), scale=s)
    return stats.laplace(scale=s) if noise.name == "laplace" else stats.norm(scale=s)


def variation_below(rng, noises, shift, draws=DRAWS):
    """A lower bound of the distance between the noise and the noise shifted by a vector."""
    if any(noise.name == "deterministic" and d != 0.0 for noise, d in zip(noises, shift, strict=True)):
        return 1.0
    kept = [(noise, abs(float(d))) for noise, d in zip(noises, shift, strict=True) if d != 0.0]
    if not kept:
        return 0.0
    names = {noise.name for noise, _ in kept}
    if names == {"uniform"}:
        return 1.0 - math.prod(max(0.0, 1.0 - d / (2.0 * float(noise.scale))) for noise, d in kept)
    if names == {"gaussian"}:
        radius = math.sqrt(sum((d / float(noise.scale)) ** 2 for noise, d in kept))
        return float(stats.norm.cdf(radius / 2) - stats.norm.cdf(-radius / 2))
    return max(max(_scalar_below(noise, d) for noise, d in kept), _sampled_below(rng, kept, draws))


def _scalar_below(noise, d):
    """P(A) - P(A + d) for the half line that ends in the middle: no more than the distance, whatever the law."""
    law = frozen(noise)
    return float(law.cdf(d / 2) - law.cdf(-d / 2))


def _sampled_below(rng, kept, draws):
    """E (1 - q/p)_+ under p, less four standard errors; the draws are of the product law."""
    if len(kept) < 2:
        return 0.0
    ratio = np.ones(draws)
    for noise, d in kept:
        law = frozen(noise)
        y = law.rvs(size=draws, random_state=rng)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio *= np.where(law.pdf(y) > 0, law.pdf(y - d) / law.pdf(y), 0.0)
    values = np.maximum(0.0, 1.0 - ratio)
    return float(values.mean() - 4.0 * max(values.std() / math.sqrt(draws), 1.0 / draws))


def oscillation_below(rng, layer, box):
    """A lower bound of Dobrushin's coefficient from pairs of points that the map takes far apart."""
    X = points_of(rng, box)
    F = layer.forward(X)
    # As far apart as anything that was sampled, in one component or in all.
    pairs = {(int(np.argmin(F[:, i])), int(np.argmax(F[:, i]))) for i in range(min(F.shape[1], 3))}
    weights = rng.normal(size=(3, F.shape[1]))
    pairs |= {(int(np.argmin(F @ w)), int(np.argmax(F @ w))) for w in weights}
    pairs.add(tuple(int(k) for k in rng.integers(len(F), size=2)))
    return max(variation_below(rng, layer.noise, F[j] - F[i]) for i, j in pairs)


def slope_below(rng, layer, box):
    """A lower bound of the Lipschitz constant: difference quotients, pushed up by power iteration and a search."""
    X = points_of(rng, box)
    best, x = 0.0, X[0]
    for start in X[rng.choice(len(X), 4, replace=False)]:
        quotient = _steepest(rng, layer, box, start)
        if quotient > best:
            best, x = quotient, start
    spread = 0.3 * (box.upper - box.lower)
    for _ in range(STEPS):
        trial = np.clip(x + spread * rng.normal(size=box.dim), box.lower, box.upper)
        quotient = _steepest(rng, layer, box, trial)
        if quotient > best:
            best, x = quotient, trial
        spread = 0.7 * spread
    far = X[rng.permutation(len(X))]
    apart = np.linalg.norm(X - far, axis=1)
    F = layer.forward(X) - layer.forward(far)
    long = np.linalg.norm(F, axis=1)[apart > 0] / apart[apart > 0]
    return max(best, float(long.max(initial=0.0)))


def _steepest(rng, layer, box, x):
    """The difference quotient at x along the top singular vector of a numeric Jacobian; both ends in the box."""
    width = box.upper - box.lower
    h = 1e-5 * width
    middle = np.clip(x, box.lower + 2 * h, box.upper - 2 * h)
    ends = middle + np.vstack([np.diag(h), -np.diag(h)])
    F = layer.forward(ends)
    J = ((F[: box.dim] - F[box.dim :]) / (2 * h)[:, None]).T
    if not np.all(np.isfinite(J)):
        return 0.0
    v = np.linalg.svd(J)[2][0]
    step = float(np.min(2 * h / np.maximum(np.abs(v), 1e-300), initial=np.inf))
    a, b = np.clip(middle - step * v, box.lower, box.upper), np.clip(middle + step * v, box.lower, box.upper)
    Fa, Fb = layer.forward(np.vstack([a, b]))
    lost = 1e-14 * (np.linalg.norm(Fa) + np.linalg.norm(Fb) + np.linalg.norm(a) + np.linalg.norm(b))
    return float(max(0.0, np.linalg.norm(Fb - Fa) - 64 * lost) / np.linalg.norm(b - a))


def two_steps_below(first, second, x, y):
    """The distance between the laws of X_2 from two states, both layers one-dimensional, by quadrature."""
    noise, last = frozen(first.noise[0]), frozen(second.noise[0])
    lo, hi = (float(end) for end in noise.support())
    lo, hi = max(lo, -12 * noise.std()), min(hi, 12 * noise.std())
    t, w = np.polynomial.legendre.leggauss(160)
    xi, weights = lo + (hi - lo) * (t + 1) / 2, w * (hi - lo) / 2 * noise.pdf(lo + (hi - lo) * (t + 1) / 2)
    F = first.forward(np.array([[x], [y]]))[:, 0]
    centers = [second.forward((f + xi)[:, None])[:, 0] for f in F]
    reach = min(12 * last.std(), float(last.support()[1]))
    low, high = (float(f(c)) for f, c in ((np.min, centers), (np.max, centers)))
    grid = np.linspace(low - reach, high + reach, 1501)
    # Distribution functions, not densities: they have no jumps.
    masses = [np.diff(last.cdf(grid[None, :] - c[:, None]), axis=1) for c in centers]
    p, q = (weights @ mass / weights.sum() for mass in masses)
    return 0.5 * float(np.abs(p - q).sum())


# ---------------------------------------------------------------- the check


def check(rng, widest=64):
    """Faults of one random layer (and of a chain of two, now and then), and what it was."""
    layer, box = random_layer(rng, widest)
    net = mz.Network([layer], domain=box)
    try:
        found = contractions_of(net, True, True)
    except mz.MzError as error:
        # A constant without noise, a map that is not finite: there is no next state to speak of.
        return layer, [], [f"refused ({error.what.split(' ')[0]} ...)"]
    alpha, bound = found.dobrushin[0][0], found.lipschitz[0][0]
    below, slope = oscillation_below(rng, layer, box), slope_below(rng, layer, box)
    faults = []
    if below > alpha + ROUNDING:
        faults.append(f"alpha {alpha!r} is below {below!r}")
    if slope > bound * (1 + ROUNDING) + ROUNDING:
        faults.append(f"the Lipschitz bound {bound!r} is below {slope!r}")
    kinds = {"nontrivial alpha": alpha < 1, "finite slope": math.isfinite(bound), "tight slope": bound <= 1.1 * slope}
    return layer, faults, [name for name, true in kinds.items() if true]


def check_chain(rng):
    """Faults of a chain of two or three one-dimensional layers, window by window."""
    depth = int(rng.integers(2, 4))
    noises = [random_noise(rng, str(rng.choice([law for law in LAWS if law != "deterministic"]))) for _ in range(depth)]
    layers = [
        mz.dense(
            [[float(rng.normal(scale=1.5))]], [float(rng.normal())], activation=random_activation(rng), noise=noise
        )
        for noise in noises
    ]
    box = mz.Box([(-1, 1)])
    net = mz.Network(layers, domain=box)
    try:
        found = contractions_of(net, True, False)
    except mz.MzError as error:
        # exp of an unbounded state overflows, and the enclosure says so.
        return layers, [], [f"refused ({error.what.split(' ')[0]} ...)"]
    faults, kinds = [], []
    for window in found.dobrushin_windows:
        if window.n == 0 and window.m == 2:
            kinds.append(f"window by {window.method}")
            pairs = [(-1.0, 1.0), *(rng.uniform(-1, 1, 2) for _ in range(2))]
            below = max(two_steps_below(layers[0], layers[1], float(x), float(y)) for x, y in pairs)
            if below > window.bound + 2e-3:
                faults.append(f"two steps: {window} is below {below!r}")
    return layers, faults, kinds


def _task(task):
    seed, k, single = task
    rng = np.random.default_rng([seed, k])
    layer, faults, kinds = check(rng) if single else check_chain(rng)
    return repr(layer), faults, kinds


def main(arguments=None):
    """Check many layers; exit code 1 where a bound is below a lower bound."""
    parser = argparse.ArgumentParser(prog="python -m tests.soundness", description=__doc__)
    parser.add_argument("--layers", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--chains", type=int, default=None, help="default: a tenth of the layers")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args(arguments)
    begun, seen, wrong = time.monotonic(), Counter(), 0
    chains = options.layers // 10 if options.chains is None else options.chains
    tasks = [(options.seed, k, k < options.layers) for k in range(options.layers + chains)]
    with multiprocessing.Pool(options.jobs) as pool:
        for done, (text, faults, kinds) in enumerate(pool.imap(_task, tasks, chunksize=8), 1):
            seen.update(kinds)
            wrong += len(faults)
            for fault in faults:
                print(f"seed {list(tasks[done - 1][:2])}: {fault}\n  {text}", flush=True)
            if done % 500 == 0:
                print(f"{done} checked, {wrong} faults, {time.monotonic() - begun:.0f} s", flush=True)
    said = ", ".join(f"{count} {name}" for name, count in seen.most_common())
    print(f"{options.layers} layers and {chains} chains, {wrong} faults ({said}), {time.monotonic() - begun:.0f} s")
    return 1 if wrong else 0


# One-dimensional integrals of the exact distance, for tests of the formulas.


def variation_by_quadrature(noise, d):
    """Half the integral of |rho(y) - rho(y - d)|, by adaptive quadrature between the points where it is not smooth."""
    law = frozen(noise)
    lo, hi = (float(end) for end in law.support())
    lo, hi = max(lo, -40 * law.std()), min(hi, 40 * law.std())
    breaks = sorted({lo, hi, lo + d, hi + d, 0.0, d, d / 2})
    total = sum(
        integrate.quad(lambda y: abs(law.pdf(y) - law.pdf(y - d)), a, b, epsabs=1e-13, limit=200)[0]
        for a, b in pairwise(breaks)
    )
    return total / 2


if __name__ == "__main__":
    sys.exit(main())
