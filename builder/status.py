"""How far a build is, for a person or a script: scans done, failed, running and left, and what each gave."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from . import progress, running
from .config import StatusConfig
from .pipeline import work_folder
from .report import format_table
from .shards import MANIFEST

State = Literal["done", "failed", "running", "left"]


@dataclass(frozen=True, slots=True)
class ScanStatus:
    """One scan of a build."""

    scene_name: str
    split: str
    state: State
    seconds: float | None = None
    """Wall time of its work, so far if it runs; null for a scan that is left."""
    host: str | None = None
    """Where it is being worked on, if it runs."""
    log: str | None = None
    """What the process wrote that works or worked on it, if it had a file of its own."""
    frames: int | None = None
    """Annotated frames; null, as are the next three, unless the scan is done."""
    frame_sets: int | None = None
    candidates: int | None = None
    """Questions that it offers: more than its share, the merge selects among them."""
    dropped: int | None = None
    """Frames and objects that were left out."""
    reason: str | None = None
    """Why it failed, in short..."""
    detail: str | None = None
    """... and in a sentence."""


@dataclass(frozen=True, slots=True)
class BuildStatus:
    """One build: a profile of a dataset folder."""

    dataset: str
    """Path of the dataset folder."""
    profile: str
    is_running: bool
    started_at: str
    """ISO 8601, UTC: of the last run."""
    scans: tuple[ScanStatus, ...]
    """In the order of the splits and ids."""
    seconds_left: float | None
    """Estimate for the scans that are left or run, by the size of their meshes and the time that others took; null where
    there is nothing to go by."""
    questions: dict[str, int] | None
    """Questions in the dataset folder by split; null where none are written yet."""

    @property
    def counts(self) -> Counter[str]:
        """Scans by state."""
        return Counter(scan.state for scan in self.scans)


def read_status(folder: Path) -> list[BuildStatus]:
    """Read the state of every build into a dataset folder.

    Args:
        folder: the dataset folder or the work folder beside it; a build may be writing to it, or may have been killed.

    Raises:
        FileNotFoundError: if no build was started there.
    """
    dataset = folder.with_suffix("") if folder.suffix == ".work" else folder
    work = work_folder(dataset)
    plans = [progress.read_plan(work, path.name.removesuffix(".plan.json")) for path in work.glob("*.plan.json")]
    if not any(plans):
        raise FileNotFoundError(
            f"No build was started into {dataset} ({work} holds no plan); pass the --out of a `spatialmosaic build`."
        )
    return [_build_status(dataset, work, plan) for plan in plans if plan]


def _build_status(dataset: Path, work: Path, plan: progress.Plan) -> BuildStatus:
    outcomes = progress.read_outcomes(work, plan.profile)
    marks = running.read_marks(work, plan.profile)
    scans = tuple(
        _scan_status(work / "candidates" / plan.profile / scene, split, scene, outcomes.get(scene), marks.get(scene))
        for split, scenes in plan.scans.items()
        for scene in scenes
    )
    return BuildStatus(
        dataset=str(dataset),
        profile=plan.profile,
        is_running=progress.is_running(work),
        started_at=plan.started_at,
        scans=scans,
        seconds_left=estimate_left(scans, plan.mesh_bytes, len(marks) or plan.workers),
        questions=_written_questions(work / f"{plan.profile}.written.json"),
    )


def estimate_left(scans: Sequence[ScanStatus], mesh_bytes: Mapping[str, int], workers: int) -> float | None:
    """Estimate how long the scans that run or are left will take.

    Args:
        scans: all scans of a build.
        mesh_bytes: size of each scan's mesh file, with which its time grows.
        workers: how many scans are worked on at a time.

    Returns:
        Seconds of wall time; None where no scan is done yet.
    """
    # Those that an earlier run had done took no time in this one.
    done = [scan for scan in scans if scan.state == "done" and scan.seconds]
    unfinished = [scan for scan in scans if scan.state in ("running", "left")]
    if not unfinished:
        return 0.0
    size = sum(mesh_bytes[scan.scene_name] for scan in done)
    if not size:
        return None
    seconds_per_byte = sum(scan.seconds or 0.0 for scan in done) / size
    left = [max(seconds_per_byte * mesh_bytes[scan.scene_name] - (scan.seconds or 0.0), 0.0) for scan in unfinished]
    return max(sum(left) / workers, *left)


def _scan_status(
    folder: Path, split: str, scene_name: str, outcome: progress.Outcome | None, mark: running.Mark | None
) -> ScanStatus:
    if outcome is not None and outcome.failure is not None:
        failure = outcome.failure
        return ScanStatus(
            scene_name,
            split,
            "failed",
            outcome.seconds,
            log=outcome.log,
            reason=failure.reason,
            detail=failure.detail or None,
        )
    manifest = _read_json(folder / MANIFEST)
    if outcome is not None and manifest is not None:
        return ScanStatus(
            scene_name,
            split,
            "done",
            outcome.seconds,
            log=outcome.log,
            frames=manifest["frames"],
            frame_sets=manifest["frame_sets"],
            candidates=manifest["candidates"],
            dropped=len(manifest["dropped"]),
        )
    if mark is not None:
        elapsed = round(max(time.time() - mark.started_at, 0.0), 1)
        return ScanStatus(scene_name, split, "running", elapsed, host=mark.host, log=mark.log)
    return ScanStatus(scene_name, split, "left")


def _written_questions(marker: Path) -> dict[str, int] | None:
    written = _read_json(marker)
    if written is None:
        return None
    questions: Counter[str] = Counter()
    for by_split in written["counts"]["question_type"].values():
        questions.update(by_split)
    return dict(questions)


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def run_status(config: StatusConfig) -> str:
    """Say how far the builds into a folder are, as text or as JSON.

    Raises:
        FileNotFoundError: if no build was started there.
    """
    builds = read_status(config.folder)
    if config.json:
        return json.dumps([asdict(build) | {"counts": dict(build.counts)} for build in builds], indent=1)
    return "\n\n".join(map(format_status, builds))


def format_status(build: BuildStatus) -> str:
    """Lay the state of a build out for a terminal."""
    counts = build.counts
    rows = [
        (
            scan.scene_name,
            scan.split,
            scan.state,
            scan.seconds,
            scan.frames,
            scan.frame_sets,
            scan.candidates,
            scan.dropped,
        )
        for scan in build.scans
    ]
    table = format_table(("scan", "split", "state", "seconds", "frames", "sets", "candidates", "dropped"), rows)
    failed = [f"  {scan.scene_name}: {scan.detail or scan.reason}" for scan in build.scans if scan.state == "failed"]
    working = [
        f"  {scan.scene_name}: for {scan.seconds:,.0f} s on {scan.host}" + (f", see {scan.log}" if scan.log else "")
        for scan in build.scans
        if scan.state == "running"
    ]
    lines = [
        f"{build.dataset}, {build.profile}: {counts['done']:,} of {len(build.scans):,} scans done, "
        f"{counts['failed']:,} failed, {counts['running']:,} running, {counts['left']:,} left; {_activity(build)}",
        "Questions: " + _questions(build),
    ]
    blocks = [
        table,
        "Failed, and tried again by the next build:\n" + "\n".join(failed) if failed else "",
        "Running:\n" + "\n".join(working) if working else "",
        "\n".join(lines),
    ]
    return "\n\n".join(block for block in blocks if block)


def _activity(build: BuildStatus) -> str:
    unfinished = build.counts["left"] + build.counts["running"]
    if not build.is_running:
        if build.counts["running"]:
            return "nobody waits for the scans that run: run the same `build` command to do so."
        is_whole = not unfinished and build.questions is not None
        return "no build is running." if is_whole else "no build is running: run the same `build` command to go on."
    if not unfinished or build.seconds_left is None:
        return f"running since {build.started_at}."
    return f"running since {build.started_at}, about {max(1, round(build.seconds_left / 60))} minutes left."


def _questions(build: BuildStatus) -> str:
    if build.questions is None:
        return "none written yet; they are written when every scan is done or has failed."
    return ", ".join(f"{count:,} {split}" for split, count in build.questions.items()) + "."
