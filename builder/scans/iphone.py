"""The phone's frames: those of its video that COLMAP registered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from ..geometry import Camera
from ..schema import Frame, Skip
from .colmap import ColmapImage, read_cameras, read_images
from .files import IPHONE_CAMERAS, SceneFiles, require

_MAX_DIGITS = 10


def read_frames(files: SceneFiles) -> Iterator[Frame | Skip]:
    """Yield the registered frames in the file's order; the base name of a picture without suffix names its frame.

    Raises:
        ScanError: if a file of the COLMAP model is missing or damaged.
    """
    cameras_path = files.folder / IPHONE_CAMERAS
    for path in (cameras_path, files.poses):
        require(path, f"the frames have no poses without it; download the scene's {path.parent.name} folder again")
    cameras = read_cameras(cameras_path)
    for image in read_images(files.poses):
        yield _make_frame(files, cameras, image)


def _make_frame(files: SceneFiles, cameras: dict[str, Camera], image: ColmapImage) -> Frame | Skip:
    # Releases prefix the name (`video/frame_000010.jpg`); only the base name is a picture's.
    file_name = PurePosixPath(image.name.replace("\\", "/")).name
    name = PurePosixPath(file_name).stem
    at = f"{files.poses}, line {image.line}"
    if image.camera_id not in cameras:
        return files.skip(name, "camera is unknown", f"{at}: camera {image.camera_id} is not in cameras.txt.")
    try:
        cam_from_world = image.cam_from_world()
    except ValueError as error:
        return files.skip(name, "pose is not finite", f"{at}: {error}; the frame is left out.")
    return Frame(name, files.image_path(file_name), cameras[image.camera_id], cam_from_world)


def video_position(frame_name: str) -> int | None:
    """0-based position in the video of a frame called `frame_NNNNNN`; None for another name."""
    digits = frame_name.removeprefix("frame_")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < _MAX_DIGITS):
        return None
    return int(digits) if frame_name == f"frame_{int(digits):06d}" else None
