"""Tables of small networks by nested quadrature in complex numbers: an oracle for complex steps.

Nothing of mzsym is used. Every operation is analytic in the parameters, so that Im f(p + ih)/h is df/dp to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

import numpy as np

Params = dict


@dataclass
class Brute:
    """A chain of layers x -> act(W x + b) (or x + h act(...)) plus noise, on boxes.

    ``kinds[n]`` = (activation, step or None, cutoff or None for uniform noise, nodes of the noise); ``params`` holds
    (n, "W"), (n, "b"), (n, "scale") as complex arrays.
    """

    kinds: list
    params: Params
    degree: int
    box: list
    observable: object
    boxes: list | None = None
    lebesgue: bool = False
    nodes: int = 40
    ends: list = field(default_factory=list)

    def __post_init__(self):
        self.indices = sorted(
            (k for k in product(range(self.degree + 1), repeat=len(self.box)) if sum(k) <= self.degree),
            key=lambda k: (sum(k), tuple(-i for i in k)),
        )
        self.ends = [np.array(self.box, dtype=complex)]
        for n in range(len(self.kinds)):
            follows = (
                self._image(n, self.ends[-1]) if self.boxes is None else np.array(self.boxes[n + 1], dtype=complex)
            )
            self.ends.append(follows)

    def step(self, n, X):
        act, h, _, _ = self.kinds[n]
        value = act(X @ self.params[n, "W"].T + self.params[n, "b"])
        return value if h is None else X + h * value

    def scales(self, n):
        return np.broadcast_to(self.params[n, "scale"], (len(self.params[n, "b"]),))

    def _image(self, n, box):
        """Monotone or extreme at corners only: the networks are chosen so."""
        corners = np.array(list(product(*box)))
        Y, reach = self.step(n, corners), self.scales(n) * (self.kinds[n][2] or 1.0)
        rows = []
        for i in range(Y.shape[1]):
            order = np.argsort(Y[:, i].real)
            rows.append([Y[order[0], i] - reach[i], Y[order[-1], i] + reach[i]])
        return np.array(rows)

    def basis(self, n, X):
        lo, hi = self.ends[n][:, 0], self.ends[n][:, 1]
        T = (2 * X - lo - hi) / (hi - lo)
        out = []
        for index in self.indices:
            value = np.ones(len(X), dtype=complex)
            for i, k in enumerate(index):
                value = value * np.sqrt(2 * k + 1) * np.polynomial.legendre.legval(T[:, i], np.eye(k + 1)[k])
            out.append(value)
        out = np.array(out).T
        return out / np.sqrt(np.prod(hi - lo)) if self.lebesgue else out

    def points(self, n):
        t, w = np.polynomial.legendre.leggauss(self.nodes)
        dim = len(self.box)
        T = np.array(list(product(t, repeat=dim)))
        W = np.prod(np.array(list(product(w / 2, repeat=dim))), axis=1).astype(complex)
        lo, hi = self.ends[n][:, 0], self.ends[n][:, 1]
        if self.lebesgue:
            W = W * np.prod(hi - lo)
        return (lo + hi) / 2 + T * (hi - lo) / 2, W

    def noise(self, n):
        _, _, cutoff, count = self.kinds[n]
        t, w = np.polynomial.legendre.leggauss(count)
        z = t * (cutoff or 1.0)
        w = w * (1.0 if cutoff is None else np.exp(-(z**2) / 2))
        dim = len(self.params[n, "b"])
        Z = np.array(list(product(z, repeat=dim))) * self.scales(n)
        return Z, np.prod(np.array(list(product(w / w.sum(), repeat=dim))), axis=1)

    def averages(self, n, X, functions):
        """E f(X_m) given X_n = X, for m = n..L: a list over m, each of shape (points, columns)."""
        out = [functions[n](X)]
        Y, W = X[:, None, :], np.ones((1, 1))
        for m in range(n, len(self.kinds)):
            Z, w = self.noise(m)
            points, paths, dim = Y.shape
            F = self.step(m, Y.reshape(-1, dim)).reshape(points, paths, 1, -1)
            Y = (F + Z).reshape(points, paths * len(Z), -1)
            W = (W[:, :, None] * w).reshape(1, -1)
            values = functions[m + 1](Y.reshape(-1, Y.shape[2])).reshape(points, W.shape[1], -1)
            out.append(np.einsum("q,pqc->pc", W[0], values))
        return out

    def tables(self, expectation_at=None):
        """C, K (blocks by index), c_n, r_n, and q_0 at points, straight from the definitions."""
        L = len(self.kinds)
        d = len(self.indices)
        u = lambda X: self.observable(X)[:, None]  # noqa: E731
        X, w = self.points(L)
        c_last = np.einsum("p,pj,po->jo", w, self.basis(L, X), u(X))
        functions = [lambda X, n=n: self.basis(n, X) for n in range(L)]
        functions.append(lambda X: np.hstack([self.basis(L, X), u(X)]))
        C = {(n, n): np.eye(d) for n in range(L + 1)}
        c = {L: c_last[:, 0]}
        for n in range(L):
            X, w = self.points(n)
            found = self.averages(n, X, functions)
            eta = self.basis(n, X)
            for m in range(n + 1, L + 1):
                C[n, m] = np.einsum("p,pj,pk->jk", w, eta, found[m - n][:, :d])
            c[n] = np.einsum("p,pj,p->j", w, eta, found[-1][:, -1])
        K = {}
        for n in range(L - 1, -1, -1):
            for m in range(n + 1, L + 1):
                K[n, m] = C[n, m] - sum((K[n, k] @ C[k, m] for k in range(n + 1, m)), np.zeros((d, d)))
        r = {n: c[n] - sum(K[n, m] @ c[m] for m in range(n + 1, L + 1)) for n in range(L)}
        q = None
        if expectation_at is not None:
            q = self.averages(0, np.array(expectation_at, dtype=complex), functions)[-1][:, -1]
        return Tables(C, K, c, r, q)


@dataclass
class Tables:
    """With the evaluator's names, so that one scalar serves both."""

    C: dict
    K: dict
    c: dict
    r: dict
    q: object

    def streaming(self, n):
        return self.K[n, n + 1]

    def memory(self, n, m):
        return self.K[n, m]

    def correlation(self, n, m):
        return self.C[n, m]

    def coefficients(self, n):
        return self.c[n]

    def noise(self, n):
        return self.r[n]

    def expectation(self, X):
        return self.q


def complex_steps(make, params, scalar, keys=None, at=None):
    """d scalar/d params by complex steps: make(params) -> Brute."""
    h, out = 1e-30, {}
    for key in keys or params:
        base = np.array(params[key], dtype=complex)
        slopes = np.zeros(base.shape)
        for index in np.ndindex(base.shape):
            moved = base.copy()
            moved[index] += 1j * h
            full = {k: np.array(v, dtype=complex) for k, v in params.items()} | {key: moved}
            slopes[index] = np.imag(scalar(make(full).tables(at))) / h
        out[key] = slopes
    return out
