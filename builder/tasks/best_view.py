"""Best view: the count, and the frame that shows most of the category (App. D)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..evidence import SetEvidence
from ..schema import Skip
from . import wording
from .count import OFFSETS, countable_categories
from .task import Balance, Draft, Task, skip

_NUM_DISTRACTORS = 3


def propose(evidence: SetEvidence, question_type: str, rng: np.random.Generator) -> Iterator[Draft | Skip]:
    """Ask for count and best frame: most visible instances of the category, ties by visible-pixel area."""
    for found in countable_categories(evidence, rng):
        if isinstance(found, Skip):
            yield found
            continue
        name, members = found
        best = best_frame(evidence, members)
        if best is None:
            yield skip("no frame shows the category best")
            continue
        seen_in = np.flatnonzero(evidence.is_visible[:, members].any(axis=1))
        view = BestView(len(members), best, evidence.num_frames, [k for k in seen_in.tolist() if k != best])
        wrong, balance = OPTIONS[evidence.rules.best_view_options](view, name, rng)
        yield Draft(
            question=wording.best_view(evidence.rules, name),
            answer=_option(evidence, name, (view.count, best)),
            distractors=tuple(_option(evidence, name, pair) for pair in wrong),
            category=name,
            targets=members,
            balance=balance,
        )


def best_frame(evidence: SetEvidence, members: NDArray[np.int64]) -> int | None:
    """0-based position of the frame that shows most of the given instances, and clearly more of them if several do.

    None when no frame leads by `Rules.min_area_lead`.
    """
    visible = evidence.is_visible[:, members]
    pixels = evidence.scene.annotations.visible_pixels[np.ix_(np.array(evidence.frame_set.frames), members)]
    scores = zip(
        visible.sum(axis=1).tolist(), (pixels * visible).sum(axis=1).tolist(), range(len(visible)), strict=True
    )
    (count, area, best), (next_count, next_area, _) = sorted(scores, reverse=True)[:2]
    leads = count > next_count or area > next_area * evidence.rules.min_area_lead
    return best if leads else None


@dataclass(frozen=True, slots=True)
class BestView:
    """The right answer and what it may be confused with."""

    count: int
    frame: int
    """0-based position in the set, as everywhere in this module."""
    num_frames: int
    others: list[int]
    """Other frames that show the category."""


def _option(evidence: SetEvidence, category: str, pair: tuple[int, int]) -> str:
    return wording.best_view_option(evidence.rules, pair[0], category, pair[1] + 1)


def free_options(view: BestView, category: str, rng: np.random.Generator) -> tuple[list[tuple[int, int]], Balance]:
    """Three different pairs with a wrong count (at least 1), a wrong frame, or both, each kind equally likely."""
    counts = [view.count + offset for offset in OFFSETS if view.count + offset >= 1]
    frames = [k for k in range(view.num_frames) if k != view.frame]
    wrong: list[tuple[int, int]] = []
    while len(wrong) < _NUM_DISTRACTORS:
        kind = rng.integers(3)
        pair = (
            view.count if kind == 0 else counts[rng.integers(len(counts))],
            view.frame if kind == 1 else frames[rng.integers(len(frames))],
        )
        if pair not in wrong:
            wrong.append(pair)
    return wrong, Balance()


def grid_options(view: BestView, category: str, rng: np.random.Generator) -> tuple[list[tuple[int, int]], Balance]:
    """The other three pairs of two neighbouring counts and two frames, each of which is equally often the key.

    The other frame shows the category too, if there is one.
    """
    count = view.count + 1 if view.count == 1 else view.count + int(rng.choice([-1, 1]))
    frames = view.others or [k for k in range(view.num_frames) if k != view.frame]
    frame = frames[rng.integers(len(frames))]
    side = 2 * (view.count > count) + (view.frame > frame)
    balance = Balance(f"{category} {min(view.count, count)}", side, num_sides=4, across_scenes=True)
    return [(count, view.frame), (view.count, frame), (count, frame)], balance


OPTIONS = {"free": free_options, "grid": grid_options}
"""By `Rules.best_view_options`."""

TASK = Task("best_view", ("bestview_count_occ",), propose)
