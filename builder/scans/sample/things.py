"""Small things of the sample scans, and what hangs on the walls, as shapes in their own frames (see `shapes.py`).

Every function takes sizes in metres and colours. What stands has its origin under it and its front towards -Y; what
hangs has its origin at the middle of its lower edge and its back at +Y.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from .furniture import CARDBOARD, CREAM, DARK, GREY, OAK, STEEL, WALNUT, WHITE
from .shapes import Colour, Part, Point, Shape, ball, block, lathe, moved, rod, tube


def vessel(kind: str, colour: Colour) -> Shape:
    """Turned tableware: mug, cup, bottle, vase, bowl, plate, pot, jar, glass, candle or bucket."""
    profiles: dict[str, list[tuple[float, float]]] = {
        "mug": [(0.04, 0), (0.042, 0.1), (0.035, 0.1), (0.034, 0.01), (0, 0.01)],
        "cup": [(0.03, 0), (0.045, 0.04), (0.048, 0.085), (0.04, 0.085), (0.03, 0.012), (0, 0.012)],
        "bottle": [(0.04, 0), (0.042, 0.18), (0.016, 0.25), (0.015, 0.31), (0, 0.31)],
        "vase": [(0.06, 0), (0.1, 0.12), (0.045, 0.26), (0.06, 0.32), (0.045, 0.32), (0.03, 0.25), (0, 0.22)],
        "bowl": [(0.06, 0), (0.14, 0.08), (0.13, 0.08), (0.06, 0.015), (0, 0.012)],
        "plate": [(0.07, 0), (0.13, 0.018), (0.13, 0.024), (0.07, 0.01), (0, 0.01)],
        "pot": [(0.11, 0), (0.12, 0.14), (0.125, 0.15), (0.02, 0.175), (0.02, 0.2), (0, 0.2)],
        "jar": [(0.045, 0), (0.05, 0.11), (0.04, 0.125), (0.045, 0.15), (0, 0.15)],
        "candle": [(0.05, 0), (0.05, 0.015), (0.03, 0.015), (0.03, 0.18), (0.004, 0.18), (0.004, 0.2), (0, 0.2)],
        "bucket": [(0.12, 0), (0.16, 0.28), (0.15, 0.28), (0.115, 0.02), (0, 0.02)],
        "trash can": [(0.12, 0), (0.15, 0.34), (0.14, 0.34), (0.11, 0.02), (0, 0.02)],
        "basket": [(0.18, 0), (0.24, 0.4), (0.225, 0.4), (0.17, 0.03), (0, 0.03)],
        "extinguisher": [(0.075, 0), (0.075, 0.4), (0.03, 0.46), (0.03, 0.5), (0, 0.5)],
        "kettle": [(0.09, 0), (0.1, 0.05), (0.07, 0.2), (0.03, 0.22), (0.02, 0.25), (0, 0.25)],
        "lantern": [(0.06, 0), (0.06, 0.02), (0.05, 0.03), (0.05, 0.2), (0.06, 0.21), (0, 0.26)],
    }
    pattern = "weave" if kind == "basket" else "plain"
    body = lathe(profiles[kind], colour, pattern=pattern)
    if kind in ("mug", "cup"):
        return (body, *_handle(0.04, 0.02, 0.08, colour))
    if kind == "kettle":
        return (body, *_handle(0.085, 0.05, 0.2, DARK), rod((-0.07, 0, 0.12), (-0.15, 0, 0.2), 0.018, colour))
    if kind == "pot":
        return (body, rod((-0.17, 0, 0.11), (0.17, 0, 0.11), 0.012, DARK))
    if kind == "bottle":
        return (body, lathe([(0.0435, 0.05), (0.0435, 0.13)], CREAM))
    if kind == "extinguisher":
        return (
            body,
            block((0.03, 0.12, 0.03), DARK, (0, -0.03, 0.5)),
            rod((0.08, 0, 0.1), (0.05, 0, 0.48), 0.012, DARK),
        )
    return (body,)


def _handle(x: float, low: float, high: float, colour: Colour) -> Shape:
    out = x + 0.035
    return (
        rod((x, 0, high), (out, 0, high - 0.005), 0.007, colour, segments=6),
        rod((out, 0, high), (out, 0, low), 0.007, colour, segments=6),
        rod((out, 0, low + 0.005), (x - 0.005, 0, low), 0.007, colour, segments=6),
    )


def pan() -> Shape:
    """A frying pan with its handle towards -Y."""
    body = lathe([(0.11, 0), (0.14, 0.05), (0.13, 0.05), (0.105, 0.01), (0, 0.01)], DARK)
    return (body, rod((0, -0.13, 0.045), (0, -0.34, 0.07), 0.014, DARK))


def keyboard() -> Shape:
    """A computer keyboard."""
    return (block((0.44, 0.14, 0.018), DARK), block((0.42, 0.12, 0.008), GREY, (0, 0, 0.018), "keys"))


def telephone() -> Shape:
    """A desk telephone with its receiver to the left."""
    return (
        block((0.2, 0.2, 0.05), DARK, taper=0.85),
        block((0.09, 0.12, 0.008), GREY, (0.03, -0.01, 0.05), "keys"),
        ball((0.025, 0.1, 0.022), (0.12, 0.12, 0.13), (-0.065, 0, 0.075), power=0.7),
    )


def headphones(colour: Colour) -> Shape:
    """Headphones that stand on their ear pads."""
    angle = np.linspace(0, np.pi, 9)
    arc = [(0.085 * np.cos(a), 0.0, 0.05 + 0.11 * np.sin(a)) for a in angle]
    band = tuple(rod(a, b, 0.009, colour, segments=6) for a, b in pairwise(arc))
    return (*band, *(ball((0.024, 0.04, 0.045), DARK, (x, 0, 0.045)) for x in (-0.085, 0.085)))


def book(size: Point, colour: Colour) -> Shape:
    """A book that stands (or lies, if its height is the least side) with its spine towards -Y."""
    width, depth, height = size
    pages = block((0.8 * width, depth - 0.008, height - 0.006), CREAM, (0, 0.004, 0.003))
    cover = block(size, colour, pattern="book")
    return (cover, pages)


def book_pile(colours: list[Colour], standing: bool = False) -> Shape:
    """Several books that lie on each other or, `standing`, lean side by side: one annotated object."""
    parts: list[Part] = []
    offset = 0.0
    for k, colour in enumerate(colours):
        thickness = 0.03 + 0.008 * (k % 3)
        if standing:
            parts += moved(book((thickness, 0.17, 0.2 + 0.02 * (k % 4)), colour), (offset + thickness / 2, 0, 0))
        else:
            parts += moved(book((0.24 - 0.01 * k, 0.17, thickness), colour), (0, 0, offset), yaw=(k % 3 - 1) * 9.0)
        offset += thickness + 0.002
    return moved(tuple(parts), (-offset / 2, 0, 0)) if standing else tuple(parts)


def carton(size: Point, colour: Colour = CARDBOARD) -> Shape:
    """A closed cardboard box with tape along its top."""
    width, depth, height = size
    tape = block((0.05, depth + 0.004, 0.003), (0.8, 0.7, 0.5), (0, 0, height))
    label = block((0.35 * width, 0.003, 0.3 * height), WHITE, (0.15 * width, -depth / 2, 0.45 * height))
    return (block(size, colour, pattern="cardboard"), tape, label)


def backpack(colour: Colour) -> Shape:
    """A stuffed backpack with a front pocket."""
    straps = tuple(rod((x, 0.14, 0.1), (x, 0.12, 0.4), 0.018, DARK) for x in (-0.08, 0.08))
    body = ball((0.16, 0.12, 0.23), colour, (0, 0, 0.23), "fabric", 0.6)
    return (body, ball((0.12, 0.06, 0.1), colour, (0, -0.11, 0.15), "fabric", 0.6), *straps)


def suitcase(colour: Colour) -> Shape:
    """A standing suitcase with ribs and a handle."""
    ribs = tuple(block((0.02, 0.26, 0.52), colour, (x, 0, 0.06)) for x in (-0.14, -0.05, 0.05, 0.14))
    bars = tuple(rod((x, 0.05, 0.58), (x, 0.05, 0.72), 0.01, STEEL) for x in (-0.08, 0.08))
    return (
        block((0.4, 0.24, 0.54), colour, (0, 0, 0.04)),
        *ribs,
        *bars,
        rod((-0.09, 0.05, 0.72), (0.09, 0.05, 0.72), 0.014, DARK),
    )


def cushion(width: float, colour: Colour, height: float = 0.14) -> Shape:
    """A cushion or pillow that lies flat."""
    return (ball((width / 2, 0.36 * width, height / 2), colour, (0, 0, height / 2), "fabric", 0.55),)


def folded(size: Point, colour: Colour, layers: int = 3) -> Shape:
    """A folded blanket, towel or pile of paper."""
    width, depth, height = size
    step = height / layers
    return tuple(
        block((width - 0.01 * (k % 2), depth - 0.012 * (k % 3), step), colour, (0, 0, k * step), "fabric")
        for k in range(layers)
    )


def sheet_of_paper(colour: Colour = WHITE) -> Shape:
    """Some sheets of paper that lie askew."""
    return (
        block((0.21, 0.297, 0.006), colour, pattern="print"),
        block((0.21, 0.297, 0.004), colour, (0.03, 0.02, 0.006), "print", yaw=14),
    )


def teddy_bear(colour: Colour) -> Shape:
    """A sitting teddy bear."""
    limbs = [(-0.1, -0.1, 0.05), (0.1, -0.1, 0.05), (-0.13, -0.03, 0.19), (0.13, -0.03, 0.19)]
    ears = tuple(ball((0.04, 0.025, 0.04), colour, (x, 0, 0.42), "fabric") for x in (-0.07, 0.07))
    eyes = tuple(ball((0.012, 0.012, 0.012), DARK, (x, -0.095, 0.37)) for x in (-0.035, 0.035))
    return (
        ball((0.12, 0.1, 0.14), colour, (0, 0, 0.14), "fabric"),
        ball((0.1, 0.09, 0.09), colour, (0, -0.01, 0.34), "fabric"),
        ball((0.04, 0.04, 0.03), CREAM, (0, -0.09, 0.32), "fabric"),
        *(ball((0.055, 0.08, 0.055), colour, at, "fabric") for at in limbs),
        *ears,
        *eyes,
    )


def guitar(colour: Colour) -> Shape:
    """A guitar that stands upright, strings towards -Y."""
    lower, upper = (lathe([(r, -0.04), (r, 0.04)], colour, pattern="wood", segments=22) for r in (0.18, 0.14))
    tilt = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0.0]])
    bodies = tuple(
        type(part)(part.vertices @ tilt + (0, 0, z), part.faces, part.colour, part.pattern, False)
        for part, z in ((lower, 0.19), (upper, 0.42))
    )
    hole = rod((0, -0.03, 0.36), (0, -0.045, 0.36), 0.045, DARK, segments=16)
    return (
        *bodies,
        hole,
        block((0.05, 0.03, 0.5), WALNUT, (0, -0.04, 0.46)),
        block((0.08, 0.03, 0.14), WALNUT, (0, -0.04, 0.96)),
    )


def broom(colour: Colour) -> Shape:
    """A broom that stands on its brush."""
    return (block((0.28, 0.06, 0.09), colour, taper=0.9, pattern="weave"), rod((0, 0, 0.08), (0, 0, 1.3), 0.013, OAK))


def umbrella(colour: Colour) -> Shape:
    """A closed umbrella that stands on its tip."""
    cloth = lathe([(0.008, 0.06), (0.05, 0.3), (0.06, 0.62), (0.012, 0.68)], colour, pattern="fabric")
    return (cloth, rod((0, 0, 0), (0, 0, 0.86), 0.008, DARK), rod((0, 0, 0.86), (0, -0.07, 0.86), 0.011, WALNUT))


def fan(colour: Colour) -> Shape:
    """A standing fan."""
    blades = tuple(
        rod((0, -0.04, 1.1), (0.16 * np.cos(a), -0.04, 1.1 + 0.16 * np.sin(a)), 0.035, colour)
        for a in np.radians([90, 210, 330])
    )
    angle = np.linspace(0, 2 * np.pi, 17)
    points = [(0.21 * np.cos(a), -0.04, 1.1 + 0.21 * np.sin(a)) for a in angle]
    rim = tuple(rod(a, b, 0.012, DARK, segments=5) for a, b in pairwise(points))
    foot = lathe([(0.19, 0), (0.19, 0.02), (0.02, 0.05)], DARK)
    return (
        foot,
        rod((0, 0, 0.03), (0, 0, 1.1), 0.018, STEEL),
        *blades,
        *rim,
        ball((0.05, 0.07, 0.05), DARK, (0, 0.01, 1.1)),
    )


def globe() -> Shape:
    """A globe on a foot."""
    foot = lathe([(0.09, 0), (0.09, 0.015), (0.012, 0.03), (0.012, 0.09)], WALNUT)
    return (foot, ball((0.13, 0.13, 0.13), (0.1, 0.3, 0.62), (0, 0, 0.21), "globe"))


def coat_stand(coat: Colour) -> Shape:
    """A coat stand with a coat on it."""
    hooks = tuple(
        rod((0, 0, 1.6), (0.14 * np.cos(a), 0.14 * np.sin(a), 1.72), 0.013, WALNUT)
        for a in np.radians([0, 90, 180, 270])
    )
    hull = ball((0.16, 0.09, 0.42), coat, (0.12, -0.02, 1.22), "fabric", 0.7)
    return (
        lathe([(0.2, 0), (0.2, 0.03), (0.02, 0.06)], WALNUT),
        rod((0, 0, 0), (0, 0, 1.75), 0.02, WALNUT),
        *hooks,
        hull,
    )


def shoes(colour: Colour) -> Shape:
    """A pair of shoes."""
    pair: Shape = ()
    for x in (-0.06, 0.06):
        pair += (
            ball((0.045, 0.13, 0.04), colour, (x, 0, 0.045), power=0.7),
            ball((0.04, 0.055, 0.06), colour, (x, 0.07, 0.07), power=0.7),
        )
    return pair


def fruit(colour: Colour, radius: float = 0.04) -> Shape:
    """A round fruit with a stalk."""
    return (
        ball((radius, radius, 0.92 * radius), colour, (0, 0, radius)),
        rod((0, 0, 1.8 * radius), (0, 0, 2.3 * radius), 0.005, WALNUT),
    )


def fruit_bowl() -> Shape:
    """A bowl of fruit, annotated as one object."""
    colours: list[Colour] = [(0.8, 0.12, 0.06), (0.9, 0.5, 0.05), (0.75, 0.7, 0.1), (0.35, 0.6, 0.1)]
    fruits = tuple(
        part
        for k, c in enumerate(colours)
        for part in moved(fruit(c), (0.065 * (k % 2) - 0.03, 0.07 * (k // 2) - 0.03, 0.035))
    )
    return (*vessel("bowl", (0.25, 0.45, 0.6)), *fruits)


def toaster() -> Shape:
    """A toaster with two slots."""
    slots = tuple(block((0.22, 0.03, 0.004), DARK, (0, y, 0.18)) for y in (-0.035, 0.035))
    return (
        ball((0.15, 0.09, 0.09), STEEL, (0, 0, 0.09), power=0.3),
        *slots,
        block((0.03, 0.02, 0.03), DARK, (0.155, 0, 0.1)),
    )


def knife_block() -> Shape:
    """A knife block with five handles."""
    grips = tuple(rod((x, 0.0, 0.2), (x, -0.04, 0.31), 0.013, DARK) for x in np.linspace(-0.05, 0.05, 4))
    return (block((0.13, 0.16, 0.22), OAK, pattern="wood", taper=0.85), *grips)


def dish_rack() -> Shape:
    """A dish rack with standing plates."""
    bars = tuple(rod((-0.2, y, z), (0.2, y, z), 0.006, STEEL, segments=6) for y in (-0.14, 0.14) for z in (0.02, 0.13))
    plates = tuple(block((0.012, 0.22, 0.22), WHITE, (x, 0, 0.025)) for x in (-0.12, -0.05, 0.02))
    posts = tuple(rod((x, y, 0), (x, y, 0.13), 0.006, STEEL, segments=6) for x in (-0.2, 0.2) for y in (-0.14, 0.14))
    return (*bars, *posts, *plates, *moved(vessel("cup", (0.2, 0.4, 0.7)), (0.12, 0, 0.02)))


def speaker(height: float) -> Shape:
    """A loudspeaker with two cones."""
    cones = tuple(
        rod((0, -0.13, z * height), (0, -0.137, z * height), r, GREY, segments=16)
        for z, r in ((0.3, 0.07), (0.72, 0.045))
    )
    return (block((0.2, 0.26, height), DARK), *cones)


def clock(radius: float, frame: Colour) -> Shape:
    """A round wall clock; the origin is its lowest point."""
    rim = rod((0, 0, radius), (0, -0.03, radius), radius, frame, segments=26)
    face = rod((0, -0.03, radius), (0, -0.034, radius), 0.9 * radius, WHITE, segments=26)
    hands = (
        rod((0, -0.038, radius), (0, -0.038, 1.7 * radius), 0.006, DARK),
        rod((0, -0.038, radius), (0.5 * radius, -0.038, 1.2 * radius), 0.008, DARK),
    )
    return (rim, face, *hands)


def picture(width: float, height: float, frame: Colour, tint: Colour, pattern: str = "art") -> Shape:
    """A framed picture; with another pattern a mirror, a whiteboard or a calendar."""
    inner = block((width - 0.06, 0.006, height - 0.06), tint, (0, -0.028, 0.03), pattern)
    return (block((width, 0.025, height), frame, (0, -0.0135, 0)), inner)


def window(width: float, height: float) -> Shape:
    """A window in its frame with two bright panes."""
    pane = (width - 0.21) / 2
    panes = tuple(
        block((pane, 0.01, height - 0.14), (0.7, 0.85, 1.0), (s * (pane / 2 + 0.035), -0.03, 0.07), "sky")
        for s in (-1, 1)
    )
    bars = tuple(
        block((0.07, 0.07, height), WHITE, (x, -0.036, 0)) for x in (-(width - 0.07) / 2, 0, (width - 0.07) / 2)
    )
    rails = tuple(block((width, 0.07, 0.07), WHITE, (0, -0.036, z)) for z in (0, height - 0.07))
    return (*panes, *bars, *rails)


def door(colour: Colour, width: float = 0.9, height: float = 2.05) -> Shape:
    """A panelled door leaf with a handle, flat on the wall."""
    panels = tuple(
        block((0.62 * width, 0.014, h), colour, (0, -0.05, z), "wood") for z, h in ((0.2, 0.7), (1.05, 0.8))
    )
    grip = rod((0.4 * width, -0.09, 1.02), (0.26 * width, -0.09, 1.02), 0.012, STEEL)
    return (
        block((width, 0.04, height), colour, (0, -0.022, 0.01), "wood"),
        *panels,
        grip,
        rod((0.4 * width, -0.04, 1.02), (0.4 * width, -0.09, 1.02), 0.012, STEEL),
    )


def door_frame(width: float = 0.9, height: float = 2.07) -> Shape:
    """The casing around a door."""
    posts = tuple(block((0.08, 0.06, height), WHITE, (s * (width / 2 + 0.045), -0.032, 0)) for s in (-1, 1))
    return (*posts, block((width + 0.17, 0.06, 0.08), WHITE, (0, -0.032, height)))


def radiator(width: float) -> Shape:
    """A ribbed radiator, its back at +Y."""
    count = int(width / 0.06)
    ribs = tuple(block((0.045, 0.09, 0.55), WHITE, ((k - (count - 1) / 2) * 0.06, 0, 0.02)) for k in range(count))
    return (*ribs, *(rod((-width / 2, 0, z), (width / 2, 0, z), 0.02, WHITE) for z in (0.05, 0.54)))


def curtain(width: float, height: float, colour: Colour) -> Shape:
    """A folded curtain that hangs; the origin is its lower edge."""
    x = np.linspace(-width / 2, width / 2, 41)
    wave = 0.035 * np.sin(x / width * 2 * np.pi * 6)
    outline = np.concatenate([np.stack([x, wave - 0.006], 1), np.stack([x, wave + 0.006], 1)[::-1]])
    rings = [np.c_[outline, np.full(len(outline), z)] for z in (0, height)]
    rail = rod((-width / 2 - 0.06, 0, height + 0.01), (width / 2 + 0.06, 0, height + 0.01), 0.014, STEEL)
    return (tube(rings, colour, "curtain", has_caps=False), rail)


def rug(width: float, depth: float, colour: Colour, is_round: bool = False) -> Shape:
    """A rug, 12 mm thick."""
    if is_round:
        return (lathe([(width / 2, 0), (width / 2, 0.012)], colour, pattern="rings", segments=36),)
    return (block((width, depth, 0.012), colour, pattern="rug"),)


def plate_on_wall(width: float = 0.08) -> Shape:
    """A light switch or power socket."""
    return (
        block((width, 0.012, width), WHITE, (0, -0.007, 0)),
        block((0.5 * width, 0.006, 0.5 * width), CREAM, (0, -0.014, 0.25 * width)),
    )
