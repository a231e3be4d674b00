"""Reads the phone's sensor depth: pictures where it was extracted, else one of the three encodings of `depth.bin`.

A frame is 192 rows of 256 columns. The file holds every frame of the video, as
(a) {uint32 size, LZ4 block of uint16 millimetres} a frame, the current form;
(b) {uint32 size, raw deflate of float32 metres} a frame;
(c) raw deflate of all frames together, float32 metres.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from .errors import ScanError
from .files import SceneFiles
from .iphone import video_position

DEPTH_SIZE = (256, 192)
"""Width and height of a frame, pixels."""

_NUM_PIXELS = DEPTH_SIZE[0] * DEPTH_SIZE[1]
_MILLIMETRE = np.float32(0.001)
_PIECE = 1 << 16
"""Compressed bytes read at a time from a file of one stream: they unpack to 64 MB at most."""


def read_depths(files: SceneFiles, frame_names: list[str]) -> dict[str, NDArray[np.float32]]:
    """Read the sensor depth of some frames.

    Args:
        files: the scene.
        frame_names: bare names, such as `frame_000110`.

    Returns:
        By name, shape (192, 256), z in metres, 0 where the sensor saw nothing. Frames without depth are not there.

    Raises:
        ScanError: if the file is damaged.
    """
    path = files.depth
    if path is None:
        return {}
    if path.is_dir():
        pictures = {name: path / f"{name}.png" for name in frame_names}
        return {name: _read_picture(picture) for name, picture in pictures.items() if picture.is_file()}
    names = {position: name for name in frame_names if (position := video_position(name)) is not None}
    try:
        return {names[position]: depth for position, depth in _read_frames(path, sorted(names))}
    except (OSError, ValueError, zlib.error, struct.error) as error:
        raise ScanError(
            f"damaged {path.name}", f"{path} is cut off or damaged ({error}); download it again."
        ) from error


def _read_picture(path: Path) -> NDArray[np.float32]:
    try:
        with Image.open(path) as image:
            millimetres = np.asarray(image, np.float32)
    except (OSError, UnidentifiedImageError) as error:
        raise ScanError("damaged depth picture", f"{path} is not a picture ({error}); extract it again.") from error
    if millimetres.ndim != 2:
        raise ScanError("damaged depth picture", f"{path} is no depth: it has colours; extract it again.")
    return millimetres * _MILLIMETRE


def _read_frames(path: Path, positions: list[int]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    with path.open("rb") as file:
        start = file.read(4)
        (size,) = struct.unpack("<I", start)
        chunk = file.read(size) if size < path.stat().st_size else b""
        file.seek(0)
        if len(chunk) == size and _decode(chunk) is not None:
            yield from _read_chunks(file, positions)
        else:
            yield from _read_stream(file, positions)


def _read_chunks(file: BinaryIO, positions: list[int]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Encodings (a) and (b): hop from frame to frame."""
    wanted = set(positions)
    num_bytes = os.fstat(file.fileno()).st_size
    for position in range(max(wanted, default=-1) + 1):
        start = file.read(4)
        if not start:
            return
        (size,) = struct.unpack("<I", start)
        if position not in wanted:
            if file.seek(size, 1) > num_bytes:
                raise ValueError(f"frame {position} ends beyond the file")
            continue
        depth = _decode(file.read(size))
        if depth is None:
            raise ValueError(f"frame {position} cannot be decoded")
        yield position, depth


def _decode(chunk: bytes) -> NDArray[np.float32] | None:
    """Decode a frame of encoding (a) or (b); None where it is neither."""
    try:
        metres = zlib.decompress(chunk, -zlib.MAX_WBITS)
        return _frame(np.frombuffer(metres, "<f4")) if len(metres) == 4 * _NUM_PIXELS else None
    except zlib.error:
        pass
    try:
        block = pa.Codec("lz4_raw").decompress(chunk, decompressed_size=2 * _NUM_PIXELS, asbytes=True)
    except OSError:
        return None
    return _frame(np.frombuffer(block, "<u2") * _MILLIMETRE)


def _read_stream(file: BinaryIO, positions: list[int]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Encoding (c): everything up to the last frame wanted must be unpacked."""
    decoder = zlib.decompressobj(-zlib.MAX_WBITS)
    held, offset = b"", 0
    for position in positions:
        start = 4 * _NUM_PIXELS * position
        end = start + 4 * _NUM_PIXELS
        while offset + len(held) < end:
            piece = file.read(_PIECE)
            if not piece:
                return
            held += decoder.decompress(piece)
            passed = max(0, min(len(held), start - offset))
            held, offset = held[passed:], offset + passed
        yield position, _frame(np.frombuffer(held[start - offset : end - offset], "<f4"))


def _frame(metres: NDArray[np.floating]) -> NDArray[np.float32]:
    return metres.astype(np.float32).reshape(DEPTH_SIZE[::-1])
