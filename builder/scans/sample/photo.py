"""Light of the sample scans, and pictures of them taken through a phone's lens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from embreex import rtcore_scene
from embreex.mesh_construction import TriangleMesh
from numpy.typing import NDArray

from ...geometry import Camera, FloatArray, camera_centre_world
from ...raster_kernels import compiled
from .paint import Floats, paint

_AMBIENT_RAYS = 18
_AMBIENT_REACH = 0.9
"""Metres: what is nearer than this darkens a corner."""
_SHADOW_RAYS = 4
_LAMP_RADIUS = 0.3
_SMOOTHING_STEPS = 4
_HIDDEN = 0.12
"""Ambient openness below which a vertex lies behind something and must not darken what is beside it."""
_NO_HIT = -1


@dataclass(frozen=True, slots=True)
class Surface:
    """A triangle mesh with what is needed to paint it."""

    vertices: Floats
    """Shape (v, 3), metres, world frame, with scan noise."""
    faces: NDArray[np.int32]
    """Shape (f, 3)."""
    local: Floats
    """Shape (v, 3): position in the frame of the vertex' shape, where textures live."""
    corner_normals: Floats
    """Shape (f, 3, 3): outward normal of each face at each corner, without scan noise."""
    vertex_normals: Floats
    """Shape (v, 3)."""
    face_part: NDArray[np.int32]
    """Shape (f,): index into the parts' colours and patterns."""
    part_colour: Floats
    """Shape (p, 3), linear."""
    part_pattern: tuple[str, ...]
    """Key of `PATTERNS`, one a part."""


def ray_scene(surface: Surface) -> rtcore_scene.EmbreeScene:
    """Put the mesh into an Embree scene."""
    scene = rtcore_scene.EmbreeScene()
    TriangleMesh(scene, surface.vertices, surface.faces)
    return scene


def bake_light(surface: Surface, lamps: FloatArray, seed: int) -> Floats:
    """Light that can reach every vertex, shape (v, 1 + l) for lamps of shape (l, 3).

    Columns: ambient openness in 0..1, and for each lamp the share of it that is not hidden. The angle to the lamp is
    left to the shading, which knows the normals of faces.
    """
    rng = np.random.default_rng(seed)
    scene = ray_scene(surface)
    normals = surface.vertex_normals
    start = surface.vertices + 0.008 * normals
    count = len(start)
    openness = np.zeros(count, np.float32)
    reach = np.full(count, _AMBIENT_REACH, np.float32)
    for _ in range(_AMBIENT_RAYS):
        direction = normals + _unit(rng.normal(size=(count, 3)).astype(np.float32))
        openness += scene.run(start, _unit(direction), dists=reach, query="OCCLUDED") == _NO_HIT
    shares = [openness / _AMBIENT_RAYS]
    for lamp in lamps:
        seen = np.zeros(count, np.float32)
        for _ in range(_SHADOW_RAYS):
            target = lamp + _LAMP_RADIUS * rng.uniform(-1, 1, (count, 3)) * (1, 1, 0.1)
            to_lamp = (target - start).astype(np.float32)
            distance = np.linalg.norm(to_lamp, axis=1).astype(np.float32)
            blocked = scene.run(start, to_lamp / distance[:, None], dists=distance - 0.12, query="OCCLUDED") != _NO_HIT
            seen += ~blocked
        shares.append(seen / _SHADOW_RAYS)
    return _smoothed(surface.faces, np.stack(shares, axis=1))


def _smoothed(faces: NDArray[np.int32], shares: FloatArray) -> Floats:
    """Average along edges: it removes the noise of few rays, and fills hidden vertices from their neighbours."""
    start = np.concatenate([faces, np.roll(faces, -1, axis=1)]).ravel()
    end = np.concatenate([np.roll(faces, -1, axis=1), faces]).ravel()
    count = len(shares)
    weight = np.where(shares[:, 0] > _HIDDEN, 1.0, 1e-3)
    for _ in range(_SMOOTHING_STEPS):
        total = weight + np.bincount(start, weight[end], count)
        columns = [share * weight + np.bincount(start, (share * weight)[end], count) for share in shares.T]
        shares = np.stack(columns, axis=1) / total[:, None]
    return shares.astype(np.float32)


def _unit(vectors: Floats) -> Floats:
    return (vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9)).astype(np.float32)


@compiled
def _light_at(point: FloatArray, normal: FloatArray, shares: FloatArray, lamps: FloatArray) -> float:
    """Ambient light plus every lamp by the cosine law, with a falloff softer than the square's."""
    light = shares[0] * (0.32 + 0.07 * normal[2] + 0.05 * normal[0] - 0.03 * normal[1])
    for k in range(len(lamps)):
        x, y, z = lamps[k, 0] - point[0], lamps[k, 1] - point[1], lamps[k, 2] - point[2]
        squared = x * x + y * y + z * z
        cosine = max(x * normal[0] + y * normal[1] + z * normal[2], 0.0) / np.sqrt(squared + 1e-6)
        light += shares[1 + k] * cosine * (1.9 / len(lamps)) / (1.0 + 0.22 * squared)
    return light


@compiled
def _light_vertices(vertices: Floats, normals: Floats, shares: Floats, lamps: FloatArray, light: Floats) -> None:
    for index in range(len(vertices)):
        light[index] = _light_at(
            vertices[index].astype(np.float64),
            normals[index].astype(np.float64),
            shares[index].astype(np.float64),
            lamps,
        )


@compiled
def _light_hits(
    face: NDArray[np.int32],
    u: Floats,
    v: Floats,
    vertices: Floats,
    faces: NDArray[np.int32],
    local: Floats,
    corner_normals: Floats,
    shares: Floats,
    lamps: FloatArray,
    hit_local: Floats,
    light: Floats,
) -> None:
    """Interpolate texture position and light over the faces that rays hit."""
    point, normal, share = np.zeros(3), np.zeros(3), np.zeros(shares.shape[1])
    for index in range(len(face)):
        number = face[index]
        point[:], normal[:], share[:] = 0.0, 0.0, 0.0
        hit_local[index] = 0.0
        for k in range(3):
            weight = 1.0 - u[index] - v[index] if k == 0 else (u[index] if k == 1 else v[index])
            corner = faces[number, k]
            for axis in range(3):
                point[axis] += weight * vertices[corner, axis]
                normal[axis] += weight * corner_normals[number, k, axis]
                hit_local[index, axis] += weight * local[corner, axis]
            for column in range(len(share)):
                share[column] += weight * shares[corner, column]
        normal /= np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2) + 1e-9
        light[index] = _light_at(point, normal, share, lamps)


def vertex_colours(surface: Surface, shares: Floats, lamps: FloatArray) -> NDArray[np.uint8]:
    """Colours of the mesh, shape (v, 3), 8-bit sRGB."""
    part = np.zeros(len(surface.vertices), np.int32)
    part[surface.faces] = surface.face_part[:, None]
    light = np.zeros(len(surface.vertices), np.float32)
    _light_vertices(surface.vertices, surface.vertex_normals, shares, lamps, light)
    return paint(surface.part_colour, surface.part_pattern, part, surface.local, light)


class Photographer:
    """Takes pictures of a surface: exact rays through the full lens model, one a pixel."""

    def __init__(self, surface: Surface, shares: Floats, lamps: FloatArray, camera: Camera) -> None:
        self._surface, self._shares, self._lamps = surface, shares, lamps
        self._scene = ray_scene(surface)
        self._size = (camera.height, camera.width)
        row, column = np.mgrid[: camera.height, : camera.width]
        pixels = np.stack([column.ravel() + 0.5, row.ravel() + 0.5], axis=1)
        self._rays_cam = _unit(camera.cam_rays_from_px(pixels).astype(np.float32))

    def take(self, cam_from_world: FloatArray) -> NDArray[np.uint8]:
        """Render a picture, shape (height, width, 3), 8-bit sRGB."""
        surface = self._surface
        rays = self._rays_cam @ cam_from_world[:3, :3].astype(np.float32)
        centre = camera_centre_world(cam_from_world).astype(np.float32)
        hit = self._scene.run(np.broadcast_to(centre, rays.shape).copy(), rays, query="INTERSECT", output=True)
        seen = np.flatnonzero(hit["primID"] != _NO_HIT)
        face, u, v = (hit[name][seen] for name in ("primID", "u", "v"))
        local, light = np.zeros((len(seen), 3), np.float32), np.zeros(len(seen), np.float32)
        mesh = (surface.vertices, surface.faces, surface.local, surface.corner_normals, self._shares)
        _light_hits(face, u, v, *mesh, self._lamps, local, light)
        colour = np.zeros((len(rays), 3), np.uint8)
        colour[seen] = paint(surface.part_colour, surface.part_pattern, surface.face_part[face], local, light)
        return colour.reshape(*self._size, 3)
