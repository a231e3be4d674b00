"""Questions whose options could stand in each other's place, and which of them are left out so that none is likelier.

Such a question is a contest of kinds: the key's beats those of the wrong options. In each scene, and in all of them
together, a kind beats another at most about as often as it is beaten by it: so what is offered tells nothing about what is
right, whatever relation is asked for. A kind is a category, or one that stands at some height in the picture: rugs lie low.

Which one of the same four categories stands apart is a property of the room, shared with other rooms of its layout: so
they are offered together once in all scenes.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .randomness import digest

COLUMNS = ["question_type", "relation", "contest", "once"]
"""Columns of the candidates that are read here."""

Win = tuple[str, str | None, str, str]
"""Question type; relation, or None for all of them together; the kind that wins and the one that loses."""


class ContestFilter:
    """Looks at scenes in their order, and remembers what those before have offered."""

    def __init__(self) -> None:
        self._claimed: set[int] = set()
        self._lead: Counter[Win] = Counter()

    def find_uneven(self, candidates: pa.Table) -> list[int]:
        """Find the rows of contests that would make an option likelier than another.

        Args:
            candidates: of the next scene, preferred ones first; `COLUMNS` are enough.
        """
        rows = pc.indices_nonzero(pc.greater(pc.list_value_length(candidates["contest"]), 0))
        contests = zip(*(candidates[name].take(rows).to_pylist() for name in COLUMNS), strict=True)
        leads: tuple[Counter[Win], ...] = (Counter(), self._lead)
        uneven = []
        for row, (question_type, relation, (key, *wrong), once) in zip(rows.to_pylist(), contests, strict=True):
            claim = int(digest(question_type, once)[:16], 16) if once else None
            scopes = {(question_type, None), (question_type, relation)}
            wins = [[(*scope, key, other) for other in wrong if other != key] for scope in scopes]
            if claim in self._claimed or any(sum(map(lead.__getitem__, w)) > 0 for lead in leads for w in wins):
                uneven.append(row)
                continue
            if claim is not None:
                self._claimed.add(claim)
            for lead in leads:
                for win in itertools.chain.from_iterable(wins):
                    lead[win] += 1
                    lead[(*win[:2], win[3], win[2])] -= 1
        return uneven


def leave_out(candidates: pa.Table, rows: Sequence[int]) -> pa.Table:
    """Drop rows of a table."""
    is_kept = np.ones(len(candidates), np.bool_)
    is_kept[list(rows)] = False
    return candidates.filter(pa.array(is_kept))
