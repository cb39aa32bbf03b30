"""The certificate: proved bounds of a network's orthogonal dynamics, and estimates beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mzsym.certify import certificate_json, certificate_latex
from mzsym.certify.bounds import LayerBound, between, decimal_down, decimal_up, in_digits
from mzsym.certify.steps import Estimate
from mzsym.certify.sufficient.windows import Window, composed, times_up
from mzsym.core import MzError, Standing, Verdict


@dataclass(frozen=True)
class Certificate:
    """Proved per-layer bounds, what they say about the memory, and estimates that are never mixed in.

    Attributes
    ----------
    layers : tuple of LayerBound
        Layers 0..L-1.
    projection : str
        In words.
    measure : str
        The measure of the norms.
    method : str
        What was asked for.
    model_digest : str
        SHA-256 of the network.
    versions : tuple of (str, str)
        Of what computed it.
    dobrushin_windows, lipschitz_windows : tuple of Window
        Bounds of several steps at once that are better than what their parts say.
    product_windows : tuple of Window
        Bounds of ||Q_n M_n Q_{n+1} ... M_{m-1} Q_m||, 1 <= n, likewise, where ``certify(products=)`` looked for them.
        Certificate files do not hold them.
    model : dict
        Layers, domains and projection in exact numbers, as the file carries them.
    """

    layers: tuple[LayerBound, ...]
    projection: str
    measure: str
    method: str
    model_digest: str
    versions: tuple[tuple[str, str], ...]
    dobrushin_windows: tuple[Window, ...] = ()
    lipschitz_windows: tuple[Window, ...] = ()
    product_windows: tuple[Window, ...] = field(default=(), compare=False)
    model: dict[str, Any] = field(default_factory=dict, repr=False, hash=False)

    @property
    def depth(self) -> int:
        """L."""
        return len(self.layers)

    @property
    def contracts(self) -> Verdict:
        """Whether every kappa'_n, n = 1..L-1, is below 1, so that the memory provably decays, MATH (22).

        Returns
        -------
        Verdict
            True only when proved. "refuted" means that a one-step norm is >= 1, not that the memory grows.
        """
        inner = self.layers[1:]
        if not inner:
            return Verdict("proved", "a network of one layer has no memory term")
        if all(layer.entrance == 0.0 for layer in self.layers[:-1]):
            return Verdict("proved", "with constants alone resolved, in the law of the state, every memory term is 0")
        failing = [layer for layer in inner if layer.interior.lower >= 1.0]
        if failing:
            return Verdict(
                "refuted",
                f"at layer {failing[0].n} the norm ||Q_n M_n Q_(n+1)|| is proved to be at least "
                f"{decimal_down(failing[0].interior.lower)}, so one step does not contract. That does not mean that "
                f"the memory grows{self._several_in_words()}",
            )
        worst = max(inner, key=lambda layer: layer.interior.upper)
        if worst.interior.upper < 1.0:
            return Verdict(
                "proved",
                f"the proved upper bounds of ||Q_n M_n Q_(n+1)||, n = 1..{self.depth - 1}, are all below 1; the "
                f"largest is {decimal_up(worst.interior.upper)} at layer {worst.n} ({worst.method})",
            )
        return Verdict("undecided", self._why_undecided())

    def _why_undecided(self) -> str:
        first = next(layer for layer in self.layers[1:] if not layer.interior.upper < 1.0)
        count = sum(not layer.interior.upper < 1.0 for layer in self.layers[1:])
        names = {"hilbert_schmidt": "Hilbert-Schmidt", "dobrushin": "Dobrushin", "sharp": "sharp"}
        bound = names.get(first.method, "proved")
        if first.method == "dobrushin":
            said = f"at layer {first.n} {first.dobrushin_reason or 'the Dobrushin bound is 1'}"
        elif first.reason and math.isinf(first.upper):
            said = f"at layer {first.n} {first.reason}"
        elif first.standing is Standing.ESTIMATED:
            said = f"layer {first.n} has an estimate only, and an estimate proves nothing"
        else:
            said = f"at layer {first.n} the {bound} bound is {decimal_up(first.interior.upper)}, not below 1"
        if count > 1:
            said += f" (and at {count - 1} further layer{'s' if count > 2 else ''})"
        said += self._estimates_in_words()
        # Where there is no bound there is none to misread.
        if math.isfinite(first.interior.upper):
            said += f". A bound of 1 or more does not mean that the memory grows{self._several_in_words()}"
        return said

    def _several_in_words(self) -> str:
        """The fewest consecutive layers that provably contract together, wherever they begin."""
        for steps in range(2, self.depth if self.product_windows else 0):
            worst = max(self.product_window(n, n + steps) for n in range(1, self.depth - steps + 1))
            if worst < 1.0:
                return f": every {steps} consecutive layers together are proved to contract it, by {decimal_up(worst)}"
        return ""

    def _estimates_in_words(self) -> str:
        """The largest estimate of kappa'_n, the norms that `contracts` is about."""
        guesses = [(layer.interior.estimate.value, layer.n) for layer in self.layers[1:] if layer.interior.estimate]
        if not guesses:
            return ""
        value, n = max(guesses)
        return f"; of the norms ||Q_n M_n Q_(n+1)|| themselves the largest is estimated at {value:.6g} (layer {n})"

    def memory_bound(self, n: int, m: int) -> float:
        """Proved upper bound of ||K(n, m)||, MATH (22).

        The bound of ||P_n M_n Q_{n+1}|| times those of ||Q_i M_i Q_{i+1}||, i = n+1..m-2, and that of
        ||Q_{m-1} M_{m-1} P_m||, rounded up. The ends are bounded by themselves where sharp enclosures exist,
        elsewhere by ``entrance`` and ``upper``. Several interior steps together are bounded by ``product_window``.

        Parameters
        ----------
        n, m : int
            0 <= n, n + 2 <= m <= L.

        Returns
        -------
        float
            ``inf`` where a factor has no bound.

        Raises
        ------
        MzError
            When there is no such memory term.
        """
        if not (_whole(n) and _whole(m) and n >= 0 and n + 2 <= m <= self.depth):
            raise MzError(
                f"There is no memory term K({n}, {m})",
                "Certificate.memory_bound(n, m)",
                f"Use n >= 0 and n + 2 <= m <= {self.depth}",
            )
        ends = times_up(self.layers[n].first_factor, self.layers[m - 1].last_factor)
        return ends if m == n + 2 else times_up(ends, self.product_window(n + 1, m - 1))

    def single_step_bound(self, n: int, m: int) -> float:
        """As ``memory_bound`` from ``entrance`` and ``upper``, the norms that a certificate file holds."""
        return self._chain(self.layers[n].entrance, n + 1, m - 1, self.layers[m - 1].upper)

    def _chain(self, first: float, n: int, m: int, last: float) -> float:
        """The product of the ends and the interior norms of layers n..m-1, rounded up."""
        bound = first
        for layer in self.layers[n:m]:
            bound = times_up(bound, layer.interior.upper)
        return times_up(bound, last)

    def product_window(self, n: int, m: int) -> float:
        """Proved upper bound of ||Q_n M_n Q_{n+1} M_{n+1} ... M_{m-1} Q_m||, MATH (27).

        Parameters
        ----------
        n, m : int
            0 <= n < m <= L.

        Returns
        -------
        float
            The least product over all ways to cut the steps into single layers and ``product_windows``.

        Raises
        ------
        MzError
            When there are no such steps.
        """
        ones: list[float | None] = [layer.interior.upper for layer in self.layers]
        return self._window(n, m, ones, self.product_windows, "product")

    def dobrushin_window(self, n: int, m: int) -> float:
        """Proved upper bound of Dobrushin's coefficient of M_n M_{n+1} ... M_{m-1}, MATH (25).

        The oscillation of E[v(X_m) | X_n = x] in x is at most this times that of v. With constants in the range of an
        orthogonal P_n and in the law of the state, its square root bounds ||Q_n M(n, m)||; it bounds no product with
        projections in between, such as a memory kernel.

        Parameters
        ----------
        n, m : int
            0 <= n < m <= L.

        Returns
        -------
        float
            The least product over all ways to cut the steps into windows; 1 where nothing better is proved.

        Raises
        ------
        MzError
            When there are no such steps, or the coefficients were not asked for.
        """
        ones = [layer.dobrushin for layer in self.layers]
        return self._window(n, m, ones, self.dobrushin_windows, "dobrushin")

    def lipschitz_window(self, n: int, m: int) -> float:
        """Proved Lipschitz constant of X_n -> X_m with the noise held fixed, MATH (26); arguments as above."""
        ones = [layer.lipschitz for layer in self.layers]
        return self._window(n, m, ones, self.lipschitz_windows, "lipschitz")

    def _window(self, n: int, m: int, ones: list[float | None], windows: tuple[Window, ...], name: str) -> float:
        where = f"Certificate.{name}_window(n, m)"
        if not (_whole(n) and _whole(m) and 0 <= n < m <= self.depth):
            raise MzError(f"There are no steps from {n} to {m}", where, f"Use 0 <= n < m <= {self.depth}")
        known = [one for one in ones if one is not None]
        if len(known) < len(ones):
            raise MzError(
                f"The method {self.method!r} leaves this bound out", where, f'Certify with method="auto" or "{name}"'
            )
        return composed(known, windows, n, m)

    def table(self) -> list[dict[str, Any]]:
        """One dict per layer: bounds, estimates with their errors, standings, reasons."""
        return [
            {
                "n": layer.n,
                "noise": layer.noise,
                "upper": layer.upper,
                "lower": layer.lower,
                "method": layer.method,
                "standing": str(layer.standing),
                "operator_upper": layer.operator,
                "entrance_upper": layer.entrance,
                "interior_upper": layer.interior.upper,
                "interior_lower": layer.interior.lower,
                "dobrushin": layer.dobrushin,
                "lipschitz": layer.lipschitz,
                "estimate": None if layer.estimate is None else layer.estimate.value,
                "estimate_error": None if layer.estimate is None else layer.estimate.error,
                "interior_estimate": None if layer.interior.estimate is None else layer.interior.estimate.value,
                "interior_estimate_error": None if layer.interior.estimate is None else layer.interior.estimate.error,
                "reason": layer.reason,
                "dobrushin_reason": layer.dobrushin_reason,
                "lipschitz_reason": layer.lipschitz_reason,
            }
            for layer in self.layers
        ]

    def latex(self) -> str:
        """The proved statement and a table of the layers, for a LaTeX document with amsmath."""
        return certificate_latex.latex(self)

    def to_json(self, path: Any = None) -> str:
        """The certificate as JSON text, numbers as hexadecimal floats, with a digest of its content.

        Parameters
        ----------
        path : str or Path, optional
            Written there as well, whole or not at all.

        Returns
        -------
        str
        """
        return certificate_json.write(self, path)

    @classmethod
    def from_json(cls, source: Any) -> Certificate:
        """Read what ``to_json`` wrote.

        Parameters
        ----------
        source : str or Path
            JSON text, or a path to a file of it.

        Raises
        ------
        MzError
            When the text is no certificate, or the digest does not fit.
        """
        return cls(**certificate_json.read(source))

    def __str__(self) -> str:
        lines = [
            f"Certificate for a network of {self.depth} layers; {self.projection}, {self.measure} measure",
            "  n   ||Q_n M_n|| in                (proved by)        ||Q_n M_n Q_(n+1)|| in        estimated, both",
        ]
        for layer in self.layers:
            whole = between(layer.lower, layer.upper)
            inner = between(layer.interior.lower, layer.interior.upper)
            guess = "-"
            if layer.estimate is not None:
                guess = f"{_in_words(layer.estimate)}, {_in_words(layer.interior.estimate)}"
            lines.append(f"  {layer.n:<3d} {whole:<29s} {layer.method:<18s} {inner:<29s} {guess}")
        return "\n".join([*lines, *self._other_norms(), f"memory contracts: {self.contracts}"])

    def _other_norms(self) -> list[str]:
        """The bounds of other norms: oscillations and distances."""
        asked = [layer for layer in self.layers if layer.dobrushin is not None or layer.lipschitz is not None]
        lines = ["other norms, proved: oscillation (Dobrushin) and distance (Lipschitz)"] if asked else []
        for layer in asked:
            oscillation = "-" if layer.dobrushin is None else decimal_up(layer.dobrushin)
            distance = "-" if layer.lipschitz is None else in_digits(layer.lipschitz)
            why = "; ".join(part for part in (layer.dobrushin_reason, layer.lipschitz_reason) if part)
            lines.append(f"  {layer.n:<3d} {oscillation:<16s} {distance:<18s} {why}".rstrip())
        for name, windows in (("dobrushin", self.dobrushin_windows), ("lipschitz", self.lipschitz_windows)):
            if windows and self.depth > 1:
                bound = in_digits(getattr(self, f"{name}_window")(0, self.depth))
                lines.append(f"  all {self.depth} steps at once, {name}: {bound}")
        return lines

    def _repr_latex_(self) -> str:
        return self.latex()


def _in_words(guess: Estimate | None) -> str:
    return "-" if guess is None else f"{guess.value:.6f} ± {guess.error:.0e}"


def _whole(index: object) -> bool:
    return isinstance(index, (int, np.integer)) and not isinstance(index, bool)
