"""The full lens model inside compiled loops: what `geometry.Camera` says, a point at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .geometry import Camera
from .raster import Canvas
from .raster_kernels import compiled

_PIXEL_ROUNDING = 1e-6
"""Pixels by which rounding may move a projected pixel border off a whole number."""


class Lens(NamedTuple):
    """A camera's numbers for the kernels; pixels, OpenCV distortion."""

    width: float
    height: float
    fx: float
    fy: float
    cx: float
    cy: float
    k1: float
    k2: float
    p1: float
    p2: float
    max_radius: float
    """Beyond it, at z = 1, nothing is in the image: see `Camera.max_radius`."""

    @classmethod
    def from_camera(cls, camera: Camera) -> Lens:
        """Copy a camera's numbers."""
        intrinsics = (float(camera.width), float(camera.height), camera.fx, camera.fy, camera.cx, camera.cy)
        return cls(*intrinsics, *camera.distortion, max_radius=camera.max_radius * (1 + 1e-9))


@compiled
def px_from_ray(lens: Lens, x: float, y: float) -> tuple[float, float]:
    """Project the ray (x, y, 1), camera axes, to distorted pixels."""
    r2 = x * x + y * y
    radial = 1.0 + r2 * (lens.k1 + r2 * lens.k2)
    x_lens = x * radial + 2.0 * lens.p1 * x * y + lens.p2 * (r2 + 2.0 * x * x)
    y_lens = y * radial + 2.0 * lens.p2 * x * y + lens.p1 * (r2 + 2.0 * y * y)
    return lens.fx * x_lens + lens.cx, lens.fy * y_lens + lens.cy


@compiled
def is_ray_in_image(lens: Lens, x: float, y: float) -> bool:
    """Tell whether the ray (x, y, 1), camera axes, meets the image, as `Camera.is_in_image` does."""
    if x * x + y * y > lens.max_radius * lens.max_radius:
        return False
    u, v = px_from_ray(lens, x, y)
    return 0.0 <= u < lens.width and 0.0 <= v < lens.height


def picture_cells(camera: Camera, canvas: Canvas) -> NDArray[np.uint16]:
    """Find which pixels of the picture that is shown each pixel of the canvas' centre crop covers.

    A pixel that the lens moves out of the picture is moved to its border.

    Returns:
        Shape (4, crop height, crop width): x0, y0, x1, y1 in native pixels of the distorted picture, exclusive at x1
        and y1.
    """
    x0, y0, x1, y1 = canvas.crop
    x = (np.arange(x0, x1 + 1) - canvas.cx) / canvas.fx
    y = (np.arange(y0, y1 + 1) - canvas.cy) / canvas.fy
    corners_x, corners_y = _project_grid(Lens.from_camera(camera), x, y)
    bounds = [_cell_bounds(corners_x, camera.width), _cell_bounds(corners_y, camera.height)]
    return np.array([bounds[0][0], bounds[1][0], bounds[0][1], bounds[1][1]], np.uint16)


def _cell_bounds(corners: NDArray[np.float64], size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Whole pixels along one axis that the cells between grid corners of shape (h + 1, w + 1) cover."""
    around = (corners[:-1, :-1], corners[:-1, 1:], corners[1:, :-1], corners[1:, 1:])
    low = np.clip(np.floor(np.minimum.reduce(around) + _PIXEL_ROUNDING), 0, size - 1)
    return low, np.clip(np.ceil(np.maximum.reduce(around) - _PIXEL_ROUNDING), low + 1, size)


@compiled
def _project_grid(
    lens: Lens, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    px_x, px_y = np.empty((len(y), len(x))), np.empty((len(y), len(x)))
    for i in range(len(y)):
        for j in range(len(x)):
            # Pull in rays beyond the image's corners, where the polynomial may fold back.
            shrink = min(1.0, lens.max_radius / max(np.hypot(x[j], y[i]), 1e-12))
            px_x[i, j], px_y[i, j] = px_from_ray(lens, x[j] * shrink, y[i] * shrink)
    return px_x, px_y
