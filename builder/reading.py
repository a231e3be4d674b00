"""What the text of a record says: the table of sentences read backwards.

The audit and the verifier see a record as a reader does, through its question and options; neither asks the code that
wrote them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from string import Formatter

from .tasks import wording


def _in_both_wordings(name: str) -> tuple[str, ...]:
    return tuple(table[name] for table in wording.WORDINGS.values())


_QUESTIONS: dict[str, tuple[str, ...]] = {
    "count": _in_both_wordings("count"),
    "best_view": _in_both_wordings("best_view"),
    "existence": (wording.EXISTENCE,),
    "attribute": (wording.ATTRIBUTE,),
    "spatial_relation": (wording.SPATIAL_RELATION,),
    "localization": _in_both_wordings("localization"),
    "distance": (wording.CAMERA_DISTANCE, wording.OBJECT_DISTANCE),
    "size": (wording.SIZE,),
}
"""Forms of the questions of each task; the first that fits is read."""

_OPTIONS: dict[str, tuple[str, ...]] = {
    "count": ("{count}",),
    "best_view": _in_both_wordings("best_view_option"),
    "existence": (wording.YES, wording.NO),
    "attribute": ("{category}",),
    "spatial_relation": ("{relation} the {source} and {second} {pronoun}.", "{relation} the {source}."),
    "localization": (wording.LOCALIZATION_OPTION, wording.NO),
}
"""Forms of the options of each task."""

_ANSWERS: dict[str, tuple[str, ...]] = {
    "count": ("{count}",),
    "localization": (wording.POINT,),
    "distance": ("{number}",),
    "size": ("{number}",),
}
"""Forms of the answers to questions without options."""

_RELATION_OF = {phrase: relation for relation, phrase in wording.RELATION_PHRASES.items()}
_NAME = r".+?"
_INTEGER = r"\d+"
_PHRASE = f"(?i:{'|'.join(_RELATION_OF)})"
_PLACES = {
    **dict.fromkeys(("category", "plural", "counted", "target", "source"), _NAME),
    "is_there": rf"(?:Is there an?|Are there) (?P<object>{_NAME})",
    **dict.fromkeys(("relation", "second"), _PHRASE),
    "pronoun": "it|them",
    "is_": "is|are",
    "does": "does|do",
    **dict.fromkeys(("frame", "count", "x", "y"), _INTEGER),
    "number": rf"{_INTEGER}(?:\.{_INTEGER})?",
}
"""What may stand in each place of a sentence."""
_OBJECTS = ("category", "plural", "counted", "object", "target")
"""Places that hold the object a sentence is about."""
_TAG = rf"(?: \((?P<tag_x>{_INTEGER}), (?P<tag_y>{_INTEGER})\))?"
"""What may follow the name of an object: of the source where there is one, else of the target."""
_NOTE = r"(?: (?P<note>.+))?"
"""What may follow a question."""

Point = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Statement:
    """What a question or an option says; None where it says nothing of the kind."""

    category: str | None = None
    """The object that is asked about or offered, as it is written: in the plural where the sentence needs it."""
    source: str | None = None
    """The object that it is related to."""
    tag: Point | None = None
    """Where the source (in a question without one, the object) lies in the image, in question coordinates."""
    relations: tuple[str, ...] = ()
    """Relations of the object to the source."""
    frame: int | None = None
    """The frame that is named, from 1."""
    count: int | None = None
    point: Point | None = None
    """A place in the image, in question coordinates."""
    number: float | None = None
    is_yes: bool | None = None
    """Whether the option begins with Yes or is No."""
    note: str = ""
    """What follows the question: the sentence on coordinates."""


@lru_cache(maxsize=100_000)
def parse_question(task: str, text: str) -> Statement | None:
    """Read a question of a task; None if it has none of the task's forms."""
    return _read(_QUESTIONS.get(task, ()), _NOTE, text)


@lru_cache(maxsize=100_000)
def parse_option(task: str, text: str) -> Statement | None:
    """Read an option of a task, without its letter; None if it has none of the task's forms."""
    return _read(_OPTIONS.get(task, ()), "", text)


@lru_cache(maxsize=100_000)
def parse_answer(task: str, text: str) -> Statement | None:
    """Read the answer to a task's question without options; None if it has none of the task's forms."""
    return _read(_ANSWERS.get(task, ()), "", text)


def _read(forms: tuple[str, ...], ending: str, text: str) -> Statement | None:
    for form in forms:
        if match := _pattern(form, ending).fullmatch(text):
            return _statement(form, match.groupdict())
    return None


@cache
def _pattern(form: str, ending: str) -> re.Pattern[str]:
    """Turn a sentence with places into an expression; a place that comes again must hold the same words."""
    pattern, seen = "", set()
    places = [(literal, place) for literal, place, _, _ in Formatter().parse(form)]
    tagged = "source" if any(place == "source" for _, place in places) else "target"
    for literal, place in places:
        pattern += re.escape(literal)
        if place in seen:
            pattern += f"(?P={place})"
        elif place:
            pattern += f"(?P<{place}>{_PLACES[place]})" + (_TAG if place == tagged else "")
            seen.add(place)
    return re.compile(pattern + ending)


def _statement(form: str, said: dict[str, str | None]) -> Statement:
    number = said.get("number")
    phrases = [phrase for phrase in (said.get("relation"), said.get("second")) if phrase]
    return Statement(
        category=next((said[place] for place in _OBJECTS if said.get(place)), None),
        source=said.get("source"),
        tag=_point(said, "tag_x", "tag_y"),
        relations=tuple(_RELATION_OF[phrase.lower()] for phrase in phrases),
        frame=_integer(said, "frame"),
        count=_integer(said, "count"),
        point=_point(said, "x", "y"),
        number=None if number is None else float(number),
        is_yes=form.startswith(wording.YES) if form.startswith((wording.YES, wording.NO)) else None,
        note=said.get("note") or "",
    )


def _integer(said: dict[str, str | None], place: str) -> int | None:
    value = said.get(place)
    return None if value is None else int(value)


def _point(said: dict[str, str | None], x: str, y: str) -> Point | None:
    values = _integer(said, x), _integer(said, y)
    return None if values[0] is None or values[1] is None else (values[0], values[1])
