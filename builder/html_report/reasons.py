"""Says in a sentence why the right answer is right and why each wrong one is wrong, as the annotations have it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np

from ..tasks import wording
from .exhibit import Exhibit


def explain_answers(exhibit: Exhibit) -> tuple[str, ...]:
    """Explain each of the exhibit's answers, in their order."""
    return tuple(_EXPLAIN[exhibit.record["task"]](exhibit))


def _count(exhibit: Exhibit) -> list[str]:
    number = len(exhibit.subjects)
    seen = []
    for position in range(exhibit.evidence.num_frames):
        names = [f"no. {k + 1}" for k in _visible(exhibit, position)]
        seen.append(f"Frame {position + 1} shows {_and(names) or 'none'}")
    told = f"{', '.join(seen)}: {number} in all."
    return [
        told if k == exhibit.key else f"The frames show {number}, not {text}." for k, text in enumerate(exhibit.texts)
    ]


def _visible(exhibit: Exhibit, position: int) -> list[int]:
    """Which of the subjects a frame shows."""
    return [k for k, (n, _, _) in enumerate(exhibit.subjects) if exhibit.evidence.is_visible[position, n]]


def _best_view(exhibit: Exhibit) -> list[str]:
    rules, category = exhibit.evidence.rules, exhibit.record["category"]
    number = len(exhibit.subjects)
    frames = range(1, exhibit.evidence.num_frames + 1)
    counts = range(number + len(exhibit.evidence.scene.annotations.instances) + 1)
    said = {wording.best_view_option(rules, n, category, k): (n, k) for n, k in product(counts, frames)}
    _, best = said[exhibit.texts[exhibit.key]]
    sentences = []
    for k, text in enumerate(exhibit.texts):
        told, frame = said[text]
        if k == exhibit.key:
            sentences.append(f"The frames show {number} in all, and Frame {best} most: {_shown(exhibit, best)}.")
            continue
        faults = [f"the frames show {number}, not {told}"] if told != number else []
        if frame != best:
            faults.append(f"Frame {frame} shows less than Frame {best}: {_shown(exhibit, frame)}")
        sentences.append(_sentence(faults))
    return sentences


def _shown(exhibit: Exhibit, frame: int) -> str:
    return ", ".join(exhibit.notes(frame - 1))


def _existence(exhibit: Exhibit) -> list[str]:
    true = _stands(exhibit, exhibit.record["relation"])
    wrong = "The asked relation holds." if exhibit.texts[exhibit.key] == wording.YES else "The opposite holds."
    return [true if k == exhibit.key else wrong for k in range(len(exhibit.texts))]


def _stands(exhibit: Exhibit, relation: str) -> str:
    source, target = exhibit.record["source"]["category"], exhibit.record["target"]["category"]
    phrase, gap = wording.RELATION_PHRASES[relation], exhibit.gaps.get(relation)
    if gap is None:
        return f"The boxes around {target} and {source} do not decide it."
    return f"The box around the {target} lies wholly {phrase} that around the {source}, {gap:.2f} m apart."


def _attribute(exhibit: Exhibit) -> list[str]:
    opposite = wording.OPPOSITES[exhibit.record["relation"]]
    sentences = []
    for k, text in enumerate(exhibit.texts):
        if k == exhibit.key:
            sentences.append(_stands(exhibit, exhibit.record["relation"]))
            continue
        members = exhibit.wrong_instances[text]
        gaps = [exhibit.gaps_to_source(n).get(opposite) for n in members]
        apart = [gap for gap in gaps if gap is not None]
        if members and len(apart) == len(members):
            what = {1: "It stands", 2: "Both stand"}.get(len(members), f"All {len(members)} stand")
            phrase, source = wording.RELATION_PHRASES[opposite], exhibit.record["source"]["category"]
            end = "." if len(members) == 1 else " or more."
            sentences.append(f"{what} on the other side: {phrase} the {source}, {min(apart):.2f} m apart{end}")
        else:
            sentences.append(f"{len(members) - len(apart)} of {len(members)} do not stand on the other side.")
    return sentences


def _spatial_relation(exhibit: Exhibit) -> list[str]:
    source = exhibit.record["source"]
    phrase = wording.tagged(source["category"], source["position"])
    relations = tuple(wording.OPPOSITES)
    said = {wording.relation_option(one, phrase): (one,) for one in relations} | {
        wording.composite_option(two, source["category"], phrase): two for two in product(relations, repeat=2)
    }
    sentences = []
    for k, text in enumerate(exhibit.texts):
        if k == exhibit.key:
            sentences.append(" ".join(_stands(exhibit, relation) for relation in said[text]))
            continue
        wrong = [relation for relation in said[text] if relation not in exhibit.gaps]
        faults = []
        for relation in wrong:
            opposite = wording.OPPOSITES[relation]
            gap, side = exhibit.gaps.get(opposite), "to the " if opposite in ("left", "right") else ""
            faults.append("that is not decided" if gap is None else f"it is {side}{opposite}, by {gap:.2f} m")
        sentences.append(_sentence(faults))
    return sentences


def _localization(exhibit: Exhibit) -> list[str]:
    position = exhibit.query_position
    assert position is not None
    place = f"Frame {position + 1}"
    if exhibit.record["bbox_2d"] is None:
        shown = [f"Frame {k + 1}" for k in range(exhibit.evidence.num_frames) if _visible(exhibit, k)]
        key = f"{place} shows none; {_and(shown)} {'does' if len(shown) == 1 else 'do'}."
        return [key if k == exhibit.key else f"{place} shows none." for k in range(len(exhibit.texts))]
    scene, frame = exhibit.evidence.scene, exhibit.evidence.frame_of(position)
    target = exhibit.instance(exhibit.record["target"])
    centre, diagonal = scene.question_key(frame, target)
    pixels = scene.annotations.visible_pixels[frame, target]
    dots = {dot.letter: np.array([dot.x, dot.y]) * exhibit.evidence.rules.coordinate_size for dot in exhibit.dots}
    sentences = []
    for k, answer in enumerate(exhibit.answers):
        if k == exhibit.key:
            sentences.append(f"{place} shows one alone, and {centre} is the middle of its visible pixels.")
        elif answer[0] in dots:
            off = float(np.linalg.norm(dots[answer[0]] - centre)) / diagonal
            sentences.append(f"That is {off:.1f} diagonals of its box away from the middle of its visible pixels.")
        else:
            sentences.append(f"{place} shows it: {pixels:,.0f} px.")
    return sentences


def _distance(exhibit: Exhibit) -> list[str]:
    target = exhibit.record["target"]["category"]
    if exhibit.query_position is None:
        ends = f"the centres of the boxes around {target} and {exhibit.record['source']['category']}"
    else:
        ends = f"the camera of Frame {exhibit.query_position + 1} and the centre of the box around the {target}"
    return [f"{_length(exhibit)} lie between {ends}."]


def _size(exhibit: Exhibit) -> list[str]:
    return [
        f"The longest side of the box around the {exhibit.record['target']['category']} measures {_length(exhibit)}."
    ]


def _length(exhibit: Exhibit) -> str:
    assert exhibit.length is not None
    return exhibit.length.label


def _and(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _sentence(clauses: list[str]) -> str:
    text = "; ".join(clauses)
    return f"{text[:1].upper()}{text[1:]}."


_EXPLAIN: dict[str, Callable[[Exhibit], list[str]]] = {
    "count": _count,
    "best_view": _best_view,
    "existence": _existence,
    "attribute": _attribute,
    "spatial_relation": _spatial_relation,
    "localization": _localization,
    "distance": _distance,
    "size": _size,
}
