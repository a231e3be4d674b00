"""Batches: the same tokens as TRL's own collator makes, the same loss and gradient however questions are put in rows."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

from spatialmosaic_vlm import SpatialMosaicForConditionalGeneration
from spatialmosaic_vlm.training.collator import FrameSetCollator, Tokens, share_prefix, tokenize


@pytest.fixture(scope="module")
def rows(records) -> list[dict[str, Any]]:
    """Two frame sets with different numbers of views, four questions each."""
    full = [row for row in records.rows(4) if len(row["conversations"]) == 4]
    first = full[0]
    return [first, next(row for row in full if len(row["images"]) != len(first["images"]))]


@pytest.fixture(scope="module")
def alone(rows) -> list[dict[str, Any]]:
    return [row | {"conversations": [asked], "messages": asked} for row in rows for asked in row["conversations"]]


@pytest.fixture(scope="module")
def model(start) -> SpatialMosaicForConditionalGeneration:
    torch.manual_seed(0)
    model = SpatialMosaicForConditionalGeneration.from_pretrained(start)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def summed_loss(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    return model(**batch, use_cache=False, num_items_in_batch=torch.tensor(1)).loss


def test_a_question_alone_is_what_trl_makes_of_it(tiny_processor, alone):
    ours = FrameSetCollator(tiny_processor)(alone)
    trl = DataCollatorForVisionLanguageModeling(tiny_processor, max_length=None, assistant_only_loss=True)
    theirs = trl([{"images": row["images"], "messages": row["messages"]} for row in alone])
    assert set(ours) == set(theirs)
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, rtol=0, atol=0)


def test_only_the_answer_and_its_end_are_learnt(tiny_processor, rows):
    batch = FrameSetCollator(tiny_processor)(rows)
    for labels, row in zip(batch["labels"], rows, strict=True):
        answers = [conversation[-1]["content"][0]["text"] for conversation in row["conversations"]]
        assert tiny_processor.decode(labels[labels != -100]) == "".join(f"{answer}<|im_end|>" for answer in answers)


def test_a_row_holds_its_views_once(tiny_processor, rows):
    batch = FrameSetCollator(tiny_processor)(rows)
    views = [len(row["images"]) for row in rows]
    placeholders = (batch["input_ids"] == tiny_processor.image_token_id).sum(-1)
    assert placeholders.tolist() == [count * tiny_processor.tokens_per_view for count in views]
    assert batch["num_views"].tolist() == views
    assert len(batch["pixel_values"]) == sum(views)


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_questions_in_one_row_have_the_loss_and_gradient_that_they_have_alone(
    model, tiny_processor, rows, alone, implementation
):
    model.set_attn_implementation(implementation)
    results = []
    for batch in (FrameSetCollator(tiny_processor)(rows), FrameSetCollator(tiny_processor)(alone)):
        model.zero_grad()
        loss = summed_loss(model, batch)
        loss.backward()
        results.append(
            (loss.detach(), {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
        )
    (shared, shared_gradient), (plain, plain_gradient) = results
    torch.testing.assert_close(shared, plain, rtol=1e-6, atol=0)
    assert set(shared_gradient) == set(plain_gradient)
    largest = max(gradient.abs().max() for gradient in plain_gradient.values())
    for name, gradient in plain_gradient.items():
        torch.testing.assert_close(shared_gradient[name], gradient, rtol=1e-4, atol=float(largest) * 1e-5)
    model.set_attn_implementation("sdpa")


def test_a_question_does_not_see_its_neighbour(model, tiny_processor, rows):
    batch = FrameSetCollator(tiny_processor)(rows[:1])
    ids, branches = batch["input_ids"], batch["branch_ids"]
    with torch.no_grad():
        before = model(**batch, use_cache=False).logits
        changed = torch.where(branches == 2, torch.tensor(7), ids)
        after = model(**(batch | {"input_ids": changed}), use_cache=False).logits
    others = branches != 2
    assert torch.equal(before[others], after[others])
    assert not torch.equal(before[~others], after[~others])


def test_flash_attention_is_refused_for_shared_rows(model, tiny_processor, rows, monkeypatch):
    monkeypatch.setattr(model.model.language_model.config, "_attn_implementation_internal", "flash_attention_2")
    with pytest.raises(ValueError, match=r"flash_attention_2.*questions_per_set to 1"):
        model(**FrameSetCollator(tiny_processor)(rows[:1]), use_cache=False)


def test_the_prefix_ends_before_any_answer():
    same = Tokens([1, 2, 3, 4], [False, False, True, True])
    row = share_prefix([same, same])
    assert row.ids == [1, 2, 3, 4, 2, 3, 4]
    assert row.branches == [0, 1, 1, 1, 2, 2, 2]
    assert row.positions == [0, 1, 2, 3, 1, 2, 3]
    assert row.labels == [-100, -100, 3, 4, -100, 3, 4]


def test_nothing_is_cut_off(tiny_processor, alone):
    lengths = [len(tokens.ids) for tokens in tokenize(tiny_processor, [row["messages"] for row in alone])]
    batch = FrameSetCollator(tiny_processor)(alone)
    assert batch["attention_mask"].sum(-1).tolist() == lengths
