"""Bad input ends in one sentence that names the record or the file, or in a counted state."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spatialmosaic_builder.schema import RECORD_SCHEMA
from spatialmosaic_eval.config import RunConfig
from spatialmosaic_eval.errors import EvalError
from spatialmosaic_eval.predictions import read_run
from spatialmosaic_eval.runner import run

Make = Callable[..., RunConfig]


@pytest.fixture
def make(bench: Path, tmp_path: Path) -> Make:
    """A run that brings answers in from a file."""

    def config(rows: list[Any] | None = None, **changes: Any) -> RunConfig:
        if rows is not None:
            (tmp_path / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        defaults: dict[str, Any] = {
            "model": "elsewhere",
            "data": str(bench),
            "out": tmp_path / "run",
            "backend": "import",
        }
        return RunConfig(**(defaults | {"predictions": tmp_path / "answers.jsonl"} | changes))

    return config


@pytest.fixture
def answers(records: dict[str, Any]) -> list[dict[str, Any]]:
    """The right answer to every record."""
    return [{"id": name, "answer": row["mc_answer"] or row["ground_truth"]} for name, row in records.items()]


@pytest.fixture
def changed(records: dict[str, Any], tmp_path: Path) -> Callable[..., str]:
    """Writes the benchmark with its first record changed."""

    def write(**changes: Any) -> str:
        first, *rest = records.values()
        path = tmp_path / "changed.parquet"
        pq.write_table(pa.Table.from_pylist([first | changes, *rest], RECORD_SCHEMA), path)
        return str(path)

    return write


def said(config: RunConfig) -> str:
    with pytest.raises(EvalError) as caught:
        run(config)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def test_right_answers_from_elsewhere_are_all_read(make: Make, answers: list[dict[str, Any]]) -> None:
    summary = run(make(answers))
    assert summary.states == {"ok": len(answers)}


@pytest.mark.parametrize("name", ["answer", "prediction", "response"])
def test_a_json_list_and_other_names_are_read(
    make: Make, answers: list[dict[str, Any]], tmp_path: Path, name: str
) -> None:
    path = tmp_path / "list.json"
    path.write_text(json.dumps([{"id": row["id"], name: row["answer"]} for row in answers]), encoding="utf-8")
    assert run(make(predictions=path)).answered == len(answers)


def test_answers_to_another_dataset_are_refused(make: Make, answers: list[dict[str, Any]]) -> None:
    strangers = [{"id": f"{k:032x}", "answer": "A"} for k in range(5)]
    sentence = said(make(strangers))
    assert f"answers record {0:032x}" in sentence
    assert "another dataset or profile" in sentence
    assert not (make().folder / "predictions.jsonl").exists()
    assert "5 of its" in said(make([*answers, *strangers]))


def test_a_missing_answer_names_its_record(make: Make, answers: list[dict[str, Any]]) -> None:
    sentence = said(make(answers[:-2]))
    assert answers[-2]["id"] in sentence or answers[-1]["id"] in sentence
    assert f"2 of {len(answers)} are missing" in sentence


def test_an_answer_that_comes_twice_names_its_record(make: Make, answers: list[dict[str, Any]]) -> None:
    assert f"entry {len(answers) + 1}: record {answers[3]['id']} is answered twice" in said(
        make([*answers, answers[3]])
    )


def test_answers_that_were_changed_are_another_run(make: Make, answers: list[dict[str, Any]]) -> None:
    run(make(answers))
    assert run(make(answers[::-1])).new == 0
    sentence = said(make([answers[0] | {"answer": "E"}, *answers[1:]]))
    assert "made with other settings: answers_digest" in sentence


@pytest.mark.parametrize("row", [{"answer": "A"}, {"id": "x"}, {"id": "x", "answer": None}, "A", ["x", "A"]])
def test_a_line_that_is_no_answer_is_shown(make: Make, row: Any) -> None:
    assert "entry 1 is no prediction" in said(make([row]))


def test_a_file_that_is_no_json_is_said(make: Make, tmp_path: Path) -> None:
    (tmp_path / "answers.jsonl").write_text("id,answer\nx,A\n")
    assert "cannot be read as JSON" in said(make())
    assert "cannot be read as JSON" in said(make(predictions=tmp_path / "absent.jsonl"))


def test_letters_beyond_the_options_are_counted(make: Make, answers: list[dict[str, Any]]) -> None:
    summary = run(make([row | {"answer": "E"} for row in answers]))
    found = read_run(summary.folder).predictions.values()
    assert summary.states["beyond options"] == sum(made.state == "beyond options" for made in found) > 100
    assert all(made.parsed is None for made in found)


def test_an_unknown_question_type_names_the_record(
    make: Make, changed: Callable[..., str], records: dict[str, Any]
) -> None:
    with pytest.raises(
        ValueError, match=rf"Record {next(iter(records))} has the question type 'obj_weight_occ'.*known are"
    ):
        run(make([], data=changed(question_type="obj_weight_occ")))


def test_an_answer_outside_its_options_names_the_record(
    make: Make, changed: Callable[..., str], records: dict[str, Any]
) -> None:
    data = changed(question_type="obj_count_occ", options=["A. 1", "B. 2"], mc_answer="D")
    assert f"Record {next(iter(records))} has the answer 'D', which is none of its 2 options" in said(
        make([], data=data)
    )


@pytest.mark.parametrize(
    ("question_type", "answer", "diagonal", "words"),
    [
        ("obj_distance_occ_na", "far", None, "cannot be scored"),
        ("obj_distance_occ_na", "nan", None, "cannot be scored"),
        ("obj_localization_occ_na", "(1, 2)", None, "positive bbox_2d_diag"),
        ("obj_localization_occ_na", "there", 3.0, "cannot be scored"),
    ],
)
def test_a_right_answer_that_is_none_names_the_record_before_anybody_is_asked(
    make: Make,
    changed: Callable[..., str],
    records: dict[str, Any],
    question_type: str,
    answer: str,
    diagonal: float | None,
    words: str,
) -> None:
    changes = {"question_type": question_type, "ground_truth": answer, "options": [], "bbox_2d_diag": diagonal}
    with pytest.raises((EvalError, ValueError), match=f"Record {next(iter(records))} .*{words}"):
        run(make([], data=changed(**changes)))


def test_a_record_that_is_there_twice_is_named(
    make: Make, changed: Callable[..., str], records: dict[str, Any]
) -> None:
    name = list(records)[1]
    assert f"record {name} is there 2 times" in said(make([], data=changed(id=name)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"config": "strict"}, "the config 'strict' and the split 'test'; its configs are paper"),
        ({"split": "val"}, "the split 'val'"),
        ({"data": "/nowhere/at/all"}, "/nowhere/at/all is no folder and no file"),
    ],
)
def test_a_dataset_that_is_not_there_is_said(make: Make, changes: dict[str, Any], words: str) -> None:
    assert words in said(make([], **changes))


def test_a_file_without_the_columns_is_said(make: Make, tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["a"], "question": ["b"]}), tmp_path / "other.parquet")
    assert "lacks the columns profile, scene_name" in said(make([], data=str(tmp_path / "other.parquet")))
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "other.parquet").read_bytes()[:-20])
    assert "cut.parquet cannot be read" in said(make([], data=str(tmp_path / "cut.parquet")))


def test_missing_pictures_are_said_before_anything_is_asked(
    bench: Path, tmp_path: Path, records: dict[str, Any], server: Any
) -> None:
    config = RunConfig(
        "m", str(bench), image_root=tmp_path, out=tmp_path / "run", backend="openai", base_url=server.url
    )
    sentence = said(config)
    assert sentence.split()[1].strip(":") in records
    assert ".jpg is missing, and " in sentence
    assert "prepare-images" in sentence
    assert not server.requests
    assert "--image-root is missing" in said(RunConfig("m", str(bench), out=tmp_path / "run", backend="openai"))


def test_a_damaged_picture_stops_the_run_and_it_goes_on(
    bench: Path, pictures: Path, tmp_path: Path, records: dict[str, Any], server: Any
) -> None:
    import shutil

    root = tmp_path / "pictures"
    shutil.copytree(pictures, root)
    path = root / min(records.values(), key=lambda row: len(row["frames"]))["image_paths"][0]
    whole = path.read_bytes()
    path.write_bytes(whole[:60])
    config = RunConfig(
        "m", str(bench), image_root=root, out=tmp_path / "run", backend="openai", base_url=server.url, concurrency=1
    )
    sentence = said(config)
    assert f"{path} is missing or no whole picture" in sentence
    assert "answers so far are kept" in sentence
    path.write_bytes(whole)
    assert run(config).answered == len(records)


def test_a_line_that_was_changed_is_named(make: Make, answers: list[dict[str, Any]]) -> None:
    path = run(make(answers)).folder / "predictions.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([*lines[:5], "{broken\n", *lines[6:]]), encoding="utf-8")
    with pytest.raises(EvalError, match="line 6 is no prediction"):
        read_run(path.parent)
    path.write_text("".join([*lines, lines[7]]), encoding="utf-8")
    with pytest.raises(EvalError, match=rf"record {json.loads(lines[7])['id']} is answered twice"):
        read_run(path.parent)
    path.write_text("".join(lines[1:]), encoding="utf-8")
    with pytest.raises(EvalError, match="does not begin with a header line"):
        read_run(path.parent)
    with pytest.raises(EvalError, match=r"holds no predictions\.jsonl"):
        read_run(path.parent / "absent")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"limit": 0}, "--limit takes a positive number"),
        ({"retries": -1}, "--retries takes"),
        ({"predictions": None}, "--backend import takes --predictions"),
        ({"letters": True}, "only --backend transformers can tell"),
        ({"benchmark": "vsti", "flip_pairs": True}, "--flip-pairs is for SpatialMosaic-Bench"),
    ],
)
def test_an_option_out_of_its_range_is_said(make: Make, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        run(make([], **changes))


def test_the_command_says_it_in_one_line(command: Any, bench: Path, tmp_path: Path) -> None:
    done = command("run", "--model", "m", "--data", bench, "--out", tmp_path / "run")
    assert done.returncode == 1
    assert (
        done.stderr.strip()
        == "error: --image-root is missing: the folder with the pictures, such as your ScanNet++ root."
    )
