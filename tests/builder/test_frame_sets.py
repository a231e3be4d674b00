"""Frame sets: uniform among the cliques of each size, distinct, sparse, and quick to draw from any graph."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialmosaic_builder.annotations import Annotations
from spatialmosaic_builder.frame_sets import list_cliques, sample_cliques, sample_frame_sets
from spatialmosaic_builder.geometry import Camera
from spatialmosaic_builder.randomness import generator
from spatialmosaic_builder.rules import PAPER
from spatialmosaic_builder.schema import Frame

LIMIT = PAPER.max_overlap


def graph(num_frames: int, density: float, seed: int = 0) -> np.ndarray:
    upper = np.triu(np.random.default_rng(seed).random((num_frames, num_frames)) < density, 1)
    return upper | upper.T


def uneven_graph() -> np.ndarray:
    """A hub, a dense corner and a thin rest: samplers that do not weigh cliques right differ much here."""
    adjacency = graph(13, 0.35, seed=5)
    adjacency[0, :] = adjacency[:, 0] = True
    adjacency[1:6, 1:6] = True
    np.fill_diagonal(adjacency, False)
    return adjacency


def all_cliques(adjacency: np.ndarray, size: int) -> set[tuple[int, ...]]:
    sets = itertools.combinations(range(len(adjacency)), size)
    return {s for s in sets if all(adjacency[i, j] for i, j in itertools.combinations(s, 2))}


def annotations_of(overlap: np.ndarray, scene_name: str = "0a1b2c3d4e") -> Annotations:
    n = len(overlap)
    camera = Camera(64, 48, 50.0, 50.0, 32.0, 24.0)
    none = np.zeros((n, 0), np.int32)
    return Annotations(
        scene_name=scene_name,
        instances=(),
        tight_boxes=(),
        frames=tuple(Frame(f"frame_{10 * k:06d}", f"{k}.jpg", camera, np.eye(4)) for k in range(n)),
        points_in_view=none,
        visible_points=none,
        visible_points_id=none,
        visible_points_canvas=none,
        visible_pixels=none.astype(np.float32),
        bbox_2d=np.zeros((n, 0, 4), np.int32),
        overlap=overlap.astype(np.float32),
    )


def overlap_of(adjacency: np.ndarray) -> np.ndarray:
    """Overlaps below the limit on the edges and not below it elsewhere, one of them the limit itself."""
    rng = np.random.default_rng(1)
    noise = np.triu(rng.random(adjacency.shape), 1)
    noise += noise.T
    overlap = np.where(adjacency, noise * 0.299, 0.3 + 0.7 * noise * (noise > 0.1))
    np.fill_diagonal(overlap, 1)
    return overlap


def assert_uniform(counts: np.ndarray, rounds: int, draws: int) -> None:
    """Chi-square of how often each of `n` items came when `draws` distinct ones were drawn in each of many rounds."""
    n = len(counts)
    share = draws / n
    statistic = ((counts - rounds * share) ** 2).sum() / (rounds * share * (1 - share)) * (n - 1) / n
    assert abs(statistic - (n - 1)) < 4.5 * np.sqrt(2 * (n - 1)), (statistic, n - 1)


def draw_often(
    adjacency: np.ndarray, size: int, num_sets: int, rounds: int
) -> tuple[list[tuple[int, ...]], list[list[tuple[int, ...]]]]:
    cliques = sorted(all_cliques(adjacency, size))
    drawn = [sample_cliques(adjacency, size, num_sets, generator(k, "uniform")) for k in range(rounds)]
    assert all(len(one) == num_sets for one in drawn)
    return cliques, drawn


# Cliques of one size


@pytest.mark.parametrize("way", ["listed", "sampled"])
@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_cliques_are_drawn_uniformly(size: int, way: str) -> None:
    adjacency = uneven_graph()
    total = len(all_cliques(adjacency, size))
    num_sets = total // 3 if way == "listed" else total // 6
    assert (list_cliques(adjacency, size, 4 * num_sets) is None) == (way == "sampled")
    rounds = {2: 1200, 3: 1200, 4: 500, 5: 200}[size]
    cliques, drawn = draw_often(adjacency, size, num_sets, rounds)
    everywhere = Counter(itertools.chain.from_iterable(drawn))
    assert_uniform(np.array([everywhere[clique] for clique in cliques]), rounds, num_sets)
    first = Counter(one[0] for one in drawn)
    assert_uniform(np.array([first[clique] for clique in cliques]), rounds, 1)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.integers(0, 10), st.floats(0, 1), st.integers(2, 5), st.integers(1, 400), st.integers(0, 99))
def test_drawn_cliques_are_distinct_sorted_and_as_many_as_asked_for(
    num_frames: int, density: float, size: int, num_sets: int, seed: int
) -> None:
    adjacency = graph(num_frames, density, seed)
    expected = all_cliques(adjacency, size)
    drawn = sample_cliques(adjacency, size, num_sets, np.random.default_rng(seed))
    assert len(drawn) == len(set(drawn)) == min(num_sets, len(expected))
    assert set(drawn) <= expected
    assert list_cliques(adjacency, size, 10**6) == sorted(expected)


def test_a_listing_ends_when_there_are_too_many() -> None:
    complete = graph(12, 2.0)
    assert list_cliques(complete, 3, 220) == list(itertools.combinations(range(12), 3))
    assert list_cliques(complete, 3, 219) is None


def bipartite(num_frames: int) -> np.ndarray:
    """Two crowds of frames that each look at one wall: plenty of pairs, not one triple."""
    side = np.arange(num_frames) < num_frames // 2
    return side[:, None] != side


LARGE: dict[str, Callable[[], np.ndarray]] = {
    "dense": lambda: graph(1000, 0.97),
    "half": lambda: graph(1000, 0.5),
    "thin": lambda: graph(1000, 0.01),
    "one edge": lambda: np.arange(1000)[:, None] + np.arange(1000) == 1,
    "path": lambda: np.abs(np.subtract.outer(np.arange(1000), np.arange(1000))) == 1,
    "bipartite": lambda: bipartite(650),
}


@pytest.mark.parametrize("kind", LARGE)
def test_sets_of_a_large_graph_are_drawn_quickly(kind: str) -> None:
    adjacency = LARGE[kind]()
    sample_cliques(uneven_graph(), 3, 5, np.random.default_rng(0))  # compiles
    start = time.process_time()
    for size in PAPER.frame_counts:
        drawn = sample_cliques(adjacency, size, 500, np.random.default_rng(0))
        assert all(adjacency[i, j] for one in drawn for i, j in itertools.combinations(one, 2))
        assert len(set(drawn)) == len(drawn) == 500 or kind not in ("dense", "half")
    assert time.process_time() - start < 4


# Sets of all sizes


@pytest.mark.parametrize("seed", range(3))
def test_every_pair_of_a_set_overlaps_less_than_the_limit(seed: int) -> None:
    annotations = annotations_of(overlap_of(graph(40, 0.6)))
    assert (annotations.overlap == np.float32(0.3)).any(), "the limit itself must be among the overlaps"
    sets = sample_frame_sets(annotations, PAPER, 400, seed)
    assert len(sets) == 400
    for one in sets:
        assert len(one.frames) in PAPER.frame_counts
        for i, j in itertools.combinations(one.frames, 2):
            assert i != j
            assert annotations.overlap[i, j] < np.float32(LIMIT)


def test_no_set_comes_twice_in_whatever_order() -> None:
    sets = sample_frame_sets(annotations_of(overlap_of(graph(12, 0.7))), PAPER, 10_000, 0)
    assert len({frozenset(one.frames) for one in sets}) == len({one.frame_set_id for one in sets}) == len(sets)


def test_a_small_scene_gives_all_of_its_sets() -> None:
    adjacency = graph(11, 0.6, seed=2)
    expected = set().union(*(all_cliques(adjacency, size) for size in PAPER.frame_counts))
    sets = sample_frame_sets(annotations_of(overlap_of(adjacency)), PAPER, 10_000, 0)
    assert {tuple(sorted(one.frames)) for one in sets} == expected


def test_the_same_seed_gives_the_same_sets_and_another_seed_or_scene_does_not() -> None:
    overlap = overlap_of(graph(40, 0.6))
    sets = sample_frame_sets(annotations_of(overlap), PAPER, 50, 3)
    assert sample_frame_sets(annotations_of(overlap), PAPER, 50, 3) == sets
    assert [s.frames for s in sample_frame_sets(annotations_of(overlap), PAPER, 50, 4)] != [s.frames for s in sets]
    other = sample_frame_sets(annotations_of(overlap, "ffffffffff"), PAPER, 50, 3)
    assert [s.frames for s in other] != [s.frames for s in sets]


def test_sizes_are_equally_likely_although_large_sets_are_far_more_numerous() -> None:
    sets = sample_frame_sets(annotations_of(overlap_of(graph(100, 0.9))), PAPER, 4000, 0)
    counts = Counter(len(one.frames) for one in sets)
    assert sorted(counts) == [2, 3, 4, 5]
    assert ((np.array(list(counts.values())) - 1000) ** 2 / 1000).sum() < 16.3, "chi-square, 3 degrees, 0.1 %"
    halves = Counter(len(one.frames) for one in sets[:2000])
    assert min(halves.values()) > 400, "sizes are mixed from the start"


def test_a_size_that_is_used_up_leaves_its_share_to_the_others() -> None:
    adjacency = np.zeros((40, 40), bool)
    adjacency[0, 1:] = adjacency[1:, 0] = True  # 39 pairs
    adjacency[1, 2] = adjacency[2, 1] = True  # and one more, with one triple
    sets = sample_frame_sets(annotations_of(overlap_of(adjacency)), PAPER, 1000, 0)
    assert Counter(len(one.frames) for one in sets) == {2: 40, 3: 1}


def test_the_order_of_the_frames_of_a_set_is_shuffled() -> None:
    sets = sample_frame_sets(annotations_of(overlap_of(graph(100, 0.9))), PAPER, 4000, 0)
    for size in PAPER.frame_counts:
        orders = Counter(tuple(np.argsort(one.frames).tolist()) for one in sets if len(one.frames) == size)
        cells = list(itertools.permutations(range(size)))
        mean = sum(orders.values()) / len(cells)
        statistic = sum((orders[cell] - mean) ** 2 / mean for cell in cells)
        assert statistic < len(cells) - 1 + 4.5 * np.sqrt(2 * (len(cells) - 1))


@pytest.mark.parametrize("num_frames", [0, 1, 2, 30])
def test_a_scene_without_sparse_pairs_gives_no_set(num_frames: int) -> None:
    overlap = np.full((num_frames, num_frames), 0.5)
    np.fill_diagonal(overlap, 1)
    assert sample_frame_sets(annotations_of(overlap), PAPER, 100, 0) == []


def test_a_frame_never_pairs_with_itself_even_if_its_diagonal_says_so() -> None:
    assert sample_frame_sets(annotations_of(np.zeros((1, 1))), PAPER, 10, 0) == []
    (one,) = sample_frame_sets(annotations_of(np.zeros((2, 2))), PAPER, 10, 0)
    assert sorted(one.frames) == [0, 1]


def test_overlaps_that_are_not_numbers_are_no_edges() -> None:
    assert sample_frame_sets(annotations_of(np.full((3, 3), np.nan)), PAPER, 10, 0) == []


def test_the_annotations_stay_as_they_were() -> None:
    annotations = annotations_of(overlap_of(graph(20, 0.6)))
    before = annotations.overlap.copy()
    sample_frame_sets(annotations, PAPER, 10, 0)
    np.testing.assert_array_equal(annotations.overlap, before)


def test_sizes_and_limit_come_from_the_rules() -> None:
    annotations = annotations_of(overlap_of(graph(30, 0.6)))
    rules = dataclasses.replace(PAPER, frame_counts=(3,), max_overlap=0.1)
    sets = sample_frame_sets(annotations, rules, 20, 0)
    assert {len(one.frames) for one in sets} == {3}
    assert all(annotations.overlap[i, j] < 0.1 for one in sets for i, j in itertools.combinations(one.frames, 2))


def test_the_id_names_the_scene_and_the_frames_but_not_their_order() -> None:
    overlap = overlap_of(graph(8, 0.7))
    ids = {
        (scene, frozenset(one.frames)): one.frame_set_id
        for scene in ("0a1b2c3d4e", "ffffffffff")
        for seed in (0, 1)
        for one in sample_frame_sets(annotations_of(overlap, scene), PAPER, 10_000, seed)
    }
    assert len(set(ids.values())) == len(ids)
    for seed in (2, 3):
        sets = sample_frame_sets(annotations_of(overlap), PAPER, 10_000, seed)
        assert all(ids["0a1b2c3d4e", frozenset(one.frames)] == one.frame_set_id for one in sets)


def test_a_real_room_gives_sets(sample_annotations: Annotations) -> None:
    sets = sample_frame_sets(sample_annotations, PAPER, 30, 0)
    assert sets
    for one in sets:
        pairs = list(itertools.combinations(one.frames, 2))
        assert all(sample_annotations.overlap[i, j] < LIMIT for i, j in pairs)
