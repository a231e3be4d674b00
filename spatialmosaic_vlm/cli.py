"""The command `spatialmosaic-convert`. PyTorch is imported once the work begins."""

from __future__ import annotations

import logging
import sys

import tyro

from .convert import ConvertConfig, convert


def main() -> None:
    """Parse the command line and convert; bad input ends with one sentence and exit status 1."""
    config = tyro.cli(
        ConvertConfig,
        prog="spatialmosaic-convert",
        description="Build a SpatialMosaic checkpoint to start training from.",
    )
    from transformers.utils import logging as transformers_logging

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    # It would list the parts that the source lacks as untrained; those are loaded next, and real gaps are errors.
    transformers_logging.set_verbosity_error()
    try:
        print(f"The checkpoint is in {convert(config)}.")
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
