"""`python tests/oracle DATASET_DIR --scans ROOT [--limit N]`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from oracle import check_balance, check_records


def main() -> int:
    """Check a dataset and print the table."""
    parser = argparse.ArgumentParser(description="Re-derive every record of a dataset from raw geometry.")
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--scans", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=None)
    parser.add_argument("--examples", type=int, default=3)
    parser.add_argument("--bands", action="store_true", help="also print what agrees only within the bands")
    args = parser.parse_args()
    files = sorted((args.dataset / "paper").glob("*.parquet"))
    records = [record for file in files for record in pq.read_table(file).to_pylist()]
    if not records:
        print(f"no records in {args.dataset / 'paper'}")
        return 2
    start = time.perf_counter()
    report = check_records(records[: args.limit], args.scans)
    seconds = time.perf_counter() - start
    if args.limit is None:
        seen = set(report.violations)
        report.violations += [v for v in check_balance(records) if v not in seen]
    print(report.table(args.examples))
    if args.bands:
        for d in report.within_tolerance:
            print(
                f"in band: {d.what}: {d.record_id} {d.question_type}: expected {d.expected}, got {d.got} [{d.evidence}]"
            )
    print(f"{len(records[: args.limit])} records in {seconds:.1f} s")
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
