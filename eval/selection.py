"""Which questions are asked: a part that is drawn evenly, or those that come in pairs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from spatialmosaic_builder.randomness import digest

from .question import Question


def choose_limited(questions: Sequence[Question], limit: int, seed: int) -> list[int]:
    """Draw rows evenly from question types, and within each from its levels and scenes.

    A smaller limit draws a part of what a larger one draws.

    Args:
        questions: all of them.
        limit: how many to draw.
        seed: which ones.

    Returns:
        Rows in ascending order.
    """
    order = sorted(range(len(questions)), key=lambda row: digest(seed, "limit", questions[row].id))
    in_stratum: defaultdict[tuple[object, ...], int] = defaultdict(int)
    by_type: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for place, row in enumerate(order):
        question = questions[row]
        stratum = (question.question_type, *question.levels.values(), question.scene_name)
        by_type[question.question_type].append((in_stratum[stratum], place))
        in_stratum[stratum] += 1
    ranked = [(rank, place) for drawn in by_type.values() for rank, (_, place) in enumerate(sorted(drawn))]
    return sorted(order[place] for _, place in sorted(ranked)[:limit])


def flip_pairs(rows: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """Pair existence questions that are the same in all but view and answer; no row is in two pairs.

    Nobody who reads the words alone can be right in both.

    Args:
        rows: records of SpatialMosaic-Bench.
    """
    groups: defaultdict[tuple[Any, ...], dict[str, list[int]]] = defaultdict(lambda: {"Yes": [], "No": []})
    for number, row in enumerate(rows):
        if "_existence_" in row["question_type"]:
            is_first = (row["relation"] in ("left", "higher", "closer")) == (row["ground_truth"] == "Yes")
            objects = (row["source"]["category"], row["target"]["category"])
            groups[row["question_type"], row["scene_name"], objects, is_first][row["ground_truth"]].append(number)
    pairs: list[tuple[int, int]] = []
    for answers in groups.values():
        yes, no = (sorted(answers[said], key=lambda row: digest("pair", rows[row]["id"])) for said in ("Yes", "No"))
        pairs += zip(yes, no, strict=False)
    return sorted(pairs)
