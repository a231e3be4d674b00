"""Checks the poses of some frames of a scene: reads their pictures and sensor depth, draws the mesh at their poses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..geometry import FloatArray
from ..raster import Canvas, Rasterizer
from ..rules import VisibilityRules
from ..scans.files import SceneFiles
from ..schema import Frame
from .pose_check import PoseCheck, check_against_depth, check_against_picture, edge_canvas, rival_poses


class PoseChecker:
    """Holds the mesh of a scene against what its frames show."""

    def __init__(self, files: SceneFiles, vertices_world: NDArray[np.float32], faces: NDArray[np.int32]) -> None:
        """Sort the mesh for drawing: vertices of shape (v, 3), metres, and faces of shape (f, 3)."""
        self._files = files
        no_instance = np.full(len(faces), -1, np.int32)
        self._rasterizer = Rasterizer(vertices_world, faces, no_instance, 0, VisibilityRules().near)

    def check(self, frame: Frame, sensor_depth: NDArray[np.float32] | None) -> PoseCheck:
        """Check a frame against its sensor depth and its picture: a pose that fits must fit both.

        Args:
            frame: posed.
            sensor_depth: shape (h, w), z in metres, 0 where nothing was measured; None where there is none.
        """
        by_depth = self._by_depth(frame, sensor_depth) if sensor_depth is not None else None
        if by_depth is not None and by_depth.verdict == "wrong":
            return by_depth
        by_picture = self._by_picture(frame)
        if by_depth is None:
            return by_picture
        if by_picture.verdict == "wrong" or by_depth.verdict == "unclear":
            return replace(by_picture, depth_error=by_depth.depth_error)
        return by_depth

    def _by_depth(self, frame: Frame, sensor_depth: NDArray[np.float32]) -> PoseCheck:
        scale = sensor_depth.shape[1] / frame.camera.width
        mesh_depth = self._draw(Canvas.from_camera(frame.camera, scale).image_only(), frame.cam_from_world)
        if mesh_depth.shape != sensor_depth.shape:
            return PoseCheck(frame.name, "unclear", "sensor depth")
        return check_against_depth(frame.name, mesh_depth, sensor_depth)

    def _by_picture(self, frame: Frame) -> PoseCheck:
        canvas = edge_canvas(frame.camera)
        try:
            picture = self._picture(frame, canvas)
        except OSError:
            return PoseCheck(frame.name, "unclear", "picture edges")
        depth = self._draw(canvas, frame.cam_from_world)
        rival_depths = [self._draw(canvas, pose) for pose in rival_poses(frame.cam_from_world)]
        return check_against_picture(frame.name, frame.camera, depth, rival_depths, picture)

    def _picture(self, frame: Frame, canvas: Canvas) -> NDArray[np.uint8]:
        size = (canvas.width, canvas.height)
        with Image.open((self._files.image_root or self._files.root) / frame.image_path) as image:
            # A JPEG is decoded at an eighth of its size where that is enough.
            image.draft("L", size)
            return np.asarray(image.convert("L").resize(size, Image.Resampling.BOX))

    def _draw(self, canvas: Canvas, cam_from_world: FloatArray) -> NDArray[np.float32]:
        return self._rasterizer.render(canvas, cam_from_world).depth
