"""The verifier's own projection: where points of the world fall in a frame's picture, and the rays back.

Nothing here is shared with the builder but the numbers of the camera. Conventions are those of the data: world in metres,
+Z up; camera axes +X right, +Y down, +Z forward; pixel centres at +0.5. *Flat* pixels are those of the pinhole without its
lens, in which the builder counts pixels; *picture* pixels are those of the picture that is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

from ..schema import Frame, OrientedBox

if TYPE_CHECKING:
    from ..geometry import Camera

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

P = ParamSpec("P")
R = TypeVar("R")


def _compiled(function: Callable[P, R]) -> Callable[P, R]:
    return numba.njit(cache=True, nogil=True)(function)


class Optics(NamedTuple):
    """A camera's numbers for compiled loops, pixels."""

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
    folding: float
    """Squared distance from the optical axis, at z = 1, beyond which the lens model folds back: nothing out there is in
    the picture."""

    @classmethod
    @lru_cache(maxsize=16)
    def of(cls, camera: Camera) -> Optics:
        """Copy a camera's numbers."""
        k1, k2, p1, p2 = camera.distortion
        # Where r (1 + k1 r^2 + k2 r^4) stops growing: a root of its derivative in r squared.
        roots = np.roots([5 * k2, 3 * k1, 1.0])
        folding = min((float(root.real) for root in roots if root.imag == 0 and root.real > 0), default=np.inf)
        size = (float(camera.width), float(camera.height))
        return cls(*size, camera.fx, camera.fy, camera.cx, camera.cy, k1, k2, p1, p2, folding)


class Projected(NamedTuple):
    """Where points fall; arrays of shape (n,) or (n, 2), undefined for points that no flag is set for."""

    flat: Floats
    picture: Floats
    depth: Floats
    """Metres along the optical axis."""
    is_inside: Bools
    """In the picture."""
    is_near: Bools
    """In the picture, or not far outside."""
    is_on_canvas: Bools
    """On the flat canvas of twice the width and height (Eq. 3)."""


def project(frame: Frame, points_world: Floats, near: float, border: float) -> Projected:
    """Project points of shape (n, 3).

    Args:
        frame: camera and pose.
        points_world: metres; a NaN is nowhere.
        near: nothing nearer to the camera plane is seen, metres.
        border: share of the picture's sides that is not far outside.
    """
    return Projected(*_project(points_world, frame.cam_from_world, Optics.of(frame.camera), near, border))


def picture_px(camera: Camera, flat: Floats) -> Floats:
    """Move flat pixels, shape (n, 2), through the lens (OpenCV's model) into the picture."""
    px: Floats = _picture_px(flat, Optics.of(camera))
    return px


def rays_world(frame: Frame, flat: Floats) -> NDArray[np.float32]:
    """Rays through flat pixels, shape (n, 2), in world axes: one length of a ray is one metre of depth."""
    rays: NDArray[np.float32] = _rays_world(flat, frame.cam_from_world, Optics.of(frame.camera))
    return rays


def centre_world(frame: Frame) -> Floats:
    """Where the camera stands, shape (3,), metres: the point that its pose sends to the origin."""
    pose = frame.cam_from_world
    return np.asarray(np.linalg.solve(pose[:3, :3], -pose[:3, 3]), np.float64)


def corners_world(boxes: list[OrientedBox]) -> Floats:
    """The 8 corners of boxes, shape (boxes, 8, 3), metres."""
    axes, lengths = np.array([box.axes for box in boxes]), np.array([box.lengths for box in boxes])
    halves = axes.reshape(-1, 3, 3) * lengths[..., None] / 2
    signs = np.array([(a, b, c) for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)])
    return np.asarray(np.array([box.centroid for box in boxes])[:, None] + signs @ halves, np.float64)


def corners_cam(frame: Frame, boxes: list[OrientedBox]) -> Floats:
    """The same in a camera's axes."""
    rotation, shift = frame.cam_from_world[:3, :3], frame.cam_from_world[:3, 3]
    return np.asarray(corners_world(boxes) @ rotation.T + shift, np.float64)


@_compiled
def _through_lens(x: float, y: float, o: Optics) -> tuple[float, float]:
    """Picture pixel of the ray (x, y, 1)."""
    r2 = x * x + y * y
    radial = 1 + o.k1 * r2 + o.k2 * r2 * r2
    u = x * radial + 2 * o.p1 * x * y + o.p2 * (r2 + 2 * x * x)
    v = y * radial + 2 * o.p2 * x * y + o.p1 * (r2 + 2 * y * y)
    return o.fx * u + o.cx, o.fy * v + o.cy


@_compiled
def _project(
    points: Floats, m: Floats, o: Optics, near: float, border: float
) -> tuple[Floats, Floats, Floats, Bools, Bools, Bools]:
    n = len(points)
    flat, picture, depth = np.empty((n, 2)), np.empty((n, 2)), np.empty(n)
    is_inside, is_near, is_on_canvas = np.zeros(n, np.bool_), np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    margin_x, margin_y = border * o.width, border * o.height
    for k in range(n):
        px, py, pz = points[k]
        z = m[2, 0] * px + m[2, 1] * py + m[2, 2] * pz + m[2, 3]
        if not z >= near:
            continue
        x = (m[0, 0] * px + m[0, 1] * py + m[0, 2] * pz + m[0, 3]) / z
        y = (m[1, 0] * px + m[1, 1] * py + m[1, 2] * pz + m[1, 3]) / z
        u, v = o.fx * x + o.cx, o.fy * y + o.cy
        is_on_canvas[k] = -o.width / 2 <= u < 1.5 * o.width and -o.height / 2 <= v < 1.5 * o.height
        flat[k, 0], flat[k, 1], depth[k] = u, v, z
        if x * x + y * y >= o.folding:
            continue
        u, v = _through_lens(x, y, o)
        if -margin_x <= u < o.width + margin_x and -margin_y <= v < o.height + margin_y:
            is_near[k] = True
            is_inside[k] = 0 <= u < o.width and 0 <= v < o.height
            picture[k, 0], picture[k, 1] = u, v
    return flat, picture, depth, is_inside, is_near, is_on_canvas


@_compiled
def _picture_px(flat: Floats, o: Optics) -> Floats:
    px = np.empty_like(flat)
    for k in range(len(flat)):
        px[k, 0], px[k, 1] = _through_lens((flat[k, 0] - o.cx) / o.fx, (flat[k, 1] - o.cy) / o.fy, o)
    return px


@_compiled
def _rays_world(flat: Floats, m: Floats, o: Optics) -> NDArray[np.float32]:
    rays = np.empty((len(flat), 3), np.float32)
    for k in range(len(flat)):
        x, y = (flat[k, 0] - o.cx) / o.fx, (flat[k, 1] - o.cy) / o.fy
        for axis in range(3):
            rays[k, axis] = m[0, axis] * x + m[1, axis] * y + m[2, axis]
    return rays
