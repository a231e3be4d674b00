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
from .diagram import MAP, SIDE, SIDE_WORLD, TOP, Diagram, Length, Solid, Viewpoint, plan_diagram
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
            return tuple((self.instance(ref), colour, f"{role}: {ref['category']}") for ref, colour, role in pair)
        index = _find(self.evidence.scene.categories, category, "category", self.record)
        members = self.evidence.covered_by_category.get(index, np.zeros(0, np.int64)).tolist()
        # All of them are asked about by a count, and by a localization that is answered with No.
        is_one = target is not None and (self.record["task"] != "localization" or self.record["bbox_2d"] is not None)
        asked = self.instance(target) if is_one else None
        return tuple(
            (n, TARGET, f"target: {category}")
            if n == asked
            else (n, _COLOURS[k % len(_COLOURS)], f"{category} {k + 1}" if len(members) > 1 else category)
            for k, n in enumerate(members)
        )

    def instance(self, ref: Mapping[str, Any]) -> int:
        """Index of the instance that a source or target names."""
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

    @property
    def texts(self) -> tuple[str, ...]:
        """The same without their letters."""
        return tuple(text.split(". ", 1)[1] for text in self.record["options"]) or self.answers

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
    def gaps(self) -> dict[str, float]:
        """True relations of target to source: see `gaps_to_source`."""
        return {} if self.axis is None else self.gaps_to_source(self.subjects[1][0])

    def gaps_to_source(self, instance: int) -> dict[str, float]:
        """Relations of an instance to the source that the profile takes as decided, in the query frame.

        Each comes with the free metres between the two boxes along its axis.
        """
        assert self.query_position is not None
        source = self.subjects[0][0]
        frame = self.evidence.frame_of(self.query_position)
        signs = self.evidence.scene.relations.signs(frame, np.array([instance]), source)[0].tolist()
        near, far = self._corners(source), self._corners(instance)
        free = np.where(np.array(signs) < 0, near.min(axis=0) - far.max(axis=0), far.min(axis=0) - near.max(axis=0))
        return {axis.relation(sign): float(free[axis.index]) for axis, sign in zip(AXES, signs, strict=True) if sign}

    @cached_property
    def diagrams(self) -> tuple[Diagram, ...]:
        """A map of the cameras and the subjects, and where a relation or a length is asked for, what it rests on.

        Those show the query camera with the boxes of source and target, and those of the wrong options; or the boxes alone.
        """
        instances = self.evidence.scene.annotations.instances
        solids = [Solid(self._role(label), label, self._corners_world(n)) for n, _, label in self.subjects]
        is_in_world = self.query_position is None
        plan = plan_diagram(MAP, solids, self._viewpoints, length=self.length if is_in_world else None)
        if self.axis is None and self.length is None:
            return (plan,)
        if self.query_position is None:
            return plan, plan_diagram(SIDE_WORLD, [s for s in solids if s.role != "other"], length=self.length)
        solids = [Solid(self._role(name), name, self._corners(n)) for n, _, name in self.subjects if ":" in name]
        others = [n for members in self.wrong_instances.values() for n in members]
        solids += [Solid("other", instances[n].category, self._corners(n)) for n in others]
        camera = self.evidence.scene.annotations.frames[self.evidence.frame_of(self.query_position)].camera
        across, down = camera.width, camera.height
        level = camera.cam_rays_from_px([[0, down / 2], [across, down / 2]])
        upright = camera.cam_rays_from_px([[across / 2, 0], [across / 2, down]])
        axis = None if self.axis is None else self.axis.index
        diagrams = [plan, plan_diagram(TOP, solids, [Viewpoint(np.zeros(3), level)], axis, self.length)]
        if axis in (None, 1) or self.record["task"] == "spatial_relation":
            diagrams.append(plan_diagram(SIDE, solids, [Viewpoint(np.zeros(3), upright)], axis, self.length))
        return tuple(diagrams)

    def _role(self, label: str) -> str:
        """Role of a subject after its label; where none is the target, all of them are asked about."""
        if ":" in label:
            return label.split(":")[0]
        return "other" if any(":" in name for _, _, name in self.subjects) else "target"

    @property
    def _viewpoints(self) -> list[Viewpoint]:
        """The cameras of the frames in the world, numbered as the question numbers them."""
        viewpoints = []
        for position, index in enumerate(self.evidence.frame_set.frames):
            frame = self.evidence.scene.annotations.frames[index]
            middle = frame.camera.height / 2
            rays_cam = frame.camera.cam_rays_from_px([[0, middle], [frame.camera.width, middle]])
            viewpoints.append(
                Viewpoint(
                    camera_centre_world(frame.cam_from_world),
                    rays_cam @ frame.cam_from_world[:3, :3],
                    str(position + 1),
                    has_field=position == self.query_position,
                )
            )
        return viewpoints

    @cached_property
    def length(self) -> Length | None:
        """The distance or side that is asked for, in the axes of the diagrams."""
        if self.record["task"] not in ("distance", "size"):
            return None
        boxes = self.evidence.scene.measured_boxes[0]
        box = boxes[self.instance(self.record["target"])]
        centre_world = np.array(box.centroid)
        if self.record["task"] == "size":
            side = int(np.argmax(box.lengths))
            half = box.lengths[side] / 2 * np.reshape(box.axes, (3, 3))[side]
            ends_world = np.stack([centre_world - half, centre_world + half])
        elif self.query_position is None:
            ends_world = np.stack([centre_world, boxes[self.instance(self.record["source"])].centroid])
        else:
            frame = self.evidence.scene.annotations.frames[self.evidence.frame_of(self.query_position)]
            ends_world = np.stack([centre_world, camera_centre_world(frame.cam_from_world)])
        metres = float(np.linalg.norm(ends_world[0] - ends_world[1]))
        label = f"{100 * metres:.0f} cm" if self.record["task"] == "size" else f"{metres:.2f} m"
        return Length(transform_points(self._axes_from_world, ends_world), label)

    @cached_property
    def wrong_instances(self) -> dict[str, list[int]]:
        """Instances that each wrong option of an attribute question stands for, by category."""
        if self.record["task"] != "attribute":
            return {}
        scene = self.evidence.scene
        wrong = [text for k, text in enumerate(self.texts) if k != self.key]
        index = [_find(scene.categories, name, "category", self.record) for name in wrong]
        chosen = [np.flatnonzero((scene.category_index == k) & self.evidence.is_eligible).tolist() for k in index]
        return dict(zip(wrong, chosen, strict=True))

    @cached_property
    def _axes_from_world(self) -> NDArray[np.float64]:
        """The axes of the diagrams: the query camera's, or the world's where the question names no frame."""
        if self.query_position is None:
            return np.eye(4)
        return self.evidence.scene.annotations.frames[self.evidence.frame_of(self.query_position)].cam_from_world

    def _corners(self, instance: int) -> NDArray[np.float64]:
        """Corners of a box in the axes of the diagrams, shape (8, 3), metres."""
        return transform_points(self._axes_from_world, self._corners_world(instance))

    def _corners_world(self, instance: int) -> NDArray[np.float64]:
        """Corners of the box that the profile measures, shape (8, 3), metres."""
        box = self.evidence.scene.measured_boxes[0][instance]
        return box_corners(box.centroid, np.reshape(box.axes, (3, 3)), box.lengths)


def _find(names: Sequence[Any], wanted: object, what: str, record: Mapping[str, Any]) -> int:
    if wanted not in names:
        raise ValueError(
            f"Record {record['id']} names the {what} {wanted}, which the annotations of scene {record['scene_name']} "
            "lack; pass the annotations that it was made from."
        )
    return names.index(wanted)
