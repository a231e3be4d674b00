"""What a DSLR with a fisheye lens takes of a furnished room: photographs from spots along the walk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...fisheye import Fisheye
from ...geometry import FloatArray, rigid_transform, rotation_from_quaternion
from ...schema import Frame
from .rooms import Room
from .scanner import viewpoint

NUM_PHOTOS = 16
_SIZE = (0.9125, 0.8111)
"""Width and height relative to the phone's frames', as in ScanNet++."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A photograph."""

    name: str
    """Without suffix."""
    quaternion: tuple[float, ...]
    """(qw, qx, qy, qz), from which the pose is made."""
    cam_from_world: FloatArray
    """Shape (4, 4), metres."""
    is_test: bool
    """Set apart for tests of novel views."""
    is_bad: bool
    """Blurred, by ScanNet++'s mark."""


@dataclass(frozen=True, slots=True)
class Shoot:
    """All photographs of a scene, through one lens."""

    lens: Fisheye
    photos: tuple[Photo, ...]


def take_photos(room: Room, phone_size: tuple[int, int], rng: np.random.Generator) -> Shoot:
    """Photograph a room from all around it; one picture is blurred, every fifth is for tests."""
    width, height = (round(share * side) for share, side in zip(_SIZE, phone_size, strict=True))
    focal = 0.4509 * width * (1 + 0.002 * rng.uniform(-1, 1))
    cx, cy = width * 0.5018 + rng.uniform(-1, 1), height * 0.5007 + rng.uniform(-1, 1)
    k1, k2, k3, k4 = np.array([-0.0295, -0.0058, -0.0021, 0.00015]) * rng.uniform(0.9, 1.1, 4)
    lens = Fisheye(width, height, focal, focal * 1.002, cx, cy, (float(k1), float(k2), float(k3), float(k4)))
    phase, bad = rng.uniform(0, 2 * np.pi, 6), int(rng.integers(NUM_PHOTOS))
    photos = []
    for k in range(NUM_PHOTOS):
        quaternion, centre = viewpoint(room, (k + 0.5) / NUM_PHOTOS, phase)
        rotation = rotation_from_quaternion(quaternion)
        pose = rigid_transform(rotation, -rotation @ centre)
        is_test = k % 5 == 3 and k != bad
        photos.append(Photo(f"DSC{1000 + 3 * k:05d}", tuple(quaternion.tolist()), pose, is_test, k == bad))
    return Shoot(lens, tuple(photos))


def undistorted_frames(shoot: Shoot, scene_name: str, folder: str) -> tuple[Frame, ...]:
    """The frames that a reader should return; `folder` is the pictures' path below the scene."""
    camera = shoot.lens.undistorted()
    return tuple(
        Frame(photo.name, f"data/{scene_name}/{folder}/{photo.name}.JPG", camera, photo.cam_from_world)
        for photo in shoot.photos
        if not photo.is_bad
    )
