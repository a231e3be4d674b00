"""Each solver finds the leak it is made for, and finds nothing where nothing leaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from spatialmosaic_builder.audit.choices import choices_of, join
from spatialmosaic_builder.audit.measure import audit_records
from spatialmosaic_builder.audit.report import Score
from spatialmosaic_builder.audit.solvers import SOLVERS, hits, scene_folds

Record = dict[str, Any]
Maker = Callable[[np.random.Generator], Record]


def asked(options: list[Any], **columns: Any) -> Record:
    return {"options": options, **columns}


def shuffled(rng: np.random.Generator, values: list[str]) -> list[str]:
    return [values[k] for k in rng.permutation(len(values))]


def around(rng: np.random.Generator, spread: float) -> list[str]:
    """Three places and No; the first is the key, the others lie about it."""
    key = rng.uniform(150, 350, 2)
    angle = rng.uniform(0, np.pi)
    step = spread * np.array([np.cos(angle), np.sin(angle)])
    return [f"Yes; ({round(x)}, {round(y)})" for x, y in (key, key + step, key - step)]


def spatial(texts: list[str]) -> Record:
    return asked([f"{text} the vase." for text in texts])


def existence(rng: np.random.Generator, leaks: bool) -> Record:
    """Ceiling things hang above floor things; without the leak the truth knows nothing of that."""
    high = [("lamp", "rug"), ("picture", "stool"), ("clock", "bin")][rng.integers(3)]
    asks_truth = bool(rng.integers(2))
    target, source = high if rng.integers(2) else high[::-1]
    is_higher = (target == high[0]) if leaks else bool(rng.integers(2))
    word = "higher" if is_higher == asks_truth else "lower"
    question = f"In Frame 1, is the {target} {word} than the {source} in this viewpoint?"
    return asked(["Yes", "No"] if asks_truth else ["No", "Yes"], question=question)


def tagged(rng: np.random.Generator, leaks: bool) -> Record:
    """What is farther than a table at the foot of the image; without the leak the table may stand anywhere."""
    asks_truth = bool(rng.integers(2))
    is_farther = bool(rng.integers(2))
    y = rng.integers(500, 1000) if leaks and is_farther else rng.integers(500) if leaks else rng.integers(1000)
    word = "farther from" if is_farther == asks_truth else "closer to"
    question = (
        f"In Frame 1, is the lamp {word} the camera than the table ({rng.integers(1000)}, {y}) in this viewpoint?"
    )
    return asked(["Yes", "No"] if asks_truth else ["No", "Yes"], question=question)


def best_view(rng: np.random.Generator, is_grid: bool = False) -> list[str]:
    """A 2 x 2 grid of counts and frames, or three options that each keep a half of the first, which is the key."""
    count, other = rng.permutation(np.arange(1, 5))[:2]
    frames = rng.permutation(np.arange(1, 6))
    pairs = [(count, frames[0]), (other, frames[0]), (count, frames[1])]
    pairs.append((other, frames[1]) if is_grid else (count, frames[2]))
    return [f"{n} chair(s); Frame {frame}" for n, frame in pairs]


def consecutive(rng: np.random.Generator, key_of: Callable[[int], int]) -> Record:
    """Four counts in a row, of which the one at a place is the key."""
    first = int(rng.integers(1, 4))
    counts = list(range(first, first + 4))
    place = key_of(first)
    return asked([counts[place], *counts[:place], *counts[place + 1 :]])


# solver, task, what leaks, what does not
LEAKS: dict[str, tuple[str, Maker, Maker]] = {
    "paired_axis": (
        "spatial_relation",
        lambda rng: spatial(["To the left of", "To the right of", "Higher than", "Closer to the camera than"]),
        lambda rng: spatial(shuffled(rng, ["To the left of", "To the right of", "Higher than", "Farther from the camera than"])),
    ),
    "majority_vote": (
        "best_view",
        lambda rng: asked(best_view(rng)),
        lambda rng: asked(shuffled(rng, best_view(rng))),
    ),
    "medoid": (
        "localization",
        lambda rng: asked([*around(rng, 60), "No"]),
        lambda rng: asked(shuffled(rng, [*around(rng, 60), "No"])),
    ),
    "rank": (
        "count",
        lambda rng: consecutive(rng, lambda first: int(rng.integers(2))),
        lambda rng: consecutive(rng, lambda first: int(rng.integers(4))),
    ),
    "option_set": (
        "count",
        lambda rng: consecutive(rng, lambda first: [2, 0, 3][first - 1]),
        lambda rng: consecutive(rng, lambda first: int(rng.integers(4))),
    ),
    "prior": (
        "attribute",
        lambda rng: asked([["lamp", "clock"][rng.integers(2)], *shuffled(rng, ["rug", "bin", "stool", "box"])[:3]]),
        lambda rng: asked(shuffled(rng, ["lamp", "rug", "bin", "stool", "box"])[:4]),
    ),
    "text": ("existence", lambda rng: existence(rng, leaks=True), lambda rng: existence(rng, leaks=False)),
}  # fmt: skip


def score(records_of: Callable[..., pa.Table], solver: str, task: str, maker: Maker) -> Score:
    found = audit_records(iter([records_of(task, "any", maker)])).question_types["any"].scores[solver]
    assert found is not None
    return found


def test_every_solver_is_shown_a_leak() -> None:
    assert set(LEAKS) == {*SOLVERS, "text"}


@pytest.mark.parametrize("solver", LEAKS)
def test_a_planted_leak_is_found(solver: str, records_of: Callable[..., pa.Table]) -> None:
    task, leaky, _ = LEAKS[solver]
    assert score(records_of, solver, task, leaky).verdict == "shortcut"


@pytest.mark.parametrize("solver", LEAKS)
def test_nothing_is_found_where_nothing_leaks(solver: str, records_of: Callable[..., pa.Table]) -> None:
    task, _, clean = LEAKS[solver]
    found = score(records_of, solver, task, clean)
    chance = 0.5 if task == "existence" else 0.25
    assert found.verdict != "shortcut"
    # Three standard errors of what a solver scores that always answers the same of four options.
    assert found.accuracy == pytest.approx(chance, abs=0.05)
    if solver in SOLVERS and not SOLVERS[solver].is_fitted:
        assert found.low <= chance <= found.high


def test_the_paper_s_pair_is_worth_half(records_of: Callable[..., pa.Table]) -> None:
    assert score(records_of, "paired_axis", *LEAKS["paired_axis"][:2]).accuracy == 0.5


def test_equal_options_are_guessed_among() -> None:
    scores = np.array([[1.0, 1.0, 0.0], [0.0, 2.0, 1.0], [0.0, 0.0, 0.0]])
    assert hits(scores, np.array([0, 0, 2])).tolist() == [0.5, 0.0, pytest.approx(1 / 3)]


def test_scores_do_not_depend_on_the_position_of_the_key(records_of: Callable[..., pa.Table]) -> None:
    choices = choices_of(records_of("best_view", "any", lambda rng: asked(best_view(rng))))
    turned = replace(
        choices,
        parts=choices.parts[:, ::-1],
        number=choices.number[:, ::-1],
        point=choices.point[:, ::-1],
        signs=choices.signs[:, ::-1],
        key=3 - choices.key,
    )
    fold = scene_folds(choices.scene)
    for name, solver in SOLVERS.items():
        straight, reverse = (hits(solver.score(c, fold), c.key) for c in (choices, turned))
        assert straight == pytest.approx(reverse), name


def test_a_grid_of_counts_and_frames_gives_votes_nothing(records_of: Callable[..., pa.Table]) -> None:
    table = records_of("best_view", "any", lambda rng: asked(best_view(rng, is_grid=True)))
    assert audit_records(iter([table])).question_types["any"].scores["majority_vote"] is None


def test_a_solver_without_anything_to_read_is_left_out(records_of: Callable[..., pa.Table]) -> None:
    scores = audit_records(iter([records_of("existence", "any", lambda rng: existence(rng, leaks=False))]))
    assert scores.question_types["any"].scores["medoid"] is None
    assert scores.question_types["any"].scores["paired_axis"] is None


def test_folds_hold_whole_scenes() -> None:
    scene = np.repeat(np.arange(100), 7)
    fold = scene_folds(scene)
    assert all(len(set(fold[scene == number])) == 1 for number in range(100))
    assert np.bincount(fold[::7]).tolist() == [20] * 5


def test_pieces_of_different_width_join(records_of: Callable[..., pa.Table]) -> None:
    wide = choices_of(records_of("best_view", "any", lambda rng: asked(best_view(rng)), num_scenes=2))
    narrow = choices_of(records_of("best_view", "any", lambda rng: asked(list("wxyz")), num_scenes=1))
    assert join([wide, narrow]).parts.shape == (len(wide.key) + len(narrow.key), 4, 2)


def test_the_text_model_reads_where_a_tag_puts_the_source(records_of: Callable[..., pa.Table]) -> None:
    assert score(records_of, "text", "existence", lambda rng: tagged(rng, leaks=True)).accuracy > 0.9
    assert score(records_of, "text", "existence", lambda rng: tagged(rng, leaks=False)).accuracy < 0.6
