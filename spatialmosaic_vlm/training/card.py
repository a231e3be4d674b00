"""The card of a trained model: what it learnt, how, on what, and under whose licences it stands."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from huggingface_hub import ModelCard, ModelCardData

from .licences import SCANNETPP_TERMS, is_non_commercial_by_geometry, part_licences

Kind = Literal["merged", "adapter", "model"]

_RECIPE = {
    "model": ("train_parts", "lora_r", "lora_alpha", "lora_dropout", "dtype"),
    "data": ("questions_per_set", "question_types"),
    "training": (
        *("learning_rate", "weight_decay", "lr_scheduler_type", "warmup_steps", "num_train_epochs", "max_steps"),
        *("bf16", "seed"),
    ),
}
"""What of the configuration a card shows: no folder of the machine that trained."""


def model_card(run_folder: Path, kind: Kind, repo_id: str) -> str:
    """Write the card of what a run made.

    Args:
        run_folder: Of the run; its run.json, and the start checkpoint's conversion.json, say the rest.
        kind: `merged` or `model`: the whole model; `adapter`: what trained.
        repo_id: Name that the repository has, or will have, on the Hub.
    """
    header = json.loads((run_folder / "run.json").read_text(encoding="utf-8"))
    config, parts = header["config"], header["parts"]
    start, base = start_checkpoint(header)
    conversion = _conversion(start)
    has_geometry = "geometry_encoder" in parts
    is_random = config["model"]["random_model"] is not None
    licences = part_licences(conversion, base, has_geometry, is_random)
    is_adapter = kind == "adapter"
    batch = header["effective_batch"]
    recipe = {name: config[group][name] for group, names in _RECIPE.items() for name in names}
    recipe["effective batch"] = f"{batch['rows']} frame sets, {batch['mean_questions']:g} questions on average"
    card = ModelCard.from_template(
        _card_data(kind, is_non_commercial_by_geometry(licences) and not is_adapter, base),
        template_str=(files("spatialmosaic_hub_cards") / "model_card.md").read_text(encoding="utf-8"),
        title=repo_id.rpartition("/")[2],
        repo_id=repo_id,
        base=base,
        is_adapter=is_adapter,
        has_geometry=has_geometry,
        trained=", ".join(name for name, counts in parts.items() if counts["trained"]),
        conversion_command=_conversion_command(conversion, base),
        data={
            "records": header["data"]["records"],
            "scenes": header["data"]["scenes"],
            "skipped": header["data"]["skipped"]["num_records"],
            "dataset": _name(config["data"]["dataset"]),
            "split": config["data"]["train_split"],
            "profile": config["data"]["profile"],
        },
        recipe={name: value for name, value in recipe.items() if value not in (None, -1)},
        parts=parts,
        hardware=header["hardware"],
        processes=batch["processes"],
        licences=[asdict(row) for row in licences],
        verdict=_verdict(is_non_commercial_by_geometry(licences), is_adapter),
    )
    return str(card.content)


def start_checkpoint(header: dict[str, Any]) -> tuple[Path | None, str]:
    """Find the folder that a run started from, None for a name on the Hub, and what to call it in public."""
    source = header["start"]
    folder = Path(source)
    return (folder, folder.name) if folder.is_dir() else (None, source)


def _conversion(start: Path | None) -> dict[str, Any] | None:
    file = None if start is None else start / "conversion.json"
    if file is None or not file.is_file():
        return None
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def _conversion_command(conversion: dict[str, Any] | None, base: str) -> str | None:
    """The command line that makes the start checkpoint again; None where there is none."""
    if conversion is None or conversion.get("trained_since"):
        return None
    shown = ("source", "vision", "text", "geometry", "fusion_scope", "fusion_gate", "geometry_resize", "frame_labels")
    flags = []
    for name in shown:
        value, flag = conversion.get(name), name.replace("_", "-")
        if isinstance(value, bool):
            flags.append(f"--{'' if value else 'no-'}{flag}")
        elif value is not None or name == "geometry":
            flags.append(f"--{flag} {value}")
    return f"spatialmosaic-convert {' '.join(flags)} --out {base}"


def _card_data(kind: Kind, is_non_commercial: bool, base: str) -> ModelCardData:
    licence: dict[str, Any] = {"license": "cc-by-nc-4.0"}
    if not is_non_commercial:
        licence = {"license": "other", "license_name": "scannetpp-terms-of-use", "license_link": SCANNETPP_TERMS}
    return ModelCardData(
        language="en",
        library_name="peft" if kind == "adapter" else "transformers",
        pipeline_tag="image-text-to-text",
        tags=["spatial-reasoning", "multi-view", "3d", "occlusion"],
        # Only a name on the Hub leads anywhere.
        base_model=base if "/" in base else None,
        **licence,
    )


def _verdict(holds_non_commercial_geometry: bool, is_adapter: bool) -> str:
    learnt = "It learnt from questions that ScanNet++'s terms allow for non-commercial research."
    if not holds_non_commercial_geometry:
        return learnt
    if is_adapter:
        return f"These files hold no weights of VGGT; together with VGGT-1B the model is non-commercial. {learnt}"
    return f"This model contains the weights of the geometry encoder and is therefore non-commercial. {learnt}"


def _name(dataset: str) -> str:
    return Path(dataset).name if Path(dataset).is_dir() else dataset
