"""What a build costs in time and disk, from what was measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..scans.quick_checks import MeshSize
from ..schema import Frame

_SECONDS_PER_VERTEX = 2.35e-6
"""Reading, sampling points and sorting the mesh. Time: benchmarks/results/visibility_scan.txt, seconds of one core of an
AMD EPYC at canvas scale 1/2 and 1920 x 1440: (1.20 + 1.29 + 0.88 + 0.20) s for 1.52 M vertices."""
_SECONDS_PER_FRAME = 0.011
"""... (1.36 + 4.00 + 2.60 + 1.57) ms a frame of the small mesh of 37 thousand triangles, and what is between them..."""
_SECONDS_PER_FRAME_AND_FACE = 7.5e-9
"""... and (22.11 - 1.29 - 0.88) s for 600 frames with 2.97 M."""
_QUESTIONS_PER_SECOND = 3_700
"""benchmarks/results/records.txt."""
_BYTES_PER_FRAME = 4_000
"""Annotations in the work folder and in the dataset. Disk: a build of 9,000 questions from four sample rooms, 192
frames..."""
_BYTES_PER_QUESTION = 150
"""... candidates and records."""
_BYTES_PER_PIXEL = 0.3
"""JPEG of quality 95: 0.18 to 0.25 on rendered rooms, which are smoother than photographs."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a build costs, very roughly: cores and rooms differ."""

    core_seconds: float
    seconds: float
    """On the cores that may be used."""
    num_proc: int
    bytes: int
    """Of the dataset and the per-scan files together."""


def scene_seconds(mesh: MeshSize, num_frames: int) -> float:
    """Estimate the time of one core for one scene's annotations."""
    per_frame = _SECONDS_PER_FRAME + _SECONDS_PER_FRAME_AND_FACE * mesh.num_faces
    return _SECONDS_PER_VERTEX * mesh.num_vertices + per_frame * num_frames


def picture_bytes(frames: Iterable[Frame]) -> int:
    """Estimate the disk that the pictures of frames take once they are made."""
    return round(_BYTES_PER_PIXEL * sum(frame.camera.width * frame.camera.height for frame in frames))


def estimate(scenes: Iterable[tuple[float, int]], num_questions: int, num_proc: int) -> Estimate:
    """Estimate a build.

    Args:
        scenes: `scene_seconds` and number of frames of each.
        num_questions: in all.
        num_proc: worker processes; a scene is the work of one.
    """
    scenes = list(scenes)
    core_seconds = sum(seconds for seconds, _ in scenes) + num_questions / _QUESTIONS_PER_SECOND
    longest = max((seconds for seconds, _ in scenes), default=0.0)
    return Estimate(
        core_seconds=core_seconds,
        seconds=max(core_seconds / num_proc, longest),
        num_proc=num_proc,
        bytes=_BYTES_PER_FRAME * sum(frames for _, frames in scenes) + _BYTES_PER_QUESTION * num_questions,
    )
