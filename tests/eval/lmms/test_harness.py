"""lmms-eval itself, in an environment of its own that SPATIALMOSAIC_LMMS_EVAL names: its output is what counts, as it
ends with 0 whatever happens."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from spatialmosaic_eval.config import LmmsTasksConfig, ReportConfig, RunConfig
from spatialmosaic_eval.lmms.task_files import TASKS, write_task_files
from spatialmosaic_eval.predictions import read_run
from spatialmosaic_eval.report import write_report
from spatialmosaic_eval.runner import run

PYTHON = os.environ.get("SPATIALMOSAIC_LMMS_EVAL")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason="SPATIALMOSAIC_LMMS_EVAL names no Python with lmms-eval and this package"),
]


def harness(folder: Path, *arguments: str) -> dict[str, list[dict[str, Any]]]:
    """Run lmms-eval on all tasks; returns its samples by task."""
    command = [str(PYTHON), "-m", "lmms_eval", "--include_path", str(folder / "tasks"), "--tasks", ",".join(TASKS)]
    command += ["--verbosity", "DEBUG", "--log_samples", "--output_path", str(folder / "out"), *arguments]
    environment = os.environ | {"HF_HOME": str(folder / "hf"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    files = sorted((folder / "out").rglob("*_samples_*.jsonl"))
    assert len(files) == len(TASKS), done.stdout + done.stderr
    return {
        file.stem.partition("_samples_")[2]: [
            json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()
        ]
        for file in files
    }


def test_our_model_answers_there_as_it_does_here(
    bench: Path, pictures: Path, tiny_model: Path, tmp_path: Path
) -> None:
    write_task_files(LmmsTasksConfig(bench, pictures, tmp_path / "tasks"))
    samples = harness(
        tmp_path, "--model", "spatialmosaic_vlm", "--model_args", f"pretrained={tiny_model}", "--batch_size", "4"
    )
    here = read_run(run(RunConfig(str(tiny_model), str(bench), pictures, tmp_path / "here")).folder).predictions
    seen = [*samples["spatialmosaic_choice"], *samples["spatialmosaic_numeric"]]
    there = {sample["micro"]["id"]: sample["micro"]["answer"] for sample in seen}
    assert there == {name: made.answer.strip() for (name, _), made in here.items()}
    assert len(samples["spatialmosaic_blind"]) == len(samples["spatialmosaic_choice"])


def test_its_samples_can_be_reported(bench: Path, pictures: Path, tmp_path: Path) -> None:
    write_task_files(LmmsTasksConfig(bench, pictures, tmp_path / "tasks"))
    samples = harness(tmp_path, "--model", "dummy")
    path = tmp_path / "samples.jsonl"
    rows = [*samples["spatialmosaic_choice"], *samples["spatialmosaic_numeric"]]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    config = RunConfig("dummy", str(bench), out=tmp_path / "run", backend="import", predictions=path)
    assert run(config).states["ok"] == len(samples["spatialmosaic_choice"])
    write_report(ReportConfig((tmp_path / "run",), out=tmp_path / "report", controls=False, records=0))
    (made,) = json.loads((tmp_path / "report/report.json").read_text(encoding="utf-8"))["runs"]
    (results,) = (tmp_path / "out").rglob("*_results.json")
    theirs = json.loads(results.read_text(encoding="utf-8"))["results"]["spatialmosaic_choice"]
    for name in ("macro12", "macro6", "kappa6"):
        assert theirs[f"{name},none"] == pytest.approx(made["averages"][name]["value"])
