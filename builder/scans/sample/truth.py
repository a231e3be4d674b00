"""The truth of a sample scan: everything that its files state, before they are written."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...geometry import FloatArray
from ...schema import Frame, OrientedBox
from .. import files
from .layouts import KINDS, furnish
from .paint import Floats
from .photo import Surface, bake_light
from .scanner import Walk, phone_camera, registered_frames, scan_room, walk_through
from .shoot import Shoot, take_photos, undistorted_frames

IMAGE_SIZE = (960, 720)
"""Width and height; half of ScanNet++'s, which keeps a sample small."""

_SEGMENT_CELL = 0.15
"""Side of an over-segment, metres."""


@dataclass(frozen=True, slots=True)
class Quirks:
    """In what a scene's files differ from the plain form."""

    shifts_object_ids: bool = False
    """`objectId` differs from `id` and has gaps."""
    has_over_segments: bool = False
    """`segments.json` joins vertices to segments."""
    has_name_prefix: bool = False
    """COLMAP's image names start with `video/`."""
    has_mask: bool = False
    """Some vertices are anonymised."""
    is_annotated: bool = True
    """False: only mesh and camera files."""


@dataclass(frozen=True, slots=True)
class SampleInstance:
    """An annotated object as the files state it."""

    group_id: int
    """`id`."""
    object_id: int
    label: str
    vertices: NDArray[np.int64]
    """Vertices that the annotation lists, ascending."""
    box: OrientedBox


@dataclass(frozen=True, slots=True)
class SampleRoom:
    """The truth of a sample scan: what a reader must return."""

    scene_name: str
    kind: str
    surface: Surface
    """What stands in the room: all faces, also where the scan has holes."""
    faces: NDArray[np.int32]
    """Shape (f, 3): the faces of the scan."""
    shares: Floats
    """Baked light, see `photo.bake_light`."""
    lamps: FloatArray
    """Shape (l, 3), metres."""
    instances: tuple[SampleInstance, ...]
    segments: NDArray[np.int64]
    """Shape (v,): segment of every vertex."""
    masked: NDArray[np.int64]
    """Anonymised vertices."""
    walk: Walk
    frames: tuple[Frame, ...]
    """Of the phone."""
    shoot: Shoot
    dslr_frames: tuple[Frame, ...]
    quirks: Quirks

    @property
    def vertex_instance(self) -> NDArray[np.int32]:
        """Shape (v,): index of the smallest instance that lists the vertex; -1 for none and for anonymised ones."""
        owner = np.full(len(self.surface.vertices), -1, np.int32)
        for index in sorted(range(len(self.instances)), key=lambda k: -len(self.instances[k].vertices)):
            owner[self.instances[index].vertices] = index
        owner[self.masked] = -1
        return owner


def make_sample_room(
    scene_name: str,
    seed: int,
    kind: str,
    quirks: Quirks | None = None,
    num_frames: int = 64,
    image_size: tuple[int, int] = IMAGE_SIZE,
) -> SampleRoom:
    """Make up a room with all its truth; writes nothing.

    Args:
        scene_name: ten hex digits.
        seed: decides layout, colours, noise and path.
        kind: a key of `rooms.KINDS`.
        quirks: how its files differ from the plain form.
        num_frames: registered frames, at least 2.
        image_size: (width, height), pixels.
    """
    if kind not in KINDS:
        raise ValueError(f"There is no sample room {kind!r}; expected one of {', '.join(KINDS)}.")
    if num_frames < 2:
        raise ValueError(f"Expected at least 2 frames, got {num_frames}.")
    quirks = quirks or Quirks()
    rng = _generator(seed, scene_name)
    room = furnish(kind, int(rng.integers(2**32)))
    scanned = scan_room(room, rng)
    walk = walk_through(room, phone_camera(image_size, rng), num_frames, rng)
    shoot = take_photos(room, image_size, _generator(seed, f"{scene_name} DSLR"))
    lamps = np.array(room.lamps)
    instances = []
    for k, (item, own, box) in enumerate(zip(room.items, scanned.owners, scanned.boxes, strict=True)):
        object_id = 2 * k + 5 + k // 7 if quirks.shifts_object_ids else k + 1
        instances.append(SampleInstance(k + 1, object_id, item.label, own, box))
    count = len(scanned.surface.vertices)
    masked = np.sort(rng.choice(count, 40, replace=False)) if quirks.has_mask else np.zeros(0, np.int64)
    segments = np.arange(count)
    if quirks.has_over_segments:
        segments = _over_segments(scanned.surface.vertices, scanned.owners)
    return SampleRoom(
        scene_name=scene_name,
        kind=kind,
        surface=scanned.surface,
        faces=scanned.surface.faces[scanned.is_scanned],
        shares=bake_light(scanned.surface, lamps, int(rng.integers(2**32))),
        lamps=lamps,
        instances=tuple(instances),
        segments=segments,
        masked=masked,
        walk=walk,
        frames=registered_frames(walk, scene_name, files.IPHONE.pictures),
        shoot=shoot,
        dslr_frames=undistorted_frames(shoot, scene_name, files.DSLR.pictures),
        quirks=quirks,
    )


def _generator(seed: int, key: str) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed} {key}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def _over_segments(vertices: Floats, owners: tuple[NDArray[np.int64], ...]) -> NDArray[np.int64]:
    """Join the vertices of a cell that the same objects own; a segment is called after its first vertex."""
    owned_by = np.zeros(len(vertices), np.int64)
    for index, own in enumerate(owners):
        # Digits of a number: few objects share a vertex, so it stays small.
        owned_by[own] = owned_by[own] * (len(owners) + 1) + index + 1
    key = np.column_stack([np.floor(vertices / _SEGMENT_CELL).astype(np.int64), owned_by])
    _, first, inverse = np.unique(key, axis=0, return_index=True, return_inverse=True)
    return first[inverse.reshape(-1)]
