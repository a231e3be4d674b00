"""Compares what was said with the texts of options, as plain words."""

import re
from functools import lru_cache

DENIALS = {"not", "no", "never", "neither", "nor", "cannot", "none", "unsure", "unclear"}
"""Words that deny what stands beside them."""


def first_clause(text: str) -> str:
    """The words before the first mark."""
    return plain_words(re.split(r"[.,;:!(\n]", text, maxsplit=1)[0])


def beginning_of(text: str, bodies: list[set[str]]) -> int | None:
    """Which option's text the first clause is, and no other's."""
    return owner_of(first_clause(text), bodies)


def holds(text: str, body: str) -> bool:
    """Whether plain words hold others, in their order."""
    return bool(body) and f" {body} " in f" {text} "


def owner_of(text: str, bodies: list[set[str]]) -> int | None:
    """Which option's text this is, and no other's."""
    plain = plain_words(text)
    owners = [k for k, forms in enumerate(bodies) if plain and plain in forms]
    return owners[0] if len(owners) == 1 else None


@lru_cache(maxsize=100_000)
def forms_of(option: str) -> set[str]:
    """How an option's text may be written: without its letter, with `(s)` as s or as nothing."""
    body = re.sub(r"^\s*[A-Za-z]\s*[.):]\s*", "", option)
    # A point says yes by itself.
    written = (body, re.sub(r"(?i)^yes\W+(?=\()", "", body))
    return {plain_words(text.replace("(s)", letters)) for text in written for letters in ("(s)", "s", "")}


def plain_words(text: str) -> str:
    """Words and numbers alone, in lower case, without a leading article."""
    text = text.casefold().replace("n't", " not")
    words = re.findall(r"-?\d+(?:\.\d+)?|[^\W_]+", text)
    while words and words[0] in ("a", "an", "the"):
        words = words[1:]
    return " ".join(words)
