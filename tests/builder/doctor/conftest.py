"""A sample room with pictures, written once for the doctor's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from spatialmosaic_builder.scans.sample import write_sample_scans


@pytest.fixture(scope="session")
def pictured_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One annotated room of 24 small pictures, and one without annotation. Shared: copy it before you change it."""
    root = tmp_path_factory.mktemp("pictured") / "scannetpp"
    write_sample_scans(root, num_scans=1, seed=2, num_frames=24, image_size=(480, 360), num_proc=1)
    return root
