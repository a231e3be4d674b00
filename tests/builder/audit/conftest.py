"""Made-up records whose answers leak in a known way, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from spatialmosaic_builder.randomness import digest
from spatialmosaic_builder.schema import RECORD_SCHEMA

NUM_SCENES = 40
PER_SCENE = 25
LETTERS = "ABCD"


Maker = Callable[[np.random.Generator], dict[str, Any]]
"""Makes the columns of one record; its `options` are bare texts, the key first."""


@pytest.fixture
def records_of() -> Callable[..., pa.Table]:
    """Make a table of one question type: `records_of(task, question_type, maker)`."""

    def make(task: str, question_type: str, maker: Maker, num_scenes: int = NUM_SCENES, seed: int = 0) -> pa.Table:
        rng = np.random.default_rng(seed)
        rows = []
        for number in range(num_scenes * PER_SCENE):
            columns = maker(rng)
            texts = columns.pop("options")
            order = rng.permutation(len(texts)).tolist()
            row: dict[str, Any] = dict.fromkeys(RECORD_SCHEMA.names)
            row |= {
                "id": digest(number),
                "scene_name": f"scene {number % num_scenes}",
                "task": task,
                "question_type": question_type,
                "frames": ["a", "b"],
                "question": "How many chair(s) are visible across these frames?",
                "options": [f"{LETTERS[k]}. {texts[option]}" for k, option in enumerate(order)],
                "answer_index": order.index(0),
                "answer_type": "choice",
                "ground_truth": str(texts[0]),
            }
            rows.append(row | columns)
        return pa.Table.from_pylist(rows, schema=RECORD_SCHEMA)

    return make
