"""Sweeps over parameters: every number is that of a network made anew, stopped ones go on, and files hold all."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from distributed import Client, LocalCluster

import mzsym as mz
from mzsym.evaluate import Evaluator
from mzsym.evaluate.sweeps import checkpoint, run

x = mz.state(1)[0]
w, a = sp.symbols("w a", real=True)
SIGMAS, SLOPES = np.array([0.3, 0.5, 0.8]), np.array([0.5, 1.0, 1.5, 2.0])


def network(sigma: float = 0.4, slope: float = 1.0, first: float = 1.2, scale: float = 1.0) -> mz.Network:
    layers = [
        mz.Layer([sp.tanh(w * x)], state=[x], noise=mz.Uniform(sigma), params={w: first}),
        mz.dense([[slope]], [0.1], activation="tanh", noise=mz.Uniform(0.4)),
        mz.dense([[0.9]], activation="sigmoid", noise=mz.Uniform(0.3)),
    ]
    net = mz.Network(layers, domain=mz.Box([(-1, 1)]), observable=[x, sp.sin(a * x)])
    return net.with_params({a: scale})


@pytest.fixture(scope="module")
def ev() -> Evaluator:
    return mz.compile(mz.derive(network(), mz.Legendre(2)))


def made(**values: float) -> Evaluator:
    return mz.compile(mz.derive(network(**values), mz.Legendre(2)))


def test_every_cell_of_the_grid_is_a_network_of_its_own(ev: Evaluator) -> None:
    found = ev.sweep({(0, "scale"): SIGMAS, (1, "W"): SLOPES[:, None, None]})
    assert dict(found.sizes) == {"scale_0": 3, "W_1": 4, "n": 4, "m": 4, "layer": 3, "W_1_row": 1, "W_1_column": 1}
    for i, k in ((0, 0), (2, 1), (1, 3)):
        own = made(sigma=SIGMAS[i], slope=SLOPES[k])
        cell = found.isel(scale_0=i, W_1=k)
        assert float(cell.scale_0) == SIGMAS[i] and float(cell.W_1_values.squeeze()) == SLOPES[k]
        assert float(cell.memory_norm[0, 3]) == own.norm("memory", 0, 3)
        assert np.isnan(cell.memory_norm[1, 2])
        assert float(cell.streaming_norm[1]) == own.norm("streaming", 1)
        assert float(cell.noise_norm[0]) == own.norm("noise", 0)
        assert float(cell.tolerance_reached) == max(own.solution.reached.values())
    assert found.memory_norm.dims == ("scale_0", "W_1", "n", "m")
    assert found.attrs["standing"].startswith("estimated") and found.attrs["network_sha256"] == ev.network.digest


def test_sets_that_go_together(ev: Evaluator) -> None:
    firsts = np.array([0.7, 1.1, 1.9])
    params = {(0, w): firsts, (0, "scale"): SIGMAS, a: [1.0, 2.0, 0.5]}
    X = np.array([[-0.7], [0.1], [0.9]])
    found = ev.sweep(params, ["memory(0, 2)", "coefficients(1)", "mean", "coefficient_norm"], X, together=True)
    assert found.sizes["set"] == 3 and np.array_equal(found.w_0, firsts)
    for k in range(3):
        own = made(sigma=SIGMAS[k], first=firsts[k], scale=[1.0, 2.0, 0.5][k])
        cell = found.isel(set=k)
        assert np.array_equal(cell["memory_0_2"], own.memory(0, 2))
        assert np.array_equal(cell["coefficients_1"], own.coefficients(1))
        assert np.array_equal(cell["mean"], own.mean())
        assert np.array_equal(cell.expectation, own.expectation(X))
        assert cell.coefficient_norm[2] == np.linalg.norm(own.coefficients(2))


def test_functions_of_the_user(ev: Evaluator) -> None:
    found = ev.sweep({(0, "scale"): SIGMAS}, {"decay": lambda e: e.norm("memory", 0, 3) / e.norm("memory", 0, 2)})
    own = made(sigma=SIGMAS[1])
    assert found.decay.dims == ("scale_0",)
    assert found.decay[1] == own.norm("memory", 0, 3) / own.norm("memory", 0, 2)


@pytest.mark.parametrize("pool", ["threads", "processes"])
def test_another_executor_gives_the_same_numbers(ev: Evaluator, pool: str) -> None:
    params = {(0, "scale"): np.linspace(0.2, 0.9, 20)}
    made_here = ev.sweep(params)
    executor: Any = (
        ThreadPoolExecutor(2) if pool == "threads" else ProcessPoolExecutor(2, mp_context=get_context("spawn"))
    )
    with executor:
        assert made_here.identical(ev.sweep(params, executor=executor))


def test_a_cluster_gives_the_same_numbers(ev: Evaluator) -> None:
    params = {(0, "scale"): np.linspace(0.2, 0.9, 40)}
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
        client.get_executor() as executor,
    ):
        found = ev.sweep(params, executor=executor)
    assert ev.sweep(params).identical(found)


def test_the_file_holds_the_dataset(ev: Evaluator, tmp_path: Path) -> None:
    path = tmp_path / "sweep.nc"
    found = ev.sweep({(0, "scale"): SIGMAS}, path=path)
    with xr.open_dataset(path, engine="scipy") as stored:
        xr.testing.assert_identical(stored.load(), found)
    assert [p.name for p in tmp_path.iterdir()] == ["sweep.nc"]


def test_a_refused_set_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    given = [mz.Box([(-1, 1)]), mz.Box([(-1.5, 1.5)])]
    layer = mz.dense([[1.0]], activation="tanh", noise=mz.Uniform(0.4))
    net = mz.Network([layer], domain=None, domains=given, observable=x)
    ev = mz.compile(mz.derive(net, mz.Legendre(1)))
    found = ev.sweep({(0, "scale"): [0.4, 0.9]}, ["streaming_norm"], path=tmp_path / "out.nc")
    assert str(found.refused[0].item()) == "" and "leaves" in str(found.refused[1].item())
    assert np.isfinite(found.streaming_norm[0]).all() and np.isnan(found.streaming_norm[1]).all()
    with xr.open_dataset(tmp_path / "out.nc", engine="scipy") as stored:
        assert "leaves" in str(stored.refused.astype(str).values[1])
    with pytest.raises(mz.MzError, match="leaves the given domain"):
        ev.sweep({(0, "scale"): [0.9]}, ["streaming_norm"])
    # Each key alone would do, no set of them does.
    wide = {(0, "scale"): [0.7], (0, "W"): [[[1.2]]]}
    with pytest.raises(mz.MzError, match="No parameter set was accepted"):
        ev.sweep(wide, ["streaming_norm"])
    # What is refused first need not be what is refused at all.
    assert "leaves" in str(ev.sweep({(0, "scale"): [0.9, 0.4]}, ["streaming_norm"]).refused[0].item())


def test_a_stopped_sweep_goes_on_where_it_was(ev: Evaluator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "CHUNK", 2)
    monkeypatch.setattr(run, "CHUNK", 2)
    params, path = {(0, "scale"): np.linspace(0.2, 0.9, 9)}, tmp_path / "s.nc"

    def stop(done: int, total: int) -> None:
        if done >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ev.sweep(params, path=path, progress=stop)
    assert [p.name for p in tmp_path.iterdir()] == ["s.nc.part.npz"]
    told: list[int] = []
    found = ev.sweep(params, path=path, progress=lambda done, total: told.append(done))
    assert told == [8, 9]
    assert found.identical(ev.sweep(params)) and [p.name for p in tmp_path.iterdir()] == ["s.nc"]
    # Another sweep does not take it up, nor does a file that is cut off.
    with pytest.raises(KeyboardInterrupt):
        ev.sweep(params, path=path, progress=stop)
    part = tmp_path / "s.nc.part.npz"
    other: list[int] = []
    ev.sweep({(0, "scale"): params[0, "scale"] + 0.01}, path=path, progress=lambda done, total: other.append(done))
    assert other[0] == 2
    with pytest.raises(KeyboardInterrupt):
        ev.sweep(params, path=path, progress=stop)
    part.write_bytes(part.read_bytes()[:200])
    again: list[int] = []
    ev.sweep(params, path=path, progress=lambda done, total: again.append(done))
    assert again[0] == 2


def growing(ev: Evaluator) -> np.ndarray:
    return np.ones(round(10 * float(ev.network.layers[0].noise[0].scale)))


@pytest.mark.parametrize(
    ("params", "more", "words"),
    [
        ({}, {}, "no parameter to vary"),
        ({(0, "scale"): []}, {}, "no list of finite numbers"),
        ({(0, "scale"): [np.nan]}, {}, "no list of finite numbers"),
        ({(0, "scale"): "abc"}, {}, "no list of finite numbers"),
        ({(7, "scale"): [0.1]}, {}, "layer"),
        ({(0, "scale"): [0.1, 0.2], (0, w): [1.0]}, {"together": True}, "have 2, 1 values"),
        ({(0, "scale"): [0.1]}, {"quantities": ["norms"]}, "no quantity 'norms'"),
        ({(0, "scale"): [0.1]}, {"quantities": []}, "Nothing is asked for"),
        ({(0, "scale"): [0.1]}, {"quantities": {"f": 3}}, "is no function"),
        ({(0, "scale"): [0.1]}, {"points": [0.1]}, "points have shape"),
        ({(0, "scale"): [0.1, 0.2]}, {"quantities": {"f": growing}}, "of the shapes"),
    ],
)
def test_refusals(ev: Evaluator, params: Any, more: Any, words: str) -> None:
    with pytest.raises(mz.MzError, match=words):
        ev.sweep(params, **more)
