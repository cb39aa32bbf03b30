"""The page: whole, self-contained, accessible, safe, and true to the tables."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
import sympy as sp

import mzsym as mz
from mzsym.report.html import page, report
from mzsym.report.number_view import heat

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """Tags in order, text, tables as lists of rows; fails on unbalanced tags."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.tables, self.text = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == [], "tags left open"

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data):
        self.text.append(data)
        if self.tables and self.tables[-1] and ("td" in self.open or "th" in self.open):
            self.tables[-1][-1][-1] += data

    def table(self, first_cells):
        found = [t for t in self.tables if [cell.strip() for cell in t[0]][: len(first_cells)] == first_cells]
        assert len(found) == 1
        return found[0]


@pytest.fixture(scope="module")
def text(small):
    return page(small.eq, small.ev, small.c)


@pytest.fixture(scope="module")
def parsed(text):
    return Page(text)


def test_the_page_is_well_formed_and_accessible(parsed):
    tags = [tag for tag, _ in parsed.tags]
    attributes = dict(parsed.tags)
    assert attributes["html"]["lang"] == "en" and tags.count("title") >= 1 and tags.count("h1") == 1
    assert tags.count("caption") == tags.count("table")
    assert all("scope" in attrs for tag, attrs in parsed.tags if tag == "th")
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert all(b <= a + 1 for a, b in pairwise(levels))
    images = [attrs for tag, attrs in parsed.tags if attrs.get("role") == "img"]
    assert images and all(len(attrs["aria-label"]) > 40 for attrs in images)
    identifiers = [attrs["id"] for _, attrs in parsed.tags if "id" in attrs]
    assert len(identifiers) == len(set(identifiers))
    targets = [attrs["href"][1:] for tag, attrs in parsed.tags if tag == "a" and attrs.get("href", "").startswith("#")]
    assert set(targets) <= set(identifiers)


def test_nothing_comes_from_outside(text, parsed):
    names = {"http://www.w3.org/1998/Math/MathML", "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert set(re.findall(r"[a-z]+://[^\s\"'<>)]+", text)) <= names, "only names of namespaces, never fetched"
    assert "@import" not in text and "url(" not in re.sub(r"url\(#[\w-]+\)", "", text)
    for tag, attrs in parsed.tags:
        assert tag not in ("script", "link", "iframe", "img", "object"), tag
        for name in ("src", "href", "xlink:href"):
            assert attrs.get(name, "#").startswith("#")


def test_every_formula_became_mathml(text):
    assert 'class="tex"' not in text, "the converter refused a formula"
    plain = re.sub(r"<math.*?</math>|<pre>.*?</pre>|<svg.*?</svg>|<style>.*?</style>", "", text, flags=re.DOTALL)
    assert "\\" not in plain and "$" not in plain, "raw LaTeX on the page"
    assert "\\" not in "".join(re.findall(r"<mi>(.*?)</mi>", text)), "an unknown command inside a formula"


def test_the_tables_hold_the_evaluators_numbers(small, parsed):
    ev, depth = small.ev, small.ev.network.depth

    def agrees(cell, value, error):
        if cell.startswith("<"):
            return value <= float(cell[1:]) and value <= error
        return float(cell) == pytest.approx(value, rel=5e-4)

    norms = {(n, m): np.linalg.norm(ev.memory(n, m), 2) for n in range(depth) for m in range(n + 2, depth + 1)}
    heat = next(t for t in parsed.tables if [cell.strip() for cell in t[0]][1:] == ["2", "3", "4"])
    for row in heat[1:]:
        for m, cell in zip((2, 3, 4), row[1:], strict=True):
            n = int(row[0])
            assert (cell == "") == ((n, m) not in norms)
            assert cell == "" or agrees(cell, norms[n, m], ev.tolerance_reached["memory"])
    layers = next(t for t in parsed.tables if "resolved functions" in t[0])
    for row in layers[1:-1]:
        n = int(row[0])
        assert agrees(row[2], np.linalg.norm(ev.streaming(n), 2), ev.tolerance_reached["streaming"])
        assert agrees(row[3], np.linalg.norm(ev.noise(n)), ev.tolerance_reached["noise"])
        assert agrees(row[4], np.linalg.norm(ev.coefficients(n)), ev.tolerance_reached["coefficients"])
    lags = parsed.table(["lag"])
    for row in lags[1:]:
        lag = int(row[0])
        assert agrees(row[1], max(v for (n, m), v in norms.items() if m - n == lag), ev.tolerance_reached["memory"])
        bound = max(small.c.memory_bound(n, n + lag) for n in range(depth - lag + 1))
        assert bound <= float(row[4]) <= bound * 1.001


def norm_rows(parsed):
    """The rows of the one-step norms."""
    return next(t for t in parsed.tables if "noise" in t[0] and "map" not in t[0])[1:]


def test_the_table_of_norms_never_prints_less_than_the_bound(small, parsed):
    rows = norm_rows(parsed)
    for layer, row in zip(small.c.layers, rows, strict=True):
        if layer.method == "hilbert_schmidt":
            assert row[2] == row[4] == "\u2013" and layer.estimate is None
            continue
        assert layer.lower * (1 - 1e-6) <= float(row[2]) <= layer.lower
        assert layer.upper <= float(row[3]) <= layer.upper * 1.001
        assert layer.interior.lower * (1 - 1e-6) <= float(row[4]) <= layer.interior.lower
        assert layer.interior.upper <= float(row[5]) <= layer.interior.upper * 1.001
        assert layer.estimate is None


def test_the_table_of_other_norms_never_prints_less_than_the_bound(small, parsed):
    rows = next(t for t in parsed.tables if "taken" in t[0])[1:]
    assert len(rows) == small.ev.network.depth + 1
    for layer, row in zip(small.c.layers, rows[:-1], strict=True):
        assert layer.dobrushin <= float(row[1]) <= layer.dobrushin * 1.001
        assert layer.lipschitz <= float(row[2]) <= layer.lipschitz * 1.001
    depth = small.ev.network.depth
    assert small.c.dobrushin_window(0, depth) <= float(rows[-1][1]) <= small.c.dobrushin_window(0, depth) * 1.001
    assert small.c.lipschitz_window(0, depth) <= float(rows[-1][2]) <= small.c.lipschitz_window(0, depth) * 1.001


def test_standings_are_named(parsed):
    words = " ".join(parsed.text)
    assert "proved" in words and "estimated" in words and "observed, not proved" in words
    assert "does not mean that the memory grows" in words or "below 1" in words


def test_user_text_is_escaped(small):
    evil = "<script>alert(1)</script>&\"'"
    text = page(small.eq, small.ev, small.c, title=evil)
    assert "<script" not in text and "&lt;script&gt;" in text


def test_symbols_of_the_user_cannot_break_out():
    x = mz.state(1)[0]
    name = sp.Symbol("</math><script>alert(1)</script>", real=True)
    layer = mz.Layer([sp.tanh(name * x)], state=[x], noise=mz.Uniform(0.5), params={name: 1.0})
    net = mz.Network([layer] * 2, domain=mz.Box([(-1, 1)]), observable=x)
    eq = mz.derive(net, mz.Mean())
    text = page(eq, mz.compile(eq), mz.certify(net, mz.Mean(), method="hilbert_schmidt"))
    assert "<script" not in text
    Page(text)


def test_several_observables_and_dimensions(plane):
    parsed = Page(page(plane.eq, plane.ev, plane.c))
    assert "over all 2 observables" in " ".join(" ".join(parsed.text).split())
    assert [row[2] for row in norm_rows(parsed)] == ["\u2013"] * 2, "no enclosure asked"


def test_one_layer_and_no_bound():
    x = mz.state(1)[0]
    net = mz.Network(
        [mz.dense([[0.5]], [0.0], activation="tanh", noise=mz.Deterministic())],
        domain=mz.Box([(-1, 1)]),
        observable=x,
    )
    eq = mz.derive(net, mz.Legendre(1))
    parsed = Page(page(eq, mz.compile(eq), mz.certify(net, mz.Legendre(1))))
    words = " ".join(parsed.text)
    assert "no memory term" in words and "none" in words and "there is no noise" in words


def test_a_conditional_projection_is_reported_by_the_norms_of_its_maps():
    y = mz.state(2)
    layer = mz.dense([[0.9, -0.4], [0.3, 0.8]], activation="tanh", noise=mz.Uniform(0.3))
    net = mz.Network([layer] * 2, domain=mz.Box([(-1, 1)] * 2), observable=y[0])
    projection = mz.Conditional([0])
    eq = mz.derive(net, projection)
    ev = mz.compile(eq)
    parsed = Page(page(eq, ev, mz.certify(net, projection)))
    rows = [row for t in parsed.tables for row in t]
    assert any(f"{ev.norm('streaming', 0):.4g}" in row for row in rows)
    assert any(f"{ev.norm('memory', 0, 2):.4g}" in row for row in rows)


def test_pieces_of_different_networks_are_refused(small, plane):
    with pytest.raises(mz.MzError, match="different networks"):
        page(small.eq, small.ev, plane.c)
    r = mz.reduce(plane.eq.network, plane.eq.projection, depth=1, certificate=plane.c, evaluator=plane.ev)
    with pytest.raises(mz.MzError, match="another network"):
        page(small.eq, small.ev, small.c, r=r)


def test_the_shallow_network_is_shown_with_every_depth(small, text):
    r = mz.reduce(small.eq.network, small.eq.projection, tolerance=0.1, certificate=small.c, evaluator=small.ev)
    shown = Page(page(small.eq, small.ev, small.c, r=r))
    words = " ".join(" ".join(shown.text).split())
    assert "within 0.1, as asked" in words and f"The first {r.depth} of 4 layers" in words
    rows = [row for t in shown.tables for row in t if row[0].strip() in ("1", "2", "3", "4", f"{r.depth} (taken)")]
    for item in r.depths:
        label = f"{item.depth} (taken)" if item.depth == r.depth else str(item.depth)
        (row,) = [row for row in rows if row[0].strip() == label and str(item.standing) in row[3:4]]
        assert float(row[1]) == pytest.approx(item.measured, rel=1e-3) and float(row[2]) >= item.bound
        assert float(row[4]) >= item.a_priori
    assert "shallow" not in text


def test_written_whole_or_not_at_all(small, tmp_path):
    target = report(small.eq, small.ev, small.c, path=tmp_path / "r.html")
    assert target.read_text(encoding="utf-8") == page(small.eq, small.ev, small.c), "the same bytes every time"
    with pytest.raises(mz.MzError, match="cannot be written"):
        report(small.eq, small.ev, small.c, path=tmp_path / "missing" / "r.html")
    assert [p.name for p in tmp_path.iterdir()] == ["r.html"]


def luminance(colour):
    parts = [int(part) / 255 for part in colour]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_heat_colours_can_be_read():
    for share in np.linspace(0, 1, 101):
        background, ink = heat(10.0 ** (-8 * (1 - share)), 1e-8, 1.0)
        below = luminance(re.findall(r"\d+", background))
        above = luminance([int(ink[i : i + 2], 16) for i in (1, 3, 5)])
        high, low = max(below, above), min(below, above)
        assert (high + 0.05) / (low + 0.05) >= 4.5


def test_columns_of_estimates_stand_where_there_are_estimates(tmp_path):
    layer = mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(0.5))
    wide = mz.dense([[0.5, 0.2, 0.1]] * 3, activation="tanh", noise=mz.Uniform(0.5))
    nets = [mz.Network([layer] * 2, domain=mz.Box([(-1, 1)])), mz.Network([wide] * 2, domain=mz.Box([(-1, 1)] * 3))]
    pages = []
    for i, net in enumerate(nets):
        eq = mz.derive(net, mz.Legendre(1))
        c = mz.certify(net, mz.Legendre(1))
        path = mz.report(eq, mz.compile(eq), c, path=tmp_path / f"{i}.html")
        pages.append(path.read_text())
    assert ["its error" in page for page in pages] == [False, True]
    assert ["estimated columns" in page for page in pages] == [False, True]
    for layer, row in zip(c.layers, norm_rows(Page(pages[1])), strict=True):
        assert float(row[6]) == pytest.approx(layer.estimate.value, rel=1e-4)
