"""Reads the text form of a COLMAP model: lenses and poses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..geometry import Camera, FloatArray, is_within_reach, rigid_transform, rotation_from_quaternion
from .errors import ScanError

_CAMERA_FIELDS = 5
_IMAGE_FIELDS = 10
_POINT_FIELDS = 3


@dataclass(frozen=True, slots=True)
class ColmapImage:
    """One registered image."""

    line: int
    """Where it stands in the file, from 1."""
    pose: tuple[str, ...]
    """QW QX QY QZ TX TY TZ as written: world to camera, scalar first, metres."""
    camera_id: str
    name: str
    """File name, often with folders before it."""

    def cam_from_world(self) -> FloatArray:
        """The pose as a transform of shape (4, 4), OpenCV axes.

        Raises:
            ValueError: if it holds what is no number, the quaternion has no length, or the camera is out of reach.
        """
        pose = np.array([float(x) for x in self.pose])
        if not is_within_reach(pose):
            raise ValueError("the pose is not finite or farther than 10 km away")
        return rigid_transform(rotation_from_quaternion(pose[:4]), pose[4:])


def read_cameras(path: Path) -> dict[str, Camera]:
    """Read `cameras.txt`: cameras by id.

    Raises:
        ScanError: if the file is damaged, or a camera is of another model than `Camera.from_colmap` knows.
    """
    cameras = {}
    for number, line in _lines(path):
        fields = line.split()
        if not fields:
            continue
        if len(fields) < _CAMERA_FIELDS:
            raise _damaged(path, number, f"expected ID MODEL WIDTH HEIGHT PARAMS, got {len(fields)} fields")
        try:
            width, height = int(fields[2]), int(fields[3])
            cameras[fields[0]] = Camera.from_colmap(fields[1], width, height, [float(x) for x in fields[4:]])
        except (OverflowError, ValueError) as error:
            raise _damaged(path, number, str(error)) from error
    if not cameras:
        raise ScanError("damaged COLMAP model", f"{path} defines no camera; download it again.")
    return cameras


def read_images(path: Path) -> list[ColmapImage]:
    """Read `images.txt`: two lines an image, the second (2D points) possibly empty.

    Raises:
        ScanError: if the file is cut off or lacks the lines of 2D points.
    """
    images = []
    lines = iter(_lines(path))
    for number, line in lines:
        fields = line.split()
        if not fields:
            continue
        if len(fields) != _IMAGE_FIELDS or not line.endswith("\n"):
            expected = "ID QW QX QY QZ TX TY TZ CAMERA NAME"
            raise _damaged(path, number, f"expected {expected}, got {len(fields)} fields; the file is cut off")
        images.append(ColmapImage(number, tuple(fields[1:8]), fields[8], fields[9]))
        number, line = next(lines, (number, ""))
        if len(line.split()) % _POINT_FIELDS:
            raise _damaged(path, number, "expected the 2D points (X Y POINT3D)* of the image above; they are missing")
    return images


def _lines(path: Path) -> list[tuple[int, str]]:
    """Numbered lines that are no comments, with their ends."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    except UnicodeDecodeError as error:
        raise ScanError("damaged COLMAP model", f"{path} is not COLMAP text; download it again.") from error
    return [(number, line) for number, line in enumerate(lines, 1) if not line.lstrip().startswith("#")]


def _damaged(path: Path, number: int, what: str) -> ScanError:
    return ScanError("damaged COLMAP model", f"{path}, line {number}: {what}.")
