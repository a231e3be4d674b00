"""What the task files of lmms-eval call: the same prompt, pictures, parser and averages as everywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from PIL import Image

from ..benchmarks.spatialmosaic import BENCHMARK
from ..question import Row
from ..spatialmosaic_accuracy.scoring import QUESTION_TYPES, type_means


def only_choices(records: Dataset) -> Dataset:
    """Records with options."""
    return _of_kind(records, is_choice=True)


def only_numbers(records: Dataset) -> Dataset:
    """Records that ask for a number or a point."""
    return _of_kind(records, is_choice=False)


def _of_kind(records: Dataset, is_choice: bool) -> Dataset:
    kept = [
        k for k, name in enumerate(records["question_type"]) if (QUESTION_TYPES[name].kind == "choice") == is_choice
    ]
    return records.select(kept)


def doc_to_visual(record: Row, lmms_eval_specific_kwargs: dict[str, Any]) -> list[Image.Image]:
    """Open the pictures of a record, in the order of its frames."""
    return BENCHMARK.load_views(record, Path(lmms_eval_specific_kwargs["image_root"]), range(len(record["frames"])))


def doc_to_text(record: Row, lmms_eval_specific_kwargs: dict[str, Any] | None = None) -> str:
    """Write the question without pictures, for models that take no messages."""
    text: str = BENCHMARK.messages(record, [], [])[0]["content"][0]["text"]
    return text


def doc_to_messages(record: Row, lmms_eval_specific_kwargs: dict[str, Any]) -> list[dict[str, Any]]:
    """Write the prompt with every picture behind its frame's name; none where the task shows none."""
    shown: Sequence[int] = (
        range(len(record["frames"])) if lmms_eval_specific_kwargs.get("views", "all") == "all" else ()
    )
    images = doc_to_visual(record, lmms_eval_specific_kwargs) if shown else []
    (message,) = BENCHMARK.messages(record, images, shown)
    content = [
        {"type": "image", "url": part["image"]} if part["type"] == "image" else part for part in message["content"]
    ]
    return [{"role": message["role"], "content": content}]


def doc_to_target(record: Row) -> str:
    """The right answer."""
    return BENCHMARK.question_of(record).reference


def process_results(record: Row, results: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Score an answer. The id travels along: lmms-eval's own samples do not tell one record from another."""
    question = BENCHMARK.question_of(record)
    answer = str(results[0])
    score = BENCHMARK.score(question, answer)
    scored = {
        "id": question.id,
        "question_type": question.question_type,
        "answer": answer,
        "state": score.state,
        "score": score.value,
        "chance": question.chance,
    }
    return dict.fromkeys(("macro12", "macro6", "kappa6", "macro_na", "micro", "not_read"), scored)


def _average(name: str, scored: Sequence[dict[str, Any]]) -> float | None:
    means = type_means([item["question_type"] for item in scored], [item["score"] for item in scored])
    chances: dict[str, list[float]] = {}
    for item in scored:
        if item["chance"] is not None:
            chances.setdefault(item["question_type"], []).append(item["chance"])
    nominal = {name: sum(listed) / len(listed) for name, listed in chances.items()}
    micro = sum(item["score"] for item in scored) / len(scored)
    return BENCHMARK.averages(means, nominal, micro)[name]


def macro12(scored: Sequence[dict[str, Any]]) -> float | None:
    """Mean over the question types with options: the paper's "Avg."."""
    return _average("macro12", scored)


def macro6(scored: Sequence[dict[str, Any]]) -> float | None:
    """Mean over the six tasks."""
    return _average("macro6", scored)


def kappa6(scored: Sequence[dict[str, Any]]) -> float | None:
    """Mean over the six tasks of the score above chance."""
    return _average("kappa6", scored)


def macro_na(scored: Sequence[dict[str, Any]]) -> float | None:
    """Mean over the question types without options."""
    return _average("macro_na", scored)


def micro(scored: Sequence[dict[str, Any]]) -> float | None:
    """Plain mean over records."""
    return _average("micro", scored)


def not_read(scored: Sequence[dict[str, Any]]) -> float:
    """Share of answers that could not be read."""
    return sum(item["state"] != "ok" for item in scored) / len(scored)
