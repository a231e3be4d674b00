"""Three-valued truth: what holds nominally, under the least favourable and under the most favourable band."""

from __future__ import annotations

from typing import NamedTuple


class Tri(NamedTuple):
    """A claim: `nominal` value, `low` = it holds wherever the bands move, `high` = it holds somewhere in the bands."""

    nominal: bool
    low: bool
    high: bool

    def __invert__(self) -> Tri:
        return Tri(not self.nominal, not self.high, not self.low)

    def __and__(self, other: Tri) -> Tri:
        return Tri(self.nominal and other.nominal, self.low and other.low, self.high and other.high)

    def __or__(self, other: Tri) -> Tri:
        return Tri(self.nominal or other.nominal, self.low or other.low, self.high or other.high)


def sure(value: bool) -> Tri:
    """A claim without a band."""
    return Tri(bool(value), bool(value), bool(value))


def maybe(nominal: bool, possible: bool) -> Tri:
    """A claim that holds nominally, or only if `possible` is granted."""
    return Tri(bool(nominal), bool(nominal), bool(nominal or possible))


def above(value: float, threshold: float, band: float) -> Tri:
    """`value > threshold` with an absolute band."""
    return Tri(value > threshold, value > threshold + band, value > threshold - band)
