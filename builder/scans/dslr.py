"""The DSLR's frames: poses from the nerfstudio JSON, brought back to the mesh frame and checked against COLMAP's.

The JSON's world is not the mesh's: a mesh point (x, y, z) is (y, x, -z) there, and cameras have OpenGL axes. So with
`P` for that swap, `world_from_cam = P @ transform_matrix @ diag(1, -1, -1, 1)`, in the mesh frame and with OpenCV axes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ..fisheye import Fisheye
from ..geometry import Camera, FloatArray, camera_centre_world, is_within_reach
from ..schema import Frame, Skip
from .colmap import read_images
from .errors import ScanError
from .files import DSLR_IMAGES, DSLR_TRANSFORMS, SceneFiles, read_json, require

_MESH_FROM_JSON = np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, -1, 0], [0, 0, 0, 1]], np.float64)
_OPENGL_FROM_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])

_MAX_CENTRE_ERROR = 0.01
"""Metres by which a camera's centre may differ from COLMAP's: both files state the same pose, so rounding is all."""
_MAX_ANGLE_ERROR = 0.5
"""Degrees by which its direction may."""


def read_frames(files: SceneFiles) -> list[Frame | Skip]:
    """Read the training and test frames with their pinhole camera, without those that are marked as blurred.

    Where the download lacks the pinhole's JSON, the camera is derived from the fisheye's as ScanNet++ does it.

    Raises:
        ScanError: if the JSON is missing or damaged, or most of its poses disagree with COLMAP's.
    """
    data = _read_transforms(files.poses)
    lens = _lens(files.poses, data)
    try:
        camera = lens.undistorted() if isinstance(lens, Fisheye) else lens
    except ValueError as error:
        raise _damaged(files.poses, str(error)) from error
    entries = [*data["frames"], *data.get("test_frames", [])]
    found = [_make_frame(files, camera, position, entry) for position, entry in enumerate(entries)]
    return list(_checked(files, found))


def read_fisheye(files: SceneFiles) -> Fisheye:
    """Read the lens of the pictures before they are undistorted.

    Raises:
        ScanError: if its JSON is missing, damaged, or of another lens.
    """
    path = files.folder / DSLR_TRANSFORMS
    lens = _lens(path, _read_transforms(path))
    if not isinstance(lens, Fisheye):
        raise _damaged(path, "it describes no fisheye lens")
    return lens


def _read_transforms(path: Path) -> dict[str, Any]:
    require(
        path,
        f"the frames have no poses without it; download it or {Path(DSLR_TRANSFORMS).name} beside it, which is in the "
        "default download",
    )
    data = read_json(path)
    lists = [data.get("frames"), data.get("test_frames", [])] if isinstance(data, dict) else [None]
    if not all(isinstance(entries, list) for entries in lists):
        raise _damaged(path, "it has no list `frames`")
    return data


def _lens(path: Path, data: dict[str, Any]) -> Camera | Fisheye:
    try:
        width, height = int(data["w"]), int(data["h"])
        fx, fy, cx, cy = (float(data[key]) for key in ("fl_x", "fl_y", "cx", "cy"))
        k1, k2, k3, k4 = (float(data.get(key, 0)) for key in ("k1", "k2", "k3", "k4"))
        model = data["camera_model"]
        if model == "PINHOLE" and not any((k1, k2, k3, k4)):
            return Camera.from_colmap(model, width, height, [fx, fy, cx, cy])
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise _damaged(path, f"it lacks or garbles the camera ({error!r})") from error
    if model != "OPENCV_FISHEYE":
        raise _damaged(path, f"camera_model is {model!r}; expected OPENCV_FISHEYE, or PINHOLE without distortion")
    return Fisheye(width, height, fx, fy, cx, cy, (k1, k2, k3, k4))


def _make_frame(files: SceneFiles, camera: Camera, position: int, entry: Any) -> Frame | Skip:
    at = f"{files.poses}, frame {position + 1}"
    path = entry.get("file_path") if isinstance(entry, dict) else None
    file_name = PurePosixPath(path.replace("\\", "/")).name if isinstance(path, str) else ""
    if not file_name:
        return files.skip(f"frame {position + 1}", "frame has no name", f"{at}: there is no `file_path`.")
    name = PurePosixPath(file_name).stem
    if entry.get("is_bad"):
        return files.skip(name, "picture is blurred", f"{at}: ScanNet++ marks {name} as bad; it is left out.")
    try:
        matrix = np.asarray(entry["transform_matrix"], np.float64).reshape(4, 4)
    except (KeyError, OverflowError, TypeError, ValueError):
        matrix = np.full((4, 4), np.nan)
    if not is_within_reach(matrix):
        what = f"{name} has no finite 4 x 4 matrix, or one from farther than 10 km away"
        return files.skip(name, "pose is not finite", f"{at}: {what}; it is left out.")
    rotation = matrix[:3, :3]
    is_rigid = np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3) and np.linalg.det(rotation) > 0
    if not is_rigid or not np.allclose(matrix[3], [0, 0, 0, 1]):
        return files.skip(name, "pose is not rigid", f"{at}: the matrix of {name} scales or shears; it is left out.")
    cam_from_world = np.asarray(np.linalg.inv(_MESH_FROM_JSON @ matrix @ _OPENGL_FROM_OPENCV), np.float64)
    return Frame(name, files.image_path(file_name), camera, cam_from_world)


def _checked(files: SceneFiles, found: list[Frame | Skip]) -> Iterator[Frame | Skip]:
    """Leave out frames whose pose COLMAP contradicts; those it does not know are kept."""
    path = files.folder / DSLR_IMAGES
    colmap = _colmap_poses(path) if path.is_file() else {}
    compared = contradicted = 0
    checked: list[Frame | Skip] = []
    for item in found:
        if isinstance(item, Frame) and item.name in colmap:
            metres, degrees = _difference(item.cam_from_world, colmap[item.name])
            compared += 1
            if metres > _MAX_CENTRE_ERROR or degrees > _MAX_ANGLE_ERROR:
                contradicted += 1
                detail = (
                    f"{files.poses}: the pose of {item.name} differs by {metres:.3f} m and {degrees:.2f} degrees from "
                    f"that in {path}; download both again."
                )
                item = files.skip(item.name, "pose disagrees with COLMAP", detail)
        checked.append(item)
    if 2 * contradicted > compared:
        raise ScanError(
            "poses disagree with COLMAP",
            f"{files.poses}: {contradicted} of {compared} poses differ from those in {path} by more than "
            f"{_MAX_CENTRE_ERROR} m or {_MAX_ANGLE_ERROR} degrees, so the JSON does not keep ScanNet++'s axes (mesh x, y, "
            "z as y, x, -z) or belongs to another scene; download both again.",
        )
    yield from checked


def _colmap_poses(path: Path) -> dict[str, FloatArray]:
    poses: dict[str, FloatArray] = {}
    for image in read_images(path):
        name = PurePosixPath(image.name.replace("\\", "/")).stem
        try:
            poses.setdefault(name, image.cam_from_world())
        except ValueError:
            continue
    return poses


def _difference(cam_from_world: FloatArray, other: FloatArray) -> tuple[float, float]:
    """Distance of two cameras' centres, metres, and the angle between their directions, degrees."""
    metres = float(np.linalg.norm(camera_centre_world(cam_from_world) - camera_centre_world(other)))
    cosine = (np.trace(cam_from_world[:3, :3] @ other[:3, :3].T) - 1) / 2
    return metres, float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _damaged(path: Path, what: str) -> ScanError:
    return ScanError(f"damaged {path.name}", f"{path}: {what}; download it again.")
