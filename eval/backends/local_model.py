"""A model in this process, through transformers' Auto classes: SpatialMosaicVLM, LLaVA-OneVision, InternVL, Qwen-VL ..."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import accelerate
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from ..config import RunConfig
from ..errors import EvalError
from . import Prompt, Reply

_EDGE = 1 << 20
"""Bytes at either end of a weight file that its digest reads: whole files take minutes."""

# Its import teaches the Auto classes the project's own model; nothing else of it is used.
with suppress(ImportError):
    import_module("spatialmosaic_vlm")


class LocalModel:
    """A checkpoint on one device; every process of a run has its own."""

    def __init__(self, config: RunConfig) -> None:
        """Load processor and model.

        Raises:
            EvalError: They cannot be loaded.
        """
        self.config = config
        self.num_at_a_time = config.batch_size
        options = {"revision": config.revision, "trust_remote_code": config.trust_remote_code}
        try:
            self.processor = AutoProcessor.from_pretrained(config.model, **options)
            self.model = AutoModelForImageTextToText.from_pretrained(
                config.model, dtype=config.dtype, device_map=config.device_map, **options
            ).eval()
        except (ImportError, OSError, RuntimeError, ValueError) as error:
            raise EvalError(_why_not_loaded(config.model, error)) from error
        if not hasattr(self.processor, "tokenizer"):
            raise EvalError(
                f"{config.model} has no processor of images and text; name a folder that holds one (a checkpoint of "
                "SpatialMosaicVLM also needs --trust-remote-code where spatialmosaic_vlm is not installed)."
            )
        self.processor.tokenizer.padding_side = "left"
        if config.device_map is None:
            self.model.to(accelerate.PartialState().device)
        self.device = self.model.device

    def describe(self) -> dict[str, Any]:
        """What the answers depend on."""
        commit = getattr(self.model.config, "_commit_hash", None)
        return {
            "model_revision": commit or folder_digest(Path(self.config.model)),
            "processor_digest": _processor_digest(self.processor),
            "decoding": {
                "do_sample": False,
                "num_beams": 1,
                "max_new_tokens": self.config.max_new_tokens,
                "letters": self.config.letters,
            },
            "versions": {name: version(name) for name in ("transformers", "torch", "accelerate")},
        }

    def answer(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, Reply]]:
        """Answer a batch greedily."""
        start = time.perf_counter()
        inputs = self._encode(prompts)
        length = inputs["input_ids"].shape[1]
        lengths = inputs["attention_mask"].sum(dim=1).tolist()
        try:
            with torch.inference_mode():
                out = self.model.generate(
                    **inputs,
                    do_sample=False,
                    num_beams=1,
                    max_new_tokens=self.config.max_new_tokens,
                    return_dict_in_generate=True,
                    output_logits=self.config.letters,
                )
        except torch.OutOfMemoryError as error:
            raise EvalError(
                f"Record {prompts[0].id}: no memory for {len(prompts)} questions at a time; run the same command with a "
                "smaller --batch-size: answers so far are kept."
            ) from error
        new = out.sequences[:, length:]
        texts = self.processor.batch_decode(new, skip_special_tokens=True)
        seconds = (time.perf_counter() - start) / len(prompts)
        for place, text in enumerate(texts):
            if self.config.letters and prompts[place].letters:
                letter = self._likeliest(out.logits[0][place], prompts[place].letters)
                yield place, Reply(letter, "stop", round(seconds, 4), lengths[place])
                continue
            is_cut = new.shape[1] >= self.config.max_new_tokens and not self._has_ended(new[place])
            yield place, Reply(text, "length" if is_cut else "stop", round(seconds, 4), lengths[place])

    def _encode(self, prompts: Sequence[Prompt]) -> Any:
        try:
            inputs = self.processor.apply_chat_template(
                [prompt.messages for prompt in prompts],
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
                add_generation_prompt=True,
                processor_kwargs={"padding": True},
            )
        except (ImportError, ValueError) as error:
            raise EvalError(
                f"Record {prompts[0].id}: its prompt cannot be prepared by the processor: {error}"
            ) from error
        inputs = inputs.to(self.device)
        floating = {name: value for name, value in inputs.items() if torch.is_floating_point(value)}
        inputs.update({name: value.to(self.model.dtype) for name, value in floating.items()})
        return inputs

    def _likeliest(self, logits: torch.Tensor, letters: Sequence[str]) -> str:
        """The letter that most likely begins an answer, logits of shape (vocabulary,): with or without a blank before it."""
        tokens = {letter: self._tokens_of(letter) for letter in letters}
        return max(letters, key=lambda letter: float(logits[tokens[letter]].max()))

    def _tokens_of(self, letter: str) -> list[int]:
        encoded = (self.processor.tokenizer.encode(text, add_special_tokens=False) for text in (letter, f" {letter}"))
        tokens = [found[0] for found in encoded if len(found) == 1]
        if not tokens:
            raise EvalError(f"{self.config.model} has no token for the letter {letter}; run it without --letters.")
        return tokens

    def _has_ended(self, tokens: torch.Tensor) -> bool:
        ends = self.model.generation_config.eos_token_id
        ends = ends if isinstance(ends, list) else [ends, self.processor.tokenizer.eos_token_id]
        return bool(
            torch.isin(tokens, torch.tensor([end for end in ends if end is not None], device=tokens.device)).any()
        )


def _why_not_loaded(model: str, error: Exception) -> str:
    reason = " ".join(str(error).split())
    if (Path(model) / "merged").is_dir():
        return f"{model} is a training run and no checkpoint; name {Path(model) / 'merged'}, which is what it trained."
    if "torchvision" in reason:
        return (
            f"{model} needs torchvision, which is not installed here; run it in an environment that has it ({reason})."
        )
    return f"{model} cannot be loaded as a model of images and text ({reason})."


def folder_digest(folder: Path) -> str | None:
    """A digest of a checkpoint folder: names and sizes of its files, small ones whole, both ends of large ones."""
    if not folder.is_dir():
        return None
    total = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        size = path.stat().st_size
        total.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            total.update(file.read(_EDGE))
            file.seek(max(0, size - _EDGE))
            total.update(file.read())
    return total.hexdigest()[:16]


def _processor_digest(processor: Any) -> str:
    """A digest of what turns a prompt into numbers: sizes, means, chat template, vocabulary."""
    parts = [
        processor.to_json_string(),
        json.dumps(processor.chat_template),
        json.dumps(sorted(processor.tokenizer.get_vocab().items())),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
