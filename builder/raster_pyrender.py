"""The paper's visibility to the letter: a depth map of the scene and one of each instance alone, drawn by pyrender.

Slow, and not the definition this project uses (`docs/visibility.md` tells where they part): a reference for the engine
in `raster.py`. Eq. 1 compares `D_i(u)` and `D_{n,i}(u)` at the pixel `u` of every point.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .raster import Canvas

_FAR = 1000.0
"""Far plane, metres. The resolution of a depth map hangs on the near plane: 0.03 mm at 5 m, wherever this one lies."""
_PYRENDER_FROM_CAM = np.diag([1.0, -1.0, -1.0, 1.0])
"""pyrender's cameras look along -Z with +Y up."""


class PyrenderRenderer:
    """Draws depth maps of a labelled mesh and of its instances, two-sided."""

    def __init__(
        self,
        vertices_world: NDArray[np.float32],
        faces: NDArray[np.int32],
        face_instance: NDArray[np.int32],
        num_instances: int,
        near: float,
        canvas_scale: float,
    ) -> None:
        """Make a mesh of every instance, and one of the faces of none.

        Args:
            vertices_world: shape (v, 3), metres.
            faces: shape (f, 3), vertex indices.
            face_instance: shape (f,), instance index of each face, -1 for none.
            num_instances: number of instances.
            near: nothing nearer to the camera plane is drawn, metres.
            canvas_scale: canvas pixels per image pixel; the paper's is 1.
        """
        self.point_scale = canvas_scale
        self._meshes = {
            n: _two_sided_mesh(vertices_world, faces[face_instance == n])
            for n in range(-1, num_instances)
            if (face_instance == n).any()
        }
        pyrender = _pyrender()
        self._camera = pyrender.IntrinsicsCamera(1, 1, 0, 0, znear=near, zfar=_FAR)
        self._scene = pyrender.Scene()
        self._camera_node = self._scene.add(self._camera)
        for mesh in self._meshes.values():
            self._scene.add(mesh)

    def depth(self, canvas: Canvas, cam_from_world: NDArray[np.float64], only: int | None = None) -> NDArray[Any]:
        """Draw `D_i`, or `D_{n,i}` of one instance alone.

        Args:
            canvas: the pinhole.
            cam_from_world: shape (4, 4), OpenCV axes, metres.
            only: the instance; the whole scene by default.

        Returns:
            Shape (height, width), float32: z in metres; 0, pyrender's background, where nothing was drawn.
        """
        for n, mesh in self._meshes.items():
            mesh.is_visible = only is None or n == only
        camera = self._camera
        camera.fx, camera.fy, camera.cx, camera.cy = canvas.fx, canvas.fy, canvas.cx, canvas.cy
        self._scene.set_pose(self._camera_node, np.linalg.inv(cam_from_world) @ _PYRENDER_FROM_CAM)
        offscreen = _offscreen()
        offscreen.viewport_width, offscreen.viewport_height = canvas.width, canvas.height
        return offscreen.render(self._scene, flags=_pyrender().RenderFlags.DEPTH_ONLY)

    def compare(
        self,
        canvas: Canvas,
        cam_from_world: NDArray[np.float64],
        px: NDArray[np.float64],
        z: NDArray[np.float64],
        owner: NDArray[np.int32],
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Compare points with the surfaces at their pixels (Eq. 1); see `visibility.Renderer`.

        Where an instance covers no pixel centre at its own point, the point's depth stands for `D_{n,i}(u)`.
        """
        column, row = px[:, 0].astype(np.int64), px[:, 1].astype(np.int64)
        first = self.depth(canvas, cam_from_world)[row, column]
        own = np.zeros(len(px), np.float32)
        for n in np.unique(owner).tolist():
            of_n = np.flatnonzero(owner == n)
            own[of_n] = self.depth(canvas, cam_from_world, only=n)[row[of_n], column[of_n]]
        is_empty, is_drawn = first == 0, own > 0
        is_visible = is_empty | (first >= np.where(is_drawn, own, z))
        return is_visible, is_empty | (is_drawn & (first >= own))

    def picture(
        self, image: Canvas, cam_from_world: NDArray[np.float64], instances: NDArray[np.int32]
    ) -> NDArray[np.int32]:
        """Find the pixels at which an instance's depth is the scene's; see `visibility.Renderer`."""
        first = self.depth(image, cam_from_world)
        picture = np.full(first.shape, -1, np.int32)
        for n in instances.tolist():
            own = self.depth(image, cam_from_world, only=n)
            picture[(own > 0) & (own <= first)] = n
        return picture


def _two_sided_mesh(vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> Any:
    """Make a mesh that has each face twice, in both orders of its corners.

    pyrender culls back faces of depth maps whatever its flags say, yet a scan is full of open sheets.
    """
    used, local = np.unique(faces, return_inverse=True)
    local = local.reshape(faces.shape)
    pyrender = _pyrender()
    return pyrender.Mesh([pyrender.Primitive(vertices[used], indices=np.concatenate([local, local[:, ::-1]]))])


@cache
def _pyrender() -> Any:
    """Import pyrender for drawing without a window, by EGL unless the environment names another platform."""
    os.environ.setdefault("PYOPENGL_PLATFORM", "egl")
    import pyrender

    return pyrender


@cache
def _offscreen() -> Any:
    """One graphics context a process: to close one would end the others that share its display."""
    try:
        return _pyrender().OffscreenRenderer(1, 1)
    except Exception as error:  # whatever the system's graphics libraries come up with
        raise RuntimeError(f"pyrender could open no graphics context: {error!r}") from error
