"""Draws what a run logged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_PANELS = {
    "loss": ("loss of the answers", ("loss", "eval_loss")),
    "accuracy": ("answer tokens that are right", ("mean_token_accuracy", "eval_mean_token_accuracy")),
    "rate": ("learning rate", ("learning_rate",)),
}


def draw_curve(log: list[dict[str, Any]], path: Path) -> None:
    """Draw loss, token accuracy and learning rate over the steps.

    Args:
        log: The `log_history` of a trainer's state.
        path: PNG file to write.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.2), layout="constrained")
    for axes, (title, names) in zip(figure.subplots(1, len(_PANELS)), _PANELS.values(), strict=True):
        for name in names:
            points = [(entry["step"], entry[name]) for entry in log if name in entry]
            if points:
                axes.plot(*zip(*points, strict=True), label="held out" if name.startswith("eval_") else "training")
        axes.set(title=title, xlabel="step")
        axes.grid(alpha=0.3)
        if len(axes.lines) > 1:
            axes.legend()
    figure.savefig(path, dpi=110)
