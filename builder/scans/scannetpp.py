"""Reads a ScanNet++ scene: the labelled mesh, and the frames of one of its cameras."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from plyfile import PlyData, PlyParseError

from ..geometry import is_within_reach
from ..raster import MAX_INSTANCES
from ..schema import Instance, OrientedBox, Scan, Skip
from .errors import ScanError
from .files import ANNOTATION, IPHONE, MESH, MESH_MASK, SEGMENTS, SceneFiles, image_source, read_json, require
from .frames import pictured_frames, posed_frames
from .labels import categories_of

_FACE_LISTS = ("vertex_indices", "vertex_index")
_MAX_OBJECT_ID = 2**31 - 1
_SCANS_ADVICE = "download the scene's scans/ files again"


def read_scan(
    root: Path,
    scene_name: str,
    images: str = IPHONE.name,
    image_root: Path | None = None,
    looks_at_pictures: bool = True,
) -> Scan:
    """Read the labelled mesh and the posed frames of one scene.

    A vertex that several objects own belongs to the smallest of them; anonymised vertices belong to none. Frames whose
    pose or picture is unusable are dropped and stand in `Scan.skips`.

    Args:
        root: ScanNet++ root, the folder that holds `data/`.
        scene_name: ten hex digits.
        images: which camera's frames, name of an `ImageSource`.
        image_root: the folder that holds the pictures; `root` by default.
        looks_at_pictures: whether frames are dropped for want of a sound picture.

    Raises:
        ScanError: if a file is missing or damaged, or no frame is usable. The message names the file.
    """
    files = SceneFiles(root, scene_name, image_source(images), image_root)
    if not files.folder.is_dir():
        raise ScanError("no such scene", f"{files.folder} does not exist; check the scene id.")
    if not files.is_annotated:
        raise ScanError(
            "no annotation",
            f"{files.folder / ANNOTATION} is missing: the scene is not annotated (ScanNet++'s test scenes are not) "
            "or its download is incomplete.",
        )
    frames, frame_skips = pictured_frames(files) if looks_at_pictures else posed_frames(files)
    vertices, faces = read_scene_mesh(files)
    segments = _read_segments(files.folder / SEGMENTS, len(vertices))
    groups = _read_groups(files.folder / ANNOTATION)
    vertex_instance, group_skips = _assign_vertices(files, segments, groups)
    vertex_instance[_read_mask(files.folder / MESH_MASK, len(vertices))] = -1
    return Scan(
        scene_name=scene_name,
        vertices_world=vertices,
        faces=faces,
        vertex_instance=vertex_instance,
        instances=_instances(groups, vertices, vertex_instance),
        frames=frames,
        skips=(*frame_skips, *group_skips),
    )


def read_scene_mesh(files: SceneFiles) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Read vertices of shape (v, 3), metres, world frame, and faces of shape (f, 3), in the file's order.

    Raises:
        ScanError: if the file is missing or damaged.
    """
    path = files.folder / MESH
    require(path, _SCANS_ADVICE)
    try:
        # Read as triangles, whatever the list is called: a hundred times faster than lists of any length.
        ply = PlyData.read(str(path), known_list_len={"face": dict.fromkeys(_FACE_LISTS, 3)})
        vertex, face = ply["vertex"], ply["face"]
        vertices = np.stack([np.asarray(vertex[axis], np.float32) for axis in "xyz"], axis=1)
        name = next(name for name in _FACE_LISTS if name in face)
        faces = np.array([*face[name]] if face[name].dtype == object else face[name]).astype(
            np.int32, casting="same_kind"
        )
        faces = faces.reshape(len(face.data), 3)
    except (
        PlyParseError,
        ArithmeticError,
        EOFError,
        LookupError,
        MemoryError,
        OSError,
        TypeError,
        ValueError,
    ) as error:
        raise ScanError("damaged mesh", f"{path} is cut off or damaged ({error}); download it again.") from error
    except StopIteration as error:
        raise ScanError("damaged mesh", f"{path} has no list of vertex indices; download it again.") from error
    if not len(vertices) or not len(faces):
        raise ScanError("damaged mesh", f"{path} has {len(vertices)} vertices and {len(faces)} faces.")
    if not is_within_reach(vertices):
        detail = f"{path} has vertices that are not finite or farther than 10 km away; download it again."
        raise ScanError("damaged mesh", detail)
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise ScanError("damaged mesh", f"{path} has faces that name vertices it does not have; download it again.")
    return vertices, faces


def _read_mask(path: Path, num_vertices: int) -> NDArray[np.int64]:
    if not os.path.lexists(path):
        return np.zeros(0, np.int64)
    try:
        indices = np.array(path.read_text(encoding="ascii").split(), dtype=np.int64)
    except (OSError, OverflowError, ValueError) as error:
        raise ScanError("damaged mesh mask", f"{path} should hold vertex indices and nothing else.") from error
    if len(indices) and (indices.min() < 0 or indices.max() >= num_vertices):
        raise ScanError("damaged mesh mask", f"{path} names vertices beyond the mesh's {num_vertices}.")
    return indices


def _read_segments(path: Path, num_vertices: int) -> NDArray[np.int64]:
    require(path, _SCANS_ADVICE)
    data = read_json(path)
    try:
        segments = _integers(data["segIndices"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ScanError(f"damaged {path.name}", f"{path} has no list of integers `segIndices`.") from error
    if segments.shape != (num_vertices,):
        raise ScanError(
            "segments do not fit the mesh",
            f"{path} labels {segments.size} vertices but the mesh has {num_vertices}; download both again.",
        )
    return segments


def _integers(values: Any) -> NDArray[np.int64]:
    """Turn a JSON list into integers; refuses fractions, which a cast would cut off.

    Raises:
        ValueError: if the values are not a flat list of integers.
    """
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ValueError("expected a list of integers")
    return array.astype(np.int64)


@dataclass(frozen=True, slots=True)
class _Group:
    instance_id: int
    label: str
    segments: NDArray[np.int64]
    box: OrientedBox


def _read_groups(path: Path) -> list[_Group]:
    require(path, _SCANS_ADVICE)
    data = read_json(path)
    groups = data.get("segGroups") if isinstance(data, dict) else None
    if not isinstance(groups, list) or not groups:
        raise ScanError(f"damaged {path.name}", f"{path} has no list `segGroups` of objects.")
    if len(groups) > MAX_INSTANCES:
        raise ScanError("too many objects", f"{path} has {len(groups)} objects; {MAX_INSTANCES} can be told apart.")
    parsed = [_parse_group(path, position, group) for position, group in enumerate(groups)]
    counts = Counter(group.instance_id for group in parsed)
    twice = [instance_id for instance_id, count in counts.items() if count > 1]
    if twice:
        raise ScanError(f"damaged {path.name}", f"{path} uses objectId {twice[0]} for {counts[twice[0]]} objects.")
    return parsed


def _parse_group(path: Path, position: int, group: Any) -> _Group:
    if not isinstance(group, dict):
        raise ScanError(f"damaged {path.name}", f"{path}: segGroups[{position}] is no object.")
    try:
        (instance_id,) = _integers([group["objectId"] if "objectId" in group else group["id"]]).tolist()
        # Refuses half of a surrogate pair, which no file can hold.
        label = str.encode(group["label"]).decode()
        segments = np.unique(_integers(group["segments"]))
        obb = group["obb"]
        centroid = np.asarray(obb["centroid"], np.float64).reshape(3)
        axes = np.asarray(obb["normalizedAxes"], np.float64).reshape(3, 3)
        lengths = np.asarray(obb["axesLengths"], np.float64).reshape(3)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ScanError(
            f"damaged {path.name}",
            f"{path}: segGroups[{position}] lacks or garbles objectId, label, segments or obb ({error!r}).",
        ) from error
    is_frame = np.isfinite(axes).all() and np.allclose(axes @ axes.T, np.eye(3), atol=1e-3)
    if not 0 <= instance_id <= _MAX_OBJECT_ID:
        raise ScanError(f"damaged {path.name}", f"{path}: segGroups[{position}] has objectId {instance_id}.")
    if not is_frame or not is_within_reach([centroid, lengths]) or lengths.min() < 0:
        raise ScanError(f"damaged {path.name}", f"{path}: segGroups[{position}] has no valid oriented box.")
    (x, y, z), (dx, dy, dz) = centroid.tolist(), lengths.tolist()
    box = OrientedBox((x, y, z), tuple(axes.ravel().tolist()), (dx, dy, dz))
    return _Group(instance_id, label, segments, box)


def _assign_vertices(
    files: SceneFiles, segments: NDArray[np.int64], groups: list[_Group]
) -> tuple[NDArray[np.int32], list[Skip]]:
    """Give every vertex to the smallest group that owns it; of equally small ones to the first in the file."""
    order = np.argsort(segments, kind="stable")
    sorted_segments = segments[order]
    skips, owned = [], []
    for group in groups:
        start = np.searchsorted(sorted_segments, group.segments, "left")
        length = np.searchsorted(sorted_segments, group.segments, "right") - start
        if (length == 0).any():
            detail = (
                f"{files.folder / ANNOTATION}: object {group.instance_id} ({group.label!r}) names "
                f"{int((length == 0).sum())} segments that {SEGMENTS} does not have; they are ignored."
            )
            where = f"{files.scene_name}/object {group.instance_id}"
            skips.append(Skip("segment is not in the mesh", where, detail))
        first = np.repeat(start - np.concatenate([[0], np.cumsum(length)[:-1]]), length)
        owned.append(order[first + np.arange(length.sum())])
    vertex_instance = np.full(len(segments), -1, np.int32)
    for k in sorted(range(len(groups)), key=lambda k: (-len(owned[k]), -k)):
        vertex_instance[owned[k]] = k
    return vertex_instance, skips


def _instances(
    groups: list[_Group], vertices: NDArray[np.float32], vertex_instance: NDArray[np.int32]
) -> tuple[Instance, ...]:
    labelled = vertices[vertex_instance >= 0]
    diagonal = float(np.linalg.norm(np.ptp(labelled, axis=0))) if len(labelled) else 0.0
    counts = np.bincount(vertex_instance[vertex_instance >= 0], minlength=len(groups))
    category = categories_of([group.label for group in groups])
    return tuple(
        Instance(
            instance_id=group.instance_id,
            label=group.label,
            category=category[group.label],
            box=group.box,
            num_vertices=int(count),
            extent_ratio=float(np.linalg.norm(group.box.lengths)) / diagonal if diagonal else 0.0,
        )
        for group, count in zip(groups, counts, strict=True)
    )
