r"""Reads what a model answered: a letter, a number or a point, or none of them.

Two parsers. `lenient` follows the grammar below; what could be read in two ways is *ambiguous* and counts as a failure,
never as right. `authors` is the published evaluation to the letter: the first word, without its final dots.

The grammar of a choice, first that applies:
  1. Reasoning (`<think>`), special tokens and typography are dropped; `<answer>` and `\boxed` hold all that counts.
  2. The answer begins with a letter that stands alone: `D`, `(D)`, `**D**.`, `D) 1`, `D because ...`.
  3. It states one: `the answer is D` (the last such statement), `I choose D`, `D is correct`.
  4. It names one option only: `Option D`, `(D)`, `so D`, or a last line `D`.
  5. It is the text of an option, begins with it, or holds the text of exactly one, and denies nothing.
A letter or a text that is denied or doubted (`I don't think it is D`) counts for nothing. A second letter that the same
sentence leaves open (`A or D`, `A, though D is possible`), options that are listed, a text that belongs to another letter,
a word of retraction, or a statement that contradicts the beginning make it ambiguous.

A number: the only one that the answer holds, or the last that it states; lengths are converted where the unit of the
question is known; numbers of frames do not count, and a bound (`more than 2`) is ambiguous. A point: likewise, `(x, y)`,
`[x, y]` or two bare numbers.
"""

import re
import unicodedata
from dataclasses import dataclass

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


NOTHING, TWO_WAYS, NO_SUCH = Parsed(None, UNPARSED), Parsed(None, AMBIGUOUS), Parsed(None, BEYOND)

NUMBER_WORDS = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split()
    )
}
"""Digits by word."""
_VIEW = r"(?:frame|image|view|picture|photo)"
_AND = r"(?:,\s*(?:and\s)?|and|or|&|to|-)"
FRAME = re.compile(
    rf"(?i)\b{_VIEW}s\s*#?\s*\d+(?:\s*{_AND}\s*\d+)*"
    rf"|\b{_VIEW}\s*#?\s*\d+(?:\s*{_AND}\s*\d+(?!\d|\s+[a-z]))*"
    rf"|\b(?:\d+|two|three|four|five)\s+{_VIEW}s\b"
)
"""Names and numbers of views, which are no answer. `Frame 2 and 1 more` names one view, `Frames 2 and 1` name two."""
PRONOUN = re.compile(
    r"\b(?:the|this|that|another|each|which|any|every|no|other|more\s+than)\s+one\b|\bone\s+of\b", re.IGNORECASE
)
"""Where `one` is no number."""
BOUND = r"(?:(?:more|less|fewer|greater|larger|smaller)\s+than|at\s+(?:least|most))"
"""Words before a number that say that it is another."""

_REASONING = re.compile(r"(?is)<(think|thinking|reasoning)>.*?</\1>")
_REASONING_END = re.compile(r"(?is).*</(?:think|thinking|reasoning)>")
_REASONING_OPEN = re.compile(r"(?is)<(?:think|thinking|reasoning)>.*")
_SPECIAL = re.compile(r"<\|[^|<>]{1,40}\|>|</?s>|<(?:eos|pad|end_of_turn)>")
_FINAL = re.compile(r"(?is)<answer>(.*?)(?:</answer>|\Z)|\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_LATEX = re.compile(r"\\(?:text|textbf|mathrm|mathbf|mathbb)\s*\{([^{}]*)\}")
_TYPOGRAPHY = re.compile(r"(?<!\w)[*`~$#_]+|[*`~$#_]+(?!\w)|\\(?=[()\[\]])")
_PLAIN_SIGNS = str.maketrans({"\u2018": "'", "\u2019": "'", "\u2212": "-"})


def clean(answer: str) -> str:
    """Drop reasoning, special tokens and typography; keep the inside of a last `<answer>` or box, where there is one."""
    text = unicodedata.normalize("NFKC", answer).translate(_PLAIN_SIGNS)
    if "</" in text:
        text = _REASONING_END.sub("", _REASONING.sub("", text))
    text = _REASONING_OPEN.sub("", text)
    text = _SPECIAL.sub(" ", text)
    if finals := [found[1] if found[1] is not None else found[2] for found in _FINAL.finditer(text)]:
        text = finals[-1]
    text = _TYPOGRAPHY.sub("", _LATEX.sub(r"\1", text))
    return text.strip()


def first_word(answer: str) -> str:
    """The first word without its final dots, as the published evaluation takes it."""
    return answer.strip().split(" ")[0].rstrip(".").strip()
