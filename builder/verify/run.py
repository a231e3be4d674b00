"""Runs the examination over a dataset folder, scan by scan, on as many cores as there are."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
from tqdm import tqdm

from ..dataset_folder import record_files
from ..randomness import generator
from ..rules import PROFILES, VisibilityRules
from ..scans.errors import ScanError
from ..scans.files import source_of
from ..scans.scannetpp import read_scan
from ..schema import Skip
from ..workers import DIED, available_cores, run_jobs
from .examine import Finding, examine
from .observer import Observer
from .report import Verification, summarize

logger = logging.getLogger(__name__)

RowGroup = tuple[Path, int]


@dataclass(frozen=True, slots=True)
class _Job:
    """The records of one scan."""

    root: Path
    scene_name: str
    row_groups: tuple[tuple[str, RowGroup], ...]
    """Where they lie: name of the config, file and row group."""
    seed: int


@dataclass(frozen=True, slots=True)
class _Result:
    findings: tuple[tuple[str, list[Finding]], ...] = ()
    """By config."""
    failure: Skip | None = None


def verify_dataset(
    folder: Path, root: Path, num_scans: int | None = None, num_proc: int | None = None, seed: int = 0
) -> Verification:
    """Derive the answers of a dataset again, from the scans, by exact rays.

    Args:
        folder: dataset folder; every config that holds records is examined.
        root: ScanNet++ root that it was built from.
        num_scans: examine the records of so many scans, drawn by the seed; all by default.
        num_proc: worker processes; all cores by default. The result does not depend on it.
        seed: of the choice of scans, and of the points that rays are sent to.

    Raises:
        FileNotFoundError: if the folder holds no records.
        ValueError: if a file cannot be read.
    """
    groups: dict[str, list[tuple[str, RowGroup]]] = {}
    for config, paths in record_files(folder).items():
        for scene, row_group in _row_groups(paths):
            groups.setdefault(scene, []).append((config, row_group))
    scenes = sorted(groups)
    if num_scans is not None and num_scans < len(scenes):
        scenes = sorted(generator(seed, "verify").choice(scenes, num_scans, replace=False).tolist())
    jobs = [_Job(root, scene, tuple(groups[scene]), seed) for scene in scenes]
    findings: list[tuple[str, list[Finding]]] = []
    failures: list[Skip] = []
    with tqdm(total=len(jobs), desc="verify", unit="scan") as bar:
        for result in run_jobs(_run, jobs, num_proc or available_cores(), on_death=_died):
            findings += result.findings
            failures += [result.failure] if result.failure else []
            bar.update()
    return summarize(findings, failures, len(groups))


def _row_groups(paths: list[Path]) -> Iterator[tuple[str, RowGroup]]:
    """Yield every scene of every row group."""
    for path in paths:
        with pq.ParquetFile(path) as file:
            for number in range(file.num_row_groups):
                for scene in pc.unique(file.read_row_group(number, ["scene_name"])["scene_name"]).to_pylist():
                    yield scene, (path, number)


def _run(job: _Job) -> _Result:
    records: dict[str, list[dict[str, Any]]] = {}
    for config, (path, number) in job.row_groups:
        table = _read_row_group(path, number)
        of_scene = table.filter(pc.equal(table["scene_name"], job.scene_name)).to_pylist()
        records.setdefault(config, []).extend(of_scene)
    findings = []
    try:
        for config, of_config in records.items():
            images = source_of(of_config[0]["image_paths"][0]).name
            scan = read_scan(job.root, job.scene_name, images, looks_at_pictures=False)
            findings.append(
                (
                    config,
                    examine(
                        of_config, Observer(scan, VisibilityRules(), job.seed), config if config in PROFILES else None
                    ),
                )
            )
    except (ScanError, OSError) as error:
        return _Result(failure=Skip("scan cannot be read", job.scene_name, str(error)))
    except (ArithmeticError, LookupError, MemoryError, TypeError, ValueError) as error:
        # Records that no check foresaw must not cost the others their examination.
        logger.exception("%s", job.scene_name)
        detail = f"{job.scene_name}: the examination failed with {error!r}; please report it."
        return _Result(failure=Skip("unexpected error", job.scene_name, detail))
    return _Result(tuple(findings))


@lru_cache(maxsize=1)
def _read_row_group(path: Path, number: int) -> Any:
    """Neighbouring scans share a row group."""
    with pq.ParquetFile(path) as file:
        return file.read_row_group(number)


def _died(job: _Job) -> _Result:
    return _Result(failure=Skip("worker died", job.scene_name, f"{job.scene_name}: {DIED}"))
