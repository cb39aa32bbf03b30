"""Train the iris network of this folder and write weights.npz and training.json beside this file.

The data are scikit-learn's copy of Fisher's iris measurements: standardised, projected on their first two principal
components and scaled to the box [-1, 1]^2. The network is tanh 2-2-2 with linear class scores; the penalty keeps the
weights moderate, which makes the noisy network smooth enough to be solved to ten digits.

Run with ``python derivations/iris/train.py``; the result is the same on every run of one scikit-learn version.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.model_selection import cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).parent
PENALTY = 0.1
SEEDS = range(12)


def principal_components() -> tuple[np.ndarray, np.ndarray]:
    """Two principal components in [-1, 1]^2, shape (150, 2), and the classes, shape (150,)."""
    measurements, classes = load_iris(return_X_y=True)
    scores = PCA(2, svd_solver="full").fit_transform(StandardScaler().fit_transform(measurements))
    return scores / np.abs(scores).max(axis=0), classes


def classifier(seed: int) -> MLPClassifier:
    return MLPClassifier((2, 2, 2), activation="tanh", solver="lbfgs", alpha=PENALTY, random_state=seed, max_iter=5000)


def main() -> None:
    inputs, classes = principal_components()
    best = min((classifier(seed).fit(inputs, classes) for seed in SEEDS), key=lambda model: model.loss_)
    arrays = {}
    for n, (weights, bias) in enumerate(zip(best.coefs_, best.intercepts_, strict=True)):
        # scikit-learn keeps (in, out); mzsym's layers are act(W x + b) with W of shape (out, in).
        arrays[f"W{n}"] = np.ascontiguousarray(weights.T)
        arrays[f"b{n}"] = np.array(bias)
    np.savez(HERE / "weights.npz", **arrays)
    folds = cross_val_score(classifier(int(best.random_state)), inputs, classes, cv=5)
    record = {
        "data": "scikit-learn load_iris, 150 samples, 2 principal components scaled to [-1, 1]^2",
        "scikit_learn": sklearn.__version__,
        "seed": int(best.random_state),
        "penalty": PENALTY,
        "training_accuracy": round(float(best.score(inputs, classes)), 4),
        "cross_validated_accuracy": round(float(folds.mean()), 4),
        "cross_validated_standard_error": round(float(folds.std(ddof=1) / np.sqrt(len(folds))), 4),
    }
    (HERE / "training.json").write_text(json.dumps(record, indent=2) + "\n")
    print(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
