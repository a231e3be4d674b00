"""Runs the tasks over a scene's frame sets: candidate records, more than the scene's share, and the skip ledger.

Candidates have no option letters yet: the merge selects among them and lays the options out (`merge.py`).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa

from .annotations import Annotations
from .evidence import SceneEvidence, SetEvidence
from .frame_sets import sample_frame_sets
from .randomness import digest, generator
from .rules import Rules
from .schema import RECORD_SCHEMA, FrameSet, ObjectRef, Skip
from .tasks import QUESTION_TYPES, Draft, Task
from .tasks.task import preferred_order
from .version import BUILDER_VERSION

_LAID_OUT_AT_MERGE = {"split", "options", "mc_answer", "ground_truth", "answer_index", "chance"}
CANDIDATE_SCHEMA = pa.schema(
    [field for field in RECORD_SCHEMA if field.name not in _LAID_OUT_AT_MERGE]
    + [
        pa.field("answer", pa.string()),
        pa.field("distractors", pa.list_(pa.string())),
        pa.field("group", pa.string()),
        pa.field("side", pa.int8()),
        pa.field("num_sides", pa.int8()),
        pa.field("across_scenes", pa.bool_()),
        pa.field("contest", pa.list_(pa.string())),
        pa.field("once", pa.string()),
    ]
)
"""Columns of a candidate: a record's without what depends on the selection, and the options' bare texts."""

_MAX_FRAME_SETS = 2_000
"""Frame sets per scene at most."""
_SETS_PER_CANDIDATE = 2
"""Frame sets tried per candidate wanted before a rare question type is given up."""


@dataclass(frozen=True)
class Candidates:
    """What one scene offers."""

    table: pa.Table
    """`CANDIDATE_SCHEMA`, in order of preference: frame set by frame set."""
    skips: Counter[tuple[str, str]]
    """How often a question of a type was given up, by (question type, reason)."""
    num_frame_sets: int
    """Frame sets that were looked at."""


def propose_records(annotations: Annotations, rules: Rules, share: int, seed: int) -> Candidates:
    """Make candidate records of every question type.

    Args:
        annotations: of the scene.
        rules: the profile.
        share: the scene's share of the dataset, questions of each type.
        seed: of the build.
    """
    scene = SceneEvidence(annotations, rules)
    wanted = math.ceil(rules.oversupply * share)
    frame_sets = _preferred_sets(annotations, rules, min(_MAX_FRAME_SETS, _SETS_PER_CANDIDATE * wanted), seed)
    skips: Counter[tuple[str, str]] = Counter()
    made: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    looked_at = 0
    for frame_set in frame_sets:
        missing = [name for name in QUESTION_TYPES if made[name] < wanted]
        if not missing:
            break
        looked_at += 1
        evidence = SetEvidence(scene, frame_set)
        shared = _set_columns(evidence, seed)
        questions: set[tuple[bool, str]] = set()
        for question_type in missing:
            drafts = _drafts(evidence, question_type, questions, skips, seed)
            if not drafts:
                skips[question_type, "the frame set gives no such question"] += 1
            for draft in drafts:
                rows.append(_row(evidence, QUESTION_TYPES[question_type], question_type, draft, shared))
                made[question_type] += 1
    if not frame_sets:
        skips["all", "the scene has no two frames of low overlap"] += 1
    return Candidates(pa.Table.from_pylist(rows, schema=CANDIDATE_SCHEMA), skips, looked_at)


def _preferred_sets(annotations: Annotations, rules: Rules, num_sets: int, seed: int) -> list[FrameSet]:
    """Frame sets with hard overlap levels earlier on average."""
    sets = sample_frame_sets(annotations, rules, num_sets, seed)
    weight_of = dict(rules.level_weights)
    weights = [weight_of[overlap_level(_overlap_avg(annotations, s), rules)] for s in sets]
    order = preferred_order(np.array(weights), generator(seed, annotations.scene_name, rules.profile, "set order"))
    return [sets[k] for k in order]


def _drafts(
    evidence: SetEvidence,
    question_type: str,
    questions: set[tuple[bool, str]],
    skips: Counter[tuple[str, str]],
    seed: int,
) -> list[Draft]:
    """Take the first drafts of a type whose question text the frame set does not hold yet.

    A text may stand twice, once with options and once without: `questions` keeps the two apart.
    """
    rng = generator(seed, evidence.scene.rules.profile, evidence.frame_set.frame_set_id, question_type)
    drafts: list[Draft] = []
    for draft in QUESTION_TYPES[question_type].propose(evidence, question_type, rng):
        if isinstance(draft, Skip):
            skips[question_type, draft.reason] += 1
        elif (question := (draft.answer_type == "choice", draft.question)) in questions:
            skips[question_type, "the frame set already holds this question"] += 1
        else:
            questions.add(question)
            drafts.append(draft)
        if len(drafts) == evidence.rules.questions_per_type_and_set:
            break
    return drafts


def _set_columns(evidence: SetEvidence, seed: int) -> dict[str, Any]:
    """Columns that all records of a frame set share."""
    a, rules = evidence.scene.annotations, evidence.rules
    frames = [a.frames[k] for k in evidence.frame_set.frames]
    overlap = _overlap_avg(a, evidence.frame_set)
    return {
        "dataset": "scannetpp",
        "scene_name": a.scene_name,
        "profile": rules.profile,
        "frame_set_id": evidence.frame_set.frame_set_id,
        "frames": [frame.name for frame in frames],
        "image_paths": [frame.image_path for frame in frames],
        "overlap_avg": overlap,
        "overlap_level": overlap_level(overlap, rules),
        "seed": seed,
        "builder_version": BUILDER_VERSION,
    }


def _row(
    evidence: SetEvidence, task: Task, question_type: str, draft: Draft, shared: dict[str, Any]
) -> dict[str, Any]:
    source, target = _object_ref(draft.source), _object_ref(draft.target)
    key = (shared["profile"], shared["scene_name"], *shared["frames"], question_type, draft.question, target, source)
    return {
        **shared,
        **_diagnostics(evidence, draft),
        "id": digest(*key)[:32],
        "task": task.name,
        "question_type": question_type,
        "query_frame": draft.query_frame,
        "question": draft.question,
        "category": draft.category,
        "source": source,
        "target": target,
        "relation": draft.relation,
        "bbox_2d": draft.bbox_2d,
        "bbox_2d_diag": draft.bbox_2d_diag,
        "answer_type": draft.answer_type,
        "answer_band": draft.answer_band,
        "answer": draft.answer,
        "distractors": draft.distractors,
        **asdict(draft.balance),
    }


def _object_ref(ref: ObjectRef | None) -> dict[str, Any] | None:
    if ref is None:
        return None
    return {"instance_id": ref.instance_id, "category": ref.category, "position": ref.position}


def _diagnostics(evidence: SetEvidence, draft: Draft) -> dict[str, Any]:
    """Difficulty of a question (Sec. 3.4, App. A, B; spec section 8)."""
    visible = evidence.is_visible[:, draft.targets]
    occlusion = evidence.occlusion_avg(draft.targets)
    category = int(evidence.scene.category_index[draft.targets[0]])
    is_full = len(evidence.covered_by_category[category]) == evidence.scene.category_size[category]
    return {
        "occlusion_avg": occlusion,
        "occ_level": None if occlusion is None else occlusion_level(occlusion, evidence.rules),
        "vis_level": "Fully Visible" if visible.all() else "Partially Visible",
        "gt_scenario": "Full Coverage" if is_full else "Partial Coverage",
        "num_frames_visible": int(visible.any(axis=1).sum()),
    }


def _overlap_avg(annotations: Annotations, frame_set: FrameSet) -> float:
    pairs = [float(annotations.overlap[i, j]) for i, j in combinations(frame_set.frames, 2)]
    return 100.0 * sum(pairs) / len(pairs)


def overlap_level(overlap_avg: float, rules: Rules) -> str:
    """Difficulty of a mean overlap in percent: little overlap is `high`."""
    return ("high", "medium", "low")[bisect_right(rules.overlap_levels, _as_stored(overlap_avg))]


def occlusion_level(occlusion_avg: float, rules: Rules) -> str:
    """Difficulty of a mean occlusion ratio."""
    return rules.level_weights[bisect_right(rules.occlusion_levels, _as_stored(occlusion_avg))][0]


def _as_stored(value: float) -> float:
    """Round as the record's column does, so that a level is that of the value beside it."""
    return float(np.float32(value))
