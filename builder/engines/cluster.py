"""Scans worked on by a Slurm cluster: array jobs that datatrove submits, one task a scan, while this process waits.

What is done is told by the outcomes and the shards in the work folder, which all nodes share, and by nothing else: neither by
exit codes nor by datatrove's completion markers. An array is known by its name, so a build that was killed finds its own again.

<work>/engine/<key>/     what datatrove writes: the script, the pickled jobs, and slurm_logs/<array>_<element>.out
"""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from datatrove.executor.slurm import SlurmPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.utils.logging import logger as datatrove_logger

from .. import progress, running
from ..errors import BuildError
from ..scan_job import ScanJob, ScanResult, find_result, run_scan, set_aside
from ..workers import MAX_TRIES
from . import slurm_queue

logger = logging.getLogger(__name__)

_POLL_S = 10.0
_SETTLE_S = 60.0
"""An array that has left the queue may have results that a network file system does not show yet."""
_NUM_READERS = 16
_OURS = ("pipeline", "tasks", "logging_dir", "skip_completed", "job_name", "depends")
"""Options of the executor that the build sets."""
_DEFAULTS = {"qos": "", "mem_per_cpu_gb": 4}
"""In place of datatrove's: a `normal` quality of service, which not every cluster has, and 2 GB."""


class ScanStep(PipelineStep):
    """Works on one scan a rank."""

    name = "scan"
    type = "SpatialMosaic"

    def __init__(self, jobs: Sequence[ScanJob], logs: Path) -> None:
        super().__init__()
        self.jobs = jobs
        self.logs = logs

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> tuple[()]:
        """Work on the scan of a rank; there is nothing to pass on."""
        log = self.logs / f"{os.environ['SLURM_ARRAY_JOB_ID']}_{os.environ['SLURM_ARRAY_TASK_ID']}.out"
        run_scan(self.jobs[rank], log if log.is_file() else None)
        return ()


class ScanArray(SlurmPipelineExecutor):
    """An array of the scans that are yet to be done."""

    def __init__(self, ranks: Sequence[int], **options: Any) -> None:
        super().__init__(**options)
        self.ranks = list(ranks)

    def get_incomplete_ranks(self, ranks: Any = None, skip_completed: bool | None = None) -> list[int]:
        """Name the ranks to run: the markers of an earlier array say nothing."""
        return self.ranks

    def launch_merge_stats(self) -> None:
        """Submit no job after the array: it would wait for ever after a task that failed."""


@dataclass(frozen=True, slots=True)
class SlurmArrays:
    """The engine of a cluster."""

    work: Path
    name: str
    """Of the arrays, in the queue."""
    folder: Path
    """Where datatrove writes."""
    options: dict[str, Any]
    """Of datatrove's executor."""
    is_at_work: bool
    """Whether an array of the same build, left by a process that is gone, waits or runs."""

    @classmethod
    def start(cls, work: Path, key: str, file: Path) -> SlurmArrays:
        """Get ready to submit.

        Args:
            work: the work folder, which all nodes must see under the same path.
            key: changes with the configuration and the list of scans.
            file: YAML with options of the executor.

        Raises:
            BuildError: if Slurm's commands are missing or silent, an option is refused, or another build's array is there.
        """
        if missing := [command for command in slurm_queue.COMMANDS if shutil.which(command) is None]:
            raise BuildError(
                f"--engine slurm needs Slurm's {missing[0]} on the PATH; run it on a machine that submits jobs."
            )
        options = read_options(file)
        name = slurm_queue.array_name(work, key)
        queued = slurm_queue.queued_arrays(work)
        if queued is None:
            raise BuildError("squeue does not answer, so it cannot be told what runs; try again when Slurm does.")
        return cls(work, name, work / "engine" / key[:12], options, name in queued)

    def workers(self, num_scans: int) -> int:
        """How many scans are worked on at a time, at most."""
        limit = self.options.get("workers", -1)
        return num_scans if limit == -1 else min(int(limit), num_scans)

    def run(self, jobs: Sequence[ScanJob]) -> Generator[ScanResult, None, None]:
        """Yield the result of every scan as it is found; an array that is cut short is followed by one of what is left."""
        with ThreadPoolExecutor(_NUM_READERS) as readers:
            found = list(readers.map(find_result, jobs))
        yield from (result for result in found if result)
        waiting = {rank: job for rank, job in enumerate(jobs) if found[rank] is None}
        if not self.is_at_work:
            for job in waiting.values():
                running.forget(job.work, job.profile, job.scene_name)
        try:
            for number in range(MAX_TRIES):
                if waiting and (number or not self.is_at_work):
                    self._submit(jobs, waiting, options={"tasks_per_job": 1} if number else {})
                num_submitted = len(waiting)
                yield from self._collect(waiting)
                if number == 0 and waiting and len(waiting) == num_submitted:
                    self._refuse_unbegun(waiting)
        except (KeyboardInterrupt, GeneratorExit):
            slurm_queue.cancel(self.name)
            logger.warning("The array %s was cancelled.", self.name)
            raise
        for job in waiting.values():
            mark = running.last_mark(job.work, job.profile, job.scene_name)
            log = mark.log if mark and mark.log else str(self._logs)
            yield set_aside(job, f"its task ended {MAX_TRIES} times without a result; see {log}.", log)

    @property
    def _logs(self) -> Path:
        return Path(self.options.get("slurm_logs_folder", self.folder / "slurm_logs")).resolve()

    def _refuse_unbegun(self, waiting: dict[int, ScanJob]) -> None:
        """Two more arrays would not help where no task came as far as its scan."""
        if not any(running.last_mark(job.work, job.profile, job.scene_name) for job in waiting.values()):
            raise BuildError(
                f"No task of the array came as far as its scan; see {self._logs}. Most often it is the environment of "
                "the nodes (env_command in --engine-options), or a path that they do not see."
            )

    def _submit(self, jobs: Sequence[ScanJob], waiting: dict[int, ScanJob], options: dict[str, Any]) -> None:
        for job in waiting.values():
            progress.forget(job.work, job.profile, job.scene_name)
        if "SLURM_JOB_ID" in os.environ:
            # This process is itself a job: its own limits are not those of the array.
            for variable in [name for name in os.environ if name.startswith("SLURM_") and name != "SLURM_CONF"]:
                del os.environ[variable]
        array = ScanArray(
            list(waiting),
            pipeline=[ScanStep(jobs, self._logs)],
            tasks=len(jobs),
            job_name=self.name,
            logging_dir=str(self.folder),
            skip_completed=False,
            **self.options | options,
        )
        datatrove_logger.disable("datatrove")
        try:
            array.launch_job()
        except subprocess.CalledProcessError as error:
            script = self.folder / "launch_script.slurm"
            raise BuildError(f"sbatch refused {script} (it says why above); change --engine-options.") from error

    def _collect(self, waiting: dict[int, ScanJob]) -> Iterator[ScanResult]:
        """Yield what becomes known of the scans, and forget them, until all are known or the array is over."""
        over_since = None
        while waiting:
            for rank, job in list(waiting.items()):
                if progress.has_outcome(job.work, job.profile, job.scene_name) and (result := find_result(job)):
                    del waiting[rank]
                    yield result
            queued = slurm_queue.queued_arrays(self.work)
            if queued is None or self.name in queued:
                over_since = None
            elif over_since is None:
                over_since = time.monotonic()
            elif time.monotonic() - over_since >= _SETTLE_S:
                return
            if waiting:
                time.sleep(_POLL_S)


def read_options(file: Path) -> dict[str, Any]:
    """Read options of datatrove's SlurmPipelineExecutor, and add the defaults that suit any cluster.

    Raises:
        BuildError: if the file cannot be read, or an option is unknown, missing, or set by the build itself.
    """
    try:
        given = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BuildError(f"--engine-options {file} cannot be read: {error}") from error
    if not isinstance(given, dict):
        raise BuildError(f"--engine-options {file} holds no options; expected lines like `partition: cpu`.")
    if ours := sorted(set(given) & set(_OURS)):
        raise BuildError(f"--engine-options {file}: {ours[0]} is set by the build; leave it out.")
    options = _DEFAULTS | {"max_array_size": slurm_queue.max_array_size() or 1001} | given
    if not {"env_command", "condaenv", "venv_path"} & set(given):
        # The environment of this very process, which shared storage shows to the nodes as well.
        options["env_command"] = f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH"
    try:
        ScanArray([], pipeline=[], tasks=0, logging_dir=str(file.parent), **options)
    except TypeError as error:
        raise BuildError(
            f"--engine-options {file} does not fit datatrove's SlurmPipelineExecutor: {error}."
        ) from error
    return options
