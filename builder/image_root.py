"""Fills an image root: the pictures that questions show, made from what the download holds.

phone   rgb.mkv            -- video ----> the registered frames
DSLR    fisheye pictures   -- fisheye --> what a pinhole in their place sees

With a longest side each is shrunk too, or made by shrinking the picture that lies below the ScanNet++ root already.

Every picture is written aside and renamed, so a run that was stopped goes on where it was. The ScanNet++ root is only
read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from .config import PrepareImagesConfig
from .errors import BuildError, explain
from .report import format_losses
from .scans.dslr import read_fisheye
from .scans.errors import ScanError
from .scans.files import DSLR, IPHONE, SceneFiles, list_scenes
from .scans.frames import posed_frames
from .scans.pictures import picture_fault, shrunk_size, size_fault
from .schema import Frame, Skip
from .shards import aside_path, remove_leftovers
from .video import import_decoder, video_frames
from .workers import DIED, available_cores, run_jobs

JPEG_QUALITY = 95

Pictures = Iterator[tuple[Frame, NDArray[np.uint8]] | Skip]


@dataclass(frozen=True, slots=True)
class ImageJob:
    """The pictures of one scene."""

    files: SceneFiles
    num_threads: int
    """Threads of the video decoder."""
    long_side: int | None = None
    """Longer side of the pictures in pixels; None leaves them as they are."""


@dataclass(frozen=True, slots=True)
class ImageResult:
    """What became of them."""

    written: int = 0
    kept: int = 0
    """Sound pictures that were there before."""
    skips: tuple[Skip, ...] = ()
    failure: Skip | None = None
    """Why the scene gave no further picture."""


def prepare_images(config: PrepareImagesConfig) -> str:
    """Make the pictures of all annotated scenes that are not there yet, and return the closing text.

    Raises:
        BuildError: if no picture can be made, or the image root cannot be written.
        ScanError: if `config.root` is not a ScanNet++ folder, or frames wait in a video and PyAV is not installed.
        ValueError: if an option is out of its range.
    """
    config.check()
    scenes = [scene for scene in list_scenes(config.root, config.images) if scene.is_annotated]
    if config.images == IPHONE.name and not (config.long_side and all(scene.has_pictures for scene in scenes)):
        import_decoder()
    num_proc = min(config.num_proc or available_cores(), len(scenes)) or 1
    try:
        jobs = [
            ImageJob(
                replace(scene, image_root=config.image_root), max(1, available_cores() // num_proc), config.long_side
            )
            for scene in scenes
        ]
        runs = run_jobs(fill_scene, jobs, num_proc, on_death=_died)
        results = list(tqdm(runs, desc="pictures", unit="scan", total=len(jobs)))
    except OSError as error:
        raise explain(error, config.image_root, "--image-root") from error
    return _closing_text(config, results)


def _died(job: ImageJob) -> ImageResult:
    scene = job.files.scene_name
    return ImageResult(failure=Skip("worker died", scene, f"{scene}: {DIED}"))


def _closing_text(config: PrepareImagesConfig, results: list[ImageResult]) -> str:
    written, kept = sum(result.written for result in results), sum(result.kept for result in results)
    failures = tuple(result.failure for result in results if result.failure)
    if not written + kept:
        causes = " ".join(sorted({skip.detail for skip in failures})[:3])
        raise BuildError(f"No annotated scan below {config.root} gives a picture. {causes}".strip())
    losses = format_losses(failures, tuple(skip for result in results for skip in result.skips))
    summary = f"{written:,} pictures written below {config.image_root}, {kept:,} were there, of {len(results)} scans."
    return "\n\n".join([*losses, summary])


def fill_scene(job: ImageJob) -> ImageResult:
    """Make the pictures of one scene that are missing or damaged.

    Raises:
        OSError: if a picture cannot be written. A scene that cannot be read is a result with a failure.
    """
    files = job.files
    skips: list[Skip] = []
    written = kept = 0
    try:
        frames, skips = posed_frames(files)
        remove_leftovers(files.picture_folder)
        wanted = [frame for frame in frames if picture_fault(files, frame, job.long_side)]
        kept = len(frames) - len(wanted)
        for made in _make(job, wanted) if wanted else ():
            if isinstance(made, Skip):
                skips.append(made)
                continue
            frame, pixels = made
            size = (pixels.shape[1], pixels.shape[0])
            if fault := size_fault(files, frame, f"the picture made of {frame.name}", size):
                skips.append(fault)
                continue
            _write(files.picture_folder / PurePosixPath(frame.image_path).name, pixels, job.long_side)
            written += 1
    except ScanError as error:
        return ImageResult(written, kept, tuple(skips), Skip(error.reason, files.scene_name, str(error)))
    return ImageResult(written, kept, tuple(skips))


def _make(job: ImageJob, frames: list[Frame]) -> Pictures:
    files, original = job.files, job.files.original
    below_root = replace(files, image_root=None)
    if job.long_side and below_root.picture_names():
        return _from_pictures(below_root, frames)
    if original is None:
        names = " or ".join(str(files.folder / name) for name in files.source.originals)
        advice = "download it"
        if below_root.picture_names():
            advice = f"but there are pictures below {files.root} already: pass --image-root {files.root}"
        raise ScanError("no originals", f"{names} is missing, and pictures are made from it; {advice}.")
    makers: dict[str, Callable[[ImageJob, Path, list[Frame]], Pictures]]
    makers = {IPHONE.name: _from_video, DSLR.name: _from_fisheye}
    return makers[files.source.name](job, original, frames)


def _from_pictures(files: SceneFiles, frames: list[Frame]) -> Pictures:
    for frame in frames:
        if fault := picture_fault(files, frame):
            yield fault
            continue
        with Image.open(files.root / frame.image_path) as image:
            yield frame, np.asarray(image.convert("RGB"))


def _from_video(job: ImageJob, video: Path, frames: list[Frame]) -> Pictures:
    return video_frames(job.files, video, frames, job.num_threads)


def _from_fisheye(job: ImageJob, folder: Path, frames: list[Frame]) -> Pictures:
    lens = read_fisheye(job.files)
    name_on_disk = {path.name.lower(): path.name for path in folder.iterdir()}
    for frame in frames:
        name = PurePosixPath(frame.image_path).name
        path = folder / name_on_disk.get(name.lower(), name)
        try:
            with Image.open(path) as image:
                pixels = np.asarray(image.convert("RGB"))
        except (Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
            detail = f"{path} is missing or not a whole picture ({error}); download it again."
            yield job.files.skip(frame.name, "original is damaged", detail)
            continue
        if pixels.shape[1::-1] != (lens.width, lens.height):
            detail = f"{path} is {pixels.shape[1]} x {pixels.shape[0]} but its lens is {lens.width} x {lens.height}."
            yield job.files.skip(frame.name, "original has another size than its camera", detail)
        else:
            yield frame, lens.undistort(pixels, frame.camera)


def _write(path: Path, pixels: NDArray[np.uint8], long_side: int | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = aside_path(path)
    picture = Image.fromarray(pixels)
    if (size := shrunk_size(picture.size, long_side)) != picture.size:
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    try:
        kind = "PNG" if path.suffix.lower() == ".png" else "JPEG"
        picture.save(aside, kind, quality=JPEG_QUALITY)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
