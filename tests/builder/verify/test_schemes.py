"""What a profile promises of a record's text alone, on records whose scene need not be looked at."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from spatialmosaic_builder.balance import Quota, stock_of
from spatialmosaic_builder.merge import finish_records
from spatialmosaic_builder.records import propose_records
from spatialmosaic_builder.rules import STRICT
from spatialmosaic_builder.verify.case import Ledger
from spatialmosaic_builder.verify.form import check_form, check_group

Record = dict[str, Any]


def contradicted(record: Record) -> set[str]:
    ledger = Ledger()
    check_form(record, ledger)
    return {doubt.claim for doubt in ledger.doubts}


def with_option(record: Record, text: str) -> Record:
    """The first wrong option replaced by another text."""
    wrong = 1 if record["answer_index"] == 0 else 0
    options = list(record["options"])
    options[wrong] = f"{'ABCD'[wrong]}. {text}"
    return record | {"options": options}


def singular_relation(record: Record) -> Record:
    """One relation where two are told."""
    return with_option(record, record["options"][record["answer_index"]][3:].partition(" and ")[0] + ".")


def literal(record: Record) -> Record:
    """The words that the paper prints."""
    question = f"How many {record['category']}(s) are visible across these frames?"
    if record["task"] == "best_view":
        question += f" And tell me which frame provides the most informative view of the {record['category']}(s)."
    return record | {"question": question}


def near_place(record: Record) -> Record:
    """A wrong place a little beside another."""
    places = [k for k, option in enumerate(record["options"]) if "Yes" in option and k != record["answer_index"]]
    x, y = record["options"][places[0]].partition("(")[2].removesuffix(")").split(", ")
    options = list(record["options"])
    options[places[1]] = f"{'ABCD'[places[1]]}. Yes; ({int(x) + 9}, {y})"
    return record | {"options": options}


SCHEME = "the options follow the profile's scheme"
# profile, task, change, claim
WRONG: list[tuple[str, str, Callable[[Record], Record], str]] = [
    ("paper", "count", lambda r: with_option(r, "97"), SCHEME),
    ("paper", "best_view", lambda r: with_option(r, f"0 {r['category']}(s); Frame 1"), SCHEME),
    ("paper", "best_view", lambda r: with_option(r, f"3 {r['category']}; Frame 1"), "the options have the profile's words"),
    ("paper", "best_view", lambda r: with_option(r, f"3 {r['category']}(s); Frame 9"), "the options name frames of the set"),
    ("paper", "spatial_relation", lambda r: with_option(r, r["options"][r["answer_index"]][3:]), SCHEME),
    ("paper", "localization", near_place, SCHEME),
    ("paper", "localization", lambda r: with_option(r, "Yes; (600, 20)"), SCHEME),
    ("strict", "best_view", lambda r: with_option(r, f"7 {r['category']}s; Frame 1"), SCHEME),
    ("strict", "best_view", literal, "the question has the profile's words"),
    ("strict", "count_na", literal, "the question has the profile's words"),
    ("strict", "spatial_relation", singular_relation, SCHEME),
    ("strict", "localization", near_place, SCHEME),
    ("strict", "attribute", lambda r: with_option(r, f"small {r['category']}"), "no category names another"),
    ("strict", "count_na", lambda r: r | {"category": "scissors"}, "what is counted has a singular"),
]  # fmt: skip


@pytest.fixture(scope="module")
def strict_relations(sample_annotations) -> list[Record]:
    """Spatial relations as the merge lays them out; two rooms are too few to balance them, so all are taken."""
    candidates = propose_records(sample_annotations, STRICT, share=10, seed=0).table
    stocks = {name: stock for name, stock in stock_of(candidates).items() if name.startswith("obj_spatial")}
    quotas = {name: Quota(across_scenes=stock.across_scenes) for name, stock in stocks.items()}
    return finish_records(candidates, quotas, "train", seed=0).to_pylist()


@pytest.fixture(scope="module")
def by_task(true_records, strict_relations) -> dict[tuple[str, str], Record]:
    records = {}
    for record in [*strict_relations, *true_records]:
        assert not contradicted(record), record
        if record["task"] == "localization" and record["ground_truth"] != "No":
            continue  # of the three places of a No, none is the key
        is_open = record["task"] == "count" and not record["options"]
        records[record["profile"], record["task"] + ("_na" if is_open else "")] = record
    return records


@pytest.mark.parametrize(("profile", "task", "change", "claim"), WRONG)
def test_an_option_outside_the_scheme_is_noticed(
    profile: str, task: str, change: Callable[[Record], Record], claim: str, by_task
) -> None:
    assert claim in contradicted(change(copy.deepcopy(by_task[profile, task])))


def test_records_are_compared_with_each_other(by_task) -> None:
    def claims(*records: Record) -> set[str]:
        ledgers = [Ledger() for _ in records]
        check_group(list(zip(records, ledgers, strict=True)))
        return {doubt.claim for ledger in ledgers for doubt in ledger.doubts}

    first = by_task["paper", "existence"]
    other = first | {"id": "other", "question": "another"}
    assert not claims(first, other)
    assert claims(first, first) == {"an id stands once", "a question stands once in a frame set"}
    assert claims(first, other | {"frames": first["frames"][::-1]}) == {"a frame set has one order"}
    assert claims(first, other | {"split": "train" if first["split"] == "test" else "test"}) == {
        "a scene is in one split"
    }


def test_where_records_differ_the_most_are_right(by_task) -> None:
    right = by_task["paper", "existence"]
    wrong = right | {"split": "train" if right["split"] == "test" else "test"}
    records = [wrong, *(right | {"id": str(k), "question": str(k)} for k in range(2))]
    ledgers = [Ledger() for _ in records]
    check_group(list(zip(records, ledgers, strict=True)))
    assert [[doubt.claim for doubt in ledger.doubts] for ledger in ledgers] == [["a scene is in one split"], [], []]
