"""From scans on disk to a loaded dataset whose every answer is derived again by independent code."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest
from datasets import load_dataset

from spatialmosaic_builder.config import BuildConfig, Images
from spatialmosaic_builder.pipeline import build
from spatialmosaic_builder.tasks import QUESTION_TYPES

sys.path.insert(0, str(Path(__file__).parent))

from oracle import check_balance, check_records

MIN_AGREEMENT = 0.995


def assert_records_are_true(root: Path, out: Path, size: int, images: Images = "iphone") -> None:
    report = build(BuildConfig(root, out, images=images, size=str(size), num_proc=2))
    dataset = load_dataset(str(out), "paper")
    records = [record for split in dataset.values() for record in split]
    assert len(records) == sum(report.made.values())
    assert {record["question_type"] for record in records} == set(QUESTION_TYPES)
    checked = check_records(records, root)
    assert not checked.violations, checked.table()
    wrong = {disagreement.record_id for disagreement in checked.disagreements}
    assert len(wrong) <= (1 - MIN_AGREEMENT) * len(records), checked.table()
    assert not check_balance(records)


@pytest.mark.parametrize("images", ["iphone", "dslr"])
def test_sample_rooms(sample_root: Path, tmp_path: Path, images: Images) -> None:
    assert_records_are_true(sample_root, tmp_path / "spatialmosaic", 480, images)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("images", "size"), [("iphone", 3000), ("dslr", 600)])
def test_rooms_of_an_independent_writer(shared_scans: Path, tmp_path: Path, images: Images, size: int) -> None:
    assert_records_are_true(shared_scans, tmp_path / "spatialmosaic", size, images)


def test_several_questions_share_a_frame_set(sample_root: Path, tmp_path: Path) -> None:
    build(BuildConfig(sample_root, tmp_path / "spatialmosaic", size="1200", num_proc=1))
    train = load_dataset(str(tmp_path / "spatialmosaic"), "paper", split="train")
    questions_per_set = Counter(train["frame_set_id"])
    assert sum(questions_per_set.values()) / len(questions_per_set) >= 4
    sizes = Counter(len(frames) for frames in {record["frame_set_id"]: record["frames"] for record in train}.values())
    assert set(sizes) == {2, 3, 4, 5}
