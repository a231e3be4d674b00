"""Procedural textures of the sample scans: what colour a point of a part has, by its place in the part's shape."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def _wave(p: Floats, x: float, y: float, z: float) -> Floats:
    return np.sin(p[:, 0] * np.float32(x) + p[:, 1] * np.float32(y) + p[:, 2] * np.float32(z))


def _speckle(p: Floats, size: float) -> Floats:
    """Pseudo-random value in 0..1 of the cell of `size` metres that holds the point."""
    cell = np.floor(p / np.float32(size)).astype(np.int32).view(np.uint32)
    mixed = (
        cell[:, 0] * np.uint32(0x9E3779B1) ^ cell[:, 1] * np.uint32(0x85EBCA77) ^ cell[:, 2] * np.uint32(0xC2B2AE3D)
    )
    mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(0x2C1B3C6D)
    mixed ^= mixed >> np.uint32(13)
    return (mixed & np.uint32(0xFFFF)).astype(np.float32) / np.float32(65535)


def _shaded(colour: Floats, factor: Floats) -> Floats:
    return colour * factor[:, None]


def _plain(colour: Floats, p: Floats) -> Floats:
    return _shaded(colour, 0.99 + 0.01 * _wave(p, 7, 6, 5))


def _wood(colour: Floats, p: Floats) -> Floats:
    grain = 0.6 * _wave(p, 2, 150, 150) + np.sin(p[:, 1] * 45 + p[:, 2] * 48 + 1.6 * _wave(p, 4, 9, 5))
    return _shaded(colour, 0.96 + 0.05 * grain)


def _fabric(colour: Floats, p: Floats) -> Floats:
    return _shaded(colour, 0.9 + 0.1 * _speckle(p, 0.006) + 0.02 * _wave(p, 9, 7, 6) * _wave(p, -6, 8, 9))


def _carpet(colour: Floats, p: Floats) -> Floats:
    return _shaded(colour, 0.78 + 0.3 * _speckle(p, 0.012) + 0.1 * _speckle(p, 0.05))


def _planks(colour: Floats, p: Floats) -> Floats:
    row = np.floor(p[:, 1] / 0.14)
    board = np.stack([np.floor((p[:, 0] + 0.53 * row) / 1.3), row, 0 * row], axis=1).astype(np.float32)
    seam = np.minimum((p[:, 1] / 0.14) % 1, ((p[:, 0] + 0.53 * row) / 1.3 % 1) * 9)
    return _shaded(_wood(colour, p), (0.78 + 0.3 * _speckle(board, 1.0)) * np.where(seam < 0.04, 0.6, 1))


def _tiles(colour: Floats, p: Floats) -> Floats:
    x, y = p[:, 0] / 0.33, (p[:, 1] + p[:, 2]) / 0.33
    is_joint = (x % 1 < 0.03) | (y % 1 < 0.03)
    checker = (np.floor(x) + np.floor(y)) % 2
    return _shaded(colour, np.where(is_joint, 0.6, 0.86 + 0.14 * checker).astype(np.float32))


def _plaster(colour: Floats, p: Floats) -> Floats:
    return _shaded(colour, 0.96 + 0.025 * _speckle(p, 0.008) + 0.015 * _wave(p, 3, 4, 2.6))


def _weave(colour: Floats, p: Floats) -> Floats:
    angle = np.arctan2(p[:, 1], p[:, 0])
    return _shaded(colour, 0.85 + 0.2 * np.sin(p[:, 2] * 180) * np.sin(angle * 22))


def _art(colour: Floats, p: Floats) -> Floats:
    """A landscape, coloured fields or waves; the base colour tells one picture from another."""
    shift = colour.sum(axis=1) * 9
    style = np.floor(shift * 5) % 3
    x, z = p[:, 0], p[:, 2] - 0.05
    hills = 0.18 + 0.06 * np.sin(x * 9 + shift) + 0.04 * np.sin(x * 23 + 2 * shift)
    is_sun = np.hypot(x - 0.12 * np.sin(shift), z - 0.37) < 0.05
    sky = np.stack([0.95 - 0.9 * z, 0.7 - 0.3 * z, 0.45 + 0.4 * z], axis=1)
    ground = np.where((z < 0.6 * hills)[:, None], 0.5 * colour, 0.8 * colour + 0.08)
    landscape = np.where((z < hills)[:, None], ground, np.where(is_sun[:, None], np.array([1, 0.93, 0.6]), sky))
    cell = np.stack([np.floor(x / 0.17 + shift), np.floor(z / 0.21 + shift), shift], axis=1).astype(np.float32)
    tone = np.stack([_speckle(cell + np.float32(k), 1.0) for k in (1, 2, 3)], axis=1)
    waves = np.stack([np.sin(x * a + z * b + shift * c) for a, b, c in ((13, 7, 1), (-9, 15, 2), (6, -17, 3))], axis=1)
    fields, ripples = 0.6 * tone + 0.3 * colour, 0.5 * colour + 0.3 + 0.18 * waves
    picture = np.where((style == 0)[:, None], landscape, np.where((style == 1)[:, None], fields, ripples))
    return np.clip(picture, 0.02, 0.9).astype(np.float32)


def _screen(colour: Floats, p: Floats) -> Floats:
    is_text = (np.sin(p[:, 2] * 260) > 0.35) & (_speckle(p * np.array([1, 0, 1], np.float32), 0.024) > 0.45)
    return colour * np.where(is_text, 2.2, 0.8).astype(np.float32)[:, None]


def _sky(colour: Floats, p: Floats) -> Floats:
    is_tree = p[:, 2] < 0.35 + 0.12 * np.sin(p[:, 0] * 7) + 0.05 * np.sin(p[:, 0] * 31)
    tree = np.array([0.3, 0.5, 0.22], np.float32)
    return np.where(is_tree[:, None], tree, colour * (0.85 + 0.12 * np.clip(p[:, 2:3], 0, 1.5)))


def _book(colour: Floats, p: Floats) -> Floats:
    return np.where((np.abs((p[:, 2] * 11) % 1 - 0.5) < 0.12)[:, None], 0.5 * colour + 0.35, colour)


def _print(colour: Floats, p: Floats) -> Floats:
    is_ink = (np.sin(p[:, 1] * 420) > 0.2) & (_speckle(p, 0.02) > 0.3) & (np.abs(p[:, 0]) < 0.085)
    return _shaded(colour, np.where(is_ink, 0.55, 1).astype(np.float32))


def _cardboard(colour: Floats, p: Floats) -> Floats:
    return _shaded(colour, 0.95 + 0.04 * _wave(p, 4, 4, 220) + 0.03 * _speckle(p, 0.02))


def _keys(colour: Floats, p: Floats) -> Floats:
    is_gap = ((p[:, 0] / 0.02) % 1 < 0.2) | ((p[:, 1] / 0.02) % 1 < 0.2)
    return _shaded(colour, np.where(is_gap, 0.25, 1).astype(np.float32))


def _rug(colour: Floats, p: Floats) -> Floats:
    figure = np.sin(p[:, 0] * 16) * np.sin(p[:, 1] * 16)
    light = np.array([0.75, 0.66, 0.5], np.float32)
    mixed = np.where((figure > 0.35)[:, None], light, colour)
    return _shaded(np.where((figure < -0.6)[:, None], 0.45 * colour, mixed), 0.85 + 0.15 * _speckle(p, 0.01))


def _rings(colour: Floats, p: Floats) -> Floats:
    ring = (np.hypot(p[:, 0], p[:, 1]) / 0.22) % 1 < 0.45
    return _shaded(np.where(ring[:, None], 0.4 * colour + 0.5, colour), 0.85 + 0.15 * _speckle(p, 0.01))


def _curtain(colour: Floats, p: Floats) -> Floats:
    return _shaded(_fabric(colour, p), np.where((p[:, 0] * 5) % 1 < 0.2, 0.82, 1.0).astype(np.float32))


def _leaf(colour: Floats, p: Floats) -> Floats:
    return _shaded(colour, 0.85 + 0.2 * _wave(p, 60, 60, 40))


def _globe(colour: Floats, p: Floats) -> Floats:
    land = _wave(p, 21, 17, 9) + _wave(p, -13, 24, 19) + 0.5 * _wave(p, 40, -33, 37)
    return np.where((land > 0.35)[:, None], np.array([0.4, 0.52, 0.2], np.float32), colour)


def _glass(colour: Floats, p: Floats) -> Floats:
    return colour + np.where((np.abs((p[:, 0] + p[:, 2]) % 0.5 - 0.2) < 0.04)[:, None], 0.12, 0.02).astype(np.float32)


def _flat(colour: Floats, p: Floats) -> Floats:
    return colour


PATTERNS: dict[str, Callable[[Floats, Floats], Floats]] = {
    "plain": _plain,
    "wood": _wood,
    "fabric": _fabric,
    "carpet": _carpet,
    "planks": _planks,
    "tiles": _tiles,
    "plaster": _plaster,
    "weave": _weave,
    "art": _art,
    "screen": _screen,
    "sky": _sky,
    "book": _book,
    "print": _print,
    "cardboard": _cardboard,
    "keys": _keys,
    "rug": _rug,
    "rings": _rings,
    "curtain": _curtain,
    "leaf": _leaf,
    "globe": _globe,
    "glass": _glass,
    "glow": _flat,
    "shade": _plain,
}
"""Textures: (base colour, local position), both of shape (n, 3), to colour of shape (n, 3)."""

_GLOW = {"glow": 1.0, "sky": 0.9, "screen": 0.35, "shade": 0.35}
"""Patterns that shine by themselves, and how bright."""


def paint(
    part_colour: Floats, part_pattern: tuple[str, ...], part: NDArray[np.int32], local: Floats, light: Floats
) -> NDArray[np.uint8]:
    """Colour points by their part's texture under a given light.

    Args:
        part_colour: shape (p, 3), linear.
        part_pattern: keys of `PATTERNS`, one a part.
        part: shape (n,), part of each point.
        local: shape (n, 3), texture position.
        light: shape (n,), incoming light, about 1 in the open.

    Returns:
        Shape (n, 3), 8-bit sRGB.
    """
    names = sorted(set(part_pattern))
    pattern_of_part = np.array([names.index(name) for name in part_pattern])
    pattern = pattern_of_part[part]
    linear = part_colour[part]
    glow = np.zeros(len(part), np.float32)
    order = np.argsort(pattern, kind="stable")
    bounds = np.searchsorted(pattern[order], np.arange(len(names) + 1))
    for k, name in enumerate(names):
        chosen = order[bounds[k] : bounds[k + 1]]
        if len(chosen):
            linear[chosen] = PATTERNS[name](linear[chosen], local[chosen])
            glow[chosen] = _GLOW.get(name, 0.0)
    linear *= (np.maximum(light, 0) * (1 - 0.5 * glow) + glow)[:, None]
    return _SRGB[np.clip(linear * 4095, 0, 4095).astype(np.int16)]


def _srgb_table() -> NDArray[np.uint8]:
    linear = np.linspace(0, 1, 4096)
    # A soft shoulder keeps lamps and windows from burning out into flat white.
    linear = np.where(linear > 0.7, 0.7 + 0.3 * (1 - np.exp(-(linear - 0.7) / 0.3)), linear)
    return (255 * np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)).astype(np.uint8)


_SRGB = _srgb_table()
