"""Draws without knowledge of records: a frame with boxes on it, and a sheet of frames, question and diagrams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from .diagram import Diagram, draw_diagram
from .typeset import (
    INK,
    KEY,
    MUTED,
    PAPER,
    QUERY,
    SUPERSAMPLING,
    WRONG,
    Box,
    font,
    free_place,
    text_colour,
    wrapped,
)


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
    large = (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING)
    picture = _load(path, large) or _placeholder(name, large)
    draw, unit = ImageDraw.Draw(picture), unit * SUPERSAMPLING
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
    return picture.reduce(SUPERSAMPLING)


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
    draw.text((place[0] + pad, middle), mark.label, text_colour(mark.colour), face, anchor="lm")
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
    sheet = Image.new("RGB", (round(width), round(top + bottom + margin)), PAPER)
    draw, x = ImageDraw.Draw(sheet), margin
    for panel in panels:
        colour = QUERY if panel.is_query else INK
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
        draw.text((x, top + 12 * unit), diagram.title, MUTED, font(12 * unit), anchor="ls")
        x += drawing.width + gap
    return sheet


def _text_block(question: str, options: Sequence[str], key: int, width: float, unit: float) -> Image.Image:
    """The question and its options, the right one on green."""
    large, small, pad = font(17 * unit), font(15 * unit), 8 * unit
    lines = wrapped(question, large, width)
    rows = [wrapped(option, small, width - 2 * pad) for option in options]
    heights = [20 * unit * len(row) + 8 * unit for row in rows]
    height = 24 * unit * len(lines) + 8 * unit + sum(heights)
    block = Image.new("RGB", (round(width), round(height)), PAPER)
    draw, y = ImageDraw.Draw(block), 0.0
    for line in lines:
        draw.text((0, y + 12 * unit), line, INK, large, anchor="lm")
        y += 24 * unit
    y += 8 * unit
    for k, (row, height) in enumerate(zip(rows, heights, strict=True)):
        if k == key:
            right = min(width - 1, 2 * pad + max(small.getlength(line) for line in row))
            draw.rounded_rectangle((0, y + unit, right, y + height - unit), 5 * unit, fill=KEY)
        for n, line in enumerate(row):
            middle = y + (4 + 10 + 20 * n) * unit
            draw.text((pad, middle), line, PAPER if k == key else INK, small, anchor="lm")
        y += height
    return block
