"""Result metadata as the Hub reads it: `.eval_results/*.yaml` for a model's repository, and `model-index` for its card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import EvalResult, EvalResultEntry, ModelCardData, eval_result_entries_to_yaml

from ..config import short_name


def result_files(document: dict[str, Any], dataset_id: str | None) -> dict[str, str]:
    """Write the metadata of every run.

    Args:
        document: of the report.
        dataset_id: name of the benchmark on the Hub; without it `.eval_results`, which needs it, is left out.

    Returns:
        Path below the report's folder -> content.
    """
    files = {}
    for run in document["runs"]:
        folder = results_folder(Path(), run["name"])
        files[str(folder / "model-index.yaml")] = _model_index(document, run, dataset_id)
        if dataset_id is not None:
            files[str(folder / ".eval_results" / f"{document['benchmark']}.yaml")] = _entries(
                document, run, dataset_id
            )
    return files


def results_folder(report: Path, run_name: str) -> Path:
    """Where the metadata of a run lie in a report's folder."""
    return report / "hub" / run_name.replace("/", "-")


def _entries(document: dict[str, Any], run: dict[str, Any], dataset_id: str) -> str:
    data = document["dataset"]
    notes = (
        f"{document['headline']}, parser {document['parser']}, views {run['config']['views']}, config {data['config']}"
    )
    entry = EvalResultEntry(
        dataset_id=dataset_id,
        task_id=data["config"],
        value=_points(run["averages"][document["headline"]]["value"]),
        date=run["started_at"],
        notes=notes,
    )
    text: str = yaml.safe_dump(eval_result_entries_to_yaml([entry]), sort_keys=False, allow_unicode=True)
    return text


def _model_index(document: dict[str, Any], run: dict[str, Any], dataset_id: str | None) -> str:
    data = document["dataset"]
    results = [
        EvalResult(
            task_type="visual-question-answering",
            dataset_type=dataset_id or document["benchmark"],
            dataset_name=document["title"],
            dataset_config=data["config"],
            dataset_split=data["split"],
            metric_type="accuracy",
            metric_name=name,
            metric_value=_points(score["value"]),
        )
        for name, score in run["averages"].items()
        if score["value"] is not None
    ]
    card = ModelCardData(model_name=short_name(run["config"]["model"]), eval_results=results)
    return f"{card}\n"


def _points(value: float | None) -> float | None:
    return None if value is None else round(100 * value, 2)
