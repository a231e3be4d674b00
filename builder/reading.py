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

_QUESTIONS: dict[str, tuple[str, ...]] = {
    "count": (wording.COUNT,),
    "best_view": (wording.BEST_VIEW,),
    "existence": (wording.EXISTENCE,),
    "attribute": (wording.ATTRIBUTE,),
    "spatial_relation": (wording.SPATIAL_RELATION,),
    "localization": (wording.LOCALIZATION,),
}
"""Forms of the questions of each task."""

_OPTIONS: dict[str, tuple[str, ...]] = {
    "count": ("{count}",),
    "best_view": (wording.BEST_VIEW_OPTION,),
    "existence": (wording.YES, wording.NO),
    "attribute": ("{category}",),
    "spatial_relation": ("{relation} the {source}.",),
    "localization": (wording.LOCALIZATION_OPTION, wording.NO),
}
"""Forms of the options of each task."""

_RELATION_OF = {phrase: relation for relation, phrase in wording.RELATION_PHRASES.items()}
_NAME = r".+?"
_NUMBER = r"\d+"
_FIELDS = {
    "category": _NAME,
    "target": _NAME,
    "source": _NAME,
    "relation": f"(?i:{'|'.join(_RELATION_OF)})",
    "is_": "is|are",
    "does": "does|do",
    "frame": _NUMBER,
    "count": _NUMBER,
    "x": _NUMBER,
    "y": _NUMBER,
}
"""What may stand in each place of a sentence."""
_TAG = rf"(?: \((?P<tag_x>{_NUMBER}), (?P<tag_y>{_NUMBER})\))?"
"""What may follow the name of a source."""
_NOTE = r"(?: (?P<note>.+))?"
"""What may follow a question."""

Point = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Statement:
    """What a question or an option says; None where it says nothing of the kind."""

    category: str | None = None
    """The object that is asked about or offered."""
    source: str | None = None
    """The object that it is related to."""
    tag: Point | None = None
    """Where the source lies in the image, in question coordinates."""
    relations: tuple[str, ...] = ()
    """Relations of the object to the source."""
    frame: int | None = None
    """The frame that is named, from 1."""
    count: int | None = None
    point: Point | None = None
    """A place in the image, in question coordinates."""
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


def _read(forms: tuple[str, ...], ending: str, text: str) -> Statement | None:
    for form in forms:
        if match := _pattern(form, ending).fullmatch(text):
            return _statement(form, match.groupdict())
    return None


@cache
def _pattern(form: str, ending: str) -> re.Pattern[str]:
    """Turn a sentence with places into an expression; a place that comes again must hold the same words."""
    pattern, seen = "", set()
    for literal, place, _, _ in Formatter().parse(form):
        pattern += re.escape(literal)
        if place in seen:
            pattern += f"(?P={place})"
        elif place:
            pattern += f"(?P<{place}>{_FIELDS[place]})" + (_TAG if place == "source" else "")
            seen.add(place)
    return re.compile(pattern + ending)


def _statement(form: str, said: dict[str, str | None]) -> Statement:
    relation = said.get("relation")
    return Statement(
        category=said.get("category") or said.get("target"),
        source=said.get("source"),
        tag=_point(said, "tag_x", "tag_y"),
        relations=(_RELATION_OF[relation.lower()],) if relation else (),
        frame=_integer(said, "frame"),
        count=_integer(said, "count"),
        point=_point(said, "x", "y"),
        is_yes=form.startswith(wording.YES) if form.startswith((wording.YES, wording.NO)) else None,
        note=said.get("note") or "",
    )


def _integer(said: dict[str, str | None], place: str) -> int | None:
    value = said.get(place)
    return None if value is None else int(value)


def _point(said: dict[str, str | None], x: str, y: str) -> Point | None:
    values = _integer(said, x), _integer(said, y)
    return None if values[0] is None or values[1] is None else (values[0], values[1])
