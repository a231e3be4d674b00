"""Reads the letter of an option from an answer, by the grammar in `answers.py`."""

import re
from functools import lru_cache

from .answers import BOUND, FRAME, NOTHING, NUMBER_WORDS, OK, PRONOUN, TWO_WAYS, UNPARSED, Parsed, clean, first_word
from .letters import has_rival, head_letter, named_letter, stated_letter
from .option_texts import DENIALS, beginning_of, first_clause, forms_of, holds, owner_of, plain_words

_LEAD = re.compile(r"(?i)^\W*(?:(?:the|my)\s+)?(?:(?:final|correct|best)\s+)?(?:answer|choice)\s*(?:is\b|:)\s*:?\s*")
_HALF_SAID = re.compile(rf"\| or\b|\bor \||\b{BOUND} \|")


@lru_cache(maxsize=200_000)
def parse_choice(answer: str, options: tuple[str, ...]) -> Parsed:
    """Read the letter that an answer chooses.

    Args:
        answer: what the model said.
        options: `A. ...` strings; a record of k options has k letters.
    """
    text = clean(answer)
    letters = [chr(ord("A") + k) for k in range(len(options))]
    bodies = [forms_of(option) for option in options]
    head = head_letter(text, letters, bodies)
    stated = stated_letter(text, letters, bodies)
    if TWO_WAYS in (head, stated):
        return TWO_WAYS
    if head.value and stated.value and head.value != stated.value:
        return TWO_WAYS
    if head.state != UNPARSED:
        return head
    if stated.state != UNPARSED:
        return TWO_WAYS if _is_contradicted(stated, _begins_with(text, letters, bodies)) else stated
    named = named_letter(text, letters)
    if named.state != UNPARSED:
        return TWO_WAYS if _is_contradicted(named, _by_text(text, letters, bodies)) else named
    told = _by_text(text, letters, bodies)
    return TWO_WAYS if has_rival(told.value, text, letters) else told


def parse_choice_as_authors(answer: str, options: tuple[str, ...]) -> Parsed:
    """Read the first word as the published evaluation does; it is compared as it is, in either case."""
    token = first_word(answer).upper()
    is_letter = len(token) == 1 and 0 <= ord(token) - ord("A") < len(options)
    return Parsed(token, OK) if is_letter else NOTHING


def _is_contradicted(found: Parsed, told: Parsed) -> bool:
    """Whether a letter and the text around it are different options."""
    return found.value is not None and told.value is not None and told.value != found.value


def _by_text(text: str, letters: list[str], bodies: list[set[str]]) -> Parsed:
    """The option whose text an answer is, begins with, or holds."""
    text = _LEAD.sub("", text)
    plain = plain_words(text)
    if (owner := owner_of(text, bodies)) is not None:
        return Parsed(letters[owner], OK)
    if all(body.isdigit() for forms in bodies for body in forms):
        plain = plain_words(PRONOUN.sub(" ", FRAME.sub(" ", text)))
        plain = " ".join(NUMBER_WORDS.get(word, word) for word in plain.split())
    if (begins := beginning_of(text, bodies)) is not None:
        others = {body for k, forms in enumerate(bodies) if k != begins for body in forms}
        rest = plain[len(first_clause(text)) :]
        return TWO_WAYS if any(holds(rest, body) for body in others) else Parsed(letters[begins], OK)
    ordered = sorted(((body, k) for k, forms in enumerate(bodies) for body in forms), key=lambda pair: -len(pair[0]))
    held = set()
    for body, k in ordered:
        # Yes and no occur in any sentence: they count as the whole answer or its beginning only.
        if body not in ("yes", "no") and holds(plain, body):
            held.add(k)
            plain = f" {plain} ".replace(f" {body} ", " | ").strip()
    if len(held) > 1 or (held and _HALF_SAID.search(plain)):
        return TWO_WAYS
    if not held or DENIALS & set(plain.split()):
        return NOTHING
    return Parsed(letters[held.pop()], OK)


def _begins_with(text: str, letters: list[str], bodies: list[set[str]]) -> Parsed:
    """The option whose text the first clause is."""
    begins = beginning_of(text, bodies)
    return NOTHING if begins is None else Parsed(letters[begins], OK)
