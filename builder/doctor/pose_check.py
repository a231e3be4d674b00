"""Does a picture fit the pose it is said to have? The mesh, drawn at that pose, is held against what the camera saw.

Against sensor depth the answer is a number: by how much the two depths differ. Against a picture it is a comparison:
creases and silhouettes of the mesh are laid over the edges of the picture, at the pose, shifted by up to half an image,
and drawn from rival poses. A pose that fits is where they agree best. Edges carry their direction, so that a shelf does
not match grass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ..geometry import Camera, FloatArray, rigid_transform
from ..raster import Canvas

FOCAL_PX = 120.0
"""Focal length of the small canvas on which edges are compared: a phone's picture is 160 pixels wide there."""
_DEPTH_ERROR_FITS, _DEPTH_ERROR_WRONG = 0.025, 0.08
"""Median relative error of the depth below which a pose fits and above which it looks wrong. On test rooms right poses
give 0.02 at most, 5 cm aside 0.02 to 0.1, 15 degrees or half a metre 0.04 at least and 0.16 at the median: what lies
between is left to the picture."""
_MAX_SENSOR_DEPTH = 5.0
"""Metres: beyond, a phone's depth is a guess."""
_MIN_COMPARED = 0.1
"""Share of the picture in which both depths must be known for a verdict."""
_MIN_EDGES = 0.05
"""Share of the picture that must lie on edges for a verdict, in the mesh and in the picture: a wall fits everywhere."""
_TOLERANCE_PX = 4
"""Shift that still counts as the pose, about 2 degrees: real poses lie some centimetres off the mesh."""
_FULL_CREASE = 0.04
"""Change of the slope of 1/z a pixel, times 4 z, at which an edge of the mesh counts fully."""
_FULL_EDGE_QUANTILE = 0.9
"""Share of the pixels whose gradient is below what counts fully: contrast differs from picture to picture."""
_MIN_GRADIENT = 4.0
"""Twice the grey levels a pixel below which an edge of a picture may be noise."""
_LOCAL_PX = 8.0
"""Radius of the mean that is taken off: broad shading matches anything."""

_RIVAL_ADVANTAGE = 1.2
"""How much better a rival pose must fit: what is far away looks alike half a metre further on."""

Verdict = Literal["fits", "wrong", "unclear"]
Band = NDArray[np.float32]
"""Shape (height, width)."""
Edges = NDArray[np.float32]
"""Shape (2, height, width): strength in 0..1 times cosine and sine of twice the direction."""


def rival_poses(cam_from_world: FloatArray) -> list[FloatArray]:
    """Poses, shape (4, 4) each, that a shifted picture does not imitate: rolled by 15 degrees, half a metre on or back."""
    rolls = [cv2.Rodrigues(np.array([0.0, 0.0, angle]))[0] for angle in (-np.pi / 12, np.pi / 12)]
    moves = [rigid_transform(roll, np.zeros(3)) for roll in rolls]
    moves += [rigid_transform(np.eye(3), [0.0, 0.0, z]) for z in (-0.5, 0.5)]
    return [move @ cam_from_world for move in moves]


@dataclass(frozen=True, slots=True)
class PoseCheck:
    """What a frame's pose looks like."""

    frame: str
    verdict: Verdict
    """`unclear` where too little is seen to tell."""
    evidence: Literal["sensor depth", "picture edges"]
    depth_error: float | None = None
    """Median relative error of the mesh's depth against the sensor's."""
    fit_at_pose: float | None = None
    """Correlation of the edges at the pose, in -1..1..."""
    fit_elsewhere: float | None = None
    """... and the best one elsewhere: shifted, or at a rival pose, less its advantage."""


def edge_canvas(camera: Camera) -> Canvas:
    """Make the small undistorted image on which edges are compared."""
    return Canvas.from_camera(camera, FOCAL_PX / camera.fx).image_only()


def check_against_depth(frame: str, mesh_depth: NDArray[np.float32], sensor_depth: NDArray[np.float32]) -> PoseCheck:
    """Compare two depths of the same pixels.

    Args:
        frame: name, for the result.
        mesh_depth: shape (h, w), z in metres, infinite where nothing was drawn.
        sensor_depth: shape (h, w), z in metres, 0 where nothing was measured.
    """
    is_known = np.isfinite(mesh_depth) & (sensor_depth > 0) & (sensor_depth <= _MAX_SENSOR_DEPTH)
    if is_known.mean() < _MIN_COMPARED:
        return PoseCheck(frame, "unclear", "sensor depth")
    error = float(np.median(np.abs(mesh_depth[is_known] / sensor_depth[is_known] - 1)))
    verdict: Verdict = "fits" if error < _DEPTH_ERROR_FITS else "wrong" if error > _DEPTH_ERROR_WRONG else "unclear"
    return PoseCheck(frame, verdict, "sensor depth", depth_error=error)


def check_against_picture(
    frame: str, camera: Camera, depth: Band, rival_depths: list[Band], picture: NDArray[np.uint8]
) -> PoseCheck:
    """Lay the edges of the mesh over those of the picture.

    Args:
        frame: name, for the result.
        camera: of the picture.
        depth: of the mesh on `edge_canvas(camera)`: shape (h, w), z in metres, infinite where nothing was drawn.
        rival_depths: the same at other poses, such as `rival_poses`.
        picture: grey, with the camera's lens distortion, resized to the canvas: shape (h, w).
    """
    mesh, shown = mesh_edges(depth), picture_edges(_undistorted(picture, camera))
    if min(_edge_share(mesh), _edge_share(shown)) < _MIN_EDGES:
        return PoseCheck(frame, "unclear", "picture edges")
    at_pose, elsewhere = _fits(mesh, shown)
    rivals = [max(_fits(mesh_edges(rival), shown)) / _RIVAL_ADVANTAGE for rival in rival_depths]
    elsewhere = max([elsewhere, *rivals])
    verdict: Verdict = "fits" if at_pose >= elsewhere else "wrong"
    return PoseCheck(frame, verdict, "picture edges", fit_at_pose=at_pose, fit_elsewhere=elsewhere)


def mesh_edges(depth: NDArray[np.float32]) -> Edges:
    """Find silhouettes and creases: 1/z is linear on a plane, so they are where its slope changes."""
    is_drawn = np.isfinite(depth)
    inverse = np.where(is_drawn, 1 / np.where(is_drawn, depth, 1), 0).astype(np.float32)
    changes = [_gradient(slope, ksize=1) for slope in _gradient(inverse, ksize=1)]
    # The border of a hole is no edge of anything, nor is that of the image.
    is_inside = cv2.erode(
        is_drawn.astype(np.float32), np.ones((5, 5), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0
    )
    weight = is_inside * np.where(is_drawn, depth, 0).astype(np.float32) ** 2
    return _oriented(changes, weight, _FULL_CREASE)


def picture_edges(picture: NDArray[np.float32]) -> Edges:
    """Find the edges of a grey picture, by its gradient."""
    smooth = np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.0), np.float32)
    gradient = _gradient(smooth, ksize=3)
    full = float(np.quantile(np.hypot(*gradient), _FULL_EDGE_QUANTILE))
    return _oriented([gradient], np.ones_like(smooth), max(full, _MIN_GRADIENT))


def _gradient(band: Band, ksize: int) -> tuple[Band, Band]:
    """Twice the change a pixel along x and y; a larger kernel is smoother across."""
    scale = 1 if ksize == 1 else 1 / 4
    x = cv2.Sobel(band, cv2.CV_32F, 1, 0, ksize=ksize, scale=scale)
    y = cv2.Sobel(band, cv2.CV_32F, 0, 1, ksize=ksize, scale=scale)
    return np.asarray(x, np.float32), np.asarray(y, np.float32)


def _oriented(gradients: list[tuple[Band, Band]], weight: Band, full: float) -> Edges:
    """Turn gradient fields into strength and doubled direction, by their structure tensor."""
    xx, yy, xy = (
        cv2.GaussianBlur(sum(products) * weight, (0, 0), 1.0)
        for products in zip(*((x * x, y * y, x * y) for x, y in gradients), strict=True)
    )
    energy = xx + yy
    strength = np.minimum(np.sqrt(energy) / full, 1)
    return (strength * np.stack([xx - yy, 2 * xy]) / (energy + 1e-12)).astype(np.float32)


def _edge_share(edges: Edges) -> float:
    return float((np.hypot(*edges) > 0.5).mean())


def _undistorted(picture: NDArray[np.uint8], camera: Camera) -> Band:
    canvas = edge_canvas(camera)
    # OpenCV puts the centre of the first pixel at 0.
    matrix = np.array([[canvas.fx, 0, canvas.cx - 0.5], [0, canvas.fy, canvas.cy - 0.5], [0, 0, 1]])
    size = (canvas.width, canvas.height)
    x, y = cv2.initUndistortRectifyMap(matrix, np.array(camera.distortion), np.eye(3), matrix, size, cv2.CV_32FC1)
    # What lies beyond the picture must not give it an edge.
    grey = cv2.remap(picture.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(grey, np.float32)


def _fits(mesh: Edges, shown: Edges) -> tuple[float, float]:
    """Correlate at every shift of up to half an image; returns the best value at the pose, and the best elsewhere."""
    height, width = mesh.shape[1:]
    shape = tuple(cv2.getOptimalDFTSize(2 * size) for size in (height, width))
    mesh, shown = _without_shading(mesh), _without_shading(shown)
    product = (np.fft.rfft2(shown, shape) * np.fft.rfft2(mesh, shape).conj()).sum(axis=0)
    norm = np.sqrt(np.square(mesh).sum() * np.square(shown).sum())
    fit = np.fft.irfft2(product, shape) / (norm + 1e-12)
    dy, dx = (np.abs(np.fft.fftfreq(size, 1 / size)) for size in shape)
    distance = np.maximum(dy[:, None], dx)
    is_near = distance <= _TOLERANCE_PX
    is_far = (distance > 2 * _TOLERANCE_PX) & (dy[:, None] < height / 2) & (dx < width / 2)
    return float(fit[is_near].max()), float(fit[is_far].max())


def _without_shading(edges: Edges) -> Edges:
    return np.stack([band - cv2.GaussianBlur(band, (0, 0), _LOCAL_PX) for band in edges])
