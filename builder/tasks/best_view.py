"""Best view: the count, and the frame that shows most of the category (App. D)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..evidence import SetEvidence
from ..schema import Skip
from . import wording
from .count import OFFSETS, countable_categories
from .task import Draft, Task, skip

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
        wrong = _wrong_pairs(len(members), best, evidence.num_frames, rng)
        yield Draft(
            question=wording.BEST_VIEW.format(category=name),
            answer=_option(len(members), name, best),
            distractors=tuple(_option(count, name, frame) for count, frame in wrong),
            category=name,
            targets=members,
        )


def best_frame(evidence: SetEvidence, members: NDArray[np.int64]) -> int | None:
    """0-based position of the frame that shows most of the given instances; None when two frames tie in area too."""
    visible = evidence.is_visible[:, members]
    pixels = evidence.scene.annotations.visible_pixels[np.ix_(np.array(evidence.frame_set.frames), members)]
    scores = list(zip(visible.sum(axis=1).tolist(), (pixels * visible).sum(axis=1).tolist(), strict=True))
    top = max(scores)
    return scores.index(top) if scores.count(top) == 1 else None


def _option(count: int, category: str, position: int) -> str:
    return wording.BEST_VIEW_OPTION.format(count=count, category=category, frame=position + 1)


def _wrong_pairs(count: int, best: int, num_frames: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Three different pairs with a wrong count (at least 1), a wrong frame, or both, each kind equally likely."""
    counts = [count + offset for offset in OFFSETS if count + offset >= 1]
    frames = [k for k in range(num_frames) if k != best]
    wrong: list[tuple[int, int]] = []
    while len(wrong) < _NUM_DISTRACTORS:
        kind = rng.integers(3)
        pair = (
            count if kind == 0 else counts[rng.integers(len(counts))],
            best if kind == 1 else frames[rng.integers(len(frames))],
        )
        if pair not in wrong:
            wrong.append(pair)
    return wrong


TASK = Task("best_view", ("bestview_count_occ",), propose)
