"""What the frames show, judged by a profile's thresholds within the tolerances (spec section 8)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..rules import Rules, VisibilityRules
from ..scans.labels import is_structure
from ..schema import Scan
from .boxes import Boxes
from .optics import Bools, Floats, centre_world
from .sightings import Sightings
from .truth import FLOOR_FACTOR, OCCLUSION_BAND, Truth

_SIGMAS = 3.0
"""Standard errors that a share of sampled points may be off: the builder's sample is another than the verifier's."""
FEW_POINTS = 30
"""Where the builder's sample has fewer points in the picture, the share of hidden ones may be anything."""

_AXES = ("right", "down", "ahead")
"""Of a camera, in words."""


def members_by_category(scan: Scan) -> dict[str, list[int]]:
    """Indices of the instances of every category of a scan."""
    groups: dict[str, list[int]] = {}
    for k, instance in enumerate(scan.instances):
        groups.setdefault(instance.category, []).append(k)
    return groups


@dataclass(frozen=True)
class SceneView:
    """A scan as the frames that were looked at show it. Arrays have shape (frames, instances)."""

    scan: Scan
    rules: Rules
    sightings: Sightings
    boxes: Boxes
    visibility: VisibilityRules

    @cached_property
    def index_of(self) -> dict[int, int]:
        """Index of every instance by its id."""
        return {instance.instance_id: k for k, instance in enumerate(self.scan.instances)}

    @cached_property
    def members(self) -> dict[str, list[int]]:
        """Indices of the instances of every category."""
        return members_by_category(self.scan)

    def camera_world(self, frame: int) -> Floats:
        """Where a frame's camera stands, shape (3,), metres."""
        return centre_world(self.scan.frames[frame])

    def is_subject(self, category: str) -> bool:
        """Whether a category may be asked about: a kind of object, none of them as large as the room."""
        members = self.members.get(category, [])
        if not members or not category or is_structure(category):
            return False
        return max(self.scan.instances[k].extent_ratio for k in members) <= self.rules.max_box_diagonal_ratio

    def is_large_enough(self, k: int) -> bool:
        """Whether an instance has the vertices to be source, target or evidence."""
        return self.scan.instances[k].num_vertices >= self.rules.min_instance_vertices

    @cached_property
    def points_in_view(self) -> Floats:
        """Points in the picture that the builder's own sample must have, about."""
        area = self.sightings.area
        base = np.round(area / max(area.sum(), 1e-12) * self.visibility.base_points)
        return self.sightings.in_view * np.maximum(base, self.visibility.min_points_per_instance)

    @cached_property
    def hidden_bounds(self) -> tuple[Floats, Floats]:
        """Least and greatest occlusion ratio that another sample may have."""
        s = self.sightings
        low, high = self._share_bounds(s.hidden, s.num_points)
        few = self.points_in_view < FEW_POINTS
        return np.where(few, np.where(s.near_view > 0, 0.0, 1.0), low), np.where(few, 1.0, high)

    @cached_property
    def pixel_bounds(self) -> tuple[Floats, Floats]:
        """Least and greatest number of native pixels that another grid may count."""
        s = self.sightings
        cell = np.maximum(s.pixel_step, 1 / self.visibility.canvas_scale)
        # As if the pixels of the grid were drawn at random: a regular one is off by far less.
        error = cell * np.sqrt(s.pixels)
        # An instance in view that no pixel of the grid met may still show through a gap of the grid.
        return np.maximum(s.pixels - error, 0), s.pixels + error + np.where(s.in_view > 0, cell**2, 0)

    def _share_bounds(self, share: Floats, num_points: Floats) -> tuple[Floats, Floats]:
        """Least and greatest value that a share of sampled points may have in another sample."""
        mean = (share * num_points + 1) / (num_points + 2)
        error = np.sqrt(mean * (1 - mean) * (1 / (num_points + 2) + 1 / (self.points_in_view + 2)))
        band = np.maximum(OCCLUSION_BAND, _SIGMAS * error)
        return np.maximum(share - band, 0), np.minimum(share + band, 1)

    @cached_property
    def _eligible(self) -> Bools:
        """Shape (3, frames, instances): `Truth` of every view."""
        low, high = self.hidden_bounds
        return np.stack([self.sightings.hidden, high, low]) < self.rules.max_occlusion_ratio

    @cached_property
    def _visible(self) -> Bools:
        rules, s = self.rules, self.sightings
        points = self.points_in_view * (1 - s.hidden)
        noise = 2 * np.sqrt(points)
        floor = np.maximum(rules.min_visible_pixels, rules.min_visible_pixel_ratio * self.image_areas)
        low, high = self.pixel_bounds
        enough = [
            (points >= rules.min_visible_points) & (s.pixels >= floor),
            (points - noise >= FLOOR_FACTOR * rules.min_visible_points) & (low >= FLOOR_FACTOR * floor),
            (points + noise >= rules.min_visible_points / FLOOR_FACTOR) & (high >= floor / FLOOR_FACTOR),
        ]
        return self._eligible & np.stack(enough) & self._is_in_frame

    @cached_property
    def _is_in_frame(self) -> Bools:
        """Whether the border cuts off little enough; always, where a profile does not ask."""
        cut_off, limit = self.sightings.cut_off, self.rules.max_fov_ratio
        if limit >= 1:
            return np.ones((3, *cut_off.shape), bool)
        low, high = self._share_bounds(cut_off, self.sightings.num_points)
        return np.stack([cut_off, high, low]) < limit

    @cached_property
    def _absent(self) -> Bools:
        ceiling = self.rules.max_absent_pixel_ratio * self.image_areas
        low, high = self.pixel_bounds
        little = [
            self.sightings.pixels <= ceiling,
            high <= ceiling / FLOOR_FACTOR,
            low <= ceiling * FLOOR_FACTOR,
        ]
        return ~self._visible[[0, 2, 1]] & np.stack(little)

    @cached_property
    def image_areas(self) -> Floats:
        """Pixels of every frame's picture, shape (frames, 1)."""
        return np.array([[frame.camera.width * frame.camera.height] for frame in self.scan.frames], np.float64)

    @cached_property
    def _shows(self) -> Bools:
        low, high = self.pixel_bounds
        return np.stack([self.sightings.pixels >= 1, low >= FLOOR_FACTOR, high >= 1 / FLOOR_FACTOR])

    def _truth(self, flags: Bools, k: int, frame: int) -> Truth:
        if np.isnan(self.sightings.in_view[frame, k]):
            raise LookupError(f"nobody looked at instance {k} in frame {frame}")
        return Truth(*flags[:, frame, k].tolist())

    def visible(self, k: int, frame: int) -> Truth:
        """The profile's predicate `visible(n, i)`."""
        return self._truth(self._visible, k, frame)

    def eligible(self, k: int, frame: int) -> Truth:
        """Whether an instance is hidden little enough in a frame to be eligible in a set that holds it (Sec. 3.2)."""
        return self._truth(self._eligible, k, frame)

    def absent(self, k: int, frame: int) -> Truth:
        """The profile's predicate `absent(n, i)`: what is neither visible nor absent is uncertain."""
        return self._truth(self._absent, k, frame)

    def shows_pixel(self, k: int, frame: int) -> Truth:
        """Whether any pixel of a frame shows an instance."""
        return self._truth(self._shows, k, frame)

    def stands(self, target: int, relation: str, source: int, frame: int) -> Truth:
        """Whether a target stands in a relation to a source, as a frame's camera sees it (spec section 6)."""
        return self.boxes.stands(target, relation, source, frame, self.rules)

    def describe(self, instances: Iterable[int], frames: Iterable[int]) -> str:
        """Numbers of instances in frames, for a person who wants to know why."""
        frames = list(frames)
        lines = []
        for k in instances:
            instance = self.scan.instances[k]
            cells = [
                f"{self.scan.frames[f].name}: {self._describe_sighting(k, f)}"
                for f in frames
                if np.isfinite(self.sightings.in_view[f, k])
            ]
            lines.append(f"{instance.category} {instance.instance_id} ({', '.join(cells)})")
        return "; ".join(lines)

    def _describe_sighting(self, k: int, frame: int) -> str:
        s = self.sightings
        if not self.points_in_view[frame, k]:
            return "not in view"
        pixels = "" if np.isnan(s.pixels[frame, k]) else f", {s.pixels[frame, k]:.0f} pixels"
        return f"{s.hidden[frame, k]:.2f} hidden of {self.points_in_view[frame, k]:.0f} points{pixels}"

    def describe_boxes(self, instances: Iterable[int], frame: int) -> str:
        """Extents of boxes along a frame's camera axes, for the same person."""
        low, high = self.boxes.extents("tight" if self.rules.use_tight_boxes else "annotated", frame)
        return "; ".join(
            f"{self.scan.instances[k].category} {self.scan.instances[k].instance_id} "
            + ", ".join(f"{a:.2f} to {b:.2f} m {name}" for name, a, b in zip(_AXES, low[k], high[k], strict=True))
            for k in instances
        )
