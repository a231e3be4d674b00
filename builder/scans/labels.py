"""Raw annotation label -> category name, or the reason why it can be no subject of a question.

Names stay the annotator's own (no synonyms); only spellings of one name are merged: case, blanks, hyphens, number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Any

JUNK_NAMES = frozenset(
    "remove split object objects unknown unlabeled unlabelled unannotated reflection reflections".split()
)
"""Labels that name no object: annotation artefacts. Such instances still occlude."""

STRUCTURE_NAMES = frozenset(
    {
        *("wall", "floor", "ceiling", "pillar", "column", "beam", "ledge", "roof", "partition", "stair", "staircase"),
        *("window frame", "windowframe", "door frame", "doorframe", "window sill", "windowsill", "door sill"),
        *("door jamb", "skirting board", "skirting", "baseboard", "molding", "moulding", "threshold"),
    }
)
"""The building itself, in the singular. A name that ends in one of them ("shower wall", "ceiling beam") is structure
too."""

_PLURAL_ONLY = frozenset(
    "scissors pliers tweezers tongs trousers jeans pants shorts tights binoculars clothes goggles earphones".split()
)
_SINGULAR_IN_S = frozenset(
    "lens gas canvas bus atlas series chess tennis thermos cactus iris asparagus mattress abacus".split()
)
_HYPHENS = "\\-\u2010\u2011\u2013"
_IRREGULAR = {
    "shelves": "shelf",
    "bookshelves": "bookshelf",
    "knives": "knife",
    "leaves": "leaf",
    "people": "person",
    "men": "man",
    "women": "woman",
    "children": "child",
    "mice": "mouse",
    "feet": "foot",
    "buses": "bus",
    "canvases": "canvas",
    "cookies": "cookie",
    "movies": "movie",
    "ties": "tie",
    "lenses": "lens",
    "potatoes": "potato",
    "tomatoes": "tomato",
    "mangoes": "mango",
    "scarves": "scarf",
    "loaves": "loaf",
    "hoodies": "hoodie",
    "beanies": "beanie",
    "axes": "axe",
    "cacti": "cactus",
    "cactuses": "cactus",
}


def clean_name(label: str) -> str:
    """Normalise one label: NFC, trimmed, lower case, blanks collapsed."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", label)).strip().lower()


def singular(name: str) -> str:
    """Put the last word of a cleaned name into the singular; a word without one is returned as it is."""
    head, blank, word = name.rpartition(" ")
    return head + blank + _singular_word(word)


def _singular_word(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word in _PLURAL_ONLY or word in _SINGULAR_IN_S or not word.endswith("s") or len(word) < 3:
        return word
    if word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes", "zzes")):
        return word[:-2]
    return word[:-1]


def is_plural(name: str) -> bool:
    """Whether a category name takes a plural verb ("the blinds are", but "the chest of drawers is")."""
    head = name.partition(" of ")[0]
    return head.rpartition(" ")[2] in _PLURAL_ONLY or singular(head) != head


@cache
def plural(name: str) -> str:
    """Put the last word of a category name into the plural, where it is not yet."""
    return name if is_plural(name) else _inflector().plural_noun(name) or name


@cache
def article(name: str) -> str:
    """`a` or `an`, as the category name needs."""
    return _inflector().a(name).split(" ", 1)[0]


@cache
def _inflector() -> Any:
    from inflect import engine

    return engine()


def is_named_in(name: str, other: str) -> bool:
    """Whether a category's words stand, next to each other, in another's: "cabinet" in "kitchen cabinet"."""
    return f" {singular(name)} " in f" {singular(other)} "


def is_junk(name: str) -> bool:
    """Whether a cleaned name is an annotation artefact that names no object."""
    return len(name) <= 1 or name in JUNK_NAMES


def is_structure(name: str) -> bool:
    """Whether a cleaned name is a part of the building, which occludes but is never asked about."""
    words = singular(name.replace("-", " ")).split(" ")
    return words[-1] in STRUCTURE_NAMES or " ".join(words[-2:]) in STRUCTURE_NAMES or singular(name) in STRUCTURE_NAMES


def categories_of(labels: Iterable[str]) -> dict[str, str]:
    """Map every raw label of a scene to its category; junk maps to the empty string.

    Twins that differ only in number, blank, hyphen or case share one category, named by the spelling among them that
    is singular, then has its blanks, then comes first in the alphabet.
    """
    labels = list(labels)
    groups: dict[str, set[str]] = {}
    for label in labels:
        name = clean_name(label)
        groups.setdefault(_twin_key(name), set()).add(name)
    spelling = {key: min(names, key=_spelling_order) for key, names in groups.items()}
    return {label: _category(label, spelling) for label in labels}


def _category(label: str, spelling: dict[str, str]) -> str:
    name = clean_name(label)
    return "" if is_junk(name) else spelling[_twin_key(name)]


def _twin_key(name: str) -> str:
    return re.sub(rf"[\s{_HYPHENS}]", "", singular(re.sub(f"[{_HYPHENS}]", " ", name)))


def _spelling_order(name: str) -> tuple[bool, int, str]:
    return (singular(name) != name, -name.count(" "), name)
