"""Two small rooms with pictures, a dataset of them, and runs on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from spatialmosaic_builder.config import BuildConfig
from spatialmosaic_builder.pipeline import build
from spatialmosaic_builder.scans.sample import write_sample_scans
from spatialmosaic_vlm.processing_spatial_mosaic import SpatialMosaicProcessor
from spatialmosaic_vlm.training.arguments import Arguments, parse_arguments
from spatialmosaic_vlm.training.records import Records, prompt_texts, read_records
from spatialmosaic_vlm.training.start import load_start, random_start


@pytest.fixture(scope="session")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ScanNet++ root with small pictures. Shared: copy it before you change it."""
    root = tmp_path_factory.mktemp("rooms") / "scannetpp"
    write_sample_scans(root, num_scans=2, seed=0, num_frames=16, image_size=(160, 120))
    return root


@pytest.fixture(scope="session")
def questions(rooms: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset folder of these rooms."""
    out = tmp_path_factory.mktemp("questions") / "spatialmosaic"
    build(BuildConfig(rooms, out, size="240", num_proc=1))
    return out


@pytest.fixture(scope="session")
def arguments(rooms: Path, questions: Path) -> Callable[..., Arguments]:
    """Makes the arguments of a run: the recipe tiny_cpu on the rooms, and what a command line adds."""

    def make(run: Path, *more: str) -> Arguments:
        command = ["--config", "tiny_cpu", "--dataset", str(questions), "--image_root", str(rooms)]
        quick = ["--per_device_train_batch_size", "2", "--questions_per_set", "4", "--logging_steps", "1"]
        return parse_arguments([*command, *quick, "--output_dir", str(run), *more])

    return make


@pytest.fixture(scope="session")
def records(arguments: Callable[..., Arguments], tmp_path_factory: pytest.TempPathFactory) -> Records:
    data, _, _ = arguments(tmp_path_factory.mktemp("records"))
    return read_records(data, "train", None)


@pytest.fixture(scope="session")
def start(arguments: Callable[..., Arguments], records: Records, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a random starting checkpoint. Shared: copy it before you change it."""
    folder = tmp_path_factory.mktemp("started")
    _, model, _ = arguments(folder)
    return Path(random_start(model, folder, prompt_texts(records), seed=0))


@pytest.fixture(scope="session")
def tiny_processor(arguments: Callable[..., Arguments], start: Path) -> SpatialMosaicProcessor:
    _, model, _ = arguments(start.parent)
    return load_start(model, str(start))[1]
