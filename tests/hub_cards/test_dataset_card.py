from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from huggingface_hub import DatasetCard

from spatialmosaic_builder.config import BuildConfig
from spatialmosaic_builder.pipeline import build


@pytest.fixture(scope="module")
def out(sample_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("card") / "spatialmosaic"
    build(BuildConfig(sample_root, out, size="120", num_proc=1))
    return out


def test_the_configs_name_files_that_exist(out):
    card = DatasetCard.load(out / "README.md")
    assert [config["config_name"] for config in card.data.configs] == ["paper", "annotations"]
    for config in card.data.configs:
        for data_files in config["data_files"]:
            assert list(out.glob(data_files["path"]))
    assert card.data.license == "other"


def test_the_tables_are_whole_and_true(out):
    text = (out / "README.md").read_text()
    assert "{{" not in text.split("---", 2)[2]
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in rows)
    records = pq.read_table(out / "paper" / "train-00000-of-00001.parquet")
    for name, count in Counter(records["question_type"].to_pylist()).items():
        row = next(line for line in rows if f"`{name}`" in line)
        assert re.split(r"\s*\|\s*", row)[2] == str(count)
    blocks = [block for block in text.split("\n\n") if block.startswith("|")]
    assert [len({line.count("|") for line in block.splitlines()}) for block in blocks] == [1] * len(blocks)
    assert len(blocks) == 3
