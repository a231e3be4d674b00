"""Writes the files of a scene's two cameras, the phone and the DSLR."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ...geometry import Camera, FloatArray
from .. import files
from .photo import Photographer
from .shoot import Photo
from .truth import SampleRoom

JPEG_QUALITY = 90


def write_phone(folder: Path, room: SampleRoom) -> None:
    """Write `iphone/` without its pictures: the COLMAP model, the poses of all video frames, the EXIF records."""
    walk, camera = room.walk, room.walk.camera
    numbers = [camera.fx, camera.fy, camera.cx, camera.cy, *camera.distortion]
    prefix = "video/" if room.quirks.has_name_prefix else ""
    images = [
        (f"{prefix}frame_{number:06d}.jpg", walk.quaternions[number], walk.poses[number]) for number in walk.registered
    ]
    # COLMAP lists keypoints that became no 3D point with the id -1; often there are none.
    points = [f"{camera.cx!r} {camera.cy!r} -1 10.5 20.5 -1", ""]
    _write_colmap(
        (folder / files.IPHONE_IMAGES).parent, f"OPENCV {camera.width} {camera.height}", numbers, images, points
    )
    times = [round(5213.25 + number / 60, 6) for number in range(len(walk.poses))]
    poses = {f"frame_{k:06d}": _phone_record(room, k, time) for k, time in enumerate(times)}
    write_json(folder / "iphone/pose_intrinsic_imu.json", poses)
    exif = {str(time): {"PixelXDimension": camera.width, "PixelYDimension": camera.height} for time in times}
    write_json(folder / "iphone/exif.json", exif)


def _phone_record(room: SampleRoom, number: int, time: float) -> dict[str, Any]:
    aligned = np.linalg.inv(room.walk.poses[number])
    # The raw pose lives in the phone's own world: Y up, OpenGL camera axes, an arbitrary origin.
    arkit_from_mesh = np.array([[1.0, 0, 0, -1.7], [0, 0, 1, -1.4], [0, -1, 0, 0.6], [0, 0, 0, 1]])
    raw = arkit_from_mesh @ aligned @ np.diag([1.0, -1, -1, 1])
    return {
        "timestamp": time,
        "pose": raw.tolist(),
        "aligned_pose": aligned.tolist(),
        "intrinsic": room.walk.camera.matrix.tolist(),
        "imu": {"rotate_rate": [0.0, 0.0, 0.0], "acceleration": [0.0, 0.0, 0.0], "gravity": [0.0, -1.0, 0.0]},
    }


def write_dslr(folder: Path, room: SampleRoom) -> None:
    """Write `dslr/` without its pictures: the COLMAP model, both nerfstudio files, and the list of test pictures."""
    lens, photos = room.shoot.lens, room.shoot.photos
    numbers = [lens.fx, lens.fy, lens.cx, lens.cy]
    images = [(f"{photo.name}.JPG", photo.quaternion, photo.cam_from_world) for photo in photos]
    points = [f"{lens.cx!r} {lens.cy!r} -1"]
    camera = f"OPENCV_FISHEYE {lens.width} {lens.height}"
    _write_colmap((folder / files.DSLR_IMAGES).parent, camera, [*numbers, *lens.distortion], images, points)
    lists = {"train": [p for p in photos if not p.is_test], "test": [p for p in photos if p.is_test]}
    names = {key: [f"{photo.name}.JPG" for photo in part] for key, part in lists.items()}
    write_json(folder / "dslr/train_test_lists.json", {**names, "has_masks": True})
    pinhole = lens.undistorted()
    frames = {
        # Not in the order of the names.
        "frames": [_nerfstudio_frame(photo) for photo in reversed(lists["train"])],
        "test_frames": [_nerfstudio_frame(photo) for photo in lists["test"]],
    }
    keys = ("fl_x", "fl_y", "cx", "cy", "k1", "k2", "k3", "k4")
    common = {"w": lens.width, "h": lens.height, "has_mask": True, **frames}
    fisheye = dict(zip(keys, (*numbers, *lens.distortion), strict=True))
    write_json(folder / files.DSLR_TRANSFORMS, {**fisheye, "camera_model": "OPENCV_FISHEYE", **common})
    flat = dict(zip(keys, (pinhole.fx, pinhole.fy, pinhole.cx, pinhole.cy, 0.0, 0.0, 0.0, 0.0), strict=True))
    write_json(folder / files.DSLR_UNDISTORTED, {**flat, "camera_model": "PINHOLE", **common})


def _nerfstudio_frame(photo: Photo) -> dict[str, Any]:
    """A frame in nerfstudio's world: x and y swapped, z turned over, OpenGL camera axes."""
    world_from_cam = np.linalg.inv(photo.cam_from_world)
    x, y, z, last = world_from_cam * [1, -1, -1, 1]
    return {
        "file_path": f"{photo.name}.JPG",
        "mask_path": f"{photo.name}.png",
        "transform_matrix": np.stack([y, x, -z, last]).tolist(),
        "is_bad": photo.is_bad,
    }


def write_pictures(folder: Path, room: SampleRoom) -> None:
    """Render the phone's registered frames, and the DSLR's undistorted photographs."""
    phone = [(f"{frame.name}.jpg", frame.cam_from_world) for frame in room.frames]
    _render(folder / files.IPHONE.pictures, room, room.walk.camera, phone)
    photos = [(f"{photo.name}.JPG", photo.cam_from_world) for photo in room.shoot.photos]
    _render(folder / files.DSLR.pictures, room, room.shoot.lens.undistorted(), photos)


def _render(folder: Path, room: SampleRoom, camera: Camera, poses: list[tuple[str, FloatArray]]) -> None:
    photographer = Photographer(room.surface, room.shares, room.lamps, camera)
    folder.mkdir(parents=True)
    for name, cam_from_world in poses:
        picture = Image.fromarray(photographer.take(cam_from_world))
        picture.save(folder / name, quality=JPEG_QUALITY)


def _write_colmap(
    folder: Path,
    camera: str,
    numbers: Sequence[float],
    images: Sequence[tuple[str, tuple[float, ...], FloatArray]],
    points: Sequence[str],
) -> None:
    """Write a COLMAP model with one camera: its model and size, its numbers, images, and their lines of points in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["# Camera list with one line of data per camera:", "#   CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]"]
    lines += ["# Number of cameras: 1", f"1 {camera} {' '.join(map(repr, numbers))}"]
    write_lines(folder / "cameras.txt", lines)
    lines = ["# Image list with two lines of data per image:"]
    lines += ["#   IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME", "#   POINTS2D[] as (X, Y, POINT3D_ID)"]
    lines += [f"# Number of images: {len(images)}, mean observations per image: 0"]
    for k, (name, quaternion, cam_from_world) in enumerate(images):
        pose = [*quaternion, *cam_from_world[:3, 3].tolist()]
        lines += [f"{k + 1} {' '.join(map(repr, pose))} 1 {name}", points[(k + 1) % len(points)]]
    write_lines(folder / "images.txt", lines)
    lines = ["# 3D point list with one line of data per point:"]
    lines += ["#   POINT3D_ID, X, Y, Z, R, G, B, ERROR, TRACK[] as (IMAGE_ID, POINT2D_IDX)"]
    lines += ["# Number of points: 0, mean track length: 0"]
    write_lines(folder / "points3D.txt", lines)


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines of text that end as on Unix."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Write compact JSON; makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, separators=(",", ":")), encoding="utf-8")
