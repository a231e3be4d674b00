"""The DSLR's lens: OpenCV's fisheye model, and the pinhole camera that its pictures are undistorted to."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .geometry import Camera, FloatArray

_PIXEL_CENTRE = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
"""OpenCV puts the centre of the first pixel at 0, we at 0.5."""


@dataclass(frozen=True, slots=True)
class Fisheye:
    """A calibrated fisheye camera: a ray at angle t from the axis meets the image at radius t (1 + k1 t^2 + ... + k4 t^8)."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, float, float, float]
    """(k1, k2, k3, k4)."""

    @property
    def matrix(self) -> FloatArray:
        """Intrinsics, shape (3, 3), pixels."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]], np.float64)

    def undistorted(self) -> Camera:
        """Make the pinhole camera of ScanNet++'s undistorted pictures.

        It has the fisheye's size, the largest focal lengths that keep the middle of every side in view, and its
        principal point in the middle.

        Raises:
            ValueError: if the numbers describe no camera.
        """
        # Size, focal lengths and finite numbers are what a pinhole is asked for too.
        Camera(self.width, self.height, self.fx, self.fy, self.cx, self.cy).check()
        if not np.isfinite(self.distortion).all():
            raise ValueError("camera parameters must be finite")
        new = cv2.fisheye.estimateNewCameraMatrixForUndistortRectify(
            self.matrix, np.array(self.distortion), (self.width, self.height), np.eye(3), balance=0.0
        )
        fx, fy = float(new[0, 0]), float(new[1, 1])
        camera = Camera(self.width, self.height, fx, fy, self.width / 2, self.height / 2)
        camera.check()
        return camera

    def undistort(self, picture: NDArray[np.uint8], camera: Camera) -> NDArray[np.uint8]:
        """Resample a fisheye picture, shape (height, width, 3), to what a pinhole camera in the same place sees."""
        new, size = camera.matrix - _PIXEL_CENTRE, (camera.width, camera.height)
        old = self.matrix - _PIXEL_CENTRE
        x, y = cv2.fisheye.initUndistortRectifyMap(old, np.array(self.distortion), np.eye(3), new, size, cv2.CV_32FC1)
        pixels = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        return np.asarray(pixels, np.uint8)
