"""Sensor depth: the three encodings of one file, and the pictures it is extracted to, give the same numbers."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from PIL import Image

from spatialmosaic_builder.scans.depth import read_depths
from spatialmosaic_builder.scans.errors import ScanError
from spatialmosaic_builder.scans.files import DSLR, IPHONE_DEPTH, IPHONE_DEPTH_PICTURES, SceneFiles

NAMES = ["frame_000010", "frame_000000", "frame_000003"]


def frames(count: int = 12) -> NDArray[np.uint16]:
    """Millimetres: smooth, with a hole in each frame."""
    y, x = np.mgrid[:192, :256]
    depth = np.stack([(1500 + 40 * k + 3 * x + 5 * y) for k in range(count)]).astype(np.uint16)
    depth[:, 50:60, 20:40] = 0
    return depth


def deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def metres(depth: NDArray[np.uint16]) -> bytes:
    return (depth * np.float32(0.001)).astype("<f4").tobytes()


def lz4_blocks(depth: NDArray[np.uint16]) -> bytes:
    blocks = [pa.Codec("lz4_raw").compress(frame.tobytes(), asbytes=True) for frame in depth]
    return b"".join(struct.pack("<I", len(block)) + block for block in blocks)


def deflate_blocks(depth: NDArray[np.uint16]) -> bytes:
    blocks = [deflate(metres(frame)) for frame in depth]
    return b"".join(struct.pack("<I", len(block)) + block for block in blocks)


ENCODINGS = {"a": lz4_blocks, "b": deflate_blocks, "c": lambda depth: deflate(metres(depth))}


@pytest.fixture
def files(tmp_path: Path) -> SceneFiles:
    files = SceneFiles(tmp_path, "0a5c013435")
    (files.folder / "iphone").mkdir(parents=True)
    return files


def check(files: SceneFiles) -> None:
    depths = read_depths(files, NAMES)
    assert set(depths) == set(NAMES)
    for name, depth in depths.items():
        assert depth.dtype == np.float32
        np.testing.assert_allclose(depth, frames()[int(name[-6:])] / 1000, atol=1e-6)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_is_read(files, encoding):
    (files.folder / IPHONE_DEPTH).write_bytes(ENCODINGS[encoding](frames()))
    check(files)


def test_extracted_pictures_are_read(files):
    folder = files.folder / IPHONE_DEPTH_PICTURES
    folder.mkdir()
    for k, frame in enumerate(frames()):
        Image.fromarray(frame).save(folder / f"frame_{k:06d}.png")
    check(files)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_frames_beyond_the_end_have_none(files, encoding):
    (files.folder / IPHONE_DEPTH).write_bytes(ENCODINGS[encoding](frames(5)))
    assert set(read_depths(files, [*NAMES, "keyframe", "frame_000004"])) == {
        "frame_000000",
        "frame_000003",
        "frame_000004",
    }


def test_a_scene_without_depth_has_none(files):
    assert read_depths(files, NAMES) == {}
    assert read_depths(SceneFiles(files.root, files.scene_name, DSLR), NAMES) == {}


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"\x03",
        lambda data: bytes(4) + data[4:],
        lambda data: b"\xff\xff\xff\xff" + data[4:],
        lambda data: data[: len(data) // 2 + 7],
        lambda data: data[:4] + b"\xff" * 64 + data[68:],
        lambda data: np.random.default_rng(0).bytes(5000),
    ],
)
@pytest.mark.parametrize("encoding", ["a", "b"])
def test_a_damaged_file_is_named(files, encoding, damage):
    path = files.folder / IPHONE_DEPTH
    path.write_bytes(damage(ENCODINGS[encoding](frames())))
    with pytest.raises(ScanError, match=r"depth\.bin is cut off or damaged"):
        read_depths(files, NAMES)


@pytest.mark.parametrize("content", [b"no picture", b""])
def test_a_damaged_picture_is_named(files, content):
    folder = files.folder / IPHONE_DEPTH_PICTURES
    folder.mkdir()
    (folder / f"{NAMES[0]}.png").write_bytes(content)
    with pytest.raises(ScanError, match=NAMES[0]):
        read_depths(files, NAMES)
