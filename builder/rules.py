"""Every threshold of the pipeline, with its unit, source and reason.

Two stages have rules of their own: `VisibilityRules` decide what the annotations say, `Rules` what becomes a question.
A profile is one frozen instance of `Rules`. The references are to the paper (arXiv 2512.23365).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal


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
    tight_box_percentiles: tuple[float, float] = (1.0, 99.0)
    """Tight boxes hold the points between these percentiles along each axis (spec section 5)."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What becomes a question, and how it is put: a profile."""

    profile: str
    """Name of the profile; also the dataset's config name."""
    max_occlusion_ratio: float
    """An instance is visible only below this `occlusion_ratio` (Sec. 3.2: above 0.9 it is nearly impossible to see)."""
    max_fov_ratio: float
    """An instance is visible only below this `fov_ratio`: more of it must not be cut off by the image border."""
    min_visible_points: int
    """Visible sampled points an instance needs to be visible in a frame."""
    min_visible_pixels: float
    """Native image pixels an instance needs to be visible in a frame."""
    min_visible_pixel_ratio: float
    """The same as a share of the image."""
    max_absent_pixel_ratio: float
    """An instance that is not visible is absent up to this share of the image; beyond it a viewer may or may not see
    it, so it is uncertain, and is neither source, target, counted nor evidence in that frame."""
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
    min_shared_overlap: float
    """Frames that overlap this much are linked, and links lead from each frame of a set to every other, so that the views
    can be put together."""
    relation_margin: float
    """Metres by which two boxes must be apart along an axis for the relation to be decided."""
    use_tight_boxes: bool
    """Measure and compare tight boxes, and only where the annotated ones say the same; for relations bearing, height in
    the room and distance must do so too (`relations.py`)."""
    min_target_depth: float
    """A target lies wholly beyond this distance in front of the camera plane, metres: "in this view" means nothing for
    what is behind it."""
    drop_one_sided_pairs: bool
    """Ask for a relation of two categories only where the scene offers its opposite too: what is always so can be
    guessed."""
    separate_hypernyms: bool
    """Never let two categories of which one names the other (cabinet, kitchen cabinet) meet in a question."""
    coordinate_size: int
    """Coordinates in questions and options: the image is stretched to a square of this side."""
    coordinate_note: str
    """The sentence that follows a question which holds or asks for coordinates."""
    min_distractor_distance_ratio: float
    """Localization: wrong centres lie at least this share of the key's box diagonal from the key and each other..."""
    min_distractor_distance: float
    """... and at least this far, in question coordinates."""
    min_area_lead: float
    """Best view: of two frames that show equally many instances, the better one shows more than this times the area."""
    wording: Literal["literal", "grammatical"]
    """Sentences as the paper prints them, "(s)" and "a(n)" included, or with the right form of every name."""
    counts_plural_names: bool
    """Count what has no singular ("1 headphones") too."""
    count_options: Literal["offsets", "consecutive"]
    """Wrong counts: small offsets from the right one, or four consecutive integers around it."""
    best_view_options: Literal["free", "grid"]
    """Wrong pairs of count and frame: drawn freely, or a grid of two counts and two frames."""
    attribute_options: Literal["shown", "exchangeable"]
    """Wrong categories: any that stand opposite, or only such as could be a target themselves."""
    spatial_options: Literal["opposites", "composite"]
    """Wrong relations: the opposites on all three axes, or the four combinations on two."""
    localization_options: Literal["random centres", "object centres"]
    """Wrong centres: random ones, or those of other objects in the frame."""
    balance: Literal["polarity", "text"]
    """What the merge makes equally frequent: Yes and No in each scene, or all answers that one text may have
    (`merge.py`)."""
    tag_rows: int
    """Tags that lie in one of so many rows of the image say the same to `balance`; 1 tells none apart. What a frame does
    not show lies mostly below a source at its top, and behind one at its foot, so a tag is a hint."""
    oversupply: float
    """Candidates made of each question type over the scene's share: room to balance and to make up for poorer scenes."""
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
    max_fov_ratio=1.0,
    min_visible_points=10,
    min_visible_pixels=1.0,
    min_visible_pixel_ratio=0.0,
    max_absent_pixel_ratio=1.0,
    min_box_pixels=50.0,
    min_instance_vertices=50,
    max_box_diagonal_ratio=0.6,
    frame_counts=(2, 3, 4, 5),
    max_overlap=0.30,
    min_shared_overlap=0.0,
    relation_margin=0.0,
    use_tight_boxes=False,
    min_target_depth=-math.inf,
    drop_one_sided_pairs=False,
    separate_hypernyms=False,
    coordinate_size=518,
    coordinate_note="Coordinates are pixels of the image resized to 518 x 518.",
    min_distractor_distance_ratio=0.25,
    min_distractor_distance=20.0,
    min_area_lead=1.0,
    wording="literal",
    counts_plural_names=True,
    count_options="offsets",
    best_view_options="free",
    attribute_options="shown",
    spatial_options="opposites",
    localization_options="random centres",
    balance="polarity",
    tag_rows=1,
    oversupply=1.5,
)
"""The published system, made unambiguous where the text is silent."""

STRICT = replace(
    PAPER,
    profile="strict",
    max_fov_ratio=0.9,
    min_visible_points=1,
    min_visible_pixels=0.0,
    min_visible_pixel_ratio=0.0005,
    max_absent_pixel_ratio=0.00005,
    min_shared_overlap=0.01,
    relation_margin=0.15,
    use_tight_boxes=True,
    min_target_depth=0.1,
    drop_one_sided_pairs=True,
    separate_hypernyms=True,
    coordinate_size=1000,
    coordinate_note="Coordinates run from 0 to 1000 in x and y.",
    min_distractor_distance_ratio=0.75,
    min_distractor_distance=60.0,
    min_area_lead=1.25,
    wording="grammatical",
    counts_plural_names=False,
    count_options="consecutive",
    best_view_options="grid",
    attribute_options="exchangeable",
    spatial_options="composite",
    localization_options="object centres",
    balance="text",
    tag_rows=4,
    oversupply=6.0,
)
"""The same pipeline, made so that every question can be answered and no option set gives its key away."""

PROFILES = {rules.profile: rules for rules in (PAPER, STRICT)}
"""Profiles by name."""
