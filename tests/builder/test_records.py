from __future__ import annotations

import numpy as np
import pytest

from spatialmosaic_builder.records import occlusion_level, overlap_level
from spatialmosaic_builder.rules import PAPER


@pytest.mark.parametrize(
    ("value", "level"),
    [(0.0, "low"), (0.2999, "low"), (0.3, "medium"), (0.6 - 1e-12, "high"), (0.8999, "high"), (0.91, "extreme")],
)
def test_an_occlusion_level_is_that_of_the_stored_value(value, level):
    assert occlusion_level(value, PAPER) == level
    assert occlusion_level(float(np.float32(value)), PAPER) == level


@pytest.mark.parametrize(
    ("value", "level"), [(0.0, "high"), (9.99, "high"), (10.0 - 1e-12, "medium"), (10.0, "medium"), (20.0, "low")]
)
def test_little_overlap_is_a_high_level(value, level):
    assert overlap_level(value, PAPER) == level
    assert overlap_level(float(np.float32(value)), PAPER) == level
