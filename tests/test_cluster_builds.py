"""The same bytes from one worker, from several, from a Slurm cluster of two nodes, and from all of them when something dies."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fuzz.rooms import write_room

from spatialmosaic_builder import running
from spatialmosaic_builder.checks import check_build
from spatialmosaic_builder.config import BuildConfig
from spatialmosaic_builder.engines import cluster
from spatialmosaic_builder.pipeline import build, work_folder
from spatialmosaic_builder.status import read_status

SCENES = ("0a1b2c3d4e", "1a1b2c3d4e", "2a1b2c3d4e", "3a1b2c3d4e")
SLURM = Path(__file__).parent / "slurm"
DAEMONS = ("slurmctld", "slurmd", "munged")
PATIENCE_S = 200

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def digest(config: BuildConfig) -> str:
    """SHA-256 of a dataset folder: names and contents of all of its files."""
    files = sorted(path for path in config.out.rglob("*") if path.is_file())
    parts = [f"{file.relative_to(config.out)} {hashlib.sha256(file.read_bytes()).hexdigest()}\n" for file in files]
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def make(config: BuildConfig) -> None:
    """Do what the command does: build, audit, and write the card; no scan may have failed."""
    assert not build(config).failures
    check_build(config)


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> BuildConfig:
    """What one undisturbed worker builds."""
    folder = tmp_path_factory.mktemp("truth")
    for seed, scene in enumerate(SCENES):
        write_room(folder / "scannetpp", scene, seed)
    config = BuildConfig(folder / "scannetpp", folder / "spatialmosaic", size="240", num_proc=1, verify="none")
    make(config)
    return config


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A Slurm cluster of two nodes on this machine; gives the file of options for it."""
    if missing := [name for name in DAEMONS if shutil.which(name) is None]:
        pytest.skip(f"{missing[0]} is not installed (Debian: slurm-wlm and munge)")
    folder = tmp_path_factory.mktemp("slurm")
    with pytest.MonkeyPatch.context() as patch:
        try:
            # Not captured: the daemons keep what they inherit.
            subprocess.run([SLURM / "start.sh", folder], check=True, stdout=subprocess.DEVNULL)
            patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
            options = folder / "engine.yaml"
            options.write_text("partition: main\ntime: '00:10:00'\nmem_per_cpu_gb: 2\n")
            yield options
        finally:
            subprocess.run([SLURM / "stop.sh", folder], check=False)


def on_slurm(truth: BuildConfig, slurm: Path, out: Path) -> BuildConfig:
    return replace(truth, out=out / "spatialmosaic", engine="slurm", engine_options=slurm)


def command(config: BuildConfig) -> list[str]:
    options = ["--out", str(config.out), "--size", config.size, "--num-proc", str(config.num_proc), "--verify", "none"]
    if config.engine_options:
        options += ["--engine", config.engine, "--engine-options", str(config.engine_options)]
    return [sys.executable, "-m", "spatialmosaic_builder", "build", str(config.root), *options]


def wait_for(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill_a_worker(config: BuildConfig, is_first_done: bool) -> Future[None]:
    """Kill the process of the first scan that is seen to run; or, so that one is done, of the first after that."""
    work = work_folder(config.out)

    def kill() -> None:
        wait_for(lambda: not is_first_done or list(work.glob("outcomes/paper/[!.]*.json")))
        wait_for(lambda: running.read_marks(work, "paper"))
        os.kill(next(iter(running.read_marks(work, "paper").values())).pid, signal.SIGKILL)

    return ThreadPoolExecutor(1).submit(kill)


def arrays(config: BuildConfig) -> set[str]:
    """Ids of the arrays that a build submitted."""
    logs = work_folder(config.out).glob("engine/*/slurm_logs/*.out")
    return {path.name.split("_")[0] for path in logs}


@pytest.mark.parametrize("num_proc", [2, 3])
def test_several_workers(truth, tmp_path, num_proc):
    config = replace(truth, out=tmp_path / "spatialmosaic", num_proc=num_proc)
    make(config)
    assert digest(config) == digest(truth)


def test_several_workers_of_which_one_is_killed(truth, tmp_path):
    config = replace(truth, out=tmp_path / "spatialmosaic", num_proc=2)
    killer = kill_a_worker(config, is_first_done=False)
    make(config)
    killer.result()
    assert digest(config) == digest(truth)


def test_two_nodes(truth, slurm, tmp_path):
    config = on_slurm(truth, slurm, tmp_path)
    make(config)
    assert digest(config) == digest(truth)
    assert len(arrays(config)) == 1
    (status,) = read_status(config.out)
    for scan in status.scans:
        assert scan.seconds > 0
        assert "Processing done" in Path(scan.log).read_text()


def test_two_nodes_and_a_task_that_is_killed(truth, slurm, tmp_path, monkeypatch):
    """Its scan is submitted again, alone."""
    monkeypatch.setattr(cluster, "_POLL_S", 1.0)
    monkeypatch.setattr(cluster, "_SETTLE_S", 3.0)
    config = on_slurm(truth, slurm, tmp_path)
    killer = kill_a_worker(config, is_first_done=True)
    make(config)
    killer.result()
    assert digest(config) == digest(truth)
    first, second = sorted(arrays(config), key=int)
    logs = work_folder(config.out).glob("engine/*/slurm_logs/*.out")
    assert sorted(path.name.split("_")[0] for path in logs) == [first] * len(SCENES) + [second]


def test_two_nodes_and_a_command_that_is_killed(truth, slurm, tmp_path):
    """Its array goes on, and the same command waits for it instead of submitting another."""
    config = on_slurm(truth, slurm, tmp_path)
    with subprocess.Popen(command(config), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as head:
        wait_for(lambda: running.read_marks(work_folder(config.out), "paper"))
        head.kill()
    (status,) = read_status(config.out)
    assert not status.is_running
    subprocess.run(command(config), check=True, capture_output=True)
    assert digest(config) == digest(truth)
    assert len(arrays(config)) == 1


def test_two_nodes_and_a_command_that_is_interrupted(truth, slurm, tmp_path):
    """Its array is cancelled, and the same command goes on with the scans that are left."""
    config = on_slurm(truth, slurm, tmp_path)
    with subprocess.Popen(command(config), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as head:
        wait_for(lambda: psutil.pid_exists(head.pid) and running.read_marks(work_folder(config.out), "paper"))
        head.send_signal(signal.SIGINT)
        said = head.communicate()[1]
    assert "was cancelled" in said
    assert "run the same command again to go on" in said
    wait_for(lambda: not subprocess.run(["squeue", "--noheader"], check=True, capture_output=True).stdout)
    subprocess.run(command(config), check=True, capture_output=True)
    assert digest(config) == digest(truth)
    assert len(arrays(config)) == 2
