"""Runs: what is asked under every control, and what is left after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spatialmosaic_builder.schema import RECORD_SCHEMA
from spatialmosaic_eval.config import RunConfig
from spatialmosaic_eval.errors import EvalError
from spatialmosaic_eval.predictions import Prediction, read_run
from spatialmosaic_eval.runner import run

Make = Callable[..., RunConfig]


@pytest.fixture
def make(bench: Path, pictures: Path, tmp_path: Path, server: Any) -> Make:
    def config(**changes: Any) -> RunConfig:
        defaults: dict[str, Any] = {"model": "m", "data": str(bench), "image_root": pictures, "out": tmp_path / "run"}
        defaults |= {"backend": "openai", "base_url": server.url, "limit": 30, "concurrency": 4}
        return RunConfig(**(defaults | changes))

    return config


def predictions(config: RunConfig) -> list[Prediction]:
    run(config)
    return list(read_run(config.folder).predictions.values())


def prompts(server: Any) -> list[list[dict[str, Any]]]:
    return [body["messages"][0]["content"] for body in server.requests]


def labels(content: list[dict[str, Any]]) -> list[str]:
    return [part["text"].strip() for part in content if part["type"] == "text"][:-1]


def test_all_views_are_shown_in_order(make: Make, records: dict[str, Any]) -> None:
    for made in predictions(make()):
        assert made.shown == tuple(range(len(records[made.id]["frames"])))


def test_the_query_view_alone_keeps_its_name(make: Make, records: dict[str, Any], server: Any) -> None:
    for made in predictions(make(views="query")):
        query = records[made.id]["query_frame"]
        assert len(made.shown) == 1
        assert query is None or made.shown == (query - 1,)
    assert {len(labels(content)) for content in prompts(server)} == {1}
    assert {"Frame 2:", "Frame 3:"} <= {labels(content)[0] for content in prompts(server)}


def test_a_single_view_is_drawn_by_the_seed(make: Make, tmp_path: Path) -> None:
    first, again, other = (
        {made.id: made.shown for made in predictions(make(views="single", seed=seed, limit=None, out=tmp_path / name))}
        for seed, name in ((0, "a"), (0, "b"), (1, "c"))
    )
    assert first == again != other
    assert len(set(first.values())) > 2


def test_no_view_needs_no_pictures(make: Make, server: Any) -> None:
    assert all(made.shown == () for made in predictions(make(views="none", image_root=None)))
    assert all([part["type"] for part in content] == ["text"] for content in prompts(server))
    assert not any("Frame 1:" in content[0]["text"][:8] for content in prompts(server))


def test_shuffled_views_keep_their_names_and_change_places(make: Make, server: Any) -> None:
    for made in predictions(make(views="shuffled")):
        assert made.shown != tuple(range(len(made.shown)))
        assert sorted(made.shown) == list(range(len(made.shown)))
    assert all(labels(content) != sorted(labels(content)) for content in prompts(server))


def test_grey_sheets_need_no_pictures(make: Make, server: Any) -> None:
    run(make(views="grey", image_root=None))
    urls = {part["image_url"]["url"] for content in prompts(server) for part in content if part["type"] == "image_url"}
    assert len(urls) == 1


def test_views_of_another_scene_stand_under_the_same_names(make: Make, server: Any, tmp_path: Path) -> None:
    own = {made.id: made.shown for made in predictions(make(out=tmp_path / "own"))}
    own_urls = {name_of(content): urls_of(content) for content in prompts(server)}
    server.requests.clear()
    assert {made.id: made.shown for made in predictions(make(views="other-scene"))} == own
    for content in prompts(server):
        assert not set(urls_of(content)) & set(own_urls[name_of(content)])


def name_of(content: list[dict[str, Any]]) -> str:
    return json.dumps([part for part in content if part["type"] == "text"])


def urls_of(content: list[dict[str, Any]]) -> list[str]:
    return [part["image_url"]["url"] for part in content if part["type"] == "image_url"]


def test_every_rotation_of_the_options_is_asked(make: Make, records: dict[str, Any], server: Any) -> None:
    made = predictions(make(rotate_options=True, views="none", limit=10))
    turns = Counter(prediction.id for prediction in made)
    assert all(count == (len(records[name]["options"]) or 1) for name, count in turns.items())
    assert len({name_of(content) for content in prompts(server)}) == len(made)


def test_flip_pairs_alone_can_be_asked(make: Make, records: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(EvalError, match="holds no flip pairs"):
        run(make(flip_pairs=True, views="none"))
    question = next(row for row in records.values() if row["task"] == "existence" and row["ground_truth"] == "Yes")
    opposite = {"left": "right", "right": "left", "higher": "lower", "lower": "higher", "closer": "farther"}
    turned = {"ground_truth": "No", "relation": opposite.get(question["relation"], "closer"), "id": "0" * 32}
    turned["mc_answer"] = next(option[0] for option in question["options"] if option.endswith("No"))
    path = tmp_path / "flipped.parquet"
    pq.write_table(pa.Table.from_pylist([*records.values(), question | turned], RECORD_SCHEMA), path)
    made = predictions(make(flip_pairs=True, views="none", data=str(path)))
    assert {prediction.id for prediction in made} == {question["id"], "0" * 32}


def test_a_limit_draws_evenly_and_a_smaller_one_a_part(make: Make, records: dict[str, Any], tmp_path: Path) -> None:
    small, large = (
        {made.id for made in predictions(make(views="none", limit=limit, out=tmp_path / str(limit)))}
        for limit in (17, 68)
    )
    assert small < large
    counts = Counter(records[name]["question_type"] for name in small)
    assert max(counts.values()) == 1


def test_most_views_come_first(make: Make, server: Any) -> None:
    run(make(concurrency=1))
    sizes = [len(urls_of(content)) for content in prompts(server)]
    assert sizes == sorted(sizes, reverse=True)


def test_a_finished_run_asks_nothing_again(make: Make, server: Any) -> None:
    run(make())
    before = len(server.requests)
    assert run(make()).new == 0
    assert len(server.requests) == before


def test_half_a_line_is_removed_and_asked_again(make: Make) -> None:
    run(make())
    path = make().folder / "predictions.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    assert run(make()).new == 1
    assert len(path.read_bytes().splitlines()) == 31
    assert read_run(make().folder).predictions.keys() == {
        (row["id"], 0) for row in map(json.loads, whole.splitlines()[1:])
    }


def test_half_a_header_is_no_obstacle(make: Make) -> None:
    make().folder.mkdir()
    (make().folder / "predictions.jsonl").write_text('{"format": 1, "da')
    assert run(make()).answered == 30


def test_other_settings_are_refused(make: Make) -> None:
    run(make())
    with pytest.raises(EvalError, match=r"made with other settings: .*config\.seed 0 and 1.*Name another --out"):
        run(make(seed=1))
    with pytest.raises(EvalError, match=r"config\.views 'all' and 'none'"):
        run(make(views="none"))


def test_the_same_data_in_another_place_go_on_and_other_data_do_not(
    make: Make, bench: Path, records: dict[str, Any], tmp_path: Path
) -> None:
    run(make(views="none"))
    elsewhere = tmp_path / "copy.parquet"
    pq.write_table(pa.Table.from_pylist(list(records.values())[::-1], RECORD_SCHEMA), elsewhere)
    for spelling in (str(bench / ".." / bench.name), str(elsewhere)):
        assert run(make(views="none", data=spelling)).new == 0
    first, *rest = records.values()
    changed = first | {"question": "Is it?"}
    pq.write_table(pa.Table.from_pylist([changed, *rest], RECORD_SCHEMA), elsewhere)
    with pytest.raises(
        EvalError, match=r"other settings: its questions \(.*\) and these \(.*copy\.parquet, .*Name another"
    ):
        run(make(views="none", data=str(elsewhere)))


def test_resume_after_kills_loses_and_repeats_nothing(make: Make, server: Any, tmp_path: Path) -> None:
    server.delay = 0.01
    expected = {made.key: made.answer for made in predictions(make(limit=None, out=tmp_path / "whole"))}
    options = ("--backend", "openai", "--base-url", server.url, "--model", "m", "--concurrency", "4")
    config = make(limit=None)
    command = [
        sys.executable,
        "-m",
        "spatialmosaic_eval",
        "run",
        "--data",
        config.data,
        "--image-root",
        str(config.image_root),
    ]
    path = config.folder / "predictions.jsonl"
    for share in (0.0, 0.2, 0.5, 0.7):
        process = subprocess.Popen(
            [*command, "--out", str(config.folder), *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            if path.exists() and path.read_bytes().count(b"\n") > 1 + share * len(expected):
                break
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    before = path.read_bytes().count(b"\n") - 1
    assert 0 < before < len(expected)
    summary = run(config)
    assert summary.new >= len(expected) - before - 1
    names = [json.loads(line)["id"] for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    assert len(names) == len(set(names)) == len(expected)
    assert {key: made.answer for key, made in read_run(config.folder).predictions.items()} == expected


def test_two_runs_cannot_write_one_folder(make: Make) -> None:
    from spatialmosaic_eval.predictions import append_to

    run(make())
    with (
        append_to(make().folder, read_run(make().folder).header),
        pytest.raises(EvalError, match="Another process is writing"),
    ):
        run(make())
