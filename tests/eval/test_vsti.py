"""VSTI-Bench: its records, prompts and scores, through the same runner and report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spatialmosaic_eval.benchmarks.vsti import BENCHMARK, QUESTION_TYPES, averages, frame_places
from spatialmosaic_eval.config import ReportConfig, RunConfig
from spatialmosaic_eval.errors import EvalError
from spatialmosaic_eval.predictions import read_run
from spatialmosaic_eval.report import write_report
from spatialmosaic_eval.runner import run

SCENES = ("scene0011_00", "scene0015_00", "scene0019_00")
OPTIONS = {
    "camera_movement_direction": ("Forward", "Backward", "Left", "Right"),
    "camera_obj_rel_dist_v1": ("lamp", "bed", "door", "sink"),
    "camera_obj_rel_dist_v2": ("lamp", "bed", "door"),
    "camera_obj_rel_dist_v3": ("lamp", "bed"),
    "obj_obj_relative_pos_nf": ("Near", "Far"),
    "obj_obj_relative_pos_lr": ("Left", "Right"),
    "obj_obj_relative_pos_ud": ("Up", "Down"),
}


def record(number: int, name: str, scene: str) -> dict[str, Any]:
    """A record as the published set holds it: numbers have options too, which are not to be shown."""
    bodies = OPTIONS.get(name, ("0.8", "1.6", "2.4", "3.1"))
    options = [f"{'ABCD'[k]}. {body}" for k, body in enumerate(bodies)]
    return {
        "id": number,
        "dataset": "scannet",
        "scene_name": scene,
        "video_path": f"scannet/{scene}.mp4",
        "frame_indices": [3, 9],
        "question_type": name,
        "question": f"Question {number} about Frame 3 of 32 ({name})?",
        "options": options,
        "ground_truth": "1.6" if name not in OPTIONS else bodies[1],
        "mc_answer": "B",
    }


@pytest.fixture
def vsti(tmp_path: Path) -> Path:
    names = [*QUESTION_TYPES, "camera_movement_direction_v2"]
    rows = [record(k, names[k % len(names)], SCENES[k % len(SCENES)]) for k in range(60)]
    path = tmp_path / "vsti.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def videos(write_video: Callable[..., None], tmp_path: Path) -> Path:
    """A video of 50 frames for two scenes, and the pictures of one for the third."""
    from PIL import Image

    root = tmp_path / "videos"
    shades = [np.full((32, 48, 3), 5 * k, np.uint8) for k in range(50)]
    for scene in SCENES[:2]:
        write_video(root / "scannet" / f"{scene}.mp4", shades)
    (root / SCENES[2]).mkdir()
    for k, shade in enumerate(shades):
        Image.fromarray(shade).save(root / SCENES[2] / f"{k:05d}.png")
    return root


def test_it_has_nine_question_types_in_five_tasks() -> None:
    assert len(QUESTION_TYPES) == 9
    assert len({of_type.task for of_type in QUESTION_TYPES.values()}) == 5
    assert sum(of_type.kind == "number" for of_type in QUESTION_TYPES.values()) == 2


def test_both_averages_are_named_and_differ() -> None:
    """The public row on which the two readings were told apart: five tasks give 29.97."""
    names = ("camera_obj_abs_dist", "camera_displacement", "camera_movement_direction")
    means = dict(zip(names, (6.2, 16.0, 23.0), strict=True))
    means |= {f"camera_obj_rel_dist_v{k}": value for k, value in ((1, 28.0), (2, 40.0), (3, 56.0))}
    means |= {f"obj_obj_relative_pos_{axis}": value for axis, value in (("nf", 60.0), ("lr", 54.0), ("ud", 76.0))}
    found = averages(means, {}, None)
    assert found["macro5"] == pytest.approx(29.97, abs=0.01)
    assert found["macro9"] == pytest.approx(sum(means.values()) / 9)


def test_frames_are_equally_far_apart_from_first_to_last() -> None:
    assert frame_places(32) == list(range(32))
    assert frame_places(50) == np.linspace(0, 49, 32).astype(int).tolist()
    assert (len(frame_places(10)), frame_places(10)[-1]) == (32, 9)


def test_a_choice_is_asked_in_the_words_of_its_own_evaluation() -> None:
    row = record(1, "obj_obj_relative_pos_lr", SCENES[0])
    (message,) = BENCHMARK.messages(row, ["picture"] * 32, range(32))
    *pictures, text = message["content"]
    assert pictures == [{"type": "image", "image": "picture"}] * 32
    assert text["text"] == (
        "These are frames of a video.\nQuestion 1 about Frame 3 of 32 (obj_obj_relative_pos_lr)?\nOptions:\nA. Left\nB. Right\n"
        "Answer with the option's letter from the given choices directly."
    )


def test_a_number_is_asked_without_the_options_that_it_carries() -> None:
    row = record(1, "camera_displacement", SCENES[0])
    text = BENCHMARK.messages(row, None, range(32))[0]["content"][-1]["text"]
    assert text.endswith("Please answer the question using a single word or phrase.")
    assert "Options" not in text
    question = BENCHMARK.question_of(row)
    assert (question.options, question.reference) == ((), "1.6")
    assert BENCHMARK.score(question, "1.6 meters").value == 1
    assert BENCHMARK.score(question, "1.3").value == pytest.approx(0.7)


def test_directions_that_generators_name_apart_are_one_type() -> None:
    question = BENCHMARK.question_of(record(1, "camera_movement_direction_v2", SCENES[0]))
    assert question.question_type == "camera_movement_direction"


def test_a_type_that_it_does_not_have_names_the_record() -> None:
    question = BENCHMARK.question_of(record(7, "camera_obj_dist_change", SCENES[0]))
    with pytest.raises(
        ValueError, match="Record 7 has the question type 'camera_obj_dist_change', which VSTI-Bench does not"
    ):
        BENCHMARK.type_of(question)


def test_frames_come_from_videos_and_from_folders_alike(vsti: Path, videos: Path) -> None:
    rows = [json.loads(line) for line in vsti.read_text(encoding="utf-8").splitlines()[:3]]
    for row in rows:
        views = BENCHMARK.load_views(row, videos, [0, 15, 31])
        shades = [float(np.asarray(view).mean()) for view in views]
        assert shades == pytest.approx([5 * frame_places(50)[k] for k in (0, 15, 31)], abs=6)


def test_zero_shot_run_and_table(vsti: Path, videos: Path, server: Any, tmp_path: Path) -> None:
    config = RunConfig(
        "m",
        str(vsti),
        image_root=videos,
        out=tmp_path / "run",
        benchmark="vsti",
        backend="openai",
        base_url=server.url,
        limit=12,
    )
    summary = run(config)
    assert summary.answered == 12
    sent = [part for body in server.requests for part in body["messages"][0]["content"] if part["type"] == "image_url"]
    assert len(sent) == 12 * 32
    write_report(ReportConfig((tmp_path / "run",), out=tmp_path / "report", records=2))
    document = json.loads((tmp_path / "report/report.json").read_text(encoding="utf-8"))
    table = (tmp_path / "report/table.md").read_text(encoding="utf-8")
    (made,) = document["runs"]
    assert {"macro5", "macro9", "micro"} <= set(made["averages"])
    found = read_run(tmp_path / "run").predictions.values()
    truth = {row["id"]: row for row in map(json.loads, vsti.read_text(encoding="utf-8").splitlines())}
    right = [float(p.parsed == "B") for p in found if "A. Left" in truth[int(p.id)]["options"] and p.parsed]
    assert made["types"]["obj_obj_relative_pos_lr"]["value"] == pytest.approx(np.mean(right))
    assert document["controls"][0]["name"] == "chance"
    assert "| SpatialMosaicVLM (7B) † | 46.8 | 41.5 |" in table
    assert "Cam-Obj Abs. Dist." in table


def test_missing_videos_are_said_before_anything_is_asked(vsti: Path, tmp_path: Path, server: Any) -> None:
    config = RunConfig(
        "m",
        str(vsti),
        image_root=tmp_path,
        out=tmp_path / "run",
        benchmark="vsti",
        backend="openai",
        base_url=server.url,
    )
    with pytest.raises(EvalError, match=r"Record \d+: .*scannet/scene00\d\d_00\.mp4 is missing, and 2 other files"):
        run(config)
    assert not server.requests


def test_a_video_that_is_cut_off_is_named(vsti: Path, videos: Path) -> None:
    path = videos / "scannet" / f"{SCENES[0]}.mp4"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(EvalError, match=r"Record 0: .*scene0011_00\.mp4 is no whole video"):
        BENCHMARK.load_views(record(0, "camera_displacement", SCENES[0]), videos, [0])
