"""Solid shapes for the sample scans, and the mesh that a scanner would make of them.

A shape is a tuple of closed parts in its own frame: metres, +Z up, the origin at the middle of its footprint, its front
towards -Y. Every part is a tube: rings of points joined by quads, with a cap at either end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...geometry import FloatArray, transform_points

Colour = tuple[float, float, float]
Point = tuple[float, float, float]

_MAX_REFINEMENTS = 12
"""Halvings of the longest edge: enough to bring a 10 m wall below 1 cm."""
_CELL = 0.1
"""Metres: about the longest edge of an unrefined shape."""


@dataclass(frozen=True, slots=True)
class Part:
    """A closed surface of one material."""

    vertices: FloatArray
    """Shape (v, 3), metres, the shape's frame."""
    faces: NDArray[np.int64]
    """Shape (f, 3), counter-clockwise seen from outside."""
    colour: Colour
    """Linear red, green, blue in 0..1."""
    pattern: str = "plain"
    """A key of `paint.PATTERNS`."""
    is_smooth: bool = False
    """Shade across edges (round things) or keep them sharp."""


Shape = tuple[Part, ...]


def tube(
    rings: ArrayLike, colour: Colour, pattern: str = "plain", is_smooth: bool = False, has_caps: bool = True
) -> Part:
    """Join rings of equally many points into a closed surface.

    Args:
        rings: shape (k, m, 3), metres; each counter-clockwise when the next ring is seen from above. A ring may shrink
            to a point.
        colour: base colour.
        pattern: a key of `paint.PATTERNS`.
        is_smooth: whether it is shaded as a round thing.
        has_caps: whether the first and last ring are closed.
    """
    points = _with_more_rings(np.asarray(rings, np.float64))
    num_rings, num_points = points.shape[:2]
    row, column = np.meshgrid(np.arange(num_rings - 1), np.arange(num_points), indexing="ij")
    following = (column + 1) % num_points
    a, b = row * num_points + column, row * num_points + following
    c, d = b + num_points, a + num_points
    faces = [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)]
    vertices = points.reshape(-1, 3)
    if has_caps:
        first, last = len(vertices), len(vertices) + 1
        vertices = np.concatenate([vertices, points[[0, -1]].mean(axis=1)])
        j, k = np.arange(num_points), (np.arange(num_points) + 1) % num_points
        top = (num_rings - 1) * num_points
        faces += [np.stack([k, j, 0 * j + first], 1), np.stack([j + top, k + top, 0 * j + last], 1)]
    return _welded(Part(vertices, np.concatenate(faces), colour, pattern, is_smooth))


def block(
    size: Point, colour: Colour, at: Point = (0, 0, 0), pattern: str = "plain", taper: float = 1.0, yaw: float = 0.0
) -> Part:
    """Make a box: `at` is the middle of its underside, `taper` the ratio of its upper to its lower side lengths."""
    axes = [np.linspace(-0.5, 0.5, 1 + int(np.ceil(length / _CELL))) for length in size]
    vertices, faces, count = [], [], 0
    for normal in range(3):
        u, v = (normal + 1) % 3, (normal + 2) % 3
        for side in (-0.5, 0.5):
            grid_u, grid_v = np.meshgrid(axes[u], axes[v], indexing="ij")
            points = np.full((*grid_u.shape, 3), side)
            points[..., u], points[..., v] = grid_u, grid_v
            index = np.arange(grid_u.size).reshape(grid_u.shape) + count
            a, b, c, d = (index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:])
            quads = (a, b, c, d) if side > 0 else (a, d, c, b)
            faces += [np.stack([quads[0], quads[k], quads[k + 1]], -1).reshape(-1, 3) for k in (1, 2)]
            vertices.append(points.reshape(-1, 3))
            count += grid_u.size
    unit = np.concatenate(vertices)
    unit[:, 2] += 0.5
    unit[:, :2] *= 1 + (taper - 1) * unit[:, 2:]
    points = transform_points(turn_z(yaw), unit * np.array(size)) + np.array(at)
    return _welded(Part(points, np.concatenate(faces), colour, pattern))


def lathe(
    profile: Sequence[tuple[float, float]],
    colour: Colour,
    at: Point = (0, 0, 0),
    pattern: str = "plain",
    segments: int = 18,
) -> Part:
    """Turn a profile of (radius, height), listed from below along the outside, about the vertical axis."""
    radius, height = np.array(profile, np.float64).T
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    rings = np.stack(
        [radius[:, None] * np.cos(angle), radius[:, None] * np.sin(angle), 0 * angle + height[:, None]], axis=-1
    )
    return tube(rings + np.array(at), colour, pattern, is_smooth=True)


def rod(start: Point, end: Point, radius: float, colour: Colour, pattern: str = "plain", segments: int = 8) -> Part:
    """Make a cylinder between two points."""
    direction = np.subtract(end, start)
    length = float(np.linalg.norm(direction))
    column = lathe([(radius, 0), (radius, length)], colour, pattern=pattern, segments=segments)
    z = direction / length
    x = np.cross(z, [1.0, 0, 0] if abs(z[0]) < 0.9 else [0, 1.0, 0])
    x /= np.linalg.norm(x)
    rotation = np.stack([x, np.cross(z, x), z], axis=1)
    return replace(column, vertices=column.vertices @ rotation.T + np.array(start))


def ball(radii: Point, colour: Colour, at: Point = (0, 0, 0), pattern: str = "plain", power: float = 1.0) -> Part:
    """Make an ellipsoid about `at`; a power below 1 makes it boxy, as a cushion is."""
    angle = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    height = np.linspace(-np.pi / 2, np.pi / 2, 11)[:, None]

    def curve(t: FloatArray) -> tuple[FloatArray, FloatArray]:
        x, y = np.round(np.cos(t), 12), np.round(np.sin(t), 12)
        scale = (np.abs(x) ** (2 / power) + np.abs(y) ** (2 / power)) ** (-power / 2)
        return x * scale, y * scale

    (x, y), (out, up) = curve(angle), curve(height)
    rings = np.stack([out * x, out * y, up + 0 * angle], axis=-1)
    return tube(rings * np.array(radii) + np.array(at), colour, pattern, is_smooth=True, has_caps=False)


def leaf(spine: ArrayLike, width: float, colour: Colour) -> Part:
    """Make a pointed leaf along a curved spine of shape (k, 3), some millimetres thick."""
    points = np.asarray(spine, np.float64)
    along = np.linspace(0, 1, len(points))
    half = 0.5 * width * np.sin(np.pi * (0.08 + 0.92 * along))[:, None] + 1e-3
    forward = np.gradient(points, axis=0)
    side = np.cross(forward, [0.0, 0.0, 1.0])
    side /= np.linalg.norm(side, axis=1, keepdims=True) + 1e-9
    normal = np.cross(side, forward)
    normal *= 0.004 / (np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9)
    rings = np.stack([points - side * half, points - normal, points + side * half, points + normal], axis=1)
    return tube(rings, colour, "leaf")


def sheet(width: float, height: float, colour: Colour, pattern: str, is_floor: bool = False) -> Shape:
    """Make a rectangle, the one open shape: a wall that faces -Y and stands on its origin, or a floor that faces +Z."""
    x, y = np.array([-0.5, 0.5, 0.5, -0.5]) * width, np.array([0, 0, 1, 1]) * height
    vertices = np.stack([x, y - height / 2, 0 * x] if is_floor else [x, 0 * x, y], axis=1)
    return (Part(vertices, np.array([[0, 1, 2], [0, 2, 3]]), colour, pattern),)


def moved(shape: Shape, at: Point = (0, 0, 0), yaw: float = 0.0) -> Shape:
    """Turn a shape by `yaw` degrees about the vertical, then shift it."""
    transform = turn_z(yaw)
    transform[:3, 3] = at
    return tuple(replace(part, vertices=transform_points(transform, part.vertices)) for part in shape)


def turn_z(degrees: float) -> FloatArray:
    """Rotation about the vertical as a (4, 4) transform."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    transform = np.eye(4)
    transform[:2, :2] = [[cos, -sin], [sin, cos]]
    return transform


def turn_x(degrees: float) -> FloatArray:
    """Rotation about the X axis as a (4, 4) transform: positive leans the top back, towards -Y."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    transform = np.eye(4)
    transform[1:3, 1:3] = [[cos, -sin], [sin, cos]]
    return transform


def surface_area(vertices: FloatArray, faces: NDArray[np.int64]) -> FloatArray:
    """Area of every triangle, shape (f,), square metres."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)


def refine(points: FloatArray, faces: NDArray[np.int64], max_edge: FloatArray) -> tuple[FloatArray, NDArray[np.int64]]:
    """Split edges at their middle until none is longer than wanted; the mesh stays free of cracks.

    Args:
        points: shape (v, d); the first three columns are positions, the others are carried along.
        faces: shape (f, 3).
        max_edge: shape (v,), metres; an edge may be as long as the mean of its two ends.

    Returns:
        The new points, the old ones first, and the new faces.
    """
    for _ in range(_MAX_REFINEMENTS):
        edges = np.sort(np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1), axis=-1)
        key = edges[..., 0] * len(points) + edges[..., 1]
        unique, inverse = np.unique(key, return_inverse=True)
        start, end = np.divmod(unique, len(points))
        length = np.linalg.norm(points[start, :3] - points[end, :3], axis=1)
        is_long = length > 0.5 * (max_edge[start] + max_edge[end])
        if not is_long.any():
            break
        middle = np.full(len(unique), -1)
        middle[is_long] = len(points) + np.arange(int(is_long.sum()))
        points = np.concatenate([points, 0.5 * (points[start[is_long]] + points[end[is_long]])])
        max_edge = np.concatenate([max_edge, 0.5 * (max_edge[start[is_long]] + max_edge[end[is_long]])])
        faces = _split(faces, middle[inverse.reshape(faces.shape)])
    return points, faces


def _split(faces: NDArray[np.int64], middle: NDArray[np.int64]) -> NDArray[np.int64]:
    """Split each face by the middles of its edges 01, 12, 20 (-1 where the edge stays whole)."""
    is_split = middle >= 0
    count = is_split.sum(axis=1)
    # Turn every face so that one split edge comes first, or the one whole edge last.
    turn = np.select([count == 1, count == 2], [np.argmax(is_split, 1), (np.argmin(is_split, 1) + 1) % 3], 0)
    order = (np.arange(3) + turn[:, None]) % 3
    corner, middle = np.take_along_axis(faces, order, 1), np.take_along_axis(middle, order, 1)
    a, b, c = corner.T
    p, q, r = middle.T
    pieces = {
        0: [(a, b, c)],
        1: [(a, p, c), (p, b, c)],
        2: [(a, p, q), (p, b, q), (a, q, c)],
        3: [(a, p, r), (p, b, q), (r, q, c), (p, q, r)],
    }
    return np.concatenate(
        [np.stack(triangle, axis=1)[count == number] for number, split in pieces.items() for triangle in split]
    )


def _with_more_rings(rings: FloatArray) -> FloatArray:
    """Insert rings so that no quad is much longer than a cell; slivers would multiply in `refine`."""
    gaps = np.linalg.norm(np.diff(rings, axis=0), axis=-1).max(axis=1)
    stops = [np.linspace(k, k + 1, int(np.ceil(gap / _CELL)), endpoint=False) for k, gap in enumerate(gaps) if gap > 0]
    position = np.concatenate([*stops, [len(rings) - 1]])
    lower = np.minimum(position.astype(int), len(rings) - 2)
    weight = (position - lower)[:, None, None]
    return (1 - weight) * rings[lower] + weight * rings[lower + 1]


def _welded(part: Part) -> Part:
    """Merge equal points and drop the faces that a ring shrunk to a point leaves without area."""
    unique, inverse = np.unique(np.round(part.vertices, 6), axis=0, return_inverse=True)
    faces = inverse.reshape(-1)[part.faces]
    a, b, c = faces.T
    return replace(part, vertices=unique, faces=faces[(a != b) & (b != c) & (c != a)])
