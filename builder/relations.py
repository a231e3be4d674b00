"""Left/right, higher/lower, closer/farther between boxes as a camera sees them, or undecided (Sec. 3.2, C.1, D)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .annotations import Annotations
from .geometry import box_corners, camera_centre_world, transform_points
from .rules import Rules
from .schema import Frame, OrientedBox

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Axis:
    """A camera axis along which two objects can be told apart."""

    suffix: str
    """As in the authors' question types: `obj_existence_occ_lr`."""
    index: int
    """Camera axis: 0 = x (right), 1 = y (down), 2 = z (forward)."""
    below: str
    """Relation of an object whose coordinate is smaller: it lies to the left, higher or closer."""
    above: str
    """Relation of an object whose coordinate is larger."""

    def relation(self, sign: int) -> str:
        """Name the relation of a decided sign: -1 or +1."""
        return self.below if sign < 0 else self.above


AXES = (
    Axis("lr", 0, "left", "right"),
    Axis("ab", 1, "higher", "lower"),
    Axis("fb", 2, "closer", "farther"),
)
"""In the order of the question types."""


@dataclass(frozen=True, slots=True)
class Extents:
    """Intervals that the boxes cover along three measures, in the order of `AXES`."""

    lowest: Floats
    """Shape (frames, instances, 3)."""
    highest: Floats
    """Same shape."""

    def signs(
        self,
        frame: NDArray[np.int64] | int,
        target: NDArray[np.int64] | slice,
        source: NDArray[np.int64] | int,
        margin: float | tuple[float, float, float],
    ) -> NDArray[np.int8]:
        """Compare the intervals of targets with those of sources.

        Args:
            frame: index of the query frame, one for all pairs or one each.
            target: indices of the targets, shape (pairs,), or a slice.
            source: indices of the sources, one for all pairs or one each.
            margin: by which they must be apart, one for all measures or one each.

        Returns:
            Shape (pairs, 3): -1 where the target's lies wholly below, +1 where it lies wholly above, 0 otherwise.
        """
        gap = np.asarray(margin, np.float64)
        below = self.highest[frame, target] + gap < self.lowest[frame, source]
        above = self.highest[frame, source] + gap < self.lowest[frame, target]
        return above.astype(np.int8) - below.astype(np.int8)


@dataclass(frozen=True, slots=True)
class Relations:
    """Which relations between boxes are decided in which frame."""

    witnesses: tuple[tuple[Extents, tuple[float, float, float]], ...]
    """Extents and the margins by which they must be apart; a relation is decided where all of them agree."""
    is_target: NDArray[np.bool_]
    """Instances that may be a target in a frame, shape (frames, instances)."""

    @classmethod
    def under(cls, rules: Rules, annotations: Annotations) -> Relations:
        """Apply a profile's rules to a scene (spec section 6)."""
        frames = annotations.frames
        annotated = camera_extents([instance.box for instance in annotations.instances], frames)
        is_target = annotated.lowest[..., 2] > rules.min_target_depth
        margin = rules.relation_margin
        if not rules.use_tight_boxes:
            return cls(((annotated, (margin,) * 3),), is_target)
        return cls(
            (
                (camera_extents(annotations.tight_boxes, frames), (margin,) * 3),
                (annotated, (0.0,) * 3),
                (perceived_extents(annotations.tight_boxes, frames), (0.0, margin, 0.0)),
            ),
            is_target,
        )

    def signs(
        self,
        frame: NDArray[np.int64] | int,
        target: NDArray[np.int64] | slice,
        source: NDArray[np.int64] | int,
    ) -> NDArray[np.int8]:
        """Relations of targets to sources; arguments as in `Extents.signs`.

        Returns:
            Shape (pairs, 3): -1 left/higher/closer, +1 right/lower/farther, 0 undecided.
        """
        (extents, margin), *others = self.witnesses
        signs = extents.signs(frame, target, source, margin) * self.is_target[frame, target][..., None]
        for extents, margin in others:
            signs = np.where(extents.signs(frame, target, source, margin) == signs, signs, np.int8(0))
        return signs.astype(np.int8)


def camera_extents(boxes: Sequence[OrientedBox], frames: Sequence[Frame]) -> Extents:
    """Extents of the boxes' corners along each frame's camera axes, metres."""
    corners_world = _corners_world(boxes)
    lowest, highest = np.empty((2, len(frames), len(boxes), 3))
    for k, frame in enumerate(frames):
        corners_cam = transform_points(frame.cam_from_world, corners_world)
        lowest[k], highest[k] = corners_cam.min(axis=1), corners_cam.max(axis=1)
    return Extents(lowest, highest)


def perceived_extents(boxes: Sequence[OrientedBox], frames: Sequence[Frame]) -> Extents:
    """Extents along what a person goes by: bearing, height in the room, distance.

    Bearing is `atan2(x, z)` in radians, to the right; height is counted downwards from the world's origin, metres; the
    distance is that of the box from the camera centre, metres.
    """
    corners_world = _corners_world(boxes)
    centroid, axes, lengths = _stack(boxes)
    lowest, highest = np.empty((2, len(frames), len(boxes), 3))
    lowest[..., 1], highest[..., 1] = -corners_world[..., 2].max(axis=1), -corners_world[..., 2].min(axis=1)
    for k, frame in enumerate(frames):
        corners_cam = transform_points(frame.cam_from_world, corners_world)
        bearing = np.arctan2(corners_cam[..., 0], corners_cam[..., 2])
        lowest[k, :, 0], highest[k, :, 0] = bearing.min(axis=1), bearing.max(axis=1)
        centre_box = np.einsum("nij,nj->ni", axes, camera_centre_world(frame.cam_from_world) - centroid)
        outside = np.maximum(np.abs(centre_box) - lengths / 2, 0)
        lowest[k, :, 2] = np.linalg.norm(outside, axis=1)
        highest[k, :, 2] = np.linalg.norm(corners_cam, axis=2).max(axis=1)
    return Extents(lowest, highest)


def _corners_world(boxes: Sequence[OrientedBox]) -> Floats:
    return box_corners(*_stack(boxes))


def _stack(boxes: Sequence[OrientedBox]) -> tuple[Floats, Floats, Floats]:
    centroid = np.array([box.centroid for box in boxes]).reshape(-1, 3)
    axes = np.array([box.axes for box in boxes]).reshape(-1, 3, 3)
    lengths = np.array([box.lengths for box in boxes]).reshape(-1, 3)
    return centroid, axes, lengths
