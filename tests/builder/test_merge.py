from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spatialmosaic_builder.annotations import Annotations
from spatialmosaic_builder.balance import Stock, stock_of
from spatialmosaic_builder.merge import finish_records, plan_quotas, share_out
from spatialmosaic_builder.records import Candidates, propose_records
from spatialmosaic_builder.rules import PAPER
from spatialmosaic_builder.schema import RECORD_SCHEMA
from spatialmosaic_builder.tasks import QUESTION_TYPES


@given(
    st.integers(0, 500),
    st.dictionaries(st.text("abc", min_size=1), st.integers(0, 100), min_size=1),
    st.integers(0, 3),
)
def test_shares_are_as_even_as_capacities_allow(total, capacities, seed):
    shares = share_out(total, capacities, seed)
    assert sum(shares.values()) == min(total, sum(capacities.values()))
    assert all(0 <= shares[key] <= capacities[key] for key in capacities)
    unsaturated = [shares[key] for key in capacities if shares[key] < capacities[key]]
    assert not unsaturated or max(shares.values()) - min(unsaturated) <= 1
    assert share_out(total, dict(sorted(capacities.items())), seed) == shares


def test_what_a_poor_scene_cannot_give_others_make_up():
    rich = {name: Stock(in_scene=100) for name in QUESTION_TYPES}
    poor = {name: Stock(in_scene=3) for name in QUESTION_TYPES}
    quotas = plan_quotas({"rich": rich, "poor": poor}, 50 * len(QUESTION_TYPES), seed=0)
    assert all(quota.in_scene == 3 for quota in quotas["poor"].values())
    assert all(quota.in_scene == 47 for quota in quotas["rich"].values())


def test_groups_are_balanced_across_scenes():
    """One scene shows only single chairs, another only two: together they make pairs."""
    stocks = {
        "one": {"obj_count_occ": Stock(unit=2, across_scenes={"chair": [7, 0], "sofa": [9, 0]})},
        "two": {"obj_count_occ": Stock(unit=2, across_scenes={"chair": [1, 5]})},
    }
    quotas = plan_quotas(stocks, 100, seed=0)
    given = {scene: quotas[scene]["obj_count_occ"].across_scenes["chair"] for scene in stocks}
    assert given["one"][0] + given["two"][0] == given["two"][1] == 5
    assert quotas["one"]["obj_count_occ"].across_scenes["sofa"] == [0, 0]


@pytest.fixture(scope="module")
def candidates(sample_annotations: Annotations) -> Candidates:
    return propose_records(sample_annotations, PAPER, share=40, seed=0)


@pytest.fixture(scope="module")
def records(candidates: Candidates) -> list[dict]:
    quota = plan_quotas({"scene": stock_of(candidates.table)}, 40 * len(QUESTION_TYPES), seed=0)["scene"]
    table = finish_records(candidates.table, quota, "train", seed=0)
    assert table.schema == RECORD_SCHEMA
    assert Counter(table["question_type"].to_pylist()) == {name: part.total for name, part in quota.items()}
    return table.to_pylist()


def of_type(records: list[dict], question_type: str) -> list[dict]:
    return [record for record in records if record["question_type"] == question_type]


@pytest.mark.parametrize("question_type", [name for name in QUESTION_TYPES if not name.endswith("_na")])
def test_key_letters_are_balanced(records, question_type):
    chosen = of_type(records, question_type)
    letters = Counter(record["mc_answer"] for record in chosen)
    counts = [letters[letter] for letter in "ABCD"[: len(chosen[0]["options"])]]
    assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize(
    "question_type", [name for name in QUESTION_TYPES if "existence" in name or "localization" in name]
)
def test_yes_and_no_are_equally_frequent(records, question_type):
    answers = Counter(record["ground_truth"].split(";")[0] for record in of_type(records, question_type))
    assert abs(answers["Yes"] - answers["No"]) <= 1


def test_numbers_and_points_have_no_options(records, candidates):
    source = {row["id"]: row for row in candidates.table.to_pylist()}
    chosen = [record for record in records if record["question_type"].endswith("_na")]
    assert {record["answer_type"] for record in chosen} == {"number", "point"}
    for record in chosen:
        assert record["options"] == []
        assert record["mc_answer"] is record["answer_index"] is record["chance"] is None
        assert record["ground_truth"] == source[record["id"]]["answer"]
        assert (record["answer_band"] is None) == (record["answer_type"] == "point")


def test_questions_without_options_change_no_question_with_options(sample_annotations, candidates, monkeypatch):
    choices = {name: task for name, task in QUESTION_TYPES.items() if not name.endswith("_na")}
    monkeypatch.setattr("spatialmosaic_builder.records.QUESTION_TYPES", choices)
    alone = propose_records(sample_annotations, PAPER, share=40, seed=0)
    kept = [row for row in candidates.table.to_pylist() if row["question_type"] in choices]
    assert alone.table.to_pylist() == kept


def test_options_hold_the_answer_where_the_letter_says(records, candidates):
    source = {row["id"]: row for row in candidates.table.to_pylist()}
    for record in (record for record in records if record["answer_type"] == "choice"):
        candidate = source[record["id"]]
        texts = [option[3:] for option in record["options"]]
        assert [option[:3] for option in record["options"]] == [f"{letter}. " for letter in "ABCD"[: len(texts)]]
        assert texts[record["answer_index"]] == record["ground_truth"] == candidate["answer"]
        assert record["mc_answer"] == "ABCD"[record["answer_index"]]
        assert sorted(texts) == sorted([candidate["answer"], *candidate["distractors"]])
        assert record["chance"] == pytest.approx(1 / len(texts))


def test_wrong_options_do_not_keep_their_order(records, candidates):
    """In a localization question the candidate's last distractor is always No."""
    places = Counter(
        record["options"].index(next(o for o in record["options"] if o.endswith("No")))
        for record in records
        if record["question_type"] == "obj_localization_occ"
    )
    assert len(places) == 4


def test_no_question_stands_twice_and_sets_have_one_order(records):
    assert len({record["id"] for record in records}) == len(records)
    texts = {(r["frame_set_id"], r["question"], r["answer_type"] == "choice") for r in records}
    assert len(texts) == len(records)
    # A count may be asked with options and without.
    assert len({text[:2] for text in texts}) < len(texts)
    orders = {(record["frame_set_id"], tuple(record["frames"])) for record in records}
    assert len(orders) == len({frame_set for frame_set, _ in orders})


def test_records_of_a_frame_set_stand_together(records):
    changes = sum(a["frame_set_id"] != b["frame_set_id"] for a, b in pairwise(records))
    assert changes == len({record["frame_set_id"] for record in records}) - 1
