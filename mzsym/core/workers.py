"""Threads that stay: a call shares its work with idle ones, because starting a thread costs more than short work."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import TypeVar

MOST = 64
"""Threads at most, besides those that call."""

T = TypeVar("T")


class _Workers:
    """Threads that take tasks from one queue; as many as a call has asked for at most."""

    def __init__(self) -> None:
        self.tasks: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock = threading.Lock()
        self._count = 0

    def hand(self, task: Callable[[], None], copies: int) -> None:
        """Let up to ``copies`` threads run a task, which does nothing where nothing is left to do."""
        copies = min(copies, MOST)
        with self._lock:
            while self._count < copies:
                # A daemon: the interpreter does not wait for a thread that waits for work.
                threading.Thread(target=self._serve, name="mzsym", daemon=True).start()
                self._count += 1
        for _ in range(copies):
            self.tasks.put(task)

    def _serve(self) -> None:
        while True:
            self.tasks.get()()


_workers = _Workers()


def _forget() -> None:
    """In a forked child, which has none of the threads."""
    global _workers
    _workers = _Workers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def share(function: Callable[[T], object], jobs: Iterable[T], threads: int) -> None:
    """Call a function for every job, on several threads of which the caller's is one.

    Whoever is free takes the next job, because a thread may have to share its processor. A function may share work
    itself. After an error no further job is begun.

    Parameters
    ----------
    function : callable
        Should spend its time without the interpreter's lock.
    jobs : iterable
    threads : int
        Up to 1: the caller alone.

    Raises
    ------
    BaseException
        The first error of a job.

    Examples
    --------
    >>> squares = [0] * 4
    >>> share(lambda i: squares.__setitem__(i, i * i), range(4), 2)
    >>> squares
    [0, 1, 4, 9]
    """
    queue = list(jobs)
    if threads <= 1 or len(queue) <= 1:
        for job in queue:
            function(job)
        return
    rest, done, failed = iter(queue), itertools.count(1), list[BaseException]()
    complete = threading.Lock()
    complete.acquire()

    def work() -> None:
        for job in rest:
            try:
                if not failed:
                    function(job)
            except BaseException as error:  # noqa: BLE001 - raised again by the caller
                failed.append(error)
            if next(done) == len(queue):
                complete.release()

    _workers.hand(work, min(threads, len(queue)) - 1)
    work()
    # Every job is taken by now. A thread that has none is not waited for: it may not even run yet.
    complete.acquire()
    if failed:
        raise failed[0]
