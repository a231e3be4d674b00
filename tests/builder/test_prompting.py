"""Prompts to the letter: what models are trained on is what they are asked."""

from __future__ import annotations

from typing import Any

import pytest

from spatialmosaic_builder.prompting import INSTRUCTIONS, messages, question_text

RECORD: dict[str, Any] = {
    "id": "a1",
    "frames": ["frame_000110", "frame_000020"],
    "question": "In Frame 2, is the lamp to the left of the bed in this viewpoint?",
    "options": ["A. Yes", "B. No"],
    "answer_type": "choice",
    "mc_answer": "B",
    "ground_truth": "No",
}
NUMBER = RECORD | {
    "question": "What is the distance in meters between the lamp and the bed?",
    "options": [],
    "answer_type": "number",
    "mc_answer": "",
    "ground_truth": "1.25",
}


def as_text(content: list[dict[str, Any]]) -> str:
    return "".join(part["text"] if part["type"] == "text" else "<image>" for part in content)


def test_a_choice_is_asked_so() -> None:
    (message,) = messages(RECORD)
    assert message["role"] == "user"
    assert as_text(message["content"]) == (
        "Frame 1: <image>\nFrame 2: <image>\n"
        "In Frame 2, is the lamp to the left of the bed in this viewpoint?\nOptions:\nA. Yes\nB. No\n"
        "Answer with the option's letter from the given choices directly."
    )


def test_a_number_is_asked_so() -> None:
    assert question_text(NUMBER) == (
        "What is the distance in meters between the lamp and the bed?\nPlease answer with a single number only."
    )


@pytest.mark.parametrize(("record", "answer"), [(RECORD, "B"), (NUMBER, "1.25")])
def test_the_answer_is_what_was_asked_for(record: dict[str, Any], answer: str) -> None:
    asked, answered = messages(record, with_answer=True)
    assert [asked] == messages(record)
    assert answered == {"role": "assistant", "content": [{"type": "text", "text": answer}]}


def test_images_stand_behind_their_labels() -> None:
    (message,) = messages(RECORD, ["first", "second"])
    content = message["content"]
    assert [content[1], content[3]] == [{"type": "image", "image": "first"}, {"type": "image", "image": "second"}]
    assert [content[0]["text"], content[2]["text"]] == ["Frame 1: ", "\nFrame 2: "]


def test_places_for_images_have_no_empty_keys() -> None:
    images = [part for part in messages(RECORD)[0]["content"] if part["type"] == "image"]
    assert images == [{"type": "image"}] * 2


def test_missing_images_are_counted() -> None:
    with pytest.raises(ValueError, match=r"each of the 2 frames of record a1, got 1"):
        messages(RECORD, ["first"])


def test_frames_that_are_shown_alone_or_in_another_order_keep_their_names() -> None:
    (message,) = messages(RECORD, ["second"], shown=[1])
    assert as_text(message["content"]).startswith("Frame 2: <image>\nIn Frame 2, is the lamp")
    (message,) = messages(RECORD, ["second", "first"], shown=[1, 0])
    assert as_text(message["content"]).startswith("Frame 2: <image>\nFrame 1: <image>\nIn Frame 2")
    assert [part["image"] for part in message["content"] if part["type"] == "image"] == ["second", "first"]


def test_a_question_without_frames_begins_with_its_words() -> None:
    (message,) = messages(RECORD, [], shown=[])
    assert message["content"] == [{"type": "text", "text": question_text(RECORD)}]


def test_an_unknown_answer_type_is_named() -> None:
    with pytest.raises(ValueError, match="'essay'"):
        question_text(RECORD | {"answer_type": "essay"})


def test_every_answer_type_says_what_to_answer() -> None:
    assert set(INSTRUCTIONS) == {"choice", "number", "point"}
