"""Times the way from a scan on disk to its annotations on one core: 600 frames of 1920 x 1440, 1.5 million vertices.

    python benchmarks/visibility_scan.py               write a room into a temporary folder and time it
    python benchmarks/visibility_scan.py FOLDER SCENE  time a scene that is there

The room has no pictures; mesh, annotation and COLMAP model have ScanNet++'s formats and sizes.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe, peak_gigabytes
from numpy.typing import NDArray
from plyfile import PlyData, PlyElement
from trimesh import Trimesh
from trimesh.ray.ray_pyembree import RayMeshIntersector

from spatialmosaic_builder import visibility
from spatialmosaic_builder.annotations import write_annotations
from spatialmosaic_builder.geometry import camera_centre_world, transform_points
from spatialmosaic_builder.points import face_instances, sample_points
from spatialmosaic_builder.raster import Rasterizer
from spatialmosaic_builder.renderers import NumbaRenderer
from spatialmosaic_builder.rules import VisibilityRules
from spatialmosaic_builder.scans import scannetpp
from spatialmosaic_builder.schema import Frame, Scan

SCENE = "0123456789"
ROOM = np.array([8.0, 6.0, 2.8])
NUM_OBJECTS = 100


def box_patches(low: NDArray, high: NDArray, spacing: float) -> tuple[NDArray, NDArray]:
    """Vertices and faces of a box's six sides, each a grid of about `spacing` metres."""
    vertices, faces, count = [], [], 0
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        nu, nv = (max(int((high - low)[k] / spacing), 1) + 1 for k in (u, v))
        for side in (low, high):
            grid = np.empty((nu, nv, 3))
            grid[..., axis] = side[axis]
            grid[..., u] = np.linspace(low[u], high[u], nu)[:, None]
            grid[..., v] = np.linspace(low[v], high[v], nv)
            corner = count + (np.arange(nu - 1)[:, None] * nv + np.arange(nv - 1)).ravel()
            faces += [
                np.stack([corner, corner + nv, corner + 1], 1),
                np.stack([corner + 1, corner + nv, corner + nv + 1], 1),
            ]
            vertices.append(grid.reshape(-1, 3))
            count += nu * nv
    return np.concatenate(vertices), np.concatenate(faces)


def make_boxes(generator: np.random.Generator, num_objects: int) -> list[tuple[str, NDArray, NDArray]]:
    """The room itself, then furniture on the floor with smaller things on top: label, low and high corner."""
    boxes = [("wall", np.zeros(3), ROOM)]
    while len(boxes) < num_objects:
        size = generator.uniform([0.4, 0.4, 0.4], [1.6, 0.9, 2.0])
        low = np.append(generator.uniform(0.05, ROOM[:2] - size[:2] - 0.05), 0.01)
        boxes.append(("cabinet", low, low + size))
        for _ in range(3):
            small = generator.uniform(0.05, 0.3, 3)
            base = np.append(
                generator.uniform(low[:2], low[:2] + size[:2] - np.minimum(small[:2], size[:2])), low[2] + size[2]
            )
            boxes.append(("box", base, base + small))
    return boxes[:num_objects]


def write_scene(root: Path, num_vertices: int, num_frames: int, num_objects: int = NUM_OBJECTS) -> None:
    """Write mesh, annotation and COLMAP model of a furnished room."""
    generator = np.random.default_rng(0)
    boxes = make_boxes(generator, num_objects)
    area = sum(2 * (s[0] * s[1] + s[1] * s[2] + s[2] * s[0]) for s in (high - low for _, low, high in boxes))
    spacing = np.sqrt(area / num_vertices)
    vertices, faces, groups, count = [], [], [], 0
    for k, (label, low, high) in enumerate(boxes):
        v, f = box_patches(low, high, spacing)
        obb = {"centroid": ((low + high) / 2).tolist(), "axesLengths": (high - low).tolist()}
        obb |= {"normalizedAxes": np.eye(3).ravel().tolist()}
        segments = list(range(count, count + len(v)))
        groups.append({"id": k, "objectId": k + 1, "label": label, "segments": segments, "obb": obb})
        vertices.append(v)
        faces.append(f + count)
        count += len(v)
    points = np.concatenate(vertices) + generator.normal(0, 0.0008, (count, 3))
    scans, colmap = (root / "data" / SCENE / name for name in ("scans", "iphone/colmap"))
    scans.mkdir(parents=True)
    colmap.mkdir(parents=True)
    vertex = np.zeros(count, [(n, "f4") for n in "xyz"] + [(n, "u1") for n in ("red", "green", "blue")])
    vertex["x"], vertex["y"], vertex["z"] = points.T
    triangles = np.concatenate(faces)
    face = np.zeros(len(triangles), [("vertex_indices", "i4", (3,))])
    face["vertex_indices"] = triangles
    elements = [PlyElement.describe(vertex, "vertex"), PlyElement.describe(face, "face")]
    PlyData(elements).write(str(scans / "mesh_aligned_0.05.ply"))
    (scans / "segments.json").write_text(json.dumps({"segIndices": list(range(count))}))
    (scans / "segments_anno.json").write_text(json.dumps({"segGroups": groups}))
    lens = "1430.1 1429.7 957.3 721.9 0.0612 -0.0921 0.0002 -0.0001"
    (colmap / "cameras.txt").write_text(f"1 OPENCV 1920 1440 {lens}\n")
    (colmap / "images.txt").write_text("".join(colmap_line(k, num_frames, generator) for k in range(num_frames)))


def colmap_line(k: int, num_frames: int, generator: np.random.Generator) -> str:
    """A camera on a walk through the room, at eye height, looking about and a little down."""
    angle = 2 * np.pi * k / num_frames
    centre = ROOM / 2 + [2.6 * np.cos(2 * angle), 1.8 * np.sin(2 * angle), generator.uniform(-0.2, 0.4)]
    yaw, pitch = 7 * angle, generator.uniform(-0.7, 0.1)
    forward = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)])
    right = np.array([np.sin(yaw), -np.cos(yaw), 0])
    rotation = np.stack([right, np.cross(forward, right), forward])
    w = np.sqrt(max(1 + np.trace(rotation), 1e-12)) / 2
    r = rotation
    xyz = np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]]) / (4 * w)
    pose = " ".join(f"{x:.9f}" for x in (w, *xyz, *(-rotation @ centre)))
    return f"{k + 1} {pose} 1 frame_{10 * k:06d}.jpg\n\n"


def timed(seconds: dict[str, float], label: str, owner: Any, name: str) -> None:
    """Replace a function of a module or class by one that adds up the time spent in it."""
    function: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        start = time.process_time()
        try:
            return function(*args, **kwargs)
        finally:
            seconds[label] = seconds.get(label, 0.0) + time.process_time() - start

    setattr(owner, name, wrapper)


def time_scene(root: Path, scene_name: str) -> None:
    """Read, annotate and write on one core, and print where the time went."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    seconds: dict[str, float] = {}
    timed(seconds, "mesh parse", scannetpp, "read_scene_mesh")
    timed(seconds, "preparation: points", visibility, "sample_points")
    timed(seconds, "preparation: mesh", Rasterizer, "__init__")
    timed(seconds, "points: project", visibility, "project_points")
    timed(seconds, "points: first surfaces", Rasterizer, "first_surfaces")
    timed(seconds, "points: compare", NumbaRenderer, "compare")
    timed(seconds, "pixels: render", Rasterizer, "render")
    timed(seconds, "pixels: measure", visibility, "_measure_pixels")
    timed(seconds, "overlaps", visibility, "overlaps")
    start, start_wall = time.process_time(), time.perf_counter()
    scan = scannetpp.read_scan(root, scene_name)
    read = time.process_time()
    annotations = visibility.annotate(scan, VisibilityRules(), seed=0)
    annotated = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        write_annotations(annotations, Path(folder))
    stop = time.process_time()
    seconds = {"read (mesh parse included)": read - start, **seconds, "annotate": annotated - read}
    seconds |= {"parquet": stop - annotated, "TOTAL": stop - start}
    num_frames = len(annotations.frames)
    print(
        f"{len(scan.vertices_world)} vertices, {len(scan.faces)} faces, {num_frames} frames, CPU seconds on one core:"
    )
    for label, value in seconds.items():
        print(f"  {label:28s}{value:8.2f}   {value / num_frames * 1e3:7.2f} ms/frame")
    print(f"  wall {time.perf_counter() - start_wall:.1f} s; peak memory {peak_gigabytes():.2f} GB")
    ours, rays = seconds["annotate"] / num_frames, ray_seconds(scan, annotations.frames[:: max(num_frames // 5, 1)])
    print(f"  baseline: one Embree ray a sampled point {rays * 1e3:.1f} ms/frame, without pixels, boxes and overlaps")
    print(f"  ratio of the baseline to annotate, all outputs: {rays / ours:.2f}")


def ray_seconds(scan: Scan, frames: Sequence[Frame]) -> float:
    """CPU seconds a frame of the plain way: a ray to every sampled point on the canvas, with trimesh and Embree."""
    points = sample_points(scan, face_instances(scan.faces, scan.vertex_instance), VisibilityRules(), 0).xyz_world
    rays = RayMeshIntersector(Trimesh(scan.vertices_world, scan.faces, process=False), scale_to_box=False)
    rays.intersects_first(np.zeros((1, 3)), np.array([[0.0, 0.0, 1.0]]))  # builds the tree
    start = time.process_time()
    for frame in frames:
        camera = frame.camera
        points_cam = transform_points(frame.cam_from_world, points)
        points_cam = points_cam[points_cam[:, 2] > 0]
        px = points_cam[:, :2] / points_cam[:, 2:] * (camera.fx, camera.fy) + (camera.cx, camera.cy)
        size = np.array([camera.width, camera.height])
        points_cam = points_cam[((px >= -size / 2) & (px < 1.5 * size)).all(axis=1)]
        directions = points_cam @ frame.cam_from_world[:3, :3]
        rays.intersects_first(np.broadcast_to(camera_centre_world(frame.cam_from_world), directions.shape), directions)
    return (time.process_time() - start) / len(frames)


def main() -> None:
    """See the module's first lines."""
    if len(sys.argv) == 3:
        time_scene(Path(sys.argv[1]), sys.argv[2])
        return
    print(describe())
    with tempfile.TemporaryDirectory() as folder:
        # A small run first: it fills numba's cache. Each in a process of its own, for the peak memory.
        for name, num_vertices, num_frames in (("small", 20_000, 5), ("full", 1_500_000, 600)):
            root = Path(folder, name)
            write_scene(root, num_vertices, num_frames)
            subprocess.run([sys.executable, __file__, str(root), SCENE], check=True)


if __name__ == "__main__":
    main()
