"""What a task is: a function from the evidence of one frame set to question drafts, or reasons why there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..evidence import SetEvidence
from ..schema import ObjectRef, Skip


@dataclass(frozen=True, slots=True)
class Balance:
    """Drafts of one group are chosen so that each of its sides is equally frequent.

    The group is what a reader of the text knows, the side is the answer: so the text alone does not tell it.
    """

    group: str = ""
    side: int = 0
    num_sides: int = 1
    across_scenes: bool = False
    """Balance over the whole split, not in each scene: for sides that one scene seldom has all of."""
    contest: tuple[str, ...] = ()
    """Kinds of options of which any could be the key, the key's first; `contests.py` keeps any from becoming likelier."""
    once: str = ""
    """What no two questions of a type may share, in whichever scenes."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A question before it is laid out: the record stage adds the frame set's data, the merge the option letters."""

    question: str
    answer: str
    """Text of the right option, or the number or point that is asked for."""
    category: str
    targets: NDArray[np.int64]
    """Indices of the target instances, which the difficulty is measured on (spec section 8)."""
    distractors: tuple[str, ...] = ()
    """Texts of the wrong options."""
    answer_type: str = "choice"
    """choice, number or point."""
    answer_band: tuple[float, float] | None = None
    """Least and greatest number that are the same answer, in the question's unit."""
    balance: Balance = Balance()
    """With which other drafts the merge keeps it equally frequent."""
    query_frame: int | None = None
    """1-based position of the frame asked about."""
    source: ObjectRef | None = None
    target: ObjectRef | None = None
    relation: str | None = None
    bbox_2d: tuple[int, int, int, int] | None = None
    """Native pixels."""
    bbox_2d_diag: float | None = None
    """Question coordinates."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task: the six of Sec. 3.3, and what the paper's later revision measures, distance and size."""

    name: str
    question_types: tuple[str, ...]
    propose: Callable[[SetEvidence, str, np.random.Generator], Iterator[Draft | Skip]]
    """`propose(evidence, question_type, rng)` yields drafts in order of preference, and a `Skip` for each question that
    could not be made well. The caller stops once it has enough."""


def skip(reason: str) -> Skip:
    """A question that could not be made; the record stage counts these by reason, so it needs no place."""
    return Skip(reason, "")


def preferred_order(weights: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw all indices without replacement, heavier ones earlier on average (an exponential race)."""
    return np.argsort(rng.exponential(size=len(weights)) / weights, kind="stable")
