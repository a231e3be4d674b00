"""Runs whose answers are brought in from a file, and reports of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spatialmosaic_eval.config import ReportConfig, RunConfig
from spatialmosaic_eval.report import write_report
from spatialmosaic_eval.runner import run

Answer = Callable[[dict[str, Any]], str]


@pytest.fixture
def answered(bench: Path, records: dict[str, Any], tmp_path: Path) -> Callable[..., Path]:
    """Makes a run of given answers: name, what a record is answered with, options of the run."""

    def make(name: str, answer: Answer, **changes: Any) -> Path:
        path = tmp_path / f"{name}.jsonl"
        rows = [{"id": row["id"], "answer": answer(row)} for row in records.values()]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        options: dict[str, Any] = {"model": "m", "data": str(bench), "backend": "import", "predictions": path}
        return run(RunConfig(**(options | {"out": tmp_path / name} | changes))).folder

    return make


@pytest.fixture
def reported(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Reports runs and reads report.json."""

    def make(*runs: Path, **changes: Any) -> dict[str, Any]:
        options: dict[str, Any] = {"out": tmp_path / "report", "controls": False, "records": 0}
        config = ReportConfig(runs, **(options | changes))
        write_report(config)
        document: dict[str, Any] = json.loads((config.out / "report.json").read_text(encoding="utf-8"))
        return document

    return make
