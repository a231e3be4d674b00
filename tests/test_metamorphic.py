"""What must change, and what must not, when the scene is mirrored, turned or given one more object, or the camera moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spatialmosaic_builder.annotations import Annotations
from spatialmosaic_builder.evidence import SceneEvidence
from spatialmosaic_builder.rules import PROFILES, Rules, VisibilityRules
from spatialmosaic_builder.schema import Instance, OrientedBox, Scan
from spatialmosaic_builder.visibility import annotate

RULES = VisibilityRules(base_points=40_000, min_points_per_instance=500)
NUM_FRAMES = 8
NOISE = 0.005
"""Share of views that may flip where a threshold falls between two roundings."""


@pytest.fixture(scope="module")
def scan(sample_scan: Scan) -> Scan:
    return replace(sample_scan, frames=sample_scan.frames[:: len(sample_scan.frames) // NUM_FRAMES])


@pytest.fixture(scope="module")
def plain(scan: Scan) -> Annotations:
    return annotate(scan, RULES, seed=0)


def transformed(scan: Scan, world: np.ndarray, camera: np.ndarray) -> Scan:
    """Move the world by one 4 x 4 transform, and turn the camera axes by another."""
    rotation, shift = world[:3, :3], world[:3, 3]

    def move(box: OrientedBox) -> OrientedBox:
        axes = np.array(box.axes).reshape(3, 3) @ rotation.T
        return OrientedBox(tuple(rotation @ box.centroid + shift), tuple(axes.ravel()), box.lengths)

    instances: tuple[Instance, ...] = tuple(replace(i, box=move(i.box)) for i in scan.instances)
    inverse = np.linalg.inv(world)
    frames = tuple(replace(f, cam_from_world=camera @ f.cam_from_world @ inverse) for f in scan.frames)
    vertices = (scan.vertices_world @ rotation.T + shift).astype(np.float32)
    return replace(scan, vertices_world=vertices, instances=instances, frames=frames)


def relation_signs(annotations: Annotations, rules: Rules) -> np.ndarray:
    """Relations of every instance to every other in every frame, shape (frames, sources, targets, 3)."""
    # Boxes that touch would differ by rounding alone.
    rules = replace(rules, relation_margin=rules.relation_margin + 0.001)
    relations = SceneEvidence(annotations, rules).relations
    everything = slice(None)
    return np.stack(
        [
            np.stack([relations.signs(frame, everything, source) for source in range(len(annotations.instances))])
            for frame in range(len(annotations.frames))
        ]
    )


def visible(annotations: Annotations, rules: Rules) -> np.ndarray:
    return SceneEvidence(annotations, rules).is_visible


def distances(annotations: Annotations, rules: Rules) -> np.ndarray:
    return SceneEvidence(annotations, rules).camera_distances[-1]


both_profiles = pytest.mark.parametrize("rules", PROFILES.values(), ids=PROFILES)


@both_profiles
def test_mirroring_swaps_left_and_right_and_nothing_else(scan: Scan, plain: Annotations, rules: Rules) -> None:
    flip = np.diag([-1.0, 1.0, 1.0, 1.0])
    mirrored_scan = transformed(scan, world=flip, camera=flip)
    frames = []
    for frame in mirrored_scan.frames:
        k1, k2, p1, p2 = frame.camera.distortion
        camera = replace(frame.camera, cx=frame.camera.width - frame.camera.cx, distortion=(k1, k2, p1, -p2))
        frames.append(replace(frame, camera=camera))
    mirrored = annotate(replace(mirrored_scan, frames=tuple(frames)), RULES, seed=0)
    expected, got = relation_signs(plain, rules), relation_signs(mirrored, rules)
    assert (expected[..., 0] != 0).any()
    expected[..., 0] *= -1
    # Tight boxes follow points that are drawn anew.
    assert np.mean(got != expected) < (NOISE if rules.use_tight_boxes else 1e-9)
    assert np.mean(visible(mirrored, rules) != visible(plain, rules)) < NOISE
    np.testing.assert_allclose(distances(mirrored, rules), distances(plain, rules), atol=1e-6)
    assert np.abs(mirrored.overlap - plain.overlap).max() < 0.02


@both_profiles
def test_turning_the_world_changes_no_answer(scan: Scan, plain: Annotations, rules: Rules) -> None:
    c, s = np.cos(0.7), np.sin(0.7)
    world = np.array([[c, -s, 0, 3], [s, c, 0, -2], [0, 0, 1, 0.5], [0, 0, 0, 1]])
    turned = annotate(transformed(scan, world, np.eye(4)), RULES, seed=0)
    assert np.mean(relation_signs(turned, rules) != relation_signs(plain, rules)) < NOISE
    assert np.mean(visible(turned, rules) != visible(plain, rules)) < NOISE
    np.testing.assert_allclose(distances(turned, rules), distances(plain, rules), atol=1e-6)
    assert np.abs(turned.overlap - plain.overlap).max() < 0.02


def test_an_occluder_never_raises_visibility(scan: Scan, plain: Annotations) -> None:
    """A board half a metre before the first camera hides, in its frame, and shows nothing new."""
    world_from_cam = np.linalg.inv(scan.frames[0].cam_from_world)
    board_cam = np.array([[-0.3, -0.3, 0.5, 1], [0.3, -0.3, 0.5, 1], [0.3, 0.3, 0.5, 1], [-0.3, 0.3, 0.5, 1]])
    board = (board_cam @ world_from_cam.T)[:, :3].astype(np.float32)
    first = len(scan.vertices_world)
    blocked_scan = replace(
        scan,
        vertices_world=np.concatenate([scan.vertices_world, board]),
        faces=np.concatenate([scan.faces, np.array([[0, 1, 2], [0, 2, 3]], np.int32) + np.int32(first)]),
        vertex_instance=np.concatenate([scan.vertex_instance, np.full(4, -1, np.int32)]),
    )
    blocked = annotate(blocked_scan, RULES, seed=0)
    assert [f.name for f in blocked.frames] == [f.name for f in plain.frames]
    assert (blocked.points_in_view == plain.points_in_view).all()
    assert (blocked.visible_points <= plain.visible_points).all()
    assert blocked.visible_points[0].sum() < 0.5 * plain.visible_points[0].sum()


def test_moving_the_camera_back_never_cuts_off_more(scan: Scan) -> None:
    """A board that reaches beyond the image, and hides nothing of itself, comes into it as the camera steps back."""
    frame = scan.frames[0]
    board_cam = np.array([[0.4, -0.2, 1, 1], [0.85, -0.2, 1, 1], [0.85, 0.2, 1, 1], [0.4, 0.2, 1, 1]])
    steps = [np.eye(4) for _ in range(5)]
    for k, step in enumerate(steps):
        step[2, 3] = 0.25 * k
    alone = replace(
        scan,
        vertices_world=(board_cam @ np.linalg.inv(frame.cam_from_world).T)[:, :3].astype(np.float32),
        faces=np.array([[0, 1, 2], [0, 2, 3]], np.int32),
        vertex_instance=np.zeros(4, np.int32),
        instances=scan.instances[:1],
        frames=tuple(
            replace(frame, name=f"step_{k}", cam_from_world=step @ frame.cam_from_world)
            for k, step in enumerate(steps)
        ),
    )
    cut_off = annotate(alone, RULES, seed=0).fov_ratio[:, 0]
    assert cut_off[0] > 0.3
    assert (np.diff(cut_off) <= 0).all()
    assert cut_off[-1] == 0


def test_ratios_and_overlaps_are_shares(plain: Annotations) -> None:
    for ratio in (plain.occlusion_ratio, plain.fov_ratio, plain.overlap):
        assert ratio.min() >= 0
        assert ratio.max() <= 1
    assert (plain.overlap == plain.overlap.T).all()
    assert (np.diag(plain.overlap) == 1).all()
