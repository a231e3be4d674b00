"""The verifier's projection against OpenCV's, and against itself."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from spatialmosaic_builder.geometry import Camera, box_corners, rigid_transform, rotation_from_quaternion
from spatialmosaic_builder.schema import Frame, OrientedBox
from spatialmosaic_builder.verify.optics import centre_world, corners_cam, picture_px, project, rays_world

LENS = Camera(960, 720, 716.0, 715.8, 478.0, 362.4, distortion=(0.06, -0.09, 0.002, -0.001))
POSE = rigid_transform(rotation_from_quaternion((0.5, -0.4, 0.2, 0.7)), (0.3, -1.2, 2.0))


def frame(camera: Camera = LENS, pose: np.ndarray = POSE) -> Frame:
    return Frame("f", "f.jpg", camera, pose)


def test_a_point_on_the_axis_falls_on_the_principal_point() -> None:
    points = centre_world(frame()) + 2.0 * POSE[2:3, :3]
    found = project(frame(), points, near=0.05, border=0.0)
    assert found.picture[0] == pytest.approx((LENS.cx, LENS.cy))
    assert found.flat[0] == pytest.approx((LENS.cx, LENS.cy))
    assert found.depth[0] == pytest.approx(2.0)


def test_points_behind_the_camera_and_nowhere_are_not_in_the_picture() -> None:
    behind = centre_world(frame()) - 2.0 * POSE[2:3, :3]
    points = np.concatenate([behind, np.full((1, 3), np.nan)])
    found = project(frame(), points, near=0.05, border=0.5)
    assert not found.is_inside.any()
    assert not found.is_near.any()


def test_the_lens_is_opencv_s() -> None:
    rng = np.random.default_rng(0)
    points = np.column_stack([rng.uniform(-0.6, 0.6, (500, 2)), np.ones(500)]) * rng.uniform(0.5, 4, (500, 1))
    rotation, shift = POSE[:3, :3], POSE[:3, 3]
    world = (points - shift) @ rotation
    expected, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), LENS.matrix, np.array(LENS.distortion))
    found = project(frame(), world, near=0.05, border=0.0)
    size = (LENS.width, LENS.height)
    inside = ((expected[:, 0] >= 0) & (expected[:, 0] < size)).all(axis=1)
    assert np.array_equal(found.is_inside, inside)
    assert found.picture[inside] == pytest.approx(expected[inside, 0], abs=1e-6)
    assert picture_px(LENS, found.flat[inside]) == pytest.approx(found.picture[inside], abs=1e-9)


def test_rays_lead_back_to_the_points() -> None:
    rng = np.random.default_rng(1)
    flat = rng.uniform(0, 1, (100, 2)) * (LENS.width, LENS.height)
    depth = rng.uniform(0.5, 5, (100, 1))
    points = centre_world(frame()) + depth * rays_world(frame(), flat)
    found = project(frame(), points, near=0.05, border=0.5)
    assert found.flat == pytest.approx(flat, abs=1e-3)
    assert found.depth == pytest.approx(depth[:, 0], rel=1e-5)


def test_nothing_is_in_the_picture_where_the_lens_folds_back() -> None:
    camera = Camera(960, 720, 700.0, 700.0, 480.0, 360.0, distortion=(-0.3, 0.02, 0.0, 0.0))
    points = np.array([[0.0, 0.0, 1.0], [2.7, 0.0, 1.0]])
    u = picture_px(camera, points[:, :2] * 700 + (480, 360))[1, 0]
    assert 0 <= u < 960, "the polynomial alone would put it into the picture"
    found = project(frame(camera, np.eye(4)), points, near=0.05, border=0.0)
    assert found.is_inside.tolist() == [True, False]


def test_corners_are_those_of_the_box() -> None:
    axes = rotation_from_quaternion((0.9, 0.1, 0.3, -0.2))
    box = OrientedBox((1.0, 2.0, 0.5), tuple(axes.ravel().tolist()), (0.4, 1.0, 2.0))
    world = box_corners(box.centroid, axes, box.lengths)
    expected = world @ POSE[:3, :3].T + POSE[:3, 3]
    (found,) = corners_cam(frame(), [box])
    assert sorted(found.round(9).tolist()) == sorted(expected.round(9).tolist())
