"""Ways to damage a JSON file: any of its values, the objects of an annotation, the poses of the DSLR."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

Rng = np.random.Generator
Edit = Callable[[bytes, Rng], bytes]


# JSON

_ODD_VALUES: tuple[Any, ...] = (
    *(float("nan"), float("inf"), float("-inf"), 1e308, -1e39, 1e20, 1e6, 0, -1, 0.5, 2**31, 2**63, 10**400),
    *("", "word", "7", "\ud800", "a\0b", "two\nlines", "x" * 100_000, None, True, False),
    *([], {}, [[]], [[[1]]], [1, [2]], [None], {"a": 1}),
)


def _walk(value: Any, rng: Rng) -> tuple[Any, Any] | None:
    """A container somewhere in a JSON value and a key of it; branches are as likely as each other."""
    found = None
    while isinstance(value, dict | list) and value:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        found = value, keys[int(rng.integers(len(keys)))]
        if rng.random() < 0.2:
            break
        value = value[found[1]]
    return found


def _json_edit(change: Callable[[Any, Any, Rng], None]) -> Edit:
    """Make an edit of the bytes from one of a container and its key."""

    def edit(data: bytes, rng: Rng) -> bytes:
        value = json.loads(data)
        container, key = _walk(value, rng) or ({}, None)
        change(container, key, rng)
        return json.dumps(value).encode()

    return edit


def _set(container: Any, key: Any, rng: Rng) -> None:
    container[key] = _ODD_VALUES[int(rng.integers(len(_ODD_VALUES)))]


def _drop(container: Any, key: Any, rng: Rng) -> None:
    del container[key]


def _rename(container: Any, key: Any, rng: Rng) -> None:
    value = container[key]
    del container[key]
    if isinstance(container, dict):
        container[key.upper()] = value
    else:
        container.append(value)


def _resize(container: Any, key: Any, rng: Rng) -> None:
    value = container[key]
    if isinstance(value, list):
        container[key] = [[], value[: len(value) // 2], value + value, value[::-1], [value]][int(rng.integers(5))]
    elif isinstance(value, dict):
        container[key] = [[], {}, [value], list(value.values())][int(rng.integers(4))]
    else:
        container[key] = [value]


def _as_text(container: Any, key: Any, rng: Rng) -> None:
    container[key] = json.dumps(container[key])


def _repeat_key(data: bytes, rng: Rng) -> bytes:
    """Write a key of the file twice in one object; the second stands first in the file."""
    key = [
        b'"transform_matrix"',
        b'"frames"',
        b'"camera_model"',
        b'"fl_x"',
        b'"segIndices"',
        b'"segGroups"',
        b'"objectId"',
        b'"label"',
        b'"segments"',
        b'"obb"',
        b'"centroid"',
    ]
    present = [name for name in key if name in data]
    name = present[int(rng.integers(len(present)))]
    return data.replace(name, name + b": " + json.dumps(_ODD_VALUES[int(rng.integers(10))]).encode() + b", " + name, 1)


JSON: dict[str, Edit] = {
    "value replaced": _json_edit(_set),
    "key dropped": _json_edit(_drop),
    "key renamed": _json_edit(_rename),
    "list resized": _json_edit(_resize),
    "value as text": _json_edit(_as_text),
    "key twice": _repeat_key,
    "nested without end": lambda data, rng: data[:-1] + b', "x": ' + b"[" * int(rng.integers(500, 200_000)) + b"}",
    "deeply nested": lambda data, rng: b'{"x": ' + b"[" * 900 + b"]" * 900 + b", " + data[1:],
}


def _each_object(change: Callable[[dict[str, Any], Rng], None]) -> Edit:
    def edit(data: bytes, rng: Rng) -> bytes:
        value = json.loads(data)
        for group in value["segGroups"]:
            change(group, rng)
        return json.dumps(value).encode()

    return edit


def _multiply(data: bytes, rng: Rng) -> bytes:
    """More objects than a scan can have."""
    value = json.loads(data)
    groups = value["segGroups"]
    value["segGroups"] = [groups[k % len(groups)] | {"objectId": k + 1, "segments": [k]} for k in range(5000)]
    return json.dumps(value).encode()


def _move_boxes(group: dict[str, Any], rng: Rng) -> None:
    group["obb"]["centroid"] = (rng.choice([0.0, 1e2, 1e9, 1e200]) * rng.normal(size=3)).tolist()


def _grow_boxes(group: dict[str, Any], rng: Rng) -> None:
    group["obb"]["axesLengths"] = (rng.choice([0.0, 1.0, 1e9, 1e300]) * rng.random(3)).tolist()


def _move_segments(group: dict[str, Any], rng: Rng) -> None:
    group["segments"] = rng.integers(-50, 5000, size=int(rng.integers(200))).tolist()


OBJECTS: dict[str, Edit] = {
    "boxes moved": _each_object(_move_boxes),
    "boxes grown": _each_object(_grow_boxes),
    "segments at random": _each_object(_move_segments),
    "labels odd": _each_object(
        lambda group, rng: group.update(label=str(rng.choice(["", "s", "\ud800", "ß" * 99, "\n", "{}", "%s", "\0\0"])))
    ),
    "thousands of objects": _multiply,
}


# The poses of the DSLR


def _each_matrix(change: Callable[[np.ndarray, Rng], np.ndarray]) -> Edit:
    def edit(data: bytes, rng: Rng) -> bytes:
        value = json.loads(data)
        for frame in value["frames"]:
            frame["transform_matrix"] = change(np.array(frame["transform_matrix"]), rng).tolist()
        return json.dumps(value).encode()

    return edit


def _move_pose(matrix: np.ndarray, rng: Rng) -> np.ndarray:
    matrix[:3, 3] += rng.choice([0.02, 1e2, 1e9, 1e200])
    return matrix


def _odd_cameras(data: bytes, rng: Rng) -> bytes:
    """Change a number of the camera."""
    key = ["w", "h", "fl_x", "fl_y", "cx", "cy", "k1"][int(rng.integers(7))]
    numbers = (0, -1, 1, 0.5, 1e-9, 1e5, 1e9, 1e300, float("nan"), "64", None, [64], 10**400)
    return json.dumps(json.loads(data) | {key: numbers[int(rng.integers(len(numbers)))]}).encode()


MATRICES: dict[str, Edit] = {
    "odd camera": _odd_cameras,
    "poses far away": _each_matrix(_move_pose),
    "poses of one row less": _each_matrix(lambda m, rng: m[:3]),
    "poses transposed": _each_matrix(lambda m, rng: m.T),
    "poses mirrored": _each_matrix(lambda m, rng: m * (-1, 1, 1, 1)),
    "poses scaled": _each_matrix(lambda m, rng: m * rng.choice([0.0, 1e-5, 1.0001, 2.0, 1e30])),
    "poses of other axes": _each_matrix(lambda m, rng: m[[0, 2, 1, 3]]),
}
