"""Answers: the same alone and in a batch, by every way to ask for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import BatchFeature, pipeline

from spatialmosaic_builder.prompting import messages
from spatialmosaic_vlm import SpatialMosaicForConditionalGeneration, SpatialMosaicProcessor

Model = SpatialMosaicForConditionalGeneration
NUM_TOKENS = 6


@pytest.fixture(scope="module")
def samples(
    picture: Callable[..., Image.Image], conversation: Callable[..., list[dict[str, Any]]]
) -> list[list[dict[str, Any]]]:
    return [
        conversation([picture(1), picture(2, 30, 60)], "Which?"),
        conversation([picture(3), picture(4), picture(5, 90, 30)], "How many chairs are visible?"),
        conversation([picture(6)], "Is there a lamp in Frame 1?"),
    ]


def encode(processor: SpatialMosaicProcessor, samples: list[Any]) -> BatchFeature:
    return processor.apply_chat_template(
        samples,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        add_generation_prompt=True,
        processor_kwargs={"padding": True},
    )


def answers(model: Model, processor: SpatialMosaicProcessor, samples: list[Any], **how: Any) -> list[list[int]]:
    inputs = encode(processor, samples)
    out = model.generate(**inputs, max_new_tokens=NUM_TOKENS, min_new_tokens=NUM_TOKENS, do_sample=False, **how)
    return out[:, inputs["input_ids"].shape[1] :].tolist()


@pytest.mark.parametrize(
    "how",
    [{}, {"num_beams": 3}, {"num_beams": 3, "num_return_sequences": 2}, {"use_cache": False}],
    ids=["greedy", "beams", "several", "no cache"],
)
def test_a_batch_is_answered_as_its_samples(
    model: Model, processor: SpatialMosaicProcessor, samples: list[Any], how: dict[str, Any]
) -> None:
    alone = [answer for sample in samples for answer in answers(model, processor, [sample], **how)]
    assert answers(model, processor, samples, **how) == alone
    assert len({tuple(answer) for answer in alone}) == len(alone)


def test_views_of_different_sizes_are_answered_as_alone(
    model: Model, make_processor: Callable[..., SpatialMosaicProcessor], samples: list[Any]
) -> None:
    processor = make_processor(geometry_resize="keep")
    alone = [answers(model, processor, [sample])[0] for sample in samples]
    assert answers(model, processor, samples) == alone


def test_greedy_answers_follow_the_highest_score(
    model: Model, processor: SpatialMosaicProcessor, samples: list[Any]
) -> None:
    inputs = encode(processor, samples[:1])
    answer = answers(model, processor, samples[:1])[0]
    full = dict(inputs) | {"input_ids": torch.cat([inputs["input_ids"], torch.tensor([answer])], dim=1)}
    del full["attention_mask"]
    with torch.no_grad():
        scores = model(**full).logits[0, -NUM_TOKENS - 1 : -1]
    scores[:, model.generation_config.eos_token_id or 258] = -torch.inf
    assert scores.argmax(-1).tolist() == answer


def test_generation_from_embeddings_and_encoded_views(
    model: Model, processor: SpatialMosaicProcessor, samples: list[Any]
) -> None:
    inputs = encode(processor, samples[1:2])
    expected = answers(model, processor, samples[1:2])
    embeddings = model.get_input_embeddings()(inputs.pop("input_ids"))
    out = model.generate(
        **inputs,
        inputs_embeds=embeddings,
        max_new_tokens=NUM_TOKENS,
        min_new_tokens=NUM_TOKENS,
        do_sample=False,
    )
    assert out.tolist() == expected


def test_views_are_held_against_the_placeholders_of_each_prompt(
    model: Model, processor: SpatialMosaicProcessor, samples: list[Any]
) -> None:
    inputs = dict(encode(processor, samples))
    how = {"max_new_tokens": NUM_TOKENS, "min_new_tokens": NUM_TOKENS, "do_sample": False}
    expected = model.generate(**inputs, **how)
    assert inputs.pop("num_views").tolist() == [2, 3, 1]
    assert torch.equal(model.generate(**inputs, **how), expected)
    for wrong in ([1, 2, 3], [6], [2, 1, 2, 1]):
        with pytest.raises(ValueError, match=r"do not match.*\[12, 18, 6\]"):
            model.generate(**inputs, num_views=torch.tensor(wrong), **how)
    with pytest.raises(ValueError, match="tokens: 36, features: 0"):
        model.generate(inputs["input_ids"], attention_mask=inputs["attention_mask"], **how)


def test_the_pipeline_answers_as_generate_does(
    model: Model, processor: SpatialMosaicProcessor, samples: list[Any]
) -> None:
    ask = pipeline("image-text-to-text", model=model, processor=processor)
    how = {"max_new_tokens": NUM_TOKENS, "min_new_tokens": NUM_TOKENS, "do_sample": False}
    outputs = ask(text=samples, return_full_text=False, generate_kwargs=how, batch_size=1)
    expected = [answers(model, processor, [sample])[0] for sample in samples]
    texts = [
        output[0]["generated_text"] if isinstance(output, list) else output["generated_text"] for output in outputs
    ]
    assert texts == processor.batch_decode(expected, skip_special_tokens=True)


def test_a_record_becomes_the_prompt_its_columns_say(
    model: Model, processor: SpatialMosaicProcessor, picture: Callable[..., Image.Image]
) -> None:
    record = {
        "id": "a1",
        "frames": ["frame_000110", "frame_000020"],
        "question": "How many chair(s) are visible across these frames?",
        "options": ["A. 1", "B. 2", "C. 3", "D. 4"],
        "answer_type": "choice",
        "mc_answer": "B",
        "ground_truth": "2",
    }
    images = [picture(1), picture(2)]
    prompt = processor.apply_chat_template(messages(record), add_generation_prompt=True)
    assert prompt.endswith(
        "<|im_start|>user\nFrame 1: <image>\nFrame 2: <image>\nHow many chair(s) are visible across these frames?\n"
        "Options:\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer with the option's letter from the given choices directly."
        "<|im_end|>\n<|im_start|>assistant\n"
    )
    inputs = encode(processor, [messages(record, images)])
    assert inputs["num_views"].tolist() == [2]
    assert model.generate(**inputs, max_new_tokens=2).shape[1] > inputs["input_ids"].shape[1]
