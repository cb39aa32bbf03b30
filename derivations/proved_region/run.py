"""Where the memory provably contracts: the literature's region and the proved one, side by side.

The setting is the literature's: layers x -> tanh(w x) + U(-s, s) on [-1-s, 1+s]. Its sufficient condition bounds the
norm of Q M by a Hilbert-Schmidt norm, MATH (23). In the uniform measure, with the constants resolved,

    ||Q M||^2 <= ||Q M||_HS^2 <= vol(Omega) ||rho||^2 - 1 = (2 + 2 s)/(2 s) - 1 = 1/s,

so that a contraction by kappa takes s >= 1/kappa^2: noise as large as the signal, whatever the weight w and however
much is resolved, because neither enters the bound.

Sharp enclosures, MATH (24), bound the norm itself from both sides. On a grid of (w, s) each point gets one of three
answers, and the first two are theorems: the norm is at most kappa; it is above kappa; the bounds decide neither way.
The region in which contraction is proved reaches down to noise levels several times smaller, and what is left out is
not a weakness of the method: there the norm is proved to be larger than kappa, and one must resolve more.

Last, the inverse problem, MATH (28): for single layers on [-1, 1], whose next box follows from the noise, the least
level that was found to be certified, one just below it that is proved to fail, and the Hilbert-Schmidt level
tanh(w)/kappa^2. Nothing is assumed to be monotone: each level carries its own proof.

Run with ``python derivations/proved_region/run.py``; it writes results/region.json, results/noise.json and
results/region.svg beside this file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

import mzsym as mz
from mzsym.certify.search.region import Region, proved_region
from mzsym.report.plots import save_figure
from mzsym.report.region_plot import region_figure

HERE = Path(__file__).parent
DEGREE = 1
KAPPA = 0.9
WEIGHTS = np.linspace(0.25, 3.0, 12)
LEVELS = np.geomspace(0.04, 2.5, 16)
SHOWN = (0.5, 1.0, 1.5, 2.0, 3.0)
"""Weights for which the inverse problem is solved."""


def layer(weight: float, half_width: float) -> mz.Network:
    """One layer of the literature's setting, on boxes that are stated."""
    box = mz.Box([(-1 - half_width, 1 + half_width)])
    noisy = mz.dense([[weight]], activation="tanh", noise=mz.Uniform(half_width))
    return mz.Network([noisy], domains=[box, box])


def region(weights: Iterable[float] = WEIGHTS, levels: Iterable[float] = LEVELS) -> Region:
    """What is proved at every point of the grid."""
    return proved_region(layer, weights, levels, mz.Legendre(DEGREE), KAPPA)


def inverse(weight: float) -> dict[str, Any]:
    """The noise level that a layer on [-1, 1] needs, by both methods."""
    noisy = mz.dense([[weight]], activation="tanh", noise=mz.Uniform(0.5))
    net = mz.Network([noisy], domain=mz.Box([(-1, 1)]))
    sharp = mz.minimal_noise(net, 0, mz.Legendre(DEGREE), KAPPA, method="sharp")
    square = mz.minimal_noise(net, 0, mz.Legendre(DEGREE), KAPPA, method="hilbert_schmidt")
    return {
        "weight": weight,
        "certified": sharp.certified,
        "fails_below": sharp.fails_below,
        "hilbert_schmidt": square.certified,
        "closed_form": float(np.tanh(weight)) / KAPPA**2,
    }


def picture(found: Region, path: Path) -> None:
    """The figure of both regions."""
    save_figure(region_figure(found, condition=(1 / KAPPA**2, r"\sigma=1/\kappa^2")), path)


def main() -> None:
    found = region()
    rows = [inverse(weight) for weight in SHOWN]
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / "region.json").write_text(json.dumps(found.to_dict(), indent=1) + "\n", encoding="utf-8")
    (results / "noise.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    picture(found, results / "region.svg")
    print(f"\n{found}.")
    lowest = found.levels[found.proved.all(axis=0)].min()
    print(f"The literature's condition needs s >= 1/kappa^2 = {1 / KAPPA**2:.4f}, for every w.")
    print(f"For every w of the grid the contraction is proved at s = {lowest:.4f} already.")
    print("\nSingle layers on [-1, 1]; the bracket is what was found, each level with its own proof")
    print("     w   fails (proved)   certified   Hilbert-Schmidt   tanh(w)/kappa^2")
    for row in rows:
        print(
            f"{row['weight']:6.2f}   {row['fails_below']:14.5f}   {row['certified']:9.5f}   "
            f"{row['hilbert_schmidt']:15.5f}   {row['closed_form']:15.5f}"
        )
    print(f"Tables and picture: {results}")


if __name__ == "__main__":
    main()
