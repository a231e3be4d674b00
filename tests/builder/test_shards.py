"""Folders are whole or absent, whatever happens while they are written."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from spatialmosaic_builder.shards import (
    MANIFEST,
    read_manifest,
    remove_leftovers,
    replace_folder,
    write_folder,
    write_text,
)

KILLED_INSIDE = """
import os, signal, sys
from pathlib import Path
from spatialmosaic_builder.shards import write_folder
with write_folder(Path(sys.argv[1]), {"key": "new"}) as aside:
    (aside / "half.parquet").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
KILLED_BEFORE_THE_RENAME = """
import os, signal, sys
from pathlib import Path
from spatialmosaic_builder import shards
shards.replace_folder = lambda source, target: os.kill(os.getpid(), signal.SIGKILL)
with shards.write_folder(Path(sys.argv[1]), {"key": "new"}) as aside:
    (aside / "whole.parquet").write_bytes(b"whole")
"""
KILLED_IN_A_TEXT = """
import os, signal, sys
from pathlib import Path
from spatialmosaic_builder import shards
os.fsync = lambda number: os.kill(os.getpid(), signal.SIGKILL)
shards.write_text(Path(sys.argv[1]), "new")
"""


def run_until_killed(script: str, path: Path) -> None:
    run = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, check=False)
    assert run.returncode == -signal.SIGKILL, run.stderr.decode()


def write_version(path: Path, key: str) -> None:
    with write_folder(path, {"key": key}) as aside:
        (aside / f"{key}.parquet").write_text(key)


def fail_inside(path: Path, error: type[BaseException]) -> None:
    with write_folder(path, {"key": "new"}) as aside:
        (aside / "half.parquet").write_text("half")
        raise error


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def test_a_folder_appears_whole_with_its_manifest(tmp_path: Path) -> None:
    path = tmp_path / "scans" / "0a1b2c3d4e"
    with write_folder(path, {"key": "k", "seed": 3}) as aside:
        (aside / "views.parquet").write_text("v")
        (aside / "deep").mkdir()
        (aside / "deep" / "x").write_text("x")
        assert not path.exists()
    assert set(contents(path)) == {"views.parquet", "deep/x", MANIFEST}
    assert read_manifest(path, "k") == {"key": "k", "seed": 3}
    assert [child.name for child in path.parent.iterdir()] == [path.name]


def test_the_block_may_add_to_the_manifest(tmp_path: Path) -> None:
    manifest: dict[str, object] = {"key": "k"}
    with write_folder(tmp_path / "a", manifest):
        manifest["rows"] = 12
    assert read_manifest(tmp_path / "a", "k") == {"key": "k", "rows": 12}


def test_a_new_version_replaces_the_old_one_wholly(tmp_path: Path) -> None:
    write_version(tmp_path / "a", "old")
    write_version(tmp_path / "a", "new")
    assert set(contents(tmp_path)) == {"a/new.parquet", f"a/{MANIFEST}"}
    assert read_manifest(tmp_path / "a", "old") is None
    assert read_manifest(tmp_path / "a", "new") == {"key": "new"}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("has_old", [True, False])
def test_an_error_inside_the_block_changes_nothing(tmp_path: Path, error: type[BaseException], has_old: bool) -> None:
    if has_old:
        write_version(tmp_path / "a", "old")
    before = contents(tmp_path)
    with pytest.raises(error):
        fail_inside(tmp_path / "a", error)
    assert contents(tmp_path) == before
    assert (tmp_path / "a").exists() == has_old
    assert len(list(tmp_path.iterdir())) == has_old, "nothing is left aside"


def test_a_manifest_that_is_no_json_changes_nothing(tmp_path: Path) -> None:
    write_version(tmp_path / "a", "old")
    before = contents(tmp_path)
    with pytest.raises(TypeError), write_folder(tmp_path / "a", {"key": object()}):
        pass
    assert contents(tmp_path) == before


@pytest.mark.parametrize("script", [KILLED_INSIDE, KILLED_BEFORE_THE_RENAME], ids=["inside", "before the rename"])
@pytest.mark.parametrize("has_old", [True, False])
def test_a_killed_writer_leaves_the_old_version_or_none(tmp_path: Path, script: str, has_old: bool) -> None:
    path = tmp_path / "scans" / "a"
    if has_old:
        write_version(path, "old")
    run_until_killed(script, path)
    assert read_manifest(path, "new") is None
    assert read_manifest(path, "old") == ({"key": "old"} if has_old else None)
    assert path.exists() == has_old
    remove_leftovers(tmp_path)
    assert [child.name for child in path.parent.iterdir()] == (["a"] if has_old else [])
    write_version(path, "new")
    assert set(contents(path)) == {"new.parquet", MANIFEST}


def test_a_writer_killed_between_the_two_renames_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old folder is away and the new one not yet there: a reader must see neither as complete."""
    write_version(tmp_path / "a", "old")
    source = tmp_path / "source"
    source.mkdir()
    rename = Path.rename

    def stop_at_the_second(path: Path, target: Path) -> Path:
        if path == source:
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        replace_folder(source, tmp_path / "a")
    monkeypatch.undo()
    assert read_manifest(tmp_path / "a", "old") is None
    remove_leftovers(tmp_path)
    assert [child.name for child in tmp_path.iterdir()] == ["source"]


def test_a_killed_text_writer_leaves_the_old_text(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    run_until_killed(KILLED_IN_A_TEXT, path)
    assert path.read_text() == "old"
    remove_leftovers(tmp_path)
    assert [child.name for child in tmp_path.iterdir()] == ["report.json"]


def test_a_text_replaces_the_old_one_and_a_faulty_one_does_not(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_text(path, "old")
    write_text(path, "n\u00e9w\n")
    assert path.read_bytes() == "n\u00e9w\n".encode()
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "half" * 10_000 + "\ud800")
    assert path.read_bytes() == "n\u00e9w\n".encode()
    assert [child.name for child in tmp_path.iterdir()] == ["report.json"]


def test_a_folder_is_moved_into_an_empty_place(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "x").write_text("x")
    replace_folder(tmp_path / "source", tmp_path / "target")
    assert contents(tmp_path) == {"target/x": "x"}


@pytest.mark.parametrize(
    "manifest",
    [None, "", "{", '{"key": "other"}', '{"rows": 3}', "[]", "null", '"k"', "\x00\x01"],
    ids=repr,
)
def test_a_folder_with_another_or_a_damaged_manifest_is_not_taken(tmp_path: Path, manifest: str | None) -> None:
    if manifest is not None:
        (tmp_path / MANIFEST).write_text(manifest)
    assert read_manifest(tmp_path, "k") is None
    (tmp_path / MANIFEST).write_text(json.dumps({"key": "k"}))
    assert read_manifest(tmp_path, "k") == {"key": "k"}


def test_an_absent_folder_has_no_manifest(tmp_path: Path) -> None:
    assert read_manifest(tmp_path / "absent", "k") is None


def test_leftovers_go_at_every_depth_where_a_build_writes_and_nothing_else_goes(tmp_path: Path) -> None:
    kept = ["a/manifest.json", "scans/b/views.parquet", "scans/b/writing-notes", "report.json", ".hidden"]
    for name in kept:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    for folder in (tmp_path, tmp_path / "scans", tmp_path / "scans" / "b"):
        run_until_killed(KILLED_INSIDE, folder / "new")
        run_until_killed(KILLED_IN_A_TEXT, folder / "new.json")
    assert len(contents(tmp_path)) == len(kept) + 6
    remove_leftovers(tmp_path)
    assert sorted(contents(tmp_path)) == sorted(kept)


def test_there_may_be_no_leftovers_and_no_folder(tmp_path: Path) -> None:
    remove_leftovers(tmp_path)
    remove_leftovers(tmp_path / "absent")
    assert list(tmp_path.iterdir()) == []
