"""What a scan's frames show: the arrays between the visibility stage and the questions, and their Parquet form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from .geometry import Camera
from .schema import Frame, Instance, OrientedBox, Skip

TABLES = ("instances", "frames", "views", "overlaps", "skips")
"""File stems of a scan's annotation folder: one row an instance, a frame, an (instance, frame), a pair of frames."""


@dataclass(frozen=True)
class Annotations:
    """Visibility of every instance in every frame of a scan, and the overlap of every pair of frames.

    Arrays over views have shape (frames, instances), in the order of `frames` and `instances`.
    """

    scene_name: str
    instances: tuple[Instance, ...]
    tight_boxes: tuple[OrientedBox, ...]
    """Each instance's box, shrunk along its axes to the bulk of its sampled points (spec section 5)."""
    frames: tuple[Frame, ...]
    points_in_view: NDArray[np.int32]
    """Sampled points of the instance that project into the image (the denominator of Eq. 2)."""
    visible_points: NDArray[np.int32]
    """Those of them that are visible by the tolerant rule (Eq. 1)."""
    visible_points_id: NDArray[np.int32]
    """Those of them whose pixel shows the instance itself, or nothing."""
    visible_points_canvas: NDArray[np.int32]
    """Points visible by the tolerant rule on the extended canvas (Eq. 3), inside the image or not."""
    visible_pixels: NDArray[np.float32]
    """Native image pixels whose first surface is the instance."""
    bbox_2d: NDArray[np.int32]
    """Shape (frames, instances, 4): tight box (x0, y0, x1, y1) of those pixels in the picture that is shown, native
    pixels, x1 and y1 exclusive; -1 where no pixel shows the instance."""
    overlap: NDArray[np.float32]
    """Shape (frames, frames): intersection over union of the visible point sets (Eq. 6); 1 on the diagonal."""
    skips: tuple[Skip, ...] = ()
    """Everything the reader and the visibility stage dropped."""

    @cached_property
    def occlusion_ratio(self) -> NDArray[np.float64]:
        """Eq. 2, shape (frames, instances): share of the points in view that something hides; 1 where none is."""
        return _missing_share(self.visible_points, self.points_in_view)

    @cached_property
    def occlusion_ratio_id(self) -> NDArray[np.float64]:
        """Eq. 2 counted by identity alone, shape (frames, instances): noisier at silhouettes."""
        return _missing_share(self.visible_points_id, self.points_in_view)

    @cached_property
    def fov_ratio(self) -> NDArray[np.float64]:
        """Eq. 5, shape (frames, instances): share of the visible canvas points outside the image; 1 if none is in."""
        return _missing_share(self.visible_points, self.visible_points_canvas)


def _missing_share(kept: NDArray[np.int32], total: NDArray[np.int32]) -> NDArray[np.float64]:
    return 1.0 - kept / np.maximum(total, 1)


VIEWS_SCHEMA = pa.schema(
    [
        ("frame", pa.string()),
        ("instance_id", pa.int32()),
        ("points_in_view", pa.int32()),
        ("visible_points", pa.int32()),
        ("visible_points_id", pa.int32()),
        ("visible_points_canvas", pa.int32()),
        ("occlusion_ratio", pa.float32()),
        ("occlusion_ratio_id", pa.float32()),
        ("fov_ratio", pa.float32()),
        ("visible_pixels", pa.float32()),
        ("visible_pixel_ratio", pa.float32()),
        ("bbox_2d", pa.list_(pa.int32())),
    ]
)
INSTANCES_SCHEMA = pa.schema(
    [
        ("instance_id", pa.int32()),
        ("label", pa.string()),
        ("category", pa.string()),
        ("num_vertices", pa.int32()),
        ("extent_ratio", pa.float64()),
        ("box_centroid", pa.list_(pa.float64())),
        ("box_axes", pa.list_(pa.float64())),
        ("box_lengths", pa.list_(pa.float64())),
        ("tight_box_centroid", pa.list_(pa.float64())),
        ("tight_box_lengths", pa.list_(pa.float64())),
    ]
)
FRAMES_SCHEMA = pa.schema(
    [
        ("frame", pa.string()),
        ("image_path", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("intrinsics", pa.list_(pa.float64())),
        ("distortion", pa.list_(pa.float64())),
        ("cam_from_world", pa.list_(pa.float64())),
    ]
)
OVERLAPS_SCHEMA = pa.schema([("frame_a", pa.string()), ("frame_b", pa.string()), ("overlap", pa.float32())])
SKIPS_SCHEMA = pa.schema([("reason", pa.string()), ("where", pa.string()), ("detail", pa.string())])


def tables_from_annotations(annotations: Annotations) -> dict[str, pa.Table]:
    """Turn annotations into one Arrow table for each name of `TABLES`.

    `views` holds the pairs in which the canvas sees a point of the instance or the image a pixel; every other pair has
    no point in view.
    """
    skips = [{"reason": s.reason, "where": s.where, "detail": s.detail} for s in annotations.skips]
    return {
        "instances": pa.Table.from_pylist(
            list(map(_instance_row, annotations.instances, annotations.tight_boxes)), schema=INSTANCES_SCHEMA
        ),
        "frames": pa.Table.from_pylist(list(map(_frame_row, annotations.frames)), schema=FRAMES_SCHEMA),
        "views": _views_table(annotations),
        "overlaps": _overlaps_table(annotations),
        "skips": pa.Table.from_pylist(skips, schema=SKIPS_SCHEMA),
    }


def _views_table(a: Annotations) -> pa.Table:
    f, n = np.nonzero((a.visible_points_canvas > 0) | (a.points_in_view > 0) | (a.visible_pixels > 0))
    areas = np.array([frame.camera.width * frame.camera.height for frame in a.frames], np.float32)
    boxes = a.bbox_2d[f, n]
    views = {
        "frame": _frame_names(a)[f],
        "instance_id": np.array([instance.instance_id for instance in a.instances], np.int32)[n],
        "points_in_view": a.points_in_view[f, n],
        "visible_points": a.visible_points[f, n],
        "visible_points_id": a.visible_points_id[f, n],
        "visible_points_canvas": a.visible_points_canvas[f, n],
        "occlusion_ratio": a.occlusion_ratio[f, n].astype(np.float32),
        "occlusion_ratio_id": a.occlusion_ratio_id[f, n].astype(np.float32),
        "fov_ratio": a.fov_ratio[f, n].astype(np.float32),
        "visible_pixels": a.visible_pixels[f, n],
        "visible_pixel_ratio": a.visible_pixels[f, n] / areas[f],
        "bbox_2d": [box if box[0] >= 0 else None for box in boxes.tolist()],
    }
    return pa.table(views, schema=VIEWS_SCHEMA)


def _overlaps_table(a: Annotations) -> pa.Table:
    names = _frame_names(a)
    i, j = np.triu_indices(len(a.frames), 1)
    return pa.table({"frame_a": names[i], "frame_b": names[j], "overlap": a.overlap[i, j]}, schema=OVERLAPS_SCHEMA)


def _frame_names(a: Annotations) -> NDArray[np.object_]:
    return np.array([frame.name for frame in a.frames], dtype=object)


def _instance_row(instance: Instance, tight_box: OrientedBox) -> dict[str, Any]:
    return {
        "instance_id": instance.instance_id,
        "label": instance.label,
        "category": instance.category,
        "num_vertices": instance.num_vertices,
        "extent_ratio": instance.extent_ratio,
        "box_centroid": instance.box.centroid,
        "box_axes": instance.box.axes,
        "box_lengths": instance.box.lengths,
        "tight_box_centroid": tight_box.centroid,
        "tight_box_lengths": tight_box.lengths,
    }


def _frame_row(frame: Frame) -> dict[str, Any]:
    camera = frame.camera
    return {
        "frame": frame.name,
        "image_path": frame.image_path,
        "width": camera.width,
        "height": camera.height,
        "intrinsics": [camera.fx, camera.fy, camera.cx, camera.cy],
        "distortion": camera.distortion,
        "cam_from_world": frame.cam_from_world[:3].ravel(),
    }


def write_annotations(annotations: Annotations, folder: Path) -> None:
    """Write one Parquet file for each table into an existing folder."""
    for name, table in tables_from_annotations(annotations).items():
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")


def read_annotations(scene_name: str, folder: Path) -> Annotations:
    """Read what `write_annotations` wrote."""
    tables = {name: pq.read_table(folder / f"{name}.parquet") for name in TABLES}
    instances = tuple(_instance(row) for row in tables["instances"].to_pylist())
    frames = tuple(_frame(row) for row in tables["frames"].to_pylist())
    views = tables["views"]
    f_index = {frame.name: k for k, frame in enumerate(frames)}
    n_index = {instance.instance_id: k for k, instance in enumerate(instances)}
    f = np.array([f_index[name] for name in views["frame"].to_pylist()], np.int64)
    n = np.array([n_index[i] for i in views["instance_id"].to_pylist()], np.int64)
    shape = (len(frames), len(instances))

    def dense(name: str, dtype: type[Any]) -> NDArray[Any]:
        values: NDArray[Any] = np.zeros(shape, dtype)
        values[f, n] = views[name].to_numpy()
        return values

    boxes = np.full((*shape, 4), -1, np.int32)
    column = views["bbox_2d"].combine_chunks()
    has_box = np.asarray(column.is_valid())
    boxes[f[has_box], n[has_box]] = column.flatten().to_numpy().reshape(-1, 4)
    overlap = np.eye(len(frames), dtype=np.float32)
    i, j = np.triu_indices(len(frames), 1)
    overlap[i, j] = overlap[j, i] = tables["overlaps"]["overlap"].to_numpy()
    return Annotations(
        scene_name=scene_name,
        instances=instances,
        tight_boxes=tuple(_tight_box(row) for row in tables["instances"].to_pylist()),
        frames=frames,
        points_in_view=dense("points_in_view", np.int32),
        visible_points=dense("visible_points", np.int32),
        visible_points_id=dense("visible_points_id", np.int32),
        visible_points_canvas=dense("visible_points_canvas", np.int32),
        visible_pixels=dense("visible_pixels", np.float32),
        bbox_2d=boxes,
        overlap=overlap,
        skips=tuple(Skip(**row) for row in tables["skips"].to_pylist()),
    )


def _instance(row: dict[str, Any]) -> Instance:
    box = OrientedBox(tuple(row["box_centroid"]), tuple(row["box_axes"]), tuple(row["box_lengths"]))
    return Instance(row["instance_id"], row["label"], row["category"], box, row["num_vertices"], row["extent_ratio"])


def _tight_box(row: dict[str, Any]) -> OrientedBox:
    return OrientedBox(tuple(row["tight_box_centroid"]), tuple(row["box_axes"]), tuple(row["tight_box_lengths"]))


def _frame(row: dict[str, Any]) -> Frame:
    fx, fy, cx, cy = row["intrinsics"]
    k1, k2, p1, p2 = row["distortion"]
    camera = Camera(row["width"], row["height"], fx, fy, cx, cy, distortion=(k1, k2, p1, p2))
    cam_from_world = np.vstack([np.array(row["cam_from_world"]).reshape(3, 4), [0, 0, 0, 1]])
    return Frame(row["frame"], row["image_path"], camera, cam_from_world)
