"""The rasteriser against a slow one that tests every pixel against every triangle."""

from __future__ import annotations

import numpy as np
import pytest

from spatialmosaic_builder.geometry import Camera, rigid_transform, rotation_from_quaternion
from spatialmosaic_builder.raster import MAX_INSTANCES, Canvas, Rasterizer, morton_codes

CAMERA = Camera(64, 48, 60.0, 58.0, 31.0, 25.0)
NEAR = 0.05


def random_mesh(rng: np.random.Generator, num_triangles: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Triangles of all sizes around the camera, some of them behind it or through its near plane."""
    centres = rng.uniform([-3, -3, -0.5], [3, 3, 4], (num_triangles, 1, 3))
    sizes = rng.choice([0.05, 0.3, 2.0], (num_triangles, 1, 1))
    vertices = (centres + sizes * rng.normal(size=(num_triangles, 3, 3))).reshape(-1, 3).astype(np.float32)
    faces = np.arange(3 * num_triangles, dtype=np.int32).reshape(-1, 3)
    return vertices, faces, rng.integers(-1, 5, num_triangles).astype(np.int32)


def first_surface(
    vertices: np.ndarray, faces: np.ndarray, rays: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Intersect rays (n, 3) with z = 1 from the origin with all triangles: z, face, and z of the second surface."""
    a, b, c = (vertices[faces[:, k]].astype(np.float64) for k in range(3))
    normal = np.cross(b - a, c - a)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.einsum("fi,fi->f", a, normal) / (rays @ normal.T)
        points = rays[:, None] * z[..., None]
        inside = np.ones(z.shape, bool)
        for start, end in ((a, b), (b, c), (c, a)):
            inside &= np.einsum("rfi,fi->rf", np.cross(end - start, points - start), normal) >= 0
    z = np.where(inside & (z >= NEAR), z, np.inf)
    order = np.argsort(z, axis=1)[:, :2]
    nearest = np.take_along_axis(z, order, axis=1)
    return nearest[:, 0], np.where(np.isfinite(nearest[:, 0]), order[:, 0], -1), nearest[:, 1]


@pytest.fixture(scope="module")
def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray, Rasterizer, Canvas]:
    vertices, faces, owner = random_mesh(np.random.default_rng(0), 120)
    return vertices, faces, owner, Rasterizer(vertices, faces, owner, 5, NEAR), Canvas.from_camera(CAMERA, 1.0)


def test_the_canvas_is_the_extended_pinhole_of_equation_3():
    canvas = Canvas.from_camera(CAMERA, 1.0)
    assert (canvas.width, canvas.height) == (128, 96)
    assert (canvas.fx, canvas.fy) == (CAMERA.fx, CAMERA.fy)
    assert (canvas.cx, canvas.cy) == (CAMERA.cx + 32, CAMERA.cy + 24)
    assert canvas.crop == (32, 24, 96, 72)
    half = Canvas.from_camera(CAMERA, 0.5)
    assert (half.width, half.height, half.fx, half.cx) == (64, 48, 30.0, 31.5)
    image = canvas.image_only()
    assert (image.width, image.height, image.cx, image.cy) == (64, 48, CAMERA.cx, CAMERA.cy)


def test_every_pixel_shows_the_first_surface(scene):
    vertices, faces, owner, rasterizer, canvas = scene
    buffer = rasterizer.render(canvas, np.eye(4))
    x, y = np.meshgrid(np.arange(canvas.width) + 0.5, np.arange(canvas.height) + 0.5)
    rays = np.stack([(x - canvas.cx) / canvas.fx, (y - canvas.cy) / canvas.fy, np.ones_like(x)], axis=-1).reshape(
        -1, 3
    )
    z, face, _ = first_surface(vertices, faces, rays)
    expected = np.where(face >= 0, owner[face], -1).reshape(buffer.instance.shape)
    assert np.mean(buffer.instance != expected) < 0.005  # pixel centres on an edge may fall to either side
    seen = np.isfinite(z) & (buffer.instance == expected).ravel()
    assert seen.mean() > 0.5
    np.testing.assert_allclose(np.quantile(np.abs(buffer.depth.ravel()[seen] / z[seen] - 1), 0.99), 0, atol=2e-4)


def test_points_are_traced_exactly(scene):
    vertices, faces, owner, rasterizer, canvas = scene
    px = np.random.default_rng(1).uniform([0, 0], [canvas.width, canvas.height], (4000, 2))
    inverse_depth, instance = rasterizer.first_surfaces(canvas, np.eye(4), px)
    rays = np.column_stack([(px - (canvas.cx, canvas.cy)) / (canvas.fx, canvas.fy), np.ones(len(px))])
    z, face, second = first_surface(vertices, faces, rays)
    is_clear = np.isinf(z) | (second / np.where(np.isinf(z), 1, z) > 1.001)
    expected = np.where(face >= 0, owner[face], -1)
    # Shared edges are covered twice on purpose, by a ten-thousandth of a triangle on either side.
    assert np.mean((instance != expected)[is_clear]) < 0.003
    hit = np.isfinite(z) & (inverse_depth > 0) & is_clear
    assert np.quantile(np.abs(inverse_depth[hit] * z[hit] - 1), 0.99) < 1e-4


def test_both_sides_of_a_triangle_occlude():
    vertices = np.array([[-1, -1, 2], [1, -1, 2], [0, 1, 2]], np.float32)
    canvas = Canvas.from_camera(CAMERA, 1.0)
    pictures = [
        Rasterizer(vertices, np.array([order], np.int32), np.zeros(1, np.int32), 1, NEAR).render(canvas, np.eye(4))
        for order in ((0, 1, 2), (2, 1, 0))
    ]
    assert (pictures[0].instance == 0).sum() > 1000
    np.testing.assert_array_equal(pictures[0].instance, pictures[1].instance)


def test_the_order_of_triangles_does_not_matter(scene):
    vertices, faces, owner, rasterizer, canvas = scene
    order = np.random.default_rng(2).permutation(len(faces))
    shuffled = Rasterizer(vertices, faces[order], owner[order], 5, NEAR)
    pose = rigid_transform(rotation_from_quaternion([0.9, 0.1, -0.3, 0.2]), [0.3, -0.2, 0.4])
    np.testing.assert_array_equal(
        rasterizer.render(canvas, pose).keys[:, :-16], shuffled.render(canvas, pose).keys[:, :-16]
    )


def test_nothing_behind_the_near_plane_is_drawn():
    vertices = np.array(
        [[-1, -1, -2], [1, -1, -2], [0, 1, -2], [-1, -1, 0.04], [1, -1, 0.04], [0, 1, 0.04]], np.float32
    )
    faces = np.array([[0, 1, 2], [3, 4, 5]], np.int32)
    buffer = Rasterizer(vertices, faces, np.zeros(2, np.int32), 1, NEAR).render(
        Canvas.from_camera(CAMERA, 1.0), np.eye(4)
    )
    assert (buffer.instance == -1).all()
    assert np.isinf(buffer.depth).all()


@pytest.mark.parametrize("num_instances", [1, 254, 255, 1022, 1023, MAX_INSTANCES])
def test_as_many_instances_as_promised_are_told_apart(num_instances):
    side = int(np.ceil(np.sqrt(num_instances)))
    k = np.arange(num_instances)
    corner = np.column_stack([k % side, k // side, np.full(num_instances, 2.0 * side)])
    vertices = (corner[:, None] - [side / 2, side / 2, 0] + [[0, 0, 0], [1, 0, 0], [0, 1, 0]]).reshape(-1, 3)
    faces = np.arange(3 * num_instances, dtype=np.int32).reshape(-1, 3)
    camera = Camera(512, 512, 800.0, 800.0, 256.0, 256.0)
    rasterizer = Rasterizer(vertices.astype(np.float32), faces, k.astype(np.int32), num_instances, NEAR)
    seen = np.unique(rasterizer.render(Canvas.from_camera(camera, 1.0), np.eye(4)).instance)
    np.testing.assert_array_equal(seen[seen >= 0], k)


def test_too_many_instances_are_refused():
    with pytest.raises(ValueError, match="4094"):
        Rasterizer(
            np.zeros((3, 3), np.float32), np.zeros((1, 3), np.int32), np.zeros(1, np.int32), MAX_INSTANCES + 1, NEAR
        )


def test_morton_neighbours_are_close():
    points = np.random.default_rng(0).random((4096, 3)).astype(np.float32)
    along = points[np.argsort(morton_codes(points))]
    step = np.linalg.norm(np.diff(along, axis=0), axis=1).mean()
    assert step < 0.25 * np.linalg.norm(np.diff(points, axis=0), axis=1).mean()
