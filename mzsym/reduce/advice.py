"""Advice in numbers and words: which degree, which noise, which depth, and what each choice rests on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mzsym.certify.bounds import in_digits

if TYPE_CHECKING:
    from mzsym.certify import NoiseLevel
    from mzsym.certify.search.minimal_projection import MinimalProjection
    from mzsym.reduce.depths import DepthBound
    from mzsym.reduce.reduction import Reduction


@dataclass(frozen=True)
class LayerNoise:
    """The noise of a layer, and what ``minimal_noise`` says about it.

    Attributes
    ----------
    layers : tuple of int
        Layers that are equal, on equal domains.
    stated : float
        Their level.
    found : NoiseLevel or None
    reason : str
        Why there is none.
    """

    layers: tuple[int, ...]
    stated: float
    found: NoiseLevel | None
    reason: str = ""

    def line(self, kappa: float) -> str:
        """One sentence."""
        which = f"layer {self.layers[0]}"
        if len(self.layers) > 1:
            which = f"layers {', '.join(map(str, self.layers))}"
        if self.found is None:
            return f"{which}: no level was found for {kappa:g} ({self.reason})"
        level, below = self.found.certified, self.found.fails_below
        moved = "may be lowered to it" if level <= self.stated else "would have to be raised to it"
        other = f"{below:g} is proved to fail" if below is not None else "nothing is proved below it"
        return (
            f"{which}: at level {level:g} one step is proved to shrink what is unresolved by {kappa:g}, so the stated "
            f"{self.stated:g} {moved}; {other}"
        )


@dataclass(frozen=True)
class Choice:
    """One degree: the shallowest network within the tolerance, or the best there is.

    Attributes
    ----------
    degree : int
    meets : bool
    depth : int
    error : float
        Bound of its error while degrees were compared, estimated; ``Advice.reduction`` has the one that is proved,
        where there is a proof.
    """

    degree: int
    meets: bool
    depth: int
    error: float


@dataclass(frozen=True, eq=False)
class Advice:
    """What to choose for a tolerance, and why.

    Attributes
    ----------
    tolerance, kappa : float
    contraction : MinimalProjection or None
        The smallest degree with which the memory provably contracts by kappa.
    no_contraction : str
        Why there is none.
    choices : tuple of Choice
        The degrees that were compared.
    reduction : Reduction or None
        Of the degree and depth that are advised; None where no depth meets the tolerance.
    noise : tuple of LayerNoise
        Layers 1..L-1: those whose norms the memory decays by.
    noise_degree : int
        What is resolved in ``noise``.
    layers_left_out : int
        Layers whose noise was not looked at, because too many differ.
    """

    tolerance: float
    kappa: float
    contraction: MinimalProjection | None
    no_contraction: str
    choices: tuple[Choice, ...]
    reduction: Reduction | None = field(repr=False)
    noise: tuple[LayerNoise, ...]
    noise_degree: int
    layers_left_out: int

    @property
    def degree(self) -> int | None:
        """The degree that is advised; None where no depth meets the tolerance."""
        return None if self.reduction is None else self.noise_degree

    @property
    def depth(self) -> int | None:
        """The depth that is advised."""
        return None if self.reduction is None else self.reduction.depth

    def lines(self) -> tuple[str, ...]:
        """In words, one sentence each."""
        return (*self._on_degree(), *self._on_depth(), *self._on_noise())

    def _on_degree(self) -> list[str]:
        if self.contraction is None:
            return [f"Degree: no proof that the memory shrinks by {self.kappa:g} per layer. {self.no_contraction}."]
        found = self.contraction
        if not found.layer_degrees:
            return ["Degree: a network of one layer has no memory, so that any degree will do."]
        return [
            f"Degree: from {found.degree} on the memory provably shrinks by {self.kappa:g} per layer.",
            f"That no smaller degree does is {found.minimal}.",
        ]

    def _on_depth(self) -> list[str]:
        if not self.choices:
            return ["Depth: a network of one layer has no shallower one."]
        compared = "; ".join(
            f"degree {c.degree}: {'depth' if c.meets else 'at best, depth'} {c.depth} with error {c.error:.2g}"
            for c in self.choices
        )
        if self.reduction is None:
            return [f"Depth: no network of fewer layers is within {self.tolerance:g}. Compared: {compared}."]
        r = self.reduction
        said = [
            f"Depth: {r.depth} of {len(r.depths)} layers, read out from each with degree {self.degree}, have an error "
            f"of at most {in_digits(r.error_bound)} ({r.standing}), within {self.tolerance:g}. Compared: {compared}."
        ]
        if math.isfinite(r.noise_free):
            said.append(
                f"The noise itself moves the mean of the network by {r.noise_free:.2g} from the network without noise "
                "(measured): less noise is nearer to that one, more as a rule makes the memory shorter."
            )
        return said

    def _on_noise(self) -> list[str]:
        said = [f"Noise, degree {self.noise_degree}, {item.line(self.kappa)}." for item in self.noise]
        if self.layers_left_out:
            said.append(f"Noise: {self.layers_left_out} further layers were not looked at.")
        return said

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and the words, for JSON."""
        r = self.reduction
        return {
            "tolerance": self.tolerance,
            "kappa": self.kappa,
            "contracting_degree": None if self.contraction is None else self.contraction.degree,
            "degree": self.degree,
            "depth": self.depth,
            "error_bound": None if r is None else r.error_bound,
            "standing": None if r is None else str(r.standing),
            "choices": [
                {"degree": c.degree, "meets": c.meets, "depth": c.depth, "error": c.error} for c in self.choices
            ],
            "noise": [
                {
                    "layers": list(item.layers),
                    "stated": item.stated,
                    "certified": None if item.found is None else item.found.certified,
                    "fails_below": None if item.found is None else item.found.fails_below,
                    "reason": item.reason,
                }
                for item in self.noise
            ],
            "words": list(self.lines()),
        }

    def __str__(self) -> str:
        return "\n".join(self.lines())


def choice(degree: int, depths: tuple[DepthBound, ...], tolerance: float) -> Choice:
    """The shallowest of the depths below L within the tolerance, or the best of them."""
    shallower = depths[:-1]
    for item in shallower:
        if item.bound <= tolerance:
            return Choice(degree, True, item.depth, item.bound)
    best = min(shallower, key=lambda item: item.bound)
    return Choice(degree, False, best.depth, best.bound)
