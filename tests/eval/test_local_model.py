"""A tiny SpatialMosaicVLM through the Auto classes, in one process and in several."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spatialmosaic_eval.config import RunConfig
from spatialmosaic_eval.errors import EvalError
from spatialmosaic_eval.predictions import read_run
from spatialmosaic_eval.runner import run


@pytest.fixture
def make(bench: Path, pictures: Path, tiny_model: Path, tmp_path: Path) -> Callable[..., RunConfig]:
    def config(**changes: Any) -> RunConfig:
        defaults: dict[str, Any] = {"model": str(tiny_model), "data": str(bench), "image_root": pictures}
        defaults |= {"out": tmp_path / "run", "limit": 20, "batch_size": 4, "max_new_tokens": 4}
        return RunConfig(**(defaults | changes))

    return config


def test_it_answers_and_says_what_the_answers_depend_on(make: Callable[..., RunConfig]) -> None:
    summary = run(make())
    found = read_run(summary.folder)
    assert summary.answered == 20
    assert summary.prompt_tokens is not None
    header = found.header
    assert len(header["model_revision"]) == len(header["processor_digest"]) == 16
    assert header["decoding"] == {"do_sample": False, "num_beams": 1, "max_new_tokens": 4}
    assert {"transformers", "torch", "accelerate"} <= set(header["versions"])
    assert all(made.prompt_tokens and made.finish_reason in ("stop", "length") for made in found.predictions.values())


def test_the_size_of_a_batch_changes_no_answer(make: Callable[..., RunConfig], tmp_path: Path) -> None:
    alone, together = (
        {
            made.key: made.answer
            for made in read_run(run(make(batch_size=size, out=tmp_path / str(size))).folder).predictions.values()
        }
        for size in (1, 8)
    )
    assert alone == together
    assert len(set(alone.values())) > 1


@pytest.mark.parametrize("views", ["query", "none", "shuffled", "grey"])
def test_every_control_of_the_views_can_be_answered(make: Callable[..., RunConfig], views: Any) -> None:
    assert run(make(views=views)).answered == 20


def test_a_view_shown_alone_is_named_once(tiny_model: Path, records: dict[str, Any]) -> None:
    from transformers import AutoProcessor

    import spatialmosaic_vlm  # noqa: F401  (teaches AutoProcessor)
    from spatialmosaic_builder.prompting import messages

    record = next(row for row in records.values() if row["query_frame"] == 2)
    prompt = AutoProcessor.from_pretrained(tiny_model).apply_chat_template(messages(record, shown=[1]))
    assert prompt.count("Frame 2: <image>") == 1
    assert "Frame 1: " not in prompt


def test_two_processes_share_the_questions(
    make: Callable[..., RunConfig], tiny_model: Path, bench: Path, pictures: Path, command: Any, tmp_path: Path
) -> None:
    launcher = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--rdzv-endpoint", "localhost:0")
    launcher = (*launcher, "--rdzv-backend", "c10d")
    options = ("--model", tiny_model, "--data", bench, "--image-root", pictures, "--out", tmp_path / "two")
    done = command("run", *options, "--limit", 20, "--batch-size", 4, "--max-new-tokens", 4, launcher=launcher)
    assert done.returncode == 0, done.stderr
    counts = [len(path.read_text().splitlines()) - 1 for path in sorted((tmp_path / "two").glob("*.jsonl"))]
    assert len(counts) == 2
    assert sum(counts) == 20
    assert min(counts) > 0
    alone = read_run(run(make()).folder).predictions
    shared = read_run(tmp_path / "two").predictions
    assert {key: made.answer for key, made in shared.items()} == {key: made.answer for key, made in alone.items()}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be loaded as a model of images and text"),
        ({"model_type": "bert"}, "cannot be loaded as a model"),
    ],
)
def test_what_is_no_model_is_said(
    make: Callable[..., RunConfig], tmp_path: Path, content: dict[str, Any] | None, sentence: str
) -> None:
    folder = tmp_path / "none"
    folder.mkdir()
    if content is not None:
        (folder / "config.json").write_text(json.dumps(content))
    with pytest.raises(EvalError, match=sentence):
        run(make(model=str(folder)))
