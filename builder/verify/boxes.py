"""Which relations hold between boxes (spec section 6), and how long things are, by every reading that a profile asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..rules import Rules, VisibilityRules
from ..schema import OrientedBox, Scan
from .optics import Floats, centre_world, corners_cam, corners_world
from .rays import Surfaces
from .truth import SEPARATION_BAND, Truth, above, every

_AXES = {"left": 0, "right": 0, "higher": 1, "lower": 1, "closer": 2, "farther": 2}
_BELOW = {"left", "higher", "closer"}
"""Relations of an object whose coordinates are smaller than the source's."""
_POINTS = 8_000
"""Points of an instance by which its box is tightened."""

Extents = tuple[Floats, Floats]
"""Minima and maxima along three measures, in the order of the relations' axes; shape (instances, 3) each."""


@dataclass(frozen=True)
class Boxes:
    """The boxes of a scan's instances, annotated and tight."""

    scan: Scan
    surfaces: Surfaces
    visibility: VisibilityRules

    @cached_property
    def annotated(self) -> list[OrientedBox]:
        """As ScanNet++ has them."""
        return [instance.box for instance in self.scan.instances]

    @cached_property
    def tight(self) -> list[OrientedBox]:
        """From percentile to percentile of the points on each instance, along its annotated axes (spec section 5)."""
        points = self.surfaces.draw_from(np.arange(len(self.annotated)), _POINTS)
        return [
            _tightened(box, points[k], self.visibility.tight_box_percentiles) for k, box in enumerate(self.annotated)
        ]

    def readings(self, rules: Rules) -> list[list[OrientedBox]]:
        """The boxes by which a profile measures, the one that it tells first."""
        return [self.tight, self.annotated] if rules.use_tight_boxes else [self.annotated]

    @cached_property
    def _extents(self) -> dict[tuple[str, int], Extents]:
        return {}

    def extents(self, reading: str, frame: int) -> Extents:
        """Extents in a frame by a reading: `annotated` or `tight` along the camera's axes, or `perceived`."""
        if (reading, frame) not in self._extents:
            boxes = self.annotated if reading == "annotated" else self.tight
            find = self._perceived if reading == "perceived" else self._in_camera
            self._extents[reading, frame] = find(boxes, frame)
        return self._extents[reading, frame]

    def _in_camera(self, boxes: list[OrientedBox], frame: int) -> Extents:
        corners = corners_cam(self.scan.frames[frame], boxes)
        return corners.min(axis=1), corners.max(axis=1)

    def _perceived(self, boxes: list[OrientedBox], frame: int) -> Extents:
        """Bearing to the right (radians), height in the room counted downwards, distance from the camera (metres)."""
        camera = self.scan.frames[frame]
        corners = corners_cam(camera, boxes)
        bearing = np.arctan2(corners[..., 0], corners[..., 2])
        depth = -corners_world(boxes)[..., 2]
        nearest = [_distance_to_box(box, centre_world(camera)) for box in boxes]
        farthest = np.linalg.norm(corners, axis=2).max(axis=1)
        low = np.stack([bearing.min(axis=1), depth.min(axis=1), nearest], axis=1)
        return low, np.stack([bearing.max(axis=1), depth.max(axis=1), farthest], axis=1)

    def stands(self, target: int, relation: str, source: int, frame: int, rules: Rules) -> Truth:
        """Whether a target stands in a relation to a source, as a frame's camera sees it: by every reading."""
        axis, margin = _AXES[relation], rules.relation_margin
        before, after = (target, source) if relation in _BELOW else (source, target)

        def apart(reading: str, margin: float) -> Truth:
            low, high = self.extents(reading, frame)
            return above(float(low[after, axis] - high[before, axis]), margin, SEPARATION_BAND)

        depth = float(self.extents("annotated", frame)[0][target, 2])
        in_front = above(depth, rules.min_target_depth, SEPARATION_BAND)
        if not rules.use_tight_boxes:
            return in_front & apart("annotated", margin)
        # Of what a person goes by, only heights are compared by the same margin: bearings are no metres.
        perceived = apart("perceived", margin if axis == 1 else 0.0)
        return every([in_front, apart("tight", margin), apart("annotated", 0.0), perceived])


def _tightened(box: OrientedBox, points_world: Floats, percentiles: tuple[float, float]) -> OrientedBox:
    if np.isnan(points_world).any():
        return box
    axes = np.array(box.axes).reshape(3, 3)
    low, high = np.percentile(points_world @ axes.T, percentiles, axis=0)
    x, y, z = (axes.T @ ((low + high) / 2)).tolist()
    a, b, c = (high - low).tolist()
    return replace(box, centroid=(x, y, z), lengths=(a, b, c))


def _distance_to_box(box: OrientedBox, point_world: Floats) -> float:
    """Metres from a point to the nearest of a box, 0 inside."""
    local = np.array(box.axes).reshape(3, 3) @ (point_world - np.array(box.centroid))
    return float(np.linalg.norm(np.maximum(abs(local) - np.array(box.lengths) / 2, 0)))
