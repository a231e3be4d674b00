"""Opens pictures, with a sentence for those that cannot be opened."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from ..errors import EvalError


def open_picture(record: str, path: Path) -> Image.Image:
    """Open a picture in full.

    Raises:
        EvalError: it is missing or damaged; the message names record and file.
    """
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise EvalError(
            f"Record {record}: {path} is missing or no whole picture ({error}); make it again and run the same command: "
            "answers so far are kept."
        ) from error
