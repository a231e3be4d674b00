"""The processor: layout of images, pixels of both encoders, prompts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from spatialmosaic_vlm import SpatialMosaicProcessor, chat_template
from spatialmosaic_vlm.processing_spatial_mosaic import as_picture, geometry_pixels

Picture = Callable[..., Image.Image]
Conversation = Callable[..., list[dict[str, Any]]]


def test_both_encoders_see_the_original_image(processor: SpatialMosaicProcessor, picture: Picture) -> None:
    image = picture(0, 200, 100)
    out = processor(images=[image], text="<image>", return_tensors="pt")
    assert out["pixel_values"].shape == (1, 3, 42, 42)
    expected = np.asarray(image.resize((56, 56), Image.Resampling.BICUBIC), dtype=np.float32) / 255
    np.testing.assert_allclose(out["geometry_pixel_values"][0], expected.transpose(2, 0, 1), atol=1e-6)
    assert out["input_ids"].tolist() == [[processor.image_token_id] * 6]


@pytest.mark.parametrize(
    ("resize", "size", "shape"),
    [
        ("stretch", (200, 100), (56, 56)),
        ("keep", (200, 100), (28, 56)),
        ("keep", (100, 200), (56, 28)),
        ("keep", (1000, 10), (14, 56)),
        ("pad", (200, 100), (56, 56)),
    ],
)
def test_geometry_pixels_have_sides_of_whole_patches(
    picture: Picture, resize: Any, size: tuple[int, int], shape: tuple[int, int]
) -> None:
    pixels = geometry_pixels(picture(0, *size), 56, 14, resize)
    assert pixels.shape == (3, *shape)
    assert 0 <= pixels.min() <= pixels.max() <= 1


def test_padding_is_white_and_around_the_picture(picture: Picture) -> None:
    kept, padded = (geometry_pixels(picture(0, 200, 100), 56, 14, resize) for resize in ("keep", "pad"))
    np.testing.assert_array_equal(padded[:, 14:42], kept)
    assert (padded[:, :14] == 1).all()
    assert (padded[:, 42:] == 1).all()


def test_arrays_and_tensors_are_images_too(processor: SpatialMosaicProcessor, picture: Picture) -> None:
    array = np.asarray(picture(0))
    opaque = np.dstack([array, np.full_like(array[..., :1], 255)])
    tensor = torch.from_numpy(array.copy()).permute(2, 0, 1)
    expected = processor(images=[picture(0)], text="<image>", return_tensors="pt")
    for other in (
        array,
        array.transpose(2, 0, 1),
        array / 255,
        opaque,
        opaque.transpose(2, 0, 1),
        tensor,
        tensor / 255,
    ):
        seen = processor(images=[other], text="<image>", return_tensors="pt")
        for name in ("pixel_values", "geometry_pixel_values"):
            assert torch.equal(seen[name], expected[name]), (name, other.shape, other.dtype)
    for grey in (array[..., 0], array[..., :1]):
        red, green, _ = np.asarray(as_picture(grey)).transpose(2, 0, 1)
        np.testing.assert_array_equal(red, array[..., 0])
        np.testing.assert_array_equal(green, array[..., 0])


def test_kept_shapes_share_a_batch_with_their_sizes(
    make_processor: Callable[..., SpatialMosaicProcessor], picture: Picture
) -> None:
    processor = make_processor(geometry_resize="keep")
    views = [picture(0, 200, 100), picture(1, 100, 200)]
    out = processor(images=[views], text="<image><image>", return_tensors="pt")
    assert out["geometry_image_sizes"].tolist() == [[28, 56], [56, 28]]
    for view, pixels, (height, width) in zip(
        views, out["geometry_pixel_values"], out["geometry_image_sizes"].tolist(), strict=True
    ):
        expected = geometry_pixels(view, 56, 14, "keep")
        np.testing.assert_array_equal(pixels[:, :height, :width], expected)


def test_a_flat_list_is_shared_out_by_placeholders(processor: SpatialMosaicProcessor, picture: Picture) -> None:
    views = [picture(i) for i in range(3)]
    flat = processor(images=views, text=["<image>a", "<image><image>"], padding=True, return_tensors="pt")
    nested = processor(
        images=[views[:1], views[1:]], text=["<image>a", "<image><image>"], padding=True, return_tensors="pt"
    )
    assert flat["num_views"].tolist() == nested["num_views"].tolist() == [1, 2]
    for name in flat:
        assert torch.equal(flat[name], nested[name])


@pytest.mark.parametrize(
    ("images", "text", "numbers"),
    [
        ([[0], [1, 2]], ["<image><image>", "<image>"], r"\[2, 1\], but \[1, 2\]"),
        ([[0, 1]], ["<image>"], r"\[1\], but \[2\]"),
        ([0, 1], ["<image><image><image>"], r"\[3\], but \[2\]"),
    ],
)
def test_missing_images_are_counted(
    processor: SpatialMosaicProcessor, picture: Picture, images: list[Any], text: list[str], numbers: str
) -> None:
    pictures = [[picture(i) for i in entry] if isinstance(entry, list) else picture(entry) for entry in images]
    with pytest.raises(ValueError, match=numbers):
        processor(images=pictures, text=text)


def test_the_placeholder_must_be_a_token(
    make_processor: Callable[..., Any], make_tokenizer: Callable[..., Any]
) -> None:
    image_processor = make_processor().image_processor
    tokenizer = make_tokenizer(("<|endoftext|>", "<|im_start|>", "<|im_end|>"))
    with pytest.raises(ValueError, match="Expected a tokenizer that knows <image>"):
        SpatialMosaicProcessor(image_processor, tokenizer)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"geometry_resize": "crop"}, "got 'crop'"), ({"geometry_size": 500}, "a multiple of 14, got 500")],
)
def test_wrong_choices_are_named(make_processor: Callable[..., Any], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_processor(**changes)


def test_a_prompt_is_written_so(
    processor: SpatialMosaicProcessor, picture: Picture, conversation: Conversation
) -> None:
    messages = conversation([picture(0), picture(1)], "How many?")
    assert processor.apply_chat_template(messages, add_generation_prompt=True) == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
        "Frame 1: <image>\nFrame 2: <image>\nHow many?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_labels_in_the_message_are_not_repeated(
    processor: SpatialMosaicProcessor, picture: Picture, conversation: Conversation
) -> None:
    labelled = [
        {"type": "text", "text": "Frame 1: "},
        {"type": "image", "image": picture(0)},
        {"type": "text", "text": "\nFrame 2: "},
        {"type": "image", "image": picture(1)},
        {"type": "text", "text": "\nHow many?"},
    ]
    bare = conversation([picture(0), picture(1)], "How many?")
    prompts = [processor.apply_chat_template(messages) for messages in ([{"role": "user", "content": labelled}], bare)]
    assert prompts[0] == prompts[1]


def test_frames_are_numbered_through_a_conversation(
    processor: SpatialMosaicProcessor, picture: Picture, conversation: Conversation
) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        *conversation([picture(0)], "How many?"),
        {"role": "assistant", "content": "2"},
        *conversation([picture(1)], "And here?"),
    ]
    text = processor.apply_chat_template(messages)
    assert text.startswith("<|im_start|>system\nBe brief.<|im_end|>\n")
    assert "Frame 1: <image>\nHow many?" in text
    assert "Frame 2: <image>\nAnd here?" in text


def test_without_labels_the_prompt_is_the_authors(
    make_processor: Callable[..., SpatialMosaicProcessor], picture: Picture, conversation: Conversation
) -> None:
    processor = make_processor(chat_template=chat_template(frame_labels=False))
    text = processor.apply_chat_template(conversation([picture(0), picture(1)], "How many?"))
    assert "<|im_start|>user\n<image><image>\nHow many?<|im_end|>" in text


def test_vicuna_prompts(make_processor: Callable[..., Any], picture: Picture, conversation: Conversation) -> None:
    processor = make_processor(chat_template=chat_template("vicuna"))
    messages = conversation([picture(0)], "How many?")
    asked = processor.apply_chat_template(messages, add_generation_prompt=True)
    assert asked == "USER: Frame 1: <image>\nHow many? ASSISTANT:"
    answered = processor.apply_chat_template([*messages, {"role": "assistant", "content": "2"}])
    assert answered == "USER: Frame 1: <image>\nHow many? ASSISTANT: 2</s>"


def test_the_answer_and_its_end_are_masked(
    processor: SpatialMosaicProcessor, picture: Picture, conversation: Conversation
) -> None:
    messages = [*conversation([picture(0)], "How many?"), {"role": "assistant", "content": "B"}]
    out = processor.apply_chat_template(
        [messages],
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        processor_kwargs={"return_assistant_tokens_mask": True},
        return_assistant_tokens_mask=True,
    )
    mask = torch.as_tensor(out["assistant_masks"]).bool()
    assert processor.tokenizer.decode(out["input_ids"][mask]) == "B<|im_end|>"


def test_a_saved_processor_is_the_same(
    make_processor: Callable[..., SpatialMosaicProcessor],
    picture: Picture,
    conversation: Conversation,
    tmp_path: Path,
) -> None:
    processor = make_processor(geometry_resize="keep", chat_template=chat_template(frame_labels=False))
    processor.save_pretrained(tmp_path)
    again = SpatialMosaicProcessor.from_pretrained(tmp_path)
    messages = conversation([picture(0), picture(1, 30, 80)], "How many?")
    one, two = (
        p.apply_chat_template(messages, tokenize=True, return_dict=True, return_tensors="pt")
        for p in (processor, again)
    )
    assert set(one) == set(two)
    for name in one:
        assert torch.equal(one[name], two[name])
