"""The state of a build: told truly while it runs, after it was killed, and when it is done."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import ClassVar

import pytest

from spatialmosaic_builder import progress, running
from spatialmosaic_builder.config import BuildConfig, StatusConfig
from spatialmosaic_builder.pipeline import BuildError, build, work_folder
from spatialmosaic_builder.progress import Outcome
from spatialmosaic_builder.schema import Skip
from spatialmosaic_builder.status import BuildStatus, ScanStatus, estimate_left, format_status, read_status, run_status


def status_of(out: Path) -> BuildStatus:
    (status,) = read_status(out)
    return status


class TestFinishedBuild:
    def test_it_tells_what_each_scan_gave(self, sample_dataset, sample_scenes):
        status = status_of(sample_dataset)
        assert sorted(scan.scene_name for scan in status.scans) == sorted(sample_scenes)
        assert status.counts == {"done": 2}
        assert status.questions == {"train": 160, "test": 80}
        assert status.seconds_left == 0
        assert not status.is_running
        for scan in status.scans:
            assert scan.frames == 24
            assert scan.frame_sets > 0
            assert scan.candidates >= 80
            assert scan.seconds > 0

    def test_the_work_folder_names_the_build_too(self, sample_dataset):
        assert read_status(work_folder(sample_dataset)) == read_status(sample_dataset)

    def test_text_and_json_say_the_same(self, sample_dataset):
        text = run_status(StatusConfig(sample_dataset))
        (build,) = json.loads(run_status(StatusConfig(sample_dataset, json=True)))
        assert build["counts"] == {"done": 2}
        assert "2 of 2 scans done, 0 failed, 0 running, 0 left; no build is running." in text
        assert all(scan["scene_name"] in text for scan in build["scans"])
        assert "160 train, 80 test" in text

    def test_a_folder_without_a_build_is_refused(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="No build was started"):
            read_status(tmp_path / "spatialmosaic")


def test_failures_are_told_with_their_reason_and_tried_again(sample_root, sample_scenes, tmp_path):
    root, out = Path(shutil.copytree(sample_root, tmp_path / "scannetpp")), tmp_path / "out"
    mesh = root / "data" / sample_scenes[0] / "scans/mesh_aligned_0.05.ply"
    whole = mesh.read_bytes()
    mesh.write_bytes(whole[:5000])
    build(BuildConfig(root, out, size="60", num_proc=1))
    status = status_of(out)
    (failed,) = (scan for scan in status.scans if scan.state == "failed")
    assert (failed.scene_name, failed.reason) == (sample_scenes[0], "damaged mesh")
    assert str(mesh) in failed.detail
    assert failed.detail in format_status(status)
    mesh.write_bytes(whole)
    shutil.rmtree(out / "paper")
    build(BuildConfig(root, out, size="60", num_proc=1))
    assert status_of(out).counts == {"done": 2}


def test_listed_scenes_that_are_not_there_have_failed(sample_root, sample_scenes, tmp_path):
    lists = [tmp_path / "train.txt", tmp_path / "test.txt"]
    absent = ["0123456789", "00000000ff"]
    lists[0].write_text("\n".join([sample_scenes[0], *absent]) + "\n")
    lists[1].write_text(f"{sample_scenes[1]}\n")
    out = tmp_path / "out"
    build(BuildConfig(sample_root, out, size="60", num_proc=1, split=",".join(map(str, lists))))
    status = status_of(out)
    assert [scan.scene_name for scan in status.scans if scan.state == "failed"] == sorted(absent)
    assert status.counts == {"done": 2, "failed": 2}


def test_a_killed_build_is_told_from_one_that_runs(sample_root, tmp_path):
    out = tmp_path / "spatialmosaic"
    command = [sys.executable, "-m", "spatialmosaic_builder", "build", str(sample_root), "--out", str(out)]
    command += ["--size", "240", "--num-proc", "1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while not list(work_folder(out).glob("outcomes/paper/[!.]*.json")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGSTOP)
        running = status_of(out)
        with pytest.raises(BuildError, match="Another build is writing"):
            build(BuildConfig(sample_root, out, size="240", num_proc=1))
        process.kill()
    killed = status_of(out)
    assert running.is_running
    assert not killed.is_running
    assert killed.counts["done"] == 1 == killed.counts["left"]
    assert killed.questions is None
    assert killed.seconds_left > 0
    assert "run the same `build` command to go on" in format_status(killed)
    done = next(scan for scan in killed.scans if scan.state == "done")
    subprocess.run(command, check=True, capture_output=True)
    finished = status_of(out)
    assert finished.counts == {"done": 2}
    assert done in finished.scans, "a scan that was done keeps its own time"


class TestRunning:
    def test_a_marked_scan_runs_where_it_says(self, tmp_path):
        with running.mark(tmp_path, "paper", "a.b", Path("/logs/3_1.out")):
            (found,) = running.read_marks(tmp_path, "paper").values()
        assert (found.scene_name, found.host, found.pid) == ("a.b", socket.gethostname(), os.getpid())
        assert found.log == "/logs/3_1.out"
        assert running.read_marks(tmp_path, "paper") == {}

    def test_the_mark_is_kept_fresh(self, tmp_path, monkeypatch):
        monkeypatch.setattr(running, "_BEAT_S", 0.01)
        with running.mark(tmp_path, "paper", "a", None):
            (file,) = (tmp_path / "running/paper").iterdir()
            os.utime(file, (0, 0))
            deadline = time.monotonic() + 20
            while file.stat().st_mtime == 0 and time.monotonic() < deadline:
                time.sleep(0.01)
            assert "a" in running.read_marks(tmp_path, "paper")

    @pytest.mark.parametrize(
        ("host", "age_s", "counts"),
        [("elsewhere", 60, True), ("elsewhere", 300, False), (socket.gethostname(), 0, False)],
    )
    def test_a_mark_that_nobody_keeps_does_not_count(self, tmp_path, host, age_s, counts):
        """Of another machine, age tells; on this one, that no process has the number."""
        with subprocess.Popen([sys.executable, "-c", ""]) as gone:
            pass
        file = progress.scene_file(tmp_path / "running/paper", "a")
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(asdict(running.Mark("a", host, gone.pid, 0.0, None))))
        os.utime(file, (time.time() - age_s,) * 2)
        assert ("a" in running.read_marks(tmp_path, "paper")) == counts

    def test_status_tells_who_works_on_what(self, sample_dataset, sample_scenes, tmp_path):
        out = tmp_path / "spatialmosaic"
        shutil.copytree(work_folder(sample_dataset), work_folder(out))
        progress.forget(work_folder(out), "paper", sample_scenes[0])
        with running.mark(work_folder(out), "paper", sample_scenes[0], Path("/logs/3_1.out")):
            status = status_of(out)
        (scan,) = (scan for scan in status.scans if scan.state == "running")
        assert (scan.scene_name, scan.host, scan.log) == (sample_scenes[0], socket.gethostname(), "/logs/3_1.out")
        assert status.seconds_left > 0
        text = format_status(status)
        assert f"  {sample_scenes[0]}: for 0 s on {socket.gethostname()}, see /logs/3_1.out" in text
        assert "1 of 2 scans done, 0 failed, 1 running, 0 left; nobody waits for the scans that run" in text


class TestTimeLeft:
    SIZES: ClassVar = {"a": 10, "b": 20, "c": 30, "d": 40}

    def test_it_goes_by_the_size_of_meshes_and_the_number_of_workers(self):
        scans = [ScanStatus("a", "train", "done", 5.0), *(ScanStatus(name, "train", "left") for name in "bcd")]
        assert estimate_left(scans, self.SIZES, workers=2) == (10 + 15 + 20) / 2

    def test_the_largest_scan_cannot_be_shared(self):
        scans = [ScanStatus("a", "train", "done", 5.0), *(ScanStatus(name, "train", "left") for name in "bcd")]
        assert estimate_left(scans, self.SIZES, workers=100) == 20

    def test_what_runs_has_been_worked_on_already(self):
        scans = [ScanStatus("a", "train", "done", 5.0), ScanStatus("d", "train", "running", 12.0)]
        assert estimate_left(scans, self.SIZES, workers=1) == 8

    def test_without_a_scan_that_is_done_nothing_is_known(self):
        assert estimate_left([ScanStatus("a", "train", "left")], self.SIZES, workers=1) is None
        assert estimate_left([ScanStatus("a", "train", "failed", 3.0)], self.SIZES, workers=1) == 0


class TestProgress:
    def test_another_plan_forgets_the_outcomes(self, tmp_path):
        for key, kept in (("one", False), ("one", True), ("two", False)):
            progress.start(tmp_path, "paper", {"train": ["a"]}, key, 1, {"a": 9})
            assert progress.has_outcome(tmp_path, "paper", "a") == kept
            progress.note(tmp_path, "paper", Outcome("a", 1.0, None))

    def test_the_same_plan_forgets_failures(self, tmp_path):
        for _ in range(2):
            progress.start(tmp_path, "paper", {"train": ["a"]}, "key", 1, {"a": 9})
            assert progress.read_outcomes(tmp_path, "paper") == {}
            progress.note(tmp_path, "paper", Outcome("a", 1.0, Skip("damaged mesh", "a", "It is.")))

    def test_a_file_that_is_being_written_does_not_count(self, tmp_path):
        progress.start(tmp_path, "paper", {"train": ["a"]}, "key", 1, {"a": 9})
        (tmp_path / "outcomes" / "paper" / ".writing-1-a.json").write_text('{"scene_name": "a"')
        assert progress.read_outcomes(tmp_path, "paper") == {}

    def test_the_lock_ends_with_the_block(self, tmp_path):
        with progress.sole_build(tmp_path):
            assert progress.is_running(tmp_path)
        assert not progress.is_running(tmp_path)
