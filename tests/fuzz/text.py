"""Ways to damage the bytes of any file, the words of a text, the lines of a list."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

Rng = np.random.Generator
Edit = Callable[[bytes, Rng], bytes]


# Bytes of any file


def _cut(data: bytes, rng: Rng) -> bytes:
    return data[: int(rng.integers(len(data) + 1))]


def _flip_bits(data: bytes, rng: Rng) -> bytes:
    changed = bytearray(data)
    for at in rng.integers(len(data), size=int(rng.integers(1, 9))):
        changed[at] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _insert(data: bytes, rng: Rng) -> bytes:
    at = int(rng.integers(len(data) + 1))
    return data[:at] + rng.bytes(int(rng.integers(1, 40))) + data[at:]


def _remove(data: bytes, rng: Rng) -> bytes:
    at = int(rng.integers(len(data)))
    return data[:at] + data[at + int(rng.integers(1, 40)) :]


def _repeat(data: bytes, rng: Rng) -> bytes:
    start, stop = sorted(rng.integers(len(data) + 1, size=2).tolist())
    return data[:stop] + data[start:]


def _zero(data: bytes, rng: Rng) -> bytes:
    start, stop = sorted(rng.integers(len(data) + 1, size=2).tolist())
    return data[:start] + bytes(stop - start) + data[stop:]


BYTES: dict[str, Edit] = {
    "file cut": _cut,
    "bits flipped": _flip_bits,
    "bytes inserted": _insert,
    "bytes removed": _remove,
    "block repeated": _repeat,
    "block of zeros": _zero,
    "file emptied": lambda data, rng: b"",
    "garbage": lambda data, rng: rng.bytes(int(rng.integers(1, 5000))),
}


# Text of any file


def _latin_1(data: bytes, rng: Rng) -> bytes:
    at = int(rng.integers(len(data) + 1))
    return data[:at] + "é".encode("latin-1") + data[at:]


def _break_lines(data: bytes, rng: Rng) -> bytes:
    """Put a character that Python takes for the end of a line, or none, somewhere."""
    at = int(rng.integers(len(data) + 1))
    return data[:at] + str(rng.choice(list("\r\n\t\v\f\0\x1c\x85\u2028"))).encode() + data[at:]


TEXT: dict[str, Edit] = {
    "CRLF": lambda data, rng: data.replace(b"\n", b"\r\n"),
    "byte order mark": lambda data, rng: b"\xef\xbb\xbf" + data,
    "UTF-16": lambda data, rng: data.decode().encode("utf-16"),
    "Latin-1 byte": _latin_1,
    "odd white space": _break_lines,
}


# Numbers of text files

_ODD_NUMBERS = (
    *"nan inf -inf 1e308 -1e39 1e20 1e6 -1e4 0 -1 -0.0 1e-320 1e-9 0.5 1 2 20000 65535 4294967296".split(),
    *('99999999999999999999 1_0 0x10 word 1,5 -- "'.split()),
    "\u0661\u0662",
)


def _replace_word(data: bytes, rng: Rng) -> bytes:
    lines = [k for k, line in enumerate(data.split(b"\n")) if line.strip() and not line.startswith(b"#")]
    parts = data.split(b"\n")
    at = int(rng.choice(lines))
    words = parts[at].split(b" ")
    words[int(rng.integers(len(words)))] = str(rng.choice(_ODD_NUMBERS)).encode()
    parts[at] = b" ".join(words)
    return b"\n".join(parts)


def _drop_word(data: bytes, rng: Rng) -> bytes:
    words = data.split(b" ")
    del words[int(rng.integers(len(words)))]
    return b" ".join(words)


def _shuffle_lines(data: bytes, rng: Rng) -> bytes:
    lines = data.splitlines(keepends=True)
    return b"".join(lines[k] for k in rng.permutation(len(lines)))


def _scale_digits(data: bytes, rng: Rng) -> bytes:
    """Add zeros after a digit: numbers ten to ten thousand times too large, or more digits."""
    places = [k for k, byte in enumerate(data) if chr(byte).isdigit()]
    at = int(rng.choice(places)) + 1
    return data[:at] + b"0" * int(rng.integers(1, 5)) + data[at:]


NUMBERS: dict[str, Edit] = {
    "word replaced": _replace_word,
    "word dropped": _drop_word,
    "lines shuffled": _shuffle_lines,
    "zeros added": _scale_digits,
}


def _same_pose(data: bytes, rng: Rng) -> bytes:
    """Put every camera at one place, possibly far away or within a wall."""
    lines = data.decode().split("\n")
    place = rng.choice([0.0, 3.0, 1e3, 1e30], 3)
    for k, line in enumerate(lines):
        fields = line.split()
        if len(fields) == 10:
            lines[k] = " ".join([*fields[:5], *map(repr, place.tolist()), *fields[8:]])
    return "\n".join(lines).encode()


def _odd_name(data: bytes, rng: Rng) -> bytes:
    names = (b"/", b".", b"..", b"../../x.jpg", b"\x00.jpg", b"f" * 300 + b".jpg", "ß.jpg".encode(), b".jpg", b"frame")
    return re.sub(rb"\S+_000010.jpg|DSC00001.JPG", lambda _: names[int(rng.integers(len(names)))], data)


POSES: dict[str, Edit] = {"one pose for all": _same_pose, "odd picture name": _odd_name}


# Split lists


def _odd_scene(data: bytes, rng: Rng) -> bytes:
    names = ("..", ".", "/", "../data", "x/y", "ffffffffff", "f" * 5000, "\0", "ß", "# comment", "a b", "aaaaaaaaaa ")
    return data + str(names[int(rng.integers(len(names)))]).encode() + b"\n"


NAMES: dict[str, Edit] = {
    "odd scene name": _odd_scene,
    "both scenes": lambda data, rng: b"aaaaaaaaaa\nbbbbbbbbbb\n",
    "lines doubled": lambda data, rng: data + data,
}
