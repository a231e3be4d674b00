"""SpatialMosaic's data engine: ScanNet++ scenes in, multi-view questions about partly visible objects out.

    ScanNet++ folder  -- scans.scannetpp --> Scan            mesh, objects, posed frames of one camera
    Scan              -- visibility ------> Annotations      what each frame shows of each object; overlap of frames
    Annotations       -- frame_sets ------> FrameSet         2 to 5 frames that overlap little
    FrameSet          -- tasks, records --> candidates       eight tasks, seventeen question types
    candidates        -- merge, writer ---> spatialmosaic/   quotas, balanced keys, Parquet files and a card
    spatialmosaic/    -- load_dataset ----> datasets.Dataset
    spatialmosaic/    -- hub --------------> the Hub          an allow-list, one commit

Importing this package lets `datasets.load_dataset("spatialmosaic", ..., data_dir=<ScanNet++ root>)` generate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .registration import register
from .version import BUILDER_VERSION as __version__

if TYPE_CHECKING:
    from .config import BuildConfig
    from .dataset import SpatialMosaic
    from .images import attach_images
    from .pipeline import build
    from .scans.sample import write_sample_scans

_HOME = {
    "BuildConfig": "config",
    "build": "pipeline",
    "SpatialMosaic": "dataset",
    "attach_images": "images",
    "write_sample_scans": "scans.sample",
}
"""Where the public names live: they are imported on first use, so that `--help` does not wait for numba."""

__all__ = ["BuildConfig", "SpatialMosaic", "__version__", "attach_images", "build", "write_sample_scans"]

register()


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_HOME[name]}", __name__), name)
