"""Candidates of all scenes -> records: quotas, balanced keys, option letters. Depends on keys alone, never on arrival.

Quotas are met evenly over question types and scenes; what one cannot give is made up by others where they can.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections import Counter

import numpy as np
import pyarrow as pa

from .randomness import digest, generator
from .schema import RECORD_SCHEMA
from .tasks import QUESTION_TYPES

LETTERS = "ABCDEFGH"

Stock = dict[str, Counter[str]]
"""What a scene offers: for each question type the number of candidates by polarity."""
Quota = dict[str, int]
"""What is taken from a scene: questions by type."""


def stock_of(candidates: pa.Table) -> Stock:
    """Count a scene's candidates by question type and polarity."""
    stock: Stock = {}
    for question_type, polarity in zip(
        candidates["question_type"].to_pylist(), candidates["polarity"].to_pylist(), strict=True
    ):
        stock.setdefault(question_type, Counter())[polarity] += 1
    return stock


def capacity(polarities: Counter[str]) -> int:
    """How many candidates can be taken with equally many of both polarities, or one more of one."""
    if not polarities.keys() & {"yes", "no"}:
        return polarities.total()
    fewer, more = sorted((polarities["yes"], polarities["no"]))
    return 2 * fewer + (more > fewer)


def plan_quotas(stocks: dict[str, Stock], total: int, seed: int) -> dict[str, Quota]:
    """Share `total` questions of a split out over question types, then over scenes.

    Args:
        stocks: by scene.
        total: questions wanted; less is planned where the scenes offer less.
        seed: of the build; decides who gives the odd ones.

    Returns:
        Quotas by scene.
    """
    capacities = {
        question_type: {scene: capacity(stock.get(question_type, Counter())) for scene, stock in stocks.items()}
        for question_type in QUESTION_TYPES
    }
    by_type = share_out(total, {name: sum(scenes.values()) for name, scenes in capacities.items()}, seed)
    quotas: dict[str, Quota] = {scene: {} for scene in stocks}
    for question_type, wanted in by_type.items():
        for scene, count in share_out(wanted, capacities[question_type], seed).items():
            quotas[scene][question_type] = count
    return quotas


def share_out(total: int, capacities: dict[str, int], seed: int) -> dict[str, int]:
    """Split `total` as evenly as the capacities allow; the remainder goes to keys in a seeded order."""
    total = min(total, sum(capacities.values()))

    def filled(level: int) -> int:
        return sum(min(level, capacity) for capacity in capacities.values())

    # The highest level to which all can be filled, saturated ones staying below it.
    level = bisect_right(range(total + 1), total, key=filled) - 1
    shares = {key: min(level, capacity) for key, capacity in capacities.items()}
    unsaturated = sorted(
        (key for key in capacities if capacities[key] > level), key=lambda key: digest(seed, "share", key)
    )
    for key in unsaturated[: total - filled(level)]:
        shares[key] += 1
    return shares


def finish_records(candidates: pa.Table, quota: Quota, split: str, seed: int) -> pa.Table:
    """Select a scene's records and lay out their options.

    The first candidates of each type are taken, so that few frame sets hold many questions each. Key letters follow a
    block design: in each run of as many questions as there are options, every letter is the key once.

    Returns:
        A table of `RECORD_SCHEMA`, grouped by frame set.
    """
    chosen = np.sort(np.concatenate([np.zeros(0, np.int64), *_chosen_by_type(candidates, quota)])).astype(np.int64)
    table = candidates.take(pa.array(chosen))
    letters, options = _lay_out(table, seed)
    columns = {
        "split": pa.array([split] * len(table), pa.string()),
        "options": pa.array(options, pa.list_(pa.string())),
        "mc_answer": pa.array([None if letter is None else LETTERS[letter] for letter in letters], pa.string()),
        "ground_truth": table["answer"],
        "answer_index": pa.array(letters, pa.int8()),
        "chance": pa.array([1 / len(texts) if texts else None for texts in options], pa.float32()),
    }
    return pa.table({name: columns[name] if name in columns else table[name] for name in RECORD_SCHEMA.names}).cast(
        RECORD_SCHEMA
    )


def _chosen_by_type(candidates: pa.Table, quota: Quota) -> list[np.ndarray]:
    """Indices of the first candidates of each type, alternating polarities where there are two."""
    types = np.array(candidates["question_type"].to_pylist(), dtype=object)
    polarity = np.array(candidates["polarity"].to_pylist(), dtype=object)
    chosen = []
    for question_type, count in quota.items():
        of_type = np.flatnonzero(types == question_type)
        piles = [of_type[polarity[of_type] == name] for name in ("", "yes", "no")]
        piles = sorted((pile for pile in piles if len(pile)), key=len, reverse=True)
        for position, pile in enumerate(piles):
            chosen.append(pile[: count // len(piles) + (position < count % len(piles))])
    return chosen


def _lay_out(table: pa.Table, seed: int) -> tuple[list[int | None], list[list[str]]]:
    """Choose the position of each key and the order of the wrong options, type by type in an order set by the ids.

    Numbers and points have no options and no position.
    """
    types, ids = table["question_type"].to_pylist(), table["id"].to_pylist()
    answers, distractors = table["answer"].to_pylist(), table["distractors"].to_pylist()
    letters: list[int | None] = [None] * len(ids)
    options: list[list[str]] = [[] for _ in ids]
    by_type: dict[str, list[int]] = {}
    is_choice = [answer_type == "choice" for answer_type in table["answer_type"].to_pylist()]
    for k in sorted(itertools.compress(range(len(ids)), is_choice), key=ids.__getitem__):
        by_type.setdefault(types[k], []).append(k)
    for question_type, members in by_type.items():
        rng = generator(seed, "options", table["scene_name"][0], question_type)
        block: list[int] = []
        for k in members:
            texts = [distractors[k][i] for i in rng.permutation(len(distractors[k]))]
            block = block or rng.permutation(len(texts) + 1).tolist()
            letters[k] = letter = block.pop()
            texts.insert(letter, answers[k])
            options[k] = [f"{letter}. {text}" for letter, text in zip(LETTERS, texts, strict=False)]
    return letters, options
