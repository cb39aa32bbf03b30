"""Every claim of every step, with the letters as matrices; and by writing out all 2^k words."""

from __future__ import annotations

import importlib.util
import random
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mzsym.derive.operators.derivation import derive_operator
from mzsym.derive.operators.indices import Bound, Index, number, variable
from mzsym.derive.operators.normal_form import DEFINE, SPLIT, SUMS, NormalForm, Site
from mzsym.derive.operators.sums import Expression, Monomial, Range
from mzsym.derive.operators.words import Algebra, Factor


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


oracle = _load("operator_matrices")
DIRECTIONS = ["backward", "forward"]


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(DIRECTIONS), st.integers(1, 8), st.integers(0, 2**32 - 1), st.booleans())
def test_concrete_claims_hold_for_matrices(direction: str, depth: int, seed: int, oblique: bool) -> None:
    matrices = oracle.Matrices(depth, seed, oblique)
    for step in derive_operator(direction, depth).steps:
        assert matrices.error(step.claim, {}) < 1e-10, step.name


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(DIRECTIONS), st.integers(1, 7), st.integers(0, 2**32 - 1), st.booleans())
def test_symbolic_claims_hold_for_matrices_at_every_layer(direction: str, depth: int, seed: int, oblique: bool) -> None:
    matrices = oracle.Matrices(depth, seed, oblique)
    for step in derive_operator(direction).steps:
        places = list(oracle.instances(step, depth))
        assert len(places) >= depth
        for at in places:
            assert matrices.error(step.claim, at) < 1e-10, (step.name, at)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_forward_kernel_is_the_adjoint_of_the_backward_one(depth: int, seed: int) -> None:
    # MATH (13), last sentence: for orthogonal P and N_n = M_n*
    matrices = oracle.Matrices(depth, seed, oblique=False)
    matrices.N = [matrix.T for matrix in matrices.M]
    forward, backward = derive_operator("forward", depth), derive_operator("backward", depth)
    for n in range(1, depth):
        memories = forward.step(f"projected[{n}]").claim.rhs[1:-1]
        for m, term in enumerate(memories):
            kernel = matrices.word(term.word[:-1], {})
            other = backward.step(f"projected[{m}]").claim.rhs[n - m].word
            assert abs(kernel - matrices.word(other[:-1], {}).T).max() < 1e-10


def all_words(expression: Expression, depth: int) -> Counter[tuple[str, ...]]:
    """Every atom down to letters M, N, P by plain recursion on strings: 2^k words for k letters Q."""
    total: Counter[tuple[str, ...]] = Counter()
    for coefficient, word, over in expression:
        assert over is None
        words: dict[tuple[str, ...], int] = {(): coefficient}
        for factor in word:
            row, col = factor.row.shift, None if factor.col is None else factor.col.shift
            words = {k: v for k, v in _times(words, _letters(factor.head, row, col, depth)).items() if v}
        total.update(words)
    return Counter({word: count for word, count in total.items() if count})


def _times(words: dict[tuple[str, ...], int], letters: list[str]) -> dict[tuple[str, ...], int]:
    for letter in letters:
        longer: Counter[tuple[str, ...]] = Counter()
        for word, count in words.items():
            if letter[0] in "PQ":
                kept = f"P{letter[1:]}"
                merged = word if word and word[-1] == kept else (*word, kept)
                longer[merged] += count if letter[0] == "P" else -count
            if letter[0] != "P":
                longer[word if letter[0] == "Q" else (*word, letter)] += count
        words = dict(longer)
    return words


def _letters(head: str, row: int, col: int | None, depth: int) -> list[str]:
    if head == "q":
        return [*(f"M{k}" for k in range(row, depth)), "u"]
    if head == "p":
        return [*(f"N{k}" for k in range(row - 1, -1, -1)), "start"]
    if head in ("u", "p0"):
        return ["u" if head == "u" else "start"]
    assert col is not None
    if head == "Phi":
        return [letter for k in range(row, col) for letter in (f"Q{k}", f"M{k}")]
    if head == "Psi":
        return [letter for k in range(row, col, -1) for letter in (f"Q{k}", f"N{k - 1}")]
    if head in ("M", "M*"):
        return [f"M{k}" for k in range(row, col)]
    if head in ("N", "N*"):
        return [f"N{k}" for k in range(row - 1, col - 1, -1)]
    return [f"{head}{row}"]


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("depth", [1, 2, 3, 6])
def test_claims_hold_word_by_word_when_everything_is_expanded(direction: str, depth: int) -> None:
    longest = 0
    for step in derive_operator(direction, depth).steps:
        left, right = all_words(step.claim.lhs, depth), all_words(step.claim.rhs, depth)
        assert left == right, step.name
        parts = [len(all_words((term,), depth)) for term in step.claim.rhs]
        longest = max(longest, *parts)
    assert longest == 2 ** (depth + 1)  # Phi(0,L) Q_L has this many words, which is why words stay factored


def random_expression(rng: random.Random, depth: int = 4) -> Expression:
    """A well-formed combination of plain words from functions of layer ``depth`` to functions of layer 0."""
    terms = []
    for _ in range(rng.randint(1, 4)):
        word: list[Factor] = []
        row = 0
        while row < depth or not word:
            head = rng.choice(["P", "Q", "M", "M*", "Phi"])
            col = row if head in "PQ" else row + 1 if head == "M" else rng.randint(row, depth)
            word.append(Factor(head, number(row), number(col)))
            row = col
        terms.append(Monomial(rng.randint(-3, 3), tuple(word)))
    return tuple(terms)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 4))
def test_normal_form_is_the_same_operator(seed: int, layer: int) -> None:
    rng = random.Random(seed)
    one, other = random_expression(rng), random_expression(rng)
    site = Site(Algebra("backward", number(4)), (), number(layer), frozenset({DEFINE, SPLIT, SUMS}))
    form = NormalForm(site)
    form.add(one)
    form.add(other, -1)
    matrices = oracle.Matrices(4, 7, oblique=True)
    difference = matrices.value(one, {}) - matrices.value(other, {})
    rest = tuple(Monomial(value, word) for word, value in form.plain.items() if value and word)
    assert abs(difference - matrices.value(rest, {})).max() < 1e-9  # the normal form is the same operator
    if form.is_zero():
        assert abs(difference).max() < 1e-9
    again = NormalForm(site)
    again.add(one)
    again.add(one[::-1], -1)
    assert again.is_zero()


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(0, 3), st.integers(-1, 3), st.integers(-2, 2)), max_size=5))
def test_sums_split_shift_and_cancel(parts: list[tuple[int, int, int, int]]) -> None:
    """Sums of P_{m+shift} from n+low to n+high (or L-1) add up as they do for numbers."""
    n, depth, end = variable("n"), variable("L"), 12
    given = (Bound(number(4), n), Bound(n.plus(8), depth))
    site = Site(Algebra("backward", depth), given, None, frozenset({SUMS}))
    form, plain = NormalForm(site), Counter[int]()
    for weight, low, length, shift in parts:
        if length < 0:  # a long sum, up to L-1
            over, last = Range("m", n.plus(low), depth.plus(-1)), end - 1
        else:
            over, last = Range("m", n.plus(low), n.plus(low + length - 1)), 4 + low + length - 1
        index = Index("m", -shift)
        body = (Factor("P", index, index),)
        moved = Range("m", over.low.plus(shift), over.high.plus(shift))
        form.add((Monomial(weight, body, moved),))
        for k in range(4 + low, last + 1):  # n = 4, L = 12
            plain[k] += weight
    assert form.is_zero() == (not any(plain.values()))
