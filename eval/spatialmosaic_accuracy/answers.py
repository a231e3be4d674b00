r"""Reads what a model answered: a letter, a number or a point, or none of them.

Two parsers. `lenient` follows the grammar below; what could be read in two ways is *ambiguous* and counts as a failure,
never as right. `authors` is the published evaluation to the letter: the first word, without its final dots.

The grammar of a choice, first that applies:
  1. Reasoning (`<think>`), special tokens and typography are dropped; `<answer>` and `\boxed` hold all that counts.
  2. The answer begins with a letter that stands alone: `D`, `(D)`, `**D**.`, `D) 1`, `D because ...`.
  3. It states one: `the answer is D` (the last such statement), `I choose D`, `D is correct`.
  4. It names one option only: `Option D`, `(D)`, or a last line `D`.
  5. It is the text of an option, begins with it, or holds the text of exactly one, and denies nothing.
A second letter joined to the first (`A or D`), a text that belongs to another letter, or a statement that contradicts
the beginning make it ambiguous.

A number: the only one that the answer holds, or the last that it states; metres and centimetres are converted where the
unit of the question is known; numbers of frames do not count. A point: likewise, `(x, y)`, `[x, y]` or two bare numbers.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

Point = tuple[float, float]

OK, UNPARSED, AMBIGUOUS, BEYOND = "ok", "unparsed", "ambiguous", "beyond options"
"""What became of an answer: read; nothing to read; to be read in two ways; a letter that the record has not."""
STATES = (OK, UNPARSED, AMBIGUOUS, BEYOND)


@dataclass(frozen=True)
class Parsed:
    """What an answer says."""

    value: str | float | Point | None
    """Upper-case letter, number or point; None unless `state` is ok."""
    state: str
    """One of `STATES`."""


_NOTHING, _TWO_WAYS, _NO_SUCH = Parsed(None, UNPARSED), Parsed(None, AMBIGUOUS), Parsed(None, BEYOND)

# --- What is dropped before anything is read

_REASONING = re.compile(r"(?is)<(think|thinking|reasoning)>.*?</\1>")
_REASONING_END = re.compile(r"(?is).*</(?:think|thinking|reasoning)>")
_REASONING_OPEN = re.compile(r"(?is)<(?:think|thinking|reasoning)>.*")
_SPECIAL = re.compile(r"<\|[^|<>]{1,40}\|>|</?s>|<(?:eos|pad|end_of_turn)>")
_FINAL = re.compile(r"(?is)<answer>(.*?)(?:</answer>|\Z)|\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_LATEX = re.compile(r"\\(?:text|textbf|mathrm|mathbf|mathbb)\s*\{([^{}]*)\}")
_TYPOGRAPHY = re.compile(r"[*`~$#]+|(?<!\w)_+|_+(?!\w)")


def _clean(answer: str) -> str:
    text = unicodedata.normalize("NFKC", answer).replace("\u2019", "'").replace("\u2018", "'")
    text = _REASONING_OPEN.sub("", _REASONING_END.sub("", _REASONING.sub("", text)))
    text = _SPECIAL.sub(" ", text)
    if finals := [found[1] if found[1] is not None else found[2] for found in _FINAL.finditer(text)]:
        text = finals[-1]
    text = _TYPOGRAPHY.sub("", _LATEX.sub(r"\1", text))
    return text.strip()


# --- Choices

_ALONE = r"(?!\w)(?!['.-]\w)"
"""What may follow a letter that stands alone: neither the rest of a word (`I'm`, `A-frame`) nor of an abbreviation."""
_OPENING, _CLOSING = r"[\s\"'(\[{<]*", r"[\s\"')\]}>]*"
_HEAD = re.compile(rf"^[^\w+-]*([A-Za-z]){_ALONE}")
_JOINED = re.compile(
    rf"^{_CLOSING}[,;:./&|.]*\s*(?:(?:or|and|/|&|vs\.?|versus)\b)?[,\s]*(?:(?:option|choice)\s+)?{_OPENING}"
    rf"([A-Z]){_ALONE}(?!\s+[a-z])"
)
_OR = re.compile(
    rf"^{_CLOSING},?\s*(?:or|and|/|&|vs\.?|versus)\s*(?:(?:option|choice)\s+)?{_OPENING}([A-Za-z]){_ALONE}"
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
_NUMBER_WORDS = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split()
    )
}
_DENIALS = {"not", "no", "never", "neither", "nor", "cannot", "none", "unsure", "unclear"}
_FRAME = re.compile(r"(?i)\b(?:frames?|images?|views?|pictures?|photos?)\s*#?\s*\d+(?:\s*(?:,|and|or|&|to|-)\s*\d+)*")


@lru_cache(maxsize=200_000)
def parse_choice(answer: str, options: tuple[str, ...]) -> Parsed:
    """Read the letter that an answer chooses.

    Args:
        answer: what the model said.
        options: `A. ...` strings; a record of k options has k letters.
    """
    text = _clean(answer)
    letters = [chr(ord("A") + k) for k in range(len(options))]
    bodies = [_forms(option) for option in options]
    head = _head_letter(text, letters, bodies)
    stated = _stated_letter(text, letters, bodies)
    if _TWO_WAYS in (head, stated):
        return _TWO_WAYS
    if head.value and stated.value and head.value != stated.value:
        return _TWO_WAYS
    for found in (head, stated):
        if found.state != UNPARSED:
            return found
    if named := _named_letters(text):
        return _among(named.pop(), letters) if len(named) == 1 else _TWO_WAYS
    return _by_text(text, letters, bodies)


def parse_choice_as_authors(answer: str, options: tuple[str, ...]) -> Parsed:
    """Read the first word as the published evaluation does; it is compared as it is, in either case."""
    token = _first_word(answer).upper()
    is_letter = len(token) == 1 and 0 <= ord(token) - ord("A") < len(options)
    return Parsed(token, OK) if is_letter else _NOTHING


def _first_word(answer: str) -> str:
    return answer.strip().split(" ")[0].rstrip(".").strip()


def _among(letter: str, letters: list[str]) -> Parsed:
    return Parsed(letter.upper(), OK) if letter.upper() in letters else _NO_SUCH


def _head_letter(text: str, letters: list[str], bodies: list[set[str]]) -> Parsed:
    """The letter that an answer begins with, where it stands for an option and not for a word."""
    match = _HEAD.match(text)
    if match is None:
        return _NOTHING
    letter, rest = match[1], text[match.end() :]
    if _DENIED.match(rest):
        return _NOTHING
    if _OR.match(rest) or _lists_options(text, bodies):
        return _TWO_WAYS
    line = rest.split("\n")[0]
    owner = _owner(line, bodies)
    if re.match(r"\s+\w", rest) and not rest.startswith("\n"):
        # `A chair`, `I think`, `D because`: a word follows without any mark.
        is_word = letter in "aAI" or letter.islower()
        if owner is not None:
            return _among(letter, letters) if letters[owner] == letter.upper() else _TWO_WAYS
        if is_word and not (letter.isupper() and _VERB.match(rest)):
            return _NOTHING
        return _among(letter, letters)
    joined = _JOINED.match(line)
    is_joined = joined is not None and joined[1] in letters and joined[1] != letter.upper()
    if owner is not None and letter.upper() in letters and letters[owner] != letter.upper():
        return _TWO_WAYS
    return _TWO_WAYS if is_joined and owner is None else _among(letter, letters)


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
        if _OR.match(rest):
            return _TWO_WAYS
        owner = _owner(rest.split("\n")[0], bodies)
        if owner is not None and letters[owner] != letter.upper():
            return _TWO_WAYS
        return _among(letter, letters)
    return _NOTHING


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
        plain = _plain(_FRAME.sub(" ", text))
        plain = " ".join(_NUMBER_WORDS.get(word, word) for word in plain.split())
    first = _plain(re.split(r"[.,;:!\n]", text, maxsplit=1)[0])
    beginning = [k for k, forms in enumerate(bodies) if first in forms]
    if len(beginning) == 1 and first:
        others = {body for k, forms in enumerate(bodies) if k != beginning[0] for body in forms}
        rest = plain[len(first) :]
        return _TWO_WAYS if any(_holds(rest, body) for body in others) else Parsed(letters[beginning[0]], OK)
    ordered = sorted(((body, k) for k, forms in enumerate(bodies) for body in forms), key=lambda pair: -len(pair[0]))
    held = set()
    for body, k in ordered:
        # Yes and no occur in any sentence: they count as the whole answer or its beginning only.
        if body not in ("yes", "no") and _holds(plain, body):
            held.add(k)
            plain = f" {plain} ".replace(f" {body} ", " | ").strip()
    if len(held) > 1:
        return _TWO_WAYS
    if not held or _DENIALS & set(plain.split()):
        return _NOTHING
    return Parsed(letters[held.pop()], OK)


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


# --- Numbers and points

_METRES = {"m": 1.0, "meter": 1.0, "metre": 1.0, "cm": 0.01, "centimeter": 0.01, "centimetre": 0.01, "mm": 0.001}
_UNIT = r"(?:m|cm|mm|meters?|metres?|centimeters?|centimetres?|millimeters?|millimetres?)"
_NUMBER = re.compile(
    rf"(?<![\w.])[-+]?(\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?:e[-+]?\d{{1,2}})?"
    rf"(?:\s*({_UNIT})\b|(?![\w]|\.\d|,\d))",
    re.IGNORECASE,
)
_WORD_NUMBER = re.compile(rf"\b(?<!-)({'|'.join(_NUMBER_WORDS)})(?!-)\b", re.IGNORECASE)
_PRONOUN = re.compile(r"\b(?:the|this|that|another|each|which|any|every|no|other)\s+one\b|\bone\s+of\b", re.IGNORECASE)
_ANSWER_IS = re.compile(
    r"(?i)\b(?:answer|total|distance|length|count|number|result|coordinates?|cent(?:er|re)|estimate)\b[^.\n\d(\[]{0,40}?"
    r"(?:\bis\b|\bare\b|:|=|≈|~|\bof\b)"
)
_PAIR = r"(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)"
_POINT = re.compile(rf"[(\[]\s*{_PAIR}\s*[)\]]")
_AXES = re.compile(r"(?i)\bx\s*[:=]\s*(-?\d+(?:\.\d+)?)\D{1,12}?\by\s*[:=]\s*(-?\d+(?:\.\d+)?)")


@lru_cache(maxsize=200_000)
def parse_number(answer: str, unit: str | None = None) -> Parsed:
    """Read the number that an answer states.

    Args:
        answer: what the model said.
        unit: `m` or `cm`: what the question asks in; a length in another unit is converted to it.
    """
    text = _PRONOUN.sub(" ", _FRAME.sub(" ", _clean(answer)))
    return _one_of(_numbers(text, unit), [_numbers(rest, unit) for rest in _after_statements(text)])


def parse_number_as_authors(answer: str) -> Parsed:
    """Read the first word as the published evaluation does."""
    try:
        return Parsed(float(_first_word(answer)), OK)
    except ValueError:
        return _NOTHING


@lru_cache(maxsize=200_000)
def parse_point(answer: str) -> Parsed:
    """Read the point that an answer states; a box of four numbers is none."""
    text = _FRAME.sub(" ", _clean(answer))
    return _one_of(_points(text), [_points(rest) for rest in _after_statements(text)])


def parse_point_as_authors(answer: str) -> Parsed:
    """Read the first pair in brackets, else the first pair, else the first two numbers, as the published evaluation does."""
    number = r"-?\d+(?:\.\d+)?"
    for pattern in (rf"\(\s*({number})\s*,\s*({number})\s*\)", rf"({number})\s*,\s*({number})"):
        if match := re.search(pattern, answer):
            return Parsed((float(match[1]), float(match[2])), OK)
    numbers = re.findall(number, answer)
    return Parsed((float(numbers[0]), float(numbers[1])), OK) if len(numbers) > 1 else _NOTHING


def _after_statements(text: str) -> list[str]:
    """What follows `the answer is` and its like, up to the end of the line; the last first."""
    return [text[match.end() :].split("\n")[0] for match in reversed(list(_ANSWER_IS.finditer(text)))]


def _one_of(found: list[float] | list[Point], stated: list[list[float]] | list[list[Point]]) -> Parsed:
    """The only value, else the only one that is stated last."""
    for values in (found, *stated):
        if len(distinct := list(dict.fromkeys(values))) == 1:
            return Parsed(distinct[0], OK)
    return _TWO_WAYS if found else _NOTHING


def _numbers(text: str, unit: str | None) -> list[float]:
    values = []
    for match in _NUMBER.finditer(text):
        digits = text[match.start() : match.start(2) if match[2] else match.end()]
        values.append(_in_unit(float(digits.replace(",", "")), match[2], unit))
    words = [float(_NUMBER_WORDS[match[1].lower()]) for match in _WORD_NUMBER.finditer(text)]
    return values + words


def _in_unit(value: float, given: str | None, asked: str | None) -> float:
    if given is None or asked is None:
        return value
    name = given.lower()
    metres = _METRES.get(name) or _METRES.get(name.rstrip("s")) or 0.001
    return value if metres == _METRES[asked] else round(value * metres / _METRES[asked], 9)


def _points(text: str) -> list[Point]:
    for pattern in (_POINT, _AXES):
        if pairs := [(float(match[1]), float(match[2])) for match in pattern.finditer(text)]:
            return pairs
    numbers = re.findall(r"-?\d+(?:\.\d+)?", text)
    return [(float(numbers[0]), float(numbers[1]))] if len(numbers) == 2 else []
