"""The DSLR's lens: its pinhole is ScanNet++'s, and undistorted pictures show what that pinhole sees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spatialmosaic_builder.fisheye import Fisheye

WIDE = Fisheye(1752, 1168, 616.721, 617.354, 878.593, 589.767, (0.06109, 0.00335, 0.00299, -0.00100))
NARROW = Fisheye(1752, 1168, 789.908, 791.557, 879.204, 584.789, (-0.02947, -0.00577, -0.00215, 0.00015))
SMALL = Fisheye(438, 292, 197.5, 197.9, 219.8, 146.2, (-0.02947, -0.00577, -0.00215, 0.00015))


def scene_colour(rays: np.ndarray) -> np.ndarray:
    """A smooth colour for every direction, shape (..., 3): it changes by some ten levels from pixel to pixel."""
    unit = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    return 128 + 100 * np.stack([np.sin(20 * unit[..., 0]), np.sin(24 * unit[..., 1]), np.cos(20 * unit[..., 0])], -1)


def fisheye_picture(lens: Fisheye) -> np.ndarray:
    """Photograph `scene_colour` with every pixel centre's own ray, found by Newton's method on the lens polynomial."""
    row, column = np.mgrid[: lens.height, : lens.width] + 0.5
    x, y = (column - lens.cx) / lens.fx, (row - lens.cy) / lens.fy
    radius = np.hypot(x, y)
    powers, angle = 2 * np.arange(5) + 1, radius.copy()
    weights = np.array([1.0, *lens.distortion])
    for _ in range(30):
        value = (weights * angle[..., None] ** powers).sum(-1) - radius
        angle = angle - value / (weights * powers * angle[..., None] ** (powers - 1)).sum(-1)
    sine = np.sin(angle) / np.maximum(radius, 1e-12)
    return scene_colour(np.stack([x * sine, y * sine, np.cos(angle)], -1)).round().astype(np.uint8)


@pytest.mark.parametrize(("lens", "fx", "fy"), [(WIDE, 464.83, 465.31), (NARROW, 624.44, 625.74)])
def test_the_pinhole_is_that_of_the_release(lens, fx, fy):
    camera = lens.undistorted()
    assert (camera.fx, camera.fy) == pytest.approx((fx, fy), abs=0.01)
    assert (camera.width, camera.height, camera.cx, camera.cy) == (1752, 1168, 876, 584)
    assert not camera.is_distorted


def test_undistorted_pictures_show_what_the_pinhole_sees():
    camera = SMALL.undistorted()
    picture = SMALL.undistort(fisheye_picture(SMALL), camera)
    row, column = np.mgrid[: camera.height, : camera.width] + 0.5
    rays = camera.cam_rays_from_px(np.stack([column.ravel(), row.ravel()], 1)).reshape(camera.height, camera.width, 3)
    error = np.abs(picture - scene_colour(rays))
    change = np.abs(np.diff(scene_colour(rays), axis=1))
    assert error.mean() < 0.1 * change.mean(), "a tenth of a pixel"
    assert error.max() < 0.3 * change.max()


@pytest.mark.parametrize(
    "change",
    [{"fx": 0.0}, {"fy": -1.0}, {"cx": np.nan}, {"width": 0}, {"width": 1 << 20}, {"distortion": (np.nan, 0, 0, 0)}],
)
def test_numbers_that_are_no_lens_are_refused(change):
    with pytest.raises(ValueError, match=r"must|positive"):
        replace(NARROW, **change).undistorted()
