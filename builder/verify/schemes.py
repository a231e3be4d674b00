"""How a profile words its questions and makes its options: what its rules promise of a record's text alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations

from ..reading import Point
from ..rules import Rules
from ..scans.labels import is_named_in, is_plural
from ..tasks import wording
from .case import Ledger, Record, Text
from .truth import exactly

_AXIS = {"left": 0, "right": 0, "higher": 1, "lower": 1, "closer": 2, "farther": 2}
_FARTHEST_COUNT = 3
"""Offsets of wrong counts are small (App. D)."""
_ROUNDING = 1.5
"""Question pixels by which rounded places may be nearer than they should be."""


def check_scheme(record: Record, text: Text, rules: Rules, ledger: Ledger) -> None:
    """Claim that a record's sentences and options are made as its profile makes them."""
    _check_wording(record, text, rules, ledger)
    _check_categories(record, text, rules, ledger)
    scheme = SCHEMES.get(record["task"]) if text.options else None
    if scheme is not None:
        fits = scheme(record, text, rules)
        ledger.claim("the options follow the profile's scheme", exactly(fits), _kind(record, rules), record["options"])


def _kind(record: Record, rules: Rules) -> str:
    kinds: dict[str, str] = {"count": rules.count_options, "best_view": rules.best_view_options}
    kinds |= {"spatial_relation": rules.spatial_options, "localization": rules.localization_options}
    return f"{kinds[record['task']]}, as {rules.profile} has them"


def _check_wording(record: Record, text: Text, rules: Rules, ledger: Ledger) -> None:
    """Claim the profile's forms of names: "(s)" as the paper prints it, or the right one."""
    category = record["category"]
    expected = {
        "count": lambda: wording.count(rules, category),
        "best_view": lambda: wording.best_view(rules, category),
        "localization": lambda: wording.localization(rules, category, record["query_frame"]),
    }.get(record["task"])
    if expected is None:
        return
    question = expected() + (f" {text.asked.note}" if text.asked.note else "")
    ledger.claim(
        "the question has the profile's words", exactly(record["question"] == question), question, record["question"]
    )
    if record["task"] == "best_view":
        options = [wording.best_view_option(rules, s.count or 0, category, s.frame or 0) for s in text.options]
        got = [option[3:] for option in record["options"]]
        ledger.claim("the options have the profile's words", exactly(options == got), options, got)


def _check_categories(record: Record, text: Text, rules: Rules, ledger: Ledger) -> None:
    """Claim that no category names another in one question, and that what is counted has a singular."""
    if rules.separate_hypernyms:
        offered = [s.category for s in text.options if s.category] if record["task"] == "attribute" else []
        source = [record["source"]["category"]] if record["source"] else []
        names = {record["category"], *source, *offered}
        meet = [pair for pair in combinations(sorted(names), 2) if is_named_in(*pair) or is_named_in(*pair[::-1])]
        ledger.claim("no category names another", exactly(not meet), "none within another", meet)
    if record["task"] in ("count", "best_view") and not rules.counts_plural_names:
        ledger.claim(
            "what is counted has a singular",
            exactly(not is_plural(record["category"])),
            "a singular",
            record["category"],
        )


def _counts(record: Record, text: Text, rules: Rules) -> bool:
    counts = sorted(s.count or 0 for s in text.options)
    if rules.count_options == "consecutive":
        return counts[0] >= 1 and counts[-1] - counts[0] == len(counts) - 1
    key = text.answer.count or 0
    return key >= 1 and all(abs(count - key) <= _FARTHEST_COUNT for count in counts)


def _best_views(record: Record, text: Text, rules: Rules) -> bool:
    pairs = {(s.count or 0, s.frame or 0) for s in text.options}
    counts, frames = ({pair[side] for pair in pairs} for side in (0, 1))
    is_grid = len(counts) == len(frames) == 2 and len(pairs) == 4
    return min(counts) >= 1 and (is_grid or rules.best_view_options != "grid")


def _relations(record: Record, text: Text, rules: Rules) -> bool:
    asked = _AXIS[record["relation"]]
    stated = [s.relations for s in text.options]
    axes = [tuple(_AXIS[relation] for relation in relations) for relations in stated]
    if rules.spatial_options == "composite":
        # Four different combinations on two axes are all there are.
        return len(set(axes)) == 1 and len(axes[0]) == len(set(axes[0])) == 2 and axes[0][0] == asked
    return len(set(stated)) == len(stated) and sorted(axes) == sorted([(0,), (1,), (2,), (asked,)])


def _places(record: Record, text: Text, rules: Rules) -> bool:
    points: list[Point] = [s.point for s in text.options if s.point is not None]
    apart = max(rules.min_distractor_distance_ratio * (record["bbox_2d_diag"] or 0), rules.min_distractor_distance)
    is_apart = all(math.dist(a, b) >= apart - _ROUNDING for a, b in combinations(points, 2))
    is_inside = all(0 <= coordinate <= rules.coordinate_size for point in points for coordinate in point)
    return len(points) == len(text.options) - 1 and is_apart and is_inside


SCHEMES: dict[str, Callable[[Record, Text, Rules], bool]] = {
    "count": _counts,
    "best_view": _best_views,
    "spatial_relation": _relations,
    "localization": _places,
}
"""By task; the options of the others are left to the scene to judge."""
