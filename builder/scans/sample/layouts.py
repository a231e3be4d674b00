"""The kinds of sample rooms, and how a seed varies them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .home_layouts import bedroom, living_room
from .rooms import Room
from .work_layouts import kitchen, office

KINDS: dict[str, Callable[[np.random.Generator], Room]] = {
    "office": office,
    "bedroom": bedroom,
    "kitchen": kitchen,
    "living room": living_room,
}


def furnish(kind: str, seed: int) -> Room:
    """Furnish a room of one of `KINDS`; the seed varies colours, exact places and, by mirroring, the layout."""
    rng = np.random.default_rng(seed)
    room = KINDS[kind](rng)
    mirror = np.eye(4)
    if rng.random() < 0.5:
        mirror[0, 0], mirror[0, 3] = -1, room.width
    if rng.random() < 0.5:
        mirror[1, 1], mirror[1, 3] = -1, room.depth
    room.items = [replace(item, world_from_shape=mirror @ item.world_from_shape) for item in room.items]
    flip = np.diag(mirror)
    room.walk = [(x * flip[0] + mirror[0, 3], y * flip[1] + mirror[1, 3]) for x, y in room.walk]
    room.lamps = [(x * flip[0] + mirror[0, 3], y * flip[1] + mirror[1, 3], z) for x, y, z in room.lamps]
    return room
