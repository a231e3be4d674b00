"""What the questions of a scene, and of one frame set, may rest on: the annotations under a profile's rules."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .annotations import Annotations
from .geometry import camera_centre_world
from .relations import BoxExtents
from .rules import Rules
from .scans.labels import is_structure
from .schema import FrameSet

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class SceneEvidence:
    """Predicates of spec sections 3 and 5 over a whole scene. Arrays have shape (frames, instances) unless said."""

    annotations: Annotations
    rules: Rules

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """Categories that may be asked about, in alphabetical order."""
        oversize = {
            i.category for i in self.annotations.instances if i.extent_ratio > self.rules.max_box_diagonal_ratio
        }
        names = {i.category for i in self.annotations.instances} - oversize - {""}
        return tuple(sorted(name for name in names if not is_structure(name)))

    @cached_property
    def category_index(self) -> Ints:
        """Index into `categories` of every instance, shape (instances,); -1 for what is no subject."""
        index = {name: k for k, name in enumerate(self.categories)}
        return np.array([index.get(i.category, -1) for i in self.annotations.instances], np.int64)

    @cached_property
    def category_size(self) -> Ints:
        """Instances of each category in the scene, shape (categories,)."""
        subjects = self.category_index[self.category_index >= 0]
        return np.bincount(subjects, minlength=len(self.categories))

    @cached_property
    def is_usable(self) -> Bools:
        """Instances that may be source, target or evidence, shape (instances,)."""
        num_vertices = np.array([i.num_vertices for i in self.annotations.instances])
        return (self.category_index >= 0) & (num_vertices >= self.rules.min_instance_vertices)

    @cached_property
    def is_eligible(self) -> Bools:
        """Whether the instance is occluded little enough in the frame (Sec. 3.2)."""
        return self.annotations.occlusion_ratio < self.rules.max_occlusion_ratio

    @cached_property
    def is_visible(self) -> Bools:
        """The profile's predicate `visible(n, i)`."""
        a = self.annotations
        enough = (a.visible_points >= self.rules.min_visible_points) & (
            a.visible_pixels >= self.rules.min_visible_pixels
        )
        return enough & self.is_eligible

    @cached_property
    def is_unresolved(self) -> Bools:
        """Whether the frame would show the instance if a pixel did, and only the canvas is too coarse to have one.

        Rays through sampled points meet it, rays through the canvas' pixel centres miss it.
        """
        a = self.annotations
        is_met = a.visible_points_id >= self.rules.min_visible_points
        return is_met & (a.visible_pixels < self.rules.min_visible_pixels) & self.is_eligible

    @cached_property
    def is_shown(self) -> Bools:
        """Whether any pixel of the frame shows the instance, at whatever resolution."""
        return (self.annotations.visible_pixels > 0) | (self.annotations.visible_points_id > 0)

    @cached_property
    def has_clear_box(self) -> Bools:
        """Whether enough pixels show the instance for its box to be asked for."""
        return self.annotations.visible_pixels >= self.rules.min_box_pixels

    @cached_property
    def box_extents(self) -> BoxExtents:
        """Extents of every box along the axes of every frame's camera."""
        return BoxExtents.of(self.annotations.instances, self.annotations.frames)

    @cached_property
    def image_sizes(self) -> NDArray[np.float64]:
        """Width and height of every frame, shape (frames, 2), pixels."""
        return np.array([(f.camera.width, f.camera.height) for f in self.annotations.frames], np.float64)

    @cached_property
    def box_centres_world(self) -> NDArray[np.float64]:
        """Centre of every box, shape (instances, 3), metres."""
        return np.array([i.box.centroid for i in self.annotations.instances], np.float64).reshape(-1, 3)

    @cached_property
    def camera_distances(self) -> NDArray[np.float64]:
        """Metres between the centre of every frame's camera and the centre of every box."""
        cameras_world = [camera_centre_world(frame.cam_from_world) for frame in self.annotations.frames]
        offsets = self.box_centres_world - np.array(cameras_world).reshape(-1, 1, 3)
        return np.linalg.norm(offsets, axis=-1)

    def question_box(self, frame: int, instance: int) -> NDArray[np.float64]:
        """Visible-pixel box (x0, y0, x1, y1) in question coordinates: the image stretched to a square."""
        scale = self.rules.coordinate_size / self.image_sizes[frame]
        return self.annotations.bbox_2d[frame, instance] * np.concatenate([scale, scale])

    def question_centre(self, frame: int, instance: int) -> tuple[int, int]:
        """Rounded centre of `question_box`."""
        x0, y0, x1, y1 = self.question_box(frame, instance)
        return round(float(x0 + x1) / 2), round(float(y0 + y1) / 2)


@dataclass(frozen=True, slots=True)
class RelationPairs:
    """Sources and targets of a frame set; arrays of shape (pairs,)."""

    position: Ints
    """0-based position of the query frame in the set."""
    source: Ints
    """Instance index."""
    target: Ints
    """Instance index."""
    signs: NDArray[np.int8]
    """Relation of target to source along the camera axes, shape (pairs, 3): see `BoxExtents.signs`."""


@dataclass(frozen=True)
class SetEvidence:
    """The same for one ordered frame set. Arrays have shape (frames of the set, instances) unless said."""

    scene: SceneEvidence
    frame_set: FrameSet

    @property
    def rules(self) -> Rules:
        """The profile."""
        return self.scene.rules

    @property
    def num_frames(self) -> int:
        """Frames in the set."""
        return len(self.frame_set.frames)

    @cached_property
    def _frames(self) -> list[int]:
        return list(self.frame_set.frames)

    @cached_property
    def is_visible(self) -> Bools:
        """Visibility of every instance in the set's frames."""
        return self.scene.is_visible[self._frames]

    @cached_property
    def is_unresolved(self) -> Bools:
        """Instances of which the set's frames do not tell whether they are visible: see `SceneEvidence.is_unresolved`."""
        return self.scene.is_unresolved[self._frames]

    @cached_property
    def is_covered(self) -> Bools:
        """Instances visible in at least one frame of the set, shape (instances,)."""
        return np.any(self.is_visible, axis=0)

    @cached_property
    def covered_by_category(self) -> dict[int, Ints]:
        """Indices of the covered instances of every category that has one."""
        covered = np.flatnonzero(self.is_covered & (self.scene.category_index >= 0))
        groups: dict[int, list[int]] = {}
        for instance, category in zip(covered.tolist(), self.scene.category_index[covered].tolist(), strict=True):
            groups.setdefault(category, []).append(instance)
        return {category: np.array(groups[category]) for category in sorted(groups)}

    @cached_property
    def is_eligible(self) -> Bools:
        """Instances below the occlusion ceiling in at least one frame of the set, shape (instances,)."""
        return np.any(self.scene.is_eligible[self._frames], axis=0)

    @cached_property
    def is_evident(self) -> Bools:
        """Eligible instances of which a frame shows enough points for another sample to say the same, shape (instances,)."""
        is_enough = self.scene.annotations.visible_points >= self.rules.min_visible_points
        return np.any((self.scene.is_eligible & is_enough)[self._frames], axis=0)

    @cached_property
    def eligible_count(self) -> Ints:
        """Eligible instances of each category, shape (categories,)."""
        return self.count_by_category(self.is_eligible)

    @cached_property
    def has_uncertain_member(self) -> Bools:
        """Categories that cannot be counted in this set, shape (categories,).

        An instance with too few vertices shows a pixel, or it is not sure that one shows a pixel, so the viewer may or may
        not count it.
        """
        shown = self.scene.is_shown[self._frames].any(axis=0) & ~self.scene.is_usable
        return self.count_by_category(shown | self.is_unresolved.any(axis=0)) > 0

    def count_by_category(self, chosen: Bools) -> Ints:
        """Count the chosen instances, shape (instances,), of each category; shape (categories,)."""
        members = self.scene.category_index[chosen]
        return np.bincount(members[members >= 0], minlength=len(self.scene.categories))

    @cached_property
    def occlusion_by_instance(self) -> tuple[NDArray[np.float64], Ints]:
        """Sum of occlusion ratios over the frames where a point falls in the image, and the number of those frames.

        Both of shape (instances,).
        """
        a = self.scene.annotations
        in_view = a.points_in_view[self._frames] > 0
        return np.where(in_view, a.occlusion_ratio[self._frames], 0.0).sum(axis=0), in_view.sum(axis=0)

    def occlusion_avg(self, targets: Ints) -> float | None:
        """Mean occlusion ratio of the target instances over the frames that have a point of them; None if none has."""
        total, count = self.occlusion_by_instance
        frames = int(count[targets].sum())
        return float(total[targets].sum()) / frames if frames else None

    @cached_property
    def target_weights(self) -> NDArray[np.float64]:
        """Preference for each instance as target: harder occlusion levels weigh more; shape (instances,)."""
        total, count = self.occlusion_by_instance
        mean = np.where(count > 0, total / np.maximum(count, 1), 0.0)
        weights = np.array([weight for _, weight in self.rules.level_weights])
        return weights[np.searchsorted(self.rules.occlusion_levels, mean, side="right")]

    @cached_property
    def is_named_by_category(self) -> Bools:
        """Instances that "the chair" can mean without naming a frame, shape (instances,).

        A frame of the set shows the instance, no frame leaves it open, and no other of its category is eligible in the set.
        """
        category = self.scene.category_index
        is_alone = np.zeros(len(category), bool)
        subjects = category >= 0
        is_alone[subjects] = self.eligible_count[category[subjects]] == 1
        return self.is_covered & ~self.is_unresolved.any(axis=0) & self.scene.is_usable & is_alone

    @cached_property
    def pairs(self) -> RelationPairs:
        """Every source and target that a relation may be asked of (spec section 6).

        The source is visible in the query frame, the target only in another; no other instance of the target's category
        is eligible in the set; the categories differ.
        """
        category = self.scene.category_index
        is_source = self.is_visible & self.scene.is_usable
        is_target = ~self.is_visible & self.is_named_by_category
        differ = category[:, None] != category[None, :]
        position, source, target = np.nonzero(is_source[:, :, None] & is_target[:, None, :] & differ)
        frame = np.array(self.frame_set.frames)[position]
        signs = self.scene.box_extents.signs(frame, target, source, self.rules.relation_margin)
        return RelationPairs(position, source, target, signs)

    def signs_to(self, position: int, source: int) -> NDArray[np.int8]:
        """Relations of every instance to a source in one frame of the set, shape (instances, 3)."""
        frame, everything = self.frame_of(position), slice(None)
        return self.scene.box_extents.signs(frame, everything, source, self.rules.relation_margin)

    def frame_of(self, position: int) -> int:
        """Index into the annotations' frames of a 0-based position in the set."""
        return self.frame_set.frames[position]
