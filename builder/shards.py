"""Folders that are either whole or absent: written aside, renamed into place, with a manifest that names their key.

Because of it a build can be killed at any moment and started again: what is there is complete.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
_ASIDE = ".writing-"


def aside_path(path: Path) -> Path:
    """Where this process writes what will be renamed to `path`: nobody on any machine writes there as well."""
    return path.with_name(f"{_ASIDE}{socket.gethostname()}-{os.getpid()}-{path.name}")


@contextmanager
def write_folder(path: Path, manifest: dict[str, Any]) -> Iterator[Path]:
    """Give a folder to write into, and put it in place of `path` when the block ends without an error.

    Args:
        path: the folder to make or replace.
        manifest: written last, as JSON; the block may still add to it. Its `key` tells what the folder was made from.

    Yields:
        The folder to write into.
    """
    aside = aside_path(path)
    aside.mkdir(parents=True)
    try:
        yield aside
        write_text(aside / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True) + "\n")
        replace_folder(aside, path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def replace_folder(source: Path, target: Path) -> None:
    """Rename a folder into place; what stood there before is moved away first and then deleted."""
    if target.exists():
        old = aside_path(target.with_name(f"old-{target.name}"))
        target.rename(old)
        source.rename(target)
        shutil.rmtree(old)
    else:
        source.rename(target)


def write_text(path: Path, text: str) -> None:
    """Write a text file aside, flush it to disk and rename it into place."""
    aside = aside_path(path)
    try:
        with aside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write plain data as JSON, and the folders above the file where they are missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(value, indent=1) + "\n")


def read_manifest(path: Path, key: str) -> dict[str, Any] | None:
    """Read the manifest of a complete folder; None if the folder is absent or was made from something else."""
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and manifest.get("key") == key else None


def remove_leftovers(folder: Path) -> None:
    """Delete what an earlier run was writing when it was killed."""
    for path in [*folder.glob(f"{_ASIDE}*"), *folder.glob(f"*/{_ASIDE}*"), *folder.glob(f"*/*/{_ASIDE}*")]:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
