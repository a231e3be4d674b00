"""Where things stand in the bedroom and in the living room."""

from __future__ import annotations

import numpy as np

from . import furniture as f
from . import things as t
from .rooms import BRIGHT, CLOTHS, WOODS, Room, hang, junk, openings, pile, shell, stand_books
from .shapes import Colour, ball, block


def bedroom(rng: np.random.Generator) -> Room:
    """Furnish a bedroom."""
    room = shell("bedroom", rng, (4.8, 4.5, 2.6), ((0.58, 0.4, 0.23), "planks"))
    openings(room, "south", 1.35, "east", (2.7,))
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
    hang(room, "ceiling lamp", f.pendant(room.pick(BRIGHT)), 2.4, 1.7, 2.1)
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
    room.on(desk, "books", t.book_pile(pile(room, 4)), 0.37, 0.06, 0.74)
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
    junk(room, dresser, (3.9, 2.2, 1.9))
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


def living_room(rng: np.random.Generator) -> Room:
    """Furnish a living room."""
    room = shell("living room", rng, (6.4, 5.2, 2.7), ((0.5, 0.32, 0.17), "planks"))
    openings(room, "south", 5.2, "north", (1.4,))
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
    junk(room, stand, (4.2, 4.2, 1.0))
    hang(room, "ceiling lamp", f.pendant(room.pick(BRIGHT), 0.6), 5.0, 3.8, 2.05)
    hang(room, "ceiling lamp", f.pendant(room.pick(BRIGHT), 0.4), 2.2, 2.3, 2.28)
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
        end = stand_books(room, shelf, level, -0.6, 2)
        room.on(shelf, "books", t.book_pile(pile(room, 5), standing=True), end + 0.14, -0.02, level)
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
