"""Lengths as answers: a number in the question's unit, and the band of numbers that are the same answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..rules import Rules
from ..schema import Skip
from .task import skip


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit that a question asks for."""

    per_metre: float
    decimals: int
    """Of the answer."""


METRES, CENTIMETRES = Unit(1.0, 2), Unit(100.0, 0)


@dataclass(frozen=True, slots=True)
class Measurement:
    """A length as the answer to a question."""

    text: str
    band: tuple[float, float]
    """Least and greatest number that are the same answer, in the unit."""


def measure(readings: NDArray[np.float64], unit: Unit, rules: Rules) -> Measurement | Skip:
    """Say a length in a unit.

    Args:
        readings: of the same length, metres: the first is told, the others must lie in its band.
        unit: of the question.
        rules: hold the shortest length that is asked for, and the tolerance (spec section 8).
    """
    length = float(readings[0])
    if not length >= rules.min_measure:
        return skip("too short to be measured")
    tolerance = max(rules.measure_tolerance_ratio * length, rules.measure_tolerance)
    if np.abs(readings - length).max() > tolerance:
        return skip("the box does not fit the object tightly enough to be measured")
    band = ((length - tolerance) * unit.per_metre, (length + tolerance) * unit.per_metre)
    return Measurement(f"{length * unit.per_metre:.{unit.decimals}f}", band)
