"""Builds that are killed without warning, at seeded moments from the first import to the last file, then run again."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fuzz.rooms import write_room

from spatialmosaic_builder.checks import check_build
from spatialmosaic_builder.config import BuildConfig
from spatialmosaic_builder.pipeline import build

NUM_MOMENTS = 30
SCENES = ("0a1b2c3d4e", "1a1b2c3d4e", "2a1b2c3d4e", "3a1b2c3d4e")


@dataclass(frozen=True)
class Unbroken:
    """A build that nobody disturbed."""

    config: BuildConfig
    digests: dict[str, str]
    seconds: float
    num_paths: int
    """Files and folders that came to be while it ran, those included that it renamed or deleted later."""


def start(config: BuildConfig) -> subprocess.Popen[bytes]:
    """Start a build of two workers in a process group of its own."""
    options = ["--out", str(config.out), "--profile", config.profile, "--size", config.size, "--num-proc", "2"]
    command = [sys.executable, "-m", "spatialmosaic_builder", "build", str(config.root), *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


TIMED = ("*.plan.json", "outcomes/*/*.json", "running/*/*.json")
"""What tells when a build ran and how long each scan took: no two builds agree on it."""


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a dataset and of what lies beside it, but for what tells the time."""
    files = sorted(
        path for path in folder.rglob("*") if path.is_file() and not any(path.match(pattern) for pattern in TIMED)
    )
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def paths_below(folder: Path) -> set[str]:
    return {f"{place}/{name}" for place, folders, files in os.walk(folder) for name in (*folders, *files)}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> list[Unbroken]:
    """A build into an empty folder, and one of the other profile into the folder that it left."""
    folder = tmp_path_factory.mktemp("unbroken")
    for seed, scene in enumerate(SCENES):
        write_room(folder / "scannetpp", scene, seed)
    builds: list[Unbroken] = []
    for profile in ("paper", "strict"):
        place = folder / profile
        copy_of(builds, place)
        config = BuildConfig(folder / "scannetpp", place / "spatialmosaic", profile=profile, size="240")
        began, seen = time.monotonic(), paths_below(place)
        num_before = len(seen)
        process = start(config)
        while process.poll() is None:
            seen |= paths_below(place)
            time.sleep(0.001)
        assert process.returncode == 0
        builds.append(Unbroken(config, digests(place), time.monotonic() - began, len(seen) - num_before))
    return builds


def copy_of(builds: list[Unbroken], place: Path) -> None:
    """Make a folder of what the last of some builds left, or an empty one."""
    if builds:
        shutil.copytree(builds[-1].config.out.parent, place)
    else:
        place.mkdir()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(NUM_MOMENTS))
def test_killed_and_run_again_it_ends_with_the_same_bytes(seed: int, unbroken: list[Unbroken], tmp_path: Path) -> None:
    """Half of the moments are set by the clock, half by what has come to be on disk; both cover the whole build.

    Every third build is of a second profile. Every other two lose their parent alone, else the whole group is killed.
    """
    number = int(seed % 3 == 2)
    truth, place = unbroken[number], tmp_path / "build"
    copy_of(unbroken[:number], place)
    config = replace(truth.config, out=place / "spatialmosaic")
    moment = (seed // 2 + np.random.default_rng(seed).random()) / (NUM_MOMENTS // 2)
    began, seen = time.monotonic(), paths_below(place)
    num_before = len(seen)
    process, workers = start(config), []
    while process.poll() is None:
        seen |= paths_below(place)
        by_paths, by_clock = (len(seen) - num_before) / truth.num_paths, (time.monotonic() - began) / truth.seconds
        if (by_paths if seed % 2 else by_clock) >= moment:
            workers = psutil.Process(process.pid).children(recursive=True)
            (os.killpg if seed % 4 < 2 else os.kill)(process.pid, signal.SIGKILL)
            break
        time.sleep(0.001)
    process.wait()
    assert not psutil.wait_procs(workers, timeout=20)[1], "workers outlive their parent"
    build(replace(config, num_proc=1))
    check_build(replace(config, num_proc=1))
    assert digests(place) == truth.digests
