"""The points on an instance's surface whose visibility is counted: `P_n` (Sec. 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from .raster import morton_codes
from .rules import VisibilityRules
from .schema import Instance, OrientedBox, Scan


@dataclass(frozen=True, slots=True)
class SurfacePoints:
    """Points uniform by area on the surfaces of a scan's instances, neighbours close together in the arrays."""

    xyz_world: NDArray[np.float32]
    """Shape (p, 3), metres."""
    instance: NDArray[np.int32]
    """Shape (p,): index of the instance whose surface the point lies on."""
    num_base: int
    """The first points are the base sample, uniform over the whole labelled surface; only they count in overlaps
    (Eq. 6). The others top up small instances."""


def face_instances(faces: NDArray[np.int32], vertex_instance: NDArray[np.int32]) -> NDArray[np.int32]:
    """Give each face to the instance that owns two or three of its vertices.

    Args:
        faces: shape (f, 3), vertex indices.
        vertex_instance: shape (v,), -1 where no instance owns the vertex; "none" counts as an owner.

    Returns:
        Shape (f,): instance index, -1 where none owns two vertices.
    """
    a, b, c = vertex_instance[faces.T]
    return np.where((a == b) | (a == c), a, np.where(b == c, b, -1)).astype(np.int32)


def sample_points(scan: Scan, face_instance: NDArray[np.int32], rules: VisibilityRules, seed: int) -> SurfacePoints:
    """Sample the surfaces of all instances.

    Each instance has its own random generator, seeded by (seed, scene, instance id), and its points are stratified: one
    falls into each of equal parts of its area, laid out along neighbouring triangles. An instance without area gets
    none.

    Args:
        scan: the labelled mesh.
        face_instance: shape (f,), instance index of each face, -1 for none.
        rules: how many points.
        seed: makes the sample reproducible.
    """
    labelled = np.flatnonzero(face_instance >= 0)
    corners = scan.vertices_world[scan.faces[labelled].T]
    neighbours = np.lexsort((morton_codes(corners.mean(axis=0)), face_instance[labelled]))
    corners = corners[:, neighbours]
    owner = face_instance[labelled[neighbours]]
    areas = np.linalg.norm(np.cross(corners[1] - corners[0], corners[2] - corners[0]), axis=1).astype(np.float64) / 2
    start = np.searchsorted(owner, np.arange(len(scan.instances) + 1))
    base_counts = _proportional_counts(areas, start, rules.base_points)

    xyz: dict[bool, list[NDArray[np.float32]]] = {True: [], False: []}
    indices: dict[bool, list[int]] = {True: [], False: []}
    for k, instance in enumerate(scan.instances):
        of_instance = slice(start[k], start[k + 1])
        if not areas[of_instance].sum() > 0:
            continue
        key = f"{seed}/{scan.scene_name}/{instance.instance_id}"
        generator = np.random.default_rng(int.from_bytes(sha256(key.encode()).digest(), "big"))
        num_base = int(base_counts[k])
        for is_base, count in ((True, num_base), (False, max(rules.min_points_per_instance - num_base, 0))):
            xyz[is_base].append(_stratified(corners[:, of_instance], areas[of_instance], count, generator))
            indices[is_base] += [k] * count
    base = _along_curve(xyz[True], indices[True])
    top_up = _along_curve(xyz[False], indices[False])
    return SurfacePoints(np.concatenate([base[0], top_up[0]]), np.concatenate([base[1], top_up[1]]), len(base[0]))


def tighten_boxes(
    instances: Sequence[Instance], points: SurfacePoints, percentiles: tuple[float, float]
) -> tuple[OrientedBox, ...]:
    """Shrink each instance's box, along its own axes, to where its points lie.

    A few stray vertices stretch an annotated box; the percentiles of the points do not follow them. An instance without
    points keeps its box.

    Args:
        instances: with the annotated boxes.
        points: sampled on their surfaces.
        percentiles: lower and upper, of the points along each axis.
    """
    order = np.argsort(points.instance, kind="stable")
    start = np.searchsorted(points.instance[order], np.arange(len(instances) + 1))
    return tuple(
        _tighten(instance.box, points.xyz_world[order[start[k] : start[k + 1]]], percentiles)
        for k, instance in enumerate(instances)
    )


def _tighten(box: OrientedBox, xyz_world: NDArray[np.float32], percentiles: tuple[float, float]) -> OrientedBox:
    if not len(xyz_world):
        return box
    axes = np.array(box.axes).reshape(3, 3)
    low, high = np.percentile(xyz_world.astype(np.float64) @ axes.T, percentiles, axis=0)
    (x, y, z), (dx, dy, dz) = ((low + high) / 2 @ axes).tolist(), (high - low).tolist()
    return OrientedBox((x, y, z), box.axes, (dx, dy, dz))


def _proportional_counts(areas: NDArray[np.float64], start: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Share `total` points among runs of triangles by area: exact in the sum, within one of each share."""
    cumulative = np.concatenate([[0.0], np.cumsum(areas)])[start]
    if not cumulative[-1] > 0:
        return np.zeros(len(start) - 1, np.int64)
    return np.diff(np.round(cumulative / cumulative[-1] * total)).astype(np.int64)


def _stratified(
    corners: NDArray[np.float32], areas: NDArray[np.float64], count: int, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Draw `count` points, uniform by area, from triangles whose corners have shape (3, t, 3)."""
    cumulative = np.cumsum(areas)
    position = (np.arange(count) + generator.random(count)) / max(count, 1) * cumulative[-1]
    triangle = np.minimum(np.searchsorted(cumulative, position, side="right"), len(areas) - 1)
    u, v = generator.random((2, count))
    is_outside = u + v > 1
    u, v = np.where(is_outside, 1 - u, u), np.where(is_outside, 1 - v, v)
    a, b, c = corners[:, triangle].astype(np.float64)
    return (a + u[:, None] * (b - a) + v[:, None] * (c - a)).astype(np.float32)


def _along_curve(xyz: list[NDArray[np.float32]], indices: list[int]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    points = np.concatenate([np.zeros((0, 3), np.float32), *xyz])
    order = np.argsort(morton_codes(points), kind="stable")
    return points[order], np.array(indices, np.int32)[order]
