"""What lmms-eval is given: task files that hold together, and functions that ask, score and average as everything else does."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from datasets import load_dataset

from spatialmosaic_builder.prompting import messages
from spatialmosaic_eval.config import LmmsTasksConfig
from spatialmosaic_eval.errors import EvalError
from spatialmosaic_eval.lmms.documents import doc_to_messages, doc_to_text, process_results
from spatialmosaic_eval.lmms.task_files import TASKS, write_task_files


class Loader(yaml.SafeLoader):
    """Reads `!function package.module.name` as lmms-eval does."""


def function(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Callable[..., Any]:
    module, _, name = str(loader.construct_scalar(node)).rpartition(".")
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found


Loader.add_constructor("!function", function)


@pytest.fixture(scope="module")
def tasks(bench: Path, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("lmms")
    said = write_task_files(LmmsTasksConfig(bench, pictures, folder))
    assert f"--include_path {folder}" in said
    return {path.stem: yaml.load(path.read_text(encoding="utf-8"), Loader) for path in folder.glob("*.yaml")}


def load(task: dict[str, Any]) -> list[dict[str, Any]]:
    """The records of a task as lmms-eval loads them."""
    records = load_dataset(task["dataset_path"], split=task["test_split"], **task["dataset_kwargs"])
    return list(task["process_docs"](records))


def test_three_tasks_hold_all_records(tasks: dict[str, dict[str, Any]], records: dict[str, Any]) -> None:
    assert set(tasks) == set(TASKS)
    assert all(task["task"] == name for name, task in tasks.items())
    choices, numbers, blind = (
        {row["id"] for row in load(tasks[f"spatialmosaic_{name}"])} for name in ("choice", "numeric", "blind")
    )
    assert choices == blind
    assert choices | numbers == set(records)
    assert not choices & numbers


def test_prompts_are_the_builders(tasks: dict[str, dict[str, Any]], records: dict[str, Any]) -> None:
    kwargs = tasks["spatialmosaic_choice"]["lmms_eval_specific_kwargs"]["default"]
    for row in load(tasks["spatialmosaic_choice"])[:5]:
        (asked,) = doc_to_messages(row, kwargs)
        (expected,) = messages(records[row["id"]])
        assert [part.get("text") for part in asked["content"]] == [part.get("text") for part in expected["content"]]
        assert sum(part["type"] == "image" for part in asked["content"]) == len(row["frames"])
        assert all(part["url"].size == (32, 24) for part in asked["content"] if part["type"] == "image")


def test_the_blind_task_shows_nothing(tasks: dict[str, dict[str, Any]]) -> None:
    task = tasks["spatialmosaic_blind"]
    row = load(task)[0]
    (asked,) = doc_to_messages(row, task["lmms_eval_specific_kwargs"]["default"])
    assert asked["content"] == [{"type": "text", "text": doc_to_text(row)}]
    assert "Frame 1:" not in asked["content"][0]["text"][:8]


def test_right_answers_score_a_hundred_and_travel_with_their_id(tasks: dict[str, dict[str, Any]]) -> None:
    for task in tasks.values():
        rows = load(task)
        scored = [process_results(row, [f" {task['doc_to_target'](row)}."]) for row in rows]
        averages = {m["metric"]: m["aggregation"]([item[m["metric"]] for item in scored]) for m in task["metric_list"]}
        assert averages.pop("not_read") == 0
        assert set(averages.values()) == {1.0}
        assert [item["micro"]["id"] for item in scored] == [row["id"] for row in rows]
        vague = [process_results(row, ["A or B"])["not_read"] for row in rows]
        assert task["metric_list"][-1]["aggregation"](vague) == 1


def test_a_folder_without_records_is_said(tmp_path: Path) -> None:
    with pytest.raises(EvalError, match="holds no records of the config 'paper' and the split 'test'"):
        write_task_files(LmmsTasksConfig(tmp_path, tmp_path, tmp_path / "out"))
    assert not (tmp_path / "out").exists()
