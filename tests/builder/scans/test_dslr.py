"""The DSLR reader against poses worked out by hand: the mesh frame is restored, and COLMAP has the last word."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spatialmosaic_builder.scans.errors import ScanError
from spatialmosaic_builder.scans.files import DSLR, SceneFiles, list_scenes
from spatialmosaic_builder.scans.frames import pictured_frames, posed_frames
from spatialmosaic_builder.scans.scannetpp import read_scan
from spatialmosaic_builder.schema import Skip

SCENE = "0a1b2c3d4e"
UNDISTORTED = "dslr/nerfstudio/transforms_undistorted.json"
FISHEYE = "dslr/nerfstudio/transforms.json"
COLMAP = "dslr/colmap/images.txt"
PICTURES = "dslr/resized_undistorted_images"
WIDTH, HEIGHT = 96, 64

LENS = {
    "fl_x": 43.4,
    "fl_y": 43.5,
    "cx": 48.2,
    "cy": 32.1,
    "k1": -0.0294,
    "k2": -0.0058,
    "k3": -0.0009,
    "k4": -0.00016,
}
PINHOLE = {"fl_x": 40.0, "fl_y": 41.0, "cx": 48.0, "cy": 32.0, "k1": 0.0, "k2": 0.0, "k3": 0.0, "k4": 0.0}

# A camera at (1, 2, 1.5) in the mesh frame, level, that looks along +Y: its right is +X, its down is -Z.
NORTH = np.array([[1, 0, 0, -1], [0, 0, -1, 1.5], [0, 1, 0, -2], [0, 0, 0, 1]], float)
# The same as nerfstudio has it: columns right, up, back, centre, each mesh vector (x, y, z) as (y, x, -z).
NORTH_JSON = [[0, 0, -1, 2], [1, 0, 0, 1], [0, -1, 0, -1.5], [0, 0, 0, 1]]
# From (4, 1, 2) straight down, with the upper edge of the picture towards +X: right is -Y, down is -X.
DOWN = np.array([[0, -1, 0, 1], [-1, 0, 0, 4], [0, 0, -1, 2], [0, 0, 0, 1]], float)
DOWN_JSON = [[-1, 0, 0, 1], [0, 1, 0, 4], [0, 0, -1, -2], [0, 0, 0, 1]]
POSES = {"DSC00001": (NORTH, NORTH_JSON), "DSC00002": (DOWN, DOWN_JSON), "DSC00003": (NORTH, NORTH_JSON)}
QUATERNIONS = {"DSC00001": "0.5 0.5 0 0", "DSC00002": "0 0.5 -0.5 0", "DSC00003": "2 2 0 0"}
"""(w, x, y, z), not normalised, so that they can be written exactly."""


def entry(name: str, matrix: list[Any] | None = None, **changes: Any) -> dict[str, Any]:
    frame = {"file_path": f"{name}.JPG", "mask_path": f"{name}.png", "is_bad": False}
    return frame | {"transform_matrix": POSES[name][1] if matrix is None else matrix} | changes


def transforms(frames: list[Any] | None = None, tests: list[Any] | None = None, **changes: Any) -> dict[str, Any]:
    """The undistorted file, two training frames and one test frame; None removes a key."""
    data = {**PINHOLE, "w": WIDTH, "h": HEIGHT, "camera_model": "PINHOLE", "has_mask": True}
    data["frames"] = [entry("DSC00003"), entry("DSC00001")] if frames is None else frames
    data["test_frames"] = [entry("DSC00002")] if tests is None else tests
    return {key: value for key, value in (data | changes).items() if value is not None}


def colmap_bytes(poses: dict[str, np.ndarray] | None = None) -> bytes:
    poses = {name: pose for name, (pose, _) in POSES.items()} if poses is None else poses
    lines = [
        f"{k} {QUATERNIONS[name]} {' '.join(map(str, pose[:3, 3]))} 1 {name}.JPG\n1.5 2.5 -1\n"
        for k, (name, pose) in enumerate(poses.items(), 1)
    ]
    return "".join(lines).encode()


def write(root: Path, name: str, data: bytes | dict[str, Any]) -> Path:
    path = root / "data" / SCENE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The DSLR's files of a sound scene, without pictures."""
    write(tmp_path, UNDISTORTED, transforms())
    write(tmp_path, FISHEYE, transforms(**LENS, camera_model="OPENCV_FISHEYE"))
    write(tmp_path, COLMAP, colmap_bytes())
    return tmp_path


def files(root: Path) -> SceneFiles:
    return SceneFiles(root, SCENE, DSLR)


def reasons(skips: list[Skip]) -> dict[str, str]:
    return {skip.where.removeprefix(f"{SCENE}/"): skip.reason for skip in skips}


def names(root: Path) -> list[str]:
    return [frame.name for frame in posed_frames(files(root))[0]]


def assert_sentence(error: ScanError, path: Path) -> None:
    assert str(path) in str(error)
    assert str(error).endswith(".")
    assert "\n" not in str(error)
    assert len(str(error)) < 700


# Poses and cameras


def test_poses_are_those_of_the_mesh_frame(root):
    frames, skips = posed_frames(files(root))
    assert skips == []
    assert [frame.name for frame in frames] == list(POSES)
    for frame in frames:
        np.testing.assert_allclose(frame.cam_from_world, POSES[frame.name][0], atol=1e-12)
        assert frame.image_path == f"data/{SCENE}/{PICTURES}/{frame.name}.JPG"
        camera = frame.camera
        assert (camera.width, camera.height, camera.distortion) == (WIDTH, HEIGHT, (0, 0, 0, 0))
        assert (camera.fx, camera.fy, camera.cx, camera.cy) == (40, 41, 48, 32)


def test_without_the_undistorted_file_the_pinhole_is_derived_from_the_fisheye(root):
    (root / "data" / SCENE / UNDISTORTED).unlink()
    frames, skips = posed_frames(files(root))
    assert skips == []
    np.testing.assert_allclose(frames[0].cam_from_world, NORTH, atol=1e-12)
    camera = frames[0].camera
    assert (camera.cx, camera.cy, camera.distortion) == (WIDTH / 2, HEIGHT / 2, (0, 0, 0, 0))
    assert 30 < camera.fx < 43.4


def test_frames_marked_as_bad_are_left_out_and_reported(root):
    write(root, UNDISTORTED, transforms([entry("DSC00001", is_bad=True), entry("DSC00003")]))
    frames, skips = posed_frames(files(root))
    assert [frame.name for frame in frames] == ["DSC00002", "DSC00003"]
    assert reasons(skips) == {"DSC00001": "picture is blurred"}


@pytest.mark.parametrize("key", ["is_bad", "mask_path"])
def test_optional_keys_of_a_frame_may_be_missing(root, key):
    frames = [{k: v for k, v in entry(name).items() if k != key} for name in POSES]
    write(root, UNDISTORTED, transforms(frames, []))
    assert names(root) == list(POSES)


def test_a_file_without_test_frames_is_read(root):
    write(root, UNDISTORTED, {key: value for key, value in transforms().items() if key != "test_frames"})
    assert names(root) == ["DSC00001", "DSC00003"]


def test_of_two_entries_of_a_frame_the_first_counts(root):
    write(root, UNDISTORTED, transforms(tests=[entry("DSC00001"), entry("DSC00002")]))
    frames, skips = posed_frames(files(root))
    assert [frame.name for frame in frames] == list(POSES)
    assert reasons(skips) == {"DSC00001": "frame is registered twice"}


def test_a_path_before_the_name_is_dropped(root):
    write(root, UNDISTORTED, transforms([entry("DSC00001", file_path="./images\\train/DSC00001.JPG")], []))
    assert posed_frames(files(root))[0][0].image_path == f"data/{SCENE}/{PICTURES}/DSC00001.JPG"


@pytest.mark.parametrize(
    ("matrix", "reason"),
    [
        (None, "pose is not finite"),
        ([], "pose is not finite"),
        ([[1, 0], [0, 1]], "pose is not finite"),
        ("north", "pose is not finite"),
        (np.full((4, 4), np.nan).tolist(), "pose is not finite"),
        (np.full((4, 4), np.inf).tolist(), "pose is not finite"),
        ((2 * np.eye(4)).tolist(), "pose is not rigid"),
        (np.zeros((4, 4)).tolist(), "pose is not rigid"),
        (np.diag([1, 1, -1, 1]).tolist(), "pose is not rigid"),
        ([*np.eye(4)[:3].tolist(), [0, 0, 0, 7]], "pose is not rigid"),
    ],
)
def test_a_frame_without_a_pose_is_left_out_and_reported(root, matrix, reason):
    garbled = entry("DSC00002") | {"transform_matrix": matrix}
    write(root, UNDISTORTED, transforms(tests=[garbled]))
    frames, skips = posed_frames(files(root))
    assert [frame.name for frame in frames] == ["DSC00001", "DSC00003"]
    assert reasons(skips) == {"DSC00002": reason}
    assert str(root / "data" / SCENE / UNDISTORTED) in skips[0].detail


@pytest.mark.parametrize("garbled", [None, 3, [], {}, {"file_path": None}, {"file_path": 4}, {"file_path": ""}])
def test_an_entry_without_a_name_is_left_out_and_reported(root, garbled):
    write(root, UNDISTORTED, transforms(tests=[garbled]))
    frames, skips = posed_frames(files(root))
    assert len(frames) == 2
    assert reasons(skips) == {"frame 3": "frame has no name"}


# COLMAP as the witness


def moved(pose: np.ndarray, metres: float = 0.0, degrees: float = 0.0) -> list[Any]:
    """A nerfstudio matrix of a mesh-frame pose that was moved along x and turned about the viewing axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    world_from_cam = np.linalg.inv(pose) @ turn
    world_from_cam[0, 3] += metres
    x, y, z, last = world_from_cam * [1, -1, -1, 1]
    return np.stack([y, x, -z, last]).tolist()


@pytest.mark.parametrize(("metres", "degrees"), [(0.05, 0), (0, 2), (0.02, 1)])
def test_a_pose_that_colmap_contradicts_is_left_out_naming_both_files(root, metres, degrees):
    write(root, UNDISTORTED, transforms(tests=[entry("DSC00002", moved(DOWN, metres, degrees))]))
    frames, skips = posed_frames(files(root))
    assert [frame.name for frame in frames] == ["DSC00001", "DSC00003"]
    assert reasons(skips) == {"DSC00002": "pose disagrees with COLMAP"}
    for name in (UNDISTORTED, COLMAP):
        assert str(root / "data" / SCENE / name) in skips[0].detail
    assert f"{metres:.3f} m" in skips[0].detail


def test_rounding_is_no_contradiction(root):
    write(root, UNDISTORTED, transforms(tests=[entry("DSC00002", moved(DOWN, 0.002, 0.1))]))
    assert names(root) == list(POSES)


def opencv_axes(pose: np.ndarray) -> list[Any]:
    return np.linalg.inv(pose).tolist()


def mesh_axes(pose: np.ndarray) -> list[Any]:
    return (np.linalg.inv(pose) * [1, -1, -1, 1]).tolist()


def inverted(pose: np.ndarray) -> list[Any]:
    return np.linalg.inv(np.array(moved(pose))).tolist()


@pytest.mark.parametrize("convention", [opencv_axes, mesh_axes, inverted])
def test_another_axis_convention_is_an_error_not_a_dataset(root, convention):
    frames = [entry(name, convention(pose)) for name, (pose, _) in POSES.items()]
    write(root, UNDISTORTED, transforms(frames, []))
    with pytest.raises(ScanError, match="axes") as caught:
        posed_frames(files(root))
    assert caught.value.reason == "poses disagree with COLMAP"
    assert "3 of 3" in str(caught.value)
    assert_sentence(caught.value, root / "data" / SCENE / COLMAP)


def test_frames_that_colmap_does_not_know_are_kept(root):
    write(root, COLMAP, colmap_bytes({"DSC00001": NORTH}))
    assert names(root) == list(POSES)


def test_without_a_colmap_model_all_frames_are_kept(root):
    (root / "data" / SCENE / COLMAP).unlink()
    assert names(root) == list(POSES)


# Pictures


def add_pictures(root: Path, suffix: str = "JPG", size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
    for name in POSES:
        path = write(root, f"{PICTURES}/{name}.{suffix}", b"")
        Image.new("RGB", size, (90, 60, 30)).save(path, "JPEG")


@pytest.mark.parametrize("suffix", ["JPG", "jpg", "Jpg"])
def test_the_case_of_a_suffix_does_not_matter(root, suffix):
    add_pictures(root, suffix)
    frames, skips = pictured_frames(files(root))
    assert skips == []
    assert [(root / frame.image_path).is_file() for frame in frames] == [True] * 3


def test_where_there_are_pictures_a_frame_without_one_is_left_out(root):
    add_pictures(root)
    (root / "data" / SCENE / PICTURES / "DSC00002.JPG").unlink()
    frames, skips = pictured_frames(files(root))
    assert len(frames) == 2
    assert reasons(skips) == {"DSC00002": "picture is missing"}
    assert "prepare-images" in skips[0].detail


def test_fisheye_pictures_are_not_taken_for_undistorted_ones(root):
    write(root, "dslr/resized_images/DSC00001.JPG", b"not looked at")
    assert len(pictured_frames(files(root))[0]) == 3


# Damage


def test_a_missing_file_is_named_with_how_to_get_it(root):
    for name in (UNDISTORTED, FISHEYE):
        (root / "data" / SCENE / name).unlink()
    with pytest.raises(ScanError, match="default download") as caught:
        posed_frames(files(root))
    assert_sentence(caught.value, root / "data" / SCENE / UNDISTORTED)
    assert Path(FISHEYE).name in str(caught.value)


DAMAGE: dict[str, Callable[[], bytes | dict[str, Any]]] = {
    "empty": lambda: b"",
    "cut": lambda: json.dumps(transforms()).encode()[:300],
    "a list": lambda: b"[]",
    "null": lambda: b"null",
    "nests without end": lambda: b"[" * 200_000,
    "no frames": lambda: transforms(**{"frames": None}) | {"frames": None},
    "frames are a number": lambda: transforms(frames=3),  # type: ignore[arg-type]
    "test frames are null": lambda: transforms() | {"test_frames": None},
    "no camera model": lambda: transforms(camera_model=None),
    "another camera model": lambda: transforms(camera_model="OPENCV"),
    "camera model is a list": lambda: transforms(camera_model=["PINHOLE"]),
    "pinhole with distortion": lambda: transforms(k1=0.1),
    "no focal length": lambda: transforms(fl_x=None),
    "focal length of words": lambda: transforms(fl_x="long"),
    "focal length is NaN": lambda: transforms(fl_x=float("nan")),
    "fisheye focal length is NaN": lambda: transforms(**{**LENS, "fl_x": float("nan")}, camera_model="OPENCV_FISHEYE"),
    "fisheye distortion is huge": lambda: transforms(**{**LENS, "k1": 1e300}, camera_model="OPENCV_FISHEYE"),
    "width is zero": lambda: transforms(w=0),
    "width is huge": lambda: transforms(w=10**400),
    "width is infinite": lambda: transforms(w=float("inf")),
    "no width": lambda: transforms(w=None),
    "no frame at all": lambda: transforms([], []),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_named(root, damage):
    write(root, UNDISTORTED, DAMAGE[damage]())
    with pytest.raises(ScanError) as caught:
        posed_frames(files(root))
    assert_sentence(caught.value, root / "data" / SCENE / UNDISTORTED)


@pytest.mark.parametrize("name", [UNDISTORTED, COLMAP])
def test_random_damage_gives_frames_or_a_scan_error(root, name):
    sound = (root / "data" / SCENE / name).read_bytes()
    rng = np.random.default_rng(5)
    for _ in range(200):
        data, at = bytearray(sound), int(rng.integers(len(sound)))
        data[at] = int(rng.integers(256))
        write(root, name, bytes(data) if rng.random() < 0.7 else bytes(data[:at]))
        message, frames = None, ()
        try:
            frames, _ = posed_frames(files(root))
        except ScanError as error:
            message = str(error)
        assert message is None or str(root / "data" / SCENE) in message
        assert all(np.isfinite(frame.cam_from_world).all() for frame in frames)


# Whole scenes


def test_a_scene_with_nothing_but_a_dslr_is_listed(root):
    (scene,) = list_scenes(root, "dslr")
    assert scene.scene_name == SCENE
    assert scene.missing == ["scans/mesh_aligned_0.05.ply", "scans/segments.json", "scans/segments_anno.json"]


def test_missing_counts_the_alternative_lens_file(root):
    (root / "data" / SCENE / UNDISTORTED).unlink()
    assert UNDISTORTED not in files(root).missing
    (root / "data" / SCENE / FISHEYE).unlink()
    assert UNDISTORTED in files(root).missing
    phone = SceneFiles(root, SCENE).missing
    assert {"iphone/colmap/images.txt", "iphone/colmap/cameras.txt"} < set(phone)


def test_the_fingerprint_follows_the_files_of_the_source(root):
    before = files(root).fingerprint()
    assert [name for name, *_ in before] == [UNDISTORTED, FISHEYE, COLMAP]
    assert SceneFiles(root, SCENE).fingerprint() == []
    os.utime(root / "data" / SCENE / COLMAP, ns=(1, 1))
    assert files(root).fingerprint() != before


def test_an_unknown_image_source_is_refused(root):
    with pytest.raises(ValueError, match="iphone or dslr"):
        list_scenes(root, "panocam")


def test_an_image_root_that_is_no_folder_is_refused_with_how_to_fill_it(root, tmp_path):
    with pytest.raises(ScanError, match="prepare-images"):
        list_scenes(root, "dslr", tmp_path / "nowhere")


def test_rooms_of_an_independent_writer(shared_scans):
    for scene in list_scenes(shared_scans, "dslr"):
        if scene.is_annotated:
            scan = read_scan(shared_scans, scene.scene_name, "dslr")
            assert len(scan.frames) == 16
            assert scan.skips == ()


def test_the_derived_pinhole_is_that_of_an_independent_writer(shared_scans, tmp_path):
    (scene, *_) = (scene for scene in list_scenes(shared_scans, "dslr") if scene.is_annotated)
    stated = posed_frames(scene)[0][0].camera
    write(tmp_path, FISHEYE, (scene.folder / FISHEYE).read_bytes())
    derived = posed_frames(files(tmp_path))[0][0].camera
    assert (derived.fx, derived.fy, derived.cx, derived.cy) == pytest.approx(
        (stated.fx, stated.fy, stated.cx, stated.cy), abs=1e-6
    )
