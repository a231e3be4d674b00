"""A room seen from above or from the side: a camera before boxes in its axes, or all cameras and boxes in the world's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .typeset import INK, KEY, OTHER, SOURCE, SUPERSAMPLING, TARGET, Box, Point, font, free_place


@dataclass(frozen=True, slots=True)
class Solid:
    """A box in the axes of a diagram: a camera's or the world's."""

    role: str
    """source, target or other."""
    label: str
    corners: NDArray[np.float64]
    """Shape (8, 3), metres."""


@dataclass(frozen=True, slots=True)
class Length:
    """A distance or a side, in the axes of a diagram."""

    ends: NDArray[np.float64]
    """Shape (2, 3), metres."""
    label: str
    """The number with its unit: on paper the line is shorter where it runs towards the reader."""


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """A camera, in the axes of a diagram."""

    centre: NDArray[np.float64]
    """Shape (3,), metres."""
    rays: NDArray[np.float64]
    """Two rays that bound what it sees in the diagram's view, shape (2, 3)."""
    label: str = ""
    has_field: bool = True
    """Whether the diagram shows what it sees, or only where it looks."""


@dataclass(frozen=True, slots=True)
class View:
    """A direction from which a diagram looks at the boxes, and at the camera if there is one."""

    title: str
    across: int
    """Axis that runs to the right on paper."""
    down: int
    """Axis that runs down on paper..."""
    down_sign: float
    """... or up, if negative."""


TOP = View("Query camera from above: up is forward", across=0, down=2, down_sign=-1.0)
SIDE = View("Query camera from the side: right is forward", across=2, down=1, down_sign=1.0)
MAP = View("Map from above: the cameras of the frames", across=0, down=1, down_sign=-1.0)
SIDE_WORLD = View("From the side", across=0, down=2, down_sign=-1.0)


@dataclass(frozen=True, slots=True)
class Shape:
    """A polygon of a diagram, or a line where it has two points; pixels."""

    role: str
    """view, camera, other, source, target, source-edge, target-edge, length or scale."""
    points: tuple[Point, ...]
    label: str = ""
    label_at: Point = (0.0, 0.0)
    """Left end of the label's base line."""


@dataclass(frozen=True, slots=True)
class Diagram:
    """Boxes of source and target to scale: what can be checked though a frame does not show it."""

    title: str
    shapes: tuple[Shape, ...]
    width: int = 300
    height: int = 240


def plan_diagram(
    view: View,
    solids: Sequence[Solid],
    cameras: Sequence[Viewpoint] = (),
    axis: int | None = None,
    length: Length | None = None,
) -> Diagram:
    """Lay out boxes, and cameras among them.

    Args:
        view: the direction to look from.
        solids: boxes; where there is an axis, one source and one target among them.
        cameras: to show; there is a box or a camera.
        axis: camera axis of the relation; its facing sides are marked where the view shows it.
        length: the distance or side that is asked for.
    """
    sheet = Diagram(view.title, ())
    flat = _on_paper(view, np.array([solid.corners for solid in solids], np.float64).reshape(-1, 8, 3))
    centres = _on_paper(view, np.array([camera.centre for camera in cameras], np.float64).reshape(-1, 3))
    everything = np.vstack([flat.reshape(-1, 2), centres])
    low, high = everything.min(axis=0), everything.max(axis=0)
    room = np.array([sheet.width, sheet.height]) - (70, 64)
    scale = float((room / np.maximum(high - low, 1.0)).min())
    origin = np.array([sheet.width, sheet.height]) / 2 - scale * (low + high) / 2
    behind: list[Shape] = []
    before: list[Shape] = []
    taken: list[Box] = []
    for camera, centre in zip(cameras, origin + scale * centres, strict=True):
        sight = centre + scale * 50 * _on_paper(view, camera.rays)
        if camera.has_field:
            behind.append(Shape("view", _points([centre, *sight])))
        taken.append((centre[0] - 9, centre[1] - 12, centre[0] + 9, centre[1] + 12))
        before.append(_camera(centre, sight, camera.label, taken))
    if length is not None:
        before.append(_length(length, origin + scale * _on_paper(view, length.ends), taken))
    shapes = [
        *behind,
        *_edges(view, solids, axis, origin, scale, sheet),
        *_outlines(solids, origin + scale * flat, taken, sheet),
        *before,
        Shape("scale", ((12, sheet.height - 10), (12 + round(scale, 1), sheet.height - 10)), "1 m", (12, 225)),
    ]
    return Diagram(view.title, tuple(shapes))


def _on_paper(view: View, points_cam: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([points_cam[..., view.across], view.down_sign * points_cam[..., view.down]], axis=-1)


def _points(points: Iterable[Iterable[float]]) -> tuple[Point, ...]:
    return tuple((round(float(x), 1), round(float(y), 1)) for x, y in points)


def _camera(centre: NDArray[np.float64], sight: NDArray[np.float64], label: str, taken: list[Box]) -> Shape:
    """A wedge that points where the camera looks, with its label beside it; flat where it looks straight at the reader."""
    ahead = (sight - centre).mean(axis=0)
    length = float(np.linalg.norm(ahead))
    ahead = 11 * ahead / length if length > 0 else np.zeros(2)
    side = 0.6 * (np.array([-ahead[1], ahead[0]]) if length > 0 else np.array([11.0, 0.0]))
    place = (0.0, 0.0, 0.0, 0.0)
    if label:
        width, (x, y) = 1.1 * font(11).getlength(label), centre - 0.9 * ahead
        corners = [(x - width / 2, y - 6), (x - width / 2 - 9, y - 6), (x - width / 2 + 9, y - 6)]
        place = free_place([(left, top, left + width, top + 13) for left, top in corners], taken[:-1])
        taken.append(place)
    wedge = _points([centre, centre + ahead + side, centre + ahead - side])
    return Shape("camera", wedge, label, _points([(place[0], place[3] - 3)])[0])


def _length(length: Length, ends: NDArray[np.float64], taken: list[Box]) -> Shape:
    """A line with its label beside the middle, whose place it takes."""
    (x, y), width = ends.mean(axis=0), 1.1 * font(11).getlength(length.label)
    beside = [(x + 6, y - 7), (x - width - 6, y - 7)]
    over_and_under = [(x - width / 2, y - 20), (x - width / 2, y + 7)]
    is_steep = abs(ends[0, 1] - ends[1, 1]) >= abs(ends[0, 0] - ends[1, 0])
    corners = [*beside, *over_and_under] if is_steep else [*over_and_under, *beside]
    place = free_place([(left, top, left + width, top + 13) for left, top in corners], taken)
    taken.append(place)
    return Shape("length", _points(ends), length.label, _points([(place[0], place[3] - 3)])[0])


def _edges(
    view: View, solids: Sequence[Solid], axis: int | None, origin: NDArray[np.float64], scale: float, sheet: Diagram
) -> list[Shape]:
    """Lines along the sides of source and target that face each other on the axis of the relation."""
    if axis is None or axis not in (view.across, view.down):
        return []
    along = {solid.role: solid.corners[:, axis] for solid in solids if solid.role != "other"}
    is_above = along["target"].mean() > along["source"].mean()
    facing = {
        "source": along["source"].max() if is_above else along["source"].min(),
        "target": along["target"].min() if is_above else along["target"].max(),
    }
    edges = []
    for role, value in facing.items():
        if axis == view.across:
            x = origin[0] + scale * value
            edges.append(Shape(f"{role}-edge", _points([(x, 0), (x, sheet.height)])))
        else:
            y = origin[1] + scale * view.down_sign * value
            edges.append(Shape(f"{role}-edge", _points([(0, y), (sheet.width, y)])))
    return edges


def _outlines(solids: Sequence[Solid], flat: NDArray[np.float64], taken: list[Box], sheet: Diagram) -> list[Shape]:
    """Silhouettes of the boxes with labels that cover neither what is taken nor each other, source and target first."""
    face = font(11)
    shapes = []
    for solid, points in zip(solids, flat, strict=True):
        hull = cv2.convexHull(points.astype(np.float32))[:, 0]
        (x0, y0), (x1, y1) = hull.min(axis=0).tolist(), hull.max(axis=0).tolist()
        # The page's typeface may run wider than Pillow's.
        width, height = 1.1 * face.getlength(solid.label), 13.0
        middle = max(min((x0 + x1 - width) / 2, sheet.width - width - 3), 3)
        corners = [(middle, y0 - height - 2), (middle, y1 + 2), (x1 + 4, (y0 + y1 - height) / 2)]
        corners += [(x0 - width - 4, (y0 + y1 - height) / 2), (middle, y0 - 2 * height), (middle, y1 + height)]
        places = [(x, y, x + width, y + height) for x, y in corners if 0 <= x <= sheet.width - width]
        place = free_place(places or [(3, y0 - height - 2, 3 + width, y0 - 2)], taken)
        taken.append(place)
        shapes.append(Shape(solid.role, _points(hull), solid.label, _points([(place[0], place[3] - 3)])[0]))
    return shapes[::-1]


def draw_diagram(diagram: Diagram, scale: float) -> Image.Image:
    """Draw a diagram `scale` times as large as planned."""
    zoom = scale * SUPERSAMPLING
    picture = Image.new("RGB", (round(diagram.width * zoom), round(diagram.height * zoom)), "#f8f9fa")
    draw = ImageDraw.Draw(picture, "RGBA")
    colours = {"source": SOURCE, "target": TARGET, "other": OTHER, "camera": INK, "view": "#dee2e6"}
    colours |= {"length": KEY, "scale": INK}
    for shape in diagram.shapes:
        colour = colours[shape.role.removesuffix("-edge")]
        points = [(x * zoom, y * zoom) for x, y in shape.points]
        if shape.role.endswith("-edge"):
            _dashed(draw, points[0], points[1], colour, zoom)
        elif shape.role in ("view", "camera"):
            draw.polygon(points, fill=colour)
        else:
            draw.polygon(points, fill=f"{colour}30")
            draw.line([*points, points[0]], fill=colour, width=round(1.75 * zoom), joint="curve")
    for shape in diagram.shapes:
        at = (shape.label_at[0] * zoom, shape.label_at[1] * zoom)
        colour = colours.get(shape.role, INK)
        draw.text(at, shape.label, colour, font(11 * zoom), anchor="ls", stroke_width=zoom, stroke_fill="#f8f9fa")
    size = (round(diagram.width * scale), round(diagram.height * scale))
    return picture.resize(size, Image.Resampling.LANCZOS)


def _dashed(draw: ImageDraw.ImageDraw, start: Point, end: Point, colour: str, zoom: float) -> None:
    ends, length = np.array([start, end]), float(np.hypot(end[0] - start[0], end[1] - start[1]))
    for k in np.arange(0, length, 8 * zoom):
        a, b = (ends[0] + (ends[1] - ends[0]) * min(t, length) / length for t in (k, k + 4 * zoom))
        draw.line([(a[0], a[1]), (b[0], b[1])], fill=colour, width=round(zoom))
