"""Reads a number or a point from an answer, by the grammar in `answers.py`."""

import math
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain
from typing import TypeVar

from .answers import BOUND, FRAME, NOTHING, NUMBER_WORDS, OK, PRONOUN, TWO_WAYS, Parsed, Point, clean, first_word

Value = TypeVar("Value", float, Point)

_METRES = {"m": 1.0, "met": 1.0, "dm": 0.1, "cm": 0.01, "cent": 0.01, "mm": 0.001, "mill": 0.001, "k": 1_000.0}
_METRES |= {"ft": 0.3048, "foot": 0.3048, "feet": 0.3048, "inch": 0.0254, "yard": 0.9144}
"""Metres of a unit, by what its name begins with."""
_UNIT = r"(?:[cdkm]?m|(?:centi|milli|kilo)?met(?:er|re)s?|ft|foot|feet|inch(?:es)?|yards?)"
_NUMBER = re.compile(
    rf"(?<![\w.])(?<!\d,)[-+]?(\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?:e[-+]?\d{{1,2}})?"
    rf"(?:\s*({_UNIT})\b|(?![\w]|\.\d|,\d))",
    re.IGNORECASE,
)
_WORD_NUMBER = re.compile(rf"\b(?<!-)({'|'.join(NUMBER_WORDS)})(?!-)\b", re.IGNORECASE)
_COMPOUND = re.compile(
    rf"(?:\d|\b(?:{'|'.join(NUMBER_WORDS)}))\s+(?:and\s+a\s+)?(?:half|quarter|hundred|thousand|million)\b"
    rf"|\bminus\s+\w|(?:\b(?:{BOUND}|not)\s+|[<>\u2264\u2265]\s*)(?:\d|(?:{'|'.join(NUMBER_WORDS)})\b)|[\w)]\s*(?:~|\.\.+)\s*\d",
    re.IGNORECASE,
)
"""Numbers that are more than their parts, bounds and ranges: not read, lest a part of one counts."""
_ANSWER_IS = re.compile(
    r"(?i)\b(?:answer|total|distance|length|count|number|result|coordinates?|cent(?:er|re)|estimate)\b[^.\n\d(\[]{0,40}?"
    r"(?:\bis\b|\bare\b|:|=|≈|~|\bof\b)"
)
_PAIR = r"(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)"
_POINT = re.compile(rf"[(\[]\s*{_PAIR}\s*[)\]]")
_AXES = re.compile(r"(?i)\bx\s*[:=]\s*(-?\d+(?:\.\d+)?)\D{1,12}?\by\s*[:=]\s*(-?\d+(?:\.\d+)?)")
_Y_FIRST = re.compile(r"(?i)\by\s*[:=]\s*-?\d[^xX]{0,12}\bx\s*[:=]")


@lru_cache(maxsize=200_000)
def parse_number(answer: str, unit: str | None = None) -> Parsed:
    """Read the number that an answer states.

    Args:
        answer: what the model said.
        unit: `m` or `cm`: what the question asks in; a length in another unit is converted to it.
    """
    text = PRONOUN.sub(" ", FRAME.sub(" ", clean(answer)))
    if _COMPOUND.search(text):
        return TWO_WAYS
    return _one_of(_numbers(text, unit), (_numbers(rest, unit) for rest in _after_statements(text)))


def parse_number_as_authors(answer: str) -> Parsed:
    """Read the first word as the published evaluation does."""
    try:
        return Parsed(float(first_word(answer)), OK)
    except ValueError:
        return NOTHING


@lru_cache(maxsize=200_000)
def parse_point(answer: str) -> Parsed:
    """Read the point that an answer states; a box of four numbers is none."""
    text = FRAME.sub(" ", clean(answer))
    if _Y_FIRST.search(text):
        return TWO_WAYS
    return _one_of(_points(text), (_points(rest) for rest in _after_statements(text)))


def parse_point_as_authors(answer: str) -> Parsed:
    """Read the first pair in brackets, else the first pair, else the first two numbers, as the published evaluation does."""
    number = r"-?\d+(?:\.\d+)?"
    for pattern in (rf"\(\s*({number})\s*,\s*({number})\s*\)", rf"({number})\s*,\s*({number})"):
        if match := re.search(pattern, answer):
            return Parsed((float(match[1]), float(match[2])), OK)
    numbers = re.findall(number, answer)
    return Parsed((float(numbers[0]), float(numbers[1])), OK) if len(numbers) > 1 else NOTHING


def _after_statements(text: str) -> Iterator[str]:
    """What follows `the answer is` and its like, up to the end of the line; the last first."""
    for match in reversed(list(_ANSWER_IS.finditer(text))):
        yield text[match.end() :].split("\n", 1)[0]


def _one_of(found: list[Value], stated: Iterable[list[Value]]) -> Parsed:
    """The only value, else the only one that is stated last."""
    if not found:
        return NOTHING
    for values in chain([found], stated):
        if len(distinct := list(dict.fromkeys(values))) == 1:
            return Parsed(distinct[0], OK)
    return TWO_WAYS


def _numbers(text: str, unit: str | None) -> list[float]:
    values = []
    for match in _NUMBER.finditer(text):
        digits = text[match.start() : match.start(2) if match[2] else match.end()]
        values.append(_in_unit(float(digits.replace(",", "")), match[2], unit))
    values = [value for value in values if math.isfinite(value)]
    words = [float(NUMBER_WORDS[match[1].lower()]) for match in _WORD_NUMBER.finditer(text)]
    return values + words


def _in_unit(value: float, given: str | None, asked: str | None) -> float:
    if given is None or asked is None:
        return value
    metres = next(length for begin, length in reversed(_METRES.items()) if given.lower().startswith(begin))
    return value if metres == _METRES[asked] else round(value * metres / _METRES[asked], 9)


def _points(text: str) -> list[Point]:
    for pattern in (_POINT, _AXES):
        if pairs := [(float(match[1]), float(match[2])) for match in pattern.finditer(text)]:
            return pairs
    numbers = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text)]
    return [(numbers[0], numbers[1])] if len(numbers) == 2 else []
