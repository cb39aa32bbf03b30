"""Rigorous enclosures; the only package that imports python-flint."""

from mzsym.balls.affine import affine_hull
from mzsym.balls.expressions import enclose, hull
from mzsym.balls.intervals import WHOLE, Interval, interval
from mzsym.balls.norms import density_norm_squared, joint_norm_squared
from mzsym.balls.numbers import Arb, lower, precision, to_arb, upper
from mzsym.balls.primitives import HULLS
from mzsym.balls.ranges import intervals_of, range_of

__all__ = [
    "HULLS",
    "WHOLE",
    "Arb",
    "Interval",
    "affine_hull",
    "density_norm_squared",
    "enclose",
    "hull",
    "interval",
    "intervals_of",
    "joint_norm_squared",
    "lower",
    "precision",
    "range_of",
    "to_arb",
    "upper",
]
