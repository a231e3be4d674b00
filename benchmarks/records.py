"""Questions per second of one core, once the annotations exist.

    python benchmarks/records.py [--root SCANNETPP] [--share 245]

Baseline, measured in the same run: each question on its own. A frame set's evidence is derived anew for every question
instead of once for all questions that share the set, which is what asking one question a frame combination costs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe

from spatialmosaic_builder.annotations import Annotations
from spatialmosaic_builder.balance import stock_of
from spatialmosaic_builder.evidence import SceneEvidence, SetEvidence
from spatialmosaic_builder.frame_sets import sample_frame_sets
from spatialmosaic_builder.merge import finish_records, plan_quotas
from spatialmosaic_builder.records import propose_records
from spatialmosaic_builder.rules import PAPER, VisibilityRules
from spatialmosaic_builder.scans.files import list_scenes
from spatialmosaic_builder.scans.sample import write_sample_scans
from spatialmosaic_builder.scans.scannetpp import read_scan
from spatialmosaic_builder.schema import Skip
from spatialmosaic_builder.tasks import QUESTION_TYPES
from spatialmosaic_builder.visibility import annotate

REPEATS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="ScanNet++ root; a sample room by default")
    parser.add_argument(
        "--share", type=int, default=245, help="questions of each type (245: SpatialMosaic's per scan)"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        annotations = load(args.root, Path(folder))
    propose_records(annotations, PAPER, 5, seed=0)  # compiles the sampler
    best, made, candidates = fastest(lambda seed: ours(annotations, args.share, seed))
    slow, asked, _ = fastest(lambda seed: one_by_one(annotations, made // 4, seed))
    print(describe())
    print(f"{len(annotations.frames)} frames, {len(annotations.instances)} objects")
    print(f"records finished        {made:8,d}  {made / best:8,.0f} /s of CPU time (best of {REPEATS})")
    print(f"candidates made         {candidates:8,d}  {candidates / best:8,.0f} /s")
    print(f"baseline, one by one    {asked:8,d}  {asked / slow:8,.0f} /s")
    print(f"ratio to the baseline   {made / best / (asked / slow):8.1f}")


def load(root: Path | None, folder: Path) -> Annotations:
    if root is None:
        root = folder / "scannetpp"
        write_sample_scans(root, num_scans=1, pictures=False)
    scene = next(scene for scene in list_scenes(root) if scene.is_annotated)
    return annotate(read_scan(root, scene.scene_name), VisibilityRules(), seed=0)


def fastest(run: Callable[[int], tuple[int, int]]) -> tuple[float, int, int]:
    """CPU seconds of the fastest run, and what it returned."""
    results: list[tuple[float, Any]] = []
    for seed in range(REPEATS):
        start = time.process_time()
        result = run(seed)
        results.append((time.process_time() - start, result))
    seconds, (made, extra) = min(results)
    return seconds, made, extra


def ours(annotations: Annotations, share: int, seed: int) -> tuple[int, int]:
    candidates = propose_records(annotations, PAPER, share, seed).table
    quotas = plan_quotas({annotations.scene_name: stock_of(candidates)}, share * len(QUESTION_TYPES), seed)
    return len(finish_records(candidates, quotas[annotations.scene_name], "train", seed)), len(candidates)


def one_by_one(annotations: Annotations, wanted: int, seed: int) -> tuple[int, int]:
    made: Counter[str] = Counter()
    scene = SceneEvidence(annotations, PAPER)
    frame_sets = sample_frame_sets(annotations, PAPER, wanted, seed)
    for k, frame_set in enumerate(frame_sets):
        for question_type, task in QUESTION_TYPES.items():
            proposed = task.propose(SetEvidence(scene, frame_set), question_type, np.random.default_rng([seed, k]))
            made[question_type] += any(not isinstance(draft, Skip) for draft in proposed)
        if made.total() >= wanted:
            break
    return made.total(), 0


if __name__ == "__main__":
    main()
