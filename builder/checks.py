"""What a build ends with: what can be guessed, and whether the answers hold. Both go on the dataset's card."""

from __future__ import annotations

import logging
from pathlib import Path

from . import progress
from .audit import audit_as_json, audit_dataset
from .card import refresh_card
from .config import BuildConfig
from .findings import AUDIT, VERIFICATION, Findings, read_findings
from .pipeline import work_folder
from .shards import write_json
from .verify import verification_as_json, verify_dataset

logger = logging.getLogger(__name__)

_SAMPLE_SCANS = 4
"""Scans of a sample: each has records of every type, and takes seconds."""


def check_build(config: BuildConfig) -> Findings:
    """Audit and verify the dataset folder of a build, all of its profiles, unless that was done since it was written.

    Args:
        config: what was built.

    Returns:
        What is known of the build's profile now.

    Raises:
        BlockingIOError: if another build has begun to write to the folder.
    """
    work = work_folder(config.out)
    with progress.sole_build(work):
        found = read_findings(work, config.profile)
        if found.audit is None:
            write_json(work / AUDIT, audit_as_json(audit_dataset(config.out)))
        if _verifies(config, found):
            _verify(config, work)
        refresh_card(config.out, work)
    return read_findings(work, config.profile)


def _verifies(config: BuildConfig, found: Findings) -> bool:
    """Whether records are left that should be examined."""
    if config.verify == "none":
        return False
    if found.verification is None:
        return True
    examined = found.verification["num_scans"] + len(found.verification["failures"])
    return config.verify == "all" and examined < int(found.verification["num_scans_in_dataset"])


def _verify(config: BuildConfig, work: Path) -> None:
    num_scans = _SAMPLE_SCANS if config.verify == "sample" else None
    found = verify_dataset(config.out, config.root, num_scans, config.num_proc, config.seed)
    write_json(work / VERIFICATION, verification_as_json(found))
    if not found.passes:
        logger.warning(
            "%.3f %% of the examined records are not contradicted; `spatialmosaic verify %s --scans %s` lists the others.",
            100 * found.agreement,
            config.out,
            config.root,
        )
