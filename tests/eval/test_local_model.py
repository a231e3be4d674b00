"""A tiny SpatialMosaicVLM through the Auto classes, in one process and in several."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spatialmosaic_eval.config import ReportConfig, RunConfig
from spatialmosaic_eval.errors import EvalError
from spatialmosaic_eval.predictions import read_run
from spatialmosaic_eval.report import write_report
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
    assert header["decoding"] == {"do_sample": False, "num_beams": 1, "max_new_tokens": 4, "letters": False}
    assert {"transformers", "torch", "accelerate"} <= set(header["versions"])
    assert all(made.prompt_tokens and made.finish_reason in ("stop", "length") for made in found.predictions.values())


def test_the_likeliest_letter_is_taken_of_those_that_there_are(
    make: Callable[..., RunConfig], guessing_model: Path, records: dict[str, Any], tmp_path: Path
) -> None:
    """The guessing model writes C or D to questions with two options; letters keep to what is offered."""
    answers = {}
    for letters in (False, True):
        config = make(
            model=str(guessing_model), letters=letters, limit=60, max_new_tokens=1, out=tmp_path / str(letters)
        )
        answers[letters] = {made.id: made for made in read_run(run(config).folder).predictions.values()}
    changed = 0
    for name, written in answers[False].items():
        thought = answers[True][name]
        if not records[name]["options"]:
            assert thought.answer == written.answer
        elif written.state == "ok":
            assert thought.answer == written.parsed
        else:
            changed += 1
            assert thought.parsed in [option[0] for option in records[name]["options"]]
            assert (written.state, thought.state, thought.finish_reason) == ("beyond options", "ok", "stop")
    assert changed > 5


def test_one_model_under_two_names_goes_on_and_is_compared(
    make: Callable[..., RunConfig], tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(make())
    monkeypatch.chdir(tiny_model.parent)
    assert run(make(model=f"./{tiny_model.name}")).new == 0
    run(make(model=tiny_model.name, views="none", out=tmp_path / "again"))
    write_report(
        ReportConfig((tmp_path / "run", tmp_path / "again"), out=tmp_path / "report", controls=False, records=0)
    )
    document = json.loads((tmp_path / "report/report.json").read_text(encoding="utf-8"))
    assert {gain["kind"] for gain in document["gains"]} == {"vision gain"}


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


def test_where_its_parts_lie_changes_no_answer(make: Callable[..., RunConfig], tmp_path: Path) -> None:
    spread, whole = run(make(device_map="auto")).folder, run(make(out=tmp_path / "whole")).folder
    answers = [{key: made.answer for key, made in read_run(folder).predictions.items()} for folder in (spread, whole)]
    assert answers[0] == answers[1]


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
    # Told of GPUs, accelerate starts as many processes as are asked for, with or without GPUs.
    launcher = ("-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--main_process_port", "0")
    options = ("--model", tiny_model, "--data", bench, "--image-root", pictures, "--out", tmp_path / "two")
    done = command("run", *options, "--limit", 20, "--batch-size", 4, "--max-new-tokens", 4, launcher=launcher)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("20 of 20 questions answered (20 now)") == 1
    counts = [len(path.read_text().splitlines()) - 1 for path in sorted((tmp_path / "two").glob("*.jsonl"))]
    assert len(counts) == 2
    assert sum(counts) == 20
    assert min(counts) > 0
    alone = read_run(run(make()).folder).predictions
    shared = read_run(tmp_path / "two").predictions
    assert {key: made.answer for key, made in shared.items()} == {key: made.answer for key, made in alone.items()}


def test_a_run_that_is_killed_loses_and_repeats_nothing(
    make: Callable[..., RunConfig], tiny_model: Path, bench: Path, pictures: Path, tmp_path: Path
) -> None:
    config = make(limit=120)
    options = {"model": tiny_model, "data": bench, "image-root": pictures, "out": config.folder, "limit": 120}
    options |= {"batch-size": 4, "max-new-tokens": 4}
    command = [sys.executable, "-m", "spatialmosaic_eval", "run"]
    command += [str(part) for name, value in options.items() for part in (f"--{name}", value)]
    path = config.folder / "predictions.jsonl"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if path.exists() and path.read_bytes().count(b"\n") > 6:
            break
        time.sleep(0.002)
    process.kill()
    process.wait()
    before = path.read_bytes().count(b"\n") - 1
    assert 0 < before < 120
    assert run(config).new == 120 - before
    names = [json.loads(line)["id"] for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    assert len(names) == len(set(names)) == 120
    whole = read_run(run(make(limit=120, out=tmp_path / "whole")).folder).predictions
    assert {k: made.answer for k, made in read_run(config.folder).predictions.items()} == {
        k: made.answer for k, made in whole.items()
    }


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


def test_a_training_run_names_its_checkpoint(make: Callable[..., RunConfig], tmp_path: Path) -> None:
    (tmp_path / "trained" / "merged").mkdir(parents=True)
    with pytest.raises(EvalError, match=r"trained is a training run and no checkpoint; name .*trained/merged"):
        run(make(model=str(tmp_path / "trained")))
    assert make(model="runs/trained/merged", out=None).folder == Path("runs/trained-merged-paper-all")
    assert make(model="Qwen/Qwen3-VL-8B-Instruct", out=None).folder == Path("runs/Qwen3-VL-8B-Instruct-paper-all")


CHAT = (
    "{% for message in messages %}{% for part in message.content %}{% if part.type == 'image' %}<image>{% else %}"
    "{{ part.text }}{% endif %}{% endfor %}{% endfor %}{% if add_generation_prompt %} ANSWER:{% endif %}"
)


def test_a_model_that_is_not_ours_answers_through_the_same_classes(
    make: Callable[..., RunConfig], tiny_model: Path, tmp_path: Path
) -> None:
    import torch
    from transformers import (
        AutoTokenizer,
        CLIPImageProcessorPil,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    vision = CLIPVisionConfig(**sizes, image_size=28, patch_size=14)
    text = LlamaConfig(**sizes, vocab_size=264, max_position_embeddings=2048, eos_token_id=258, pad_token_id=256)
    LlavaForConditionalGeneration(
        LlavaConfig(vision_config=vision, text_config=text, image_token_index=259)
    ).save_pretrained(tmp_path / "llava")
    image_processor = CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    LlavaProcessor(
        image_processor,
        AutoTokenizer.from_pretrained(tiny_model),
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT,
    ).save_pretrained(tmp_path / "llava")
    for views in ("all", "none"):
        assert run(make(model=str(tmp_path / "llava"), views=views, out=tmp_path / views)).answered == 20


def test_llava_video_in_its_authors_layout_is_converted_and_answers(
    make: Callable[..., RunConfig], tiny_model: Path, tmp_path: Path
) -> None:
    """Key mapping is the converter's: without geometry it changes names and nothing else."""
    import torch
    from safetensors.torch import save_file
    from transformers import (
        AutoTokenizer,
        LlavaOnevisionConfig,
        LlavaOnevisionForConditionalGeneration,
        SiglipConfig,
        SiglipModel,
    )

    from spatialmosaic_vlm.convert import ConvertConfig, convert

    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = sizes | {
        "model_type": "siglip_vision_model",
        "patch_size": 14,
        "image_size": 28,
        "vision_use_head": False,
    }
    text = sizes | {"model_type": "qwen2", "vocab_size": 264, "num_key_value_heads": 1, "eos_token_id": 258}
    text |= {"max_position_embeddings": 2048, "pad_token_id": 256}
    torch.manual_seed(0)
    theirs = LlavaOnevisionForConditionalGeneration(
        LlavaOnevisionConfig(vision_config=vision, text_config=text, image_token_index=259)
    )
    names = {"model.vision_tower.": "model.vision_tower.vision_tower.vision_model.", "model.language_model.": "model."}
    names |= {f"model.multi_modal_projector.linear_{k + 1}.": f"model.mm_projector.{2 * k}." for k in (0, 1)}
    state = {}
    for name, value in theirs.state_dict().items():
        begins = next((begin for begin in names if name.startswith(begin)), "")
        state[names.get(begins, "") + name.removeprefix(begins)] = value.clone().contiguous()
    tower = {key: value for key, value in vision.items() if key not in ("model_type", "vision_use_head")}
    SiglipModel(
        SiglipConfig(vision_config=tower | {"num_hidden_layers": 2}, text_config=sizes | {"vocab_size": 20})
    ).save_pretrained(tmp_path / "siglip")
    source = tmp_path / "llava-video"
    source.mkdir()
    save_file(state, source / "model.safetensors", {"format": "pt"})
    flat = {
        "model_type": "llava_qwen",
        "mm_vision_tower": str(tmp_path / "siglip"),
        "mm_patch_merge_type": "spatial_unpad",
    }
    (source / "config.json").write_text(json.dumps(text | flat), encoding="utf-8")
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(source)
    convert(ConvertConfig(source=str(source), geometry=None, out=tmp_path / "converted"))
    summary = run(make(model=str(tmp_path / "converted")))
    assert summary.answered == 20
    assert summary.prompt_tokens is not None
