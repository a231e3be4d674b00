"""The table of engines, and the one of a single machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..config import BuildConfig, EngineName
from ..errors import BuildError
from ..scan_job import ScanJob, ScanResult, run_scan, set_aside
from ..workers import DIED, available_cores, run_jobs
from . import slurm_queue


class Engine(Protocol):
    """Has scans worked on."""

    @property
    def is_at_work(self) -> bool:
        """Whether scans of the same build are being worked on already: their files must be left alone."""

    def workers(self, num_scans: int) -> int:
        """How many scans are worked on at a time, at most."""

    def run(self, jobs: Sequence[ScanJob]) -> Generator[ScanResult, None, None]:
        """Yield the result of every scan as it comes; they are begun in the order given."""


@dataclass(frozen=True, slots=True)
class Processes:
    """The engine of one machine."""

    num_proc: int
    is_at_work: bool = False

    def workers(self, num_scans: int) -> int:
        """How many scans are worked on at a time, at most."""
        return min(self.num_proc, num_scans)

    def run(self, jobs: Sequence[ScanJob]) -> Generator[ScanResult, None, None]:
        """Yield the result of every scan as it finishes."""
        yield from run_jobs(run_scan, jobs, self.num_proc, on_death=_died)


def _died(job: ScanJob) -> ScanResult:
    return set_aside(job, DIED)


def _processes(config: BuildConfig, work: Path, key: str) -> Engine:
    # Two, even on one core: a scan that ends the process it is worked on in must not end the build.
    return Processes(config.num_proc or max(available_cores(), 2))


def _slurm(config: BuildConfig, work: Path, key: str) -> Engine:
    try:
        from .cluster import SlurmArrays
    except ModuleNotFoundError as error:
        raise BuildError(f"--engine slurm needs {error.name}: pip install 'spatialmosaic[cluster]'.") from error
    assert config.engine_options is not None, "BuildConfig.check asks for it"
    return SlurmArrays.start(work, key, config.engine_options)


ENGINES: dict[EngineName, Callable[[BuildConfig, Path, str], Engine]] = {"local": _processes, "slurm": _slurm}


def make_engine(config: BuildConfig, work: Path, key: str) -> Engine:
    """Make the engine that a configuration names.

    Args:
        config: what is built.
        work: the work folder.
        key: changes with the configuration and the list of scans.

    Raises:
        BuildError: if the engine cannot run here, or the array of another build writes to the work folder.
    """
    engine = ENGINES[config.engine](config, work, key)
    queued = slurm_queue.queued_arrays(work) if shutil.which("squeue") else None
    own = {slurm_queue.array_name(work, key)} if engine.is_at_work else set()
    if others := sorted((queued or set()) - own):
        raise BuildError(
            f"The array {others[0]} of an earlier build still writes to {work}; wait for it, or end it with "
            f"`scancel --name={others[0]}`."
        )
    return engine
