"""Every threshold of the pipeline, with its unit, source and reason.

Two stages have rules of their own: `VisibilityRules` decide what the annotations say, `Rules` what becomes a question.
A profile is one frozen instance of `Rules`. The references are to the paper (arXiv 2512.23365).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VisibilityRules:
    """How points are sampled and tested (Sec. 3.1, C.1)."""

    canvas_scale: float = 0.5
    """Canvas pixels per image pixel. 1/2 keeps the mean error of the occlusion ratio at 0.001 against exact rays; use
    1 for a dataset to be published."""
    depth_tolerance: float = 0.01
    """Metres by which a point may lie behind the first surface and still be visible: "another object blocks the view"
    (Eq. 1) needs something in front, and scan noise is below 1 cm."""
    near: float = 0.05
    """Near plane, metres."""
    base_points: int = 200_000
    """Points per scan over the labelled surface; they alone count in the overlap (Eq. 6)."""
    min_points_per_instance: int = 2_000
    """Small instances are topped up to this many points, so that a ratio has an error below 0.02."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What becomes a question, and how it is put: a profile."""

    profile: str
    """Name of the profile; also the dataset's config name."""
    max_occlusion_ratio: float
    """An instance is visible only below this `occlusion_ratio` (Sec. 3.2: above 0.9 it is nearly impossible to see)."""
    min_visible_points: int
    """Visible sampled points an instance needs to be visible in a frame."""
    min_visible_pixels: float
    """Native image pixels an instance needs to be visible in a frame."""
    min_box_pixels: float
    """Visible native pixels an instance needs for the centre of its box to be asked for or to tell it from others: the
    box of a handful of pixels changes with the canvas resolution."""
    min_instance_vertices: int
    """A smaller instance is never source, target or evidence: too few vertices to trust its shape."""
    max_box_diagonal_ratio: float
    """An instance whose box diagonal exceeds this share of the labelled scene's is no subject, nor is its category."""
    frame_counts: tuple[int, ...]
    """Sizes of a frame set (Sec. 3.2: 2 to 5 views)."""
    max_overlap: float
    """Every pair of a frame set overlaps less than this (Eq. 6, Sec. 3.2: below 30 %)."""
    relation_margin: float
    """Metres by which two boxes must be apart along an axis for the relation to be decided."""
    coordinate_size: int
    """Coordinates in questions and options: the image is stretched to a square of this side."""
    coordinate_note: str
    """The sentence that follows a question which holds or asks for coordinates."""
    min_distractor_distance_ratio: float
    """Localization: wrong centres lie at least this share of the key's box diagonal from the key and each other..."""
    min_distractor_distance: float
    """... and at least this far, in question coordinates."""
    min_measure: float = 0.10
    """Metres: a shorter distance or side is not asked for, because rounding alone would cost more than the strictest
    threshold of mean relative accuracy, 5 % (Sec. 5)."""
    measure_tolerance_ratio: float = 0.02
    """A number within this share of the right distance or size is the same answer..."""
    measure_tolerance: float = 0.02
    """... and so is one within this many metres: mesh and annotated boxes are no more exact."""
    overlap_levels: tuple[float, float] = (10.0, 20.0)
    """`overlap_avg` in percent: high < 10 <= medium < 20 <= low. The names are difficulty: little overlap is high."""
    occlusion_levels: tuple[float, float, float] = (0.3, 0.6, 0.9)
    """`occlusion_avg`: low < 0.3 <= medium < 0.6 <= high < 0.9 <= extreme."""
    level_weights: tuple[tuple[str, float], ...] = (
        ("low", 1.0),
        ("medium", 2.0),
        ("high", 3.0),
        ("extreme", 3.0),
    )
    """How much likelier a harder occlusion or overlap level is chosen than an easy one (App. A prefers hard)."""
    questions_per_type_and_set: int = 2
    """Questions of one type that a frame set may yield: several questions share an image prefix, yet no set dominates."""


PAPER = Rules(
    profile="paper",
    max_occlusion_ratio=0.9,
    min_visible_points=10,
    min_visible_pixels=1.0,
    min_box_pixels=50.0,
    min_instance_vertices=50,
    max_box_diagonal_ratio=0.6,
    frame_counts=(2, 3, 4, 5),
    max_overlap=0.30,
    relation_margin=0.0,
    coordinate_size=518,
    coordinate_note="Coordinates are pixels of the image resized to 518 x 518.",
    min_distractor_distance_ratio=0.25,
    min_distractor_distance=20.0,
)
"""The published system, made unambiguous where the text is silent."""

PROFILES = {"paper": PAPER}
"""Profiles by name."""
