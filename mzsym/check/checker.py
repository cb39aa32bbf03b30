#!/usr/bin/env python3
# fmt: off
"""Check a certificate file of mzsym: ``python checker.py FILE [--allow-unchecked]``.

One file that needs Python and python-flint only, and shares no code with the program that found the bounds. It proves
every claim again in ball arithmetic and says which line fails; numbers are those of mzsym's docs/mathematics.md. Notes
(reasons, words, versions, estimates) are no claims. Exit codes: 0 every claim is confirmed; 1 one is not, or cannot be
checked here (unless --allow-unchecked); 2 the file is unreadable, incomplete or does not fit its digests."""
from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import accumulate, pairwise
from types import SimpleNamespace
from typing import Any, NamedTuple

from flint import acb, arb, arb_mat, ctx, fmpq

BITS, BOXES, NODES, MOST_FUNCTIONS, MOST_PANELS, LOST = 192, 20_000, 96, 700, 8000, 64
"""Precision; boxes for one side of a range; nodes of one Gauss rule; Legendre functions; panels; bits of a rule."""
CONFIRMED, FAILED, UNCHECKED = "confirmed", "NOT CONFIRMED", "not checked"
FOLLOWS, OTHERS = ("(22)", "(28)", "(29)", "(30)"), ("dobrushin", "lipschitz", "layers ")
class BadFileError(Exception):
    """The file is no complete certificate."""
class Unchecked(Exception):
    """The claim is outside of what this program can check."""
class Finding(NamedTuple):
    status: str
    line: str
    why: str = ""
# -- reading: forms say what stands where, and every key is needed ------------------------------------------------
BOUND, PAIR, MAYBE, SOME = "bound", ("bound", "bound"), "exact or null", "bound or null"
WINDOWS = [{"n": int, "m": int, "bound": BOUND, "method": str}]
SCALES = {"uniform": 1, "gaussian": 1, "laplace": 1, "truncated_gaussian": 2}
OTHER, DENSE = {"kind": {"other"}, "what": str}, {
    "kind": {"dense"}, "W": [["exact"]], "b": ["exact"], "activation": str, "slope": MAYBE, "step": MAYBE,
    "noise": [{"law": str, "scale": MAYBE, "cutoff": MAYBE}]}
LAYER: dict[str, Any] = {"n": int, "functions": int, "dobrushin": SOME, "lipschitz": SOME, "notes": dict, "rests_on":
    dict.fromkeys(("density_norm_squared", "volume_next", "measure_ratio"), PAIR)} | dict.fromkeys(
    ("upper", "lower", "operator_upper", "entrance_upper", "interior_upper", "interior_lower"), BOUND)
HEAD = {"format": {"mzsym certificate"}, "format_version": int, "notes": dict, "sha256": str, "kind": str}
KINDS: dict[str, dict[str, Any]] = {"layers": HEAD | {"claim": {
    "As operators from L^2(Omega_{n+1}) to L^2(Omega_n) in the stated measure: upper and lower bound the norm of "
    "Q_n M_n, interior_upper and interior_lower that of Q_n M_n Q_{n+1}, entrance_upper that of M_n Q_{n+1}, "
    "operator_upper that of M_n, memory_bounds those of K(n, m). dobrushin bounds the factor by which M_n shrinks "
    "oscillations, lipschitz the Lipschitz constant of F_n, windows that of several layers. Notes claim nothing."},
    "layers": [LAYER], "model": {"network_sha256": str, "layers": [dict], "domains": [[("exact", "exact")], None],
    "projection": {"family": str, "degree": int, "measure": str}}, "contracts": {"proved", "refuted", "undecided"},
    "dobrushin_windows": WINDOWS, "lipschitz_windows": WINDOWS, "memory_bounds": [{"n": int, "m": int, "bound": BOUND}],
}, "noise level": HEAD | {"claim": {
    "A layer at one or two levels of its noise: the norm of Q_n M_n is at most kappa at the first level, and above "
    "kappa at the second one, which is lower."},
    "kappa": BOUND, "levels": [{"level": "exact", "certificate": dict}],
}, "reduction": HEAD | {"claim": {
    "In L^2 of the measure of X_0, the worst over the observables: a_priori bounds what the network of the first "
    "layers up to a depth leaves out if its read-outs are exact; truncations bound, in L^2 of the measure of X_n, "
    "what memory that is cut off after a length changes in P_n q_n."}, "certificate": dict, "a_priori": [{
    "depth": int, "bound": BOUND}], "truncations": [{"length": int, "n": int, "bound": BOUND}], "observables": [{
    "terms": [{"powers": [int], "coefficient": "exact"}, None], "range": PAIR}]}}

def _read(value: Any, form: Any, where: str) -> Any:
    """The value in a form: objects as namespaces, parameters as fractions, bounds as floats."""
    if value is None and (None in form if isinstance(form, (dict, list)) else "null" in str(form)):
        return None
    if isinstance(form, dict):
        odd = sorted(map(str, set(form) ^ set(value))) if isinstance(value, dict) else ["all"]
        _needs(not odd, f"{where}: missing or unknown: {', '.join(odd)}")
        return SimpleNamespace(**{key: _read(value[key], form[key], f"{where}, {key}") for key in sorted(form)})
    if isinstance(form, (list, tuple)):
        good = isinstance(value, list) and (isinstance(form, list) or len(value) == len(form))
        _needs(good, f"{where}: a list of another length is wanted")
        return tuple(_read(item, form[0], f"{where}[{i}]") for i, item in enumerate(value))
    if isinstance(form, str):
        try:
            return _exact(value) if form.startswith("exact") else _bound(value)
        except (ValueError, ArithmeticError, TypeError, KeyError, AttributeError):
            raise BadFileError(f"{where}: {value!r} is no exact number, or two numbers") from None
    known = isinstance(form, set) and isinstance(value, str) and value in form
    natural = type(value) is form and (form is not int or str(value)[0] != "-")
    _needs(known or natural, f"{where}: {value!r} is not possible here")
    return value
def _exact(value: str) -> Fraction:
    """A parameter: a hexadecimal float or a quotient of integers."""
    return Fraction(float.fromhex(value)) if "x" in value else Fraction(*map(int, value.split("/")))
def _bound(value: Any) -> float:
    """A number of the certificate, whose decimal form has to agree."""
    number, seen = float.fromhex(value["hex"]), value["approximately"]
    same = seen is None if number == math.inf else type(seen) in (int, float) and seen == number
    _needs(same and len(value) == 2 and number > -math.inf, "two numbers", ValueError)
    return number
def _needs(good: Any, why: str, kind: type[Exception] = BadFileError) -> None:
    if not good:
        raise kind(why)
def _opened(content: Any, kind: str) -> Any:
    """A file of this kind, complete and fitting its digest."""
    _needs(isinstance(content, dict) and content.get("kind") == kind, f"kind: {kind!r} is wanted")
    found = _read(content, KINDS[kind], kind)
    unsealed = json.dumps({k: content[k] for k in content if k != "sha256"}, sort_keys=True, separators=(",", ":"))
    _needs(found.format_version == 4, "format_version: this program reads version 4")
    _needs(found.sha256 == hashlib.sha256(unsealed.encode()).hexdigest(), "sha256: the digest does not fit the content")
    return found
def _layers(content: Any) -> Any:
    """A certificate of layers whose parts fit each other."""
    found = _opened(content, "layers")
    model, depth, kind = found.model, len(found.layers), found.model.projection
    model.layers = [_read(layer, OTHER if layer.get("kind") == "other" else DENSE, "model") for layer in model.layers]
    counts = {len(model.layers), depth if model.domains is None else len(model.domains) - 1}
    good = counts == {depth} and all(box and all(lo < hi for lo, hi in box) for box in model.domains or ())
    _needs(depth and good, "layers, domains: a box is empty, or the model has another number of layers")
    model.known = kind.measure in ("uniform", "lebesgue") and kind.family in ("legendre", "mean") and model.domains
    _needs(kind.family != "mean" or not kind.degree, "projection: the mean has degree 0")
    for x in (layer for layer in model.layers if layer.kind == "dense"):
        scales = [scale for one in x.noise for scale in (one.scale, one.cutoff)[: SCALES.get(one.law, 0)]]
        fits = {len(x.W), len(x.noise)} == {len(x.b)} and len({len(row) for row in x.W}) == 1 and x.W[0]
        _needs(fits and all(scale is not None and scale > 0 for scale in scales), "model: shapes or scales do not fit")
    wanted = [(n, m) for n in range(depth - 1 if depth <= 16 else 1) for m in range(n + 2, depth + 1)]
    numbers = [x.n for x in found.layers], [(x.n, x.m) for x in found.memory_bounds]
    _needs(numbers == (list(range(depth)), wanted), "layers, memory_bounds: some are missing or out of order")
    return found
# -- functions in balls ------------------------------------------------------------------------------------------
def _ball(value: Fraction | float | int) -> Any:
    """The exact number, at working precision; infinity is one."""
    return arb(math.inf) if value == math.inf else arb(fmpq(*Fraction(value).as_integer_ratio()))

def _sigmoid(x: Any) -> Any:
    return x.exp() / (1 + x.exp())
def _normal(x: Any) -> Any:
    return (1 + (x / arb(2).sqrt()).erf()) / 2
SMOOTH: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "identity": (lambda x: x, lambda x: x * 0 + 1), "exp": (lambda x: x.exp(), lambda x: x.exp()),
    "tanh": (lambda x: x.tanh(), lambda x: x.cosh() ** -2), "arctan": (lambda x: x.atan(), lambda x: 1 / (1 + x * x)),
    "sigmoid": (_sigmoid, lambda x: _sigmoid(x) * _sigmoid(-x)), "softplus": (lambda x: x.exp().log1p(), _sigmoid),
    "sin": (lambda x: x.sin(), lambda x: x.cos()), "cos": (lambda x: x.cos(), lambda x: -x.sin()),
    "erf": (lambda x: x.erf(), lambda x: 2 * (-x * x).exp() / arb.pi().sqrt()),
    "gelu": (lambda x: x * _normal(x), lambda x: _normal(x) + x * (-x * x / 2).exp() / (2 * arb.pi()).sqrt()),
    "silu": (lambda x: x * _sigmoid(x), lambda x: _sigmoid(x) * (1 + x * _sigmoid(-x)))}
"""Analytic activations, of real balls, and their derivatives, of real or complex ones: finite where analytic."""
BROKEN: dict[str, tuple[Callable[[Fraction, Fraction], Fraction], tuple[int, ...]]] = {
    "relu": (lambda x, _: max(x, Fraction(0)), (0,)), "leaky_relu": (lambda x, slope: x if x > 0 else slope * x, (0,)),
    "abs": (lambda x, _: abs(x), (0,)), "hardtanh": (lambda x, _: min(max(x, Fraction(-1)), Fraction(1)), (-1, 1)),
    "identity": (lambda x, _: x, ())}
"""Activations made of straight pieces, and where they break."""
def _at_most(sign: int, maps: Any, box: list[tuple[Any, Any]], bound: Any) -> bool:
    """Whether sign f <= sign bound on a box, maps = (f, slopes): mean value forms, monotone variables, bisection."""
    todo = [box]
    for _ in range(BOXES):
        if not todo:
            return True
        sides = todo.pop()
        balls, middle = [arb.union(*side) for side in sides], [((lo + hi) / 2).mid() for lo, hi in sides]
        (value, slope), least = maps(*balls), sign * (maps(*middle)[0] - bound)
        moved = sum(s * (x - m) for s, x, m in zip(slope, balls, middle, strict=True))
        signs = [sign if s >= 0 else -sign if s <= 0 else 0 for s in slope]
        widest = max(range(len(sides)), key=lambda i: float(sides[i][1] - sides[i][0]))
        (lo, hi), cut = sides[widest], middle[widest]
        if sign * (value - bound) <= 0 or least + sign * moved <= 0:
            continue
        if least > 0 or not lo < hi:
            return False
        if any(x < y and e for (x, y), e in zip(sides, signs, strict=True)):
            todo.append([side if e == 0 else (side[e > 0],) * 2 for e, side in zip(signs, sides, strict=True)])
        else:
            todo += [[*sides[:widest], part, *sides[widest + 1 :]] for part in ((lo, cut), (cut, hi))]
    return False
def _check_domain(layer: Any, here: Any, following: Any) -> None:
    """F(here) + supp rho lies in the next box, (2): F_i = e x_i + h act(w x_i + r), r the sum of the other terms."""
    _needs(layer.kind == "dense", getattr(layer, "what", ""), Unchecked)
    _needs((len(layer.W[0]), len(layer.b)) == (len(here), len(following)), "another dimension", ValueError)
    name, still = layer.activation, layer.step is None
    for i, ((lo, hi), noise) in enumerate(zip(following, layer.noise, strict=True)):
        factor = {"deterministic": 0, "uniform": 1, "truncated_gaussian": noise.cutoff}.get(noise.law)
        _needs(factor is not None, f"the support of {noise.law} noise", Unchecked)
        reach = factor and factor * noise.scale
        row = [Fraction(0) if j == i and not still else w for j, w in enumerate(layer.W[i])]
        ends = [[v * end for end in side] for v, side in zip(row, here, strict=True)]
        low, high = (sum(map(f, ends), layer.b[i]) for f in (min, max))
        if name in BROKEN and still:
            g, breaks = BROKEN[name]
            values = [g(x, layer.slope) for x in (low, high, *(Fraction(p) for p in breaks if low < p < high))]
            _needs(lo + reach <= min(values) <= max(values) <= hi - reach, f"component {i} leaves the box", ValueError)
            continue
        _needs(name in SMOOTH, f"the activation {name!r}" + ("" if still else " of a residual layer"), Unchecked)
        e, h, w = map(_ball, (0, 1, 0) if still else (1, layer.step, layer.W[i][i]))
        box = [(_ball(a).lower(), _ball(b).upper()) for a, b in ((0, 0) if still else here[i], (low, high))]
        act, slope = SMOOTH[name]
        def maps(x: Any, r: Any, e: Any = e, h: Any = h, w: Any = w, act: Any = act, slope: Any = slope) -> Any:
            return e * x + h * act(w * x + r), [e + w * h * slope(w * x + r), h * slope(w * x + r)]
        for sign, end in ((1, hi - reach), (-1, lo + reach)):
            good = (still and name in ("sin", "cos") and sign * end >= 1) or _at_most(sign, maps, box, _ball(end))
            _needs(good, f"component {i} is not proved to stay on this side of {float(end)!r}", ValueError)
# -- Hilbert-Schmidt, (23) ---------------------------------------------------------------------------------------
def _squares(model: Any, n: int) -> tuple[Any, Any, Any]:
    """||rho||^2, vol(Omega_{n+1}) and r_n."""
    _needs(model.layers[n].kind == "dense", getattr(model.layers[n], "what", ""), Unchecked)
    density = arb(1)
    for noise in model.layers[n].noise:
        _needs(noise.law in SCALES or noise.law == "deterministic", f"the noise law {noise.law!r}", Unchecked)
        s, c = _ball(noise.scale or 0), _ball(noise.cutoff or 1)
        cut = c.erf() / (c / arb(2).sqrt()).erf() ** 2 if noise.law == "truncated_gaussian" else 1
        others = {"uniform": 1 / (2 * s), "laplace": 1 / (4 * s), "deterministic": _ball(math.inf)}
        density *= others.get(noise.law, cut / (2 * arb.pi().sqrt() * s))
    here, after = (math.prod((hi - lo for lo, hi in box), start=Fraction(1)) for box in model.domains[n : n + 2])
    return density, _ball(after), _ball(here / after if model.projection.measure == "lebesgue" else 1)
def _is_bound(model: Any, n: int, claimed: float, constants: bool) -> bool:
    """Whether ||M_n||_HS, or ||Q_n M_n||_HS where the constants are resolved, is at most what is claimed."""
    density, volume, ratio = _squares(model, n)
    return claimed >= 0 and bool(ratio * (density * volume - (1 if constants else 0)) <= _ball(claimed) ** 2)
def _check_squares(model: Any, n: int, claims: Any) -> None:
    """What these norms say, and what they rest on."""
    for name, value in zip(LAYER["rests_on"], _squares(model, n), strict=True):
        low, high = getattr(claims.rests_on, name)
        _needs(_ball(low) <= value and value <= _ball(high), f"{name} is not in [{low!r}, {high!r}]", ValueError)
    _needs(claims.functions or max(claims.lower, claims.interior_lower) <= 0, "no lower bound follows", ValueError)
    for name in ("operator_upper", *(() if claims.functions else ("entrance_upper", "upper", "interior_upper"))):
        good = _is_bound(model, n, getattr(claims, name), name != "operator_upper")
        _needs(good, f"{name} = {getattr(claims, name)!r} does not follow", ValueError)
# -- sharp norms in dimension one, (24): uniform and truncated Gaussian noise, strictly monotone analytic maps -----
class Law:
    """A noise density rho on [-s, s]; for 0 <= D <= 2 s its autocorrelation kappa(D), and kappa' without its jumps."""
    def __init__(self, noise: Any) -> None:
        self.flat, tau, two, root = noise.law == "uniform", _ball(noise.scale), arb(2).sqrt(), arb.pi().sqrt()
        self.s = s = tau * _ball(1 if self.flat else noise.cutoff)
        self.peak = p = 1 / (2 * s) if self.flat else 1 / (tau * two * root * (s / tau / two).erf())
        def bell(x: Any) -> Any:
            return (-x * x).exp()
        self.rho: Callable[[Any], Any] = lambda x: x * 0 + p if self.flat else p * bell(x / (two * tau))
        self.jump = jump = self.rho(s) ** 2
        self.kappa: Callable[[Any], Any] = lambda D: p**2 * (
            2 * s - D if self.flat else tau * root * bell(D / 2 / tau) * ((s - D / 2) / tau).erf())
        self.smooth: Callable[[Any], Any] = lambda D: D * 0 if self.flat else jump - p**2 * bell(D / 2 / tau) * (
            D / 2 / tau * root * ((s - D / 2) / tau).erf() + bell((s - D / 2) / tau))

class Curve:
    """t -> F(c + a t) on [-1, 1], proved increasing (a mirrored map has the same norms)."""
    def __init__(self, layer: Any, here: Any, following: Any) -> None:
        fits = layer.kind == "dense" and len(here) == len(following) == 1 and layer.activation in SMOOTH
        fits = fits and layer.noise[0].law in ("uniform", "truncated_gaussian")
        _needs(fits, "sharp norms in more dimensions, under other noise or of maps that are not analytic", Unchecked)
        ((lo, hi),), ((low, high),) = here, following
        self.act, self.act_slope = SMOOTH[layer.activation]
        self.c, self.a, self.w, self.b = map(_ball, ((lo + hi) / 2, (hi - lo) / 2, layer.W[0][0], layer.b[0]))
        self.e, self.h = (arb(0), arb(1)) if layer.step is None else (arb(1), _ball(layer.step))
        self.middle, self.half = _ball((low + high) / 2), _ball((high - low) / 2)
        self.a, self.steep, self.weighted = -self.a if self.slope(arb(0)) < 0 else self.a, arb(0), arb(0)
        for t in (arb.union(arb(j), arb(j + 1)) / 256 for j in range(-257, 257)):
            slope = self.slope(t)  # of a little more than [-1, 1]
            _needs(slope > 0, "sharp norms of a map that is not proved to be strictly monotone", Unchecked)
            self.steep, self.weighted = self.steep.max(slope.upper()), self.weighted.max(((1 - t * t) * slope).upper())
        self.bottom, self.top = self.value(arb(-1)), self.value(arb(1))
    def value(self, t: Any) -> Any:
        return self.e * (self.c + self.a * t) + self.h * self.act(self.w * (self.c + self.a * t) + self.b)
    def slope(self, t: Any) -> Any:
        return self.a * (self.e + self.h * self.w * self.act_slope(self.w * (self.c + self.a * t) + self.b))
    def preimage(self, z: Any, guess: Any) -> Any:
        """The T with F(T) = z, z in F([-1, 1]): Newton in a shrinking bracket finds it, two signs of F - z prove it."""
        T, lo, hi, step = guess.mid(), arb(-1), arb(1), arb(1)
        while step > arb(2) ** (30 - ctx.prec):
            miss = (self.value(T) - z).mid()
            lo, hi = (T, hi) if miss < 0 else (lo, T)
            new = (T - miss / self.slope(T)).mid()
            new = new if lo <= new <= hi else ((lo + hi) / 2).mid()
            step, T = abs(new - T), new
        radius = ((arb(2) ** (40 - ctx.prec) + 2 * z.rad()) * (1 + 1 / self.slope(T))).upper()
        proved = radius < 2.0**-40 and self.value(T - radius) < z and self.value(T + radius) > z
        _needs(proved, "an argument is not enclosed", ValueError)
        return arb.union(T - radius, T + radius)
    def continued(self, Z: Any, T: Any, reach: Any) -> Any:
        """A complex box with F^{-1}(Z), by Krawczyk's operator around T: unique and hence analytic; or None."""
        c = self.slope(T)
        r = 2 * (reach + abs(self.value(T) - Z.real.mid())) / c
        square = acb(arb.union(T - r, T + r), arb.union(-r, r))
        q = 1 - self.slope(square) / c
        image = T - (self.value(T) - Z) / c + q * (square - T)
        inside = square.real.contains_interior(image.real) and square.imag.contains_interior(image.imag)
        return image if q.is_finite() and q.abs_upper() < arb(0.5) and inside else None

def _legendre(x: Any, count: int) -> list[Any]:
    """P_0..P_{count-1} at a ball."""
    table = [arb(1), x]
    for n in range(1, count - 1):
        table.append(((2 * n + 1) * x * table[n] - n * table[n - 1]) / (n + 1))
    return table[:count]
def _growth(box: Any) -> Any:
    """beta >= 1 such that |P_i(u)| <= beta^i on the box: |u - 1| + |u + 1| <= beta + 1/beta."""
    y, most = box.imag.abs_upper(), arb(2)
    for x in (box.real.lower(), box.real.upper()):
        most = most.max((((x - 1) ** 2 + y * y).sqrt() + ((x + 1) ** 2 + y * y).sqrt()).upper())
    return ((most + (most * most - 4).max(arb(0)).sqrt()) / 2).upper()
def _ellipse(lo: Any, hi: Any) -> Any:
    """A box with the ellipse around [lo, hi] whose half-axes sum to three half-lengths."""
    x, h = (lo + hi) / 2, (hi - lo).upper() / 2
    return acb(arb.union(x - h * 5 / 3, x + h * 5 / 3), arb.union(-h * 4 / 3, h * 4 / 3))
def _count(length: Any, size: Any) -> int:
    """Nodes that take the error 6 length size 9^-n of Gauss's rule (24g) below 2^-LOST; too many for infinite sizes."""
    bits = float((6 * length * size).upper().log()) / math.log(2) if size.is_finite() else math.inf
    return max(4, math.ceil((bits + LOST) / 3.16)) if bits < 1000 else NODES + 1
def _gauss(lo: Any, hi: Any, count: int) -> list[Any]:
    key, half = (count, ctx.prec), (hi - lo) / 2
    KNOWN[key] = KNOWN.get(key) or [arb.legendre_p_root(count, j, weight=True) for j in range(count)]
    return [((lo + hi) / 2 + half * x, weight * half) for x, weight in KNOWN[key]]
KNOWN: dict[Any, Any] = {}

class Galerkin:
    """Balls for the matrices of M M*, of M (I - P') M* and of their derivatives (24c), degrees 0..k-1, by (24l).
    (M M* p_j)' = F' D_j(F), D_j(z) = int kappa'(z - F(u)) p_j(u) du, so that, with z = F(t) and Phi_i = int_{-1}^t p_i,
        S_ij = -int Phi_i D_j dz (and 2^(1/2) (M M* p_0)(1) in S_00),    B_ij = int (1 - t^2) F' D_i D_j dz;
    the m_l' of the e_l that the next layer resolves stand beside the D_j. Here u runs from where F(u) is z - 2s, or -1,
    over t to where it is z + 2s, or 1 (the *places*). The jump of kappa' is integrated exactly, the rest by a rule."""
    def __init__(self, curve: Curve, law: Law, k: int, degree: int) -> None:
        self.curve, self.law, self.k, self.d, self.lost, self.parts, panels = curve, law, k, degree, arb(0), 1, 0
        self.roots = [(arb(2 * i + 1) / 2).sqrt() for i in range(k)]
        self.scales = [(arb(2 * i + 1) / (2 * curve.half)).sqrt() for i in range(degree + 1)]
        near, bottom, top, s2 = _ellipse(-law.s, law.s), curve.bottom, curve.top, 2 * law.s
        size = sum((_growth((near + z - curve.middle) / curve.half) for z in (bottom, top)), arb(0)) ** (degree + 1)
        rule = _gauss(-law.s, law.s, _count(s2, size * law.rho(near).abs_upper()))
        self.noise, self.rows = [(x, w * law.rho(x)) for x, w in rule], list[Any]()
        # At real points |Phi_i| < 1.5, |D_j| < 3 peak^2, and the m_l'.
        self.last = self.scales[-1] * (degree + 1) ** 2 / curve.half
        self.size = ((1.5 + curve.steep) * (1 + 3 * law.peak**2 + self.last) ** 2).upper()
        marks = [z for z in (bottom + s2, top - s2) if bottom < z < top]
        _needs(marks or s2 > top - bottom, "noise just as wide as the range of the map", Unchecked)
        for lo, hi in pairwise([bottom, *sorted(marks, key=lambda z: float(z.mid())), top]):
            # Here z + 2s and z - 2s stay in the range of F or outside of it.
            _needs(lo < hi, "break points too close to each other", Unchecked)
            shifts = [e * s2 if bottom < (lo + hi) / 2 + e * s2 < top else None for e in (-1, 0, 1)]
            self.lost, todo = self.lost + (lo.rad() + hi.rad()) * 2 * self.size, [(lo.upper(), hi.lower())]
            while todo:
                # Gauss's rule on panels, cut until the integrands are proved to be analytic and not large around them.
                lo, hi = todo.pop()
                cut, panels = self._panel(lo, hi, shifts), panels + 1
                todo += [(lo, cut), (cut, hi)] if cut is not None else []
                _needs(panels <= MOST_PANELS, "the quadrature takes too many panels", ValueError)
        self.matrices = self._matrices()
    def _panel(self, lo: Any, hi: Any, shifts: list[Any]) -> Any:
        """Integrate from z = lo to hi, or say where to cut."""
        f, law, k, cut = self.curve, self.law, self.k, ((lo + hi) / 2).mid()
        # The variable is the place where F is least steep: the others move less than it, and singularities are far.
        at = [arb(i - 1) if e is None else f.preimage(cut + e, arb(0)).mid() for i, e in enumerate(shifts)]
        own = min((i for i in range(3) if shifts[i] is not None), key=lambda i: float(f.slope(at[i]).mid()))
        start, end = (f.preimage(z + shifts[own], at[own]) for z in (lo, hi))
        near, new = _ellipse(start, end), (f.value((start + end) / 2) - shifts[own]).mid()
        slope, z, cut = f.slope(near), f.value(at[own]) - shifts[own], new if lo < new < hi else cut
        moved = slope * (near - at[own])
        boxes = [acb(T) if e is None else near if i == own else f.continued(z + e + moved, T, moved.abs_upper())
                 for i, (e, T) in enumerate(zip(shifts, at, strict=True))]
        if not slope.is_finite() or None in boxes:
            return cut
        # On the lines from one point of ``at`` to the next, and in the boxes, |z - F(u)| is in [0, 2s] up to this.
        away = [((box - T).abs_upper(), f.slope(box).abs_upper()) for box, T in zip(boxes, at, strict=True)]
        pad = (moved.abs_upper() + sum(x * y for x, y in away) + arb(2) ** -80).upper()
        rest = law.smooth(acb(arb.union(-pad, 2 * law.s + pad), arb.union(-pad, pad))).abs_upper()
        beta = _growth(boxes[0]).max(_growth(boxes[1])).max(_growth(boxes[2])) ** k
        y = _growth((z + moved + arb.union(-law.s, law.s) - f.middle) / f.half) ** self.d
        Z = (6 * law.jump + (2 + 2 * sum(x for x, _ in away)) * rest * k) * beta + self.last * y
        size = slope.abs_upper() * (1.5 * beta + (1 - boxes[1] * boxes[1]).abs_upper() * away[1][1]) * Z * (1 + Z)
        count, rules = _count(end - start, size), list[Any](([], []))
        if count <= NODES and not law.flat:
            rules = [self._rule(z + moved.real, boxes[i].real, boxes[i + 1].real, 1 - 2 * i) for i in (0, 1)]
        if count > NODES or None in rules:
            return cut
        self.lost += (6 * (end - start) * size * arb(9) ** -count).upper()
        for x, weight in _gauss(start, end, count):
            z = f.value(x) - shifts[own]
            places = [x if i == own else T if e is None else f.preimage(z + e, T)
                      for i, (e, T) in enumerate(zip(shifts, at, strict=True))]
            self._node(z, places, rules, weight * f.slope(x))
        return None
    def _rule(self, z: Any, u: Any, v: Any, sign: int) -> Any:
        """Nodes on [-1, 1] for integrals of kappa and of what is left of kappa', times p_j, from u to v; or None."""
        f, law, found, todo, middle, half = self.curve, self.law, [], [(arb(-1), arb(1))], (u + v) / 2, (v - u) / 2
        for lo, hi in todo:
            x, near = (lo + hi) / 2, _ellipse(lo, hi)
            D = sign * (z - f.value(middle + half * x) - f.slope(middle + half * near) * half * (near - x))
            size = (law.smooth(D).abs_upper() + law.kappa(D).abs_upper()) * _growth(middle + half * near) ** self.k
            count, self.parts = _count(hi - lo, size * self.k * half.abs_upper()), self.parts + 1
            if count > NODES and hi - lo < 0.01:
                return None
            todo += [(lo, x), (x, hi)] if count > NODES else []
            found += _gauss(lo, hi, count) if count <= NODES else []
        return found
    def _along(self, z: Any, u: Any, v: Any, rule: list[Any], sign: int, kernel: Any) -> list[tuple[Any, Any]]:
        """Nodes between two places, with weights times the kernel of |z - F|."""
        nodes = [((u + v) / 2 + (v - u) / 2 * x, weight * (v - u) / 2) for x, weight in rule]
        return [(y, w * kernel(sign * (z - self.curve.value(y)))) for y, w in nodes]
    def _node(self, z: Any, places: list[Any], rules: list[list[Any]], dz: Any) -> None:
        k, D, P, t = self.k, [arb(0)] * self.k, [_legendre(u, self.k + 1) for u in places], places[1]
        for u, v, rule, sign in (*places[:2], rules[0], 1), (*places[1:], rules[1], -1):
            for y, w in self._along(z, u, v, rule, sign, self.law.smooth):
                D = [a + sign * w * b for a, b in zip(D, _legendre(y, k), strict=True)]
        left, phi, right = ([(p[i + 1] - (p[i - 1] if i else -1)) / 2 / self.roots[i] for i in range(k)] for p in P)
        D = [self.roots[i] * D[i] + self.law.jump * (left[i] - 2 * phi[i] + right[i]) for i in range(k)]
        Z, g = D + self._averages(z)[1], dz * (1 - t * t) * self.curve.slope(t)
        self.rows.append(([dz * a for a in phi], Z, [g * a for a in Z]))
    def _averages(self, z: Any) -> tuple[list[Any], list[Any]]:
        """m_l(z) = E e_l(z + xi), l <= d, and the m_l': P_l' = (2 l - 1) P_{l-1} + P_{l-2}'."""
        P = [_legendre((z + x - self.curve.middle) / self.curve.half, self.d + 1) for x, _ in self.noise]
        m = [sum((w * p[i] for (_, w), p in zip(self.noise, P, strict=True)), arb(0)) for i in range(self.d + 1)]
        slopes = [sum(((2 * j + 1) * m[j] for j in range(i - 1, -1, -2)), arb(0)) for i in range(self.d + 1)]
        two = [(c * x, c * y / self.curve.half) for c, x, y in zip(self.scales, m, slopes, strict=True)]
        return [x for x, _ in two], [y for _, y in two]
    def _matrices(self) -> list[tuple[Any, Any]]:
        """(S, B) of M M* and of M (I - P') M*, with the error of the rules in every entry."""
        f, k, n, law, z, one = self.curve, self.k, self.k + self.d + 1, self.law, self.curve.top, arb(1)
        u = f.preimage(z - 2 * law.s, arb(0)) if z - 2 * law.s > f.bottom else -one
        rule = self._rule(z, u, one, 1)
        _needs(rule is not None, "an integral of the kernel is not proved", ValueError)
        self.lost += arb(2) ** -LOST * self.parts * self.size * (4 + 2 * f.steep)
        U, Z, G = (arb_mat([row[i] for row in self.rows]) for i in range(3))
        left, gram, error = U.transpose() * Z, Z.transpose() * G, arb.union(-self.lost, self.lost)
        S = [[error - left[i, j] for j in range(n)] for i in range(k)]
        # Phi_0 is 2^(1/2) at the end, where the others are 0: S_0j = S_j0, and what stands at the end is added.
        S[0][1:k] = [row[0] for row in S[1:]]
        S[0][0] += sum((w for _, w in self._along(z, u, one, rule, 1, law.kappa)), arb(0))
        S[0][k:] = [a + arb(2).sqrt() * b for a, b in zip(S[0][k:], self._averages(z)[0], strict=True)]
        B, X, Y = (arb_mat([[error + gram[i, j] for j in range(b, c)] for i in range(a, d)])
                   for a, d, b, c in ((0, k, 0, k), (0, k, k, n), (k, n, k, n)))
        C, whole = arb_mat([row[k:] for row in S]), arb_mat([row[:k] for row in S])
        mixed = C * X.transpose()
        return [(whole, B), (whole - C * C.transpose(), B - mixed - mixed.transpose() + C * Y * C.transpose())]
    def at_most(self, which: int, bound: Any, V: range) -> bool:
        """Whether ||K|| <= bound on the degrees of V and above: the Schur complement (24d), lambda the bound."""
        (S, B), k = self.matrices[which], self.k
        # ||K|| on degrees >= k (24b), with TV(rho) = 2 peak.
        mu = (4 * self.law.peak**2 * self.curve.weighted / (k * (k + 1))).upper()
        if not bound > mu:
            return False
        weighted = arb_mat([[S[i, j] * (j * (j + 1)) for j in range(k)] for i in V])
        coupled, factor = weighted * arb_mat([[S[i, j] for j in V] for i in range(k)]), 1 / (k * (k + 1) * (bound - mu))
        rest = [[-S[i, j] - factor * (B[i, j] - coupled[i - V[0], j - V[0]]) for j in V] for i in V]
        # L D L' in balls, with D > 0.
        for p, pivot in enumerate(rest):
            pivot[p] += bound
            if not pivot[p] > 0:
                return False
            for i in range(p + 1, len(rest)):
                ratio = rest[i][p] / pivot[p]
                for j in range(p + 1, i + 1):
                    rest[i][j] -= ratio * rest[j][p]
        return True
    def at_least(self, which: int, bound: Any, V: range) -> bool:
        """Whether ||K|| >= bound on those degrees: a Rayleigh quotient."""
        S = arb_mat([[self.matrices[which][0][i, j] for j in V] for i in V])
        power = S.mid()
        for _ in range(20):
            power = (power * power * (1 / (power * power).trace())).mid()
        v = (power * arb_mat([[1 + arb(i) / 97] for i in V])).mid()
        return bool((v.transpose() * S * v)[0, 0] >= bound * (v.transpose() * v)[0, 0])
def _sharp(model: Any, n: int, claims: Any) -> Iterator[Finding]:
    """The claims about the norms of one layer, with more and more functions until all are proved."""
    d, layer, boxes, most = model.projection.degree, model.layers[n], model.domains[n : n + 2], claims.functions + 12
    _needs(d + 2 < most <= MOST_FUNCTIONS, f"{most} functions are too few or too many", ValueError)
    size = min(d + 24, most) if layer.kind == "dense" and layer.noise[0].law == "truncated_gaussian" else most
    todo = [("upper", "Q_n M_n", 0, d + 1, claims.upper), ("upper", "M_n Q_(n+1)", 1, 0, claims.entrance_upper),
            ("upper", "Q_n M_n Q_(n+1)", 1, d + 1, claims.interior_upper), ("lower", "Q_n M_n", 0, d + 1, claims.lower),
            ("lower", "Q_n M_n Q_(n+1)", 1, d + 1, claims.interior_lower)]
    while todo:
        ctx.prec, key, tried = 128 + int(1.4 * size), repr((layer, boxes, size, d)), todo
        found = KNOWN[key] = KNOWN.get(key) or Galerkin(Curve(layer, *boxes), Law(layer.noise[0]), size, d)
        unit, todo = 1 / (found.curve.half if model.projection.measure == "uniform" else abs(found.curve.a)), []
        for side, name, which, first, claim in tried:
            proves, trivial = (found.at_most, claim == math.inf) if side == "upper" else (found.at_least, claim <= 0)
            good = trivial or (first == 0 and _is_bound(model, n, claim, True))
            good = good or (claim > 0 and proves(which, _ball(claim) ** 2 * unit, range(first, size)))
            todo += [] if good or size == most else [(side, name, which, first, claim)]
            line, why = f"layer {n}, {side} bound of ||{name}|| (24)", f"{claim!r} is not proved with {size} functions"
            yield from [Finding(CONFIRMED if good else FAILED, line, why)] if good or size == most else []
        size = min(size + size // 2, most)
# -- the whole argument ------------------------------------------------------------------------------------------
def _try(line: str, job: Callable[..., Any], *arguments: Any) -> list[Finding]:
    """What a job says about one line, or the lines that it finds."""
    before = ctx.prec
    try:
        return list(job(*arguments) or [Finding(CONFIRMED, line)])
    except (Unchecked, ValueError, ArithmeticError, TypeError) as error:
        return [Finding(UNCHECKED if isinstance(error, Unchecked) else FAILED, line, str(error))]
    finally:
        ctx.prec = before
def _check_layer(model: Any, n: int, claims: Any) -> Iterator[Finding]:
    if model.known:
        yield from _try(f"layer {n}, domain (2)", _check_domain, model.layers[n], *model.domains[n : n + 2])
        yield from _try(f"layer {n}, Hilbert-Schmidt norms (23)", _check_squares, model, n, claims)
        yield from _try(f"layer {n}, norm of Q_n M_n (24)", _sharp, model, n, claims) if claims.functions else ()
    for name, free in (("norm of Q_n M_n", model.known), ("dobrushin", claims.dobrushin in (None, 1.0)),
                       ("lipschitz", claims.lipschitz in (None, math.inf))):
        yield from () if free else [Finding(UNCHECKED, f"layer {n}, {name}", "another norm, measure or projection")]
def _check_contracts(layers: Any, decision: str) -> None:
    still = all(layer.entrance_upper == 0 for layer in layers[:-1]) or all(x.interior_upper < 1 for x in layers[1:])
    said = "proved" if still else "refuted" if any(x.interior_lower >= 1 for x in layers[1:]) else "undecided"
    _needs(said == decision, f"the bounds of the layers say {said}, the certificate {decision}", ValueError)
def _times(*factors: Any) -> Any:
    """The product of bounds; 0 where one of them is, whatever the others."""
    return arb(0) if any(x == 0 for x in factors) else math.prod(map(arb, factors), start=arb(1))
def _memory(layers: Any, n: int, m: int) -> Any:
    """What the layers say about ||K(n, m)||, (22)."""
    return _times(layers[n].entrance_upper, *(x.interior_upper for x in layers[n + 1 : m - 1]), layers[m - 1].upper)
def _follows(claimed: float, least: Any) -> None:
    good = claimed == math.inf or (claimed >= 0 and bool(least <= arb(claimed)))
    _needs(good, f"{claimed!r} is below what follows, {float(least)!r}", ValueError)
def _check_layers(content: Any) -> tuple[Any, list[Finding]]:
    """A certificate of layers, and what is found of its claims."""
    file = _layers(content)
    found = [one for n, claims in enumerate(file.layers) for one in _check_layer(file.model, n, claims)]
    found += _try("contraction (22)", _check_contracts, file.layers, file.contracts)
    for x in file.memory_bounds:
        found += _try(f"memory bound K({x.n}, {x.m}) (22)", _follows, x.bound, _memory(file.layers, x.n, x.m))
    for x in file.dobrushin_windows + file.lipschitz_windows:
        found.append(Finding(UNCHECKED, f"layers {x.n}..{x.m}", "bounds of several steps at once"))
    return file, found
def _check_noise(content: Any) -> Iterator[Finding]:
    """(28): one layer, alike in both certificates but for the level of its noise and the box that moves with it."""
    file, stated = _opened(content, "noise level"), list[Any]()
    _needs(0 < len(file.levels) < 3, "levels: one or two are wanted")
    for name, item in zip(("certified", "failing"), file.levels, strict=False):
        certificate, found = _check_layers(item.certificate)
        yield from (one._replace(line=f"{name} level, {one.line}") for one in found)
        model, (claims, *more) = certificate.model, certificate.layers
        noise = [(one.law, one.cutoff, one.scale == item.level) for one in getattr(model.layers[0], "noise", ())]
        stated.append((model.projection, (model.domains or [()])[0], vars(model.layers[0]) | {"noise": noise}))
        first, alike = item is file.levels[0], all(same for *_, same in noise) and stated[-1] == stated[0] and not more
        good = claims.upper <= file.kappa if first else claims.lower > file.kappa and item.level < file.levels[0].level
        why = f"the norm is in [{claims.lower!r}, {claims.upper!r}], or this is another layer or level"
        yield Finding(CONFIRMED if good and alike else FAILED, f"{name} level (28)", why)
def _check_range(polynomial: Any, box: Any) -> None:
    """The observable stays in its range on the box of the last state: the ranges of its terms, added."""
    _needs(polynomial.terms is not None, "an observable that is no polynomial", Unchecked)
    low = high = Fraction(0)
    for term in polynomial.terms:
        _needs(len(term.powers) == len(box), "an observable of another dimension", ValueError)
        ends = [term.coefficient]
        for (lo, hi), p in zip(box, term.powers, strict=True):
            ends = [x * y**p for x in (min(ends), max(ends)) for y in (lo, hi, sorted((lo, Fraction(0), hi))[1])]
        low, high = low + min(ends), high + max(ends)
    inside = polynomial.range[0] <= low and high <= polynomial.range[1]
    _needs(inside, "a range narrower than those of the terms", Unchecked if polynomial.terms[1:] else ValueError)
def _check_reduction(content: Any) -> Iterator[Finding]:
    """(29): ||M_0 Q_1|| kappa'_1 ... kappa'_{H-1} ||Q_H q_H||; (30): the triangular system of the errors, in norms."""
    file, half, size, terms = _opened(content, "reduction"), arb(0), arb(0), list[Any]()
    certificate, found = _check_layers(file.certificate)
    layers, model, depth = certificate.layers, certificate.model, len(certificate.layers)
    yield from found + ([] if model.known else [Finding(UNCHECKED, "errors (29), (30)", "another norm or projection")])
    for item in file.observables if model.known else ():
        yield from _try("range of an observable", _check_range, item, model.domains[-1])
        lo, hi = map(arb, item.range)
        half, size, terms = half.max((hi - lo) / 2), size.max(-lo).max(hi), [*terms, *(item.terms or [None])]
    resolved = all(term is not None and sum(term.powers) <= model.projection.degree for term in terms)
    volumes = [_ball(math.prod((hi - lo for lo, hi in box), start=Fraction(1))).sqrt() for box in model.domains or ()]
    masses = volumes if model.projection.measure == "lebesgue" else [arb(1)] * (depth + 1)
    # ||Q_n q_n|| <= osc(u)/2, and <= ||Q_n M_n|| osc(u)/2 because M_n 1 = 1; at the end it is 0 if Q_L u = 0.
    tails = [(half * masses[n]).min(_times(layer.upper, half, masses[n + 1])) for n, layer in enumerate(layers)]
    tails, inner = [*tails, arb(0) if resolved else half * masses[-1]], [layer.interior_upper for layer in layers]
    claimed = {(item.length, item.n): item.bound for item in file.truncations}
    wanted = [(T, n) for T in sorted({T for T, _ in claimed}) for n in range(depth)]
    good = list(claimed) == wanted and len(claimed) == len(file.truncations) and (0, 0) not in claimed
    good = good and [item.depth for item in file.a_priori] == list(range(1, depth + 1)) and file.observables
    _needs(good, "observables, a_priori, truncations: some are missing or out of order")
    for H, item in enumerate(file.a_priori if model.known else (), 1):
        least = _times(layers[0].entrance_upper, *inner[1:H], tails[H])
        yield from _try(f"a-priori bound of depth {H} (29)", _follows, item.bound, least)
    for T, n in wanted if model.known else ():
        # b_n >= ||M_n|| b_{n+1} + sum ||K(n, m)|| (b_m, or ||c_m|| where m > n + T) + ||r_n||, and b_L = 0.
        first, b = layers[n], [arb(claimed.get((T, m), 0)) if m <= n + T else size * x for m, x in enumerate(masses)]
        least = _times(first.operator_upper, b[n + 1]) + _times(first.entrance_upper, *inner[n + 1 :], tails[-1])
        least += sum((_times(_memory(layers, n, m), b[m]) for m in range(n + 2, depth + 1)), arb(0))
        yield from _try(f"memory of length {T}, layer {n} (30)", _follows, claimed[T, n], least)
def check_text(text: str) -> list[Finding]:
    """Check the text of a certificate; BadFileError when it is no complete one."""
    before, ctx.prec = ctx.prec, BITS
    try:
        content, checks = json.loads(text), {"noise level": _check_noise, "reduction": _check_reduction}
        kind = content.get("kind") if isinstance(content, dict) else None
        found = list(checks[kind](content)) if kind in checks else _check_layers(content)[1]
        # A conclusion is worth no more than what comes before it, the bounds of other norms left out.
        loose = accumulate((x[0] == UNCHECKED and not any(name in x[1] for name in OTHERS) for x in found), max)
        weak = [bad and x[0] == CONFIRMED and x[1].endswith(FOLLOWS) for x, bad in zip(found, loose, strict=True)]
        return [Finding(UNCHECKED, x[1], "it rests on such claims") if bad else x for x, bad in zip(found, weak)]  # noqa: B905
    except (ValueError, RecursionError, TypeError) as error:
        raise BadFileError(f"this is no certificate: {error}") from None
    finally:
        ctx.prec = before
def run(path: str, allow_unchecked: bool = False, say: Callable[[str], object] = print) -> int:
    """Check a file, say what was found, and return the exit code."""
    try:
        with open(path, encoding="utf-8") as file:
            found = check_text(file.read())
    except (OSError, UnicodeDecodeError, BadFileError) as error:
        say(f"{path}: refused: {error}")
        return 2
    for one in (one for one in found if one.status != CONFIRMED):
        say(f"{one.status}: {one.line}: {one.why}")
    counts = {status: sum(one.status == status for one in found) for status in (CONFIRMED, FAILED, UNCHECKED)}
    say(f"{path}: " + ", ".join(f"{count} {status}" for status, count in counts.items()))
    return 1 if counts[FAILED] or (counts[UNCHECKED] and not allow_unchecked) else 0

if __name__ == "__main__":
    files = [argument for argument in sys.argv[1:] if argument != "--allow-unchecked"]
    sys.exit(run(files[0], "--allow-unchecked" in sys.argv) if len(files) == 1 else 2)
