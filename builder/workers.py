"""Runs one function over many scans: in this process, or in worker processes that outlive neither a crash nor us."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")

MAX_TRIES = 3
"""A job that ends so many times without a result is set aside."""
DIED = f"the worker process died {MAX_TRIES} times, most likely for lack of memory; try fewer --num-proc."
"""What is said of it, after a colon."""


def available_cores() -> int:
    """Cores that this process may use: fewer than the machine's under Slurm or `taskset`."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_jobs(
    run: Callable[[Job], Result], jobs: Sequence[Job], num_proc: int, on_death: Callable[[Job], Result]
) -> Iterator[Result]:
    """Yield the result of every job as it finishes; they start in the order given.

    A worker that dies (out of memory, say) takes only its own job with it. When the others are done, that job is tried
    again with the machine to itself, and what kills `MAX_TRIES` workers is handed to `on_death`.

    Args:
        run: a function that can be imported by name; an exception it raises ends the iteration.
        jobs: its arguments.
        num_proc: worker processes; 1 runs in this process.
        on_death: makes the result of a job that no worker survived.
    """
    if num_proc == 1:
        yield from map(run, jobs)
        return
    died = []
    for job, future in _run_in_slots(run, jobs, num_proc):
        if _is_dead(future):
            died.append(job)
        else:
            yield future.result()
    for job in died:
        yield _try_again(run, job, on_death)


def _try_again(run: Callable[[Job], Result], job: Job, on_death: Callable[[Job], Result]) -> Result:
    for _ in range(MAX_TRIES - 1):
        ((_, future),) = _run_in_slots(run, [job], 1)
        if not _is_dead(future):
            return future.result()
    return on_death(job)


def _is_dead(future: Future[Any]) -> bool:
    return isinstance(future.exception(), BrokenProcessPool)


def _run_in_slots(
    run: Callable[[Job], Result], jobs: Sequence[Job], num_slots: int
) -> Iterator[tuple[Job, Future[Result]]]:
    # A pool of one process for each slot: when a process dies, it is known whose fault it was.
    waiting, working = deque(jobs), dict[Future[Result], tuple[Job, ProcessPoolExecutor]]()
    idle = [_one_process() for _ in range(min(num_slots, len(jobs)))]
    try:
        while waiting or working:
            while waiting and idle:
                job, slot = waiting.popleft(), idle.pop()
                working[slot.submit(run, job)] = job, slot
            for future in wait(working, return_when=FIRST_COMPLETED).done:
                job, slot = working.pop(future)
                idle.append(_one_process() if _is_dead(future) else slot)
                yield job, future
    finally:
        for slot in (*idle, *(slot for _, slot in working.values())):
            slot.shutdown()


def _one_process() -> ProcessPoolExecutor:
    # Spawned, not forked: Arrow's and numba's threads do not survive a fork.
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _die_with_parent)


def _die_with_parent() -> None:
    """Workers wait on a queue for ever when their parent is killed; end them instead, before it can be run again."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
