"""Who looks at the mesh: the engine, or the paper's depth maps to the letter, behind one interface."""

from __future__ import annotations

import os
from ctypes.util import find_library
from importlib.util import find_spec
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .config import RendererName
from .raster import Canvas, Rasterizer, ZBuffer
from .rules import VisibilityRules
from .schema import Scan


class Renderer(Protocol):
    """Tells what a posed camera sees of a labelled mesh."""

    @property
    def point_scale(self) -> float:
        """Canvas pixels per image pixel at which points are compared."""
        ...

    def compare(
        self,
        canvas: Canvas,
        cam_from_world: NDArray[np.float64],
        px: NDArray[np.float64],
        z: NDArray[np.float64],
        owner: NDArray[np.int32],
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Compare points with the first surfaces at their places (Eq. 1).

        Args:
            canvas: the pinhole.
            cam_from_world: shape (4, 4), OpenCV axes, metres.
            px: shape (n, 2), where the points fall on the canvas.
            z: shape (n,), how far before the camera they lie, metres.
            owner: shape (n,), the instances on whose surface they lie.

        Returns:
            Shape (n,): which points are visible, and which are by identity (first is their own instance, or nothing).
        """
        ...

    def picture(
        self, image: Canvas, cam_from_world: NDArray[np.float64], instances: NDArray[np.int32]
    ) -> NDArray[np.int32]:
        """Find the instance that is first at each pixel, -1 for none.

        Args:
            image: the pinhole.
            cam_from_world: shape (4, 4), OpenCV axes, metres.
            instances: those that have a point on the extended canvas; no other is looked for.

        Returns:
            Shape (height, width).
        """
        ...


class NumbaRenderer:
    """The engine: points by the rays through them, pixels by one picture of depth and instance."""

    point_scale = 1.0
    """Rays know no pixels, so any scale will do."""

    def __init__(self, rasterizer: Rasterizer, depth_tolerance: float) -> None:
        """Draw with a rasteriser; a point may lie `depth_tolerance` metres behind the first surface."""
        self._rasterizer = rasterizer
        self._depth_tolerance = depth_tolerance
        self._z_buffer: ZBuffer | None = None

    def compare(
        self,
        canvas: Canvas,
        cam_from_world: NDArray[np.float64],
        px: NDArray[np.float64],
        z: NDArray[np.float64],
        owner: NDArray[np.int32],
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """See `Renderer`; visible by the tolerant rule."""
        inverse_depth, first_instance = self._rasterizer.first_surfaces(canvas, cam_from_world, px)
        is_own = (first_instance == owner) | (inverse_depth == 0)
        # z <= D(u) + tolerance, without a division.
        return is_own | (z * inverse_depth <= 1 + self._depth_tolerance * inverse_depth), is_own

    def picture(
        self, image: Canvas, cam_from_world: NDArray[np.float64], instances: NDArray[np.int32]
    ) -> NDArray[np.int32]:
        """See `Renderer`; it costs no more to draw all instances."""
        self._z_buffer = self._rasterizer.render(image, cam_from_world, self._z_buffer)
        return self._z_buffer.instance


def missing_parts(name: RendererName) -> str | None:
    """Tell in a sentence what a renderer lacks on this machine; None if nothing. Loads no graphics library."""
    if name == "numba":
        return None
    if find_spec("pyrender") is None:
        return 'renderer pyrender needs the extra `render`: pip install ".[render]", or pip install pyrender.'
    if os.environ.get("PYOPENGL_PLATFORM", "egl") == "egl" and find_library("EGL") is None:
        return (
            "renderer pyrender draws through EGL, which this system lacks; install it (Debian: apt-get install "
            "libegl1 libgl1 libgles2 libgl1-mesa-dri)."
        )
    return None


def make_renderer(
    name: RendererName, scan: Scan, face_instance: NDArray[np.int32], rules: VisibilityRules
) -> Renderer:
    """Make the renderer of that name for a scan whose faces (f,) belong to the given instances, -1 for none.

    Raises:
        RuntimeError: if it cannot run on this machine.
    """
    if sentence := missing_parts(name):
        raise RuntimeError(sentence)
    mesh = (scan.vertices_world, scan.faces, face_instance, len(scan.instances), rules.near)
    if name == "numba":
        return NumbaRenderer(Rasterizer(*mesh), rules.depth_tolerance)
    from .raster_pyrender import PyrenderRenderer

    return PyrenderRenderer(*mesh, canvas_scale=rules.canvas_scale)
