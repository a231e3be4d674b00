"""Answers that were made elsewhere: a file with the id and the answer of every record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..config import RunConfig
from ..errors import EvalError
from . import Prompt, Reply

_ANSWER_NAMES = ("answer", "prediction", "response", "output")
_MANY = 4096


class Imported:
    """Looks answers up in a file."""

    num_at_a_time = _MANY

    def __init__(self, config: RunConfig, asked: Sequence[str], known: set[str]) -> None:
        """Read the file and compare it with the questions.

        Args:
            config: names the file.
            asked: ids of the questions that need an answer.
            known: ids of all records of the dataset.

        Raises:
            EvalError: a line is no prediction, or a record is unknown, missing, or answered twice.
        """
        assert config.predictions is not None
        self.path = config.predictions
        self.answers = _read_answers(self.path)
        if unknown := [name for name in self.answers if name not in known]:
            raise EvalError(
                f"{self.path} answers record {unknown[0]}, which {config.data} ({config.config}, {config.split}) does not "
                f"have ({len(unknown):,} of its {len(self.answers):,} answers are such); was it made from another dataset "
                "or profile?"
            )
        if missing := [name for name in asked if name not in self.answers]:
            raise EvalError(
                f"{self.path} has no answer to record {missing[0]} ({len(missing):,} of {len(asked):,} are missing); complete "
                "it, with an empty answer where the model gave none."
            )

    def describe(self) -> dict[str, Any]:
        """Nothing is known of how the answers were made, but which they are is: a file that was changed is another run."""
        lines = json.dumps(sorted(self.answers.items())).encode()
        return {
            "model_revision": None,
            "processor_digest": None,
            "decoding": {},
            "versions": {},
            "answers_digest": hashlib.sha256(lines).hexdigest()[:16],
        }

    def answer(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, Reply]]:
        """Look the answers up."""
        for place, prompt in enumerate(prompts):
            answer, reason = self.answers[prompt.id]
            yield place, Reply(answer, reason, 0.0)


def _read_answers(path: Path) -> dict[str, tuple[str, str]]:
    """Answer and finish reason by record."""
    try:
        text = path.read_text(encoding="utf-8")
        rows = (
            json.loads(text)
            if text.lstrip().startswith("[")
            else [json.loads(line) for line in text.splitlines() if line.strip()]
        )
    except (OSError, ValueError) as error:
        raise EvalError(f"{path} cannot be read as JSON or JSON lines ({error}).") from error
    answers: dict[str, tuple[str, str]] = {}
    for number, row in enumerate(rows, 1):
        if isinstance(row, dict) and "format" in row and "data" in row:
            continue
        if isinstance(row, dict) and "id" not in row:
            # A sample of lmms-eval: what our task said of it stands under each of its averages.
            row = next((v for v in row.values() if isinstance(v, dict) and {"id", "answer"} <= v.keys()), row)
        name = row.get("id") if isinstance(row, dict) else None
        said = next((row[key] for key in _ANSWER_NAMES if key in row), None) if name is not None else None
        if name is None or not isinstance(said, str):
            raise EvalError(
                f"{path}, entry {number} is no prediction: expected an object with id and {', '.join(_ANSWER_NAMES)} as text, "
                f"got {json.dumps(row)[:80]}."
            )
        if str(name) in answers:
            raise EvalError(f"{path}, entry {number}: record {name} is answered twice; remove one of the two.")
        answers[str(name)] = (said, str(row.get("finish_reason") or "stop"))
    if not answers:
        raise EvalError(f"{path} holds no answers.")
    return answers
