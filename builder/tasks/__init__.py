"""The eight tasks, one module each: evidence of a frame set -> drafts and skips."""

from __future__ import annotations

from . import attribute, best_view, count, distance, existence, localization, size, spatial_relation
from .task import Draft, Task

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        count.TASK,
        best_view.TASK,
        existence.TASK,
        attribute.TASK,
        spatial_relation.TASK,
        localization.TASK,
        distance.TASK,
        size.TASK,
    )
}
"""Tasks by name, in reading order."""

QUESTION_TYPES: dict[str, Task] = {name: task for task in TASKS.values() for name in task.question_types}
"""The task of every question type, in reading order."""

__all__ = ["QUESTION_TYPES", "TASKS", "Draft", "Task"]
