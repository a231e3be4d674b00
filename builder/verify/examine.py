"""Examines the records of one scan: every claim, with few rays first and with more where they leave a doubt."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from ..rules import PROFILES
from ..schema import Scan
from .boxes import Boxes
from .case import Case, Doubt, Ledger, Record, Text
from .checks import check_truth
from .form import check_form, check_group
from .observer import Observer
from .sightings import FIRST_LOOK, LAST_LOOK, SECOND_LOOK, Effort, Needs
from .truth import exactly
from .view import SceneView, members_by_category


class Verdict(StrEnum):
    """What became of a record."""

    AGREES = "agrees"
    """Every claim holds."""
    WITHIN_TOLERANCE = "within tolerance"
    """Every claim holds somewhere within the tolerances, some only there."""
    DISAGREES = "disagrees"
    """Some claim is false."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on a record, and why."""

    record_id: str
    scene_name: str
    question_type: str
    verdict: Verdict
    doubts: tuple[Doubt, ...]
    """Claims that do not hold, or only within the tolerances."""


def examine(records: list[Record], observer: Observer, profile: str | None = None) -> list[Finding]:
    """Examine records of one scan.

    Args:
        records: of one config, and all of those of the scan where claims between records are to count.
        observer: of the scan, freshly read.
        profile: that all of them should have; by default each is judged by its own.

    Returns:
        One finding for each record, in their order. The scene is not asked about a record whose text says nothing.
    """
    ledgers = [Ledger() for _ in records]
    texts = [check_form(record, ledger) for record, ledger in zip(records, ledgers, strict=True)]
    for record, ledger in zip(records, ledgers, strict=True):
        expected, got = profile or record["profile"], record["profile"]
        ledger.claim("the profile is the config's", exactly(got == expected), expected, got)
    readable = {k: text for k, text in enumerate(texts) if text is not None}
    check_group([(records[k], ledgers[k]) for k in readable])
    frame_of = {frame.name: k for k, frame in enumerate(observer.scan.frames)}
    sound = {}
    for k, text in readable.items():
        frames = _place(records[k], observer.scan, frame_of, ledgers[k])
        if frames is not None:
            sound[k] = _Sound(records[k], text, frames)
    for k, ledger in _examine_sound(sound, observer).items():
        ledgers[k].doubts += ledger.doubts
    return [_finding(record, ledger) for record, ledger in zip(records, ledgers, strict=True)]


@dataclass(frozen=True, slots=True)
class _Sound:
    """A record of sound form."""

    record: Record
    text: Text
    frames: tuple[int, ...]
    """Indices of its frames in the scan."""


def _place(record: Record, scan: Scan, frame_of: dict[str, int], ledger: Ledger) -> tuple[int, ...] | None:
    """Find a record's frames in the scan."""
    unknown = [name for name in record["frames"] if name not in frame_of]
    if not ledger.claim("the frames are in the scan", exactly(not unknown), "posed frames", unknown):
        return None
    frames = tuple(frame_of[name] for name in record["frames"])
    paths = [scan.frames[k].image_path for k in frames]
    # On disk a suffix may be written in upper case here and in lower case elsewhere.
    same = [path.lower() for path in paths] == [path.lower() for path in record["image_paths"]]
    ledger.claim("the paths are those of the frames", exactly(same), paths, record["image_paths"])
    return frames


def _examine_sound(sound: dict[int, _Sound], observer: Observer) -> dict[int, Ledger]:
    """Check records by what the scene shows; look again, more closely, at those that are left in doubt."""
    boxes = Boxes(observer.scan, observer.surfaces, observer.rules)
    ledgers = _look(sound, observer, boxes, FIRST_LOOK)
    ledgers |= _look({k: it for k, it in sound.items() if ledgers[k].doubts}, observer, boxes, SECOND_LOOK)
    ledgers |= _look({k: it for k, it in sound.items() if ledgers[k].is_contradicted}, observer, boxes, LAST_LOOK)
    return ledgers


def _look(sound: dict[int, _Sound], observer: Observer, boxes: Boxes, effort: Effort) -> dict[int, Ledger]:
    """Check records by one look at the scene."""
    sightings = observer.look(_needs(sound.values(), observer.scan), effort)
    views = {
        name: SceneView(observer.scan, rules, sightings, boxes, observer.rules) for name, rules in PROFILES.items()
    }
    ledgers = {k: Ledger() for k in sound}
    for k, it in sound.items():
        check_truth(Case(it.record, it.text, views[it.record["profile"]], it.frames, ledgers[k]))
    return ledgers


def _needs(sound: Collection[_Sound], scan: Scan) -> Needs:
    """All that the checks will look up: instances of the categories that a record names, in its frames."""
    shape = (len(scan.frames), len(scan.instances))
    canvas = any(PROFILES[it.record["profile"]].max_fov_ratio < 1 for it in sound)
    needs = Needs(np.zeros(shape[0], bool), np.zeros(shape, bool), np.zeros(shape, bool), canvas)
    members = members_by_category(scan)
    for it in sound:
        frames, record = list(it.frames), it.record
        needs.frames[frames] = True
        if any(option.point for option in it.text.options):
            at = frames[record["query_frame"] - 1]
            needs.points[at] = needs.pixels[at] = True
        of_category = np.ix_(frames, members.get(record["category"], []))
        needs.points[of_category] = needs.pixels[of_category] = True
        if record["source"] is not None:
            at = frames if record["query_frame"] is None else [frames[record["query_frame"] - 1]]
            of_source = np.ix_(at, members.get(record["source"]["category"], []))
            needs.points[of_source] = needs.pixels[of_source] = True
        for option in it.text.options:
            if option.category is not None:
                of_option = np.ix_(frames, members.get(option.category, []))
                needs.points[of_option] = needs.pixels[of_option] = True
    return needs


def _finding(record: Record, ledger: Ledger) -> Finding:
    verdict = Verdict.WITHIN_TOLERANCE if ledger.doubts else Verdict.AGREES
    if ledger.is_contradicted:
        verdict = Verdict.DISAGREES
    return Finding(record["id"], record["scene_name"], record["question_type"], verdict, tuple(ledger.doubts))
