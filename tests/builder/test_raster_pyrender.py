"""The paper's depth maps to the letter: what they must do on plain scenes, and how near the engine comes to them."""

from __future__ import annotations

from ctypes.util import find_library
from dataclasses import replace

import numpy as np
import pytest
import trimesh

from spatialmosaic_builder import renderers
from spatialmosaic_builder.annotations import Annotations
from spatialmosaic_builder.config import BuildConfig
from spatialmosaic_builder.geometry import Camera, rigid_transform, rotation_from_quaternion, transform_points
from spatialmosaic_builder.pipeline import BuildError, build
from spatialmosaic_builder.raster import Canvas
from spatialmosaic_builder.rules import VisibilityRules
from spatialmosaic_builder.schema import Frame, Instance, OrientedBox, Scan
from spatialmosaic_builder.visibility import annotate

needs_egl = pytest.mark.skipif(
    find_library("EGL") is None, reason="EGL is not installed (Debian: libegl1 libgl1 libgles2 libgl1-mesa-dri)"
)
RULES = VisibilityRules(canvas_scale=1.0, base_points=20_000)
CAMERA = Camera(320, 240, 250.0, 248.0, 158.0, 121.0)
PHONE = replace(CAMERA, distortion=(0.1, -0.05, 0.002, -0.003))


def board(x: float, y: float, z: float, width: float = 1.0, height: float = 1.0) -> trimesh.Trimesh:
    """An open sheet at depth z whose front faces the camera."""
    corners = np.array([[-1, -1, 0], [-1, 1, 0], [1, 1, 0], [1, -1, 0]]) * (width / 2, height / 2, 1) + (x, y, z)
    return trimesh.Trimesh(corners, [[0, 1, 2], [0, 2, 3]], process=False).subdivide().subdivide()


def make_scan(things: list[trimesh.Trimesh], camera: Camera = CAMERA, pose: np.ndarray | None = None) -> Scan:
    """One instance a mesh, in camera axes of a camera in the origin; or moved with the camera to a pose."""
    pose = np.eye(4) if pose is None else pose
    mesh = trimesh.util.concatenate(things)
    owner = np.concatenate([np.full(len(thing.vertices), n, np.int32) for n, thing in enumerate(things)])
    box = OrientedBox((0, 0, 0), tuple(np.eye(3).ravel()), (1, 1, 1))
    instances = tuple(Instance(n + 1, "thing", "thing", box, 100) for n in range(len(things)))
    vertices = transform_points(np.linalg.inv(pose), mesh.vertices).astype(np.float32)
    frames = (Frame("frame_000000", "0.jpg", camera, pose),)
    return Scan("scene", vertices, np.asarray(mesh.faces, np.int32), owner, instances, frames)


def literal(scan: Scan) -> Annotations:
    return annotate(scan, RULES, 0, renderer="pyrender")


@needs_egl
class TestDepthMaps:
    def renderer(self, scan: Scan) -> renderers.Renderer:
        return renderers.make_renderer("pyrender", scan, np.zeros(len(scan.faces), np.int32), RULES)

    def test_depth_lies_where_the_pinhole_puts_it(self):
        pose = rigid_transform(rotation_from_quaternion([0.8, 0.3, -0.4, 0.2]), [0.3, -1.2, 0.7])
        scan = make_scan([board(0.5, -0.3, 2.0, 0.8, 0.4)], pose=pose)
        canvas = Canvas.from_camera(CAMERA, 1.0)
        depth = self.renderer(scan).depth(canvas, pose)
        assert depth.shape == (480, 640)
        row, column = np.nonzero(depth)
        assert depth[row, column] == pytest.approx(2.0, abs=1e-3)
        x0, x1 = canvas.cx + canvas.fx * np.array([0.1, 0.9]) / 2
        y0, y1 = canvas.cy + canvas.fy * np.array([-0.5, -0.1]) / 2
        expected = [x0, y0, x1 - 1, y1 - 1]
        assert [column.min(), row.min(), column.max(), row.max()] == pytest.approx(expected, abs=1)

    def test_both_sides_of_a_sheet_are_drawn(self):
        front = make_scan([board(0, 0, 2)])
        back = replace(front, faces=front.faces[:, ::-1].copy())
        canvas = Canvas.from_camera(CAMERA, 0.5)
        depths = [self.renderer(scan).depth(canvas, np.eye(4)) for scan in (front, back)]
        assert (depths[0] > 0).sum() > 3000
        np.testing.assert_array_equal(depths[0] > 0, depths[1] > 0)

    def test_nothing_behind_the_camera_is_drawn(self):
        scan = make_scan([board(0, 0, -2), board(0, 0, 0.04)])
        assert not self.renderer(scan).depth(Canvas.from_camera(CAMERA, 1.0), np.eye(4)).any()


@needs_egl
class TestLiteralVisibility:
    def test_a_board_hides_what_is_behind_it(self):
        # From the origin the near board covers x > 0 at z = 3, half of the far one.
        assert literal(make_scan([board(0, 0, 3), board(0.5, 0, 2)])).occlusion_ratio[0] == pytest.approx(
            [0.5, 0.0], abs=0.02
        )

    def test_nothing_occludes_itself(self):
        ball = trimesh.creation.icosphere(3, 0.4)
        ball.apply_translation((0, 0, 2))
        annotations = literal(make_scan([ball, board(0, 0, 4, 6, 6)]))
        assert annotations.visible_points[0, 0] == annotations.points_in_view[0, 0] > 0

    def test_a_surface_a_hair_in_front_occludes(self):
        """Eq. 1 to the letter has no tolerance."""
        scan = make_scan([board(0, 0, 2), board(0, 0, 1.995, 1.2, 1.2)])
        assert literal(scan).occlusion_ratio[0, 0] == pytest.approx(1.0, abs=0.01)

    def test_the_border_truncates(self):
        # At z = 2 the image ends at x = 1.296, the canvas at 2.576.
        annotations = literal(make_scan([board(1.78, 0, 2, 2.0, 0.5)]))
        assert annotations.fov_ratio[0, 0] == pytest.approx(1 - (1.296 - 0.78) / (2.576 - 0.78), abs=0.02)

    @pytest.mark.parametrize("camera", [CAMERA, PHONE])
    def test_it_agrees_with_the_engine_where_nothing_is_in_doubt(self, camera):
        scan = make_scan([board(0, 0, 3, 2, 2), board(0.6, 0.3, 2, 0.5, 0.8), board(-0.8, 0.7, 1.6, 0.3, 0.3)], camera)
        ours, theirs = annotate(scan, RULES, 0), literal(scan)
        np.testing.assert_array_equal(ours.points_in_view, theirs.points_in_view)
        np.testing.assert_allclose(ours.occlusion_ratio, theirs.occlusion_ratio, atol=0.02)
        np.testing.assert_allclose(ours.fov_ratio, theirs.fov_ratio, atol=0.01)
        np.testing.assert_allclose(ours.visible_pixels, theirs.visible_pixels, rtol=0.03)
        np.testing.assert_allclose(ours.bbox_2d, theirs.bbox_2d, atol=2)

    def test_it_agrees_with_the_engine_in_a_sample_room(self, sample_scan):
        """Apart at silhouettes, where the letter of the paper is not well defined, and where things touch."""
        rules = VisibilityRules(canvas_scale=0.5)
        scan = replace(sample_scan, frames=sample_scan.frames[:2])
        ours, theirs = annotate(scan, rules, 0), annotate(scan, rules, 0, renderer="pyrender")
        compared = np.minimum(ours.visible_pixels, theirs.visible_pixels) >= 100
        assert compared.sum() > 20
        difference = np.abs(ours.occlusion_ratio - theirs.occlusion_ratio)[compared]
        assert difference.mean() < 0.03
        assert np.quantile(difference, 0.9) < 0.1
        assert np.abs(ours.fov_ratio - theirs.fov_ratio)[compared].mean() < 0.01


def test_a_system_without_egl_is_told_what_to_install(monkeypatch, sample_root, tmp_path):
    monkeypatch.delenv("PYOPENGL_PLATFORM", raising=False)
    monkeypatch.setattr(renderers, "find_library", lambda name: None)
    with pytest.raises(RuntimeError, match=r"EGL.*apt-get install libegl1"):
        annotate(make_scan([board(0, 0, 2)]), RULES, 0, renderer="pyrender")
    with pytest.raises(BuildError, match=r"EGL.*apt-get install libegl1"):
        build(BuildConfig(sample_root, tmp_path / "out", renderer="pyrender"))
    assert list(tmp_path.iterdir()) == []


def test_an_installation_without_the_extra_is_told_its_name(monkeypatch):
    monkeypatch.setattr(renderers, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match=r"extra `render`.*pip install pyrender"):
        annotate(make_scan([board(0, 0, 2)]), RULES, 0, renderer="pyrender")
