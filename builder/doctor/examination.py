"""Looks every scene below a ScanNet++ root over."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from ..config import DoctorConfig
from ..randomness import generator
from ..scans.files import OFFICIAL_SPLITS, SceneFiles, list_scenes
from ..splits import questions_by_split
from ..workers import available_cores, run_jobs
from .estimates import Estimate, estimate
from .scene import Finding, SceneJob, SceneReport, examine_scene, unexamined

_POSES_PER_SCENE = 8
"""Frames of a scene whose poses are checked: enough to tell a bad frame from a bad scene."""
_SCENES_PER_WORKER = 8
"""Fewer are done sooner than another process starts."""


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """What a ScanNet++ root holds, and what a build from it costs."""

    root: str
    images: str
    is_usable: bool
    """Whether any scene gives questions."""
    scenes: tuple[SceneReport, ...]
    findings: tuple[Finding, ...]
    """What concerns the root as a whole."""
    size: str
    """Of the build that the estimate is for."""
    estimate: Estimate
    free_bytes: int
    """On the disk of the working folder."""


def examine(config: DoctorConfig) -> DoctorReport:
    """Look over every scene below a ScanNet++ root.

    Raises:
        ScanError: if `config.root` is not a ScanNet++ folder.
        ValueError: if an option is malformed.
    """
    config.check()
    num_questions = sum(questions_by_split(config.size).values())
    num_proc = config.num_proc or available_cores()
    jobs = _share_poses(list_scenes(config.root, config.images, config.image_root), config)
    workers = min(num_proc, -(-len(jobs) // _SCENES_PER_WORKER))
    with tqdm(total=len(jobs), desc="scenes", unit="scene") as bar:
        scenes = []
        for scene in run_jobs(examine_scene, jobs, workers, on_death=unexamined):
            scenes.append(scene)
            bar.update()
    usable = [(scene.seconds, scene.num_frames) for scene in scenes if scene.is_usable]
    return DoctorReport(
        root=str(config.root),
        images=config.images,
        is_usable=bool(usable),
        scenes=tuple(sorted(scenes, key=lambda scene: scene.scene_name)),
        findings=tuple(_root_findings(config.root)),
        size=config.size,
        estimate=estimate(usable, num_questions, num_proc),
        free_bytes=shutil.disk_usage(Path.cwd()).free,
    )


def _share_poses(scenes: list[SceneFiles], config: DoctorConfig) -> list[SceneJob]:
    """Share the frames whose poses are checked among scenes, drawn by seed, that have something to check them against."""
    checkable = [k for k, scene in enumerate(scenes) if not scene.missing and (scene.picture_names() or scene.depth)]
    num_checked = min(len(checkable), -(-config.poses // _POSES_PER_SCENE))
    chosen = generator(config.seed, "doctor scenes").permutation(checkable)[:num_checked].tolist()
    share = {k: config.poses // num_checked + (n < config.poses % num_checked) for n, k in enumerate(chosen)}
    return [SceneJob(scene, share.get(k, 0), config.seed) for k, scene in enumerate(scenes)]


def _root_findings(root: Path) -> Iterator[Finding]:
    for name in OFFICIAL_SPLITS.values():
        if not (root / name).is_file():
            detail = f"{root / name} is missing; download splits/."
            yield Finding(f"no {Path(name).name}", "`--split official` cannot be used, the default split can", detail)
