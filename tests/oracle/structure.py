"""Rules of a record's form that need no geometry, and the balance of a dataset."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from .report import Violation
from .scan import category_key

Record = dict[str, Any]

AXES = {"lr": ("left", "right"), "ab": ("higher", "lower"), "fb": ("closer", "farther")}
OPPOSITE = {a: b for pair in AXES.values() for a, b in (pair, pair[::-1])}
AXIS_OF = {relation: axis for axis, pair in AXES.items() for relation in pair}
PHRASES = {
    "to the left of": "left",
    "to the right of": "right",
    "higher than": "higher",
    "lower than": "lower",
    "closer to the camera than": "closer",
    "farther from the camera than": "farther",
}
TASKS = {
    "obj_count_occ": "count",
    "bestview_count_occ": "best_view",
    "obj_localization_occ": "localization",
    **{f"obj_existence_occ_{a}": "existence" for a in AXES},
    **{f"obj_attribute_occ_{a}": "attribute" for a in AXES},
    **{f"obj_spatial_occ_{a}": "spatial_relation" for a in AXES},
    "obj_count_occ_na": "count",
    "obj_localization_occ_na": "localization",
    "obj_distance_occ_na": "distance",
    "obj_obj_distance_occ_na": "distance",
    "obj_size_occ_na": "size",
}
BETWEEN = "obj_obj_distance_occ_na"
FRAMELESS = frozenset({"obj_count_occ", "obj_count_occ_na", "bestview_count_occ", BETWEEN, "obj_size_occ_na"})
LEAST_LENGTH = {"obj_distance_occ_na": 0.1, BETWEEN: 0.1, "obj_size_occ_na": 10.0}
"""In the unit of the question."""
RELATION_TASKS = frozenset({"existence", "attribute", "spatial_relation"})
NOTE = "Coordinates are pixels of the image resized to 518 x 518."
SIDE = 518

_FRAME = r"Frame (?P<frame>\d+)"
_RELATION = "(?P<relation>" + "|".join(PHRASES) + ")"
_SOURCE = r"the (?P<source>.+?)(?: ?\((?P<x>\d+), ?(?P<y>\d+)\))?"
_TARGET = r"the (?P<target>.+?)(?: ?\((?P<x>\d+), ?(?P<y>\d+)\))?"
_END = rf"(?P<note> {re.escape(NOTE)})?"
QUESTIONS = {
    "count": r"How many (?P<category>.+)\(s\) are visible across these frames\?",
    "best_view": r"How many (?P<category>.+)\(s\) are visible across these frames\? "
    r"And tell me which frame provides the most informative view of the (?P=category)\(s\)\.",
    "existence": rf"In {_FRAME}, (?:is|are) the (?P<target>.+?) {_RELATION} {_SOURCE} in this viewpoint\?{_END}",
    "attribute": rf"In {_FRAME}, which object appears {_RELATION} {_SOURCE} in this viewpoint\?{_END}",
    "spatial_relation": rf"In {_FRAME}, where (?:does|do) the (?P<target>.+?) appear in this view relative to {_SOURCE}\?{_END}",
    "localization": rf"Is there a\(n\) (?P<target>.+) in {_FRAME}\? "
    rf"If so, what is the bounding box center coordinates\?{_END}",
    "obj_distance_occ_na": rf"In {_FRAME}, what is the distance in meters between the camera and {_TARGET}\?{_END}",
    BETWEEN: r"What is the distance in meters between the (?P<target>.+?) and the (?P<source>.+)\?",
    "obj_size_occ_na": r"What is the length in centimeters of the longest side of the (?P<target>.+)\?",
}
"""By task, or by question type where a task asks in several ways."""
NUMBER_FORMS = {
    "obj_count_occ_na": r"(?P<count>[1-9]\d*)",
    "obj_localization_occ_na": r"\((?P<x>\d+), (?P<y>\d+)\)",
    "obj_distance_occ_na": r"(?P<number>\d+\.\d\d)",
    BETWEEN: r"(?P<number>\d+\.\d\d)",
    "obj_size_occ_na": r"(?P<number>\d+)",
}
"""Answers of the questions without options."""
OPTION_FORMS = {
    "count": r"(?P<count>\d+)",
    "best_view": r"(?P<count>\d+) (?P<category>.+)\(s\); Frame (?P<frame>\d+)",
    "existence": r"(?P<answer>Yes|No)",
    "attribute": r"(?P<category>[^.]+)",
    "spatial_relation": rf"(?P<relation>(?i:{'|'.join(PHRASES)})) {_SOURCE}\.",
    "localization": r"No|Yes; \((?P<x>\d+), (?P<y>\d+)\)",
}
OCC_LEVELS = ((0.3, "low"), (0.6, "medium"), (0.9, "high"), (math.inf, "extreme"))
OVERLAP_LEVELS = ((10.0, "high"), (20.0, "medium"), (math.inf, "low"))


@dataclass(frozen=True, slots=True)
class Parsed:
    """What the text of a record says: groups of its question, of each option in order, and of its answer."""

    task: str
    question: dict[str, str | None]
    options: list[dict[str, str | None]]
    answer: dict[str, str | None]

    @property
    def relation(self) -> str | None:
        """Relation that the question asks about."""
        text = self.question.get("relation")
        return PHRASES[text] if text else None

    def option_relation(self, index: int) -> str:
        """Relation that a spatial option states."""
        return PHRASES[str(self.options[index]["relation"]).lower()]

    @property
    def key_point(self) -> tuple[int, int] | None:
        """Coordinates of a localization's answer; None for `No`."""
        return point(self.answer)


def point(groups: dict[str, str | None]) -> tuple[int, int] | None:
    """Coordinates that a text names, if any."""
    x, y = groups["x"], groups["y"]
    return (int(x), int(y)) if x is not None and y is not None else None


class Rules:
    """Collects the broken rules of one record."""

    def __init__(self, record: Record, out: list[Violation]) -> None:
        self.record, self._out = record, out

    def __call__(self, holds: object, rule: str, detail: object = "") -> bool:
        if not holds:
            r = self.record
            self._out.append(Violation(str(r["id"]), str(r["question_type"]), rule, str(detail)))
        return bool(holds)


def level(value: float, levels: Sequence[tuple[float, str]]) -> set[str]:
    """Levels a value may have, allowing for rounding of the stored value."""
    return {next(n for limit, n in levels if v < limit) for v in (value - 1e-4, value, value + 1e-4)}


def _number(rules: Rules, record: Record) -> bool:
    """A record without options: its number is inside its band, a point has none."""
    fine = rules(re.fullmatch(NUMBER_FORMS[record["question_type"]], record["ground_truth"]), "answer form")
    for name in ("mc_answer", "answer_index", "chance"):
        rules(record[name] is None, f"{name} null without options", record[name])
    rules(not record["options"], "no options", record["options"])
    is_point, band = record["question_type"] == "obj_localization_occ_na", record["answer_band"]
    rules(record["answer_type"] == ("point" if is_point else "number"), "answer_type", record["answer_type"])
    rules((band is None) == is_point, "answer_band iff number", band)
    if fine and band is not None:
        value = float(record["ground_truth"])
        rules(band[0] <= value <= band[1], "answer_band holds the answer", f"{value} not in {band}")
        least = LEAST_LENGTH.get(record["question_type"], 1)
        rules(value >= least, "answer long enough to be scored", value)
        exact = record["question_type"] != "obj_count_occ_na" or band[0] == band[1]
        rules(exact, "answer_band of a count is the count", band)
    return fine


def _answer(rules: Rules, record: Record, task: str) -> bool:
    if record["question_type"] in NUMBER_FORMS:
        return _number(rules, record)
    rules(record["answer_band"] is None, "answer_band iff number", record["answer_band"])
    options, index = list(record["options"]), record["answer_index"]
    count = 2 if task == "existence" else 4
    fine = rules(len(options) == count, "number of options", options)
    fine &= rules(
        all(re.fullmatch(rf"{chr(65 + i)}\. \S.*", o) for i, o in enumerate(options)), "option form", options
    )
    if not fine or not rules(0 <= index < len(options), "answer_index in range", index):
        return False
    texts = [o[3:] for o in options]
    rules(len(set(texts)) == len(texts), "options distinct", options)
    rules(record["mc_answer"] == chr(65 + index), "mc_answer", f"{record['mc_answer']} for index {index}")
    rules(record["ground_truth"] == texts[index], "ground_truth", f"{record['ground_truth']} != {texts[index]}")
    rules(abs(record["chance"] - 1 / len(options)) < 1e-4, "chance", record["chance"])
    rules(record["answer_type"] == "choice", "answer_type", record["answer_type"])
    return True


def _frames(rules: Rules, record: Record, task: str) -> bool:
    frames, paths = list(record["frames"]), list(record["image_paths"])
    fine = rules(2 <= len(frames) <= 5, "2 to 5 frames", frames)
    fine &= rules(len(set(frames)) == len(frames), "frames distinct", frames)
    rules(len(paths) == len(frames), "one path a frame", paths)
    for path, frame in zip(paths, frames, strict=False):
        pure = PurePosixPath(path)
        good = not pure.is_absolute() and ".." not in pure.parts and "\\" not in path
        good = good and frame in (pure.stem, pure.name) and record["scene_name"] in pure.parts
        rules(good, "image_paths end with the frame names", f"{path} for {frame}")
    query = record["query_frame"]
    if record["question_type"] in FRAMELESS:
        rules(query is None, "query_frame null where no frame is named", query)
    else:
        fine &= rules(query is not None and 1 <= query <= len(frames), "query_frame in range", query)
    return fine


def _shape(rules: Rules, record: Record, task: str) -> bool:
    source, target = record["source"], record["target"]
    paired = task in RELATION_TASKS or record["question_type"] == BETWEEN
    fine = rules((source is not None) == paired, "source iff two objects", source)
    fine &= rules((target is None) == (task in ("count", "best_view")), "target null iff count or best view", target)
    if task in RELATION_TASKS:
        axis = record["question_type"].rsplit("_", 1)[1]
        fine &= rules(record["relation"] in AXES[axis], "relation on the axis of its type", record["relation"])
    else:
        rules(record["relation"] is None, "relation null outside relations", record["relation"])
    if target is not None:
        rules(target["category"] == record["category"], "category is the target's", record["category"])
    if fine and source is not None:
        differ = category_key(source["category"]) != category_key(target["category"])
        rules(differ, "categories of S and T differ", source["category"])
    boxed = task == "localization" and record["ground_truth"] != "No"
    fine &= rules((record["bbox_2d"] is not None) == boxed, "bbox_2d iff localization with Yes", record["bbox_2d"])
    fine &= rules((record["bbox_2d_diag"] is not None) == boxed, "bbox_2d_diag iff bbox_2d", record["bbox_2d_diag"])
    return fine


def _levels(rules: Rules, record: Record, task: str) -> None:
    average, occ = record["occlusion_avg"], record["occ_level"]
    if average is None:
        rules(occ is None, "occ_level null with occlusion_avg", occ)
    else:
        rules(0 <= average <= 1 + 1e-9, "occlusion_avg is a ratio", average)
        rules(occ in level(average, OCC_LEVELS), "occ_level of occlusion_avg", f"{occ} for {average}")
    overlap = record["overlap_avg"]
    rules(0 <= overlap <= 100, "overlap_avg in percent", overlap)
    text = f"{record['overlap_level']} for {overlap}"
    rules(record["overlap_level"] in level(overlap, OVERLAP_LEVELS), "overlap_level of overlap_avg", text)
    rules(record["vis_level"] in ("Fully Visible", "Partially Visible"), "vis_level value", record["vis_level"])
    rules(record["gt_scenario"] in ("Full Coverage", "Partial Coverage"), "gt_scenario value", record["gt_scenario"])
    if task in RELATION_TASKS:
        rules(record["vis_level"] == "Partially Visible", "vis_level partial in relations", record["vis_level"])
    rules(0 <= record["num_frames_visible"] <= len(record["frames"]), "num_frames_visible in range")


def _parse(rules: Rules, record: Record, task: str) -> Parsed | None:
    question = record["question"]
    kind = record["question_type"]
    match = re.fullmatch(QUESTIONS[kind if kind in QUESTIONS else task], question)
    rules(match, "question wording", question)
    if kind in NUMBER_FORMS:
        answer = re.fullmatch(NUMBER_FORMS[kind], record["ground_truth"])
        return Parsed(task, match.groupdict(), [], answer.groupdict()) if match and answer else None
    options = [re.fullmatch(OPTION_FORMS[task], o[3:]) for o in record["options"]]
    for option, text in zip(options, record["options"], strict=True):
        rules(option, "option wording", text)
    if match is None:
        return None
    groups = [o.groupdict() for o in options if o is not None]
    if len(groups) != len(options):
        return None
    return Parsed(task, match.groupdict(), groups, groups[record["answer_index"]])


def _wording(rules: Rules, record: Record, parsed: Parsed) -> None:
    said, source, target = parsed.question, record["source"], record["target"]
    texts = [record["question"], *record["options"]]
    for text in texts:
        leak = re.search(r"frame_\d+|\bDSC\d+|\.jpe?g\b|\.png\b", text, re.IGNORECASE) or record["scene_name"] in text
        rules(not leak, "no file id in the text", text)
        named = [int(n) for n in re.findall(r"\bFrame (\d+)", text)]
        rules(all(1 <= n <= len(record["frames"]) for n in named), "frames named are defined", text)
    if "frame" in said:
        rules(said["frame"] == str(record["query_frame"]), "question names the query frame", record["question"])
    if said.get("target") is not None:
        rules(said["target"] == target["category"], "question names the target", record["question"])
    if said.get("category") is not None:
        rules(said["category"] == record["category"], "question names the category", record["question"])
    if source is not None:
        rules(said["source"] == source["category"], "question names the source", record["question"])
        for option in parsed.options if parsed.task == "spatial_relation" else []:
            rules(option["source"] == source["category"], "option names the source", option)
    tagged = "target" if parsed.task == "distance" else "source"
    for role in ("source", "target"):
        tag = point(said) if role == tagged and "x" in said else None
        position = tuple(record[role]["position"]) if record[role] and record[role]["position"] is not None else None
        rules(tag == position, f"question shows the {role}'s position", f"{tag} != {position}")
    numbers = any(re.search(r"\(\d+, ?\d+\)", text) for text in texts) or parsed.task == "localization"
    rules((said.get("note") is not None) == numbers, "coordinate note iff coordinates", record["question"])


def _count_options(rules: Rules, record: Record, parsed: Parsed) -> None:
    values, key = [int(str(o["count"])) for o in parsed.options], record["answer_index"]
    near = all(abs(v - values[key]) <= 3 for v in values)
    rules(values[key] >= 1 and near, "count distractors within 3 of a key >= 1", values)


def _bestview_options(rules: Rules, record: Record, parsed: Parsed) -> None:
    for option in parsed.options:
        rules(int(str(option["count"])) >= 1, "best view counts >= 1", option)
        rules(option["category"] == record["category"], "option names the category", option)


def _attribute_options(rules: Rules, record: Record, parsed: Parsed) -> None:
    names = [str(o["category"]) for o in parsed.options]
    rules(names[record["answer_index"]] == record["target"]["category"], "attribute key is the target", names)
    keys = [category_key(n) for n in (*names, record["source"]["category"])]
    rules(len(set(keys)) == len(keys), "categories of options and S differ", names)
    rules(parsed.relation == record["relation"], "attribute asks the true relation", parsed.relation)


def _spatial_options(rules: Rules, record: Record, parsed: Parsed) -> None:
    stated = [parsed.option_relation(i) for i in range(len(parsed.options))]
    truth = stated[record["answer_index"]]
    rules(truth == record["relation"], "spatial key is the relation", f"{truth} != {record['relation']}")
    axes = Counter(AXIS_OF[r] for r in stated)
    paired = axes[AXIS_OF[truth]] == 2 and len(axes) == 3 and OPPOSITE[truth] in stated
    rules(paired, "spatial options: truth, opposite, one of each other axis", stated)


def _existence_options(rules: Rules, record: Record, parsed: Parsed) -> None:
    axis = record["question_type"].rsplit("_", 1)[1]
    rules(parsed.relation in AXES[axis], "existence asks on the axis of its type", parsed.relation)
    yes = parsed.relation == record["relation"]
    rules(record["ground_truth"] == ("Yes" if yes else "No"), "existence key follows the relation", record["question"])


def _localization_options(rules: Rules, record: Record, parsed: Parsed) -> None:
    points = [point(option) for option in parsed.options]
    rules(points.count(None) == 1, "localization has one No", record["options"])
    rules(all(0 <= c <= SIDE for p in points if p for c in p), "points inside the image", record["options"])
    box, apart = record["bbox_2d"], 20.0
    if box is not None and record["bbox_2d_diag"] is not None:
        apart = max(0.25 * record["bbox_2d_diag"], 20.0)
    real = [p for p in points if p]
    gaps = [math.dist(p, q) for i, p in enumerate(real) for q in real[i + 1 :]]
    rules(all(g >= apart - 1.5 for g in gaps), "points apart", f"{record['options']} under {apart:.1f}")


_OPTION_RULES = {
    "count": _count_options,
    "best_view": _bestview_options,
    "attribute": _attribute_options,
    "spatial_relation": _spatial_options,
    "existence": _existence_options,
    "localization": _localization_options,
}


def check_structure(record: Record, out: list[Violation]) -> Parsed | None:
    """Check the form of a record; what its text says, or None where its truth cannot be checked."""
    rules = Rules(record, out)
    task = TASKS.get(record["question_type"])
    if not rules(task, "known question_type", record["question_type"]) or task is None:
        return None
    rules(record["task"] == task, "task of question_type", record["task"])
    rules(record["dataset"] == "scannetpp", "dataset", record["dataset"])
    rules(record["profile"] == "paper", "profile", record["profile"])
    rules(record["split"] in ("train", "test"), "split", record["split"])
    _levels(rules, record, task)
    fine = [_answer(rules, record, task), _frames(rules, record, task), _shape(rules, record, task)]
    if not all(fine):
        return None
    parsed = _parse(rules, record, task)
    if parsed is not None:
        _wording(rules, record, parsed)
        if record["question_type"] not in NUMBER_FORMS:
            _OPTION_RULES[task](rules, record, parsed)
        elif task == "localization":
            rules(
                all(0 <= c <= SIDE for c in parsed.key_point or ()), "points inside the image", record["ground_truth"]
            )
    return parsed


def check_groups(records: Iterable[Record]) -> list[Violation]:
    """Rules across records: ids, frame sets, orders, repeated questions, splits."""
    out: list[Violation] = []
    seen: dict[tuple[str, object], object] = {}
    for record in records:
        rules = Rules(record, out)
        content = (record["scene_name"], tuple(sorted(record["frames"])))
        frame_set = record["frame_set_id"]
        text = (frame_set, record["question"], record["question_type"] in NUMBER_FORMS)
        ends = sorted(record[role]["instance_id"] for role in ("source", "target") if record[role])
        for rule, key, value in (
            ("one set a frame_set_id", frame_set, content),
            ("one frame_set_id a set", content, frame_set),
            ("one order a frame set", content, tuple(record["frames"])),
            ("one split a scene", record["scene_name"], record["split"]),
        ):
            first = seen.setdefault((rule, key), value)
            rules(first == value, rule, f"{first} and {value}")
        once = [("id unique", record["id"]), ("question once in a frame set", text)]
        once += [("distance of a pair once in a frame set", (frame_set, *ends))] * (record["question_type"] == BETWEEN)
        for rule, key in once:
            rules((rule, key) not in seen, rule, key)
            seen[rule, key] = True
    return out


def check_balance(records: Iterable[Record]) -> list[Violation]:
    """Dataset level: key letters and Yes/No keys differ by at most one per (split, scene, question type); no duplicates."""
    records = list(records)
    letters: dict[tuple[str, str, str, int], Counter[str]] = defaultdict(Counter)
    polarity: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for r in records:
        group = (r["split"], r["scene_name"], r["question_type"])
        if r["options"]:
            letters[*group, len(r["options"])][r["mc_answer"]] += 1
        balanced = ("existence", "localization") if r["profile"] == "paper" else ("existence",)
        if r["options"] and TASKS.get(r["question_type"]) in balanced:
            polarity[group][r["ground_truth"].split(";")[0]] += 1
    out = check_groups(records)
    for (*names, size), count in sorted(letters.items()):
        values = [count[chr(65 + i)] for i in range(size)]
        if max(values) - min(values) > 1:
            out.append(Violation("-", names[2], "key letters balanced", f"{names[:2]}: {values}"))
    for group, count in sorted(polarity.items()):
        if abs(count["Yes"] - count["No"]) > 1:
            out.append(Violation("-", group[2], "Yes/No balanced", f"{group[:2]}: {dict(count)}"))
    return out
