"""The literature's one-dimensional setting: tanh layers, uniform noise, Legendre projection.

The usual sufficient condition for a contracting memory bounds ||Q_n M_n|| by a Hilbert-Schmidt norm, MATH (23). With
uniform noise of half-width s on [-1-s, 1+s] and Lebesgue measure it is s^(-1/2), with the constants projected out:
contraction would need s > 1, more noise than signal. This derivation sweeps s and shows three things side by side:
the bound, which is proved; the norm itself, which is enclosed with proof from both sides, MATH (24); and the memory
of an eight-layer network, which decays at every noise level, also where the condition fails. The forward picture
completes it: for one noise level the density of the output, carried through the eight layers to rounding, with its
credible interval and Monte Carlo.

Run with ``python derivations/literature_1d/run.py``; it writes results/table.json, results/decay.svg, results/law.json
and results/law.svg beside this file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import mzsym as mz
from mzsym.report.law_plot import save_output
from mzsym.report.law_view import OutputLaws, output_laws

HERE = Path(__file__).parent
DEPTH = 8
DEGREE = 2
WEIGHT = 1.5
HALF_WIDTHS = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0)
SHOWN = 0.5
"""Noise level of the forward picture: two attracting states, and noise enough to pass from one to the other."""


def network(half_width: float, depth: int = DEPTH, weight: float = WEIGHT) -> mz.Network:
    """``depth`` equal layers x -> tanh(weight * x) + U(-half_width, half_width) on [-1 - s, 1 + s]."""
    layer = mz.dense([[weight]], [0.0], activation="tanh", noise=mz.Uniform(half_width))
    box = mz.Box([(-1 - half_width, 1 + half_width)])
    return mz.Network([layer] * depth, domains=[box] * (depth + 1), observable=mz.state(1)[0])


def decay(evaluator: Any, depth: int) -> list[float]:
    """Largest ||K(n, m)||_2 at each lag m - n = 2, ..., depth."""
    return [
        max(float(np.linalg.norm(evaluator.memory(n, n + lag), 2)) for n in range(depth - lag + 1))
        for lag in range(2, depth + 1)
    ]


def row(half_width: float) -> dict[str, Any]:
    """Everything this derivation says about one noise level."""
    net = network(half_width)
    projection = mz.Legendre(DEGREE, measure="lebesgue")
    evaluator = mz.compile(mz.derive(net, projection))
    bound = mz.certify(net, projection, method="hilbert_schmidt").layers[1]
    layer = mz.certify(net, projection, method="sharp").layers[1]
    norms = decay(evaluator, DEPTH)
    return {
        "half_width": half_width,
        "hilbert_schmidt_bound": bound.upper,
        "norm_lower": layer.lower,
        "norm_upper": layer.upper,
        "memory_norms_by_lag": norms,
        "factor_per_layer": float((norms[-1] / norms[0]) ** (1 / (len(norms) - 1))),
    }


def output(half_width: float) -> OutputLaws:
    """The law of the output for uniform X_0, and Monte Carlo beside it."""
    return output_laws(mz.compile(mz.derive(network(half_width), mz.Legendre(DEGREE, measure="lebesgue"))))


def picture(rows: list[dict[str, Any]], path: Path) -> None:
    """Two panels: the condition and the truth against the noise; the memory against the lag."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with plt.rc_context(
        {
            "font.size": 10,
            "svg.fonttype": "path",
            "svg.hashsalt": "mzsym",
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    ):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.7), constrained_layout=True)
        widths = [entry["half_width"] for entry in rows]
        left.plot(
            widths,
            [entry["hilbert_schmidt_bound"] for entry in rows],
            "s-",
            color="#b3541e",
            label="Hilbert–Schmidt bound (proved)",
        )
        left.plot(
            widths,
            [entry["norm_upper"] for entry in rows],
            "o-",
            color="#1f5c99",
            label=r"$\|Q_nM_n\|$ (proved, both sides)",
        )
        left.axhline(1, color="#555555", lw=0.8, ls="--")
        left.text(widths[-1], 1.03, "contraction below this line", ha="right", va="bottom", fontsize=8, color="#555555")
        left.set(xlabel=r"noise half-width $\sigma$", ylabel="one-step norm", ylim=(0, None))
        left.set_title("The sufficient condition", fontsize=10, loc="left")
        left.legend(frameon=False, fontsize=8)
        lags = range(2, DEPTH + 1)
        shown = [entry for entry in rows if entry["half_width"] in (0.1, 0.2, 0.5, 1.0)]
        for entry, colour in zip(shown, ("#0b2a4a", "#1f5c99", "#5b9bd5", "#b3541e"), strict=True):
            values = np.maximum(entry["memory_norms_by_lag"], 1e-16)
            right.semilogy(lags, values, "o-", color=colour, label=rf"$\sigma={entry['half_width']:g}$")
        right.set(xlabel=r"lag $m-n$", ylabel=r"$\max_n\ \|K(n,m)\|$")
        right.set_title("The memory decays all the same", fontsize=10, loc="left")
        right.legend(frameon=False, fontsize=8)
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=160)
        plt.close(figure)


def main() -> None:
    rows = [row(half_width) for half_width in HALF_WIDTHS]
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / "table.json").write_text(json.dumps(rows, indent=2) + "\n")
    picture(rows, results / "decay.svg")
    law = output(SHOWN)
    (item,) = law.laws
    (results / "law.json").write_text(json.dumps(item.to_dict(), indent=2) + "\n")
    save_output(law, results / "law.svg")
    layers = f"{DEPTH} layers tanh({WEIGHT:g} x) + U(-s, s)"
    print(f"\nThe literature's setting: {layers}, Legendre degree {DEGREE}, Lebesgue measure")
    print("     s   HS bound (proved)   ||Q M|| (proved)   memory per layer (estimated)")
    for entry in rows:
        print(
            f"{entry['half_width']:6.2f}   {entry['hilbert_schmidt_bound']:17.4f}   {entry['norm_upper']:16.4f}"
            f"   x {entry['factor_per_layer']:.3g}"
        )
    failing = [entry["half_width"] for entry in rows if entry["hilbert_schmidt_bound"] >= 1]
    levels = ", ".join(f"{s:g}" for s in failing)
    print(f"The Hilbert-Schmidt condition fails for s = {levels}; the memory decays at every s.")
    proved = ", ".join(f"{entry['half_width']:g}" for entry in rows if entry["norm_upper"] < 1)
    print(f"Sharp enclosures prove that it contracts for s = {proved}.")
    lo, hi = item.interval
    print(
        f"Forward, s = {SHOWN:g}: X_{DEPTH} has mean {item.law.mean:.2g}, standard deviation "
        f"{item.law.standard_deviation:.6f} and 95 % interval [{lo:.6f}, {hi:.6f}]; of {len(item.draws)} Monte Carlo "
        f"passes {100 * item.coverage:.1f} % end there."
    )
    print(f"Tables and pictures: {results}")


if __name__ == "__main__":
    main()
