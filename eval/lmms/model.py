"""SpatialMosaicVLM as lmms-eval's models are: the same prompts in, the same back end, the same answers out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lmms_eval.api.instance import Instance
from lmms_eval.api.model import lmms
from tqdm import tqdm

from ..backends import Prompt
from ..backends.local_model import LocalModel
from ..config import RunConfig


class SpatialMosaicVLM(lmms):
    """A checkpoint, `--model_args pretrained=FOLDER_OR_NAME`."""

    is_simple = False

    def __init__(
        self,
        pretrained: str,
        batch_size: int | str = 1,
        dtype: str = "auto",
        trust_remote_code: bool = False,
        **kwargs: Any,
    ) -> None:
        """Load processor and model; further arguments of the harness are not needed."""
        super().__init__()
        self.config = RunConfig(
            pretrained, data="", batch_size=int(batch_size), dtype=dtype, trust_remote_code=trust_remote_code
        )
        self._backends: dict[int, LocalModel] = {}

    def _backend(self, max_new_tokens: int) -> LocalModel:
        if max_new_tokens not in self._backends:
            self._backends = {max_new_tokens: LocalModel(replace(self.config, max_new_tokens=max_new_tokens))}
        return self._backends[max_new_tokens]

    def generate_until(self, requests: list[Instance]) -> list[str]:
        """Answer every request, in order."""
        answers = [""] * len(requests)
        size = self.config.batch_size
        for start in tqdm(range(0, len(requests), size), desc="questions", unit="batch", disable=self.rank != 0):
            batch = requests[start : start + size]
            prompts = [self._prompt(request) for request in batch]
            backend = self._backend(int(batch[0].args[2].get("max_new_tokens", 16)))
            for place, reply in backend.answer(prompts):
                answers[start + place] = reply.answer
        return answers

    def _prompt(self, request: Instance) -> Prompt:
        _, doc_to_messages, _, doc_id, task, split = request.args
        messages = [
            {
                "role": message["role"],
                "content": [
                    {"type": "image", "image": part["url"]} if part["type"] == "image" else part
                    for part in message["content"]
                ],
            }
            for message in doc_to_messages(self.task_dict[task][split][doc_id])
        ]
        return Prompt(f"{task}/{doc_id}", messages)

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        """Not needed by any task here."""
        raise NotImplementedError("SpatialMosaicVLM answers in words; its tasks use generate_until.")

    def generate_until_multi_round(self, requests: list[Instance]) -> list[str]:
        """Not needed by any task here."""
        raise NotImplementedError("SpatialMosaicVLM answers in one round; its tasks use generate_until.")
