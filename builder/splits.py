"""Which scenes are train (SpatialMosaic) and which are test (SpatialMosaic-Bench), and how many questions each gets."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from .scans.files import OFFICIAL_SPLITS, read_scene_list

SPLITS = ("train", "test")
SIZES = {"full": {"train": 2_000_000, "test": 1_000_000}, "mini": {"train": 200_000, "test": 100_000}}
"""Questions of a profile by split: the paper's dataset, and the subset of its experiments."""


def questions_by_split(size: str) -> dict[str, int]:
    """Read a size: `full`, `mini`, or a number of questions in all, two thirds of them train.

    Raises:
        ValueError: for anything else.
    """
    if size in SIZES:
        return SIZES[size]
    if not size.isdecimal() or int(size) < 1:
        raise ValueError(f"--size takes {', '.join(SIZES)} or a positive number of questions, got {size!r}.")
    train = round(int(size) * 2 / 3)
    return {"train": train, "test": int(size) - train}


def split_scenes(split: str, root: Path, annotated: Sequence[str]) -> dict[str, list[str]]:
    """Assign scenes to splits.

    Args:
        split: `default` (80/20 of the annotated scenes by the hash of their id), `official` (ScanNet++'s lists), or the
            paths of a train list and a test list, separated by a comma.
        root: ScanNet++ root.
        annotated: ids of the annotated scenes below it.

    Returns:
        Sorted ids by split. Lists may name scenes that are not on disk; official ones are left out.

    Raises:
        ScanError: if a list cannot be read.
        ValueError: for another `split`, or a scene that stands in both lists.
    """
    if split == "default":
        return _default_split(annotated)
    if split == "official":
        available = set(annotated)
        lists = {name: read_scene_list(root / path) for name, path in OFFICIAL_SPLITS.items()}
        lists = {name: [scene for scene in scenes if scene in available] for name, scenes in lists.items()}
    elif split.count(",") == len(SPLITS) - 1:
        lists = {name: read_scene_list(Path(path)) for name, path in zip(SPLITS, split.split(","), strict=True)}
    else:
        raise ValueError(f"--split takes default, official or TRAIN.txt,TEST.txt, got {split!r}.")
    shared = sorted(set(lists["train"]) & set(lists["test"]))
    if shared:
        raise ValueError(f"--split: scene {shared[0]} stands in both lists; a scene must not be in two splits.")
    return {name: sorted(set(scenes)) for name, scenes in lists.items()}


def _default_split(annotated: Sequence[str]) -> dict[str, list[str]]:
    order = sorted(annotated, key=lambda scene: hashlib.sha256(scene.encode()).hexdigest())
    num_train = 8 * len(order) // 10 if len(order) > 1 else len(order)
    num_train = max(num_train, min(1, len(order)))
    return {"train": sorted(order[:num_train]), "test": sorted(order[num_train:])}


def list_digest(scenes: Sequence[str]) -> str:
    """SHA-256 of a scene list as it is written to disk: one id a line."""
    return hashlib.sha256("".join(f"{scene}\n" for scene in scenes).encode()).hexdigest()
