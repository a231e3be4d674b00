"""The ScanNet++ reader against a scene written by hand: exact truth for what is sound, one sentence for what is not."""

from __future__ import annotations

import io
import json
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from plyfile import PlyData, PlyElement

from spatialmosaic_builder.scans.errors import ScanError
from spatialmosaic_builder.scans.files import list_scenes, read_scene_list
from spatialmosaic_builder.scans.scannetpp import read_scan
from spatialmosaic_builder.schema import Scan

SCENE = "0a1b2c3d4e"
MESH = "scans/mesh_aligned_0.05.ply"
MASK = "scans/mesh_aligned_0.05_mask.txt"
SEGMENTS = "scans/segments.json"
ANNOTATION = "scans/segments_anno.json"
CAMERAS = "iphone/colmap/cameras.txt"
IMAGES = "iphone/colmap/images.txt"
PICTURES = "iphone/rgb"
FILES = (MESH, MASK, SEGMENTS, ANNOTATION, CAMERAS, IMAGES)

NUM_VERTICES = 40
WIDTH, HEIGHT = 64, 48
CAMERAS_TXT = f"""\
# Camera list with one line of data per camera:
#   CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]
# Number of cameras: 1
1 OPENCV {WIDTH} {HEIGHT} 50.5 51.25 32.75 23.5 0.0625 -0.125 0.0009765625 -0.001953125
"""
IMAGES_HEADER = """\
# Image list with two lines of data per image:
#   IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME
#   POINTS2D[] as (X, Y, POINT3D_ID)
# Number of images: 3, mean observations per image: 0
"""
ROOT_HALF = "0.70710678118654752"
POSES = {
    "frame_000000": ("1 0 0 0 0.5 -0.25 2", np.eye(3), (0.5, -0.25, 2.0)),
    "frame_000010": ("0.5 0.5 0.5 0.5 1 2 3", np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]]), (1.0, 2.0, 3.0)),
    "frame_000020": (f"{ROOT_HALF} 0 0 {ROOT_HALF} 0 0 -1", np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]]), (0, 0, -1)),
}
"""Pose text, and the world-to-camera rotation and translation that it stands for."""
OWNERS = np.repeat([0, 1, 2, 3, -1], [20, 10, 4, 3, 3])
"""The vase owns two vertices that the table claims too: it is smaller. The last three belong to nobody."""

Edit = Callable[[bytes], bytes]


def mesh_vertices() -> np.ndarray:
    """Multiples of 1/64 metre: the same number in single and in double precision."""
    return np.random.default_rng(7).integers(0, 256, (NUM_VERTICES, 3)) / 64


def mesh_faces() -> np.ndarray:
    a = np.arange(NUM_VERTICES - 2)
    return np.stack([a, a + 1, a + 2], axis=1)


def mesh_bytes(
    vertices: np.ndarray | None = None,
    faces: np.ndarray | None = None,
    xyz: str = "f4",
    alpha: bool = True,
    faces_name: str = "vertex_indices",
    text: bool = False,
    byte_order: str = "<",
    comments: list[str] | None = None,
) -> bytes:
    vertices = mesh_vertices() if vertices is None else vertices
    faces = mesh_faces() if faces is None else faces
    colours = ["red", "green", "blue", "alpha"][: 4 if alpha else 3]
    vertex = np.zeros(len(vertices), [*((axis, xyz) for axis in "xyz"), *((colour, "u1") for colour in colours)])
    for k, axis in enumerate("xyz"):
        vertex[axis] = vertices[:, k]
    face = np.zeros(len(faces), [(faces_name, "i4", (faces.shape[1],))])
    face[faces_name] = faces
    elements = [PlyElement.describe(vertex, "vertex"), PlyElement.describe(face, "face")]
    file = io.BytesIO()
    PlyData(elements, text=text, byte_order=byte_order, comments=comments or []).write(file)
    return file.getvalue()


def group(object_id: int, label: str, segments: list[int], **changes: Any) -> dict[str, Any]:
    obb = {
        "centroid": [1.0, 2.0, object_id / 2],
        "axesLengths": [0.5, 0.25, 1.5],
        "normalizedAxes": [0.6, 0.8, 0.0, 0.0, 0.0, 1.0, 0.8, -0.6, 0.0],
        "min": [0.0, 0.0, 0.0],
        "max": [2.0, 4.0, 1.0],
    }
    return (
        {"id": object_id, "objectId": object_id, "index": 0, "label": label, "segments": segments, "obb": obb}
        | {"dominantNormal": [0.0, 0.0, 1.0]}
        | changes
    )


def groups() -> list[dict[str, Any]]:
    return [
        group(1, "floor", list(range(20))),
        group(5, "Dining  Table", list(range(20, 32)), id=3),
        group(7, "vase", list(range(30, 34))),
        group(9, "REMOVE", list(range(34, 37))),
    ]


def annotation_bytes(seg_groups: list[Any] | None = None, **changes: Any) -> bytes:
    data = {
        "sceneId": SCENE,
        "appId": "stk.v1",
        "annId": "a",
        "segGroups": groups() if seg_groups is None else seg_groups,
    }
    return json.dumps(data | changes).encode()


def segments_bytes(segment_of_vertex: list[Any]) -> bytes:
    params = {"kThresh": "0.01", "segMinVerts": "20"}
    return json.dumps({"params": params, "sceneId": SCENE, "segIndices": segment_of_vertex}).encode()


def images_bytes(poses: dict[str, str] | None = None, prefix: str = "", header: str = IMAGES_HEADER) -> bytes:
    poses = {name: pose for name, (pose, _, _) in POSES.items()} if poses is None else poses
    lines = [f"{k} {pose} 1 {prefix}{name}.jpg\n\n" for k, (name, pose) in enumerate(poses.items(), 1)]
    return (header + "".join(lines)).encode()


def picture_bytes(width: int = WIDTH, height: int = HEIGHT) -> bytes:
    pixels = np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def write(root: Path, name: str, data: bytes) -> Path:
    path = root / "data" / SCENE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A sound scene without pictures."""
    write(tmp_path, MESH, mesh_bytes())
    write(tmp_path, MASK, b"")
    write(tmp_path, SEGMENTS, segments_bytes(list(range(NUM_VERTICES))))
    write(tmp_path, ANNOTATION, annotation_bytes())
    write(tmp_path, CAMERAS, CAMERAS_TXT.encode())
    write(tmp_path, IMAGES, images_bytes())
    return tmp_path


@pytest.fixture
def pictured_root(root: Path) -> Path:
    for name in POSES:
        write(root, f"{PICTURES}/{name}.jpg", picture_bytes())
    return root


def assert_is_true_scan(scan: Scan) -> None:
    np.testing.assert_array_equal(scan.vertices_world, mesh_vertices())
    np.testing.assert_array_equal(scan.faces, mesh_faces())
    np.testing.assert_array_equal(scan.vertex_instance, OWNERS)
    assert [frame.name for frame in scan.frames] == list(POSES)
    assert scan.skips == ()


def scan_error(root: Path, name: str) -> ScanError:
    """Read a scene whose file `name` is bad; return the error after a look at its words."""
    with pytest.raises(ScanError) as caught:
        read_scan(root, SCENE)
    assert_is_clear(caught.value, root / "data" / SCENE / name)
    return caught.value


def assert_is_clear(error: ScanError, path: Path) -> None:
    message = str(error)
    assert str(path) in message
    assert re.fullmatch(r"[^\n\r]+\.", message), "a message is one sentence"
    assert len(message.replace(str(path), "")) < 300
    assert 0 < len(error.reason) <= 40
    assert str(path.parent) not in error.reason, "a reason is counted, so it names no scene"
    jargon = ("index out of range", "is not iterable", "not subscriptable", "too large to convert", "Errno")
    assert not [word for word in jargon if word in message]


def skips_of(scan: Scan) -> dict[str, str]:
    return {skip.where: skip.reason for skip in scan.skips}


# What a sound scene holds


def test_a_scene_is_read_exactly(root: Path) -> None:
    scan = read_scan(root, SCENE)
    assert_is_true_scan(scan)
    assert scan.scene_name == SCENE
    assert (scan.vertices_world.dtype, scan.faces.dtype, scan.vertex_instance.dtype) == (
        np.float32,
        np.int32,
        np.int32,
    )
    assert [x.instance_id for x in scan.instances] == [1, 5, 7, 9], "objectId, not id"
    assert [x.label for x in scan.instances] == ["floor", "Dining  Table", "vase", "REMOVE"]
    assert [x.category for x in scan.instances] == ["floor", "dining table", "vase", ""]
    assert [x.num_vertices for x in scan.instances] == [20, 10, 4, 3]


def test_a_box_is_read_as_it_stands(root: Path) -> None:
    box = read_scan(root, SCENE).instances[1].box
    assert box.centroid == (1.0, 2.0, 2.5)
    assert box.axes == (0.6, 0.8, 0.0, 0.0, 0.0, 1.0, 0.8, -0.6, 0.0)
    assert box.lengths == (0.5, 0.25, 1.5)


def test_the_extent_of_an_instance_is_relative_to_the_labelled_vertices(root: Path) -> None:
    vertices = mesh_vertices()
    vertices[37:] += 100.0  # nobody's vertices do not make the room larger
    write(root, MESH, mesh_bytes(vertices))
    room = np.linalg.norm(vertices[:37].max(axis=0) - vertices[:37].min(axis=0))
    expected = np.sqrt(0.5**2 + 0.25**2 + 1.5**2) / room
    assert [x.extent_ratio for x in read_scan(root, SCENE).instances] == pytest.approx([expected] * 4, rel=1e-6)


def test_frames_have_camera_pose_and_path(root: Path) -> None:
    for frame in read_scan(root, SCENE).frames:
        _, rotation, translation = POSES[frame.name]
        np.testing.assert_allclose(frame.cam_from_world[:3, :3], rotation, atol=1e-15)
        np.testing.assert_array_equal(frame.cam_from_world[:3, 3], translation)
        np.testing.assert_array_equal(frame.cam_from_world[3], [0, 0, 0, 1])
        assert frame.image_path == f"data/{SCENE}/iphone/rgb/{frame.name}.jpg"
        camera = frame.camera
        assert (camera.width, camera.height) == (WIDTH, HEIGHT)
        assert (camera.fx, camera.fy, camera.cx, camera.cy) == (50.5, 51.25, 32.75, 23.5)
        assert camera.distortion == (0.0625, -0.125, 0.0009765625, -0.001953125)


@pytest.mark.parametrize("xyz", ["f4", "f8"])
@pytest.mark.parametrize("alpha", [True, False])
@pytest.mark.parametrize("faces_name", ["vertex_indices", "vertex_index"])
@pytest.mark.parametrize(("text", "byte_order"), [(True, "="), (False, "<"), (False, ">")])
def test_every_ply_variant_reads_alike(
    root: Path, xyz: str, alpha: bool, faces_name: str, text: bool, byte_order: str
) -> None:
    data = mesh_bytes(xyz=xyz, alpha=alpha, faces_name=faces_name, text=text, byte_order=byte_order)
    write(root, MESH, data)
    assert_is_true_scan(read_scan(root, SCENE))


@pytest.mark.parametrize("faces_name", ["vertex_indices", "vertex_index"])
@pytest.mark.parametrize(
    "comments",
    [["VCGLIB generated"], ["faces: vertex_index"], ["faces: vertex_indices"], ["by a scanner of many words"] * 300],
    ids=["usual", "names vertex_index", "names vertex_indices", "long"],
)
def test_comments_of_a_ply_do_not_matter(root: Path, faces_name: str, comments: list[str]) -> None:
    write(root, MESH, mesh_bytes(faces_name=faces_name, comments=comments))
    assert_is_true_scan(read_scan(root, SCENE))


@pytest.mark.parametrize("mask", [b"", b"\n", b" \n\n", None], ids=repr)
def test_an_empty_or_missing_mask_masks_nothing(root: Path, mask: bytes | None) -> None:
    if mask is None:
        (root / "data" / SCENE / MASK).unlink()
    else:
        write(root, MASK, mask)
    assert_is_true_scan(read_scan(root, SCENE))


@pytest.mark.parametrize("mask", [b"0\n3\n31\n39\n", b"0 3 31 39", b"39\r\n31\r\n3\r\n0\r\n", b"0\n3\n3\n31\n39"])
def test_masked_vertices_belong_to_nobody(root: Path, mask: bytes) -> None:
    write(root, MASK, mask)
    expected = OWNERS.copy()
    expected[[0, 3, 31, 39]] = -1
    scan = read_scan(root, SCENE)
    np.testing.assert_array_equal(scan.vertex_instance, expected)
    assert [x.num_vertices for x in scan.instances] == [18, 10, 3, 3]


def test_labels_go_through_true_over_segments(root: Path) -> None:
    segment_of_vertex = (np.arange(NUM_VERTICES) // 2 * 37 + 100)[::-1].tolist()
    named = [sorted({segment_of_vertex[v] for v in g["segments"]}) for g in groups()]
    write(root, SEGMENTS, segments_bytes(segment_of_vertex))
    write(root, ANNOTATION, annotation_bytes([g | {"segments": s} for g, s in zip(groups(), named, strict=True)]))
    expected = OWNERS.copy()
    expected[[36, 37]] = 3  # one segment holds both, so the last group owns both
    scan = read_scan(root, SCENE)
    np.testing.assert_array_equal(scan.vertex_instance, expected)
    assert scan.skips == ()


def test_a_permuted_segment_list_is_followed(root: Path) -> None:
    order = np.random.default_rng(1).permutation(NUM_VERTICES)
    write(root, SEGMENTS, segments_bytes(order.tolist()))
    np.testing.assert_array_equal(read_scan(root, SCENE).vertex_instance, OWNERS[order])


@pytest.mark.parametrize("turn", [0, 1, 2])
def test_a_shared_vertex_goes_to_the_smallest_owner_wherever_it_stands(root: Path, turn: int) -> None:
    nested = [
        group(11, "bed", list(range(30))),
        group(12, "pillow", list(range(10, 22))),
        group(13, "book", list(range(15, 19))),
    ]
    ordered = nested[turn:] + nested[:turn]
    write(root, ANNOTATION, annotation_bytes(ordered))
    scan = read_scan(root, SCENE)
    ids = np.append([x.instance_id for x in scan.instances], -1)[scan.vertex_instance]
    np.testing.assert_array_equal(ids, np.repeat([11, 12, 13, 12, 11, -1], [10, 5, 4, 3, 8, 10]))


def test_the_smaller_group_is_the_one_with_fewer_vertices_not_segments(root: Path) -> None:
    write(root, SEGMENTS, segments_bytes([*range(30), *[30] * 10]))  # segment 30 holds ten vertices
    write(root, ANNOTATION, annotation_bytes([group(1, "desk", [29, 30]), group(2, "lamp", [26, 27, 28, 29])]))
    scan = read_scan(root, SCENE)
    np.testing.assert_array_equal(scan.vertex_instance, np.repeat([-1, 1, 0], [26, 4, 10]))


def test_of_equally_small_owners_the_first_in_the_file_wins(root: Path) -> None:
    write(root, ANNOTATION, annotation_bytes([group(8, "cup", [4, 5, 6]), group(2, "mug", [6, 7, 8])]))
    np.testing.assert_array_equal(read_scan(root, SCENE).vertex_instance[4:9], [0, 0, 0, 1, 1])


def test_a_segment_named_twice_in_a_group_counts_once(root: Path) -> None:
    write(root, ANNOTATION, annotation_bytes([group(1, "cup", [4, 4, 4, 4, 5]), group(2, "mug", [5, 6, 7])]))
    np.testing.assert_array_equal(read_scan(root, SCENE).vertex_instance[4:8], [0, 0, 1, 1])


def test_an_object_that_is_wholly_covered_keeps_its_place_with_no_vertex(root: Path) -> None:
    write(root, ANNOTATION, annotation_bytes([group(1, "rug", [1, 2, 3]), group(2, "a", [1]), group(3, "b", [2, 3])]))
    assert [x.num_vertices for x in read_scan(root, SCENE).instances] == [0, 1, 2]


def test_segments_that_the_mesh_lacks_are_reported_and_the_rest_is_kept(root: Path) -> None:
    seg_groups = groups()
    seg_groups[2]["segments"] += [NUM_VERTICES, 10**9, -1]
    write(root, ANNOTATION, annotation_bytes(seg_groups))
    scan = read_scan(root, SCENE)
    np.testing.assert_array_equal(scan.vertex_instance, OWNERS)
    (skip,) = scan.skips
    assert (skip.reason, skip.where) == ("segment is not in the mesh", f"{SCENE}/object 7")
    assert str(root / "data" / SCENE / ANNOTATION) in skip.detail
    assert "3 segments" in skip.detail


@pytest.mark.parametrize("key", ["index", "dominantNormal", "id"])
def test_optional_keys_of_an_object_may_be_missing(root: Path, key: str) -> None:
    seg_groups = groups()
    for one in seg_groups:
        del one[key]
    write(root, ANNOTATION, annotation_bytes(seg_groups))
    assert_is_true_scan(read_scan(root, SCENE))


def test_an_object_without_object_id_is_named_by_its_id(root: Path) -> None:
    seg_groups = groups()
    for one in seg_groups:
        del one["objectId"]
    write(root, ANNOTATION, annotation_bytes(seg_groups))
    assert [x.instance_id for x in read_scan(root, SCENE).instances] == [1, 3, 7, 9]


def test_the_first_version_of_the_release_is_read(root: Path) -> None:
    """A capture name for the scene, true over-segments, the annotation tool's extra keys, bare picture names, mp4."""
    capture = "scannetpp.2022-12-15_11-18"
    segment_of_vertex = (np.arange(NUM_VERTICES) // 2 * 5).tolist()
    v1_groups = [
        group(1, "wall", [0, 5, 10, 15, 20], initialPoint=[0, 0, 0], partId=1),
        group(4, "office chair", [25, 30, 35], initialPoint=None, partId=2),
    ]
    for one in v1_groups:
        del one["index"]
    write(root, SEGMENTS, json.dumps({"sceneId": capture, "segIndices": segment_of_vertex}).encode())
    write(root, ANNOTATION, annotation_bytes(v1_groups, sceneId=capture))
    write(root, "iphone/rgb.mp4", b"not looked at")
    scan = read_scan(root, SCENE)
    assert scan.scene_name == SCENE
    np.testing.assert_array_equal(scan.vertex_instance, np.repeat([0, 1, -1], [10, 6, 24]))
    assert [x.category for x in scan.instances] == ["wall", "office chair"]
    assert len(scan.frames) == 3


# Frames


@pytest.mark.parametrize("prefix", ["video/", "iphone/", "rgb/video/", "video\\"])
def test_a_prefixed_picture_name_is_its_base_name(pictured_root: Path, prefix: str) -> None:
    write(pictured_root, IMAGES, images_bytes(prefix=prefix))
    scan = read_scan(pictured_root, SCENE)
    assert_is_true_scan(scan)
    assert scan.frames[0].image_path == f"data/{SCENE}/iphone/rgb/frame_000000.jpg"


def test_frames_stand_in_the_order_of_their_names(root: Path) -> None:
    poses = {name: pose for name, (pose, _, _) in reversed(POSES.items())}
    write(root, IMAGES, images_bytes(poses))
    assert_is_true_scan(read_scan(root, SCENE))


@pytest.mark.parametrize("points", ["", "  ", "10.5 20.5 -1 11.5 21.5 42", "0 0 -1 1 0 -1 0 0 -1"])
def test_lines_of_points_are_no_frames_whatever_they_hold(root: Path, points: str) -> None:
    lines = [f"{k} {POSES[name][0]} 1 {name}.jpg\n{points}\n" for k, name in enumerate(POSES)]
    write(root, IMAGES, (IMAGES_HEADER + "".join(lines)).encode())
    assert_is_true_scan(read_scan(root, SCENE))


@pytest.mark.parametrize(
    "header",
    ["", "# one comment\n", "# a\n# b\n# c\n# d\n# e\n# f\n", "#\n\n# a blank line before\n\n", "  # indented\n"],
    ids=repr,
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=repr)
def test_headers_of_colmap_files_vary(root: Path, header: str, newline: str) -> None:
    cameras = header + "".join(line + "\n" for line in CAMERAS_TXT.splitlines() if line[0] != "#")
    write(root, CAMERAS, cameras.replace("\n", newline).encode())
    write(root, IMAGES, images_bytes(header=header).decode().replace("\n", newline).encode())
    assert_is_true_scan(read_scan(root, SCENE))


def test_a_byte_order_mark_does_not_matter(root: Path) -> None:
    for name in (CAMERAS, IMAGES, SEGMENTS, ANNOTATION):
        write(root, name, b"\xef\xbb\xbf" + (root / "data" / SCENE / name).read_bytes())
    assert_is_true_scan(read_scan(root, SCENE))


@pytest.mark.parametrize(
    "pose",
    [
        "nan 0 0 0 0 0 0",
        "1 0 0 0 nan 0 0",
        "1 0 0 0 0 0 inf",
        "1 0 0 0 0 -inf 0",
        "inf 0 0 0 0 0 0",
        "1e999 0 0 0 0 0 0",
        "1e300 1e300 0 0 0 0 0",
        "0 0 0 0 1 2 3",
        "x 0 0 0 1 2 3",
        "1 0 0 0 0 0 1e39",
        "1 0 0 0 -2e4 0 0",
    ],
)
def test_a_frame_without_a_pose_is_left_out_and_reported(root: Path, pose: str) -> None:
    write(root, IMAGES, images_bytes({name: text for name, (text, _, _) in POSES.items()} | {"frame_000010": pose}))
    scan = read_scan(root, SCENE)
    assert [frame.name for frame in scan.frames] == ["frame_000000", "frame_000020"]
    (skip,) = scan.skips
    assert (skip.reason, skip.where) == ("pose is not finite", f"{SCENE}/frame_000010")
    assert f"{root / 'data' / SCENE / IMAGES}, line 7" in skip.detail


def test_a_frame_of_an_unknown_camera_is_left_out_and_reported(root: Path) -> None:
    write(root, IMAGES, images_bytes().replace(b" 1 frame_000010", b" 2 frame_000010"))
    scan = read_scan(root, SCENE)
    assert [frame.name for frame in scan.frames] == ["frame_000000", "frame_000020"]
    assert skips_of(scan) == {f"{SCENE}/frame_000010": "camera is unknown"}


def test_each_frame_takes_its_own_camera(root: Path) -> None:
    write(root, CAMERAS, CAMERAS_TXT.encode() + b"2 PINHOLE 32 24 20 21 16 12\n3 SIMPLE_PINHOLE 30 20 25 15 10\n")
    images = images_bytes().replace(b" 1 frame_000010", b" 2 frame_000010")
    write(root, IMAGES, images.replace(b" 1 frame_000020", b" 3 frame_000020"))
    cameras = [frame.camera for frame in read_scan(root, SCENE).frames]
    assert [(c.width, c.fx, c.fy) for c in cameras] == [(64, 50.5, 51.25), (32, 20.0, 21.0), (30, 25.0, 25.0)]


def test_of_two_entries_of_a_frame_the_first_is_kept_and_the_second_reported(root: Path) -> None:
    write(root, IMAGES, images_bytes() + b"4 0 1 0 0 9 9 9 1 video/frame_000010.jpg\n\n")
    scan = read_scan(root, SCENE)
    assert [frame.name for frame in scan.frames] == list(POSES)
    np.testing.assert_array_equal(scan.frames[1].cam_from_world[:3, 3], [1, 2, 3])
    assert skips_of(scan) == {f"{SCENE}/frame_000010": "frame is registered twice"}


def test_no_usable_frame_is_an_error_that_gives_the_cause(root: Path) -> None:
    write(root, IMAGES, images_bytes(dict.fromkeys(POSES, "0 0 0 0 0 0 0")))
    assert "pose is not finite" in str(scan_error(root, IMAGES))


# Pictures


def test_sound_pictures_lose_no_frame(pictured_root: Path) -> None:
    assert_is_true_scan(read_scan(pictured_root, SCENE))


def test_a_picture_folder_that_is_empty_counts_as_none(root: Path) -> None:
    (root / "data" / SCENE / PICTURES).mkdir()
    assert_is_true_scan(read_scan(root, SCENE))


def with_jpeg_size(data: bytes, width: int, height: int) -> bytes:
    """Overwrite the size that a JPEG's frame header states."""
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + data[at + 4 :]


PICTURE_FAULTS: dict[str, tuple[Callable[[], bytes | None], str]] = {
    "missing": (lambda: None, "picture is missing"),
    "empty": (lambda: b"", "picture is empty"),
    "one byte": (lambda: picture_bytes()[:1], "picture is damaged"),
    "header only": (lambda: picture_bytes()[:300], "picture is damaged"),
    "half": (lambda: picture_bytes()[: len(picture_bytes()) // 2], "picture is damaged"),
    "end cut": (lambda: picture_bytes()[:-2], "picture is damaged"),
    "web page": (lambda: b"<html>not found</html>", "picture is damaged"),
    "zeros": (lambda: bytes(len(picture_bytes())), "picture is damaged"),
    "huge size": (lambda: with_jpeg_size(picture_bytes(), 65535, 65535), "picture"),
    "resized": (lambda: picture_bytes(WIDTH // 2, HEIGHT // 2), "picture has another size than its camera"),
    "turned": (lambda: picture_bytes(HEIGHT, WIDTH), "picture has another size than its camera"),
}


@pytest.mark.parametrize("fault", PICTURE_FAULTS)
def test_a_faulty_picture_loses_its_frame_and_no_other(pictured_root: Path, fault: str) -> None:
    make, reason = PICTURE_FAULTS[fault]
    path = pictured_root / "data" / SCENE / PICTURES / "frame_000010.jpg"
    data = make()
    if data is None:
        path.unlink()
    else:
        path.write_bytes(data)
    scan = read_scan(pictured_root, SCENE)
    assert [frame.name for frame in scan.frames] == ["frame_000000", "frame_000020"]
    (skip,) = scan.skips
    assert skip.where == f"{SCENE}/frame_000010"
    assert skip.reason.startswith(reason)
    assert str(path) in skip.detail


def test_pictures_that_colmap_does_not_name_are_ignored(pictured_root: Path) -> None:
    write(pictured_root, f"{PICTURES}/frame_000001.jpg", b"")
    write(pictured_root, f"{PICTURES}/notes.txt", b"x")
    assert_is_true_scan(read_scan(pictured_root, SCENE))


def test_when_every_picture_is_faulty_the_scene_is(pictured_root: Path) -> None:
    for name in POSES:
        write(pictured_root, f"{PICTURES}/{name}.jpg", b"")
    assert scan_error(pictured_root, IMAGES).reason == "no usable frame"


# Damaged files


@pytest.mark.parametrize("name", [name for name in FILES if name != MASK])
def test_a_missing_file_is_named(root: Path, name: str) -> None:
    (root / "data" / SCENE / name).unlink()
    scan_error(root, name)


@pytest.mark.parametrize("name", [name for name in FILES if name != MASK])
def test_an_empty_file_is_named(root: Path, name: str) -> None:
    write(root, name, b"")
    scan_error(root, name)


@pytest.mark.parametrize("name", FILES)
def test_binary_garbage_is_named(root: Path, name: str) -> None:
    write(root, name, np.random.default_rng(5).bytes(700))
    scan_error(root, name)


@pytest.mark.parametrize("text", [True, False], ids=["ascii", "binary"])
@pytest.mark.parametrize("share", [0.001, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 0.99])
def test_a_mesh_cut_anywhere_is_named(root: Path, share: float, text: bool) -> None:
    data = mesh_bytes(text=text).rstrip(b"\n") if text else mesh_bytes()
    write(root, MESH, data[: int(share * len(data))])
    assert scan_error(root, MESH).reason == "damaged mesh"


def test_a_mesh_that_lacks_its_last_byte_is_named(root: Path) -> None:
    write(root, MESH, mesh_bytes()[:-1])
    scan_error(root, MESH)


@pytest.mark.parametrize("name", [SEGMENTS, ANNOTATION])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.9, 0.999])
def test_json_cut_anywhere_is_named(root: Path, name: str, share: float) -> None:
    data = (root / "data" / SCENE / name).read_bytes()
    write(root, name, data[: int(share * len(data))])
    scan_error(root, name)


def cut_in_third_pose(offset: int) -> bytes:
    """Images whose last entry ends after `offset` bytes of its pose line."""
    data = images_bytes()
    return data[: data.index(b"\n3 ") + 1 + offset]


@pytest.mark.parametrize("offset", [1, 4, 20, 30, len(f"3 {POSES['frame_000020'][0]} 1 ")])
def test_images_cut_inside_a_pose_are_named(root: Path, offset: int) -> None:
    write(root, IMAGES, cut_in_third_pose(offset))
    assert "line 9" in str(scan_error(root, IMAGES))


@pytest.mark.parametrize("kept", [1, 5, 11, 12, 13, 15])
def test_images_cut_inside_a_name_are_named(root: Path, kept: int) -> None:
    """Else a frame of another name is registered: `frame_00002` for `frame_000020`."""
    write(root, IMAGES, cut_in_third_pose(len(f"3 {POSES['frame_000020'][0]} 1 ") + kept))
    scan_error(root, IMAGES)


def test_images_without_lines_of_points_are_named(root: Path) -> None:
    """Else every second frame is taken for the points of the first."""
    write(root, IMAGES, images_bytes().replace(b"jpg\n\n", b"jpg\n"))
    scan_error(root, IMAGES)


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to("nowhere")], ids=["folder", "link"])
def test_a_mask_that_cannot_be_read_is_not_taken_for_none(root: Path, make: Callable[[Path], None]) -> None:
    path = root / "data" / SCENE / MASK
    path.unlink()
    make(path)
    assert scan_error(root, MASK).reason == "damaged mesh mask"


def changed_vertex(value: float) -> bytes:
    vertices = mesh_vertices()
    vertices[11, 1] = value
    return mesh_bytes(vertices)


def changed_face(index: int) -> bytes:
    faces = mesh_faces()
    faces[3, 2] = index
    return mesh_bytes(faces=faces)


def changed_groups(position: int, **changes: Any) -> bytes:
    """The annotation with keys of one object changed; None removes a key."""
    seg_groups = groups()
    seg_groups[position] = {k: v for k, v in (seg_groups[position] | changes).items() if v is not None}
    return annotation_bytes(seg_groups)


def changed_box(**changes: Any) -> bytes:
    return changed_groups(1, obb={k: v for k, v in (groups()[1]["obb"] | changes).items() if v is not None})


IDENTITY = list(range(NUM_VERTICES))
DAMAGE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "vertex is NaN": (MESH, lambda: changed_vertex(np.nan)),
    "vertex is infinite": (MESH, lambda: changed_vertex(np.inf)),
    "vertex is too large to square": (MESH, lambda: changed_vertex(3e38)),
    "vertex is 20 km away": (MESH, lambda: changed_vertex(2e4)),
    "face beyond the vertices": (MESH, lambda: changed_face(NUM_VERTICES)),
    "face far beyond the vertices": (MESH, lambda: changed_face(2**31 - 1)),
    "negative face": (MESH, lambda: changed_face(-1)),
    "no vertices": (MESH, lambda: mesh_bytes(np.zeros((0, 3)), np.zeros((0, 3), int))),
    "no faces": (MESH, lambda: mesh_bytes(faces=np.zeros((0, 3), int))),
    "quadrangles": (MESH, lambda: mesh_bytes(faces=np.zeros((5, 4), int))),
    "no face element": (MESH, lambda: mesh_bytes().replace(b"element face", b"element edge")),
    "no coordinate x": (MESH, lambda: mesh_bytes().replace(b"float x", b"float w")),
    "vertex count too large": (MESH, lambda: mesh_bytes().replace(b"vertex 40", b"vertex 4000000000000000")),
    "ascii vertex count too large": (
        MESH,
        lambda: mesh_bytes(text=True).replace(b"vertex 40", b"vertex 4000000000000000"),
    ),
    "vertex count is no number": (MESH, lambda: mesh_bytes().replace(b"vertex 40", b"vertex 4x")),
    "vertex count is negative": (MESH, lambda: mesh_bytes().replace(b"vertex 40", b"vertex -4")),
    "coordinates are lists": (MESH, lambda: mesh_bytes().replace(b"float x", b"list uchar float x")),
    "a gzip file": (MESH, lambda: b"\x1f\x8b\x08\x00" + mesh_bytes()),
    "mask of words": (MASK, lambda: b"all of them"),
    "mask beyond the mesh": (MASK, lambda: b"40"),
    "mask of negative numbers": (MASK, lambda: b"-1"),
    "mask of a huge number": (MASK, lambda: b"9" * 40),
    "segments too short": (SEGMENTS, lambda: segments_bytes(IDENTITY[:-1])),
    "segments too long": (SEGMENTS, lambda: segments_bytes([*IDENTITY, 40])),
    "segments nested": (SEGMENTS, lambda: segments_bytes([IDENTITY])),
    "segments ragged": (SEGMENTS, lambda: segments_bytes([[1], [2, 3], *IDENTITY[2:]])),
    "segments of words": (SEGMENTS, lambda: segments_bytes(["a"] * NUM_VERTICES)),
    "segments of fractions": (SEGMENTS, lambda: segments_bytes([0.5, *IDENTITY[1:]])),
    "segments of null": (SEGMENTS, lambda: segments_bytes([None] * NUM_VERTICES)),
    "segments of huge numbers": (SEGMENTS, lambda: segments_bytes([10**30, *IDENTITY[1:]])),
    "segments lack segIndices": (SEGMENTS, lambda: b'{"params": {}}'),
    "segments are a list": (SEGMENTS, lambda: json.dumps(IDENTITY).encode()),
    "segments are null": (SEGMENTS, lambda: b"null"),
    "segments nest without end": (SEGMENTS, lambda: b"[" * 200_000),
    "annotation is a list": (ANNOTATION, lambda: b"[]"),
    "annotation lacks segGroups": (ANNOTATION, lambda: b"{}"),
    "annotation has no object": (ANNOTATION, lambda: annotation_bytes([])),
    "annotation nests without end": (ANNOTATION, lambda: b'{"segGroups":' * 200_000),
    "object is null": (ANNOTATION, lambda: annotation_bytes([*groups(), None])),
    "object is a number": (ANNOTATION, lambda: annotation_bytes([*groups(), 3])),
    "thousands of objects": (ANNOTATION, lambda: annotation_bytes([group(k, "cup", [k]) for k in range(5000)])),
    "objectId twice": (ANNOTATION, lambda: changed_groups(2, objectId=1)),
    "objectId is a word": (ANNOTATION, lambda: changed_groups(2, objectId="seven")),
    "objectId is a list": (ANNOTATION, lambda: changed_groups(2, objectId=[7])),
    "objectId is a fraction": (ANNOTATION, lambda: changed_groups(2, objectId=7.5)),
    "objectId beyond 32 bits": (ANNOTATION, lambda: changed_groups(2, objectId=2**31)),
    "no id at all": (ANNOTATION, lambda: changed_groups(2, objectId=None, id=None)),
    "no label": (ANNOTATION, lambda: changed_groups(2, label=None)),
    "label is a number": (ANNOTATION, lambda: changed_groups(2, label=4)),
    "label is half a character": (ANNOTATION, lambda: changed_groups(2, label="\ud800")),
    "no segments": (ANNOTATION, lambda: changed_groups(2, segments=None)),
    "segments are words": (ANNOTATION, lambda: changed_groups(2, segments=["x"])),
    "segments are fractions": (ANNOTATION, lambda: changed_groups(2, segments=[30.5, 31])),
    "no obb": (ANNOTATION, lambda: changed_groups(1, obb=None)),
    "obb is a list": (ANNOTATION, lambda: changed_groups(1, obb=[1, 2])),
    "obb lacks centroid": (ANNOTATION, lambda: changed_box(centroid=None)),
    "obb lacks axes": (ANNOTATION, lambda: changed_box(normalizedAxes=None)),
    "obb lacks lengths": (ANNOTATION, lambda: changed_box(axesLengths=None)),
    "obb of two numbers": (ANNOTATION, lambda: changed_box(centroid=[1, 2])),
    "obb axes not orthogonal": (ANNOTATION, lambda: changed_box(normalizedAxes=[1, 0, 0, 1, 0, 0, 0, 0, 1])),
    "obb axes not of length one": (ANNOTATION, lambda: changed_box(normalizedAxes=[2, 0, 0, 0, 2, 0, 0, 0, 2])),
    "obb axes NaN": (ANNOTATION, lambda: changed_box(normalizedAxes=[float("nan")] * 9)),
    "obb centroid NaN": (ANNOTATION, lambda: changed_box(centroid=[0, float("nan"), 0])),
    "obb centroid far away": (ANNOTATION, lambda: changed_box(centroid=[0, 1e200, 0])),
    "obb length too large to square": (ANNOTATION, lambda: changed_box(axesLengths=[1, 1e300, 1])),
    "obb length infinite": (ANNOTATION, lambda: changed_box(axesLengths=[1, float("inf"), 1])),
    "obb length negative": (ANNOTATION, lambda: changed_box(axesLengths=[1, -1, 1])),
    "unknown camera model": (CAMERAS, lambda: CAMERAS_TXT.replace("OPENCV", "OPENCV_FISHEYE").encode()),
    "cameras of comments only": (CAMERAS, lambda: b"# Camera list\n# Number of cameras: 0\n"),
    "camera without parameters": (CAMERAS, lambda: b"1 PINHOLE 64 48\n"),
    "camera without size": (CAMERAS, lambda: b"1 PINHOLE\n"),
    "camera of one field": (CAMERAS, lambda: b"1\n"),
    "camera with a parameter too few": (CAMERAS, lambda: b"1 OPENCV 64 48 50 50 32 24 0 0 0\n"),
    "camera size is no number": (CAMERAS, lambda: b"1 PINHOLE wide 48 50 50 32 24\n"),
    "camera size is huge": (CAMERAS, lambda: b"1 OPENCV 1%s 48 50 50 32 24 0.1 0 0 0\n" % (b"0" * 400)),
    "camera size is zero": (CAMERAS, lambda: b"1 PINHOLE 0 48 50 50 32 24\n"),
    "camera of one pixel": (CAMERAS, lambda: b"1 PINHOLE 1 48 50 50 0.5 24\n"),
    "camera that fills the memory": (CAMERAS, lambda: b"1 PINHOLE 64 60000 50 50 32 24\n"),
    "camera focal length is NaN": (CAMERAS, lambda: b"1 PINHOLE 64 48 nan 50 32 24\n"),
    "camera focal length is negative": (CAMERAS, lambda: b"1 PINHOLE 64 48 -50 50 32 24\n"),
    "camera focal length is huge": (CAMERAS, lambda: b"1 PINHOLE 64 48 1e30 50 32 24\n"),
    "camera that looks past its image": (CAMERAS, lambda: b"1 PINHOLE 64 48 50 50 1e5 24\n"),
    "camera distortion folds back": (CAMERAS, lambda: b"1 OPENCV 64 48 20 20 32 24 -0.9 0 0 0\n"),
    "images of comments only": (IMAGES, lambda: IMAGES_HEADER.encode()),
    "images with a field too many": (IMAGES, lambda: images_bytes(prefix="my pictures/")),
    "images are utf-16": (IMAGES, lambda: images_bytes().decode().encode("utf-16")),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_named(root: Path, damage: str) -> None:
    name, make = DAMAGE[damage]
    data = make()
    assert data != (root / "data" / SCENE / name).read_bytes(), "the damage must change the file"
    write(root, name, data)
    scan_error(root, name)


def test_an_unknown_camera_model_is_told_with_those_that_are_known(root: Path) -> None:
    write(root, CAMERAS, CAMERAS_TXT.replace("OPENCV", "OPENCV_FISHEYE").encode())
    message = str(scan_error(root, CAMERAS))
    assert "OPENCV_FISHEYE" in message
    assert "line 4" in message
    assert "PINHOLE" in message


def test_a_repeated_object_id_is_told(root: Path) -> None:
    write(root, ANNOTATION, changed_groups(2, objectId=1))
    assert "objectId 1 " in str(scan_error(root, ANNOTATION))


def flip(data: bytes, rng: np.random.Generator) -> bytes:
    """Cut a file, or change a few of its bytes, or insert or remove a few."""
    at = int(rng.integers(len(data)))
    kind = int(rng.integers(4))
    if kind == 0:
        return data[:at]
    if kind == 1:
        changed = bytearray(data)
        for position in rng.integers(len(data), size=int(rng.integers(1, 5))):
            changed[position] ^= 1 << int(rng.integers(8))
        return bytes(changed)
    length = int(rng.integers(1, 9))
    return data[:at] + (rng.bytes(length) if kind == 2 else b"") + data[at + (length if kind == 3 else 0) :]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [*FILES, f"{PICTURES}/frame_000010.jpg"])
def test_random_damage_gives_a_scan_or_a_scan_error(pictured_root: Path, name: str) -> None:
    write(pictured_root, MASK, b"1\n2\n35\n")
    sound = (pictured_root / "data" / SCENE / name).read_bytes()
    rng = np.random.default_rng(list(name.encode()))
    for _ in range(120):
        damaged = flip(sound, rng)
        write(pictured_root, name, damaged)
        message, scan = None, None
        try:
            scan = read_scan(pictured_root, SCENE)
        except ScanError as error:
            message = str(error)
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} for {damaged!r}") from error
        if scan is None:
            assert str(pictured_root / "data" / SCENE) in str(message), damaged
            continue
        assert scan.faces.max() < len(scan.vertices_world) == len(scan.vertex_instance)
        assert -1 <= scan.vertex_instance.min() <= scan.vertex_instance.max() < len(scan.instances)
        assert np.isfinite(scan.vertices_world).all()
        assert all(np.isfinite(frame.cam_from_world).all() for frame in scan.frames)


def test_a_name_longer_than_a_file_system_takes_loses_its_frame(pictured_root: Path) -> None:
    write(pictured_root, IMAGES, images_bytes() + b"4 1 0 0 0 0 0 0 1 %s.jpg\n\n" % (b"f" * 300))
    scan = read_scan(pictured_root, SCENE)
    assert [frame.name for frame in scan.frames] == list(POSES)
    assert len(scan.skips) == 1


def test_a_scan_error_survives_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(ScanError("damaged mesh", "x.ply is cut off.")))
    assert type(error) is ScanError
    assert (error.reason, str(error)) == ("damaged mesh", "x.ply is cut off.")


# Folders and lists


def test_scenes_are_listed_in_order_with_their_annotation(root: Path) -> None:
    data = root / "data"
    (data / "ffffffffff" / "iphone").mkdir(parents=True)
    (data / "0000000000" / "scans").mkdir(parents=True)
    (data / "lost+found").mkdir()
    (data / "readme.txt").write_text("x")
    scenes = list_scenes(root)
    assert [(s.scene_name, s.is_annotated) for s in scenes] == [
        ("0000000000", False),
        (SCENE, True),
        ("ffffffffff", False),
    ]
    assert scenes[1].folder == data / SCENE


def listing_error(root: Path) -> ScanError:
    with pytest.raises(ScanError) as caught:
        list_scenes(root)
    assert_is_clear(caught.value, root)
    return caught.value


def test_a_root_that_is_missing_or_a_file_is_named(tmp_path: Path) -> None:
    listing_error(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    listing_error(tmp_path / "file")


def test_a_root_without_data_is_named_and_gets_no_wrong_hint(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    assert "pass its parent" not in str(listing_error(tmp_path))


def test_the_data_folder_in_place_of_its_parent_gets_a_hint(root: Path) -> None:
    message = str(listing_error(root / "data"))
    assert message.endswith(f"pass its parent, {root.resolve()}.")


def test_an_empty_data_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "data" / "notes").mkdir(parents=True)
    assert "holds no scene" in str(listing_error(tmp_path))


def test_an_unknown_scene_is_named(root: Path) -> None:
    with pytest.raises(ScanError) as caught:
        read_scan(root, "ffffffffff")
    assert_is_clear(caught.value, root / "data" / "ffffffffff")


def test_an_unannotated_scene_is_told_from_a_damaged_one(root: Path) -> None:
    (root / "data" / SCENE / ANNOTATION).unlink()
    assert scan_error(root, ANNOTATION).reason == "no annotation"


def test_the_fingerprint_follows_every_file_that_matters(pictured_root: Path, tmp_path: Path) -> None:
    (scene,) = list_scenes(pictured_root)
    seen = [scene.fingerprint()]
    assert scene.fingerprint() == seen[0]
    for name in (*FILES, f"{PICTURES}/frame_000010.jpg", f"{PICTURES}/frame_000030.jpg"):
        path = scene.folder / name
        path.write_bytes((path.read_bytes() if path.exists() else b"") + b" ")
        seen.append(scene.fingerprint())
        assert seen[-1] != seen[-2], name
    (scene.folder / MASK).unlink()
    assert scene.fingerprint() != seen[-1]
    write(pictured_root, "scans/pc_aligned.ply", b"x")
    moved = pictured_root / "moved" / "data" / SCENE
    shutil.copytree(scene.folder, moved)
    (copy,) = list_scenes(pictured_root / "moved")
    assert copy.fingerprint() == scene.fingerprint(), "neither the root nor other files matter"


def test_a_scene_list_is_read_without_blanks(tmp_path: Path) -> None:
    path = tmp_path / "nvs_sem_train.txt"
    path.write_bytes(b"\xef\xbb\xbf0a1b2c3d4e\r\n\r\n  ffffffffff  \n")
    assert read_scene_list(path) == ["0a1b2c3d4e", "ffffffffff"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no split file"),
        (b"", "empty split file"),
        (b" \n\n", "empty split file"),
        (b"\xff\xfe\x00\x80", "damaged split file"),
        (b"0a1b2c3d4e\n../0a1b2c3d4e\n", "damaged split file"),
        (b"..\n", "damaged split file"),
        (b"f" * 5000, "damaged split file"),
        (b"# my scenes\n", "damaged split file"),
        (b"0a1b\x00\n", "damaged split file"),
    ],
    ids=repr,
)
def test_a_faulty_scene_list_is_named(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "nvs_sem_train.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ScanError) as caught:
        read_scene_list(path)
    assert_is_clear(caught.value, path)
    assert caught.value.reason == reason


def test_a_folder_is_no_scene_list(tmp_path: Path) -> None:
    with pytest.raises(ScanError) as caught:
        read_scene_list(tmp_path)
    assert_is_clear(caught.value, tmp_path)
