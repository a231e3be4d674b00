"""Annotations -> sparse sets of 2 to 5 frames whose every pair overlaps little (Sec. 3.2, C.2).

Frames are vertices of a graph, pairs of low overlap its edges, frame sets its cliques. Cliques explode in number, so they
are never all listed: a chain sampler draws them uniformly.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .annotations import Annotations
from .randomness import generator
from .rules import Rules
from .schema import FrameSet

Adjacency = NDArray[np.bool_]

_PILOT_SETS = 2_000
_MAX_LISTING_STEPS = 100_000
"""Beyond this the cliques of a size are sampled, not listed."""
_MAX_TRIES = 2_000_000
_MAX_TRIES_FOR_THE_FIRST = 50_000
"""A graph in which cliques take longer to find has next to none of that size."""
_LINKED_OVERSAMPLING = 12
"""Cliques drawn per frame set wanted where frames must also be linked: many are not."""
_MIN_NEW_SHARE = 0.01
"""Sampling ends when a round of draws brings fewer new cliques than this share of the wanted ones."""


def sample_frame_sets(annotations: Annotations, rules: Rules, num_sets: int, seed: int) -> list[FrameSet]:
    """Draw distinct ordered frame sets, uniformly among those of each size.

    Sizes are equally likely as long as sets of that size are left; the order of the frames is random.

    Args:
        annotations: overlaps of the scene's frames.
        rules: sizes and the limits of overlap.
        num_sets: sets wanted; fewer are returned where the scene has fewer.
        seed: of the build.

    Returns:
        Sets in the order in which questions should be asked.
    """
    adjacency = annotations.overlap < rules.max_overlap
    np.fill_diagonal(adjacency, False)
    rng = generator(seed, annotations.scene_name, "frame sets")
    pools = [iter(_sample_linked(annotations, adjacency, size, num_sets, rules, rng)) for size in rules.frame_counts]
    sets: list[FrameSet] = []
    while pools and len(sets) < num_sets:
        k = int(rng.integers(len(pools)))
        clique = next(pools[k], None)
        if clique is None:
            del pools[k]
        else:
            sets.append(_frame_set(annotations, rng.permutation(clique)))
    return sets


def _sample_linked(
    annotations: Annotations,
    adjacency: Adjacency,
    size: int,
    num_sets: int,
    rules: Rules,
    rng: np.random.Generator,
) -> list[tuple[int, ...]]:
    """Draw cliques of a size whose frames are linked."""
    if not rules.min_shared_overlap:
        return sample_cliques(adjacency, size, num_sets, rng)
    cliques = sample_cliques(adjacency, size, _LINKED_OVERSAMPLING * num_sets, rng)
    return [c for c in cliques if is_linked(annotations.overlap, c, rules.min_shared_overlap)][:num_sets]


def is_linked(overlap: NDArray[np.float32], frames: tuple[int, ...], min_shared_overlap: float) -> bool:
    """Tell whether steps between frames that overlap at least so much lead from each of the frames to every other."""
    steps = overlap[np.ix_(frames, frames)] >= min_shared_overlap
    np.fill_diagonal(steps, True)
    return bool(np.linalg.matrix_power(steps.astype(np.int64), len(frames) - 1).all())


def _frame_set(annotations: Annotations, order: NDArray[np.int64]) -> FrameSet:
    names = sorted(annotations.frames[k].name for k in order)
    digest = hashlib.sha256("\n".join([annotations.scene_name, *names]).encode())
    return FrameSet(digest.hexdigest()[:16], tuple(int(k) for k in order))


def sample_cliques(adjacency: Adjacency, size: int, num_sets: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Draw up to `num_sets` distinct cliques of a size, uniformly, in random order.

    Few cliques are listed and shuffled; many are sampled.

    Args:
        adjacency: symmetric, no loops, shape (frames, frames).
        size: vertices of a clique, at least 2.
        num_sets: cliques wanted.
        rng: source of randomness.

    Returns:
        Sorted tuples of frame indices.
    """
    listed = list_cliques(adjacency, size, max_cliques=4 * num_sets)
    if listed is None:
        return _sample_distinct(adjacency, size, num_sets, rng)
    order = rng.permutation(len(listed))[:num_sets]
    return [listed[k] for k in order]


def list_cliques(adjacency: Adjacency, size: int, max_cliques: int) -> list[tuple[int, ...]] | None:
    """List all cliques of a size as sorted tuples, or return None when there are more or the search takes long."""
    later = [set(np.flatnonzero(row).tolist()) for row in np.triu(adjacency, 1)]
    found: list[tuple[int, ...]] = []
    stack: list[tuple[tuple[int, ...], set[int]]] = [((), set(range(len(later))))]
    steps = 0
    while stack:
        clique, candidates = stack.pop()
        steps += 1
        if len(clique) == size:
            found.append(clique)
        elif len(clique) + len(candidates) >= size:
            stack.extend(((*clique, j), candidates & later[j]) for j in sorted(candidates, reverse=True))
        if len(found) > max_cliques or steps > _MAX_LISTING_STEPS:
            return None
    return found


def _sample_distinct(
    adjacency: Adjacency, size: int, num_sets: int, rng: np.random.Generator
) -> list[tuple[int, ...]]:
    edges = np.argwhere(np.triu(adjacency, 1))
    caps = _degree_caps(adjacency, edges, size, rng)
    found: dict[tuple[int, ...], None] = {}
    while len(found) < num_sets:
        draws, _, caps = _draw(adjacency, edges, num_sets, caps, rng)
        before = len(found)
        found.update(dict.fromkeys(tuple(sorted(row.tolist())) for row in draws))
        if len(found) - before < num_sets * _MIN_NEW_SHARE:
            break
    return list(found)[:num_sets]


def _degree_caps(
    adjacency: Adjacency, edges: NDArray[np.int64], size: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Upper bounds, entry i for the common neighbours of i chosen frames: exact for 2, from a pilot beyond."""
    weights = adjacency.astype(np.float32)
    common = weights @ weights
    caps = np.full(3, float(common[edges[:, 0], edges[:, 1]].max()))
    for chosen in range(3, size):
        _, largest, _ = _draw(adjacency, edges, _PILOT_SETS, np.append(caps, caps[-1]), rng)
        caps = np.append(caps, min(caps[-1], largest[chosen] * 1.1 + 2))
    return caps[:size]


def _draw(
    adjacency: Adjacency, edges: NDArray[np.int64], num_sets: int, caps: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Draw cliques of `len(caps)` frames with replacement; start anew with larger caps when one proves too small.

    Returns:
        The cliques, the largest numbers of common neighbours met, and the caps that held.
    """
    while True:
        cliques, largest = _chain_sample(adjacency, edges, num_sets, caps, rng)
        if (largest <= caps).all():
            return cliques, largest, caps
        caps = np.maximum(caps, largest)


@njit(cache=True)
def _chain_sample(adjacency, edges, num_sets, caps, rng):  # type: ignore[no-untyped-def]
    """Uniform cliques: a uniform edge, then a uniform common neighbour kept with probability count / cap, else anew.

    A clique of k frames is reached by each of its orders with the same probability 1 / (edges * cap * cap ...), so the
    draws are exactly uniform as long as no count exceeds its cap.
    """
    n, size = len(adjacency), len(caps)
    cliques = np.empty((num_sets, size), np.int64)
    largest = np.zeros(len(caps))
    candidates = np.empty(n, np.int64)
    done = 0
    tries = 0
    while done < num_sets and tries < (_MAX_TRIES if done else _MAX_TRIES_FOR_THE_FIRST):
        tries += 1
        edge = rng.integers(0, len(edges))
        cliques[done, 0] = edges[edge, 0]
        cliques[done, 1] = edges[edge, 1]
        complete = True
        for level in range(2, size):
            count = 0
            for j in range(n):
                common = True
                for i in range(level):
                    if not adjacency[cliques[done, i], j]:
                        common = False
                        break
                if common:
                    candidates[count] = j
                    count += 1
            largest[level] = max(largest[level], count)
            if count == 0 or rng.random() * caps[level] >= count:
                complete = False
                break
            cliques[done, level] = candidates[rng.integers(0, count)]
        if complete:
            done += 1
    return cliques[:done], largest
