"""Publishes results beside the model that made them, and the metric as a space of its own."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import HfApi, ModelCard, ModelCardData, hf_hub_download
from huggingface_hub.repocard_data import model_index_to_eval_results

from spatialmosaic_builder.hub import HubError, Target, explained, push_files, require_token

from . import spatialmosaic_accuracy
from .config import PushConfig
from .errors import EvalError
from .report.hub import results_folder

METRIC = "metric"


def push(config: PushConfig) -> str:
    """Push results or the metric, or say what would be sent; returns the closing text.

    Raises:
        EvalError: if there is no such report or run, or the Hub refuses.
    """
    try:
        return _push_metric(config) if config.what == METRIC else _push_results(config)
    except HubError as error:
        raise EvalError(str(error)) from error


def _push_metric(config: PushConfig) -> str:
    folder = Path(spatialmosaic_accuracy.__file__).parent
    files: dict[str, Path | bytes] = {path.name: path for path in sorted([*folder.glob("*.py"), folder / "README.md"])}
    target = Target(config.repo, "space", config.revision, config.private)
    if config.dry_run:
        return _would_send(target, files)
    pushed = push_files(target, files, f"SpatialMosaic {version('spatialmosaic')}", lambda name: name.endswith(".py"))
    return f'Pushed the metric as one commit: {pushed.url}\nevaluate.load("{config.repo}") gives it.'


def _push_results(config: PushConfig) -> str:
    """Add the results of a run to a model's card and to its `.eval_results`."""
    run = _chosen_run(config)
    folder = results_folder(Path(config.what), run["name"])
    files: dict[str, Path | bytes] = {
        path.relative_to(folder).as_posix(): path for path in sorted((folder / ".eval_results").glob("*.yaml"))
    }
    index = yaml.safe_load((folder / "model-index.yaml").read_text(encoding="utf-8"))["model-index"]
    note = "" if files else "\nName the benchmark with `report --dataset-id OWNER/NAME`, and .eval_results goes too."
    target = Target(config.repo, "model", config.revision)
    if config.dry_run:
        return _would_send(target, {"README.md (its model-index)": folder / "model-index.yaml", **files}) + note
    require_token()
    with explained(target):
        head = str(HfApi().repo_info(config.repo, revision=config.revision).sha)
        has_card = HfApi().file_exists(config.repo, "README.md", revision=head)
        card = (
            ModelCard.load(hf_hub_download(config.repo, "README.md", revision=head))
            if has_card
            else _plain_card(index)
        )
    _merge(card, index)
    files["README.md"] = str(card).encode()
    pushed = push_files(target, files, f"Results of {run['name']}", parent=head)
    return f"Pushed the results of {run['name']} as one commit: {pushed.url}{note}"


def _chosen_run(config: PushConfig) -> dict[str, Any]:
    report = Path(config.what) / "report.json"
    try:
        runs: list[dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))["runs"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise EvalError(
            f"{config.what} holds no readable report.json; name a folder that `spatialmosaic-eval report` wrote, or `{METRIC}`."
        ) from error
    names = ", ".join(run["name"] for run in runs)
    if config.run is None:
        # What a model scores with views withheld or disturbed is no result of it.
        runs = [run for run in runs if run["config"]["views"] == "all"]
    else:
        runs = [run for run in runs if run["name"] == config.run]
    if len(runs) != 1:
        raise EvalError(f"Say with --run whose results go; {report} has {names}.")
    return runs[0]


def _plain_card(index: list[dict[str, Any]]) -> ModelCard:
    name = index[0]["name"]
    return ModelCard(f"---\n{ModelCardData(tags=['spatial-reasoning'])}\n---\n\n# {name}\n")


def _merge(card: ModelCard, index: list[dict[str, Any]]) -> None:
    """Put results on a card; the same measured before takes the new value."""
    name, results = model_index_to_eval_results(index)
    there = card.data.get("eval_results") or []
    for result in results:
        same = next((old for old in there if result.is_equal_except_value(old)), None)
        if same is None:
            there.append(result)
        else:
            same.metric_value = result.metric_value
    card.data["eval_results"] = there
    card.data["model_name"] = card.data.get("model_name") or name


def _would_send(target: Target, files: dict[str, Path | bytes]) -> str:
    listing = "\n".join(f"  {name}" for name in files)
    return f"{listing}\n\nThis would be one commit to {target} ({target.revision}); nothing was sent."
