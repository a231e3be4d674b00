"""The questions of which words give nothing away, on records that are made up, so that what they give away is known."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from spatialmosaic_eval.asking import Dataset
from spatialmosaic_eval.benchmarks import BENCHMARKS
from spatialmosaic_eval.report.debiased import choose_debiased

BENCHMARK = BENCHMARKS["spatialmosaic"]


def made_up(share: float, seed: int = 0) -> Dataset:
    """Existence questions about a lamp, of which so many are answered with Yes, and as many about a rug with No."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(1_200):
        is_lamp, as_usual = bool(k % 2), rng.random() < share
        answer = "Yes" if is_lamp == as_usual else "No"
        options = ["A. Yes", "B. No"] if rng.random() < 0.5 else ["A. No", "B. Yes"]
        place = [option[3:] for option in options].index(answer)
        name = "lamp" if is_lamp else "rug"
        question = f"In Frame 1, is the {name} higher than the chair in this viewpoint?"
        rows.append(
            {"id": f"{rng.integers(1 << 60):032x}", "task": "existence", "question_type": "obj_existence_occ_ab"}
            | {"question": question, "options": options, "scene_name": f"s{k % 40}", "frames": ["a", "b"]}
            | {"profile": "paper", "image_paths": ["a", "b"], "query_frame": 1, "mc_answer": "AB"[place]}
            | {"answer_index": place, "ground_truth": answer, "answer_type": "choice", "bbox_2d_diag": None}
            | {"relation": "higher", "source": None, "target": None}
            | dict.fromkeys(("occ_level", "overlap_level", "vis_level", "gt_scenario"))
        )
    return Dataset(BENCHMARK, pa.Table.from_pylist(rows), [BENCHMARK.question_of(row) for row in rows])


def by_habit(dataset: Dataset) -> np.ndarray:
    """Which questions are right for whoever answers Yes for lamps and No for rugs."""
    rows = dataset.table.to_pylist()
    return np.array([(row["ground_truth"] == "Yes") == ("lamp" in row["question"]) for row in rows])


@pytest.mark.parametrize("share", [0.7, 0.9])
def test_on_what_is_left_a_habit_of_words_is_at_chance(share: float) -> None:
    dataset = made_up(share)
    kept = choose_debiased(dataset)
    assert by_habit(dataset).mean() == pytest.approx(share, abs=0.03)
    assert by_habit(dataset)[kept].mean() == pytest.approx(0.5, abs=0.02)
    assert kept.sum() == pytest.approx(2 * (~by_habit(dataset)).sum(), rel=0.1)


def test_where_words_give_nothing_away_nearly_all_is_left() -> None:
    assert choose_debiased(made_up(0.5)).mean() > 0.9


def test_what_is_left_does_not_depend_on_the_order_of_the_records() -> None:
    dataset = made_up(0.8)
    turned = Dataset(BENCHMARK, dataset.table.take(list(range(len(dataset.table)))[::-1]), dataset.questions[::-1])
    assert (choose_debiased(dataset) == choose_debiased(turned)[::-1]).all()
