"""What a record must fulfil in itself, before any look at the scene: its fields and its sentences agree."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..randomness import digest
from ..reading import parse_answer, parse_option, parse_question
from ..rules import PROFILES, Rules
from ..scans.labels import plural
from ..splits import SPLITS
from .case import Ledger, Record, Text
from .schemes import check_scheme
from .truth import exactly

LETTERS = "ABCDEFGH"
_DATASET = "scannetpp"
_ID_LENGTH = 32
_SET_ID_LENGTH = 16
_ROUNDING = 1e-4
"""Stored values are 32-bit."""


_FILLED = (
    *("id", "scene_name", "split", "profile", "task", "question_type", "frame_set_id", "frames", "image_paths"),
    *("question", "options", "ground_truth", "answer_type", "category", "overlap_avg", "overlap_level", "vis_level"),
    *("gt_scenario", "num_frames_visible", "builder_version"),
)
"""Columns that no record leaves empty."""
_LISTS = ("frames", "image_paths", "options")
_OF_OPTIONS = ("options", "answer_index", "mc_answer", "chance")


@dataclass(frozen=True, slots=True)
class Shape:
    """What the records of a question type have."""

    task: str
    num_options: int
    answer_type: str = "choice"
    relations: tuple[str, ...] = ()
    """The two relations on the axis that is asked about."""
    has_query_frame: bool = True
    has_source: bool = False
    has_target: bool = True


_AXES = {"lr": ("left", "right"), "ab": ("higher", "lower"), "fb": ("closer", "farther")}
SHAPES = {
    "obj_count_occ": Shape("count", 4, has_query_frame=False, has_target=False),
    "bestview_count_occ": Shape("best_view", 4, has_query_frame=False, has_target=False),
    **{
        f"obj_existence_occ_{axis}": Shape("existence", 2, relations=pair, has_source=True)
        for axis, pair in _AXES.items()
    },
    **{
        f"obj_attribute_occ_{axis}": Shape("attribute", 4, relations=pair, has_source=True)
        for axis, pair in _AXES.items()
    },
    **{
        f"obj_spatial_occ_{axis}": Shape("spatial_relation", 4, relations=pair, has_source=True)
        for axis, pair in _AXES.items()
    },
    "obj_localization_occ": Shape("localization", 4),
    "obj_count_occ_na": Shape("count", 0, "number", has_query_frame=False, has_target=False),
    "obj_localization_occ_na": Shape("localization", 0, "point"),
    "obj_distance_occ_na": Shape("distance", 0, "number"),
    "obj_obj_distance_occ_na": Shape("distance", 0, "number", has_query_frame=False, has_source=True),
    "obj_size_occ_na": Shape("size", 0, "number", has_query_frame=False),
}
"""By question type (spec section 7)."""


def check_form(record: Record, ledger: Ledger) -> Text | None:
    """Claim that a record's fields and sentences agree.

    Returns:
        What its sentences say; None where it is too broken to be judged further.
    """
    empty = [name for name in _FILLED if record[name] is None or (name in _LISTS and None in record[name])]
    if not ledger.claim("the columns are filled", exactly(not empty), "values", empty):
        return None
    shape, rules = SHAPES.get(record["question_type"]), PROFILES.get(record["profile"])
    if not ledger.claim(
        "the question type is known", exactly(shape), "one of spec section 7", record["question_type"]
    ):
        return None
    if not ledger.claim("the profile is known", exactly(rules), " or ".join(PROFILES), record["profile"]):
        return None
    assert shape is not None
    assert rules is not None
    _check_levels(record, rules, ledger)
    is_task = exactly(record["task"] == shape.task)
    if not ledger.claim("the task is the question type's", is_task, shape.task, record["task"]):
        return None
    ledger.claim("the split is known", exactly(record["split"] in SPLITS), " or ".join(SPLITS), record["split"])
    _check_identity(record, ledger)
    _check_band(record, ledger)
    sound = [_check_frames(record, shape, rules, ledger), _check_refs(record, shape, ledger)]
    sound.append(_check_options(record, shape, ledger))
    return _read_text(record, shape, rules, ledger) if all(sound) else None


def _check_identity(record: Record, ledger: Ledger) -> None:
    """Claim that the id is that of what is asked of which frames."""
    ledger.claim("the dataset is known", exactly(record["dataset"] == _DATASET), _DATASET, record["dataset"])
    refs = [None if ref is None else _as_written(ref) for ref in (record["target"], record["source"])]
    asked = (*record["frames"], record["question_type"], record["question"], *refs)
    expected = digest(record["profile"], record["scene_name"], *asked)[:_ID_LENGTH]
    ledger.claim("the id is that of the question", exactly(record["id"] == expected), expected, record["id"])
    names = "\n".join([record["scene_name"], *sorted(record["frames"])])
    expected, got = hashlib.sha256(names.encode()).hexdigest()[:_SET_ID_LENGTH], record["frame_set_id"]
    ledger.claim("frame_set_id is that of the frames", exactly(got == expected), expected, got)


def _as_written(ref: dict[str, Any]) -> dict[str, Any]:
    position = ref["position"]
    return {**ref, "position": None if position is None else tuple(position)}


def _check_band(record: Record, ledger: Ledger) -> None:
    """Claim that numbers have a band, which for counts is the number alone. That of lengths is for the scene to tell."""
    band, truth = record["answer_band"], record["ground_truth"]
    got = None if band is None else tuple(band)
    if record["answer_type"] != "number":
        ledger.claim("a band is given where a number is the answer", exactly(got is None), None, got)
    elif record["task"] == "count":
        expected = (float(truth), float(truth)) if truth.isdigit() else None
        ledger.claim("a count has no other count in its band", exactly(got == expected), expected, got)
    else:
        ledger.claim("a band is given where a number is the answer", exactly(got is not None), "a band", got)


def _check_levels(record: Record, rules: Rules, ledger: Ledger) -> None:
    overlap, occlusion = record["overlap_avg"], record["occlusion_avg"]
    levels = _levels(overlap, (*zip(rules.overlap_levels, ("high", "medium"), strict=True), (float("inf"), "low")))
    got = record["overlap_level"]
    ledger.claim("overlap_level follows overlap_avg", exactly(got in levels), levels, got)
    names = (*(name for name, _ in rules.level_weights),)
    bounds = (*zip(rules.occlusion_levels, names[:-1], strict=True), (float("inf"), names[-1]))
    expected = {None} if occlusion is None else _levels(occlusion, bounds)
    got = record["occ_level"]
    ledger.claim("occ_level follows occlusion_avg", exactly(got in expected), expected, got)


def _levels(value: float, bounds: Iterable[tuple[float, str]]) -> set[str | None]:
    """Levels that a rounded value may have."""
    bounds = list(bounds)
    return {next((name for bound, name in bounds if v < bound), None) for v in (value - _ROUNDING, value + _ROUNDING)}


def _check_frames(record: Record, shape: Shape, rules: Rules, ledger: Ledger) -> bool:
    frames, query = record["frames"], record["query_frame"]
    is_set = len(frames) in rules.frame_counts and len(set(frames)) == len(frames) == len(record["image_paths"])
    ledger.claim(
        "the frames are a set",
        exactly(is_set),
        f"{rules.frame_counts[0]} to {rules.frame_counts[-1]} different ones",
        frames,
    )
    fits = (query is not None and 1 <= query <= len(frames)) if shape.has_query_frame else query is None
    return ledger.claim("the query frame is one of them", exactly(fits), f"1 to {len(frames)}", query) and is_set


def _check_refs(record: Record, shape: Shape, ledger: Ledger) -> bool:
    source, target, relation = record["source"], record["target"], record["relation"]
    asked = [role for role, has in (("source", shape.has_source), ("target", shape.has_target)) if has]
    got = [role for role, ref in (("source", source), ("target", target)) if ref is not None]
    has_refs = ledger.claim(
        "source and target stand where the question type has them", exactly(asked == got), asked, got
    )
    fits = relation in shape.relations if shape.relations else relation is None
    ledger.claim("the relation is on the asked axis", exactly(fits), shape.relations or None, relation)
    if not has_refs:
        return False
    if target is not None:
        same = target["category"] == record["category"]
        ledger.claim("the category is the target's", exactly(same), target["category"], record["category"])
    if source is not None:
        differ = source["category"] != record["category"]
        ledger.claim(
            "source and target are of two categories", exactly(differ), "another category", source["category"]
        )
    is_boxed = shape.task == "localization" and record["ground_truth"] != "No"
    has_box = len(record["bbox_2d"] or ()) == 4 and record["bbox_2d_diag"] is not None
    words = {True: "a box", False: "no box"}
    ledger.claim(
        "a box is given where a place is the answer", exactly(has_box == is_boxed), words[is_boxed], words[has_box]
    )
    return fits and has_box == is_boxed


def _check_options(record: Record, shape: Shape, ledger: Ledger) -> bool:
    options, index, kind = record["options"], record["answer_index"], record["answer_type"]
    ledger.claim(
        "the answer is of the question type's kind", exactly(kind == shape.answer_type), shape.answer_type, kind
    )
    if not shape.num_options:
        filled = [name for name in _OF_OPTIONS if record[name] not in (None, [])]
        return ledger.claim("a number or point has nothing of options", exactly(not filled), "none", filled)
    texts = [option[3:] for option in options]
    lettered = [f"{letter}. {text}" for letter, text in zip(LETTERS, texts, strict=False)]
    fits = len(options) == shape.num_options and lettered == options
    ledger.claim("the options are lettered", exactly(fits), f"{shape.num_options} options", options)
    ledger.claim("the options differ", exactly(len(set(texts)) == len(texts)), "different texts", options)
    if not fits or not ledger.claim(
        "the key is an option", exactly(index in range(len(options))), f"0 to {len(options) - 1}", index
    ):
        return False
    key = (LETTERS[index], texts[index])
    got = (record["mc_answer"], record["ground_truth"])
    ledger.claim("letter, text and index of the key agree", exactly(key == got), key, got)
    same = record["chance"] is not None and abs(record["chance"] - 1 / len(options)) < _ROUNDING
    ledger.claim("chance is that of a uniform guess", exactly(same), 1 / len(options), record["chance"])
    return True


def _read_text(record: Record, shape: Shape, rules: Rules, ledger: Ledger) -> Text | None:
    asked = parse_question(shape.task, record["question"])
    options = [parse_option(shape.task, option[3:]) for option in record["options"]]
    parse = parse_option if shape.num_options else parse_answer
    answer = parse(shape.task, record["ground_truth"])
    if not ledger.claim(
        "the question has the task's words", exactly(asked), f"one about {shape.task}", record["question"]
    ):
        return None
    fits, given = answer is not None and None not in options, record["options"] or record["ground_truth"]
    if not ledger.claim("the answers have the task's words", exactly(fits), f"those about {shape.task}", given):
        return None
    assert asked is not None
    assert answer is not None
    text = Text(asked, tuple(option for option in options if option is not None), answer)
    _check_names(record, text, rules, ledger)
    check_scheme(record, text, rules, ledger)
    return text


def _check_names(record: Record, text: Text, rules: Rules, ledger: Ledger) -> None:
    """Claim that the sentences name what the fields hold."""
    asked, source, target = text.asked, record["source"], record["target"]
    frame, category = record["query_frame"], record["category"]
    ledger.claim("the question names the query frame", exactly(asked.frame == frame), frame, asked.frame)
    names = [s.frame for s in text.options if s.frame is not None]
    defined = all(1 <= name <= len(record["frames"]) for name in names)
    ledger.claim("the options name frames of the set", exactly(defined), f"1 to {len(record['frames'])}", names)
    if asked.category is not None:
        same = asked.category in (category, plural(category))
        ledger.claim("the question names the category", exactly(same), category, asked.category)
    named = None if source is None else source["category"]
    ledger.claim("the question names the source", exactly(asked.source == named), named, asked.source)
    position = (source or target or {}).get("position")
    tag = None if position is None else tuple(position)
    ledger.claim("the question tells twins apart as the record does", exactly(asked.tag == tag), tag, asked.tag)
    for option in text.options:
        if option.source is not None:
            expected, got = (asked.source, asked.tag), (option.source, option.tag)
            ledger.claim("the options name the source", exactly(expected == got), expected, got)
    note = rules.coordinate_note if tag is not None or record["task"] == "localization" else ""
    ledger.claim(
        "coordinates are explained where there are any",
        exactly(asked.note == note),
        note or "none",
        asked.note or "none",
    )


def check_group(records: Collection[tuple[Record, Ledger]]) -> None:
    """Claim what holds between the records of one scene: one split, one order of a set, nothing twice.

    Where they differ, the most are right.
    """
    votes: dict[tuple[object, ...], Counter[object]] = {}
    for record, _ in records:
        for _, key, value in _shared(record):
            votes.setdefault(key, Counter())[value] += 1
    met: set[tuple[object, ...]] = set()
    for record, ledger in records:
        for what, key, value in _shared(record):
            expected = votes[key].most_common(1)[0][0]
            ledger.claim(what, exactly(value == expected), expected, value)
        has_options = record["answer_type"] == "choice"
        question = ("question", record["frame_set_id"], record["question"], has_options)
        for what, once in (
            ("an id stands once", ("record", record["id"])),
            ("a question stands once in a frame set", question),
        ):
            ledger.claim(what, exactly(once not in met), "once", "again")
            met.add(once)


def _shared(record: Record) -> Iterator[tuple[str, tuple[object, ...], object]]:
    """What records have in common: a claim, whose it is, and the value."""
    frames = tuple(record["frames"])
    yield "a frame set has one order", ("order", frozenset(frames)), frames
    yield "a scene is in one split", ("split", record["scene_name"]), record["split"]
