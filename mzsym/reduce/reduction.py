"""The reduction: a shallow network with its read-outs, its error, and what every other depth would cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mzsym.certify.bounds import decimal_up
from mzsym.core import MzError, Standing
from mzsym.core.arrays import Array
from mzsym.derive import derive
from mzsym.evaluate import Evaluator
from mzsym.evaluate import compile as compiled
from mzsym.reduce import reduction_json
from mzsym.reduce.depths import DepthBound
from mzsym.reduce.reduction_latex import latex
from mzsym.reduce.shallow import shallow_mean
from mzsym.reduce.truncation import Truncation, truncate

if TYPE_CHECKING:
    from mzsym.certify import Certificate
    from mzsym.certify.enclosed.chain import EnclosedTables
    from mzsym.evaluate.protocols import HasSolution
    from mzsym.model import Network
    from mzsym.projections import AbstractProjection
    from mzsym.reduce.measured import Points


@dataclass(frozen=True, eq=False)
class Reduction:
    """A network of the first H layers, read out from each, in place of a deep one, MATH (29).

    q_0(x) = E[u(X_L) | X_0 = x] is replaced by E[sum_m alpha^(m) . eta^(m)(X_m) | X_0 = x], m = 1..H.

    Attributes
    ----------
    depth : int
        H.
    network : Network
        The shallow network; its ``readouts`` and its observable are what is read out, exactly as computed.
    readouts : mapping of int to array of shape (d_m,), or (d_m, k) for a list of k observables
        alpha^(m), m = 1..H, in the orthonormal bases eta^(m).
    depths : tuple of DepthBound
        Every depth 1..L.
    tolerance : float or None
        What was asked for.
    certificate : Certificate
        Of the deep network.
    deep : Evaluator
        Of the deep network.
    noise_free : float
        Distance of q_0 to the network without noise, measured in L^2(mu_0), MATH (32); NaN where no rule is known.
    size : float
        Norm of q_0, measured likewise, the smallest over the observables.
    rule : str
        How errors were measured.
    unproved : str
        Why ``error_bound`` is estimated only; empty where it is proved.
    """

    depth: int
    network: Network
    readouts: Mapping[int, Array]
    depths: tuple[DepthBound, ...]
    tolerance: float | None
    certificate: Certificate
    deep: HasSolution
    noise_free: float
    size: float
    rule: str
    unproved: str
    points: Points | None = field(repr=False)

    @property
    def projection(self) -> AbstractProjection:
        """What the read-outs are made for."""
        return self.deep.projection

    @property
    def bounds(self) -> DepthBound:
        """What is known of the error at this depth."""
        return self.depths[self.depth - 1]

    @property
    def error_bound(self) -> float:
        """Bound of ||q_0 - shallow|| in L^2(mu_0), absolute, the worst over the observables; see ``standing``.

        Where it is proved it is about ``network`` exactly as it stands; ``predict`` adds its own rounding.
        """
        return self.bounds.bound

    @property
    def standing(self) -> Standing:
        """Of ``error_bound``: proved only if every number in it is."""
        return self.bounds.standing

    @property
    def a_priori(self) -> float:
        """Proved bound of the error with exact read-outs, MATH (29); ``inf`` where there is none."""
        return self.bounds.a_priori

    @cached_property
    def measured_error(self) -> float:
        """||q_0 - shallow||, measured at points by the shallow network's own evaluator; NaN where no rule is known."""
        if self.points is None:
            return math.nan
        X = self.points.X
        exact = self.deep.expectation(X).reshape(len(X), -1)
        return float(self.points.norm(exact - self.predict(X).reshape(len(X), -1)).max())

    @cached_property
    def evaluator(self) -> Evaluator:
        """Of the first H layers alone: what takes the averages over their noise."""
        return compiled(derive(self._last_readout(), self.projection), options=self.deep.options)

    def _last_readout(self) -> Network:
        """The shallow network with what it reads out of its last layer only; the read-outs are applied to its bases."""
        net = self.network
        return type(net)(
            net.layers,
            None if net.given_domains else net.domain,
            net.given_domains,
            list(net.observable) if net.observable_is_list else net.observable[0],
            input=net.input_law,
            shared=net.shared,
        )

    def predict(self, X: Any) -> Array:
        """The shallow network: E[sum_m alpha^(m) . eta^(m)(X_m) | X_0 = x], compiled.

        Parameters
        ----------
        X : array of shape (points, N_0)

        Returns
        -------
        array of shape (points,), or (points, k) for a list of k observables

        Raises
        ------
        MzError
            For another shape, values that are not finite, and points whose next state leaves its domain.
        """
        alpha = np.vstack([np.asarray(a).reshape(len(a), -1) for a in self.readouts.values()])
        values = shallow_mean(self.evaluator, alpha, X)
        return values if self.network.observable_is_list else values[:, 0]

    def truncation(self, length: int, enclosed: EnclosedTables | None = None) -> Truncation:
        """The deep network's memory cut off after ``length`` layers, MATH (30).

        With ``enclosed=mz.enclose(net, projection)`` the proved bound of every layer is the error itself.
        """
        return truncate(self.deep, length, self.certificate, enclosed)

    def table(self) -> list[dict[str, Any]]:
        """One dict per depth: bound, its standing, measured error, and the bounds it comes from."""
        return [item.row() for item in self.depths]

    def to_json(self, path: Any = None) -> str:
        """What is proved, in exact numbers, for ``mzsym check``: the certificate of the deep network, and what follows.

        ``a_priori`` holds the bounds (29) that follow from single layers and the range of the observable, which
        Dobrushin's coefficients may improve on in ``table()``; ``truncations`` those of ``truncation(length)``, (30).

        Parameters
        ----------
        path : str or Path, optional
            Written there as well, whole or not at all.

        Returns
        -------
        str
        """
        return reduction_json.write(self, path)

    def latex(self) -> str:
        """The shallow network and the table of depths, for a LaTeX document with amsmath."""
        return latex(self)

    def _repr_latex_(self) -> str:
        return self.latex()

    def __str__(self) -> str:
        total = len(self.depths)
        lines = [
            f"Shallow network of {self.depth} of {total} layers, {self.projection.describe()}",
            f"error at most {_digits(self.error_bound)} ({self.standing}), measured {self.measured_error:.3g}",
            "  H    bound       standing    measured    a priori, exact read-outs (proved)    over measured",
        ]
        if self.standing is not Standing.PROVED:
            lines[1] += f"; not proved: {self.unproved or 'the proof gives a larger bound'}"
        for item in self.depths:
            mark = "*" if item.depth == self.depth else " "
            lines.append(
                f"{mark} {item.depth:<4d} {_digits(item.bound):<11s} {item.standing!s:<11s} {item.measured:<11.3e} "
                f"{_digits(item.a_priori):<37s} {_times(item.a_priori_over_measured)}"
            )
        return "\n".join(lines)


def _digits(value: float) -> str:
    """A bound to four digits, rounded up."""
    if value == 0.0:
        return "0"
    return "no bound" if math.isinf(value) else f"{Decimal(decimal_up(value, 4)):.3e}"


def _times(ratio: float) -> str:
    return "-" if math.isnan(ratio) else f"{ratio:.3g}"


def check_depth(depth: object, deepest: int) -> int:
    """A depth that there is.

    Raises
    ------
    MzError
    """
    if isinstance(depth, bool) or not isinstance(depth, (int, np.integer)) or not 1 <= depth <= deepest:
        raise MzError(f"The depth is {depth!r}", "reduce(depth=)", f"Use a whole number from 1 to {deepest}")
    return int(depth)
