"""The error of a command that cannot go on."""

from __future__ import annotations

import errno
from pathlib import Path


class BuildError(RuntimeError):
    """A command that cannot go on. The message says what to do."""


def explain(error: OSError, folder: Path, option: str) -> BuildError:
    """Turn a system error into a sentence; `option` names the folder that the command was writing to."""
    where = error.filename or folder
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return BuildError(
            f"The disk is full (while writing {where}); free some space and run the same command again: finished scans "
            "are kept."
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return BuildError(f"{where} cannot be written ({error.strerror}); name another {option}.")
    if error.errno == errno.EXDEV:
        return BuildError(f"{folder} and its parent are not on one disk; name a folder in it: {option} {folder}/NAME.")
    return BuildError(f"{where}: {error.strerror or error}")
