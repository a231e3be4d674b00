"""Reads the letter of an option from an answer, by the grammar in `answers.py`."""

import re
from functools import lru_cache

from .answers import (
    BOUND,
    FRAME,
    NO_SUCH,
    NOTHING,
    NUMBER_WORDS,
    OK,
    PRONOUN,
    TWO_WAYS,
    UNPARSED,
    Parsed,
    clean,
    first_word,
)

_ALONE = r"(?!\w)(?!['-]\w|\.[A-Za-z])"
"""What may follow a letter that stands alone: neither the rest of a word (`I'm`, `A-frame`) nor of an abbreviation."""
_OPENING, _CLOSING = r"[\s\"'(\[{<]*", r"[\s\"')\]}>]*"
_HEAD = re.compile(rf"^[^\w+-]*([A-Za-z]){_ALONE}")
_OR = re.compile(
    rf"^{_CLOSING}[,?]?\s*(?i:or|and|/|&|vs\.?|versus)\s*(?i:(?:maybe|perhaps|possibly|even|also|option|choice)\s+)*"
    rf"{_OPENING}([A-Za-z]){_ALONE}"
)
_RETRACTED = re.compile(
    r"(?i:\b(?:wait|actually|rather(?! than)|correction|sorry|i mean|maybe|perhaps|possibly|alternatively|hmm|no|or|also)\b)"
    rf"[^.\n]{{0,30}}?(?<![\w'])([A-Z]){_ALONE}(?!\s+[a-z])"
)
_STANDING = re.compile(rf"(?<![\w'])([A-Z]){_ALONE}")
_SUBJECT = re.compile(rf"^{_CLOSING}\s+[a-z]")
"""`A is too many`, `A chair`: what follows makes a letter the subject of a clause, or an article ..."""
_OPEN = re.compile(
    rf"^{_CLOSING}\s+(?i:if\b|(?:is|are|could|might|may|seems)\s+(?:(?:also|equally|be|as)\s+)*"
    r"(?:possible|plausible|correct|right|true|valid|well|likely|fit|work)\b)"
)
"""... unless it leaves it open, too."""
_REJECTED = re.compile(
    r"(?i)(?:\b(?:(?<!if )not|than|over|of|nor|except|unlike|against)|n't)\W+(?:(?:option|choice|letter)\W+)?$"
)
_STRETCH = re.compile(
    r"\n|[.!?]\s+(?=[A-Z][a-z])|(?<=\w\w[.!?])\s+(?=[A-Z])|\b(?:because|since|due to|explanation|reason(?:ing)?)\b"
)
"""Where the sentence that chooses a letter ends: what follows may tell of other letters."""
_BARE_LINE = re.compile(rf"\n[^\w\n]*([A-Z]){_CLOSING}[.!]?[ \t]*(?=\n|$)")
_LETTERED = re.compile(r"(?<![\w'])([A-Za-z])\s*[.:)\]]+\s*")
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
    re.compile(rf"(?:\n[^\w\n]*|\b(?i:so|thus|hence|therefore|say|answer),?\s+)([A-Z]){_CLOSING}[.!]?\s*$"),
)
_LEAD = re.compile(r"(?i)^\W*(?:(?:the|my)\s+)?(?:(?:final|correct|best)\s+)?(?:answer|choice)\s*(?:is\b|:)\s*:?\s*")
_DENIALS = {"not", "no", "never", "neither", "nor", "cannot", "none", "unsure", "unclear"}
_DOUBTS = _DENIALS | {"doubt", "if", "whether", "unless"}
_CLAUSE_END = re.compile(r"(?i)[.,;:!?\n]|\b(?:but|so|however|then)\b")
_LONG_CLAUSE = 300
"""Characters of a clause that are looked through: answers that repeat themselves for pages would take seconds."""
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
    bodies = [_forms(option) for option in options]
    head = _head_letter(text, letters, bodies)
    stated = _stated_letter(text, letters, bodies)
    if TWO_WAYS in (head, stated):
        return TWO_WAYS
    if head.value and stated.value and head.value != stated.value:
        return TWO_WAYS
    if head.state != UNPARSED:
        return head
    if stated.state != UNPARSED:
        return TWO_WAYS if _is_contradicted(stated, _begins_with(text, letters, bodies)) else stated
    named = _named_letter(text, letters)
    if named.state != UNPARSED:
        return TWO_WAYS if _is_contradicted(named, _by_text(text, letters, bodies)) else named
    told = _by_text(text, letters, bodies)
    return TWO_WAYS if _has_rival(told.value, text, letters) else told


def parse_choice_as_authors(answer: str, options: tuple[str, ...]) -> Parsed:
    """Read the first word as the published evaluation does; it is compared as it is, in either case."""
    token = first_word(answer).upper()
    is_letter = len(token) == 1 and 0 <= ord(token) - ord("A") < len(options)
    return Parsed(token, OK) if is_letter else NOTHING


def _among(letter: str, letters: list[str]) -> Parsed:
    return Parsed(letter.upper(), OK) if letter.upper() in letters else NO_SUCH


def _is_contradicted(found: Parsed, told: Parsed) -> bool:
    """Whether a letter and the text around it are different options."""
    return found.value is not None and told.value is not None and told.value != found.value


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
    if _is_of_another(letter, line, letters, bodies):
        return TWO_WAYS
    if _owner(line, bodies) is not None:
        return _among(letter, letters)
    is_alone = not re.match(r"[ \t]+\w", rest)
    is_word = letter in "aAI" or letter.islower()
    if not is_alone and is_word and not (letter.isupper() and (_VERB.match(rest) or _STANDING.match(rest.strip()))):
        # `A chair`, `I think`: a word follows without any mark.
        return NOTHING
    return TWO_WAYS if _is_joined(letter, rest, letters) else _among(letter, letters)


def _is_joined(letter: str, rest: str, letters: list[str]) -> bool:
    """Whether the rest of the sentence, a line of its own, or a later remark names another letter beside the one found."""
    others = [found[1] for found in _BARE_LINE.finditer(rest)]
    others += [found[1] for found in _STANDING.finditer(rest) if _OPEN.match(rest[found.end() :])]
    is_open = any(other != letter.upper() for other in others)
    return is_open or _has_rival(letter.upper(), _STRETCH.split(rest, maxsplit=1)[0], letters)


def _has_rival(letter: object, text: str, letters: list[str]) -> bool:
    """Whether a text leaves open another letter than the one that was found."""
    for match in _STANDING.finditer(text):
        after = text[match.end() :]
        is_other = letter is not None and match[1] in letters and match[1] != letter
        is_open = not _SUBJECT.match(after) or _OPEN.match(after)
        if is_other and is_open and not _DENIED.match(after) and not _REJECTED.search(text[: match.start()]):
            return True
    return False


def _is_of_another(letter: str, line: str, letters: list[str], bodies: list[set[str]]) -> bool:
    """Whether what stands behind a letter is the text, or a part of the text, of another option and not of its own."""
    if letter.upper() not in letters:
        return False
    if (owner := _owner(line, bodies)) is not None:
        return letters[owner] != letter.upper()
    part = _first_clause(line.lstrip(" .,;:!()[]\"'-"))
    holders = {k for k, forms in enumerate(bodies) if any(_holds(form, part) for form in forms)}
    return bool(holders) and letters.index(letter.upper()) not in holders


def _is_retracted(letter: str, rest: str) -> bool:
    """Whether another letter follows with a word of doubt: `A. No, wait, D`."""
    return any(match[1] != letter.upper() for match in _RETRACTED.finditer(rest))


def _lists_options(text: str, bodies: list[set[str]]) -> bool:
    """Whether it repeats several options, letter and text."""
    listed = set()
    for match in _LETTERED.finditer(text):
        place, told = ord(match[1].upper()) - ord("A"), _plain(text[match.end() : match.end() + 200])
        if place < len(bodies) and any(f"{told} ".startswith(f"{body} ") for body in bodies[place]):
            listed.add(place)
    return len(listed) > 1


def _stated_letter(text: str, letters: list[str], bodies: list[set[str]]) -> Parsed:
    """The letter of the last statement such as `the answer is D`."""
    found = [match for pattern in _STATED for match in pattern.finditer(text)]
    for match in sorted(found, key=lambda match: match.start(1), reverse=True):
        letter, rest = match[1], text[match.end(1) :]
        is_article = letter == "a" and re.match(r"\s+\w", rest)
        if is_article or (letter.islower() and re.match(r"\s+[a-z]", rest)) or _DENIED.match(rest):
            continue
        if _is_doubted(text[: match.start()]):
            continue
        if _OR.match(rest) or _is_retracted(letter, rest) or _is_joined(letter, rest, letters):
            return TWO_WAYS
        return TWO_WAYS if _is_of_another(letter, rest.split("\n")[0], letters, bodies) else _among(letter, letters)
    return NOTHING


def _is_doubted(before: str) -> bool:
    """Whether the clause that a statement ends denies or doubts it: `I don't think it is D`."""
    return bool(_DOUBTS & set(_plain(_CLAUSE_END.split(before[-_LONG_CLAUSE:])[-1]).split()))


def _named_letter(text: str, letters: list[str]) -> Parsed:
    """The only letter that is named as an option without being stated as the answer, but for those that are ruled out."""
    found = [match for pattern in _NAMING for match in pattern.finditer(text)]
    named = {
        match[1]
        for match in found
        if not _DENIED.match(text[match.end(1) :]) and not _is_doubted(text[: match.start(1)])
    }
    if len(named) > 1 or any(_has_rival(letter, text, letters) for letter in named):
        return TWO_WAYS
    return _among(named.pop(), letters) if named else NOTHING


def _by_text(text: str, letters: list[str], bodies: list[set[str]]) -> Parsed:
    """The option whose text an answer is, begins with, or holds."""
    text = _LEAD.sub("", text)
    plain = _plain(text)
    if (owner := _owner(text, bodies)) is not None:
        return Parsed(letters[owner], OK)
    if all(body.isdigit() for forms in bodies for body in forms):
        plain = _plain(PRONOUN.sub(" ", FRAME.sub(" ", text)))
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
    if len(held) > 1 or (held and _HALF_SAID.search(plain)):
        return TWO_WAYS
    if not held or _DENIALS & set(plain.split()):
        return NOTHING
    return Parsed(letters[held.pop()], OK)


def _begins_with(text: str, letters: list[str], bodies: list[set[str]]) -> Parsed:
    """The option whose text the first clause is."""
    begins = _beginning(text, bodies)
    return NOTHING if begins is None else Parsed(letters[begins], OK)


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
    # A point says yes by itself.
    written = (body, re.sub(r"(?i)^yes\W+(?=\()", "", body))
    return {_plain(text.replace("(s)", letters)) for text in written for letters in ("(s)", "s", "")}


def _plain(text: str) -> str:
    """Words and numbers alone, in lower case, without a leading article."""
    text = text.casefold().replace("n't", " not")
    words = re.findall(r"-?\d+(?:\.\d+)?|[^\W_]+", text)
    while words and words[0] in ("a", "an", "the"):
        words = words[1:]
    return " ".join(words)
