"""The verification of a whole folder: what it covers, what it says, and how it ends."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spatialmosaic_builder.cli import main
from spatialmosaic_builder.tasks import QUESTION_TYPES
from spatialmosaic_builder.verify import format_verification, verification_as_json, verify_dataset


@pytest.fixture
def copy(verified_dataset: Path, tmp_path: Path) -> Path:
    """One profile of the dataset, to be changed."""
    return Path(shutil.copytree(verified_dataset, tmp_path / "spatialmosaic", ignore=shutil.ignore_patterns("strict")))


def spoil(folder: Path, share: float) -> int:
    """Turn the first of the Yes and No keys of the train split around; returns how many."""
    path = next((folder / "paper").glob("train-*.parquet"))
    table = pq.read_table(path)
    rows = table.to_pylist()
    chosen = [row for row in rows if row["task"] == "existence"][: max(1, int(share * len(rows)))]
    for row in chosen:
        row["answer_index"] = 1 - row["answer_index"]
        row["mc_answer"] = "AB"[row["answer_index"]]
        row["ground_truth"] = row["options"][row["answer_index"]][3:]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    return len(chosen)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr("sys.argv", ["spatialmosaic", "verify", *map(str, arguments)])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_a_true_dataset_passes(verified_dataset: Path, sample_root: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    file = tmp_path / "verify.json"
    assert run(monkeypatch, verified_dataset, "--scans", sample_root, "--num-proc", 1, "--json", file) == 0
    printed, found = capsys.readouterr().out, json.loads(file.read_text())
    num_records = sum(pq.read_metadata(path).num_rows for path in verified_dataset.glob("[ps]*/t*.parquet"))
    assert (
        f"{num_records:,} records of 2 of 2 scans examined, 100.000% not contradicted (99.9% are asked for): passes."
        in printed
    )
    assert set(found["verdicts"]["paper"]) == set(QUESTION_TYPES)
    assert found["passes"]
    assert found["agreement"] == 1
    assert found["disagreements"] == []


def test_wrong_keys_fail_it_and_are_listed(copy: Path, sample_root: Path, monkeypatch, capsys) -> None:
    wrong = spoil(copy, share=0.01)
    assert run(monkeypatch, copy, "--scans", sample_root, "--num-proc", 1) == 1
    printed = capsys.readouterr().out
    assert printed.count("not so: the key answers the question") == wrong
    assert "does not pass" in printed


def test_workers_do_not_change_the_result(copy: Path, sample_root: Path) -> None:
    spoil(copy, share=0.01)
    alone, together = (verify_dataset(copy, sample_root, num_proc=n) for n in (1, 2))
    assert verification_as_json(alone) == verification_as_json(together)


def test_a_sample_of_scans(copy: Path, sample_root: Path, true_records) -> None:
    found = verify_dataset(copy, sample_root, num_scans=1, num_proc=1)
    assert found.num_scans == 1
    assert 0 < found.num_records < len(true_records)
    assert found == verify_dataset(copy, sample_root, num_scans=1, num_proc=1)
    drawn = {verify_dataset(copy, sample_root, 1, 1, seed).num_records for seed in range(3)}
    assert len(drawn) == 2, "other seeds draw other scans"


def test_a_scan_that_cannot_be_read_is_named_and_costs_no_other(
    copy: Path, sample_root: Path, sample_scenes: list[str], tmp_path: Path
) -> None:
    root = tmp_path / "scannetpp"
    shutil.copytree(sample_root, root)
    shutil.rmtree(root / "data" / sample_scenes[0] / "scans")
    found = verify_dataset(copy, root, num_proc=1)
    assert found.num_scans == 1
    assert not found.passes
    text = format_verification(found)
    assert f"Scans that could not be examined:\n  {sample_scenes[0]}: " in text


def test_a_mesh_that_is_another_contradicts_the_records(
    copy: Path, sample_root: Path, sample_scenes: list[str], tmp_path: Path
) -> None:
    """Nothing but the scan and the text decides: the records of one room are not true of another."""
    root = tmp_path / "scannetpp"
    shutil.copytree(sample_root, root)
    for part in ("scans", "iphone"):
        shutil.rmtree(root / "data" / sample_scenes[0] / part)
        shutil.copytree(sample_root / "data" / sample_scenes[1] / part, root / "data" / sample_scenes[0] / part)
    found = verify_dataset(copy, root, num_proc=1)
    assert found.agreement < 0.75, "more than half of the records of that room"


def test_bad_input_ends_with_one_sentence(verified_dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no records"):
        verify_dataset(tmp_path, tmp_path)
    found = verify_dataset(verified_dataset, tmp_path / "nowhere", num_proc=1)
    assert {skip.reason for skip in found.failures} == {"scan cannot be read"}
    assert not found.passes
