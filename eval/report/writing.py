"""Reads runs and their dataset, and writes the report's files."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ..asking import Dataset, dataset_digest, read_dataset
from ..benchmarks import BENCHMARKS
from ..config import ReportConfig
from ..errors import EvalError
from ..predictions import Run, described, read_run
from .document import write_document
from .hub import result_files
from .page import write_page
from .scored import score_run, unlike_names
from .tables import write_csv, write_markdown


def write_report(config: ReportConfig) -> str:
    """Score runs and write their report; returns the closing text.

    Raises:
        EvalError: a run cannot be read, or belongs to another dataset than its neighbours or the data.
        ValueError: an option is out of its range, or a record cannot be scored.
    """
    config.check()
    found = [read_run(folder) for folder in config.runs]
    for run in found:
        if not run.predictions:
            raise EvalError(f"{run.folder} has no answers yet; run the command that made it again, which goes on.")
    names = unlike_names([run.folder for run in found])
    dataset = _dataset_of(found, config)
    runs = [score_run(run, name, dataset, config.parser) for run, name in zip(found, names, strict=True)]
    document = write_document(runs, dataset, config)
    page = write_page(document, runs, dataset, config.image_root, config.records, config.seed)
    table = write_markdown(document)
    contents = {
        "report.json": json.dumps(document, indent=1) + "\n",
        "table.md": table,
        "cells.csv": write_csv(document),
        "report.html": page,
        **result_files(document, config.dataset_id or _hub_name(found[0])),
    }
    for name, text in contents.items():
        _write(config.out / name, text)
    summary = table.split("\n\n## Tasks")[0]
    return f"{summary}\n\nWrote report.json, table.md, cells.csv, report.html and hub/ to {config.out}."


def _dataset_of(runs: list[Run], config: ReportConfig) -> Dataset:
    """The dataset of all runs."""
    first = runs[0]
    for run in runs[1:]:
        ours, theirs = first.header["data"], run.header["data"]
        if ours["digest"] != theirs["digest"]:
            raise EvalError(
                f"{first.folder} and {run.folder} answer different questions ({described(ours)}; {described(theirs)}); report "
                "them apart."
            )
    data = first.header["data"]
    benchmark = BENCHMARKS[first.header["config"]["benchmark"]]
    if config.data is None and not data.get("is_on_hub") and not Path(data["path"]).exists():
        raise EvalError(f"{data['path']}, the dataset that {first.folder} answers, is not here; name it with --data.")
    dataset = read_dataset(benchmark, config.data or data["path"], data["config"], data["split"])
    if dataset_digest(dataset.questions) != data["digest"]:
        known = {question.id for question in dataset.questions}
        stranger = next((key[0] for run in runs for key in run.predictions if key[0] not in known), None)
        about = f"record {stranger} is not in it" if stranger else "its records have changed"
        raise EvalError(
            f"{config.data or data['path']} is not the dataset that {first.folder} answers ({described(data)}): {about}. Name "
            "the right one with --data."
        )
    return dataset


def _hub_name(run: Run) -> str | None:
    """Name of the dataset on the Hub, where the run read it from there."""
    data = run.header["data"]
    return str(data["path"]) if data.get("is_on_hub") else None


def _write(path: Path, text: str) -> None:
    """Write a file aside and rename it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".writing-{os.getpid()}-{path.name}")
    try:
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
