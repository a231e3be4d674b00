from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from spatialmosaic_builder import cli
from spatialmosaic_builder.config import StatusConfig


def spatialmosaic(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spatialmosaic_builder", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)


@pytest.mark.parametrize(
    "arguments",
    [[], ["doctor"], ["build"], ["prepare-images"], ["status"], ["export"], ["report"], ["card"], ["push"], ["demo"]],
)
def test_help_waits_for_no_heavy_import(arguments):
    code = f"""
import sys
sys.argv = ["spatialmosaic", *{arguments!r}, "--help"]
from spatialmosaic_builder.cli import main
try:
    main()
except SystemExit as end:
    assert end.code in (0, None)
assert not {{"numba", "datasets", "pyarrow", "cv2", "matplotlib", "av"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage: spatialmosaic" in done.stdout


def test_bad_input_ends_with_one_sentence(tmp_path: Path):
    done = spatialmosaic("build", tmp_path / "nowhere")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_build_and_report(sample_root: Path, tmp_path: Path):
    out, page = tmp_path / "spatialmosaic", tmp_path / "reports" / "report.html"
    done = spatialmosaic("build", sample_root, "--out", out, "--size", 120, "--num-proc", 1)
    assert done.returncode == 0, done.stderr
    assert "obj_spatial_occ_lr" in done.stdout
    assert "120 questions (80 train, 40 test)" in done.stdout
    assert "Scans left out:" in done.stdout
    assert "scans: 100%" in done.stderr
    done = spatialmosaic("report", out, "--image-root", sample_root, "--out", page, "--samples", 1)
    assert done.returncode == 0, done.stderr
    assert page.stat().st_size > 10_000


def test_report_of_what_is_no_dataset(tmp_path: Path):
    done = spatialmosaic("report", tmp_path, "--image-root", tmp_path)
    assert done.returncode == 1
    assert "holds no records" in done.stderr


def test_pictures_without_a_video_end_with_one_sentence(sample_root: Path, tmp_path: Path):
    done = spatialmosaic("prepare-images", sample_root, "--image-root", tmp_path / "images", "--num-proc", 1)
    assert done.returncode == 1
    assert "rgb.mkv" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "images").exists()


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_an_interrupt_ends_with_one_sentence(is_wrapped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def interrupted(config: object) -> None:
        if is_wrapped:
            raise SystemError("compiled code returned a result with an exception set") from KeyboardInterrupt()
        raise KeyboardInterrupt

    monkeypatch.setitem(cli._VERBS, StatusConfig, ("status", interrupted))
    monkeypatch.setattr(sys, "argv", ["spatialmosaic", "status", str(tmp_path)])
    with pytest.raises(SystemExit, match="run the same command again"):
        cli.main()
