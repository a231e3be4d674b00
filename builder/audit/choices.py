"""Questions and options as arrays: all that a solver may see, and the keys to score it by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..reading import Statement, parse_option

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

COLUMNS = ("scene_name", "task", "question_type", "options", "answer_index")
"""What `choices_of` reads of a records table."""

_AXIS_SIGN = {
    "left": (0, -1),
    "right": (0, 1),
    "higher": (1, -1),
    "lower": (1, 1),
    "closer": (2, -1),
    "farther": (2, 1),
}
_LETTER = len("A. ")
NO_PART = 0
"""Fills up the parts of an option that has fewer than others."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The questions of one type: n records of k options each. Option arrays have shape (n, k, ...)."""

    scene: Ints
    """Shape (n,): a number for the scene; equal numbers are equal scenes."""
    key: Ints
    """Shape (n,): position of the right option."""
    parts: Ints
    """Shape (n, k, p): what each option is made of, as numbers: `3 chairs; Frame 2` is a count and a frame. Equal numbers
    are equal parts; all coordinates are one part, because no two questions share them."""
    number: NDArray[np.float32]
    """Shape (n, k): the count that an option states, NaN where it states none."""
    point: NDArray[np.float32]
    """Shape (n, k, 2): the place in the image that an option states, NaN where it states none."""
    signs: NDArray[np.int8]
    """Shape (n, k, 3): the relation that an option states on each camera axis: -1 left/higher/closer, +1 right/lower/
    farther, 0 none."""

    @property
    def num_options(self) -> int:
        """Options of each record."""
        return self.parts.shape[1]

    @property
    def chance(self) -> float:
        """Nominal chance of a uniform guess."""
        return 1 / self.num_options


def choices_of(records: pa.Table) -> Choices:
    """Read the options of records.

    Args:
        records: at least one row with `COLUMNS`, all of one question type.

    Raises:
        ValueError: if the records have different numbers of options.
    """
    options = records["options"].combine_chunks()
    num_options = np.diff(options.offsets.to_numpy())
    if (num_options != num_options[0]).any():
        name = records["question_type"][0].as_py()
        raise ValueError(f"Records of {name} have different numbers of options; the audit compares like with like.")
    task = records["task"][0].as_py()
    encoded = pc.dictionary_encode(pc.utf8_slice_codeunits(options.flatten(), _LETTER))
    read = [parse_option(task, text) or Statement(category=text) for text in encoded.dictionary.to_pylist()]
    index = encoded.indices.to_numpy().reshape(len(records), -1)
    scenes = pc.dictionary_encode(records["scene_name"].combine_chunks())
    return Choices(
        scene=np.array([_number_of(name) for name in scenes.dictionary.to_pylist()])[scenes.indices.to_numpy()],
        key=records["answer_index"].to_numpy().astype(np.int64),
        parts=_parts(read)[index],
        number=np.array([np.nan if s.count is None else s.count for s in read], np.float32)[index],
        point=np.array([s.point or (np.nan, np.nan) for s in read], np.float32)[index],
        signs=_signs(read)[index],
    )


def join(pieces: Iterable[Choices]) -> Choices:
    """Put the records of pieces of one question type one after another."""
    pieces = list(pieces)
    width = max(piece.parts.shape[2] for piece in pieces)
    columns = {field.name: [getattr(piece, field.name) for piece in pieces] for field in fields(Choices)}
    columns["parts"] = [np.pad(p, ((0, 0), (0, 0), (0, width - p.shape[2]))) for p in columns["parts"]]
    return Choices(**{name: np.concatenate(arrays) for name, arrays in columns.items()})


def _number_of(text: str) -> int:
    """A number for a text, the same in every file and process, never `NO_PART`."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big") + 1


def _parts(read: list[Statement]) -> Ints:
    names = [part_names(statement) for statement in read]
    width = max(map(len, names))
    numbers = {name: _number_of(name) for row in names for name in row}
    return np.array([[numbers[name] for name in row] + [NO_PART] * (width - len(row)) for row in names], np.int64)


def part_names(option: Statement) -> list[str]:
    """Name what an option is made of, at least one part; coordinates are no part of their own."""
    names = []
    if option.is_yes is not None:
        names.append("yes" if option.is_yes else "no")
    if option.count is not None:
        names.append(f"count {option.count}")
    if option.frame is not None:
        names.append(f"frame {option.frame}")
    # In a best view the category stands in the question, and all options share it.
    if option.category is not None and option.count is None:
        names.append(f"category {option.category}")
    return [*names, *option.relations] or ["point"]


def _signs(read: list[Statement]) -> NDArray[np.int8]:
    signs = np.zeros((len(read), 3), np.int8)
    for row, statement in enumerate(read):
        for axis, sign in map(_AXIS_SIGN.__getitem__, statement.relations):
            signs[row, axis] = sign
    return signs
