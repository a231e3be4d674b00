"""Frames out of videos: the right ones, and none where their number cannot be told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from spatialmosaic_builder.geometry import Camera
from spatialmosaic_builder.scans.errors import ScanError
from spatialmosaic_builder.scans.files import SceneFiles
from spatialmosaic_builder.scans.iphone import video_position
from spatialmosaic_builder.schema import Frame, Skip
from spatialmosaic_builder.video import import_decoder, video_frames

WIDTH, HEIGHT = 128, 96
NUM_PICTURES = 91
BITS = 8

WriteVideo = Callable[..., None]


def numbered(number: int) -> np.ndarray:
    """A picture that shows its number: bright and dark columns are the bits, a ramp tells left from right and up."""
    bits = [(number >> k) & 1 for k in range(BITS)]
    columns = np.repeat(np.array(bits) * 180 + 20, WIDTH // BITS)
    picture = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    picture[..., 0] = columns
    picture[..., 1] = np.linspace(20, 200, HEIGHT)[:, None]
    picture[..., 2] = np.linspace(200, 20, WIDTH)
    return picture


def number_of(picture: np.ndarray) -> int:
    columns = picture[..., 0].mean(axis=0).reshape(BITS, -1).mean(axis=1)
    return sum(1 << k for k, value in enumerate(columns) if value > 110)


PICTURES = [numbered(k) for k in range(NUM_PICTURES)]
FILES = SceneFiles(Path("root"), "0a1b2c3d4e")


def frames_called(names: Sequence[str]) -> list[Frame]:
    camera = Camera(WIDTH, HEIGHT, 100, 100, WIDTH / 2, HEIGHT / 2)
    return [Frame(name, f"data/x/{name}.jpg", camera, np.eye(4)) for name in names]


def take(video: Path, numbers: Sequence[int]) -> tuple[dict[str, np.ndarray], list[Skip]]:
    found = list(video_frames(FILES, video, frames_called([f"frame_{k:06d}" for k in numbers]), num_threads=2))
    pictures = {item[0].name: item[1] for item in found if not isinstance(item, Skip)}
    return pictures, [item for item in found if isinstance(item, Skip)]


def assert_true(pictures: dict[str, np.ndarray]) -> None:
    for name, picture in pictures.items():
        assert f"frame_{number_of(picture):06d}" == name
        assert np.abs(picture.astype(int) - PICTURES[number_of(picture)]).mean() < 6


@pytest.mark.parametrize(("name", "codec"), [("rgb.mkv", "libx264"), ("rgb.mp4", "libx264"), ("rgb.mkv", "libx265")])
def test_a_name_is_the_place_in_the_video_counted_from_zero(write_video: WriteVideo, tmp_path, name, codec):
    write_video(tmp_path / name, PICTURES, codec=codec)
    wanted = [0, 10, 20, 50, 51, 52, 53, 90]
    pictures, skips = take(tmp_path / name, wanted)
    assert skips == []
    assert sorted(pictures) == [f"frame_{k:06d}" for k in wanted]
    assert_true(pictures)


def test_the_order_of_the_frames_does_not_matter(write_video: WriteVideo, tmp_path):
    write_video(tmp_path / "rgb.mkv", PICTURES)
    pictures, skips = take(tmp_path / "rgb.mkv", [70, 10, 40])
    assert skips == []
    assert_true(pictures)


def test_the_rotation_for_players_is_not_applied(write_video: WriteVideo, tmp_path):
    """Phones store a rotation beside the pixels; intrinsics hold for the stored pixels."""
    path = tmp_path / "rgb.mp4"
    write_video(path, PICTURES[:11])
    data = path.read_bytes()
    at = data.index(b"tkhd") + 44
    quarter_turn = [0, 1 << 16, 0, (1 << 32) - (1 << 16), 0, 0, HEIGHT << 16, 0, 1 << 30]
    path.write_bytes(data[:at] + b"".join(x.to_bytes(4, "big") for x in quarter_turn) + data[at + 36 :])
    with import_decoder().open(str(path)) as container:
        assert abs(next(container.decode(video=0)).rotation) == 90, "the file must ask for a rotation"
    pictures, _ = take(path, [0, 10])
    assert_true(pictures)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_video_that_is_cut_off_keeps_the_frames_before(write_video: WriteVideo, tmp_path, share):
    path = tmp_path / "rgb.mkv"
    write_video(path, PICTURES)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    pictures, skips = take(path, range(0, 91, 10))
    assert_true(pictures)
    assert len(pictures) + len(skips) == 10
    assert pictures
    assert {skip.reason for skip in skips} <= {"video is too short", "video is damaged"}
    assert all(str(path) in skip.detail for skip in skips)


def test_a_video_with_fewer_frames_than_registered_says_so_frame_by_frame(write_video: WriteVideo, tmp_path):
    path = tmp_path / "rgb.mkv"
    write_video(path, PICTURES[:45])
    pictures, skips = take(path, [0, 40, 50, 60])
    assert sorted(pictures) == ["frame_000000", "frame_000040"]
    assert [(skip.reason, skip.where[-12:]) for skip in skips] == [
        ("video is too short", "frame_000050"),
        ("video is too short", "frame_000060"),
    ]
    assert "45 frames" in skips[0].detail


def test_beyond_a_lost_picture_nothing_is_numbered(write_video: WriteVideo, tmp_path):
    path = tmp_path / "rgb.mkv"
    kept = [k for k in range(NUM_PICTURES) if k not in (35, 36)]
    write_video(path, [PICTURES[k] for k in kept], times=kept)
    pictures, skips = take(path, [0, 10, 30, 40, 50])
    assert_true(pictures)
    assert sorted(pictures) == ["frame_000000", "frame_000010", "frame_000030"]
    assert {skip.reason for skip in skips} == {"video is damaged"}
    assert "jumps from" in skips[0].detail


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_damaged_bytes_never_give_a_frame_another_picture(write_video: WriteVideo, tmp_path, codec):
    path = tmp_path / "rgb.mkv"
    write_video(path, PICTURES, codec=codec)
    sound, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(12):
        data, at = bytearray(sound), int(rng.integers(len(sound) // 4, len(sound)))
        data[at : at + 200] = rng.bytes(len(data[at : at + 200]))
        path.write_bytes(data)
        pictures, skips = take(path, range(0, 91, 3))
        assert len(pictures) + len(skips) == 31
        assert_true(pictures)


@pytest.mark.parametrize("data", [b"", b"<html>not found</html>", bytes(5000)], ids=["empty", "web page", "zeros"])
def test_what_is_no_video_loses_its_frames_with_a_reason(tmp_path, data):
    path = tmp_path / "rgb.mkv"
    path.write_bytes(data)
    pictures, skips = take(path, [0, 10])
    assert not pictures
    assert [skip.reason for skip in skips] == ["video is damaged"] * 2


def test_a_frame_without_a_number_is_left_out(write_video: WriteVideo, tmp_path):
    write_video(tmp_path / "rgb.mkv", PICTURES[:11])
    frames = frames_called(["DSC00001", "frame_000010"])
    found = list(video_frames(FILES, tmp_path / "rgb.mkv", frames, num_threads=1))
    assert [item.reason if isinstance(item, Skip) else item[0].name for item in found] == [
        "frame has no number",
        "frame_000010",
    ]


POSITIONS = {
    "frame_000000": 0,
    "frame_000110": 110,
    "frame_1234567": 1234567,
    **dict.fromkeys(("frame_10", "frame_", "frame_-00010", "img_000010", "frame_00001²", "frame_" + "9" * 200)),
}


@pytest.mark.parametrize("name", POSITIONS)
def test_positions_are_read_from_names_of_the_release_alone(name):
    assert video_position(name) == POSITIONS[name]


def test_without_the_extra_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ScanError, match=r"pip install .*`video`"):
        import_decoder()
