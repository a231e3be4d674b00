"""Exports: nothing is lost, the authors' code reads theirs, and no file is left half-written or overwritten unasked."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spatialmosaic_builder import export as export_module
from spatialmosaic_builder.authors import conversation, evaluation_record
from spatialmosaic_builder.config import ExportConfig
from spatialmosaic_builder.export import export
from spatialmosaic_builder.schema import RECORD_SCHEMA

CHOICE = {
    "id": "a0",
    "dataset": "scannetpp",
    "scene_name": "0a5c013435",
    "question_type": "obj_localization_occ",
    "frames": ["frame_000110", "frame_000020"],
    "question": "Is there a(n) mug in Frame 1?",
    "options": ["A. No", "B. Yes; (217, 122)"],
    "mc_answer": "B",
    "ground_truth": "Yes; (217, 122)",
    "answer_type": "choice",
    "bbox_2d": [800, 330, 830, 370],
    "bbox_2d_diag": 12.5,
    "overlap_avg": 4.5,
    "occlusion_avg": 0.25,
    "occ_level": "low",
    "overlap_level": "high",
    "vis_level": "Partially Visible",
    "gt_scenario": "Full Coverage",
}
NO_BOX = {**CHOICE, "id": "a1", "question_type": "obj_count_occ", "bbox_2d": None, "bbox_2d_diag": None}
NUMBER = {
    **NO_BOX,
    "id": "a2",
    "question_type": "obj_distance_occ_na",
    "options": [],
    "mc_answer": None,
    "ground_truth": "1.83",
    "answer_type": "number",
    "occlusion_avg": None,
    "occ_level": None,
}
POINT = {
    **CHOICE,
    "id": "a3",
    "question_type": "obj_localization_occ_na",
    "options": [],
    "mc_answer": None,
    "ground_truth": "(217, 122)",
    "answer_type": "point",
}
RECORDS = [NUMBER, CHOICE, NO_BOX, POINT]


@pytest.fixture
def small_dataset(tmp_path: Path) -> Path:
    """A dataset of four records a split, in two shards each."""
    folder = tmp_path / "spatialmosaic"
    (folder / "paper").mkdir(parents=True)
    for split in ("train", "test"):
        for number, records in enumerate((RECORDS[:1], RECORDS[1:])):
            table = pa.Table.from_pylist([{**record, "split": split} for record in records], schema=RECORD_SCHEMA)
            pq.write_table(table, folder / "paper" / f"{split}-{number:05d}-of-00002.parquet")
    return folder


def shard_rows(dataset: Path, split: str) -> list[dict[str, Any]]:
    paths = sorted((dataset / "paper").glob(f"{split}-*.parquet"))
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


AXES = ("lr", "ab", "fb")
CHOICES = {"obj_count_occ", "bestview_count_occ", "obj_localization_occ"} | {
    f"obj_{task}_occ_{axis}" for task in ("existence", "attribute", "spatial") for axis in AXES
}
NUMBERS = {f"obj_{what}_occ_na" for what in ("count", "distance", "obj_distance", "size")}
POINTS = {"obj_localization_occ_na"}
WRONG = {"choice": "Z", "number": "9999", "point": "(9999, 9999)"}


class AuthorsEvaluation:
    """The fields that the authors' evaluation reads, and what it does with them."""

    @staticmethod
    def load(path: Path, cache: Path) -> list[dict[str, Any]]:
        return list(datasets.load_dataset("json", data_files={"test": str(path)}, cache_dir=str(cache))["test"])

    def pictures(self, doc: dict[str, Any]) -> list[str]:
        assert not any("/" in frame or frame.endswith(".jpg") for frame in doc["frames"])
        return [f"{doc['scene_name']}/images/{frame}.jpg" for frame in doc["frames"]]

    def prompt(self, doc: dict[str, Any]) -> str:
        parts = ["These are frames of a video.", doc["question"]]
        if doc["question_type"] in CHOICES:
            parts += ["Options:\n" + "\n".join(doc["options"])]
        return "\n".join(parts)

    def score(self, doc: dict[str, Any], prediction: str) -> float:
        first = prediction.split(" ")[0].rstrip(".").strip()
        if doc["question_type"] in CHOICES:
            return float(first.lower() == doc["mc_answer"].lower())
        if doc["question_type"] in NUMBERS:
            error = abs(float(first) - float(doc["ground_truth"])) / float(doc["ground_truth"])
            return float((error <= 1 - np.linspace(0.5, 0.95, 10)).mean())
        assert doc["question_type"] in POINTS
        (x, y), (u, v) = (
            map(float, re.findall(r"-?\d+(?:\.\d+)?", text)[:2]) for text in (prediction, doc["ground_truth"])
        )
        assert float(doc["bbox_2d_diag"]) > 0
        return float((np.hypot(x - u, y - v) <= float(doc["bbox_2d_diag"]) * np.arange(0.5, 1.45, 0.1)).mean())


class TestAuthors:
    @pytest.mark.parametrize("name", ["small_dataset", "sample_dataset"])
    def test_their_evaluation_reads_it_and_gives_the_oracle_full_marks(self, request, tmp_path, name):
        dataset = request.getfixturevalue(name)
        (path,) = export(ExportConfig(dataset, format="authors", split="test", out=tmp_path / "out.json"))
        theirs = AuthorsEvaluation()
        docs, rows = theirs.load(path, tmp_path / "cache"), shard_rows(dataset, "test")
        assert len(docs) == len(rows) > 0
        for doc, row in zip(docs, rows, strict=True):
            oracle = row["mc_answer"] if row["answer_type"] == "choice" else row["ground_truth"]
            assert theirs.score(doc, oracle) == 1
            assert theirs.score(doc, WRONG[row["answer_type"]]) == 0
            assert all(option in theirs.prompt(doc) for option in row["options"])
            assert len(theirs.pictures(doc)) == len(row["frames"])

    def test_a_test_sample_has_their_keys_in_their_types(self):
        sample = evaluation_record(NO_BOX, 7)
        assert list(sample) == [
            *("dataset", "scene_name", "question_type", "frames", "question", "options", "ground_truth", "mc_answer"),
            *("overlap_avg", "occlusion_avg", "occ_level", "overlap_level", "vis_level", "GT Scenario"),
            *("id", "bbox_2d", "bbox_2d_diag"),
        ]
        assert (sample["id"], sample["bbox_2d"], sample["bbox_2d_diag"]) == (7, [], "0")
        assert evaluation_record(CHOICE, 0)["bbox_2d_diag"] == "12.5"

    def test_a_number_has_no_options_and_no_letter(self):
        sample = evaluation_record(NUMBER, 0)
        assert (sample["options"], sample["mc_answer"], sample["ground_truth"]) == ([], "", "1.83")

    def test_a_training_sample_is_a_conversation(self):
        human, gpt = conversation(CHOICE)["conversations"]
        assert human["value"] == (
            "<image>\nThese are frames of a video.\n\nIs there a(n) mug in Frame 1?\n\nOptions:\nA. No\n"
            "B. Yes; (217, 122)\nAnswer with the option's letter from the given choices directly."
        )
        assert (human["from"], gpt) == ("human", {"from": "gpt", "value": "B"})

    @pytest.mark.parametrize(("record", "answer"), [(NUMBER, "1.83"), (POINT, "(217, 122)")])
    def test_without_options_the_conversation_ends_with_the_value(self, record, answer):
        human, gpt = conversation(record)["conversations"]
        assert "Options" not in human["value"]
        assert gpt["value"] == answer

    def test_train_is_conversations_and_test_is_flat(self, small_dataset, tmp_path):
        export(ExportConfig(small_dataset, format="authors", out=tmp_path / "out"))
        train, test = (json.loads((tmp_path / "out" / f"{split}.json").read_text()) for split in ("train", "test"))
        assert [sample["id"] for sample in train] == [record["id"] for record in RECORDS]
        assert [sample["id"] for sample in test] == [0, 1, 2, 3]
        assert "conversations" in train[0]
        assert "GT Scenario" in test[0]


class TestRecords:
    def test_json_lines_hold_the_records(self, sample_dataset, tmp_path):
        counts = export(ExportConfig(sample_dataset, format="jsonl", out=tmp_path / "out"))
        for split in ("train", "test"):
            path = tmp_path / "out" / f"{split}.jsonl"
            rows = [json.loads(line) for line in path.read_text().splitlines()]
            assert rows == shard_rows(sample_dataset, split)
            assert counts[path] == len(rows) > 0

    @pytest.mark.parametrize("config", ["paper", "annotations"])
    def test_parquet_holds_the_table(self, sample_dataset, tmp_path, config):
        export(ExportConfig(sample_dataset, format="parquet", config=config, out=tmp_path / "out"))
        for split in ("train", "test"):
            (shard,) = (sample_dataset / config).glob(f"{split}-*.parquet")
            assert pq.read_table(tmp_path / "out" / f"{split}.parquet").equals(pq.read_table(shard))

    def test_shards_are_joined_in_their_order(self, small_dataset, tmp_path):
        export(ExportConfig(small_dataset, format="parquet", split="train", out=tmp_path / "all.parquet"))
        assert pq.read_table(tmp_path / "all.parquet")["id"].to_pylist() == ["a2", "a0", "a1", "a3"]

    def test_little_is_held_at_once(self, small_dataset, tmp_path, monkeypatch):
        monkeypatch.setattr(export_module, "_ROWS_AT_ONCE", 2)
        seen = [
            len(table) for table in export_module._tables(sorted((small_dataset / "paper").glob("train-*")), "train")
        ]
        assert seen == [1, 2, 1]


class TestFiles:
    def test_a_file_that_is_there_stays(self, small_dataset, tmp_path):
        config = ExportConfig(small_dataset, format="jsonl", split="test", out=tmp_path / "mine.jsonl")
        config.out.write_text("precious")
        with pytest.raises(FileExistsError, match="--overwrite"):
            export(config)
        assert config.out.read_text() == "precious"
        export(ExportConfig(small_dataset, format="jsonl", split="test", out=config.out, overwrite=True))
        assert len(config.out.read_text().splitlines()) == len(RECORDS)

    @pytest.mark.parametrize("form", ["authors", "jsonl", "parquet"])
    def test_an_export_that_breaks_leaves_nothing(self, small_dataset, tmp_path, form):
        shard = small_dataset / "paper" / "test-00001-of-00002.parquet"
        data = bytearray(shard.read_bytes())
        data[8:200] = b"\xff" * 192
        shard.write_bytes(data)
        with pytest.raises((OSError, ValueError)):
            export(ExportConfig(small_dataset, format=form, split="test", out=tmp_path / "out"))
        assert list((tmp_path / "out").iterdir()) == []

    def test_two_splits_do_not_fit_one_file(self, small_dataset, tmp_path):
        with pytest.raises(ValueError, match="add --split"):
            export(ExportConfig(small_dataset, format="authors", out=tmp_path / "all.json"))

    def test_annotations_are_no_questions(self, sample_dataset, tmp_path):
        with pytest.raises(ValueError, match="holds no questions"):
            export(ExportConfig(sample_dataset, format="authors", config="annotations", out=tmp_path / "out"))

    @pytest.mark.parametrize("change", [{"config": "strict"}, {"dataset": Path("nowhere")}])
    def test_what_is_not_there_is_named(self, small_dataset, change):
        options: dict[str, Any] = {"dataset": small_dataset, "format": "jsonl", **change}
        with pytest.raises(FileNotFoundError, match=r"(strict|nowhere).*holds no records"):
            export(ExportConfig(**options))
