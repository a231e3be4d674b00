"""Checkpoints of a run folder: which one a stopped run goes on from."""

from __future__ import annotations

import json
from pathlib import Path

_MARK = "whole"


def resume_point(run_folder: Path, wanted: str | None) -> str | None:
    """Find the checkpoint to go on from.

    Args:
        run_folder: Of the run.
        wanted: `resume_from_checkpoint` of the recipe: a checkpoint folder, or `true` for the last whole one.

    Returns:
        The checkpoint, or None to start at the beginning.

    Raises:
        FileExistsError: The folder holds a run already, and nothing says to resume it.
        FileNotFoundError: The named checkpoint is not there, or not whole.
    """
    whole = [path for path in _checkpoints(run_folder) if is_whole(path)]
    if wanted is None or wanted.lower() == "false":
        if whole:
            raise FileExistsError(
                f"{run_folder} holds the run {whole[-1].name} already; pass --resume_from_checkpoint true to go on "
                "with it, or another --output_dir."
            )
        return None
    if wanted.lower() == "true":
        return str(whole[-1]) if whole else None
    if not is_whole(Path(wanted)):
        raise FileNotFoundError(f"{wanted} is no whole checkpoint; `true` takes the last whole one of the run folder.")
    return wanted


def check_base(checkpoint: Path, source: str) -> None:
    """Refuse to go on with an adapter on another model than it was trained on: that would fail without a sound.

    Args:
        checkpoint: Where the run goes on from.
        source: The model that the recipe names.

    Raises:
        ValueError: It is another one.
    """
    file = checkpoint / "adapter_config.json"
    if not file.is_file():
        return
    base = json.loads(file.read_text(encoding="utf-8"))["base_model_name_or_path"]
    if base != source and Path(base).resolve() != Path(source).resolve():
        raise ValueError(f"{checkpoint} was trained on {base}, but the recipe names {source}.")


def _checkpoints(run_folder: Path) -> list[Path]:
    found = [path for path in run_folder.glob("checkpoint-*") if path.name.rpartition("-")[2].isdigit()]
    return sorted(found, key=lambda path: int(path.name.rpartition("-")[2]))


def is_whole(checkpoint: Path) -> bool:
    """Tell whether a checkpoint was written to its end by every process: a killed run leaves half of one."""
    return (checkpoint / _MARK).is_file()


def steps_done(checkpoint: Path) -> int:
    """Read how many steps a run had done."""
    state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    return int(state["global_step"])


def mark_whole(checkpoint: Path) -> None:
    """Say that every process has written its part."""
    (checkpoint / _MARK).touch()


def unmark(checkpoint: Path) -> None:
    """Say that a checkpoint is about to be written again."""
    (checkpoint / _MARK).unlink(missing_ok=True)
