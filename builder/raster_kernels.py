"""The compiled inner loops of the rasteriser.

A z-buffer cell ("key") is one int32: the bits of the float32 1/z, the lowest of them replaced by a code (instance + 1,
or 0 for a surface of no instance). Floats above zero order like their bits, so the nearest surface wins by a plain
integer maximum: no order of drawing, no number of threads and no processor changes the result. 0 is an empty cell.

All arithmetic is IEEE without reassociation or fused operations, hence the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, ParamSpec, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

P = ParamSpec("P")
R = TypeVar("R")

LANES = 16
"""Stamps draw rows of this many cells at once. A z-buffer has as many spare columns, so that a stamp may overrun."""
CHUNK_SIZE = 256
"""Triangles that are culled and set up together; between 128 and 512 the speed is the same."""
_MAX_STAMP_WIDTH = 2 * LANES
"""Wider triangles are drawn by spans."""

PART = tuple(np.uint64(k * CHUNK_SIZE) for k in range(9))
"""Where the quantities of `Triangles` begin. Unsigned, as most indices here: numba's handling of negative ones would
keep the loops from becoming vector instructions."""

_ZERO, _HALF, _ONE, _INFINITE = np.float32(0), np.float32(0.5), np.float32(1), np.float32(np.inf)
Triangle = tuple[float, float, float, float, float, float, float, float, float]
"""x, y and 1/z of the three corners, float32."""
EDGE_SLACK = np.float32(1e-4)
"""Barycentric slack: two triangles that share an edge both cover it, so that rounding opens no crack."""


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile with numba: cached on disk, without the GIL, and without a check for zero before each division."""
    return njit(cache=True, nogil=True, error_model="numpy")(function)


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function into its callers: a call costs more than the little it does."""
    return njit(cache=True, nogil=True, error_model="numpy", forceinline=True)(function)


class MeshChunks(NamedTuple):
    """Triangles that lie close together, cut into chunks with a box and vertices of their own."""

    vertices: NDArray[np.float32]
    """Shape (3, v): world metres, the vertices of one chunk after those of the other."""
    faces: NDArray[np.int32]
    """Shape (3, f): indices into the chunk's own vertices, corner by corner."""
    codes: NDArray[np.int32]
    """Shape (f,): what each triangle writes into the low bits of a key."""
    vertex_start: NDArray[np.int64]
    """Shape (chunks + 1,)."""
    face_start: NDArray[np.int64]
    """Shape (chunks + 1,)."""
    centres: NDArray[np.float32]
    """Shape (chunks, 3): box centres."""
    half_sizes: NDArray[np.float32]
    """Shape (chunks, 3): half the boxes' sides."""


class Triangles(NamedTuple):
    """Room for the triangles of one chunk as a view sees them, CHUNK_SIZE words a quantity.

    The arrays are flat, with constants between their parts: only so does the compiler see that the parts do not
    overlap, and turns the loops over triangles into vector instructions.
    """

    corners: NDArray[np.float32]
    """x, y and 1/z of the first corner, then of the second and the third; 1/z = 0 behind the near plane."""
    planes: NDArray[np.float32]
    """Slopes in x and y of the barycentric coordinates of the second and the third corner; what 1/z gains from the
    first corner to either."""
    bounds: NDArray[np.int32]
    """First column, the column after the last, first row, the row after the last: none for what covers nothing."""
    codes: NDArray[np.int32]


class View(NamedTuple):
    """A posed pinhole."""

    cam_from_world: NDArray[np.float32]
    """Shape (3, 4), OpenCV axes, metres."""
    fx: np.float32
    fy: np.float32
    cx: np.float32
    cy: np.float32
    width: np.float32
    height: np.float32
    near: np.float32
    """Near plane, metres."""


@compiled
def split_into_chunks(
    faces: NDArray[np.int32], num_vertices: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    """Give every run of CHUNK_SIZE triangles, shape (f, 3), vertices of its own.

    Returns:
        Local faces (3, f), the mesh vertices that the chunks use one after another, and where each chunk's begin.
    """
    num_faces = len(faces)
    num_chunks = (num_faces + CHUNK_SIZE - 1) // CHUNK_SIZE
    last_chunk = np.full(num_vertices, -1, np.int32)
    local_index = np.empty(num_vertices, np.int32)
    local_faces = np.empty((3, num_faces), np.uint32)
    used = np.empty(3 * num_faces, np.int32)
    vertex_start = np.empty(num_chunks + 1, np.int64)
    num_used = 0
    for chunk in range(num_chunks):
        vertex_start[chunk] = num_used
        for face in range(chunk * CHUNK_SIZE, min((chunk + 1) * CHUNK_SIZE, num_faces)):
            for corner in range(3):
                vertex = faces[face, corner]
                if last_chunk[vertex] != chunk:
                    last_chunk[vertex] = chunk
                    local_index[vertex] = num_used - vertex_start[chunk]
                    used[num_used] = vertex
                    num_used += 1
                local_faces[corner, face] = local_index[vertex]
    vertex_start[num_chunks] = num_used
    return local_faces, used[:num_used].copy(), vertex_start


@compiled
def box_misses_view(view: View, centre: NDArray[np.float32], half_size: NDArray[np.float32]) -> bool:
    """Tell whether a world-aligned box lies wholly outside one plane of the viewing frustum."""
    m = view.cam_from_world
    x = m[0, 0] * centre[0] + m[0, 1] * centre[1] + m[0, 2] * centre[2] + m[0, 3]
    y = m[1, 0] * centre[0] + m[1, 1] * centre[1] + m[1, 2] * centre[2] + m[1, 3]
    z = m[2, 0] * centre[0] + m[2, 1] * centre[1] + m[2, 2] * centre[2] + m[2, 3]
    # Half sides of the camera-aligned box around the world-aligned one.
    rx = abs(m[0, 0]) * half_size[0] + abs(m[0, 1]) * half_size[1] + abs(m[0, 2]) * half_size[2]
    ry = abs(m[1, 0]) * half_size[0] + abs(m[1, 1]) * half_size[1] + abs(m[1, 2]) * half_size[2]
    rz = abs(m[2, 0]) * half_size[0] + abs(m[2, 1]) * half_size[1] + abs(m[2, 2]) * half_size[2]
    right, bottom = view.width - view.cx, view.height - view.cy
    return (
        z + rz < view.near
        or view.fx * x + view.cx * z + view.fx * rx + abs(view.cx) * rz < 0
        or right * z - view.fx * x + view.fx * rx + abs(right) * rz < 0
        or view.fy * y + view.cy * z + view.fy * ry + abs(view.cy) * rz < 0
        or bottom * z - view.fy * y + view.fy * ry + abs(bottom) * rz < 0
    )


@compiled
def draw_mesh(keys: NDArray[np.int32], mesh: MeshChunks, view: View, id_bits: int) -> None:
    """Clear `keys`, shape (height, width + LANES), and draw all triangles two-sided; `view` is in its pixels."""
    keys[:] = 0
    cells = keys.reshape(keys.size)
    height, width = keys.shape[0], keys.shape[1] - LANES
    depth_mask = np.int32(-1 << id_bits)
    px_x, px_y, inverse_z = make_scratch(mesh)
    triangles = make_triangles()
    for chunk in range(len(mesh.centres)):
        if box_misses_view(view, mesh.centres[chunk], mesh.half_sizes[chunk]):
            continue
        first, num_vertices = mesh.vertex_start[chunk], mesh.vertex_start[chunk + 1] - mesh.vertex_start[chunk]
        project(view, mesh.vertices, first, first + num_vertices, px_x, px_y, inverse_z)
        gather_corners(triangles, mesh, chunk, px_x, px_y, inverse_z)
        num_faces = mesh.face_start[chunk + 1] - mesh.face_start[chunk]
        set_up_planes(triangles, num_faces)
        _find_pixels(triangles, num_faces, width, height)
        for k in range(num_faces):
            i = np.uint64(k)
            bounds = triangles.bounds
            if bounds[i] < bounds[i + PART[1]] and bounds[i + PART[2]] < bounds[i + PART[3]]:
                if bounds[i + PART[1]] - bounds[i] <= _MAX_STAMP_WIDTH:
                    _stamp(cells, width, triangles, i, depth_mask)
                else:
                    _draw_spans(cells, width, height, _corners_of(triangles, i), triangles.codes[i], depth_mask)
        if inverse_z[:num_vertices].min() == _ZERO:
            _draw_cut(cells, width, height, mesh, chunk, view, inverse_z, depth_mask)


@compiled
def _draw_cut(cells, width, height, mesh, chunk, view, inverse_z, depth_mask):  # type: ignore[no-untyped-def]
    """Draw the parts in front of the near plane of those triangles of a chunk that it cuts."""
    first = mesh.vertex_start[chunk]
    for face in range(mesh.face_start[chunk], mesh.face_start[chunk + 1]):
        a, b, c = mesh.faces[0, face], mesh.faces[1, face], mesh.faces[2, face]
        if is_cut(inverse_z[a], inverse_z[b], inverse_z[c]):
            polygon = clip(view, mesh.vertices, first + a, first + b, first + c)
            for k in range(1, len(polygon) - 1):
                _draw_spans(cells, width, height, _fan_triangle(polygon, k), mesh.codes[face], depth_mask)


@compiled
def make_triangles() -> Triangles:
    """Room for any chunk's triangles."""
    return Triangles(
        corners=np.zeros(9 * CHUNK_SIZE, np.float32),
        planes=np.zeros(6 * CHUNK_SIZE, np.float32),
        bounds=np.zeros(4 * CHUNK_SIZE, np.int32),
        codes=np.zeros(CHUNK_SIZE, np.int32),
    )


@compiled
def gather_corners(triangles, mesh, chunk, px_x, px_y, inverse_z):  # type: ignore[no-untyped-def]
    """Copy a chunk's projected corners, triangle by triangle."""
    corners, codes = triangles.corners, triangles.codes
    first = np.uint64(mesh.face_start[chunk])
    for k in range(mesh.face_start[chunk + 1] - mesh.face_start[chunk]):
        i = np.uint64(k)
        a, b, c = mesh.faces[0, first + i], mesh.faces[1, first + i], mesh.faces[2, first + i]
        corners[i], corners[i + PART[1]], corners[i + PART[2]] = px_x[a], px_y[a], inverse_z[a]
        corners[i + PART[3]], corners[i + PART[4]], corners[i + PART[5]] = px_x[b], px_y[b], inverse_z[b]
        corners[i + PART[6]], corners[i + PART[7]], corners[i + PART[8]] = px_x[c], px_y[c], inverse_z[c]
        codes[i] = mesh.codes[first + i]


@compiled
def _corners_of(triangles: Triangles, i: int) -> Triangle:
    """Corners of one triangle."""
    c = triangles.corners
    first, second = (c[i], c[i + PART[1]], c[i + PART[2]]), (c[i + PART[3]], c[i + PART[4]], c[i + PART[5]])
    return (*first, *second, c[i + PART[6]], c[i + PART[7]], c[i + PART[8]])


@compiled
def set_up_planes(triangles: Triangles, count: int) -> None:
    """Find the planes of the first `count` triangles; infinite or not a number for those without area."""
    corners, planes = triangles.corners, triangles.planes
    for k in range(count):
        i = np.uint64(k)
        x0, y0, w0 = corners[i], corners[i + PART[1]], corners[i + PART[2]]
        dx1, dy1 = corners[i + PART[3]] - x0, corners[i + PART[4]] - y0
        dx2, dy2 = corners[i + PART[6]] - x0, corners[i + PART[7]] - y0
        area = dx1 * dy2 - dx2 * dy1
        planes[i], planes[i + PART[1]] = dy2 / area, -dx2 / area
        planes[i + PART[2]], planes[i + PART[3]] = -dy1 / area, dx1 / area
        planes[i + PART[4]], planes[i + PART[5]] = corners[i + PART[5]] - w0, corners[i + PART[8]] - w0


@compiled
def _find_pixels(triangles: Triangles, count: int, width: int, height: int) -> None:
    """Find the columns and rows whose pixel centres the first `count` triangles may cover."""
    corners, planes, bounds = triangles.corners, triangles.planes, triangles.bounds
    right, bottom = np.float32(width), np.float32(height)
    for k in range(count):
        i = np.uint64(k)
        x0, x1, x2 = corners[i], corners[i + PART[3]], corners[i + PART[6]]
        y0, y1, y2 = corners[i + PART[1]], corners[i + PART[4]], corners[i + PART[7]]
        low_x, high_x = np.ceil(min(x0, min(x1, x2)) - _HALF), np.ceil(max(x0, max(x1, x2)) - _HALF)
        low_y, high_y = np.ceil(min(y0, min(y1, y2)) - _HALF), np.ceil(max(y0, max(y1, y2)) - _HALF)
        column, stop_column = np.int32(min(max(low_x, _ZERO), right)), np.int32(min(max(high_x, _ZERO), right))
        row, stop_row = np.int32(min(max(low_y, _ZERO), bottom)), np.int32(min(max(high_y, _ZERO), bottom))
        is_seen = min(corners[i + PART[2]], min(corners[i + PART[5]], corners[i + PART[8]])) > _ZERO
        # Spans find planes of their own, in float64.
        has_planes = abs(planes[i]) + abs(planes[i + PART[2]]) < _INFINITE
        is_seen &= has_planes | (stop_column - column > _MAX_STAMP_WIDTH)
        bounds[i], bounds[i + PART[1]] = column, stop_column
        bounds[i + PART[2]], bounds[i + PART[3]] = row, stop_row if is_seen else row


@inlined
def is_cut(wa: np.float32, wb: np.float32, wc: np.float32) -> bool:
    """Tell whether some, but not all corners lie behind the near plane."""
    num_behind = (wa == _ZERO) + (wb == _ZERO) + (wc == _ZERO)
    return num_behind == 1 or num_behind == 2


@compiled
def make_scratch(mesh: MeshChunks) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Room for the projected vertices of any chunk."""
    most_vertices = 0
    for chunk in range(len(mesh.centres)):
        most_vertices = max(most_vertices, mesh.vertex_start[chunk + 1] - mesh.vertex_start[chunk])
    return (
        np.empty(most_vertices, np.float32),
        np.empty(most_vertices, np.float32),
        np.empty(most_vertices, np.float32),
    )


@compiled
def project(view, vertices, start, stop, px_x, px_y, inverse_z):  # type: ignore[no-untyped-def]
    """Write pixels x, y and 1/z of a run of vertices; 1/z = 0 marks one that is not in front of the near plane."""
    m = view.cam_from_world
    m00, m01, m02, m03 = m[0, 0], m[0, 1], m[0, 2], m[0, 3]
    m10, m11, m12, m13 = m[1, 0], m[1, 1], m[1, 2], m[1, 3]
    m20, m21, m22, m23 = m[2, 0], m[2, 1], m[2, 2], m[2, 3]
    x_world, y_world, z_world = vertices[0, start:stop], vertices[1, start:stop], vertices[2, start:stop]
    for i in range(len(x_world)):
        x, y, z = x_world[i], y_world[i], z_world[i]
        z_cam = m20 * x + m21 * y + m22 * z + m23
        w = _ONE / z_cam
        px_x[i] = view.fx * ((m00 * x + m01 * y + m02 * z + m03) * w) + view.cx
        px_y[i] = view.fy * ((m10 * x + m11 * y + m12 * z + m13) * w) + view.cy
        inverse_z[i] = w if z_cam >= view.near else _ZERO


@inlined
def _stamp(cells, width, triangles, i, depth_mask):  # type: ignore[no-untyped-def]
    """Draw a triangle that is not too wide: branch-free rows that become vector instructions."""
    corners, planes, bounds, code = triangles.corners, triangles.planes, triangles.bounds, triangles.codes[i]
    x0, y0, w0 = corners[i], corners[i + PART[1]], corners[i + PART[2]]
    w1, w2 = corners[i + PART[5]], corners[i + PART[8]]
    # Barycentric coordinates p (of corner 1) and q (of corner 2), and 1/z, are linear in the pixel.
    p_x, p_y, q_x, q_y = planes[i], planes[i + PART[1]], planes[i + PART[2]], planes[i + PART[3]]
    w_x = planes[i + PART[4]] * p_x + planes[i + PART[5]] * q_x
    w_y = planes[i + PART[4]] * p_y + planes[i + PART[5]] * q_y
    w_min, w_max = min(w0, min(w1, w2)), max(w0, max(w1, w2))
    x_start, x_stop, y_start, y_stop = bounds[i], bounds[i + PART[1]], bounds[i + PART[2]], bounds[i + PART[3]]
    x, y = np.float32(x_start) + _HALF - x0, np.float32(y_start) + _HALF - y0
    p_row, q_row, w_row = p_x * x + p_y * y, q_x * x + q_y * y, w0 + w_x * x + w_y * y
    stride = np.uint64(width + LANES)
    row = np.uint64(y_start) * stride + np.uint64(x_start)
    for _ in range(y_stop - y_start):
        for block in range(0, x_stop - x_start, LANES):
            offset = np.float32(block)
            p_block, q_block, w_block = p_row + p_x * offset, q_row + q_x * offset, w_row + w_x * offset
            first = row + np.uint64(block)
            for lane in range(LANES):
                step = np.float32(lane)
                p, q, w = p_block + p_x * step, q_block + q_x * step, w_block + w_x * step
                w = np.float32(min(w_max, max(w_min, w)))  # the slope of a sliver may overshoot
                key = np.int32((w.view(np.int32) & depth_mask) | code)
                is_covered = (p >= -EDGE_SLACK) & (q >= -EDGE_SLACK) & (p + q <= _ONE + EDGE_SLACK)
                key = key if is_covered else np.int32(0)
                cell = first + np.uint64(lane)
                old = cells[cell]
                cells[cell] = old if old > key else key
        p_row, q_row, w_row = p_row + p_y, q_row + q_y, w_row + w_y
        row += stride


@compiled
def _draw_spans(
    cells: NDArray[np.int32], width: int, height: int, triangle: Triangle, code: int, depth_mask: int
) -> None:
    """Draw a triangle of any size given by pixels and 1/z, row by row; set up in float64, for corners far outside."""
    x0, y0, w0, x1, y1, w1, x2, y2, w2 = triangle
    stride = np.uint64(width + LANES)
    ax, ay, aw = np.float64(x0), np.float64(y0), np.float64(w0)
    bx, by, cx, cy = np.float64(x1), np.float64(y1), np.float64(x2), np.float64(y2)
    area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
    if area == 0:
        return
    w_x = ((w1 - aw) * (cy - ay) - (w2 - aw) * (by - ay)) / area
    w_y = ((bx - ax) * (w2 - aw) - (cx - ax) * (w1 - aw)) / area
    w_min, w_max = np.float32(min(w0, min(w1, w2))), np.float32(max(w0, max(w1, w2)))
    slope = np.float32(w_x)
    y_start = np.int64(max(0.0, np.ceil(min(ay, min(by, cy)) - 0.5)))
    y_stop = np.int64(min(np.float64(height), np.ceil(max(ay, max(by, cy)) - 0.5)))
    for row in range(y_start, y_stop):
        y = row + 0.5
        left, right = np.inf, -np.inf
        for px, py, qx, qy in ((ax, ay, bx, by), (bx, by, cx, cy), (cx, cy, ax, ay)):
            if (py <= y) != (qy <= y):
                crossing = px + (y - py) * (qx - px) / (qy - py)
                left, right = min(left, crossing), max(right, crossing)
        x_start = np.int64(max(0.0, np.ceil(left - 0.5)))
        x_stop = np.int64(min(np.float64(width), np.ceil(right - 0.5)))
        w_start = np.float32(aw + w_x * (x_start + 0.5 - ax) + w_y * (y - ay))
        first = np.uint64(row) * stride + np.uint64(x_start)
        for i in range(x_stop - x_start):
            w = w_start + slope * np.float32(np.int32(i))
            w = np.float32(min(w_max, max(w_min, w)))
            key = np.int32((w.view(np.int32) & depth_mask) | code)
            cell = first + np.uint64(i)
            old = cells[cell]
            cells[cell] = old if old > key else key


@compiled
def clip(view, vertices, a, b, c):  # type: ignore[no-untyped-def]
    """Cut a triangle at the near plane; returns the part in front, a polygon of shape (n, 3): pixels and 1/z."""
    m = view.cam_from_world
    corners = np.empty((3, 3), np.float64)
    for k, vertex in enumerate((a, b, c)):
        for axis in range(3):
            corners[k, axis] = m[axis, 3]
            for j in range(3):
                corners[k, axis] += np.float64(m[axis, j]) * vertices[j, vertex]
    near = np.float64(view.near)
    polygon = np.empty((4, 3), np.float64)
    n = 0
    for k in range(3):
        here, there = corners[k], corners[(k + 1) % 3]
        if here[2] >= near:
            polygon[n] = here
            n += 1
        if (here[2] >= near) != (there[2] >= near):
            polygon[n] = here + (near - here[2]) / (there[2] - here[2]) * (there - here)
            polygon[n, 2] = near
            n += 1
    for k in range(n):
        w = 1.0 / polygon[k, 2]
        polygon[k, 0] = view.fx * polygon[k, 0] * w + view.cx
        polygon[k, 1] = view.fy * polygon[k, 1] * w + view.cy
        polygon[k, 2] = w
    return polygon[:n].astype(np.float32)


@compiled
def _fan_triangle(polygon: NDArray[np.float32], k: int) -> Triangle:
    """Triangle `k` of the fan that fills a polygon of shape (n, 3)."""
    a, b, c = polygon[0], polygon[k], polygon[k + 1]
    return (a[0], a[1], a[2], b[0], b[1], b[2], c[0], c[1], c[2])
