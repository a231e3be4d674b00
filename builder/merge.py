"""Candidates of all scenes -> records: quotas, balanced keys, option letters. Depends on keys alone, never on arrival.

Quotas are met evenly over question types and scenes; what one cannot give is made up by others where they can.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import TypeVar

import pyarrow as pa

from .balance import Cells, Quota, Stock, capacity, cells_by_type, split_sides, unit_of
from .randomness import digest, generator
from .schema import RECORD_SCHEMA
from .tasks import QUESTION_TYPES

LETTERS = "ABCDEFGH"

Key = TypeVar("Key")


def plan_quotas(stocks: dict[str, dict[str, Stock]], total: int, seed: int) -> dict[str, dict[str, Quota]]:
    """Share `total` questions of a split out over question types, then over scenes.

    Args:
        stocks: by scene and question type.
        total: questions wanted; less is planned where the scenes offer less.
        seed: of the build; decides who gives the odd ones.

    Returns:
        Quotas by scene and question type.
    """
    by_type = {
        name: {scene: stock[name] for scene, stock in stocks.items() if name in stock} for name in QUESTION_TYPES
    }
    pools = {name: _pools(scenes) for name, scenes in by_type.items()}
    wanted = share_out(total, {name: sum(capacities.values()) for name, capacities in pools.items()}, seed)
    quotas: dict[str, dict[str, Quota]] = {scene: {} for scene in stocks}
    for name, count in wanted.items():
        for scene, quota in _plan_type(by_type[name], pools[name], count, seed).items():
            quotas[scene][name] = quota
    return quotas


def _pools(stocks: dict[str, Stock]) -> dict[str, int]:
    """How many questions each scene, and each group of all scenes together, can give."""
    capacities = {scene: stock.in_scene for scene, stock in stocks.items()}
    for group, by_scene in _groups_across_scenes(stocks).items():
        capacities[_across(group)] = capacity(group, _total_by_side(by_scene))
    return capacities


def _across(group: str) -> str:
    """Key of a group of all scenes, which no scene is called."""
    return f"all scenes/{group}"


def _total_by_side(by_scene: dict[str, list[int]]) -> list[int]:
    return [sum(sizes) for sizes in zip(*by_scene.values(), strict=True)]


def _groups_across_scenes(stocks: dict[str, Stock]) -> dict[str, dict[str, list[int]]]:
    """Candidates by side, by group and scene."""
    groups: dict[str, dict[str, list[int]]] = {}
    for scene, stock in stocks.items():
        for group, sizes in stock.across_scenes.items():
            groups.setdefault(group, {})[scene] = sizes
    return groups


def _plan_type(stocks: dict[str, Stock], pools: dict[str, int], count: int, seed: int) -> dict[str, Quota]:
    unit = max((stock.unit for stock in stocks.values()), default=1)
    in_units = {pool: questions // unit for pool, questions in pools.items()}
    shares = {pool: unit * share for pool, share in share_out(count // unit, in_units, seed).items()}
    quotas = {scene: Quota(in_scene=shares[scene]) for scene in stocks}
    for group, by_scene in _groups_across_scenes(stocks).items():
        totals = _total_by_side(by_scene)
        for side, side_count in enumerate(split_sides(totals, shares[_across(group)])):
            offers = {scene: sizes[side] for scene, sizes in by_scene.items()}
            for scene, given in share_out(side_count, offers, seed).items():
                quotas[scene].across_scenes.setdefault(group, [0] * len(totals))[side] = given
    return quotas


def share_out(total: int, capacities: Mapping[Key, int], seed: int) -> dict[Key, int]:
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


def finish_records(candidates: pa.Table, quotas: dict[str, Quota], split: str, seed: int) -> pa.Table:
    """Select a scene's records and lay out their options.

    The first candidates of each side are taken, so that few frame sets hold many questions each. Key letters follow a
    block design: in each run of as many questions as there are options, every letter is the key once.

    Returns:
        A table of `RECORD_SCHEMA`, grouped by frame set.
    """
    cells = cells_by_type(candidates)
    chosen = sorted(row for name, quota in quotas.items() if quota.total for row in _chosen(*cells[name], quota, seed))
    table = candidates.take(pa.array(chosen, pa.int64()))
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


def _chosen(in_scene: Cells, across_scenes: Cells, quota: Quota, seed: int) -> Iterator[int]:
    """Rows of the first candidates of each side of each group."""
    unit = max((unit_of(group, len(sides)) for group, sides in in_scene.items()), default=1)
    in_units = {group: capacity(group, [len(rows) for rows in sides]) // unit for group, sides in in_scene.items()}
    for group, share in share_out(quota.in_scene // unit, in_units, seed).items():
        sides = in_scene[group]
        for rows, count in zip(sides, split_sides([len(rows) for rows in sides], unit * share), strict=True):
            yield from rows[:count]
    for group, counts in quota.across_scenes.items():
        for rows, count in zip(across_scenes[group], counts, strict=True):
            yield from rows[:count]


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
