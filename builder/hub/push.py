"""Publishes a dataset folder: what it may send is chosen in `release.py`, how in `commit.py`."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

from ..config import PushConfig
from ..report import format_table
from .commit import Target, push_files
from .release import Release, collect_release, is_replaced

_KEPT_BACK_SHOWN = 5


def push(config: PushConfig) -> str:
    """Push a dataset folder, or say what would be sent; returns the closing text.

    Raises:
        BuildError: if the folder cannot be published as it is, or the Hub refuses.
        ValueError: if options contradict each other.
    """
    release = collect_release(config)
    listing = _format_release(release)
    where = f"{config.repo} ({config.revision})"
    if config.dry_run:
        return f"{listing}\n\nThis would be one commit to the dataset {where}; nothing was sent."
    target = Target(config.repo, "dataset", config.revision, config.private)
    pushed = push_files(target, release.files, _title(release), is_replaced)
    if not pushed.is_new:
        return f"{listing}\n\n{where} holds all of this already: {pushed.url}"
    is_open = "" if config.private else " Gating is the repository's own setting: see that it is on."
    gone = f" Removed {len(pushed.deleted)} files of earlier pushes." if pushed.deleted else ""
    return f"{listing}\n\nPushed to {where} as one commit: {pushed.url}{gone}{is_open}"


def _format_release(release: Release) -> str:
    sizes = release.sizes()
    pictures = {path: size for path, size in sizes.items() if path.startswith("data/")}
    rows: list[tuple[str, int]] = [(path, size) for path, size in sizes.items() if path not in pictures]
    if pictures:
        rows.append((f"{len(pictures):,} pictures below data/", sum(pictures.values())))
    text = format_table(("file", "bytes"), [*rows, ("total", sum(sizes.values()))])
    if release.left_out:
        shown = ", ".join(release.left_out[:_KEPT_BACK_SHOWN])
        more = ", ..." if len(release.left_out) > _KEPT_BACK_SHOWN else ""
        text += f"\n\nNot sent, because only Parquet files, scene lists and the card are: {shown}{more}"
    return text


def _title(release: Release) -> str:
    """Title of the commit: it names the content, so that the same content is known again."""
    digest = hashlib.sha256()
    for path, source in sorted(release.files.items()):
        content = source if isinstance(source, bytes) else _digest(source)
        digest.update(path.encode() + b"\0" + hashlib.sha256(content).digest())
    return f"SpatialMosaic {version('spatialmosaic')}, content {digest.hexdigest()[:16]}"


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
