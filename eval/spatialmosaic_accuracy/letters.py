"""Finds the letter that an answer begins with, states or names, and whether it leaves another one open."""

import re

from .answers import NO_SUCH, NOTHING, OK, TWO_WAYS, Parsed
from .option_texts import DENIALS, first_clause, holds, owner_of, plain_words

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
_DOUBTS = DENIALS | {"doubt", "if", "whether", "unless"}
_CLAUSE_END = re.compile(r"(?i)[.,;:!?\n]|\b(?:but|so|however|then)\b")
_LONG_CLAUSE = 300
"""Characters of a clause that are looked through: answers that repeat themselves for pages would take seconds."""


def head_letter(text: str, letters: list[str], bodies: list[set[str]]) -> Parsed:
    """The letter that an answer begins with, where it stands for an option and not for a word.

    Args:
        text: the answer, cleaned.
        letters: of the options.
        bodies: how the text of every option may be written.
    """
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
    if owner_of(line, bodies) is not None:
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
    return is_open or has_rival(letter.upper(), _STRETCH.split(rest, maxsplit=1)[0], letters)


def has_rival(letter: object, text: str, letters: list[str]) -> bool:
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
    if (owner := owner_of(line, bodies)) is not None:
        return letters[owner] != letter.upper()
    part = first_clause(line.lstrip(" .,;:!()[]\"'-"))
    holders = {k for k, forms in enumerate(bodies) if any(holds(form, part) for form in forms)}
    return bool(holders) and letters.index(letter.upper()) not in holders


def _is_retracted(letter: str, rest: str) -> bool:
    """Whether another letter follows with a word of doubt: `A. No, wait, D`."""
    return any(match[1] != letter.upper() for match in _RETRACTED.finditer(rest))


def _lists_options(text: str, bodies: list[set[str]]) -> bool:
    """Whether it repeats several options, letter and text."""
    listed = set()
    for match in _LETTERED.finditer(text):
        place, told = ord(match[1].upper()) - ord("A"), plain_words(text[match.end() : match.end() + 200])
        if place < len(bodies) and any(f"{told} ".startswith(f"{body} ") for body in bodies[place]):
            listed.add(place)
    return len(listed) > 1


def stated_letter(text: str, letters: list[str], bodies: list[set[str]]) -> Parsed:
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
    return bool(_DOUBTS & set(plain_words(_CLAUSE_END.split(before[-_LONG_CLAUSE:])[-1]).split()))


def named_letter(text: str, letters: list[str]) -> Parsed:
    """The only letter that is named as an option without being stated as the answer, but for those that are ruled out."""
    found = [match for pattern in _NAMING for match in pattern.finditer(text)]
    named = {
        match[1]
        for match in found
        if not _DENIED.match(text[match.end(1) :]) and not _is_doubted(text[: match.start(1)])
    }
    if len(named) > 1 or any(has_rival(letter, text, letters) for letter in named):
        return TWO_WAYS
    return _among(named.pop(), letters) if named else NOTHING


def _among(letter: str, letters: list[str]) -> Parsed:
    return Parsed(letter.upper(), OK) if letter.upper() in letters else NO_SUCH
