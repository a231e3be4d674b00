"""What a question costs the model, by number of views: tokens, arithmetic, memory, time; and what a batch saves.

    python benchmarks/model.py          arithmetic of the full model; time of a tiny one, or of the full one on a GPU
    python benchmarks/model.py --tiny   only the tiny one

The full model is the published one: SigLIP so400m, VGGT, Qwen2-7B. Its arithmetic is counted without weights. Baseline,
measured in the same run: samples one after another, as an implementation must that takes one sample at a time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import torch
from machine import describe
from torch.utils.flop_counter import FlopCounterMode

from spatialmosaic_vlm import SpatialMosaicConfig, SpatialMosaicForConditionalGeneration

VIEWS = (2, 3, 4, 5)
TEXT_TOKENS = 120
BATCH = 8
REPEATS = 5
FULL = {
    "geometry_config": {"model_type": "vggt_encoder"},
    "text_config": {
        "model_type": "qwen2",
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "vocab_size": 152064,
    },
}
TINY = {
    "vision_config": {
        "model_type": "siglip_vision_model",
        "hidden_size": 48,
        "intermediate_size": 96,
        "patch_size": 14,
        "image_size": 84,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "vision_use_head": False,
    },
    "geometry_config": {
        "model_type": "vggt_encoder",
        "image_size": 84,
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_patch_layers": 2,
        "num_attention_heads": 4,
    },
    "text_config": {
        "model_type": "qwen2",
        "vocab_size": 512,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    },
    "image_token_index": 511,
    "fusion_num_heads": 4,
}

Model = SpatialMosaicForConditionalGeneration


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="leave the full model out")
    args = parser.parse_args()
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print(f"{describe()}, torch {torch.__version__}")
    print(f"device: {torch.cuda.get_device_name() if device == 'cuda' else 'CPU, one thread'}")
    torch.set_num_threads(1)
    if not args.tiny:
        print("\nfull model, one question, without weights")
        with torch.device("meta"):
            full = Model(SpatialMosaicConfig(**FULL)).eval().to(torch.bfloat16)
        print_arithmetic(full)
    size = "full" if device == "cuda" and not args.tiny else "tiny"
    config = SpatialMosaicConfig(**(FULL if size == "full" else TINY))
    with torch.device(device):
        model = Model(config).eval().to(torch.bfloat16 if device == "cuda" else torch.float32)
    print(f"\n{size} model on {device}, {BATCH} questions, first token; best of {REPEATS}")
    print_times(model, device)


def print_arithmetic(model: Model) -> None:
    """Tokens and floating point operations of a forward pass, by part."""
    parts = ("vision_tower", "geometry_encoder", "fusion", "multi_modal_projector", "language_model")
    for part in parts:
        module = getattr(model.model, part)
        count = sum(p.numel() for p in module.parameters())
        print(f"  {part:22}{count / 1e6:9.1f} M weights {count * 2 / 2**30:7.2f} GiB in bfloat16")
    print("  views  tokens  TFLOP  " + "  ".join(parts))
    for views in VIEWS:
        inputs = collate(model.config, [views], "meta")
        counter = FlopCounterMode(display=False)
        with torch.no_grad(), counter:
            # Without values no placeholder can be counted, so the parts are run as the model runs them.
            image = model.model.get_image_features(
                inputs["pixel_values"], inputs["geometry_pixel_values"], num_views=[views]
            )
            embeddings = model.get_input_embeddings()(inputs["input_ids"])
            causal = {"full_attention": None}  # one sample without padding needs no mask
            model.model.language_model(inputs_embeds=embeddings, attention_mask=causal, use_cache=False)
        assert image.pooler_output.shape[:2] == (views, model.config.tokens_per_view)
        flops = counter.get_flop_counts()
        by_part = [sum(next((v for k, v in flops.items() if k.endswith(name(part))), {}).values()) for part in parts]
        shares = "  ".join(f"{count / 1e12:{len(part)}.2f}" for part, count in zip(parts, by_part, strict=True))
        print(f"  {views:5d}  {inputs['input_ids'].shape[1]:6d}  {sum(by_part) / 1e12:5.1f}  {shares}")


def name(part: str) -> str:
    """How the counter calls a part: by class, since the parts are run on their own."""
    return {
        "vision_tower": "SiglipVisionModel",
        "geometry_encoder": "VGGTEncoderModel",
        "fusion": "SpatialMosaicFusion",
        "multi_modal_projector": "SpatialMosaicProjector",
        "language_model": "Qwen2Model",
    }[part]


def print_times(model: Model, device: str) -> None:
    """Time of a batch against that of its samples one by one, and the memory beyond the weights."""
    print("  views  batch ms  one by one ms  ratio  peak MiB, batch  peak MiB, one by one")
    for views in (*VIEWS, "mixed"):
        counts = [views] * BATCH if isinstance(views, int) else [VIEWS[i % len(VIEWS)] for i in range(BATCH)]
        batch = collate(model.config, counts, device)
        singles = [collate(model.config, [count], device) for count in counts]
        together, peak = measure(lambda batch=batch: run(model, [batch]), device)
        apart, peak_apart = measure(lambda singles=singles: run(model, singles), device)
        memory = f"{peak:15.0f}  {peak_apart:20.0f}" if device == "cuda" else f"{'-':>15}  {'-':>20}"
        print(f"  {views!s:>5}  {together:8.1f}  {apart:13.1f}  {apart / together:5.2f}  {memory}")


def run(model: Model, batches: list[dict[str, Any]]) -> None:
    with torch.no_grad():
        for batch in batches:
            model(**batch, logits_to_keep=1, use_cache=False)


def measure(work: Callable[[], None], device: str) -> tuple[float, float]:
    """Best milliseconds (of CPU time where that is the device) and peak MiB beyond what was there before."""
    clock = time.perf_counter if device == "cuda" else time.process_time
    work()
    base = torch.cuda.memory_allocated() if device == "cuda" else 0
    times = []
    for _ in range(REPEATS):
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
            torch.cuda.synchronize()
        start = clock()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(clock() - start)
    peak = torch.cuda.max_memory_allocated() - base if device == "cuda" else 0
    return min(times) * 1e3, peak / 2**20


def collate(config: SpatialMosaicConfig, counts: list[int], device: str) -> dict[str, Any]:
    """A batch of random questions about that many views each, padded on the left."""
    lengths = [count * config.tokens_per_view + TEXT_TOKENS for count in counts]
    ids = torch.full((len(counts), max(lengths)), 1)
    mask = torch.zeros_like(ids)
    for row, (count, length) in enumerate(zip(counts, lengths, strict=True)):
        mask[row, -length:] = 1
        ids[row, -length : -length + count * config.tokens_per_view] = config.image_token_id
    vision, geometry = config.vision_config.image_size, config.geometry_config.image_size
    total = sum(counts)
    return {
        "input_ids": ids.to(device),
        "attention_mask": mask.to(device),
        "pixel_values": torch.rand(total, 3, vision, vision, device=device),
        "geometry_pixel_values": torch.rand(total, 3, geometry, geometry, device=device),
        "num_views": counts,
    }


if __name__ == "__main__":
    main()
