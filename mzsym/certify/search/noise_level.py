"""What ``minimal_noise`` found: a bracket of noise levels, each with its theorem."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mzsym.certify.bounds import decimal_down, decimal_up, digits_apart
from mzsym.certify.search import noise_level_json

if TYPE_CHECKING:
    from mzsym.certify.certificate import Certificate
    from mzsym.model import Box, Network


@dataclass(frozen=True, order=True)
class Tried:
    """One level that was examined: lower <= ||Q_n M_n|| <= upper is proved there.

    Attributes
    ----------
    level, lower, upper : float
    method : str
        Where ``upper`` comes from.
    """

    level: float
    lower: float
    upper: float
    method: str


@dataclass(frozen=True)
class Moved:
    """A domain that the level moves.

    Attributes
    ----------
    n : int
        Of X_n.
    before, after : Box
    """

    n: int
    before: Box
    after: Box


@dataclass(frozen=True)
class NoiseLevel:
    """A noise level at which ||Q_n M_n|| <= kappa is proved, and one below it where it is proved to fail, MATH (28).

    Attributes
    ----------
    layer : int
        n.
    kappa : float
    method : str
        What was used.
    projection, measure : str
        Of the norm.
    certified : float
        A level at which ||Q_n M_n|| <= ``upper`` <= kappa is proved, with the domains that belong to that level.
    upper : float
        The proved bound there.
    fails_below : float or None
        A level below it at which ||Q_n M_n|| >= ``lower`` > kappa is proved; None where none was found: only sharp
        enclosures prove it.
    lower : float or None
        The proved bound there.
    width : float
        Relative width that was asked for of sharp enclosures: ``certify(network, projection, width=)`` proves it again.
    moved : tuple of Moved
        Domains that differ from those at the level that the network states; empty where all were given.
    tried : tuple of Tried
        Every level that was examined, ascending.
    network : Network
        The network with the certified level.
    proof, refutation : Certificate
        Of the layer alone at the certified level, and at the one that fails (None where there is none).
    """

    layer: int
    kappa: float
    method: str
    projection: str
    measure: str
    certified: float
    upper: float
    fails_below: float | None
    lower: float | None
    width: float
    moved: tuple[Moved, ...]
    tried: tuple[Tried, ...]
    network: Network = field(repr=False)
    proof: Certificate = field(repr=False)
    refutation: Certificate | None = field(repr=False)

    @property
    def not_proved_below(self) -> float | None:
        """The highest examined level below ``certified`` where ||Q_n M_n|| <= kappa is not proved.

        ``fails_below``, or between it and ``certified``; for bounds from above alone the only thing that is known.
        """
        return max((item.level for item in self.tried if item.level < self.certified), default=None)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return {
            "layer": self.layer,
            "kappa": self.kappa,
            "method": self.method,
            "projection": self.projection,
            "measure": self.measure,
            "certified": self.certified,
            "upper": self.upper,
            "fails_below": self.fails_below,
            "lower": self.lower,
            "not_proved_below": self.not_proved_below,
            "moved": [
                {"n": item.n, "before": _floats(item.before), "after": _floats(item.after)} for item in self.moved
            ],
            "levels": [[item.level, item.lower, item.upper] for item in self.tried],
        }

    def to_json(self, path: Any = None) -> str:
        """Both certificates in one file, in exact numbers, for ``mzsym check``.

        Parameters
        ----------
        path : str or Path, optional
            Written there as well, whole or not at all.

        Returns
        -------
        str
        """
        return noise_level_json.write(self, path)

    def lines(self) -> tuple[str, ...]:
        """In words: what is proved, what is not, and which domains move."""
        n, norm = self.layer, f"||Q_{self.layer} M_{self.layer}||"
        digits = 6 if self.lower is None else digits_apart(self.upper, self.lower)
        most = decimal_up(self.upper, digits)
        said = [
            f"Layer {n}, {self.projection}, {self.measure} measure, {self.method}:",
            f"at noise level {self.certified!r} {norm} <= {most} <= {self.kappa:g} is proved;",
        ]
        if self.fails_below is not None and self.lower is not None:
            said.append(
                f"at {self.fails_below!r} {norm} >= {decimal_down(self.lower, digits)} > {self.kappa:g} is proved."
            )
        elif self.not_proved_below is not None:
            said.append(
                f"at {self.not_proved_below!r} this method does not prove it, which does not mean that it fails there."
            )
        else:
            said.append("no examined level was found where it is not proved.")
        said.append(
            f"That is what {len(self.tried)} levels showed. The norm is not assumed to fall as the noise grows: other "
            "levels may be certified too, and levels between these were not examined."
        )
        return (*said, *self._domains())

    def _domains(self) -> list[str]:
        if not self.moved:
            return ["No domain moves with the level."]
        shown = [f"X_{item.n}: {_sides(item.before)} -> {_sides(item.after)}" for item in self.moved[:4]]
        more = f"; and {len(self.moved) - 4} more" if len(self.moved) > 4 else ""
        return [f"Domains that move with the level: {'; '.join(shown)}{more}."]

    def __str__(self) -> str:
        return "\n".join(self.lines())


def _floats(box: Box) -> list[list[float]]:
    return [[float(lo), float(hi)] for lo, hi in box.intervals]


def _sides(box: Box) -> str:
    shown = " x ".join(f"[{float(lo):.6g}, {float(hi):.6g}]" for lo, hi in box.intervals[:3])
    return f"{shown} x ..." if len(box.intervals) > 3 else shown
