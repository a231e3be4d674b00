"""One check a task: derives the answer again and proves every wrong option false."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import combinations

import numpy as np
from scipy.sparse.csgraph import connected_components

from ..reading import Point, Statement
from .case import Case
from .truth import (
    AREA_FACTOR,
    OCCLUSION_BAND,
    OVERLAP_BAND,
    PLACE_BAND,
    SEPARATION_BAND,
    Truth,
    above,
    every,
    exactly,
    some,
    within,
)
from .view import FEW_POINTS

_OPPOSITES = {"left": "right", "higher": "lower", "closer": "farther"}
_OPPOSITES |= {second: first for first, second in _OPPOSITES.items()}
_EDGE_BAND = 2 * PLACE_BAND
"""A centre that is off by a band may come of an edge that is off by two."""
_HALF_STEP = 0.005 + 1e-4
"""Metres by which an answer may be rounded."""
_PIXEL = 1.5
"""Question pixels that rounding and whole native pixels may make."""


def check_truth(case: Case) -> None:
    """Claim everything that the scene says about a record."""
    check_frame_set(case)
    CHECKS[case.record["task"]](case)


def check_frame_set(case: Case) -> None:
    """The frames of a set overlap little, and as much as the record says."""
    overlaps = [case.scene.sightings.overlap(a, b) for a, b in combinations(case.frames, 2)]
    limit = case.rules.max_overlap
    truth = ~above(max(overlaps), limit, OVERLAP_BAND)
    case.ledger.claim("every two frames overlap little", truth, f"below {limit}", f"{max(overlaps):.3f}")
    if case.rules.min_shared_overlap > 0:
        linked, shared = _are_linked(case, overlaps), [round(overlap, 4) for overlap in overlaps]
        limit = case.rules.min_shared_overlap
        case.ledger.claim("what frames share links them all", linked, f"links of at least {limit}", shared)
    mean, got = 100 * sum(overlaps) / len(overlaps), case.record["overlap_avg"]
    same = abs(mean - got) <= 100 * OVERLAP_BAND
    case.ledger.claim("overlap_avg is the mean overlap", exactly(same), f"{mean:.2f}", got)


def _are_linked(case: Case, overlaps: list[float]) -> Truth:
    """Whether links between frames lead from each to every other, by the overlaps of all pairs of frames."""
    limit, num_frames = case.rules.min_shared_overlap, len(case.frames)
    links = [above(overlap, limit, limit / 2) for overlap in overlaps]
    reached = []
    for state in range(3):
        graph = np.zeros((num_frames, num_frames), bool)
        graph[np.triu_indices(num_frames, 1)] = [link[state] for link in links]
        reached.append(connected_components(graph, directed=False)[0] == 1)
    return Truth(*reached)


def check_count(case: Case) -> None:
    """The key is the number of distinct instances of the category that the frames show; no other option is."""
    members = check_category(case)
    shown = {k: case.shown(k) for k in members}
    claim_count(case, shown, members)
    for option in case.wrong_options:
        wrong = ~_is_count(option.count, shown.values())
        case.ledger.claim("a wrong count is false", wrong, f"not {option.count}", option.count, case.show(members))
    check_difficulty(case, shown)


def check_best_view(case: Case) -> None:
    """The key is the count and the frame that shows most; every other option has one of them wrong."""
    members = check_category(case)
    shown = {k: case.shown(k) for k in members}
    claim_count(case, shown, members)
    is_best = {position + 1: _is_best(case, members, position) for position in range(len(case.frames))}
    best = case.text.answer.frame
    truth = is_best.get(best or 0, exactly(False))
    case.ledger.claim("the frame of the key shows most", truth, _possible(is_best), best, case.show(members))
    for option in case.wrong_options:
        is_right = _is_count(option.count, shown.values()) & is_best.get(option.frame or 0, exactly(False))
        pair = f"{option.count} in Frame {option.frame}"
        case.ledger.claim("a wrong pair is false", ~is_right, f"not {pair}", pair, case.show(members))
    check_difficulty(case, shown)


def claim_count(case: Case, shown: dict[int, Truth], members: list[int]) -> None:
    """The key's count is the number of shown instances."""
    got = case.text.answer.count
    low, high = (sum(truth[state] for truth in shown.values()) for state in (1, 2))
    expected = f"{low}" if low == high else f"{low} to {high}"
    truth = _is_count(got, shown.values())
    case.ledger.claim("the key is the count", truth, expected, got, case.show(members))


def check_category(case: Case) -> list[int]:
    """The category is a subject, and it is sure of each of its instances whether a frame of the set shows it."""
    category = case.record["category"]
    members = case.members(category)
    case.ledger.claim(
        "the category may be asked about", exactly(case.scene.is_subject(category)), "an object", category
    )
    small = [k for k in members if not case.scene.is_large_enough(k)]
    showing = some(case.scene.shows_pixel(k, frame) for k in small for frame in case.frames)
    case.ledger.claim("no instance shows that is too small to count", ~showing, "none", small, case.show(small))
    sure = every(case.scene.visible(k, frame) | case.scene.absent(k, frame) for k in members for frame in case.frames)
    case.ledger.claim("every instance is visible or absent", sure, "not in between", category, case.show(members))
    return members


def _is_count(count: int | None, shown: Iterable[Truth]) -> Truth:
    number, low, high = (sum(column) for column in zip(*shown, strict=True)) if (shown := list(shown)) else (0, 0, 0)
    return Truth(count == number, count == low == high, count is not None and low <= count <= high)


def _is_best(case: Case, members: list[int], position: int) -> Truth:
    """Whether a frame shows more of the instances than every other: a higher count, or an equal one and more pixels."""
    scene, at = case.scene, np.ix_(case.frames, members)
    visible = [[scene.visible(k, frame) for k in members] for frame in case.frames]
    truths = np.array(visible, bool).reshape(len(case.frames), len(members), 3)
    pixels = (scene.sightings.pixels, scene.pixel_bounds[0] / AREA_FACTOR, scene.pixel_bounds[1] * AREA_FACTOR)
    areas = np.stack([(truths[..., state] * pixels[state][at]).sum(axis=1) for state in range(3)])
    counts, p = truths.sum(axis=1).T, position

    def leads(mine: int, other: int, q: int) -> bool:
        rival = areas[other, q] * case.rules.min_area_lead
        return bool((counts[mine, p], areas[mine, p]) > (counts[other, q], rival))

    others = [q for q in range(len(case.frames)) if q != p]
    return every(Truth(leads(0, 0, q), leads(1, 2, q), leads(2, 1, q)) for q in others)


def _possible(truths: dict[int, Truth]) -> str:
    return ", ".join(f"Frame {frame}" for frame, truth in truths.items() if truth.possibly)


def check_localization(case: Case) -> None:
    """Yes: the only visible instance of the category, at the key's place and at no other option's. No: none is visible."""
    members = check_category(case)
    if not check_instance(case, "target"):
        return
    target, at, ledger = case.target, case.query, case.ledger
    if case.text.options and case.rules.localization_options == "object centres":
        _claim_objects_there(case)
    if case.text.answer.is_yes is False:
        gone = every(case.scene.absent(k, at) for k in members)
        ledger.claim("none of the category is in the query frame", gone, "Yes", "No", case.show(members))
        elsewhere = case.shown_elsewhere(target)
        ledger.claim("the target is visible in another frame", elsewhere, "visible", "not", case.show([target]))
        check_difficulty(case, {k: case.shown(k) for k in members})
        return
    ledger.claim("the target is visible", case.scene.visible(target, at), "visible", "not", case.show([target]))
    alone = every(case.scene.absent(k, at) for k in case.twins(target))
    ledger.claim("it is the only one of its category", alone, "alone", "others", case.show(members))
    claim_place(case, "the key is the centre of the visible box", target, case.text.answer.point)
    check_box(case, target)
    for option in case.wrong_options:
        if option.point is not None:
            wrong = ~_is_at(case, target, option.point)
            ledger.claim("a wrong place is false", wrong, "a place elsewhere", option.point, case.show([target]))
    check_difficulty(case, {target: exactly(True)})


def _claim_objects_there(case: Case) -> None:
    """Every wrong place is that of some object in the query frame."""
    visible = [k for k in range(len(case.scene.scan.instances)) if case.scene.visible(k, case.query).possibly]
    for option in case.wrong_options:
        if option.point is not None:
            there = some(_is_at(case, k, option.point) for k in visible)
            case.ledger.claim("a wrong place is that of another object", there, "the centre of one", option.point)


def claim_place(case: Case, what: str, k: int, point: Point | None) -> None:
    """A place in question coordinates is the centre of what the query frame shows of an instance."""
    box, _, _ = case.question_boxes(k)
    centre = (box[:2] + box[2:]) / 2
    truth = exactly(False) if point is None else _is_at(case, k, point)
    case.ledger.claim(what, truth, centre.round(1).tolist(), point, case.show([k]))


def _is_at(case: Case, k: int, point: Point) -> Truth:
    """Whether a place is the centre of the visible box, as the grid of the verifier or another one would find it."""
    box, low, high = case.question_boxes(k)
    if np.isnan(low).any():
        return exactly(False)
    band = PLACE_BAND * case.rules.coordinate_size
    off = abs((box[:2] + box[2:]) / 2 - point)
    is_within = (point >= (low[:2] + low[2:]) / 2 - band) & (point <= (high[:2] + high[2:]) / 2 + band)
    return within((off <= band).all(), is_within.all())


def check_box(case: Case, k: int) -> None:
    """`bbox_2d` is what the query frame shows of the target; its diagonal and the key are those of the box."""
    size = case.rules.coordinate_size
    box = case.to_question(np.array(case.record["bbox_2d"], np.float64))
    seen, low, high = case.question_boxes(k)
    band = _EDGE_BAND * size
    is_within = (box >= low - band) & (box <= high + band)
    same = within((abs(box - seen) <= band).all(), is_within.all())
    expected, got = seen.round(1).tolist(), box.round(1).tolist()
    case.ledger.claim("bbox_2d is the visible box", same, expected, got, case.show([k]))
    diagonal, got = math.dist(box[:2], box[2:]), case.record["bbox_2d_diag"]
    case.ledger.claim("bbox_2d_diag is its diagonal", exactly(abs(diagonal - got) <= _PIXEL), f"{diagonal:.1f}", got)
    centre, point = (box[:2] + box[2:]) / 2, case.text.answer.point
    on_centre = point is not None and bool((abs(centre - point) <= _PIXEL).all())
    case.ledger.claim("the key is the centre of bbox_2d", exactly(on_centre), centre.round(1).tolist(), point)


def check_existence(case: Case) -> None:
    """The asked relation holds where the key is Yes, its opposite where it is No."""
    if check_pair(case):
        (asked,) = case.text.asked.relations
        is_yes = case.text.answer.is_yes
        claim_relation(case, "the key answers the question", asked if is_yes else _OPPOSITES[asked])
        check_difficulty(case, {case.target: exactly(True)})


def check_attribute(case: Case) -> None:
    """The key stands in the asked relation; every wrong category is there, and wholly in the opposite one."""
    if not check_pair(case):
        return
    (asked,) = case.text.asked.relations
    claim_relation(case, "the key stands in the asked relation", asked)
    same = case.text.answer.category == case.record["category"]
    case.ledger.claim("the key is the target", exactly(same), case.record["category"], case.text.answer.category)
    named = [option.category for option in case.text.options] + [case.record["source"]["category"]]
    case.ledger.claim(
        "options and source are different things", exactly(len(set(named)) == len(named)), "no category twice", named
    )
    for option in case.wrong_options:
        check_opposed(case, option, _OPPOSITES[asked])
    check_difficulty(case, {case.target: exactly(True)})


def check_opposed(case: Case, option: Statement, opposite: str) -> None:
    """A wrong category has an eligible instance, and all of its eligible ones stand opposite to the asked relation."""
    name = option.category or ""
    members, ledger = case.members(name), case.ledger
    ledger.claim("a wrong category may be asked about", exactly(case.scene.is_subject(name)), "an object", name)
    large = [k for k in members if case.scene.is_large_enough(k)]
    is_there = some(case.eligible(k) for k in large)
    ledger.claim("a wrong category is in the set", is_there, "eligible", name, case.show(members))
    if case.rules.attribute_options == "exchangeable":
        could_be = some(_could_be_target(case, k) for k in large)
        ledger.claim("a wrong category could be the answer elsewhere", could_be, "a target", name, case.show(members))
    stands = {k: case.scene.stands(k, opposite, case.source, case.query) for k in members}
    wrong = every(~case.eligible(k) | stands[k] for k in members)
    ledger.claim(
        "a wrong category is false", wrong, f"all of it {opposite}", name, case.show_boxes([*members, case.source])
    )


def _could_be_target(case: Case, k: int) -> Truth:
    """Whether an instance is absent from the query frame, visible in another, and named by its category."""
    return case.scene.absent(k, case.query) & case.shown_elsewhere(k) & case.alone(k)


def check_spatial_relation(case: Case) -> None:
    """The key's relations all hold; of every wrong option one relation is wrong: its opposite holds."""
    if not check_pair(case):
        return
    for relation in case.text.answer.relations:
        claim_relation(case, "the key holds", relation)
    names_truth = case.record["relation"] in case.text.answer.relations
    case.ledger.claim(
        "the key names the relation", exactly(names_truth), case.record["relation"], case.text.answer.relations
    )
    for option in case.wrong_options:
        wrong = some(case.stands(_OPPOSITES[relation]) for relation in option.relations)
        evidence = case.show_boxes([case.target, case.source])
        case.ledger.claim("a wrong relation is false", wrong, "one that does not hold", option.relations, evidence)
    check_difficulty(case, {case.target: exactly(True)})


def claim_relation(case: Case, what: str, relation: str) -> None:
    """Target and source of the record stand in a relation."""
    shown = _OPPOSITES[relation] if case.stands(_OPPOSITES[relation]).holds else "neither it nor its opposite"
    case.ledger.claim(what, case.stands(relation), shown, relation, case.show_boxes([case.target, case.source]))


def check_pair(case: Case) -> bool:
    """Source visible in the query frame and named without doubt; target absent there, but visible in another, and alone."""
    if not (check_instance(case, "source") and check_instance(case, "target")):
        return False
    scene, ledger, source, target = case.scene, case.ledger, case.source, case.target
    claim_relation(case, "the relation is true", case.record["relation"])
    ledger.claim("the source is visible", scene.visible(source, case.query), "visible", "not", case.show([source]))
    absent = scene.absent(target, case.query)
    ledger.claim("the target is not in the query frame", absent, "absent", "visible", case.show([target]))
    elsewhere = case.shown_elsewhere(target)
    ledger.claim("the target is visible in another frame", elsewhere, "visible", "not", case.show([target]))
    check_alone(case, target)
    check_tag(case, source, case.record["source"]["position"])
    return True


def check_instance(case: Case, role: str) -> bool:
    """A record's source or target exists, is of its category, and may be a subject."""
    ref, ledger = case.record[role], case.ledger
    k = case.scene.index_of.get(ref["instance_id"])
    named = case.record["category"] if role == "target" else ref["category"]
    category = None if k is None else case.scene.scan.instances[k].category
    named_ref = f"{named} {ref['instance_id']}"
    is_it = ledger.claim(f"the {role} is the object of that id", exactly(category == named), category, named_ref)
    if k is None or not is_it:
        return False
    ledger.claim(
        f"the {role} may be asked about", exactly(case.scene.is_subject(ref["category"])), "an object", ref["category"]
    )
    large = exactly(case.scene.is_large_enough(k))
    ledger.claim(f"the {role} has vertices enough", large, case.rules.min_instance_vertices, "fewer")
    return True


def check_alone(case: Case, k: int) -> None:
    """No other instance of its category is eligible in the set: the category names it."""
    evidence = case.show([k, *case.twins(k)])
    case.ledger.claim("it is the only one of its category in the set", case.alone(k), "alone", "others", evidence)


def check_tag(case: Case, k: int, position: Point | None) -> None:
    """An object is the only one of its category in the query frame, or tagged with its place there."""
    unique = every(case.scene.absent(other, case.query) for other in case.twins(k))
    evidence = case.show([k, *case.twins(k)])
    if position is None:
        case.ledger.claim("no twin is there, or a tag tells them apart", unique, "a tag", "none", evidence)
    else:
        case.ledger.claim("a tag is there only for twins", ~unique, "no tag", position, evidence)
        claim_place(case, "the tag is the centre of the visible box", k, position)


def check_distance(case: Case) -> None:
    """The answer is the distance from the camera's centre, or from the source's, to the target's centre."""
    if not check_instance(case, "target"):
        return
    readings = case.scene.boxes.readings(case.rules)
    centres = [boxes[case.target].centroid for boxes in readings]
    if case.record["query_frame"] is not None:
        seen = case.scene.visible(case.target, case.query)
        case.ledger.claim("the target is visible", seen, "visible", "not", case.show([case.target]))
        check_tag(case, case.target, case.record["target"]["position"])
        camera_world = case.scene.camera_world(case.query)
        claim_length(case, [math.dist(camera_world, centre) for centre in centres], 1)
    elif check_instance(case, "source"):
        for k in (case.target, case.source):
            case.ledger.claim("a frame shows the object", case.shown(k), "visible", "not", case.show([k]))
            check_alone(case, k)
        others = [boxes[case.source].centroid for boxes in readings]
        claim_length(case, [math.dist(a, b) for a, b in zip(centres, others, strict=True)], 1)
    check_difficulty(case, {case.target: exactly(True)})


def check_size(case: Case) -> None:
    """The answer is the longest side of the target's box."""
    if not check_instance(case, "target"):
        return
    case.ledger.claim("a frame shows the object", case.shown(case.target), "visible", "not", case.show([case.target]))
    check_alone(case, case.target)
    claim_length(case, [max(boxes[case.target].lengths) for boxes in case.scene.boxes.readings(case.rules)], 100)
    check_difficulty(case, {case.target: exactly(True)})


def claim_length(case: Case, readings: list[float], per_metre: int) -> None:
    """The answer is a length in the question's unit, the same by every reading, and so is the band about it."""
    rules, number = case.rules, case.text.answer.number
    assert number is not None
    got, told = number / per_metre, readings[0]
    band = max(rules.measure_tolerance_ratio * told, rules.measure_tolerance)
    expected = ", ".join(f"{length * per_metre:.3f}" for length in readings)
    case.ledger.claim("the number is the length", exactly(abs(got - told) <= band), expected, number)
    for other in readings[1:]:
        same = within(abs(told - other) <= band, abs(told - other) <= band + SEPARATION_BAND)
        case.ledger.claim("the length does not hang on how it is measured", same, expected, number)
    case.ledger.claim(
        "the length is worth measuring", above(told, rules.min_measure, SEPARATION_BAND), expected, number
    )
    low, high = (end / per_metre for end in case.record["answer_band"] or (math.nan, math.nan))
    middle, band = (low + high) / 2, max(rules.measure_tolerance_ratio * got, rules.measure_tolerance)
    fits = abs(middle - got) <= _HALF_STEP and abs((high - low) / 2 - band) <= _HALF_STEP
    ends = [(got + sign * band) * per_metre for sign in (-1, 1)]
    case.ledger.claim("answer_band is the tolerance", exactly(fits), ends, case.record["answer_band"])


def check_difficulty(case: Case, targets: dict[int, Truth]) -> None:
    """Diagnostics of spec section 8, measured on the target instances.

    Args:
        case: the record.
        targets: instances that are or may be targets.
    """
    record, ledger, scene = case.record, case.ledger, case.scene
    targets = {k: truth for k, truth in targets.items() if truth.possibly}
    mean, truth = _occlusion(case, targets)
    ledger.claim("occlusion_avg is the mean of the targets", truth, mean, record["occlusion_avg"], case.show(targets))
    seen = {frame: some(scene.visible(k, frame) & targets[k] for k in targets) for frame in case.frames}
    shown = _is_count(record["num_frames_visible"], seen.values())
    showing = sum(truth.holds for truth in seen.values())
    ledger.claim(
        "num_frames_visible counts the targets' frames",
        shown,
        showing,
        record["num_frames_visible"],
        case.show(targets),
    )
    fully = every(scene.visible(k, frame) | ~targets[k] for k in targets for frame in case.frames)
    fully &= every(seen.values())  # who the targets are may be open, but there is one
    levels = {"Fully Visible": fully, "Partially Visible": ~fully}
    _claim_level(case, "vis_level", "tells whether all frames show the targets", levels, targets)
    members = case.members(record["category"])
    covered = every(case.shown(k) for k in members)
    levels = {"Full Coverage": covered, "Partial Coverage": ~covered}
    _claim_level(case, "gt_scenario", "tells whether the set shows all", levels, members)


def _claim_level(case: Case, column: str, what: str, levels: dict[str, Truth], instances: Iterable[int]) -> None:
    """Claim that a column holds the level that the scene shows, of two of which one is true."""
    expected = next(level for level, truth in levels.items() if truth.holds)
    got = case.record[column]
    case.ledger.claim(f"{column} {what}", levels.get(got, exactly(False)), expected, got, case.show(instances))


def _occlusion(case: Case, targets: dict[int, Truth]) -> tuple[float | None, Truth]:
    """Mean occlusion ratio over targets and frames with a point of them, and whether the record's is that."""
    sightings, scene, got = case.scene.sightings, case.scene, case.record["occlusion_avg"]
    at = np.ix_(case.frames, list(targets))
    in_view, near = sightings.in_view[at] > 0, sightings.near_view[at] > 0
    low, high = (bounds[at] for bounds in scene.hidden_bounds)
    is_target, surely = (np.array([truth[state] for truth in targets.values()], bool) for state in (0, 1))
    # Where few points are in the picture, another sample may have none there, so the frame may count or not.
    counts = surely & (scene.points_in_view[at] >= FEW_POINTS)
    measured = sightings.hidden[at][in_view & is_target]
    mean = float(measured.mean()) if len(measured) else None
    if got is None:
        return mean, within(mean is None, not counts.any())
    least = _extreme_mean(low[counts], low[near & ~counts])
    most = 1 - _extreme_mean(1 - high[counts], 1 - high[near & ~counts])
    slack = OCCLUSION_BAND / 10
    is_within = near.any() and least - slack <= got <= most + slack
    return mean, within(mean is not None and abs(got - mean) <= OCCLUSION_BAND, is_within)


def _extreme_mean(fixed: np.ndarray, optional: np.ndarray) -> float:
    """Least mean of the fixed values and any of the optional ones; 0 where there is none."""
    if not len(fixed) and not len(optional):
        return 0.0
    values = np.concatenate([fixed, np.sort(optional)])
    means = np.cumsum(values) / np.arange(1, len(values) + 1)
    return float(means[max(len(fixed) - 1, 0) :].min())


CHECKS: dict[str, Callable[[Case], None]] = {
    "count": check_count,
    "best_view": check_best_view,
    "existence": check_existence,
    "attribute": check_attribute,
    "spatial_relation": check_spatial_relation,
    "localization": check_localization,
    "distance": check_distance,
    "size": check_size,
}
"""By task."""
