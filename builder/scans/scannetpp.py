"""Reads ScanNet++ scenes (v1 and v2). The only module that knows the names on disk.

<root>/splits/nvs_sem_train.txt, nvs_sem_val.txt, ...
<root>/data/<scene>/scans/mesh_aligned_0.05.ply          the mesh; labels refer to its vertex order
                          mesh_aligned_0.05_mask.txt     indices of anonymised vertices, may be empty or missing
                          segments.json                  vertex -> segment (the identity since December 2023)
                          segments_anno.json             object -> segments, label, oriented box
                    iphone/colmap/cameras.txt, images.txt  lens and poses, in the mesh frame
                    iphone/rgb/frame_NNNNNN.jpg            pictures, where they were extracted
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from plyfile import PlyData, PlyParseError

from ..geometry import Camera
from ..schema import Frame, Instance, OrientedBox, Scan, Skip
from .colmap import ColmapImage, read_cameras, read_images
from .errors import ScanError
from .labels import categories_of

MESH = "scans/mesh_aligned_0.05.ply"
MESH_MASK = "scans/mesh_aligned_0.05_mask.txt"
SEGMENTS = "scans/segments.json"
ANNOTATION = "scans/segments_anno.json"
COLMAP_CAMERAS = "iphone/colmap/cameras.txt"
COLMAP_IMAGES = "iphone/colmap/images.txt"
PICTURES = "iphone/rgb"
OFFICIAL_SPLITS = {"train": "splits/nvs_sem_train.txt", "test": "splits/nvs_sem_val.txt"}

_FACE_LISTS = ("vertex_indices", "vertex_index")
_MAX_OBJECT_ID = 2**31 - 1


@dataclass(frozen=True, slots=True)
class SceneFiles:
    """A scene folder."""

    root: Path
    scene_name: str

    @property
    def folder(self) -> Path:
        """`<root>/data/<scene>`."""
        return self.root / "data" / self.scene_name

    @property
    def is_annotated(self) -> bool:
        """Whether the scene has an object annotation (ScanNet++'s own test scenes have none)."""
        return (self.folder / ANNOTATION).is_file()

    def fingerprint(self) -> list[tuple[str, int, int]]:
        """Name, size and modification time (ns) of every file that the annotations depend on."""
        names = [MESH, MESH_MASK, SEGMENTS, ANNOTATION, COLMAP_CAMERAS, COLMAP_IMAGES]
        paths = [self.folder / name for name in names]
        pictures = self.folder / PICTURES
        paths += sorted(pictures.iterdir()) if pictures.is_dir() else []
        stats = [(path.relative_to(self.folder).as_posix(), path.stat()) for path in paths if path.exists()]
        return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]


def list_scenes(root: Path) -> list[SceneFiles]:
    """List the scenes below a ScanNet++ root, in the order of their ids.

    Raises:
        ScanError: if `root` is not a ScanNet++ folder.
    """
    if not root.is_dir():
        raise ScanError("no such folder", f"{root} is not a folder; pass the folder that holds ScanNet++'s data/.")
    data = root / "data"
    if not data.is_dir():
        hint = ""
        if any((child / "scans").is_dir() for child in root.iterdir()):
            hint = f" {root} looks like the data/ folder itself: pass its parent, {root.resolve().parent}."
        raise ScanError("not ScanNet++", f"{root} has no data/ folder, so it is not a ScanNet++ root.{hint}")
    scenes = [
        SceneFiles(root, child.name)
        for child in sorted(data.iterdir())
        if (child / "scans").is_dir() or (child / "iphone").is_dir()
    ]
    if not scenes:
        raise ScanError(
            "not ScanNet++",
            f"{data} holds no scene (a folder with scans/ or iphone/); download ScanNet++ scenes into it, "
            "or write sample scans with `spatialmosaic demo`.",
        )
    return scenes


def read_scene_list(path: Path) -> list[str]:
    """Read a split file: one scene id per line.

    Raises:
        ScanError: if the file is missing, empty or not text.
    """
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise ScanError("no split file", f"{path}: cannot read this scene list ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise ScanError("damaged split file", f"{path} is not text; expected one scene id a line.") from error
    names = [name for name in names if name]
    if not names:
        raise ScanError("empty split file", f"{path} names no scene; expected one scene id a line.")
    return names


def read_scan(root: Path, scene_name: str) -> Scan:
    """Read the labelled mesh and the posed iPhone frames of one scene.

    A vertex that several objects own belongs to the smallest of them; anonymised vertices belong to none. Frames whose
    pose or picture is unusable are dropped and stand in `Scan.skips`.

    Args:
        root: ScanNet++ root, the folder that holds `data/`.
        scene_name: ten hex digits.

    Raises:
        ScanError: if a file is missing or damaged, or no frame is usable. The message names the file.
    """
    files = SceneFiles(root, scene_name)
    if not files.folder.is_dir():
        raise ScanError("no such scene", f"{files.folder} does not exist; check the scene id.")
    if not files.is_annotated:
        raise ScanError(
            "no annotation",
            f"{files.folder / ANNOTATION} is missing: the scene is not annotated (ScanNet++'s test scenes are not) "
            "or its download is incomplete.",
        )
    frames, frame_skips = _read_frames(files)
    vertices, faces = _read_mesh(files.folder / MESH)
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


def _require(path: Path, advice: str) -> None:
    if not path.is_file():
        raise ScanError(f"no {path.name}", f"{path} is missing; {advice}")


def _read_mesh(path: Path) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    _require(path, "download the scene's scans/ files again.")
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
    if not np.isfinite(vertices).all():
        raise ScanError("damaged mesh", f"{path} has vertices that are not finite; download it again.")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise ScanError("damaged mesh", f"{path} has faces that name vertices it does not have; download it again.")
    return vertices, faces


def _read_mask(path: Path, num_vertices: int) -> NDArray[np.int64]:
    if not path.is_file():
        return np.zeros(0, np.int64)
    try:
        indices = np.array(path.read_text(encoding="ascii").split(), dtype=np.int64)
    except (OverflowError, ValueError) as error:
        raise ScanError("damaged mesh mask", f"{path} should hold vertex indices and nothing else.") from error
    if len(indices) and (indices.min() < 0 or indices.max() >= num_vertices):
        raise ScanError("damaged mesh mask", f"{path} names vertices beyond the mesh's {num_vertices}.")
    return indices


def _read_json(path: Path) -> Any:
    _require(path, "download the scene's scans/ files again.")
    try:
        return json.loads(path.read_bytes())
    except (RecursionError, ValueError) as error:
        raise ScanError(
            f"damaged {path.name}", f"{path} is cut off or not JSON ({error}); download it again."
        ) from error


def _read_segments(path: Path, num_vertices: int) -> NDArray[np.int64]:
    data = _read_json(path)
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
    data = _read_json(path)
    groups = data.get("segGroups") if isinstance(data, dict) else None
    if not isinstance(groups, list) or not groups:
        raise ScanError(f"damaged {path.name}", f"{path} has no list `segGroups` of objects.")
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
        label = group["label"]
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
    if not isinstance(label, str) or not is_frame or not np.isfinite([centroid, lengths]).all() or lengths.min() < 0:
        raise ScanError(f"damaged {path.name}", f"{path}: segGroups[{position}] has no valid label or oriented box.")
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


def _read_frames(files: SceneFiles) -> tuple[tuple[Frame, ...], list[Skip]]:
    cameras_path, images_path = files.folder / COLMAP_CAMERAS, files.folder / COLMAP_IMAGES
    for path in (cameras_path, images_path):
        _require(path, "the frames have no poses without it; download the scene's iphone/colmap again.")
    cameras = read_cameras(cameras_path)
    pictures = files.folder / PICTURES
    has_pictures = pictures.is_dir() and any(pictures.iterdir())
    frames: dict[str, Frame] = {}
    skips: list[Skip] = []
    for image in read_images(images_path):
        frame = _make_frame(files, cameras, image)
        if isinstance(frame, Frame) and frame.name in frames:
            detail = f"{images_path}, line {image.line}: {frame.name} stands there twice; the first counts."
            frame = Skip("frame is registered twice", f"{files.scene_name}/{frame.name}", detail)
        elif isinstance(frame, Frame) and has_pictures:
            frame = _picture_fault(files, frame) or frame
        if isinstance(frame, Skip):
            skips.append(frame)
        else:
            frames[frame.name] = frame
    if not frames:
        cause = f" ({skips[0].reason}: {skips[0].detail})" if skips else ""
        raise ScanError("no usable frame", f"{images_path} gives no usable frame{cause}.")
    return tuple(frames[name] for name in sorted(frames)), skips


def _make_frame(files: SceneFiles, cameras: dict[str, Camera], image: ColmapImage) -> Frame | Skip:
    # Releases prefix the name (`video/frame_000010.jpg`); only the base name is a picture's.
    file_name = PurePosixPath(image.name.replace("\\", "/")).name
    name = PurePosixPath(file_name).stem
    where = f"{files.scene_name}/{name}"
    at = f"{files.folder / COLMAP_IMAGES}, line {image.line}"
    if image.camera_id not in cameras:
        return Skip("camera is unknown", where, f"{at}: camera {image.camera_id} is not in cameras.txt.")
    try:
        cam_from_world = image.cam_from_world()
    except ValueError as error:
        return Skip("pose is not finite", where, f"{at}: {error}; the frame is left out.")
    image_path = PurePosixPath("data", files.scene_name, PICTURES, file_name).as_posix()
    return Frame(name, image_path, cameras[image.camera_id], cam_from_world)


def _picture_fault(files: SceneFiles, frame: Frame) -> Skip | None:
    """Say what is wrong with a frame's picture: missing, empty, cut off, or of another size than its camera."""
    path = files.root / frame.image_path
    where = f"{files.scene_name}/{frame.name}"
    try:
        if not path.is_file():
            return Skip("picture is missing", where, f"{path} is missing while others are there; extract it again.")
        if path.stat().st_size == 0:
            return Skip("picture is empty", where, f"{path} is an empty file; extract it again.")
        with Image.open(path) as image:
            size = image.size
        with path.open("rb") as file:
            file.seek(-min(path.stat().st_size, 64), 2)
            is_complete = image.format != "JPEG" or b"\xff\xd9" in file.read()
    except (Image.DecompressionBombError, UnidentifiedImageError, OSError) as error:
        return Skip("picture is damaged", where, f"{path} is not a picture ({error}); extract it again.")
    if not is_complete:
        return Skip("picture is damaged", where, f"{path} is cut off; extract it again.")
    expected = (frame.camera.width, frame.camera.height)
    if size != expected:
        detail = (
            f"{path} is {size[0]} x {size[1]} but its camera is {expected[0]} x {expected[1]}; do not resize in place."
        )
        return Skip("picture has another size than its camera", where, detail)
    return None
