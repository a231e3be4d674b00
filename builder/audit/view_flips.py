"""View flips: the same question about the same two categories, answered Yes in one view and No in another.

No solver that reads text alone can be right in both, so such pairs cancel world knowledge.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

COLUMNS = ("source", "target", "ground_truth", "relation")
"""What `flip_columns` reads of a records table, beside scene, task and question type."""

_KEYS = ["question_type", "scene_name", "source", "target", "asks_first"]


def flip_columns(records: pa.Table) -> pa.Table:
    """Keep what tells whether two existence questions are a pair; other tasks' records are dropped.

    Returns:
        Columns `question_type`, `scene_name`, `source`, `target` (categories), `asks_first` (which of the two relations
        on its axis a question asks for) and `is_yes`.
    """
    records = records.filter(pc.equal(records["task"], "existence"))
    is_yes = pc.equal(records["ground_truth"], "Yes")
    holds_first = pc.is_in(records["relation"], value_set=pa.array(["left", "higher", "closer"]))
    return pa.table(
        {
            "question_type": records["question_type"],
            "scene_name": records["scene_name"],
            "source": pc.struct_field(records["source"], "category"),
            "target": pc.struct_field(records["target"], "category"),
            "asks_first": pc.equal(is_yes, holds_first),
            "is_yes": is_yes,
        }
    )


def flipped_shares(columns: pa.Table) -> dict[str, float]:
    """Share of each existence type's records that can be paired with one of the other answer: 1 is perfect.

    Args:
        columns: from `flip_columns`, of all records.
    """
    groups = columns.group_by(_KEYS).aggregate([("is_yes", "sum"), ("is_yes", "count")])
    yes, count = groups["is_yes_sum"], groups["is_yes_count"]
    pairs = pc.min_element_wise(yes, pc.subtract(pc.cast(count, pa.uint64()), yes))
    by_type = pa.table({"question_type": groups["question_type"], "pairs": pairs, "count": count})
    sums = by_type.group_by("question_type").aggregate([("pairs", "sum"), ("count", "sum")])
    return {row["question_type"]: 2 * row["pairs_sum"] / row["count_sum"] for row in sums.to_pylist()}
