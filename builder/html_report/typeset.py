"""Colours, type and places for labels: what the drawings share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from PIL import ImageColor, ImageFont

SOURCE, TARGET, OTHER, QUERY = "#1c7ed6", "#e8590c", "#868e96", "#6741d9"
"""Colours of the reference object, the object asked about, further objects and the query frame."""
KEY, WRONG = "#2b8a3e", "#495057"
"""Colours of the right answer and the wrong ones."""
INK, MUTED, PAPER = "#212529", "#6c757d", "#ffffff"
SUPERSAMPLING = 2
"""Pictures are drawn this much larger and then shrunk, because Pillow does not smooth what it draws."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""x0, y0, x1, y1."""


def free_place(candidates: Sequence[Box], taken: Iterable[Box]) -> Box:
    """Find the first place that overlaps none taken; the first of all where there is none."""
    others = list(taken)
    for a in candidates:
        if not any(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3] for b in others):
            return a
    return candidates[0]


def text_colour(background: str) -> str:
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
