"""What can be said within the tolerances."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import and_, or_
from typing import NamedTuple

OCCLUSION_BAND = 0.03
"""Of the occlusion ratio, around a threshold."""
FLOOR_FACTOR = 2.0
"""By which visible points and pixels are known around a floor."""
OVERLAP_BAND = 0.02
SEPARATION_BAND = 0.02
"""Metres."""
PLACE_BAND = 0.02
"""Share of the picture's side by which the centre of a box may be off."""
AREA_FACTOR = 1.1


class Truth(NamedTuple):
    """Whether a claim holds by the numbers as they are, wherever the tolerances move, and anywhere within them."""

    holds: bool
    surely: bool
    possibly: bool

    def __invert__(self) -> Truth:
        return Truth(not self.holds, not self.possibly, not self.surely)

    def __and__(self, other: Truth) -> Truth:
        return Truth(*(a and b for a, b in zip(self, other, strict=True)))

    def __or__(self, other: Truth) -> Truth:
        return Truth(*(a or b for a, b in zip(self, other, strict=True)))


def exactly(holds: object) -> Truth:
    """A claim without a tolerance."""
    return Truth(bool(holds), bool(holds), bool(holds))


def within(holds: object, possibly: object) -> Truth:
    """A claim that holds as it is, or else possibly."""
    return Truth(bool(holds), bool(holds), bool(holds) or bool(possibly))


def above(value: float, threshold: float, band: float) -> Truth:
    """`value > threshold`, the value being known to a band."""
    return Truth(bool(value > threshold), bool(value > threshold + band), bool(value > threshold - band))


def every(claims: Iterable[Truth]) -> Truth:
    """All claims hold."""
    return reduce(and_, claims, exactly(True))


def some(claims: Iterable[Truth]) -> Truth:
    """At least one claim holds."""
    return reduce(or_, claims, exactly(False))
