"""Seeded damage to scans: every trial must end in records or in a sentence.

`python tests/fuzz 137` runs the trial of one seed again, `python tests/fuzz 0 2000` those of many.
"""

from .trial import NUM_DAMAGES, Sound, make_sound, run_trial, title

__all__ = ["NUM_DAMAGES", "Sound", "make_sound", "run_trial", "title"]
