from __future__ import annotations

import operator
import signal

import pytest

from spatialmosaic_builder.workers import available_cores, run_jobs

HARMLESS, DEADLY = int(signal.SIGWINCH), int(signal.SIGKILL)


@pytest.mark.parametrize("num_proc", [1, 2])
def test_every_job_gives_its_result(num_proc):
    results = run_jobs(operator.neg, list(range(7)), num_proc, on_death=lambda job: None)
    assert sorted(results) == [-6, -5, -4, -3, -2, -1, 0]


def test_a_dead_worker_takes_only_its_own_job_with_it():
    jobs = [HARMLESS, DEADLY, HARMLESS, HARMLESS]
    results = list(run_jobs(signal.raise_signal, jobs, 2, on_death=lambda job: f"died of {job}"))
    assert sorted(results, key=str) == [None, None, None, f"died of {DEADLY}"]


@pytest.mark.parametrize("num_proc", [1, 2])
def test_an_exception_ends_the_run(num_proc):
    with pytest.raises(ZeroDivisionError):
        list(run_jobs((1).__truediv__, [1, 0, 2], num_proc, on_death=lambda job: None))


def test_no_jobs_no_results():
    assert list(run_jobs(operator.neg, [], 2, on_death=lambda job: None)) == []


def test_there_is_a_core():
    assert available_cores() >= 1
