"""Localization: is the object in the query frame, and if so, where is the centre of its visible box? (App. D)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ..evidence import SetEvidence
from ..schema import ObjectRef, Skip
from . import wording
from .centres import NUM_CENTRES, OFFERS, Case, Point, cases_there
from .task import Balance, Draft, Task, skip

_POINT = "obj_localization_occ_na"
_ROWS = 5
"""Rows of the picture between which a category is told apart: a rug lies in the lowest."""
_NO_BOX = "too few pixels for a box"


def propose(evidence: SetEvidence, question_type: str, rng: np.random.Generator) -> Iterator[Draft | Skip]:
    """Ask for a category in a frame that shows one instance of it (Yes), or none while another frame does (No).

    Without options only where it is there: an answer that is sometimes no point could not be scored as one.
    """
    if question_type == _POINT:
        for case in cases_there(evidence, rng):
            yield _point_draft(evidence, case) if case.has_box else skip(_NO_BOX)
        return
    for case, centres in OFFERS[evidence.rules.localization_options](evidence, rng):
        if not case.has_box:
            yield skip(_NO_BOX)
        elif centres is None:
            yield skip("no room for wrong centres")
        else:
            yield (
                _yes_draft(evidence, case, centres, rng) if case.is_there else _no_draft(evidence, case, centres, rng)
            )


def _point_draft(evidence: SetEvidence, case: Case) -> Draft:
    scene, frame = evidence.scene, evidence.frame_of(case.position)
    (x, y), diagonal = scene.question_key(frame, case.target)
    return Draft(
        answer=wording.POINT.format(x=x, y=y),
        answer_type="point",
        targets=np.array([case.target]),
        bbox_2d=tuple(scene.annotations.bbox_2d[frame, case.target].tolist()),
        bbox_2d_diag=diagonal,
        **_common(evidence, case),
    )


def _yes_draft(evidence: SetEvidence, case: Case, centres: list[Point], rng: np.random.Generator) -> Draft:
    draft = _point_draft(evidence, case)
    key, *wrong = centres
    return replace(
        draft,
        answer=_option(key),
        answer_type="choice",
        distractors=(*map(_option, wrong), wording.NO),
        balance=BALANCES[evidence.rules.balance](evidence, draft.category, centres, rng),
    )


def _no_draft(evidence: SetEvidence, case: Case, centres: list[Point], rng: np.random.Generator) -> Draft:
    return Draft(
        answer=wording.NO,
        distractors=tuple(map(_option, centres)),
        targets=evidence.covered_by_category[case.category],
        balance=BALANCES[evidence.rules.balance](evidence, evidence.scene.categories[case.category], None, rng),
        **_common(evidence, case),
    )


def _common(evidence: SetEvidence, case: Case) -> dict[str, Any]:
    name = evidence.scene.categories[case.category]
    question = wording.localization(evidence.rules, name, case.position + 1)
    return {
        "question": f"{question} {evidence.rules.coordinate_note}",
        "category": name,
        "query_frame": case.position + 1,
        "target": ObjectRef(evidence.scene.annotations.instances[case.target].instance_id, name),
    }


def _option(point: Point) -> str:
    return wording.LOCALIZATION_OPTION.format(x=point[0], y=point[1])


def balance_polarity(
    evidence: SetEvidence, category: str, centres: list[Point] | None, rng: np.random.Generator
) -> Balance:
    """Let Yes and No be equally frequent in a scene.

    Args:
        evidence: of the frame set.
        category: the one that is asked for.
        centres: the key and the wrong ones; None where the answer is No.
        rng: source of randomness.
    """
    return Balance(side=int(centres is None), num_sides=2)


def balance_text(
    evidence: SetEvidence, category: str, centres: list[Point] | None, rng: np.random.Generator
) -> Balance:
    """Let a quarter of a category's answers be No, and no height in the picture be likelier for it than another.

    Arguments as in `balance_polarity`.
    """
    num_sides = NUM_CENTRES + 1
    if centres is None:
        return Balance(category, side=NUM_CENTRES, num_sides=num_sides, across_scenes=True)
    rows = [_ROWS * y // (evidence.rules.coordinate_size + 1) for _, y in centres]
    contest = tuple(f"{category} | row {row}" for row in rows)
    place = sorted((y, x) for x, y in centres).index(centres[0][::-1])
    return Balance(category, place, num_sides, across_scenes=True, contest=contest)


BALANCES = {"polarity": balance_polarity, "text": balance_text}
"""By `Rules.balance`."""

TASK = Task("localization", ("obj_localization_occ", _POINT), propose)
