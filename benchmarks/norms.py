"""Sharp norms of one-dimensional layers: proved enclosures against the programs that estimate the same numbers.

One layer with uniform noise on [-1 - s, 1 + s], or with a normal law cut off at three deviations; the relative width
asked for is the default, 1e-4. The estimate is the one shown where nothing is proved: its error is observed only.
"""

from __future__ import annotations

from functools import partial

import mzsym as mz
from benchmarks.timing import interleaved, seconds
from mzsym.certify.certify import step_of
from mzsym.certify.estimated.norms import sharp_estimate
from mzsym.certify.sharp.proof import sharp_enclosure

CASES = (
    ("tanh", 1.0, mz.Uniform(0.5), 0),
    ("tanh", 1.0, mz.Uniform(0.5), 5),
    ("tanh", 3.0, mz.Uniform(0.5), 0),
    ("tanh", 1.0, mz.Uniform(0.05), 5),
    ("tanh", 5.0, mz.Uniform(0.2), 0),
    ("relu", 1.0, mz.Uniform(0.5), 1),
    ("gelu", 1.5, mz.Uniform(0.5), 1),
    ("sin", 3.0, mz.Uniform(0.5), 1),
    ("tanh", 2.0, mz.TruncatedGaussian(0.25), 1),
    ("sin", 3.0, mz.TruncatedGaussian(0.25), 1),
)


def one_layer(activation: str, w: float, noise: mz.Uniform | mz.TruncatedGaussian) -> mz.Network:
    layer = mz.dense([[w]], [0.0], activation=activation, noise=noise)
    return mz.Network([layer], domain=mz.Box([(-1.5, 1.5)]), observable=mz.state(1)[0])


def main() -> None:
    print("        map           noise   d   proved enclosure              width   functions   proved   estimated")
    for activation, w, noise, degree in CASES:
        net, projection = one_layer(activation, w, noise), mz.Legendre(degree)
        step = step_of(net, projection, 0)
        variants = {
            "proved": partial(sharp_enclosure, net, projection, 0),
            "estimated": partial(sharp_estimate, step, smallest=degree),
        }
        best = interleaved(variants, rounds=3)
        found = sharp_enclosure(net, projection, 0)
        law = "U" if isinstance(noise, mz.Uniform) else "N"
        size = float(noise.scale)
        times = f"{seconds(best['proved']):>9}   {seconds(best['estimated']):>9}"
        print(
            f"  {activation:>5}({w:g} x)  {law + f'({size:g})':>12}   {degree}   [{found.lower:.9f}, {found.upper:.9f}]"
            f"   {found.width:.0e}   {found.functions:9d}   {times}"
        )


if __name__ == "__main__":
    main()
