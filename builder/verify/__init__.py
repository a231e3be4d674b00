"""The verifier: derives every answer again by a second road, and proves every wrong option false.

    question, options  -- reading, form -----> what a record says, and whether its fields agree
    scan               -- optics, rays ------> where points fall, and what a ray meets first
    rays               -- sightings ---------> shares of hidden points, pixels, boxes, overlaps: each frame once
    sightings          -- view --------------> the profile's predicates, with tolerances
    all of them        -- checks, examine ---> claims that do not hold, with their evidence
    findings           -- report ------------> agreement by question type, text, JSON

It shares the reader, the vocabulary and the thresholds with the builder, and nothing that computes: no projection, no
visibility, no relation, no task.
"""

from .report import Verification, format_verification, verification_as_json
from .run import verify_dataset

__all__ = ["Verification", "format_verification", "verification_as_json", "verify_dataset"]
