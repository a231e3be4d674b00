"""Scenes to splits and sizes to questions, against an independent computation."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialmosaic_builder.scans.errors import ScanError
from spatialmosaic_builder.splits import list_digest, questions_by_split, split_scenes

SCENES = [hashlib.md5(str(k).encode()).hexdigest()[:10] for k in range(849)]
NOWHERE = Path("nowhere")


def write_list(path: Path, scenes: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{scene}\n" for scene in scenes))
    return path


def official_root(root: Path, train: list[str], test: list[str]) -> Path:
    write_list(root / "splits" / "nvs_sem_train.txt", train)
    write_list(root / "splits" / "nvs_sem_val.txt", test)
    return root


def test_the_default_split_of_the_papers_849_scenes_has_its_sizes() -> None:
    split = split_scenes("default", NOWHERE, SCENES)
    assert (len(split["train"]), len(split["test"])) == (679, 170)


@settings(deadline=None, derandomize=True)
@given(st.sets(st.text("0123456789abcdef", min_size=1, max_size=10), max_size=40))
def test_the_default_split_is_the_first_four_fifths_by_hash(scenes: set[str]) -> None:
    split = split_scenes("default", NOWHERE, sorted(scenes))
    rank = {scene: int.from_bytes(hashlib.sha256(scene.encode("ascii")).digest(), "big") for scene in scenes}
    n = len(scenes)
    num_train = 1 if n == 1 else math.floor(0.8 * n + 1e-9)
    assert split["train"] == sorted(sorted(scenes, key=lambda scene: rank[scene])[:num_train])
    assert split["test"] == sorted(scenes - set(split["train"]))
    if n >= 2:
        assert split["train"]
        assert split["test"]


def test_a_known_default_split() -> None:
    """By sha256sum: d 18ac..., c 2e7d..., b 3e23..., e 3f79..., a ca97..."""
    assert split_scenes("default", NOWHERE, ["a", "b", "c", "d", "e"]) == {
        "train": ["b", "c", "d", "e"],
        "test": ["a"],
    }


def test_the_default_split_does_not_depend_on_the_order_of_the_scenes() -> None:
    assert split_scenes("default", NOWHERE, SCENES) == split_scenes("default", NOWHERE, SCENES[::-1])


def test_a_new_scene_moves_few_others() -> None:
    before = set(split_scenes("default", NOWHERE, SCENES[:400])["train"])
    after = set(split_scenes("default", NOWHERE, SCENES[:401])["train"])
    assert len(before - after) <= 1


def test_no_scene_gives_empty_splits() -> None:
    assert split_scenes("default", NOWHERE, []) == {"train": [], "test": []}


def test_a_single_scene_is_train() -> None:
    assert split_scenes("default", NOWHERE, ["a"]) == {"train": ["a"], "test": []}


def test_the_official_split_holds_the_listed_scenes_that_are_there(tmp_path: Path) -> None:
    root = official_root(tmp_path, ["d", "b", "gone"], ["c", "lost"])
    assert split_scenes("official", root, ["a", "b", "c", "d"]) == {"train": ["b", "d"], "test": ["c"]}


def test_the_official_split_needs_its_lists(tmp_path: Path) -> None:
    with pytest.raises(ScanError, match=r"nvs_sem_train\.txt"):
        split_scenes("official", tmp_path, ["a"])


def test_lists_of_the_user_are_taken_as_they_are(tmp_path: Path) -> None:
    train = write_list(tmp_path / "my train.txt", ["c", "a", "c", "not on disk"])
    test = write_list(tmp_path / "my test.txt", ["b"])
    split = split_scenes(f"{train},{test}", NOWHERE, ["a", "b", "c"])
    assert split == {"train": ["a", "c", "not on disk"], "test": ["b"]}


def test_the_first_list_of_the_user_is_train(tmp_path: Path) -> None:
    one, other = write_list(tmp_path / "1", ["a"]), write_list(tmp_path / "2", ["b"])
    assert split_scenes(f"{one},{other}", NOWHERE, [])["train"] == ["a"]
    assert split_scenes(f"{other},{one}", NOWHERE, [])["train"] == ["b"]


def test_a_scene_in_both_lists_is_refused_by_name(tmp_path: Path) -> None:
    train, test = write_list(tmp_path / "train.txt", ["a", "b"]), write_list(tmp_path / "test.txt", ["c", "b"])
    with pytest.raises(ValueError, match="scene b stands in both lists"):
        split_scenes(f"{train},{test}", NOWHERE, ["a", "b", "c"])
    with pytest.raises(ValueError, match="scene b stands in both lists"):
        split_scenes("official", official_root(tmp_path, ["a", "b"], ["c", "b"]), ["a", "b", "c"])


def test_a_missing_list_of_the_user_is_named(tmp_path: Path) -> None:
    train = write_list(tmp_path / "train.txt", ["a"])
    with pytest.raises(ScanError, match=r"gone\.txt"):
        split_scenes(f"{train},{tmp_path / 'gone.txt'}", NOWHERE, ["a"])


@pytest.mark.parametrize("split", ["", "Default", "nvs_sem_train", "train.txt", "a,b,c"])
def test_another_split_is_refused_with_the_choices(split: str) -> None:
    with pytest.raises(ValueError, match=r"default, official or TRAIN\.txt,TEST\.txt"):
        split_scenes(split, NOWHERE, ["a"])


@pytest.mark.parametrize(
    ("size", "train", "test"),
    [
        ("full", 2_000_000, 1_000_000),
        ("mini", 200_000, 100_000),
        ("3000", 2000, 1000),
        ("10", 7, 3),
        ("5", 3, 2),
        ("2", 1, 1),
        ("1", 1, 0),
        ("1000000", 666_667, 333_333),
    ],
)
def test_two_thirds_of_a_size_are_train(size: str, train: int, test: int) -> None:
    assert questions_by_split(size) == {"train": train, "test": test}


@pytest.mark.parametrize("size", ["", "0", "-3", "1.5", "1e3", "Full", "mini ", "\u00b2", "many", "None"])
def test_another_size_is_refused_with_the_choices(size: str) -> None:
    with pytest.raises(ValueError, match="full, mini or a positive number"):
        questions_by_split(size)


def test_the_digest_of_a_list_is_that_of_its_file(tmp_path: Path) -> None:
    path = write_list(tmp_path / "train.txt", SCENES)
    assert list_digest(SCENES) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert list_digest([]) == hashlib.sha256(b"").hexdigest()
