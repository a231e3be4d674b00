"""Drawing without knowledge of records: a frame with boxes on it, a room seen from above or aside, a sheet of both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFont

SOURCE, TARGET, OTHER, QUERY = "#1c7ed6", "#e8590c", "#868e96", "#6741d9"
"""Colours of the reference object, the object asked about, further objects and the query frame."""
KEY, WRONG = "#2b8a3e", "#495057"
"""Colours of the right answer and the wrong ones."""
_INK, _MUTED, _PAPER = "#212529", "#6c757d", "#ffffff"
_SUPERSAMPLING = 2
"""Pictures are drawn this much larger and then shrunk, because Pillow does not smooth what it draws."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""x0, y0, x1, y1."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A box with a label."""

    box: Box
    """Shares of the picture's width and height."""
    colour: str
    label: str


@dataclass(frozen=True, slots=True)
class Dot:
    """A point that an option names."""

    x: float
    """Share of the picture's width."""
    y: float
    """Share of the picture's height."""
    letter: str
    is_key: bool


@dataclass(frozen=True, slots=True)
class Solid:
    """A box in camera axes."""

    role: str
    """source, target or other."""
    label: str
    corners_cam: NDArray[np.float64]
    """Shape (8, 3), metres."""


@dataclass(frozen=True, slots=True)
class View:
    """A direction from which a diagram looks at the camera and the boxes before it."""

    title: str
    across: int
    """Camera axis that runs to the right on paper."""
    down: int
    """Camera axis that runs down on paper..."""
    down_sign: float
    """... or up, if negative."""


TOP = View("Query camera from above: up is forward", across=0, down=2, down_sign=-1.0)
SIDE = View("Query camera from the side: right is forward", across=2, down=1, down_sign=1.0)


@dataclass(frozen=True, slots=True)
class Shape:
    """A polygon of a diagram, or a line where it has two points; pixels."""

    role: str
    """view, camera, other, source, target, source-edge, target-edge or scale."""
    points: tuple[Point, ...]
    label: str = ""
    label_at: Point = (0.0, 0.0)
    """Left end of the label's base line."""


@dataclass(frozen=True, slots=True)
class Diagram:
    """The query camera with the boxes of source and target: what can be checked though the target is not visible."""

    title: str
    shapes: tuple[Shape, ...]
    width: int = 300
    height: int = 240


def draw_frame(
    path: Path, name: str, size: tuple[int, int], marks: Sequence[Mark], dots: Sequence[Dot], unit: float
) -> Image.Image:
    """Draw boxes and points on a picture.

    Args:
        path: the picture.
        name: how a grey sheet calls the picture where it is missing.
        size: of the result, pixels.
        marks: boxes to draw.
        dots: points to draw.
        unit: pixels per layout unit; labels have 11 of them.
    """
    large = (size[0] * _SUPERSAMPLING, size[1] * _SUPERSAMPLING)
    picture = _load(path, large) or _placeholder(name, large)
    draw, unit = ImageDraw.Draw(picture), unit * _SUPERSAMPLING
    boxes = [(x0 * large[0], y0 * large[1], x1 * large[0], y1 * large[1]) for x0, y0, x1, y1 in (m.box for m in marks)]
    for mark, box in zip(marks, boxes, strict=True):
        _draw_box(draw, box, mark.colour, unit)
    reach = 3 * unit
    taken = [(x - reach, y - reach, x + reach, y + reach) for x, y in ((d.x * large[0], d.y * large[1]) for d in dots)]
    for dot in dots:
        taken.append(_badge(dot, unit, large, taken))
    badges = taken[len(dots) :]
    for mark, box in zip(marks, boxes, strict=True):
        taken.append(_draw_tag(draw, box, mark, unit, large, taken))
    for dot, badge in zip(dots, badges, strict=True):
        _draw_dot(draw, dot, badge, unit, large)
    return picture.reduce(_SUPERSAMPLING)


def _load(path: Path, size: tuple[int, int]) -> Image.Image | None:
    try:
        with Image.open(path) as picture:
            # Lets the JPEG decoder shrink while it decodes.
            picture.draft("RGB", size)
            return picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def _placeholder(name: str, size: tuple[int, int]) -> Image.Image:
    picture = Image.new("RGB", size, "#ced4da")
    draw = ImageDraw.Draw(picture)
    unit, x, y = size[0] / 320, size[0] / 2, size[1] / 2
    draw.text((x, y), "picture not available", "#343a40", font(15 * unit), anchor="mb")
    for k, line in enumerate(wrapped(name.replace("/", "/ "), font(10 * unit), 0.9 * size[0])):
        draw.text((x, y + (8 + 13 * k) * unit), line.replace("/ ", "/"), WRONG, font(10 * unit), anchor="mt")
    return picture


def _draw_box(draw: ImageDraw.ImageDraw, box: Box, colour: str, unit: float) -> None:
    line, casing = max(1, round(1.75 * unit)), max(1, round(0.75 * unit))
    x0, y0, x1, y1 = box[0], box[1], max(box[2], box[0] + 1), max(box[3], box[1] + 1)
    # A dark casing keeps the line visible on any picture.
    draw.rectangle((x0 - casing, y0 - casing, x1 + casing, y1 + casing), outline="#111111", width=line + 2 * casing)
    draw.rectangle((x0, y0, x1, y1), outline=colour, width=line)


def _draw_tag(
    draw: ImageDraw.ImageDraw, box: Box, mark: Mark, unit: float, size: tuple[int, int], taken: list[Box]
) -> Box:
    """Put the label above its box, or where else it covers no other label."""
    face, pad = font(11 * unit), 3 * unit
    width, height = face.getlength(mark.label) + 2 * pad, 15 * unit
    lefts = [max(0.0, min(left, size[0] - width)) for left in (box[0], box[2] - width)]
    over, under = (box[1] - height - unit, box[1] - 2 * height), (box[3] + unit, box[3] + height)
    tops = (over[0], under[0], box[1] + 2 * unit, box[3] - height - 2 * unit, over[1], under[1])
    places = [
        (left, top, left + width, top + height) for top in tops for left in lefts if 0 <= top <= size[1] - height
    ]
    place = free_place(places or [(lefts[0], 0.0, lefts[0] + width, height)], taken)
    draw.rounded_rectangle(place, 3 * unit, fill=mark.colour)
    middle = (place[1] + place[3]) / 2
    draw.text((place[0] + pad, middle), mark.label, _text_colour(mark.colour), face, anchor="lm")
    return place


def _draw_dot(draw: ImageDraw.ImageDraw, dot: Dot, place: Box, unit: float, size: tuple[int, int]) -> None:
    """A pin: the exact point, and beside it a badge with the option's letter, so that a small object stays visible."""
    x, y, colour = dot.x * size[0], dot.y * size[1], KEY if dot.is_key else WRONG
    middle = ((place[0] + place[2]) / 2, (place[1] + place[3]) / 2)
    draw.line([(x, y), middle], fill="#ffffff", width=round(3.5 * unit))
    draw.line([(x, y), middle], fill=colour, width=round(2 * unit))
    draw.circle((x, y), 3 * unit, fill=colour, outline="#ffffff", width=round(unit))
    draw.ellipse(place, fill=colour, outline="#ffffff", width=round((2 if dot.is_key else 1) * unit))
    draw.text(middle, dot.letter, "#ffffff", font(11 * unit), anchor="mm")


def _badge(dot: Dot, unit: float, size: tuple[int, int], taken: Sequence[Box]) -> Box:
    """Find a place for a dot's badge: above, right, left or below, but inside the picture."""
    x, y, radius = dot.x * size[0], dot.y * size[1], 8 * unit
    places = []
    for dx, dy in ((0, -16), (16, 0), (-16, 0), (0, 16)):
        u = min(max(x + dx * unit, radius), size[0] - radius)
        v = min(max(y + dy * unit, radius), size[1] - radius)
        places.append((u - radius, v - radius, u + radius, v + radius))
    return free_place(places, taken)


def plan_diagram(view: View, solids: Sequence[Solid], view_rays: NDArray[np.float64], axis: int) -> Diagram:
    """Lay out a camera and the boxes around it.

    Args:
        view: the direction to look from.
        solids: boxes; one source and one target among them.
        view_rays: two rays that bound what the camera sees in this view, shape (2, 3).
        axis: camera axis of the relation; its facing sides are marked where the view shows it.
    """
    sheet = Diagram(view.title, ())
    corners = np.stack([solid.corners_cam for solid in solids])
    flat = _on_paper(view, corners)
    everything = np.concatenate([flat.reshape(-1, 2), np.zeros((1, 2))])
    low, high = everything.min(axis=0), everything.max(axis=0)
    room = np.array([sheet.width, sheet.height]) - (70, 64)
    scale = float((room / np.maximum(high - low, 1.0)).min())
    origin = np.array([sheet.width, sheet.height]) / 2 - scale * (low + high) / 2
    camera = origin + scale * _on_paper(view, np.zeros((1, 3)))[0]
    sight = origin + scale * 50 * _on_paper(view, view_rays)
    shapes = [
        Shape("view", _points([camera, *sight])),
        *_edges(view, solids, axis, origin, scale, sheet),
        *_outlines(solids, origin + scale * flat, camera, sheet),
        _camera(camera, sight),
        Shape("scale", ((12, sheet.height - 10), (12 + round(scale, 1), sheet.height - 10)), "1 m", (12, 225)),
    ]
    return Diagram(view.title, tuple(shapes))


def _on_paper(view: View, points_cam: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([points_cam[..., view.across], view.down_sign * points_cam[..., view.down]], axis=-1)


def _points(points: Iterable[Iterable[float]]) -> tuple[Point, ...]:
    return tuple((round(float(x), 1), round(float(y), 1)) for x, y in points)


def _camera(camera: NDArray[np.float64], sight: NDArray[np.float64]) -> Shape:
    forward = (sight - camera).mean(axis=0)
    forward = 11 * forward / np.linalg.norm(forward)
    side = 0.6 * np.array([-forward[1], forward[0]])
    return Shape("camera", _points([camera, camera + forward + side, camera + forward - side]))


def _edges(
    view: View, solids: Sequence[Solid], axis: int, origin: NDArray[np.float64], scale: float, sheet: Diagram
) -> list[Shape]:
    """Lines along the sides of source and target that face each other on the axis of the relation."""
    if axis not in (view.across, view.down):
        return []
    along = {solid.role: solid.corners_cam[:, axis] for solid in solids if solid.role != "other"}
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


def _outlines(
    solids: Sequence[Solid], flat: NDArray[np.float64], camera: NDArray[np.float64], sheet: Diagram
) -> list[Shape]:
    """Silhouettes of the boxes with labels that cover neither the camera nor each other, source and target first."""
    face = font(11)
    taken = [(camera[0] - 9, camera[1] - 12, camera[0] + 9, camera[1] + 12)]
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
    zoom = scale * _SUPERSAMPLING
    picture = Image.new("RGB", (round(diagram.width * zoom), round(diagram.height * zoom)), "#f8f9fa")
    draw = ImageDraw.Draw(picture, "RGBA")
    colours = {"source": SOURCE, "target": TARGET, "other": OTHER, "camera": _INK, "view": "#dee2e6", "scale": _INK}
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
        colour = colours.get(shape.role, _INK)
        draw.text(at, shape.label, colour, font(11 * zoom), anchor="ls", stroke_width=zoom, stroke_fill="#f8f9fa")
    size = (round(diagram.width * scale), round(diagram.height * scale))
    return picture.resize(size, Image.Resampling.LANCZOS)


def _dashed(draw: ImageDraw.ImageDraw, start: Point, end: Point, colour: str, zoom: float) -> None:
    ends, length = np.array([start, end]), float(np.hypot(end[0] - start[0], end[1] - start[1]))
    for k in np.arange(0, length, 8 * zoom):
        a, b = (ends[0] + (ends[1] - ends[0]) * min(t, length) / length for t in (k, k + 4 * zoom))
        draw.line([(a[0], a[1]), (b[0], b[1])], fill=colour, width=round(zoom))


@dataclass(frozen=True, slots=True)
class Panel:
    """A frame on a sheet."""

    caption: str
    picture: Image.Image
    is_query: bool


def draw_sheet(
    panels: Sequence[Panel], question: str, options: Sequence[str], key: int, diagrams: Sequence[Diagram], unit: float
) -> Image.Image:
    """Lay out frames in a row, and below them the question, its options and the diagrams.

    Args:
        panels: the frames, all of one size.
        question: in full.
        options: with their letters.
        key: position of the right option.
        diagrams: drawn beside the question.
        unit: pixels per layout unit; text has 17 of them.
    """
    gap, margin, heading = 12 * unit, 20 * unit, 18 * unit
    width = 2 * margin + sum(panel.picture.width for panel in panels) + gap * (len(panels) - 1)
    drawings = [draw_diagram(diagram, 0.9 * unit) for diagram in diagrams]
    beside = sum(drawing.width + gap for drawing in drawings)
    block = _text_block(question, options, key, width - 2 * margin - beside, unit)
    top = margin + 24 * unit + max(panel.picture.height for panel in panels) + 18 * unit
    bottom = max(block.height, *(drawing.height + heading for drawing in drawings), 0)
    sheet = Image.new("RGB", (round(width), round(top + bottom + margin)), _PAPER)
    draw, x = ImageDraw.Draw(sheet), margin
    for panel in panels:
        colour = QUERY if panel.is_query else _INK
        at = (x, margin + 18 * unit)
        draw.text(at, panel.caption, colour, font(15 * unit), anchor="ls", stroke_width=0.3 * unit, stroke_fill=colour)
        corner = (round(x), round(margin + 24 * unit))
        sheet.paste(panel.picture, corner)
        if panel.is_query:
            far = (corner[0] + panel.picture.width, corner[1] + panel.picture.height)
            draw.rectangle((*corner, *far), outline=QUERY, width=round(3 * unit))
        x += panel.picture.width + gap
    sheet.paste(block, (round(margin), round(top)))
    x = width - margin - beside + gap
    for diagram, drawing in zip(diagrams, drawings, strict=True):
        sheet.paste(drawing, (round(x), round(top + heading)))
        draw.text((x, top + 12 * unit), diagram.title, _MUTED, font(12 * unit), anchor="ls")
        x += drawing.width + gap
    return sheet


def _text_block(question: str, options: Sequence[str], key: int, width: float, unit: float) -> Image.Image:
    """The question and its options, the right one on green."""
    large, small, pad = font(17 * unit), font(15 * unit), 8 * unit
    lines = wrapped(question, large, width)
    rows = [wrapped(option, small, width - 2 * pad) for option in options]
    heights = [20 * unit * len(row) + 8 * unit for row in rows]
    height = 24 * unit * len(lines) + 8 * unit + sum(heights)
    block = Image.new("RGB", (round(width), round(height)), _PAPER)
    draw, y = ImageDraw.Draw(block), 0.0
    for line in lines:
        draw.text((0, y + 12 * unit), line, _INK, large, anchor="lm")
        y += 24 * unit
    y += 8 * unit
    for k, (row, height) in enumerate(zip(rows, heights, strict=True)):
        if k == key:
            right = min(width - 1, 2 * pad + max(small.getlength(line) for line in row))
            draw.rounded_rectangle((0, y + unit, right, y + height - unit), 5 * unit, fill=KEY)
        for n, line in enumerate(row):
            middle = y + (4 + 10 + 20 * n) * unit
            draw.text((pad, middle), line, _PAPER if k == key else _INK, small, anchor="lm")
        y += height
    return block


def free_place(candidates: Sequence[Box], taken: Iterable[Box]) -> Box:
    """Find the first place that overlaps none taken; the first of all where there is none."""
    others = list(taken)
    for a in candidates:
        if not any(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3] for b in others):
            return a
    return candidates[0]


def _text_colour(background: str) -> str:
    """Black or white, whichever reads better."""
    red, green, blue = ImageColor.getrgb(background)[:3]
    return "#111111" if 0.299 * red + 0.587 * green + 0.114 * blue > 150 else "#ffffff"


@lru_cache(maxsize=64)
def font(size: float) -> Font:
    """Pillow's own typeface: the same on every machine."""
    return ImageFont.load_default(size)


def wrapped(text: str, face: Font, width: float) -> list[str]:
    """Break a text at blanks into lines of at most `width` pixels; a longer word keeps its line."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and face.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
