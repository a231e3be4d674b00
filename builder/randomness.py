"""Seeded randomness that depends on keys alone: never on worker count, order of arrival or Python's hash seed."""

from __future__ import annotations

import hashlib

import numpy as np


def digest(*key: object) -> str:
    """SHA-256 of a key's parts, as hex."""
    return hashlib.sha256("\x1f".join(str(part) for part in key).encode()).hexdigest()


def generator(seed: int, *key: object) -> np.random.Generator:
    """Make a generator from the build's seed and the key of what is drawn."""
    return np.random.default_rng(int(digest(seed, *key), 16))
