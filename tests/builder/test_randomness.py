"""Keys alone decide what is drawn: no process, no order of arrival, no platform."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from spatialmosaic_builder.randomness import digest, generator

DRAW = (
    "from spatialmosaic_builder.randomness import generator; print(generator(3, 'scene', 7).integers(10**9, size=4))"
)


def test_a_digest_is_the_sha_256_of_the_parts() -> None:
    assert digest("a", 1, 2.5) == hashlib.sha256(b"a\x1f1\x1f2.5").hexdigest()
    assert digest("\u00e9") == hashlib.sha256("\u00e9".encode()).hexdigest()


@pytest.mark.parametrize(
    ("one", "other"),
    [(("ab", "c"), ("a", "bc")), (("a", ""), ("a",)), (("a", "b"), ("b", "a")), ((1, 11), (11, 1)), ((None,), ("",))],
)
def test_different_keys_have_different_digests(one: tuple[object, ...], other: tuple[object, ...]) -> None:
    assert digest(*one) != digest(*other)


def test_equal_keys_draw_alike_and_other_keys_and_seeds_do_not() -> None:
    def draw(seed: int, *key: object) -> list[int]:
        return generator(seed, *key).integers(2**62, size=3).tolist()

    first = draw(0, "scene", 1)
    assert draw(0, "scene", 1) == first
    others = [draw(1, "scene", 1), draw(0, "scene", 2), draw(0, "scene"), draw(0, 1, "scene"), draw(0, "scene", 11)]
    assert len({tuple(one) for one in [first, *others]}) == 6


def test_neighbouring_seeds_are_independent() -> None:
    draws = np.array([generator(seed, "scene").random(50) for seed in range(400)])
    assert abs(draws.mean() - 0.5) < 0.01
    correlation = np.corrcoef(draws[:-1].ravel(), draws[1:].ravel())[0, 1]
    assert abs(correlation) < 0.03


def test_the_stream_is_that_of_numpy_seeded_by_the_digest() -> None:
    """A dataset must stay the same from release to release: this pins the stream."""
    seed = int(hashlib.sha256(b"5\x1fscene").hexdigest(), 16)
    expected = np.random.Generator(np.random.PCG64(seed)).random(5)
    np.testing.assert_array_equal(generator(5, "scene").random(5), expected)


def test_another_process_with_another_hash_seed_draws_the_same() -> None:
    expected = str(generator(3, "scene", 7).integers(10**9, size=4))
    for hash_seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        run = subprocess.run([sys.executable, "-c", DRAW], capture_output=True, text=True, env=environment, check=True)
        assert run.stdout.strip() == expected
