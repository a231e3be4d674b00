"""What the records of a scan need to know about its frames, how closely it is looked up, and what was seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .optics import Bools, Floats


@dataclass(frozen=True, slots=True)
class Effort:
    """How many rays are spent."""

    points_per_instance: int
    points_of_scan: int
    """For the overlap of frames."""
    points_per_view: int
    """Points of an instance that are followed in one frame, at most."""
    pixels_per_view: int
    """Pixels of an instance's rectangle that are looked at in one frame, about; fewer where it is small."""
    least_step: float = 1.0
    """Native pixels from one of them to the next, at least."""


FIRST_LOOK = Effort(points_per_instance=2_000, points_of_scan=20_000, points_per_view=512, pixels_per_view=400)
SECOND_LOOK = Effort(points_per_instance=8_000, points_of_scan=100_000, points_per_view=8_000, pixels_per_view=10_000)
LAST_LOOK = Effort(8_000, 100_000, points_per_view=8_000, pixels_per_view=2_000_000, least_step=0.5)
"""Finer than any picture: a box may end in a speck that shows through a gap and that a grid may step over."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What must be looked at; arrays over the scan's frames and instances."""

    frames: Bools
    """Shape (frames,): of which the overlap is asked."""
    points: Bools
    """Shape (frames, instances): where the share of hidden points is asked."""
    pixels: Bools
    """Shape (frames, instances): where pixels are asked too."""
    canvas: bool
    """Whether it is asked how much of an instance the border of the picture cuts off."""


@dataclass(frozen=True, slots=True)
class Sightings:
    """What was seen; arrays of shape (frames, instances) unless said, NaN where nobody looked."""

    in_view: Floats
    """Share of the instance's points that fall into the picture."""
    near_view: Floats
    """The same for a picture that is a little larger."""
    hidden: Floats
    """Share of the points in the picture that something hides: the occlusion ratio (Eq. 2); 1 where none is."""
    num_points: Floats
    """Points in the picture that were followed."""
    cut_off: Floats
    """Share of what is visible on the extended canvas that lies outside the picture (Eq. 5); 1 where none is inside."""
    pixels: Floats
    """Native pixels of the flat picture that show the instance."""
    pixel_step: Floats
    """Native pixels between those that were looked at."""
    box: Floats
    """Shape (frames, instances, 4): tight box (x0, y0, x1, y1) of the pixels that show the instance, picture pixels."""
    box_low: Floats
    """Least value of each of these that another grid may find."""
    box_high: Floats
    """Greatest value."""
    shown_points: dict[int, Bools]
    """By frame: which points of the whole scan it shows."""
    area: Floats
    """Shape (instances,): surface of each instance, square metres."""

    @classmethod
    def of_nothing(cls, shape: tuple[int, ...], area: Floats) -> Sightings:
        """Sightings of (frames, instances) at which nobody looked."""
        in_view, near_view, hidden, num_points, cut_off, pixels, step = (np.full(shape, np.nan) for _ in range(7))
        box, low, high = (np.full((*shape, 4), np.nan) for _ in range(3))
        return cls(in_view, near_view, hidden, num_points, cut_off, pixels, step, box, low, high, {}, area)

    def overlap(self, a: int, b: int) -> float:
        """Intersection over union of what two frames show (Eq. 6)."""
        union = np.count_nonzero(self.shown_points[a] | self.shown_points[b])
        return np.count_nonzero(self.shown_points[a] & self.shown_points[b]) / union if union else 0.0
