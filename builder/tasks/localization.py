"""Localization: is the object in the query frame, and if so, where is the centre of its visible box? (App. D)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest
from typing import Any

import numpy as np

from ..evidence import SetEvidence
from ..schema import ObjectRef, Skip
from . import wording
from .task import Draft, Task, preferred_order, skip

Point = tuple[int, int]
Case = tuple[int, int, int]
"""Position of the query frame, category, target instance."""

_POINT = "obj_localization_occ_na"
_MAX_TRIES = 100
"""Random centres tried before a frame counts as too full."""
_REACH = 3.0
"""Wrong centres of a Yes question lie within this many minimal distances of the key: near enough to be plausible."""


def propose(evidence: SetEvidence, question_type: str, rng: np.random.Generator) -> Iterator[Draft | Skip]:
    """Ask for a category in a frame that shows one instance of it (Yes), or none while another frame does (No).

    Without options only where it is there: an answer that is sometimes no point could not be scored as one.
    """
    if question_type == _POINT:
        for case in _in_preferred_order(evidence, _yes_cases(evidence), rng):
            yield _point_draft(evidence, *case)
        return
    yes = [(_yes_draft, case) for case in _in_preferred_order(evidence, _yes_cases(evidence), rng)]
    no = [(_no_draft, case) for case in _in_preferred_order(evidence, _no_cases(evidence), rng)]
    for pair in zip_longest(yes, no):
        for draft, case in filter(None, pair):
            yield draft(evidence, *case, rng)


def _in_preferred_order(evidence: SetEvidence, cases: list[Case], rng: np.random.Generator) -> list[Case]:
    weights = np.array([evidence.target_weights[target] for _, _, target in cases])
    return [cases[k] for k in preferred_order(weights, rng)]


def _yes_cases(evidence: SetEvidence) -> list[Case]:
    cases = []
    for position in range(evidence.num_frames):
        visible = evidence.is_visible[position]
        counts = evidence.count_by_category(visible)
        for category, members in evidence.covered_by_category.items():
            if counts[category] == 1 and not evidence.has_uncertain_member[category]:
                cases.append((position, category, int(members[visible[members]][0])))
    return cases


def _no_cases(evidence: SetEvidence) -> list[Case]:
    cases = []
    for position in range(evidence.num_frames):
        here = evidence.count_by_category(evidence.is_visible[position])
        for category, members in evidence.covered_by_category.items():
            if here[category] == 0 and not evidence.has_uncertain_member[category]:
                cases.append((position, category, int(members[0])))
    return cases


def _point_draft(evidence: SetEvidence, position: int, category: int, target: int) -> Draft | Skip:
    scene, frame = evidence.scene, evidence.frame_of(position)
    if not scene.has_clear_box[frame, target]:
        return skip("too few pixels for a box")
    x0, y0, x1, y1 = scene.question_box(frame, target)
    x, y = scene.question_centre(frame, target)
    return Draft(
        answer=wording.POINT.format(x=x, y=y),
        answer_type="point",
        targets=np.array([target]),
        bbox_2d=tuple(scene.annotations.bbox_2d[frame, target].tolist()),
        bbox_2d_diag=float(np.hypot(x1 - x0, y1 - y0)),
        **_common(evidence, position, category, target),
    )


def _yes_draft(
    evidence: SetEvidence, position: int, category: int, target: int, rng: np.random.Generator
) -> Draft | Skip:
    draft = _point_draft(evidence, position, category, target)
    if isinstance(draft, Skip):
        return draft
    key, rules = evidence.scene.question_centre(evidence.frame_of(position), target), evidence.rules
    apart = max(rules.min_distractor_distance_ratio * (draft.bbox_2d_diag or 0), rules.min_distractor_distance)
    wrong = _wrong_centres(key, apart, rules.coordinate_size, rng)
    if wrong is None:
        return skip("no room for wrong centres")
    distractors = (*map(_option, wrong), wording.NO)
    return replace(draft, answer=_option(key), answer_type="choice", distractors=distractors, polarity="yes")


def _no_draft(
    evidence: SetEvidence, position: int, category: int, target: int, rng: np.random.Generator
) -> Draft | Skip:
    size = evidence.rules.coordinate_size
    centre = (int(rng.integers(size)), int(rng.integers(size)))
    others = _wrong_centres(centre, evidence.rules.min_distractor_distance, size, rng)
    if others is None:
        return skip("no room for wrong centres")
    return Draft(
        answer=wording.NO,
        distractors=tuple(map(_option, (centre, *others))),
        targets=evidence.covered_by_category[category],
        polarity="no",
        **_common(evidence, position, category, target),
    )


def _common(evidence: SetEvidence, position: int, category: int, target: int) -> dict[str, Any]:
    name = evidence.scene.categories[category]
    question = wording.LOCALIZATION.format(category=name, frame=position + 1)
    return {
        "question": f"{question} {evidence.rules.coordinate_note}",
        "category": name,
        "query_frame": position + 1,
        "target": ObjectRef(evidence.scene.annotations.instances[target].instance_id, name),
    }


def _wrong_centres(key: Point, apart: float, size: int, rng: np.random.Generator) -> tuple[Point, Point] | None:
    """Two centres inside the image, at least `apart` from the key and from each other; None when none were found."""
    points = [key]
    for _ in range(_MAX_TRIES):
        angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(apart, _REACH * apart)
        point = (round(key[0] + distance * np.cos(angle)), round(key[1] + distance * np.sin(angle)))
        is_inside = all(0 <= coordinate < size for coordinate in point)
        if is_inside and all(np.hypot(point[0] - x, point[1] - y) >= apart for x, y in points):
            points.append(point)
            if len(points) == 3:
                return points[1], points[2]
    return None


def _option(point: Point) -> str:
    return wording.LOCALIZATION_OPTION.format(x=point[0], y=point[1])


TASK = Task("localization", ("obj_localization_occ", _POINT), propose)
