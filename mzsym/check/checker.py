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
from itertools import accumulate, pairwise, product
from types import SimpleNamespace
from typing import Any, NamedTuple

from flint import acb, arb, arb_mat, arb_poly, ctx, fmpq, fmpq_poly

BITS, BOXES, NODES, MOST_FUNCTIONS, MOST_PANELS, LOST, PARTS, ROUNDED = 192, 20_000, 96, 700, 8000, 56, 99, 160
"""Precision; boxes of a range; nodes of a rule; Legendre functions; panels; bits of rules; parts; bits of rows."""
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
# -- sharp norms in dimension one, (24): uniform and truncated Gaussian noise, analytic maps ------------------------
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
KNOWN: dict[Any, Any] = {}
class Galerkin:
    """Balls for the matrix S of M M* and of M (I - P') M* in degrees 0..k-1, and B of their derivatives (24c).
    f: t -> F(c + a t) is cut into monotone pieces. On short gaps where it may turn a straight line takes its place."""
    def __init__(self: Any, layer: Any, here: Any, following: Any, k: int, degree: int) -> None:
        ((lo, hi),), ((low, high),), (act, act_slope) = here, following, SMOOTH[layer.activation]
        c, a, w, b = map(_ball, ((lo + hi) / 2, (hi - lo) / 2, layer.W[0][0], layer.b[0]))
        e, h = (arb(0), arb(1)) if layer.step is None else (arb(1), _ball(layer.step))
        def f(t: Any) -> Any:
            return e * (c + a * t) + h * act(w * (c + a * t) + b)
        def slope(t: Any) -> Any:
            return a * (e + h * w * act_slope(w * (c + a * t) + b))
        self.f, self.slope, self.pieces, self.a, self.k, self.d, self.lost = f, slope, [], a, k, degree, arb(0)
        todo, last, self.moved = [(arb(-1), arb(1))], 0, arb(0)
        while todo:
            lo, hi = todo.pop()
            steep, cut = slope(arb.union(lo, hi)), ((5 * lo + 6 * hi) / 11).mid()
            sign = (steep > 0) - (steep < 0)
            if not sign and hi - lo > 2.0**-30:
                todo += [(cut, hi), (lo, cut)]
                continue
            _needs(len(self.pieces) < PARTS, "sharp norms of a map that turns so often or is flat", Unchecked)
            self.moved += 0 if sign else 2 * steep.abs_upper() * (hi - lo)
            lo = self.pieces.pop()[0][0] if sign and sign == last else lo
            self.pieces, last = [*self.pieces, ((lo, hi), (f(lo), f(hi)))], sign
        self.middle, self.half, noise = _ball((low + high) / 2), _ball((high - low) / 2), layer.noise[0]
        self.values = sorted((v for _, two in self.pieces for v in two), key=lambda v: v.mid())
        self.tau, self.s = _ball(noise.scale), _ball(noise.scale * (1 if noise.law == "uniform" else noise.cutoff))
        self.share = (self.s / self.tau / arb(2).sqrt()).erf()
        self.peak = 1 / (2 * self.s if noise.law == "uniform" else self.tau * (2 * arb.pi()).sqrt() * self.share)
        self.roots = [(arb(2 * i + 1) / 2).sqrt() for i in range(k)]
        self.scales = [(arb(2 * i + 1) / (2 * self.half)).sqrt() for i in range(degree + 1)]
        S, B, steep, rest = self.matrices()
        self.mu = (steep / (k * (k + 1))).upper()
        # What the gaps change: |kappa'| <= 2 peak^2, and |e_l| and |e_l'| for M P' M*.
        self.below = 8 * self.moved * (self.peak**2 + (degree + 1) ** 3 * self.scales[-1] ** 2 / self.half)
        self.above, error = self.below + rest, arb.union(-self.lost, self.lost)
        # Beside the p_j stand the M e_l of the e_l that the next layer resolves, which M (I - P') M* leaves out.
        S, B = ([[x + error for x in row] for row in A.tolist()] for A in (S, B))
        whole, C = (arb_mat([row[a:b] for row in S]) for a, b in ((0, k), (k, None)))
        out = arb_mat([[arb(i == j) for j in range(k)] + [-x for x in row] for i, row in enumerate(C.tolist())])
        self.pairs = [(whole, arb_mat([row[:k] for row in B[:k]])),
                      (whole - C * C.transpose(), out * arb_mat(B) * out.transpose())]
    def integrate(self: Any, lo: Any, hi: Any) -> None:
        """Gauss's rule (24g) on panels, cut until the integrands are proved analytic and not large around them."""
        todo, tried = [(lo, hi)], 0
        while todo:
            (lo, hi), tried = todo.pop(), tried + 1
            _needs(tried <= MOST_PANELS, "the quadrature takes too many panels", ValueError)
            error, half = 6 * (hi - lo).upper() * self.size(lo, hi), (hi - lo) / 2
            bits = float(error.log()) / math.log(2) if error.is_finite() else math.inf
            if bits > 3.1 * NODES - LOST:
                todo += [(lo, (lo + half).mid()), ((lo + half).mid(), hi)]
                continue
            count = max(4, math.ceil((bits + LOST) / 3.16))
            self.lost += (error * arb(9) ** -count).upper()
            key = count, ctx.prec
            KNOWN[key] = KNOWN.get(key) or [arb.legendre_p_root(count, j, weight=True) for j in range(count)]
            for x, weight in KNOWN[key]:
                self.node(lo + half + half * x, half * weight)
    def at_most(self, which: int, bound: Any, V: range) -> bool:
        """Whether ||K|| <= bound on the degrees of V and above: the Schur complement (24d), lambda the bound."""
        (S, B), k, bound = self.pairs[which], self.k, bound - self.above
        if not bound > self.mu:
            return False
        R = B - arb_mat([[x * (j * (j + 1)) for j, x in enumerate(row)] for row in S.tolist()]) * S
        rest = [[-S[i, j] - R[i, j] / (k * (k + 1) * (bound - self.mu)) for j in V] for i in V]
        for p, pivot in enumerate(rest):  # L D L' in balls, with D > 0
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
        S = arb_mat([[self.pairs[which][0][i, j] for j in V] for i in V])
        power = S.mid()
        for _ in range(20):
            power = (power * power * (1 / (power * power).trace())).mid()
        v = (power * arb_mat([[1 + arb(i) / 97] for i in V])).mid()
        return bool((v.transpose() * S * v)[0, 0] >= (bound + self.below) * (v.transpose() * v)[0, 0])
class Uniform(Galerkin):
    """Uniform noise on [-s, s]. With Xi_j(z) = int_{f < z} p_j, M* p_j (y) = (Xi_j(y + s) - Xi_j(y - s)) / 2s, and
    (M v)' = f' (v(f + s) - v(f - s)) / 2s: S_ij = int M* p_i M* p_j dy and B are integrals over z in one period 2s of
    sums over all z + 2s m. It is cut where pieces of f end; but for narrow strips there Xi is analytic in z."""
    def matrices(self) -> Any:
        step, values, self.rows, self.slopes = 2 * self.s, self.values, list[Any](), list[Any]()
        edges = sorted((v - ((v - values[0]) / step).mid().floor() * step for v in values), key=lambda v: v.mid())
        self.shifts = [m * step for m in range(int(float((values[-1] - values[0]) / step)) + 1)]
        self.ends = [tuple(map(self._primitives, piece[0])) for piece in self.pieces]
        steep, strip = arb(0), step / 2**50
        _needs(self.moved < strip, "sharp norms of a map that is almost flat somewhere", Unchecked)
        for (lo, hi), _ in self.pieces:
            cuts = [lo + (hi - lo) * j / PARTS for j in range(PARTS + 1)]
            steep += max(((1 - t * t) * self.slope(t)).abs_upper() for t in map(arb.union, cuts, cuts[1:]))
        size = (1 + len(self.shifts)) * (3 / self.s * len(self.pieces) + self.scales[-1]) ** 2 * (1 + steep / self.s**2)
        for lo, hi in pairwise([*edges, values[0] + step]):
            start, end = (lo + strip).upper(), (hi - strip).lower()
            self.lost += (start - lo + hi - end if start < end else abs(hi - lo)).upper() * size
            if start < end:
                _needs(all((start + end) / 2 + e != v for e in self.shifts for v in values), "too close", ValueError)
                self.integrate(start, end)
        with ctx.workprec(ROUNDED):
            S, B = (arb_mat([a for a, _ in rows]).transpose() * arb_mat([b for _, b in rows])
                    for rows in (self.rows, self.slopes))
        return S, B, steep / self.s**2, arb(0)  # (24b), with TV(rho) = 1/s and one t at most in a piece with f(t) = z
    def _preimage(self: Any, piece: Any, z: Any, guess: Any = None) -> Any:
        """The T of a piece with f(T) = z: bisection and Newton's iteration find it, Krawczyk's operator proves it."""
        ((lo, hi), (start, end)), T = piece, guess
        while guess is None and hi - lo > 2.0**-40:
            T = ((lo + hi) / 2).mid()
            lo, hi = (T, hi) if (self.f(T) < z) == (start < end) else (lo, T)
        for _ in range(ctx.prec.bit_length()):
            T = (T - (self.f(T) - z) / self.slope(T)).mid()
        box = self._continued(T, acb(z))
        _needs(box is not None and piece[0][0] < box.real < piece[0][1], "an argument is not enclosed", ValueError)
        return box.real
    def _continued(self: Any, T: Any, Z: Any) -> Any:
        """A complex box with f^{-1}(Z), by Krawczyk's operator around T: unique and hence analytic; or None."""
        c = self.slope(T)
        miss = (self.f(T) - Z) / c
        r = 2 * miss.abs_upper() + arb(2) ** (20 - ctx.prec)
        square = acb(arb.union(T - r, T + r), arb.union(-r, r))
        q = 1 - self.slope(square) / c
        image = T - miss + q * (square - T)
        return image if q.is_finite() and q.abs_upper() < 1 and square.contains_interior(image) else None
    def _primitives(self, t: Any) -> Any:
        """Phi_i(t) = int_{-1}^t p_i."""
        P = _legendre(t, self.k + 1)
        return arb_mat([[(P[i + 1] - (P[i - 1] if i else -1)) / 2 / self.roots[i] for i in range(self.k)]])
    def size(self, lo: Any, hi: Any) -> Any:
        near, self.guesses, boxes, G, z = _ellipse(lo, hi), list[Any](), list[Any](), arb(0), (lo + hi) / 2
        for shift, piece in product(self.shifts, self.pieces):
            if (z + shift > piece[1][0]) != (z + shift > piece[1][1]):
                self.guesses.append(self._preimage(piece, z + shift).mid())
                boxes.append(self._continued(self.guesses[-1], near + shift))
                if boxes[-1] is None:
                    return arb(math.inf)
                G += ((1 - boxes[-1] ** 2) * self.slope(boxes[-1])).abs_upper()
        y = max(_growth((near + e + o * self.s - self.middle) / self.half) for e in self.shifts for o in (-1, 1))
        # |Phi_i(u)| < 1.5 beta^k, where |P_i(u)| <= beta^i, as for the size of what is lost on the strips.
        beta = max([arb(1), *map(_growth, boxes)])
        Y = 3 / self.s * len(self.pieces) * beta**self.k + self.scales[-1] * y**self.d
        return (len(self.shifts) + 1) * Y**2 * (1 + G / self.s**2)
    def node(self, z: Any, dz: Any) -> None:
        s, Xi, weights, guesses = self.s, [arb_mat(1, self.k)], list[Any](), iter(self.guesses)
        for shift in self.shifts:
            Xi, weights = [*Xi, arb_mat(1, self.k)], [*weights, arb(0)]
            for piece, (first, last) in zip(self.pieces, self.ends, strict=True):
                start, end = (z + shift > v for v in piece[1])
                Xi[-1] += last * int(end) - first * int(start)
                if start != end:
                    T = self._preimage(piece, z + shift, next(guesses))
                    Xi[-1] += self._primitives(T) * (1 if start else -1)
                    weights[-1] += dz * (1 - T * T) * abs(self.slope(T))
        Xi.append(self._primitives(arb(1)))
        P = [_legendre((z + (2 * m - 1) * s - self.middle) / self.half, self.d + 1) for m in range(len(Xi) - 1)]
        with ctx.workprec(ROUNDED):
            Y = [arb_mat([((b - a) / (2 * s)).entries() + [c * e for c, e in zip(self.scales, p, strict=True)]])
                 for (a, b), p in zip(pairwise(Xi), P, strict=True)]
            D = [(b - a) / (2 * s) for a, b in pairwise(Y)]
            self.rows += [((y * dz).entries()[: self.k], y.entries()) for y in Y]
            self.slopes += [((y * w).entries(), y.entries()) for w, y in zip(weights, D, strict=True)]
class Normal(Galerkin):
    """Truncated Gaussian noise. On a period that holds f +- s, M multiplies the waves exp(i m w y) by R_m = int rho(x)
    cos(m w x) dx, and M M* is a sum over all of them. We take |m| < 2 k: the others add a positive operator whose trace
    is 2 (int rho^2 - sum R_m^2 / period). In place of (24b) stands the trace of int (1 - t^2) (M v_m)' (M v_n)' dt."""
    def matrices(self) -> Any:
        s, tau, self.rows, two = self.s, self.tau, list[Any](), arb(2).sqrt()
        period = (self.values[-1] - self.values[0] + 2 * (s + self.moved)).upper() + arb(2) ** -40
        self.w = [2 * m * arb.pi() / period for m in range(2 * self.k)]
        R = [(-((w * tau) ** 2) / 2).exp() * acb(s / tau / two, w * tau / two).erf().real / self.share for w in self.w]
        self.factors = [r * (arb(1 if w == 0 else 2) / period).sqrt() for r, w in zip(R, self.w, strict=True)]
        rest = self.peak**2 * tau * arb.pi().sqrt() * (s / tau).erf() - sum(c * c for c in self.factors)
        self.averages = [self._average(i) * c for i, c in enumerate(self.scales)]
        self.integrate(arb(-1), arb(1))
        p, waves, means, slopes, drifts, weights = zip(*self.rows, strict=True)
        with ctx.workprec(ROUNDED):
            left, error = arb_mat(p).transpose(), arb.union(-self.lost, self.lost)
            A = arb_mat([[x + error for x in row] for row in (left * arb_mat(waves)).tolist()])
            D = [[*a, *b] for a, b in zip((arb_mat(slopes) * A.transpose()).tolist(), drifts, strict=True)]
            B = arb_mat([[w * x for x in row] for w, row in zip(weights, D, strict=True)]).transpose() * arb_mat(D)
            S = zip((A * A.transpose()).tolist(), (left * arb_mat(means)).tolist(), strict=True)
            trace = self.lost + sum(w * x * x for w, row in zip(weights, slopes, strict=True) for x in row)
            return arb_mat([a + b for a, b in S]), B, trace, 2 * rest
    def _average(self, degree: int) -> Any:
        """E P_l(x + xi / half), a polynomial, from the moments of xi, which follow from rho' = -xi rho / tau^2."""
        moments, term, total = [arb(1), arb(0)], arb_poly(fmpq_poly.legendre_p(degree)), arb_poly([])
        edge = 2 * self.peak * (-((self.s / self.tau) ** 2) / 2).exp()
        for j in range(degree + 1):
            total, term = total + term * (moments[j] / self.half**j), term.derivative() * (arb(1) / (j + 1))
            moments.append(self.tau**2 * ((j + 1) * moments[j] - (0 if j % 2 else edge * self.s ** (j + 1))))
        return total
    def size(self, lo: Any, hi: Any) -> Any:
        near, t, top, most = _ellipse(lo, hi), ((lo + hi) / 2).mid(), 2 * self.w[-1], 1 + self.peak
        steep = self.slope(near)
        z = self.f(t) + steep * (near - t)
        # At real points the waves have a norm below 1 + peak, and |P_i'| <= i^2 beta^i where |P_i| <= beta^i.
        wave = most * (top * z.imag.abs_upper()).cosh()
        mean = self.scales[-1] * _growth((z + arb.union(-self.s, self.s) - self.middle) / self.half) ** self.d
        slopes = steep.abs_upper() * (2 * top * most * wave + self.d**2 * mean / self.half)
        return self.k * _growth(near) ** self.k * (wave + mean) + (1 - near * near).abs_upper() * slopes**2
    def node(self, t: Any, weight: Any) -> None:
        z, slope, P, waves, turned = self.f(t), self.slope(t), _legendre(t, self.k), list[Any](), list[Any]()
        y, scale = (z - self.middle) / self.half, slope / self.half
        means, drifts = [m(y) for m in self.averages], [scale * m.derivative()(y) for m in self.averages]
        with ctx.workprec(ROUNDED):
            for w, factor in zip(self.w, self.factors, strict=True):
                sine, cosine = (w * z).sin_cos()
                waves += [factor * cosine, factor * sine]
                turned += [-w * slope * waves[-1], w * slope * waves[-2]]
            p = [weight * a * b for a, b in zip(self.roots, P, strict=True)]
            self.rows.append((p, waves, means, turned, drifts, weight * (1 - t * t)))
def _sharp(model: Any, n: int, claims: Any) -> Iterator[Finding]:
    """The claims about the norms of one layer, with some functions more than the finder took."""
    d, layer, boxes, size = model.projection.degree, model.layers[n], model.domains[n : n + 2], claims.functions + 12
    _needs(d + 2 < size <= MOST_FUNCTIONS, f"{size} functions are too few or too many", ValueError)
    fits = layer.kind == "dense" and len(boxes[0]) == len(boxes[1]) == 1 and layer.activation in SMOOTH
    laws: dict[str, Any] = {"uniform": Uniform, "truncated_gaussian": Normal}
    _needs(fits and layer.noise[0].law in laws, "sharp norms in more dimensions or of other noise or maps", Unchecked)
    ctx.prec, key = 128 + int(1.4 * size), repr((layer, boxes, size, d))
    found = KNOWN[key] = KNOWN.get(key) or laws[layer.noise[0].law](layer, *boxes, size, d)
    unit = 1 / (found.half if model.projection.measure == "uniform" else found.a)
    for side, name, which, first, claim in (
            ("upper", "Q_n M_n", 0, d + 1, claims.upper), ("upper", "M_n Q_(n+1)", 1, 0, claims.entrance_upper),
            ("upper", "Q_n M_n Q_(n+1)", 1, d + 1, claims.interior_upper), ("lower", "Q_n M_n", 0, d + 1, claims.lower),
            ("lower", "Q_n M_n Q_(n+1)", 1, d + 1, claims.interior_lower)):
        proves, trivial = (found.at_most, claim == math.inf) if side == "upper" else (found.at_least, claim <= 0)
        good = trivial or (first == 0 and _is_bound(model, n, claim, True))
        good = good or (claim > 0 and proves(which, _ball(claim) ** 2 * unit, range(first, size)))
        why = f"{claim!r} is not proved with {size} functions"
        yield Finding(CONFIRMED if good else FAILED, f"layer {n}, {side} bound of ||{name}|| (24)", why)
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
