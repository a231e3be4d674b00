"""What can be scored without looking at an image, in both profiles, on many sample rooms.

    python benchmarks/audit.py [--rooms 104] [--questions 800] [--folder DIR]

Baseline, measured in the same run: `paper`, the option sets of the published system. The rooms have no pictures, because
the audit looks at none. Their four layouts, mirrored or not, come back more alike than real rooms are: what is learnt of
one room fits the next, so these are figures for a solver that knows the rooms well.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from machine import describe

from spatialmosaic_builder.audit import audit_dataset, format_audit
from spatialmosaic_builder.config import BuildConfig
from spatialmosaic_builder.pipeline import build
from spatialmosaic_builder.scans.sample import write_sample_scans
from spatialmosaic_builder.workers import available_cores

PROFILES = ("paper", "strict")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", type=int, default=104, help="sample rooms to write (104)")
    parser.add_argument("--questions", type=int, default=800, help="questions a room and profile (800)")
    parser.add_argument(
        "--folder", type=Path, help="keep the rooms and the dataset here; a later run goes on from them"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = make_dataset(args.folder or Path(folder), args.rooms, args.questions)
        audit = audit_dataset(out)
    print(describe())
    print(f"{args.rooms} sample rooms, {args.questions} questions a room and profile asked for\n")
    print(format_audit(audit))


def make_dataset(folder: Path, rooms: int, questions: int) -> Path:
    """Write the rooms and build both profiles from them."""
    root, out = folder / "scannetpp", folder / "spatialmosaic"
    if not root.is_dir():
        write_sample_scans(root, num_scans=rooms, pictures=False, num_proc=available_cores())
    for profile in PROFILES:
        build(BuildConfig(root, out=out, profile=profile, size=str(rooms * questions)))
    return out


if __name__ == "__main__":
    main()
