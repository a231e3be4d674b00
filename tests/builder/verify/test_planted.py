"""True records pass; records made wrong in every way that one can be are caught, each for the right reason."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from spatialmosaic_builder.annotations import Annotations
from spatialmosaic_builder.relations import AXES, camera_extents
from spatialmosaic_builder.rules import PROFILES
from spatialmosaic_builder.tasks import wording
from spatialmosaic_builder.verify.examine import Finding, Verdict

Record = dict[str, Any]
Change = Callable[[Record, Annotations], Iterator[Record] | Record | None]
"""Makes wrong records of a true one; None where it offers no occasion."""


def contradicted(finding: Finding) -> set[str]:
    return {doubt.claim for doubt in finding.doubts if not doubt.is_possible}


def with_texts(record: Record, texts: list[str], key: int) -> Record:
    """Give a record other options and another key, everything that repeats them included."""
    options = [f"{letter}. {text}" for letter, text in zip("ABCD", texts, strict=False)]
    return record | {
        "options": options,
        "answer_index": key,
        "mc_answer": "ABCD"[key],
        "ground_truth": texts[key],
    }


def texts_of(record: Record) -> list[str]:
    return [option[3:] for option in record["options"]]


def other_keys(record: Record, annotations: Annotations) -> Iterator[Record]:
    """Every wrong option as the key."""
    for k in range(len(record["options"])):
        if k != record["answer_index"]:
            wrong = with_texts(record, texts_of(record), k)
            is_place = wrong["ground_truth"].startswith("Yes; ")
            if record["task"] == "localization":
                box = record["bbox_2d"] or [100, 100, 200, 200]
                wrong |= {"bbox_2d": box if is_place else None, "bbox_2d_diag": 60.0 if is_place else None}
            yield wrong


def more_counted(record: Record, annotations: Annotations) -> Record:
    """Every number one higher, in a best view's options too."""
    texts = [f"{int(text.split()[0]) + 1}{text[len(text.split()[0]) :]}" for text in texts_of(record)]
    return with_texts(record, texts, record["answer_index"])


def replaced(record: Record, text: str) -> Record:
    """The first wrong option replaced."""
    texts, wrong = texts_of(record), 1 if record["answer_index"] == 0 else 0
    return with_texts(record, [text if k == wrong else old for k, old in enumerate(texts)], record["answer_index"])


def true_category(record: Record, annotations: Annotations) -> Record | None:
    """A wrong category that stands in the asked relation too."""
    frame = [f.name for f in annotations.frames].index(record["frames"][record["query_frame"] - 1])
    source = [i.instance_id for i in annotations.instances].index(record["source"]["instance_id"])
    axis = next(axis for axis in AXES if record["relation"] in (axis.below, axis.above))
    extents = camera_extents([instance.box for instance in annotations.instances], annotations.frames)
    signs = extents.signs(frame, slice(None), source, 0.05)
    sign = -1 if record["relation"] == axis.below else 1
    shown = [f.name in record["frames"] for f in annotations.frames]
    clear = (annotations.occlusion_ratio[shown] < 0.5) & (annotations.visible_points[shown] > 200)
    used = {record["source"]["category"], *texts_of(record)}
    for k in np.flatnonzero((signs[:, axis.index] == sign) & clear.any(axis=0)):
        instance = annotations.instances[k]
        if instance.category and instance.category not in used and instance.num_vertices > 50:
            return replaced(record, instance.category)
    return None


def true_relation(record: Record, annotations: Annotations) -> Record:
    """A wrong relation turned into its opposite on an axis that is not asked about."""
    axis = next(axis for axis in AXES if record["relation"] in (axis.below, axis.above))
    texts = texts_of(record)
    for k, text in enumerate(texts):
        for relation, opposite in wording.OPPOSITES.items():
            option = wording.relation_option(relation, "").removesuffix(".")
            if text.startswith(option) and relation not in (axis.below, axis.above):
                texts[k] = wording.relation_option(opposite, text.removeprefix(option)[:-1])
                return with_texts(record, texts, record["answer_index"])
    raise AssertionError("all axes stand among the options")


def true_place(record: Record, annotations: Annotations) -> Record | None:
    """A wrong place beside the right one."""
    if record["bbox_2d"] is None:
        return None
    x, y = map(int, record["ground_truth"].removeprefix("Yes; (").removesuffix(")").split(", "))
    place = wording.LOCALIZATION_OPTION.format(x=x + 3, y=y)
    texts = texts_of(record)
    wrong = next(k for k, text in enumerate(texts) if k != record["answer_index"] and text != "No")
    return with_texts(record, [place if k == wrong else t for k, t in enumerate(texts)], record["answer_index"])


def counted_more(record: Record, annotations: Annotations) -> Record:
    """A number one higher, and the band about it."""
    count = int(record["ground_truth"]) + 1
    return record | {"ground_truth": str(count), "answer_band": [count, count]}


def moved_box(record: Record, annotations: Annotations) -> Record | None:
    """The box a tenth of the picture to the side, and the key with it."""
    if record["bbox_2d"] is None:
        return None
    camera = annotations.frames[0].camera
    x0, y0, x1, y1 = record["bbox_2d"]
    shift = camera.width // 10 * (1 if x1 < camera.width * 0.8 else -1)
    moved = record | {"bbox_2d": [x0 + shift, y0, x1 + shift, y1]}
    size = PROFILES[record["profile"]].coordinate_size
    x = round((x0 + x1 + 2 * shift) / 2 * size / camera.width)
    y = round((y0 + y1) / 2 * size / camera.height)
    if not record["options"]:
        return moved | {"ground_truth": f"({x}, {y})"}
    texts = texts_of(record)
    texts[record["answer_index"]] = f"Yes; ({x}, {y})"
    return with_texts(moved, texts, record["answer_index"])


def moved_tag(record: Record, annotations: Annotations) -> Record | None:
    """The place that tells twins apart moved by half a picture, in the question and in the options."""
    role = "source" if record["source"] else "target"
    if not record[role] or not record[role]["position"]:
        return None
    x, y = record[role]["position"]
    moved = [(x + 259) % 518, y]
    texts = {
        name: str(record[name]).replace(f"({x}, {y})", f"({moved[0]}, {y})") for name in ("question", "ground_truth")
    }
    options = [option.replace(f"({x}, {y})", f"({moved[0]}, {y})") for option in record["options"]]
    return record | texts | {"options": options, role: record[role] | {"position": moved}}


def dropped_tag(record: Record, annotations: Annotations) -> Record | None:
    """Twins that nothing tells apart."""
    source = record["source"]
    if not source["position"]:
        return None
    frame = [f.name for f in annotations.frames].index(record["frames"][record["query_frame"] - 1])
    clear = (annotations.occlusion_ratio[frame] < 0.8) & (annotations.visible_pixels[frame] > 200)
    twins = [i for i, is_clear in zip(annotations.instances, clear, strict=True) if is_clear]
    if not any(i.category == source["category"] and i.instance_id != source["instance_id"] for i in twins):
        return None
    tag = " ({}, {})".format(*source["position"])
    texts = {name: record[name].replace(tag, "") for name in ("question", "ground_truth")}
    texts["question"] = texts["question"].partition(" Coordinates")[0]
    options = [option.replace(tag, "") for option in record["options"]]
    return record | texts | {"options": options, "source": source | {"position": None}}


def swapped_pair(record: Record, annotations: Annotations) -> Record:
    """Source and target change places, in the ids alone."""
    source, target = record["source"], record["target"]
    return record | {
        "source": source | {"instance_id": target["instance_id"]},
        "target": target | {"instance_id": source["instance_id"]},
    }


def unknown_object(record: Record, annotations: Annotations) -> Record:
    return record | {"target": record["target"] | {"instance_id": 987_654}}


def unknown_frame(record: Record, annotations: Annotations) -> Record:
    old = record["frames"][0]
    rename = [name.replace(old, "frame_999999") for name in record["frames"]]
    return record | {"frames": rename, "image_paths": [p.replace(old, "frame_999999") for p in record["image_paths"]]}


def overlapping_frame(record: Record, annotations: Annotations) -> Record | None:
    """A frame replaced by one that overlaps another of the set by far too much."""
    index = {frame.name: k for k, frame in enumerate(annotations.frames)}
    chosen = [index[name] for name in record["frames"]]
    for kept, replaced_one in combinations(range(len(chosen)), 2):
        for k in np.flatnonzero(annotations.overlap[chosen[kept]] > 0.4):
            if k not in chosen:
                frames, paths = list(record["frames"]), list(record["image_paths"])
                frames[replaced_one] = annotations.frames[k].name
                paths[replaced_one] = annotations.frames[k].image_path
                return record | {"frames": frames, "image_paths": paths}
    return None


def unlinked_frame(record: Record, annotations: Annotations) -> Record | None:
    """A frame replaced by one that shares nothing with the others."""
    index = {frame.name: k for k, frame in enumerate(annotations.frames)}
    kept = [index[name] for name in record["frames"][1:]]
    for k in np.flatnonzero((annotations.overlap[:, kept] == 0).all(axis=1)):
        frame = annotations.frames[k]
        frames, paths = [frame.name, *record["frames"][1:]], [frame.image_path, *record["image_paths"][1:]]
        return record | {"frames": frames, "image_paths": paths}
    return None


def place_of_nothing(record: Record, annotations: Annotations) -> Record:
    """A wrong place in the corner of the picture, where no object has its centre."""
    return replaced(record, wording.LOCALIZATION_OPTION.format(x=3, y=3))


def other_query(record: Record, annotations: Annotations) -> Record | None:
    """The question asked of a frame that does not show the source."""
    index = {frame.name: k for k, frame in enumerate(annotations.frames)}
    source = [i.instance_id for i in annotations.instances].index(record["source"]["instance_id"])
    for position, name in enumerate(record["frames"], 1):
        if annotations.points_in_view[index[name], source] == 0:
            question = record["question"].replace(f"In Frame {record['query_frame']},", f"In Frame {position},")
            return record | {"query_frame": position, "question": question}
    return None


FLIPPED = {
    "Fully Visible": "Partially Visible",
    "Partially Visible": "Fully Visible",
    "Full Coverage": "Partial Coverage",
    "Partial Coverage": "Full Coverage",
}


def other_coverage(record: Record, annotations: Annotations) -> Record | None:
    """The other of the two, where every instance of the category is clearly shown or nowhere near."""
    shown = [f.name in record["frames"] for f in annotations.frames]
    member = np.array([i.category == record["category"] for i in annotations.instances])
    clear = (annotations.occlusion_ratio < 0.7) & (annotations.visible_pixels > 1000) & (annotations.fov_ratio < 0.7)
    nowhere = (annotations.points_in_view[shown] == 0).all(axis=0)
    if not (clear[shown].any(axis=0) | nowhere)[member].all():
        return None
    return record | {"gt_scenario": FLIPPED[record["gt_scenario"]]}


def other_occlusion(record: Record, annotations: Annotations) -> Record | None:
    """A mean far from the right one; None where the frames show no point of the target."""
    mean = record["occlusion_avg"]
    return None if mean is None else record | {"occlusion_avg": 0.9 if mean < 0.5 else 0.1}


def longer(record: Record, annotations: Annotations) -> Record:
    """A length that is a third too much, and a band about it."""
    decimals = len(record["ground_truth"].partition(".")[2])
    low, high = record["answer_band"]
    value = 1.3 * float(record["ground_truth"])
    return record | {"ground_truth": f"{value:.{decimals}f}", "answer_band": [1.3 * low, 1.3 * high]}


def field(**changes: Any) -> Change:
    return lambda record, annotations: record | changes


def changed(name: str, change: Callable[[Any], Any]) -> Change:
    return lambda record, annotations: record | {name: change(record[name])}


ALL_CHOICES = ("count", "best_view", "existence", "attribute", "spatial_relation", "localization")
RELATIONS = ("existence", "attribute", "spatial_relation")

# name, tasks, change, one of the claims that must be contradicted
PLANTED: list[tuple[str, tuple[str, ...], Change, set[str]]] = [
    ("another key", ("count",), other_keys, {"the key is the count"}),
    ("another key", ("best_view",), other_keys, {"the key is the count", "the frame of the key shows most"}),
    ("another key", ("existence",), other_keys, {"the key answers the question"}),
    ("another key", ("attribute",), other_keys, {"the key is the target"}),
    ("another key", ("spatial_relation",), other_keys, {"the key holds", "the key names the relation"}),
    ("another key", ("localization",), other_keys, {"none of the category is in the query frame",
     "the key is the centre of the visible box", "the target is visible", "the target is visible in another frame"}),
    ("a higher count", ("count", "best_view"), more_counted, {"the key is the count"}),
    ("a higher count", ("count_na",), counted_more, {"the key is the count"}),
    ("a distractor that is true", ("attribute",), true_category, {"a wrong category is false"}),
    ("a distractor that is true", ("spatial_relation",), true_relation, {"a wrong relation is false"}),
    ("a distractor that is true", ("localization",), true_place, {"a wrong place is false"}),
    ("a distractor that is no object", ("attribute",), lambda r, a: replaced(r, "wall"),
     {"a wrong category may be asked about"}),
    ("a distractor that is not there", ("attribute",), lambda r, a: replaced(r, "giraffe"), {"a wrong category is in the set"}),
    ("an option twice", ("count", "attribute", "spatial_relation"), lambda r, a: replaced(r, r["ground_truth"]),
     {"the options differ"}),
    ("a moved box", ("localization", "localization_na"), moved_box, {"bbox_2d is the visible box"}),
    ("a moved tag", (*RELATIONS, "distance"), moved_tag, {"the tag is the centre of the visible box"}),
    ("a dropped tag", RELATIONS, dropped_tag, {"no twin is there, or a tag tells them apart"}),
    ("swapped source and target", RELATIONS, swapped_pair, {"the target is the object of that id",
     "the source is the object of that id"}),
    ("an unknown object", (*RELATIONS, "localization", "localization_na", "distance", "size"), unknown_object,
     {"the target is the object of that id"}),
    ("an unknown frame", (*ALL_CHOICES, "count_na", "localization_na", "distance", "size"), unknown_frame, {"the frames are in the scan"}),
    ("frames that overlap", ALL_CHOICES, overlapping_frame, {"every two frames overlap little"}),
    ("a query frame without the source", RELATIONS, other_query, {"the source is visible"}),
    ("a longer distance", ("distance", "size"), longer, {"the number is the length"}),
    ("a wider band", ("distance", "size"), changed("answer_band", lambda band: [band[0] / 2, band[1]]),
     {"answer_band is the tolerance"}),
    ("the other visibility", ALL_CHOICES, changed("vis_level", FLIPPED.get),
     {"vis_level tells whether all frames show the targets"}),
    ("the other coverage", ALL_CHOICES, other_coverage, {"gt_scenario tells whether the set shows all"}),
    ("too many frames", ALL_CHOICES, changed("num_frames_visible", lambda n: n + 3),
     {"num_frames_visible counts the targets' frames"}),
    ("another occlusion level", ALL_CHOICES, changed("occ_level", {"low": "high"}.get), {"occ_level follows occlusion_avg"}),
    ("another occlusion", ALL_CHOICES, other_occlusion,
     {"occlusion_avg is the mean of the targets", "occ_level follows occlusion_avg"}),
    ("another overlap level", ALL_CHOICES, changed("overlap_level", {"low": "high", "medium": "high", "high": "low"}.get),
     {"overlap_level follows overlap_avg"}),
    ("another overlap", ALL_CHOICES, changed("overlap_avg", lambda o: o + 4), {"overlap_avg is the mean overlap",
     "overlap_level follows overlap_avg"}),
    ("another letter", ALL_CHOICES, changed("mc_answer", lambda a: "B" if a == "A" else "A"),
     {"letter, text and index of the key agree"}),
    ("another text", ALL_CHOICES, field(ground_truth="5"), {"letter, text and index of the key agree"}),
    ("another chance", ALL_CHOICES, field(chance=0.3), {"chance is that of a uniform guess"}),
    ("options without letters", ALL_CHOICES, changed("options", lambda o: [text[3:] for text in o]),
     {"the options are lettered"}),
    ("other words", (*ALL_CHOICES, "size"), changed("question", lambda q: q.replace("?", "!")),
     {"the question has the task's words"}),
    ("another object named", ("count", "localization", "size"), changed("category", lambda c: "giraffe"),
     {"the question names the category", "the category is the target's"}),
    ("no note on coordinates", ("localization",), changed("question", lambda q: q.partition(" Coordinates")[0]),
     {"coordinates are explained where there are any"}),
    ("another question type", ALL_CHOICES, field(question_type="obj_colour_occ"), {"the question type is known"}),
    ("another task", ALL_CHOICES, field(task="size"), {"the task is the question type's"}),
    ("another profile", ALL_CHOICES, field(profile="lenient"), {"the profile is known"}),
    ("another split", ALL_CHOICES, field(split="dev"), {"the split is known"}),
    ("a query frame beyond the set", RELATIONS, field(query_frame=6), {"the query frame is one of them"}),
    ("a frame twice", ALL_CHOICES, changed("frames", lambda f: [f[0], f[0], *f[2:]]), {"the frames are a set"}),
    ("another picture", ALL_CHOICES, changed("image_paths", lambda p: p[1:] + p[:1]), {"the paths are those of the frames"}),
    ("an empty column", ALL_CHOICES, field(options=None), {"the columns are filled"}),
    ("a relation on another axis", RELATIONS, field(relation="inside"), {"the relation is on the asked axis"}),
    ("an invented id", (*ALL_CHOICES, "count_na", "size"), field(id="0" * 32), {"the id is that of the question"}),
    ("another dataset", ALL_CHOICES, field(dataset="scannet"), {"the dataset is known"}),
    ("a band about an option", ALL_CHOICES, field(answer_band=[1.0, 2.0]), {"a band is given where a number is the answer"}),
    ("no band", ("distance", "size"), field(answer_band=None), {"a band is given where a number is the answer"}),
    ("counts in a band", ("count_na",), changed("answer_band", lambda band: [band[0] - 1, band[1]]),
     {"a count has no other count in its band"}),
    ("no builder", ALL_CHOICES, field(builder_version=None), {"the columns are filled"}),
    ("another frame set", ALL_CHOICES, changed("frame_set_id", lambda name: name[::-1]), {"frame_set_id is that of the frames"}),
    ("no source", RELATIONS, field(source=None), {"source and target stand where the question type has them"}),
]  # fmt: skip


STRICT_TASKS = ("existence", "attribute", "localization", "count_na", "localization_na", "distance", "size")
"""Tasks of which the first sample room is sure to have strict questions."""
ENOUGH = 3
"""Wrong records of each kind, where there are so many occasions."""
ALSO_STRICT = {
    *("another key", "a distractor that is true", "a higher count", "a moved box", "swapped source and target"),
    *("an unknown frame", "frames that overlap", "a query frame without the source", "a longer distance"),
    *("the other visibility", "the other coverage", "another occlusion", "another overlap", "another profile"),
}
CASES = [("paper", name, task, *rest) for name, tasks, *rest in PLANTED for task in tasks]
CASES += [("strict", *case[1:]) for case in CASES if case[1] in ALSO_STRICT and case[2] in STRICT_TASKS]
CASES += [
    *(
        ("strict", "a frame for itself", task, unlinked_frame, {"what frames share links them all"})
        for task in STRICT_TASKS
    ),
    ("strict", "a place of nothing", "localization", place_of_nothing, {"a wrong place is that of another object"}),
]


@pytest.fixture(scope="module")
def agreeing(true_records, sample_scan, findings_of) -> dict[tuple[str, str], list[Record]]:
    """Records of the first room by profile and task; a task without options has a name of its own."""
    by_task: dict[tuple[str, str], list[Record]] = {}
    for profile in PROFILES:
        records = [r for r in true_records if (r["scene_name"], r["profile"]) == (sample_scan.scene_name, profile)]
        findings = findings_of(*records)
        assert not [finding for finding in findings if finding.verdict is Verdict.DISAGREES]
        agree = [r for r, finding in zip(records, findings, strict=True) if finding.verdict is Verdict.AGREES]
        assert len(agree) > 0.97 * len(records)
        for record in agree:
            is_open = record["task"] in ("count", "localization") and not record["options"]
            by_task.setdefault((profile, record["task"] + ("_na" if is_open else "")), []).append(record)
    return by_task


@pytest.fixture(scope="module")
def planted(agreeing, findings_of, sample_annotations) -> dict[str, list[Finding]]:
    """Findings of all wrong records, by case, made in one look at the room."""
    records: list[Record] = []
    cases: list[str] = []
    for profile, name, task, change, _ in CASES:
        made = 0
        for record in agreeing[profile, task]:
            wrong = change(copy.deepcopy(record), sample_annotations)
            new = [wrong] if isinstance(wrong, dict) else list(wrong or ())
            records += new
            cases += [case_id(profile, name, task)] * len(new)
            made += len(new)
            if made >= ENOUGH:
                break
    by_case: dict[str, list[Finding]] = {}
    for case, finding in zip(cases, findings_of(*records), strict=True):
        by_case.setdefault(case, []).append(finding)
    return by_case


def case_id(profile: str, name: str, task: str) -> str:
    return f"{profile}-{name}-{task}"


@pytest.mark.parametrize(
    ("case", "claims"), [pytest.param(c, claims, id=c) for *key, _, claims in CASES for c in [case_id(*key)]]
)
def test_a_planted_fault_is_caught(case: str, claims: set[str], planted: dict[str, list[Finding]]) -> None:
    assert planted.get(case), "no record offers the occasion"
    for finding in planted[case]:
        assert contradicted(finding) & claims, [(d.claim, d.is_possible, d.expected, d.got) for d in finding.doubts]


def test_a_contradiction_says_what_should_be_there(planted: dict[str, list[Finding]]) -> None:
    doubts = [d for findings in planted.values() for finding in findings for d in finding.doubts if not d.is_possible]
    assert [d for d in doubts if not d.expected or not d.got or d.expected == d.got] == []
