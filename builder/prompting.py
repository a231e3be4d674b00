"""The one place a prompt is written: training, evaluation and serving ask in the same words.

A prompt shows the frames in the order of the record, each labelled as the question calls it, then asks:

    Frame 1: <image>
    Frame 2: <image>
    In Frame 2, is the lamp to the left of the bed in this viewpoint?
    Options:
    A. Yes
    B. No
    Answer with the option's letter from the given choices directly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

INSTRUCTIONS = {
    "choice": "Answer with the option's letter from the given choices directly.",
    "number": "Please answer with a single number only.",
    "point": "Please answer with the coordinate pair only, formatted as (x,y).",
}
"""What to answer, by `answer_type`; choices and points in the words of the published evaluation."""


def messages(
    record: Mapping[str, Any],
    images: Sequence[Any] | None = None,
    *,
    shown: Sequence[int] | None = None,
    with_answer: bool = False,
) -> list[dict[str, Any]]:
    """Write a record as chat messages.

    Args:
        record: A row of the dataset, as a mapping from column to value.
        images: The pictures of the frames that are shown, in order, in any form the model's processor takes; without
            them the message has places for images only.
        shown: Which frames to show, counted from 0, in the order to show them; each keeps its name. All of them, in the
            order of the record, by default.
        with_answer: Whether the right answer follows, as training needs it: the letter of a choice, else the number or
            point.

    Returns:
        A message of the user, and one of the assistant with `with_answer`. The user's content alternates labels and
        images and ends with the question.

    Raises:
        ValueError: There are more or fewer images than frames.
    """
    frames = range(len(record["frames"])) if shown is None else shown
    if images is not None and len(images) != len(frames):
        raise ValueError(
            f"Expected an image for each of the {len(frames)} frames of record {record['id']}, got {len(images)}."
        )
    content: list[dict[str, Any]] = []
    for place, frame in enumerate(frames):
        content.append({"type": "text", "text": f"{'' if place == 0 else chr(10)}Frame {frame + 1}: "})
        content.append({"type": "image"} if images is None else {"type": "image", "image": images[place]})
    content.append({"type": "text", "text": f"{chr(10) if content else ''}{question_text(record)}"})
    asked = [{"role": "user", "content": content}]
    if not with_answer:
        return asked
    return [*asked, {"role": "assistant", "content": [{"type": "text", "text": answer_text(record)}]}]


def question_text(record: Mapping[str, Any]) -> str:
    """Write question, options and what to answer, without frames.

    Raises:
        ValueError: The record's `answer_type` is unknown.
    """
    kind = record["answer_type"]
    if kind not in INSTRUCTIONS:
        known = ", ".join(INSTRUCTIONS)
        raise ValueError(f"Expected an answer_type among {known} in record {record['id']}, got {kind!r}.")
    options = ["Options:", *record["options"]] if kind == "choice" else []
    return "\n".join([record["question"], *options, INSTRUCTIONS[kind]])


def answer_text(record: Mapping[str, Any]) -> str:
    """Write the right answer as the prompt asks for it: a letter, a number or a point."""
    answer: str = record["mc_answer"] if record["answer_type"] == "choice" else record["ground_truth"]
    return answer
