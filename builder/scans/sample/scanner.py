"""What a scanner and a hand-held phone make of a furnished room: a noisy annotated mesh and a list of poses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...geometry import Camera, FloatArray, box_corners, rigid_transform, rotation_from_quaternion, transform_points
from ...schema import Frame, OrientedBox
from .paint import Floats
from .photo import Surface
from .rooms import Item, Room
from .shapes import refine, surface_area

NOISE = 0.001
"""Standard deviation of the scanner, metres."""
STRUCTURE_EDGE = 0.125
"""Longest edge on walls, floor and ceiling before density varies, metres."""
FURNITURE_EDGE = 0.085
SMALLEST_EDGE = 0.012
FACES_PER_OBJECT = 300
"""About how many faces a small object gets: more than the 50 vertices below which an object is no subject."""
STRIDE = 10
"""Every tenth frame of the video is a candidate for registration."""

_EYE_HEIGHT = 1.5
_LARGE = 1500
"""Vertices from which an object may have holes and unlabelled patches without losing its shape."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """The mesh of a room and who owns which vertex."""

    surface: Surface
    """What stands in the room, without the holes of the scan."""
    is_scanned: NDArray[np.bool_]
    """Shape (f,): faces that are part of the scan."""
    owners: tuple[NDArray[np.int64], ...]
    """Vertices that each item's annotation lists, ascending; in the order of the room's items."""
    boxes: tuple[OrientedBox, ...]
    """Of each item: along its own axes, tight around its annotated vertices."""


@dataclass(frozen=True, slots=True)
class Walk:
    """A video taken on a walk through the room."""

    camera: Camera
    poses: tuple[FloatArray, ...]
    """`cam_from_world` of every video frame."""
    quaternions: tuple[tuple[float, ...], ...]
    """(qw, qx, qy, qz) of every video frame, from which the poses are made."""
    registered: tuple[int, ...]
    """Video frames that COLMAP registered: multiples of `STRIDE`, with gaps."""


def scan_room(room: Room, rng: np.random.Generator) -> Scanned:
    """Mesh a room: uneven triangles, noise, holes, patches without a label."""
    points, faces, is_smooth = _clean_mesh(room.items, rng)
    item_of_part = np.repeat(np.arange(len(room.items)), [len(item.shape) for item in room.items])
    vertex_part = np.rint(points[:, 6]).astype(np.int32)
    vertex_item, face_part = item_of_part[vertex_part], vertex_part[faces[:, 0]]
    vertex_normals, corner_normals = _normals(points[:, :3], faces, is_smooth[face_part])
    noisy = points[:, :3] + rng.normal(0, NOISE, (len(points), 3))
    parts = [part for item in room.items for part in item.shape]
    surface = Surface(
        vertices=noisy.astype(np.float32),
        faces=faces.astype(np.int32),
        local=points[:, 3:6].astype(np.float32),
        corner_normals=corner_normals,
        vertex_normals=vertex_normals,
        face_part=face_part,
        part_colour=np.array([part.colour for part in parts], np.float32),
        part_pattern=tuple(part.pattern for part in parts),
    )
    is_scanned = _scanned_faces(points[:, :3], faces, vertex_item, rng)
    owners = _annotate(room.items, surface.vertices, vertex_item, rng)
    boxes = tuple(_tight_box(item, surface.vertices[own]) for item, own in zip(room.items, owners, strict=True))
    return Scanned(surface, is_scanned, owners, boxes)


def _clean_mesh(
    items: list[Item], rng: np.random.Generator
) -> tuple[FloatArray, NDArray[np.int64], NDArray[np.bool_]]:
    """Points with the columns world (3), local (3), part; faces; and for each part whether it is smooth."""
    blocks, faces, edges, is_smooth = [], [], [], []
    count, number = 0, 0
    for item in items:
        area = sum(float(surface_area(part.vertices, part.faces).sum()) for part in item.shape)
        edge = _edge_length(item, area)
        is_mirrored = np.linalg.det(item.world_from_shape[:3, :3]) < 0
        for part in item.shape:
            world = transform_points(item.world_from_shape, part.vertices)
            blocks.append(np.column_stack([world, part.vertices, np.full(len(world), number)]))
            faces.append((part.faces[:, ::-1] if is_mirrored else part.faces) + count)
            edges.append(np.full(len(world), edge))
            is_smooth.append(part.is_smooth)
            count, number = count + len(world), number + 1
    points, max_edge = np.concatenate(blocks), np.concatenate(edges)
    # A scan is dense where the scanner came close.
    phase = rng.uniform(0, 2 * np.pi, 3)
    max_edge *= 1 + 0.3 * np.sin(points[:, :3] * (1.9, 2.3, 2.9) + phase).mean(axis=1)
    points, refined = refine(points, np.concatenate(faces), max_edge)
    return points, refined, np.array(is_smooth)


def _edge_length(item: Item, area: float) -> float:
    if item.is_coarse:
        return 1.0
    if item.label in ("wall", "floor", "ceiling"):
        return STRUCTURE_EDGE
    # The mean triangle has about a fifth of the squared longest edge.
    return float(np.clip(np.sqrt(area / (0.2 * FACES_PER_OBJECT)), SMALLEST_EDGE, FURNITURE_EDGE))


def _scanned_faces(
    vertices: FloatArray, faces: NDArray[np.int64], vertex_item: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Leave holes: the scanner never saw a few spots of the large surfaces."""
    item = vertex_item[faces[:, 0]]
    large = np.flatnonzero(np.bincount(vertex_item)[item] > _LARGE)
    centre = vertices[faces].mean(axis=1)
    is_scanned = np.ones(len(faces), bool)
    for spot in rng.choice(large, 12):
        is_near = np.linalg.norm(centre - centre[spot], axis=1) < rng.uniform(0.04, 0.1)
        is_scanned &= ~(is_near & (item == item[spot]))
    return is_scanned


def _normals(vertices: FloatArray, faces: NDArray[np.int64], is_smooth: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    weighted = np.cross(b - a, c - a)
    at_vertex: FloatArray = np.stack(
        [np.bincount(faces.ravel(), np.repeat(weighted[:, axis], 3), minlength=len(vertices)) for axis in range(3)],
        axis=1,
    )
    at_vertex /= np.linalg.norm(at_vertex, axis=1, keepdims=True) + 1e-12
    of_face = weighted / (np.linalg.norm(weighted, axis=1, keepdims=True) + 1e-12)
    corners = np.where(is_smooth[:, None, None], at_vertex[faces], of_face[:, None])
    return at_vertex.astype(np.float32), corners.astype(np.float32)


def _annotate(
    items: list[Item], vertices: Floats, vertex_item: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], ...]:
    """List every item's vertices, without the patches that annotators missed."""
    is_labelled = np.ones(len(vertices), bool)
    size = np.bincount(vertex_item, minlength=len(items))[vertex_item]
    for spot in rng.choice(np.flatnonzero(size > _LARGE), 14):
        is_near = np.linalg.norm(vertices - vertices[spot], axis=1) < rng.uniform(0.05, 0.18)
        is_labelled &= ~(is_near & (vertex_item == vertex_item[spot]))
    is_labelled &= ~((size > _LARGE) & (rng.random(len(vertices)) < 0.01))
    members: list[list[int]] = [[index] for index in range(len(items))]
    for index, item in enumerate(items):
        if item.owner is not None:
            members[item.owner].append(index)
    return tuple(np.flatnonzero(np.isin(vertex_item, group) & is_labelled) for group in members)


def _tight_box(item: Item, vertices: Floats) -> OrientedBox:
    across, up = item.world_from_shape[:3, 0], item.world_from_shape[:3, 2]
    up = up if up[2] >= 0 else -up
    axes = np.stack([across, up, np.cross(across, up)])
    along = vertices.astype(np.float64) @ axes.T
    low, high = along.min(axis=0), along.max(axis=0)
    centroid = 0.5 * (low + high) @ axes
    return OrientedBox(_triple(centroid), tuple(axes.ravel().tolist()), _triple(high - low))


def box_bounds(box: OrientedBox) -> tuple[list[float], list[float]]:
    """Lower and upper corner of the axis-aligned box around an oriented one."""
    corners = box_corners(box.centroid, np.reshape(box.axes, (3, 3)), box.lengths)
    return corners.min(axis=0).tolist(), corners.max(axis=0).tolist()


def _triple(values: FloatArray) -> tuple[float, float, float]:
    x, y, z = values.tolist()
    return x, y, z


def phone_camera(image_size: tuple[int, int], rng: np.random.Generator) -> Camera:
    """A phone's lens: 67 degrees wide, slightly off centre, a trace of distortion."""
    width, height = image_size
    focal = width * (0.746 + 0.004 * rng.uniform(-1, 1))
    k1, k2, p1, p2 = np.array([0.006, -0.009, 0.0002, -0.0001]) * rng.uniform(0.8, 1.2, 4)
    cx, cy = width * 0.4979 + rng.uniform(-2, 2), height * 0.5034 + rng.uniform(-2, 2)
    camera = Camera(width, height, focal, focal * 0.9997, cx, cy, (float(k1), float(k2), float(p1), float(p2)))
    camera.check()
    return camera


def walk_through(room: Room, camera: Camera, num_frames: int, rng: np.random.Generator) -> Walk:
    """Walk once around the room, looking about; registers `num_frames` frames and leaves gaps."""
    num_gaps = num_frames // 12
    num_stops = num_frames + 2 * num_gaps
    lost = {int(start) + k for start in _gap_starts(num_stops, num_gaps, rng) for k in range(2)}
    registered = tuple(STRIDE * stop for stop in range(num_stops) if stop not in lost)
    phase = rng.uniform(0, 2 * np.pi, 6)
    quaternions, poses = [], []
    for number in range(STRIDE * (num_stops - 1) + 1):
        quaternion, centre = viewpoint(room, number / (STRIDE * num_stops), phase)
        rotation = rotation_from_quaternion(quaternion)
        quaternions.append(tuple(quaternion.tolist()))
        poses.append(rigid_transform(rotation, -rotation @ centre))
    return Walk(camera, tuple(poses), tuple(quaternions), registered)


def _gap_starts(num_stops: int, num_gaps: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Starts of gaps of two stops that do not touch, neither the first nor the last stop."""
    slots = np.arange(2, num_stops - 3, 4)
    return np.sort(rng.choice(slots, num_gaps, replace=False)) if num_gaps else slots[:0]


def viewpoint(room: Room, time: float, phase: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Quaternion (w, x, y, z) of cam_from_world and camera centre at a time in 0..1."""
    tau = 2 * np.pi
    shake = [0.012 * np.sin(tau * time * rate + shift) for rate, shift in zip((83, 97, 71), phase[3:], strict=True)]
    height = _EYE_HEIGHT + 0.12 * np.sin(tau * 3 * time + phase[0]) + shake[2]
    centre = np.array([*_spline(room.walk, time), height])
    to_middle = np.array([room.width / 2, room.depth / 2]) - centre[:2]
    heading = np.arctan2(to_middle[1], to_middle[0]) + 1.6 * np.sin(tau * 3 * time + phase[1]) + shake[0]
    pitch = -0.33 - 0.22 * np.sin(tau * 7 * time + phase[2]) + shake[1]
    forward = np.array([np.cos(heading) * np.cos(pitch), np.sin(heading) * np.cos(pitch), np.sin(pitch)])
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    roll = 0.05 * np.sin(tau * 6 * time + phase[3])
    x, y = right * np.cos(roll) + down * np.sin(roll), down * np.cos(roll) - right * np.sin(roll)
    return _quaternion(np.stack([x, y, forward])), centre


def _spline(points: list[tuple[float, float]], time: float) -> FloatArray:
    """Closed Catmull-Rom curve."""
    count = len(points)
    index, t = int(time * count) % count, time * count % 1
    a, b, c, d = (np.array(points[(index + k) % count]) for k in (-1, 0, 1, 2))
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)


def _quaternion(rotation: FloatArray) -> FloatArray:
    """Scalar-first unit quaternion of a rotation, by its numerically largest component."""
    m = rotation
    products = np.array(
        [
            [m[0, 0] + m[1, 1] + m[2, 2], m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]],
            [m[2, 1] - m[1, 2], m[0, 0] - m[1, 1] - m[2, 2], m[1, 0] + m[0, 1], m[0, 2] + m[2, 0]],
            [m[0, 2] - m[2, 0], m[1, 0] + m[0, 1], m[1, 1] - m[0, 0] - m[2, 2], m[2, 1] + m[1, 2]],
            [m[1, 0] - m[0, 1], m[0, 2] + m[2, 0], m[2, 1] + m[1, 2], m[2, 2] - m[0, 0] - m[1, 1]],
        ]
    ) + np.eye(4)
    largest = products[np.argmax(np.diag(products))]
    return largest / np.linalg.norm(largest) * (1 if largest[0] >= 0 else -1)


def registered_frames(walk: Walk, scene_name: str, folder: str) -> tuple[Frame, ...]:
    """The registered frames as a reader should return them; `folder` is the pictures' path below the scene."""
    return tuple(
        Frame(
            name := f"frame_{number:06d}",
            f"data/{scene_name}/{folder}/{name}.jpg",
            walk.camera,
            walk.poses[number],
        )
        for number in walk.registered
    )
