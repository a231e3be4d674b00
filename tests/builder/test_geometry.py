"""Cameras, rigid transforms and boxes against numbers worked out by hand or by other code."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialmosaic_builder.geometry import (
    Camera,
    box_corners,
    camera_centre_world,
    rigid_transform,
    rotation_from_quaternion,
    transform_points,
)

CAMERAS = {
    "pinhole": Camera(640, 480, 500.0, 510.0, 322.5, 238.25),
    "iphone": Camera(1920, 1440, 1432.1, 1430.6, 961.3, 719.8, (0.0612, -0.1134, 0.0007, -0.0011)),
    "barrel": Camera(200, 100, 120.0, 125.0, 104.0, 47.0, (-0.3, 0.09, 0.002, 0.001)),
    "pincushion": Camera(100, 200, 150.0, 140.0, 50.0, 100.0, (0.25, 0.05, -0.003, 0.004)),
    "off centre": Camera(320, 240, 300.0, 300.0, 20.0, 230.0, (-0.1, 0.02, 0.0, 0.0)),
}
FOLDING = Camera(100, 100, 110.0, 110.0, 50.0, 50.0, (-0.3, 0.0, 0.0, 0.0))
"""r (1 - 0.3 r^2) grows to 0.703 at r = 1.054 and falls back to 0 at r = 1.826; the image's corners are at 0.643."""

every_camera = pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)
exactly = settings(deadline=None, derandomize=True)


def distorted_px(camera: Camera, x: float, y: float) -> tuple[float, float]:
    """COLMAP's and OpenCV's formula for the ray (x, y, 1), written out."""
    k1, k2, p1, p2 = camera.distortion
    r2 = x * x + y * y
    radial = k1 * r2 + k2 * r2 * r2
    u = x + x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    v = y + y * radial + 2 * p2 * x * y + p1 * (r2 + 2 * y * y)
    return camera.fx * u + camera.cx, camera.fy * v + camera.cy


# Cameras


@every_camera
def test_the_optical_axis_meets_the_principal_point(camera: Camera) -> None:
    np.testing.assert_allclose(camera.px_from_cam([[0, 0, 1], [0, 0, 7.5]]), [[camera.cx, camera.cy]] * 2, atol=1e-9)
    np.testing.assert_allclose(camera.cam_rays_from_px([[camera.cx, camera.cy]]), [[0, 0, 1]], atol=1e-9)


def test_the_centre_of_the_first_pixel_lies_at_one_half() -> None:
    camera = Camera(4, 2, 2.0, 2.0, 2.0, 1.0)
    np.testing.assert_allclose(camera.cam_rays_from_px([[0.5, 0.5], [3.5, 1.5]]), [[-0.75, -0.25, 1], [0.75, 0.25, 1]])
    np.testing.assert_allclose(camera.px_from_cam([[-0.75, -0.25, 1], [0.75, 0.25, 1]]), [[0.5, 0.5], [3.5, 1.5]])


def test_x_goes_right_and_y_goes_down() -> None:
    (left, _), (right, _) = CAMERAS["iphone"].px_from_cam([[-0.1, 0, 1], [0.1, 0, 1]])
    (_, top), (_, bottom) = CAMERAS["iphone"].px_from_cam([[0, -0.1, 1], [0, 0.1, 1]])
    assert left < CAMERAS["iphone"].cx < right
    assert top < CAMERAS["iphone"].cy < bottom


@every_camera
def test_projection_follows_the_written_lens_model(camera: Camera) -> None:
    xy = np.random.default_rng(0).uniform(-0.3, 0.3, (50, 2))
    z = np.random.default_rng(1).uniform(0.2, 9.0, (50, 1))
    expected = [distorted_px(camera, x, y) for x, y in xy]
    np.testing.assert_allclose(camera.px_from_cam(np.hstack([xy * z, z])), expected, atol=1e-8)


@every_camera
def test_pixels_come_back_from_their_rays(camera: Camera) -> None:
    rng = np.random.default_rng(2)
    corners = [(x, y) for x in (0, camera.width) for y in (0, camera.height)]
    px = np.vstack([rng.uniform(0, (camera.width, camera.height), (500, 2)), corners])
    rays = camera.cam_rays_from_px(px)
    np.testing.assert_array_equal(rays[:, 2], 1)
    depth = rng.uniform(0.1, 20, (len(px), 1))
    np.testing.assert_allclose(camera.px_from_cam(rays * depth), px, atol=1e-4)


@every_camera
def test_points_that_are_not_in_front_have_no_pixel(camera: Camera) -> None:
    behind = [[0, 0, -1], [0.1, 0.1, -2], [0, 0, 0], [1, 0, 0], [0, 0, -1e-12]]
    assert np.isnan(camera.px_from_cam(behind)).all()
    assert not camera.is_in_image(behind).any()
    mixed = camera.px_from_cam([[0, 0, -1], [0, 0, 1], [0, 0, -1]])
    np.testing.assert_array_equal(np.isnan(mixed), [[True, True], [False, False], [True, True]])


@every_camera
def test_the_image_holds_its_own_rays_and_no_others(camera: Camera) -> None:
    eps = 0.01
    inner = [(eps, eps), (camera.width - eps, eps), (camera.width / 2, camera.height - eps), (camera.cx, camera.cy)]
    outer = [(-1, 5), (camera.width + 1, 5), (5, -1), (5, camera.height + 1)]
    assert camera.is_in_image(camera.cam_rays_from_px(inner) * 3).all()
    assert not camera.is_in_image(camera.cam_rays_from_px(outer) * 3).any()


def test_the_left_and_upper_border_are_inside_and_the_others_are_not() -> None:
    camera = Camera(4, 2, 2.0, 2.0, 2.0, 1.0)
    points = [[-1, 0, 1], [0, -0.5, 1], [1, 0, 1], [0, 0.5, 1]]
    assert camera.is_in_image(points).tolist() == [True, True, False, False]


def test_a_lens_that_folds_back_shows_nothing_from_beyond_its_image() -> None:
    beyond = np.array([[1.8, 0, 1], [0, -1.7, 1], [0.92, 0.92, 1], [1.2, 1.2, 1], [-1.29, -1.29, 1]])
    FOLDING.check()
    px = FOLDING.px_from_cam(beyond)
    assert ((px > 0) & (px < 100)).all(), "the polynomial alone does put these points inside"
    assert not FOLDING.is_in_image(beyond).any()
    assert not FOLDING.is_in_image(beyond * 0.01).any()
    assert FOLDING.is_in_image([[0.4, 0.4, 1], [-0.4, 0.4, 1], [0, 0, 1]]).all()


def test_the_largest_radius_is_that_of_the_farthest_corner() -> None:
    assert Camera(300, 400, 100.0, 100.0, 0.0, 0.0).max_radius == pytest.approx(5.0)
    assert Camera(300, 400, 100.0, 200.0, 300.0, 400.0).max_radius == pytest.approx(np.hypot(3, 2))
    r = FOLDING.max_radius
    assert r * (1 - 0.3 * r * r) == pytest.approx(np.hypot(50, 50) / 110)


def test_no_points_give_no_pixels() -> None:
    assert CAMERAS["iphone"].px_from_cam(np.zeros((0, 3))).shape == (0, 2)
    assert CAMERAS["iphone"].is_in_image(np.zeros((0, 3))).shape == (0,)


def test_no_pixels_give_no_rays() -> None:
    assert CAMERAS["iphone"].cam_rays_from_px(np.zeros((0, 2))).shape == (0, 3)


def test_the_matrix_projects_a_pinhole() -> None:
    camera = CAMERAS["pinhole"]
    x, y, z = 0.3, -0.2, 2.0
    u, v, w = camera.matrix @ [x, y, z]
    np.testing.assert_allclose(camera.px_from_cam([[x, y, z]]), [[u / w, v / w]])


def test_only_coefficients_that_are_not_zero_distort() -> None:
    assert not CAMERAS["pinhole"].is_distorted
    for k in range(4):
        assert Camera(10, 10, 9.0, 9.0, 5.0, 5.0, tuple(np.eye(4)[k] * 1e-6)).is_distorted


@pytest.mark.parametrize(
    ("model", "params", "expected"),
    [
        ("OPENCV", [50, 51, 32, 24, 0.1, 0.02, 0.003, 0.004], (50, 51, 32, 24, (0.1, 0.02, 0.003, 0.004))),
        ("PINHOLE", [50, 51, 32, 24], (50, 51, 32, 24, (0, 0, 0, 0))),
        ("SIMPLE_PINHOLE", [50, 32, 24], (50, 50, 32, 24, (0, 0, 0, 0))),
    ],
)
def test_colmap_models_are_read_in_their_order(model: str, params: list[float], expected: tuple[object, ...]) -> None:
    camera = Camera.from_colmap(model, 64, 48, params)
    assert (camera.width, camera.height) == (64, 48)
    assert (camera.fx, camera.fy, camera.cx, camera.cy, camera.distortion) == expected


@pytest.mark.parametrize(
    ("model", "size", "params", "message"),
    [
        ("OPENCV_FISHEYE", (64, 48), [50] * 8, "OPENCV_FISHEYE is not supported.*PINHOLE"),
        ("opencv", (64, 48), [50] * 8, "not supported"),
        ("OPENCV", (64, 48), [50, 50, 32, 24, 0, 0, 0], "takes 8 parameters, got 7"),
        ("PINHOLE", (64, 48), [50, 50, 32, 24, 0], "takes 4 parameters, got 5"),
        ("SIMPLE_PINHOLE", (64, 48), [], "takes 3 parameters, got 0"),
        ("PINHOLE", (0, 48), [50, 50, 32, 24], "image sides"),
        ("PINHOLE", (64, -48), [50, 50, 32, 24], "image sides"),
        ("PINHOLE", (1, 48), [50, 50, 0.5, 24], "image sides"),
        ("PINHOLE", (64, 60000), [50, 50, 32, 24], "image sides"),
        ("PINHOLE", (64, 48), [1e30, 50, 32, 24], "focal lengths"),
        ("PINHOLE", (64, 48), [50, 1e-30, 32, 24], "focal lengths"),
        ("PINHOLE", (64, 48), [50, 50, 32, 1e5], "principal point"),
        ("PINHOLE", (64, 48), [float("nan"), 50, 32, 24], "finite"),
        ("PINHOLE", (64, 48), [50, 50, float("inf"), 24], "finite"),
        ("OPENCV", (64, 48), [50, 50, 32, 24, float("nan"), 0, 0, 0], "finite"),
        ("PINHOLE", (64, 48), [0, 50, 32, 24], "positive"),
        ("PINHOLE", (64, 48), [50, -50, 32, 24], "positive"),
        ("OPENCV", (100, 100), [60, 60, 50, 50, -0.3, 0, 0, 0], "cannot be inverted"),
        ("OPENCV", (64, 48), [50, 50, 32, 24, -5, 0, 0, 0], "cannot be inverted"),
    ],
)
def test_what_is_no_camera_is_refused_with_the_cause(
    model: str, size: tuple[int, int], params: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Camera.from_colmap(model, *size, params)


# Rotations and transforms


@pytest.mark.parametrize(
    ("wxyz", "rotation"),
    [
        ((1, 0, 0, 0), [[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        ((-1, 0, 0, 0), [[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        ((0, 1, 0, 0), [[1, 0, 0], [0, -1, 0], [0, 0, -1]]),
        ((0, 0, 0, 1), [[-1, 0, 0], [0, -1, 0], [0, 0, 1]]),
        ((1, 0, 0, 1), [[0, -1, 0], [1, 0, 0], [0, 0, 1]]),
        ((0.5, 0.5, 0.5, 0.5), [[0, 0, 1], [1, 0, 0], [0, 1, 0]]),
        ((2, 2, 2, 2), [[0, 0, 1], [1, 0, 0], [0, 1, 0]]),
    ],
)
def test_quaternions_are_scalar_first(wxyz: tuple[float, ...], rotation: list[list[float]]) -> None:
    np.testing.assert_allclose(rotation_from_quaternion(wxyz), rotation, atol=1e-15)


def test_the_example_of_colmaps_format_description() -> None:
    """`1 0.851773 0.0165051 0.503764 -0.142941 -0.737434 1.02973 3.74354 1 P1180141.JPG`, by an axis and an angle."""
    wxyz = np.array([0.851773, 0.0165051, 0.503764, -0.142941])
    t = np.array([-0.737434, 1.02973, 3.74354])
    axis = wxyz[1:] / np.linalg.norm(wxyz[1:])
    expected, _ = cv2.Rodrigues(axis * 2 * np.arctan2(np.linalg.norm(wxyz[1:]), wxyz[0]))
    rotation = rotation_from_quaternion(wxyz)
    np.testing.assert_allclose(rotation, expected, atol=1e-12)
    cam_from_world = rigid_transform(rotation, t)
    np.testing.assert_allclose(transform_points(cam_from_world, [[1, 2, 3]]), [expected @ [1, 2, 3] + t])
    centre = camera_centre_world(cam_from_world)
    np.testing.assert_allclose(centre, -expected.T @ t)
    np.testing.assert_allclose(transform_points(cam_from_world, centre), [0, 0, 0], atol=1e-12)


def test_a_camera_that_looks_along_world_y() -> None:
    """Camera x is world x, camera y is world -z, camera z is world y: a quarter turn back about x."""
    rotation = rotation_from_quaternion((np.sqrt(0.5), np.sqrt(0.5), 0, 0))
    np.testing.assert_allclose(rotation, [[1, 0, 0], [0, 0, -1], [0, 1, 0]], atol=1e-15)
    eye = np.array([4.0, 5.0, 1.5])
    cam_from_world = rigid_transform(rotation, -rotation @ eye)
    np.testing.assert_allclose(camera_centre_world(cam_from_world), eye)
    above_right_ahead = eye + np.array([0.5, 3.0, 0.25])
    np.testing.assert_allclose(transform_points(cam_from_world, above_right_ahead), [0.5, -0.25, 3.0])


@exactly
@given(
    st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda q: np.linalg.norm(q) > 1e-3), st.floats(0.1, 9)
)
def test_every_quaternion_is_a_rotation_and_its_length_and_sign_say_nothing(q: list[float], scale: float) -> None:
    rotation = rotation_from_quaternion(q)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    np.testing.assert_allclose(rotation_from_quaternion(-scale * np.array(q)), rotation, atol=1e-12)
    axis = np.array(q[1:])
    np.testing.assert_allclose(rotation @ axis, axis, atol=1e-12)


@pytest.mark.parametrize("wxyz", [(0, 0, 0, 0), (np.nan, 0, 0, 0), (1, np.inf, 0, 0), (1e-12, 0, 0, 0)])
def test_what_is_no_quaternion_is_refused(wxyz: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="quaternion"):
        rotation_from_quaternion(wxyz)


def test_points_of_any_shape_are_transformed() -> None:
    transform = rigid_transform([[0, -1, 0], [1, 0, 0], [0, 0, 1]], [10, 20, 30])
    points = np.arange(24.0).reshape(2, 4, 3)
    moved = transform_points(transform, points)
    assert moved.shape == points.shape
    np.testing.assert_allclose(moved[1, 2], [10 - 19, 20 + 18, 30 + 20])
    np.testing.assert_allclose(transform_points(transform, points[1, 2]), moved[1, 2])
    np.testing.assert_allclose(transform_points(np.linalg.inv(transform), moved), points)


# Boxes


def test_the_corners_of_a_straight_box() -> None:
    corners = box_corners([1, 2, 3], np.eye(3), [2, 4, 6])
    assert sorted(map(tuple, corners.tolist())) == [(x, y, z) for x in (0, 2) for y in (0, 4) for z in (0, 6)]


def test_the_length_at_a_place_belongs_to_the_axis_in_that_row() -> None:
    axes = np.array([[0.6, 0.8, 0], [0, 0, 1], [0.8, -0.6, 0]])
    corners = box_corners([10, 20, 30], axes, [1, 2, 5])
    along = (corners - [10, 20, 30]) @ axes.T
    np.testing.assert_allclose(np.abs(along), np.tile([0.5, 1.0, 2.5], (8, 1)))
    assert len(np.unique(np.sign(along), axis=0)) == 8
    np.testing.assert_allclose(corners.max(axis=0) - corners.min(axis=0), [0.6 + 4, 0.8 + 3, 2])


def test_many_boxes_at_once_are_each_alone() -> None:
    rng = np.random.default_rng(3)
    centroids, lengths = rng.normal(size=(2, 3, 3)), rng.uniform(0, 2, (2, 3, 3))
    axes = np.array([[rotation_from_quaternion(q) for q in row] for row in rng.normal(size=(2, 3, 4))])
    corners = box_corners(centroids, axes, lengths)
    assert corners.shape == (2, 3, 8, 3)
    np.testing.assert_allclose(corners[1, 2], box_corners(centroids[1, 2], axes[1, 2], lengths[1, 2]))
    np.testing.assert_allclose(corners.mean(axis=2), centroids, atol=1e-12)


def test_a_flat_box_has_corners_in_its_plane() -> None:
    np.testing.assert_array_equal(box_corners([0, 0, 5], np.eye(3), [1, 1, 0])[:, 2], 5)
