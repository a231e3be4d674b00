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


def test_a_deadly_job_is_tried_three_times_and_the_others_once(tmp_path):
    note = "import os; open({!r}, 'a').write('x')"
    jobs = [note.format(str(tmp_path / name)) for name in ("deadly", "a", "b", "c", "d")]
    jobs[0] += f"; os.kill(os.getpid(), {DEADLY})"
    list(run_jobs(exec, jobs, 2, on_death=lambda job: None))
    tries = {path.name: len(path.read_text()) for path in tmp_path.iterdir()}
    assert tries == {"deadly": 3, "a": 1, "b": 1, "c": 1, "d": 1}


def test_a_job_that_survives_a_later_try_gives_its_result(tmp_path):
    first = tmp_path / "first"
    job = f"import os, pathlib; p = pathlib.Path({str(first)!r}); old = p.exists(); p.touch(); old or os.kill(os.getpid(), {DEADLY})"
    assert list(run_jobs(exec, [job, "1"], 2, on_death=lambda job: "died")) == [None, None]


def test_jobs_begin_in_the_order_given(tmp_path):
    file = str(tmp_path / "order")
    jobs = [
        f"open({file!r}, 'a').write('{letter}'); import time; time.sleep({seconds})"
        for letter, seconds in zip("abcd", (1.5, 0, 0, 0), strict=True)
    ]
    list(run_jobs(exec, jobs, 2, on_death=lambda job: None))
    assert (tmp_path / "order").read_text().replace("a", "") == "bcd"


@pytest.mark.parametrize("num_proc", [1, 2])
def test_an_exception_ends_the_run(num_proc):
    with pytest.raises(ZeroDivisionError):
        list(run_jobs((1).__truediv__, [1, 0, 2], num_proc, on_death=lambda job: None))


def test_no_jobs_no_results():
    assert list(run_jobs(operator.neg, [], 2, on_death=lambda job: None)) == []


def test_there_is_a_core():
    assert available_cores() >= 1
