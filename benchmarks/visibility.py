"""CPU time a frame of the engine, all outputs, against the paper's pipeline to the letter.

    python benchmarks/visibility.py

The room is a sample room refined to 1.1 million triangles, with 100 instances and frames of 1920 x 1440. The literal
pipeline is `renderer="pyrender"`: depth maps of the scene and of each instance alone, on the image and on the extended
canvas, at full resolution. A sample of instances and frames is drawn and extrapolated to all 100; counting points and
pixels, which the engine's time includes, is left out. Figures are CPU seconds of all threads; every run times engine
and pipeline one after the other, and medians of three runs are printed.

pyrender's faster software back end is OSMesa, which the PyOpenGL that pyrender pins cannot open. The set-up therefore
puts a newer PyOpenGL into a cache folder of its own, which only the timed process sees, and installs the system's
OSMesa (Debian: libosmesa6) when it is missing and we are root.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from ctypes.util import find_library
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from machine import describe

from spatialmosaic_builder.config import RendererName
from spatialmosaic_builder.points import face_instances
from spatialmosaic_builder.raster import Canvas
from spatialmosaic_builder.raster_pyrender import PyrenderRenderer
from spatialmosaic_builder.renderers import make_renderer
from spatialmosaic_builder.rules import VisibilityRules
from spatialmosaic_builder.scans.files import list_scenes
from spatialmosaic_builder.scans.sample import write_sample_scans
from spatialmosaic_builder.scans.sample.shapes import refine
from spatialmosaic_builder.scans.scannetpp import read_scan
from spatialmosaic_builder.schema import Scan
from spatialmosaic_builder.visibility import ViewCounter, annotate

PYOPENGL = "3.1.10"
RUNS = 3
MAX_EDGE = 0.04
"""Longest edge of the room's triangles, metres."""
NUM_INSTANCES = 100
SCALES = (1.0, 0.5, 0.25)
ENGINE_STRIDE = 2
"""The engine sees every second frame of 64,"""
LITERAL_STRIDE = 8
"""the literal pipeline every eighth,"""
EGL_STRIDE = 32
"""and its slower back end every thirty-second;"""
INSTANCE_STRIDE = 8
"""in these, every eighth instance is drawn alone."""
COMPARED_FRAMES = slice(4, None, 24)
MIN_PIXELS = 100
"""Views with fewer pixels are not compared."""


def make_room() -> Scan:
    """The first sample room, as dense as a scan; instances beyond the hundredth are surfaces of none."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "scannetpp")
        write_sample_scans(root, num_scans=1, pictures=False, image_size=(1920, 1440))
        scan = read_scan(root, next(scene.scene_name for scene in list_scenes(root) if scene.is_annotated))
    # Owners travel through the refinement as codes of which no two have a third as their mean.
    codes = np.sort(np.random.default_rng(0).random(len(scan.instances) + 1))
    points = np.column_stack([scan.vertices_world, codes[scan.vertex_instance + 1]]).astype(np.float64)
    points, faces = refine(points, scan.faces.astype(np.int64), np.full(len(points), MAX_EDGE))
    place = np.searchsorted(codes, points[:, 3]).clip(0, len(codes) - 1)
    owner = np.where((codes[place] == points[:, 3]) & (place <= NUM_INSTANCES), place - 1, -1)
    return replace(
        scan,
        vertices_world=points[:, :3].astype(np.float32),
        faces=faces.astype(np.int32),
        vertex_instance=owner.astype(np.int32),
        instances=scan.instances[:NUM_INSTANCES],
    )


def time_engine(scan: Scan) -> dict[str, Any]:
    """CPU seconds of preparation and a frame, all outputs, at each scale."""
    frames = scan.frames[::ENGINE_STRIDE]
    result: dict[str, Any] = {}
    for scale in SCALES:
        start = time.process_time()
        counter = ViewCounter(scan, VisibilityRules(canvas_scale=scale), seed=0)
        prepared = time.process_time()
        counter.count(frames[0])  # compiles the kernels, lays out the camera
        counted = time.process_time()
        for frame in frames:
            counter.count(frame)
        result[str(scale)] = {
            "prepare": prepared - start,
            "frame": (time.process_time() - counted) / len(frames),
        }
    return result


def time_literal(scan: Scan, stride: int) -> dict[str, Any]:
    """CPU seconds of a scene map and an instance map, each on both canvases, and how many instances a canvas sees."""
    rules = VisibilityRules(canvas_scale=1.0)
    face_instance = face_instances(scan.faces, scan.vertex_instance)
    renderer = make_renderer("pyrender", scan, face_instance, rules)
    assert isinstance(renderer, PyrenderRenderer)
    frames = scan.frames[::stride]
    canvas = Canvas.from_camera(frames[0].camera, 1.0)
    sample = range(0, NUM_INSTANCES, INSTANCE_STRIDE)
    scene = instance = 0.0
    for pinhole in (canvas, canvas.image_only()):
        renderer.depth(pinhole, frames[0].cam_from_world)  # makes the context, uploads the mesh
        for frame in frames:
            times = [time.process_time()]
            for only in (None, *sample):
                renderer.depth(pinhole, frame.cam_from_world, only)
                times.append(time.process_time())
            seconds = np.diff(times)
            scene += seconds[0] / len(frames)
            instance += seconds[1:].mean() / len(frames)
    on_canvas = annotate(replace(scan, frames=frames), rules, seed=0).visible_points_canvas > 0
    in_view = float(on_canvas.sum(axis=1).mean())
    return {"scene": scene, "instance": instance, "in_view": in_view, "frames": len(frames)}


def occlusion_ratios(scan: Scan, renderer: RendererName, scale: float) -> dict[str, Any]:
    """Occlusion ratios and visible pixels of a few frames."""
    few = replace(scan, frames=scan.frames[COMPARED_FRAMES])
    annotations = annotate(few, VisibilityRules(canvas_scale=scale), seed=0, renderer=renderer)
    return {"ratio": annotations.occlusion_ratio.tolist(), "pixels": annotations.visible_pixels.tolist()}


def install_osmesa() -> Path:
    """Make OSMesa usable; returns the folder that must come first on the path."""
    if find_library("OSMesa") is None:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            sys.exit("The literal pipeline draws through OSMesa, which this system lacks (Debian: libosmesa6).")
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "libosmesa6"], check=True, stdout=subprocess.DEVNULL)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "spatialmosaic" / f"pyopengl-{PYOPENGL}"
    if not (folder / "OpenGL").is_dir():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
        subprocess.run([*pip, f"PyOpenGL=={PYOPENGL}"], check=True)
    return folder


def measure(what: str, room: Path, **environment: str) -> dict[str, Any]:
    """Run one measurement in a process of its own, which has a peak memory of its own."""
    command = [sys.executable, __file__, what, str(room)]
    done = subprocess.run(command, env=os.environ | environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def run_measurement(what: str, room: Path) -> None:
    arrays = np.load(room, allow_pickle=True)
    scan: Scan = arrays["scan"].item()
    if what == "engine":
        result = time_engine(scan)
    elif what == "literal":
        result = time_literal(scan, LITERAL_STRIDE)
    elif what == "literal by EGL":
        result = time_literal(scan, EGL_STRIDE)
    elif what == "literal ratios":
        result = occlusion_ratios(scan, "pyrender", 1.0)
    else:
        result = {str(scale): occlusion_ratios(scan, "numba", scale) for scale in SCALES}
    result["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(json.dumps(result))


def agreement(ours: dict[str, Any], theirs: dict[str, Any]) -> tuple[str, str]:
    """Differences of the occlusion ratios, and of the visible pixels by the literal ones: mean / p95 / max."""
    compared = np.minimum(ours["pixels"], theirs["pixels"]) >= MIN_PIXELS
    ratios = np.abs(np.subtract(ours["ratio"], theirs["ratio"]))[compared]
    pixels = np.abs(np.divide(ours["pixels"], np.maximum(theirs["pixels"], 1)) - 1)[compared]
    return tuple(f"{d.mean():.4f} / {np.quantile(d, 0.95):.4f} / {d.max():.4f}" for d in (ratios, pixels))


def main() -> None:
    osmesa = {"PYTHONPATH": str(install_osmesa()), "PYOPENGL_PLATFORM": "osmesa"}
    scan = make_room()
    print(describe())
    print(
        f"room: {len(scan.faces):,} triangles, {len(scan.vertices_world):,} vertices, {len(scan.instances)} instances, "
        f"frames of {scan.frames[0].camera.width} x {scan.frames[0].camera.height}"
    )
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder, "room.npz")
        np.savez(room, scan=np.array(scan, object))
        measure("engine", room)  # fills numba's cache
        runs = [(measure("engine", room), measure("literal", room, **osmesa)) for _ in range(RUNS)]
        egl = measure("literal by EGL", room, PYOPENGL_PLATFORM="egl") if find_library("EGL") else None
        ratios = measure("engine ratios", room), measure("literal ratios", room, **osmesa)
    print_literal(runs, egl)
    print_engine(runs, *ratios)


def whole(literal: dict[str, Any], instances: float = NUM_INSTANCES) -> float:
    """CPU seconds a frame of the literal pipeline."""
    return literal["scene"] + instances * literal["instance"]


def print_literal(runs: list[tuple[dict[str, Any], dict[str, Any]]], egl: dict[str, Any] | None) -> None:
    sampled = -(-NUM_INSTANCES // INSTANCE_STRIDE)
    print(f"literal pipeline: {sampled} of {NUM_INSTANCES} instances sampled, both canvases at full resolution")
    named = [(f"OSMesa, {RUNS} runs", [literal for _, literal in runs])] + ([("EGL, one run", [egl])] if egl else [])
    for name, results in named:
        scene, instance = (1e3 * median(result[part] for result in results) for part in ("scene", "instance"))
        every, seen = (median(whole(r, n) for r in results) for n in (NUM_INSTANCES, results[0]["in_view"]))
        print(
            f"  {name} of {results[0]['frames']} frames: scene {scene:.0f} ms, an instance {instance:.1f} ms; "
            f"{every:.1f} s a frame with all instances, {seen:.1f} s with the {results[0]['in_view']:.0f} that the "
            f"canvas sees; peak memory {results[0]['peak']:.2f} GB"
        )


def print_engine(
    runs: list[tuple[dict[str, Any], dict[str, Any]]], ours: dict[str, Any], theirs: dict[str, Any]
) -> None:
    print(f"\n{'engine, all outputs':21s}{'ms/frame':>9s}{'frames/s/core':>15s}", end="")
    print(
        f"{'literal / engine':>18s}{'(three runs)':>17s}{'those in view only':>20s}{'pixels against the literal':>35s}"
    )
    for scale in map(str, SCALES):
        frame = median(engine[scale]["frame"] for engine, _ in runs)
        times = [whole(literal) / engine[scale]["frame"] for engine, literal in runs]
        kinder = [whole(literal, literal["in_view"]) / engine[scale]["frame"] for engine, literal in runs]
        spread = ", ".join(f"{ratio:.0f}" for ratio in times)
        print(
            f"  canvas scale {scale:6s}{1e3 * frame:9.1f}{1 / frame:15.1f}{median(times):18.0f}{spread:>17s}", end=""
        )
        print(f"{median(kinder):20.0f}{agreement(ours[scale], theirs)[1]:>35s}")
    prepare = median(engine[scale]["prepare"] for engine, _ in runs for scale in map(str, SCALES))
    print(f"  preparation {prepare:.1f} s a scan; peak memory {runs[0][0]['peak']:.2f} GB")
    print(f"  occlusion ratio against the literal: {agreement(ours['1.0'], theirs)[0]} (mean / p95 / max)")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        run_measurement(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
