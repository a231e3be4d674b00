"""Rooms of the sample scans as they are being furnished, and what all of them have.

A room's frame is the scan's: metres, +Z up, the floor's corner at the origin. North is +Y, east +X.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...geometry import FloatArray
from . import furniture as f
from . import things as t
from .shapes import Colour, Shape, ball, block, lathe, moved, sheet, turn_x, turn_z

BRIGHT: tuple[Colour, ...] = (
    (0.7, 0.08, 0.06),
    (0.08, 0.22, 0.6),
    (0.85, 0.55, 0.05),
    (0.1, 0.4, 0.2),
    (0.45, 0.12, 0.42),
    (0.05, 0.4, 0.45),
    (0.8, 0.3, 0.08),
    (0.75, 0.35, 0.42),
)
WOODS: tuple[Colour, ...] = (f.OAK, f.BEECH, f.WALNUT, f.WHITE)
CLOTHS: tuple[Colour, ...] = (
    (0.16, 0.23, 0.36),
    (0.36, 0.14, 0.12),
    (0.25, 0.3, 0.22),
    (0.42, 0.36, 0.28),
    (0.2, 0.2, 0.22),
)
WALLS: tuple[Colour, ...] = ((0.82, 0.8, 0.74), (0.74, 0.79, 0.8), (0.83, 0.76, 0.66), (0.78, 0.81, 0.72))

_WALL_GAP = 0.004
_SEAM = 0.01
_SIDES = {"north": 0.0, "west": 90.0, "south": 180.0, "east": -90.0}
"""Turn that brings a shape's back to each wall."""


@dataclass(frozen=True, slots=True)
class Item:
    """A shape with its label and place."""

    label: str
    """As the annotator wrote it; empty for what nobody annotated."""
    shape: Shape
    world_from_shape: FloatArray
    """Shape (4, 4), metres."""
    owner: int | None = None
    """Item whose annotation lists this one's vertices too."""
    is_coarse: bool = False
    """Scanned with a handful of vertices only."""


@dataclass(slots=True)
class Room:
    """A room that is being furnished."""

    kind: str
    width: float
    depth: float
    height: float
    rng: np.random.Generator
    items: list[Item] = field(default_factory=list)
    lamps: list[tuple[float, float, float]] = field(default_factory=list)
    walk: list[tuple[float, float]] = field(default_factory=list)
    """Closed way through free space for the person with the phone."""

    def pick(self, colours: tuple[Colour, ...]) -> Colour:
        """Draw a colour and vary it a little."""
        colour = colours[int(self.rng.integers(len(colours)))]
        tint = self.rng.uniform(0.85, 1.1) * self.rng.uniform(0.94, 1.06, 3)
        red, green, blue = (float(c) for c in np.clip(np.array(colour) * tint, 0.02, 0.9))
        return (red, green, blue)

    def add(
        self,
        label: str,
        shape: Shape,
        x: float,
        y: float,
        z: float = 0.0,
        yaw: float = 0.0,
        lean: float = 0.0,
        owner: int | None = None,
        wobble: float = 1.0,
        is_coarse: bool = False,
    ) -> int:
        """Put a shape onto the floor (or at height `z`); returns its index.

        Args:
            label: the annotator's text.
            shape: what stands there.
            x: metres.
            y: metres.
            z: metres.
            yaw: degrees about the vertical.
            lean: degrees that the top leans towards the shape's front (negative: its back).
            owner: item whose annotation lists this one's vertices too.
            wobble: how much of the random shift (3 cm) and turn (5 degrees) to apply.
            is_coarse: whether the scanner caught only a handful of vertices.
        """
        dx, dy, turn = self.rng.uniform(-1, 1, 3) * wobble
        pose = turn_z(yaw + 5 * turn) @ turn_x(lean)
        pose[:3, 3] = (x + 0.03 * dx, y + 0.03 * dy, z + 0.003)
        self.items.append(Item(label, shape, pose, owner, is_coarse))
        return len(self.items) - 1

    def against(
        self,
        side: str,
        label: str,
        shape: Shape,
        along: float,
        z: float = 0.0,
        lean: float = 0.0,
        is_coarse: bool = False,
    ) -> int:
        """Put a shape with its back against a wall, `along` metres from the wall's western or southern end."""
        points = np.concatenate([part.vertices for part in shape]) @ turn_x(lean)[:3, :3].T
        gap = float(points[:, 1].max()) + _WALL_GAP
        at = {
            "north": (along, self.depth - gap),
            "south": (along, gap),
            "west": (gap, along),
            "east": (self.width - gap, along),
        }[side]
        return self.add(label, shape, *at, z=z, yaw=_SIDES[side], lean=lean, wobble=0.0, is_coarse=is_coarse)

    def on(
        self,
        base: int,
        label: str,
        shape: Shape,
        dx: float,
        dy: float,
        z: float,
        yaw: float = 0.0,
        owner: bool = False,
    ) -> int:
        """Put a shape onto (or under, or into) another: offsets in the base's own frame, metres."""
        parent = self.items[base].world_from_shape
        x, y, _ = (parent @ (dx, dy, 0, 1))[:3]
        turn = np.degrees(np.arctan2(parent[1, 0], parent[0, 0]))
        level = float(parent[2, 3]) + z
        return self.add(label, shape, x, y, level, turn + yaw, owner=base if owner else None, wobble=0.4)


def shell(kind: str, rng: np.random.Generator, size: tuple[float, float, float], floor: tuple[Colour, str]) -> Room:
    """Floor, ceiling and walls; the north wall is annotated in two pieces, as real ones often are."""
    width, depth, height = size
    room = Room(kind, width, depth, height, rng)
    wall = room.pick(WALLS)
    # Sheets reach a little beyond the corners: scan noise must open no crack between them.
    cut, edge, tall = 0.45 * width, _SEAM, height + 2 * _SEAM
    ground = sheet(width + 2 * edge, depth + 2 * edge, *floor, is_floor=True)
    room.add("floor", ground, width / 2, depth / 2, -0.003, wobble=0)
    for length, x, y, yaw in (
        (cut + 2 * edge, cut / 2, depth, 0),
        (width - cut + edge, (width + cut + edge) / 2, depth, 0),
        (depth + 2 * edge, 0, depth / 2, 90),
        (width + 2 * edge, width / 2, 0, 180),
        (depth + 2 * edge, width, depth / 2, -90),
    ):
        room.add("wall", sheet(length, tall, wall, "plaster"), x, y, -edge, yaw, wobble=0)
    ceiling = sheet(width + 2 * edge, depth + 2 * edge, (0.88, 0.88, 0.86), "plaster", is_floor=True)
    room.add("ceiling", ceiling, width / 2, depth / 2, height, lean=180, wobble=0)
    return room


def hang(room: Room, label: str, shape: Shape, x: float, y: float, z: float) -> None:
    """Hang a lamp and remember its light."""
    room.add(label, shape, x, y, z, wobble=0.5)
    room.lamps.append((x, y, z - 0.05))


def openings(room: Room, door_side: str, door_at: float, window_side: str, windows: tuple[float, ...]) -> None:
    """A door with its switch, windows with sills and radiators, sockets."""
    room.against(door_side, "door", t.door(room.pick(WOODS)), door_at)
    room.against(door_side, "door frame", t.door_frame(), door_at)
    room.against(door_side, "light switch", t.plate_on_wall(), door_at + 0.68, 1.05, is_coarse=True)
    room.against(door_side, "power socket", t.plate_on_wall(), door_at + 0.9, 0.3, is_coarse=True)
    for at in windows:
        room.against(window_side, "window", t.window(1.3, 1.25), at, 0.95)
        room.against(window_side, "windowsill", (block((1.4, 0.2, 0.03), f.WHITE),), at, 0.9)
        room.against(window_side, "radiator", t.radiator(1.0), at, 0.12)


def stand_books(room: Room, shelf: int, level: float, start: float, count: int, label: str = "book") -> float:
    """Stand single books in a row on a shelf board; returns where the row ends."""
    for _ in range(count):
        width = float(room.rng.uniform(0.035, 0.06))
        size = (width, 0.19, float(room.rng.uniform(0.2, 0.28)))
        parent = room.items[shelf].world_from_shape
        x, y, _ = (parent @ (start + width / 2, -0.02, 0, 1))[:3]
        turn = float(np.degrees(np.arctan2(parent[1, 0], parent[0, 0])))
        room.add(label, t.book(size, room.pick(BRIGHT)), x, y, level, turn, wobble=0)
        start += width + 0.012
    return start


def pile(room: Room, count: int) -> list[Colour]:
    """Draw the colours of a pile of books."""
    return [room.pick(BRIGHT) for _ in range(count)]


def junk(room: Room, split: int, at: tuple[float, float, float]) -> None:
    """What annotators leave behind: an artefact to remove, things not split, an object nobody named."""
    room.add("REMOVE", (ball((0.09, 0.06, 0.04), f.GREY, power=0.6),), *at)
    heap = (*t.cushion(0.16, f.GREY, 0.05), *moved(t.fruit(f.DARK), (0.06, 0.05, 0.02)))
    room.on(split, "SPLIT", heap, -0.3, 0.1, top(room, split))
    room.on(split, "object", (lathe([(0.03, 0), (0.02, 0.09), (0, 0.1)], f.STEEL),), -0.15, 0.12, top(room, split))


def top(room: Room, item: int) -> float:
    """Height of an item's highest point above its foot, metres."""
    return float(max(part.vertices[:, 2].max() for part in room.items[item].shape))
