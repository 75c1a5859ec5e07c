"""Processes that share the work of a benchmark."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from multiprocessing import get_context
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_processes(
    work: Callable[[T], R], tasks: Iterable[T], n_jobs: int, *, begin: Callable[..., None], arguments: tuple[Any, ...]
) -> Iterator[R]:
    """Yield results as they end; few tasks wait at a time, so that a stopped benchmark ends soon.

    Args:
        work: Gives the result of a task.
        tasks: The tasks; each is drawn once a process is free for it.
        n_jobs: Number of processes.
        begin: Called in each process before its first task.
        arguments: Arguments of ``begin``.
    """
    left, running = iter(tasks), set[Future[R]]()
    with ProcessPoolExecutor(n_jobs, mp_context=get_context("spawn"), initializer=begin, initargs=arguments) as pool:
        try:
            while True:
                running |= {pool.submit(work, task) for task in islice(left, n_jobs - len(running))}
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
