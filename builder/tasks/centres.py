"""What a localization question is about, and the centres that it offers: random ones, or those of objects in the frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, zip_longest
from typing import TypeVar

import numpy as np

from ..evidence import Ints, SetEvidence
from .task import preferred_order

Point = tuple[int, int]
"""x and y in question coordinates."""
Key = tuple[Point, float]
"""Centre and diagonal of a box, question coordinates."""

Turn = TypeVar("Turn")

NUM_CENTRES = 3
"""Centres offered."""
_MAX_TRIES = 100
"""Random centres tried before a frame counts as too full."""
_MAX_DRAWS = 40
"""Objects of a frame set that are drawn as something to ask for; two questions are wanted."""
_REACH = 3.0
"""Random centres lie within this many minimal distances of the key: near enough to be plausible."""


@dataclass(frozen=True, slots=True)
class Case:
    """A category that is asked for in a frame."""

    position: int
    """0-based position of the query frame in the set."""
    category: int
    target: int
    """Instance index; where the answer is No, one that another frame shows."""
    is_there: bool
    """Whether the answer is Yes."""
    has_box: bool = True
    """Whether the instance shows enough for its box, where it is there."""


Offer = tuple[Case, list[Point] | None]
"""A case and the centres offered, the right one first if there is one; None when none were found."""


_Drawn = tuple[Case, Ints | None]
"""A case and three objects, whose centres are offered."""


def cases_there(evidence: SetEvidence, rng: np.random.Generator) -> list[Case]:
    """Find what is there, harder ones earlier: the only visible one of its category."""
    cases = [
        Case(position, category, target, is_there=True, has_box=bool(evidence.scene.has_clear_box[frame, target]))
        for position, frame in enumerate(evidence.frame_set.frames)
        for category, target in _alone(evidence, position)
    ]
    return _in_preferred_order(evidence, cases, rng)


def cases_not_there(evidence: SetEvidence, rng: np.random.Generator) -> list[Case]:
    """Find what only another frame shows, harder ones earlier."""
    cases = []
    for position in range(evidence.num_frames):
        here = evidence.count_by_category(evidence.is_visible[position])
        for category, members in evidence.covered_by_category.items():
            if here[category] == 0 and not evidence.has_uncertain_member[category]:
                cases.append(Case(position, category, int(members[0]), is_there=False))
    return _in_preferred_order(evidence, cases, rng)


def _alone(evidence: SetEvidence, position: int) -> Iterator[tuple[int, int]]:
    """Yield the categories of which a frame shows one instance, and that instance."""
    visible = evidence.is_visible[position]
    counts = evidence.count_by_category(visible)
    for category, members in evidence.covered_by_category.items():
        if counts[category] == 1 and not evidence.has_uncertain_member[category]:
            yield category, int(members[visible[members]][0])


def _in_preferred_order(evidence: SetEvidence, cases: list[Case], rng: np.random.Generator) -> list[Case]:
    weights = np.array([evidence.target_weights[case.target] for case in cases])
    return [cases[k] for k in preferred_order(weights, rng)]


def offer_random_centres(evidence: SetEvidence, rng: np.random.Generator) -> Iterator[Offer]:
    """Take what is there and what is not by turns; the wrong centres lie around the right one."""
    there, not_there = cases_there(evidence, rng), cases_not_there(evidence, rng)
    for case in _by_turns(there, not_there):
        key = evidence.scene.question_key(evidence.frame_of(case.position), case.target) if case.is_there else None
        yield case, _random_centres(evidence, key, rng) if case.has_box else None


def offer_object_centres(evidence: SetEvidence, rng: np.random.Generator) -> Iterator[Offer]:
    """Draw three objects of a frame, each of which could be the key, and ask for one of them or for what is not there.

    So no place in the image, and no place among the three, is right more often than another.
    """
    triples = [_triples(evidence, position) for position in range(evidence.num_frames)]
    for case, objects in _by_turns(_draw_there(evidence, triples, rng), _draw_not_there(evidence, triples, rng)):
        frame = evidence.frame_of(case.position)
        yield case, None if objects is None else [evidence.scene.question_centre(frame, k) for k in objects.tolist()]


def _draw_there(evidence: SetEvidence, triples: list[Ints], rng: np.random.Generator) -> Iterator[_Drawn]:
    """Draw a frame, three of its objects, and which of them is asked for: it comes first."""
    positions = [position for position, found in enumerate(triples) if len(found)]
    for _ in range(_MAX_DRAWS if positions else 0):
        position = int(rng.choice(positions))
        objects = rng.permutation(rng.choice(triples[position]))
        target = int(objects[0])
        yield Case(position, int(evidence.scene.category_index[target]), target, is_there=True), objects


def _draw_not_there(evidence: SetEvidence, triples: list[Ints], rng: np.random.Generator) -> Iterator[_Drawn]:
    """Draw three objects of the frame for everything that only another frame shows."""
    scene = evidence.scene
    for case in cases_not_there(evidence, rng):
        found = triples[case.position]
        fits = found[scene.may_meet[case.category][scene.category_index[found]].all(axis=1)]
        yield case, rng.choice(fits) if len(fits) else None


def _triples(evidence: SetEvidence, position: int) -> Ints:
    """Find every three objects of a frame, shape (n, 3), that could be asked for and whose centres are far apart."""
    scene, frame = evidence.scene, evidence.frame_of(position)
    objects = np.array([k for _, k in _alone(evidence, position) if scene.has_clear_box[frame, k]], np.int64)
    keys = [scene.question_key(frame, k) for k in objects.tolist()]
    centres = np.array([centre for centre, _ in keys], np.float64).reshape(-1, 2)
    least = np.array([_min_distance(evidence, key) for key in keys])
    distance = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    category = scene.category_index[objects]
    may_meet = scene.may_meet[category[:, None], category]
    threes = np.array(list(combinations(range(len(objects)), NUM_CENTRES)), np.int64).reshape(-1, NUM_CENTRES)
    a, b = threes[:, [0, 0, 1]], threes[:, [1, 2, 2]]
    fits = (distance[a, b] >= least[threes].max(axis=1)[:, None]) & may_meet[a, b]
    return objects[threes[fits.all(axis=1)]]


def _by_turns(first: Iterable[Turn], second: Iterable[Turn]) -> Iterator[Turn]:
    return (item for items in zip_longest(first, second) for item in items if item is not None)


def _random_centres(evidence: SetEvidence, key: Key | None, rng: np.random.Generator) -> list[Point] | None:
    """Draw centres inside the image, around the key or around a random place; None when none were found.

    Args:
        evidence: of the frame set.
        key: the right answer, which comes first; None where it is No.
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
            if len(chosen) == NUM_CENTRES:
                return chosen
    return None


def _min_distance(evidence: SetEvidence, key: Key) -> float:
    return max(evidence.rules.min_distractor_distance_ratio * key[1], evidence.rules.min_distractor_distance)


def _is_apart(point: Point, others: Sequence[Point], distance: float) -> bool:
    return all(np.hypot(point[0] - x, point[1] - y) >= distance for x, y in others)


OFFERS = {"random centres": offer_random_centres, "object centres": offer_object_centres}
"""By `Rules.localization_options`."""
