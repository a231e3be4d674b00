"""Looks at the frames of a scan by exact rays: each frame once, for all records that need it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..rules import VisibilityRules
from ..schema import Frame, Scan
from .optics import Bools, Floats, Ints, centre_world, picture_px, project, rays_world
from .rays import RayTracer, Surfaces, face_owners
from .sightings import Effort, Needs, Sightings

_BORDER = 0.02
"""Share of the picture's sides: another sample may have a point in the picture where this one has it that near."""
_RECTANGLE_MARGIN = 0.05
"""Least share by which the rectangle of an instance's points is enlarged before pixels are looked at."""
_SPECK = 16
"""Native pixels beyond an edge of a box that the builder's coarser grid may step over."""
_SAME_SURFACE = 0.002
"""Metres by which rounding may move a point off the surface it was drawn from."""


class Observer:
    """Looks at the frames of one scan."""

    def __init__(self, scan: Scan, rules: VisibilityRules, seed: int = 0) -> None:
        """Build the ray tree.

        Args:
            scan: the labelled mesh and its posed frames.
            rules: near plane and tolerance of the depth test.
            seed: of the points.
        """
        self.scan = scan
        self.rules = rules
        owners = face_owners(scan)
        self.surfaces = Surfaces(scan, owners, seed)
        self._tracer = RayTracer(scan, owners)

    def look(self, needs: Needs, effort: Effort) -> Sightings:
        """Look at what is needed, frame by frame."""
        seen = Sightings.of_nothing(needs.points.shape, self.surfaces.area)
        if needs.frames.any():
            points, owner = self.surfaces.draw_from_all(effort.points_of_scan)
            for k in np.flatnonzero(needs.frames).tolist():
                everything = self._follow(k, points[None], owner[None], len(points), beyond=False)
                seen.shown_points[k] = everything.is_visible[0]
        wanted = np.flatnonzero(needs.points.any(axis=0))
        points = self.surfaces.draw_from(wanted, effort.points_per_instance)
        for k in np.flatnonzero(needs.points.any(axis=1)).tolist():
            is_here = needs.points[k, wanted]
            instances = wanted[is_here]
            followed = self._follow(k, points[is_here], instances[:, None], effort.points_per_view, needs.canvas)
            _count_points(seen, k, instances, followed)
            self._look_at_pixels(seen, k, instances, followed, needs.pixels[k, instances], effort)
        return seen

    def _follow(self, k: int, points_world: Floats, owner: Ints, at_most: int, beyond: bool) -> _Followed:
        """Follow at most so many points of each row that fall into the picture.

        Args:
            k: index of the frame.
            points_world: shape (rows, n, 3).
            owner: the instance of every point, shape (rows, n) or (rows, 1).
            at_most: points of a row.
            beyond: whether to follow as many again beside the picture, on the extended canvas.
        """
        frame, shape = self.scan.frames[k], points_world.shape[:2]
        projected = project(frame, points_world.reshape(-1, 3), self.rules.near, _BORDER)
        is_inside = projected.is_inside.reshape(shape)
        is_beyond = projected.is_on_canvas.reshape(shape) & ~is_inside & beyond
        index = np.flatnonzero(_thinned(is_inside, at_most) | _thinned(is_beyond, at_most))
        rays = points_world.reshape(-1, 3)[index] - centre_world(frame)
        first, away, is_hit = self._tracer.first_surfaces(centre_world(frame), rays)
        in_front = projected.depth[index] * (1 - away)
        is_own = first == np.broadcast_to(owner, shape).ravel()[index]
        is_followed, is_visible, is_first = (np.zeros(shape, bool) for _ in range(3))
        is_followed.flat[index] = True
        is_visible.flat[index] = is_own | ~is_hit | (in_front <= self.rules.depth_tolerance)
        is_first.flat[index] = is_own & (abs(in_front) <= _SAME_SURFACE)
        flat, picture = projected.flat.reshape(*shape, 2), projected.picture.reshape(*shape, 2)
        is_near = projected.is_near.reshape(shape)
        return _Followed(is_inside, is_near, is_beyond, is_followed, is_visible, is_first, flat, picture)

    def _look_at_pixels(
        self, seen: Sightings, k: int, instances: Ints, followed: _Followed, is_asked: Bools, effort: Effort
    ) -> None:
        """Look at a grid of pixels in the rectangle of each instance that is asked for."""
        frame = self.scan.frames[k]
        seen.pixels[k, instances[is_asked]] = 0.0
        seen.pixel_step[k, instances[is_asked]] = 1.0
        for row in np.flatnonzero(is_asked & followed.is_inside.any(axis=1)).tolist():
            n = instances[row]
            flat, step = _grid(frame, followed.flat[row, followed.is_near[row]], effort)
            first, _, _ = self._tracer.first_surfaces(centre_world(frame), rays_world(frame, flat))
            shown = flat[first == n]
            seen.pixels[k, n] = len(shown) * step**2
            seen.pixel_step[k, n] = step
            points = followed.picture[row, followed.is_first[row] & followed.is_inside[row]]
            boxes = _boxes(picture_px(frame.camera, shown), step, points)
            for box, edges in zip((seen.box, seen.box_low, seen.box_high), boxes, strict=True):
                box[k, n] = np.clip(edges, 0, (frame.camera.width, frame.camera.height) * 2)


@dataclass(frozen=True, slots=True)
class _Followed:
    """Points in rows, and what became of them in one frame; flags of shape (rows, n), places of shape (rows, n, 2)."""

    is_inside: Bools
    is_near: Bools
    is_beyond: Bools
    """Beside the picture, on the extended canvas."""
    is_followed: Bools
    is_visible: Bools
    """Of those that were followed: the first surface is the instance's own, or nothing, or the point itself (Eq. 1)."""
    is_first: Bools
    """Of those: the point itself is the first surface."""
    flat: Floats
    picture: Floats


def _thinned(flags: Bools, at_most: int) -> Bools:
    """Keep at most so many of the flags in each row, evenly spread."""
    count = flags.sum(axis=1, keepdims=True)
    if (count <= at_most).all():
        return flags
    share = np.minimum(1.0, at_most / np.maximum(count, 1))
    place = np.cumsum(flags, axis=1)
    return flags & (np.floor(place * share) > np.floor((place - 1) * share))


def _count_points(seen: Sightings, k: int, instances: Ints, followed: _Followed) -> None:
    num_points = followed.is_inside.shape[1]
    num_inside, num_followed, shown_inside = _count(followed, followed.is_inside)
    _, _, shown_beyond = _count(followed, followed.is_beyond)
    seen.in_view[k, instances] = num_inside / num_points
    seen.near_view[k, instances] = np.count_nonzero(followed.is_near, axis=1) / num_points
    seen.num_points[k, instances] = num_followed
    seen.hidden[k, instances] = 1 - shown_inside / np.maximum(num_inside, 1)
    seen.cut_off[k, instances] = 1 - shown_inside / np.maximum(shown_inside + shown_beyond, 1)


def _count(followed: _Followed, where: Bools) -> tuple[Floats, Floats, Floats]:
    """Points of each row in a place, those of them that were followed, and how many of all are visible, about."""
    count, num_followed, num_visible = (
        np.count_nonzero(flags, axis=1).astype(np.float64)
        for flags in (where, where & followed.is_followed, where & followed.is_visible)
    )
    return count, num_followed, num_visible * count / np.maximum(num_followed, 1)


def _grid(frame: Frame, flat: Floats, effort: Effort) -> tuple[Floats, float]:
    """Flat pixels at equal distances over the rectangle of some points, shape (n, 2), and the distance."""
    size = np.array([frame.camera.width, frame.camera.height], np.float64)
    low, high = flat.min(axis=0), flat.max(axis=0)
    # The fewer points, the farther may what they stand for reach beyond them.
    margin = max(_RECTANGLE_MARGIN, len(flat) ** -0.5) * (high - low) + 2
    low, high = np.clip(low - margin, 0, size), np.clip(high + margin, 0, size)
    step = max(effort.least_step, float(np.sqrt(np.prod(high - low) / effort.pixels_per_view)))
    x, y = (np.arange(a + step / 2, b, step) for a, b in zip(low, high, strict=True))
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2), step


def _boxes(shown: Floats, step: float, points: Floats) -> tuple[Floats, Floats, Floats]:
    """Tight box of the pixels that show an instance, and the least and greatest that another grid may find.

    Args:
        shown: shape (n, 2): where in the picture pixels show the instance.
        step: pixels from one to the next.
        points: shape (m, 2): where else it shows, found by points on its surface.
    """
    box = _tight_box(shown, step / 2)
    candidates = np.stack([box, _tight_box(points, 0.0), _tight_box(shown, step / 2, round(_SPECK / step**2))])
    if np.isnan(candidates).all():
        return box, box, box
    return box, np.nanmin(candidates, axis=0), np.nanmax(candidates, axis=0)


def _tight_box(px: Floats, margin: float, without: int = 0) -> Floats:
    """Box (x0, y0, x1, y1) of places of shape (n, 2), wider by a margin, each side without its outermost few.

    NaN around none; half of the places are left at least.
    """
    if not len(px):
        return np.full(4, np.nan)
    outer = min(without, (len(px) - 1) // 2)
    ordered = np.partition(px, (outer, len(px) - 1 - outer), axis=0)
    return np.concatenate([ordered[outer] - margin, ordered[-1 - outer] + margin])
