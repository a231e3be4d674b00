"""Reads the letter of an option from an answer, by the grammar in `answers.py`."""

import re
from functools import lru_cache

from .answers import FRAME, NO_SUCH, NOTHING, NUMBER_WORDS, OK, TWO_WAYS, UNPARSED, Parsed, clean, first_word

_ALONE = r"(?!\w)(?!['-]\w|\.[A-Za-z])"
"""What may follow a letter that stands alone: neither the rest of a word (`I'm`, `A-frame`) nor of an abbreviation."""
_OPENING, _CLOSING = r"[\s\"'(\[{<]*", r"[\s\"')\]}>]*"
_HEAD = re.compile(rf"^[^\w+-]*([A-Za-z]){_ALONE}")
_JOINED = re.compile(
    rf"^{_CLOSING}[,;:./&|.]*\s*(?:(?:or|and|/|&|vs\.?|versus)\b)?[,\s]*(?:(?:option|choice)\s+)?{_OPENING}"
    rf"([A-Z]){_ALONE}(?!\s+[a-z])"
)
_OR = re.compile(
    rf"^{_CLOSING}[,?]?\s*(?i:or|and|/|&|vs\.?|versus)\s*(?i:(?:maybe|perhaps|possibly|even|also|option|choice)\s+)*"
    rf"{_OPENING}([A-Za-z]){_ALONE}"
)
_RETRACTED = re.compile(
    r"(?i:\b(?:wait|actually|rather|correction|sorry|i mean|maybe|perhaps|possibly|no, )\b)[^.\n]{0,30}?"
    rf"(?<![\w'])([A-Z]){_ALONE}(?!\s+[a-z])"
)
_DENIED = re.compile(
    rf"^{_CLOSING}\s*(?:is|was|are|seems?|looks?|can|could|would|does|must|should)?\s*(?:be\s+)?"
    r"(?:n't|not\b|cannot\b|wrong\b|incorrect\b|false\b|impossible\b|ruled out\b|eliminated\b)",
    re.IGNORECASE,
)
_VERB = re.compile(r"^\s+(?:is|because|since|as|:|seems)\b")

_NAMED = r"(?:option|choice|letter|answer)"
_STATED = (
    re.compile(
        rf"(?i:\b(?:answer|(?:correct|right|best|final|chosen)\s+(?:option|choice|letter)|option|choice)"
        rf"\s*(?:(?:here|to (?:this|the) question)\s*)?(?:is|would be|should be|must be|will be|:|=|-+>|→)\s*:?\s*"
        rf"(?:(?:definitely|clearly|likely|most likely|probably|therefore|thus|the|{_NAMED})\b\s*:?\s*)*)"
        rf"{_OPENING}([A-Za-z]){_ALONE}"
    ),
    re.compile(rf"(?:答案|选项|选择|选)\s*(?:是|为|:)?\s*{_OPENING}([A-Za-z])(?![A-Za-z'])"),
    re.compile(
        rf"(?i:\b(?:choose|pick|select|go with|choosing|selecting)\s+(?:the\s+)?(?:{_NAMED}\s+)?)"
        rf"{_OPENING}([A-Z]){_ALONE}"
    ),
    re.compile(
        rf"(?<![\w'])([A-Z]){_CLOSING}\s+(?i:is|seems|looks)\s+(?i:the\s+)?(?i:most\s+)?"
        r"(?i:correct|right|best|true|answer|likely|accurate)\b"
    ),
    re.compile(rf"(?i:\b(?:it|that)(?:'s| is| would be| must be)\s+(?:{_NAMED}\s+)?){_OPENING}([A-Z])[\s)\]\"'.!]*$"),
)
_NAMING = (
    re.compile(rf"(?i:\b(?:option|choice)\s+){_OPENING}([A-Z]){_ALONE}"),
    re.compile(r"[(\[]\s*([A-Z])\s*[)\]]"),
    re.compile(rf"\n[^\w\n]*([A-Z]){_CLOSING}[.!]?\s*$"),
)
_DENIALS = {"not", "no", "never", "neither", "nor", "cannot", "none", "unsure", "unclear"}


@lru_cache(maxsize=200_000)
def parse_choice(answer: str, options: tuple[str, ...]) -> Parsed:
    """Read the letter that an answer chooses.

    Args:
        answer: what the model said.
        options: `A. ...` strings; a record of k options has k letters.
    """
    text = clean(answer)
    letters = [chr(ord("A") + k) for k in range(len(options))]
    bodies = [_forms(option) for option in options]
    head = _head_letter(text, letters, bodies)
    stated = _stated_letter(text, letters, bodies)
    if TWO_WAYS in (head, stated):
        return TWO_WAYS
    if head.value and stated.value and head.value != stated.value:
        return TWO_WAYS
    if head.state != UNPARSED:
        return head
    named = _named_letters(text) if stated.state == UNPARSED else set()
    if len(named) > 1:
        return TWO_WAYS
    found = _among(named.pop(), letters) if named else stated
    begins = _beginning(text, bodies)
    if found.value is not None and begins is not None and letters[begins] != found.value:
        return TWO_WAYS
    return found if found.state != UNPARSED else _by_text(text, letters, bodies)


def parse_choice_as_authors(answer: str, options: tuple[str, ...]) -> Parsed:
    """Read the first word as the published evaluation does; it is compared as it is, in either case."""
    token = first_word(answer).upper()
    is_letter = len(token) == 1 and 0 <= ord(token) - ord("A") < len(options)
    return Parsed(token, OK) if is_letter else NOTHING


def _among(letter: str, letters: list[str]) -> Parsed:
    return Parsed(letter.upper(), OK) if letter.upper() in letters else NO_SUCH


def _head_letter(text: str, letters: list[str], bodies: list[set[str]]) -> Parsed:
    """The letter that an answer begins with, where it stands for an option and not for a word."""
    match = _HEAD.match(text)
    if match is None:
        return NOTHING
    letter, rest = match[1], text[match.end() :]
    if _DENIED.match(rest):
        return NOTHING
    if _OR.match(rest) or _lists_options(text, bodies) or _is_retracted(letter, rest):
        return TWO_WAYS
    line = rest.split("\n")[0]
    owner = _owner(line, bodies)
    joined = _JOINED.match(line)
    is_joined = joined is not None and joined[1] in letters and joined[1] != letter.upper()
    if re.match(r"[ \t]+\w", rest):
        # `A chair`, `I think`, `D because`: a word follows without any mark.
        is_word = letter in "aAI" or letter.islower()
        if owner is not None:
            return _among(letter, letters) if letters[owner] == letter.upper() else TWO_WAYS
        if is_word and not (letter.isupper() and _VERB.match(rest)):
            return NOTHING
        return TWO_WAYS if is_joined else _among(letter, letters)
    if owner is not None and letter.upper() in letters and letters[owner] != letter.upper():
        return TWO_WAYS
    return TWO_WAYS if is_joined and owner is None else _among(letter, letters)


def _is_retracted(letter: str, rest: str) -> bool:
    """Whether another letter follows with a word of doubt: `A. No, wait, D`."""
    return any(match[1] != letter.upper() for match in _RETRACTED.finditer(rest.split("\n")[0]))


def _lists_options(text: str, bodies: list[set[str]]) -> bool:
    """Whether several lines repeat an option, letter and text."""
    lines = [(match[1], line[match.end() :]) for line in text.split("\n") if (match := _HEAD.match(line.strip()))]
    return len({letter for letter, rest in lines if _owner(rest, bodies) is not None}) > 1


def _stated_letter(text: str, letters: list[str], bodies: list[set[str]]) -> Parsed:
    """The letter of the last statement such as `the answer is D`."""
    found = [match for pattern in _STATED for match in pattern.finditer(text)]
    for match in sorted(found, key=lambda match: match.start(1), reverse=True):
        letter, rest = match[1], text[match.end(1) :]
        is_article = letter == "a" and re.match(r"\s+\w", rest)
        if is_article or (letter.islower() and re.match(r"\s+[a-z]", rest)) or _DENIED.match(rest):
            continue
        if _OR.match(rest) or _is_retracted(letter, rest):
            return TWO_WAYS
        owner = _owner(rest.split("\n")[0], bodies)
        if owner is not None and letters[owner] != letter.upper():
            return TWO_WAYS
        return _among(letter, letters)
    return NOTHING


def _named_letters(text: str) -> set[str]:
    """Letters that are named as options without being stated as the answer, but for those that are ruled out."""
    found = [match for pattern in _NAMING for match in pattern.finditer(text)]
    return {match[1] for match in found if not _DENIED.match(text[match.end(1) :])}


def _by_text(text: str, letters: list[str], bodies: list[set[str]]) -> Parsed:
    """The option whose text an answer is, begins with, or holds."""
    plain = _plain(text)
    if (owner := _owner(text, bodies)) is not None:
        return Parsed(letters[owner], OK)
    if all(body.isdigit() for forms in bodies for body in forms):
        plain = _plain(FRAME.sub(" ", text))
        plain = " ".join(NUMBER_WORDS.get(word, word) for word in plain.split())
    if (begins := _beginning(text, bodies)) is not None:
        others = {body for k, forms in enumerate(bodies) if k != begins for body in forms}
        rest = plain[len(_first_clause(text)) :]
        return TWO_WAYS if any(_holds(rest, body) for body in others) else Parsed(letters[begins], OK)
    ordered = sorted(((body, k) for k, forms in enumerate(bodies) for body in forms), key=lambda pair: -len(pair[0]))
    held = set()
    for body, k in ordered:
        # Yes and no occur in any sentence: they count as the whole answer or its beginning only.
        if body not in ("yes", "no") and _holds(plain, body):
            held.add(k)
            plain = f" {plain} ".replace(f" {body} ", " | ").strip()
    if len(held) > 1:
        return TWO_WAYS
    if not held or _DENIALS & set(plain.split()):
        return NOTHING
    return Parsed(letters[held.pop()], OK)


def _first_clause(text: str) -> str:
    return _plain(re.split(r"[.,;:!(\n]", text, maxsplit=1)[0])


def _beginning(text: str, bodies: list[set[str]]) -> int | None:
    """Which option's text the first clause is, and no other's."""
    return _owner(_first_clause(text), bodies)


def _holds(text: str, body: str) -> bool:
    return bool(body) and f" {body} " in f" {text} "


def _owner(text: str, bodies: list[set[str]]) -> int | None:
    """Which option's text this is, and no other's."""
    plain = _plain(text)
    owners = [k for k, forms in enumerate(bodies) if plain and plain in forms]
    return owners[0] if len(owners) == 1 else None


@lru_cache(maxsize=100_000)
def _forms(option: str) -> set[str]:
    """How an option's text may be written: without its letter, with `(s)` as s or as nothing."""
    body = re.sub(r"^\s*[A-Za-z]\s*[.):]\s*", "", option)
    return {_plain(body.replace("(s)", "s")), _plain(body.replace("(s)", "")), _plain(body)}


def _plain(text: str) -> str:
    """Words and numbers alone, in lower case, without a leading article."""
    text = text.casefold().replace("n't", " not")
    words = re.findall(r"-?\d+(?:\.\d+)?|[^\W_]+", text)
    while words and words[0] in ("a", "an", "the"):
        words = words[1:]
    return " ".join(words)
