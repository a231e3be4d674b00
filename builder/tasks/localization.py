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
from .centres import CENTRES, Point
from .task import Balance, Draft, Task, preferred_order, skip

Case = tuple[int, int, int]
"""Position of the query frame, category, target instance."""

_POINT = "obj_localization_occ_na"
_NUM_CENTRES = 3


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
    (x, y), diagonal = scene.question_key(frame, target)
    return Draft(
        answer=wording.POINT.format(x=x, y=y),
        answer_type="point",
        targets=np.array([target]),
        bbox_2d=tuple(scene.annotations.bbox_2d[frame, target].tolist()),
        bbox_2d_diag=diagonal,
        **_common(evidence, position, category, target),
    )


def _yes_draft(
    evidence: SetEvidence, position: int, category: int, target: int, rng: np.random.Generator
) -> Draft | Skip:
    draft = _point_draft(evidence, position, category, target)
    if isinstance(draft, Skip):
        return draft
    rules, frame = evidence.rules, evidence.frame_of(position)
    key = evidence.scene.question_key(frame, target)
    wrong = CENTRES[rules.localization_options](evidence, frame, category, key, rng)
    if wrong is None:
        return skip("no room for wrong centres")
    return replace(
        draft,
        answer=_option(key[0]),
        answer_type="choice",
        distractors=(*map(_option, wrong), wording.NO),
        balance=BALANCES[rules.balance](draft.category, sorted((key[0], *wrong)).index(key[0])),
    )


def _no_draft(
    evidence: SetEvidence, position: int, category: int, target: int, rng: np.random.Generator
) -> Draft | Skip:
    rules, frame = evidence.rules, evidence.frame_of(position)
    centres = CENTRES[rules.localization_options](evidence, frame, category, None, rng)
    if centres is None:
        return skip("no room for wrong centres")
    return Draft(
        answer=wording.NO,
        distractors=tuple(map(_option, centres)),
        targets=evidence.covered_by_category[category],
        balance=BALANCES[rules.balance](evidence.scene.categories[category], None),
        **_common(evidence, position, category, target),
    )


def _common(evidence: SetEvidence, position: int, category: int, target: int) -> dict[str, Any]:
    name = evidence.scene.categories[category]
    question = wording.localization(evidence.rules, name, position + 1)
    return {
        "question": f"{question} {evidence.rules.coordinate_note}",
        "category": name,
        "query_frame": position + 1,
        "target": ObjectRef(evidence.scene.annotations.instances[target].instance_id, name),
    }


def _option(point: Point) -> str:
    return wording.LOCALIZATION_OPTION.format(x=point[0], y=point[1])


def balance_polarity(category: str, place: int | None) -> Balance:
    """Let Yes and No be equally frequent in a scene.

    Args:
        category: the one that is asked for.
        place: of the key among the centres, from left to right; None for No.
    """
    return Balance(side=int(place is None), num_sides=2)


def balance_text(category: str, place: int | None) -> Balance:
    """Let each place and No be the key of a category equally often. Arguments as in `balance_polarity`."""
    return Balance(category, side=_NUM_CENTRES if place is None else place, num_sides=_NUM_CENTRES + 1)


BALANCES = {"polarity": balance_polarity, "text": balance_text}
"""By `Rules.balance`."""

TASK = Task("localization", ("obj_localization_occ", _POINT), propose)
