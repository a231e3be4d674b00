"""What Slurm's queue says of the arrays of a build, through Slurm's own commands. An array is known by its name."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from ..randomness import digest

COMMANDS = ("sbatch", "squeue", "scancel", "scontrol")
_PREFIX = "spatialmosaic"
_TIMEOUT_S = 60


def array_name(work: Path, key: str) -> str:
    """Name the arrays of one build: by its work folder, and by the configuration and the scans that its key stands for."""
    return f"{_folder_name(work)}-{key[:12]}"


def _folder_name(work: Path) -> str:
    return f"{_PREFIX}-{digest(work.resolve())[:12]}"


def queued_arrays(work: Path) -> set[str] | None:
    """List the names of the arrays of a work folder that wait or run; None if the queue does not answer."""
    answer = _ask("squeue", "--me", "--noheader", "--format=%T %j")
    if answer is None:
        return None
    jobs = (line.split(maxsplit=1) for line in answer.splitlines() if line.strip())
    # What is completing has ended; a slow epilog may keep it in the queue.
    return {name for state, name in jobs if name.startswith(f"{_folder_name(work)}-") and state != "COMPLETING"}


def cancel(name: str) -> None:
    """Cancel the arrays of a name, as far as the queue answers."""
    _ask("scancel", f"--name={name}")


def max_array_size() -> int | None:
    """Number of tasks that one array of this cluster may have; None if it does not tell."""
    found = re.search(r"MaxArraySize\s*=\s*(\d+)", _ask("scontrol", "show", "config") or "")
    return int(found.group(1)) if found else None


def _ask(*command: str) -> str | None:
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_TIMEOUT_S)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
