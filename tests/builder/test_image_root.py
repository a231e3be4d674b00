"""The command that fills an image root: what it writes, that it goes on where it was, and what it says of gaps."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from PIL import Image

from spatialmosaic_builder import attach_images
from spatialmosaic_builder.config import BuildConfig, PrepareImagesConfig
from spatialmosaic_builder.errors import BuildError
from spatialmosaic_builder.image_root import prepare_images
from spatialmosaic_builder.pipeline import build
from spatialmosaic_builder.scans.errors import ScanError
from spatialmosaic_builder.scans.sample import write_sample_scan

SCENE = "0123456789"
NUM_FRAMES = 16
SIZE = (320, 240)
PHONE, DSLR = "iphone/rgb", "dslr/resized_undistorted_images"


def folder(root: Path, name: str) -> Path:
    return root / "data" / SCENE / name


def digests(root: Path) -> dict[str, str]:
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with a sample room and its pictures; not to be changed."""
    root = tmp_path_factory.mktemp("rendered")
    write_sample_scan(root, SCENE, seed=0, kind="office", num_frames=NUM_FRAMES, image_size=SIZE)
    return root


@pytest.fixture(scope="module")
def downloaded(rendered: Path, tmp_path_factory: pytest.TempPathFactory, write_video: Callable[..., None]) -> Path:
    """The same room as it is downloaded: a video, of which every tenth picture at most is registered."""
    root = tmp_path_factory.mktemp("downloaded")
    ignore = shutil.ignore_patterns("rgb", "resized_undistorted_images")
    shutil.copytree(rendered / "data", root / "data", ignore=ignore)
    pictures = {path.stem: np.asarray(Image.open(path)) for path in folder(rendered, PHONE).iterdir()}
    last = max(int(name[-6:]) for name in pictures)
    between = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    video = [pictures.get(f"frame_{k:06d}", np.roll(between, 7 * k, axis=1)) for k in range(last + 8)]
    write_video(folder(root, "iphone/rgb.mkv"), video)
    return root


@pytest.fixture(scope="module")
def filled(downloaded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    images = tmp_path_factory.mktemp("filled") / "images"
    before = digests(downloaded)
    text = prepare_images(PrepareImagesConfig(downloaded, images, num_proc=1))
    assert f"{NUM_FRAMES} pictures written" in text
    assert digests(downloaded) == before, "the ScanNet++ root is only read"
    return images


@pytest.fixture
def images(filled: Path, tmp_path: Path) -> Path:
    """A copy of the filled image root that a test may change."""
    return Path(shutil.copytree(filled, tmp_path / "images"))


class TestPhone:
    def test_the_registered_frames_and_nothing_else_is_written(self, rendered, filled):
        assert sorted(digests(filled)) == [
            f"data/{SCENE}/{PHONE}/{p.name}" for p in sorted(folder(rendered, PHONE).iterdir())
        ]

    def test_each_picture_is_the_one_of_its_name(self, rendered, filled):
        true = {p.name: np.asarray(Image.open(p)).astype(int) for p in folder(rendered, PHONE).iterdir()}
        for path in folder(filled, PHONE).iterdir():
            picture = np.asarray(Image.open(path))
            errors = {name: np.abs(picture - pixels).mean() for name, pixels in true.items()}
            assert min(errors, key=errors.__getitem__) == path.name
            assert errors[path.name] < 8

    def test_what_is_there_is_kept_and_what_is_damaged_is_made_again(self, downloaded, images):
        before, pictures = digests(images), sorted(folder(images, PHONE).iterdir())
        pictures[1].unlink()
        os.truncate(pictures[2], pictures[2].stat().st_size // 2)
        (folder(images, PHONE) / ".writing-99-frame_000000.jpg").write_bytes(b"left by a run that was killed")
        times = {path: path.stat().st_mtime_ns for path in (pictures[0], *pictures[3:])}
        text = prepare_images(PrepareImagesConfig(downloaded, images, num_proc=1))
        assert f"2 pictures written below {images}, {NUM_FRAMES - 2} were there" in text
        assert digests(images) == before
        assert {path: path.stat().st_mtime_ns for path in times} == times

    def test_pictures_are_shrunk_from_the_video_and_kept(self, downloaded, filled, tmp_path):
        config = PrepareImagesConfig(downloaded, tmp_path / "small", num_proc=1, long_side=80)
        assert f"{NUM_FRAMES} pictures written" in prepare_images(config)
        for path in folder(config.image_root, PHONE).iterdir():
            whole = Image.open(folder(filled, PHONE) / path.name).resize((80, 60), Image.Resampling.BOX)
            assert np.abs(np.asarray(Image.open(path)).astype(int) - np.asarray(whole)).mean() < 6
        assert f"0 pictures written below {config.image_root}, {NUM_FRAMES} were there" in prepare_images(config)

    def test_pictures_below_the_root_are_shrunk_and_left_alone(self, rendered, tmp_path):
        before = digests(rendered)
        config = PrepareImagesConfig(rendered, tmp_path / "small", num_proc=1, long_side=80)
        assert f"{NUM_FRAMES} pictures written" in prepare_images(config)
        assert {Image.open(path).size for path in folder(config.image_root, PHONE).iterdir()} == {(80, 60)}
        with pytest.raises(ValueError, match="an --image-root of its own"):
            prepare_images(replace(config, image_root=rendered))
        assert digests(rendered) == before

    def test_a_build_looks_for_pictures_in_the_image_root(self, downloaded, images, tmp_path):
        lost = sorted(folder(images, PHONE).iterdir())[3]
        lost.unlink()
        config = BuildConfig(downloaded, tmp_path / "spatialmosaic", image_root=images, size="48", num_proc=1)
        report = build(config)
        assert [(skip.reason, skip.where) for skip in report.dropped] == [
            ("picture is missing", f"{SCENE}/{lost.stem}")
        ]
        assert str(lost) in report.dropped[0].detail
        (shard,) = (config.out / "paper").glob("train-*.parquet")
        paths = {path for row in pq.read_table(shard)["image_paths"].to_pylist() for path in row}
        assert all((images / path).is_file() for path in paths)
        records = load_dataset(str(config.out), "paper", split="train")
        assert attach_images(records, images)[0]["images"][0].size == SIZE
        with pytest.raises(FileNotFoundError, match=r"prepare-images ROOT --image-root DIR --images iphone"):
            attach_images(records, downloaded)
        assert str(images) not in (config.out / "README.md").read_text()

    def test_moving_the_pictures_is_no_other_configuration(self, downloaded, images, tmp_path):
        config = BuildConfig(downloaded, tmp_path / "spatialmosaic", size="48", num_proc=1)
        build(config)
        before = digests(config.out / "paper")
        build(replace(config, image_root=images))
        assert digests(config.out / "paper") == before

    def test_pictures_of_another_size_than_the_camera_are_not_written(
        self, downloaded, tmp_path, write_video: Callable[..., None]
    ):
        root = Path(shutil.copytree(downloaded, tmp_path / "root"))
        write_video(folder(root, "iphone/rgb.mkv"), [np.zeros((64, 64, 3), np.uint8)] * 400)
        with pytest.raises(BuildError, match="gives a picture"):
            prepare_images(PrepareImagesConfig(root, tmp_path / "images", num_proc=1))
        assert not (tmp_path / "images").exists()

    def test_a_missing_video_is_named_with_what_to_do(self, rendered, downloaded, tmp_path):
        root = Path(shutil.copytree(downloaded, tmp_path / "root"))
        folder(root, "iphone/rgb.mkv").unlink()
        with pytest.raises(BuildError, match=r"iphone/rgb\.mkv or .*iphone/rgb\.mp4 is missing.*download it"):
            prepare_images(PrepareImagesConfig(root, tmp_path / "images", num_proc=1))
        with pytest.raises(BuildError, match=f"pass --image-root {rendered}"):
            prepare_images(PrepareImagesConfig(rendered, tmp_path / "images", num_proc=1))
        assert not (tmp_path / "images").exists()

    def test_one_scene_without_a_video_does_not_cost_the_others_theirs(self, downloaded, tmp_path):
        root = Path(shutil.copytree(downloaded, tmp_path / "root"))
        shutil.copytree(folder(root, "."), root / "data" / "abcdef0123")
        folder(root, "iphone/rgb.mkv").unlink()
        text = prepare_images(PrepareImagesConfig(root, tmp_path / "images", num_proc=2))
        assert "Scans left out:" in text
        assert SCENE in text
        assert len(digests(tmp_path / "images")) == NUM_FRAMES

    def test_a_full_disk_is_said_and_leaves_no_half_picture(self, downloaded, images, monkeypatch):
        before = digests(images)
        sorted(folder(images, PHONE).iterdir())[0].unlink()

        def full(self: Image.Image, path: Path, *_: object, **__: object) -> None:
            path.write_bytes(b"\xff\xd8")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

        monkeypatch.setattr(Image.Image, "save", full)
        with pytest.raises(BuildError, match="disk is full"):
            prepare_images(PrepareImagesConfig(downloaded, images, num_proc=1))
        assert len(digests(images)) == len(before) - 1

    def test_an_image_root_that_is_a_file_is_said(self, downloaded, tmp_path):
        (tmp_path / "images").write_text("x")
        with pytest.raises(BuildError, match="images"):
            prepare_images(PrepareImagesConfig(downloaded, tmp_path / "images", num_proc=1))

    def test_a_root_of_something_else_is_refused(self, tmp_path):
        with pytest.raises(ScanError, match="not a ScanNet"):
            prepare_images(PrepareImagesConfig(tmp_path, tmp_path / "images"))


class TestDslr:
    """The rooms of the sample writer hold no fisheye pictures, those of the independent writer hold both."""

    def test_undistorted_pictures_are_those_of_an_independent_writer(self, shared_scans, tmp_path):
        images = tmp_path / "images"
        text = prepare_images(PrepareImagesConfig(shared_scans, images, images="dslr", num_proc=1))
        assert "32 pictures written" in text
        for name in list(digests(images))[::5]:
            ours, theirs = (np.asarray(Image.open(root / name)).astype(int) for root in (images, shared_scans))
            error = np.abs(ours - theirs).mean()
            assert error < 3
            assert np.abs(ours[:, 1:] - theirs[:, :-1]).mean() > 1.3 * error

    @pytest.fixture
    def root(self, rendered: Path, tmp_path: Path) -> Path:
        """The sample room with grey sheets for fisheye pictures."""
        root = tmp_path / "root"
        ignore = shutil.ignore_patterns("rgb", "resized_undistorted_images", "*.ply")
        shutil.copytree(rendered / "data", root / "data", ignore=ignore)
        folder(root, "dslr/resized_images").mkdir()
        for path in folder(rendered, DSLR).iterdir():
            with Image.open(path) as picture:
                Image.new("RGB", picture.size, (90, 90, 90)).save(folder(root, "dslr/resized_images") / path.name)
        return root

    def test_damaged_missing_and_resized_originals_lose_their_frames_alone(self, root, tmp_path):
        paths = sorted(folder(root, "dslr/resized_images").iterdir())
        os.truncate(paths[1], paths[1].stat().st_size // 2)
        paths[2].unlink()
        Image.new("RGB", (10, 10)).save(paths[3], "JPEG")
        paths[4].rename(paths[4].with_suffix(".jpg"))
        text = prepare_images(PrepareImagesConfig(root, tmp_path / "images", images="dslr", num_proc=1))
        written = {path.name for path in folder(tmp_path / "images", DSLR).iterdir()}
        assert not written & {path.name for path in paths[1:4]}
        assert paths[4].name in written
        assert "2 x original is damaged" in text
        assert "1 x original has another size than its camera" in text

    def test_the_lens_is_needed(self, root, tmp_path):
        folder(root, "dslr/nerfstudio/transforms.json").unlink()
        with pytest.raises(BuildError, match=r"transforms\.json is missing"):
            prepare_images(PrepareImagesConfig(root, tmp_path / "images", images="dslr", num_proc=1))

    def test_no_video_decoder_is_needed(self, root, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "av", None)
        assert "written" in prepare_images(PrepareImagesConfig(root, tmp_path / "i", images="dslr", num_proc=1))
        with pytest.raises(ScanError, match="pip install"):
            prepare_images(PrepareImagesConfig(root, tmp_path / "i", num_proc=1))
