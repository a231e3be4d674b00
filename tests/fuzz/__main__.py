"""`python tests/fuzz FIRST [LAST]`: run the trials of seeds and print what is wrong."""

from __future__ import annotations

import os
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("TQDM_DISABLE", "1")

from fuzz import make_sound, run_trial, title


def main() -> int:
    """Run the trials; the exit status tells whether all went well."""
    first, last = int(sys.argv[1]), int(sys.argv[-1])
    num_bad = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sound = make_sound(folder / "sound")
        for seed in range(first, last + 1):
            complaints = run_trial(seed, sound, folder / "trial")
            shutil.rmtree(folder / "trial")
            num_bad += bool(complaints)
            if complaints:
                print(title(seed), *complaints, sep="\n    ", flush=True)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{last + 1 - first} trials, {num_bad} bad, {time.process_time():.0f} s of CPU, {megabytes} MB at most")
    return num_bad > 0


if __name__ == "__main__":
    sys.exit(main())
