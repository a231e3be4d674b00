"""What a build costs as scans grow and grow in number, and what that makes of 849 scans on 16 and on 256 cores.

    python benchmarks/scale.py [--merge-seconds S]

A furnished room of ScanNet++'s formats is written with more and more vertices, frames and instances, one at a time; the
slope is that of log CPU time over log size: 1 is proportional. Peak memory is that of a build, in one process, of more and
more sample rooms. The baseline of the last table, measured in the same run, is one core.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from machine import describe, peak_gigabytes
from visibility_scan import SCENE, write_scene

from spatialmosaic_builder.annotations import write_annotations
from spatialmosaic_builder.config import BuildConfig
from spatialmosaic_builder.pipeline import build
from spatialmosaic_builder.records import propose_records
from spatialmosaic_builder.rules import PAPER, VisibilityRules
from spatialmosaic_builder.scans.sample import write_sample_scans
from spatialmosaic_builder.scans.scannetpp import read_scan
from spatialmosaic_builder.tasks import QUESTION_TYPES
from spatialmosaic_builder.visibility import annotate

NUM_SCANS = 849
NUM_QUESTIONS = 3_000_000
SHARE = -(-NUM_QUESTIONS // (NUM_SCANS * len(QUESTION_TYPES)))
CORES = (1, 16, 256)
FACTORS = (0.25, 0.5, 1, 2)
NUMBERS_OF_SCANS = (2, 4, 8, 16)


@dataclass(frozen=True)
class Size:
    """Of a scan."""

    vertices: int = 500_000
    frames: int = 200
    instances: int = 100


NOMINAL = Size(vertices=1_000_000, frames=800)
"""A large room of ScanNet++, every tenth frame of a phone's video of more than two minutes."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--merge-seconds",
        type=float,
        default=0.0,
        help="of writing and auditing the whole dataset, which one core does alone: see merge.py (left out)",
    )
    parser.add_argument("--one", nargs=2, metavar=("WHAT", "FOLDER"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        what, folder = args.one
        print(json.dumps({"scan": time_scan, "build": measure_build}[what](Path(folder))))
        return
    print(describe())
    time_size(Size(20_000, 5))  # fills numba's cache
    print(f"\n{'vertices':>10s}{'frames':>8s}{'instances':>10s}{'annotate':>11s}{'questions':>11s}{'peak':>10s}")
    for axis in ("vertices", "frames", "instances"):
        print_slopes(axis)
    nominal = time_size(NOMINAL)
    print("a scan of nominal size")
    print_scan(NOMINAL, nominal)
    print_memory()
    print_estimate(nominal["annotate"] + nominal["questions"], args.merge_seconds)


def print_slopes(axis: str) -> None:
    sizes = [replace(Size(), **{axis: round(factor * getattr(Size(), axis))}) for factor in FACTORS]
    found = [time_size(size) for size in sizes]
    for size, result in zip(sizes, found, strict=True):
        print_scan(size, result)
    logs = np.log(FACTORS)
    slopes = (
        np.polyfit(logs, np.log([result[stage] for result in found]), 1)[0] for stage in ("annotate", "questions")
    )
    print(f"{'slope over ' + axis:>28s}{'{:11.2f}{:11.2f}'.format(*slopes)}")


def print_scan(size: Size, result: dict[str, float]) -> None:
    print(
        f"{size.vertices:10,d}{size.frames:8,d}{size.instances:10,d}"
        f"{result['annotate']:9.1f} s{result['questions']:9.1f} s{result['peak']:7.2f} GB"
    )


def print_memory() -> None:
    print("\n   scans      peak")
    for number in NUMBERS_OF_SCANS:
        with tempfile.TemporaryDirectory() as folder:
            write_sample_scans(Path(folder, "scannetpp"), number, num_frames=32, pictures=False)
            print(f"{number:8d}{run_aside('build', folder)['peak']:7.2f} GB")


def print_estimate(scan_seconds: float, merge_seconds: float) -> None:
    """Wall time, were every scan of nominal size and every core as fast as this one."""
    print(
        f"\n{NUM_SCANS} scans, {NUM_QUESTIONS:,} questions: {scan_seconds:.1f} s a scan, then {merge_seconds:.0f} s for the merge"
    )
    totals = {cores: -(-NUM_SCANS // cores) * scan_seconds + merge_seconds for cores in CORES}
    for cores, total in totals.items():
        part = merge_seconds / total
        bottleneck = "the merge, on one core" if part > 0.5 else "the scans"
        print(
            f"{cores:4d} cores {total / 60:8.1f} min, {totals[1] / total:5.1f} times as fast as one; "
            f"bottleneck: {bottleneck} ({max(part, 1 - part):.0%})"
        )


def time_size(size: Size) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        write_scene(Path(folder), size.vertices, size.frames, size.instances)
        return run_aside("scan", folder)


def run_aside(what: str, folder: str) -> dict[str, float]:
    """Run in a process of its own, for the peak memory."""
    command = [sys.executable, __file__, "--one", what, folder]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=os.environ | {"TQDM_DISABLE": "1"})
    return json.loads(out.stdout)


def time_scan(root: Path) -> dict[str, float]:
    """CPU seconds of one core for a scan's annotations and questions, and the peak memory in GB."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    start = time.process_time()
    annotations = annotate(read_scan(root, SCENE), VisibilityRules(), seed=0)
    write_annotations(annotations, root)
    annotated = time.process_time()
    propose_records(annotations, PAPER, 5, seed=0)  # compiles the sampler
    compiled = time.process_time()
    propose_records(annotations, PAPER, SHARE, seed=0)
    stop = time.process_time()
    return {"annotate": annotated - start, "questions": stop - compiled, "peak": peak_gigabytes()}


def measure_build(folder: Path) -> dict[str, float]:
    """Peak memory in GB of a build in this process."""
    config = BuildConfig(folder / "scannetpp", out=folder / "spatialmosaic", size="20000", num_proc=1)
    build(config)
    return {"peak": peak_gigabytes()}


if __name__ == "__main__":
    main()
