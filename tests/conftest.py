"""The sample rooms that serve every test, written once a test run in ScanNet++'s on-disk format."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from spatialmosaic_builder.annotations import Annotations
from spatialmosaic_builder.config import BuildConfig
from spatialmosaic_builder.pipeline import build
from spatialmosaic_builder.rules import VisibilityRules
from spatialmosaic_builder.scans.files import list_scenes
from spatialmosaic_builder.scans.sample import write_sample_scans
from spatialmosaic_builder.scans.scannetpp import read_scan
from spatialmosaic_builder.schema import Scan
from spatialmosaic_builder.visibility import annotate

from .hub_server import HubServer


@pytest.fixture(scope="session")
def sample_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two annotated rooms without pictures, 24 frames each. Shared: copy it before you change it."""
    root = tmp_path_factory.mktemp("sample") / "scannetpp"
    write_sample_scans(root, num_scans=2, seed=0, num_frames=24, pictures=False)
    return root


@pytest.fixture(scope="session")
def sample_scenes(sample_root: Path) -> list[str]:
    """Ids of the annotated sample rooms."""
    return [scene.scene_name for scene in list_scenes(sample_root) if scene.is_annotated]


@pytest.fixture(scope="session")
def sample_scan(sample_root: Path, sample_scenes: list[str]) -> Scan:
    return read_scan(sample_root, sample_scenes[0])


@pytest.fixture(scope="session")
def sample_annotations(sample_scan: Scan) -> Annotations:
    return annotate(sample_scan, VisibilityRules(), seed=0)


@pytest.fixture(scope="session")
def sample_dataset(sample_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset folder built from the sample rooms. Shared: copy it before you change it."""
    out = tmp_path_factory.mktemp("dataset") / "spatialmosaic"
    build(BuildConfig(sample_root, out, size="240", num_proc=1))
    return out


@pytest.fixture(scope="session")
def shared_scans() -> Path:
    """Rooms of an independent writer, named by SPATIALMOSAIC_TEST_SCANS."""
    folder = os.environ.get("SPATIALMOSAIC_TEST_SCANS")
    if not folder or not Path(folder).is_dir():
        pytest.skip("SPATIALMOSAIC_TEST_SCANS names no folder of scans")
    return Path(folder)


@pytest.fixture
def hub() -> Iterator[HubServer]:
    """An empty Hub on the loopback interface, for processes that run in `hub.environment(folder)`."""
    with HubServer() as server:
        yield server


@pytest.fixture(scope="session")
def write_video() -> Callable[..., None]:
    """A function that encodes pictures as a phone does: frames that refer to later ones, 60 a second."""
    import av

    def write(
        path: Path, pictures: Sequence[np.ndarray], times: Sequence[int] | None = None, codec: str = "libx264"
    ) -> None:
        """Encode pictures, shape (height, width, 3); `times` are their places on the clock, in frames."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=60, options={"crf": "8", "x265-params": "log-level=none:crf=8"})
            stream.height, stream.width = pictures[0].shape[:2]
            stream.pix_fmt = "yuv420p"
            for k, pixels in enumerate(pictures):
                picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
                picture.pts, picture.time_base = times[k] if times else k, Fraction(1, 60)
                container.mux(stream.encode(picture))
            container.mux(stream.encode())

    return write
