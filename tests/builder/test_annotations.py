"""Annotations and their Parquet form: what is written is what is read, and the ratios mean what the paper says."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from spatialmosaic_builder.annotations import (
    TABLES,
    Annotations,
    read_annotations,
    tables_from_annotations,
    write_annotations,
)
from spatialmosaic_builder.geometry import Camera
from spatialmosaic_builder.schema import Frame, Instance, OrientedBox, Skip


def assert_same(one: Any, other: Any) -> None:
    """Compare data classes field by field, exactly and with their array types."""
    if dataclasses.is_dataclass(one):
        assert type(one) is type(other)
        for field in dataclasses.fields(one):
            assert_same(getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other, strict=True)
    elif isinstance(one, tuple):
        assert isinstance(other, tuple)
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    else:
        assert one == other


def round_trip(annotations: Annotations, folder: Path) -> Annotations:
    write_annotations(annotations, folder)
    return read_annotations(annotations.scene_name, folder)


def hand_made(num_frames: int, num_instances: int, seed: int = 0) -> Annotations:
    """Annotations of random numbers that obey the order canvas >= visible and in view >= visible."""
    rng = np.random.default_rng(seed)
    shape = (num_frames, num_instances)
    visible = rng.integers(0, 4, shape).astype(np.int32) * (rng.random(shape) < 0.6)
    pixels = (rng.integers(0, 900, shape) * (rng.random(shape) < 0.5)).astype(np.float32) * np.float32(1.1)
    boxes = np.where(pixels[..., None] > 0, rng.integers(0, 1900, (*shape, 4)), -1).astype(np.int32)
    overlap = np.triu(rng.random((num_frames, num_frames)), 1).astype(np.float32)
    instances = tuple(
        Instance(
            instance_id=int(1000 - 7 * k),
            label=["cutti\u0307ng board", "", 'desk "A"\n', "\u6905\u5b50"][k % 4],
            category=["cutti\u0307ng board", "", "desk", "\u6905\u5b50"][k % 4],
            box=OrientedBox(tuple(rng.normal(size=3)), tuple(rng.normal(size=9)), tuple(rng.random(3))),
            num_vertices=int(rng.integers(0, 10**6)),
            extent_ratio=float(rng.random()),
        )
        for k in range(num_instances)
    )
    frames = tuple(
        Frame(
            name=f"frame_{10 * k:06d}",
            image_path=f"data/x/iphone/rgb/frame_{10 * k:06d}.jpg",
            camera=Camera(1920 + k, 1440, *rng.normal(1000, 1, 4).tolist(), tuple(rng.normal(size=4).tolist())),
            cam_from_world=np.vstack([rng.normal(size=(3, 4)), [0, 0, 0, 1]]),
        )
        for k in range(num_frames)
    )
    return Annotations(
        scene_name="0a1b2c3d4e",
        instances=instances,
        tight_boxes=tuple(dataclasses.replace(i.box, lengths=(0.5, 0.25, 0.125)) for i in instances),
        frames=frames,
        points_in_view=(visible + rng.integers(0, 2, shape)).astype(np.int32),
        visible_points=visible.astype(np.int32),
        visible_points_id=(visible // 2).astype(np.int32),
        visible_points_canvas=(visible + rng.integers(0, 2, shape)).astype(np.int32),
        visible_pixels=pixels,
        bbox_2d=boxes,
        overlap=overlap + overlap.T + np.eye(num_frames, dtype=np.float32),
        skips=(Skip("pose is not finite", "0a1b2c3d4e/frame_000300", "a sentence."), Skip("picture is empty", "x")),
    )


def test_a_scanned_room_comes_back_as_it_was(sample_annotations: Annotations, tmp_path: Path) -> None:
    assert (sample_annotations.visible_points > 0).any()
    assert_same(sample_annotations, round_trip(sample_annotations, tmp_path))


@pytest.mark.parametrize("seed", range(4))
def test_any_numbers_come_back_as_they_were(seed: int, tmp_path: Path) -> None:
    annotations = hand_made(num_frames=6, num_instances=9, seed=seed)
    assert_same(annotations, round_trip(annotations, tmp_path))


@pytest.mark.parametrize(("num_frames", "num_instances"), [(1, 1), (1, 5), (5, 1), (3, 0)])
def test_small_scenes_come_back_as_they_were(num_frames: int, num_instances: int, tmp_path: Path) -> None:
    annotations = hand_made(num_frames, num_instances)
    assert_same(annotations, round_trip(annotations, tmp_path))


def test_a_scene_in_which_nothing_is_seen_comes_back_as_it_was(tmp_path: Path) -> None:
    annotations = hand_made(3, 4)
    zero = {f.name: 0 * getattr(annotations, f.name) for f in dataclasses.fields(annotations) if "visible" in f.name}
    annotations = dataclasses.replace(
        annotations,
        **zero,
        points_in_view=0 * annotations.points_in_view,
        bbox_2d=0 * annotations.bbox_2d - 1,
        skips=(),
    )
    assert tables_from_annotations(annotations)["views"].num_rows == 0
    assert_same(annotations, round_trip(annotations, tmp_path))


def test_an_instance_seen_on_the_canvas_alone_keeps_its_row(tmp_path: Path) -> None:
    annotations = hand_made(2, 2)
    only_canvas = np.array([[0, 5], [0, 0]], np.int32)
    nothing = np.zeros((2, 2), np.int32)
    annotations = dataclasses.replace(
        annotations,
        points_in_view=nothing,
        visible_points=nothing,
        visible_points_id=nothing,
        visible_points_canvas=only_canvas,
        visible_pixels=nothing.astype(np.float32),
        bbox_2d=np.full((2, 2, 4), -1, np.int32),
    )
    (row,) = tables_from_annotations(annotations)["views"].to_pylist()
    assert (row["frame"], row["instance_id"]) == ("frame_000000", annotations.instances[1].instance_id)
    assert (row["occlusion_ratio"], row["fov_ratio"], row["bbox_2d"]) == (1.0, 1.0, None)
    assert_same(annotations, round_trip(annotations, tmp_path))


def test_one_file_for_each_table_and_the_same_bytes_each_time(sample_annotations: Annotations, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    again = round_trip(sample_annotations, tmp_path / "one")
    write_annotations(again, tmp_path / "two")
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == sorted(f"{name}.parquet" for name in TABLES)
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_tables_say_what_the_arrays_say(sample_annotations: Annotations, tmp_path: Path) -> None:
    a = sample_annotations
    write_annotations(a, tmp_path)
    f_index = {frame.name: k for k, frame in enumerate(a.frames)}
    n_index = {instance.instance_id: k for k, instance in enumerate(a.instances)}
    views = pq.read_table(tmp_path / "views.parquet").to_pylist()
    assert len({(row["frame"], row["instance_id"]) for row in views}) == len(views)
    for row in views:
        f, n = f_index[row["frame"]], n_index[row["instance_id"]]
        area = a.frames[f].camera.width * a.frames[f].camera.height
        assert row["visible_points"] == a.visible_points[f, n]
        assert row["occlusion_ratio"] == pytest.approx(a.occlusion_ratio[f, n], abs=1e-6)
        assert row["fov_ratio"] == pytest.approx(a.fov_ratio[f, n], abs=1e-6)
        assert row["visible_pixel_ratio"] == pytest.approx(a.visible_pixels[f, n] / area, rel=1e-5)
        assert (row["bbox_2d"] or [-1] * 4) == a.bbox_2d[f, n].tolist()
    listed = {(f_index[row["frame"]], n_index[row["instance_id"]]) for row in views}
    seen = (a.points_in_view > 0) | (a.visible_points_canvas > 0) | (a.visible_pixels > 0)
    assert listed == set(zip(*(index.tolist() for index in np.nonzero(seen)), strict=True))


def test_every_pair_of_frames_stands_once_in_overlaps(sample_annotations: Annotations, tmp_path: Path) -> None:
    write_annotations(sample_annotations, tmp_path)
    rows = pq.read_table(tmp_path / "overlaps.parquet").to_pylist()
    names = [frame.name for frame in sample_annotations.frames]
    assert len({frozenset((row["frame_a"], row["frame_b"])) for row in rows}) == len(rows)
    assert len(rows) == len(names) * (len(names) - 1) // 2
    for row in rows:
        i, j = names.index(row["frame_a"]), names.index(row["frame_b"])
        assert i < j
        assert row["overlap"] == sample_annotations.overlap[i, j]


def test_ratios_by_hand() -> None:
    annotations = dataclasses.replace(
        hand_made(1, 5),
        points_in_view=np.array([[10, 10, 0, 4, 1]], np.int32),
        visible_points=np.array([[10, 4, 0, 0, 1]], np.int32),
        visible_points_id=np.array([[9, 2, 0, 0, 1]], np.int32),
        visible_points_canvas=np.array([[40, 5, 8, 0, 1]], np.int32),
    )
    np.testing.assert_allclose(annotations.occlusion_ratio, [[0, 0.6, 1, 1, 0]])
    np.testing.assert_allclose(annotations.occlusion_ratio_id, [[0.1, 0.8, 1, 1, 0]])
    np.testing.assert_allclose(annotations.fov_ratio, [[0.75, 0.2, 1, 1, 0]])
