"""The pose check: right poses pass, wrong ones are found, and what shows too little is called unclear."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from spatialmosaic_builder.doctor.pose_check import (
    check_against_depth,
    check_against_picture,
    edge_canvas,
    mesh_edges,
    picture_edges,
)
from spatialmosaic_builder.doctor.poses import PoseChecker
from spatialmosaic_builder.geometry import Camera
from spatialmosaic_builder.scans.depth import read_depths
from spatialmosaic_builder.scans.files import SceneFiles, list_scenes
from spatialmosaic_builder.scans.frames import pictured_frames
from spatialmosaic_builder.scans.scannetpp import read_scene_mesh

CAMERA = Camera(1920, 1440, 1440.0, 1440.0, 960.0, 720.0)
Pose = NDArray[np.float64]


def turned(axis: int) -> Callable[[Pose], Pose]:
    """15 degrees about an axis of the camera."""
    rotation = np.eye(4)
    rotation[:3, :3] = cv2.Rodrigues(np.deg2rad(15) * np.eye(3)[axis])[0]
    return lambda cam_from_world: rotation @ cam_from_world


def moved(direction: tuple[float, float, float]) -> Callable[[Pose], Pose]:
    """Half a metre along a direction of the camera."""
    shift = np.eye(4)
    shift[:3, 3] = 0.5 * np.array(direction)
    return lambda cam_from_world: shift @ cam_from_world


WRONG = {
    "pitch": turned(0),
    "yaw": turned(1),
    "roll": turned(2),
    "aside": moved((1, 0, 0)),
    "up": moved((0, 1, 0)),
    "back": moved((0, 0, 1)),
}


Spoil = Callable[[Pose], Pose]


class Room:
    """A scene that is read once."""

    def __init__(self, files: SceneFiles, step: int) -> None:
        self.frames = pictured_frames(files)[0]
        self.chosen = range(0, len(self.frames), step)
        self.depths = read_depths(files, [frame.name for frame in self.frames])
        self.checker = PoseChecker(files, *read_scene_mesh(files))

    def check(self, spoil: Spoil, with_depth: bool = False, hop: int = 0) -> Counter[str]:
        """Verdicts on the chosen frames; each has the pose of the frame `hop` further, spoiled."""
        counts: Counter[str] = Counter()
        for k in self.chosen:
            pose = spoil(self.frames[(k + hop) % len(self.frames)].cam_from_world)
            depth = self.depths.get(self.frames[k].name) if with_depth else None
            counts[self.checker.check(replace(self.frames[k], cam_from_world=pose), depth).verdict] += 1
        return counts


@pytest.fixture(scope="module")
def room(pictured_root: Path) -> Room:
    return Room(next(files for files in list_scenes(pictured_root) if files.is_annotated), step=1)


@pytest.fixture(scope="module")
def shared_rooms(shared_scans: Path) -> list[Room]:
    return [Room(files, step=4) for files in list_scenes(shared_scans) if files.is_annotated]


class TestRooms:
    def test_right_poses_fit(self, room):
        counts = room.check(lambda pose: pose)
        assert counts["wrong"] == 0
        assert counts["fits"] >= 22

    @pytest.mark.parametrize("name", WRONG)
    def test_wrong_poses_are_found(self, room, name):
        counts = room.check(WRONG[name])
        assert counts["fits"] <= 1
        assert counts["wrong"] >= 20

    def test_swapped_poses_are_found(self, room):
        assert room.check(lambda pose: pose, hop=12)["wrong"] >= 22

    @pytest.mark.parametrize("with_depth", [False, True])
    def test_rooms_of_another_writer_fit(self, shared_rooms, with_depth):
        counts = sum((room.check(lambda pose: pose, with_depth) for room in shared_rooms), Counter())
        assert counts["wrong"] == 0
        assert counts["fits"] >= 0.8 * counts.total()

    @pytest.mark.parametrize("with_depth", [False, True])
    @pytest.mark.parametrize("name", WRONG)
    def test_wrong_poses_are_found_in_rooms_of_another_writer(self, shared_rooms, name, with_depth):
        counts = sum((room.check(WRONG[name], with_depth) for room in shared_rooms), Counter())
        assert counts["fits"] <= 0.1 * counts.total()
        assert counts["wrong"] >= 0.75 * counts.total()


def box_before_wall(shift: int = 0) -> NDArray[np.float32]:
    """Depth on the edge canvas: a wall at 4 m, a box at 2 m in the middle, a step at the left."""
    depth = np.full((120, 160), 4.0, np.float32)
    depth[40:90, 60 + shift : 110 + shift] = 2.0
    depth[70:, 15 + shift : 35 + shift] = 3.0
    return depth


def shown(depth: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A picture with an edge wherever the depth jumps."""
    return (255 - 50 * depth).astype(np.uint8)


class TestPictures:
    @pytest.mark.parametrize(("shift", "verdict"), [(0, "fits"), (3, "fits"), (12, "wrong"), (-25, "wrong")])
    def test_a_picture_fits_where_its_edges_lie(self, shift, verdict):
        check = check_against_picture("a", CAMERA, box_before_wall(), [], shown(box_before_wall(shift)))
        assert check.verdict == verdict
        assert (check.fit_at_pose > check.fit_elsewhere) == (verdict == "fits")

    def test_contrast_may_be_inverted_and_weak(self):
        faint = 128 - (shown(box_before_wall()) // 4)
        assert check_against_picture("a", CAMERA, box_before_wall(), [], faint.astype(np.uint8)).verdict == "fits"

    def test_a_rival_must_be_clearly_better(self):
        picture, here, there = shown(box_before_wall()), box_before_wall(), box_before_wall()
        here[40:90, 60:66], here[40:90, 104:110] = 4.0, 4.0
        assert check_against_picture("a", CAMERA, there, [here], picture).verdict == "fits"
        assert check_against_picture("a", CAMERA, here, [here], picture).verdict == "fits"
        assert check_against_picture("a", CAMERA, here[::-1], [there], picture).verdict == "wrong"

    def test_a_wall_alone_is_unclear(self):
        wall = np.full((120, 160), 4.0, np.float32)
        assert check_against_picture("a", CAMERA, wall, [], shown(box_before_wall())).verdict == "unclear"

    def test_a_picture_without_edges_is_unclear(self):
        noise = np.random.default_rng(0).normal(128, 1.5, (120, 160)).astype(np.uint8)
        assert check_against_picture("a", CAMERA, box_before_wall(), [], noise).verdict == "unclear"

    def test_the_lens_is_undone(self):
        bent = Camera(1920, 1440, 1440.0, 1440.0, 960.0, 720.0, distortion=(0.25, 0.1, 0.0, 0.0))
        straight = check_against_picture("a", CAMERA, box_before_wall(), [], shown(box_before_wall()))
        canvas = edge_canvas(bent)
        grid = np.stack(np.meshgrid(np.arange(160) + 0.5, np.arange(120) + 0.5), axis=-1).reshape(-1, 2)
        rays = bent.cam_rays_from_px(grid * (1920 / 160))
        places = (rays[:, :2] * (canvas.fx, canvas.fy) + (canvas.cx, canvas.cy) - 0.5).astype(np.float32)
        picture = cv2.remap(shown(box_before_wall()), places.reshape(120, 160, 2), None, cv2.INTER_LINEAR)
        check = check_against_picture("a", bent, box_before_wall(), [], picture)
        assert check.fit_at_pose == pytest.approx(straight.fit_at_pose, abs=0.05)


class TestEdges:
    def test_a_plane_has_none_however_it_lies(self):
        x, y = np.meshgrid(np.arange(160), np.arange(120))
        plane = (1 / (0.2 + 0.001 * x + 0.002 * y)).astype(np.float32)
        assert np.hypot(*mesh_edges(plane)).max() < 0.05

    def test_the_border_of_a_hole_is_none(self):
        wall = np.full((120, 160), 4.0, np.float32)
        wall[30:60, 50:90] = np.inf
        assert np.hypot(*mesh_edges(wall)).max() < 1e-6

    def test_a_corner_of_a_room_is_one(self):
        x = np.abs(np.arange(160) - 80.0)
        corner = np.broadcast_to(1 / (0.25 + 0.004 * x), (120, 160)).astype(np.float32)
        strength = np.hypot(*mesh_edges(corner))
        assert strength[60, 80] > 0.5
        assert strength[60, :70].max() < 0.05

    def test_directions_are_doubled(self):
        upright, level = np.zeros((40, 40), np.float32), np.zeros((40, 40), np.float32)
        upright[:, 20:], level[20:] = 200, 200
        assert picture_edges(upright)[:, 20, 20] == pytest.approx([1, 0], abs=1e-3)
        assert picture_edges(level)[:, 20, 20] == pytest.approx([-1, 0], abs=1e-3)
        assert picture_edges(200 - upright)[:, 20, 20] == pytest.approx([1, 0], abs=1e-3)


class TestDepth:
    @pytest.mark.parametrize(
        ("factor", "verdict"), [(1.0, "fits"), (1.02, "fits"), (1.05, "unclear"), (1.1, "wrong"), (0.9, "wrong")]
    )
    def test_the_error_decides(self, factor, verdict):
        check = check_against_depth("a", factor * box_before_wall(), box_before_wall())
        assert check.verdict == verdict
        assert check.depth_error == pytest.approx(abs(factor - 1), abs=1e-5)

    def test_what_neither_sees_does_not_count(self):
        mesh, sensor = box_before_wall(), box_before_wall()
        mesh[:50], sensor[80:] = np.inf, 0
        sensor[:50] = 1.0
        assert check_against_depth("a", mesh, sensor).depth_error == 0

    def test_little_in_common_is_unclear(self):
        sensor = np.zeros((120, 160), np.float32)
        sensor[:10] = 1.0
        assert check_against_depth("a", box_before_wall(), sensor).verdict == "unclear"

    def test_a_picture_decides_where_depth_does_not(self, room):
        frame = room.frames[0]
        check = room.checker.check(frame, np.zeros((192, 256), np.float32))
        assert (check.verdict, check.evidence) == ("fits", "picture edges")

    def test_depth_of_another_shape_is_left_aside(self, room):
        assert room.checker.check(room.frames[0], np.ones((100, 256), np.float32)).evidence == "picture edges"
