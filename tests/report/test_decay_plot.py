"""The picture of the memory."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import mzsym as mz
from mzsym.evaluate.norms import memory_norms
from mzsym.report.plots import decay_figure, decay_svg, describe_decay, save_decay


def test_the_figure_shows_the_norms_and_the_proved_bound(small):
    axes = decay_figure(small.ev, small.c).axes[0]
    assert axes.get_yscale() == "log" and axes.get_xlabel() and axes.get_ylabel()
    lines = {line.get_label(): line for line in axes.get_lines()}
    top = next(line for label, line in lines.items() if "computed" in label)
    norms = memory_norms(small.ev)
    for lag, value in zip(top.get_xdata(), top.get_ydata(), strict=True):
        assert value == max(norm for (n, m), norm in norms.items() if m - n == lag)
    bound = lines["proved bound"]
    np.testing.assert_array_equal(bound.get_xdata(), [2, 3, 4])
    assert all(
        b >= max(norm for (n, m), norm in norms.items() if m - n == lag)
        for lag, b in zip(bound.get_xdata(), bound.get_ydata(), strict=True)
    )


def test_the_svg_is_self_contained_and_the_same_every_time(small):
    svg = decay_svg(small.ev, small.c)
    ElementTree.fromstring(svg)
    assert svg == decay_svg(small.ev, small.c)
    assert "metadata" not in svg and "<text" not in svg
    assert set(re.findall(r'(?:href|src)="([^#"][^"]*)"', svg)) == set()
    assert re.match(r"<svg [^>]*viewBox", svg) and " height=" not in svg[: svg.index(">")]


def test_words_for_readers_who_do_not_see_it(small):
    words = describe_decay(small.ev, small.c)
    assert "lag 2" in words and "proved bound" in words


def test_no_memory_no_points():
    net = mz.Network(
        [mz.dense([[1.0]], [0.0], activation="tanh", noise=mz.Uniform(0.5))],
        domain=mz.Box([(-1, 1)]),
        observable=mz.state(1)[0],
    )
    ev = mz.compile(mz.derive(net, mz.Mean()))
    assert decay_figure(ev).axes[0].get_lines() == [] or len(decay_figure(ev).axes[0].get_lines()) == 0
    assert "no memory term" in describe_decay(ev)


def test_files(small, tmp_path):
    save_decay(small.ev, tmp_path / "d.svg", small.c)
    save_decay(small.ev, tmp_path / "d.png")
    assert (tmp_path / "d.png").read_bytes().startswith(b"\x89PNG")
    ElementTree.parse(tmp_path / "d.svg")
    with pytest.raises(mz.MzError, match=r"svg or .png"):
        save_decay(small.ev, tmp_path / "d.exe")
