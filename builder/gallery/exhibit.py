"""A record together with the evidence it rests on, ready to be drawn."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..evidence import SceneEvidence, SetEvidence
from ..geometry import box_corners, camera_centre_world, transform_points
from ..relations import AXES, Axis
from ..schema import FrameSet
from .diagram import SIDE, SIDE_WORLD, TOP, TOP_WORLD, Diagram, Length, Solid, plan_diagram
from .drawing import Dot, Mark, draw_frame
from .typeset import SOURCE, TARGET

_COLOURS = ("#e8590c", "#1c7ed6", "#2f9e44", "#ae3ec9", "#f2b705", "#0c8599", "#e64980", "#7048e8")
"""Of counted instances; repeated when there are more."""
_POINT = re.compile(r"\((\d+), (\d+)\)$")


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
            pair = ((source, SOURCE, "source"), (target, TARGET, "target"))
            return tuple((self._instance(ref), colour, f"{role}: {ref['category']}") for ref, colour, role in pair)
        index = _find(self.evidence.scene.categories, category, "category", self.record)
        members = self.evidence.covered_by_category.get(index, np.zeros(0, np.int64)).tolist()
        # All of them are asked about by a count, and by a localization that is answered with No.
        is_one = target is not None and (self.record["task"] != "localization" or self.record["bbox_2d"] is not None)
        asked = self._instance(target) if is_one else None
        return tuple(
            (n, TARGET, f"target: {category}")
            if n == asked
            else (n, _COLOURS[k % len(_COLOURS)], f"{category} {k + 1}" if len(members) > 1 else category)
            for k, n in enumerate(members)
        )

    def _instance(self, ref: Mapping[str, Any]) -> int:
        ids = [instance.instance_id for instance in self.evidence.scene.annotations.instances]
        return _find(ids, ref["instance_id"], "instance", self.record)

    @property
    def answers(self) -> tuple[str, ...]:
        """The options as they are shown, or the answer alone where there are none."""
        return tuple(self.record["options"]) or (self.record["ground_truth"],)

    @property
    def key(self) -> int:
        """Position of the right one of `answers`."""
        return self.record["answer_index"] or 0

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
        return draw_frame(image_root / name, name, size, marks, dots, unit)

    @cached_property
    def dots(self) -> tuple[Dot, ...]:
        """Points that the options of a localization name, or its answer."""
        if self.record["task"] != "localization":
            return ()
        size, has_letters = self.evidence.rules.coordinate_size, bool(self.record["options"])
        found = [(k, text[0] if has_letters else "", _POINT.search(text)) for k, text in enumerate(self.answers)]
        return tuple(Dot(int(at[1]) / size, int(at[2]) / size, letter, k == self.key) for k, letter, at in found if at)

    @cached_property
    def axis(self) -> Axis | None:
        """Camera axis of the relation that is asked about."""
        return next((axis for axis in AXES if self.record["relation"] in (axis.below, axis.above)), None)

    @cached_property
    def gaps(self) -> tuple[tuple[str, float], ...]:
        """True relation of target to source and free metres between their boxes, along each decided axis."""
        if self.axis is None:
            return ()
        source, target = (self._corners(n) for n, _, _ in self.subjects)
        below, above = source.min(axis=0) - target.max(axis=0), target.min(axis=0) - source.max(axis=0)
        sides = [(axis, max((b, axis.below), (a, axis.above))) for axis, b, a in zip(AXES, below, above, strict=True)]
        margin = self.evidence.rules.relation_margin
        return tuple((relation, float(gap)) for _, (gap, relation) in sides if gap > margin)

    @cached_property
    def diagrams(self) -> tuple[Diagram, ...]:
        """The query camera with the boxes of source and target, and those of the wrong options; or the boxes alone.

        For relations, distances and sizes only.
        """
        if self.axis is None and self.length is None:
            return ()
        solids = [Solid(label.split(":")[0], label, self._corners(n)) for n, _, label in self.subjects if ":" in label]
        instances = self.evidence.scene.annotations.instances
        solids += [Solid("other", instances[n].category, self._corners(n)) for n in self._wrong_instances()]
        if self.query_position is None:
            return tuple(plan_diagram(view, solids, length=self.length) for view in (TOP_WORLD, SIDE_WORLD))
        camera = self.evidence.scene.annotations.frames[self.evidence.frame_of(self.query_position)].camera
        across, down = camera.width, camera.height
        level = camera.cam_rays_from_px([[0, down / 2], [across, down / 2]])
        upright = camera.cam_rays_from_px([[across / 2, 0], [across / 2, down]])
        axis = None if self.axis is None else self.axis.index
        diagrams = [plan_diagram(TOP, solids, level, axis, self.length)]
        if axis in (None, 1) or self.record["task"] == "spatial_relation":
            diagrams.append(plan_diagram(SIDE, solids, upright, axis, self.length))
        return tuple(diagrams)

    @cached_property
    def length(self) -> Length | None:
        """The distance or side that is asked for, in the axes of the diagrams."""
        if self.record["task"] not in ("distance", "size"):
            return None
        annotations = self.evidence.scene.annotations
        box = annotations.instances[self._instance(self.record["target"])].box
        centre_world = np.array(box.centroid)
        if self.record["task"] == "size":
            side = int(np.argmax(box.lengths))
            half = box.lengths[side] / 2 * np.reshape(box.axes, (3, 3))[side]
            ends_world = np.stack([centre_world - half, centre_world + half])
        elif self.query_position is None:
            source = annotations.instances[self._instance(self.record["source"])]
            ends_world = np.stack([centre_world, source.box.centroid])
        else:
            frame = annotations.frames[self.evidence.frame_of(self.query_position)]
            ends_world = np.stack([centre_world, camera_centre_world(frame.cam_from_world)])
        metres = float(np.linalg.norm(ends_world[0] - ends_world[1]))
        label = f"{100 * metres:.0f} cm" if self.record["task"] == "size" else f"{metres:.2f} m"
        return Length(transform_points(self._axes_from_world, ends_world), label)

    def _wrong_instances(self) -> list[int]:
        """Instances that the wrong options of an attribute question stand for."""
        if self.record["task"] != "attribute":
            return []
        scene = self.evidence.scene
        names = {option[3:] for k, option in enumerate(self.record["options"]) if k != self.record["answer_index"]}
        index = [k for k, name in enumerate(scene.categories) if name in names]
        return np.flatnonzero(np.isin(scene.category_index, index) & self.evidence.is_eligible).tolist()

    @cached_property
    def _axes_from_world(self) -> NDArray[np.float64]:
        """The axes of the diagrams: the query camera's, or the world's where the question names no frame."""
        if self.query_position is None:
            return np.eye(4)
        return self.evidence.scene.annotations.frames[self.evidence.frame_of(self.query_position)].cam_from_world

    def _corners(self, instance: int) -> NDArray[np.float64]:
        """Corners of a box in the axes of the diagrams, shape (8, 3), metres."""
        box = self.evidence.scene.annotations.instances[instance].box
        corners_world = box_corners(box.centroid, np.reshape(box.axes, (3, 3)), box.lengths)
        return transform_points(self._axes_from_world, corners_world)


def _find(names: Sequence[Any], wanted: object, what: str, record: Mapping[str, Any]) -> int:
    if wanted not in names:
        raise ValueError(
            f"Record {record['id']} names the {what} {wanted}, which the annotations of scene {record['scene_name']} "
            "lack; pass the annotations that it was made from."
        )
    return names.index(wanted)
