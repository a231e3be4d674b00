"""Scores and averages, against values worked out by hand and against the published evaluation's rules."""

from __future__ import annotations

import math
import re
import time
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from spatialmosaic_builder.tasks import QUESTION_TYPES as BUILDER_TYPES
from spatialmosaic_eval.spatialmosaic_accuracy.scoring import (
    QUESTION_TYPES,
    averages,
    mean_point_accuracy,
    mean_relative_accuracy,
    score_answer,
    task_means,
    type_means,
)

COUNTS = ("A. 4", "B. 3", "C. 2", "D. 1")


def test_the_question_types_are_those_of_the_builder() -> None:
    assert set(QUESTION_TYPES) == set(BUILDER_TYPES)
    for name, question_type in QUESTION_TYPES.items():
        assert question_type.task.removesuffix("_na") in (BUILDER_TYPES[name].name, "object_distance"), name
    assert sum(t.kind == "choice" for t in QUESTION_TYPES.values()) == 12


@pytest.mark.parametrize(
    ("answer", "truth", "share"),
    [
        (2, 2, 1.0),
        (1, 2, 0.1),
        (3, 2, 0.1),
        (0.99, 2, 0.0),
        (1.9, 2, 1.0),
        (2.2, 2, 0.9),
        (2.5, 2, 0.6),
        (0, 2, 0.0),
        (0, 0, 1.0),
        (1, 0, 0.0),
    ],
)
def test_mean_relative_accuracy_by_hand(answer: float, truth: float, share: float) -> None:
    assert mean_relative_accuracy(answer, truth) == pytest.approx(share)


@pytest.mark.parametrize(
    ("distance", "share"), [(0, 1.0), (5, 1.0), (5.1, 0.9), (9.999, 0.5), (13.9, 0.1), (14.0001, 0.0)]
)
def test_mean_point_accuracy_by_hand(distance: float, share: float) -> None:
    assert mean_point_accuracy((100 + distance, 50), (100, 50), bbox_2d_diag=10) == pytest.approx(share)


@pytest.mark.parametrize("parser", ["lenient", "authors"])
@pytest.mark.parametrize("digits", [200, 400])
def test_a_number_without_end_is_wrong_and_stops_nothing(parser: Any, digits: int) -> None:
    huge = "9" * digits
    assert score_answer("point", f"({huge}, 1)", "(1, 2)", (), 10.0, parser=parser).value == 0
    assert score_answer("number", huge, "2", parser=parser).value == 0


def test_a_choice_scores_by_its_letter() -> None:
    assert score_answer("choice", "(D)", "D", COUNTS).value == 1
    assert score_answer("choice", "A", "D", COUNTS).value == 0
    failed = score_answer("choice", "A or D", "D", COUNTS)
    assert (failed.value, failed.parsed, failed.state) == (0, None, "ambiguous")


def test_what_is_no_reference_is_said() -> None:
    with pytest.raises(ValueError, match="number as reference, got 'many'"):
        score_answer("number", "2", "many")
    with pytest.raises(ValueError, match="point such as"):
        score_answer("point", "(1, 2)", "there", bbox_2d_diag=3)
    with pytest.raises(ValueError, match="positive bbox_2d_diag"):
        score_answer("point", "(1, 2)", "(1, 2)")
    with pytest.raises(ValueError, match="parser among lenient, authors"):
        score_answer("number", "2", "2", parser="kind")  # type: ignore[arg-type]


def test_averages_by_hand() -> None:
    means = {
        "obj_count_occ": 0.5,
        **{f"obj_existence_occ_{axis}": value for axis, value in (("lr", 0.6), ("ab", 0.7), ("fb", 0.8))},
        "obj_size_occ_na": 0.3,
    }
    chances = {name: 0.25 if name == "obj_count_occ" else 0.5 for name in means if not name.endswith("_na")}
    found = averages(means, chances, micro=0.4)
    assert found["macro12"] == pytest.approx((0.5 + 0.6 + 0.7 + 0.8) / 4)
    assert found["macro6"] == pytest.approx((0.5 + 0.7) / 2)
    assert found["kappa6"] == pytest.approx((0.25 / 0.75 + 0.2 / 0.5) / 2)
    assert found["macro_na"] == pytest.approx(0.3)
    assert found["overall"] == pytest.approx((0.5 + 0.6 + 0.7 + 0.8 + 0.3) / 5)
    assert found["micro"] == 0.4
    assert averages({}, {})["macro12"] is None


def test_guessing_has_no_kappa_and_knowing_has_all() -> None:
    choices = [name for name, question_type in QUESTION_TYPES.items() if question_type.kind == "choice"]
    chances = {name: 0.5 if "existence" in name else 0.25 for name in choices}
    assert averages(chances, chances)["kappa6"] == pytest.approx(0)
    assert averages(dict.fromkeys(choices, 1.0), chances)["kappa6"] == pytest.approx(1)


def test_means_are_those_of_types_and_tasks() -> None:
    means = type_means(["a", "b", "a"], [1.0, 0.5, 0.0])
    assert means == {"a": 0.5, "b": 0.5}
    assert task_means({"obj_spatial_occ_lr": 0.2, "obj_spatial_occ_fb": 0.4}, QUESTION_TYPES) == {
        "spatial_relation": pytest.approx(0.3)
    }


# --- The published evaluation's rules, written anew as its description states them, in exact arithmetic where it counts.


def published_score(record: dict[str, Any], answer: str) -> float:
    word = answer.strip().split(" ")[0].rstrip(".").strip()
    if record["kind"] == "choice":
        return 1.0 if word.lower() == record["reference"].lower() else 0.0
    if record["kind"] == "number":
        try:
            said = float(word)
        except ValueError:
            return 0.0
        if math.isnan(said) or math.isinf(said):
            return 0.0
        error = abs(said - float(record["reference"])) / float(record["reference"])
        return float(np.mean([error <= 1 - theta for theta in np.linspace(0.5, 0.95, 10)]))
    number = r"-?\d+(?:\.\d+)?"
    pairs = re.findall(rf"\(\s*({number})\s*,\s*({number})\s*\)", answer) or re.findall(
        rf"({number})\s*,\s*({number})", answer
    )
    numbers = re.findall(number, answer)
    pair = pairs[0] if pairs else tuple(numbers[:2])
    if len(pair) < 2 or record["diagonal"] <= 0:
        return 0.0
    x, y = (float(value) for value in re.findall(number, record["reference"]))
    distance = np.hypot(float(pair[0]) - x, float(pair[1]) - y)
    # A distance that is a threshold to the last digits may fall on either side: the draws below avoid it.
    return float(np.mean([distance <= record["diagonal"] * float(Fraction(k, 10)) for k in range(5, 15)]))


def random_case(rng: np.random.Generator) -> tuple[dict[str, Any], str]:
    kind = str(rng.choice(["choice", "number", "point"]))
    if kind == "choice":
        core, reference = str(rng.choice(list("ABCDabcdEF"))), str(rng.choice(list("ABCD")))
    elif kind == "number":
        truth = rng.choice([1, 2, 3, 0.5, 1.83, 120])
        reference = f"{truth:g}"
        core = f"{truth * rng.choice([1, 0.5, 1.5, 0.95, 1.05, 0.1, 3, rng.uniform(0, 2)]):.{rng.integers(0, 3)}f}"
    else:
        reference, core = "(217, 122)", f"{217 + rng.normal(0, 40):.3f}, {122 + rng.normal(0, 40):.3f}"
        core = str(rng.choice(["({})", "{}", "[{}]", "( {} )"])).format(core)
    shape = rng.choice(
        [
            "{}",
            "{}.",
            " {} ",
            "{}\n",
            "({})",
            "{} because",
            "**{}**",
            "Answer: {}",
            "{}..",
            "{}\nsecond line",
            "{}m",
            "about {}",
            "{}\t",
            ".{}",
            "",
        ]
        + (["nan", "inf", "1e400", "1_0", "-{}"] if kind != "choice" else ["the {}", "{}{}"])
    )
    answer = str(shape).replace("{}", core)
    return {"kind": kind, "reference": reference, "diagonal": float(rng.choice([0, 25.3, 61.7]))}, answer


def test_authors_mode_agrees_with_the_published_rules_on_thousands_of_messy_answers() -> None:
    rng = np.random.default_rng(0)
    cases = [random_case(rng) for _ in range(6_000)]
    differing = []
    for record, answer in cases:
        ours = score_answer(
            record["kind"], answer, record["reference"], COUNTS, record["diagonal"], "m", parser="authors"
        ).value
        if ours != pytest.approx(published_score(record, answer), abs=1e-12):
            differing.append((record, answer, ours, published_score(record, answer)))
    assert not differing[:3]
    assert 0.1 < np.mean([published_score(record, answer) for record, answer in cases]) < 0.9


def test_a_hundred_thousand_records_take_seconds() -> None:
    rng = np.random.default_rng(1)
    cases = [random_case(rng) for _ in range(2_000)] * 50
    start = time.process_time()
    for number, (record, answer) in enumerate(cases):
        diagonal = record["diagonal"] or 10.0
        score_answer(record["kind"], f"{answer} {number % 7}", record["reference"], COUNTS, diagonal, "m")
    assert time.process_time() - start < 20
