"""Cameras, rigid transforms and boxes.

Conventions, stated here once: the world is the ScanNet++ mesh frame (metres, +Z up); a camera has OpenCV axes (+X
right, +Y down, +Z forward); `cam_from_world` maps world points to camera axes, so the camera centre is `-R^T t`;
pixel (i, j) covers [i, i+1) x [j, j+1), its centre lies at +0.5; sizes are (width, height).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

_IMAGE_SIDES = (16, 1 << 14)
"""Pixels: what is smaller leaves nothing to see at any canvas scale, what is larger fills the memory."""
_MAX_FOCAL_RATIO = 100.0
"""A focal length that many times longer or shorter than the image's side is no lens."""
_MAX_COORDINATE = 1e4
"""Metres from the origin: single precision resolves a millimetre up to there."""
_BORDER_SAMPLES = 64
"""Samples along each image side when the lens model is inverted at the border."""
_ROUND_TRIP_TOLERANCE_PX = 0.5
"""A lens model that cannot be inverted to half a pixel at the border does not describe this image."""


@dataclass(frozen=True, slots=True)
class Camera:
    """A calibrated camera: a pinhole with an optional OpenCV lens distortion.

    Attributes:
        width: image width, pixels.
        height: image height, pixels.
        fx: horizontal focal length, pixels.
        fy: vertical focal length, pixels.
        cx: principal point x, pixels.
        cy: principal point y, pixels.
        distortion: OpenCV coefficients (k1, k2, p1, p2); all zero for a pinhole.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    @classmethod
    def from_colmap(cls, model: str, width: int, height: int, params: list[float]) -> Camera:
        """Make a camera from a line of COLMAP's `cameras.txt`.

        Args:
            model: OPENCV (fx fy cx cy k1 k2 p1 p2), PINHOLE (fx fy cx cy) or SIMPLE_PINHOLE (f cx cy).
            width: pixels.
            height: pixels.
            params: the model's parameters in COLMAP's order.

        Raises:
            ValueError: for another model, a wrong number of parameters, or values that describe no camera.
        """
        counts = {"OPENCV": 8, "PINHOLE": 4, "SIMPLE_PINHOLE": 3}
        if model not in counts:
            raise ValueError(f"camera model {model} is not supported; expected one of {', '.join(counts)}")
        if len(params) != counts[model]:
            raise ValueError(f"camera model {model} takes {counts[model]} parameters, got {len(params)}")
        if model == "SIMPLE_PINHOLE":
            params = [params[0], *params]
        fx, fy, cx, cy, k1, k2, p1, p2 = [*params, 0.0, 0.0, 0.0, 0.0][:8]
        camera = cls(width, height, fx, fy, cx, cy, distortion=(k1, k2, p1, p2))
        camera.check()
        return camera

    def check(self) -> None:
        """Raise ValueError unless the numbers describe a camera whose lens model is invertible over its image."""
        shortest, longest = _IMAGE_SIDES
        if not all(shortest <= side <= longest for side in (self.width, self.height)):
            raise ValueError(f"image sides must be {shortest} to {longest} pixels")
        if not np.isfinite([self.fx, self.fy, self.cx, self.cy, *self.distortion]).all():
            raise ValueError("camera parameters must be finite")
        ratios = (self.fx / self.width, self.fy / self.height)
        if not all(1 / _MAX_FOCAL_RATIO < ratio < _MAX_FOCAL_RATIO for ratio in ratios):
            raise ValueError(f"focal lengths must be positive and fit the image, got {self.fx}, {self.fy}")
        if not (0 <= self.cx <= self.width and 0 <= self.cy <= self.height):
            raise ValueError(f"the principal point must lie in the image, got {self.cx}, {self.cy}")
        if self.is_distorted:
            border = self._border_px()
            error = np.abs(self.px_from_cam(self.cam_rays_from_px(border)) - border).max()
            if not error < _ROUND_TRIP_TOLERANCE_PX:
                raise ValueError(f"lens distortion {self.distortion} cannot be inverted over the image")

    @property
    def is_distorted(self) -> bool:
        """Whether any distortion coefficient is not zero."""
        return any(self.distortion)

    @property
    def matrix(self) -> FloatArray:
        """Intrinsics of the undistorted pinhole, shape (3, 3), pixels."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]], np.float64)

    @property
    def max_radius(self) -> float:
        """Largest undistorted distance from the optical axis at z = 1 over the image.

        Beyond it a distortion polynomial may fold back inside the image, so no point out there is in the image.
        """
        rays = self.cam_rays_from_px(self._border_px())
        return float(np.hypot(rays[:, 0], rays[:, 1]).max())

    def px_from_cam(self, points_cam: ArrayLike) -> FloatArray:
        """Project with the full lens model.

        Args:
            points_cam: shape (n, 3), metres, camera axes.

        Returns:
            Shape (n, 2), pixels; NaN for points that are not in front of the camera.
        """
        points = np.asarray(points_cam, np.float64).reshape(-1, 3)
        px = np.full((len(points), 2), np.nan)
        front = points[:, 2] > 0
        if front.any():
            zero = np.zeros(3)
            projected, _ = cv2.projectPoints(points[front], zero, zero, self.matrix, np.array(self.distortion))
            px[front] = projected[:, 0]
        return px

    def cam_rays_from_px(self, px: ArrayLike) -> FloatArray:
        """Undo lens and intrinsics: shape (n, 2) pixels -> shape (n, 3) rays with z = 1, camera axes."""
        points = np.asarray(px, np.float64).reshape(-1, 1, 2)
        if not len(points):
            return np.zeros((0, 3))
        criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-12)
        flat = cv2.undistortPoints(points, self.matrix, np.array(self.distortion), criteria=criteria)
        return np.concatenate([flat[:, 0], np.ones((len(points), 1))], axis=1)

    def is_in_image(self, points_cam: ArrayLike) -> NDArray[np.bool_]:
        """Tell which camera-axis points of shape (n, 3) fall into the image, by the full lens model."""
        points = np.asarray(points_cam, np.float64).reshape(-1, 3)
        px = self.px_from_cam(points)
        with np.errstate(invalid="ignore", divide="ignore"):
            radius = np.hypot(points[:, 0], points[:, 1]) / points[:, 2]
            inside = ((px >= 0) & (px < (self.width, self.height))).all(axis=1)
            return inside & (radius <= self.max_radius * (1 + 1e-9))

    def _border_px(self) -> FloatArray:
        t = np.linspace(0, 1, _BORDER_SAMPLES)
        x, y = t * self.width, t * self.height
        sides = [(x, 0 * x), (x, 0 * x + self.height), (0 * y, y), (0 * y + self.width, y)]
        return np.concatenate([np.stack(side, axis=1) for side in sides])


def is_within_reach(points: ArrayLike) -> bool:
    """Whether all coordinates are finite and near enough to the origin for single precision; metres."""
    # A comparison with NaN is false.
    return bool((np.abs(np.asarray(points, np.float64)) <= _MAX_COORDINATE).all())


def rotation_from_quaternion(wxyz: ArrayLike) -> FloatArray:
    """Rotation matrix, shape (3, 3), of a scalar-first quaternion; normalises it first.

    Raises:
        ValueError: for a quaternion that is not finite or has no length.
    """
    q = np.asarray(wxyz, np.float64)
    length = np.linalg.norm(q)
    if not np.isfinite(length) or length < 1e-9:
        raise ValueError(f"expected a finite quaternion (w, x, y, z), got {q.tolist()}")
    w, x, y, z = q / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def rigid_transform(rotation: ArrayLike, translation: ArrayLike) -> FloatArray:
    """Stack rotation (3, 3) and translation (3,) into a (4, 4) transform."""
    transform = np.eye(4)
    transform[:3, :3] = rotation
    transform[:3, 3] = translation
    return transform


def transform_points(target_from_source: ArrayLike, points_source: ArrayLike) -> FloatArray:
    """Apply a (4, 4) transform to points of shape (..., 3)."""
    transform = np.asarray(target_from_source, np.float64)
    return np.asarray(points_source, np.float64) @ transform[:3, :3].T + transform[:3, 3]


def camera_centre_world(cam_from_world: ArrayLike) -> FloatArray:
    """Camera centre `C = -R^T t`, shape (3,), metres, world frame."""
    transform = np.asarray(cam_from_world, np.float64)
    return -transform[:3, :3].T @ transform[:3, 3]


def box_corners(centroid: ArrayLike, axes: ArrayLike, lengths: ArrayLike) -> FloatArray:
    """Corners of oriented boxes.

    Args:
        centroid: shape (..., 3), metres.
        axes: unit axes as rows, shape (..., 3, 3).
        lengths: full side lengths, entry i along axis i, shape (..., 3), metres.

    Returns:
        Shape (..., 8, 3), metres.
    """
    signs = np.array(np.meshgrid([-0.5, 0.5], [-0.5, 0.5], [-0.5, 0.5], indexing="ij")).reshape(3, 8).T
    half = np.asarray(lengths, np.float64)[..., :, None] * np.asarray(axes, np.float64)
    return np.asarray(centroid, np.float64)[..., None, :] + signs @ half
