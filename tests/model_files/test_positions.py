"""Lines of keys, in every way that TOML allows to write them."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from mzsym import MzError
from mzsym.model.files.positions import path_text, scan

TEXT = '''# a comment with [brackets] and "quotes"
a = 1  # first
"b c" = """
[not.a.table]
x = 2 """
d.e = { f = [1, 2,
  3], 'g' = 'literal # no comment' }

[t]
u = """ends with quotes"""""
[[list]]
[list.sub]  # of the first
v = 1979-05-27 07:32:00
[[list]]
w = [
  { x = 1 },
  { x = 2 }, # trailing
]
[[list.inner]]
y = -1.5e-3
[[list.inner]]
y = inf
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("a",), 2),
        (("b c",), 3),
        (("d", "e"), 6),
        (("d", "e", "f"), 6),
        (("d", "e", "f", 1), 6),
        (("d", "e", "f", 2), 7),
        (("d", "e", "g"), 7),
        (("t", "u"), 10),
        (("list", 0), 11),
        (("list", 0, "sub", "v"), 13),
        (("list", 1), 14),
        (("list", 1, "w", 1, "x"), 17),
        (("list", 1, "inner", 0, "y"), 20),
        (("list", 1, "inner", 1, "y"), 22),
        (("list", 1, "missing"), 14),
        (("missing",), None),
    ],
)
def test_lines(path: tuple[str | int, ...], line: int | None) -> None:
    tomllib.loads(TEXT)
    assert scan(TEXT, "m.toml").line(path) == line


def test_paths_in_words() -> None:
    assert path_text(("layers", 1, "noise", "half_width")) == "layers[1].noise.half_width"
    assert path_text(("a b", 0)) == '"a b"[0]'


scalars = st.one_of(st.integers(-9, 9), st.floats(allow_nan=False), st.booleans(), st.text(max_size=8), st.dates())
keys = st.one_of(st.sampled_from(["a", "b-c", "k_1", "7"]), st.text(max_size=5))
tables = st.recursive(
    st.dictionaries(keys, scalars, max_size=3),
    lambda inner: st.dictionaries(
        keys, st.one_of(scalars, inner, st.lists(inner, max_size=3), st.lists(scalars, max_size=3)), max_size=3
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(tables, st.booleans())
def test_every_key_is_found_on_its_line(table: dict[str, Any], multiline: bool) -> None:
    text = tomli_w.dumps(table, multiline_strings=multiline)
    if tomllib.loads(text) != table:  # multi-line strings normalise line ends
        return
    found = scan(text, "m.toml")
    lines = text.split("\n")
    for path in _leaves(table, ()):
        assert path in found.lines, (path, text)
        key = str(path[-1])
        shown = lines[found.lines[path] - 1]
        assert key in shown or '"' in shown


def _leaves(value: Any, path: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in _leaves(item, (*path, key))]
    if isinstance(value, list):
        return [leaf for i, item in enumerate(value) if isinstance(item, dict) for leaf in _leaves(item, (*path, i))]
    return [path]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="[]{}=,.\"'#\\\n ab1", max_size=60))
def test_any_text_is_scanned(text: str) -> None:
    assert all(line >= 1 for line in scan(text, "m.toml").lines.values())


def test_depth_is_refused_wherever_the_real_parser_would_follow() -> None:
    for opening in ("a = [", "a = {b = [", "a = [\n# comment\n[", "[t]\na = [1, [2], "):
        with pytest.raises(MzError, match="nest deeper"):
            scan(opening + "[" * 2000, "m.toml")
