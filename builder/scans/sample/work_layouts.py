"""Where things stand in the office and in the kitchen."""

from __future__ import annotations

import numpy as np

from . import furniture as f
from . import things as t
from .rooms import BRIGHT, CLOTHS, WOODS, Room, hang, junk, openings, pile, shell, stand_books
from .shapes import ball, block, lathe


def office(rng: np.random.Generator) -> Room:
    """Furnish an office."""
    room = shell("office", rng, (6.4, 5.2, 2.8), ((0.2, 0.23, 0.28), "carpet"))
    openings(room, "south", 1.2, "north", (3.7,))
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
    junk(room, side, (4.9, 4.3, 0.9))
    for x, y in ((1.8, 1.4), (4.6, 1.4), (1.8, 3.8), (4.6, 3.8)):
        hang(room, "ceiling lamp", f.ceiling_panel(), x, y, 2.66)
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
            end = stand_books(room, shelf, level, -0.42, int(room.rng.integers(1, 3)))
            label = "books" if level != 0.5 else "Books"
            room.on(shelf, label, t.book_pile(pile(room, 5), standing=True), end + 0.15, -0.02, level)
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


def kitchen(rng: np.random.Generator) -> Room:
    """Furnish a kitchen."""
    room = shell("kitchen", rng, (5.2, 4.6, 2.6), ((0.66, 0.6, 0.52), "tiles"))
    openings(room, "south", 0.9, "west", (2.2,))
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
        hang(room, "ceiling lamp", f.pendant(room.pick(BRIGHT), 0.7), 2.6 + dx, 2.0, 1.9)


def _kitchen_walls(room: Room) -> None:
    side = room.against("east", "sideboard", f.cabinet(1.4, 0.42, 0.85, room.pick(WOODS), 2, 3), 1.7)
    room.on(side, "radio", f.appliance((0.3, 0.14, 0.19), room.pick(BRIGHT), f.GREY), -0.5, 0.03, 0.85)
    room.on(side, "potted plant", f.plant(0.42, f.TERRACOTTA, 21), 0.5, 0, 0.85)
    room.on(side, "vase", t.vessel("vase", room.pick(BRIGHT)), 0.1, 0.02, 0.85)
    room.on(side, "book", t.book((0.2, 0.26, 0.035), room.pick(BRIGHT)), 0.28, -0.02, 0.85, 15)
    room.on(side, "books", t.book_pile(pile(room, 3)), -0.15, 0.0, 0.85)
    junk(room, side, (4.5, 2.9, 1.6))
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
