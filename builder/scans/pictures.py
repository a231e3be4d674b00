"""Tells sound pictures from missing, empty, cut or resized ones without decoding them."""

from __future__ import annotations

from PIL import Image, UnidentifiedImageError

from ..schema import Frame, Skip
from .files import SceneFiles

_ADVICE = "make it again with `spatialmosaic prepare-images`"


def picture_fault(files: SceneFiles, frame: Frame, long_side: int | None = None) -> Skip | None:
    """Say what is wrong with a frame's picture: missing, empty, cut off, or of another size than its camera.

    Args:
        files: Of the scene.
        frame: Whose picture is looked at.
        long_side: Longer side of pictures that were shrunk.
    """
    path = (files.image_root or files.root) / frame.image_path

    def fault(reason: str, what: str) -> Skip:
        return files.skip(frame.name, reason, f"{path} is {what}; {_ADVICE}.")

    try:
        if not path.is_file():
            return fault("picture is missing", "missing while others are there")
        if path.stat().st_size == 0:
            return fault("picture is empty", "an empty file")
        with Image.open(path) as image:
            size = image.size
        with path.open("rb") as file:
            file.seek(-min(path.stat().st_size, 64), 2)
            is_complete = image.format != "JPEG" or b"\xff\xd9" in file.read()
    except (Image.DecompressionBombError, UnidentifiedImageError, OSError) as error:
        return fault("picture is damaged", f"not a picture ({error})")
    if not is_complete:
        return fault("picture is damaged", "cut off")
    return size_fault(files, frame, str(path), size, long_side)


def shrunk_size(size: tuple[int, int], long_side: int | None) -> tuple[int, int]:
    """Width and height of a picture once its longer side has `long_side` pixels; pictures never grow."""
    scale = min(1.0, (long_side or max(size)) / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def size_fault(
    files: SceneFiles, frame: Frame, what: str, size: tuple[int, int], long_side: int | None = None
) -> Skip | None:
    """Say so where a picture, called `what`, has another (width, height) than its frame's camera, shrunk or not."""
    expected = shrunk_size((frame.camera.width, frame.camera.height), long_side)
    if size == expected:
        return None
    detail = (
        f"{what} is {size[0]} x {size[1]} but its camera is {expected[0]} x {expected[1]}; do not resize in place."
    )
    return files.skip(frame.name, "picture has another size than its camera", detail)
