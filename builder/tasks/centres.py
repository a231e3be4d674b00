"""The wrong centres of a localization question: random ones, or those of other objects in the frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..evidence import SetEvidence

Point = tuple[int, int]
"""x and y in question coordinates."""
Key = tuple[Point, float]
"""Centre and diagonal of a box, question coordinates."""

_NUM_WRONG = 2
"""Wrong centres beside the key; without a key there is one more."""
_MAX_TRIES = 100
"""Random centres tried before a frame counts as too full."""
_REACH = 3.0
"""Random centres lie within this many minimal distances of the key: near enough to be plausible."""


def random_centres(
    evidence: SetEvidence, frame: int, category: int, key: Key | None, rng: np.random.Generator
) -> list[Point] | None:
    """Draw centres inside the image, around the key or around a random place; None when none were found.

    Args:
        evidence: of the frame set.
        frame: index into the annotations' frames.
        category: the one that is asked for.
        key: the right answer; None where it is No.
        rng: source of randomness.
    """
    size = evidence.rules.coordinate_size
    pivot = key or ((int(rng.integers(size)), int(rng.integers(size))), 0.0)
    (x, y), apart = pivot[0], _min_distance(evidence, pivot)
    chosen = [pivot[0]]
    for _ in range(_MAX_TRIES):
        angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(apart, _REACH * apart)
        point = (round(x + distance * np.cos(angle)), round(y + distance * np.sin(angle)))
        if all(0 <= coordinate < size for coordinate in point) and _is_apart(point, chosen, apart):
            chosen.append(point)
            if len(chosen) > _NUM_WRONG:
                return chosen[1:] if key else chosen
    return None


def object_centres(
    evidence: SetEvidence, frame: int, category: int, key: Key | None, rng: np.random.Generator
) -> list[Point] | None:
    """Draw box centres of visible objects of other categories, so that the key is one of their kind.

    Arguments as in `random_centres`.
    """
    scene = evidence.scene
    is_other = scene.is_visible[frame] & scene.is_usable & scene.has_clear_box[frame]
    objects = np.flatnonzero(is_other & (scene.category_index != category))
    boxes = [scene.question_key(frame, k) for k in rng.permutation(objects).tolist()]
    if not boxes:
        return None
    pivot = key or boxes.pop()
    chosen = [pivot[0]]
    for point, _ in boxes:
        if _is_apart(point, chosen, _min_distance(evidence, pivot)):
            chosen.append(point)
            if len(chosen) > _NUM_WRONG:
                return chosen[1:] if key else chosen
    return None


def _min_distance(evidence: SetEvidence, key: Key) -> float:
    return max(evidence.rules.min_distractor_distance_ratio * key[1], evidence.rules.min_distractor_distance)


def _is_apart(point: Point, others: Sequence[Point], distance: float) -> bool:
    return all(np.hypot(point[0] - x, point[1] - y) >= distance for x, y in others)


CENTRES = {"random centres": random_centres, "object centres": object_centres}
"""By `Rules.localization_options`."""
