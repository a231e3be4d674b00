from __future__ import annotations

import numpy as np
import pytest

from spatialmosaic_builder.audit.statistics import clustered_mean, uniformity


def test_the_interval_widens_with_what_scenes_share() -> None:
    rng = np.random.default_rng(0)
    scene = np.repeat(np.arange(50), 40)
    alone = clustered_mean((rng.random(2000) < 0.5).astype(float), scene)
    together = clustered_mean(np.repeat(rng.random(50) < 0.5, 40).astype(float), scene)
    assert alone.high - alone.low == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 2000), rel=0.25)
    assert together.high - together.low == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 50), rel=0.25)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    scene = np.repeat(np.arange(40), 10)
    covered = 0
    for _ in range(100):
        rate = np.clip(rng.normal(0.4, 0.1, 40), 0, 1)
        found = clustered_mean((rng.random(400) < np.repeat(rate, 10)).astype(float), scene)
        covered += found.low <= 0.4 <= found.high
    assert covered >= 88


def test_one_scene_has_no_interval() -> None:
    estimate = clustered_mean(np.array([0.0, 1.0]), np.array([7, 7]))
    assert (estimate.mean, estimate.low, estimate.high) == (0.5, None, None)


def test_the_same_seed_gives_the_same_interval() -> None:
    values, scene = np.arange(10.0), np.arange(10) % 5
    assert clustered_mean(values, scene, seed=3) == clustered_mean(values, scene, seed=3)


def test_uneven_letters_have_a_small_p_value() -> None:
    assert uniformity(np.array([250, 250, 251, 249]))[1] > 0.9
    assert uniformity(np.array([300, 240, 230, 230]))[1] < 0.01
