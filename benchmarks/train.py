"""What a training step costs: questions a second by how they are put in rows, and where the time goes.

    python benchmarks/train.py          arithmetic of the full model; time of a tiny one, or of the full one on a GPU
    python benchmarks/train.py --tiny   only the tiny one

Rows: `one by one` is a batch of one question, as an implementation must whose geometry encoder takes one sample at a time;
`plain` gives every question of a batch a row of its own; `shared` puts up to 8 questions on one frame set in a row. All
three compute the same gradient. Measured on questions of sample rooms, from the JPEG files to the gradient.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from machine import describe
from model import FULL, TEXT_TOKENS, VIEWS, collate, name
from torch.utils.flop_counter import FlopCounterMode

from spatialmosaic_builder.config import BuildConfig, PrepareImagesConfig
from spatialmosaic_builder.image_root import prepare_images
from spatialmosaic_builder.pipeline import build
from spatialmosaic_builder.scans.sample import write_sample_scans
from spatialmosaic_vlm import SpatialMosaicConfig, SpatialMosaicForConditionalGeneration
from spatialmosaic_vlm.training.arguments import DataArguments, ModelArguments
from spatialmosaic_vlm.training.collator import FrameSetCollator
from spatialmosaic_vlm.training.records import Records, prompt_texts, read_records
from spatialmosaic_vlm.training.start import choose_trained, load_start, random_start

PARTS = ("vision_tower", "geometry_encoder", "fusion", "multi_modal_projector", "language_model")
QUESTIONS = (1, 2, 4, 8)
SETS = 4
"""Frame sets whose questions are timed."""
REPEATS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="leave the full model out")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    print(f"{describe()}, torch {torch.__version__}; one thread, CPU time")
    if not args.tiny:
        print_arithmetic()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        print_times(*questions_of_rooms(folder), folder)


def print_arithmetic() -> None:
    """TFLOP of a training step of the full model, by questions that share a row: forward pass, gradient of the language
    model's inputs (its weights are frozen but for the adapter), and the forward pass again for checkpointing."""
    with torch.device("meta"):
        full = SpatialMosaicForConditionalGeneration(SpatialMosaicConfig(**FULL)).eval().to(torch.bfloat16)
    print("\nfull model, TFLOP a question with activation checkpointing, by questions in a row (and the ratio to 1)")
    print("  views  " + "  ".join(f"{questions:12d}" for questions in QUESTIONS))
    for views in VIEWS:
        costs = [step_flops(full, views, questions) / questions / 1e12 for questions in QUESTIONS]
        print(f"  {views:5d}  " + "  ".join(f"{cost:6.1f} {costs[0] / cost:4.1f}x" for cost in costs))


def step_flops(model: Any, views: int, questions: int) -> float:
    inputs = collate(model.config, [views], "meta")
    tokens = views * model.config.tokens_per_view + questions * TEXT_TOKENS
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model.model.get_image_features(inputs["pixel_values"], inputs["geometry_pixel_values"], num_views=[views])
        embeddings = model.get_input_embeddings()(torch.ones(1, tokens, dtype=torch.long, device="meta"))
        causal = {"full_attention": None}
        model.model.language_model(inputs_embeds=embeddings, attention_mask=causal, use_cache=False)
    flops = counter.get_flop_counts()
    cost = {part: sum(next((v for k, v in flops.items() if k.endswith(name(part))), {}).values()) for part in PARTS}
    frozen = cost["vision_tower"] + cost["geometry_encoder"]
    return frozen + 3 * cost["language_model"] + 4 * (cost["fusion"] + cost["multi_modal_projector"])


def questions_of_rooms(folder: Path) -> tuple[Records, Any, Any]:
    """Records of two sample rooms with pictures of 960 x 720, and a tiny model that trains as the recipes do."""
    write_sample_scans(folder / "scannetpp", num_scans=2, num_frames=16)
    build(BuildConfig(folder / "scannetpp", folder / "spatialmosaic", size="1200", num_proc=1))
    prepare_images(PrepareImagesConfig(folder / "scannetpp", folder / "images", long_side=518, num_proc=1))
    data = DataArguments(dataset=str(folder / "spatialmosaic"), image_root=str(folder / "images"))
    records = read_records(data, "train", None)
    start = ModelArguments(random_model={}, lora_r=0)
    model, processor = load_start(start, random_start(start, folder, prompt_texts(records), seed=0))
    choose_trained(start, model)
    return records, model.train(), processor


def print_times(records: Records, model: Any, processor: Any, folder: Path) -> None:
    collator = FrameSetCollator(processor)
    rows = [row for row in records.rows(8) if len(row["conversations"]) == 8][:SETS]
    sets = [row["records"] for row in rows]
    by_question = {row["records"][0]: place for place, row in enumerate(records.rows(1))}
    asked = [by_question[record] for group in sets for record in group]
    plain, shared = records.rows(1), records.rows(8)
    of_sets = [place for place, row in enumerate(shared) if row["records"] in sets]
    batches = {
        "one by one": [[(plain, place)] for place in asked],
        "plain": [[(plain, place) for place in asked[k : k + 8]] for k in range(0, len(asked), 8)],
        "shared": [[(shared, place) for place in of_sets]],
    }
    print(f"\ntiny model, {len(asked)} questions on {len(rows)} frame sets, forward and backward; best of {REPEATS}")
    print("  rows          questions/s  ratio   share of time: " + "  ".join(("loader", *PARTS, "head", "backward")))
    rates: dict[str, float] = {}
    for kind, work in batches.items():
        runs = [timed(model, collator, work) for _ in range(REPEATS)]
        best = min(runs, key=lambda shares: sum(shares.values()))
        total = sum(best.values())
        rates[kind] = len(asked) / total
        shares = "  ".join(
            f"{best[part] / total:{max(len(part), 4)}.0%}" for part in ("loader", *PARTS, "head", "backward")
        )
        print(f"  {kind:12}  {rates[kind]:11.1f}  {rates[kind] / rates['one by one']:4.1f}x" + " " * 18 + shares)


def timed(model: Any, collator: FrameSetCollator, work: list[list[tuple[Any, int]]]) -> Counter[str]:
    """CPU seconds by part."""
    seconds: Counter[str] = Counter()
    hooks = [hook for part in PARTS for hook in watch(getattr(model.model, part), part, seconds)]
    for batch in work:
        start = time.process_time()
        inputs = collator([rows[place] for rows, place in batch])
        read = time.process_time()
        within = sum(seconds[part] for part in PARTS)
        loss = model(**inputs, use_cache=False).loss
        forward = time.process_time()
        loss.backward()
        end = time.process_time()
        seconds["loader"] += read - start
        seconds["head"] += forward - read - (sum(seconds[part] for part in PARTS) - within)
        seconds["backward"] += end - forward
        model.zero_grad()
    for hook in hooks:
        hook.remove()
    return seconds


def watch(module: Any, part: str, seconds: Counter[str]) -> list[Any]:
    before: Callable[..., None] = lambda *_: seconds.subtract({part: time.process_time()})  # noqa: E731
    after: Callable[..., None] = lambda *_: seconds.update({part: time.process_time()})  # noqa: E731
    return [module.register_forward_pre_hook(before), module.register_forward_hook(after)]


if __name__ == "__main__":
    main()
