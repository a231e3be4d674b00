"""The whole result as one dictionary of plain data: what report.json holds, and what tables and page are drawn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from ..asking import Dataset
from ..config import ReportConfig
from ..predictions import REFUSED
from ..spatialmosaic_accuracy.answers import STATES
from .breakdowns import Cell, cells_of
from .comparisons import differences, gains, level_differences
from .controls import can_be_audited, measure_controls
from .debiased import choose_debiased
from .estimates import REPLICATES, Frame, average_named, chances, estimate, mean_of_types, pooled
from .published import PUBLISHED
from .scored import Bools, Floats, ScoredRun, pair_scores

FORMAT = 1
"""Raised when the JSON changes in a way that its readers notice."""
ALL_STATES = (*STATES, REFUSED)
_OF_CHOICES = ("macro12", "macro6", "kappa6")
"""Averages of choices, which alone can be freed of what words give away."""


def write_document(runs: Sequence[ScoredRun], dataset: Dataset, config: ReportConfig) -> dict[str, Any]:
    """Compute everything that a report tells.

    Args:
        runs: at least one, all of the dataset.
        dataset: with at least one record.
        config: parser, seed, and whether controls are measured.
    """
    frame = Frame.of(dataset, config.seed)
    everything = np.ones(len(dataset.questions), dtype=bool)
    nominal = chances(dataset, everything)
    controls = measure_controls(dataset, nominal, config.seed) if config.controls else []
    debiased = choose_debiased(dataset) if config.controls and can_be_audited(dataset) else None
    return {
        "format": FORMAT,
        "version": version("spatialmosaic"),
        "benchmark": dataset.benchmark.name,
        "title": dataset.benchmark.title,
        "question_types": {name: of_type.task for name, of_type in dataset.benchmark.question_types.items()},
        "dataset": runs[0].header["data"],
        "parser": config.parser,
        "interval": {
            "coverage": 0.95,
            "method": "cluster bootstrap over scenes",
            "replicates": REPLICATES,
            "seed": config.seed,
        },
        "headline": next(iter(dataset.benchmark.averages({}, {}, None))),
        "runs": [_run(run, dataset, frame) | {"debiased": _debiased(run, debiased, dataset, frame)} for run in runs],
        "differences": [item.as_json() for item in differences(runs, dataset, frame)],
        "gains": [item.as_json() for item in gains(runs, dataset, frame)],
        "controls": [control.as_json(dataset, nominal) for control in controls],
        "published": PUBLISHED[dataset.benchmark.name].as_json(),
    }


def _run(run: ScoredRun, dataset: Dataset, frame: Frame) -> dict[str, Any]:
    asked = run.asked
    nominal = chances(dataset, asked)
    names = list(dataset.benchmark.averages({}, {}, None))
    states: Counter[str] = sum(run.states.values(), Counter())
    return {
        "name": run.name,
        **{
            key: run.header[key]
            for key in ("model_revision", "prompt_digest", "processor_digest", "decoding", "versions")
        },
        "config": run.header["config"],
        "started_at": run.header["started_at"],
        "num_questions": int(asked.sum()),
        "num_answers": sum(states.values()),
        "num_missing": run.num_missing,
        "num_cut_off": run.num_cut_off,
        "states": {state: states.get(state, 0) for state in ALL_STATES},
        "averages": {
            name: estimate(frame, run.values, average_named(name, dataset, nominal)).as_json() for name in names
        },
        "tasks": _tasks(run, dataset, frame),
        "types": _types(run, dataset, frame, nominal),
        "rotation": _rotation(run, dataset, frame),
        "flip_pairs": _flip_pairs(run, dataset),
        "level_differences": [item.as_json() for item in level_differences(run, dataset, frame)],
        "cells": [_cell(cell) for cell in cells_of(run, dataset, frame)],
    }


def _tasks(run: ScoredRun, dataset: Dataset, frame: Frame) -> dict[str, Any]:
    members: dict[str, list[str]] = {}
    present = {frame.type_names[k] for k in np.unique(frame.type_of[run.asked])}
    for name, of_type in dataset.benchmark.question_types.items():
        if name in present:
            members.setdefault(of_type.task, []).append(name)
    return {
        task: estimate(frame, _of_types(run, frame, names), mean_of_types(tuple(names))).as_json() | {"types": names}
        for task, names in members.items()
    }


def _types(run: ScoredRun, dataset: Dataset, frame: Frame, nominal: dict[str, float]) -> dict[str, Any]:
    found = {}
    for name, of_type in dataset.benchmark.question_types.items():
        score = estimate(frame, _of_types(run, frame, [name]), pooled)
        if score.value is not None:
            states = {state: run.states.get(name, Counter()).get(state, 0) for state in ALL_STATES}
            extra = {"task": of_type.task, "kind": of_type.kind, "chance": nominal.get(name), "states": states}
            found[name] = score.as_json() | extra
    return found


def _of_types(run: ScoredRun, frame: Frame, names: list[str]) -> Floats:
    kept = np.isin(frame.type_of, [frame.type_names.index(name) for name in names])
    return np.where(kept, run.values, np.nan)


def _debiased(run: ScoredRun, kept: Bools | None, dataset: Dataset, frame: Frame) -> dict[str, Any] | None:
    """Averages over the choices of which words give nothing away."""
    if kept is None:
        return None
    nominal = chances(dataset, run.asked & kept)
    values = np.where(kept, run.values, np.nan)
    return {name: estimate(frame, values, average_named(name, dataset, nominal)).as_json() for name in _OF_CHOICES}


def _rotation(run: ScoredRun, dataset: Dataset, frame: Frame) -> dict[str, Any] | None:
    """Score of choices that were asked in every rotation: on average, and where all rotations are right."""
    rotated = ~np.isnan(run.every_rotation)
    if not rotated.any():
        return None
    mean = estimate(frame, np.where(rotated, run.values, np.nan), pooled)
    return {"mean": mean.as_json(), "all_right": estimate(frame, run.every_rotation, pooled).as_json()}


def _flip_pairs(run: ScoredRun, dataset: Dataset) -> dict[str, Any] | None:
    """Share of flip pairs of which both members are right."""
    scores = pair_scores(run, dataset)
    return {"both_right": float(scores.mean()), "num_pairs": len(scores)} if len(scores) else None


def _cell(cell: Cell) -> dict[str, Any]:
    place = {"breakdown": cell.breakdown, "level": cell.level, "scope": cell.scope, "name": cell.name}
    return place | cell.score.as_json()
