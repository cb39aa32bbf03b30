#!/usr/bin/env python3
"""Check a certificate file of mzsym: ``python checker.py FILE [--allow-unchecked]``.

One file that needs Python and python-flint only, and shares no code with the program that found the bounds. It proves
every claim again in ball arithmetic and says which line fails; numbers are those of mzsym's docs/mathematics.md. Notes
(reasons, words, versions, estimates) are no claims. Exit codes: 0 every claim is confirmed; 1 one is not, or cannot be
checked here (unless --allow-unchecked); 2 the file is unreadable, incomplete or does not fit its digests.
"""

# fmt: off
from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, NamedTuple

from flint import acb, arb, arb_mat, ctx, fmpq

BITS, BOXES, NODES, MOST_FUNCTIONS, MOST_PANELS = 192, 20_000, 80, 700, 4000
"""Precision; boxes for one side of a domain; nodes of one Gauss rule; Legendre functions; panels."""
CONFIRMED, FAILED, UNCHECKED = "confirmed", "NOT CONFIRMED", "not checked"

class BadFileError(Exception):
    """The file is no complete certificate."""
class Unchecked(Exception):
    """The claim is outside of what this program can check."""

class Finding(NamedTuple):
    """What came of one line of the argument."""
    status: str
    line: str
    why: str = ""

# -- reading: forms say what stands where, and every key is needed ------------------------------------------------
CLAIM = (
    "As operators from L^2(Omega_{n+1}) to L^2(Omega_n) in the stated measure, for all n: upper and lower bound the "
    "norm of Q_n M_n, interior_upper and interior_lower that of Q_n M_n Q_{n+1}, entrance_upper that of M_n Q_{n+1}, "
    "operator_upper that of M_n; memory_bounds those of K(n, m). dobrushin bounds the factor by which M_n shrinks "
    "oscillations, lipschitz the Lipschitz constant of F_n, windows that of several layers. Estimates are not proved."
)
PAIR, WINDOWS, MAYBE = ("bound", "bound"), [{"n": int, "m": int, "bound": "bound", "method": str}], "exact or null"
GUESS = {"value": "bound", "error": "bound", "second": "bound", "degrees": int, "standing": {"estimated"}, None: None}
SCALES = {"uniform": 1, "gaussian": 1, "laplace": 1, "truncated_gaussian": 2}
OTHER, DENSE = {"kind": {"other"}, "what": str}, {
    "kind": {"dense"}, "W": [["exact"]], "b": ["exact"], "activation": str, "slope": MAYBE, "step": MAYBE,
    "noise": [{"law": str, "scale": MAYBE, "cutoff": MAYBE}],
}
LAYER = {
    "n": int, "noise": str, "upper": "bound", "lower": "bound", "functions": int, "operator_upper": "bound",
    "method": {"hilbert_schmidt", "sharp", "dobrushin", "none"}, "standing": {"proved", "estimated"}, "reason": str,
    "interior_upper": "bound", "interior_lower": "bound", "interior_estimate": GUESS, "estimate": GUESS,
    "entrance_upper": "bound", "dobrushin": "bound or null", "dobrushin_reason": str, "lipschitz": "bound or null",
    "lipschitz_reason": str, "rests_on": {"density_norm_squared": PAIR, "volume_next": PAIR, "measure_ratio": PAIR},
}
CERTIFICATE = {
    "format": {"mzsym certificate"}, "format_version": int, "claim": {CLAIM}, "model": {
        "network_sha256": str, "layers": [dict], "domains": [[("exact", "exact")], None],
        "projection": {"family": str, "degree": int, "measure": str},
    }, "model_digest": str, "model_sha256": str, "projection": str, "measure": str, "layers": [LAYER], "method":
    {"auto", "hilbert_schmidt", "sharp", "dobrushin", "lipschitz"}, "dobrushin_windows": WINDOWS, "lipschitz_windows":
    WINDOWS, "memory_bounds": [{"n": int, "m": int, "bound": "bound"}], "versions": dict, "sha256": str,
    "contracts": {"decision": {"proved", "refuted", "undecided"}, "why": str},
}

def _read(value: Any, form: Any, where: str) -> Any:
    """The value in a form: objects as namespaces, parameters as fractions, bounds as floats."""
    if value is None and (None in form if isinstance(form, (dict, list)) else "null" in str(form)):
        return None
    if isinstance(form, dict):
        wanted = set(form) - {None}
        odd = sorted(map(str, wanted ^ set(value))) if isinstance(value, dict) else ["all"]
        _needs(not odd, f"{where}: missing or unknown: {', '.join(odd)}")
        return SimpleNamespace(**{key: _read(value[key], form[key], f"{where}, {key}") for key in sorted(wanted)})
    if isinstance(form, (list, tuple)):
        good = isinstance(value, list) and not (isinstance(form, tuple) and len(value) != len(form))
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

def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

def _needs(good: Any, why: str, kind: type[Exception] = BadFileError) -> None:
    if not good:
        raise kind(why)

def _certificate(content: Any) -> Any:
    """The certificate, complete and fitting its digests."""
    found = _read(content, CERTIFICATE, "certificate")
    unsealed = _digest({key: value for key, value in content.items() if key != "sha256"})
    _needs(found.format_version == 3, "format_version: this program reads version 3")
    _needs(found.sha256 == unsealed, "sha256: the digest does not fit the content")
    model, depth, kind = found.model, len(found.layers), found.model.projection
    fits = found.model_digest == _digest(content["model"]) and found.model_sha256 == model.network_sha256
    _needs(fits, "model: its digests do not fit it")
    forms = [OTHER if layer.get("kind") == "other" else DENSE for layer in model.layers]
    pairs = enumerate(zip(model.layers, forms, strict=True))
    model.layers = [_read(layer, form, f"model, layer {n}") for n, (layer, form) in pairs]
    counts = {len(model.layers), depth if model.domains is None else len(model.domains) - 1}
    _needs(depth > 0 and counts == {depth}, "layers: the model has another number of layers or boxes")
    _needs(all(box and all(lo < hi for lo, hi in box) for box in model.domains or ()), "domains: a box is empty")
    words = {"legendre": f"Legendre polynomials of total degree <= {kind.degree}", "mean": "the mean over the box"}
    model.known = kind.measure in ("uniform", "lebesgue") and kind.family in words and model.domains is not None
    fits = found.measure == kind.measure and not (model.known and found.projection != words[kind.family])
    _needs(fits and not (kind.family == "mean" and kind.degree), "projection, measure: they are not those of the model")
    for n, (claims, layer) in enumerate(zip(found.layers, model.layers, strict=True)):
        estimated = found.method == "sharp" and claims.upper == math.inf
        sharp = claims.method == "sharp" and claims.upper < math.inf
        fits = claims.n == n and (claims.standing == "estimated") == estimated and (claims.functions > 0) == sharp
        _needs(fits, f"layer {n}: its number, standing or functions are not those of its place")
        if layer.kind == "dense":
            rows = {len(row) for row in layer.W}
            fits = len(rows) == 1 and rows != {0} and {len(layer.W), len(layer.noise)} == {len(layer.b)}
            _needs(fits, f"model, layer {n}: the shapes of its arrays do not fit")
            positive = [(one.scale, one.cutoff)[: SCALES.get(one.law, 0)] for one in layer.noise]
            fits = all(value is not None and value > 0 for scales in positive for value in scales)
            _needs(fits, f"model, layer {n}: noise needs a positive scale")
    wanted = [(n, m) for n in range(depth - 1 if depth <= 16 else 1) for m in range(n + 2, depth + 1)]
    _needs([(one.n, one.m) for one in found.memory_bounds] == wanted, "memory_bounds: some are missing or out of order")
    return found

# -- functions in balls ------------------------------------------------------------------------------------------
def _ball(value: Fraction | float | int) -> Any:
    """The exact number, at working precision; infinity is one."""
    exact = Fraction(0 if value == math.inf else value)
    return arb(math.inf) if value == math.inf else arb(fmpq(exact.numerator, exact.denominator))

def _sigmoid(x: Any) -> Any:
    return x.exp() / (1 + x.exp())

def _normal(x: Any) -> Any:
    return (1 + (x / arb(2).sqrt()).erf()) / 2

SMOOTH: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "identity": (lambda x: x, lambda x: x * 0 + 1),
    "tanh": (lambda x: x.tanh(), lambda x: 1 / x.cosh() ** 2),
    "sigmoid": (_sigmoid, lambda x: _sigmoid(x) * _sigmoid(-x)),
    "softplus": (lambda x: x.exp().log1p(), _sigmoid),
    "erf": (lambda x: x.erf(), lambda x: 2 * (-x * x).exp() / arb.pi().sqrt()),
    "arctan": (lambda x: x.atan(), lambda x: 1 / (1 + x * x)),
    "sin": (lambda x: x.sin(), lambda x: x.cos()),
    "cos": (lambda x: x.cos(), lambda x: -x.sin()),
    "exp": (lambda x: x.exp(), lambda x: x.exp()),
    "gelu": (lambda x: x * _normal(x), lambda x: _normal(x) + x * (-x * x / 2).exp() / (2 * arb.pi()).sqrt()),
    "silu": (lambda x: x * _sigmoid(x), lambda x: _sigmoid(x) * (1 + x * _sigmoid(-x))),
}
"""Analytic activations, of real balls, and their derivatives, of real or complex ones: finite where analytic."""
BROKEN: dict[str, tuple[Callable[[Fraction, Fraction], Fraction], tuple[int, ...]]] = {
    "relu": (lambda x, _: max(x, Fraction(0)), (0,)),
    "leaky_relu": (lambda x, slope: x if x > 0 else slope * x, (0,)),
    "abs": (lambda x, _: abs(x), (0,)),
    "hardtanh": (lambda x, _: min(max(x, Fraction(-1)), Fraction(1)), (-1, 1)),
    "identity": (lambda x, _: x, ()),
}
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
        if least > 0:
            return False
        if sign * (value - bound) <= 0 or least + sign * moved <= 0:
            continue
        signs = [sign if s >= 0 else -sign if s <= 0 else 0 for s in slope]
        ends = [side if e == 0 else (side[e > 0],) * 2 for e, side in zip(signs, sides, strict=True)]
        if any(lo < hi and e for (lo, hi), e in zip(sides, signs, strict=True)):
            todo.append(ends)
            continue
        widest = max(range(len(sides)), key=lambda i: float(sides[i][1] - sides[i][0]))
        (lo, hi), cut = sides[widest], middle[widest]
        if not lo < cut < hi:
            return False
        todo += [[*sides[:widest], part, *sides[widest + 1 :]] for part in ((lo, cut), (cut, hi))]
    return False

def _check_component(layer: Any, i: int, here: Any, lo: Fraction, hi: Fraction) -> None:
    """Component i of F(here) lies in [lo, hi]; F_i = e x_i + h act(w x_i + rest)."""
    name, still = layer.activation, layer.step is None
    row = [Fraction(0) if j == i and not still else w for j, w in enumerate(layer.W[i])]
    low = high = layer.b[i]
    for v, side in zip(row, here, strict=True):
        low, high = low + min(v * side[0], v * side[1]), high + max(v * side[0], v * side[1])
    if name in BROKEN and still:
        g, breaks = BROKEN[name]
        values = [g(x, layer.slope) for x in (low, high, *(Fraction(p) for p in breaks if low < p < high))]
        _needs(lo <= min(values) <= max(values) <= hi, f"component {i} leaves the next box", ValueError)
        return
    _needs(name in SMOOTH, f"the activation {name!r}" + ("" if still else " of a residual layer"), Unchecked)
    act, slope = SMOOTH[name]
    e, h, w = map(_ball, (0, 1, 0) if still else (1, layer.step, layer.W[i][i]))
    box = [(_ball(a).lower(), _ball(b).upper()) for a, b in ((0, 0) if still else here[i], (low, high))]

    maps = lambda x, r: (e * x + h * act(w * x + r), [e + w * h * slope(w * x + r), h * slope(w * x + r)])  # noqa: E731
    for sign, end in ((1, hi), (-1, lo)):
        beyond = still and name in ("sin", "cos") and sign * end >= 1
        good = beyond or _at_most(sign, maps, box, _ball(end))
        _needs(good, f"component {i} is not proved to stay on this side of {float(end)!r}", ValueError)

def _check_domain(layer: Any, here: Any, following: Any) -> None:
    """F(here) + supp rho lies in the next box, (2)."""
    _needs(layer.kind == "dense", getattr(layer, "what", ""), Unchecked)
    fits = len(layer.W[0]) == len(here) and len(layer.b) == len(following)
    _needs(fits, "the shapes of weights and boxes do not fit", ValueError)
    for i, ((lo, hi), noise) in enumerate(zip(following, layer.noise, strict=True)):
        factors = {"deterministic": 0, "uniform": 1, "truncated_gaussian": noise.cutoff}
        _needs(noise.law in factors, f"the support of {noise.law} noise", Unchecked)
        reach = factors[noise.law] * (noise.scale or Fraction(0))
        _check_component(layer, i, here, lo + reach, hi - reach)

# -- Hilbert-Schmidt, (23) ---------------------------------------------------------------------------------------
def _square_norm(noise: Any) -> Any:
    """The integral of the squared density."""
    if noise.law not in SCALES:
        _needs(noise.law == "deterministic", f"the noise law {noise.law!r}", Unchecked)
        return _ball(math.inf)
    s, c = _ball(noise.scale), _ball(noise.cutoff or 1)
    cut = c.erf() / (c / arb(2).sqrt()).erf() ** 2 if noise.law == "truncated_gaussian" else 1
    return {"uniform": 1 / (2 * s), "laplace": 1 / (4 * s)}.get(noise.law, cut / (2 * arb.pi().sqrt() * s))

def _squares(model: Any, n: int) -> tuple[Any, Any, Any]:
    """||rho||^2, vol(Omega_{n+1}) and r_n."""
    _needs(model.layers[n].kind == "dense", getattr(model.layers[n], "what", ""), Unchecked)
    density = math.prod((_square_norm(noise) for noise in model.layers[n].noise), start=arb(1))
    here, after = (math.prod((hi - lo for lo, hi in box), start=Fraction(1)) for box in model.domains[n : n + 2])
    return density, _ball(after), _ball(here / after if model.projection.measure == "lebesgue" else 1)

def _is_bound(model: Any, n: int, claimed: float, constants: bool) -> bool:
    """Whether ||M_n||_HS, or ||Q_n M_n||_HS where the constants are resolved, is at most what is claimed."""
    density, volume, ratio = _squares(model, n)
    return claimed >= 0 and bool(ratio * (density * volume - (1 if constants else 0)) <= _ball(claimed) ** 2)

def _check_squares(model: Any, n: int, claims: Any) -> None:
    """What these norms say, and what they rest on."""
    names = ("density_norm_squared", "volume_next", "measure_ratio")
    for name, value in zip(names, _squares(model, n), strict=True):
        low, high = getattr(claims.rests_on, name)
        _needs(_ball(low) <= value and value <= _ball(high), f"{name} is not in [{low!r}, {high!r}]", ValueError)
    below = claims.lower > 0 or claims.interior_lower > 0
    _needs(claims.functions or not below, "Hilbert-Schmidt norms give no lower bounds", ValueError)
    names = ("entrance_upper", "upper", "interior_upper")
    for name in ("operator_upper", *(() if claims.functions else names)):
        good = _is_bound(model, n, getattr(claims, name), name != "operator_upper")
        _needs(good, f"{name} = {getattr(claims, name)!r} does not follow", ValueError)

# -- sharp norms in dimension one, (24) --------------------------------------------------------------------------
class Curve:
    """t -> F(c + a t) on [-1, 1], proved increasing (a mirrored map has the same norms)."""

    def __init__(self, layer: Any, here: Any, following: Any) -> None:
        fits = layer.kind == "dense" and len(here) == len(following) == 1 and layer.activation in SMOOTH
        fits = fits and layer.noise[0].law == "uniform"
        _needs(fits, "it takes dimension one, a dense layer, an analytic activation and uniform noise", Unchecked)
        ((lo, hi),), ((low, high),) = here, following
        self.act, self.act_slope = SMOOTH[layer.activation]
        self.c, self.a, self.w, self.b = map(_ball, ((lo + hi) / 2, (hi - lo) / 2, layer.W[0][0], layer.b[0]))
        self.h = None if layer.step is None else _ball(layer.step)
        self.middle, self.half = _ball((low + high) / 2), _ball((high - low) / 2)
        self.shift = 2 * _ball(layer.noise[0].scale)
        self.a, self.steepest = -self.a if self.slope(arb(0)) < 0 else self.a, arb(0)
        for j in range(-257, 257):
            # A little beyond [-1, 1]; (1 - t^2) F' is bounded.
            t = arb.union(arb(j), arb(j + 1)) / 256
            _needs(self.slope(t) > 0, "a map that is not proved to be strictly monotone", Unchecked)
            self.steepest = self.steepest.max(((1 - t * t) * self.slope(t)).upper())

    def value(self, t: Any) -> Any:
        x = self.c + self.a * t
        z = self.act(self.w * x + self.b)
        return z if self.h is None else x + self.h * z

    def slope(self, t: Any) -> Any:
        z = self.w * self.act_slope(self.w * (self.c + self.a * t) + self.b)
        return self.a * (z if self.h is None else 1 + self.h * z)

    def preimage(self, z: Any, guess: Any) -> Any:
        """The real T with F(T) = z, enclosed; z in F([-1, 1])."""
        T, lo, hi = guess, arb(-1), arb(1)
        for _ in range(300):
            # Newton inside of a shrinking bracket; what comes of it is verified below.
            miss = (self.value(T) - z).mid()
            lo, hi = (T, hi) if miss < 0 else (lo, T)
            new = (T - miss / self.slope(T)).mid()
            new = new if lo <= new <= hi else ((lo + hi) / 2).mid()
            step, T = abs(new - T), new
            if step < arb(2) ** (30 - ctx.prec):
                break
        radius = (arb(2) ** (40 - ctx.prec) * (1 + 1 / self.slope(T))).upper()
        # Between the signs, as F rises a little beyond [-1, 1].
        good = radius < arb(2) ** -40 and self.value(T - radius) < z and self.value(T + radius) > z
        _needs(good, "an argument is not enclosed", ValueError)
        return arb.union(T - radius, T + radius)

    def preimages(self, Z: Any, T: Any, reach: Any) -> Any:
        """A complex box with F^{-1}(Z), by Krawczyk's operator around T: unique and hence analytic; or None."""
        c = self.slope(T)
        r = 2 * reach / abs(c)
        square = acb(arb.union(T - r, T + r), arb.union(-r, r))
        q = 1 - self.slope(square) / c
        if not q.is_finite() or not q.abs_upper() < arb(0.5):
            return None
        image = T - (self.value(T) - Z) / c + q * (square - T)
        inside = square.real.contains_interior(image.real) and square.imag.contains_interior(image.imag)
        return image if inside else None

def _ellipse(box: Any) -> Any:
    """beta >= 1 such that |P_i(u)| <= beta^i on the box: |u - 1| + |u + 1| <= beta + 1/beta."""
    y, most = box.imag.abs_upper(), arb(2)
    for x in (box.real.lower(), box.real.upper()):
        most = most.max((((x - 1) ** 2 + y * y).sqrt() + ((x + 1) ** 2 + y * y).sqrt()).upper())
    return ((most + (most * most - 4).max(arb(0)).sqrt()) / 2).upper()

def _legendre(x: Any, count: int) -> list[Any]:
    """P_0..P_{count-1} at a ball."""
    table = [arb(1), x]
    for n in range(1, count - 1):
        table.append(((2 * n + 1) * x * table[n] - n * table[n - 1]) / (n + 1))
    return table[:count]

class Galerkin:
    """Balls for the matrices of 4 s^2 M M*, 4 s^2 M (I - P') M* and those of (24c), degrees 0..k-1."""

    def __init__(self, curve: Curve, k: int, degree: int) -> None:
        self.curve, self.k, self.d = curve, k, degree
        self.norms = [1 / (2 * arb(2 * i + 1)).sqrt() for i in range(k)]
        self.ends = [(arb(2 * i + 1) / (2 * curve.half)).sqrt() for i in range(degree + 1)]
        self.bits = 110 + int(max(0.0, -4 * math.log2(float(curve.shift))))
        self.lost, self.edge, self.panels, self.rules = arb(0), arb(0), 0, dict[int, list[Any]]()
        self.rows: list[tuple[list[Any], list[Any], list[Any]]] = []
        for lo, hi, shifts in self._pieces():
            self._integrate([(lo, hi)], shifts)
        self.matrices = self._matrices()

    def _pieces(self) -> Iterator[tuple[Any, Any, tuple[int, ...]]]:
        """Stretches on which F + 2s and F - 2s stay inside or outside of the range of F; the slivers are counted."""
        f, two_s, one = self.curve, self.curve.shift, arb(1)
        bottom, top = f.value(-one), f.value(one)
        self.overlap = bool(two_s < top - bottom)
        _needs(self.overlap or two_s >= top - bottom, "noise just as wide as the range of the map", Unchecked)
        inner = [f.preimage(z, arb(0)) for z in ((top - two_s, bottom + two_s) if self.overlap else ())]
        above, below = inner or (-one, one)
        cuts = sorted(((cut.lower(), cut.upper()) for cut in (-one, *inner, one)), key=lambda cut: cut[0])
        for (_, lo), (hi, _) in pairwise(cuts):
            _needs(lo < hi, "break points too close to each other", Unchecked)
            yield lo, hi, (0, *((1,) if hi <= above.lower() else ()), *((-1,) if lo >= below.upper() else ()))
        for lo, hi in cuts:
            # |Phi_i| < 1.5, |D_j| < 8, |E_l| <= 2 max |e_l| at real points.
            slope = f.slope(arb.union(lo, hi)).abs_upper()
            self.lost += ((hi - lo) * slope * (1 + slope) * (8 + 2 * self.ends[-1]) ** 2).upper()

    def _integrate(self, todo: list[tuple[Any, Any]], shifts: tuple[int, ...]) -> None:
        """Gauss's rule on panels, halved until its error (24g) is proved to be small."""
        while todo:
            self.panels += 1
            _needs(self.panels <= MOST_PANELS, "the quadrature takes too many panels", ValueError)
            lo, hi = todo.pop()
            middle, h = (lo + hi) / 2, (hi - lo) / 2
            found = self._plan(middle.mid(), h.upper(), shifts)
            if found is None:
                todo += [(lo, middle.mid()), (middle.mid(), hi)]
                continue
            count, size, images = found
            self.lost += (12 * h * size * arb(9) ** -count).upper()
            if count not in self.rules:
                self.rules[count] = [arb.legendre_p_root(count, j, weight=True) for j in range(count)]
            for x, weight in self.rules[count]:
                self._node(middle + h * x, weight * h, images)

    def _plan(self, middle: Any, h: Any, shifts: tuple[int, ...]) -> tuple[int, Any, dict[int, Any]] | None:
        """Nodes, a bound of the integrands on the ellipse with half-axes 5h/3, 4h/3, and where F^{-1}(F + 2s e) is."""
        f, images, sizes = self.curve, {}, arb(2)
        around = acb(arb.union(middle - h * 5 / 3, middle + h * 5 / 3), arb.union(-h * 4 / 3, h * 4 / 3))
        slope, z = f.slope(around), f.value(middle)
        moved = slope * (around - middle)
        if not slope.is_finite():
            return None
        for e in shifts:
            image = around
            if e:
                images[e] = f.preimage(z + e * f.shift, middle).mid()
                image = f.preimages(z + e * f.shift + moved, images[e], moved.abs_upper() + arb(2) ** -60)
                if image is None:
                    return None
            sizes += (2 if e else 4) * _ellipse(image) ** self.k
        y = (z + moved + arb.union(-f.shift, f.shift) / 2 - f.middle) / f.half
        sizes += 2 * self.ends[-1] * _ellipse(y) ** self.d
        m = slope.abs_upper()
        size = (m * sizes * (2 * _ellipse(around) ** self.k + m * sizes * (1 - around * around).abs_upper())).upper()
        if not size.is_finite():
            return None
        count = 8 * max(1, math.ceil((float(size.log()) / math.log(2) + self.bits) / (8 * 3.16)))
        return (count, size, images) if count <= NODES else None

    def _primitives(self, t: Any) -> list[Any]:
        """Phi_0..Phi_{k-1}: integrals from -1."""
        P = _legendre(t, self.k + 1)
        return [((P[i + 1] - P[i - 1]) if i else (t + 1)) * self.norms[i] for i in range(self.k)]

    def _node(self, t: Any, weight: Any, images: dict[int, Any]) -> None:
        f = self.curve
        z, slope, phi = f.value(t), f.slope(t), self._primitives(t)
        D = [-2 * one for one in phi]
        for e, guess in images.items():
            D = [a + b for a, b in zip(D, self._primitives(f.preimage(z + e * f.shift, guess)), strict=True)]
        if 1 not in images:
            D[0] += arb(2).sqrt()
            self.edge += weight * slope * phi[0]
        up, down = (_legendre((z + e * f.shift / 2 - f.middle) / f.half, self.d + 1) for e in (1, -1))
        Z = D + [norm * (a - b) for norm, a, b in zip(self.ends, up, down, strict=True)]
        g = weight * (1 - t * t) * slope * slope
        self.rows.append(([weight * slope * one for one in phi], Z, [g * one for one in Z]))

    def _matrices(self) -> list[tuple[Any, Any]]:
        """(S, B) of M M* and of M (I - P') M*, with the error of the rules in every entry."""
        f, k, d, n = self.curve, self.k, self.d, self.k + self.d + 1
        error = arb.union(-4 * self.lost, 4 * self.lost)
        U, Z, G = (arb_mat([row[i] for row in self.rows]) for i in range(3))
        left, gram = U.transpose() * Z, Z.transpose() * G
        S = [[error - left[i, j] for j in range(n)] for i in range(k)]
        # The primitive of p_0 does not vanish at 1: S_0j = S_j0, and the terms at the end for S_00 and the averages.
        S[0][:k] = [row[0] for row in S]
        S[0][0] += 2 * f.shift - arb(2).sqrt() * self.edge
        up, down = ([*_legendre((f.value(arb(1)) + e * f.shift / 2 - f.middle) / f.half, d + 2), 0] for e in (1, -1))
        for i in range(d + 1):
            average = up[i + 1] - down[i + 1] - (up[i - 1] - down[i - 1])
            S[0][k + i] += arb(2).sqrt() * self.ends[i] * f.half * average / (2 * i + 1)
        B = arb_mat([[error + gram[i, j] for j in range(k)] for i in range(k)])
        O = arb_mat([row[k:] for row in S])  # noqa: E741
        X = arb_mat([[error + gram[i, j] for j in range(k, n)] for i in range(k)])
        Y = arb_mat([[error + gram[i, j] for j in range(k, n)] for i in range(k, n)])
        whole, mixed = arb_mat([row[:k] for row in S]), O * X.transpose()
        return [(whole, B), (whole - O * O.transpose(), B - mixed - mixed.transpose() + O * Y * O.transpose())]

    def at_most(self, which: int, bound: Any, V: range) -> bool:
        """Whether ||K|| <= bound on the degrees of V and above: the Schur complement (24d), lambda the bound."""
        (S, B), k = self.matrices[which], self.k
        mu = (4 if self.overlap else 2) * self.curve.steepest / (k * (k + 1))
        if not bound > mu:
            return False
        weighted = arb_mat([[S[i, j] * (j * (j + 1)) for j in range(k)] for i in V])
        product = weighted * arb_mat([[S[i, j] for j in V] for i in range(k)])
        factor, first = 1 / (k * (k + 1) * (bound - mu)), V[0]
        rest = [[-S[i, j] - factor * (B[i, j] - product[i - first, j - first]) for j in V] for i in V]
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

KNOWN: dict[str, Galerkin] = {}

def _sharp(model: Any, n: int, claims: Any) -> Iterator[Finding]:
    """The five claims about one layer."""
    # A few more functions than the finder took: mu is coarser here.
    k, d, layer, boxes = claims.functions + 12, model.projection.degree, model.layers[n], model.domains[n : n + 2]
    _needs(d + 2 < k <= MOST_FUNCTIONS, f"{k} functions are too few or too many", ValueError)
    ctx.prec = 128 + int(1.4 * k)
    key, V = repr((layer, boxes, k, d)), range(d + 1, k)
    KNOWN[key] = found = KNOWN[key] if key in KNOWN else Galerkin(Curve(layer, *boxes), k, d)
    curve = found.curve
    unit = curve.shift**2 / (curve.half if model.projection.measure == "uniform" else abs(curve.a))
    for name, which, degrees, low, high in (
        ("Q_n M_n", 0, V, claims.lower, claims.upper),
        ("Q_n M_n Q_(n+1)", 1, V, claims.interior_lower, claims.interior_upper),
        ("M_n Q_(n+1)", 1, range(k), 0.0, claims.entrance_upper),
    ):
        good = high == math.inf or (not degrees[0] and _is_bound(model, n, high, True))
        good = good or (high > 0 and found.at_most(which, _ball(high) ** 2 * unit, degrees))
        why = f"lambda - S - R/(lambda - mu) is not proved positive for the bound {high!r}"
        yield Finding(CONFIRMED if good else FAILED, f"layer {n}, upper bound of ||{name}|| (24d)", why)
        good = low <= 0 or found.at_least(which, _ball(low) ** 2 * unit, degrees)
        why = f"no function is found for which the norm is {low!r}"
        yield Finding(CONFIRMED if good else FAILED, f"layer {n}, lower bound of ||{name}|| (24)", why)

# -- the whole argument ------------------------------------------------------------------------------------------
def _try(line: str, job: Callable[..., Any], *arguments: Any) -> list[Finding]:
    """What a job says about one line, or the lines that it finds."""
    before = ctx.prec
    try:
        found = job(*arguments)
        return [Finding(CONFIRMED, line)] if found is None else list(found)
    except Unchecked as error:
        return [Finding(UNCHECKED, line, str(error))]
    except (ValueError, ArithmeticError, TypeError) as error:
        return [Finding(FAILED, line, str(error))]
    finally:
        ctx.prec = before

def _check_layer(certificate: Any, n: int, claims: Any) -> Iterator[Finding]:
    model, line = certificate.model, f"layer {n}, norm of Q_n M_n"
    if not model.known or claims.method == "dobrushin":
        why = f"{model.projection.family} projections, {model.projection.measure} measure, method {claims.method}"
        yield Finding(UNCHECKED, line, why)
    else:
        yield from _try(f"layer {n}, domain (2)", _check_domain, model.layers[n], *model.domains[n : n + 2])
        yield from _try(f"layer {n}, Hilbert-Schmidt norms (23)", _check_squares, model, n, claims)
        if claims.functions:
            yield from _try(f"{line} (24)", _sharp, model, n, claims)
    for name, nothing in (("dobrushin", 1.0), ("lipschitz", math.inf)):
        claimed = getattr(claims, name)
        if claimed is not None and claimed < nothing:
            yield Finding(UNCHECKED, f"layer {n}, {name}", "the bound of another norm")

def _check_contracts(layers: Any, decision: str) -> None:
    still = all(layer.entrance_upper == 0 for layer in layers[:-1])
    refuted = not still and any(layer.interior_lower >= 1 for layer in layers[1:])
    proved = still or all(layer.interior_upper < 1 for layer in layers[1:])
    said = "refuted" if refuted else "proved" if proved else "undecided"
    _needs(said == decision, f"the bounds of the layers say {said}, the certificate {decision}", ValueError)

def _check_memory(layers: Any, item: Any) -> None:
    inner = [layer.interior_upper for layer in layers[item.n + 1 : item.m - 1]]
    factors = [layers[item.n].entrance_upper, *inner, layers[item.m - 1].upper]
    if item.bound == math.inf or (0.0 in factors and item.bound >= 0):
        return
    good = math.inf not in factors and Fraction(item.bound) >= math.prod(map(Fraction, factors), start=Fraction(1))
    _needs(good, f"{item.bound!r} is below the product of the bounds of the layers", ValueError)

def check_text(text: str) -> list[Finding]:
    """Check the text of a certificate; BadFileError when it is no complete one."""
    try:
        certificate = _certificate(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise BadFileError(f"this is no JSON: {error}") from None
    layers, before, ctx.prec = certificate.layers, ctx.prec, BITS
    try:
        found = [one for n, claims in enumerate(layers) for one in _check_layer(certificate, n, claims)]
        found += _try("contraction (22)", _check_contracts, layers, certificate.contracts.decision)
        for item in certificate.memory_bounds:
            found += _try(f"memory bound K({item.n}, {item.m}) (22)", _check_memory, layers, item)
        for item in certificate.dobrushin_windows + certificate.lipschitz_windows:
            found.append(Finding(UNCHECKED, f"layers {item.n}..{item.m}", "bounds of several steps at once"))
        return found
    finally:
        ctx.prec = before

def run(path: str, allow_unchecked: bool = False, say: Callable[[str], object] = print) -> int:
    """Check a file, say what was found, and return the exit code."""
    try:
        with open(path, encoding="utf-8") as file:
            findings = check_text(file.read())
    except (OSError, UnicodeDecodeError, BadFileError) as error:
        say(f"{path}: refused: {error}")
        return 2
    for found in findings:
        if found.status != CONFIRMED:
            say(f"{found.status}: {found.line}: {found.why}")
    counts = {status: sum(found.status == status for found in findings) for status in (CONFIRMED, FAILED, UNCHECKED)}
    say(f"{path}: " + ", ".join(f"{count} {status}" for status, count in counts.items()))
    return 1 if counts[FAILED] or (counts[UNCHECKED] and not allow_unchecked) else 0

if __name__ == "__main__":
    files = [argument for argument in sys.argv[1:] if argument != "--allow-unchecked"]
    sys.exit(run(files[0], "--allow-unchecked" in sys.argv) if len(files) == 1 else 2)
