"""How far the engine and the paper's depth maps to the letter lie apart.

    python benchmarks/agreement.py                         a sample room
    python benchmarks/agreement.py SCANNETPP SCENE [...]   scenes that are there

Both look at six frames a scene with the same points. Compared are the views in which both see 100 pixels or more.
`renderer="pyrender"` needs EGL; it takes some seconds a frame.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from machine import describe
from numpy.typing import NDArray

from spatialmosaic_builder.annotations import Annotations
from spatialmosaic_builder.rules import VisibilityRules
from spatialmosaic_builder.scans.files import list_scenes
from spatialmosaic_builder.scans.sample import write_sample_scans
from spatialmosaic_builder.scans.scannetpp import read_scan
from spatialmosaic_builder.schema import Scan
from spatialmosaic_builder.visibility import annotate

NUM_FRAMES = 6
MIN_PIXELS = 100
SCALES = (1.0, 0.5)


def compare(scan: Scan) -> None:
    """Print the differences in a few frames of a scan, at each canvas scale."""
    scan = replace(scan, frames=scan.frames[:: max(len(scan.frames) // NUM_FRAMES, 1)][:NUM_FRAMES])
    camera = scan.frames[0].camera
    print(
        f"{scan.scene_name}: {len(scan.faces):,} faces, {len(scan.instances)} instances, "
        f"{len(scan.frames)} frames of {camera.width} x {camera.height}"
    )
    for scale in SCALES:
        rules = VisibilityRules(canvas_scale=scale)
        ours, theirs = annotate(scan, rules, seed=0), annotate(scan, rules, seed=0, renderer="pyrender")
        compared = np.minimum(ours.visible_pixels, theirs.visible_pixels) >= MIN_PIXELS
        print(f"  canvas scale {scale}, {compared.sum()} views{'':18s}mean     p95     max   engine - literal")
        for name, difference in differences(ours, theirs).items():
            d = difference[compared]
            size = np.abs(d)
            print(f"    {name:40s}{size.mean():8.4f}{np.quantile(size, 0.95):8.4f}{size.max():8.4f}{d.mean():+12.4f}")
        apart = np.abs(ours.overlap - theirs.overlap)
        print(f"    {'overlap of two frames':40s}{apart.mean():8.4f}{np.quantile(apart, 0.95):8.4f}{apart.max():8.4f}")


def differences(ours: Annotations, theirs: Annotations) -> dict[str, NDArray[np.float64]]:
    """Engine minus literal, shape (frames, instances)."""
    edges = ours.bbox_2d - theirs.bbox_2d
    largest = np.take_along_axis(edges, np.abs(edges).argmax(axis=-1)[..., None], axis=-1)[..., 0]
    return {
        "occlusion_ratio": ours.occlusion_ratio - theirs.occlusion_ratio,
        "occlusion_ratio_id": ours.occlusion_ratio_id - theirs.occlusion_ratio_id,
        "fov_ratio": ours.fov_ratio - theirs.fov_ratio,
        "visible_pixels, relative": ours.visible_pixels / np.maximum(theirs.visible_pixels, 1) - 1,
        "bbox_2d, farthest edge, native pixels": largest.astype(np.float64),
    }


def main() -> None:
    print(describe())
    if len(sys.argv) > 2:
        for scene_name in sys.argv[2:]:
            compare(read_scan(Path(sys.argv[1]), scene_name))
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "scannetpp")
        write_sample_scans(root, num_scans=1, pictures=False)
        compare(read_scan(root, next(scene.scene_name for scene in list_scenes(root) if scene.is_annotated)))


if __name__ == "__main__":
    main()
