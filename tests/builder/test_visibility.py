"""Visibility against exact rays, and what it must do on scenes whose truth is plain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from trimesh.ray.ray_pyembree import RayMeshIntersector

from spatialmosaic_builder.annotations import Annotations
from spatialmosaic_builder.geometry import Camera, transform_points
from spatialmosaic_builder.overlap import overlaps, pack_visible
from spatialmosaic_builder.points import face_instances, sample_points
from spatialmosaic_builder.rules import VisibilityRules
from spatialmosaic_builder.scans.scannetpp import read_scan
from spatialmosaic_builder.schema import Frame, Instance, OrientedBox, Scan
from spatialmosaic_builder.visibility import annotate

RULES = VisibilityRules()
MIN_PIXELS = 100


def make_scan(things: list[trimesh.Trimesh], owners: list[int], camera: Camera, num_frames: int = 1) -> Scan:
    """Meshes in camera axes, seen by cameras in the origin; owner -1 is a surface of no instance."""
    mesh = trimesh.util.concatenate(things)
    owner = np.concatenate([np.full(len(m.vertices), n, np.int32) for m, n in zip(things, owners, strict=True)])
    box = OrientedBox((0, 0, 0), tuple(np.eye(3).ravel()), (1, 1, 1))
    instances = tuple(Instance(n + 1, f"thing {n}", f"thing {n}", box, 100) for n in range(max(owners) + 1))
    frames = tuple(Frame(f"frame_{k:06d}", f"{k}.jpg", camera, np.eye(4)) for k in range(num_frames))
    faces = np.asarray(mesh.faces, np.int32)
    return Scan("scene", np.asarray(mesh.vertices, np.float32), faces, owner, instances, frames)


def board(x: float, y: float, z: float, width: float = 1.0, height: float = 1.0) -> trimesh.Trimesh:
    """A sheet that faces the camera, cut into small triangles."""
    plate = trimesh.creation.box((width, height, 1e-4)).subdivide_to_size(0.1)
    plate.apply_translation((x, y, z))
    return plate


PINHOLE = Camera(640, 480, 500.0, 500.0, 320.0, 240.0)
PHONE = Camera(640, 480, 500.0, 500.0, 318.0, 243.0, distortion=(0.1, -0.05, 0.002, -0.003))


class TestPlainScenes:
    def test_a_board_hides_what_is_behind_it(self):
        scan = make_scan([board(0, 0, 3), board(0.5, 0, 2)], [0, 1], PINHOLE)
        annotations = annotate(scan, RULES, 0)
        # From the origin the near board covers x > 0 at z = 3, half of the far one.
        assert annotations.occlusion_ratio[0] == pytest.approx([0.5, 0.0], abs=0.02)

    def test_nothing_occludes_itself(self):
        ball = trimesh.creation.icosphere(3, 0.4)
        ball.apply_translation((0, 0, 2))
        annotations = annotate(make_scan([ball, board(0, 0, 4, 6, 6)], [0, 1], PINHOLE), RULES, 0)
        assert annotations.visible_points[0, 0] == annotations.points_in_view[0, 0] > 0

    def test_what_nothing_stands_before_is_never_occluded(self):
        """Grazing sheets, thin rods and silhouettes: the hard cases of depth comparison."""
        rod = trimesh.creation.cylinder(0.005, 1.5)
        rod.apply_transform(trimesh.transformations.rotation_matrix(0.3, (1, 0.2, 0), (0, 0, 0)))
        rod.apply_translation((0.6, 0, 2.5))
        floor = board(0, 0, 0, 2, 2)
        floor.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2 - 0.01, (1, 0, 0)))
        floor.apply_translation((0, 0.8, 3))
        for camera in (PINHOLE, PHONE):
            annotations = annotate(make_scan([rod, floor], [0, 1], camera), RULES, 0)
            assert (annotations.points_in_view[0] > 300).all()
            assert (annotations.occlusion_ratio == 0).all()

    def test_surfaces_of_no_instance_occlude(self):
        annotations = annotate(make_scan([board(0, 0, 3), board(0, 0, 2, 3, 3)], [0, -1], PINHOLE), RULES, 0)
        assert annotations.frames == ()
        assert annotations.skips[0].reason == "frame sees nothing"

    def test_a_surface_less_than_a_centimetre_in_front_does_not_occlude(self):
        for gap, expected in ((0.005, 0.0), (0.02, 1.0)):
            scan = make_scan([board(0, 0, 2), board(0, 0, 2 - gap, 1.2, 1.2), board(2, 0, 5)], [0, 1, 2], PINHOLE)
            assert annotate(scan, RULES, 0).occlusion_ratio[0, 0] == pytest.approx(expected, abs=0.01)

    def test_the_border_truncates(self):
        # x from 0.78 to 2.78 at z = 2: the image ends at x = 1.28, the canvas at 2.56.
        annotations = annotate(make_scan([board(1.78, 0, 2, 2.0, 0.5)], [0], PINHOLE), RULES, 0)
        assert annotations.fov_ratio[0, 0] == pytest.approx(1 - 0.5 / 1.78, abs=0.01)
        assert annotations.occlusion_ratio[0, 0] == 0

    def test_out_of_sight_is_occluded_and_truncated(self):
        annotations = annotate(make_scan([board(0, 0, 2), board(0, 0, -2)], [0, 1], PINHOLE), RULES, 0)
        assert annotations.points_in_view[0, 1] == 0
        assert annotations.occlusion_ratio[0, 1] == annotations.fov_ratio[0, 1] == 1.0
        assert annotations.bbox_2d[0, 1].tolist() == [-1] * 4

    def test_an_instance_without_faces_is_never_in_view(self):
        scan = make_scan([board(0, 0, 2)], [0], PINHOLE)
        ghost = replace(scan.instances[0], instance_id=9)
        annotations = annotate(replace(scan, instances=(*scan.instances, ghost)), RULES, 0)
        assert annotations.points_in_view[0, 1] == 0

    def test_pixels_and_box_of_a_board(self):
        annotations = annotate(make_scan([board(0.1, 0.2, 2, 0.4, 0.8)], [0], PINHOLE), RULES, 0)
        assert annotations.bbox_2d[0, 0] == pytest.approx([295, 190, 395, 390], abs=2)
        assert annotations.visible_pixels[0, 0] == pytest.approx(100 * 200, rel=0.02)

    @pytest.mark.parametrize("place", [(0.9, 0.6), (-0.9, -0.6), (0, 0.7)])
    def test_the_box_follows_the_lens(self, place):
        plate = board(*place, 2, 0.3, 0.2)
        annotations = annotate(make_scan([plate], [0], PHONE), RULES, 0)
        px = PHONE.px_from_cam(plate.vertices)
        expected = np.concatenate([px.min(axis=0), px.max(axis=0)])
        assert annotations.bbox_2d[0, 0] == pytest.approx(expected, abs=2.5)

    def test_points_are_in_the_image_by_the_full_lens_model(self):
        wall = board(0, 0, 2, 8, 8)
        scan = make_scan([wall], [0], PHONE)
        points = sample_points(scan, face_instances(scan.faces, scan.vertex_instance), RULES, 0)
        expected = PHONE.is_in_image(points.xyz_world).sum()
        assert annotate(scan, RULES, 0).points_in_view[0, 0] == pytest.approx(expected, abs=2)
        assert PINHOLE.is_in_image(points.xyz_world).sum() != pytest.approx(expected, rel=0.005)


class TestPoints:
    def scan(self) -> Scan:
        return make_scan([board(0, 0, 3, 3, 3), board(0, 0, 2, 0.2, 0.2)], [0, 1], PINHOLE)

    def sample(self, seed: int = 0):
        scan = self.scan()
        return sample_points(scan, face_instances(scan.faces, scan.vertex_instance), RULES, seed)

    def test_shares_are_by_area_and_small_instances_are_topped_up(self):
        points = self.sample()
        base = np.bincount(points.instance[: points.num_base])
        assert base.sum() == RULES.base_points
        assert base[1] / base[0] == pytest.approx(0.2**2 / 3**2, rel=0.05)
        assert np.bincount(points.instance)[1] == RULES.min_points_per_instance

    def test_points_lie_on_their_instance_evenly(self):
        points = self.sample()
        large = points.xyz_world[points.instance == 0]
        np.testing.assert_allclose(large[:, 2], 3, atol=1e-3)
        counts, _, _ = np.histogram2d(large[:, 0], large[:, 1], bins=10, range=[[-1.5, 1.5]] * 2)
        assert counts.std() / counts.mean() < 0.03

    def test_same_seed_same_points(self):
        assert (self.sample(1).xyz_world == self.sample(1).xyz_world).all()
        assert (self.sample(1).xyz_world != self.sample(2).xyz_world).any()

    def test_two_of_three_vertices_decide_a_face(self):
        vertex_instance = np.array([0, 0, 1, 1, -1, -1, 2], np.int32)
        faces = np.array([[0, 1, 2], [0, 2, 3], [0, 4, 5], [0, 2, 4], [0, 2, 6], [4, 0, 1]], np.int32)
        assert face_instances(faces, vertex_instance).tolist() == [0, 1, -1, -1, -1, 0]


def test_overlap_is_intersection_over_union():
    sets = np.random.default_rng(0).random((7, 10_000)) < np.linspace(0.05, 0.9, 7)[:, None]
    sets[3, 2000:] = False
    shared = sets.astype(int) @ sets.T.astype(int)
    sizes = sets.sum(axis=1)
    expected = shared / (sizes[:, None] + sizes[None] - shared)
    np.testing.assert_allclose(overlaps(pack_visible(sets)), expected, rtol=1e-6)


def test_top_up_points_do_not_count_in_the_overlap():
    """Two frames that share a wall and of which one alone sees a speck: 2,000 points of the speck would weigh 1 %."""
    speck = board(0, 0, 2.9, 0.02, 0.02)
    screen = board(0, 0, 1, 0.1, 0.1)
    scan = make_scan([board(0, 0, 3, 3, 3), speck, screen], [0, 1, 2], PINHOLE, num_frames=2)
    # The second camera stands behind the screen, which hides the speck from the first.
    passed = np.eye(4)
    passed[2, 3] = -1.1
    frames = (scan.frames[0], replace(scan.frames[1], cam_from_world=passed))
    annotations = annotate(replace(scan, frames=frames), RULES, 0)
    assert annotations.visible_points[:, 1].tolist() == [0, RULES.min_points_per_instance]
    few = annotate(replace(scan, frames=frames), replace(RULES, min_points_per_instance=10), 0)
    np.testing.assert_array_equal(annotations.overlap, few.overlap)


def test_points_are_seen_alike_at_every_canvas_scale(sample_scan: Scan):
    scan = replace(sample_scan, frames=sample_scan.frames[:2])
    full, quarter = (annotate(scan, replace(RULES, canvas_scale=scale), 0) for scale in (1.0, 0.25))
    np.testing.assert_array_equal(full.visible_points, quarter.visible_points)
    np.testing.assert_array_equal(full.visible_points_canvas, quarter.visible_points_canvas)
    assert (full.visible_pixels != quarter.visible_pixels).any()


def test_annotations_are_deterministic(sample_scan: Scan):
    scan = replace(sample_scan, frames=sample_scan.frames[:3])
    a, b = annotate(scan, RULES, 5), annotate(scan, RULES, 5)
    for name in ("points_in_view", "visible_points", "visible_points_id", "visible_pixels", "bbox_2d", "overlap"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def exact_ratios(scan: Scan, frame: Frame, points) -> tuple[np.ndarray, np.ndarray]:
    """Occlusion and field-of-view ratio of every instance by rays through the points themselves."""
    mesh = trimesh.Trimesh(scan.vertices_world, scan.faces, process=False)
    rays = RayMeshIntersector(mesh, scale_to_box=False)
    owner_of_face = face_instances(scan.faces, scan.vertex_instance)
    points_cam = transform_points(frame.cam_from_world, points.xyz_world)
    camera = frame.camera
    with np.errstate(divide="ignore", invalid="ignore"):
        u = camera.fx * points_cam[:, 0] / points_cam[:, 2] + camera.cx
        v = camera.fy * points_cam[:, 1] / points_cam[:, 2] + camera.cy
    w, h = camera.width, camera.height
    on_canvas = (points_cam[:, 2] > RULES.near) & (u >= -w / 2) & (u < 1.5 * w) & (v >= -h / 2) & (v < 1.5 * h)
    points_cam, owner = points_cam[on_canvas], points.instance[on_canvas]
    in_image = camera.is_in_image(points_cam)
    world_from_cam = np.linalg.inv(frame.cam_from_world)
    # Start at the near plane, as the rasteriser does; directions have z = 1 in camera axes.
    rays_cam = points_cam / points_cam[:, 2:]
    origins = transform_points(world_from_cam, rays_cam * RULES.near)
    directions = rays_cam @ world_from_cam[:3, :3].T
    face = rays.intersects_first(origins, directions)
    hit = face >= 0
    corner = scan.vertices_world[scan.faces[face, 0]].astype(np.float64)
    normal = np.cross(
        scan.vertices_world[scan.faces[face, 1]] - corner, scan.vertices_world[scan.faces[face, 2]] - corner
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = RULES.near + np.einsum("ni,ni->n", corner - origins, normal) / np.einsum(
            "ni,ni->n", directions, normal
        )
    clear = ~hit | (owner_of_face[face] == owner) | (points_cam[:, 2] <= depth + RULES.depth_tolerance)
    n = len(scan.instances)
    in_view, visible, on_extended = (
        np.bincount(owner[mask], minlength=n) for mask in (in_image, in_image & clear, clear)
    )
    return 1 - visible / np.maximum(in_view, 1), 1 - visible / np.maximum(on_extended, 1)


def assert_agrees_with_rays(scan: Scan, num_frames: int) -> None:
    scan = replace(scan, frames=scan.frames[:: max(len(scan.frames) // num_frames, 1)])
    annotations: Annotations = annotate(scan, RULES, 0)
    points = sample_points(scan, face_instances(scan.faces, scan.vertex_instance), RULES, 0)
    exact = [exact_ratios(scan, frame, points) for frame in annotations.frames]
    compared = annotations.visible_pixels >= MIN_PIXELS
    assert compared.sum() > 10 * num_frames
    occlusion = np.abs(annotations.occlusion_ratio - np.array([ratios[0] for ratios in exact]))[compared]
    fov = np.abs(annotations.fov_ratio - np.array([ratios[1] for ratios in exact]))[compared]
    assert occlusion.mean() <= 0.003
    assert np.mean(occlusion > 0.02) <= 0.005
    assert fov.mean() <= 0.002


def test_agreement_with_exact_rays_on_a_sample_room(sample_scan: Scan):
    assert_agrees_with_rays(sample_scan, num_frames=8)


@pytest.mark.parametrize("scene_name", ["aad670e3a8", "bef926d9db"])
def test_agreement_with_exact_rays_on_rooms_of_an_independent_writer(shared_scans: Path, scene_name: str):
    assert_agrees_with_rays(read_scan(shared_scans, scene_name), num_frames=8)
