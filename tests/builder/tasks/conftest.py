"""Hand-made annotations whose answers are plain to see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from spatialmosaic_builder.annotations import Annotations
from spatialmosaic_builder.evidence import SceneEvidence, SetEvidence
from spatialmosaic_builder.geometry import Camera
from spatialmosaic_builder.rules import PAPER, Rules
from spatialmosaic_builder.schema import Frame, FrameSet, Instance, OrientedBox

WIDTH, HEIGHT = 960, 720


@dataclass
class Thing:
    """An object in a world whose axes are the camera's: x right, y down, z forward."""

    category: str
    centre: tuple[float, float, float] = (0.0, 0.0, 3.0)
    seen: dict[int, tuple[int, int, int, int]] = field(default_factory=dict)
    """Box of its visible pixels by frame; it is hidden in every other frame."""
    size: float = 0.2
    num_vertices: int = 500
    occlusion: float = 0.25
    """Occlusion ratio where it is seen."""
    num_points: int = 1000
    """Points in view where it is seen."""


def annotate_by_hand(things: list[Thing], num_frames: int = 3) -> Annotations:
    """All cameras stand in the origin and look along z: relations are those of the centres."""
    shape = (num_frames, len(things))
    points, visible, pixels = np.zeros(shape, np.int32), np.zeros(shape, np.int32), np.zeros(shape, np.float32)
    boxes = np.full((*shape, 4), -1, np.int32)
    instances = []
    for n, thing in enumerate(things):
        box = OrientedBox(thing.centre, tuple(np.eye(3).ravel().tolist()), (thing.size,) * 3)
        instances.append(Instance(n + 1, thing.category, thing.category, box, thing.num_vertices, 0.05))
        for frame, (x0, y0, x1, y1) in thing.seen.items():
            points[frame, n] = thing.num_points
            visible[frame, n] = round(thing.num_points * (1 - thing.occlusion))
            pixels[frame, n] = (x1 - x0) * (y1 - y0)
            boxes[frame, n] = (x0, y0, x1, y1)
    camera = Camera(WIDTH, HEIGHT, 700.0, 700.0, WIDTH / 2, HEIGHT / 2)
    frames = tuple(
        Frame(f"frame_{k:06d}", f"data/s/iphone/rgb/frame_{k:06d}.jpg", camera, np.eye(4)) for k in range(num_frames)
    )
    return Annotations(
        scene_name="s",
        instances=tuple(instances),
        tight_boxes=tuple(instance.box for instance in instances),
        frames=frames,
        points_in_view=points,
        visible_points=visible,
        visible_points_id=visible,
        visible_points_canvas=visible,
        visible_pixels=pixels,
        bbox_2d=boxes,
        overlap=np.eye(num_frames, dtype=np.float32),
    )


@pytest.fixture
def evidence_of() -> Callable[..., SetEvidence]:
    """Make the evidence of one frame set that shows all frames in their order."""

    def make(things: list[Thing], num_frames: int = 3, rules: Rules = PAPER) -> SetEvidence:
        annotations = annotate_by_hand(things, num_frames)
        return SetEvidence(SceneEvidence(annotations, rules), FrameSet("set", tuple(range(num_frames))))

    return make


@pytest.fixture
def thing() -> type[Thing]:
    return Thing
