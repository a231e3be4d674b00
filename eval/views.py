"""What is shown with a question: all views, or less, or something else, to learn what the views are needed for.

all           every view, in the order of the record
query         the view that the question asks about, alone; a single one where it asks about none
single        one view, drawn by the seed
none          no view: what words alone tell
other-scene   as many views of a record of another scene, under the names of this record's
shuffled      every view in another order; each keeps its name
grey          grey sheets instead of pictures
"""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from spatialmosaic_builder.randomness import digest, generator

from .config import ViewControl
from .errors import EvalError

_GREY, _GREY_SIZE = (128, 128, 128), (518, 518)
"""A sheet has the size at which the paper shows its views."""


def plan_views(control: ViewControl, record_id: str, num_views: int, query: int | None, seed: int) -> tuple[int, ...]:
    """Choose the views of a record.

    Args:
        control: what to show.
        record_id: what the draw depends on, beside the seed.
        num_views: views of the record.
        query: the view that the question asks about, counted from 0.
        seed: of what is drawn.
    """
    every = tuple(range(num_views))
    if control == "none":
        return ()
    if control in ("query", "single"):
        chosen = query if control == "query" and query is not None else None
        return (int(generator(seed, "single view", record_id).integers(num_views)) if chosen is None else chosen,)
    if control == "shuffled" and num_views > 1:
        rng = generator(seed, "view order", record_id)
        order = every
        while order == every:
            order = tuple(int(k) for k in rng.permutation(num_views))
        return order
    return every


def choose_donors(ids: Sequence[str], scenes: Sequence[str], num_views: Sequence[int], seed: int) -> list[int]:
    """Find for every record one of another scene with as many views, or the next number of them that there is.

    Raises:
        EvalError: there is none.
    """
    rows_by_size: dict[int, list[int]] = {}
    for row in sorted(range(len(ids)), key=lambda row: digest(seed, "donor", ids[row])):
        rows_by_size.setdefault(num_views[row], []).append(row)
    donors = [0] * len(ids)
    for size, rows in rows_by_size.items():
        pools = [rows_by_size[larger] for larger in sorted(rows_by_size) if larger >= size]
        for place, row in enumerate(rows):
            others = (pool[(place + step) % len(pool)] for pool in pools for step in range(1, len(pool) + 1))
            donor = next((other for other in others if scenes[other] != scenes[row]), None)
            if donor is None:
                raise EvalError(
                    f"Record {ids[row]}: no other scene has a record with {size} views or more to show in its place; "
                    "--views other-scene needs at least two scenes."
                )
            donors[row] = donor
    return donors


def grey_sheets(count: int) -> list[Image.Image]:
    """Sheets without content."""
    return [Image.new("RGB", _GREY_SIZE, _GREY) for _ in range(count)]
