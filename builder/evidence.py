"""What the questions of a scene, and of one frame set, may rest on: the annotations under a profile's rules."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from .annotations import Annotations
from .geometry import camera_centre_world
from .relations import Axis, Relations
from .rules import Rules
from .scans.labels import is_named_in, is_structure
from .schema import FrameSet, OrientedBox

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
        a, rules = self.annotations, self.rules
        enough = (
            (a.visible_points >= rules.min_visible_points)
            & (a.visible_pixels >= rules.min_visible_pixels)
            & (self.pixel_ratio >= rules.min_visible_pixel_ratio)
        )
        return enough & self.is_eligible & (a.fov_ratio < rules.max_fov_ratio)

    @cached_property
    def is_absent(self) -> Bools:
        """The profile's predicate `absent(n, i)`: what is neither visible nor absent is uncertain."""
        return ~self.is_visible & ~self.is_unresolved & (self.pixel_ratio <= self.rules.max_absent_pixel_ratio)

    @cached_property
    def pixel_ratio(self) -> NDArray[np.float64]:
        """Share of the image that shows the instance."""
        return self.annotations.visible_pixels / self.image_sizes.prod(axis=1)[:, None]

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
    def relations(self) -> Relations:
        """Relations between all boxes in every frame."""
        return Relations.under(self.rules, self.annotations)

    def offers_all(self, axes: tuple[Axis, ...]) -> Bools:
        """Tell for which categories of target and source the scene offers every combination of relations on the axes.

        Returns:
            Shape (categories, categories), first the target's.
        """
        if axes not in self._offers:
            self._offers[axes] = self._find_offers([axis.index for axis in axes])
        return self._offers[axes]

    @cached_property
    def _offers(self) -> dict[tuple[Axis, ...], Bools]:
        return {}

    def _find_offers(self, axes: list[int]) -> Bools:
        num_categories = len(self.categories)
        offered = np.zeros((num_categories, num_categories, 1 << len(axes)), np.bool_)
        for frame in range(len(self.annotations.frames)):
            source = np.flatnonzero(self.is_visible[frame] & self.is_usable)
            target = np.flatnonzero(self.is_absent[frame] & self.is_usable)
            signs = self.relations.signs(frame, np.repeat(target, len(source)), np.tile(source, len(target)))[:, axes]
            pair = np.flatnonzero((signs != 0).all(axis=1))
            combination = (signs[pair] > 0) @ (1 << np.arange(len(axes)))
            category = self.category_index
            t, s = category[np.repeat(target, len(source))[pair]], category[np.tile(source, len(target))[pair]]
            offered[t, s, combination] = True
        return np.asarray(offered.all(axis=2))

    @cached_property
    def may_meet(self) -> Bools:
        """Which categories may stand in one question, shape (categories + 1, categories + 1).

        The last row and column, index -1, are for what is no subject: it meets nothing.
        """
        num_categories = len(self.categories)
        may_meet = np.zeros((num_categories + 1, num_categories + 1), np.bool_)
        may_meet[:-1, :-1] = ~np.eye(num_categories, dtype=np.bool_)
        if self.rules.separate_hypernyms:
            for a, b in combinations(range(num_categories), 2):
                names = self.categories[a], self.categories[b]
                may_meet[a, b] = may_meet[b, a] = not (is_named_in(*names) or is_named_in(*reversed(names)))
        return may_meet

    @cached_property
    def image_sizes(self) -> NDArray[np.float64]:
        """Width and height of every frame, shape (frames, 2), pixels."""
        return np.array([(f.camera.width, f.camera.height) for f in self.annotations.frames], np.float64)

    @cached_property
    def measured_boxes(self) -> tuple[tuple[OrientedBox, ...], ...]:
        """Readings of every instance's box: a measure must be the same in all of them, and the first is told."""
        annotated = tuple(instance.box for instance in self.annotations.instances)
        return (self.annotations.tight_boxes, annotated) if self.rules.use_tight_boxes else (annotated,)

    @cached_property
    def box_centres_world(self) -> NDArray[np.float64]:
        """Centre of every box, shape (readings, instances, 3), metres."""
        centroids = [[box.centroid for box in boxes] for boxes in self.measured_boxes]
        return np.array(centroids, np.float64).reshape(len(centroids), -1, 3)

    @cached_property
    def camera_distances(self) -> NDArray[np.float64]:
        """Metres between every camera's centre and every box's, shape (readings, frames, instances)."""
        cameras_world = [camera_centre_world(frame.cam_from_world) for frame in self.annotations.frames]
        offsets = self.box_centres_world[:, None] - np.array(cameras_world).reshape(-1, 1, 3)
        return np.linalg.norm(offsets, axis=-1)

    @cached_property
    def longest_sides(self) -> NDArray[np.float64]:
        """Longest side of every box, shape (readings, instances), metres."""
        return np.array([[max(box.lengths) for box in boxes] for boxes in self.measured_boxes], np.float64)

    def question_box(self, frame: int, instance: int) -> NDArray[np.float64]:
        """Visible-pixel box (x0, y0, x1, y1) in question coordinates: the image stretched to a square."""
        scale = self.rules.coordinate_size / self.image_sizes[frame]
        return self.annotations.bbox_2d[frame, instance] * np.concatenate([scale, scale])

    def question_key(self, frame: int, instance: int) -> tuple[tuple[int, int], float]:
        """Rounded centre and diagonal of `question_box`."""
        x0, y0, x1, y1 = self.question_box(frame, instance)
        return self.question_centre(frame, instance), float(np.hypot(x1 - x0, y1 - y0))

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
    """Relation of target to source, shape (pairs, 3): see `Relations.signs`."""


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
    def is_absent(self) -> Bools:
        """Absence of every instance in the set's frames."""
        return self.scene.is_absent[self._frames]

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

        An instance with too few vertices shows a pixel, or one shows neither enough nor little enough, so the viewer may
        or may not count it.
        """
        shown = self.scene.is_shown[self._frames].any(axis=0) & ~self.scene.is_usable
        uncertain = (~self.is_visible & ~self.is_absent).any(axis=0)
        return self.count_by_category(shown | uncertain) > 0

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
        # The last entry, index -1, is for what is no subject.
        is_alone = np.append(self.eligible_count, 0)[category] == 1
        is_open = self.scene.is_unresolved[self._frames].any(axis=0)
        return self.is_covered & ~is_open & self.scene.is_usable & is_alone

    @cached_property
    def pairs(self) -> RelationPairs:
        """Every source and target that a relation may be asked of (spec section 6).

        The source is visible in the query frame, the target is absent there and visible in another; no other instance of
        the target's category is eligible in the set; the categories may meet.
        """
        category = self.scene.category_index
        is_source = self.is_visible & self.scene.is_usable
        is_target = self.is_absent & self.is_named_by_category
        may_meet = self.scene.may_meet[category[:, None], category[None, :]]
        position, source, target = np.nonzero(is_source[:, :, None] & is_target[:, None, :] & may_meet)
        frame = np.array(self.frame_set.frames)[position]
        return RelationPairs(position, source, target, self.scene.relations.signs(frame, target, source))

    def signs_to(self, position: int, source: int) -> NDArray[np.int8]:
        """Relations of every instance to a source in one frame of the set, shape (instances, 3)."""
        return self.scene.relations.signs(self.frame_of(position), slice(None), source)

    def frame_of(self, position: int) -> int:
        """Index into the annotations' frames of a 0-based position in the set."""
        return self.frame_set.frames[position]
