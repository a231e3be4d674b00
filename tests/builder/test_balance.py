"""Sides that are equally frequent: capacities, and what the merge makes of the strict profile's candidates."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spatialmosaic_builder.balance import capacity, cells_by_type, split_sides, stock_of
from spatialmosaic_builder.merge import finish_records, plan_quotas
from spatialmosaic_builder.records import propose_records
from spatialmosaic_builder.rules import STRICT


@pytest.mark.parametrize(
    ("group", "sizes", "expected"),
    [
        ("", [5], 5),
        ("", [3, 3], 6),
        ("", [5, 2], 5),
        ("", [4, 0], 1),
        ("lamp", [5, 2], 4),
        ("lamp", [4, 0], 0),
        ("lamp", [3, 2, 9, 2], 8),
    ],
)
def test_capacity_keeps_sides_equally_frequent(group, sizes, expected):
    assert capacity(group, sizes) == expected


@given(st.lists(st.integers(0, 20), min_size=1, max_size=4), st.data())
def test_sides_give_what_they_have_and_differ_by_one_at_most(sizes, data):
    count = data.draw(st.integers(0, capacity("", sizes)))
    split = split_sides(sizes, count)
    assert sum(split) == count
    assert all(given <= size for given, size in zip(split, sizes, strict=True))
    assert max(split) - min(split) <= 1


@pytest.fixture(scope="module")
def candidates(sample_annotations):
    return propose_records(sample_annotations, STRICT, share=80, seed=0).table


def test_every_named_group_is_balanced_exactly(candidates):
    quota = plan_quotas({"scene": stock_of(candidates)}, 2_000, seed=0)["scene"]
    chosen = set(finish_records(candidates, quota, "train", seed=0)["id"].to_pylist())
    ids = candidates["id"].to_pylist()
    num_groups = 0
    for question_type, groups_by_scope in cells_by_type(candidates).items():
        for group, sides in [item for groups in groups_by_scope for item in groups.items()]:
            counts = [sum(ids[row] in chosen for row in rows) for rows in sides]
            assert len(set(counts)) == 1 or not group, (question_type, group, counts)
            num_groups += bool(group) and sum(counts) > 0
    assert num_groups > 20


def test_no_category_tells_whether_it_is_there(candidates):
    quota = plan_quotas({"scene": stock_of(candidates)}, 2_000, seed=0)["scene"]
    records = finish_records(candidates, quota, "train", seed=0).to_pylist()
    answers: dict[str, Counter[bool]] = {}
    for record in records:
        if record["question_type"] == "obj_localization_occ":
            answers.setdefault(record["category"], Counter())[record["ground_truth"] == "No"] += 1
    assert answers
    assert all(counts[False] == 3 * counts[True] for counts in answers.values())
