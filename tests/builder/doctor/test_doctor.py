"""The doctor: it names what is missing and what that costs, and which poses look wrong; one scene never costs another."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from spatialmosaic_builder.config import DoctorConfig
from spatialmosaic_builder.doctor import SceneReport, examination, examine, format_doctor, scene
from spatialmosaic_builder.doctor.estimates import estimate, scene_seconds
from spatialmosaic_builder.scans.quick_checks import MeshSize

MESH = "scans/mesh_aligned_0.05.ply"
IMAGES = "iphone/colmap/images.txt"


@pytest.fixture
def own_root(pictured_root: Path, tmp_path: Path) -> Path:
    """A copy of the pictured room that a test may damage."""
    return Path(shutil.copytree(pictured_root, tmp_path / "scannetpp"))


def annotated(root: Path) -> Path:
    """Folder of the scene with an annotation."""
    return next(path for path in sorted((root / "data").iterdir()) if (path / "scans/segments_anno.json").exists())


def report_of(root: Path, folder: Path, **options: int) -> SceneReport:
    report = examine(DoctorConfig(root, num_proc=1, **options))
    return next(scene for scene in report.scenes if scene.scene_name == folder.name)


def costs(scene: SceneReport) -> dict[str, str]:
    return {finding.what: finding.cost for finding in scene.findings}


def spoil_poses(path: Path, names: set[str], step: int) -> None:
    """Give frames the pose of the frame `step` places further."""
    lines = path.read_text().splitlines(keepends=True)
    rows = [k for k, line in enumerate(lines) if len(line.split()) == 10]
    fields = [lines[k].split() for k in rows]
    for n, k in enumerate(rows):
        if Path(fields[n][9]).stem in names or not names:
            pose = fields[(n + step) % len(rows)][1:8]
            lines[k] = " ".join([fields[n][0], *pose, *fields[n][8:]]) + "\n"
    path.write_text("".join(lines))


class TestFindings:
    def test_a_sound_scene_is_usable_and_counted(self, pictured_root):
        report = report_of(pictured_root, annotated(pictured_root), poses=0)
        assert report.is_usable
        assert report.num_frames == report.num_pictures == 24
        assert report.num_faces > report.num_vertices > 10_000
        assert costs(report) == {"no sensor depth": "poses can be checked against picture edges only"}

    def test_a_scene_without_truth_is_no_use_and_says_why(self, pictured_root):
        report = examine(DoctorConfig(pictured_root, num_proc=1, poses=0))
        (bare,) = (scene for scene in report.scenes if not scene.is_usable)
        assert costs(bare)["no segments_anno.json"] == costs(bare)["no segments.json"] == "the scene gives no question"
        assert "test scenes" in bare.findings[0].detail

    def test_without_pictures_there_are_questions_but_nothing_to_attach(self, sample_root):
        report = examine(DoctorConfig(sample_root, num_proc=1))
        usable = [scene for scene in report.scenes if scene.is_usable]
        assert len(usable) == 2
        for room in usable:
            assert costs(room)["no pictures"] == "questions can be made, pictures cannot be attached"
            assert room.poses == ()

    def test_pictures_that_can_be_made_are_announced(self, own_root):
        folder = annotated(own_root)
        shutil.rmtree(folder / "iphone/rgb")
        (folder / "iphone/rgb.mkv").write_bytes(b"")
        report = examine(DoctorConfig(own_root, num_proc=1))
        room = next(scene for scene in report.scenes if scene.is_usable)
        assert room.original == "iphone/rgb.mkv"
        assert room.picture_bytes == pytest.approx(24 * 480 * 360 * 0.3, rel=0.01)
        assert "prepare-images" in room.findings[0].detail
        assert "The pictures that are still to be made take roughly 1 MB." in format_doctor(report)

    @pytest.mark.parametrize(
        ("file", "what"),
        [
            (MESH, "no mesh_aligned_0.05.ply"),
            ("scans/segments.json", "no segments.json"),
            (IMAGES, "no images.txt"),
            ("iphone/colmap/cameras.txt", "no cameras.txt"),
        ],
    )
    def test_a_missing_file_is_named_once(self, own_root, file, what):
        folder = annotated(own_root)
        (folder / file).unlink()
        report = report_of(own_root, folder)
        assert not report.is_usable
        assert [f.what for f in report.findings if f.cost == "the scene gives no question"] == [what]
        assert str(folder / file) in report.findings[0].detail

    @pytest.mark.parametrize("file", [MESH, "scans/segments.json", "scans/segments_anno.json", IMAGES])
    def test_a_file_that_is_cut_off_is_found_without_reading_it_all(self, own_root, file):
        path = annotated(own_root) / file
        path.write_bytes(path.read_bytes()[:-1000])
        report = report_of(own_root, annotated(own_root), poses=0)
        assert not report.is_usable
        assert str(path) in report.findings[-1].detail

    def test_frames_without_a_sound_picture_are_counted(self, own_root):
        pictures = sorted((annotated(own_root) / "iphone/rgb").iterdir())
        pictures[0].unlink()
        pictures[1].write_bytes(pictures[1].read_bytes()[:500])
        pictures[2].unlink()
        report = report_of(own_root, annotated(own_root), poses=0)
        counts = {finding.what: finding.count for finding in report.findings}
        assert (counts["picture is missing"], counts["picture is damaged"]) == (2, 1)
        assert report.is_usable
        assert report.num_frames == 21

    def test_a_surprise_in_one_scene_costs_no_other(self, pictured_root, monkeypatch):
        def surprise(files):
            raise KeyError("unforeseen")

        monkeypatch.setattr(scene, "check_scan_files", surprise)
        report = examine(DoctorConfig(pictured_root, num_proc=1, poses=0))
        assert len(report.scenes) == 2
        assert "unexpected error" in {finding.what for room in report.scenes for finding in room.findings}

    def test_the_official_lists_are_missed(self, own_root):
        shutil.rmtree(own_root / "splits")
        findings = examine(DoctorConfig(own_root, num_proc=1, poses=0)).findings
        assert [finding.what for finding in findings] == ["no nvs_sem_train.txt", "no nvs_sem_val.txt"]
        assert "--split official" in findings[0].cost

    def test_the_dslr_is_looked_over_too(self, shared_scans):
        report = examine(DoctorConfig(shared_scans, images="dslr", num_proc=1, poses=0))
        assert [room.num_frames for room in report.scenes if room.is_usable] == [16, 16]


class TestPoses:
    def test_right_poses_are_not_named(self, pictured_root):
        report = report_of(pictured_root, annotated(pictured_root), poses=24)
        assert len(report.poses) == 24
        assert "wrong" not in {check.verdict for check in report.poses}

    def test_wrong_poses_are_named(self, own_root):
        folder = annotated(own_root)
        names = {path.stem for path in sorted((folder / "iphone/rgb").iterdir())[4:7]}
        spoil_poses(folder / IMAGES, names, step=12)
        report = examine(DoctorConfig(own_root, num_proc=1, poses=24))
        wrong = {check.frame for room in report.scenes for check in room.poses if check.verdict == "wrong"}
        assert wrong == names
        text = format_doctor(report)
        assert all(f"{folder.name}/{name}: the picture's edges fit better elsewhere" in text for name in names)

    def test_a_scene_of_wrong_poses_is_named_as_a_whole(self, own_root):
        folder = annotated(own_root)
        spoil_poses(folder / IMAGES, set(), step=12)
        text = format_doctor(examine(DoctorConfig(own_root, num_proc=1, poses=8)))
        assert f"  {folder.name}: " in text
        assert "belong elsewhere" in text

    def test_the_seed_decides_which_frames_are_checked(self, pictured_root):
        folder = annotated(pictured_root)
        drawn = [
            [check.frame for check in report_of(pictured_root, folder, poses=5, seed=seed).poses] for seed in (0, 0, 1)
        ]
        assert drawn[0] == drawn[1] != drawn[2]
        assert len(drawn[0]) == 5

    def test_sensor_depth_comes_first(self, shared_scans):
        report = examine(DoctorConfig(shared_scans, num_proc=1, poses=10))
        checks = [check for room in report.scenes for check in room.poses]
        assert len(checks) == 10
        assert {check.evidence for check in checks} == {"sensor depth"}

    @pytest.mark.parametrize(("poses", "shares"), [(0, []), (5, [5]), (8, [8]), (9, [4, 5]), (100, [50, 50])])
    def test_frames_are_shared_among_scenes(self, shared_scans, poses, shares):
        scenes = examination.list_scenes(shared_scans)
        jobs = examination._share_poses(scenes, DoctorConfig(shared_scans, poses=poses))
        assert sorted(job.num_poses for job in jobs if job.num_poses) == shares

    @pytest.mark.parametrize("option", [{"poses": -1}, {"num_proc": 0}])
    def test_options_out_of_range_are_refused(self, pictured_root, option):
        with pytest.raises(ValueError, match=next(iter(option)).replace("_", "-")):
            examine(DoctorConfig(pictured_root, **option))


class TestReport:
    def test_the_number_of_workers_changes_nothing(self, sample_root, monkeypatch):
        monkeypatch.setattr(examination, "_SCENES_PER_WORKER", 1)
        one, two = (examine(DoctorConfig(sample_root, num_proc=n, poses=0)) for n in (1, 2))
        assert replace(two, estimate=one.estimate, free_bytes=one.free_bytes) == one

    def test_a_finding_of_many_scenes_is_said_once(self, sample_root):
        text = format_doctor(examine(DoctorConfig(sample_root, num_proc=1)))
        assert text.count("no pictures (3 scenes)") == 1
        assert "Scenes that give questions with --images iphone: 2 of 3." in text
        assert "A build of --size mini takes roughly" in text

    def run(self, root: Path, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "spatialmosaic_builder", "doctor", str(root), *options]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)

    def test_json_alone_is_on_the_standard_output(self, pictured_root):
        done = self.run(pictured_root, "--json", "--poses", "3")
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert report["is_usable"] is True
        assert {room["scene_name"] for room in report["scenes"]} == {
            p.name for p in (pictured_root / "data").iterdir()
        }
        assert sum(len(room["poses"]) for room in report["scenes"]) == 3
        assert report["estimate"]["seconds"] > 0
        assert "scenes: 100%" in done.stderr

    @pytest.mark.parametrize("options", [(), ("--json",)])
    def test_it_fails_when_nothing_is_usable(self, own_root, options):
        shutil.rmtree(annotated(own_root))
        done = self.run(own_root, *options)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        if options:
            assert json.loads(done.stdout)["is_usable"] is False
        else:
            assert "No scene of 1 gives questions" in done.stdout

    def test_a_folder_of_something_else_is_refused(self, tmp_path):
        done = self.run(tmp_path, "--json")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: ")


class TestEstimates:
    def test_the_measured_room_takes_what_was_measured(self):
        """benchmarks/results/visibility_scan.txt: 23.5 s in all."""
        assert scene_seconds(MeshSize(1_518_340, 2_965_024), 600) == pytest.approx(23.5, rel=0.05)

    def test_cores_share_the_work_but_not_a_scene(self):
        assert estimate([(10.0, 100)] * 8, 0, num_proc=4).seconds == 20
        assert estimate([(10.0, 100)], 0, num_proc=4).seconds == 10
        assert estimate([], 3_700, num_proc=1).core_seconds == pytest.approx(1)
