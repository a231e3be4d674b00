"""Builds: what they leave on disk, that they resume, and that damage stays where it is."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from spatialmosaic_builder import scan_job, shards
from spatialmosaic_builder.checks import check_build
from spatialmosaic_builder.config import BuildConfig
from spatialmosaic_builder.engines import choice
from spatialmosaic_builder.pipeline import BuildError, build, work_folder
from spatialmosaic_builder.report import Report
from spatialmosaic_builder.rules import PROFILES
from spatialmosaic_builder.scans.errors import ScanError

SIZE = "240"


def digests(out: Path) -> dict[str, str]:
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return {path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def built(sample_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[BuildConfig, Report]:
    out = tmp_path_factory.mktemp("built") / "spatialmosaic"
    config = BuildConfig(sample_root, out, size=SIZE, num_proc=1)
    return config, build(config)


@pytest.fixture
def own_root(sample_root: Path, tmp_path: Path) -> Path:
    """A copy of the sample rooms that a test may damage."""
    return Path(shutil.copytree(sample_root, tmp_path / "scannetpp"))


class TestResult:
    def test_the_dataset_folder_holds_a_folder_a_config_and_the_card(self, built):
        out = built[0].out
        assert sorted(path.name for path in out.iterdir()) == ["README.md", "annotations", "paper"]
        names = {"train-00000-of-00001.parquet", "test-00000-of-00001.parquet", "train-scenes.txt", "test-scenes.txt"}
        for config_name in ("annotations", "paper"):
            assert {path.name for path in (out / config_name).iterdir()} == names

    def test_nothing_in_it_names_this_machine_or_holds_pixels(self, built, sample_root):
        for path in built[0].out.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                assert str(sample_root).encode() not in content
                assert b"\xff\xd8\xff" not in content

    def test_the_report_counts_what_the_files_hold(self, built):
        config, report = built
        assert report.made == {"train": 160, "test": 80} == report.wanted
        for split, made in report.made.items():
            assert sum(len(pq.read_table(f)) for f in (config.out / "paper").glob(f"{split}-*.parquet")) == made
        saved = json.loads((work_folder(config.out) / "paper.report.json").read_text())
        assert saved["questions"] == report.questions
        assert [skip["reason"] for skip in saved["failures"]] == ["no annotation"]

    def test_no_scene_is_in_two_splits(self, built):
        scenes = {
            split: set(
                pq.read_table(built[0].out / "paper" / f"{split}-00000-of-00001.parquet")["scene_name"].to_pylist()
            )
            for split in ("train", "test")
        }
        assert scenes["train"]
        assert scenes["test"]
        assert not scenes["train"] & scenes["test"]

    def test_a_second_build_recomputes_nothing(self, built, monkeypatch):
        config, report = built
        before = digests(config.out)
        for name in ("annotate", "propose_records", "read_scan"):
            monkeypatch.setattr(scan_job, name, lambda *_, name=name: pytest.fail(f"{name} was called again"))
        assert build(config).questions == report.questions
        assert digests(config.out) == before

    def test_a_scan_that_no_check_foresaw_costs_no_other(self, own_root, sample_scenes, tmp_path, monkeypatch):
        propose = scan_job.propose_records

        def fails_once(annotations, *others):
            if annotations.scene_name == sample_scenes[0]:
                raise ValueError("nobody thought of this")
            return propose(annotations, *others)

        monkeypatch.setattr(scan_job, "propose_records", fails_once)
        report = build(BuildConfig(own_root, tmp_path / "out", size="60", num_proc=1))
        assert [skip.where for skip in report.failures if skip.reason == "unexpected error"] == sample_scenes[:1]
        assert report.questions

    def test_the_largest_scans_come_first(self, own_root, sample_scenes, tmp_path, monkeypatch):
        begun: list[str] = []
        monkeypatch.setattr(
            choice, "run_jobs", lambda run, jobs, *_, **__: iter(begun.extend(job.scene_name for job in jobs) or ())
        )
        for largest in sample_scenes:
            with (own_root / "data" / largest / "scans/mesh_aligned_0.05.ply").open("ab") as file:
                file.truncate(20_000_000 * (1 + sample_scenes.index(largest)))
            with pytest.raises(BuildError, match="No scan"):
                build(BuildConfig(own_root, tmp_path / "out", size="60"))
            assert begun[-2] == largest

    def test_two_workers_write_the_same_bytes(self, built, tmp_path):
        config = replace(built[0], out=tmp_path / "spatialmosaic", num_proc=2)
        build(config)
        assert digests(config.out) == digests(built[0].out)

    def test_the_dslr_takes_the_place_of_the_phone(self, built, tmp_path):
        config = replace(built[0], out=tmp_path / "spatialmosaic", images="dslr")
        report = build(config)
        assert {skip.reason for skip in report.dropped} == {"picture is blurred"}
        for folder in ("paper", "annotations"):
            table = pq.read_table(config.out / folder / "train-00000-of-00001.parquet")
            column = "image_paths" if folder == "paper" else "image_path"
            paths = np.concatenate([np.atleast_1d(value) for value in table[column].to_pylist()])
            assert all("/dslr/resized_undistorted_images/DSC0" in path for path in paths)
        assert "--images dslr" in (config.out / "README.md").read_text()
        assert "`images = dslr`" in (config.out / "README.md").read_text()

    def test_another_source_makes_its_own_annotations(self, built, tmp_path):
        config = replace(built[0], out=tmp_path / "spatialmosaic", images="dslr")
        shutil.copytree(work_folder(built[0].out), work_folder(config.out))
        build(config)
        shutil.rmtree(work_folder(config.out))
        before = digests(config.out)
        build(replace(config, out=tmp_path / "again" / "spatialmosaic"))
        assert digests(tmp_path / "again" / "spatialmosaic") == before

    def test_without_pictures_it_says_how_to_make_them(self, built, tmp_path, caplog):
        build(replace(built[0], out=tmp_path / "spatialmosaic"))
        (message,) = [record.getMessage() for record in caplog.records]
        assert f"spatialmosaic prepare-images {built[0].root} --image-root" in message

    def test_another_seed_gives_other_records(self, built, tmp_path):
        config = replace(built[0], out=tmp_path / "spatialmosaic", seed=1)
        build(config)
        name = "paper/train-00000-of-00001.parquet"
        assert digests(config.out)[name] != digests(built[0].out)[name]

    def test_a_single_scene_goes_to_train(self, own_root, sample_scenes, tmp_path):
        shutil.rmtree(own_root / "data" / sample_scenes[0])
        report = build(BuildConfig(own_root, tmp_path / "out", size="60", num_proc=1))
        assert report.scenes == {"train": 1, "test": 0}
        assert not list((tmp_path / "out" / "paper").glob("test*"))


class TestResume:
    def command(self, root: Path, out: Path) -> list[str]:
        options = ["--out", str(out), "--size", SIZE, "--num-proc", "2"]
        return [sys.executable, "-m", "spatialmosaic_builder", "build", str(root), *options]

    def test_killed_at_any_moment_it_ends_with_the_same_bytes(self, built, tmp_path):
        root, out = built[0].root, tmp_path / "spatialmosaic"
        for seconds in (1.5, 3.0, 4.0, 5.0, 6.0, 7.0):
            process = subprocess.Popen(self.command(root, out), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            time.sleep(seconds)
            workers = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert not psutil.wait_procs(workers, timeout=10)[1], "workers outlive their parent"
        subprocess.run(self.command(root, out), check=True, capture_output=True)
        unbroken = replace(built[0], out=tmp_path / "unbroken")
        for folder in (Path.resolve, work_folder):
            shutil.copytree(folder(built[0].out), folder(unbroken.out))
        check_build(unbroken)
        assert digests(out) == digests(unbroken.out)
        assert not [path for folder in (out, work_folder(out)) for path in folder.rglob(".writing-*")]

    def test_a_profile_that_a_killed_build_did_not_mark_never_stops_another(self, built, tmp_path):
        config = replace(built[0], out=tmp_path / "spatialmosaic")
        for folder in (Path.resolve, work_folder):
            shutil.copytree(folder(built[0].out), folder(config.out))
        shutil.copytree(config.out / "paper", config.out / "strict")
        names = json.loads((work_folder(config.out) / "paper.json").read_text()) | {"profile": "strict"}
        (work_folder(config.out) / "strict.json").write_text(json.dumps(names))
        build(config)
        assert digests(config.out / "paper") == digests(built[0].out / "paper")

    @pytest.mark.parametrize("victim", ["candidates.parquet", "manifest.json"])
    def test_what_is_lost_is_made_again(self, built, tmp_path, victim, sample_scenes):
        config = replace(built[0], out=tmp_path / "spatialmosaic")
        shutil.copytree(work_folder(built[0].out), work_folder(config.out))
        folder = work_folder(config.out) / "candidates" / "paper" / sample_scenes[0]
        (folder / victim).unlink()
        if victim == "candidates.parquet":
            (folder / "manifest.json").unlink()
        build(config)
        assert digests(config.out) == digests(built[0].out)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def spoil_poses(path: Path) -> None:
    lines = path.read_text().splitlines(keepends=True)
    for k, line in enumerate(lines):
        fields = line.split()
        if len(fields) == 10:
            lines[k] = " ".join([fields[0], "nan", *fields[2:]]) + "\n"
    path.write_text("".join(lines))


def denied_below(folder: Path, real: Callable[..., Any]) -> Callable[..., Any]:
    """Make a method of Path fail as it does for somebody who may not look into a folder."""

    def method(path: Path, *args: Any, **options: Any) -> Any:
        if folder in path.parents or (path == folder and real.__name__ == "iterdir"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, *args, **options)

    return method


def keep_one_frame(path: Path) -> None:
    lines = path.read_text().splitlines(keepends=True)
    comments = [line for line in lines if line.startswith("#")]
    path.write_text("".join(comments + lines[len(comments) :][:2]))


DAMAGE = {
    "mesh cut": ("scans/mesh_aligned_0.05.ply", truncate, "damaged mesh"),
    "annotation cut": ("scans/segments_anno.json", truncate, "damaged segments_anno.json"),
    "segments missing": ("scans/segments.json", Path.unlink, "no segments.json"),
    "no COLMAP": ("iphone/colmap/images.txt", Path.unlink, "no images.txt"),
    "no DSLR": ("dslr/nerfstudio", shutil.rmtree, "no transforms_undistorted.json"),
    "poses not finite": ("iphone/colmap/images.txt", spoil_poses, "no usable frame"),
}


class TestDamage:
    @pytest.mark.parametrize("name", DAMAGE)
    def test_a_broken_scene_never_stops_the_others(self, own_root, sample_scenes, tmp_path, name):
        file, damage, reason = DAMAGE[name]
        damage(own_root / "data" / sample_scenes[0] / file)
        images = "dslr" if "dslr" in file else "iphone"
        report = build(BuildConfig(own_root, tmp_path / "out", images=images, size="60", num_proc=1))
        failure = next(skip for skip in report.failures if skip.where == sample_scenes[0])
        assert failure.reason == reason
        assert sample_scenes[0] in failure.detail
        assert sum(report.scenes.values()) == 1
        assert sum(report.made.values()) > 0

    @pytest.mark.parametrize("part", ["", "scans", "iphone/rgb"])
    def test_a_folder_that_may_not_be_read_never_stops_the_others(
        self, own_root, sample_scenes, tmp_path, monkeypatch, part
    ):
        closed = own_root / "data" / sample_scenes[0] / part
        closed.mkdir(exist_ok=True)
        for method in ("stat", "iterdir"):
            monkeypatch.setattr(Path, method, denied_below(closed, getattr(Path, method)))
        report = build(BuildConfig(own_root, tmp_path / "out", size="60", num_proc=1))
        failure = next(skip for skip in report.failures if skip.where == sample_scenes[0])
        assert failure.reason == "unreadable file"
        assert str(closed) in failure.detail
        assert sum(report.scenes.values()) == 1

    def test_when_every_scene_is_broken_the_causes_are_named(self, own_root, sample_scenes, tmp_path):
        for scene in sample_scenes:
            truncate(own_root / "data" / scene / "scans/mesh_aligned_0.05.ply")
        with pytest.raises(BuildError, match=r"mesh_aligned_0\.05\.ply is cut off"):
            build(BuildConfig(own_root, tmp_path / "out", num_proc=1))
        assert not (tmp_path / "out").exists()

    def test_a_root_of_something_else_is_refused(self, tmp_path):
        with pytest.raises(ScanError, match="is not a ScanNet"):
            build(BuildConfig(tmp_path, tmp_path / "out"))
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_of_other_files_is_not_written_into(self, sample_root, tmp_path):
        (tmp_path / "thesis.tex").write_text("x")
        with pytest.raises(BuildError, match="did not write"):
            build(BuildConfig(sample_root, tmp_path))
        assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]

    @pytest.mark.parametrize(
        "change",
        [{"seed": 7}, {"size": "120"}, {"canvas_scale": 1.0}, {"images": "dslr"}, {"renderer": "pyrender"}],
    )
    def test_another_configuration_is_refused_by_name(self, built, change):
        before = digests(built[0].out)
        with pytest.raises(BuildError, match=next(iter(change))):
            build(replace(built[0], **change))
        assert digests(built[0].out) == before

    def test_two_image_sources_do_not_mix_in_one_folder_under_two_profiles(self, built, monkeypatch):
        before = digests(built[0].out)
        monkeypatch.setitem(PROFILES, "other", PROFILES["paper"])
        with pytest.raises(BuildError, match="images 'iphone' -> 'dslr'"):
            build(replace(built[0], profile="other", size="60", images="dslr"))
        assert digests(built[0].out) == before

    def test_unknown_scene_ids_are_reported(self, sample_root, sample_scenes, tmp_path):
        lists = [tmp_path / "train.txt", tmp_path / "test.txt"]
        lists[0].write_text(f"{sample_scenes[0]}\n0000000000\n")
        lists[1].write_text(f"{sample_scenes[1]}\n")
        config = BuildConfig(sample_root, tmp_path / "out", size="60", num_proc=1, split=",".join(map(str, lists)))
        report = build(config)
        assert report.scenes == {"train": 1, "test": 1}
        assert ("no such scene", "0000000000") in {(skip.reason, skip.where) for skip in report.failures}

    @pytest.mark.parametrize("stage", ["annotations", "candidates", "dataset"])
    def test_a_full_disk_is_said_and_survived(self, built, tmp_path, monkeypatch, stage):
        config = replace(built[0], out=tmp_path / "spatialmosaic")
        replaced: list[Path] = []

        def full(source: Path, target: Path) -> None:
            place = {"annotations": "annotations", "paper": "candidates"}.get(target.parent.name, "dataset")
            if place == stage:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
            replaced.append(target)
            real(source, target)

        real = shards.replace_folder
        monkeypatch.setattr(shards, "replace_folder", full)
        monkeypatch.setattr("spatialmosaic_builder.writer.replace_folder", full)
        with pytest.raises(BuildError, match=r"disk is full.*run the same command again"):
            build(config)
        assert not (config.out / "paper").exists()
        monkeypatch.undo()
        build(config)
        assert digests(config.out) == digests(built[0].out)

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("size", "many"),
            ("size", "0"),
            ("split", "half"),
            ("num_proc", -1),
            ("canvas_scale", 0.0),
            ("canvas_scale", float("nan")),
            ("seed", 2**63),
            ("out", Path("/")),
        ],
    )
    def test_malformed_options_are_refused(self, sample_root, tmp_path, option, value):
        with pytest.raises(ValueError, match=f"--{option.replace('_', '-')} takes"):
            build(replace(BuildConfig(sample_root, tmp_path / "out"), **{option: value}))
        assert not list(tmp_path.iterdir())

    def test_the_working_directory_is_an_out_folder_like_any_other(self, sample_root, tmp_path, monkeypatch):
        (tmp_path / "spatialmosaic").mkdir()
        monkeypatch.chdir(tmp_path / "spatialmosaic")
        build(BuildConfig(sample_root, Path(), size="24", num_proc=1))
        assert sorted(path.name for path in tmp_path.iterdir()) == ["spatialmosaic", "spatialmosaic.work"]

    def test_a_full_disk_leaves_no_half_dataset(self, built, tmp_path, monkeypatch):
        config = replace(built[0], out=tmp_path / "spatialmosaic")

        def full(*_: object) -> str:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr("spatialmosaic_builder.writer.card_text", full)
        with pytest.raises(BuildError, match="disk is full"):
            build(config)
        assert not config.out.exists()
        assert not list(work_folder(config.out).rglob(".writing-*"))

    def test_what_a_killed_build_left_in_the_dataset_folder_goes(self, built, tmp_path):
        config = replace(built[0], out=tmp_path / "spatialmosaic")
        build(config)
        (config.out / ".writing-1-old-paper").mkdir()
        (config.out / ".writing-1-README.md").touch()
        build(config)
        assert digests(config.out) == digests(built[0].out)
        assert not list(config.out.glob(".writing-*"))

    def test_where_no_question_can_be_made_it_is_said(self, own_root, sample_scenes, tmp_path):
        for scene in sample_scenes:
            keep_one_frame(own_root / "data" / scene / "iphone/colmap/images.txt")
        with pytest.raises(BuildError, match=r"No question can be made.*no two frames of low overlap"):
            build(BuildConfig(own_root, tmp_path / "out", size="60", num_proc=1))
        assert not (tmp_path / "out").exists()

    def test_a_split_without_questions_does_not_spoil_the_other(self, own_root, sample_scenes, tmp_path):
        keep_one_frame(own_root / "data" / sample_scenes[0] / "iphone/colmap/images.txt")
        report = build(BuildConfig(own_root, tmp_path / "out", size="60", num_proc=1))
        assert sorted(report.made.values())[0] == 0
        (split,) = (split for split, made in report.made.items() if made)
        for name, splits in (("paper", {split}), ("annotations", {"train", "test"})):
            assert set(load_dataset(str(tmp_path / "out"), name, cache_dir=str(tmp_path / "cache"))) == splits

    def test_the_card_does_not_tell_where_the_scene_lists_lie(self, sample_root, sample_scenes, tmp_path):
        for name, scene in zip(("train.txt", "test.txt"), sample_scenes, strict=True):
            (tmp_path / name).write_text(f"{scene}\n")
        split = f"{tmp_path / 'train.txt'},{tmp_path / 'test.txt'}"
        build(BuildConfig(sample_root, tmp_path / "out", size="24", num_proc=1, split=split))
        card = (tmp_path / "out" / "README.md").read_text()
        assert "`split = train.txt,test.txt`" in card
        assert str(tmp_path) not in card

    def test_scenes_that_the_lists_leave_out_are_said(self, sample_root, sample_scenes, tmp_path, caplog):
        (tmp_path / "train.txt").write_text(f"{sample_scenes[0]}\n")
        (tmp_path / "test.txt").write_text("0000000000\n")
        split = f"{tmp_path / 'train.txt'},{tmp_path / 'test.txt'}"
        build(BuildConfig(sample_root, tmp_path / "out", size="24", num_proc=1, split=split))
        assert f"names 1 of the 2 annotated scenes below {sample_root}; not {sample_scenes[1]}" in caplog.text

    def test_others_make_up_for_a_broken_scene(self, own_root, sample_scenes, tmp_path):
        shutil.copytree(own_root / "data" / sample_scenes[0], own_root / "data" / "0000000000")
        truncate(own_root / "data" / "0000000000" / "scans/mesh_aligned_0.05.ply")
        (tmp_path / "train.txt").write_text(f"{sample_scenes[0]}\n0000000000\n")
        (tmp_path / "test.txt").write_text(f"{sample_scenes[1]}\n")
        split = f"{tmp_path / 'train.txt'},{tmp_path / 'test.txt'}"
        report = build(BuildConfig(own_root, tmp_path / "out", size="240", num_proc=1, split=split))
        assert report.made == report.wanted


def test_two_profiles_live_in_one_folder(sample_root, tmp_path):
    """The second build leaves the first's files alone, annotates nothing anew, and the card tells of both."""
    out = tmp_path / "spatialmosaic"
    config = BuildConfig(sample_root, out, size="120", num_proc=1)
    build(config)
    paper, annotations = contents(out / "paper"), modified(out.with_name("spatialmosaic.work") / "annotations")
    report = build(replace(config, profile="strict", size="200"))
    assert contents(out / "paper") == paper
    assert modified(out.with_name("spatialmosaic.work") / "annotations") == annotations
    records = load_dataset(str(out), "strict", split="train")
    assert set(records["profile"]) == {"strict"}
    assert sum(report.made.values()) > 0
    card = (out / "README.md").read_text()
    assert "### `paper`" in card
    assert "### `strict`" in card
    with pytest.raises(BuildError, match="seed 0 -> 1"):
        build(replace(config, profile="strict", seed=1))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def modified(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
