"""Versions that stand in records and cache keys."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

BUILDER_VERSION = version("spatialmosaic")

ENGINE_VERSION = 3
"""Raised whenever the visibility stage gives other numbers: annotations of another engine are made anew."""


@cache
def source_digest() -> str:
    """SHA-256 over the package's source: records made by other code are made anew (annotations are not)."""
    folder = Path(__file__).parent
    sources = sorted(folder.rglob("*.py"))
    parts = [f"{path.relative_to(folder).as_posix()}\n".encode() + path.read_bytes() for path in sources]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
