"""The head of a run: what is trained from what, on what, with which settings; printed, and kept as run.json."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from dataclasses import MISSING, asdict, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .arguments import Arguments, TrainArguments
from .records import Records
from .start import PARTS

_ALWAYS_SHOWN = (
    *("learning_rate", "weight_decay", "lr_scheduler_type", "warmup_steps", "num_train_epochs", "max_steps"),
    *("optim", "max_grad_norm", "bf16", "seed"),
)
"""Training settings that the screen shows even where they are the library's own."""
_VERSIONS = ("spatialmosaic", "torch", "transformers", "trl", "peft", "accelerate", "deepspeed", "datasets")


def run_header(arguments: Arguments, start: str, model: nn.Module, records: Records, num_rows: int) -> dict[str, Any]:
    """Collect everything that says what a run is.

    Args:
        arguments: The resolved configuration.
        start: Checkpoint that training starts from.
        model: As it is trained, with its adapter.
        records: What is learnt.
        num_rows: Rows of an epoch.
    """
    data, model_arguments, training = arguments
    num_processes = training.world_size
    rows = training.per_device_train_batch_size * training.gradient_accumulation_steps * num_processes
    questions = len(records.table) / num_rows
    return {
        "effective_batch": {
            "rows": rows,
            "mean_questions": round(rows * questions, 1),
            "per_device_train_batch_size": training.per_device_train_batch_size,
            "gradient_accumulation_steps": training.gradient_accumulation_steps,
            "processes": num_processes,
        },
        "data": {
            "records": len(records.table),
            "frame_set_rows": num_rows,
            "scenes": len(records.table.unique("scene_name")) if "scene_name" in records.table.column_names else None,
            "skipped": asdict(records.skipped),
        },
        "start": start,
        "parts": count_weights(model),
        "hardware": hardware(),
        "versions": {name: version(name) for name in _VERSIONS},
        "config": {"data": asdict(data), "model": asdict(model_arguments), "training": training.to_dict()},
    }


def count_weights(model: nn.Module) -> dict[str, dict[str, int]]:
    """Count the weights of every part that train and that stay frozen; a part's adapter counts as its own."""
    parts = {name: {"trained": 0, "frozen": 0} for name in (*PARTS, "other")}
    for name, weight in model.named_parameters():
        if ".original_module." in name:
            continue  # what PEFT keeps beside a part that is trained in full
        part = next((part for part, place in PARTS.items() if f"{place}." in name), "other")
        # ZeRO-3 leaves a placeholder in every process and the true size beside it.
        parts[part]["trained" if weight.requires_grad else "frozen"] += getattr(weight, "ds_numel", weight.numel())
    return {name: counts for name, counts in parts.items() if any(counts.values())}


def hardware() -> str:
    """Name what the run computes on."""
    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name()}"
    return f"{platform.processor() or platform.machine()} CPU, {torch.get_num_threads()} threads a process"


def format_header(header: dict[str, Any]) -> str:
    """Write a header for the screen; run.json also holds the training settings that are the libraries' own."""
    batch, data = header["effective_batch"], header["data"]
    lines = [
        f"effective batch: {batch['rows']} rows, {batch['mean_questions']:g} questions on average ("
        f"{batch['per_device_train_batch_size']} a device x {batch['gradient_accumulation_steps']} accumulated x "
        f"{batch['processes']} processes)",
        f"data: {data['records']:,} questions in {data['frame_set_rows']:,} rows of {data['scenes']} scenes, "
        f"{data['skipped']['num_records']:,} skipped for missing pictures",
        f"hardware: {header['hardware']}",
        f"{'part':24}{'trained':>16}{'frozen':>16}",
    ]
    parts = header["parts"]
    total = {kind: sum(counts[kind] for counts in parts.values()) for kind in ("trained", "frozen")}
    lines += [
        f"{name:24}{counts['trained']:16,}{counts['frozen']:16,}" for name, counts in (parts | {"all": total}).items()
    ]
    return "\n".join([*lines, *_settings(header["config"])])


def _settings(config: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Lines of the resolved configuration."""
    defaults = {
        entry.name: entry.default if entry.default_factory is MISSING else entry.default_factory()
        for entry in fields(TrainArguments)
    }
    for group, settings in config.items():
        yield f"{group}:"
        for name, value in settings.items():
            if name.endswith("_token"):
                continue  # secret, or nothing of this model's
            if group != "training" or name in _ALWAYS_SHOWN or value != defaults.get(name, value):
                yield f"  {name}: {value}"


def write_header(header: dict[str, Any], run_folder: Path) -> None:
    """Write run.json, with the whole resolved configuration."""
    text = json.dumps(header, indent=2, default=str)
    (run_folder / "run.json").write_text(f"{text}\n", encoding="utf-8")
