"""Damaged scans: whatever happens to a file, its scan ends in records or in a sentence, and costs no other scan anything.

`python tests/fuzz 137` runs the trial of one seed alone.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fuzz import NUM_DAMAGES, Sound, make_sound, run_trial, title


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    return make_sound(tmp_path_factory.mktemp("sound"))


def test_there_are_two_hundred_ways() -> None:
    assert NUM_DAMAGES >= 200


@pytest.mark.parametrize("seed", range(NUM_DAMAGES), ids=title)
def test_a_damaged_scan_ends_in_records_or_in_a_sentence(seed: int, sound: Sound, tmp_path: Path) -> None:
    assert run_trial(seed, sound, tmp_path) == []


def test_a_trial_tells_what_is_wrong(sound: Sound, tmp_path: Path) -> None:
    """Damage done to the builder, not to the scan: a trial that found nothing could find nothing at all."""
    lying = Sound(sound.base, {kind: files | {"x.parquet": "0"} for kind, files in sound.healthy.items()})
    assert run_trial(0, lying, tmp_path) == ["the healthy scan's files differ from those of a clean build"]
