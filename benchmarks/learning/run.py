"""What a small model learns from sample rooms, on rooms that it has not seen, with geometry tokens and without.

    python benchmarks/learning/run.py SCRATCH

Rooms, questions, pictures and runs are made in the folder SCRATCH, and kept: the script goes on where it was. It prints, by
question type, the share of right answers beside chance and the best that `spatialmosaic audit` reaches without pictures,
and writes the training curves to benchmarks/results. On one core each run takes about 9 minutes, rooms and questions 7, the scoring 3.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from datasets import concatenate_datasets
from transformers import AutoModelForImageTextToText, AutoProcessor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from machine import describe

from spatialmosaic_builder.audit import audit_as_json, audit_dataset
from spatialmosaic_builder.config import BuildConfig, PrepareImagesConfig
from spatialmosaic_builder.image_root import prepare_images
from spatialmosaic_builder.pipeline import build
from spatialmosaic_builder.scans.sample import write_sample_scans
from spatialmosaic_vlm.train import train
from spatialmosaic_vlm.training.arguments import DataArguments, parse_arguments
from spatialmosaic_vlm.training.records import Records, read_records
from spatialmosaic_vlm.training.scoring import right_answers

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "results"
ARMS = ("with_geometry", "without_geometry")
NUM_ROOMS, NUM_FRAMES, SIZE, PICTURE = 60, 24, (256, 192), 112
QUESTIONS = "72000"
HELD_OUT = 2400
"""Questions that are scored."""
DRAWS = 1000
"""Of the bootstrap over rooms."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scratch", type=Path)
    scratch = parser.parse_args().scratch
    torch.set_num_threads(1)
    blind = prepare(scratch)
    arguments = DataArguments(dataset=str(scratch / "strict"), profile="strict", image_root=str(scratch / "images"))
    right: dict[str, np.ndarray] = {}
    records = None
    for arm in ARMS:
        run = scratch / "runs" / arm
        if not (run / "model").is_dir():
            places = [
                "--dataset",
                arguments.dataset,
                "--image_root",
                str(scratch / "images"),
                "--output_dir",
                str(run),
            ]
            train(
                parse_arguments(["--config", str(HERE / f"{arm}.yaml"), *places, "--resume_from_checkpoint", "true"])
            )
        shutil.copyfile(run / "curve.png", RESULTS / f"learning_{arm}.png")
        data, _, _ = parse_arguments(["--config", str(HERE / f"{arm}.yaml")])
        arguments.question_types = data.question_types
        records = records or read_records(arguments, "test", HELD_OUT)
        model = AutoModelForImageTextToText.from_pretrained(run / "model")
        processor = AutoProcessor.from_pretrained(run / "model")
        right[arm] = np.array(right_answers(model, processor, records))
        right[f"{arm}, other pictures"] = np.array(right_answers(model, processor, with_other_pictures(records)))
    assert records is not None
    print(f"{describe()}, torch {torch.__version__}")
    print_table(records, right, blind)


def prepare(scratch: Path) -> dict[str, tuple[float, float]]:
    """Make what is not there yet; return chance and the best blind accuracy by question type."""
    rooms, questions, pictures, audited = (scratch / name for name in ("rooms", "strict", "images", "audit.json"))
    if not questions.is_dir():
        write_sample_scans(rooms, num_scans=NUM_ROOMS, num_frames=NUM_FRAMES, image_size=SIZE)
        build(BuildConfig(rooms, questions, profile="strict", size=QUESTIONS, num_proc=1))
    if not pictures.is_dir():
        prepare_images(PrepareImagesConfig(rooms, pictures, long_side=PICTURE, num_proc=1))
    if not audited.is_file():
        audited.write_text(json.dumps(audit_as_json(audit_dataset(questions))), encoding="utf-8")
    types = json.loads(audited.read_text(encoding="utf-8"))["configs"]["strict"]["question_types"]
    scores = {name: [score["accuracy"] for score in of["scores"].values() if score] for name, of in types.items()}
    return {name: (of["chance"], max([of["chance"], *scores[name]])) for name, of in types.items()}


def with_other_pictures(records: Records) -> Records:
    """The same questions, each with pictures of as many views that belong to another question."""
    table = records.table
    by_count: dict[int, list[int]] = {}
    for place, frames in enumerate(table["frames"]):
        by_count.setdefault(len(frames), []).append(place)
    lent = {place: places[k - len(places) // 2] for places in by_count.values() for k, place in enumerate(places)}
    order = [lent[place] for place in range(len(table))]
    mixed = table.remove_columns(["images", "image_paths"])
    pictures = table.select_columns(["images", "image_paths"]).select(order)
    return Records(concatenate_datasets([mixed, pictures], axis=1), records.skipped)


def print_table(records: Records, right: dict[str, np.ndarray], blind: dict[str, tuple[float, float]]) -> None:
    kinds, scenes = np.array(records.table["question_type"]), np.array(records.table["scene_name"])
    print(f"{len(kinds)} held-out questions of {len(set(scenes))} rooms; percent right, 95 % intervals over rooms")
    print(f"{'question type':22}{'number':>7}{'chance':>8}{'blind':>7}" + "".join(f"{arm:>34}" for arm in right))
    for kind in sorted(set(kinds.tolist())):
        mine = kinds == kind
        chance, best = blind[kind]
        cells = [cell(right[arm][mine], scenes[mine]) for arm in right]
        print(f"{kind:22}{mine.sum():7}{chance:8.0%}{best:7.1%}" + "".join(f"{text:>34}" for text in cells))


def cell(right: np.ndarray, scenes: np.ndarray) -> str:
    """Mean and interval, rooms drawn anew."""
    names, rng = sorted(set(scenes.tolist())), np.random.default_rng(0)
    count, hits = Counter(scenes.tolist()), Counter(scenes[right].tolist())
    n, y = np.array([count[s] for s in names]), np.array([hits[s] for s in names])
    drawn = rng.integers(0, len(names), (DRAWS, len(names)))
    low, high = np.percentile(y[drawn].sum(1) / n[drawn].sum(1), [2.5, 97.5])
    return f"{right.mean():.1%} ({low:.1%} to {high:.1%})"


if __name__ == "__main__":
    main()
