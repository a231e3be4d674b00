"""The sample scans keep ScanNet++'s format, and the reader returns exactly what was written."""

import csv
import hashlib
import json
import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from plyfile import PlyData

from spatialmosaic_builder.geometry import Camera, camera_centre_world, transform_points
from spatialmosaic_builder.scans.files import list_scenes
from spatialmosaic_builder.scans.sample import (
    make_sample_room,
    quirks_of,
    scene_names,
    write_sample_scan,
    write_sample_scans,
)
from spatialmosaic_builder.scans.sample.layouts import KINDS, furnish
from spatialmosaic_builder.scans.sample.photo import Photographer, ray_scene, vertex_colours
from spatialmosaic_builder.scans.sample.scanner import phone_camera, walk_through
from spatialmosaic_builder.scans.scannetpp import read_scan

SEED = 0
NUM_FRAMES = 13
IMAGE_SIZE = (320, 240)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A root with one room of each kind, and the truth of each."""
    root = tmp_path_factory.mktemp("sample")
    names = scene_names(SEED, len(KINDS))
    rooms = {
        kind: write_sample_scan(root, name, SEED, kind, quirks_of(k), NUM_FRAMES, pictures=False)
        for k, (kind, name) in enumerate(zip(KINDS, names, strict=True))
    }
    return root, rooms


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """What `write_sample_scans` makes of one annotated room, in two processes, with small pictures."""
    root = tmp_path_factory.mktemp("pair")
    names = write_sample_scans(root, 1, SEED, NUM_FRAMES, pictures=True, num_proc=2, image_size=IMAGE_SIZE)
    return root, names


@pytest.fixture(params=list(KINDS))
def room(request, written):
    return written[1][request.param]


@pytest.fixture
def folder(room, written):
    return written[0] / "data" / room.scene_name


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def digests(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_reader_returns_the_truth(room, written):
    scan = read_scan(written[0], room.scene_name)
    assert scan.skips == ()
    np.testing.assert_array_equal(scan.vertices_world, room.surface.vertices)
    np.testing.assert_array_equal(scan.faces, room.faces)
    np.testing.assert_array_equal(scan.vertex_instance, room.vertex_instance)
    counts = np.bincount(room.vertex_instance[room.vertex_instance >= 0], minlength=len(room.instances))
    assert [(i.instance_id, i.label, i.box, i.num_vertices) for i in scan.instances] == [
        (i.object_id, i.label, i.box, n) for i, n in zip(room.instances, counts.tolist(), strict=True)
    ]
    assert len(scan.frames) == len(room.frames) == NUM_FRAMES
    for read, true in zip(scan.frames, room.frames, strict=True):
        assert (read.name, read.image_path, read.camera) == (true.name, true.image_path, true.camera)
        np.testing.assert_array_equal(read.cam_from_world, true.cam_from_world)
    dslr = read_scan(written[0], room.scene_name, "dslr")
    assert [skip.reason for skip in dslr.skips] == ["picture is blurred"]
    for read, true in zip(dslr.frames, room.dslr_frames, strict=True):
        assert (read.name, read.image_path, read.camera) == (true.name, true.image_path, true.camera)
        np.testing.assert_allclose(read.cam_from_world, true.cam_from_world, atol=1e-12)


def test_room_is_rich(room):
    categories = Counter(instance.label.strip().lower() for instance in room.instances)
    assert len(room.instances) >= 60
    assert len(categories) >= 40
    assert sum(count >= 2 for count in categories.values()) >= 8
    assert {"wall", "floor", "ceiling", "door", "window", "potted plant"} <= set(categories)
    small = [i for i in room.instances if np.prod(i.box.lengths) < 0.03 and len(i.vertices) >= 50]
    assert len(small) >= 20
    corners = room.surface.vertices.min(axis=0), room.surface.vertices.max(axis=0)
    assert np.abs(corners[0]).max() < 0.1
    assert (corners[1] > (4, 4, 2.5)).all()
    assert 60_000 < len(room.surface.vertices) < 150_000


def test_rooms_are_awkward_like_real_ones(room):
    labels = Counter(instance.label for instance in room.instances)
    assert labels["REMOVE"] == labels["SPLIT"] == labels["object"] == 1
    assert {"book", "books"} <= set(labels)
    assert min(len(instance.vertices) for instance in room.instances) < 50
    listed = Counter(np.concatenate([instance.vertices for instance in room.instances]).tolist())
    unlabelled = len(room.surface.vertices) - len(listed)
    assert 0.003 < unlabelled / len(room.surface.vertices) < 0.05
    assert len(room.faces) < len(room.surface.faces)
    tilted = [i for i in room.instances if 0.5 < i.box.axes[5] < 0.999]
    assert tilted
    numbers = np.array(room.walk.registered)
    assert (numbers % 10 == 0).all()
    assert set(np.diff(numbers)) == {10, 30}


def test_awkward_facts_are_spread_over_the_rooms(written):
    office, bedroom, kitchen, living_room = written[1].values()
    assert "Office chair " in {i.label for i in office.instances}
    assert {"trash can", "trashcan"} <= {i.label for i in office.instances}
    assert all(i.group_id == i.object_id for i in office.instances)
    ids = np.array([i.object_id for i in bedroom.instances])
    assert all(i.group_id != i.object_id for i in bedroom.instances)
    assert len(set(ids)) == len(ids)
    assert np.diff(ids).max() > 1
    assert (kitchen.segments != np.arange(len(kitchen.segments))).any()
    assert (office.segments == np.arange(len(office.segments))).all()
    assert len(living_room.masked)
    assert not len(office.masked)
    listed = Counter(np.concatenate([i.vertices for i in living_room.instances]).tolist())
    assert max(listed.values()) == 2


def test_meshes_have_the_properties_of_the_release(folder, room):
    plain = PlyData.read(folder / "scans/mesh_aligned_0.05.ply")
    semantic = PlyData.read(folder / "scans/mesh_aligned_0.05_semantic.ply")
    assert plain.byte_order == "<"
    names = ["x", "y", "z", "red", "green", "blue", "alpha"]
    assert [p.name for p in plain["vertex"].properties] == names
    assert [p.val_dtype for p in plain["vertex"].properties] == ["f4"] * 3 + ["u1"] * 4
    assert [p.name for p in semantic["vertex"].properties] == [*names, "label"]
    assert [p.name for p in plain["face"].properties] == ["vertex_indices"]
    np.testing.assert_array_equal(plain["vertex"]["x"], semantic["vertex"]["x"])
    edges = np.linalg.norm(np.diff(room.surface.vertices[room.faces[:, :2]], axis=1), axis=2)
    assert np.percentile(edges, 95) < 0.12
    assert edges.max() < 0.25


def test_annotation_keeps_the_conventions_of_the_release(folder, room):
    segments = load(folder / "scans/segments.json")
    assert set(segments) == {"params", "sceneId", "segIndices"}
    assert len(segments["segIndices"]) == len(room.surface.vertices)
    groups = load(folder / "scans/segments_anno.json")["segGroups"]
    for index, group in enumerate(groups):
        obb = group["obb"]
        assert set(obb) == {"centroid", "axesLengths", "normalizedAxes", "min", "max"}
        axes = np.reshape(obb["normalizedAxes"], (3, 3))
        np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(axes) == pytest.approx(1)
        assert min(obb["axesLengths"]) > 0
        half = 0.5 * np.abs(axes.T) @ obb["axesLengths"]
        np.testing.assert_allclose(obb["min"], np.array(obb["centroid"]) - half, atol=1e-9)
        np.testing.assert_allclose(obb["max"], np.array(obb["centroid"]) + half, atol=1e-9)
        own = room.surface.vertices[room.instances[index].vertices]
        along = (own - obb["centroid"]) @ axes.T
        np.testing.assert_allclose(np.ptp(along, axis=0), obb["axesLengths"], atol=1e-5)
        np.testing.assert_allclose(along.max(axis=0), -along.min(axis=0), atol=1e-5)
        assert group["index"] == index
        assert len(set(group["segments"])) == len(group["segments"])
    upright = [abs(group["obb"]["normalizedAxes"][5] - 1) < 1e-12 for group in groups]
    assert np.mean(upright) > 0.9
    object_ids = [group["objectId"] for group in groups]
    assert len(set(object_ids)) == len(object_ids)
    assert 0 < min(object_ids) <= max(object_ids) < 32_768
    assert groups[0]["label"] == "floor"


def test_segments_lead_back_to_the_vertices(folder, room):
    segment_of_vertex = np.array(load(folder / "scans/segments.json")["segIndices"])
    for instance, group in zip(room.instances, load(folder / "scans/segments_anno.json")["segGroups"], strict=True):
        np.testing.assert_array_equal(np.flatnonzero(np.isin(segment_of_vertex, group["segments"])), instance.vertices)


def test_phone_files_agree(folder, room):
    lines = (folder / "iphone/colmap/images.txt").read_text().split("\n")
    assert all(line.startswith("#") for line in lines[:4])
    body = lines[4:-1]
    assert len(body) == 2 * NUM_FRAMES
    assert "" in body[1::2]
    assert any(body[1::2])
    prefix = "video/" if room.quirks.has_name_prefix else ""
    assert [line.split()[9] for line in body[::2]] == [f"{prefix}{frame.name}.jpg" for frame in room.frames]
    cameras = (folder / "iphone/colmap/cameras.txt").read_text().splitlines()
    assert [line.startswith("#") for line in cameras] == [True] * 3 + [False]
    assert cameras[3].split()[:4] == ["1", "OPENCV", "960", "720"]
    assert all(float(value) for value in cameras[3].split()[8:])
    assert all(line.startswith("#") for line in (folder / "iphone/colmap/points3D.txt").read_text().splitlines())
    records = load(folder / "iphone/pose_intrinsic_imu.json")
    assert list(records) == [f"frame_{k:06d}" for k in range(len(records))]
    stamps = [record["timestamp"] for record in records.values()]
    assert all(a < b for a, b in pairwise(stamps))
    assert list(load(folder / "iphone/exif.json")) == [str(stamp) for stamp in stamps]
    for frame in room.frames:
        aligned = np.array(records[frame.name]["aligned_pose"])
        np.testing.assert_allclose(aligned @ frame.cam_from_world, np.eye(4), atol=1e-12)


def test_dslr_files_agree(folder, room):
    photos = room.shoot.photos
    names = [f"{photo.name}.JPG" for photo in photos]
    lists = load(folder / "dslr/train_test_lists.json")
    assert sorted(lists["train"] + lists["test"]) == names
    assert lists["test"]
    assert sum(photo.is_bad for photo in photos) == 1
    lines = (folder / "dslr/colmap/images.txt").read_text().split("\n")
    assert [line.split()[9] for line in lines[4:-1:2]] == names
    fisheye, pinhole = (load(folder / f"dslr/nerfstudio/transforms{part}.json") for part in ("", "_undistorted"))
    assert (fisheye["camera_model"], pinhole["camera_model"]) == ("OPENCV_FISHEYE", "PINHOLE")
    assert fisheye["frames"] == pinhole["frames"]
    assert [frame["file_path"] for frame in fisheye["test_frames"]] == lists["test"]
    assert [frame["file_path"] for frame in fisheye["frames"]] != sorted(lists["train"])
    camera = (folder / "dslr/colmap/cameras.txt").read_text().splitlines()[3].split()
    assert camera[1:4] == ["OPENCV_FISHEYE", str(fisheye["w"]), str(fisheye["h"])]
    keys = ("fl_x", "fl_y", "cx", "cy", "k1", "k2", "k3", "k4")
    assert [float(value) for value in camera[4:]] == [fisheye[key] for key in keys]
    # By the recipe of the release: COLMAP's pose, inverted, in nerfstudio's world and axes.
    swap = np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, -1, 0], [0, 0, 0, 1]])
    matrix = {f["file_path"]: f["transform_matrix"] for f in fisheye["frames"] + fisheye["test_frames"]}
    for photo in photos:
        expected = swap @ np.linalg.inv(photo.cam_from_world) @ np.diag([1, -1, -1, 1])
        np.testing.assert_allclose(matrix[f"{photo.name}.JPG"], expected, atol=1e-12)


def test_camera_moves_smoothly_through_free_space(room):
    centres = np.array([camera_centre_world(pose) for pose in room.walk.poses])
    assert np.linalg.norm(np.diff(centres, axis=0), axis=1).max() < 0.2
    assert ((centres[:, 2] > 1.2) & (centres[:, 2] < 1.8)).all()
    scene = ray_scene(room.surface)
    rng = np.random.default_rng(0)
    normals = room.surface.corner_normals.mean(axis=1)
    for frame in room.frames:
        centre = camera_centre_world(frame.cam_from_world).astype(np.float32)
        directions = rng.normal(size=(500, 3)).astype(np.float32)
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        hit = scene.run(np.tile(centre, (500, 1)), directions, query="INTERSECT", output=True)
        assert (hit["primID"] >= 0).all()
        assert hit["tfar"].min() > 0.25
        # From inside a closed object one would see the backs of its faces.
        is_front = np.einsum("ij,ij->i", normals[hit["primID"]], directions) < 0
        assert is_front.mean() > 0.98


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_every_seed_leaves_the_way_free(kind, seed):
    room = furnish(kind, seed)
    rng = np.random.default_rng(seed)
    walk = walk_through(room, phone_camera((960, 720), rng), 40, rng)
    points = np.concatenate(
        [transform_points(item.world_from_shape, part.vertices) for item in room.items for part in item.shape]
    )
    for pose in walk.poses[::5]:
        assert np.linalg.norm(points - camera_centre_world(pose), axis=1).min() > 0.25


def test_objects_hide_each_other(room):
    scene = ray_scene(room.surface)
    owner = room.vertex_instance
    face_owner = owner[room.surface.faces[:, 0]]
    partly_hidden = set()
    for frame in room.frames:
        inside = frame.camera.is_in_image(transform_points(frame.cam_from_world, room.surface.vertices))
        chosen = np.flatnonzero(inside & (owner >= 0))[::7]
        centre = camera_centre_world(frame.cam_from_world).astype(np.float32)
        rays = room.surface.vertices[chosen] - centre
        distance = np.linalg.norm(rays, axis=1)
        hit = scene.run(np.tile(centre, (len(rays), 1)), rays / distance[:, None], query="INTERSECT", output=True)
        is_hidden = (hit["tfar"] < distance - 0.03) & (face_owner[hit["primID"]] != owner[chosen])
        hidden = np.bincount(owner[chosen], is_hidden, minlength=len(room.instances))
        total = np.bincount(owner[chosen], minlength=len(room.instances))
        partly_hidden |= set(np.flatnonzero((total >= 5) & (hidden > 0.2 * total) & (hidden < 0.9 * total)))
    assert len(partly_hidden) >= 15


def test_pictures_show_the_mesh_through_the_lens(written):
    room = written[1]["kitchen"]
    colours = vertex_colours(room.surface, room.shares, room.lamps).astype(float)
    camera = room.walk.camera
    scale = 0.5
    small = Camera(
        *(int(scale * size) for size in (camera.width, camera.height)),
        *(scale * value for value in (camera.fx, camera.fy, camera.cx, camera.cy)),
        distortion=camera.distortion,
    )
    photographer = Photographer(room.surface, room.shares, room.lamps, small)
    scene = ray_scene(room.surface)
    for frame in room.frames[::4]:
        picture = photographer.take(frame.cam_from_world)
        points_cam = transform_points(frame.cam_from_world, room.surface.vertices)
        inside = np.flatnonzero(small.is_in_image(points_cam))
        centre = camera_centre_world(frame.cam_from_world).astype(np.float32)
        rays = room.surface.vertices[inside] - centre
        distance = np.linalg.norm(rays, axis=1)
        hit = scene.run(np.tile(centre, (len(rays), 1)), rays / distance[:, None], query="INTERSECT", output=True)
        seen = inside[hit["tfar"] > distance - 0.003]
        assert len(seen) > 2000
        column, row = np.floor(small.px_from_cam(points_cam[seen])).astype(int).T
        error = np.abs(picture[row, column] - colours[seen]).max(axis=1)
        # Sharp edges and fine texture differ from a vertex' colour; a wrong pose or lens would spoil most pixels.
        assert np.median(error) < 8
        shuffled = np.abs(picture[row, column] - colours[seen[::-1]]).max(axis=1)
        assert np.median(shuffled) > 4 * np.median(error)


def test_same_seed_gives_the_same_bytes_in_any_process(pair, tmp_path):
    root, (name,) = pair
    again = write_sample_scan(tmp_path, name, SEED, "office", quirks_of(0), NUM_FRAMES, image_size=IMAGE_SIZE)
    assert digests(tmp_path / "data" / name) == digests(root / "data" / name)
    other = make_sample_room(name, SEED + 1, "office", num_frames=2)
    assert not np.array_equal(again.surface.vertices[:100], other.surface.vertices[:100])


def test_root_is_complete(pair):
    root, (name,) = pair
    assert re.fullmatch(r"[0-9a-f]{10}", name)
    scenes = {scene.scene_name: scene for scene in list_scenes(root)}
    hidden = next(scene for scene in scenes if scene != name)
    assert [scenes[name].is_annotated, scenes[hidden].is_annotated] == [True, False]
    files = set(digests(root / "data" / name))
    assert {path for path in files if not path.lower().endswith(".jpg")} == {
        "scans/mesh_aligned_0.05.ply",
        "scans/mesh_aligned_0.05_semantic.ply",
        "scans/mesh_aligned_0.05_mask.txt",
        "scans/segments.json",
        "scans/segments_anno.json",
        "iphone/pose_intrinsic_imu.json",
        "iphone/exif.json",
        "iphone/colmap/cameras.txt",
        "iphone/colmap/images.txt",
        "iphone/colmap/points3D.txt",
        "dslr/train_test_lists.json",
        "dslr/nerfstudio/transforms.json",
        "dslr/nerfstudio/transforms_undistorted.json",
        "dslr/colmap/cameras.txt",
        "dslr/colmap/images.txt",
        "dslr/colmap/points3D.txt",
    }
    assert {path.name for path in (root / "data" / hidden / "scans").iterdir()} == {"mesh_aligned_0.05.ply"}
    assert {path.name for path in root.iterdir()} == {"data", "metadata", "splits"}
    splits = {path.name: path.read_text().split() for path in (root / "splits").iterdir()}
    assert splits["nvs_sem_train.txt"] == [name]
    assert splits["sem_test.txt"] == [hidden]
    assert load(root / "metadata/scene_types.json")[name] == "office"
    classes = (root / "metadata/semantic_classes.txt").read_text().splitlines()
    assert len(set(classes)) == len(classes) > 60
    labels = PlyData.read(root / f"data/{name}/scans/mesh_aligned_0.05_semantic.ply")["vertex"]["label"]
    assert labels.min() == -100
    assert classes[int(np.bincount(labels[labels >= 0]).argmax())] == "wall"
    with (root / "metadata/semantic_benchmark/map_benchmark.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert next(row for row in rows if row["class"] == "wall")["instance_map_to"] == "None"


@pytest.mark.parametrize(
    ("images", "size", "count", "reasons"),
    [("iphone", IMAGE_SIZE, NUM_FRAMES, []), ("dslr", (292, 195), 15, ["picture is blurred"])],
)
def test_pictures_have_the_size_of_their_camera(pair, images, size, count, reasons):
    root, (name,) = pair
    scan = read_scan(root, name, images)
    assert [skip.reason for skip in scan.skips] == reasons
    assert len(scan.frames) == count
    with Image.open(root / scan.frames[3].image_path) as image:
        pixels = np.asarray(image)
        assert image.size == size
    assert pixels.std() > 25
    assert (pixels.max(axis=2) < 8).mean() < 0.05


def test_folders_with_other_scenes_are_refused(tmp_path):
    (tmp_path / "data/0a5c013435").mkdir(parents=True)
    with pytest.raises(FileExistsError, match="0a5c013435"):
        write_sample_scans(tmp_path, 1, pictures=False)
    assert [path.name for path in tmp_path.rglob("*")] == ["data", "0a5c013435"]


@pytest.mark.parametrize(("change", "message"), [({"kind": "attic"}, "attic"), ({"num_frames": 1}, "at least 2")])
def test_impossible_rooms_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        make_sample_room("0123456789", **{"seed": 0, "kind": "office", **change})
