"""A trial: one scan damaged, built beside a healthy one; what went wrong in it is told in sentences."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spatialmosaic_builder import pipeline
from spatialmosaic_builder.config import BuildConfig
from spatialmosaic_builder.pipeline import BuildError, build, work_folder
from spatialmosaic_builder.report import Report
from spatialmosaic_builder.rules import PROFILES, VisibilityRules
from spatialmosaic_builder.scans.errors import ScanError

from .damage import DSLR_FILES, LISTS, PICTURE, SCAN_FILES, Damage, catalogue
from .rooms import TRANSFORMS, UNDISTORTED, write_room

HEALTHY = "aaaaaaaaaa"
VICTIMS = ("bbbbbbbbbb", "cccccccccc")
"""One plain, one with quirks; the seed picks one."""
SIZE = "90"
_ONLY_IN = {PICTURE: VICTIMS[0], UNDISTORTED: VICTIMS[0], TRANSFORMS: VICTIMS[1]}

KNOWN_REASONS = {
    *("damaged mesh", "damaged mesh mask", "damaged segments.json", "damaged segments_anno.json"),
    *("damaged COLMAP model", "segments do not fit the mesh", "too many objects"),
    *("damaged transforms_undistorted.json", "damaged transforms.json", "no transforms_undistorted.json"),
    *("no transforms.json", "no segments_anno.json"),
    "poses disagree with COLMAP",
    *("no mesh_aligned_0.05.ply", "no segments.json", "no cameras.txt", "no images.txt"),
    *("no annotation", "no such scene", "no usable frame", "unreadable file"),
}
"""Why a scan may give nothing. "unexpected error" is none of them: what is foreseen has a sentence of its own."""


_CATALOGUE = catalogue()
NUM_DAMAGES = len(_CATALOGUE)
"""Kinds of damage, times the files that each fits."""


Kind = tuple[str, str]
"""The camera that a build asks about, and its profile."""


@dataclass(frozen=True)
class Sound:
    """Scans without damage, of which the trials damage copies."""

    base: Path
    """ScanNet++ root."""
    healthy: dict[Kind, dict[str, str]]
    """SHA-256 of every file that holds the healthy scan alone, in builds without damage."""


def make_sound(folder: Path) -> Sound:
    """Write the sound scans and build them."""
    base, root = folder / "base", folder / "scannetpp"
    write_room(base, HEALTHY, 0)
    write_room(base, VICTIMS[0], 1)
    write_room(base, VICTIMS[1], 2, has_quirks=True)
    _lay_out(base, root, VICTIMS[0])
    healthy = {}
    for images, profile in product(("iphone", "dslr"), PROFILES):
        out = folder / images / profile / "out"
        _build(root, out, (images, profile))
        healthy[images, profile] = _healthy_digests(out)
    return Sound(base, healthy)


def _damage(seed: int) -> Damage:
    return _CATALOGUE[seed % NUM_DAMAGES]


def title(seed: int) -> str:
    """What a seed damages."""
    return f"{seed} {_damage(seed).kind}: {_damage(seed).file}"


def run_trial(seed: int, sound: Sound, folder: Path) -> list[str]:
    """Damage a scan as a seed says, build, and tell all that is wrong with the outcome.

    Args:
        seed: which damage, and every random choice in it.
        sound: what to damage.
        folder: to work in; empty.
    """
    damage = _damage(seed)
    victim = _ONLY_IN.get(damage.file, VICTIMS[seed // 2 % 2])
    kind = "dslr" if damage.file.startswith("dslr") else "iphone", list(PROFILES)[seed % len(PROFILES)]
    root, out = folder / "scannetpp", folder / "out"
    _lay_out(sound.base, root, victim)
    place = root / damage.file if damage.file in LISTS else root / "data" / victim / damage.file
    damage.apply(place, np.random.default_rng(seed))
    with _watch() as noise:
        try:
            report = _build(root, out, kind)
        except Exception as error:  # any: the trial is about those that nobody foresaw
            complaints = _about_refusal(error, damage.file)
        else:
            complaints = _about_build(report, out, sound.healthy[kind], victim, damage.file)
    leftovers = [path.name for path in folder.rglob(".writing-*")]
    return [*complaints, *noise, *(f"left {name}" for name in leftovers)]


def _lay_out(base: Path, root: Path, victim: str) -> None:
    """Make a root of the healthy scan and a victim, whose files are hard links, and of their lists."""
    (root / "data").mkdir(parents=True)
    (root / "data" / HEALTHY).symlink_to(base / "data" / HEALTHY)
    shutil.copytree(base / "data" / victim, root / "data" / victim, copy_function=os.link)
    for name, scene in zip(LISTS, (victim, HEALTHY), strict=True):
        (root / name).write_text(f"{scene}\n")


def _build(root: Path, out: Path, kind: Kind) -> Report:
    """Build with few points a scan: what is damaged does not depend on their number."""
    rules = partial(VisibilityRules, base_points=4000, min_points_per_instance=100)
    lists = ",".join(str(root / name) for name in LISTS)
    with mock.patch.object(pipeline, "VisibilityRules", rules):
        config = BuildConfig(root, out, images=kind[0], profile=kind[1], size=SIZE, split=lists, num_proc=1)
        return build(config)


def _healthy_digests(out: Path) -> dict[str, str]:
    """SHA-256 of every file that holds the healthy scan alone."""
    work = work_folder(out)
    folders = [*work.glob(f"annotations/{HEALTHY}"), *work.glob(f"candidates/*/{HEALTHY}")]
    files = [*(file for folder in folders for file in folder.iterdir()), *out.glob("*/test-*")]
    return {
        path.relative_to(out.parent).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(files)
    }


@contextmanager
def _watch() -> Iterator[list[str]]:
    """Collect tracebacks in the log and warnings, which a damaged scan must not cause."""
    noise: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info:
                noise.append(f"logged a traceback of {record.exc_info[1]!r}")

    listener = Listener()
    logging.getLogger().addHandler(listener)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield noise
    finally:
        logging.getLogger().removeHandler(listener)
    noise += sorted({f"warned: {one.message} ({Path(one.filename).name}:{one.lineno})" for one in caught})


def _about_refusal(error: Exception, file: str) -> list[str]:
    """Only a damaged list may stop the whole build, and what the command prints as a sentence must be one."""
    if not (isinstance(error, BuildError | ScanError) or type(error) is ValueError):
        return [f"raised {error!r}"]
    complaints = [] if file in LISTS else [f"the build stopped: {error}"]
    message = str(error)
    if "\n" in message or not message.endswith(".") or not (file in message or "--split" in message):
        complaints.append(f"no sentence that names the file: {message!r}")
    return complaints


def _about_build(report: Report, out: Path, healthy: dict[str, str], victim: str, file: str) -> list[str]:
    complaints = []
    # A damaged test list may no longer name the healthy scan.
    if file != LISTS[1] and _healthy_digests(out) != healthy:
        complaints.append("the healthy scan's files differ from those of a clean build")
    failures = [skip for skip in report.failures if skip.where == victim]
    is_built = (work_folder(out) / "annotations" / victim).exists()
    if file not in LISTS and is_built == bool(failures):
        complaints.append(f"built: {is_built}, but failures: {failures}")
    for skip in report.failures:
        if skip.reason not in KNOWN_REASONS:
            complaints.append(f"unknown reason {skip.reason!r}: {skip.detail}")
        if "\n" in skip.detail or not skip.detail.endswith(".") or len(skip.detail) > 600:
            complaints.append(f"no sentence: {skip.detail!r}")
        names = [*(Path(name).name for name in (*SCAN_FILES, *DSLR_FILES)), "the poses", skip.where]
        if not any(name in skip.detail for name in names):
            complaints.append(f"names no file: {skip.detail}")
    for config in ("annotations", *PROFILES):
        for file in sorted((out / config).glob("train-*.parquet")):
            complaints += _about_numbers(pq.read_table(file))
    return complaints


_SHARES = ("occlusion_ratio", "occlusion_ratio_id", "fov_ratio", "visible_pixel_ratio", "occlusion_avg", "chance")


def _about_numbers(table: pa.Table) -> Iterator[str]:
    """Ratios lie in [0, 1], boxes in their image, and every number is finite."""
    for name in table.column_names:
        values = table[name]
        while pa.types.is_list(values.type):
            values = pa.chunked_array([chunk.flatten() for chunk in values.chunks], values.type.value_type)
        if not (pa.types.is_floating(values.type) or pa.types.is_integer(values.type)):
            continue
        numbers = values.drop_null().to_numpy()
        if not np.isfinite(numbers).all():
            yield f"{name} is not finite"
        elif name in _SHARES and len(numbers) and not 0 <= numbers.min() <= numbers.max() <= 1 + 1e-6:
            yield f"{name} runs from {numbers.min()} to {numbers.max()}"
        elif (
            name in ("intrinsics", "cam_from_world", "box_centroid", "box_lengths")
            and np.abs(numbers).max(initial=0) > 1e6
        ):
            yield f"{name} is as large as {np.abs(numbers).max()}"
    if "width" in table.column_names:
        for row in table.select(["bbox_2d", "width", "height"]).to_pylist():
            box = row["bbox_2d"]
            if box and not (0 <= box[0] < box[2] <= row["width"] and 0 <= box[1] < box[3] <= row["height"]):
                yield f"box {box} in an image of {row['width']} x {row['height']}"
