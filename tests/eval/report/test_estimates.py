"""Intervals and level curves on scores that are made up, so that the truth is known."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from spatialmosaic_eval.asking import Dataset
from spatialmosaic_eval.benchmarks import BENCHMARKS
from spatialmosaic_eval.question import Question
from spatialmosaic_eval.report.breakdowns import cells_of
from spatialmosaic_eval.report.comparisons import differences, level_differences
from spatialmosaic_eval.report.estimates import REPLICATES, Frame, average_named, chances, draws, estimate, pooled
from spatialmosaic_eval.report.scored import ScoredRun

BENCHMARK = BENCHMARKS["spatialmosaic"]
TYPES = ("obj_count_occ", "obj_existence_occ_lr", "obj_attribute_occ_fb")


def made_up(types: list[str], scenes: list[str], occlusion: list[str]) -> Dataset:
    questions = []
    for k, (name, scene, level) in enumerate(zip(types, scenes, occlusion, strict=True)):
        options = ("A. Yes", "B. No") if "existence" in name else ("A. 1", "B. 2", "C. 3", "D. 4")
        levels = dict.fromkeys(BENCHMARK.levels) | {"occ_level": level}
        questions.append(Question(str(k), name, scene, "?", options, "A", None, levels))
    return Dataset(BENCHMARK, pa.table({"id": [question.id for question in questions]}), questions)


def scored(values: np.ndarray, name: str = "run") -> ScoredRun:
    header = {
        "config": {"views": "all", "model": "m"},
        "model_revision": None,
        "prompt_digest": "",
        "processor_digest": None,
    }
    return ScoredRun(name, header | {"decoding": {}}, values, np.full(len(values), np.nan), {}, {}, 0, 0)


def test_pooled_over_types_a_curve_rises_by_ten_points_and_standardised_it_is_flat() -> None:
    """An easy type (80 %) and a hard one (40 %) that no level changes; the mix of the two changes with the level."""
    rng = np.random.default_rng(0)
    n = 40_000
    level = rng.choice(["low", "high"], n)
    is_easy = rng.random(n) < np.where(level == "low", 0.375, 0.635)
    values = (rng.random(n) < np.where(is_easy, 0.8, 0.4)).astype(float)
    types = np.where(is_easy, TYPES[1], TYPES[0]).tolist()
    dataset = made_up(types, [f"s{k}" for k in rng.integers(0, 170, n)], level.tolist())
    cells = {
        (c.level, c.scope): c.score
        for c in cells_of(scored(values), dataset, Frame.of(dataset, 0))
        if c.breakdown == "occ_level"
    }
    rise = {scope: cells["high", scope].value - cells["low", scope].value for scope in ("pooled", "standardised")}
    assert rise["pooled"] == pytest.approx(0.104, abs=0.015)
    assert rise["standardised"] == pytest.approx(0, abs=0.01)
    for name in ("low", "high"):
        assert cells[name, "standardised"].low < 0.6 < cells[name, "standardised"].high
    (told,) = level_differences(scored(values), dataset, Frame.of(dataset, 0))
    assert (told.average, told.first, told.second) == ("occ_level", "high", "low")
    assert told.value == pytest.approx(rise["standardised"])
    assert told.low < 0 < told.high
    assert told.p > 0.05


def test_a_level_that_is_harder_is_found_and_one_that_is_not_is_not() -> None:
    rng = np.random.default_rng(6)
    n = 12_000
    level, types, scene = rng.choice(["low", "medium", "high"], n), rng.choice(TYPES, n), rng.integers(0, 60, n)
    share = np.where(level == "high", 0.5, 0.6) + 0.05 * rng.standard_normal(60)[scene]
    values = (rng.random(n) < share).astype(float)
    dataset = made_up(types.tolist(), [f"s{k}" for k in scene], level.tolist())
    medium, high = level_differences(scored(values), dataset, Frame.of(dataset, 0))
    assert (medium.first, high.first) == ("medium", "high")
    assert high.value == pytest.approx(-0.1, abs=0.03)
    assert high.p < 0.01 < medium.p
    assert high.num_records == ((level == "high") | (level == "low")).sum()
    # Levels are compared on the same draws: what is easy about a scene cancels.
    assert high.detectable == pytest.approx(2.8 * np.sqrt(0.25 * (1 / 4_000 + 1 / 4_000)), rel=0.25)


def test_types_that_a_level_lacks_are_left_out_of_all_levels() -> None:
    types = [TYPES[0], TYPES[1], TYPES[0], TYPES[1], TYPES[2]]
    dataset = made_up(types, ["a", "b", "a", "b", "a"], ["low", "low", "high", "high", "high"])
    cells = {
        (c.level, c.scope): c
        for c in cells_of(scored(np.array([1.0, 0.0, 1.0, 0.0, 1.0])), dataset, Frame.of(dataset, 0))
        if c.breakdown == "occ_level"
    }
    assert cells["high", "standardised"].name.split() == [TYPES[0], TYPES[1]]
    assert cells["high", "standardised"].score.value == cells["low", "standardised"].score.value == 0.5
    assert cells["high", "pooled"].score.value == pytest.approx(2 / 3)


def test_draws_are_those_of_the_questions_of_the_scenes_that_were_drawn() -> None:
    rng = np.random.default_rng(1)
    n = 400
    types, scenes = rng.choice(TYPES, n), rng.choice([f"s{k}" for k in range(9)], n)
    dataset, values = made_up(types.tolist(), scenes.tolist(), ["low"] * n), rng.random(n)
    frame = Frame.of(dataset, 0)
    nominal = chances(dataset, np.ones(n, dtype=bool))
    found = draws(frame, *frame.sums(values), average_named("macro6", dataset, nominal))
    for replicate in range(0, REPLICATES, 400):
        times = frame.times[replicate][frame.scene_of].astype(int)
        drawn_types, drawn = np.repeat(types, times), np.repeat(values, times)
        assert found[replicate] == pytest.approx(np.mean([drawn[drawn_types == name].mean() for name in TYPES]))


def test_intervals_of_scenes_hold_the_truth_where_those_of_questions_do_not() -> None:
    """Scenes differ by 8 points: 95 % intervals must hold the mean of all scenes about 95 times in a hundred."""
    rng, held, naive = np.random.default_rng(2), 0, 0
    for trial in range(60):
        scene = np.repeat(np.arange(40), 100)
        values = (rng.random(4_000) < 0.5 + 0.08 * rng.standard_normal(40)[scene]).astype(float)
        dataset = made_up([TYPES[0]] * 4_000, [f"s{k}" for k in scene], ["low"] * 4_000)
        found = estimate(Frame.of(dataset, trial), values, pooled)
        assert found.low is not None
        assert found.high is not None
        held += found.low < 0.5 < found.high
        naive += abs(values.mean() - 0.5) < 1.96 * values.std() / np.sqrt(len(values))
    assert held >= 52
    assert naive < held


def test_one_scene_gives_no_interval_and_a_small_cell_is_marked() -> None:
    dataset = made_up([TYPES[0]] * 3, ["a"] * 3, ["low"] * 3)
    found = estimate(Frame.of(dataset, 0), np.array([1.0, 0.0, np.nan]), pooled)
    assert (found.value, found.low, found.high, found.num_records, found.num_scenes) == (0.5, None, None, 2, 1)
    assert found.is_small
    assert estimate(Frame.of(dataset, 0), np.full(3, np.nan), pooled).value is None


def test_a_true_difference_is_found_and_holm_corrects_for_the_others() -> None:
    rng = np.random.default_rng(3)
    scene = np.repeat(np.arange(50), 40)
    n = len(scene)
    types = rng.choice(TYPES, n).tolist()
    dataset = made_up(types, [f"s{k}" for k in scene], ["low"] * n)
    hard = rng.random(n)
    better, worse, alike = ((hard < share).astype(float) for share in (0.6, 0.5, 0.5))
    found = differences([scored(better, "a"), scored(worse, "b"), scored(alike, "c")], dataset, Frame.of(dataset, 0))
    of = {(d.first, d.second): d for d in found if d.average == "micro"}
    assert of["a", "b"].value == pytest.approx(better.mean() - worse.mean())
    # What would be found four times of five: 2.8 standard errors, of which an interval holds 3.92.
    assert of["a", "b"].detectable == pytest.approx(2.8 * (of["a", "b"].high - of["a", "b"].low) / 3.92, rel=0.1)
    # Paired by question, the noise of the questions themselves cancels.
    assert of["a", "b"].high - of["a", "b"].low < 0.05
    assert of["a", "b"].p < 0.05
    assert of["b", "c"].p == 1
    assert min(d.p for d in found if d.p is not None) >= 2 / (REPLICATES + 1)


def test_a_large_difference_is_found_among_six_runs() -> None:
    """The smallest p that the draws give, times all averages and tasks of 15 pairs, would never be small."""
    rng = np.random.default_rng(5)
    scene = np.repeat(np.arange(50), 40)
    types = rng.choice(TYPES, len(scene)).tolist()
    dataset = made_up(types, [f"s{k}" for k in scene], ["low"] * len(scene))
    hard = rng.random(len(scene))
    runs = [scored((hard < 0.3 + 0.08 * k).astype(float), str(k)) for k in range(6)]
    found = [d for d in differences(runs, dataset, Frame.of(dataset, 0)) if d.average == "macro12"]
    assert len(found) == 15
    assert all(d.p == pytest.approx(15 * 2 / (REPLICATES + 1)) for d in found)


def test_a_million_records_take_seconds() -> None:
    import time

    rng = np.random.default_rng(4)
    n = 1_000_000
    dataset = made_up([TYPES[0]] * 2, ["a", "b"], ["low"] * 2)
    frame = Frame.of(dataset, 0)
    scene = rng.integers(0, 170, n)
    times = rng.multinomial(170, np.full(170, 1 / 170), size=REPLICATES).astype(float)
    large = Frame(frame.type_names, rng.integers(0, 12, n), scene, times)
    start = time.process_time()
    assert estimate(large, rng.random(n), pooled).low is not None
    assert time.process_time() - start < 5
