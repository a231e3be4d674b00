"""Questions whose options could stand in each other's place, and which of them are left out so that none is likelier.

Such a question is a contest: the key beats the wrong options. In each scene, and in all of them together, an option beats
another at most once more often than it is beaten by it: so what is offered tells nothing about what is right. Which one of
the same four stands apart from the others is a property of the room, shared with other rooms of its layout: so the same
four meet once in all scenes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .randomness import digest

COLUMNS = ["question_type", "answer", "distractors", "exchangeable"]
"""Columns of the candidates that are read here."""


class ContestFilter:
    """Looks at scenes in their order, and remembers what those before have offered."""

    def __init__(self) -> None:
        self._met: set[int] = set()
        self._lead: Counter[tuple[str, str, str]] = Counter()

    def find_uneven(self, candidates: pa.Table) -> list[int]:
        """Find the rows of contests that would make an option likelier than another.

        Args:
            candidates: of the next scene, preferred ones first; `COLUMNS` are enough.
        """
        rows = pc.indices_nonzero(candidates["exchangeable"])
        contests = zip(*(candidates[name].take(rows).to_pylist() for name in COLUMNS[:3]), strict=True)
        lead_here: Counter[tuple[str, str, str]] = Counter()
        uneven = []
        for row, (question_type, key, wrong) in zip(rows.to_pylist(), contests, strict=True):
            options = int(digest(question_type, *sorted([key, *wrong]))[:16], 16)
            wins = [(question_type, key, other) for other in wrong]
            leads = (lead_here, self._lead)
            if options in self._met or any(sum(map(lead.__getitem__, wins)) > 0 for lead in leads):
                uneven.append(row)
                continue
            self._met.add(options)
            for lead in leads:
                lead.update(wins)
                lead.subtract((question_type, other, key) for other in wrong)
        return uneven


def leave_out(candidates: pa.Table, rows: Sequence[int]) -> pa.Table:
    """Drop rows of a table."""
    is_kept = np.ones(len(candidates), np.bool_)
    is_kept[list(rows)] = False
    return candidates.filter(pa.array(is_kept))
