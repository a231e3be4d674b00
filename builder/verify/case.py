"""One record before the verifier: what it says, what its frames show, and the claims that did not hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..reading import Statement
from ..rules import Rules
from .optics import Floats
from .truth import Truth, some
from .view import SceneView

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Doubt:
    """A claim of a record that does not hold, or holds only within the tolerances."""

    claim: str
    """What a right record fulfils."""
    is_possible: bool
    """Whether it holds anywhere within the tolerances."""
    expected: str
    """What should be there."""
    got: str
    """What the record says, or what the scene shows of it."""
    evidence: str
    """Numbers behind it."""


@dataclass
class Ledger:
    """Claims of one record."""

    doubts: list[Doubt] = field(default_factory=list)

    @property
    def is_contradicted(self) -> bool:
        """Whether some claim is false whatever the tolerances."""
        return not all(doubt.is_possible for doubt in self.doubts)

    def claim(
        self, what: str, truth: Truth, expected: object = "", got: object = "", evidence: Callable[[], str] = str
    ) -> bool:
        """Keep a claim that does not hold as it is; tells whether it is possible at all.

        Args:
            what: the claim, in words.
            truth: whether it holds.
            expected: what should be there.
            got: what the record says, or what the scene shows of it.
            evidence: makes the numbers behind it, asked only where they are needed.
        """
        if not truth.holds:
            self.doubts.append(Doubt(what, truth.possibly, _words(expected), _words(got), evidence()))
        return truth.possibly


def _words(value: object) -> str:
    """What a person reads for a value."""
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(_words, value)) or "none"
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, slots=True)
class Text:
    """What the sentences of a record say."""

    asked: Statement
    """The question."""
    options: tuple[Statement, ...]
    """In order; empty for a number or a point."""
    answer: Statement
    """The right option, or the answer without options."""


@dataclass(frozen=True)
class Case:
    """A record whose form is sound, with the view of its scene."""

    record: Record
    text: Text
    scene: SceneView
    frames: tuple[int, ...]
    """Indices of the record's frames in the scan, in the order shown."""
    ledger: Ledger

    @property
    def rules(self) -> Rules:
        """The record's profile."""
        return self.scene.rules

    @property
    def query(self) -> int:
        """Index of the query frame in the scan."""
        return self.frames[self.record["query_frame"] - 1]

    @property
    def wrong_options(self) -> list[Statement]:
        """Options that must be false."""
        return [option for k, option in enumerate(self.text.options) if k != self.record["answer_index"]]

    @cached_property
    def target(self) -> int:
        """Index of the target instance."""
        return self.scene.index_of[self.record["target"]["instance_id"]]

    @cached_property
    def source(self) -> int:
        """Index of the source instance."""
        return self.scene.index_of[self.record["source"]["instance_id"]]

    def members(self, category: str) -> list[int]:
        """Indices of the instances of a category."""
        return self.scene.members.get(category, [])

    def twins(self, k: int) -> list[int]:
        """Indices of the other instances of an instance's category."""
        return [other for other in self.members(self.scene.scan.instances[k].category) if other != k]

    def shown(self, k: int) -> Truth:
        """Whether an instance is visible in at least one frame of the set."""
        return some(self.scene.visible(k, frame) for frame in self.frames)

    def shown_elsewhere(self, k: int) -> Truth:
        """Whether an instance is visible in a frame of the set other than the query frame."""
        return some(self.scene.visible(k, frame) for frame in self.frames if frame != self.query)

    def eligible(self, k: int) -> Truth:
        """Whether an instance is hidden little enough in at least one frame of the set (Sec. 3.2)."""
        return some(self.scene.eligible(k, frame) for frame in self.frames)

    def alone(self, k: int) -> Truth:
        """Whether an instance is eligible and no other of its category is: the category names it."""
        return self.eligible(k) & ~some(self.eligible(other) for other in self.twins(k))

    def stands(self, relation: str) -> Truth:
        """Whether the target stands in a relation to the source, as the query frame's camera sees them."""
        return self.scene.stands(self.target, relation, self.source, self.query)

    def to_question(self, box_px: Floats) -> Floats:
        """Scale a box of the query frame's native pixels, shape (4,), to question coordinates."""
        camera = self.scene.scan.frames[self.query].camera
        return box_px * self.rules.coordinate_size / np.tile([camera.width, camera.height], 2)

    def question_boxes(self, k: int) -> tuple[Floats, Floats, Floats]:
        """Box of what the query frame shows of an instance, and its least and greatest values; shape (4,) each,
        question coordinates, NaN if it shows nothing.
        """
        seen = self.scene.sightings
        box, low, high = (self.to_question(boxes[self.query, k]) for boxes in (seen.box, seen.box_low, seen.box_high))
        return box, low, high

    def show(self, instances: Iterable[int]) -> Callable[[], str]:
        """Evidence: numbers of instances in all frames of the set."""
        return lambda: self.scene.describe(instances, self.frames)

    def show_boxes(self, instances: Iterable[int]) -> Callable[[], str]:
        """Evidence: extents of boxes as the query frame's camera sees them."""
        return lambda: self.scene.describe_boxes(instances, self.query)
