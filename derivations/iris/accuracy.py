"""What the noise costs the classifier of this folder, beside the network without noise, MATH (32).

Every statement on the noisy network is one on another classifier than the trained one. Two of them are compared with
it on the 150 measurements: a single noisy pass, and the decision by the mean score q_0, whose equation mzsym derives.
At the noise of the model file (half-width 0.3) a single pass loses nine points of accuracy; the mean score loses less
than can be told from zero, and it is the mean score that a shallow network reproduces.

Run with ``python derivations/iris/accuracy.py``; it writes results/accuracy.json and results/accuracy.svg beside this
file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import mzsym as mz
from mzsym.report.accuracy_plot import accuracy_figure
from mzsym.report.plots import save_figure

HERE = Path(__file__).parent
FACTORS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)


def main(results: Path = HERE / "results", samples: int = 4096) -> None:
    sys.path.insert(0, str(HERE))
    from train import principal_components

    inputs, classes = principal_components()
    found = mz.accuracy(mz.load(HERE / "model.toml").network, inputs, classes, FACTORS, samples=samples)
    results.mkdir(exist_ok=True)
    (results / "accuracy.json").write_text(json.dumps(found.to_dict(), indent=1) + "\n", encoding="utf-8")
    save_figure(accuracy_figure(found), results / "accuracy.svg")
    print(*found.lines(), sep="\n")
    print(f"The picture is in {results / 'accuracy.svg'}")


if __name__ == "__main__":
    main()
