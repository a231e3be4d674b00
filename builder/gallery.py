"""Shows why records are true: a page with drawn samples of every question type, for a person to check.

What is drawn is computed from the annotations by the rules of the record's profile, never from its sentences, but for
the points among the options of a localization question: they stand in the options only.
"""

from __future__ import annotations

import base64
import heapq
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jinja2 import Environment, StrictUndefined
from numpy.typing import NDArray
from PIL import Image

from . import drawing
from .annotations import Annotations
from .drawing import SIDE, TOP, Diagram, Dot, Mark, Panel, Solid
from .evidence import SceneEvidence, SetEvidence
from .geometry import box_corners, transform_points
from .randomness import digest
from .relations import AXES, Axis
from .rules import PROFILES
from .schema import RECORD_SCHEMA, FrameSet
from .shards import write_text
from .tasks import QUESTION_TYPES

LEVELS = {
    "occ_level": ("low", "medium", "high", "extreme"),
    "overlap_level": ("low", "medium", "high"),
    "vis_level": ("Fully Visible", "Partially Visible"),
    "gt_scenario": ("Full Coverage", "Partial Coverage"),
}
"""Diagnostic columns with their values, easy ones first."""
_LEVEL_TITLES = {
    "occ_level": "occlusion",
    "overlap_level": "overlap",
    "vis_level": "visibility",
    "gt_scenario": "coverage",
}
_COLOURS = ("#e8590c", "#1c7ed6", "#2f9e44", "#ae3ec9", "#f2b705", "#0c8599", "#e64980", "#7048e8")
"""Of counted instances; repeated when there are more."""
_POINT = re.compile(r"\((\d+), (\d+)\)$")
_SHOWN_WIDTH = 320
"""Width at which the page shows a frame: that many layout units."""
_STORED_WIDTH = 480
"""Pixels that the page stores of it: sharp on dense screens, and 36 samples stay well below 15 MB."""
_JPEG_QUALITY = 80
_POOL = 1_000
"""Records of a type among which samples are chosen: enough to find different scenes."""


def draw_record(
    record: Mapping[str, Any], annotations: Annotations, image_root: Path, frame_width: int = 320
) -> Image.Image:
    """Draw a record as one picture: its frames in a row, the question, the options and what proves the answer.

    Args:
        record: a row of `RECORD_SCHEMA`.
        annotations: of the record's scene.
        image_root: the folder that `image_paths` are relative to; a missing picture becomes a grey sheet.
        frame_width: pixels of a frame in a row of three or more; two frames fill the same row.

    Raises:
        ValueError: if the annotations are not those that the record was made from.
    """
    exhibit = Exhibit.of(record, _scene_evidence(record, annotations))
    num_frames = len(record["frames"])
    row_width, unit = max(3, num_frames) * frame_width, frame_width / _SHOWN_WIDTH
    panels = [
        Panel(
            caption=" · ".join([f"Frame {k + 1}", *exhibit.notes(k)]),
            picture=exhibit.draw_frame(k, image_root, row_width // num_frames, unit),
            is_query=k == exhibit.query_position,
        )
        for k in range(num_frames)
    ]
    return drawing.draw_sheet(
        panels, record["question"], record["options"], record["answer_index"], exhibit.diagrams, unit
    )


def _scene_evidence(record: Mapping[str, Any], annotations: Annotations) -> SceneEvidence:
    if record["profile"] not in PROFILES:
        raise ValueError(
            f"Record {record['id']} has the profile {record['profile']!r}; this version knows {', '.join(PROFILES)}."
        )
    return SceneEvidence(annotations, PROFILES[record["profile"]])


def write_gallery(
    records: Sequence[Mapping[str, Any]] | pa.Table,
    image_root: Path,
    annotations_of: Callable[[str], Annotations],
    out: Path,
    samples_per_type: int = 3,
    seed: int = 0,
) -> Path:
    """Write a page with drawn samples of every question type: one file that needs no network.

    Args:
        records: rows or a table of `RECORD_SCHEMA`.
        image_root: the folder that `image_paths` are relative to; missing pictures become grey sheets.
        annotations_of: gives a scene's annotations; called once for each scene that is drawn.
        out: the HTML file to write. It shows pixels of the scans: keep it out of what is pushed.
        samples_per_type: at most so many samples of a type, from different scenes where possible.
        seed: decides which.

    Returns:
        `out`.

    Raises:
        ValueError: if the annotations are not those that the records were made from.
    """
    table = records if isinstance(records, pa.Table) else pa.Table.from_pylist(list(records), schema=RECORD_SCHEMA)
    chosen = choose_samples(table, samples_per_type, seed)
    samples = table.take(pa.array(chosen, pa.int64())).to_pylist()
    cards: dict[int, dict[str, Any]] = {}
    by_scene = sorted(range(len(samples)), key=lambda k: (samples[k]["scene_name"], k))
    # A scene's annotations are large: they are let go before the next scene's are asked for.
    for scene_name, group in groupby(by_scene, key=lambda k: samples[k]["scene_name"]):
        annotations = annotations_of(scene_name)
        for k in group:
            cards[k] = _card(Exhibit.of(samples[k], _scene_evidence(samples[k], annotations)), image_root)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_text(out, _page(table, [cards[k] for k in range(len(samples))], seed))
    return out


def _page(table: pa.Table, cards: list[dict[str, Any]], seed: int) -> str:
    template = files(__package__).joinpath("gallery.html.jinja").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(
        cards=cards,
        sections=[(name, list(group)) for name, group in groupby(cards, lambda card: card["record"]["question_type"])],
        levels=LEVELS,
        level_titles=_LEVEL_TITLES,
        counts=count_levels(table),
        scenes=len(table["scene_name"].unique()),
        profiles=sorted(table["profile"].unique().to_pylist()),
        versions=sorted(table["builder_version"].unique().to_pylist()),
        seed=seed,
        colours={"source": drawing.SOURCE, "target": drawing.TARGET, "query": drawing.QUERY, "key": drawing.KEY},
    )


def choose_samples(table: pa.Table, samples_per_type: int, seed: int) -> list[int]:
    """Choose rows by type in reading order; prefers unlike scenes, then unlike answers, then an order set by the ids."""
    chosen: list[int] = []
    for question_type in _reading_order(table["question_type"].unique().to_pylist()):
        rows = np.flatnonzero(pc.equal(table["question_type"], question_type).to_numpy())
        ids = table["id"].take(pa.array(rows)).to_pylist()
        pool = heapq.nsmallest(_POOL, zip((digest(seed, "gallery", i) for i in ids), rows.tolist(), strict=True))
        kinds = table.select(["scene_name", "ground_truth"]).take(pa.array([row for _, row in pool])).to_pylist()
        open_places = list(range(len(pool)))
        taken: Counter[tuple[str, str]] = Counter()
        for _ in range(min(samples_per_type, len(pool))):
            best = min(open_places, key=lambda k: [taken[kind] for kind in kinds[k].items()])
            open_places.remove(best)
            taken.update(kinds[best].items())
            chosen.append(pool[best][1])
    return chosen


def _reading_order(question_types: Iterable[str]) -> list[str]:
    known = list(QUESTION_TYPES)
    return sorted(question_types, key=lambda name: (known.index(name) if name in known else len(known), name))


def count_levels(table: pa.Table) -> list[dict[str, Any]]:
    """Count the records of each question type by the values of `LEVELS`, in reading order."""
    totals = dict(zip(*(column.to_pylist() for column in _value_counts(table, ["question_type"])), strict=True))
    counts: dict[tuple[str, str, str], int] = {}
    for level in LEVELS:
        for name, value, number in zip(
            *(c.to_pylist() for c in _value_counts(table, ["question_type", level])), strict=True
        ):
            counts[name, level, value] = number
    return [
        {
            "question_type": name,
            "task": QUESTION_TYPES[name].name if name in QUESTION_TYPES else "",
            "total": totals[name],
            "by_level": {
                level: [counts.get((name, level, value), 0) for value in values] for level, values in LEVELS.items()
            },
        }
        for name in _reading_order(totals)
    ]


def _value_counts(table: pa.Table, keys: list[str]) -> list[pa.ChunkedArray]:
    grouped = table.select(keys).group_by(keys).aggregate([([], "count_all")])
    return [grouped[name] for name in (*keys, "count_all")]


def _card(exhibit: Exhibit, image_root: Path) -> dict[str, Any]:
    """What the template needs of one record."""
    record = exhibit.record
    unit = _STORED_WIDTH / _SHOWN_WIDTH
    pictures = [exhibit.draw_frame(k, image_root, _STORED_WIDTH, unit) for k in range(len(record["frames"]))]
    frames = [
        {
            "num": k + 1,
            "name": record["frames"][k],
            "notes": exhibit.notes(k),
            "is_query": k == exhibit.query_position,
            "size": picture.size,
            "jpeg": _jpeg(picture),
        }
        for k, picture in enumerate(pictures)
    ]
    return {
        "record": record,
        "frames": frames,
        "diagrams": exhibit.diagrams,
        "gaps": exhibit.gaps,
        "views": [(name, colour, exhibit.view_notes(instance)) for instance, colour, name in exhibit.subjects],
    }


def _jpeg(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


@dataclass(frozen=True)
class Exhibit:
    """A record together with the evidence that it rests on."""

    record: Mapping[str, Any]
    evidence: SetEvidence

    @classmethod
    def of(cls, record: Mapping[str, Any], scene: SceneEvidence) -> Exhibit:
        """Look a record's frames up in its scene.

        Raises:
            ValueError: if the scene lacks one.
        """
        names = [frame.name for frame in scene.annotations.frames]
        frames = tuple(_find(names, name, "frame", record) for name in record["frames"])
        return cls(record, SetEvidence(scene, FrameSet(record["frame_set_id"], frames)))

    @cached_property
    def query_position(self) -> int | None:
        """0-based position of the query frame; None where the question names none."""
        return None if self.record["query_frame"] is None else self.record["query_frame"] - 1

    @cached_property
    def subjects(self) -> tuple[tuple[int, str, str], ...]:
        """Instance index, colour and label of source and target, or of the category's instances that the frames show."""
        source, target, category = self.record["source"], self.record["target"], self.record["category"]
        if source is not None:
            pair = ((source, drawing.SOURCE, "source"), (target, drawing.TARGET, "target"))
            return tuple((self._instance(ref), colour, f"{role}: {ref['category']}") for ref, colour, role in pair)
        index = _find(self.evidence.scene.categories, category, "category", self.record)
        members = self.evidence.covered_by_category.get(index, np.zeros(0, np.int64)).tolist()
        # A localization that is answered with a place asks about one instance among those shown.
        asked = None if self.record["bbox_2d"] is None else self._instance(target)
        return tuple(
            (n, drawing.TARGET, f"target: {category}")
            if n == asked
            else (n, _COLOURS[k % len(_COLOURS)], f"{category} {k + 1}" if len(members) > 1 else category)
            for k, n in enumerate(members)
        )

    def _instance(self, ref: Mapping[str, Any]) -> int:
        ids = [instance.instance_id for instance in self.evidence.scene.annotations.instances]
        return _find(ids, ref["instance_id"], "instance", self.record)

    def notes(self, position: int) -> list[str]:
        """What a frame contributes to a count."""
        if self.record["task"] not in ("count", "best_view"):
            return []
        visible = [n for n, _, _ in self.subjects if self.evidence.is_visible[position, n]]
        pixels = self.evidence.scene.annotations.visible_pixels[self.evidence.frame_of(position), visible].sum()
        return [f"{len(visible)} visible", f"{pixels:,.0f} px"] if visible else ["none visible"]

    def view_notes(self, instance: int) -> list[str]:
        """What each frame shows of an instance, in words."""
        a, notes = self.evidence.scene.annotations, []
        for position, frame in enumerate(self.evidence.frame_set.frames):
            if not a.points_in_view[frame, instance]:
                notes.append("outside the image")
                continue
            is_visible = self.evidence.is_visible[position, instance]
            occluded, pixels = 100 * a.occlusion_ratio[frame, instance], a.visible_pixels[frame, instance]
            notes.append(f"{'' if is_visible else 'hidden: '}{occluded:.0f} % occluded, {pixels:,.0f} px")
        return notes

    def draw_frame(self, position: int, image_root: Path, width: int, unit: float) -> Image.Image:
        """Draw a frame with the subjects that are visible in it, and with the options' points if it is asked about.

        Args:
            position: 0-based, in the set.
            image_root: the folder that `image_paths` are relative to.
            width: of the result, pixels.
            unit: pixels per layout unit, which the sizes of lines and labels are multiples of.
        """
        scene, frame = self.evidence.scene, self.evidence.frame_of(position)
        camera, boxes = scene.annotations.frames[frame].camera, scene.annotations.bbox_2d[frame]
        shares = boxes / np.array([camera.width, camera.height] * 2)
        marks = [
            Mark(tuple(shares[n].tolist()), colour, label)
            for n, colour, label in self.subjects
            if self.evidence.is_visible[position, n]
        ]
        name = self.record["image_paths"][position]
        size = (width, round(width * camera.height / camera.width))
        dots = self.dots if position == self.query_position else ()
        return drawing.draw_frame(image_root / name, name, size, marks, dots, unit)

    @cached_property
    def dots(self) -> tuple[Dot, ...]:
        """Points that the options of a localization name."""
        if self.record["task"] != "localization":
            return ()
        size, key = self.evidence.rules.coordinate_size, self.record["answer_index"]
        found = [(k, option[0], _POINT.search(option)) for k, option in enumerate(self.record["options"])]
        return tuple(Dot(int(at[1]) / size, int(at[2]) / size, letter, k == key) for k, letter, at in found if at)

    @cached_property
    def axis(self) -> Axis | None:
        """Camera axis of the relation that is asked about."""
        return next((axis for axis in AXES if self.record["relation"] in (axis.below, axis.above)), None)

    @cached_property
    def gaps(self) -> tuple[tuple[str, float], ...]:
        """True relation of target to source and free metres between their boxes, along each decided axis."""
        if self.axis is None:
            return ()
        source, target = (self._corners_cam(n) for n, _, _ in self.subjects)
        below, above = source.min(axis=0) - target.max(axis=0), target.min(axis=0) - source.max(axis=0)
        sides = [(axis, max((b, axis.below), (a, axis.above))) for axis, b, a in zip(AXES, below, above, strict=True)]
        margin = self.evidence.rules.relation_margin
        return tuple((relation, float(gap)) for _, (gap, relation) in sides if gap > margin)

    @cached_property
    def diagrams(self) -> tuple[Diagram, ...]:
        """The query camera with the boxes of source and target, and those of the wrong options; for relations only."""
        if self.axis is None or self.query_position is None:
            return ()
        solids = [Solid(label.split(":")[0], label, self._corners_cam(n)) for n, _, label in self.subjects]
        instances = self.evidence.scene.annotations.instances
        solids += [Solid("other", instances[n].category, self._corners_cam(n)) for n in self._wrong_instances()]
        camera = self.evidence.scene.annotations.frames[self.evidence.frame_of(self.query_position)].camera
        across, down = camera.width, camera.height
        level = camera.cam_rays_from_px([[0, down / 2], [across, down / 2]])
        upright = camera.cam_rays_from_px([[across / 2, 0], [across / 2, down]])
        diagrams = [drawing.plan_diagram(TOP, solids, level, self.axis.index)]
        if self.axis.index == 1 or self.record["task"] == "spatial_relation":
            diagrams.append(drawing.plan_diagram(SIDE, solids, upright, self.axis.index))
        return tuple(diagrams)

    def _wrong_instances(self) -> list[int]:
        """Instances that the wrong options of an attribute question stand for."""
        if self.record["task"] != "attribute":
            return []
        scene = self.evidence.scene
        names = {option[3:] for k, option in enumerate(self.record["options"]) if k != self.record["answer_index"]}
        index = [k for k, name in enumerate(scene.categories) if name in names]
        return np.flatnonzero(np.isin(scene.category_index, index) & self.evidence.is_eligible).tolist()

    def _corners_cam(self, instance: int) -> NDArray[np.float64]:
        """Corners of a box in the query camera's axes, shape (8, 3), metres."""
        a, box = self.evidence.scene.annotations, self.evidence.scene.annotations.instances[instance].box
        corners = box_corners(box.centroid, np.reshape(box.axes, (3, 3)), box.lengths)
        return transform_points(a.frames[self.evidence.frame_of(self.query_position or 0)].cam_from_world, corners)


def _find(names: Sequence[Any], wanted: object, what: str, record: Mapping[str, Any]) -> int:
    if wanted not in names:
        raise ValueError(
            f"Record {record['id']} names the {what} {wanted}, which the annotations of scene {record['scene_name']} "
            "lack; pass the annotations that it was made from."
        )
    return names.index(wanted)
