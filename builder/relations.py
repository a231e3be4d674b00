"""Left/right, higher/lower, closer/farther between boxes as a camera sees them, or undecided (Sec. 3.2, C.1, D)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .geometry import box_corners, transform_points
from .schema import Frame, Instance


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
class BoxExtents:
    """Extents of the boxes' corners along the camera axes."""

    lowest: NDArray[np.float64]
    """Minima, shape (frames, instances, 3), metres."""
    highest: NDArray[np.float64]
    """Maxima, same shape."""

    @classmethod
    def of(cls, instances: tuple[Instance, ...], frames: tuple[Frame, ...]) -> BoxExtents:
        """Put the 8 corners of each box into the axes of each frame's camera."""
        centroid = np.array([i.box.centroid for i in instances]).reshape(-1, 3)
        axes = np.array([i.box.axes for i in instances]).reshape(-1, 3, 3)
        lengths = np.array([i.box.lengths for i in instances]).reshape(-1, 3)
        corners_world = box_corners(centroid, axes, lengths)
        shape = (len(frames), len(instances), 3)
        lowest, highest = np.empty(shape), np.empty(shape)
        for k, frame in enumerate(frames):
            corners_cam = transform_points(frame.cam_from_world, corners_world)
            lowest[k], highest[k] = corners_cam.min(axis=1), corners_cam.max(axis=1)
        return cls(lowest, highest)

    def signs(
        self,
        frame: NDArray[np.int64] | int,
        target: NDArray[np.int64] | slice,
        source: NDArray[np.int64] | int,
        margin: float,
    ) -> NDArray[np.int8]:
        """Relations of targets to sources.

        Args:
            frame: index of the query frame, one for all pairs or one each.
            target: indices of the targets, shape (pairs,), or a slice.
            source: indices of the sources, one for all pairs or one each.
            margin: metres by which the boxes must be apart.

        Returns:
            Shape (pairs, 3): -1 left/higher/closer, +1 right/lower/farther, 0 undecided.
        """
        below = self.highest[frame, target] + margin < self.lowest[frame, source]
        above = self.highest[frame, source] + margin < self.lowest[frame, target]
        return above.astype(np.int8) - below.astype(np.int8)
