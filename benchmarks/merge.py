"""Memory and CPU time of the merge: candidates of 849 scans -> 3 million records, in both profiles.

    python benchmarks/merge.py [--scans 849] [--questions 3000000] [--folder DIR]

The candidates are those of eight sample rooms, written again under the ids of as many scans as asked for. Baseline,
measured in the same run: all of a config's tables held at once before they are written.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
from machine import describe, peak_gigabytes

from spatialmosaic_builder import writer
from spatialmosaic_builder.annotations import write_annotations
from spatialmosaic_builder.audit import audit_dataset
from spatialmosaic_builder.balance import Stock, stock_of
from spatialmosaic_builder.config import BuildConfig, Profile
from spatialmosaic_builder.randomness import digest
from spatialmosaic_builder.records import propose_records
from spatialmosaic_builder.rules import PROFILES, VisibilityRules
from spatialmosaic_builder.scans.sample import write_sample_scans
from spatialmosaic_builder.scans.scannetpp import read_scan
from spatialmosaic_builder.splits import SPLITS
from spatialmosaic_builder.tasks import QUESTION_TYPES
from spatialmosaic_builder.visibility import annotate
from spatialmosaic_builder.workers import available_cores

ROOMS = 8
FEWER = 8
"""The smaller run has so many times fewer scans, each as rich: what the memory hangs on shows between the two."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", type=int, default=849, help="scans to merge (849)")
    parser.add_argument("--questions", type=int, default=3_000_000, help="questions asked for (3,000,000)")
    parser.add_argument("--folder", type=Path, help="keep the candidates here; a later run goes on from them")
    parser.add_argument("--one", nargs=3, metavar=("PROFILE", "SCANS", "HOW"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        profile, scans, how = args.one
        print(json.dumps(merge(args.folder, profile, int(scans), args.questions * int(scans) // args.scans, how)))
        return
    with tempfile.TemporaryDirectory() as folder:
        work = args.folder or Path(folder)
        if not (work / "candidates").is_dir():
            write_candidates(work, args.scans, -(-args.questions // (args.scans * len(QUESTION_TYPES))))
        print(describe())
        print(f"{'profile':8s}{'scans':>7s}{'records':>11s}{'merge':>9s}{'audit':>9s}{'peak':>10s}{'with audit':>12s}")
        for profile in PROFILES:
            print_profile(work, args, profile)


def print_profile(work: Path, args: argparse.Namespace, profile: str) -> None:
    peaks = {}
    for scans, how in ((args.scans // FEWER, "streamed"), (args.scans, "streamed"), (args.scans, "at once")):
        found = run_aside(work, args, profile, scans, how)
        peaks[how] = found["peak"]
        print(
            f"{profile:8s}{scans:7,d}{found['records']:11,d}{found['merge']:7.0f} s{found['audit']:7.0f} s"
            f"{found['peak']:7.2f} GB{found['peak_with_audit']:9.2f} GB"
            f"{'  baseline: all tables at once, no audit' if how == 'at once' else ''}",
            flush=True,
        )
    print(f"{profile:8s}ratio of the baseline's memory to ours: {peaks['at once'] / peaks['streamed']:.1f}")


def write_candidates(work: Path, num_scans: int, share: int) -> None:
    """Write the annotations and candidates of some rooms under many ids."""
    scenes = write_sample_scans(work / "scannetpp", ROOMS, pictures=False, num_proc=available_cores())
    for room, scene in enumerate(scenes):
        annotations = annotate(read_scan(work / "scannetpp", scene), VisibilityRules(), seed=0)
        ids = [digest("scan", k)[:10] for k in range(room, num_scans, ROOMS)]
        for profile, rules in PROFILES.items():
            table = propose_records(annotations, rules, share, seed=0).table
            for name in ids:
                _write_clone(work / "candidates" / profile / name, name, table)
        first = work / "annotations" / ids[0]
        first.mkdir(parents=True)
        write_annotations(annotations, first)
        for name in ids[1:]:
            first.with_name(name).symlink_to(first)


def _write_clone(folder: Path, name: str, table: pa.Table) -> None:
    renamed = {
        "scene_name": [name] * len(table),
        "id": [digest(name, key)[:32] for key in table["id"].to_pylist()],
        "frame_set_id": [digest(name, key)[:16] for key in table["frame_set_id"].to_pylist()],
    }
    for column, values in renamed.items():
        table = table.set_column(table.column_names.index(column), column, pa.array(values))
    folder.mkdir(parents=True)
    pq.write_table(table, folder / "candidates.parquet", compression="zstd")
    stocks = {question_type: asdict(stock) for question_type, stock in stock_of(table).items()}
    (folder / "stock.json").write_text(json.dumps(stocks))


def run_aside(work: Path, args: argparse.Namespace, profile: str, scans: int, how: str) -> dict[str, float]:
    """Merge in a process of its own, for the peak memory."""
    command = [sys.executable, __file__, "--folder", str(work), "--one", profile, str(scans), how]
    command += ["--scans", str(args.scans), "--questions", str(args.questions)]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=os.environ | {"TQDM_DISABLE": "1"})
    return json.loads(out.stdout)


def merge(work: Path, profile: Profile, num_scans: int, questions: int, how: str) -> dict[str, float]:
    """Merge and audit; CPU seconds, records and peak memory in GB."""
    names = sorted(digest("scan", k)[:10] for k in range(num_scans))
    scenes = {"train": names[: num_scans * 4 // 5], "test": names[num_scans * 4 // 5 :]}
    with tempfile.TemporaryDirectory(dir=work) as folder:
        out = Path(folder, "dataset")
        plan = writer.DatasetPlan(
            out=out,
            work=work,
            profile=profile,
            seed=0,
            canvas_scale=0.5,
            questions={split: questions * len(scenes[split]) // num_scans for split in SPLITS},
            scenes=scenes,
            stocks={name: _stock(work / "candidates" / profile / name) for name in names},
            keys=dict.fromkeys(names, folder),
            annotation_keys=dict.fromkeys(names, folder),
            identity=BuildConfig(work / "scannetpp", profile=profile).identity(),
        )
        grouped = writer._grouped
        at_once = patch.object(
            writer, "_grouped", lambda tables, rows, schema: grouped(iter(list(tables)), rows, schema)
        )
        start = time.process_time()
        with at_once if how == "at once" else patch.object(writer, "_grouped", grouped):
            counts = writer.write_dataset(plan)
        merged, peak = time.process_time(), peak_gigabytes()
        if how != "at once":
            audit_dataset(out)
        seconds = {"merge": merged - start, "audit": time.process_time() - merged}
    records = sum(count for by_split in counts["question_type"].values() for count in by_split.values())
    return seconds | {"records": records, "peak": peak, "peak_with_audit": peak_gigabytes()}


def _stock(folder: Path) -> dict[str, Stock]:
    return {name: Stock(**stock) for name, stock in json.loads((folder / "stock.json").read_text()).items()}


if __name__ == "__main__":
    main()
