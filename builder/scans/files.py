"""The files of a ScanNet++ root (v1 and v2), by name. Beside the writers of sample scans nobody else knows them.

<root>/splits/nvs_sem_train.txt, nvs_sem_val.txt, ...
<root>/data/<scene>/scans/mesh_aligned_0.05.ply          the mesh; labels refer to its vertex order
                          mesh_aligned_0.05_mask.txt     indices of anonymised vertices, may be empty or missing
                          segments.json                  vertex -> segment (the identity since December 2023)
                          segments_anno.json             object -> segments, label, oriented box
                    iphone/colmap/cameras.txt, images.txt  lens and poses, in the mesh frame
                    iphone/rgb.mkv                         the video, `rgb.mp4` in v1
                    iphone/rgb/frame_NNNNNN.jpg            pictures, where they were extracted from it
                    iphone/depth.bin                       sensor depth of every video frame
                    iphone/depth/frame_NNNNNN.png          the same, where it was extracted
                    dslr/nerfstudio/transforms.json        fisheye lens and poses, in a frame of its own
                    dslr/nerfstudio/transforms_undistorted.json  the same with a pinhole; not in the default download
                    dslr/colmap/images.txt                 the same poses in the mesh frame
                    dslr/resized_images/DSCNNNNN.JPG       fisheye pictures
                    dslr/resized_undistorted_images/       pinhole pictures; not in the default download
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..schema import Skip
from .errors import ScanError

MESH = "scans/mesh_aligned_0.05.ply"
MESH_MASK = "scans/mesh_aligned_0.05_mask.txt"
SEGMENTS = "scans/segments.json"
ANNOTATION = "scans/segments_anno.json"
OFFICIAL_SPLITS = {"train": "splits/nvs_sem_train.txt", "test": "splits/nvs_sem_val.txt"}

IPHONE_CAMERAS = "iphone/colmap/cameras.txt"
IPHONE_IMAGES = "iphone/colmap/images.txt"
IPHONE_DEPTH = "iphone/depth.bin"
IPHONE_DEPTH_PICTURES = "iphone/depth"
DSLR_UNDISTORTED = "dslr/nerfstudio/transforms_undistorted.json"
DSLR_TRANSFORMS = "dslr/nerfstudio/transforms.json"
DSLR_IMAGES = "dslr/colmap/images.txt"

_SCENE_NAME = re.compile(r"\w[\w. -]{0,99}", re.ASCII)
"""Ten hex digits in ScanNet++; here, what is the name of one folder."""
_PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True, slots=True)
class ImageSource:
    """One of the two cameras of a scene. Paths are relative to the scene's folder."""

    name: str
    """What `--images` calls it."""
    poses: tuple[str, ...]
    """Files that hold the poses; the first one that is there is read."""
    lens: tuple[str, ...]
    """Files that are needed beside the poses."""
    witnesses: tuple[str, ...]
    """Files that the poses are checked against where they are there."""
    pictures: str
    """Folder of the pictures that questions show. They are not needed to make questions."""
    originals: tuple[str, ...]
    """What `spatialmosaic prepare-images` makes those pictures from: the first one that is there."""
    depth: tuple[str, ...] = ()
    """Sensor depth of the frames: the first one that is there."""


IPHONE = ImageSource(
    name="iphone",
    poses=(IPHONE_IMAGES,),
    lens=(IPHONE_CAMERAS,),
    witnesses=(),
    pictures="iphone/rgb",
    originals=("iphone/rgb.mkv", "iphone/rgb.mp4"),
    depth=(IPHONE_DEPTH_PICTURES, IPHONE_DEPTH),
)
DSLR = ImageSource(
    name="dslr",
    poses=(DSLR_UNDISTORTED, DSLR_TRANSFORMS),
    lens=(),
    witnesses=(DSLR_IMAGES,),
    pictures="dslr/resized_undistorted_images",
    originals=("dslr/resized_images",),
)
IMAGE_SOURCES = {source.name: source for source in (IPHONE, DSLR)}


def image_source(name: str) -> ImageSource:
    """Look an image source up by its name; raises ValueError for another name."""
    if name not in IMAGE_SOURCES:
        raise ValueError(f"--images takes {' or '.join(IMAGE_SOURCES)}, got {name!r}.")
    return IMAGE_SOURCES[name]


def source_of(image_path: str) -> ImageSource:
    """Tell by a picture's path, relative to the image root, which camera took it."""
    return next((source for source in IMAGE_SOURCES.values() if f"/{source.pictures}/" in image_path), IPHONE)


@dataclass(frozen=True, slots=True)
class SceneFiles:
    """A scene folder, the camera whose frames are asked about, and where its pictures lie."""

    root: Path
    scene_name: str
    source: ImageSource = IPHONE
    image_root: Path | None = None
    """Folder that holds the pictures under the names they have below a ScanNet++ root; `root` where it is None."""

    @property
    def folder(self) -> Path:
        """`<root>/data/<scene>`."""
        return self.root / "data" / self.scene_name

    @property
    def is_annotated(self) -> bool:
        """Whether the scene has an object annotation (ScanNet++'s own test scenes have none)."""
        return _is_there(self.folder / ANNOTATION)

    @property
    def poses(self) -> Path:
        """The file that the poses are read from; the preferred one where there is none."""
        return _first_there(self.folder, self.source.poses) or self.folder / self.source.poses[0]

    @property
    def original(self) -> Path | None:
        """What the pictures can be made from, if it is there."""
        return _first_there(self.folder, self.source.originals)

    @property
    def depth(self) -> Path | None:
        """Sensor depth of the frames, if it is there: a folder of pictures or one file."""
        return _first_there(self.folder, self.source.depth)

    @property
    def missing(self) -> list[str]:
        """Names of the files without which the scene gives no question; of alternatives the first is named."""
        needed = [(MESH,), (SEGMENTS,), (ANNOTATION,), self.source.poses, *((name,) for name in self.source.lens)]
        return [names[0] for names in needed if _first_there(self.folder, names) is None]

    @property
    def picture_folder(self) -> Path:
        """Where the pictures are looked for."""
        return (self.image_root or self.root) / "data" / self.scene_name / self.source.pictures

    def picture_names(self) -> list[str]:
        """File names of the pictures that are there, sorted."""
        if not self.picture_folder.is_dir():
            return []
        names = (path.name for path in self.picture_folder.iterdir())
        return sorted(name for name in names if name[0] != "." and name.lower().endswith(_PICTURE_SUFFIXES))

    @property
    def has_pictures(self) -> bool:
        """Whether any picture is there, or may be, as nobody may look."""
        try:
            return bool(self.picture_names())
        except OSError:
            return True

    @property
    def mesh_bytes(self) -> int:
        """Size of the mesh file, with which the work on a scene grows; 0 where there is none to be read."""
        try:
            return (self.folder / MESH).stat().st_size
        except OSError:
            return 0

    def image_path(self, file_name: str) -> str:
        """POSIX path of a picture relative to the image root."""
        return PurePosixPath("data", self.scene_name, self.source.pictures, file_name).as_posix()

    def skip(self, frame_name: str, reason: str, detail: str) -> Skip:
        """Make the note that a frame was left out."""
        return Skip(reason, f"{self.scene_name}/{frame_name}", detail)

    def fingerprint(self) -> list[tuple[str, int, int]]:
        """Name, size and modification time (ns) of every file that the annotations depend on."""
        source = self.source
        names = (MESH, MESH_MASK, SEGMENTS, ANNOTATION, *source.poses, *source.lens, *source.witnesses)
        paths = {name: self.folder / name for name in names}
        paths |= {f"{source.pictures}/{name}": self.picture_folder / name for name in self.picture_names()}
        stats = [(name, path.stat()) for name, path in paths.items() if path.exists()]
        return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]


def _is_there(path: Path) -> bool:
    """Whether a file or folder is there, or may be: what nobody may look at fails when it is read, with its name."""
    try:
        return path.exists()
    except OSError:
        return True


def _first_there(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).exists()), None)


def list_scenes(root: Path, images: str = IPHONE.name, image_root: Path | None = None) -> list[SceneFiles]:
    """List the scenes below a ScanNet++ root, in the order of their ids.

    Args:
        root: the folder that holds `data/`.
        images: name of an `ImageSource`.
        image_root: the folder that holds the pictures; `root` by default.

    Raises:
        ScanError: if `root` is not a ScanNet++ folder, or `image_root` no folder.
        ValueError: if there is no image source of that name.
    """
    source = image_source(images)
    if not root.is_dir():
        raise ScanError("no such folder", f"{root} is not a folder; pass the folder that holds ScanNet++'s data/.")
    if image_root is not None and not image_root.is_dir():
        advice = f"fill it with `spatialmosaic prepare-images {root} --image-root {image_root} --images {images}`"
        raise ScanError("no such folder", f"{image_root} is not a folder; {advice}.")
    data = root / "data"
    if not data.is_dir():
        hint = ""
        if any(_is_there(child / "scans") for child in _children(root)):
            hint = f" {root} looks like the data/ folder itself: pass its parent, {root.resolve().parent}."
        raise ScanError("not ScanNet++", f"{root} has no data/ folder, so it is not a ScanNet++ root.{hint}")
    scenes = [
        SceneFiles(root, child.name, source, image_root)
        for child in _children(data)
        if any(_is_there(child / part) for part in ("scans", *IMAGE_SOURCES))
    ]
    if not scenes:
        raise ScanError(
            "not ScanNet++",
            f"{data} holds no scene (a folder with scans/, iphone/ or dslr/); download ScanNet++ scenes into it, "
            "or write sample scans with `spatialmosaic demo`.",
        )
    return scenes


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise ScanError("unreadable folder", f"{folder}: cannot be read ({error.strerror}).") from error


def read_scene_list(path: Path) -> list[str]:
    """Read a split file: one scene id per line.

    Raises:
        ScanError: if the file is missing or empty, or holds something else.
    """
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except OSError as error:
        raise ScanError("no split file", f"{path}: cannot read this scene list ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise ScanError("damaged split file", f"{path} is not text; expected one scene id a line.") from error
    names = [name for name in names if name]
    if not names:
        raise ScanError("empty split file", f"{path} names no scene; expected one scene id a line.")
    odd = [name for name in names if not _SCENE_NAME.fullmatch(name)]
    if odd:
        raise ScanError("damaged split file", f"{path}: {odd[0][:40]!r} is no scene id; expected one a line.")
    return names


def require(path: Path, advice: str) -> None:
    """Raise ScanError unless the file is there; `advice` says what to do, up to the full stop."""
    if not path.is_file():
        raise ScanError(f"no {path.name}", f"{path} is missing; {advice}.")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        ScanError: if it is cut off or no JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except (RecursionError, ValueError) as error:
        raise ScanError(
            f"damaged {path.name}", f"{path} is cut off or not JSON ({error}); download it again."
        ) from error
