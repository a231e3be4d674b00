"""What a config of the dataset folder was made from and holds: a marker in the work folder, put in place together with it.

<out>.work/CONFIG.written.json     names and sizes of its files, counts, configuration, thresholds
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def marker_name(config_name: str) -> str:
    """Name of a config's marker."""
    return f"{config_name}.written.json"


def read_marker(work: Path, config_name: str) -> dict[str, Any]:
    """What the marker says that a config holds; empty where a build was killed before it was put in place."""
    try:
        written = json.loads((work / marker_name(config_name)).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return written if isinstance(written, dict) else {}


def is_whole(folder: Path, marker: dict[str, Any]) -> bool:
    """Tell whether a config's folder holds the files that its marker names, of the sizes that it names."""
    files = marker.get("files", {})
    try:
        return bool(files) and all((folder / name).stat().st_size == size for name, size in files.items())
    except OSError:
        return False
