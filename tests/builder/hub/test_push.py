"""A dataset folder goes to a Hub whole or not at all, and comes back from there as it was."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from spatialmosaic_builder.config import BuildConfig
from spatialmosaic_builder.pipeline import build

from ...hub_server import HubServer

COMMANDS = """
import contextlib, io, json, sys, time
from spatialmosaic_builder.cli import main

time.sleep = lambda seconds: None  # the client waits between its attempts
for arguments in json.loads(sys.argv[1]):
    sys.argv[1:], screen, end = arguments, io.StringIO(), 0
    with contextlib.redirect_stdout(screen):
        try:
            main()
        except SystemExit as stop:
            end = stop.code or 0
    print(json.dumps([end, screen.getvalue()]))
"""
LOAD = """
import json, sys
from datasets import get_dataset_config_names, load_dataset

name = sys.argv[1]
assert get_dataset_config_names(name) == ["paper", "strict", "annotations"], get_dataset_config_names(name)
for config in ("paper", "strict", "annotations"):
    here, there = load_dataset(sys.argv[2], config), load_dataset(name, config)
    assert there.keys() == {"train", "test"}
    for split in there:
        assert there[split].features == here[split].features
        assert there[split].to_list() == here[split].to_list(), (config, split)
streamed = list(load_dataset(name, split="test", streaming=True))
assert streamed == load_dataset(name, "paper", split="test").to_list()
assert load_dataset(name, "strict", split="train", revision="next").num_rows
assert load_dataset("tester/bench", "paper").keys() == {"test"}
"""
ARE_THERE = {"README.md", "paper/test-scenes.txt", "paper/train-00000-of-00001.parquet"}


@pytest.fixture(scope="module")
def dataset(sample_root: Path, sample_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset folder with both profiles. Shared: copy it before you change it."""
    folder = copy(sample_dataset, tmp_path_factory.mktemp("both"))
    build(BuildConfig(sample_root, folder, profile="strict", size="240", num_proc=1))
    return folder


def copy(dataset: Path, parent: Path) -> Path:
    shutil.copytree(dataset.with_name("spatialmosaic.work"), parent / "spatialmosaic.work")
    return shutil.copytree(dataset, parent / "spatialmosaic")


def run(
    hub: HubServer, home: Path, *commands: tuple[str | Path, ...], token: str | None = "hf_test"
) -> list[tuple[int | str, str]]:
    """Run commands one after another in one process that talks to the Hub; returns status or error, and output."""
    arguments = json.dumps([[str(part) for part in command] for command in commands])
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, arguments],
        env=os.environ | hub.environment(home, token),
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def replace_shard(folder: Path) -> None:
    """Make the test split of `paper` anew, in two shards, as a larger build would."""
    config, marker_file = folder / "paper", folder.with_name("spatialmosaic.work") / "paper.written.json"
    whole = config / "test-00000-of-00001.parquet"
    table = pq.read_table(whole)
    whole.unlink()
    for number in range(2):
        part = table.slice(number * (len(table) // 2), len(table) // 2)
        pq.write_table(part, config / f"test-{number:05d}-of-00002.parquet", compression="zstd", write_page_index=True)
    marker = json.loads(marker_file.read_text())
    marker["files"] = {path.name: path.stat().st_size for path in config.iterdir()}
    marker_file.write_text(json.dumps(marker))


def test_what_is_pushed_is_what_load_dataset_gives(hub: HubServer, dataset: Path, tmp_path: Path) -> None:
    results = run(
        hub,
        tmp_path,
        ("push", dataset, "tester/rooms", "--private"),
        ("push", dataset, "tester/rooms", "--revision", "next"),
        ("push", dataset, "tester/bench", "--part", "bench"),
        ("push", dataset, "tester/views", "--part", "annotations"),
        ("push", dataset, "tester/bench", "--private"),
    )
    assert [status for status, _ in results[:4]] == [0, 0, 0, 0], results
    assert "tester/bench is there already and public" in str(results[4][0])
    files = hub.files("datasets", "tester/rooms")
    assert set(files) - {".gitattributes"} == {
        "README.md",
        *(
            f"{c}/{s}-{f}"
            for c in ("paper", "strict", "annotations")
            for s in ("train", "test")
            for f in ("00000-of-00001.parquet", "scenes.txt")
        ),
    }
    assert len(hub.commits("datasets", "tester/rooms")) == 2
    assert 'load_dataset("tester/rooms", "paper", split="train")' in files["README.md"].decode()
    assert all(str(dataset.parent).encode() not in content for content in files.values())
    views = yaml.safe_load(hub.files("datasets", "tester/views")["README.md"].decode().split("---")[1])
    assert [config["config_name"] for config in views["configs"]] == ["annotations"]
    done = subprocess.run(
        [sys.executable, "-c", LOAD, "tester/rooms", dataset],
        env=os.environ | hub.environment(tmp_path / "user"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_second_push_replaces_the_first_whole(hub: HubServer, dataset: Path, tmp_path: Path) -> None:
    changed = copy(dataset, tmp_path)
    replace_shard(changed)
    results = run(
        hub,
        tmp_path,
        ("push", dataset, "tester/rooms"),
        ("push", dataset, "tester/rooms"),
        ("card", changed),
        ("push", changed, "tester/rooms"),
    )
    assert [status for status, _ in results] == [0, 0, 0, 0], results
    assert "holds all of this already" in results[1][1]
    assert "Removed 1 files of earlier pushes" in results[3][1]
    assert len(hub.commits("datasets", "tester/rooms")) == 3, "an unchanged dataset makes no commit"
    shards = sorted(name for name in hub.files("datasets", "tester/rooms") if name.startswith("paper/test-0"))
    assert shards == ["paper/test-00000-of-00002.parquet", "paper/test-00001-of-00002.parquet"]


def test_a_push_that_breaks_off_leaves_what_was_there(hub: HubServer, dataset: Path, tmp_path: Path) -> None:
    assert run(hub, tmp_path, ("push", dataset, "tester/rooms"))[0][0] == 0
    before = hub.files("datasets", "tester/rooms")
    changed = copy(dataset, tmp_path)
    replace_shard(changed)
    hub.cut("PUT /_lfs/", times=100)
    hub.cut("POST /api/datasets/tester/new/commit/", times=100)
    commands = (("card", changed), ("push", changed, "tester/rooms"), ("push", dataset, "tester/new"))
    for error, _ in run(hub, tmp_path, *commands)[1:]:
        assert "The connection to the Hub broke off" in str(error)
        assert "holds nothing by halves" in str(error)
    assert hub.files("datasets", "tester/rooms") == before
    assert hub.commits("datasets", "tester/new") == ["initial commit"]


def test_errors_that_pass_are_survived(hub: HubServer, dataset: Path, tmp_path: Path) -> None:
    hub.fail("PUT /_lfs/", 500)
    hub.fail("POST /api/datasets/tester/rooms/commit/", 503, times=2)
    hub.cut("POST /api/datasets/tester/lost/commit/", after=0)  # done, but nobody is told
    results = run(hub, tmp_path, ("push", dataset, "tester/rooms"), ("push", dataset, "tester/lost"))
    assert [status for status, _ in results] == [0, 0], results
    for name in ("rooms", "lost"):
        assert set(hub.files("datasets", f"tester/{name}")) >= ARE_THERE
        assert len(hub.commits("datasets", f"tester/{name}")) == 2


def test_each_refusal_is_a_sentence_and_changes_nothing(hub: HubServer, dataset: Path, tmp_path: Path) -> None:
    expected = {
        401: "does not accept the token",
        403: "may not write to",
        404: "shows no dataset tester/r404 at main",
        409: "Somebody else changed the dataset tester/r409",
        412: "Somebody else changed the dataset tester/r412",
        429: "takes no more requests",
        500: "failed (500), after several attempts",
    }
    for status in expected:
        hub.fail(f"POST /api/datasets/tester/r{status}/commit/", status, times=100)
    results = run(hub, tmp_path, *(("push", dataset, f"tester/r{status}") for status in expected))
    for (status, sentence), (error, _) in zip(expected.items(), results, strict=True):
        assert sentence in str(error), (status, error)
        assert str(error).startswith("error: ")
        assert "\n" not in str(error)
        assert hub.commits("datasets", f"tester/r{status}") == ["initial commit"]


def test_strangers_are_told_to_log_in(hub: HubServer, dataset: Path, tmp_path: Path) -> None:
    assert "log in with `hf auth login`" in str(run(hub, tmp_path, ("push", dataset, "a/b"), token=None)[0][0])
    ((refused, _), (nameless, _)) = run(
        hub, tmp_path, ("push", dataset, "tester/rooms"), ("push", dataset, "no/such/name"), token="hf_wrong"
    )
    assert "does not accept the token for the dataset tester/rooms (401)" in str(refused)
    assert "'no/such/name' is no name of a repository" in str(nameless)


def test_a_dry_run_says_what_would_be_sent_and_sends_nothing(hub: HubServer, dataset: Path, tmp_path: Path) -> None:
    changed = copy(dataset, tmp_path)
    (changed / "report.html").write_text("<img>")
    (_, (status, text)) = run(
        hub, tmp_path, ("audit", changed), ("push", changed, "tester/rooms", "--dry-run"), token=None
    )
    assert status == 0, "what an audit finds goes on the card"
    assert "### Audit of `strict`" in (changed / "README.md").read_text()
    assert all(name in text for name in ARE_THERE)
    assert "nothing was sent" in text
    assert "Not sent" in text
    assert "report.html" in text.partition("Not sent")[2]
    assert not hub.requests
