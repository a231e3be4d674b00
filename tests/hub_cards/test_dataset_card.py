"""The dataset card says what is in the folder, and says nothing else."""

from __future__ import annotations

import hashlib
import json
import math
import re
import shutil
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datasets import Features
from huggingface_hub import DatasetCard

from spatialmosaic_builder.card import PARTS, folder_card
from spatialmosaic_builder.config import Part
from spatialmosaic_builder.rules import PAPER, VisibilityRules
from spatialmosaic_builder.version import BUILDER_VERSION


@pytest.fixture(scope="module")
def out(sample_dataset: Path) -> Path:
    return sample_dataset


def card_of(out: Path, part: Part = "all") -> str:
    return folder_card(out, out.with_name("spatialmosaic.work"), part, "me/rooms")


def test_a_build_leaves_a_card_that_is_not_stale(out: Path) -> None:
    assert (out / "README.md").read_text() == folder_card(out, out.with_name("spatialmosaic.work"))


def test_the_configs_name_files_that_exist(out: Path) -> None:
    card = DatasetCard.load(out / "README.md")
    assert [config["config_name"] for config in card.data.configs] == ["paper", "annotations"]
    for config in card.data.configs:
        for data_files in config["data_files"]:
            assert list(out.glob(data_files["path"]))
    assert card.data.license == "other"


@pytest.mark.parametrize("part", PARTS)
def test_the_tables_are_whole_and_true(out: Path, part: Part) -> None:
    text = card_of(out, part)
    assert "{{" not in text.split("---", 2)[2]
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in rows)
    blocks = [block for block in text.split("\n\n") if block.startswith("|")]
    assert [len({line.count("|") for line in block.splitlines()}) for block in blocks] == [1] * len(blocks)
    if part == "annotations":
        return
    first = PARTS[part].splits[0]
    records = pq.read_table(out / "paper" / f"{first}-00000-of-00001.parquet")
    for column in ("question_type", "occ_level", "overlap_level", "vis_level", "gt_scenario"):
        for name, count in Counter(records[column].to_pylist()).items():
            row = next(line for line in rows if f"`{name}`" in line or f"`{column}` | {name} |" in line)
            assert re.split(r"\s*\|\s*", row)[2 if column == "question_type" else 3] == str(count)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_has_a_card_of_its_own(out: Path, part: Part) -> None:
    card, shown = DatasetCard(card_of(out, part)), PARTS[part]
    assert card.data.pretty_name == shown.title
    assert f"# {shown.title}\n" in card.text
    assert [config["config_name"] for config in card.data.configs] == [
        config for config in shown.configs if (out / config).is_dir()
    ]
    for config, info in zip(card.data.configs, card.data.get("dataset_info"), strict=True):
        assert [entry["split"] for entry in config["data_files"]] == list(shown.splits)
        path = out / config["config_name"] / f"{shown.splits[0]}-00000-of-00001.parquet"
        assert Features._from_yaml_list(info["features"]) == Features.from_arrow_schema(pq.read_schema(path))
        assert f'load_dataset("me/rooms", "{config["config_name"]}", split="{shown.splits[0]}")' in card.text


@pytest.mark.parametrize("part", PARTS)
def test_provenance_licences_and_gate_stand_on_every_card(out: Path, part: Part) -> None:
    text = card_of(out, part)
    gate = DatasetCard(text).data.get("extra_gated_prompt")
    assert "terms of use" in gate
    assert f"`spatialmosaic build` {BUILDER_VERSION} with `profile = paper`" in text
    assert "`seed = 0`" in text
    for path in (
        out / config / f"{split}-scenes.txt" for config in PARTS[part].configs for split in PARTS[part].splits
    ):
        if path.is_file():
            assert hashlib.sha256(path.read_bytes()).hexdigest() in text
    rules = asdict(VisibilityRules()) | (asdict(PAPER) if part != "annotations" else {})
    table = text.partition("<summary>Thresholds</summary>")[2].partition("</details>")[0]
    shown = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE))
    rules = {name: None if value == -math.inf else value for name, value in rules.items()}
    assert {name: json.loads(cell) for name, cell in shown.items()} == json.loads(json.dumps(rules))
    for needed in ("| pictures | not here", "Apache-2.0", "## Limits", "arXiv:2512.23365", "prepare-images"):
        assert needed in text, needed


def test_no_folder_of_the_machine_is_named(out: Path, sample_root: Path) -> None:
    for part in PARTS:
        assert str(sample_root) not in card_of(out, part)
        assert str(out.parent) not in card_of(out, part)


def test_the_version_is_that_of_the_build(out: Path, tmp_path: Path) -> None:
    work = shutil.copytree(out.with_name("spatialmosaic.work"), tmp_path / "spatialmosaic.work")
    marker = json.loads((work / "paper.written.json").read_text())
    marker["builder_version"] = "0.0.7"
    marker["thresholds"]["questions"]["max_overlap"] = 0.25
    (work / "paper.written.json").write_text(json.dumps(marker))
    text = folder_card(out, work)
    assert "`spatialmosaic build` 0.0.7 with" in text
    assert "| `max_overlap` | 0.25 |" in text
