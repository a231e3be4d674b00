"""Solvers that never see the images: each looks for one way in which options give the key away.

A solver takes the choices of one question type and the fold of each record, and returns a score for every option, shape
(n, k); it answers with the highest, and guesses among equal ones. *Fixed* solvers know where to look; *fitted* ones learn
it from the records of other scenes, so what they score is no accident of the scenes they are scored on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..randomness import digest
from .choices import NO_PART, Choices, Floats, Ints

NUM_FOLDS = 5
_SMOOTHING = 1.0
"""Keys added to every count, so that what was hardly seen says little."""


def paired_axis(choices: Choices, fold: Ints) -> Floats:
    """Fixed. Reads the relations that options state, and answers one that another option contradicts.

    Leak: truth, its opposite and one wrong relation on each other axis; the key is always in the only pair.
    """
    signs = choices.signs.astype(np.int64)
    contradicts = (signs[:, :, None] * signs[:, None, :] < 0).any(axis=3)
    return contradicts.sum(axis=2).astype(np.float64)


def majority_vote(choices: Choices, fold: Ints) -> Floats:
    """Fixed. Reads which parts (a count, a frame) options share, and answers the one whose parts stand in most.

    Leak: wrong options that change one part of the key and keep the other.
    """
    parts = choices.parts
    votes = np.zeros(parts.shape[:2])
    for p in range(parts.shape[2]):
        is_shared = (parts[:, :, p, None, None] == parts[:, None, :, :]) & (parts[:, :, p, None, None] != NO_PART)
        votes += is_shared.any(axis=3).sum(axis=2)
    return votes


def medoid(choices: Choices, fold: Ints) -> Floats:
    """Fixed. Reads coordinates and counts, and answers the option that is nearest to all others.

    Leak: wrong options that were made by moving the key a little.
    """
    return -_distance_to_others(choices)


def rank(choices: Choices, fold: Ints) -> Floats:
    """Fitted. Orders the options by count, by x, by y, by distance to the others and by shared parts, and answers the
    place in the order that was the key most often in other scenes.

    Leak: a key that tends to be the smallest count, the middle place, the odd one out.
    """
    orders = (
        choices.number.astype(np.float64),
        choices.point[..., 0].astype(np.float64),
        choices.point[..., 1].astype(np.float64),
        _distance_to_others(choices),
        majority_vote(choices, fold),
    )
    places = np.concatenate([_indicators(order) for order in orders])
    hit_rates = np.stack([hits(place, choices.key) for place in places])
    scores = np.zeros(choices.parts.shape[:2])
    for test in _folds(fold):
        best = hit_rates[:, ~test].mean(axis=1).argmax()
        scores[test] = places[best][test]
    return scores


def option_set(choices: Choices, fold: Ints) -> Floats:
    """Fitted. Reads the set of options, and answers the one that was the key of the same set in other scenes.

    Leak: a set that goes with one key, such as {0, 1, 2, 4} with 1.
    """
    n, k, p = choices.parts.shape
    _, option = np.unique(choices.parts.reshape(n * k, p), axis=0, return_inverse=True)
    option = option.reshape(n, k)
    _, set_of = np.unique(np.sort(option, axis=1), axis=0, return_inverse=True)
    _, pair = np.unique(set_of.reshape(n, 1) * (option.max() + 1) + option, return_inverse=True)
    return _share_of_keys(pair.reshape(n, k), choices.key, fold)


def prior(choices: Choices, fold: Ints) -> Floats:
    """Fitted. Reads each option alone, and answers the one whose parts were the key most often in other scenes when
    they were offered.

    Leak: answers that are right more often than others: `No`, `1`, a category that only ever is the truth.
    """
    n, k, p = choices.parts.shape
    scores = np.zeros((n, k))
    for position in range(p):
        part = choices.parts[:, :, position]
        _, number = np.unique(part, return_inverse=True)
        share = _share_of_keys(number.reshape(n, k), choices.key, fold)
        scores += np.where(part == NO_PART, 0.0, np.log(share / (1 - share)))
    return scores


@dataclass(frozen=True, slots=True)
class Solver:
    """A solver as the audit runs it."""

    score: Callable[[Choices, Ints], Floats]
    is_fitted: bool
    """Whether it learns from other scenes, and so needs at least two."""


SOLVERS = {
    "prior": Solver(prior, is_fitted=True),
    "paired_axis": Solver(paired_axis, is_fitted=False),
    "majority_vote": Solver(majority_vote, is_fitted=False),
    "medoid": Solver(medoid, is_fitted=False),
    "rank": Solver(rank, is_fitted=True),
    "option_set": Solver(option_set, is_fitted=True),
}
"""Option-only solvers by name."""


def hits(scores: Floats | NDArray[np.bool_], key: Ints) -> Floats:
    """Expected score of each record, shape (n,): 1 where the key alone is highest, a share where others are as high."""
    is_best = scores >= scores.max(axis=1, keepdims=True)
    return is_best[np.arange(len(key)), key] / is_best.sum(axis=1)


def scene_folds(scene: Ints) -> Ints:
    """Fold of each record, shape (n,): scenes are dealt out in an order set by a hash, so folds hold whole scenes."""
    names, scene_of = np.unique(scene, return_inverse=True)
    order = sorted(range(len(names)), key=lambda k: digest("fold", int(names[k])))
    fold = np.empty(len(names), np.int64)
    fold[order] = np.arange(len(names)) % NUM_FOLDS
    return fold[scene_of]


def _folds(fold: Ints) -> list[NDArray[np.bool_]]:
    return [fold == number for number in np.unique(fold)]


def _distance_to_others(choices: Choices) -> Floats:
    """Sum of each option's distances to the others, in pixels or counts, shape (n, k); infinite where it states none."""
    place = np.where(np.isnan(choices.point), choices.number[..., None], choices.point).astype(np.float64)
    distance = np.linalg.norm(place[:, :, None] - place[:, None, :], axis=3)
    return np.where(np.isnan(place[..., 0]), np.inf, np.nansum(distance, axis=2))


def _indicators(order: Floats) -> NDArray[np.bool_]:
    """For each place in an order, which options take it: shape (k, n, k). Equal options share a place."""
    smaller = (order[:, None, :] < order[:, :, None]).sum(axis=2)
    is_stated = np.isfinite(order)
    return np.stack([(smaller == place) & is_stated for place in range(order.shape[1])])


def _share_of_keys(number: Ints, key: Ints, fold: Ints) -> Floats:
    """How often what an option is was the key in other folds when it was offered, shape (n, k), drawn towards chance.

    Args:
        number: shape (n, k): equal numbers are equal options.
        key: shape (n,).
        fold: shape (n,).
    """
    n, k = number.shape
    size = number.max() + 1
    keys = number[np.arange(n), key]
    shares = np.empty((n, k))
    offered, keyed = np.bincount(number.ravel(), minlength=size), np.bincount(keys, minlength=size)
    for test in _folds(fold):
        seen = offered - np.bincount(number[test].ravel(), minlength=size)
        right = keyed - np.bincount(keys[test], minlength=size)
        shares[test] = ((right + _SMOOTHING) / (seen + _SMOOTHING * k))[number[test]]
    return shares
