"""The doctor's report for a person, and for a script."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict

from ..config import DoctorConfig
from ..report import format_table
from .examination import DoctorReport, examine
from .pose_check import PoseCheck
from .scene import SceneReport

_MINUTE, _HOUR = 60, 3600


def run_doctor(config: DoctorConfig) -> tuple[str, bool]:
    """Look a ScanNet++ root over.

    Returns:
        The report as text or, if `config.json` is set, as JSON; and whether any scene gives questions.

    Raises:
        ScanError: if `config.root` is not a ScanNet++ folder.
        ValueError: if the size is malformed.
    """
    report = examine(config)
    text = json.dumps(asdict(report), indent=1) if config.json else format_doctor(report)
    return text, report.is_usable


def format_doctor(report: DoctorReport) -> str:
    """Lay a report out for a terminal."""
    rows = [
        (
            scene.scene_name,
            "yes" if scene.is_usable else "no",
            scene.num_vertices or None,
            scene.num_frames or None,
            scene.num_pictures or (f"in {scene.original}" if scene.original else None),
            "yes" if scene.has_depth else "",
            scene.seconds if scene.is_usable else None,
        )
        for scene in report.scenes
    ]
    header = ("scene", "usable", "vertices", "frames", "pictures", "depth", "core seconds")
    blocks = [format_table(header, rows), _findings(report), _poses(report), _costs(report)]
    return "\n\n".join(block for block in blocks if block)


def _findings(report: DoctorReport) -> str:
    """Each finding once, with its cost, the number of its scenes, and an example."""
    scenes: Counter[tuple[str, str]] = Counter()
    counts: Counter[tuple[str, str]] = Counter()
    details: dict[tuple[str, str], str] = {}
    for finding in [f for scene in report.scenes for f in scene.findings]:
        key = (finding.what, finding.cost)
        scenes[key] += 1
        counts[key] += finding.count
        details.setdefault(key, finding.detail)
    lines = [f"  {f.what}: {f.cost}. {f.detail}" for f in report.findings]
    for key, number in scenes.most_common():
        what, cost = key
        times = f"{counts[key]:,} x " if counts[key] != number else ""
        lines.append(f"  {times}{what} ({_plural(number, 'scene')}): {cost}. Such as {details[key]}")
    return "Missing or wrong:\n" + "\n".join(lines) if lines else "Nothing is missing."


def _poses(report: DoctorReport) -> str:
    checks = [(scene.scene_name, check) for scene in report.scenes for check in scene.poses]
    if not checks:
        return "Poses: none checked."
    verdicts = Counter(check.verdict for _, check in checks)
    evidence = " and ".join(sorted({check.evidence for _, check in checks}))
    num_scenes = len({scene for scene, _ in checks})
    text = (
        f"Poses: {_plural(len(checks), 'frame')} of {_plural(num_scenes, 'scene')} checked against {evidence}: "
        f"{verdicts['fits']:,} fit, {verdicts['wrong']:,} look wrong, {verdicts['unclear']:,} show too little to tell."
    )
    return "\n".join([text, *(line for scene in report.scenes for line in _wrong_poses(scene))])


def _wrong_poses(scene: SceneReport) -> list[str]:
    """Name each frame that looks wrong, or the scene where most do."""
    wrong = [check for check in scene.poses if check.verdict == "wrong"]
    clear = [check for check in scene.poses if check.verdict != "unclear"]
    if len(wrong) > max(2, len(clear) / 2):
        lot = f"{len(wrong):,} of {_plural(len(clear), 'frame')} look wrong"
        return [f"  {scene.scene_name}: {lot}: its poses, its pictures or its mesh belong elsewhere."]
    return [f"  {scene.scene_name}/{check.frame}: {_explain(check)}" for check in wrong]


def _explain(check: PoseCheck) -> str:
    if check.verdict == "wrong" and check.evidence == "sensor depth" and check.depth_error is not None:
        return f"the mesh is {check.depth_error:.0%} nearer or farther than the sensor's depth"
    return f"the picture's edges fit better elsewhere ({check.fit_elsewhere:.2f}) than at the pose ({check.fit_at_pose:.2f})"


def _costs(report: DoctorReport) -> str:
    num_usable = sum(scene.is_usable for scene in report.scenes)
    if not num_usable:
        return f"No scene of {len(report.scenes):,} gives questions with --images {report.images}."
    cost = report.estimate
    text = (
        f"Scenes that give questions with --images {report.images}: {num_usable:,} of {len(report.scenes):,}. A build of "
        f"--size {report.size} takes roughly {_duration(cost.seconds)} on {_plural(cost.num_proc, 'core')} and "
        f"{_size(cost.bytes)} of disk ({_size(report.free_bytes)} are free here)."
    )
    missing = sum(scene.picture_bytes for scene in report.scenes if scene.is_usable)
    return text + (f" The pictures that are still to be made take roughly {_size(missing)}." if missing else "")


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _duration(seconds: float) -> str:
    if seconds < 2 * _MINUTE:
        return f"{max(1, round(seconds))} seconds"
    return f"{seconds / _MINUTE:.0f} minutes" if seconds < 2 * _HOUR else f"{seconds / _HOUR:.1f} hours"


def _size(num_bytes: float) -> str:
    for unit in ("kB", "MB"):
        num_bytes /= 1000
        if num_bytes < 1000:
            return f"{num_bytes:.0f} {unit}"
    return f"{num_bytes / 1000:.1f} GB"
