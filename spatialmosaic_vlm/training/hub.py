"""Pushes what a run made: the merged model under its name, the adapter beside it, each with its card."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

from spatialmosaic_builder.hub import HubError, Target, push_files

from .arguments import TrainArguments
from .card import Kind, model_card, start_checkpoint

_PRIVATE_FILES = shutil.ignore_patterns("training_args.bin", "conversion.json", "README.md")
"""Left out: what is full of this machine's folders, and the empty card that PEFT writes."""


def check_access(settings: TrainArguments) -> None:
    """Make the repositories, so that a push that cannot succeed is known before training.

    Raises:
        ValueError: No name was given, or the Hub refuses.
    """
    if not settings.hub_model_id:
        raise ValueError("push_to_hub needs hub_model_id, such as NAME/spatialmosaic-7b.")
    api = HfApi(token=settings.hub_token)
    try:
        for repo_id in (settings.hub_model_id, _adapter_repo(settings.hub_model_id)):
            api.create_repo(repo_id, private=settings.hub_private_repo, exist_ok=True)
    except (HfHubHTTPError, LocalTokenNotFoundError) as error:
        raise ValueError(
            f"The Hub does not let {settings.hub_model_id} be written ({error}); log in with `hf auth login`."
        ) from error


def push_run(run_folder: Path, settings: TrainArguments) -> list[str]:
    """Push the models of a run folder.

    Returns:
        Addresses of the commits, one a model.

    Raises:
        ValueError: The Hub refuses.
    """
    name = settings.hub_model_id
    assert name is not None
    repos: dict[Kind, str] = {"merged": name, "model": name, "adapter": _adapter_repo(name)}
    commits = []
    for kind, repo_id in repos.items():
        if not (run_folder / kind).is_dir():
            continue
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "repo"
            shutil.copytree(run_folder / kind, folder, ignore=_PRIVATE_FILES, copy_function=_link)
            shutil.copyfile(run_folder / "curve.png", folder / "curve.png")
            (folder / "README.md").write_text(model_card(run_folder, kind, repo_id), encoding="utf-8")
            if kind == "adapter":
                _name_base(folder / "adapter_config.json", run_folder)
            files = {file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*")) if file.is_file()}
            try:
                pushed = push_files(
                    Target(repo_id, "model"),
                    files,
                    "Trained with SpatialMosaic",
                    _is_weights,
                    token=settings.hub_token,
                )
            except HubError as error:
                raise ValueError(f"{error} What was trained is in {run_folder}.") from error
            commits.append(pushed.url)
    return commits


def _is_weights(path: str) -> bool:
    """Shards of an earlier push must not stay beside those of this one."""
    return path.endswith((".safetensors", ".safetensors.index.json"))


def _adapter_repo(name: str) -> str:
    return f"{name}-adapter"


def _link(source: str, target: str) -> None:
    """Weights are large and not changed."""
    Path(target).symlink_to(Path(source).resolve())


def _name_base(file: Path, run_folder: Path) -> None:
    """Say what the adapter belongs to without a folder of this machine."""
    config = json.loads(file.read_text(encoding="utf-8"))
    header = json.loads((run_folder / "run.json").read_text(encoding="utf-8"))
    file.unlink()
    config["base_model_name_or_path"] = start_checkpoint(header)[1]
    file.write_text(json.dumps(config, indent=2), encoding="utf-8")
