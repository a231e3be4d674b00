"""Runs one function over many scans: in this process, or in worker processes that outlive neither a crash nor us."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


def available_cores() -> int:
    """Cores that this process may use: fewer than the machine's under Slurm or `taskset`."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_jobs(
    run: Callable[[Job], Result], jobs: Sequence[Job], num_proc: int, on_death: Callable[[Job], Result]
) -> Iterator[Result]:
    """Yield the result of every job as it finishes.

    A worker that dies (out of memory, say) takes only its own job with it: the unfinished jobs are run again one at a
    time, and the one that kills its worker again is handed to `on_death`.

    Args:
        run: a function that can be imported by name; an exception it raises ends the iteration.
        jobs: its arguments.
        num_proc: worker processes; 1 runs in this process.
        on_death: makes the result of a job whose worker died twice.
    """
    if num_proc == 1:
        yield from map(run, jobs)
        return
    unfinished = list(jobs)
    try:
        for job, result in _run_in_pool(run, jobs, num_proc):
            unfinished.remove(job)
            yield result
    except BrokenProcessPool:
        for job in unfinished:
            try:
                yield next(_run_in_pool(run, [job], 1))[1]
            except BrokenProcessPool:
                yield on_death(job)


def _run_in_pool(run: Callable[[Job], Result], jobs: Sequence[Job], num_proc: int) -> Iterator[tuple[Job, Result]]:
    # Spawned, not forked: Arrow's and numba's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(num_proc, len(jobs)) or 1, mp_context=context, initializer=_die_with_parent)
    try:
        futures = {pool.submit(run, job): job for job in jobs}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _die_with_parent() -> None:
    """Workers wait on a queue for ever when their parent is killed; end them instead, before it can be run again."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
