"""The work on one scan, whoever has it done: annotate it, make its candidates, note what became of it.

<work>/annotations/<scene>/             the costly stage, kept between builds
<work>/candidates/<profile>/<scene>/    what its questions are selected from
"""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from . import progress, running
from .annotations import Annotations, read_annotations, write_annotations
from .balance import stock_of
from .config import RendererName
from .randomness import digest
from .records import propose_records
from .rules import PROFILES, VisibilityRules
from .scans.errors import ScanError
from .scans.files import SceneFiles, image_source
from .scans.scannetpp import read_scan
from .schema import Skip
from .shards import read_manifest, write_folder
from .version import ENGINE_VERSION, source_digest
from .visibility import annotate

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ScanJob:
    """The work on one scan."""

    root: Path
    scene_name: str
    images: str
    image_root: Path
    work: Path
    profile: str
    visibility: VisibilityRules
    renderer: RendererName
    share: int
    """Questions of each type that the scene should give, were some others of its split to give none."""
    seed: int


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What became of one scan."""

    scene_name: str
    failure: Skip | None = None
    """Why the scan gave nothing."""
    summary: dict[str, Any] = field(default_factory=dict)
    """Manifest of its candidates: counts of frames, frame sets, candidates and skips."""


def run_scan(job: ScanJob, log: Path | None = None) -> ScanResult:
    """Annotate one scan and make its candidates, each unless it is there already.

    This is the whole per-scan work: whoever calls it (this process, a pool, an engine) needs nothing else.

    Args:
        job: the work.
        log: the file that this process writes to, if it has one of its own.

    Raises:
        OSError: if the results cannot be written. A scan that cannot be read is a result with a failure.
    """
    start = time.monotonic()
    summary: dict[str, Any] = {}
    failure, is_new = None, True
    with running.mark(job.work, job.profile, job.scene_name, log):
        try:
            key = _ensure_annotations(job)
            summary, is_new = _ensure_candidates(job, key)
        except ScanError as error:
            failure = Skip(error.reason, job.scene_name, str(error))
        except (ArithmeticError, LookupError, MemoryError, RuntimeError, TypeError, ValueError) as error:
            # A scan that no check foresaw must not cost the others their work.
            logger.exception("%s", job.scene_name)
            detail = f"{job.scene_name}: the work on it failed with {error!r}; please report it."
            failure = Skip("unexpected error", job.scene_name, detail)
        if is_new or not progress.has_outcome(job.work, job.profile, job.scene_name):
            seconds = round(time.monotonic() - start, 1)
            outcome = progress.Outcome(job.scene_name, seconds, failure, str(log) if log else None)
            progress.note(job.work, job.profile, outcome)
    return ScanResult(job.scene_name, failure, summary)


def find_result(job: ScanJob) -> ScanResult | None:
    """Look up what became of a scan; None if it is yet to be done, or was done from other files or by other code."""
    outcome = progress.read_outcome(job.work, job.profile, job.scene_name)
    if outcome is not None and outcome.failure is not None:
        return ScanResult(job.scene_name, outcome.failure)
    if not _candidates_folder(job).is_dir():
        return None
    try:
        key = _annotations_key(job)
    except ScanError:
        return None
    summary = read_manifest(_candidates_folder(job), _candidates_key(job, key))
    if summary is None or read_manifest(_annotations_folder(job), key) is None:
        return None
    if outcome is None:
        progress.note(job.work, job.profile, progress.Outcome(job.scene_name, 0.0, None))
    return ScanResult(job.scene_name, summary=summary)


def set_aside(job: ScanJob, why: str, log: str | None = None) -> ScanResult:
    """Note that a scan gave nothing because no process survived it."""
    failure = Skip("worker died", job.scene_name, why)
    progress.note(job.work, job.profile, progress.Outcome(job.scene_name, 0.0, failure, log))
    return ScanResult(job.scene_name, failure)


def _annotations_folder(job: ScanJob) -> Path:
    return job.work / "annotations" / job.scene_name


def _candidates_folder(job: ScanJob) -> Path:
    return job.work / "candidates" / job.profile / job.scene_name


def _annotations_key(job: ScanJob) -> str:
    try:
        fingerprint = SceneFiles(job.root, job.scene_name, image_source(job.images), job.image_root).fingerprint()
    except OSError as error:
        raise _unreadable(error) from error
    return digest("annotations", ENGINE_VERSION, job.visibility, job.renderer, job.seed, job.images, fingerprint)


def _candidates_key(job: ScanJob, annotations_key: str) -> str:
    return digest("candidates", source_digest(), annotations_key, PROFILES[job.profile], job.share, job.seed)


def _ensure_annotations(job: ScanJob) -> str:
    """Make the annotations of a scan unless they are there, and return their key."""
    key = _annotations_key(job)
    folder = _annotations_folder(job)
    if read_manifest(folder, key) is None:
        annotations = _annotate(job)
        manifest = {"key": key, "visibility": asdict(job.visibility), "renderer": job.renderer, "seed": job.seed}
        with write_folder(folder, manifest) as aside:
            write_annotations(annotations, aside)
    return key


def _unreadable(error: OSError) -> ScanError:
    return ScanError("unreadable file", f"{error.filename}: cannot be read ({error.strerror}).")


def _annotate(job: ScanJob) -> Annotations:
    try:
        scan = read_scan(job.root, job.scene_name, job.images, job.image_root)
        annotations = annotate(scan, job.visibility, job.seed, job.renderer)
    except OSError as error:
        raise _unreadable(error) from error
    if not annotations.frames:
        detail = f"{job.scene_name}: no frame sees the labelled surface; check the poses against the mesh."
        raise ScanError("no usable frame", detail)
    return annotations


def _ensure_candidates(job: ScanJob, annotations_key: str) -> tuple[dict[str, Any], bool]:
    """Return the manifest of a scan's candidates, and whether they were made just now."""
    key = _candidates_key(job, annotations_key)
    folder = _candidates_folder(job)
    manifest = read_manifest(folder, key)
    is_new = manifest is None
    if manifest is None:
        annotations = read_annotations(job.scene_name, _annotations_folder(job))
        candidates = propose_records(annotations, PROFILES[job.profile], job.share, job.seed)
        manifest = {
            "key": key,
            "annotations_key": annotations_key,
            "frames": len(annotations.frames),
            "frame_sets": candidates.num_frame_sets,
            "candidates": len(candidates.table),
            "stock": {name: asdict(stock) for name, stock in stock_of(candidates.table).items()},
            "skips": [[*reason, count] for reason, count in sorted(candidates.skips.items())],
            "dropped": [asdict(skip) for skip in annotations.skips],
        }
        with write_folder(folder, manifest) as aside:
            pq.write_table(candidates.table, aside / "candidates.parquet", compression="zstd")
    return manifest, is_new
