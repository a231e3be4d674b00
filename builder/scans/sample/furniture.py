"""Furniture and small things of the sample scans, as shapes in their own frames (see `shapes.py`).

Every function takes sizes in metres and colours, and returns a shape whose front looks towards -Y.
"""

from __future__ import annotations

import numpy as np

from .shapes import Colour, Part, Point, Shape, ball, block, lathe, leaf, moved, rod

WHITE: Colour = (0.86, 0.86, 0.84)
GREY: Colour = (0.45, 0.46, 0.48)
DARK: Colour = (0.07, 0.07, 0.08)
STEEL: Colour = (0.62, 0.64, 0.66)
OAK: Colour = (0.62, 0.43, 0.24)
BEECH: Colour = (0.76, 0.6, 0.4)
WALNUT: Colour = (0.3, 0.18, 0.1)
GREEN: Colour = (0.13, 0.38, 0.1)
TERRACOTTA: Colour = (0.62, 0.27, 0.14)
CARDBOARD: Colour = (0.66, 0.48, 0.3)
CREAM: Colour = (0.85, 0.79, 0.66)


def legs(width: float, depth: float, height: float, colour: Colour, thickness: float = 0.05) -> Shape:
    """Four square legs under the corners of a top."""
    x, y = width / 2 - thickness, depth / 2 - thickness
    return tuple(
        block((thickness, thickness, height), colour, (sx * x, sy * y, 0), "wood") for sx in (-1, 1) for sy in (-1, 1)
    )


def table(width: float, depth: float, height: float, colour: Colour, leg_colour: Colour | None = None) -> Shape:
    """A table or desk with four legs and an apron."""
    top = block((width, depth, 0.035), colour, (0, 0, height - 0.035), "wood")
    under = height - 0.035
    legs_colour = leg_colour or colour
    rail = block((width - 0.16, 0.02, 0.08), legs_colour, (0, depth / 2 - 0.06, under - 0.08), "wood")
    return (top, rail, *legs(width, depth, under, legs_colour))


def round_table(radius: float, height: float, colour: Colour) -> Shape:
    """A round table on one foot."""
    top = lathe([(radius, height - 0.03), (radius, height)], colour, pattern="wood", segments=28)
    foot = lathe([(0.6 * radius, 0), (0.6 * radius, 0.02), (0.04, 0.05), (0.04, height - 0.03)], DARK)
    return (top, foot)


def chair(colour: Colour, cushion: Colour) -> Shape:
    """A wooden chair: seat 0.46 m high, slatted back to 0.88 m."""
    wood = legs(0.42, 0.42, 0.44, colour, 0.04)
    posts = tuple(block((0.04, 0.04, 0.44), colour, (x, 0.19, 0.44), "wood") for x in (-0.17, 0.17))
    slats = tuple(block((0.34, 0.02, 0.07), colour, (0, 0.19, z), "wood") for z in (0.56, 0.68, 0.8))
    seat = block((0.42, 0.42, 0.03), colour, (0, 0, 0.44), "wood")
    return (*wood, *posts, *slats, seat, ball((0.19, 0.19, 0.025), cushion, (0, 0, 0.48), "fabric", 0.5))


def office_chair(colour: Colour) -> Shape:
    """A swivel chair on a star base with arm rests."""
    angles = np.radians(np.arange(5) * 72 + 18)
    star = tuple(rod((0, 0, 0.1), (0.3 * np.cos(a), 0.3 * np.sin(a), 0.06), 0.022, DARK) for a in angles)
    wheels = tuple(ball((0.035, 0.035, 0.035), DARK, (0.3 * np.cos(a), 0.3 * np.sin(a), 0.036)) for a in angles)
    arms = tuple(
        part
        for x in (-0.27, 0.27)
        for part in (rod((x, 0, 0.46), (x, 0, 0.66), 0.018, DARK), block((0.06, 0.26, 0.03), DARK, (x, 0, 0.66)))
    )
    return (
        *star,
        *wheels,
        *arms,
        rod((0, 0, 0.08), (0, 0, 0.44), 0.03, STEEL),
        ball((0.25, 0.25, 0.05), colour, (0, 0, 0.48), "fabric", 0.45),
        rod((0, 0.22, 0.46), (0, 0.26, 0.7), 0.025, DARK),
        ball((0.22, 0.045, 0.28), colour, (0, 0.26, 0.84), "fabric", 0.5),
    )


def stool(colour: Colour, height: float = 0.5) -> Shape:
    """A round stool on three splayed legs."""
    feet = np.radians([90, 210, 330])
    wood = tuple(
        rod((0.2 * np.cos(a), 0.2 * np.sin(a), 0), (0.08 * np.cos(a), 0.08 * np.sin(a), height), 0.018, BEECH)
        for a in feet
    )
    return (*wood, lathe([(0.17, height - 0.02), (0.18, height), (0.16, height + 0.03)], colour, segments=22))


def sofa(width: float, colour: Colour, seats: int = 2) -> Shape:
    """A sofa or, with one seat, an armchair; the seat is 0.44 m high, the back 0.84 m."""
    base = block((width, 0.85, 0.26), colour, (0, 0, 0.08), "fabric")
    back = ball((width / 2, 0.13, 0.29), colour, (0, 0.32, 0.56), "fabric", 0.3)
    arms = tuple(ball((0.1, 0.42, 0.26), colour, (s * (width / 2 - 0.08), 0, 0.36), "fabric", 0.35) for s in (-1, 1))
    inner = (width - 0.36) / seats
    cushions = tuple(
        ball((inner / 2, 0.32, 0.08), colour, ((k - (seats - 1) / 2) * inner, -0.08, 0.38), "fabric", 0.35)
        for k in range(seats)
    )
    feet = tuple(
        block((0.06, 0.06, 0.08), WALNUT, (sx * (width / 2 - 0.1), sy * 0.35, 0)) for sx in (-1, 1) for sy in (-1, 1)
    )
    return (base, back, *arms, *cushions, *feet)


def bed(width: float, length: float, colour: Colour, sheet: Colour) -> Shape:
    """A bed with a headboard at +Y; the mattress ends 0.5 m high."""
    frame = block((width, length, 0.2), colour, (0, 0, 0.1), "wood")
    head = block((width + 0.06, 0.06, 0.95), colour, (0, length / 2 + 0.03, 0), "wood")
    mattress = ball((width / 2 - 0.02, length / 2 - 0.02, 0.11), sheet, (0, 0, 0.39), "fabric", 0.25)
    return (frame, head, mattress, *legs(width, length, 0.1, colour, 0.08))


def shelf(width: float, depth: float, levels: list[float], colour: Colour) -> Shape:
    """An open shelf with a board at each level (heights of the upper sides; the last one is the top)."""
    height = levels[-1]
    boards = tuple(block((width - 0.04, depth, 0.022), colour, (0, 0, z - 0.022), "wood") for z in levels)
    sides = tuple(block((0.02, depth, height), colour, (s * (width / 2 - 0.01), 0, 0), "wood") for s in (-1, 1))
    return (*boards, *sides, block((width, 0.012, height), colour, (0, depth / 2 + 0.006, 0), "wood"))


def cabinet(width: float, depth: float, height: float, colour: Colour, rows: int = 1, columns: int = 2) -> Shape:
    """A closed cabinet, dresser, wardrobe or counter: a body and a grid of fronts with handles."""
    body = block((width, depth, height - 0.06), colour, (0, 0, 0.06), "wood")
    plinth = block((width - 0.04, depth - 0.06, 0.06), DARK, (0, 0.02, 0))
    front: list[Part] = []
    cell_x, cell_z = width / columns, (height - 0.1) / rows
    for i in range(columns):
        for j in range(rows):
            x, z = (i - (columns - 1) / 2) * cell_x, 0.08 + j * cell_z
            front.append(
                block((cell_x - 0.02, 0.018, cell_z - 0.02), colour, (x, -depth / 2 - 0.009, z + 0.01), "wood")
            )
            handle_z = z + cell_z * (0.5 if rows > 1 else 0.55)
            front.append(
                rod((x - 0.05, -depth / 2 - 0.03, handle_z), (x + 0.05, -depth / 2 - 0.03, handle_z), 0.01, STEEL)
            )
    return (body, plinth, *front)


def counter(width: float, depth: float, colour: Colour, top: Colour, columns: int, sink_x: float | None) -> Shape:
    """A kitchen counter, 0.92 m high, with an optional basin that stands on its top."""
    parts = [*cabinet(width, depth, 0.88, colour, 1, columns), block((width, depth + 0.03, 0.04), top, (0, 0, 0.88))]
    return tuple(parts) if sink_x is None else (*parts, *moved(basin(), (sink_x, 0, 0.92)))


def basin() -> Shape:
    """A steel sink rim with a dark basin and a tap."""
    rim = block((0.56, 0.42, 0.012), STEEL, (0, 0, 0))
    bowl = block((0.44, 0.3, 0.006), (0.25, 0.26, 0.27), (0, -0.02, 0.012))
    tap = (rod((0, 0.17, 0), (0, 0.17, 0.26), 0.015, STEEL), rod((0, 0.17, 0.25), (0, 0.02, 0.22), 0.012, STEEL))
    return (rim, bowl, *tap)


def appliance(size: Point, colour: Colour, window: Colour = DARK, split: float = 0.0) -> Shape:
    """A box-shaped machine with a window or, with `split`, two doors (refrigerator, oven, microwave, printer)."""
    width, depth, height = size
    body = block(size, colour)
    if split:
        line = block((width, 0.006, 0.012), DARK, (0, -depth / 2 - 0.003, split * height))
        grips = tuple(
            rod((-0.4 * width, -depth / 2 - 0.03, z), (-0.4 * width, -depth / 2 - 0.03, z + 0.3), 0.012, STEEL)
            for z in (split * height - 0.35, split * height + 0.05)
        )
        return (body, line, *grips)
    pane = block(
        (0.62 * width, 0.01, 0.6 * height), window, (-0.12 * width, -depth / 2 - 0.005, 0.2 * height), "glass"
    )
    knobs = tuple(
        rod((0.37 * width, -depth / 2, z * height), (0.37 * width, -depth / 2 - 0.02, z * height), 0.05 * height, GREY)
        for z in (0.3, 0.6)
    )
    return (body, pane, *knobs)


def stove() -> Shape:
    """An oven with four burners, 0.92 m high."""
    burners = tuple(
        lathe([(0.09, 0.9), (0.09, 0.92), (0.07, 0.925)], DARK, (x, y, 0))
        for x in (-0.14, 0.14)
        for y in (-0.14, 0.14)
    )
    knobs = tuple(rod((x, -0.3, 0.82), (x, -0.335, 0.82), 0.022, DARK) for x in (-0.2, -0.07, 0.07, 0.2))
    grip = rod((-0.24, -0.33, 0.72), (0.24, -0.33, 0.72), 0.012, STEEL)
    pane = block((0.44, 0.012, 0.4), DARK, (0, -0.306, 0.24), "glass")
    return (block((0.6, 0.6, 0.9), WHITE), pane, grip, *knobs, *burners)


def hood() -> Shape:
    """A range hood that hangs at the wall; the origin is its lower edge."""
    return (block((0.6, 0.5, 0.22), STEEL, taper=0.5), block((0.26, 0.24, 0.6), STEEL, (0, 0.1, 0.22)))


def plant(height: float, pot: Colour, seed: int, width: float = 0.06) -> Shape:
    """A pot with arching leaves, `height` to their highest point."""
    rng = np.random.default_rng(seed)
    radius = min(0.17, 0.2 * height + 0.03)
    tall = 0.34 * height if height < 0.6 else 0.28 * height
    profile = [(0.7 * radius, 0), (radius, tall), (0.86 * radius, tall), (0.8 * radius, 0.85 * tall), (0, 0.85 * tall)]
    parts = [lathe(profile, pot)]
    for k in range(16):
        angle = 2 * np.pi * (k * 0.381966 + rng.uniform(0, 0.05))
        reach, rise = radius * rng.uniform(0.9, 1.8), (height - 0.85 * tall) * rng.uniform(0.6, 1.0)
        t = np.linspace(0, 1, 7)
        out, up = reach * t**1.3, rise * (1.9 * t - 0.95 * t**2.4)
        spine = np.stack([out * np.cos(angle), out * np.sin(angle), 0.85 * tall + up], axis=1)
        green = (GREEN[0] * rng.uniform(0.7, 1.5), GREEN[1] * rng.uniform(0.75, 1.3), GREEN[2])
        parts.append(leaf(spine, width * height * rng.uniform(2.2, 3.2), green))
    return tuple(parts)


def monitor(width: float = 0.56, pattern: str = "screen") -> Shape:
    """A computer monitor; a television has a wider one."""
    height = 0.58 * width
    return (
        block((0.42 * width, 0.18, 0.012), DARK, (0, 0.02, 0)),
        rod((0, 0.05, 0.01), (0, 0.05, 0.1 + 0.4 * height), 0.02, DARK),
        block((width, 0.03, height), DARK, (0, 0.01, 0.1)),
        block((width - 0.03, 0.006, height - 0.03), (0.05, 0.1, 0.16), (0, -0.008, 0.115), pattern),
    )


def laptop() -> Shape:
    """An open laptop."""
    lid = moved(
        (block((0.34, 0.012, 0.23), GREY), block((0.31, 0.004, 0.2), (0.3, 0.45, 0.6), (0, -0.008, 0.015), "screen"))
    )
    lean = tuple(
        Part(part.vertices @ np.array([[1, 0, 0], [0, 1, 0], [0, 0.35, 1.0]]) + (0, 0.12, 0.012), *_style(part))
        for part in lid
    )
    return (block((0.34, 0.24, 0.018), GREY), block((0.29, 0.1, 0.004), DARK, (0, 0.04, 0.018), "keys"), *lean)


def _style(part: Part) -> tuple[np.ndarray, Colour, str, bool]:
    return part.faces, part.colour, part.pattern, part.is_smooth


def desk_lamp(colour: Colour) -> Shape:
    """A jointed lamp with a cone shade."""
    shade = lathe([(0.09, 0), (0.03, 0.12), (0, 0.12)], colour, (0, -0.2, 0.38))
    return (
        lathe([(0.09, 0), (0.09, 0.02), (0.02, 0.03), (0, 0.03)], colour),
        rod((0, 0, 0.02), (0, 0.14, 0.3), 0.011, STEEL),
        rod((0, 0.14, 0.3), (0, -0.18, 0.48), 0.011, STEEL),
        shade,
        ball((0.03, 0.03, 0.03), (1, 0.9, 0.7), (0, -0.2, 0.4), "glow"),
    )


def lamp(height: float, colour: Colour, shade: Colour) -> Shape:
    """A table or floor lamp with a fabric shade at its top."""
    size = 0.12 + 0.06 * height
    foot = lathe([(0.1 + 0.05 * height, 0), (0.1 + 0.05 * height, 0.02), (0.015, 0.04)], colour)
    body = lathe([(0.015, 0.02), (0.05 if height < 1 else 0.015, 0.1), (0.015, height - size)], colour)
    cone = lathe([(1.15 * size, height - 1.4 * size), (0.75 * size, height), (0, height)], shade, pattern="shade")
    return (foot, body, cone)


def pendant(colour: Colour, drop: float = 0.5) -> Shape:
    """A ceiling lamp on a cord; the origin is its lower edge, the cord ends `drop` above."""
    cone = lathe([(0.2, 0), (0.06, 0.2), (0, 0.22)], colour)
    return (
        cone,
        ball((0.06, 0.06, 0.06), (1, 0.94, 0.8), (0, 0, 0.05), "glow"),
        rod((0, 0, 0.2), (0, 0, drop), 0.008, DARK),
    )


def ceiling_panel() -> Shape:
    """A long office lamp that hangs below the ceiling."""
    return (block((1.3, 0.22, 0.06), WHITE, (0, 0, 0.01)), block((1.24, 0.16, 0.01), (1, 0.98, 0.92), pattern="glow"))
