"""Takes frames out of a phone's video. Needs PyAV, which only the extra `video` installs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .scans.errors import ScanError
from .scans.files import SceneFiles
from .scans.iphone import video_position
from .schema import Frame, Skip


def import_decoder() -> Any:
    """Import PyAV.

    Raises:
        ScanError: if it is not installed; says how to install it.
    """
    try:
        import av
    except ImportError as error:
        what = "Taking frames out of a video needs PyAV"
        raise ScanError("no video decoder", f"{what}: pip install av, or install the extra `video`.") from error
    return av


def video_frames(
    files: SceneFiles, video: Path, frames: Sequence[Frame], num_threads: int
) -> Iterator[tuple[Frame, NDArray[np.uint8]] | Skip]:
    """Decode the chosen frames: `frame_000110` is the 110th picture in the order of display, counted from 0.

    A rotation that the file asks players for is not applied: cameras are calibrated on the stored pixels.

    Args:
        files: of the scene.
        video: the file.
        frames: to take.
        num_threads: decoder threads.

    Yields:
        A frame with its pixels, shape (height, width, 3), 8-bit RGB; or why there are none.
    """
    wanted: dict[int, Frame] = {}
    for frame in frames:
        position = video_position(frame.name)
        if position is None:
            detail = f"{video}: {frame.name} is not called frame_NNNNNN, so its place in the video is unknown."
            yield files.skip(frame.name, "frame has no number", detail)
        else:
            wanted[position] = frame
    count, reason, ending = 0, "video is too short", "is over"
    try:
        for picture in _decode(video, num_threads) if wanted else ():
            if count in wanted:
                yield _pixels(files, video, wanted.pop(count), picture)
            count += 1
            if not wanted:
                return
    except _DamagedError as error:
        reason, ending = "video is damaged", str(error)
    for frame in wanted.values():
        detail = f"{video} {ending} after {count} frames, before {frame.name}; download it again."
        yield files.skip(frame.name, reason, detail)


class _DamagedError(Exception):
    """A place beyond which pictures cannot be decoded or counted; the message is a predicate of the video."""


def _decode(video: Path, num_threads: int) -> Iterator[Any]:
    av = import_decoder()
    try:
        with av.open(str(video)) as container:
            # A file without any video stream has no frame.
            for stream in container.streams.video[:1]:
                stream.thread_type = "AUTO"
                stream.codec_context.thread_count = num_threads
                # Else a decoder makes up what it cannot read, and every picture that refers to it is wrong.
                stream.codec_context.options = {"err_detect": "explode"}
                yield from _without_gaps(container.decode(stream), float(stream.guessed_rate or 0))
    except av.error.FFmpegError as error:
        raise _DamagedError(f"cannot be decoded any further ({error.strerror})") from error


def _without_gaps(pictures: Iterator[Any], rate: float) -> Iterator[Any]:
    """Stop where a picture is lost: decoders drop what they cannot read, and the count would be off from there on.

    A picture is handed on when the next one has come in time, for the last one before a gap may be damaged too.
    """
    held = None
    for picture in pictures:
        if held is not None:
            if rate and None not in (held.time, picture.time) and abs((picture.time - held.time) * rate - 1) > 0.5:
                raise _DamagedError(f"jumps from {held.time:.3f} s to {picture.time:.3f} s")
            yield held
        held = picture
    if held is not None:
        yield held


def _pixels(files: SceneFiles, video: Path, frame: Frame, picture: Any) -> tuple[Frame, NDArray[np.uint8]] | Skip:
    if picture.is_corrupt:
        detail = f"{video}: the data of {frame.name} are damaged; download it again."
        return files.skip(frame.name, "video is damaged", detail)
    return frame, picture.to_ndarray(format="rgb24")
