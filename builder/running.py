"""Who works on which scan right now, on whatever machine: a mark that its process keeps fresh and takes away.

<work>/running/<profile>/<scene>.json     touched every few seconds; a stale one tells what a process died of doing
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from .progress import scene_file

_BEAT_S = 10.0
_STALE_S = 120.0
"""A long call into compiled code may hold a beat up, and the clocks of two machines may differ; neither by so much."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A scan that is being worked on, or was when the process died."""

    scene_name: str
    host: str
    pid: int
    started_at: float
    """Seconds since the epoch, by the host's clock."""
    log: str | None
    """File that the process writes to, if it has one of its own."""


@contextmanager
def mark(work: Path, profile: str, scene_name: str, log: Path | None) -> Iterator[None]:
    """Mark a scan as being worked on while the block runs."""
    path = scene_file(work / "running" / profile, scene_name)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = Mark(scene_name, socket.gethostname(), os.getpid(), time.time(), str(log) if log else None)
    path.write_text(json.dumps(asdict(content)) + "\n", encoding="utf-8")
    is_over = threading.Event()
    threading.Thread(target=_keep_fresh, args=(path, is_over), daemon=True).start()
    try:
        yield
    finally:
        is_over.set()
        path.unlink(missing_ok=True)


def _keep_fresh(path: Path, is_over: threading.Event) -> None:
    while not is_over.wait(_BEAT_S):
        try:
            os.utime(path)
        except OSError:
            return


def read_marks(work: Path, profile: str) -> dict[str, Mark]:
    """Read the marks of the scans that are being worked on, by scene; a mark whose process is gone does not count."""
    marks = {}
    for path in sorted((work / "running" / profile).glob("*.json")):
        found = _read_mark(path)
        if found and _is_alive(found, path):
            marks[found.scene_name] = found
    return marks


def last_mark(work: Path, profile: str, scene_name: str) -> Mark | None:
    """Read the mark of a scan, though its process may be gone; None if none was begun since the last one ended."""
    return _read_mark(scene_file(work / "running" / profile, scene_name))


def forget(work: Path, profile: str, scene_name: str) -> None:
    """Take away the mark of a scan that is about to be begun anew."""
    scene_file(work / "running" / profile, scene_name).unlink(missing_ok=True)


def _read_mark(path: Path) -> Mark | None:
    try:
        return Mark(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None  # it is being written or taken away


def _is_alive(found: Mark, path: Path) -> bool:
    try:
        age_s = time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return False
    if age_s > _STALE_S:
        return False
    if found.host != socket.gethostname():
        return True
    try:
        os.kill(found.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's, and alive
    return True
