"""Looks one scene over."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..randomness import generator
from ..scans.depth import read_depths
from ..scans.errors import ScanError
from ..scans.files import SceneFiles
from ..scans.frames import pictured_frames
from ..scans.quick_checks import MeshSize, check_scan_files
from ..scans.scannetpp import read_scene_mesh
from ..schema import Frame, Skip
from ..workers import DIED
from .estimates import picture_bytes, scene_seconds
from .pose_check import PoseCheck
from .poses import PoseChecker

logger = logging.getLogger(__name__)

_MIN_FRAMES = 2
"""A question needs two frames."""
_NO_QUESTION = "the scene gives no question"
_NOT_ATTACHED = "questions can be made, pictures cannot be attached"
_EDGES_ONLY = "poses can be checked against picture edges only"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is missing or wrong, and what it costs."""

    what: str
    """Short and countable, such as `no segments.json`."""
    cost: str
    detail: str
    """The sentence a person reads: file, what was wrong, what to do."""
    count: int = 1
    """Frames that it concerns, or 1."""


@dataclass(frozen=True, slots=True)
class SceneReport:
    """What a scene folder holds."""

    scene_name: str
    is_usable: bool = False
    """Whether it gives questions."""
    num_vertices: int = 0
    num_faces: int = 0
    num_frames: int = 0
    """Frames that can be asked about."""
    num_pictures: int = 0
    original: str | None = None
    """What pictures can be made from, relative to the scene's folder."""
    picture_bytes: int = 0
    """Estimated disk of the pictures, where they are still to be made."""
    has_depth: bool = False
    """Whether there is sensor depth to check poses against."""
    seconds: float = 0.0
    """Estimated time of one core for its annotations."""
    findings: tuple[Finding, ...] = ()
    poses: tuple[PoseCheck, ...] = ()
    """Of the frames whose pose was checked."""


@dataclass(frozen=True, slots=True)
class SceneJob:
    """The work on one scene."""

    files: SceneFiles
    num_poses: int
    """Frames whose pose is checked."""
    seed: int


def examine_scene(job: SceneJob) -> SceneReport:
    """Look over one scene; what cannot be read becomes a finding."""
    files = job.files
    findings = list(_missing_files(files))
    mesh = MeshSize(0, 0)
    frames: tuple[Frame, ...] = ()
    checks: list[PoseCheck] = []
    try:
        if not files.missing:
            mesh = check_scan_files(files)
        frames, skips = pictured_frames(files)
        findings += _frame_findings(skips)
        if len(frames) < _MIN_FRAMES:
            raise ScanError("a single frame", f"{files.poses} gives one usable frame; a question needs two.")
        if job.num_poses:
            checks, faults = _check_poses(files, frames, job)
            findings += faults
    except (ArithmeticError, LookupError, MemoryError, OSError, TypeError, ValueError) as error:
        fault = _fault(files, error)
        # A file that is missing was named above.
        if fault.what not in {finding.what for finding in findings}:
            findings.append(fault)
    original, num_pictures = files.original, len(files.picture_names())
    return SceneReport(
        scene_name=files.scene_name,
        is_usable=all(finding.cost != _NO_QUESTION for finding in findings),
        num_vertices=mesh.num_vertices,
        num_faces=mesh.num_faces,
        num_frames=len(frames),
        num_pictures=num_pictures,
        original=original.relative_to(files.folder).as_posix() if original else None,
        picture_bytes=picture_bytes(frames) if original and not num_pictures else 0,
        has_depth=files.depth is not None,
        seconds=scene_seconds(mesh, len(frames)),
        findings=tuple(findings),
        poses=tuple(checks),
    )


def _fault(files: SceneFiles, error: Exception) -> Finding:
    if isinstance(error, ScanError):
        return Finding(error.reason, _NO_QUESTION, str(error))
    if isinstance(error, OSError):
        return Finding("unreadable file", _NO_QUESTION, f"{error.filename}: cannot be read ({error.strerror}).")
    # A scene that no check foresaw must not cost the others their report.
    logger.exception("%s", files.scene_name)
    detail = f"{files.scene_name}: the examination failed with {error!r}; please report it."
    return Finding("unexpected error", _NO_QUESTION, detail)


def unexamined(job: SceneJob) -> SceneReport:
    """Make the report of a scene whose worker died."""
    name = job.files.scene_name
    return SceneReport(name, findings=(Finding("worker died", _NO_QUESTION, f"{name}: {DIED}"),))


def _missing_files(files: SceneFiles) -> Iterator[Finding]:
    """Name the files that are not there, needed ones first."""
    for name in files.missing:
        hint = (
            "" if files.is_annotated else ", or the scene is one of ScanNet++'s test scenes, which have no annotation"
        )
        detail = f"{files.folder / name} is missing: its download is incomplete{hint}."
        yield Finding(f"no {Path(name).name}", _NO_QUESTION, detail)
    if not files.picture_names():
        original = files.original
        advice = "download " + " or ".join(files.source.originals)
        if original is not None:
            advice = (
                f"`spatialmosaic prepare-images {files.root} --image-root DIR --images {files.source.name}` makes them"
            )
        yield Finding("no pictures", _NOT_ATTACHED, f"{files.picture_folder} holds no picture; {advice}.")
    if files.source.depth and files.depth is None:
        path = files.folder / files.source.depth[-1]
        yield Finding("no sensor depth", _EDGES_ONLY, f"{path} is missing; questions do not need it.")


def _frame_findings(skips: list[Skip]) -> list[Finding]:
    examples = {skip.reason: skip.detail for skip in reversed(skips)}
    counts = Counter(skip.reason for skip in skips)
    return [Finding(what, "they are left out", examples[what], count) for what, count in counts.most_common()]


def _check_poses(files: SceneFiles, frames: tuple[Frame, ...], job: SceneJob) -> tuple[list[PoseCheck], list[Finding]]:
    """Check the poses of frames drawn by seed."""
    order = generator(job.seed, "doctor frames", files.scene_name).permutation(len(frames))[: job.num_poses]
    chosen = [frames[k] for k in sorted(order.tolist())]
    findings = []
    try:
        depths = read_depths(files, [frame.name for frame in chosen])
    except ScanError as error:
        depths = {}
        findings.append(Finding(error.reason, _EDGES_ONLY, str(error)))
    checker = PoseChecker(files, *read_scene_mesh(files))
    return [checker.check(frame, depths.get(frame.name)) for frame in chosen], findings
