"""Exact rays against a scan's mesh, and points on its surfaces to send them to."""

from __future__ import annotations

import numpy as np
from embreex import rtcore_scene
from embreex.mesh_construction import TriangleMesh
from numpy.typing import NDArray

from ..randomness import generator
from ..schema import Scan
from .optics import Floats, Ints

NOBODY = -1


def face_owners(scan: Scan) -> Ints:
    """Instance index of every face, shape (f,): the one that owns two or three of its vertices, `NOBODY` if none does."""
    owners = np.sort(scan.vertex_instance[scan.faces], axis=1).astype(np.int64)
    # Of three sorted values the middle one is in every pair of equals.
    is_shared = (owners[:, 0] == owners[:, 1]) | (owners[:, 1] == owners[:, 2])
    return np.where(is_shared, owners[:, 1], NOBODY)


class RayTracer:
    """Finds the first surface along rays; keeps the mesh in Embree's tree."""

    def __init__(self, scan: Scan, owners: Ints) -> None:
        """Build the tree.

        Args:
            scan: its mesh.
            owners: instance of every face, from `face_owners`.
        """
        self._owners = np.append(owners, NOBODY)  # the face -1, which rays hit that hit nothing
        self._scene = rtcore_scene.EmbreeScene(robust=True)
        self._mesh = TriangleMesh(self._scene, scan.vertices_world.astype(np.float32), scan.faces.astype(np.int32))

    def first_surfaces(
        self, origin_world: Floats, rays: NDArray[np.floating]
    ) -> tuple[Ints, Floats, NDArray[np.bool_]]:
        """Follow rays from one point.

        Args:
            origin_world: shape (3,), metres.
            rays: shape (n, 3), world axes, of any length.

        Returns:
            Shapes (n,): the instance that each ray hits first (`NOBODY` for an unlabelled surface or nothing), how many
            lengths of the ray it lies away, and whether anything was hit.
        """
        directions = np.ascontiguousarray(rays, np.float32)
        origins = np.ascontiguousarray(np.broadcast_to(origin_world.astype(np.float32), directions.shape))
        found = self._scene.run(origins, directions, output=True)
        face = found["primID"].astype(np.int64)
        return self._owners[face], found["tfar"].astype(np.float64), face >= 0


class Surfaces:
    """The labelled surfaces of a scan, from which points are drawn uniformly by area."""

    def __init__(self, scan: Scan, owners: Ints, seed: int) -> None:
        """Sort the faces by instance.

        Args:
            scan: the mesh.
            owners: instance of every face, from `face_owners`.
            seed: of all that is drawn.
        """
        order = np.argsort(owners, kind="stable")
        order = order[np.searchsorted(owners[order], 0) :]
        corners = scan.vertices_world[scan.faces[order]].astype(np.float64)
        self._key = (seed, scan.scene_name, "verify")
        self._owner = owners[order]
        self._corner, self._sides = corners[:, 0], corners[:, 1:] - corners[:, :1]
        areas = np.linalg.norm(np.cross(self._sides[:, 0], self._sides[:, 1]), axis=1) / 2
        self._area_until = np.concatenate([[0.0], np.cumsum(areas)])
        self._start = self._area_until[np.searchsorted(self._owner, np.arange(len(scan.instances) + 1))]

    @property
    def area(self) -> Floats:
        """Surface of each instance, shape (instances,), square metres."""
        return np.diff(self._start)

    def draw_from(self, instances: Ints, count: int) -> Floats:
        """Draw points of each of some instances, shape (instances, count, 3), metres; NaN where there is no surface."""
        low, high = self._start[instances], self._start[instances + 1]
        points, _ = self._draw(low, high, count)
        points[high <= low] = np.nan
        return points

    def draw_from_all(self, count: int) -> tuple[Floats, Ints]:
        """Draw points of the whole labelled surface, shape (count, 3), and the instance of each."""
        points, owner = self._draw(self._start[:1], self._start[-1:], count)
        return points[0], owner[0]

    def _draw(self, low: Floats, high: Floats, count: int) -> tuple[Floats, Ints]:
        """Draw a point from each of equal parts of ranges of area, shape (ranges, count, 3), and their owners."""
        rng = generator(*self._key, count)
        share = (np.arange(count) + rng.random((len(low), count))) / count
        at = low[:, None] + share * (high - low)[:, None]
        face = np.clip(np.searchsorted(self._area_until, at, side="right") - 1, 0, len(self._owner) - 1)
        a, b = rng.random((2, *at.shape))
        a, b = np.where(a + b > 1, 1 - a, a), np.where(a + b > 1, 1 - b, b)
        points = self._corner[face] + a[..., None] * self._sides[face, 0] + b[..., None] * self._sides[face, 1]
        return points, self._owner[face]
