"""What a report says, against numbers that are worked out anew from the files."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from spatialmosaic_builder.schema import RECORD_SCHEMA
from spatialmosaic_eval.config import ReportConfig, RunConfig
from spatialmosaic_eval.errors import EvalError
from spatialmosaic_eval.predictions import run_file
from spatialmosaic_eval.report import write_report
from spatialmosaic_eval.report.published import TABLE_3, TABLE_4
from spatialmosaic_eval.runner import run

TASKS = {"count": 1, "best_view": 1, "existence": 3, "attribute": 3, "spatial_relation": 3, "localization": 1}
Answered = Callable[..., Path]
Reported = Callable[..., dict[str, Any]]
Answer = Callable[[dict[str, Any]], str]


def right(row: dict[str, Any]) -> str:
    answer: str = row["mc_answer"] or row["ground_truth"]
    return answer


def sometimes(share: float, seed: int) -> Answer:
    """Right in so many cases, and messy in either."""
    rng = np.random.default_rng(seed)

    def answer(row: dict[str, Any]) -> str:
        shape = str(rng.choice(["{}", "({})", "The answer is {}.", "**{}**", "{}."]))
        if rng.random() < share:
            return shape.replace("{}", right(row)) if row["options"] else right(row)
        return str(rng.choice(["A", "B", "A or B", "C", "", "about 3", "(100, 100)", "no idea"]))

    return answer


def recomputed(folder: Path, records: dict[str, Any]) -> dict[str, dict[str, list[float]]]:
    """Scores by question type, from what the run's own file says was parsed, by rules that are written out here."""
    scores: dict[str, list[float]] = defaultdict(list)
    for line in (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()[1:]:
        made = json.loads(line)
        row, value = records[made["id"]], 0.0
        if made["parsed"] is None:
            pass
        elif row["answer_type"] == "choice":
            value = float(made["parsed"] == row["mc_answer"])
        elif row["answer_type"] == "number":
            truth = float(row["ground_truth"])
            value = float(
                np.mean([abs(made["parsed"] - truth) / truth <= 1 - t + 1e-12 for t in np.linspace(0.5, 0.95, 10)])
            )
        else:
            x, y = (float(number) for number in row["ground_truth"].strip("()").split(","))
            far = np.hypot(made["parsed"][0] - x, made["parsed"][1] - y)
            value = float(np.mean([far <= row["bbox_2d_diag"] * t for t in np.arange(0.5, 1.45, 0.1)]))
        scores[row["question_type"]].append(value)
    return {"types": scores}


def test_the_numbers_of_a_run_are_those_worked_out_anew(
    answered: Answered, reported: Reported, records: dict[str, Any]
) -> None:
    folder = answered("some", sometimes(0.6, 0))
    (made,) = reported(folder)["runs"]
    types = {name: float(np.mean(values)) for name, values in recomputed(folder, records)["types"].items()}
    assert {name: score["value"] for name, score in made["types"].items()} == pytest.approx(types)
    by_task: dict[str, list[float]] = defaultdict(list)
    for name, value in types.items():
        if not name.endswith("_na"):
            by_task[next(row["task"] for row in records.values() if row["question_type"] == name)].append(value)
    assert {task: len(values) for task, values in by_task.items()} == TASKS
    choices = [value for values in by_task.values() for value in values]
    every = [value for values in recomputed(folder, records)["types"].values() for value in values]
    expected = {
        "macro12": np.mean(choices),
        "macro6": np.mean([np.mean(values) for values in by_task.values()]),
        "kappa6": np.mean(
            [
                (np.mean(v) - (0.5 if t == "existence" else 0.25)) / (0.5 if t == "existence" else 0.75)
                for t, v in by_task.items()
            ]
        ),
        "macro_na": np.mean([value for name, value in types.items() if name.endswith("_na")]),
        "overall": np.mean(list(types.values())),
        "micro": np.mean(every),
    }
    assert {name: score["value"] for name, score in made["averages"].items()} == pytest.approx(expected)
    assert {task: made["tasks"][task]["value"] for task in TASKS} == pytest.approx(
        {task: np.mean(values) for task, values in by_task.items()}
    )


def test_from_a_tiny_model_to_numbers_worked_out_anew(
    bench: Path, pictures: Path, guessing_model: Path, reported: Reported, records: dict[str, Any], tmp_path: Path
) -> None:
    config = RunConfig(str(guessing_model), str(bench), pictures, tmp_path / "guessing", max_new_tokens=1)
    summary = run(config)
    assert summary.states["ok"] > 100
    assert summary.states["beyond options"] > 0
    (made,) = reported(summary.folder)["runs"]
    types = {name: float(np.mean(values)) for name, values in recomputed(summary.folder, records)["types"].items()}
    assert {name: score["value"] for name, score in made["types"].items()} == pytest.approx(types)
    choices = [value for name, value in types.items() if not name.endswith("_na")]
    assert made["averages"]["macro12"]["value"] == pytest.approx(np.mean(choices))
    assert 0.05 < made["averages"]["macro12"]["value"] < 0.6


def test_levels_are_those_worked_out_anew(answered: Answered, reported: Reported, records: dict[str, Any]) -> None:
    folder = answered("some", sometimes(0.6, 1))
    (made,) = reported(folder)["runs"]
    found = {(c["level"], c["scope"], c["name"]): c["value"] for c in made["cells"] if c["breakdown"] == "occ_level"}
    values = {
        json.loads(line)["id"]: json.loads(line)
        for line in (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()[1:]
    }
    score: dict[tuple[str, str], list[float]] = defaultdict(list)
    for name, row in records.items():
        if row["answer_type"] == "choice" and row["occ_level"]:
            score[row["occ_level"], row["question_type"]].append(float(values[name]["parsed"] == row["mc_answer"]))
    for (level, question_type), listed in score.items():
        assert found[level, "question_type", question_type] == pytest.approx(np.mean(listed))
    held: dict[str, set[str]] = defaultdict(set)
    for row in records.values():
        if row["occ_level"]:
            held[row["occ_level"]].add(row["question_type"])
    common = set.intersection(*held.values())
    for level in held:
        (standard,) = [name for (at, scope, name) in found if at == level and scope == "standardised"]
        assert set(standard.split()) == common
        types = [found[level, "question_type", name] for name in common]
        assert found[level, "standardised", standard] == pytest.approx(np.mean(types))


def test_an_oracle_has_a_hundred_and_a_perfect_kappa(answered: Answered, reported: Reported) -> None:
    (made,) = reported(answered("oracle", right))["runs"]
    assert {score["value"] for score in made["averages"].values()} == {1.0}
    assert made["states"]["ok"] == made["num_answers"] == made["num_questions"]


def test_an_oracle_is_right_in_every_rotation(
    bench: Path, server: Any, reported: Reported, records: dict[str, Any], tmp_path: Path
) -> None:
    # The server answers by the words alone, so it sticks to no option; the texts tell the oracle what to say.
    folder = run(
        RunConfig(
            "m",
            str(bench),
            out=tmp_path / "rotated",
            backend="openai",
            base_url=server.url,
            views="none",
            rotate_options=True,
        )
    ).folder
    path = folder / "predictions.jsonl"
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    turned = []
    for made in map(json.loads, lines):
        row = records[made["id"]]
        letters = [option[0] for option in row["options"]]
        if letters:
            made["answer"] = letters[(letters.index(row["mc_answer"]) - made["rotation"]) % len(letters)]
        else:
            made["answer"] = row["ground_truth"]
        turned.append(json.dumps(made))
    path.write_text("\n".join([header, *turned]) + "\n", encoding="utf-8")
    (made,) = reported(folder)["runs"]
    assert made["averages"]["overall"]["value"] == 1
    assert made["rotation"]["all_right"]["value"] == made["rotation"]["mean"]["value"] == 1
    assert made["num_answers"] == sum(len(row["options"]) or 1 for row in records.values())
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    (guessed,) = reported(folder)["runs"]
    assert guessed["rotation"]["all_right"]["value"] < guessed["rotation"]["mean"]["value"] < 0.6
    page = (tmp_path / "report/report.html").read_text(encoding="utf-8")
    assert (
        f"<b>{100 * guessed['rotation']['all_right']['value']:.1f}</b>" in page.split("all rotations right")[1][:400]
    )


def test_order_and_number_of_files_change_nothing(answered: Answered, reported: Reported) -> None:
    folder = answered("some", sometimes(0.5, 2))
    before = reported(folder)
    path = run_file(folder)
    header, *lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([header, *lines[100::-1]]), encoding="utf-8")
    run_file(folder, 1).write_text("".join([header, *lines[101:]]), encoding="utf-8")
    assert reported(folder) == before


def test_the_authors_parser_can_be_asked_for(answered: Answered, reported: Reported) -> None:
    folder = answered("brackets", lambda row: f"({row['mc_answer']})" if row["options"] else row["ground_truth"])
    lenient, authors = (reported(folder, parser=parser)["runs"][0] for parser in ("lenient", "authors"))
    assert lenient["averages"]["macro12"]["value"] == 1
    assert authors["averages"]["macro12"]["value"] == 0
    assert authors["averages"]["macro_na"]["value"] == 1


def test_what_could_not_be_read_is_counted_by_type(
    answered: Answered, reported: Reported, records: dict[str, Any]
) -> None:
    (made,) = reported(answered("vague", lambda row: "A or B"))["runs"]
    num_choices = sum(bool(row["options"]) for row in records.values())
    assert made["states"]["ambiguous"] == num_choices
    assert made["states"]["unparsed"] == len(records) - num_choices
    assert made["types"]["obj_count_occ"]["states"]["ambiguous"] == made["types"]["obj_count_occ"]["num_records"]


def test_an_unfinished_run_says_so_and_is_not_scored_as_wrong(
    answered: Answered, reported: Reported, tmp_path: Path
) -> None:
    folder = answered("oracle", right)
    path = folder / "predictions.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:-40]), encoding="utf-8")
    (made,) = reported(folder)["runs"]
    assert made["num_missing"] == 40
    assert made["averages"]["macro12"]["value"] == 1
    assert (
        "oracle is not finished: 40 of its questions have no answer yet" in (tmp_path / "report/table.md").read_text()
    )


def test_a_run_without_an_answer_is_no_report_of_nothing(
    answered: Answered, reported: Reported, tmp_path: Path
) -> None:
    folder = answered("begun", right)
    path = run_file(folder)
    path.write_text(path.read_text(encoding="utf-8").splitlines(keepends=True)[0], encoding="utf-8")
    with pytest.raises(EvalError, match=r"begun has no answers yet; run the command"):
        reported(folder)
    assert not (tmp_path / "report").exists()


def test_paired_differences_are_exact_and_corrected(answered: Answered, reported: Reported) -> None:
    good, same, bad = answered("good", right), answered("same", right), answered("bad", sometimes(0.2, 3))
    document = reported(good, same, bad)
    found = {(d["first"], d["second"], d["average"]): d for d in document["differences"]}
    equal = found["good", "same", "macro12"]
    assert (equal["value"], equal["low"], equal["high"], equal["p"]) == (0, 0, 0, 1)
    runs = {made["name"]: made for made in document["runs"]}
    for average in ("macro12", "macro6", "kappa6", "micro", "overall"):
        expected = runs["good"]["averages"][average]["value"] - runs["bad"]["averages"][average]["value"]
        assert found["good", "bad", average]["value"] == pytest.approx(expected)
    assert found["good", "bad", "macro12"]["low"] > 0
    assert all(d["p"] is None or 0 < d["p"] <= 1 for d in document["differences"])


def test_vision_and_multi_view_gain_need_runs_of_one_model(answered: Answered, reported: Reported) -> None:
    full = answered("full", right)
    blind, single = (
        answered("blind", sometimes(0.3, 4), views="none"),
        answered("one", sometimes(0.6, 5), views="query"),
    )
    other = answered("other", sometimes(0.5, 6), views="none", model="another")
    found = {
        (g["kind"], g["second"]): g for g in reported(full, blind, single, other)["gains"] if g["average"] == "macro12"
    }
    assert set(found) == {("vision gain", "blind"), ("multi-view gain", "one")}
    assert found["vision gain", "blind"]["value"] > found["multi-view gain", "one"]["value"] > 0
    assert found["vision gain", "blind"]["low"] is not None


def test_controls_stand_beside_the_runs(answered: Answered, reported: Reported, records: dict[str, Any]) -> None:
    document = reported(answered("oracle", right), controls=True)
    controls = {control["name"]: control for control in document["controls"]}
    chance = controls["chance"]
    assert chance["averages"]["kappa6"] == pytest.approx(0)
    assert chance["averages"]["macro12"] == pytest.approx((9 * 0.25 + 3 * 0.5) / 12)
    assert {
        "chance",
        "majority letter",
        "prior",
        "paired_axis",
        "majority_vote",
        "medoid",
        "rank",
        "option_set",
        "text",
    } == set(controls)
    debiased = document["runs"][0]["debiased"]
    assert {score["value"] for score in debiased.values()} == {1.0}
    assert 0 < debiased["macro12"]["num_records"] < sum(bool(row["options"]) for row in records.values())
    # Under the paper's rules the key is always in the axis that appears twice.
    assert controls["paired_axis"]["types"]["obj_spatial_occ_lr"] == pytest.approx(0.5)
    assert 0 < chance["types"]["obj_distance_occ_na"] < 1


def test_a_control_that_had_no_scene_to_learn_from_is_no_row(
    answered: Answered, reported: Reported, records: dict[str, Any], tmp_path: Path
) -> None:
    scene = next(iter(records.values()))["scene_name"]
    path = tmp_path / "scene.parquet"
    rows = [row for row in records.values() if row["scene_name"] == scene]
    pq.write_table(pa.Table.from_pylist(rows, RECORD_SCHEMA), path)
    folder = answered("all", right)
    names = [row["id"] for row in rows]
    folder = answered("one", right, data=str(path), predictions=only(tmp_path / "all.jsonl", names))
    names = {control["name"] for control in reported(folder, controls=True)["controls"]}
    assert {"chance", "paired_axis"} <= names
    assert not names & {"prior", "text"}
    assert "no row of: Commonest answer, " in (tmp_path / "report/table.md").read_text(encoding="utf-8")


def test_every_file_is_written_and_says_the_same(answered: Answered, reported: Reported, tmp_path: Path) -> None:
    folder = answered("some", sometimes(0.6, 7))
    document = reported(folder, dataset_id="someone/spatialmosaic")
    (made,), out = document["runs"], tmp_path / "report"
    points = f"{100 * made['averages']['macro12']['value']:.1f}"
    assert f"| some | {points} (" in (out / "table.md").read_text(encoding="utf-8")
    assert f"<b>{points}</b>" in (out / "report.html").read_text(encoding="utf-8")
    with (out / "cells.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    (line,) = [row for row in rows if row["scope"] == "average" and row["name"] == "macro12"]
    assert float(line["value"]) == made["averages"]["macro12"]["value"]
    assert len(rows) == len(made["averages"]) + len(made["tasks"]) + len(made["types"]) + len(made["cells"])
    entries = yaml.safe_load((out / "hub/some/.eval_results/spatialmosaic.yaml").read_text(encoding="utf-8"))
    assert entries[0]["dataset"]["id"] == "someone/spatialmosaic"
    assert entries[0]["value"] == pytest.approx(100 * made["averages"]["macro12"]["value"], abs=0.01)
    index = yaml.safe_load((out / "hub/some/model-index.yaml").read_text(encoding="utf-8"))
    metrics = {m["name"]: m["value"] for result in index["model-index"][0]["results"] for m in result["metrics"]}
    assert metrics["macro6"] == pytest.approx(100 * made["averages"]["macro6"]["value"], abs=0.01)
    assert not list(out.rglob(".writing*"))


def test_the_same_runs_give_the_same_report(answered: Answered, reported: Reported, tmp_path: Path) -> None:
    folder = answered("some", sometimes(0.6, 8))
    first = {
        name: (reported(folder, records=5), (tmp_path / "report" / name).read_bytes())[1]
        for name in ("report.json", "report.html")
    }
    second = {name: (reported(folder, records=5), (tmp_path / "report" / name).read_bytes())[1] for name in first}
    assert first == second
    assert reported(folder, seed=1) != json.loads(first["report.json"])


def test_runs_of_other_data_are_refused(
    answered: Answered, bench: Path, records: dict[str, Any], tmp_path: Path, reported: Reported
) -> None:
    folder = answered("some", right)
    path = tmp_path / "fewer.parquet"
    pq.write_table(pa.Table.from_pylist(list(records.values())[10:], RECORD_SCHEMA), path)
    with pytest.raises(EvalError, match=r"is not the dataset that .*some answers .*record \w{32} is not in it"):
        reported(folder, data=str(path))
    other = answered("other", right, data=str(path), predictions=only(tmp_path / "some.jsonl", list(records)[10:]))
    with pytest.raises(EvalError, match=r"some and .*other answer different questions .*report them apart"):
        reported(folder, other)
    with pytest.raises(EvalError, match="is named twice"):
        reported(folder, folder)


def test_data_that_are_not_here_are_asked_for_and_are_no_name_on_the_hub(
    answered: Answered, bench: Path, reported: Reported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bench.parent.parent)
    folder = answered("some", right, data=f"{bench.parent.name}/{bench.name}")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EvalError, match=r"the dataset that .*some answers, is not here; name it with --data"):
        reported(folder)
    reported(folder, data=str(bench))
    assert (tmp_path / "report/hub/some/model-index.yaml").is_file()
    assert not (tmp_path / "report/hub/some/.eval_results").exists()


def test_an_answer_to_a_record_that_is_not_there_is_named(answered: Answered, reported: Reported) -> None:
    folder = answered("some", right)
    path = folder / "predictions.jsonl"
    header, first, *lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    stranger = json.dumps(json.loads(first) | {"id": "0" * 32}) + "\n"
    path.write_text("".join([header, stranger, *lines]), encoding="utf-8")
    with pytest.raises(EvalError, match=f"answers record {'0' * 32}, which the dataset does not have"):
        reported(folder)


def only(path: Path, names: list[str]) -> Path:
    kept = [line for line in path.read_text(encoding="utf-8").splitlines() if json.loads(line)["id"] in names]
    made = path.with_name("only.jsonl")
    made.write_text("\n".join(kept), encoding="utf-8")
    return made


def test_nothing_is_written_where_a_run_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(EvalError, match=r"holds no predictions\.jsonl"):
        write_report(ReportConfig((tmp_path,), out=tmp_path / "out"))
    with pytest.raises(ValueError, match="Name at least one RUN"):
        write_report(ReportConfig((), out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_rows_that_do_not_follow_from_their_columns_are_marked(
    answered: Answered, reported: Reported, tmp_path: Path
) -> None:
    marked = {row.method for row in TABLE_3.rows if not TABLE_3.follows(row)}
    assert {"InternVL2-2B", "LLaVA-NeXT-Video-7B"} <= marked
    # 38.35 from its columns, 38.2 as printed: more than rounding explains.
    assert marked - {"InternVL2-2B", "LLaVA-NeXT-Video-7B"} == {"LongVA-7B"}
    assert {row.method for row in TABLE_4.rows if not TABLE_4.follows(row)} == {
        "VLM-3R† (7B)",
        "SpatialMosaicVLM (7B)",
    }
    assert TABLE_4.recomputed(TABLE_4.rows[-1]) == pytest.approx(41.5)
    assert (len(TABLE_3.rows), len(TABLE_4.rows)) == (11, 13)
    reported(answered("some", right))
    table = (tmp_path / "report/table.md").read_text(encoding="utf-8")
    page = (tmp_path / "report/report.html").read_text(encoding="utf-8")
    for method in marked:
        assert f"| {method} † |" in table
        assert f"{method} †</th>" in page
    assert "| InternVL2-8B | 46.0 | 46.0 |" in table
