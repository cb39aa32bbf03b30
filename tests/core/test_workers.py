"""Threads that stay: every job once, errors come to the caller, nested calls end, a forked child starts its own."""

from __future__ import annotations

import os
import threading
import time

import pytest

from mzsym.core import workers
from mzsym.core.workers import share


@pytest.mark.parametrize("threads", [0, 1, 2, 5, 1000])
@pytest.mark.parametrize("count", [0, 1, 2, 333])
def test_every_job_is_done_once(threads: int, count: int) -> None:
    for _ in range(20):
        seen: list[int] = []
        share(seen.append, range(count), threads)
        assert sorted(seen) == list(range(count))


def test_threads_work_at_the_same_time_and_stay() -> None:
    names, meet = set[str](), threading.Barrier(3, timeout=20)

    def job(_: int) -> None:
        names.add(threading.current_thread().name + str(threading.get_ident()))
        meet.wait()

    share(job, range(3), 3)
    assert len(names) == 3
    before = threading.active_count()
    for _ in range(50):
        share(time.sleep, [0.0] * 6, 3)
    assert threading.active_count() == before


def test_an_error_comes_to_the_caller_and_ends_the_work() -> None:
    done: list[int] = []

    def job(k: int) -> None:
        if k == 3:
            raise ValueError("three")
        done.append(k)
        time.sleep(0.001)

    for threads in (1, 4):
        done.clear()
        with pytest.raises(ValueError, match="three"):
            share(job, range(1000), threads)
        assert len(done) < 100
    # The threads are still there.
    share(done.append, range(1000), 4)
    assert len(done) >= 1000


def test_work_inside_of_work_ends() -> None:
    seen: list[tuple[int, int]] = []
    share(lambda i: share(lambda j: seen.append((i, j)), range(8), 4), range(8), 4)
    assert sorted(seen) == [(i, j) for i in range(8) for j in range(8)]


def test_the_caller_does_not_wait_for_a_thread_that_has_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every thread is held up by another task until the caller has done all jobs alone."""
    release, given_up, seen = threading.Event(), list[int](), list[int]()
    monkeypatch.setattr(workers, "_workers", workers._Workers())

    def hold() -> None:
        if not release.wait(60):
            given_up.append(1)

    workers._workers.hand(hold, 3)
    share(seen.append, range(50), 4)
    assert sorted(seen) == list(range(50)) and not given_up
    release.set()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_has_threads_of_its_own() -> None:
    share(time.sleep, [0.0, 0.0], 2)
    child = os.fork()
    if child == 0:
        meet, code = threading.Barrier(2, timeout=10), 1
        try:
            share(lambda _: meet.wait(), range(2), 2)
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
