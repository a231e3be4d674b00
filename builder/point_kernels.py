"""The compiled loops behind `Rasterizer.first_surfaces`: the first surface on the ray through each point.

Points are sorted into cells of the picture and lie in blocks of LANES. A chunk's triangles are set up all together, the
runs of blocks that they may cover are listed, and then each listed run is tested: plain loops one after another, of
which setting up and testing become vector instructions, and none waits for a branch of the other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .raster_kernels import (
    CHUNK_SIZE,
    EDGE_SLACK,
    LANES,
    PART,
    MeshChunks,
    Triangles,
    View,
    box_misses_view,
    clip,
    compiled,
    gather_corners,
    is_cut,
    make_scratch,
    make_triangles,
    project,
    set_up_planes,
)

_ZERO, _ONE, _INFINITE = np.float32(0), np.float32(1), np.float32(np.inf)
_LANE_BITS = LANES.bit_length() - 1
_X, _Y, _W, _CODE, _BLOCK = (np.uint64(k * LANES) for k in range(5))
"""Where the quantities of a block begin, and the block after it."""


class PointBlocks(NamedTuple):
    """Projected points, sorted into cells of the picture; the unit of length is the width of a cell."""

    words: NDArray[np.int32]
    """Blocks of 4 x LANES: x, y, 1/z of the first surface so far and its code; floats by their bits."""
    place: NDArray[np.int32]
    """Shape (n,): where in `words` the x of each point went."""
    start: NDArray[np.int32]
    """Shape (cells + 1,): the number of points in earlier cells, row by row."""
    num_columns: int
    num_rows: int
    rows_per_unit: np.float32


@compiled
def sort_into_blocks(
    px: NDArray[np.float64], cells_per_px: float, rows_per_unit: float, num_columns: int, num_rows: int
) -> PointBlocks:
    """Sort points of shape (n, 2) into cells, keeping the order of those in one cell; none may lie outside."""
    num_points = len(px)
    x, y = np.empty(num_points, np.float32), np.empty(num_points, np.float32)
    cell = np.empty(num_points, np.int32)
    start = np.zeros(num_columns * num_rows + 1, np.int32)
    for k in range(num_points):
        x[k], y[k] = px[k, 0] * cells_per_px, px[k, 1] * cells_per_px
        # Rounding to float32 may lift a point onto the far border.
        row = min(np.int32(y[k] * np.float32(rows_per_unit)), num_rows - 1)
        cell[k] = row * num_columns + min(np.int32(x[k]), num_columns - 1)
        start[cell[k] + 1] += 1
    for c in range(num_columns * num_rows):
        start[c + 1] += start[c]
    free = start[:-1].copy()
    words = np.zeros((num_points + LANES - 1) // LANES * 4 * LANES, np.int32)
    floats = words.view(np.float32)
    place = np.empty(num_points, np.int32)
    for k in range(num_points):
        slot = free[cell[k]]
        free[cell[k]] += 1
        place[k] = slot // LANES * 4 * LANES + slot % LANES
        floats[place[k]], floats[place[k] + LANES] = x[k], y[k]
    return PointBlocks(words, place, start, num_columns, num_rows, np.float32(rows_per_unit))


@compiled
def trace_points(points: PointBlocks, mesh: MeshChunks, view: View) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Find the first surface on the ray through each point, to both sides of all triangles; `view` is in cells.

    Returns:
        Shape (n,), in the order before sorting: 1/z of that surface, 0 where there is none, and its code.
    """
    px_x, px_y, inverse_z = make_scratch(mesh)
    triangles, runs = make_triangles(), np.empty((3, 4 * CHUNK_SIZE + points.num_rows), np.int32)
    for chunk in range(len(mesh.centres)):
        if box_misses_view(view, mesh.centres[chunk], mesh.half_sizes[chunk]):
            continue
        first, num_vertices = mesh.vertex_start[chunk], mesh.vertex_start[chunk + 1] - mesh.vertex_start[chunk]
        project(view, mesh.vertices, first, first + num_vertices, px_x, px_y, inverse_z)
        gather_corners(triangles, mesh, chunk, px_x, px_y, inverse_z)
        _trace(points, triangles, mesh.face_start[chunk + 1] - mesh.face_start[chunk], runs)
        if inverse_z[:num_vertices].min() == _ZERO:
            _trace_cut(points, triangles, mesh, chunk, view, inverse_z, runs)
    inverse_depth, codes = np.empty(len(points.place), np.float32), np.empty(len(points.place), np.int32)
    floats = points.words.view(np.float32)
    for k in range(len(points.place)):
        place = points.place[k]
        inverse_depth[k] = floats[place + 2 * LANES]
        codes[k] = points.words[place + 3 * LANES] if inverse_depth[k] > _ZERO else np.int32(0)
    return inverse_depth, codes


@compiled
def _trace_cut(points, triangles, mesh, chunk, view, inverse_z, runs):  # type: ignore[no-untyped-def]
    """Trace the parts in front of the near plane of those triangles of a chunk that it cuts."""
    first = mesh.vertex_start[chunk]
    for face in range(mesh.face_start[chunk], mesh.face_start[chunk + 1]):
        a, b, c = mesh.faces[0, face], mesh.faces[1, face], mesh.faces[2, face]
        if not is_cut(inverse_z[a], inverse_z[b], inverse_z[c]):
            continue
        polygon = clip(view, mesh.vertices, first + a, first + b, first + c)
        for k in range(len(polygon) - 2):
            for corner, place in enumerate((0, k + 1, k + 2)):
                for axis in range(3):
                    triangles.corners[(3 * corner + axis) * CHUNK_SIZE + k] = polygon[place, axis]
            triangles.codes[k] = mesh.codes[face]
        _trace(points, triangles, len(polygon) - 2, runs)


@compiled
def _trace(points: PointBlocks, triangles: Triangles, count: int, runs: NDArray[np.int32]) -> None:
    """Let the first `count` triangles be the first surface of the points that they cover nearest of all so far.

    `runs` is room for a list, shape (3, n): triangle, first block, the block after the last.
    """
    set_up_planes(triangles, count)
    _find_cells(triangles, count, points.num_columns, points.num_rows, points.rows_per_unit)
    cells = triangles.bounds
    columns = np.int32(points.num_columns)
    num_runs = np.uint64(0)
    for k in range(count):
        i = np.uint64(k)
        first_column, stop_column = cells[i], cells[i + PART[1]]
        for row in range(cells[i + PART[2]], cells[i + PART[3]]):
            # The points of neighbouring cells of a row follow each other.
            first = points.start[np.uint64(row * columns + first_column)]
            stop = points.start[np.uint64(row * columns + stop_column)]
            runs[0, num_runs] = k
            runs[1, num_runs], runs[2, num_runs] = first >> _LANE_BITS, (stop + LANES - 1) >> _LANE_BITS
            num_runs += np.uint64(first < stop)
        if num_runs + np.uint64(points.num_rows) >= np.uint64(runs.shape[1]):
            _test(points.words, triangles, runs, num_runs)
            num_runs = np.uint64(0)
    _test(points.words, triangles, runs, num_runs)


@compiled
def _find_cells(triangles: Triangles, count: int, num_columns: int, num_rows: int, rows_per_unit: np.float32) -> None:
    """Find the columns and rows of cells that the first `count` triangles touch."""
    corners, planes, bounds = triangles.corners, triangles.planes, triangles.bounds
    right, bottom = np.float32(num_columns - 1), np.float32(num_rows - 1)
    for k in range(count):
        i = np.uint64(k)
        x0, x1, x2 = corners[i], corners[i + PART[3]], corners[i + PART[6]]
        y0, y1, y2 = corners[i + PART[1]], corners[i + PART[4]], corners[i + PART[7]]
        is_seen = min(corners[i + PART[2]], min(corners[i + PART[5]], corners[i + PART[8]])) > _ZERO
        is_seen &= abs(planes[i]) + abs(planes[i + PART[2]]) < _INFINITE
        low_x, high_x = min(x0, min(x1, x2)), max(x0, max(x1, x2))
        low_y, high_y = rows_per_unit * min(y0, min(y1, y2)), rows_per_unit * max(y0, max(y1, y2))
        is_seen &= (high_x >= _ZERO) & (high_y >= _ZERO) & (low_x <= right + _ONE) & (low_y <= bottom + _ONE)
        bounds[i] = np.int32(min(max(low_x, _ZERO), right))
        bounds[i + PART[1]] = np.int32(min(max(high_x, _ZERO), right)) + np.int32(1)
        row = np.int32(min(max(low_y, _ZERO), bottom))
        bounds[i + PART[2]] = row
        bounds[i + PART[3]] = np.int32(min(max(high_y, _ZERO), bottom)) + np.int32(1) if is_seen else row


@compiled
def _test(words: NDArray[np.int32], triangles: Triangles, runs: NDArray[np.int32], num_runs: int) -> None:
    """Test listed runs of blocks against their triangles."""
    corners, planes = triangles.corners, triangles.planes
    for run in range(num_runs):
        i = np.uint64(runs[0, run])
        x0, y0, w0 = corners[i], corners[i + PART[1]], corners[i + PART[2]]
        p_x, p_y, q_x, q_y = planes[i], planes[i + PART[1]], planes[i + PART[2]], planes[i + PART[3]]
        dw1, dw2 = planes[i + PART[4]], planes[i + PART[5]]
        code = triangles.codes[i]
        for block in range(runs[1, run], runs[2, run]):
            for lane in range(LANES):
                k = np.uint64(block) * _BLOCK + np.uint64(lane)
                x_bits, y_bits = np.int32(words[k + _X]), np.int32(words[k + _Y])
                x, y = x_bits.view(np.float32) - x0, y_bits.view(np.float32) - y0
                p, q = p_x * x + p_y * y, q_x * x + q_y * y
                w = np.float32(w0 + p * dw1 + q * dw2)
                is_covered = (p >= -EDGE_SLACK) & (q >= -EDGE_SLACK) & (p + q <= _ONE + EDGE_SLACK)
                # Floats above zero order like their bits.
                new = w.view(np.int32) if is_covered else np.int32(0)
                old, old_code = words[k + _W], words[k + _CODE]
                words[k + _W] = old if old > new else new
                # Of equally near surfaces the higher code wins, so that the order of drawing does not matter. Where
                # nothing is near yet, an uncovered point takes a code that means nothing.
                words[k + _CODE] = code if (new > old) | ((new == old) & (code > old_code)) else old_code
