"""Where things stand in the sample rooms: an office, a bedroom, a kitchen and a living room.

A room's frame is the scan's: metres, +Z up, the floor's corner at the origin. North is +Y, east +X.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..geometry import FloatArray
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


def furnish(kind: str, seed: int) -> Room:
    """Furnish a room of one of `KINDS`; the seed varies colours, exact places and, by mirroring, the layout."""
    rng = np.random.default_rng(seed)
    room = KINDS[kind](rng)
    mirror = np.eye(4)
    if rng.random() < 0.5:
        mirror[0, 0], mirror[0, 3] = -1, room.width
    if rng.random() < 0.5:
        mirror[1, 1], mirror[1, 3] = -1, room.depth
    room.items = [
        Item(item.label, item.shape, mirror @ item.world_from_shape, item.owner, item.is_coarse) for item in room.items
    ]
    flip = np.diag(mirror)
    room.walk = [(x * flip[0] + mirror[0, 3], y * flip[1] + mirror[1, 3]) for x, y in room.walk]
    room.lamps = [(x * flip[0] + mirror[0, 3], y * flip[1] + mirror[1, 3], z) for x, y, z in room.lamps]
    return room


def _shell(kind: str, rng: np.random.Generator, size: tuple[float, float, float], floor: tuple[Colour, str]) -> Room:
    """Floor, ceiling and walls; the north wall is annotated in two pieces, as real ones often are."""
    width, depth, height = size
    room = Room(kind, width, depth, height, rng)
    wall = room.pick(WALLS)
    room.add("floor", sheet(width, depth, floor[0], floor[1], is_floor=True), width / 2, depth / 2, -0.003, wobble=0)
    cut = 0.45 * width
    room.add("wall", sheet(cut, height, wall, "plaster"), cut / 2, depth, wobble=0)
    room.add("wall", sheet(width - cut, height, wall, "plaster"), (width + cut) / 2, depth, wobble=0)
    room.add("wall", sheet(depth, height, wall, "plaster"), 0, depth / 2, yaw=90, wobble=0)
    room.add("wall", sheet(width, height, wall, "plaster"), width / 2, 0, yaw=180, wobble=0)
    room.add("wall", sheet(depth, height, wall, "plaster"), width, depth / 2, yaw=-90, wobble=0)
    ceiling = sheet(width, depth, (0.88, 0.88, 0.86), "plaster", is_floor=True)
    room.items.append(Item("ceiling", ceiling, np.array(turn_x(180)) + _lift(width / 2, depth / 2, height)))
    return room


def _lift(x: float, y: float, z: float) -> FloatArray:
    shift = np.zeros((4, 4))
    shift[:3, 3] = (x, y, z)
    return shift


def _hang(room: Room, label: str, shape: Shape, x: float, y: float, z: float) -> None:
    room.add(label, shape, x, y, z, wobble=0.5)
    room.lamps.append((x, y, z - 0.05))


def _openings(room: Room, door_side: str, door_at: float, window_side: str, windows: tuple[float, ...]) -> None:
    """A door with its switch, windows with sills and radiators, sockets."""
    room.against(door_side, "door", t.door(room.pick(WOODS)), door_at)
    room.against(door_side, "door frame", t.door_frame(), door_at)
    room.against(door_side, "light switch", t.plate_on_wall(), door_at + 0.68, 1.05, is_coarse=True)
    room.against(door_side, "power socket", t.plate_on_wall(), door_at + 0.9, 0.3, is_coarse=True)
    for at in windows:
        room.against(window_side, "window", t.window(1.3, 1.25), at, 0.95)
        room.against(window_side, "windowsill", (block((1.4, 0.2, 0.03), f.WHITE),), at, 0.9)
        room.against(window_side, "radiator", t.radiator(1.0), at, 0.12)


def _books(room: Room, shelf: int, level: float, start: float, count: int, label: str = "book") -> float:
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


def _pile(room: Room, count: int) -> list[Colour]:
    return [room.pick(BRIGHT) for _ in range(count)]


def _junk(room: Room, split: int, at: tuple[float, float, float]) -> None:
    """What annotators leave behind: an artefact to remove, things not split, an object nobody named."""
    room.add("REMOVE", (ball((0.09, 0.06, 0.04), f.GREY, power=0.6),), *at)
    room.on(
        split,
        "SPLIT",
        (*t.cushion(0.16, f.GREY, 0.05), *moved(t.fruit(f.DARK), (0.06, 0.05, 0.02))),
        -0.3,
        0.1,
        _top(room, split),
    )
    room.on(split, "object", (lathe([(0.03, 0), (0.02, 0.09), (0, 0.1)], f.STEEL),), -0.15, 0.12, _top(room, split))


def _top(room: Room, item: int) -> float:
    return float(max(part.vertices[:, 2].max() for part in room.items[item].shape))


def _office(rng: np.random.Generator) -> Room:
    room = _shell("office", rng, (6.4, 5.2, 2.8), ((0.2, 0.23, 0.28), "carpet"))
    _openings(room, "south", 1.2, "north", (3.7,))
    wood, cloth = room.pick((f.BEECH, f.WHITE, f.OAK)), room.pick(CLOTHS)
    island = [
        room.add("desk", f.table(1.4, 0.7, 0.74, wood, f.GREY), x, y, yaw=yaw, wobble=0)
        for x, y, yaw in ((2.3, 2.24, 0), (3.72, 2.24, 0), (2.3, 2.96, 180), (3.72, 2.96, 180))
    ]
    for x, y, yaw in ((2.2, 1.5, 170), (3.9, 1.45, 205), (2.45, 3.7, -12), (3.6, 3.75, 25)):
        room.add("Office chair " if yaw == 170 else "office chair", f.office_chair(cloth), x, y, yaw=yaw)
    side = room.against("east", "desk", f.table(1.6, 0.7, 0.74, wood, f.GREY), 2.5)
    room.add("office chair", f.office_chair(room.pick(CLOTHS)), 5.2, 2.6, yaw=100)
    for desk, dx in ((island[0], -0.1), (island[1], 0.2), (island[2], 0.15), (island[3], -0.1), (side, 0.3)):
        room.on(desk, "monitor", f.monitor(), dx, 0.17, 0.74)
        room.on(desk, "keyboard", t.keyboard(), dx, -0.16, 0.74)
    for desk, dx in ((island[0], 0.24), (island[3], 0.24)):
        room.on(desk, "computer mouse", (ball((0.035, 0.055, 0.02), f.DARK, (0, 0, 0.02)),), dx, -0.16, 0.74)
    _office_desks(room, island, side)
    _office_walls(room)
    _junk(room, side, (4.9, 4.3, 0.9))
    for x, y in ((1.8, 1.4), (4.6, 1.4), (1.8, 3.8), (4.6, 3.8)):
        _hang(room, "ceiling lamp", f.ceiling_panel(), x, y, 2.66)
    room.walk = [
        (1.1, 0.95),
        (2.4, 0.75),
        (3.8, 0.8),
        (4.9, 1.2),
        (4.85, 3.4),
        (3.9, 4.45),
        (2.3, 4.3),
        (1.0, 3.9),
        (1.05, 2.4),
    ]
    return room


def _office_desks(room: Room, island: list[int], side: int) -> None:
    a, b, c, d = island
    room.on(a, "mug", t.vessel("mug", room.pick(BRIGHT)), 0.45, 0.05, 0.74)
    room.on(a, "headphones", t.headphones(room.pick(BRIGHT)), -0.5, 0.0, 0.74, 30)
    room.on(b, "bottle", t.vessel("bottle", (0.1, 0.3, 0.12)), -0.3, 0.1, 0.74)
    room.on(b, "paper", t.sheet_of_paper(), -0.45, -0.15, 0.74, 20)
    room.on(c, "potted plant", f.plant(0.32, f.TERRACOTTA, 3), 0.55, 0.1, 0.74)
    room.on(c, "mug", t.vessel("mug", room.pick(BRIGHT)), -0.5, -0.1, 0.74, 140)
    room.on(c, "stapler", (block((0.05, 0.16, 0.05), (0.6, 0.05, 0.05), taper=0.8),), -0.35, 0.05, 0.74, 40)
    room.on(d, "desk lamp", f.desk_lamp((0.6, 0.06, 0.05)), 0.5, 0.2, 0.74, -40)
    room.on(d, "laptop", f.laptop(), -0.5, -0.1, 0.74, 20)
    room.on(side, "telephone", t.telephone(), -0.3, -0.12, 0.74, 15)
    room.on(side, "desk lamp", f.desk_lamp(room.pick(BRIGHT)), 0.68, 0.1, 0.74, -30)
    room.on(side, "bottle", t.vessel("bottle", (0.4, 0.22, 0.05)), -0.68, 0.15, 0.74)
    room.on(side, "apple", t.fruit((0.7, 0.1, 0.06)), -0.6, -0.2, 0.74)
    room.on(side, "trash can", t.vessel("trash can", f.GREY), 0.6, 0.0, 0)
    room.on(a, "trashcan", t.vessel("trash can", (0.1, 0.2, 0.42)), -0.5, 0.05, 0)
    room.on(b, "backpack", t.backpack(room.pick(BRIGHT)), 0.3, 0.1, 0, 25)
    room.on(c, "box", t.carton((0.4, 0.3, 0.26)), 0.2, 0.05, 0)
    room.on(d, "suitcase", t.suitcase(room.pick(BRIGHT)), 0.35, 0.15, 0)
    room.on(
        d,
        "tissue box",
        (block((0.22, 0.12, 0.09), (0.25, 0.5, 0.6)), ball((0.05, 0.03, 0.04), f.WHITE, (0, 0, 0.1))),
        -0.1,
        0.24,
        0.74,
    )


def _office_walls(room: Room) -> None:
    for along in (0.75, 1.75):
        shelf = room.against("north", "bookshelf", f.shelf(0.95, 0.32, [0.1, 0.5, 0.9, 1.3, 1.7], f.BEECH), along)
        for level in (0.1, 0.5, 0.9, 1.3):
            end = _books(room, shelf, level, -0.42, int(room.rng.integers(1, 3)))
            label = "books" if level != 0.5 else "Books"
            room.on(shelf, label, t.book_pile(_pile(room, 5), standing=True), end + 0.15, -0.02, level)
        room.on(shelf, "box", t.carton((0.26, 0.2, 0.2), room.pick(BRIGHT)), 0.28, 0, 0.9)
        room.on(shelf, "vase", t.vessel("vase", room.pick(BRIGHT)), 0.3, 0, 1.3)
    cabinet = room.against("west", "cabinet", f.cabinet(1.3, 0.45, 0.95, f.OAK, 1, 3), 2.7)
    room.on(cabinet, "printer", f.appliance((0.45, 0.38, 0.24), f.GREY), -0.35, 0, 0.95)
    room.on(cabinet, "globe", t.globe(), 0.15, 0, 0.95)
    room.on(cabinet, "potted plant", f.plant(0.4, f.WHITE, 8), 0.5, 0, 0.95)
    room.against("west", "picture", t.picture(0.6, 0.8, f.WALNUT, room.pick(BRIGHT)), 1.5, 1.3)
    room.against("west", "picture", t.picture(0.7, 0.5, f.DARK, room.pick(BRIGHT)), 4.0, 1.4)
    room.add("coat stand", t.coat_stand(room.pick(CLOTHS)), 0.42, 0.45)
    room.against("south", "whiteboard", t.picture(1.8, 1.1, f.STEEL, (0.9, 0.9, 0.9), "plain"), 3.4, 0.95)
    room.against("south", "fire extinguisher", t.vessel("extinguisher", (0.65, 0.03, 0.03)), 2.25)
    room.against("south", "clock", t.clock(0.16, f.DARK), 5.0, 2.05)
    box = room.add("box", t.carton((0.55, 0.42, 0.4)), 5.0, 0.3)
    room.on(box, "box", t.carton((0.36, 0.3, 0.28)), 0.04, 0, 0.403, 14)
    room.add("fan", t.fan(f.WHITE), 5.95, 0.5, yaw=-50)
    room.against("east", "calendar", t.picture(0.4, 0.55, f.WHITE, (0.8, 0.78, 0.7), "print"), 1.3, 1.4)
    room.against("east", "picture", t.picture(0.9, 0.6, f.OAK, room.pick(BRIGHT)), 2.6, 1.5)
    room.add("potted plant", f.plant(1.25, f.TERRACOTTA, 5), 5.85, 4.65)
    room.against("east", "umbrella", t.umbrella(room.pick(BRIGHT)), 3.7, lean=-10)
    room.against("north", "potted plant", f.plant(0.28, room.pick(BRIGHT), 9), 3.3, 0.933)
    room.against("north", "ball", (ball((0.11, 0.11, 0.11), (0.75, 0.2, 0.1), (0, 0, 0.11)),), 4.9)


def _bedroom(rng: np.random.Generator) -> Room:
    room = _shell("bedroom", rng, (4.8, 4.5, 2.6), ((0.58, 0.4, 0.23), "planks"))
    _openings(room, "south", 1.35, "east", (2.7,))
    wood = room.pick(WOODS)
    bed = room.against("north", "bed", f.bed(1.6, 2.0, wood, (0.8, 0.79, 0.75)), 2.4)
    for dx in (-0.4, 0.4):
        room.on(bed, "pillow", t.cushion(0.6, f.WHITE, 0.15), dx, 0.72, 0.48)
    room.on(bed, "pillow", t.cushion(0.4, room.pick(BRIGHT), 0.14), 0.05, 0.38, 0.48, 20)
    room.on(bed, "blanket", t.folded((1.3, 0.6, 0.09), room.pick(CLOTHS)), 0.05, -0.6, 0.49, owner=True)
    room.on(bed, "teddy bear", t.teddy_bear((0.48, 0.3, 0.14)), -0.45, 0.25, 0.49, 20)
    room.on(bed, "book", t.book((0.2, 0.27, 0.035), room.pick(BRIGHT)), 0.5, 0.05, 0.5, 25)
    for along, dx in ((1.2, 0.1), (3.6, -0.1)):
        stand = room.against("north", "nightstand", f.cabinet(0.46, 0.4, 0.52, wood, 2, 1), along)
        room.on(stand, "table lamp", f.lamp(0.46, room.pick(BRIGHT), f.CREAM), dx, 0.05, 0.52)
        things = ("alarm clock", t.clock(0.07, f.DARK)) if dx > 0 else ("cup", t.vessel("cup", room.pick(BRIGHT)))
        room.on(stand, *things, -1.3 * dx, -0.08, 0.52)
        room.on(stand, "book", t.book((0.14, 0.2, 0.03), room.pick(BRIGHT)), -1.1 * dx, 0.1, 0.52, 10)
    _bedroom_walls(room, wood)
    _bedroom_floor(room)
    _hang(room, "ceiling lamp", f.pendant(room.pick(BRIGHT)), 2.4, 1.7, 2.1)
    room.lamps.append((2.4, 3.4, 2.3))
    room.walk = [
        (1.2, 1.1),
        (1.2, 2.1),
        (1.25, 2.7),
        (1.6, 1.8),
        (2.6, 1.5),
        (3.5, 2.1),
        (3.6, 3.1),
        (3.55, 1.9),
        (3.1, 1.1),
        (2.1, 0.95),
    ]
    return room


def _bedroom_walls(room: Room, wood: Colour) -> None:
    for along in (1.9, 2.9):
        room.against("north", "picture", t.picture(0.5, 0.65, f.WALNUT, room.pick(BRIGHT)), along, 1.45)
    wardrobe = room.against("west", "wardrobe", f.cabinet(1.4, 0.58, 2.05, wood, 1, 3), 1.2)
    room.on(wardrobe, "box", t.carton((0.5, 0.4, 0.26)), -0.35, 0, 2.05)
    room.on(wardrobe, "basket", t.vessel("basket", (0.55, 0.4, 0.2)), 0.35, 0, 2.05)
    desk = room.against("west", "desk", f.table(0.95, 0.5, 0.74, wood), 3.35)
    room.on(desk, "laptop", f.laptop(), 0.1, -0.03, 0.74)
    room.on(desk, "desk lamp", f.desk_lamp(room.pick(BRIGHT)), -0.36, 0.08, 0.74, 40)
    room.on(desk, "mug", t.vessel("mug", room.pick(BRIGHT)), -0.2, -0.15, 0.74)
    room.on(desk, "books", t.book_pile(_pile(room, 4)), 0.37, 0.06, 0.74)
    room.on(desk, "trash can", t.vessel("trash can", f.STEEL), 0.25, 0.05, 0)
    room.add("Chair", f.chair(wood, room.pick(CLOTHS)), 0.9, 3.3, yaw=100)
    room.against("west", "calendar", t.picture(0.36, 0.5, f.WHITE, (0.8, 0.78, 0.7), "print"), 3.4, 1.35)
    dresser = room.against("south", "dresser", f.cabinet(1.2, 0.45, 0.85, wood, 3, 2), 3.0)
    room.against("south", "mirror", t.picture(0.8, 0.8, f.OAK, (0.55, 0.62, 0.66), "glass"), 3.0, 1.2)
    room.on(dresser, "vase", t.vessel("vase", room.pick(BRIGHT)), -0.45, 0.02, 0.85)
    room.on(dresser, "radio", f.appliance((0.3, 0.12, 0.18), room.pick(BRIGHT), f.GREY), 0.05, 0.05, 0.85)
    for dx in (0.3, 0.42):
        room.on(dresser, "candle", t.vessel("candle", f.CREAM), dx, -0.06, 0.85)
    room.on(dresser, "jewelry box", (block((0.18, 0.13, 0.09), f.WALNUT, pattern="wood"),), -0.2, -0.08, 0.85, 12)
    room.on(dresser, "bottle", t.vessel("bottle", (0.6, 0.4, 0.5)), 0.5, 0.08, 0.85)
    _junk(room, dresser, (3.9, 2.2, 1.9))
    cloth = room.pick(BRIGHT)
    for along in (1.85, 3.55):
        room.against("east", "curtain", t.curtain(0.5, 2.1, cloth), along, 0.2)
    room.against("east", "potted plant", f.plant(0.3, room.pick(BRIGHT), 4), 2.6, 0.933)


def _bedroom_floor(room: Room) -> None:
    chair = room.add("armchair", f.sofa(0.95, room.pick(CLOTHS), 1), 4.15, 0.85, yaw=-135)
    room.on(chair, "cushion", t.cushion(0.42, room.pick(BRIGHT)), 0, -0.05, 0.45, owner=True)
    room.add("floor lamp", f.lamp(1.55, f.DARK, f.CREAM), 4.5, 0.28)
    room.add("rug", t.rug(1.9, 1.9, room.pick(BRIGHT), is_round=True), 2.4, 1.35)
    room.add("ball", (ball((0.12, 0.12, 0.12), (0.8, 0.75, 0.1), (0, 0, 0.12)),), 2.75, 1.75)
    room.add("shoes", t.shoes(room.pick(BRIGHT)), 1.35, 2.5, yaw=70)
    room.add("shoe", t.shoes(f.DARK), 0.95, 0.35, yaw=170)
    room.add("laundry basket", t.vessel("basket", f.CREAM), 0.32, 2.35)
    room.against("north", "guitar", t.guitar((0.65, 0.32, 0.08)), 0.5, lean=-9)
    room.add("suitcase", t.suitcase(room.pick(BRIGHT)), 3.75, 2.3, yaw=75)
    room.add("backpack", t.backpack(room.pick(BRIGHT)), 2.05, 0.4, yaw=165)
    room.add("potted plant", f.plant(1.1, f.TERRACOTTA, 11), 4.42, 4.1)
    room.add("box", t.carton((0.4, 0.3, 0.3)), 4.15, 1.7, yaw=15)


def _kitchen(rng: np.random.Generator) -> Room:
    room = _shell("kitchen", rng, (5.2, 4.6, 2.6), ((0.66, 0.6, 0.52), "tiles"))
    _openings(room, "south", 0.9, "west", (2.2,))
    wood = room.pick((f.WHITE, f.OAK, (0.3, 0.42, 0.4)))
    left = room.against("north", "kitchen counter", f.counter(1.95, 0.6, wood, f.WALNUT, 4, -0.35), 1.3)
    room.against("north", "stove", f.stove(), 2.6)
    right = room.against("north", "kitchen counter", f.counter(1.1, 0.6, wood, f.WALNUT, 2, None), 3.48)
    room.against("north", "refrigerator", f.appliance((0.7, 0.68, 1.85), f.WHITE, split=0.62), 4.55)
    for along, width in ((0.75, 0.8), (1.6, 0.8), (3.55, 1.0)):
        room.against("north", "kitchen cabinet", f.cabinet(width, 0.34, 0.66, wood, 1, 2), along, 1.5)
    room.against("north", "range hood", f.hood(), 2.6, 1.6)
    _kitchen_counters(room, left, right)
    _kitchen_table(room)
    _kitchen_walls(room)
    room.lamps += [(2.6, 3.5, 2.4)]
    room.walk = [
        (1.15, 1.3),
        (1.1, 2.5),
        (1.5, 3.3),
        (2.6, 3.4),
        (3.7, 3.25),
        (4.15, 2.5),
        (4.05, 1.2),
        (2.9, 0.75),
        (1.8, 0.85),
    ]
    return room


def _kitchen_counters(room: Room, left: int, right: int) -> None:
    room.on(left, "kettle", t.vessel("kettle", f.STEEL), 0.25, 0.1, 0.92)
    room.on(left, "toaster", t.toaster(), 0.55, 0.12, 0.92)
    room.on(left, "knife block", t.knife_block(), 0.85, 0.15, 0.92)
    room.on(left, "dish rack", t.dish_rack(), -0.75, 0.05, 0.92, 90)
    room.on(left, "bottle", t.vessel("bottle", (0.1, 0.45, 0.15)), 0.02, 0.2, 0.92)
    room.on(left, "cup", t.vessel("cup", room.pick(BRIGHT)), 0.5, -0.15, 0.92, 60)
    room.on(
        left, "sponge", (ball((0.055, 0.035, 0.02), (0.8, 0.65, 0.1), (0, 0, 0.02), power=0.4),), 0.06, -0.18, 0.92
    )
    room.add("pot", t.vessel("pot", (0.55, 0.1, 0.08)), 2.46, 4.42, 0.925)
    room.add("pan", t.pan(), 2.74, 4.16, 0.925, yaw=20)
    room.on(right, "microwave", f.appliance((0.5, 0.36, 0.29), f.WHITE), -0.22, 0.06, 0.92)
    room.on(right, "cutting board", (block((0.24, 0.34, 0.02), f.BEECH, pattern="wood"),), 0.15, -0.1, 0.92, 80)
    for dx, colour in ((0.22, 0), (0.34, 1), (0.46, 2)):
        room.on(right, "jar", t.vessel("jar", BRIGHT[colour]), dx, 0.2, 0.92)
    room.on(
        right,
        "paper towel",
        (lathe([(0.06, 0), (0.06, 0.24), (0.01, 0.24), (0.01, 0.28), (0, 0.28)], f.WHITE),),
        0.45,
        -0.12,
        0.92,
    )
    room.on(right, "bowl", t.vessel("bowl", room.pick(BRIGHT)), -0.2, 0.06, 1.21)


def _kitchen_table(room: Room) -> None:
    wood, cloth = room.pick((f.OAK, f.BEECH, f.WALNUT)), room.pick(BRIGHT)
    room.add("rug", t.rug(2.1, 1.6, room.pick(CLOTHS)), 2.6, 2.0, wobble=0.3)
    table = room.add("table", f.table(1.5, 0.9, 0.75, wood), 2.6, 2.0, 0.012, wobble=0.3)
    for dx, dy, yaw in ((-0.35, -0.62, 180), (0.38, -0.6, 172), (-0.38, 0.62, 8), (0.35, 0.66, -10)):
        room.add("chair", f.chair(wood, cloth), 2.6 + dx, 2.0 + dy, 0.012, yaw)
    for dx, dy in ((-0.4, -0.25), (0.35, -0.25), (-0.4, 0.25)):
        room.on(table, "plate", t.vessel("plate", f.WHITE), dx, dy, 0.75)
    room.on(table, "fruit bowl", t.fruit_bowl(), 0.0, 0.02, 0.75)
    room.on(table, "cup", t.vessel("cup", room.pick(BRIGHT)), -0.18, -0.3, 0.75)
    room.on(table, "cup", t.vessel("cup", room.pick(BRIGHT)), 0.58, -0.2, 0.75, 120)
    room.on(table, "bottle", t.vessel("bottle", (0.35, 0.06, 0.08)), 0.3, 0.12, 0.75)
    room.on(table, "candle", t.vessel("candle", (0.7, 0.15, 0.12)), 0.2, 0.3, 0.75)
    room.on(table, "newspaper", t.sheet_of_paper(), 0.56, 0.22, 0.75, 25)
    room.on(table, "apple", t.fruit((0.7, 0.1, 0.05)), -0.6, 0.0, 0.75)
    room.on(table, "bucket", t.vessel("bucket", (0.1, 0.3, 0.6)), 0.1, 0.05, 0)
    for dx in (-0.4, 0.4):
        _hang(room, "ceiling lamp", f.pendant(room.pick(BRIGHT), 0.7), 2.6 + dx, 2.0, 1.9)


def _kitchen_walls(room: Room) -> None:
    side = room.against("east", "sideboard", f.cabinet(1.4, 0.42, 0.85, room.pick(WOODS), 2, 3), 1.7)
    room.on(side, "radio", f.appliance((0.3, 0.14, 0.19), room.pick(BRIGHT), f.GREY), -0.5, 0.03, 0.85)
    room.on(side, "potted plant", f.plant(0.42, f.TERRACOTTA, 21), 0.5, 0, 0.85)
    room.on(side, "vase", t.vessel("vase", room.pick(BRIGHT)), 0.1, 0.02, 0.85)
    room.on(side, "book", t.book((0.2, 0.26, 0.035), room.pick(BRIGHT)), 0.28, -0.02, 0.85, 15)
    room.on(side, "books", t.book_pile(_pile(room, 3)), -0.15, 0.0, 0.85)
    _junk(room, side, (4.5, 2.9, 1.6))
    room.against("east", "picture", t.picture(0.8, 0.6, f.OAK, room.pick(BRIGHT)), 1.4, 1.4)
    room.against("east", "picture", t.picture(0.5, 0.6, f.DARK, room.pick(BRIGHT)), 2.5, 1.35)
    for x in (4.75, 4.3):
        room.add("stool", f.stool(room.pick(BRIGHT)), x, 3.1 if x > 4.5 else 0.5)
    rack = room.against("west", "shelf", f.shelf(0.9, 0.3, [0.12, 0.5, 0.88, 1.25], f.BEECH), 3.4)
    room.on(rack, "basket", t.vessel("basket", (0.55, 0.4, 0.2)), -0.2, 0, 0.12)
    room.on(rack, "jar", t.vessel("jar", BRIGHT[6]), 0.25, 0, 0.5)
    room.on(rack, "bowl", t.vessel("bowl", room.pick(BRIGHT)), -0.2, 0, 0.5)
    room.on(rack, "mug", t.vessel("mug", room.pick(BRIGHT)), -0.25, -0.04, 0.88)
    room.on(rack, "mug", t.vessel("mug", room.pick(BRIGHT)), 0.0, -0.04, 0.88, 70)
    room.on(rack, "teapot", t.vessel("kettle", room.pick(BRIGHT)), 0.27, 0, 0.88)
    room.on(rack, "potted plant", f.plant(0.36, room.pick(BRIGHT), 22), 0.15, 0, 1.25)
    cloth = room.pick(BRIGHT)
    for along in (1.35, 3.05):
        room.against("west", "curtain", t.curtain(0.35, 1.45, cloth), along, 0.85)
    room.against("south", "clock", t.clock(0.17, room.pick(BRIGHT)), 2.4, 1.9)
    room.against("south", "calendar", t.picture(0.36, 0.5, f.WHITE, (0.8, 0.78, 0.7), "print"), 3.2, 1.35)
    room.against("south", "broom", t.broom((0.2, 0.4, 0.15)), 2.1, lean=-8)
    room.against("south", "fire extinguisher", t.vessel("extinguisher", (0.65, 0.03, 0.03)), 2.55)
    room.add("trash can", t.vessel("trash can", f.STEEL), 3.0, 0.25)
    room.add("trash-can", t.vessel("trash can", (0.12, 0.35, 0.16)), 3.4, 0.27)
    for along, size in ((3.85, 0.34), (4.85, 0.4)):
        room.against("south", "box", t.carton((size, 0.3, 0.28)), along)
    room.add("towel", t.folded((0.24, 0.04, 0.4), room.pick(BRIGHT), 1), 2.6, 3.93, 0.32, wobble=0.2)


def _living_room(rng: np.random.Generator) -> Room:
    room = _shell("living room", rng, (6.4, 5.2, 2.7), ((0.5, 0.32, 0.17), "planks"))
    _openings(room, "south", 5.2, "north", (1.4,))
    wood = room.pick((f.OAK, f.WALNUT, f.WHITE))
    room.add("rug", t.rug(2.4, 1.7, room.pick(BRIGHT)), 1.75, 2.3, yaw=90)
    stand = room.against("west", "tv stand", f.cabinet(1.6, 0.42, 0.48, wood, 1, 3), 2.3)
    room.on(stand, "tv", f.monitor(1.1, "art"), 0, 0.02, 0.48)
    room.on(stand, "vase", t.vessel("vase", room.pick(BRIGHT)), 0.68, 0, 0.48)
    room.on(stand, "Remote  control", (block((0.05, 0.18, 0.025), f.DARK),), -0.68, -0.1, 0.48, 30)
    for along in (1.2, 3.4):
        room.against("west", "speaker", t.speaker(0.85), along)
    sofa = room.add("sofa", f.sofa(2.1, room.pick(CLOTHS)), 3.0, 2.3, yaw=-90)
    for dx, yaw in ((-0.6, 10), (0.62, -15)):
        room.on(sofa, "cushion", t.cushion(0.44, room.pick(BRIGHT)), dx, 0.02, 0.45, yaw, owner=True)
    room.on(sofa, "blanket", t.folded((0.45, 0.4, 0.08), room.pick(BRIGHT)), 0.1, -0.08, 0.45, owner=True)
    for x, y, yaw in ((1.7, 0.8, 175), (1.75, 3.85, 8)):
        chair = room.add("armchair", f.sofa(0.95, room.pick(CLOTHS), 1), x, y, yaw=yaw)
        room.on(chair, "cushion", t.cushion(0.4, room.pick(BRIGHT)), 0, -0.02, 0.45, owner=True)
    _living_tables(room, wood)
    _living_walls(room, wood)
    _junk(room, stand, (4.2, 4.2, 1.0))
    _hang(room, "ceiling lamp", f.pendant(room.pick(BRIGHT), 0.6), 5.0, 3.8, 2.05)
    _hang(room, "ceiling lamp", f.pendant(room.pick(BRIGHT), 0.4), 2.2, 2.3, 2.28)
    room.lamps.append((4.4, 1.2, 2.4))
    room.walk = [(2.35, 1.1), (2.3, 2.3), (2.55, 3.7), (3.7, 3.6), (4.05, 2.7), (5.1, 2.5), (4.6, 1.2), (3.5, 0.85)]
    return room


def _living_tables(room: Room, wood: Colour) -> None:
    low = room.add("coffee table", f.table(1.05, 0.55, 0.42, wood), 1.75, 2.3, 0.012, 90, wobble=0.3)
    room.on(low, "remote-control", (block((0.05, 0.18, 0.025), f.DARK),), -0.35, -0.12, 0.42, 60)
    room.on(low, "cup", t.vessel("cup", room.pick(BRIGHT)), -0.05, -0.15, 0.42)
    room.on(low, "candle", t.vessel("candle", f.CREAM), 0.12, 0.08, 0.42)
    room.on(low, "bowl", t.vessel("bowl", room.pick(BRIGHT)), -0.2, 0.1, 0.42)
    room.on(low, "newspaper", t.sheet_of_paper(), 0.34, -0.05, 0.42, 15)
    room.on(low, "basket", t.vessel("basket", (0.55, 0.4, 0.2)), 0.2, 0, 0)
    cloth = room.pick(BRIGHT)
    table = room.add("table", f.round_table(0.58, 0.74, wood), 5.0, 3.8)
    for angle in (-100, 20, 150):
        x, y = 5.0 + 0.66 * np.cos(np.radians(angle)), 3.8 + 0.66 * np.sin(np.radians(angle))
        room.add("chair", f.chair(wood, cloth), x, y, yaw=angle - 90)
    room.on(table, "fruit bowl", t.fruit_bowl(), 0.05, 0.1, 0.74)
    room.on(table, "cup", t.vessel("cup", room.pick(BRIGHT)), 0.3, -0.15, 0.74, 80)
    room.on(table, "bottle", t.vessel("bottle", (0.1, 0.3, 0.12)), -0.25, 0.15, 0.74)
    room.on(table, "plate", t.vessel("plate", f.WHITE), -0.15, -0.3, 0.74)
    side = room.add("side table", f.round_table(0.26, 0.55, wood), 2.75, 0.65)
    room.on(side, "table lamp", f.lamp(0.5, room.pick(BRIGHT), f.CREAM), 0, 0.05, 0.55)
    room.on(side, "book", t.book((0.13, 0.19, 0.03), room.pick(BRIGHT)), 0.05, -0.16, 0.55, 30)


def _living_walls(room: Room, wood: Colour) -> None:
    shelf = room.against("east", "bookshelf", f.shelf(1.3, 0.32, [0.1, 0.5, 0.9, 1.3, 1.7, 2.0], wood), 1.5)
    for level in (0.1, 0.5, 0.9, 1.3):
        end = _books(room, shelf, level, -0.6, 2)
        room.on(shelf, "books", t.book_pile(_pile(room, 5), standing=True), end + 0.14, -0.02, level)
    room.on(shelf, "globe", t.globe(), 0.4, 0, 0.9)
    room.on(shelf, "radio", f.appliance((0.28, 0.14, 0.18), room.pick(BRIGHT), f.GREY), 0.35, 0, 0.5)
    room.on(shelf, "vase", t.vessel("vase", room.pick(BRIGHT)), 0.3, 0, 1.3)
    room.on(shelf, "box", t.carton((0.34, 0.24, 0.24), room.pick(BRIGHT)), 0.35, 0, 0.1)
    room.on(shelf, "lantern", t.vessel("lantern", f.DARK), 0.1, 0, 1.7)
    dresser = room.against("north", "dresser", f.cabinet(1.3, 0.45, 0.85, wood, 3, 2), 3.3)
    room.on(dresser, "table lamp", f.lamp(0.5, room.pick(BRIGHT), f.CREAM), -0.45, 0, 0.85)
    room.on(dresser, "potted plant", f.plant(0.4, room.pick(BRIGHT), 31), 0.5, 0, 0.85)
    room.on(dresser, "telephone", t.telephone(), 0.1, -0.05, 0.85)
    room.on(dresser, "candle", t.vessel("candle", (0.7, 0.15, 0.12)), -0.15, -0.1, 0.85)
    room.against("north", "mirror", t.picture(0.9, 0.7, f.OAK, (0.55, 0.62, 0.66), "glass"), 3.3, 1.35)
    cloth = room.pick(BRIGHT)
    for along in (0.5, 2.3):
        room.against("north", "curtain", t.curtain(0.45, 2.2, cloth), along, 0.15)
    for side, along in (("west", 4.3), ("south", 1.0), ("south", 2.4), ("east", 3.6)):
        tint = room.pick(BRIGHT)
        room.against(side, "picture", t.picture(0.75, 0.55, room.pick(WOODS), tint), along, 1.4)
    room.against("south", "clock", t.clock(0.18, f.WALNUT), 3.7, 1.85)
    room.against("south", "guitar", t.guitar((0.6, 0.28, 0.07)), 3.75, lean=-9)
    room.add("floor lamp", f.lamp(1.6, f.DARK, f.CREAM), 0.45, 4.6)
    room.add("potted plant", f.plant(1.3, f.TERRACOTTA, 33), 0.5, 0.5)
    room.add("potted plant", f.plant(0.8, f.WHITE, 35), 5.85, 4.75)
    room.add("ball", (ball((0.11, 0.11, 0.11), (0.85, 0.85, 0.8), (0, 0, 0.11)),), 3.75, 1.4)
    room.add("teddy bear", t.teddy_bear((0.48, 0.3, 0.14)), 3.75, 2.9, yaw=110)
    room.add("shoes", t.shoes(room.pick(BRIGHT)), 4.4, 0.3, yaw=170)
    room.add("backpack", t.backpack(room.pick(BRIGHT)), 6.0, 0.5, yaw=-60)
    room.add("box", t.carton((0.45, 0.35, 0.3)), 4.3, 4.85, yaw=10)
    room.add("fan", t.fan(f.WHITE), 6.0, 2.75, yaw=-80)


KINDS: dict[str, Callable[[np.random.Generator], Room]] = {
    "office": _office,
    "bedroom": _bedroom,
    "kitchen": _kitchen,
    "living room": _living_room,
}
