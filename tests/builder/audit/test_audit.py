"""The audit of a whole folder: what it covers, and what it writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spatialmosaic_builder.audit import audit_as_json, audit_dataset, format_audit
from spatialmosaic_builder.audit.measure import audit_records
from spatialmosaic_builder.cli import main
from spatialmosaic_builder.config import BuildConfig
from spatialmosaic_builder.pipeline import build, work_folder
from spatialmosaic_builder.tasks import QUESTION_TYPES

Record = dict[str, Any]


def guess(rng: np.random.Generator) -> Record:
    return {"options": rng.permutation(4).tolist()}


def flip(*sides: tuple[str, bool, str]) -> Callable[[np.random.Generator], Record]:
    """Existence questions in turn: target, whether the key is Yes, and the true relation."""
    turn = iter(sides * 1000)

    def make(rng: np.random.Generator) -> Record:
        target, is_yes, relation = next(turn)
        return {
            "options": ["Yes", "No"] if is_yes else ["No", "Yes"],
            "relation": relation,
            "source": {"instance_id": 1, "category": "rug", "position": None},
            "target": {"instance_id": len(target), "category": target, "position": None},
        }

    return make


def test_batches_and_one_table_give_the_same(records_of: Callable[..., pa.Table]) -> None:
    table = records_of("count", "obj_count_occ", guess)
    pieces = [table.slice(start, 170) for start in range(0, len(table), 170)]
    assert audit_records(iter(pieces)) == audit_records(iter([table]))


def test_numbers_are_counted_and_left_out(records_of: Callable[..., pa.Table]) -> None:
    choice = records_of("count", "obj_count_occ", guess)
    number = records_of("count", "obj_count_occ_na", guess)
    at = number.schema.get_field_index("answer_type")
    number = number.set_column(at, number.schema.field(at), pa.array(["number"] * len(number)))
    audited = audit_records(iter([pa.concat_tables([choice, number])]))
    assert set(audited.question_types) == {"obj_count_occ"}
    assert audited.left_out == {"obj_count_occ_na": len(number)}


def test_a_single_scene_measures_what_needs_no_other(records_of: Callable[..., pa.Table]) -> None:
    audited = audit_records(
        iter([records_of("count", "obj_count_occ", lambda rng: {"options": [1, 2, 3, 4]}, num_scenes=1)])
    )
    scores = audited.question_types["obj_count_occ"].scores
    assert scores["prior"] is None
    assert scores["text"] is None
    assert scores["medoid"].low is None


def test_view_flips_are_paired(records_of: Callable[..., pa.Table]) -> None:
    # Asked whether the lamp is to the left: Yes once, No once. The vase is always to the left when asked.
    both = flip(("lamp", True, "left"), ("lamp", False, "right"), ("candle", True, "left"), ("candle", True, "left"))
    table = records_of("existence", "obj_existence_occ_lr", both, num_scenes=1)
    share = audit_records(iter([table])).flipped_shares["obj_existence_occ_lr"]
    assert share == pytest.approx(0.5, abs=0.05)
    # The same truth asked in the two possible ways is no flip.
    words = flip(("lamp", True, "left"), ("lamp", False, "left"))
    table = records_of("existence", "obj_existence_occ_lr", words, num_scenes=1)
    assert audit_records(iter([table])).flipped_shares["obj_existence_occ_lr"] == 0


def test_records_of_unlike_options_are_refused(records_of: Callable[..., pa.Table]) -> None:
    sizes = iter([2, 4] * 1000)
    table = records_of("count", "obj_count_occ", lambda rng: {"options": list(range(next(sizes)))})
    with pytest.raises(ValueError, match="obj_count_occ have different numbers of options"):
        audit_records(iter([table]))


@pytest.fixture(scope="module")
def dataset(sample_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("audited") / "spatialmosaic"
    build(BuildConfig(sample_root, out, size="600", num_proc=1))
    return out


def test_the_paper_s_shortcuts_show(dataset: Path) -> None:
    audited = audit_dataset(dataset).configs["paper"]
    assert set(audited.question_types) | set(audited.left_out) == set(QUESTION_TYPES)
    num_choices = sum(found.num_records for found in audited.question_types.values())
    assert num_choices + sum(audited.left_out.values()) == 600
    assert all(found.num_scenes == 2 for found in audited.question_types.values())
    assert audited.question_types["obj_spatial_occ_lr"].scores["paired_axis"].accuracy == 0.5
    assert audited.question_types["obj_count_occ"].letters.p_value > 0.5


def test_the_verb_prints_and_writes(dataset: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    file = tmp_path / "new" / "audit.json"
    monkeypatch.setattr("sys.argv", ["spatialmosaic", "audit", str(dataset), "--json", str(file)])
    main()
    printed = capsys.readouterr().out
    assert "obj_spatial_occ_ab, paired_axis: 50.0%" in printed
    assert "on too few scenes to be sure" in printed
    assert json.loads(file.read_text()) == json.loads(json.dumps(audit_as_json(audit_dataset(dataset))))
    assert printed.strip() == format_audit(audit_dataset(dataset))


def test_without_a_file_the_result_lies_where_the_report_looks(dataset: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", ["spatialmosaic", "audit", str(dataset)])
    main()
    capsys.readouterr()
    kept = json.loads((work_folder(dataset) / "audit.json").read_text())
    assert kept == json.loads(json.dumps(audit_as_json(audit_dataset(dataset))))


def test_a_folder_without_records_is_named(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    pq.write_table(pa.table({"frame": ["a"]}), tmp_path / "annotations" / "train-0.parquet")
    with pytest.raises(FileNotFoundError, match="holds no records"):
        audit_dataset(tmp_path)
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper" / "train-0.parquet").write_bytes(b"PAR1 cut off")
    with pytest.raises(ValueError, match=r"train-0\.parquet is no Parquet file"):
        audit_dataset(tmp_path)
