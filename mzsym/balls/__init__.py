"""Rigorous enclosures; the only package that imports python-flint."""

from mzsym.balls.affine import affine_hull
from mzsym.balls.expressions import enclose, hull
from mzsym.balls.integrals import box_integral_enclosure, integral_enclosure
from mzsym.balls.intervals import WHOLE, Interval, interval
from mzsym.balls.law_tables import LawTable, law_table
from mzsym.balls.norms import density_norm_squared, joint_norm_squared
from mzsym.balls.numbers import Arb, lower, precision, to_arb, upper
from mzsym.balls.partials import partials_of, slope_of
from mzsym.balls.primitives import HULLS
from mzsym.balls.ranges import intervals_of, range_of
from mzsym.balls.shifts import density_overlap, joint_normal_variation, shift_variation
from mzsym.balls.slopes import SLOPES
from mzsym.balls.spectral import MatrixBall, diagonal_ball, diagonal_norm, spectral_norm

__all__ = [
    "HULLS",
    "SLOPES",
    "WHOLE",
    "Arb",
    "Interval",
    "LawTable",
    "MatrixBall",
    "affine_hull",
    "box_integral_enclosure",
    "density_norm_squared",
    "density_overlap",
    "diagonal_ball",
    "diagonal_norm",
    "enclose",
    "hull",
    "integral_enclosure",
    "interval",
    "intervals_of",
    "joint_norm_squared",
    "joint_normal_variation",
    "law_table",
    "lower",
    "partials_of",
    "precision",
    "range_of",
    "shift_variation",
    "slope_of",
    "spectral_norm",
    "to_arb",
    "upper",
]
