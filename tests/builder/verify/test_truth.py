from __future__ import annotations

from itertools import product

from spatialmosaic_builder.verify.truth import Truth, above, every, exactly, some, within

STATES = [Truth(True, True, True), Truth(True, False, True), Truth(False, False, True), Truth(False, False, False)]


def test_a_value_near_a_threshold_is_possible_but_not_sure() -> None:
    assert above(0.93, 0.9, 0.02) == Truth(True, True, True)
    assert above(0.91, 0.9, 0.02) == Truth(True, False, True)
    assert above(0.89, 0.9, 0.02) == Truth(False, False, True)
    assert above(0.87, 0.9, 0.02) == Truth(False, False, False)
    assert ~above(0.91, 0.9, 0.02) == Truth(False, False, True)


def test_logic_keeps_sure_below_possible() -> None:
    for a, b in product(STATES, STATES):
        for truth in (a & b, a | b, ~a):
            assert truth.possibly >= truth.holds >= truth.surely
        assert ~(a & b) == ~a | ~b


def test_every_and_some() -> None:
    assert every([]) == exactly(True)
    assert some([]) == exactly(False)
    assert every(STATES) == exactly(False)
    assert some(STATES) == exactly(True)
    assert within(False, True) == Truth(False, False, True)
    assert within(True, False) == exactly(True)
