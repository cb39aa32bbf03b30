"""The inputs, each a function of the seed and its number alone."""

from __future__ import annotations

from random import Random
from typing import Any

import tomli_w

from tests.fuzz.mutate import NUMBERS, TEXTS, hostile, mutated, scrambled
from tests.fuzz.oracle import Input
from tests.fuzz.seeds import plain, seed
from tests.fuzz.weights import good, hostile_weights

COMMANDS = ("derive", "verify", "cost", "explain", "certify", "noise", "advise", "report", "run")

LIMITS = {"load": 20.0, "deep": 120.0, "command": 120.0}
"""Seconds that one input may take on a busy machine; the largest files that are accepted take a few."""


def make(seed_: int, number: int) -> Input:
    """Input ``number`` of the run with this seed."""
    rng = Random(f"{seed_}-{number}")
    kind = rng.random()
    if kind < 0.03:
        return Input("command", _model(rng, plain(rng)), good(), _arguments(rng))
    if kind < 0.08:
        return Input("deep", toml(mutated(rng, plain(rng), seed(rng))), good())
    if kind < 0.16:
        tree = seed(rng)
        tree["layers"][0] |= {"kind": "dense", "W": "W1", "b": "b1", "weights": "weights.npz"}
        for key in ("state", "map", "gain", "params"):
            tree["layers"][0].pop(key, None)
        return Input("load", toml(tree), hostile_weights(rng))
    data = toml(mutated(rng, seed(rng), seed(rng)))
    return Input("load", scrambled(rng, data) if kind < 0.3 else data, good() if rng.random() < 0.9 else None)


def toml(tree: dict[str, Any]) -> bytes:
    """A tree as a file; what TOML cannot hold is written as text."""
    return tomli_w.dumps(_writable(tree)).encode("utf-8", "surrogatepass")


def _writable(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _writable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_writable(item) for item in value]
    return value if isinstance(value, (bool, int, float, str)) else str(value)


def _model(rng: Random, tree: dict[str, Any]) -> bytes:
    if rng.random() < 0.5:
        return toml(tree)
    data = toml(mutated(rng, tree, seed(rng)))
    return scrambled(rng, data) if rng.random() < 0.3 else data


_WORDS = [
    "--json", "--help", "-o", "OUT", "--output", "--method", "auto", "sharp", "lipschitz", "--direction", "forward",
    "backward", "sideways", "--require", "contracts", "--max-lag", "--above", "--term", "memory 0 2", "noise 0", "--",
    "MODEL", "FOLDER", "/dev/null", "/dev/full", "/proc/self/mem", "/nonexistent/x.toml", "-", "--version", "-x", "",
    "\u00e9", "a" * 5000, "$(id)", ";", "--max-lag=999999999999999999999", "--above=nan", "--above=-1e400",
    "-o=/proc/x",
]  # fmt: skip


def _arguments(rng: Random) -> tuple[str, ...]:
    words = [rng.choice(COMMANDS), "MODEL"]
    if words[0] in ("report", "run") or rng.random() < 0.3:
        words += ["-o", "OUT"]
    for _ in range(rng.choice([0, 0, 1, 1, 2, 3])):
        kind = rng.random()
        if kind < 0.7:
            words.insert(rng.randint(0, len(words)), rng.choice(_WORDS))
        elif kind < 0.85:
            words[rng.randrange(len(words))] = str(rng.choice([rng.choice(TEXTS), rng.choice(NUMBERS), hostile(rng)]))[
                :5000
            ]
        else:
            del words[rng.randrange(len(words))]
        words = words or [""]
    # Nothing is written outside the folder of the input by a command that does what it is told.
    if words[0] in ("report", "run") and "-o" not in words:
        words += ["-o", "OUT"]
    return tuple(word.replace("\x00", "0") for word in words)
