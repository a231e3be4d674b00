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
_MAX_STAMP_WIDTH = 2 * LANES
"""Wider triangles are drawn by spans."""

_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
Triangle = tuple[float, float, float, float, float, float, float, float, float]
"""x, y and 1/z of the three corners, float32."""
_EDGE_SLACK = np.float32(1e-4)
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
    """Shape (f, 3): indices into the chunk's own vertices."""
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


class PointCells(NamedTuple):
    """Projected points, sorted into square cells of the picture plane."""

    x: NDArray[np.float32]
    """Shape (n + LANES,), the last ones spare: the unit is the side of a cell."""
    y: NDArray[np.float32]
    slot: NDArray[np.int64]
    """Shape (n,): where each point went."""
    start: NDArray[np.int64]
    """Shape (cells + 1,): where each cell's points begin, row by row."""
    num_columns: int
    num_rows: int


@compiled
def split_into_chunks(
    faces: NDArray[np.int32], num_vertices: int, chunk_size: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    """Give every run of `chunk_size` triangles vertices of its own.

    Returns:
        Local faces (f, 3), the mesh vertices that the chunks use one after another, and where each chunk's begin.
    """
    num_faces = len(faces)
    num_chunks = (num_faces + chunk_size - 1) // chunk_size
    last_chunk = np.full(num_vertices, -1, np.int32)
    local_index = np.empty(num_vertices, np.int32)
    local_faces = np.empty((num_faces, 3), np.uint32)
    used = np.empty(3 * num_faces, np.int32)
    vertex_start = np.empty(num_chunks + 1, np.int64)
    num_used = 0
    for chunk in range(num_chunks):
        vertex_start[chunk] = num_used
        for face in range(chunk * chunk_size, min((chunk + 1) * chunk_size, num_faces)):
            for corner in range(3):
                vertex = faces[face, corner]
                if last_chunk[vertex] != chunk:
                    last_chunk[vertex] = chunk
                    local_index[vertex] = num_used - vertex_start[chunk]
                    used[num_used] = vertex
                    num_used += 1
                local_faces[face, corner] = local_index[vertex]
    vertex_start[num_chunks] = num_used
    return local_faces, used[:num_used].copy(), vertex_start


@compiled
def _box_misses_view(view: View, centre: NDArray[np.float32], half_size: NDArray[np.float32]) -> bool:
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
    px_x, px_y, inverse_z = _scratch(mesh)
    for chunk in range(len(mesh.centres)):
        if _box_misses_view(view, mesh.centres[chunk], mesh.half_sizes[chunk]):
            continue
        first = mesh.vertex_start[chunk]
        _project(view, mesh.vertices, first, mesh.vertex_start[chunk + 1], px_x, px_y, inverse_z)
        for face in range(mesh.face_start[chunk], mesh.face_start[chunk + 1]):
            a, b, c = mesh.faces[face, 0], mesh.faces[face, 1], mesh.faces[face, 2]
            wa, wb, wc = inverse_z[a], inverse_z[b], inverse_z[c]
            if wa > _ZERO and wb > _ZERO and wc > _ZERO:
                triangle = (px_x[a], px_y[a], wa, px_x[b], px_y[b], wb, px_x[c], px_y[c], wc)
                if not _stamp(cells, width, height, triangle, mesh.codes[face], depth_mask):
                    _draw_spans(cells, width, height, triangle, mesh.codes[face], depth_mask)
            elif wa > _ZERO or wb > _ZERO or wc > _ZERO:
                polygon = _clip(view, mesh.vertices, first + a, first + b, first + c)
                for k in range(1, len(polygon) - 1):
                    _draw_spans(cells, width, height, _fan_triangle(polygon, k), mesh.codes[face], depth_mask)


@compiled
def sort_into_cells(px: NDArray[np.float64], cells_per_px: float, num_columns: int, num_rows: int) -> PointCells:
    """Sort points of shape (n, 2) into cells, keeping the order of those in one cell; none may lie outside."""
    num_points = len(px)
    x, y = np.zeros(num_points + LANES, np.float32), np.zeros(num_points + LANES, np.float32)
    cell = np.empty(num_points, np.int64)
    start = np.zeros(num_columns * num_rows + 1, np.int32)
    for k in range(num_points):
        x[k], y[k] = px[k, 0] * cells_per_px, px[k, 1] * cells_per_px
        # Rounding to float32 may lift a point onto the far border.
        cell[k] = min(np.int64(y[k]), num_rows - 1) * num_columns + min(np.int64(x[k]), num_columns - 1)
        start[cell[k] + 1] += 1
    for c in range(num_columns * num_rows):
        start[c + 1] += start[c]
    free = start[:-1].copy()
    slot = np.empty(num_points, np.int64)
    for k in range(num_points):
        slot[k] = free[cell[k]]
        free[cell[k]] += 1
    sorted_x, sorted_y = np.zeros_like(x), np.zeros_like(y)
    sorted_x[slot], sorted_y[slot] = x[:num_points], y[:num_points]
    return PointCells(sorted_x, sorted_y, slot, start, num_columns, num_rows)


@compiled
def trace_points(points: PointCells, mesh: MeshChunks, view: View) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Find the first surface on the ray through each point, to both sides of all triangles; `view` is in cells.

    Returns:
        Shape (n,), in the order before sorting: 1/z of that surface, 0 where there is none, and its code.
    """
    nearest = np.zeros(len(points.x), np.float32)
    codes = np.zeros(len(points.x), np.int32)
    px_x, px_y, inverse_z = _scratch(mesh)
    for chunk in range(len(mesh.centres)):
        if _box_misses_view(view, mesh.centres[chunk], mesh.half_sizes[chunk]):
            continue
        first = mesh.vertex_start[chunk]
        _project(view, mesh.vertices, first, mesh.vertex_start[chunk + 1], px_x, px_y, inverse_z)
        for face in range(mesh.face_start[chunk], mesh.face_start[chunk + 1]):
            a, b, c = mesh.faces[face, 0], mesh.faces[face, 1], mesh.faces[face, 2]
            wa, wb, wc = inverse_z[a], inverse_z[b], inverse_z[c]
            if wa > _ZERO and wb > _ZERO and wc > _ZERO:
                triangle = (px_x[a], px_y[a], wa, px_x[b], px_y[b], wb, px_x[c], px_y[c], wc)
                _cover_points(points, nearest, codes, triangle, mesh.codes[face])
            elif wa > _ZERO or wb > _ZERO or wc > _ZERO:
                polygon = _clip(view, mesh.vertices, first + a, first + b, first + c)
                for k in range(1, len(polygon) - 1):
                    _cover_points(points, nearest, codes, _fan_triangle(polygon, k), mesh.codes[face])
    return nearest[points.slot], codes[points.slot]


@compiled
def _scratch(mesh: MeshChunks) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
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
def _project(view, vertices, start, stop, px_x, px_y, inverse_z):  # type: ignore[no-untyped-def]
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


@compiled
def _stamp(cells: NDArray[np.int32], width: int, height: int, triangle: Triangle, code: int, depth_mask: int) -> bool:
    """Draw a small triangle given by pixels and 1/z: branch-free rows that become vector instructions.

    Returns False, with nothing drawn, if it is too wide.
    """
    x0, y0, w0, x1, y1, w1, x2, y2, w2 = triangle
    stride = np.uint64(width + LANES)
    x_start = np.int32(max(_ZERO, np.ceil(min(x0, min(x1, x2)) - _HALF)))
    x_stop = np.int32(min(np.float32(width), np.ceil(max(x0, max(x1, x2)) - _HALF)))
    y_start = np.int32(max(_ZERO, np.ceil(min(y0, min(y1, y2)) - _HALF)))
    y_stop = np.int32(min(np.float32(height), np.ceil(max(y0, max(y1, y2)) - _HALF)))
    if y_start >= y_stop or x_start >= x_stop:
        return True
    if x_stop - x_start > _MAX_STAMP_WIDTH:
        return False
    dx1, dy1, dx2, dy2 = x1 - x0, y1 - y0, x2 - x0, y2 - y0
    area = dx1 * dy2 - dx2 * dy1
    if area == _ZERO:
        return True
    # Barycentric coordinates p (of corner 1) and q (of corner 2), and 1/z, are linear in the pixel.
    p_x, p_y, q_x, q_y = dy2 / area, -dx2 / area, -dy1 / area, dx1 / area
    w_x = (w1 - w0) * p_x + (w2 - w0) * q_x
    w_y = (w1 - w0) * p_y + (w2 - w0) * q_y
    w_min, w_max = min(w0, min(w1, w2)), max(w0, max(w1, w2))
    x, y = np.float32(x_start) + _HALF - x0, np.float32(y_start) + _HALF - y0
    p_row, q_row, w_row = p_x * x + p_y * y, q_x * x + q_y * y, w0 + w_x * x + w_y * y
    # Unsigned indices: numba's handling of negative ones would keep the loop from becoming vector instructions.
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
                is_covered = (p >= -_EDGE_SLACK) & (q >= -_EDGE_SLACK) & (p + q <= _ONE + _EDGE_SLACK)
                key = key if is_covered else np.int32(0)
                cell = first + np.uint64(lane)
                old = cells[cell]
                cells[cell] = old if old > key else key
        p_row, q_row, w_row = p_row + p_y, q_row + q_y, w_row + w_y
        row += stride
    return True


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


@inlined
def _cover_points(
    points: PointCells, nearest: NDArray[np.float32], codes: NDArray[np.int32], triangle: Triangle, code: int
) -> None:
    """Let a triangle, in cells, be the first surface of those points that it covers nearest of all so far."""
    x0, y0, _, x1, y1, _, x2, y2, _ = triangle
    low_x, high_x = min(x0, min(x1, x2)), max(x0, max(x1, x2))
    low_y, high_y = min(y0, min(y1, y2)), max(y0, max(y1, y2))
    right, bottom = np.float32(points.num_columns - 1), np.float32(points.num_rows - 1)
    if high_x < _ZERO or high_y < _ZERO or low_x > right + _ONE or low_y > bottom + _ONE:
        return
    column_start, column_stop = np.int32(min(max(low_x, _ZERO), right)), np.int32(min(high_x, right)) + 1
    row_start, row_stop = np.int32(min(max(low_y, _ZERO), bottom)), np.int32(min(high_y, bottom)) + 1
    for row in range(row_start, row_stop):
        # The points of neighbouring cells of a row follow each other.
        first = points.start[row * points.num_columns + column_start]
        last = points.start[row * points.num_columns + column_stop]
        if first < last:
            _cover_run(points.x, points.y, first, last, nearest, codes, triangle, code)


@compiled
def _cover_run(  # type: ignore[no-untyped-def]
    point_x, point_y, first, last, nearest, codes, triangle: Triangle, code
):
    """Test a run of points in blocks of LANES, which become vector instructions.

    The last block may run on into points that follow; testing them twice costs nothing and changes nothing.
    """
    x0, y0, w0, x1, y1, w1, x2, y2, w2 = triangle
    dx1, dy1, dx2, dy2 = x1 - x0, y1 - y0, x2 - x0, y2 - y0
    area = dx1 * dy2 - dx2 * dy1
    if area == _ZERO:
        return
    p_x, p_y, q_x, q_y = dy2 / area, -dx2 / area, -dy1 / area, dx1 / area
    for block in range(first, last, LANES):
        for lane in range(LANES):
            k = np.uint64(block) + np.uint64(lane)
            x, y = point_x[k] - x0, point_y[k] - y0
            p, q = p_x * x + p_y * y, q_x * x + q_y * y
            w = w0 + p * (w1 - w0) + q * (w2 - w0)
            old_w, old_code = nearest[k], codes[k]
            is_covered = (p >= -_EDGE_SLACK) & (q >= -_EDGE_SLACK) & (p + q <= _ONE + _EDGE_SLACK)
            # Of equally near surfaces the higher code wins, so that the order of drawing does not matter.
            is_first = is_covered & ((w > old_w) | ((w == old_w) & (code > old_code)))
            nearest[k] = w if is_first else old_w
            codes[k] = code if is_first else old_code


@compiled
def _clip(view, vertices, a, b, c):  # type: ignore[no-untyped-def]
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
