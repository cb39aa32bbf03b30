"""The examples of docs/model-files.md load, and its tables name every key and function there is."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

import mzsym as mz
from mzsym.core.primitives import PRIMITIVES
from mzsym.model.files.reader import _LAYER_KEYS, NOISE_KEYS
from mzsym.model.files.vocabulary import FUNCTIONS
from mzsym.projections.tables import FAMILIES, keys_of

PAGE = (Path(__file__).parents[2] / "docs" / "model-files.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_load(text: str, tmp_path: Path) -> None:
    path = tmp_path / "model.toml"
    path.write_text(text)
    study = mz.load(path)
    mz.save(study.network, tmp_path / "again.toml", study.projection, study.options)
    assert mz.load(tmp_path / "again.toml") == study


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 5


def test_every_key_is_documented() -> None:
    coded = set(re.findall(r"`([a-zA-Z_]+)", PAGE))
    words = set(re.findall(r"[a-z_]+", PAGE))
    keys = {key for known in _LAYER_KEYS.values() for key in known} | {"law"}
    keys |= set(NOISE_KEYS) | {key for known in NOISE_KEYS.values() for key in known}
    keys |= {field.name for field in fields(mz.Options)} | set(FAMILIES) | set(PRIMITIVES)
    keys |= {key for family in FAMILIES.values() for key in keys_of(family)}
    assert keys <= coded | {"law", "kind"} and keys <= words | {"W", "b"}
    assert set(FUNCTIONS) <= words


def test_the_error_shown_is_the_error_given(tmp_path: Path) -> None:
    path = tmp_path / "model.toml"
    path.write_text(EXAMPLES[0].replace("half_width = 0.5", "half_width = -0.5", 1))
    with pytest.raises(mz.MzError) as caught:
        mz.load(path)
    assert f"Error: {caught.value}" in PAGE
