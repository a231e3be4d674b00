"""The posed frames of a scene, whichever camera took them: each frame once, and where there are pictures, a sound one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from ..schema import Frame, Skip
from . import dslr, iphone
from .errors import ScanError
from .files import DSLR, IPHONE, SceneFiles
from .pictures import picture_fault

_READERS = {IPHONE.name: iphone.read_frames, DSLR.name: dslr.read_frames}


def posed_frames(files: SceneFiles) -> tuple[tuple[Frame, ...], list[Skip]]:
    """Read camera and pose of every frame, with or without its picture.

    Returns:
        The frames in the order of their names, and what was left out.

    Raises:
        ScanError: if a file is missing or damaged, or no frame is usable.
    """
    frames: dict[str, Frame] = {}
    skips: list[Skip] = []
    for found in _READERS[files.source.name](files):
        if isinstance(found, Skip):
            skips.append(found)
        elif found.name in frames:
            detail = f"{files.poses}: {found.name} stands there twice; the first counts."
            skips.append(files.skip(found.name, "frame is registered twice", detail))
        else:
            frames[found.name] = found
    return _some(files, _named_as_on_disk(files, [frames[name] for name in sorted(frames)]), skips)


def pictured_frames(files: SceneFiles) -> tuple[tuple[Frame, ...], list[Skip]]:
    """Read the posed frames and drop those without a sound picture; where there is no picture at all, none is dropped.

    Returns and raises what `posed_frames` does.
    """
    frames, skips = posed_frames(files)
    if not files.picture_names():
        return frames, skips
    faults = {frame.name: picture_fault(files, frame) for frame in frames}
    skips += [fault for fault in faults.values() if fault]
    return _some(files, [frame for frame in frames if not faults[frame.name]], skips)


def _named_as_on_disk(files: SceneFiles, frames: list[Frame]) -> list[Frame]:
    """Suffixes of pictures come in upper and lower case, on disk and in the files that name them."""
    names = files.picture_names()
    name_on_disk = {name.lower(): name for name in names} | {name: name for name in names}
    named = []
    for frame in frames:
        name = PurePosixPath(frame.image_path).name
        name = name_on_disk.get(name) or name_on_disk.get(name.lower(), name)
        named.append(replace(frame, image_path=files.image_path(name)))
    return named


def _some(files: SceneFiles, frames: list[Frame], skips: list[Skip]) -> tuple[tuple[Frame, ...], list[Skip]]:
    if not frames:
        cause = f" ({skips[0].reason}: {skips[0].detail})" if skips else ""
        raise ScanError("no usable frame", f"{files.poses} gives no usable frame{cause}.")
    return tuple(frames), skips
