"""Contests: no option is likelier than another by being offered."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest

from spatialmosaic_builder.contests import COLUMNS, ContestFilter, leave_out

NAMES = "bowl chair clock desk lamp mug plant sofa".split()


def contests(keys_and_wrong, once=True):
    rows = [
        {
            "question_type": "obj_attribute_occ_lr",
            "contest": [key, *wrong],
            "once": " ".join(sorted([key, *wrong])) * once,
        }
        for key, wrong in keys_and_wrong
    ]
    types = [pa.string(), pa.string(), pa.list_(pa.string()), pa.string()]
    return pa.Table.from_pylist(rows, schema=pa.schema(list(zip(COLUMNS, types, strict=True))))


def kept(evenness, table):
    left = leave_out(table, evenness.find_uneven(table))
    return [(key, wrong) for key, *wrong in left["contest"].to_pylist()]


@pytest.fixture
def scenes():
    """Scenes of one layout: the first four names are always the key, wherever they are offered with later ones."""
    rng = np.random.default_rng(0)
    fours = [sorted(four.tolist()) for four in (rng.permutation(8)[:4] for _ in range(1_200))]
    rows = [(NAMES[four[0]], [NAMES[k] for k in four[1:]]) for four in fours]
    turned = [(wrong[rng.integers(3)], None) for _, wrong in rows[::2]]
    rows[::2] = [
        (key, [name for name in [old, *wrong] if name != key])
        for (key, _), (old, wrong) in zip(turned, rows[::2], strict=True)
    ]
    return [contests(rows[k : k + 100]) for k in range(0, len(rows), 100)]


def test_the_same_options_meet_once_in_all_scenes(scenes):
    evenness = ContestFilter()
    met = [tuple(sorted([key, *wrong])) for scene in scenes for key, wrong in kept(evenness, scene)]
    assert len(met) > 30
    assert len(set(met)) == len(met)


def test_no_option_beats_another_much_more_often_than_it_loses(scenes):
    evenness = ContestFilter()
    lead = Counter()
    for scene in scenes:
        for key, wrong in kept(evenness, scene):
            lead.update((key, other) for other in wrong)
    leads = [lead[a, b] - lead[b, a] for a, b in combinations(NAMES, 2)]
    # A question is kept while its key leads over none of the three together: over one of them it may lead by more.
    assert max(map(abs, leads)) <= 3
    assert sum(map(abs, leads)) < len(leads) * 1.5


def test_what_is_one_sided_is_asked_once_a_pair():
    one_sided = [("sofa", wrong) for wrong in combinations([n for n in NAMES if n != "sofa"], 3)]
    won = Counter(name for _, wrong in kept(ContestFilter(), contests(one_sided)) for name in wrong)
    assert set(won.values()) == {1}


def test_what_may_meet_again_does_while_it_is_even():
    wins, loses = ("rug low", ("rug low", "rug high")), ("rug high", ("rug low", "rug low"))
    table = contests([wins, wins, loses, loses, wins], once=False)
    assert ContestFilter().find_uneven(table) == [1, 3]


def test_other_questions_are_left_alone():
    table = pa.Table.from_pylist([{"question_type": "obj_count_occ", "relation": None, "contest": [], "once": ""}] * 5)
    assert ContestFilter().find_uneven(table.cast(contests([]).schema)) == []
