"""What ``minimal_noise`` found as a file that a stranger can check: two certificates of one layer, MATH (28)."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from mzsym.certify.certificate_json import layers_file, number, sealed, written

if TYPE_CHECKING:
    from mzsym.certify.certificate import Certificate
    from mzsym.certify.search.noise_level import NoiseLevel

CLAIM = (
    "A layer at one or two levels of its noise: the norm of Q_n M_n is at most kappa at the first level, and above "
    "kappa at the second one, which is lower."
)


def write(found: NoiseLevel, path: Any = None) -> str:
    """JSON text, with the certified level first; also to a file, whole or not at all."""
    levels = [_level(found.certified, found.proof)]
    if found.fails_below is not None and found.refutation is not None:
        levels.append(_level(found.fails_below, found.refutation))
    content = {"kappa": number(found.kappa), "levels": levels}
    said = found.to_dict()
    notes = {key: said[key] for key in ("layer", "projection", "measure", "moved", "levels")}
    return written(sealed("noise level", CLAIM, content, notes), path)


def _level(level: float, certificate: Certificate) -> dict[str, Any]:
    exact = Fraction(level)
    return {"level": f"{exact.numerator}/{exact.denominator}", "certificate": layers_file(certificate)}
